//! Enough listed people said yes to this commit.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::release::Release;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::Approvals, can_be_bypassed: true, blocks_only_its_release: true, look };

fn look(world: &World<'_>, release: &Release) -> Finding {
    let tally = world.tally(release);
    let void: Vec<_> = world.approved_something_else(release);
    if vote_has_closed(release) && (void.is_empty() || tally.passed()) {
        // A list that changes afterwards opens it no more.
        return met(GateState::VoteClosed { approved_by: tally.given });
    }
    if tally.passed() {
        return met(match tally.needed {
            0 => GateState::NoApprovalsNeeded,
            needed => GateState::Approved { by: tally.given, needed },
        });
    }
    let state = GateState::ApprovalsMissing { given: tally.given.len(), needed: tally.needed, void };
    let count = tally.needed - tally.given.len();
    let enough = count <= tally.missing.len();
    unmet(state, if enough { Remedy::Approve { count, of: tally.missing } } else { Remedy::AddApprover })
}

fn vote_has_closed(release: &Release) -> bool {
    release.status.has_passed_vote() && release.bypasses.iter().all(|bypass| bypass.gate != GateName::Approvals)
}
