//! It is known which commit would be deployed.

use jiff::Timestamp;

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::commit_check::CommitCheck;
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::CommitKnown, can_be_bypassed: false, blocks_only_its_release: true, look };

fn look(world: &World<'_>, release: &Release) -> Finding {
    if let Some((cause, again)) = release.commit_check.as_ref().and_then(CommitCheck::denied) {
        return unresolved(cause, again);
    }
    if let Some(commit) = &release.commit {
        return met(GateState::CommitKnown { commit: commit.clone() });
    }
    // A workflow that RMM starts is told a tag, and that may mean anything by the time it looks.
    if !world.service.production().driver.is_started_by_rmm() {
        return met(GateState::CiKnowsCommit);
    }
    match (release.commit_check.as_ref().and_then(CommitCheck::unanswered), &release.reason) {
        (Some((cause, again)), _) => unresolved(cause, again),
        (None, Some(Reason::CommitUnresolved { cause, again })) => unresolved(cause, *again),
        (None, Some(_) | None) => unmet(GateState::CommitAsked, Remedy::Ask),
    }
}

fn unresolved(cause: &Reason, again: Option<Timestamp>) -> Finding {
    let state = GateState::CommitUnresolved { reason: cause.clone() };
    unmet(state, again.map_or(Remedy::SendCommit, |at| Remedy::AskAgain { at }))
}
