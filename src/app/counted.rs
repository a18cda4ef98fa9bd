//! Counts what becomes of releases and runs, for `/metrics`: what the record has seen before this start is read once, and
//! from there on the record is followed, so that a restart loses no run.
//!
//! Must not: be the reason why anything happens; nothing waits for it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::part::Part;
use crate::engine::Engine;
use crate::engine::supervise::keep_running;
use crate::store::StoreError;
use crate::store::events::{self, EventRow, Scope};
use crate::store::figures::{self, Ended};
use crate::telemetry::metrics::{self, EndedRun, RETIRED, Recorded};

/// Events read at once.
const BATCH: u32 = 500;
/// After the database could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Counts until RMM stops.
pub(super) async fn count(engine: Engine, stop: CancellationToken) {
    let place = loop {
        match begin(&engine).await {
            Ok(place) => break AtomicI64::new(place),
            Err(error) => warn!(%error, "what has become of releases could not be read for the figures"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = engine.sleep(PAUSE) => {}
        }
    };
    keep_running(Part::ReleaseFigures, engine.clock(), || follow(&engine, &place, &stop)).await;
}

fn run_of<'r>(engine: &Engine, run: &'r Ended) -> EndedRun<'r> {
    let Ended { environment, kind, outcome, started, ended, tagged, .. } = *run;
    EndedRun {
        service: engine.catalog().counted_as(&run.service).unwrap_or(RETIRED),
        environment,
        kind,
        outcome,
        started,
        ended,
        tagged,
    }
}

/// Reads what was, as of one moment, and says where in the record that moment is.
async fn begin(engine: &Engine) -> Result<i64, StoreError> {
    let counting = engine.clone();
    let (recorded, place) = engine
        .read(move |conn| {
            let recorded = Recorded::default();
            expect_services(&counting, &recorded);
            for (service, releases) in figures::created(conn)? {
                recorded.created(counting.catalog().counted_as(&service).unwrap_or(RETIRED), releases);
            }
            figures::ended(conn, |run| recorded.ended(run_of(&counting, &run)))?;
            Ok((recorded, figures::newest_event(conn)?))
        })
        .await?;
    metrics::of_process().begin_record(recorded);
    Ok(place)
}

/// What may happen next to the services of `rmm.toml` is shown before it does.
fn expect_services(engine: &Engine, recorded: &Recorded) {
    let catalog = engine.catalog();
    catalog.in_force().for_each(|service| recorded.expect(service.name.as_str()));
}

async fn follow(engine: &Engine, place: &AtomicI64, stop: &CancellationToken) {
    let (mut progress, mut catalog) = (engine.store().progress(), engine.reconfigured());
    loop {
        progress.mark_unchanged();
        match step(engine, place).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                warn!(%error, "what becomes of releases could not be read for the figures");
                engine.sleep(PAUSE).await;
                continue;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = progress.changed() => if changed.is_err() { return },
            _ = catalog.changed() => if let Some(recorded) = metrics::of_process().recorded() {
                expect_services(engine, recorded);
            },
        }
    }
}

/// What an event comes to.
enum Counted {
    Nothing,
    Created,
    Moved { left: &'static str, to: &'static str, after: Option<i64> },
    Ended(Ended),
}

/// Counts the next events. `false`: there are none.
async fn step(engine: &Engine, place: &AtomicI64) -> Result<bool, StoreError> {
    let after = place.load(Ordering::Relaxed);
    if engine.store().progress().borrow().last_event <= after {
        return Ok(false);
    }
    let rows = engine.read(move |conn| {
        let rows = events::after(conn, after, &Scope::default(), BATCH, usize::MAX)?.events;
        rows.into_iter().map(|row| Ok((counted(conn, &row)?, row))).collect::<Result<Vec<_>, StoreError>>()
    });
    let rows = rows.await?;
    let recorded = metrics::of_process().recorded();
    for (what, row) in &rows {
        place.store(row.seq, Ordering::Relaxed);
        let Some(recorded) = recorded else { continue };
        let service = engine.catalog().counted_as(row.service.as_deref().unwrap_or_default()).unwrap_or(RETIRED);
        match what {
            Counted::Nothing => {}
            Counted::Created => recorded.created(service, 1),
            Counted::Moved { left, to, after } => recorded.moved(service, left, to, *after),
            Counted::Ended(run) => recorded.ended(run_of(engine, run)),
        }
    }
    Ok(!rows.is_empty())
}

fn counted(conn: &rusqlite::Connection, row: &EventRow) -> Result<Counted, StoreError> {
    let data = || serde_json::from_str::<Value>(&row.data).unwrap_or_default();
    Ok(match row.kind.as_str() {
        "release_created" => Counted::Created,
        "release_moved" => {
            let data = data();
            let status = |name: &str| data[name].as_str().and_then(figures::status);
            let (Some(left), Some(to)) = (status("from"), status("to")) else { return Ok(Counted::Nothing) };
            let entered = row.release.map(|release| figures::entered(conn, release, row.seq)).transpose()?.flatten();
            Counted::Moved { left, to, after: entered.map(|entered| row.at - entered) }
        }
        "run_ended" => {
            let run = row.run.map(|run| figures::one_ended(conn, run)).transpose()?.flatten();
            let unknown = data()["state"] == "unknown";
            // A run whose end was not known may have been judged since.
            run.map_or(Counted::Nothing, |run| {
                Counted::Ended(if unknown { Ended { outcome: "unknown", ..run } } else { run })
            })
        }
        _ => Counted::Nothing,
    })
}
