//! It is known what production runs, and the last rollback there did not fail.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::release::Release;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::ProductionClean, can_be_bypassed: false, blocks_only_its_release: false, look };

fn look(world: &World<'_>, _: &Release) -> Finding {
    if let Some(unknown) = &world.production().unknown {
        let state = GateState::ProductionUnknown { reason: unknown.reason.clone() };
        return unmet(state, Remedy::SettleProduction { service: world.service.name.clone() });
    }
    match &world.production().dirty {
        None => met(GateState::ProductionKnown),
        Some(dirty) => {
            let state = GateState::ProductionDirty { reason: dirty.reason.clone() };
            unmet(state, Remedy::RepairProduction { run: dirty.run })
        }
    }
}
