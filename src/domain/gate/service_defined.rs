//! The service is in the configuration, so that something new may begin in it.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::release::Release;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::ServiceDefined, can_be_bypassed: false, blocks_only_its_release: false, look };

fn look(world: &World<'_>, _: &Release) -> Finding {
    let service = &world.service;
    match (service.put_aside, service.retired) {
        (true, _) => unmet(GateState::PutAside, Remedy::Define { service: service.name.clone() }),
        (false, true) => unmet(GateState::Retired, Remedy::Define { service: service.name.clone() }),
        (false, false) => met(GateState::Defined),
    }
}
