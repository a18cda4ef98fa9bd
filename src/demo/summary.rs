//! What came of the story: how long each phase took, by the record, and whether every check held.

use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::api::{Served, served};
use super::board::Mark;
use super::live::{Line, tone_of};
use super::sandbox::Sandbox;
use super::teller::Check;
use crate::api_client::Client;
use crate::contract::{EventView, ReleasePage, Word};
use crate::domain::event::Event;
use crate::domain::status::Status;
use crate::terminal::Tone;

/// Phases in the order of the life cycle.
const PHASES: [&str; 5] = ["stage", "rehearsal", "approvals", "production", "rollback"];

/// The summary, as `rmm demo --json` prints it.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The story came to its end and every check held.
    pub ok: bool,
    /// How long all of it took.
    pub seconds: f64,
    /// The releases in their order.
    pub releases: Vec<ReleaseSummary>,
    /// What the environments served at the end.
    pub environments: Environments,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Why the story did not come to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where everything was left, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

/// What the environments served.
#[derive(Debug, Default, Serialize)]
pub struct Environments {
    /// Stage; none if it did not answer.
    pub stage: Option<Served>,
    /// Production; none if it did not answer.
    pub production: Option<Served>,
}

/// One release.
#[derive(Debug, Serialize)]
pub struct ReleaseSummary {
    /// Its number.
    pub id: i64,
    /// Its tag.
    pub tag: String,
    /// How it ended.
    pub status: Word<Status>,
    /// Where production went back to from it.
    pub rollback_to_tag: Option<String>,
    /// How long each phase took.
    pub phases: Vec<Phase>,
    /// From its creation until it was last heard of.
    pub seconds: f64,
}

/// One phase of a release.
#[derive(Debug, Serialize)]
pub struct Phase {
    /// `stage`, `rehearsal`, `approvals`, `production` or `rollback`.
    pub name: &'static str,
    /// How long it took.
    pub seconds: f64,
}

/// Asks RMM and the environments.
///
/// # Errors
/// When RMM does not answer.
pub async fn gather(api: &Client, sandbox: &Sandbox) -> Result<(Vec<ReleaseSummary>, Environments)> {
    let page: ReleasePage = api.get("/api/v1/releases").await?;
    let mut releases = Vec::new();
    for release in page.releases.into_iter().rev() {
        let (events, _) = api.events(release.id).await?;
        let (phases, seconds) = phases(&events);
        releases.push(ReleaseSummary {
            id: release.id,
            tag: release.tag.unwrap_or_default(),
            status: release.status,
            rollback_to_tag: release.rollback_to_tag,
            phases,
            seconds,
        });
    }
    let stage = served(&sandbox.stage).await.ok();
    let production = served(&sandbox.production).await.ok();
    Ok((releases, Environments { stage, production }))
}

/// The time between two changes of status counts for the phase of the first. Between being deployed and being rolled
/// back a release is in none.
fn phases(events: &[EventView]) -> (Vec<Phase>, f64) {
    let mut spent = [None; PHASES.len()];
    let (mut since, mut phase, mut total, mut skipped) = (None::<Timestamp>, None::<usize>, 0.0, false);
    for told in events {
        let event = serde_json::from_value(json!({ "kind": told.kind, "data": told.data }));
        let to = match event {
            Ok(Event::ReleaseMoved { to, .. }) => Some(to),
            Ok(Event::ReleaseCreated { .. }) => Some(Status::Initiated),
            Ok(Event::NothingToRehearse { .. }) => {
                skipped = true;
                None
            }
            Ok(_) | Err(_) => None,
        };
        let (Some(to), Some(at)) = (to, told.at) else { continue };
        let seconds = since.map_or(0.0, |since| at.duration_since(since).as_secs_f64());
        if let Some(phase) = phase {
            let sum: &mut Option<f64> = &mut spent[phase];
            *sum = Some(sum.unwrap_or(0.0) + seconds);
        }
        // Only waiting in `deployed` is no work.
        if since.is_none() || phase.is_some() || to == Status::StageBuilding {
            total += seconds;
        }
        (since, phase) = (Some(at), phase_of(to));
    }
    if skipped {
        spent[1] = None;
    }
    let list = PHASES.into_iter().zip(spent);
    (
        list.filter_map(|(name, seconds)| seconds.map(|seconds| Phase { name, seconds: rounded(seconds) })).collect(),
        rounded(total),
    )
}

const fn phase_of(status: Status) -> Option<usize> {
    match status {
        Status::StageBuilding => Some(0),
        Status::StageTestRollback => Some(1),
        Status::ManualTesting | Status::ManualTestPassed => Some(2),
        Status::Deploying => Some(3),
        Status::ProductionRollback => Some(4),
        Status::Initiated
        | Status::StageBuildingFailed
        | Status::StageTestRollbackFailed
        | Status::ManualTestFailed
        | Status::Deployed
        | Status::RollbackDone
        | Status::RollbackFailed
        | Status::Cancelled => None,
    }
}

/// Milliseconds are all that the record knows.
pub fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

impl Summary {
    /// For people.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = vec![Line::default(), Line::default().add(Tone::Bold, "Summary")];
        if !self.releases.is_empty() {
            let titles: String = PHASES.iter().map(|phase| format!("  {phase}")).collect();
            lines.push(Line::default().add(Tone::Dim, format!("  seconds{titles}  total  ended")));
        }
        for release in &self.releases {
            let mut row = format!("  {:<7}", release.tag);
            for name in PHASES {
                let phase = release.phases.iter().find(|phase| phase.name == name);
                let text = phase.map_or_else(|| "–".to_owned(), |phase| format!("{:.2}", phase.seconds));
                row += &format!("  {text:>width$}", width = name.len());
            }
            row += &format!("  {:>5.2}  ", release.seconds);
            let (tone, how) = match (&release.rollback_to_tag, release.status.known()) {
                (Some(tag), Some(Status::RollbackDone)) => (Tone::Plain, format!("back to {tag}")),
                (_, Some(Status::Deployed)) => (Tone::Good, release.status.to_string()),
                (_, _) => (Tone::Bad, release.status.to_string()),
            };
            lines.push(Line::default().add(Tone::Plain, row).add(tone, how));
        }
        lines.push(Line::default());
        for check in &self.checks {
            let mark = if check.ok { Mark::Good } else { Mark::Bad };
            let tone = if check.ok { Tone::Plain } else { Tone::Bad };
            lines.push(Line::default().add(tone_of(mark), format!("  {} ", mark.sign())).add(tone, &check.text));
        }
        if let Some(error) = &self.error {
            lines.push(Line::default().add(Tone::Bad, format!("  ✗ the story did not come to its end: {error}")));
        }
        lines.push(Line::default());
        let held = self.checks.iter().filter(|check| check.ok).count();
        let of = self.checks.len();
        let (tone, verdict) = match (self.ok, &self.error) {
            (true, _) => (Tone::Good, format!("All {of} checks held, in {:.1} s.", self.seconds)),
            (false, None) => (Tone::Bad, format!("Only {held} of {of} checks held, in {:.1} s.", self.seconds)),
            (false, Some(_)) => (Tone::Bad, format!("The story broke off after {of} checks, of which {held} held.")),
        };
        lines.push(Line::default().add(tone, verdict));
        lines
    }
}
