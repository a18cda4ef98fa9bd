//! Gates: the conditions that must hold before production, each of which can explain itself in facts.
//!
//! A gate looks, and never changes anything. Adding one is adding a file, and its line in [`GATES`].

mod approvals;
mod commit_known;
mod fresh_rehearsal;
mod no_lock;
mod not_a_downgrade;
mod production_clean;
mod production_free;
mod promoted;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{Commit, PersonName, ReleaseId, RunId, ServiceName};
use super::reason::Reason;
use super::release::{Release, Version};
use super::world::World;

/// The name of a gate in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    /// Enough listed people said yes to this commit.
    Approvals,
    /// The rollback to what production runs now was rehearsed.
    FreshRehearsal,
    /// It is known which commit would be deployed.
    CommitKnown,
    /// It would not take production to an older version.
    NotADowngrade,
    /// Nobody has locked production.
    NoLock,
    /// The last rollback in production did not fail.
    ProductionClean,
    /// No other release is being deployed or is ahead in the line.
    ProductionFree,
    /// With `auto_promote = false`: an admin said go.
    Promoted,
}

impl GateName {
    /// All of them, in the order in which they are shown.
    pub const ALL: &[Self] = &[
        Self::Approvals,
        Self::FreshRehearsal,
        Self::CommitKnown,
        Self::NotADowngrade,
        Self::Promoted,
        Self::NoLock,
        Self::ProductionClean,
        Self::ProductionFree,
    ];

    /// The name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approvals => "approvals",
            Self::FreshRehearsal => "fresh_rehearsal",
            Self::CommitKnown => "commit_known",
            Self::NotADowngrade => "not_a_downgrade",
            Self::NoLock => "no_lock",
            Self::ProductionClean => "production_clean",
            Self::ProductionFree => "production_free",
            Self::Promoted => "promoted",
        }
    }

    /// Whether an admin can skip it. The others say what is physically possible, or have their own command.
    #[must_use]
    pub fn can_be_bypassed(self) -> bool {
        GATES.iter().any(|condition| condition.name == self && condition.can_be_bypassed)
    }
}

/// One condition.
struct Condition {
    name: GateName,
    can_be_bypassed: bool,
    /// The release itself has to change (or be cancelled) for it to clear: it does not hold up others meanwhile.
    blocks_only_its_release: bool,
    look: fn(&World, &Release) -> Finding,
}

const GATES: &[Condition] = &[
    approvals::GATE,
    fresh_rehearsal::GATE,
    commit_known::GATE,
    not_a_downgrade::GATE,
    promoted::GATE,
    no_lock::GATE,
    production_clean::GATE,
    production_free::GATE,
];

/// A gate as it stands for one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Which.
    pub name: GateName,
    /// How the condition stands.
    pub state: GateState,
    /// What would clear it; none where the condition holds.
    pub remedy: Option<Remedy>,
    /// An admin skips it.
    pub bypass: Option<Skip>,
    /// Who has skipped it when the release would have brought something else, which counts no more.
    pub void_bypass: Option<String>,
}

impl Gate {
    /// It does not stand in the way: the condition holds, or an admin skips it.
    #[must_use]
    pub const fn met(&self) -> bool {
        self.remedy.is_none() || self.bypass.is_some()
    }
}

/// Who skips a gate, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skip {
    /// The admin.
    pub by: String,
    /// The reason given.
    pub reason: String,
}

/// How a condition stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum GateState {
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
    NothingToRehearse,
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

    StartsByItself,
    Promoted,
    NotPromoted,

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
    BusyWith {
        release: ReleaseId,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum Remedy {
    /// Nobody is left whose yes would count.
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

/// What one condition says: how it stands, and what would clear it where it does not hold.
struct Finding {
    state: GateState,
    remedy: Option<Remedy>,
}

const fn met(state: GateState) -> Finding {
    Finding { state, remedy: None }
}

const fn unmet(state: GateState, remedy: Remedy) -> Finding {
    Finding { state, remedy: Some(remedy) }
}

/// Every gate of production for one release.
#[must_use]
pub fn explain(world: &World, release: &Release) -> Vec<Gate> {
    GATES.iter().map(|condition| evaluate(world, release, condition)).collect()
}

/// Whether one gate stands open.
#[must_use]
pub fn is_met(world: &World, release: &Release, name: GateName) -> bool {
    GATES.iter().filter(|condition| condition.name == name).all(|it| evaluate(world, release, it).met())
}

fn evaluate(world: &World, release: &Release, condition: &Condition) -> Gate {
    let Finding { state, remedy } = (condition.look)(world, release);
    let name = condition.name;
    let made = release.bypasses.iter().find(|bypass| bypass.gate == name && remedy.is_some());
    let counts = made.filter(|bypass| bypass.is_about(release, &world.definition));
    Gate {
        name,
        state,
        bypass: counts.map(|bypass| Skip { by: bypass.by.clone(), reason: bypass.reason.clone() }),
        void_bypass: made.filter(|_| counts.is_none()).map(|void| void.by.clone()),
        remedy,
    }
}

/// Whether a waiting release waits for something that clears without it: then the others wait behind it.
fn holds_its_place(world: &World, release: &Release) -> bool {
    GATES.iter().filter(|it| it.blocks_only_its_release).all(|it| evaluate(world, release, it).met())
}
