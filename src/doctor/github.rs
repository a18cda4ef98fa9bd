//! GitHub: who RMM is there, and for each service whether its repository, workflows and webhook are as RMM needs them.

mod permissions;
mod trusted;
mod webhook;
mod workflow;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::clients::github::{GitHub, Met, Repository, Whoami};
use crate::config::{Config, Problem};
use crate::doctor::Examined;
use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::finding::github::RepositoryName;
use crate::domain::finding::{About, Finding, LoginFact, MachineFact, Remedy, RepositoryFact, Topic};
use crate::domain::reason::Reason;
use crate::domain::repository::RepoName;
use crate::domain::service::{Driver, Service};

/// A clock that is further off makes id tokens look old or new.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// A clock that is further off will soon be so.
const DRIFT: SignedDuration = SignedDuration::from_secs(20);
/// How long before its end a token is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Looks at all that the configuration has at GitHub.
pub async fn examine(config: &Config, way: Option<Result<&GitHub, &GithubFault>>) -> Vec<Examined> {
    let mut own = of_the_file(config);
    let github = match way {
        Some(Ok(github)) => github,
        Some(Err(fault)) => {
            own.push(failed(Topic::Login, fault));
            return vec![examined(about(config), own)];
        }
        None => {
            own.extend(without_login(config));
            return vec![examined(about(config), own)];
        }
    };
    let met = github.meet().await;
    own.extend(clock(&met));
    let who = match met.who {
        Ok(who) => who,
        Err(fault) => {
            own.push(failed(Topic::Login, &fault));
            return vec![examined(about(config), own)];
        }
    };
    own.push(login(github, &who));
    let mut all = vec![examined(about(config), own)];
    for service in &config.services {
        let Some(repo) = service.repository.as_deref().and_then(|written| github.repo_of(written)) else {
            if starts_workflows(service) {
                let reason = Reason::NoGithub { service: service.name.clone() };
                all.push(examined(
                    About::Named(service.name.to_string()),
                    vec![Finding::fail(Topic::Repository, reason)],
                ));
            }
            continue;
        };
        let findings = of_service(config, github, &who, service, &repo).await;
        all.push(examined(About::Named(format!("{} ({repo})", service.name)), findings));
    }
    all
}

fn examined(about: About, findings: Vec<Finding>) -> Examined {
    Examined { part: "github", about, findings }
}

fn about(config: &Config) -> About {
    About::GitHub(config.from_github.api_url.to_string())
}

/// What went wrong with a question.
fn failed(topic: Topic, fault: &GithubFault) -> Finding {
    let finding = Finding::fail(topic, Reason::Github { fault: fault.clone() });
    match remedy(fault) {
        Some(remedy) => finding.with(remedy),
        None => finding,
    }
}

/// What to do, where the sentence does not say it.
const fn remedy(fault: &GithubFault) -> Option<Remedy> {
    use GithubFault as F;
    if matches!(fault, F::RateLimited { .. }) {
        Some(Remedy::WaitForLimit)
    } else if matches!(
        fault,
        F::Unreached { .. }
            | F::Late { .. }
            | F::Cut { .. }
            | F::NotFound { what: Sought::Path { .. } }
            | F::Invalid { .. }
            | F::Unreadable { .. }
    ) {
        Some(Remedy::ReachGithub)
    } else if matches!(fault, F::Server { .. }) {
        Some(Remedy::WaitForGithub)
    } else {
        None
    }
}

/// Secrets of `[github]` that are not to be had here.
fn of_the_file(config: &Config) -> Vec<Finding> {
    let unset = config.unset.iter().filter(|problem| problem.key.starts_with("github."));
    let fact = |Problem { key, fault, .. }: &Problem| MachineFact::NoSecret { key: key.clone(), fault: fault.clone() };
    unset.map(|problem| Finding::fail(Topic::Secret, fact(problem)).with(Remedy::RunAsService)).collect()
}

fn without_login(config: &Config) -> Option<Finding> {
    if !config.unset.is_empty() {
        return None;
    }
    Some(match config.services.iter().find(|service| starts_workflows(service)) {
        Some(service) => {
            Finding::fail(Topic::Login, Reason::NoGithub { service: service.name.clone() }).with("rmm docs github")
        }
        None => Finding::ok(Topic::Login, LoginFact::NoLogin),
    })
}

fn starts_workflows(service: &Service) -> bool {
    !workflows(service).is_empty()
}

/// The files with the workflows that RMM starts, and whether for a rollback, too.
fn workflows(service: &Service) -> BTreeMap<&str, bool> {
    let mut files = BTreeMap::new();
    for environment in service.environments.values() {
        let Driver::Ci { workflow, rollback_workflow, .. } = &environment.driver else { continue };
        for (file, is_rollback) in [(workflow, false), (rollback_workflow, true)] {
            if let Some(file) = file {
                *files.entry(file.as_str()).or_default() |= is_rollback;
            }
        }
    }
    files
}

fn clock(met: &Met) -> Option<Finding> {
    let ahead = met.ahead?;
    let (seconds, off) = (ahead.as_secs(), ahead.abs());
    let beside = |too_far| LoginFact::ClockBesideGithub { seconds, too_far };
    Some(if off > SKEW {
        Finding::fail(Topic::Clock, beside(true)).with(Remedy::SetClock)
    } else if off > DRIFT {
        Finding::warn(Topic::Clock, beside(false)).with(Remedy::SetClock)
    } else {
        Finding::ok(Topic::Clock, LoginFact::ClockWithGithub)
    })
}

fn login(github: &GitHub, who: &Whoami) -> Finding {
    let name = who.name.clone();
    if who.is_app {
        return Finding::ok(Topic::Login, LoginFact::App { name });
    }
    let fact = LoginFact::Token { name, classic: who.scopes.is_some(), until: who.expires.clone() };
    // "2026-12-01 00:00:00 UTC", or with an offset in place of the name.
    let until = who.expires.as_ref().and_then(|expires| expires.get(..19)?.parse::<DateTime>().ok());
    let until = until.and_then(|time| time.to_zoned(TimeZone::UTC).ok()).map(|time| time.timestamp());
    match until {
        Some(until) if until.duration_since(github.time()) < SOON => {
            Finding::warn(Topic::Login, fact).with(Remedy::RenewToken)
        }
        Some(_) | None => Finding::ok(Topic::Login, fact),
    }
}

async fn of_service(
    config: &Config,
    github: &GitHub,
    who: &Whoami,
    service: &Service,
    repo: &RepoName,
) -> Vec<Finding> {
    let found = match github.repository(repo).await {
        Ok(found) => found,
        Err(GithubFault::Redirected { to, .. }) => {
            let finding = moved(github, service, repo, to.as_deref()).await;
            return vec![finding];
        }
        Err(fault) => return vec![failed(Topic::Repository, &fault)],
    };
    let mut findings = vec![repository(service, &found)];
    let files = workflows(service);
    let marks = config.github.as_ref().map(|github| github.marks.clone()).unwrap_or_default();
    findings.extend(permissions::look(github, who, repo, &found, !files.is_empty(), &marks).await);
    for (file, is_rollback) in files {
        findings.extend(workflow::look(github, repo, &found.default_branch, file, is_rollback).await);
    }
    findings.extend(trusted::look(github, repo, &found.default_branch, service).await);
    findings.extend(webhook::look(config, github, who, repo).await);
    findings
}

/// GitHub sends RMM on to the number of a repository that has another name now.
async fn moved(github: &GitHub, service: &Service, repo: &RepoName, to: Option<&str>) -> Finding {
    let told = to.and_then(|to| to.rsplit('/').next()?.parse().ok());
    let number = told.or_else(|| service.oidc.as_ref().map(|trusted| trusted.repository_id));
    let now = match number {
        Some(number) => github.repository_numbered(repo, number).await.ok().map(|found| found.full_name),
        None => None,
    };
    let repository_is = format!("repository = \"{}\"", now.as_deref().unwrap_or("OWNER/NAME"));
    let fact = RepositoryFact::Renamed { repository: repo.clone(), now };
    Finding::fail(Topic::Repository, fact).with(repository_is)
}

fn repository(service: &Service, found: &Repository) -> Finding {
    let (number, branch) = (found.id, found.default_branch.clone());
    let repository = RepositoryName { name: found.full_name.clone(), number, branch };
    if found.archived {
        return Finding::fail(Topic::Repository, RepositoryFact::Archived { repository }).with(Remedy::Unarchive);
    }
    match &service.oidc {
        Some(trusted) if trusted.repository_id != number => {
            let fact = RepositoryFact::OtherTrusted { repository, trusted: trusted.repository_id };
            Finding::fail(Topic::Repository, fact).with(format!("oidc = {{ repository_id = {number} }}"))
        }
        Some(_) | None => Finding::ok(Topic::Repository, RepositoryFact::Repository { repository }),
    }
}
