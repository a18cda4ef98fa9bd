//! Writes into the log of RMM what becomes of releases: a line for each change of a status, and for what needs an admin.
//! Everything comes from the record, from where it stood when this process began.
//!
//! Must not: be the reason why anything happens; the log may be switched off.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::domain::env::Env;
use crate::domain::environment::Stragglers;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::part::Part;
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::engine::catalog::Catalog;
use crate::engine::supervise::keep_running;
use crate::engine::{Engine, told_of};
use crate::store::events::{self, EventRow, Scope};
use crate::store::{StoreError, releases, runs};

/// The events that have a line.
const TOLD: [&str; 12] = [
    "release_created",
    "release_moved",
    "run_ended",
    "run_resolved",
    "environment_changed",
    "environment_dirty",
    "environment_repaired",
    "host_left_behind",
    "host_caught_up",
    "host_given_up",
    "gates_bypassed",
    "tag_moved",
];
/// Events read at once.
const BATCH: u32 = 500;
/// After the database could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// Logs what comes after an event, until it is told to stop and nothing is left.
pub(super) async fn log(engine: Engine, after: i64, stop: CancellationToken) {
    let told = AtomicI64::new(after);
    keep_running(Part::ReleaseLog, engine.clock(), || follow(&engine, &told, &stop)).await;
}

async fn follow(engine: &Engine, told: &AtomicI64, stop: &CancellationToken) {
    let mut progress = engine.store().progress();
    loop {
        progress.mark_unchanged();
        let stopping = stop.is_cancelled();
        match step(engine, told).await {
            Ok(true) => continue,
            Ok(false) if stopping => return,
            Ok(false) => {}
            Err(error) => {
                warn!(%error, "what happens to releases could not be read for the log");
                if stopping {
                    return;
                }
                engine.sleep(PAUSE).await;
                continue;
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            changed = progress.changed() => if changed.is_err() { return },
        }
    }
}

/// Logs the next events. `false`: there are none.
async fn step(engine: &Engine, told: &AtomicI64) -> Result<bool, StoreError> {
    let after = told.load(Ordering::Relaxed);
    if engine.store().progress().borrow().last_event <= after {
        return Ok(false);
    }
    let catalog = engine.catalog();
    let rows = engine.read(move |conn| {
        let rows = events::after(conn, after, &Scope::default(), BATCH, usize::MAX)?.events;
        rows.into_iter()
            .map(|row| Ok((About::read(conn, &catalog, &row)?, row)))
            .collect::<Result<Vec<_>, StoreError>>()
    });
    let rows = rows.await?;
    for (about, row) in &rows {
        told.store(row.seq, Ordering::Relaxed);
        line(row, about, &engine.catalog());
    }
    Ok(!rows.is_empty())
}

/// What the line of an event says of its release.
#[derive(Default)]
struct About {
    tag: Option<String>,
    release: Option<i64>,
    /// The run that a status stands for.
    run: Option<i64>,
    /// Hosts that may run another version than production.
    stragglers: Option<Stragglers>,
}

impl About {
    fn read(conn: &Connection, catalog: &Catalog, row: &EventRow) -> Result<Self, StoreError> {
        if !TOLD.contains(&row.kind.as_str()) {
            return Ok(Self::default());
        }
        let by_run = || row.run.map(|run| runs::get(conn, RunId(run))).transpose();
        let release = match row.release {
            Some(release) => Some(ReleaseId(release)),
            None => by_run()?.flatten().map(|run| run.release),
        };
        let release = release.map(|id| releases::get(conn, id)).transpose()?.flatten();
        let Some(release) = release else { return Ok(Self::default()) };
        let (tag, number) = (release.tag.as_ref().map(ToString::to_string), Some(release.id.0));
        let about = Self { tag, release: number, run: row.run, stragglers: None };
        if row.kind != "release_moved" {
            return Ok(about);
        }
        let run = runs::last_of_release(conn, release.id, None, 1)?.last().map(|run| run.id.0);
        let Some(service) = catalog.service(&release.service) else { return Ok(Self { run, ..about }) };
        let production = runs::environment(conn, &release.service, Env::Production)?;
        Ok(Self { run, stragglers: Stragglers::of(&release, &production, service), ..about })
    }
}

/// The line of an event, if it has one.
fn line(row: &EventRow, about: &About, catalog: &Catalog) {
    let tag = about.tag.as_deref();
    let data: Value = serde_json::from_str(&row.data).unwrap_or_default();
    let text = |name: &str| data[name].as_str();
    let actor = serde_json::from_str::<Actor>(&row.actor).ok();
    let by = actor.as_ref().map(Actor::label);
    let (service, release, run, why) = (row.service.as_deref(), about.release, row.run, text("reason"));
    let trace_id = row.trace_id.as_deref();
    match row.kind.as_str() {
        "release_created" => {
            let (to, given) = (Status::Initiated.as_str(), text("initiated_by"));
            let person = given.and_then(|given| catalog.person_meant(given));
            let initiated_by = person.map(|person| person.name.as_str()).or(given);
            info!(service, tag, release, to, by, initiated_by, trace_id, "a release is created");
        }
        "release_moved" => {
            let (from, to) = (text("from"), text("to"));
            let status = to.and_then(|to| to.parse::<Status>().ok());
            let mut what = status.map_or("the release goes on", in_words).to_owned();
            let has_come = matches!(status, Some(Status::RollbackDone | Status::Deployed));
            let stragglers = about.stragglers.as_ref().filter(|_| has_come);
            if let Some(left) = stragglers {
                what = format!("{what}; {}", told_of(left));
            }
            let is_bad = |status: Status| {
                status.failed_on_stage() || matches!(status, Status::ProductionRollback | Status::RollbackFailed)
            };
            let because = serde_json::from_value::<Reason>(data["because"].clone()).ok();
            let run = about.run.filter(|_| status.is_some_and(is_of_run));
            let is_alarm = because.is_some_and(|reason| reason.is_of_moved_tag());
            if is_alarm || stragglers.is_some() || status.is_some_and(is_bad) {
                warn!(service, tag, release, run, from, to, by, why, trace_id, "{what}");
            } else {
                info!(service, tag, release, run, from, to, by, why, trace_id, "{what}");
            }
        }
        "tag_moved" => {
            let (was, now) = (text("from"), text("to"));
            let gone = data["gone"] == true;
            let what = if gone { "the tag of a release is gone" } else { "the tag of a release has moved" };
            warn!(service, tag, release, run, was, now, trace_id, "{what}");
        }
        "run_ended" if text("state") == Some("unknown") => {
            let (environment, kind) = (text("environment"), text("kind"));
            warn!(service, tag, release, run, environment, kind, why, trace_id, "it is not known how the run ended");
        }
        // By no run: a CI system has told so out of turn.
        "environment_changed" if run.is_none() => {
            let environment = text("environment");
            warn!(
                service,
                tag, release, environment, by, trace_id, "CI has brought a release there although it was refused"
            );
        }
        "environment_dirty" => {
            let environment = text("environment");
            warn!(service, tag, release, run, environment, why, trace_id, "the environment needs repair");
        }
        "host_left_behind" => {
            let (environment, host) = (text("environment"), text("host"));
            warn!(service, tag, release, run, environment, host, why, trace_id, "the run goes on without a host");
        }
        "host_caught_up" => {
            let (environment, host) = (text("environment"), text("host"));
            info!(service, tag, release, run, environment, host, trace_id, "a host that was left behind is caught up");
        }
        "host_given_up" => {
            let (environment, host) = (text("environment"), text("host"));
            info!(service, environment, host, by, why, trace_id, "a host is given up");
        }
        "run_resolved" => {
            let verdict = text("verdict");
            info!(service, tag, release, run, by, verdict, why, trace_id, "an admin has said how the run ended");
        }
        "environment_repaired" => {
            let environment = text("environment");
            info!(service, tag, release, run, environment, by, trace_id, "the environment is repaired");
        }
        "gates_bypassed" => {
            let gates = data["gates"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let gates = gates.collect::<Vec<_>>().join(", ");
            info!(service, tag, release, by, gates, why, trace_id, "gates of production are skipped");
        }
        _ => {}
    }
}

/// Whether a run brings a release there, or begins with it.
const fn is_of_run(status: Status) -> bool {
    match status {
        Status::StageBuilding
        | Status::StageBuildingFailed
        | Status::StageTestRollback
        | Status::StageTestRollbackFailed
        | Status::ManualTesting
        | Status::Deploying
        | Status::Deployed
        | Status::ProductionRollback
        | Status::RollbackDone
        | Status::RollbackFailed => true,
        Status::Initiated | Status::ManualTestFailed | Status::ManualTestPassed | Status::Cancelled => false,
    }
}

const fn in_words(status: Status) -> &'static str {
    match status {
        Status::Initiated => "the release begins",
        Status::StageBuilding => "deploying to stage",
        Status::StageBuildingFailed => "stage failed",
        Status::StageTestRollback => "rehearsing the rollback on stage",
        Status::StageTestRollbackFailed => "the rehearsal failed",
        Status::ManualTesting => "waiting for approval",
        Status::ManualTestFailed => "rejected",
        Status::ManualTestPassed => "next for production",
        Status::Deploying => "deploying to production",
        Status::Deployed => "deployed to production",
        Status::ProductionRollback => "rolling back production",
        Status::RollbackDone => "production is rolled back",
        Status::RollbackFailed => "the rollback of production failed",
        Status::Cancelled => "cancelled",
    }
}
