//! What can be done about a release as things stand, by whom, and what is asked before it is done.

use super::release::ReleaseOverview;
use crate::domain::cause::Cause;
use crate::domain::env::Env;
use crate::domain::gate::Gate;
use crate::domain::moves::Move;
use crate::domain::person::{Actor, Right};
use crate::domain::refusal::Refusal;
use crate::domain::status::Status;

/// What a person is asked before a move is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Whether they are sure.
    Yes,
    /// Why.
    Reason,
    /// Which version to go back to, and then whether they are sure.
    Version,
    /// What was found, for each environment.
    Found,
}

impl Confirmation {
    /// What is asked before a move is made.
    #[must_use]
    pub const fn of(wanted: Move) -> Self {
        match wanted {
            Move::Settle | Move::Resolve => Self::Found,
            Move::Reject | Move::Bypass => Self::Reason,
            Move::Rollback => Self::Version,
            Move::Approve | Move::Promote | Move::Unlock | Move::Cancel | Move::Abort | Move::Retry => Self::Yes,
        }
    }
}

impl ReleaseOverview {
    /// Whether a move would be carried out for a person with the right, with force where [`Self::needs_force`] says so.
    #[must_use]
    pub fn is_legal(&self, wanted: Move) -> bool {
        if wanted.begins_anew() && self.service.begins().is_err() {
            return false;
        }
        let possible = self.possible.contains(&wanted);
        let status = self.release.status;
        match wanted {
            Move::Settle => !self.to_settle.is_empty(),
            Move::Resolve => !self.to_resolve.is_empty(),
            Move::Unlock => status.is_cancellable() && self.production().lock.is_some(),
            Move::Promote => {
                possible && (self.release.held || !self.service.approvals.auto_promote && !self.release.promoted)
            }
            Move::Abort => possible || self.needs_force(wanted),
            Move::Bypass => {
                let is_in_the_way = |gate: &Gate| !gate.met() && gate.name.can_be_bypassed();
                status.is_at_gates() && self.gates.iter().any(is_in_the_way)
            }
            Move::Approve | Move::Reject | Move::Cancel | Move::Rollback | Move::Retry => possible,
        }
    }

    /// Whether a move is refused unless it is asked for once more: something may still be at work.
    #[must_use]
    pub fn needs_force(&self, wanted: Move) -> bool {
        wanted == Move::Abort
            && self.release.status == Status::Deploying
            && self.production().unknown.is_none()
            && self.lost.contains_key(&Env::Production)
    }

    /// The moves that are legal now, whatever the viewer's rights.
    pub fn moves(&self) -> impl Iterator<Item = Move> {
        Move::OFFERED.into_iter().filter(|wanted| self.is_legal(*wanted))
    }

    /// Refuses an actor without the right to make a decision, whatever they say with it.
    ///
    /// # Errors
    /// Why not. An unknown decision is not refused here.
    pub fn check_may(&self, actor: &Actor, decision: &str) -> Result<(), Refusal> {
        let Ok(wanted) = serde_json::from_value::<Move>(decision.into()) else { return Ok(()) };
        if self.may(actor, wanted) {
            return Ok(());
        }
        let service = &self.release.service;
        actor.may(right_to(wanted), Some(service), false)?;
        let listed = self.service.approvals.required.clone();
        let person = actor.person().cloned().ok_or(Cause::NotAPerson)?;
        Err(Cause::NotListed { person, service: service.clone(), listed }.into())
    }

    /// Whether an actor may make a move, if it is legal.
    #[must_use]
    pub fn may(&self, actor: &Actor, wanted: Move) -> bool {
        let own = actor.person().is_some_and(|name| self.initiator.as_ref() == Some(name));
        let has = |right| actor.may(right, Some(&self.release.service), own).is_ok();
        let listed = |name| self.service.approvals.required.contains(name);
        match wanted {
            Move::Approve => has(Right::Vote) && actor.person().is_some_and(|name| self.tally.missing.contains(name)),
            Move::Reject => actor.person().is_some_and(|name| has(Right::Vote) && listed(name) || has(Right::Command)),
            Move::Cancel
            | Move::Retry
            | Move::Settle
            | Move::Resolve
            | Move::Promote
            | Move::Bypass
            | Move::Unlock
            | Move::Abort
            | Move::Rollback => has(right_to(wanted)),
        }
    }

    /// No approver is left whose yes would count.
    #[must_use]
    pub const fn is_hopeless(&self) -> bool {
        self.tally.needed > self.tally.given.len() + self.tally.missing.len()
    }

    /// Whether stage cannot go on before an admin has looked.
    #[must_use]
    pub fn is_stage_stuck(&self) -> bool {
        let stage = &self.environments[&Env::Stage];
        stage.dirty.is_some() || stage.unknown.is_some() || self.lost.contains_key(&Env::Stage)
    }
}

/// What it takes to make a move.
const fn right_to(wanted: Move) -> Right {
    match wanted {
        Move::Approve | Move::Reject => Right::Vote,
        Move::Cancel => Right::Cancel,
        Move::Retry => Right::Retry,
        Move::Settle | Move::Resolve | Move::Promote | Move::Bypass | Move::Unlock | Move::Abort | Move::Rollback => {
            Right::Command
        }
    }
}
