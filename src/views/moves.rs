//! What can be done about a release as things stand, by whom, and what is asked before it is done.

use super::release::ReleaseOverview;
use crate::domain::env::Env;
use crate::domain::gate::GateName;
use crate::domain::person::{Actor, Right};
use crate::domain::status::Status;

/// A command that people have about a release, or about its service because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the commands")]
pub enum Move {
    Settle,
    Approve,
    Reject,
    Promote,
    Unlock,
    Cancel,
    Abort,
    Rollback,
    Retry,
}

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

impl Move {
    /// All, in the order in which people are offered them.
    pub const ALL: [Self; 9] = [
        Self::Settle,
        Self::Approve,
        Self::Reject,
        Self::Promote,
        Self::Unlock,
        Self::Cancel,
        Self::Abort,
        Self::Rollback,
        Self::Retry,
    ];

    /// The name of the command.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Promote => "promote",
            Self::Unlock => "unlock",
            Self::Cancel => "cancel",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
            Self::Retry => "retry",
        }
    }

    /// What is asked first.
    #[must_use]
    pub const fn confirmation(self) -> Confirmation {
        match self {
            Self::Settle => Confirmation::Found,
            Self::Reject => Confirmation::Reason,
            Self::Rollback => Confirmation::Version,
            Self::Approve | Self::Promote | Self::Unlock | Self::Cancel | Self::Abort | Self::Retry => {
                Confirmation::Yes
            }
        }
    }
}

impl ReleaseOverview {
    /// Whether a move would be carried out for somebody who may do everything.
    #[must_use]
    pub fn is_legal(&self, wanted: Move) -> bool {
        let status = self.release.status;
        let production_known = self.production().unknown.is_none();
        match wanted {
            Move::Settle => !self.to_settle.is_empty(),
            Move::Approve | Move::Reject => status == Status::ManualTesting,
            Move::Promote => {
                let approvals = &self.service.approvals;
                let waits = |name| matches!(name, GateName::Promoted | GateName::ProductionFree);
                status == Status::ManualTestPassed
                    && !approvals.auto_promote
                    && !self.release.promoted
                    && self.gates.iter().all(|gate| gate.met() || waits(gate.name))
            }
            Move::Unlock => status == Status::ManualTestPassed && self.production().lock.is_some(),
            Move::Cancel => status.is_cancellable(),
            Move::Abort => status == Status::Deploying && production_known,
            Move::Rollback => {
                status == Status::Deployed && self.is_in_production() && self.way_back.is_some() && production_known
            }
            Move::Retry => status.is_retryable(),
        }
    }

    /// The moves that are legal now.
    pub fn moves(&self) -> impl Iterator<Item = Move> {
        Move::ALL.into_iter().filter(|wanted| self.is_legal(*wanted))
    }

    /// Whether somebody may make a move, if it is legal; `own`: they have started the release.
    #[must_use]
    pub fn may(&self, actor: &Actor, own: bool, wanted: Move) -> bool {
        let has = |right| actor.may(right, Some(&self.release.service), own).is_ok();
        let listed = |name| self.service.approvals.required.contains(name);
        match wanted {
            Move::Approve => has(Right::Vote) && actor.person().is_some_and(|name| self.tally.missing.contains(name)),
            Move::Reject => actor.person().is_some_and(|name| has(Right::Vote) && listed(name) || has(Right::Command)),
            Move::Cancel => has(Right::Cancel),
            Move::Retry => has(Right::Retry),
            Move::Settle | Move::Promote | Move::Unlock | Move::Abort | Move::Rollback => has(Right::Command),
        }
    }

    /// Nobody is left whose yes would count.
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
