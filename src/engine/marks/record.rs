//! Which marks say something else since an event of the record.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use super::PAUSE;
use crate::domain::ids::ServiceName;
use crate::domain::mark::MarkKind;
use crate::engine::Engine;
use crate::store::events::{self, EventRow, Scope};
use crate::store::marks::{self, Due};
use crate::store::{StoreError, WriteError};

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
        let read = self.engine.read(move |conn| events::after(conn, seen, &Scope::default(), BATCH, usize::MAX));
        let rows = read.await?.events;
        let Some(last) = rows.last().map(|row| row.seq) else { return Ok(false) };
        let mut due = BTreeMap::new();
        for row in &rows {
            let Some(service) = row.service.as_ref().and_then(|name| ServiceName::parse("service", name).ok()) else {
                continue;
            };
            if self.services.contains(&service) {
                let changed = changed_by(row).filter(|(kind, _)| self.kinds.contains(kind));
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

/// The marks that an event may have changed. Single steps are none of GitHub's business.
fn changed_by(row: &EventRow) -> impl Iterator<Item = (MarkKind, i64)> {
    let is_step = row.kind.starts_with("step_");
    let of_run = row.run.map(|run| (MarkKind::Deployment, run));
    let of_release = row.release.map(|release| [(MarkKind::Status, release), (MarkKind::Comment, release)]);
    of_run.into_iter().chain(of_release.into_iter().flatten()).filter(move |_| !is_step)
}
