//! Where a release stands now, and who or what it waits for: the first thing that people are told about it.

use super::env::Env;
use super::environment::Stragglers;
use super::gate::Gate;
use super::ids::{HostName, PersonName, RunId, SurfaceName, Tag};
use super::reason::Reason;
use super::run::RunKind;
use super::status::Status;
use super::step::StepKind;
use super::version::Version;

/// Where a release stands now.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Something holds it up that has to be told.
    HeldUp {
        /// What.
        reason: Reason,
    },
    /// The repository is asked which commit its tag stands for.
    CommitAsked,
    /// Stage is taken.
    InLine {
        /// By that.
        behind: Version,
    },
    /// Its next run begins.
    Begins {
        /// Where.
        env: Env,
        /// What for.
        kind: RunKind,
    },
    /// A step is at work, or several side by side: the first of them.
    Step {
        /// Where its run is at work.
        env: Env,
        /// What its run is for.
        run: RunKind,
        /// What it does.
        kind: StepKind,
        /// To which surface.
        surface: SurfaceName,
        /// On which host.
        host: HostName,
        /// Which step of its run, from 1.
        number: usize,
        /// Of how many.
        of: usize,
    },
    /// CI is at work.
    Ci {
        /// Where.
        env: Env,
        /// What for.
        kind: RunKind,
    },
    /// CI has said nothing yet.
    CiAwaited {
        /// Where it is to begin.
        env: Env,
        /// What for.
        kind: RunKind,
    },
    /// People vote.
    Vote {
        /// Those whose yes would still count.
        missing: Vec<PersonName>,
        /// How many have said yes.
        given: usize,
        /// How many have to.
        needed: usize,
    },
    /// The vote is closed, and this stands in the way of production.
    Gate {
        /// The first gate that is not met.
        gate: Box<Gate>,
        /// How many others are not met.
        others: usize,
    },
    /// Nothing stands in the way; production begins.
    Starts,
    /// An admin has to say how a run ended, or that its environment is repaired.
    ToResolve {
        /// The run.
        run: RunId,
    },
    /// An admin has to say what an environment runs.
    ToSettle {
        /// Which.
        env: Env,
    },
    /// Production runs it.
    InProduction {
        /// Hosts that may run something else.
        stragglers: Option<Stragglers>,
    },
    /// It ran in production, which runs another release now.
    Replaced {
        /// By this one.
        by: Version,
    },
    /// It has ended.
    Ended {
        /// How.
        status: Status,
        /// Where production went back to.
        back_to: Option<Tag>,
        /// Hosts that may still run it.
        stragglers: Option<Stragglers>,
    },
}

/// The parts of the life cycle, as people follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Stage is brought to it.
    Stage,
    /// The rollback is rehearsed.
    Rehearsal,
    /// It waits for people.
    People,
    /// Production is brought to it.
    Production,
    /// Production goes back.
    Back,
}

impl Phase {
    /// All of them, in the order in which a release comes to them.
    pub const ALL: [Self; 5] = [Self::Stage, Self::Rehearsal, Self::People, Self::Production, Self::Back];

    /// The phase of a release that is on its way; none for one that has ended.
    #[must_use]
    pub const fn of(status: Status) -> Option<Self> {
        use Status as S;
        match status {
            S::Initiated | S::StageBuilding => Some(Self::Stage),
            S::StageTestRollback => Some(Self::Rehearsal),
            S::ManualTesting | S::ManualTestPassed => Some(Self::People),
            S::Deploying => Some(Self::Production),
            S::ProductionRollback => Some(Self::Back),
            S::StageBuildingFailed
            | S::StageTestRollbackFailed
            | S::ManualTestFailed
            | S::Deployed
            | S::RollbackDone
            | S::RollbackFailed
            | S::Cancelled => None,
        }
    }
}
