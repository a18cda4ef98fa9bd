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
use crate::contract::{Examined, Finding};
use crate::domain::fault::github::GithubFault;
use crate::domain::reason::Reason;
use crate::domain::repository::RepoName;
use crate::domain::service::{Driver, Service};
use crate::wording::Language;

/// A clock that is further off makes id tokens look old or new.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// A clock that is further off will soon be so.
const DRIFT: SignedDuration = SignedDuration::from_secs(20);
/// How long before its end a token is worth a word.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Looks at all that the configuration has at GitHub.
pub async fn examine(config: &Config, way: Option<Result<&GitHub, &GithubFault>>) -> Vec<Examined> {
    let mut own = of_the_file(config);
    let github = match way {
        Some(Ok(github)) => github,
        Some(Err(fault)) => {
            own.push(failed("login", fault));
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
            own.push(failed("login", &fault));
            return vec![examined(about(config), own)];
        }
    };
    own.push(login(github, &who));
    let mut all = vec![examined(about(config), own)];
    for service in &config.services {
        let Some(repo) = service.repository.as_deref().and_then(|written| github.repo_of(written)) else {
            if starts_workflows(service) {
                let reason = Reason::NoGithub { service: service.name.clone() };
                let finding = Finding::fail("repository", Language::En.reason(&reason), "");
                all.push(examined(service.name.to_string(), vec![finding]));
            }
            continue;
        };
        let findings = of_service(config, github, &who, service, &repo).await;
        all.push(examined(format!("{} ({repo})", service.name), findings));
    }
    all
}

fn examined(about: String, findings: Vec<Finding>) -> Examined {
    Examined { part: "github", about, findings }
}

fn about(config: &Config) -> String {
    format!("GitHub ({})", config.from_github.api_url)
}

/// What went wrong with a question.
fn failed(name: &str, fault: &GithubFault) -> Finding {
    Finding::fail(name, Language::En.reason(&Reason::Github { fault: fault.clone() }), remedy(fault))
}

/// What to do, where the sentence does not say it.
const fn remedy(fault: &GithubFault) -> &'static str {
    use GithubFault as F;
    if matches!(fault, F::RateLimited { .. }) {
        "wait, as RMM does by itself; a login that nothing else uses has its limits for itself"
    } else if matches!(fault, F::Unreached { .. } | F::Late { .. } | F::Cut { .. }) {
        "look whether this machine gets there (curl -sSI ADDRESS), and whether `api_url` in [github] is right"
    } else if matches!(fault, F::Server { .. }) {
        "wait: RMM tries again by itself; https://www.githubstatus.com tells of trouble at github.com"
    } else {
        ""
    }
}

/// Secrets of `[github]` that are not to be had here.
fn of_the_file(config: &Config) -> Vec<Finding> {
    let unset = config.unset.iter().filter(|problem| problem.key.starts_with("github."));
    let fix = "run the doctor with the environment of RMM's service, and as its user";
    let words = |problem: &Problem| format!("{}: {}", problem.key, Language::En.config_fault(&problem.fault));
    unset.map(|problem| Finding::fail("secret", words(problem), fix)).collect()
}

fn without_login(config: &Config) -> Option<Finding> {
    if !config.unset.is_empty() {
        return None;
    }
    Some(match config.services.iter().find(|service| starts_workflows(service)) {
        Some(service) => Finding::fail(
            "login",
            Language::En.reason(&Reason::NoGithub { service: service.name.clone() }),
            "rmm docs github",
        ),
        None => Finding::ok("login", "rmm.toml has none, and no service needs one: RMM asks GitHub for nothing"),
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
    let side = if seconds < 0 { "behind" } else { "ahead of" };
    let fix = "set the clock of this machine, by NTP: timedatectl set-ntp true";
    Some(if off > SKEW {
        let detail = format!(
            "this machine's clock is {} s {side} GitHub's; id tokens of jobs, and what an App signs, count within 60 s only",
            seconds.abs()
        );
        Finding::fail("clock", detail, fix)
    } else if off > DRIFT {
        Finding::warn(
            "clock",
            format!("this machine's clock is {} s {side} GitHub's; 60 s are too many", seconds.abs()),
            fix,
        )
    } else {
        Finding::ok("clock", "this machine's clock goes with GitHub's")
    })
}

fn login(github: &GitHub, who: &Whoami) -> Finding {
    let name = &who.name;
    if who.is_app {
        return Finding::ok("login", format!("the App {name}"));
    }
    let kind = if who.scopes.is_some() { "a classic token" } else { "a fine-grained token" };
    let Some(expires) = &who.expires else { return Finding::ok("login", format!("{name}, by {kind}")) };
    // "2026-12-01 00:00:00 UTC", or with an offset in place of the name.
    let until = expires.get(..19).and_then(|text| text.parse::<DateTime>().ok());
    let until = until.and_then(|time| time.to_zoned(TimeZone::UTC).ok()).map(|time| time.timestamp());
    let detail = format!("{name}, by {kind} that is good until {expires}");
    match until {
        Some(until) if until.duration_since(github.time()) < SOON => {
            Finding::warn("login", detail, "make a new one in time, and put it where `token` in [github] says")
        }
        Some(_) | None => Finding::ok("login", detail),
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
        Err(fault) => return vec![failed("repository", &fault)],
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
    let name = now.as_deref().map_or_else(|| "another name".to_owned(), |name| format!("the name {name}"));
    let fix = format!("repository = \"{}\"", now.as_deref().unwrap_or("OWNER/NAME"));
    Finding::fail(
        "repository",
        format!("{repo} has {name} now (renamed or moved); RMM does not follow, write it to rmm.toml"),
        fix,
    )
}

fn repository(service: &Service, found: &Repository) -> Finding {
    const NAME: &str = "repository";
    let (id, branch) = (found.id, &found.default_branch);
    let detail = format!("{}, number {id}, default branch {branch}", found.full_name);
    if found.archived {
        return Finding::fail(
            NAME,
            format!("{detail}; it is archived, and no workflow starts there"),
            "unarchive it in its settings, Danger Zone",
        );
    }
    match &service.oidc {
        Some(trusted) if trusted.repository_id != id => Finding::fail(
            NAME,
            format!(
                "{detail}; `oidc` of the service believes the jobs of the repository {}, which is another one",
                trusted.repository_id
            ),
            format!("oidc = {{ repository_id = {id} }}"),
        ),
        Some(_) | None => Finding::ok(NAME, detail),
    }
}
