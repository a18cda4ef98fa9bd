//! The gates of production as people see them: in the operator's own words where there are some.

use minijinja::Value;
use serde::Serialize;

use super::pen::Pen;
use super::scene::Scene;
use crate::bot::words::{facts, text};
use crate::domain::env::Env;
use crate::domain::gate::{Gate, GateName, GateState};
use crate::domain::ids::PersonName;
use crate::domain::status::Status;
use crate::views::ReleaseOverview;

/// A gate.
#[derive(Debug, Serialize)]
pub(super) struct GateFacts {
    name: &'static str,
    icon: &'static str,
    title: String,
    met: bool,
    bypassed: bool,
    /// How it stands and what would clear it; none where the title says it all.
    words: Option<String>,
}

/// The name of a gate, for people.
pub(super) fn title(pen: &Pen<'_>, name: GateName) -> String {
    pen.word(&format!("gate.{}", name.as_str()))
}

/// Every gate that still counts for a release.
pub(super) fn all(pen: &Pen<'_>, scene: &Scene) -> Vec<GateFacts> {
    let overview = scene.overview.iter();
    overview.flat_map(|overview| overview.gates.iter().map(|gate| facts(pen, overview, gate))).collect()
}

/// The gates that a card names: those that are not told by the vote or by the status already.
pub(super) fn in_the_way(pen: &Pen<'_>, scene: &Scene) -> Vec<GateFacts> {
    let Some(overview) = &scene.overview else { return Vec::new() };
    let status = scene.release.status;
    let early = matches!(status, Status::Initiated | Status::StageBuilding | Status::StageTestRollback);
    let worth = |gate: &GateFacts| match gate.name {
        "approvals" => overview.is_hopeless(),
        "fresh_rehearsal" => !early || overview.is_stage_stuck(),
        "promoted" => status == Status::ManualTestPassed,
        _ => true,
    };
    all(pen, scene).into_iter().filter(|gate| !gate.met && worth(gate)).collect()
}

fn facts(pen: &Pen<'_>, overview: &ReleaseOverview, gate: &Gate) -> GateFacts {
    let words = match &gate.bypass {
        Some(skip) => {
            Some(pen.phrase("skipped.gate", facts! { by => skip.by, reason => text::clip(&skip.reason, 2, 200) }))
        }
        None if gate.met() => None,
        None => Some(unmet(pen, overview, gate)),
    };
    GateFacts {
        name: gate.name.as_str(),
        icon: match (gate.met(), gate.bypass.is_some()) {
            (true, true) => "⏭️",
            (true, false) => "✅",
            (false, _) => "⏳",
        },
        title: title(pen, gate.name),
        met: gate.met(),
        bypassed: gate.bypass.is_some(),
        words,
    }
}

/// How an unmet gate stands, and what would clear it.
fn unmet(pen: &Pen<'_>, overview: &ReleaseOverview, gate: &Gate) -> String {
    let key = format!("unmet.{}", gate.name.as_str());
    let own = pen.words.maybe(pen.language(), &key, known(pen, overview, gate));
    own.unwrap_or_else(|| pen.language().unmet_gate(gate))
}

fn known(pen: &Pen<'_>, overview: &ReleaseOverview, gate: &Gate) -> Value {
    let tally = &overview.tally;
    let (stage, production) = (&overview.environments[&Env::Stage], overview.production());
    // Where a notice tells of a moment, production may have another lock by now.
    let lock = if let GateState::Locked { by, reason } = &gate.state {
        Some((by, reason))
    } else {
        production.lock.as_ref().map(|lock| (&lock.by, &lock.reason))
    };
    let lost = |env| overview.lost.get(&env).map(|run| run.0);
    facts! {
        given => tally.given.len(),
        needed => tally.needed,
        missing => tally.missing.iter().map(PersonName::as_str).collect::<Vec<_>>().join(", "),
        hopeless => overview.is_hopeless(),
        current => overview.current().map(ToString::to_string),
        rehearsed => overview.release.rehearsal.is_some(),
        ours => overview.service.stage().driver.is_ours(),
        dirty => stage.dirty.as_ref().map(|dirty| dirty.run.0),
        unknown => lost(Env::Stage),
        lock_by => lock.map(|(by, _)| by.as_str()),
        lock_reason => lock.and_then(|(_, reason)| pen.why(reason)),
        production_dirty => production.dirty.as_ref().map(|dirty| dirty.run.0),
        production_unknown => lost(Env::Production),
        stage_not_known => stage.unknown.is_some(),
        production_not_known => production.unknown.is_some(),
        service => overview.service.name.as_str(),
        busy => overview.busy_with.map(|other| other.0),
    }
}
