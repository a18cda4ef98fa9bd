//! No other release is being deployed or is ahead in the line.

use super::{Condition, Finding, GateName, GateState, Remedy, holds_its_place, met, unmet};
use crate::domain::env::Env;
use crate::domain::release::Release;
use crate::domain::run::RunState;
use crate::domain::status::Status;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::ProductionFree, can_be_bypassed: false, blocks_only_its_release: false, look };

fn look(world: &World<'_>, release: &Release) -> Finding {
    let other_run = world.occupying_run(Env::Production).filter(|run| run.release != release.id);
    if let Some(run) = other_run {
        if matches!(run.state, RunState::Unknown { .. }) {
            let state = GateState::LostRun { run: run.id, release: run.release };
            return unmet(state, Remedy::ResolveRun { run: run.id });
        }
        return unmet(GateState::BusyWith { release: run.release, stopping: run.stopping() }, Remedy::WaitForEnd);
    }
    let busy = [Status::Deploying, Status::ProductionRollback].into_iter().flat_map(|status| world.in_status(status));
    if let Some(other) = busy.filter(|other| other.id != release.id).min_by_key(|other| other.id) {
        return unmet(GateState::BusyWith { release: other.id, stopping: None }, Remedy::WaitForEnd);
    }
    let ahead = world.line().into_iter().take_while(|r| r.id != release.id).find(|r| holds_its_place(world, r));
    match ahead {
        Some(first) if release.status == Status::ManualTestPassed => {
            unmet(GateState::Behind { release: first.id }, Remedy::WaitForTurn)
        }
        Some(_) | None => met(GateState::Free),
    }
}
