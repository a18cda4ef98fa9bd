//! Which marks say something else since an event of the record.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::Value;
use tokio::sync::watch;

use super::PAUSE;
use crate::domain::ids::{RunId, ServiceName};
use crate::domain::mark::MarkKind;
use crate::engine::Engine;
use crate::store::events::{self, EventRow, Scope};
use crate::store::marks::{self, Due};
use crate::store::{StoreError, WriteError, runs};

/// Events read at once.
const BATCH: u32 = 500;

/// Follows the record from a place on, and says when marks are due.
pub(super) async fn follow(
    engine: &Engine,
    kinds: &BTreeSet<MarkKind>,
    services: &BTreeSet<ServiceName>,
    from: i64,
    news: &watch::Sender<u64>,
) {
    let mut progress = engine.store().progress();
    let mut following = Following { engine, kinds, services, seen: from, noted: from };
    loop {
        match following.step().await {
            Ok(true) => news.send_modify(|count| *count += 1),
            Ok(false) => {
                let seen = following.seen;
                if progress.wait_for(|now| now.last_event > seen).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what is to be left on GitHub could not be noted; it is tried again");
                engine.sleep(PAUSE).await;
            }
        }
    }
}

struct Following<'a> {
    engine: &'a Engine,
    kinds: &'a BTreeSet<MarkKind>,
    services: &'a BTreeSet<ServiceName>,
    /// How far the record was read.
    seen: i64,
    /// The same as the database knows it: what makes no mark due is read again after a crash.
    noted: i64,
}

impl Following<'_> {
    /// Looks through the next events. `false`: there are none.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let seen = self.seen;
        if self.engine.store().progress().borrow().last_event <= seen {
            return Ok(false);
        }
        let read = self.engine.read(move |conn| {
            let rows = events::after(conn, seen, &Scope::default(), BATCH, usize::MAX)?.events;
            let others = rows.iter().map(|row| caught_up(conn, row)).collect::<Result<Vec<_>, _>>()?;
            Ok(rows.into_iter().zip(others).collect::<Vec<_>>())
        });
        let rows = read.await?;
        let Some(last) = rows.last().map(|(row, _)| row.seq) else { return Ok(false) };
        let mut due = BTreeMap::new();
        for (row, others) in &rows {
            let Some(service) = row.service.as_ref().and_then(|name| ServiceName::parse("service", name).ok()) else {
                continue;
            };
            if self.services.contains(&service) {
                let changed =
                    changed_by(row).chain(others.iter().copied()).filter(|(kind, _)| self.kinds.contains(kind));
                due.extend(changed.map(|mark| (mark, (service.clone(), row.seq))));
            }
        }
        if !due.is_empty() || last - self.noted >= i64::from(BATCH) {
            let at = self.engine.now();
            let noted = self.engine.store().write(move |tx| -> Result<(), StoreError> {
                for ((kind, about), (service, since)) in due {
                    marks::note_due(tx, &Due { kind, about, service, since, at })?;
                }
                marks::set_noted(tx, last)
            });
            noted.await.map_err(WriteError::flatten)?;
            self.noted = last;
        }
        self.seen = last;
        Ok(true)
    }
}

/// What was said of hosts that were left behind is not so any more: by the run that left them, and by the release that they may
/// have run.
fn caught_up(conn: &Connection, row: &EventRow) -> Result<Vec<(MarkKind, i64)>, StoreError> {
    let run = row.run.filter(|_| row.kind == "host_caught_up").map(|run| runs::get(conn, RunId(run))).transpose()?;
    let Some(run) = run.flatten() else { return Ok(Vec::new()) };
    let data: Value = serde_json::from_str(&row.data).unwrap_or_default();
    let newer = data["newer"]["release"].as_i64().map(|release| (MarkKind::Comment, release));
    let standing = marks::standing_before(conn, &run)?.into_iter().map(|RunId(run)| (MarkKind::Deployment, run));
    Ok(standing.chain(newer).collect())
}

/// The marks that an event may have changed. Single steps are none of GitHub's business.
fn changed_by(row: &EventRow) -> impl Iterator<Item = (MarkKind, i64)> {
    let is_step = row.kind.starts_with("step_");
    let of_run = row.run.map(|run| (MarkKind::Deployment, run));
    let of_release = row.release.map(|release| [(MarkKind::Status, release), (MarkKind::Comment, release)]);
    of_run.into_iter().chain(of_release.into_iter().flatten()).filter(move |_| !is_step)
}
