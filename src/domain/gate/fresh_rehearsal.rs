//! The rollback to what production runs now was rehearsed.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::env::Env;
use crate::domain::release::Release;
use crate::domain::run::RunState;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::FreshRehearsal, can_be_bypassed: true, blocks_only_its_release: true, look };

fn look(world: &World<'_>, release: &Release) -> Finding {
    let now = world.production().current.clone();
    let Some(rehearsal) = &release.rehearsal else { return unmet(GateState::NotRehearsed, waits_for(world)) };
    if !rehearsal.is_about(release, &world.definition) {
        return unmet(GateState::RehearsedOtherContent, waits_for(world));
    }
    match now {
        Some(back_to) if rehearsal.against == Some(back_to.release) => met(GateState::Rehearsed { back_to }),
        None if rehearsal.against.is_none() => {
            met(GateState::NothingToRehearse { maybe_was: world.service.maybe_was.clone() })
        }
        Some(_) => unmet(GateState::RehearsedElsewhere { now }, waits_for(world)),
        None => unmet(GateState::RehearsedElsewhere { now }, Remedy::RehearseAgain),
    }
}

/// Who or what brings the rehearsal about.
fn waits_for(world: &World<'_>) -> Remedy {
    if let Some(unknown) = &world.stage().unknown {
        return Remedy::SettleStage { service: world.service.name.clone(), reason: unknown.reason.clone() };
    }
    if let Some(dirty) = &world.stage().dirty {
        return Remedy::RepairStage { run: dirty.run, reason: dirty.reason.clone() };
    }
    let run = world.occupying_run(Env::Stage);
    match run.filter(|run| matches!(run.state, RunState::Unknown { .. })) {
        Some(lost) => Remedy::ResolveStageRun { run: lost.id },
        None if world.service.stage().driver.is_ours() => Remedy::Rehearse,
        None => Remedy::CiRehearses,
    }
}
