//! Whether GitHub brings its news to this RMM. RMM works without: news that do not come are asked for.

use super::failed;
use crate::clients::github::{Delivery, GitHub, HookConfig, HookPlace, Whoami};
use crate::config::Config;
use crate::domain::fault::github::GithubFault;
use crate::domain::finding::{Finding, Remedy, RepositoryFact, Topic};
use crate::domain::repository::RepoName;

/// Where RMM takes deliveries.
const PATH: &str = "/hooks/github";
/// What RMM listens to.
const EVENTS: [&str; 4] = ["workflow_run", "create", "push", "pull_request"];
/// Deliveries that are looked at, the newest ones.
const LATEST: usize = 20;

pub(super) async fn look(config: &Config, github: &GitHub, who: &Whoami, repo: &RepoName) -> Vec<Finding> {
    let is_wanted = config.from_github.webhook_secret.is_some();
    let Some(public_url) = config.server.public_url.as_deref() else {
        return vec![Finding::ok(Topic::Webhook, RepositoryFact::NoHookCanCome)];
    };
    let here = format!("{}{PATH}", public_url.trim_end_matches('/'));
    let hooks = match github.hooks(repo).await {
        Ok(hooks) => hooks,
        Err(GithubFault::Forbidden { .. } | GithubFault::NotFound { .. }) if !who.is_app => {
            if !is_wanted {
                return vec![Finding::ok(Topic::Webhook, RepositoryFact::NoHookTaken)];
            }
            return vec![Finding::warn(Topic::Webhook, RepositoryFact::HooksUnseen).with(Remedy::SeeHooks)];
        }
        Err(GithubFault::Forbidden { .. } | GithubFault::NotFound { .. }) => Vec::new(),
        Err(fault) => return vec![failed(Topic::Webhook, &fault)],
    };
    let ours = hooks.iter().find(|hook| is_same(&hook.config.url, &here));
    if let Some(hook) = ours {
        let mut findings = vec![hook_found(here, hook.active, &hook.events, &hook.config, is_wanted)];
        let place = HookPlace::Repository { repo: repo.clone(), hook: hook.id };
        findings.extend(delivered(github, &place).await);
        return findings;
    }
    if who.is_app
        && let Ok(config) = github.app_hook().await
        && is_same(&config.url, &here)
    {
        // Which events an App gets, its settings say and this answer does not.
        let mut findings = vec![hook_found(here, true, &["*".to_owned()], &config, is_wanted)];
        findings.extend(delivered(github, &HookPlace::App).await);
        return findings;
    }
    if !is_wanted {
        return vec![Finding::ok(Topic::Webhook, RepositoryFact::NoHookWanted)];
    }
    let elsewhere = hooks.iter().find(|hook| hook.config.url.trim_end_matches('/').ends_with(PATH));
    let fact =
        elsewhere.map_or(RepositoryFact::NoHook, |hook| RepositoryFact::HookToOther { url: hook.config.url.clone() });
    vec![Finding::warn(Topic::Webhook, fact).with(Remedy::MakeHook { here })]
}

fn is_same(url: &str, here: &str) -> bool {
    url.trim_end_matches('/').eq_ignore_ascii_case(here)
}

fn hook_found(here: String, active: bool, events: &[String], config: &HookConfig, is_wanted: bool) -> Finding {
    use RepositoryFact as F;
    let is_told = |event: &str| events.iter().any(|one| one == event || one == "*");
    let missing: Vec<_> = EVENTS.into_iter().filter(|event| !is_told(event)).map(str::to_owned).collect();
    let has_secret = config.secret.as_deref().is_some_and(|secret| !secret.is_empty());
    let (fact, remedy) = if !active {
        (F::HookOff { here }, Remedy::SwitchHookOn)
    } else if !is_wanted {
        (F::HookUnwanted { here }, Remedy::TakeHookSecret)
    } else if !has_secret {
        (F::HookWithoutSecret { here }, Remedy::WriteHookSecret)
    } else if config.content_type.as_deref() == Some("form") {
        (F::HookSendsForms { here }, Remedy::SendJson)
    } else if !missing.is_empty() {
        (F::HookLacks { here, events: missing }, Remedy::SelectEvents)
    } else {
        return Finding::ok(Topic::Webhook, F::HookFit { here });
    };
    Finding::warn(Topic::Webhook, fact).with(remedy)
}

async fn delivered(github: &GitHub, place: &HookPlace) -> Option<Finding> {
    let deliveries = match github.deliveries(place, None).await {
        Ok(found) => found.deliveries,
        // That they may not be read is among the findings already.
        Err(GithubFault::Forbidden { .. } | GithubFault::NotFound { .. }) => return None,
        Err(fault) => return Some(failed(Topic::Deliveries, &fault)),
    };
    let Some(last) = deliveries.first() else {
        return Some(Finding::ok(Topic::Deliveries, RepositoryFact::NoDeliveries));
    };
    let latest = deliveries.iter().take(LATEST);
    let (all, well) = (latest.clone().count(), latest.filter(|one| is_well(one)).count());
    if is_well(last) {
        return Some(Finding::ok(Topic::Deliveries, RepositoryFact::Delivered { well, all }));
    }
    let (event, status, said) = (last.event.clone(), last.status_code, last.status.clone());
    let fact = RepositoryFact::NotDelivered { event, status, said, well, all };
    Some(Finding::warn(Topic::Deliveries, fact).with(remedy(status)))
}

fn is_well(delivery: &Delivery) -> bool {
    (200..300).contains(&delivery.status_code)
}

fn remedy(code: i64) -> Remedy {
    match code {
        401 => Remedy::SameSecret,
        400 | 415 => Remedy::JsonContent,
        404 => Remedy::ReachHook,
        413 => Remedy::LargeBodies,
        300..400 => Remedy::LastAddress,
        429 | 500.. => Remedy::LookAtProxy,
        _ => Remedy::ReachFromGithub,
    }
}
