//! Whether GitHub brings its news to this RMM. RMM works without: news that do not come are asked for.

use super::failed;
use crate::clients::github::{Delivery, GitHub, HookConfig, HookPlace, Whoami};
use crate::config::Config;
use crate::contract::Finding;
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

const NAME: &str = "webhook";
/// Where RMM takes deliveries.
const PATH: &str = "/hooks/github";
/// What RMM listens to.
const EVENTS: [&str; 4] = ["workflow_run", "create", "push", "pull_request"];
/// Deliveries that are looked at, the newest ones.
const LATEST: usize = 20;
/// What GitHub shows where there is a webhook.
const WHERE: &str = "in the repository: Settings, Webhooks";

pub(super) async fn look(config: &Config, github: &GitHub, who: &Whoami, repo: &RepoName) -> Vec<Finding> {
    let is_wanted = config.from_github.webhook_secret.is_some();
    let Some(public_url) = config.server.public_url.as_deref() else {
        return vec![Finding::ok(NAME, "none can come: RMM has no `public_url`, and asks GitHub by itself")];
    };
    let here = format!("{}{PATH}", public_url.trim_end_matches('/'));
    let hooks = match github.hooks(repo).await {
        Ok(hooks) => hooks,
        Err(GithubFault::Forbidden { .. } | GithubFault::NotFound { .. }) if !who.is_app => {
            if !is_wanted {
                return vec![Finding::ok(NAME, "RMM has no `webhook_secret`, takes none, and asks GitHub by itself")];
            }
            let detail = "the login may not see webhooks, so that they were not looked at; RMM itself does not need to";
            return vec![Finding::warn(NAME, detail, format!("give it Webhooks: read, or look yourself {WHERE}"))];
        }
        Err(GithubFault::Forbidden { .. } | GithubFault::NotFound { .. }) => Vec::new(),
        Err(fault) => return vec![failed(NAME, &fault)],
    };
    let ours = hooks.iter().find(|hook| is_same(&hook.config.url, &here));
    if let Some(hook) = ours {
        let mut findings = vec![hook_found(&here, hook.active, &hook.events, &hook.config, is_wanted)];
        let place = HookPlace::Repository { repo: repo.clone(), hook: hook.id };
        findings.extend(delivered(github, &place).await);
        return findings;
    }
    if who.is_app
        && let Ok(config) = github.app_hook().await
        && is_same(&config.url, &here)
    {
        // Which events an App gets, its settings say and this answer does not.
        let mut findings = vec![hook_found(&here, true, &["*".to_owned()], &config, is_wanted)];
        findings.extend(delivered(github, &HookPlace::App).await);
        return findings;
    }
    if !is_wanted {
        return vec![Finding::ok(NAME, "none, and no `webhook_secret`: RMM asks GitHub by itself")];
    }
    let elsewhere = hooks.iter().find(|hook| hook.config.url.trim_end_matches('/').ends_with(PATH));
    let detail = match elsewhere {
        Some(hook) => format!("one leads to {}, which is not this RMM", hook.config.url),
        None => "none leads to this RMM (unless one of the organisation does), so that it has to ask GitHub".to_owned(),
    };
    vec![Finding::warn(NAME, detail, format!("{WHERE}, payload URL {here}"))]
}

fn is_same(url: &str, here: &str) -> bool {
    url.trim_end_matches('/').eq_ignore_ascii_case(here)
}

fn hook_found(here: &str, active: bool, events: &[String], config: &HookConfig, is_wanted: bool) -> Finding {
    let missing: Vec<_> =
        EVENTS.into_iter().filter(|event| !events.iter().any(|one| one == event || one == "*")).collect();
    let has_secret = config.secret.as_deref().is_some_and(|secret| !secret.is_empty());
    if !active {
        return Finding::warn(NAME, format!("the one to {here} is switched off"), format!("{WHERE}, Active"));
    }
    if !is_wanted {
        let fix = "webhook_secret = \"env:RMM_GITHUB_WEBHOOK_SECRET\" in [github], with the secret of the webhook";
        return Finding::warn(NAME, format!("there is one to {here}, and RMM takes none without its secret"), fix);
    }
    if !has_secret {
        let detail = format!("the one to {here} has no secret, so that RMM refuses what it brings");
        return Finding::warn(NAME, detail, format!("{WHERE}, Secret: what `webhook_secret` in [github] holds"));
    }
    if config.content_type.as_deref() == Some("form") {
        let detail = format!("the one to {here} sends forms, and RMM reads JSON");
        return Finding::warn(NAME, detail, format!("{WHERE}, content type application/json"));
    }
    if !missing.is_empty() {
        let detail = format!("the one to {here} does not tell of {}", missing.join(", "));
        return Finding::warn(NAME, detail, format!("{WHERE}, Let me select individual events"));
    }
    Finding::ok(NAME, format!("one leads to {here}, with a secret and the events"))
}

async fn delivered(github: &GitHub, place: &HookPlace) -> Option<Finding> {
    const NAME: &str = "deliveries";
    let deliveries = match github.deliveries(place, None).await {
        Ok(found) => found.deliveries,
        // Whoever may not read them has heard so already.
        Err(GithubFault::Forbidden { .. } | GithubFault::NotFound { .. }) => return None,
        Err(fault) => return Some(failed(NAME, &fault)),
    };
    let Some(last) = deliveries.first() else { return Some(Finding::ok(NAME, "none yet, as far as GitHub remembers")) };
    let latest = deliveries.iter().take(LATEST);
    let (all, well) = (latest.clone().count(), latest.filter(|one| is_well(one)).count());
    if is_well(last) {
        return Some(Finding::ok(NAME, format!("the last one came well; {well} of the last {all} did")));
    }
    let answered = match last.status_code {
        0 => format!("GitHub got no answer ({})", last.status),
        code => format!("it was answered {code}"),
    };
    Some(Finding::warn(
        NAME,
        format!("the last one, of {}, did not come: {answered}; {well} of the last {all} came well", last.event),
        remedy(last.status_code),
    ))
}

fn is_well(delivery: &Delivery) -> bool {
    (200..300).contains(&delivery.status_code)
}

fn remedy(code: i64) -> &'static str {
    match code {
        401 => "the secrets differ: write the same one to the webhook and where `webhook_secret` in [github] says",
        400 | 415 => "content type application/json",
        404 => {
            "RMM runs without `webhook_secret`, or a proxy leads elsewhere: POST /hooks/github must come to RMM as it is"
        }
        413 => "a proxy takes no bodies of this size: GitHub's have up to 25 MB",
        300..400 => "the payload URL is sent on elsewhere; write the last address to the webhook",
        429 | 500.. => "RMM or the proxy before it was not well; `journalctl -u rmm`",
        _ => "GitHub must reach `public_url`: name, certificate, port 443, firewall; RMM works without, and asks",
    }
}
