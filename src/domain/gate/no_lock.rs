//! Production is not locked.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::release::Release;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::NoLock, can_be_bypassed: true, blocks_only_its_release: false, look };

fn look(world: &World<'_>, _: &Release) -> Finding {
    match &world.production().lock {
        None => met(GateState::Unlocked),
        Some(lock) => unmet(GateState::Locked { by: lock.by.clone(), reason: lock.reason.clone() }, Remedy::Unlock),
    }
}
