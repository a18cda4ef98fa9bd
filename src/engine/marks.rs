//! Leaves on GitHub what people look for there: deployments, the vote as a status of the commit, a comment on the pull request.
//! It follows from the record: an event makes marks due, and each comes to what is so when its turn comes, so that changes
//! collapse and nothing is lost over a crash.
//!
//! Must not: hold up anything else. No release waits for a mark, and nothing follows from one. Where nothing is to be left on
//! GitHub, the record is not even read.

mod leave;
mod record;
mod worker;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::Engine;
use super::catalog::Catalog;
use crate::domain::ids::ServiceName;
use crate::domain::mark::MarkKind;
use crate::store::marks::{self, Due};
use crate::store::{StoreError, WriteError};

/// After the database could not be read or written.
const PAUSE: Duration = Duration::from_secs(1);

/// Goes on until it is dropped. Another configuration begins it anew: what GitHub has refused is asked once more.
pub(super) async fn watch(engine: Engine) {
    let mut catalog = engine.reconfigured();
    loop {
        let now = catalog.borrow_and_update().clone();
        tokio::select! {
            () = work(&engine, &now) => return,
            changed = catalog.changed() => if changed.is_err() { return },
        }
    }
}

/// The services whose repositories are at GitHub.
fn services(catalog: &Catalog) -> BTreeSet<ServiceName> {
    if catalog.marks().is_empty() {
        return BTreeSet::new();
    }
    let names = catalog.services().map(|service| &service.name);
    names.filter(|name| catalog.github_of(name).is_ok()).cloned().collect()
}

/// Works for one configuration.
async fn work(engine: &Engine, catalog: &Arc<Catalog>) {
    let services = services(catalog);
    let noted = loop {
        match begin(engine, catalog.marks(), services.is_empty()).await {
            Ok(noted) => break noted,
            Err(error) => {
                tracing::warn!(%error, "what is to be left on GitHub could not be noted; it is tried again");
                engine.sleep(PAUSE).await;
            }
        }
    };
    if services.is_empty() {
        return std::future::pending().await;
    }
    let news = watch::Sender::new(0_u64);
    let workers = services.iter().map(|name| worker::work(engine, name, news.subscribe()));
    let kinds = catalog.marks();
    let following = record::follow(engine, &kinds, &services, noted, &news);
    tokio::join!(following, join_all(workers));
}

/// From where the record is followed. What was not left before is not left afterwards; what is on the way and was, may say
/// something else by another configuration.
async fn begin(engine: &Engine, kinds: BTreeSet<MarkKind>, is_off: bool) -> Result<i64, StoreError> {
    let last = engine.store().progress().borrow().last_event;
    let noted = engine.read(marks::noted).await?;
    if is_off {
        if noted.is_some() {
            engine.store().write(|tx| marks::end(tx)).await.map_err(WriteError::flatten)?;
        }
        return Ok(last);
    }
    let at = engine.now();
    let begun = engine.store().write(move |tx| -> Result<i64, StoreError> {
        for kind in MarkKind::ALL {
            if !kinds.contains(&kind) {
                marks::forget_due(tx, kind)?;
                continue;
            }
            for (release, service) in marks::active(tx, kind)? {
                marks::note_due(tx, &Due { kind, about: release.0, service, since: last, at })?;
            }
        }
        let from = noted.unwrap_or(last);
        marks::set_noted(tx, from)?;
        Ok(from)
    });
    begun.await.map_err(WriteError::flatten)
}

#[cfg(test)]
mod tests;
