//! Reads what GitHub has delivered, or tried to, from the logs of its webhooks: so an RMM that GitHub cannot reach hears of
//! it, and one that was away hears of what it has missed. What is found goes through the same door as a webhook.
//!
//! Must not: be needed. Runs are asked for and tags are listed all the same; here they are only noticed sooner.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Engine, Failure, deliveries, tags};
use crate::clients::github::{Delivery, GitHub, Hook, HookPlace};
use crate::config::GithubLogin;
use crate::domain::fault::github::GithubFault;
use crate::domain::reason::Reason;
use crate::domain::repository::RepoName;
use crate::domain::service::Service;
use crate::domain::text::one_line;
use crate::store::{StoreError, deliveries as noted, runs};
use crate::wording::english;

/// Between two looks at a log whose deliveries do not arrive.
const MIN_READ_INTERVAL: Duration = Duration::from_secs(60);
/// Between two looks at one whose deliveries do arrive.
const MAX_READ_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Before a repository is asked again which webhooks it has.
const HOOKS_KNOWN: SignedDuration = SignedDuration::from_hours(1);
/// Older deliveries are not looked at: GitHub repeats none of them either.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(3 * 24);
/// Pages of a hundred that are read of a log at one look.
const MOST_PAGES: usize = 10;
/// Deliveries that are fetched of a log at one look; the next one goes on.
const MOST_FETCHED: usize = 100;
/// Characters of a delivery's name; GitHub's have 36.
const LONGEST_GUID: usize = 100;
/// How the address of RMM's webhook ends.
const ENDS: &str = "/hooks/github";

/// Goes on until it is dropped.
pub(super) async fn watch(engine: Engine) {
    let mut catalog = engine.reconfigured();
    let mut logs: HashMap<Log, State> = HashMap::new();
    loop {
        catalog.borrow_and_update();
        let pause = look(&engine, &mut logs).await;
        tokio::select! {
            () = engine.sleep(pause) => {}
            changed = catalog.changed() => {
                if changed.is_err() {
                    return;
                }
                // Another login may read what this one may not.
                logs.clear();
            }
        }
    }
}

/// Whose log it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Log {
    /// A repository's webhook.
    Repository(RepoName),
    /// The webhook of the GitHub App.
    App,
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Repository(repository) => repository.fmt(f),
            Self::App => f.write_str("the GitHub App"),
        }
    }
}

/// What is known of a log.
#[derive(Default)]
struct State {
    /// RMM's webhook there, and when that was asked.
    hook: Option<HookPlace>,
    asked: Option<Timestamp>,
    /// The newest delivery of the last look that came to its end.
    newest: Option<u64>,
    /// GitHub is not asked before.
    not_before: Option<Timestamp>,
    /// That it may not be read was said.
    said: bool,
}

/// Reads every log that something may stand in. Answers when the next look is due.
async fn look(engine: &Engine, logs: &mut HashMap<Log, State>) -> Duration {
    let catalog = engine.catalog();
    let (Some(Ok(github)), Some(settings)) = (catalog.github(), catalog.github_settings()) else {
        return MAX_READ_INTERVAL;
    };
    if !settings.read_deliveries {
        return MAX_READ_INTERVAL;
    }
    let wanted = match repositories(engine).await {
        Ok(wanted) => wanted,
        Err(error) => {
            tracing::warn!(%error, "which deliveries of GitHub matter could not be read; it is tried again");
            return MIN_READ_INTERVAL;
        }
    };
    let of_app = matches!(settings.login, GithubLogin::App { .. }) && !wanted.is_empty();
    let wanted = wanted.into_iter().map(Log::Repository).chain(of_app.then_some(Log::App));
    let mut pause = MAX_READ_INTERVAL;
    for log in wanted {
        let state = logs.entry(log.clone()).or_default();
        if state.not_before.is_some_and(|time| time > engine.now()) {
            continue;
        }
        match read(engine, github, &log, state).await {
            Ok(true) => {}
            Ok(false) => pause = MIN_READ_INTERVAL,
            Err(Failure::Refused(refusal)) => tracing::debug!(%log, ?refusal, "a delivery was refused"),
            Err(Failure::Store(error)) => {
                tracing::warn!(%error, "a delivery of GitHub could not be noted; it is tried again");
                pause = MIN_READ_INTERVAL;
            }
        }
    }
    pause
}

/// The repositories from which something is waited for.
async fn repositories(engine: &Engine) -> Result<BTreeSet<RepoName>, StoreError> {
    let catalog = engine.catalog();
    let api = catalog.github_api();
    let (mut found, mut others) = (BTreeSet::new(), Vec::new());
    for service in catalog.in_force() {
        let Some(name) = service.repository.as_deref().and_then(|it| RepoName::of(it, api)) else { continue };
        if is_always_watched(service) {
            found.insert(name);
        } else {
            others.push((service.name.clone(), name));
        }
    }
    let waits = engine.read(move |conn| {
        let mut waits = Vec::new();
        for (service, name) in others {
            if runs::occupying(conn, &service)?.iter().any(|run| run.state.is_live() && run.dispatch.is_some()) {
                waits.push(name);
            }
        }
        Ok(waits)
    });
    found.extend(waits.await?);
    Ok(found)
}

fn is_always_watched(service: &Service) -> bool {
    tags::repository(service).is_some() || service.protection_rule.is_some()
}

/// Reads one log. Answers whether GitHub's deliveries arrive by themselves, or there is none to read.
async fn read(engine: &Engine, github: &GitHub, log: &Log, state: &mut State) -> Result<bool, Failure> {
    let place = match hook(engine, github, log, state).await {
        Ok(Some(place)) => place,
        Ok(None) => return Ok(true),
        Err(fault) => return Ok(put_off(engine, log, state, &fault)),
    };
    match bring(engine, github, &place, state.newest).await {
        Ok(brought) => {
            state.newest = brought.newest.or(state.newest);
            state.said = false;
            Ok(brought.arrive)
        }
        Err(Trouble::Github(fault)) => Ok(put_off(engine, log, state, &fault)),
        Err(Trouble::Store(error)) => Err(error.into()),
    }
}

/// RMM's webhook: the one whose address is RMM's.
async fn hook(
    engine: &Engine,
    github: &GitHub,
    log: &Log,
    state: &mut State,
) -> Result<Option<HookPlace>, GithubFault> {
    let Log::Repository(repository) = log else { return Ok(Some(HookPlace::App)) };
    let is_known = |asked: Timestamp| engine.now().duration_since(asked) < HOOKS_KNOWN;
    if !state.asked.is_some_and(is_known) {
        let catalog = engine.catalog();
        let is_ours = |hook: &Hook| hook.active && leads_here(&hook.config.url, catalog.public_url());
        let found = github.hooks(repository).await?.into_iter().find(is_ours);
        state.hook = found.map(|hook| HookPlace::Repository { repo: repository.clone(), hook: hook.id });
        state.asked = Some(engine.now());
    }
    Ok(state.hook.clone())
}

/// Whether an address is that of RMM's webhook. Without a `public_url` any that ends so may be, wherever it leads; with one, the
/// others are those of another RMM.
fn leads_here(url: &str, public_url: Option<&str>) -> bool {
    let url = url.trim_end_matches('/');
    match public_url {
        Some(public_url) => url.eq_ignore_ascii_case(&format!("{}{ENDS}", public_url.trim_end_matches('/'))),
        None => url.ends_with(ENDS),
    }
}

/// Asks later; what will not pass by itself is said once.
fn put_off(engine: &Engine, log: &Log, state: &mut State, fault: &GithubFault) -> bool {
    let now = engine.now();
    let passes = fault.may_pass();
    let until = if let GithubFault::RateLimited { until, .. } = fault {
        *until
    } else if passes {
        None
    } else {
        now.checked_add(HOOKS_KNOWN).ok()
    };
    (state.not_before, state.asked) = (until, state.asked.filter(|_| passes));
    let reason = english(&engine.catalog().redactor().reason(&Reason::Github { fault: fault.clone() }));
    if passes {
        tracing::debug!(%log, reason, "the deliveries of GitHub are not to be had for now");
    } else if !state.said {
        state.said = true;
        tracing::info!(%log, reason, "the log of the webhook is not read; RMM asks for runs and tags all the same");
    }
    !passes
}

/// What a look at a log has brought.
struct Brought {
    /// The newest delivery up to which all were seen.
    newest: Option<u64>,
    /// The last one has arrived where it was sent to.
    arrive: bool,
}

enum Trouble {
    Github(GithubFault),
    Store(StoreError),
}

impl From<GithubFault> for Trouble {
    fn from(fault: GithubFault) -> Self {
        Self::Github(fault)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Hands on what has not come yet, the oldest first.
async fn bring(engine: &Engine, github: &GitHub, place: &HookPlace, until: Option<u64>) -> Result<Brought, Trouble> {
    let (listed, arrive) = list(engine, github, place, until).await?;
    let mut missed = Vec::new();
    for delivery in listed.iter().rev().filter(|delivery| deliveries::is_followed(&delivery.event)) {
        let guid = delivery.guid.clone();
        if !engine.read(move |conn| noted::has_come(conn, &guid)).await? {
            missed.push(delivery);
        }
    }
    // Those of repositories that no service has are noted nowhere: the next look goes on behind the last one that was read.
    let read_up_to = missed.get(MOST_FETCHED - 1).filter(|_| missed.len() > MOST_FETCHED).map(|last| last.id);
    for delivery in missed.into_iter().take(MOST_FETCHED) {
        match github.delivery(place, delivery.id).await {
            Ok((told, payload)) => engine.github_delivered(&delivery.guid, &told.event, &payload).await?,
            Err(fault) if is_about_one(&fault) => {
                tracing::debug!(guid = delivery.guid, ?fault, "a delivery of GitHub cannot be read and is left out");
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(Brought { newest: read_up_to.or_else(|| listed.first().map(|newest| newest.id)), arrive })
}

/// What was delivered since a delivery that is known, the newest first; and whether the last one of all has arrived, also where
/// nothing is new.
async fn list(
    engine: &Engine,
    github: &GitHub,
    place: &HookPlace,
    until: Option<u64>,
) -> Result<(Vec<Delivery>, bool), GithubFault> {
    let old = engine.now().saturating_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
    let (mut listed, mut from, mut arrive) = (Vec::new(), None, None);
    for _ in 0..MOST_PAGES {
        let page = github.deliveries(place, from.as_deref()).await?;
        arrive = arrive.or_else(|| page.deliveries.first().map(|last| (200..300).contains(&last.status_code)));
        let count = page.deliveries.len();
        let new = page.deliveries.into_iter();
        let new: Vec<_> = new.take_while(|it| Some(it.id) != until && it.delivered_at >= old).collect();
        let is_end = new.len() < count;
        listed.extend(new.into_iter().filter(|it| one_line("guid", &it.guid, LONGEST_GUID).is_ok()));
        from = page.next;
        if is_end || from.is_none() {
            break;
        }
    }
    // An empty log shows nothing.
    Ok((listed, arrive.unwrap_or(false)))
}

/// Whether other deliveries can be read all the same.
fn is_about_one(fault: &GithubFault) -> bool {
    matches!(
        fault,
        GithubFault::TooLong { .. }
            | GithubFault::Unreadable { .. }
            | GithubFault::NotFound { .. }
            | GithubFault::Invalid { .. }
    )
}

#[cfg(test)]
mod tests;
