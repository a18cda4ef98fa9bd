//! What is known of gates: how each stands, and what would clear it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::GateName;
use crate::domain::ids::{Commit, PersonName, ReleaseId, RunId, ServiceName};
use crate::domain::reason::Reason;
use crate::domain::tally::Tally;
use crate::domain::version::Version;

/// A gate as it stands for one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Which.
    pub name: GateName,
    /// How the condition stands.
    pub state: GateState,
    /// What would clear it; none where the condition holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// An admin skips it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass: Option<Skip>,
    /// Who has skipped it when the release would have brought something else, which counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_bypass: Option<String>,
}

impl Gate {
    /// It does not stand in the way: the condition holds, or an admin skips it.
    #[must_use]
    pub const fn met(&self) -> bool {
        self.remedy.is_none() || self.bypass.is_some()
    }
}

/// How a release stood before production at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The vote.
    pub tally: Tally,
    /// The gates that stood in the way, or were skipped.
    pub gates: Vec<Gate>,
}

/// Who skips a gate, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// The admin.
    pub by: String,
    /// The reason given.
    pub reason: String,
}

/// How a condition stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum GateState {
    Defined,
    /// The service is not in the configuration any more.
    Retired,
    /// The definition of the service in the dashboard does not hold any more.
    PutAside,

    VoteClosed {
        approved_by: Vec<PersonName>,
    },
    NoApprovalsNeeded,
    Approved {
        by: Vec<PersonName>,
        needed: usize,
    },
    /// `void`: people who approved it when it would have brought something else.
    ApprovalsMissing {
        given: usize,
        needed: usize,
        void: Vec<PersonName>,
    },

    NotRehearsed,
    /// It would bring something else than what was rehearsed.
    RehearsedOtherContent,
    Rehearsed {
        back_to: Version,
    },
    /// `maybe_was`: what the service may have been called before, whose history is not here.
    NothingToRehearse {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maybe_was: Option<ServiceName>,
    },
    /// Production runs something else now than what the rehearsal went back to; none: nothing.
    RehearsedElsewhere {
        now: Option<Version>,
    },

    CommitKnown {
        commit: Commit,
    },
    CiKnowsCommit,
    CommitUnresolved {
        reason: Reason,
    },
    CommitAsked,

    NothingRuns,
    RunsIt,
    Older {
        current: Version,
    },
    NotOlder {
        current: Version,
    },

    /// RMM starts nothing there.
    CiStarts,
    StartsByItself,
    Promoted,
    NotPromoted,
    /// The workflow of its deploy was not started, or ended before it began.
    Held,

    Unlocked,
    Locked {
        by: String,
        reason: Reason,
    },

    ProductionKnown,
    ProductionUnknown {
        reason: Reason,
    },
    ProductionDirty {
        reason: Reason,
    },

    Free,
    /// `stopping`: that its run is being ended, and what that waits for.
    BusyWith {
        release: ReleaseId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stopping: Option<Reason>,
    },
    /// It is not known how a run in production ended.
    LostRun {
        run: RunId,
        release: ReleaseId,
    },
    Behind {
        release: ReleaseId,
    },
}

/// Who can clear a gate, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum Remedy {
    /// Its definition comes back or is put right, or the release is cancelled.
    Define {
        service: ServiceName,
    },
    /// No approver is left whose yes would count.
    AddApprover,
    /// So many of these people approve.
    Approve {
        count: usize,
        of: Vec<PersonName>,
    },
    SettleStage {
        service: ServiceName,
        reason: Reason,
    },
    RepairStage {
        run: RunId,
        reason: Reason,
    },
    ResolveStageRun {
        run: RunId,
    },
    /// RMM rehearses as soon as stage is free.
    Rehearse,
    /// The CI system that runs stage rehearses.
    CiRehearses,
    RehearseAgain,
    /// RMM asks the repository again.
    AskAgain {
        at: Timestamp,
    },
    /// RMM asks no more.
    SendCommit,
    /// RMM is asking the repository.
    Ask,
    RollBack {
        release: ReleaseId,
    },
    /// There is nothing that production could be taken back to now: only a newer release can go there.
    GoForward,
    Promote,
    Unlock,
    SettleProduction {
        service: ServiceName,
    },
    RepairProduction {
        run: RunId,
    },
    ResolveRun {
        run: RunId,
    },
    WaitForEnd,
    WaitForTurn,
}
