//! Tags of releases that are on their way, before production: whether each still points at what people test. A run that brings
//! an environment to a release looks once more; this also finds it while people test, and where a CI system does the work.
//!
//! Must not: believe one look that a tag is gone, for a repository may be empty for a moment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rusqlite::Connection;
use tokio::sync::watch::Receiver;

use super::questions::Questions;
use super::source::Source;
use super::tags::Wanted;
use super::{Engine, Failure, Request};
use crate::domain::command::Command;
use crate::domain::env::Env;
use crate::domain::ids::{ReleaseId, ServiceName, Tag};
use crate::domain::person::Actor;
use crate::domain::release::Release;
use crate::domain::service::Service;
use crate::domain::status::Status;
use crate::store::{StoreError, events, releases, runs};

/// Between two looks at the tags of releases that are on their way.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// That of what production runs is looked at in every so manieth look.
const PRODUCTION: u32 = 5;
/// Before it is seen again whether there is a place for a question.
const PLACE_RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Releases of one service and status that are looked at.
const MAX_RELEASES_PER_STATUS: u32 = 20;
/// Where a tag that moves takes its release out.
const WATCHED: [Status; 5] = [
    Status::Initiated,
    Status::StageBuilding,
    Status::StageTestRollback,
    Status::ManualTesting,
    Status::ManualTestPassed,
];

/// Goes on until it is dropped.
pub(super) async fn watch(engine: Engine, questions: Arc<Questions>) {
    // Whose tags were not there at the last look.
    let mut missing = BTreeSet::new();
    let mut round = 0_u32;
    let mut news = engine.tag_news();
    let mut known = news.borrow_and_update().clone();
    loop {
        let mut next = std::pin::pin!(engine.sleep(LOOK_INTERVAL));
        loop {
            tokio::select! {
                () = &mut next => break,
                // That a tag is gone is not for two looks to say that follow each other at once.
                changed = changed(&mut news, &mut known) => {
                    look_at_all(&engine, &questions, &BTreeSet::new(), true, |name| changed.contains(name)).await;
                }
            }
        }
        round = round.wrapping_add(1);
        missing = look_at_all(&engine, &questions, &missing, round.is_multiple_of(PRODUCTION), |_| true).await;
    }
}

/// The services whose tags have changed, as soon as some have.
async fn changed(news: &mut Receiver<Wanted>, known: &mut Wanted) -> BTreeSet<ServiceName> {
    if news.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
    let now = news.borrow_and_update().clone();
    let changed = now.iter().filter(|(name, count)| known.get(*name) != Some(*count));
    let changed = changed.map(|(name, _)| name.clone()).collect();
    *known = now;
    changed
}

/// Looks at the tags of such services; whose are not there.
async fn look_at_all(
    engine: &Engine,
    questions: &Arc<Questions>,
    missing: &BTreeSet<ReleaseId>,
    with_production: bool,
    is_meant: impl Fn(&ServiceName) -> bool,
) -> BTreeSet<ReleaseId> {
    let catalog = engine.catalog();
    let services = catalog.in_force().filter(|service| service.repository.is_some());
    let looks = services.filter(|service| is_meant(&service.name)).map(async |service| {
        let looked = look(engine, questions, service, missing, with_production).await;
        looked.unwrap_or_else(|error| {
            tracing::warn!(service = %service.name, %error, "the tags of releases could not be looked at; it is tried again");
            Vec::new()
        })
    });
    join_all(looks).await.into_iter().flatten().collect()
}

/// The releases of a service whose tags may move, as things stand.
fn watched(conn: &Connection, service: &ServiceName, with_production: bool) -> Result<Vec<Release>, StoreError> {
    let mut all = Vec::new();
    for status in WATCHED {
        all.extend(releases::watched(conn, service, status, MAX_RELEASES_PER_STATUS)?);
    }
    if with_production && let Some(version) = runs::environment(conn, service, Env::Production)?.current {
        // The alarm is raised once.
        let told = events::has_happened(conn, version.release, "tag_moved")?;
        all.extend(releases::get(conn, version.release)?.filter(|release| !told && !release.status.is_active()));
    }
    all.retain(|release| release.tag.is_some() && release.is_confirmed());
    Ok(all)
}

/// Looks at the tags of a service's releases, and tells what has moved. Answers whose tags are not there, seen once.
async fn look(
    engine: &Engine,
    questions: &Arc<Questions>,
    service: &Arc<Service>,
    missing: &BTreeSet<ReleaseId>,
    with_production: bool,
) -> Result<Vec<ReleaseId>, Failure> {
    let name = service.name.clone();
    let watched = engine.read(move |conn| watched(conn, &name, with_production)).await?;
    if watched.is_empty() {
        return Ok(Vec::new());
    }
    let tags: BTreeSet<Tag> = watched.iter().filter_map(|release| release.tag.clone()).collect();
    let tags: Vec<_> = tags.into_iter().collect();
    let catalog = engine.catalog();
    let found = {
        let _place = loop {
            match questions.place(&service.name, &catalog) {
                Some(place) => break place,
                None => engine.sleep(PLACE_RETRY_INTERVAL).await,
            }
        };
        let Some(source) = Source::of(&catalog, &service.name) else { return Ok(Vec::new()) };
        source.resolve_all(&tags).await
    };
    let Ok(found) = found else { return Ok(Vec::new()) };
    let mut gone = Vec::new();
    for release in watched {
        let (Some(tag), Some(commit)) = (&release.tag, &release.commit) else { continue };
        let now = match found.get(tag) {
            Some(tagged) if tagged.is_meant_by(commit) => continue,
            Some(tagged) => Some(tagged.commit.clone()),
            // What runs may outlive its tag.
            None if !release.status.is_active() => continue,
            None if missing.contains(&release.id) => None,
            None => {
                gone.push(release.id);
                continue;
            }
        };
        let moved = Command::TagMoved { release: release.id, now };
        match engine.handle(Request::about(Actor::Machine, service.name.clone(), moved)).await {
            Ok(_) | Err(Failure::Refused(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests;
