//! Which events are alerts. A person's own decision is none.

use crate::bot::Bot;
use crate::domain::alert::{Alert, AlertKind};
use crate::domain::env::Env;
use crate::domain::ids::ReleaseId;
use crate::domain::run::{RunKind, RunState};
use crate::domain::status::Status;
use crate::engine::Engine;
use crate::store::events::{self, EventRow};
use crate::store::{StoreError, releases, runs};

/// Events of a release that are looked through for the trace of what has led to a failure.
const LOOKED: u32 = 50;
const LOOKED_BYTES: usize = 256 * 1024;

/// The alert of an event, if it is one.
pub(in crate::bot) async fn of_event(bot: &Bot, row: &EventRow) -> Result<Option<Alert>, StoreError> {
    let Some(release) = row.release.map(ReleaseId) else { return Ok(None) };
    let kind = match row.kind.as_str() {
        "tag_moved" => AlertKind::TagMoved,
        "release_moved" => match arrived(row) {
            Some(Status::StageBuildingFailed | Status::StageTestRollbackFailed) => AlertKind::Failed,
            Some(Status::ProductionRollback) if deploy_has_failed(bot, release).await? => AlertKind::Failed,
            Some(Status::RollbackFailed) => AlertKind::RollbackFailed,
            Some(_) | None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let trace = match &row.trace_id {
        Some(trace) => Some(trace.clone()),
        None => last_trace(&bot.engine, release, row.seq).await?,
    };
    Ok(Some(Alert {
        kind,
        place: row.service.clone().unwrap_or_default(),
        what: String::new(),
        about: format!("release:{release}"),
        seq: Some(row.seq),
        trace,
    }))
}

fn arrived(row: &EventRow) -> Option<Status> {
    let data: serde_json::Value = serde_json::from_str(&row.data).ok()?;
    data["to"].as_str()?.parse().ok()
}

/// Production goes back because its deploy has failed, and not because a person wants it.
async fn deploy_has_failed(bot: &Bot, release: ReleaseId) -> Result<bool, StoreError> {
    bot.engine
        .read(move |conn| {
            let Some(attempt) = releases::get(conn, release)?.map(|release| release.attempt) else { return Ok(false) };
            let deploys = runs::of_release(conn, release)?.into_iter().rev().find(|run| {
                run.attempt == attempt
                    && run.kind == RunKind::Deploy
                    && run.environment == Env::Production
                    && !run.housekeeping
            });
            Ok(deploys.is_some_and(|run| matches!(run.state, RunState::Failed { .. })))
        })
        .await
}

/// The trace of what has happened to a release last, before an event, where that has one.
pub(in crate::bot) async fn last_trace(
    engine: &Engine,
    release: ReleaseId,
    before: i64,
) -> Result<Option<String>, StoreError> {
    let before = Some(before);
    let read = move |conn: &rusqlite::Connection| events::last_of_release(conn, release, before, LOOKED, LOOKED_BYTES);
    let rows = engine.read(read).await?.events;
    Ok(rows.into_iter().find_map(|row| row.trace_id))
}
