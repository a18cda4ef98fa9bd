//! It is known which commit would be deployed.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::commit_check::CommitCheck;
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::CommitKnown, can_be_bypassed: false, blocks_only_its_release: true, look };

fn look(world: &World<'_>, release: &Release) -> Finding {
    if let Some((cause, again)) = release.commit_check.as_ref().and_then(CommitCheck::denied) {
        let state = GateState::CommitUnresolved { reason: cause.clone() };
        return unmet(state, again.map_or(Remedy::SendCommit, |at| Remedy::AskAgain { at }));
    }
    match (&release.commit, &release.reason) {
        (Some(commit), _) => met(GateState::CommitKnown { commit: commit.clone() }),
        (None, _) if !world.service.production().driver.is_ours() => met(GateState::CiKnowsCommit),
        (None, Some(Reason::CommitUnresolved { cause, again })) => {
            let state = GateState::CommitUnresolved { reason: (**cause).clone() };
            unmet(state, again.map_or(Remedy::SendCommit, |at| Remedy::AskAgain { at }))
        }
        (None, Some(_) | None) => unmet(GateState::CommitAsked, Remedy::Ask),
    }
}
