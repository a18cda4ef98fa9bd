//! What is read for the screens of a release.

use rusqlite::Connection;
use serde::Deserialize;

use super::pen::Pen;
use super::run::{self, FailureFacts};
use crate::domain::cause::Code;
use crate::domain::env::Env;
use crate::domain::environment::{EnvironmentState, Lock};
use crate::domain::gate::{Gate, GateName, Skip, Standing};
use crate::domain::ids::{Attempt, ReleaseId};
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::release::{Bypass, Release};
use crate::domain::run::{Run, RunKind, RunState};
use crate::domain::status::{List, Status};
use crate::domain::tally::Tally;
use crate::engine::Failure;
use crate::store::events::{self, EventRow};
use crate::store::{StoreError, releases, runs};
use crate::views::ReleaseOverview;

/// A release and what surrounds it.
pub(super) struct Scene {
    pub release: Release,
    /// What surrounds it; none: its service was never configured.
    pub overview: Option<ReleaseOverview>,
    /// Its runs in the attempt that is told of, oldest first.
    pub runs: Vec<Run>,
    /// What went wrong last.
    pub failure: Option<FailureFacts>,
    /// Who has rejected it, and why, where that is what is told: it may have been tried again since.
    pub rejected: Option<(String, String)>,
}

impl Scene {
    /// Reads it; none when there is no such release. `lines`: how many of the output of a failed step.
    pub async fn read(pen: &Pen<'_>, id: ReleaseId, lines: usize) -> Result<Option<Self>, Failure> {
        Self::read_as_of(pen, id, lines, Then::default()).await
    }

    /// As [`Self::read`], with the attempt, the state, the vote and the gates of that moment.
    pub async fn read_as_of(pen: &Pen<'_>, id: ReleaseId, lines: usize, then: Then) -> Result<Option<Self>, Failure> {
        let at = then.at;
        let found = pen.engine.read(move |conn| {
            let Some(release) = releases::get(conn, id)? else { return Ok(None) };
            let attempt = match at {
                Some((seq, _)) => attempt_at(conn, &release, seq)?,
                None => release.attempt,
            };
            let mut runs = runs::of_release(conn, id)?;
            let was_there = |run: &Run| at.is_none_or(|(_, at)| run.created_at.as_millisecond() <= at);
            runs.retain(|run| run.attempt == attempt && was_there(run));
            Ok(Some((release, attempt, runs)))
        });
        let Some((read, attempt, runs)) = found.await? else { return Ok(None) };
        let mut overview = match ReleaseOverview::read(pen.engine, id).await {
            Ok(overview) => Some(overview),
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => None,
            Err(failure) => return Err(failure),
        };
        // One moment for the release and its surroundings.
        let mut release = overview.as_ref().map_or(read, |overview| overview.release.clone());
        release.attempt = attempt;
        // Another rollback may have gone elsewhere since.
        let went_back = runs.iter().rev().find(|run| run.kind == RunKind::Rollback && run.moves_its_release());
        if let Some(run) = went_back.filter(|_| at.is_some()) {
            release.rollback_to_tag = run.to.tag.clone();
        }
        let mut rejected = None;
        if let Some((status, reason)) = then.moved {
            if let Some(Reason::Rejected { by, why }) = &reason {
                rejected = Some((by.clone(), why.clone()));
            }
            (release.status, release.reason) = (status, reason);
        }
        if let Some((overview, tally)) = overview.as_mut().zip(then.tally) {
            overview.tally = tally;
        }
        if let Some(gates) = then.gates {
            release.bypasses = gates.iter().filter_map(skipped).collect();
            overview.iter_mut().for_each(|overview| overview.gates.clone_from(&gates));
        }
        if let Some(bypassed) = then.bypassed {
            release.bypasses = bypassed;
        }
        let failure = match failed_run(&release, &runs) {
            Some(run) => run::failure(pen, run, lines).await?,
            None => None,
        };
        Ok(Some(Self { release, overview, runs, failure, rejected }))
    }

    /// The run that is at work for the release, or whose end is not known.
    pub fn run(&self) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.state.occupies() && run.moves_its_release())
    }

    /// A run of the release that only an admin can help on.
    pub fn stuck(&self) -> Option<&Run> {
        let states = || self.overview.iter().flat_map(|overview| overview.environments.values());
        let is_dirty = |run: &Run| states().any(|state| state.dirty.as_ref().is_some_and(|dirty| dirty.run == run.id));
        self.runs.iter().rev().find(|run| matches!(run.state, RunState::Unknown { .. }) || is_dirty(run))
    }

    /// Production runs it now.
    pub fn in_production(&self) -> bool {
        self.overview.as_ref().is_some_and(ReleaseOverview::is_in_production)
    }

    /// The facts about one of its environments.
    pub fn environment(&self, env: Env) -> Option<&EnvironmentState> {
        self.overview.as_ref().and_then(|overview| overview.environments.get(&env))
    }

    pub fn lock(&self) -> Option<&Lock> {
        self.environment(Env::Production)?.lock.as_ref()
    }
}

/// How a release stood when something happened, as far as the record says.
#[derive(Clone, Default)]
pub(super) struct Then {
    /// The place of the event in the record, and when it was, unix milliseconds.
    at: Option<(i64, i64)>,
    moved: Option<(Status, Option<Reason>)>,
    tally: Option<Tally>,
    /// The gates that stood in the way, or were skipped.
    gates: Option<Vec<Gate>>,
    /// What was skipped just then.
    bypassed: Option<Vec<Bypass>>,
    /// What the record says of the tag that has moved.
    pub tag_moved: Option<serde_json::Value>,
}

/// Which attempt of a release an event belongs to: that before the next one that began after it.
fn attempt_at(conn: &Connection, release: &Release, seq: i64) -> Result<Attempt, StoreError> {
    if release.attempt.0 <= 1 {
        return Ok(release.attempt);
    }
    let next = events::first_after(conn, release.id, seq, "release_retried")?;
    let next = next.and_then(|event| {
        let data: serde_json::Value = serde_json::from_str(&event.data).ok()?;
        u32::try_from(data["attempt"].as_u64()?).ok()
    });
    Ok(next.map_or(release.attempt, |next| Attempt(next.saturating_sub(1))))
}

fn skipped(gate: &Gate) -> Option<Bypass> {
    let Skip { by, reason } = gate.bypass.clone()?;
    Some(Bypass { gate: gate.name, by, reason, content: None })
}

impl Then {
    pub fn of(event: &EventRow) -> Self {
        let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
        let field = |name: &str| data.get(name).filter(|field| !field.is_null());
        let reason = field("because").or_else(|| field("reason")).and_then(|reason| Reason::deserialize(reason).ok());
        let to = match event.kind.as_str() {
            "release_moved" => field("to").and_then(|to| Status::deserialize(to).ok()),
            "release_approved" => Some(Status::ManualTesting),
            // Its workflow was not started.
            "run_ended" => Some(Status::ManualTestPassed),
            _ => None,
        };
        let standing = field("standing").and_then(|standing| Standing::deserialize(standing).ok());
        let (stood, gates) = standing.map(|standing| (standing.tally, standing.gates)).unzip();
        Self {
            at: Some((event.seq, event.at)),
            moved: to.map(|to| (to, reason)),
            tally: field("tally").and_then(|tally| Tally::deserialize(tally).ok()).or(stood),
            gates,
            bypassed: (event.kind == "gates_bypassed").then(|| bypassed(event, &data)),
            tag_moved: (event.kind == "tag_moved").then_some(data),
        }
    }
}

fn bypassed(event: &EventRow, data: &serde_json::Value) -> Vec<Bypass> {
    let by = serde_json::from_str::<Actor>(&event.actor).map(|actor| actor.label().to_owned()).unwrap_or_default();
    let reason = data["reason"].as_str().unwrap_or_default().to_owned();
    let gates = Vec::<GateName>::deserialize(&data["gates"]).unwrap_or_default();
    let bypass = |gate| Bypass { gate, by: by.clone(), reason: reason.clone(), content: None };
    gates.into_iter().map(bypass).collect()
}

/// The run that explains where a release stands, where something failed: of a release that ended badly the last one that
/// failed, and of one that is going back the deploy that failed.
fn failed_run<'r>(release: &Release, runs: &'r [Run]) -> Option<&'r Run> {
    let failed = |run: &&Run| matches!(run.state, RunState::Failed { .. }) && !run.housekeeping;
    if matches!(release.status, Status::ProductionRollback | Status::RollbackDone) {
        return runs.iter().rev().filter(failed).find(|run| run.kind == RunKind::Deploy);
    }
    let by_people = matches!(release.status, Status::ManualTestFailed | Status::Cancelled);
    runs.iter().rev().find(failed).filter(|_| release.status.list() == List::Failed && !by_people)
}
