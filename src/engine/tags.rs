//! Tags that become releases by themselves (`candidates = "tags"`): repositories are asked which tags they have, now and then
//! and at once after a webhook. What was there at the first look stays what it is.
//!
//! Must not: believe anything but the repository about a commit, or make a second release of a commit.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use super::questions::Questions;
use super::source::Source;
use super::{Engine, Failure, Request};
use crate::clients::git::Unresolved;
use crate::domain::command::{Command, NewRelease};
use crate::domain::ids::{Commit, ReleaseId, ServiceName, Tag};
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::repository::RepoName;
use crate::domain::service::{Candidates, Service};
use crate::store::{StoreError, WriteError, tags};
use crate::wording::english;

/// Between two looks after something was new.
const MIN_LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Between two looks at a repository where nothing happens.
const MAX_LOOK_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// After a webhook: a server may tell of a tag before it shows it.
const WEBHOOK_LOOK_DELAY: Duration = Duration::from_secs(5);
/// Before it is seen again whether there is a place for a question.
const PLACE_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How often each repository was to be looked at so far, by its service.
pub(super) type Wanted = HashMap<ServiceName, u64>;

/// Goes on until it is dropped.
pub(super) async fn watch(engine: Engine, questions: Arc<Questions>) {
    let mut catalog = engine.reconfigured();
    let mut watching: FuturesUnordered<_> = FuturesUnordered::new();
    let mut names: Vec<ServiceName> = Vec::new();
    loop {
        let now = catalog.borrow_and_update().clone();
        let wanted: Vec<_> = now.services().filter(|it| repository(it).is_some()).map(|it| it.name.clone()).collect();
        if let Err(error) = forget_others(&engine, wanted.clone()).await {
            tracing::warn!(%error, "tags that are watched no more could not be forgotten");
        }
        for name in wanted {
            if !names.contains(&name) {
                names.push(name.clone());
                watching.push(watch_one(&engine, &questions, name));
            }
        }
        tokio::select! {
            Some(ended) = watching.next() => names.retain(|name| *name != ended),
            changed = catalog.changed() => if changed.is_err() { return },
        }
    }
}

/// The repository whose tags are watched.
pub(super) fn repository(service: &Service) -> Option<&str> {
    let watched = matches!(service.candidates, Candidates::Tags(_)) && !service.retired;
    service.repository.as_deref().filter(|_| watched)
}

/// A service that goes back to this later begins anew: what was tagged meanwhile was not meant.
async fn forget_others(engine: &Engine, wanted: Vec<ServiceName>) -> Result<(), StoreError> {
    let mut others = engine.read(tags::watched).await?;
    others.retain(|name| !wanted.contains(name));
    if others.is_empty() {
        return Ok(());
    }
    let forgotten = engine.store().write(move |tx| others.iter().try_for_each(|name| tags::forget(tx, name)));
    forgotten.await.map_err(WriteError::flatten)
}

/// Watches one repository until its tags are no candidates any more.
async fn watch_one(engine: &Engine, questions: &Arc<Questions>, name: ServiceName) -> ServiceName {
    let (mut wanted, mut pause, mut trouble) = (engine.tag_news(), MIN_LOOK_INTERVAL, None);
    let mut unnameable = Vec::new();
    loop {
        let asked = wanted.borrow_and_update().get(&name).copied();
        let catalog = engine.catalog();
        let Some(service) = catalog.service(&name).filter(|service| repository(service).is_some()).cloned() else {
            return name;
        };
        match look(engine, questions, &service, &mut unnameable).await {
            Ok(new) => {
                pause = next(pause, new);
                trouble = None;
            }
            Err(reason) => {
                pause = next(pause, false);
                // Said once, and again when it is another one.
                if trouble.as_ref() != Some(&reason) {
                    tracing::warn!(service = %name, reason, "the tags of the repository are not to be had; it is tried again");
                    trouble = Some(reason);
                }
            }
        }
        let at_once = async {
            let called = wanted.wait_for(|all| all.get(&name).copied() != asked).await.is_ok();
            if !called {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = engine.sleep(pause) => {}
            () = at_once => pause = WEBHOOK_LOOK_DELAY,
        }
    }
}

/// The pause after a look: longer and longer where nothing happens.
fn next(pause: Duration, new: bool) -> Duration {
    if new { MIN_LOOK_INTERVAL } else { (pause * 3 / 2).min(MAX_LOOK_INTERVAL) }
}

/// Asks the repository, and makes releases of what is new. Answers whether anything was; of trouble in a sentence.
/// `unnameable`: the tags that were said to be none, so that it is said once.
async fn look(
    engine: &Engine,
    questions: &Arc<Questions>,
    service: &Arc<Service>,
    unnameable: &mut Vec<String>,
) -> Result<bool, String> {
    let Some(address) = repository(service).map(ToOwned::to_owned) else { return Ok(false) };
    let catalog = engine.catalog();
    let listed = {
        let _place = loop {
            match questions.place(&service.name, &catalog) {
                Some(place) => break place,
                None => engine.sleep(PLACE_RETRY_INTERVAL).await,
            }
        };
        let Some(source) = Source::of(&catalog, &service.name) else { return Ok(false) };
        source.tags().await
    };
    let listed = listed.map_err(|unresolved| {
        let (Unresolved::ForGood(why) | Unresolved::NoTag(why) | Unresolved::ForNow(why)) = unresolved;
        let hidden: Reason = why.map_text(&|text| catalog.redactor().text(text));
        english(&hidden)
    })?;
    if *unnameable != listed.unnameable {
        *unnameable = listed.unnameable;
        if let Some(example) = unnameable.first() {
            let example: String = example.chars().take(100).collect();
            let (service, count) = (&service.name, unnameable.len());
            tracing::warn!(%service, count, ?example, "tags whose names cannot be shown or typed safely are no versions");
        }
    }
    let listed = listed.named;
    let (name, of) = (service.name.clone(), address.clone());
    let seen = engine.read(move |conn| tags::seen(conn, &name, &of)).await.map_err(|error| error.to_string())?;
    let Some(seen) = seen else {
        let (name, now) = (service.name.clone(), engine.now());
        let (of, count) = (name.clone(), listed.len());
        let begun = engine.store().write(move |tx| tags::begin(tx, &name, &address, &listed, now));
        begun.await.map_err(|error| error.flatten().to_string())?;
        tracing::info!(service = %of, tags = count, "the tags of the repository are watched; those that are there stay what they are");
        return Ok(true);
    };
    take(engine, service, &listed, &seen).await.map_err(|failure| failure.to_string())
}

/// Makes releases of tags that were not seen yet, and notes what was seen.
async fn take(
    engine: &Engine,
    service: &Service,
    listed: &BTreeMap<Tag, Commit>,
    seen: &BTreeMap<Tag, Commit>,
) -> Result<bool, Failure> {
    let Candidates::Tags(pattern) = &service.candidates else { return Ok(false) };
    let mut new: Vec<_> = listed.iter().filter(|(tag, _)| !seen.contains_key(tag)).collect();
    new.sort_by_key(|(tag, _)| (version(tag), *tag));
    let fit: Vec<_> = new.iter().filter(|(tag, _)| pattern.fits(tag.as_str())).collect();
    // Of `v1` beside `v1.4.0` the one that says most is the release.
    let is_best = |at: usize, commit: &Commit| fit.iter().skip(at + 1).all(|(_, other)| *other != commit);
    let (best, beside): (Vec<_>, Vec<_>) = fit.iter().enumerate().partition(|(at, (_, commit))| is_best(*at, commit));
    for (_, (tag, commit)) in best.into_iter().chain(beside) {
        // CI was quicker, RMM has not come to note that it saw the tag, or the commit has another one.
        match releases_of(engine, service, tag, commit).await?.as_slice() {
            [] => create(engine, service, tag, commit).await?,
            known => tell(service, tag, commit, known),
        }
    }
    // That a tag has moved ends its release, whose steps and CI find that. Tags such as `v1` beside `v1.4.0` move as a matter of course.
    for (tag, commit) in listed.iter().filter(|(tag, commit)| seen.get(*tag).is_some_and(|before| before != *commit)) {
        if pattern.fits(tag.as_str()) && releases_of(engine, service, tag, commit).await?.is_empty() {
            let service = &service.name;
            tracing::info!(%service, %tag, %commit, "the tag points at another commit than before, and makes no release by itself; \
                `rmm release create --service {service} --tag {tag}` makes one");
        }
    }
    let now: Vec<_> = listed.iter().filter(|(tag, commit)| seen.get(*tag) != Some(commit)).collect();
    let now: Vec<_> = now.into_iter().map(|(tag, commit)| (tag.clone(), commit.clone())).collect();
    // What is gone stays noted: a repository may be empty for a moment, and old versions are no new ones when they return.
    let has_new = !new.is_empty();
    if !now.is_empty() {
        let name = service.name.clone();
        let noted =
            engine.store().write(move |tx| now.iter().try_for_each(|(tag, commit)| tags::see(tx, &name, tag, commit)));
        noted.await?;
    }
    Ok(has_new)
}

/// Of several new tags the lower version comes first.
fn version(tag: &Tag) -> Option<semver::Version> {
    let last = tag.as_str().rsplit('/').next().unwrap_or_default();
    semver::Version::parse(last.trim_start_matches(['v', 'V'])).ok()
}

type Known = (ReleaseId, Option<Tag>);

/// The releases that there are of what a tag names.
async fn releases_of(engine: &Engine, service: &Service, tag: &Tag, commit: &Commit) -> Result<Vec<Known>, StoreError> {
    let (name, tag, commit) = (service.name.clone(), tag.clone(), commit.clone());
    engine.read(move |conn| tags::releases_of(conn, &name, &tag, &commit)).await
}

/// Says of a tag that it makes no release, unless one has its name.
fn tell(service: &Service, tag: &Tag, commit: &Commit, known: &[Known]) {
    let service = &service.name;
    if known.iter().any(|(_, other)| other.as_ref() == Some(tag)) {
        tracing::debug!(%service, %tag, %commit, "there is a release of the new tag already");
    } else if let Some((release, other)) = known.last() {
        let (release, other) = (release.0, other.as_ref().map_or("no tag", Tag::as_str));
        tracing::info!(%service, %tag, %commit, release, of = other, "the new tag makes no release, since there is one of its commit \
            already; `rmm release create --service {service} --tag {tag}` makes one of the tag, too");
    }
}

async fn create(engine: &Engine, service: &Service, tag: &Tag, commit: &Commit) -> Result<(), Failure> {
    let catalog = engine.catalog();
    if let Some(source) = Source::of(&catalog, &service.name)
        && source.is_commit(tag).await == Some(false)
    {
        tracing::warn!(service = %service.name, %tag, "the tag leads to a file or a folder, and not to a commit: it is no version");
        return Ok(());
    }
    let at_github = service.repository.as_deref().is_some_and(|it| RepoName::of(it, catalog.github_api()).is_some());
    // Until GitHub tells who has pushed it.
    let unknown = if at_github { "github" } else { "git" };
    let new = NewRelease {
        tag: Some(tag.clone()),
        commit: Some(commit.clone()),
        commit_checked: true,
        ..NewRelease::of(service.name.clone(), unknown.to_owned())
    };
    match engine.handle(Request::new(Actor::Machine, Command::Create(new))).await {
        Ok(_) => Ok(()),
        // It will not be otherwise at the next look.
        Err(Failure::Refused(refusal)) => {
            let reason = Failure::Refused(refusal).to_string();
            tracing::warn!(service = %service.name, %tag, reason, "no release was made of a new tag");
            Ok(())
        }
        Err(failure @ Failure::Store(_)) => Err(failure),
    }
}

impl Engine {
    /// The tags of a service's repository are looked at soon.
    pub fn look_at_tags(&self, service: &ServiceName) {
        self.inner.tag_news.send_modify(|all| *all.entry(service.clone()).or_default() += 1);
    }

    pub(super) fn tag_news(&self) -> watch::Receiver<Wanted> {
        self.inner.tag_news.subscribe()
    }
}

#[cfg(test)]
mod tests;
