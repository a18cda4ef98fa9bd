//! With `auto_promote = false`, or after a workflow that did nothing: an admin said go.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::release::Release;
use crate::domain::service::Driver;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::Promoted, can_be_bypassed: false, blocks_only_its_release: true, look };

fn look(world: &World<'_>, release: &Release) -> Finding {
    match (world.service.approvals.auto_promote, release.promoted) {
        _ if release.held => unmet(GateState::Held, Remedy::Promote),
        (true, _) if matches!(world.service.production().driver, Driver::Ci { workflow: None, .. }) => {
            met(GateState::CiStarts)
        }
        (true, _) => met(GateState::StartsByItself),
        (false, true) => met(GateState::Promoted),
        (false, false) => unmet(GateState::NotPromoted, Remedy::Promote),
    }
}
