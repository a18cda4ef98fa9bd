//! The gates of production as people see them: in the operator's own words where there are some.

use minijinja::Value;
use serde::Serialize;

use super::pen::Pen;
use super::scene::Scene;
use crate::bot::words::{facts, text};
use crate::domain::env::Env;
use crate::domain::gate::{self, Gate, GateName};
use crate::domain::ids::PersonName;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunState};
use crate::domain::status::Status;
use crate::domain::world::World;

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
    let Some(world) = &scene.world else { return Vec::new() };
    let release = &scene.release;
    if !release.status.is_cancellable() {
        return Vec::new();
    }
    gate::explain(world, release).iter().map(|gate| facts(pen, world, release, gate)).collect()
}

/// The gates that a card names: those that are not told by the vote or by the status already.
pub(super) fn in_the_way(pen: &Pen<'_>, scene: &Scene) -> Vec<GateFacts> {
    let (Some(world), release) = (&scene.world, &scene.release) else { return Vec::new() };
    let early = matches!(release.status, Status::Initiated | Status::StageBuilding | Status::StageTestRollback);
    let stage_stuck =
        world.stage().dirty.is_some() || world.stage().unknown.is_some() || unknown(world, Env::Stage).is_some();
    let worth = |gate: &GateFacts| match gate.name {
        "approvals" => hopeless(world, release),
        "fresh_rehearsal" => !early || stage_stuck,
        "promoted" => release.status == Status::ManualTestPassed,
        _ => true,
    };
    all(pen, scene).into_iter().filter(|gate| !gate.met && worth(gate)).collect()
}

fn facts(pen: &Pen<'_>, world: &World, release: &Release, gate: &Gate) -> GateFacts {
    let words = match &gate.bypass {
        Some(skip) => {
            Some(pen.phrase("skipped.gate", facts! { by => skip.by, reason => text::clip(&skip.reason, 2, 200) }))
        }
        None if gate.met() => None,
        None => Some(unmet(pen, world, release, gate)),
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
fn unmet(pen: &Pen<'_>, world: &World, release: &Release, gate: &Gate) -> String {
    let key = format!("unmet.{}", gate.name.as_str());
    let own = pen.words.maybe(pen.language(), &key, known(pen, world, release));
    own.unwrap_or_else(|| pen.language().unmet_gate(gate))
}

fn known(pen: &Pen<'_>, world: &World, release: &Release) -> Value {
    let tally = world.tally(release);
    let lock = world.production().lock.as_ref();
    let busy = world.occupying_run(Env::Production).filter(|run| run.release != release.id);
    let deploying = world
        .releases
        .values()
        .find(|other| other.id != release.id && matches!(other.status, Status::Deploying | Status::ProductionRollback));
    facts! {
        given => tally.given.len(),
        needed => tally.needed,
        missing => tally.missing.iter().map(PersonName::as_str).collect::<Vec<_>>().join(", "),
        hopeless => hopeless(world, release),
        current => world.production().current.as_ref().map(ToString::to_string),
        rehearsed => release.rehearsal.is_some(),
        ours => world.service.stage().driver.is_ours(),
        dirty => world.stage().dirty.as_ref().map(|dirty| dirty.run.0),
        unknown => unknown(world, Env::Stage),
        lock_by => lock.map(|lock| lock.by.as_str()),
        lock_reason => lock.and_then(|lock| text::clip(&pen.language().reason(&lock.reason), 2, 200)),
        production_dirty => world.production().dirty.as_ref().map(|dirty| dirty.run.0),
        production_unknown => unknown(world, Env::Production),
        stage_not_known => world.stage().unknown.is_some(),
        production_not_known => world.production().unknown.is_some(),
        service => world.service.name.as_str(),
        busy => busy.map(|run| run.release.0).or(deploying.map(|other| other.id.0)),
    }
}

/// Nobody is left whose yes would count.
fn hopeless(world: &World, release: &Release) -> bool {
    let tally = world.tally(release);
    tally.needed > tally.given.len() + tally.missing.len()
}

/// The run whose end is not known.
fn unknown(world: &World, environment: Env) -> Option<i64> {
    let lost = |run: &&Run| matches!(run.state, RunState::Unknown { .. });
    world.occupying_run(environment).filter(lost).map(|run| run.id.0)
}
