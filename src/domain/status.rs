//! The fourteen statuses of a release: the public contract of API, database and metrics.
//!
//! Which status may follow which stands here as data ([`Status::next`]); who may cause it, and when, is `decide`'s.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Where a release stands in its life cycle.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Status { $($(#[$doc])* $variant,)* }

        impl Status {
            /// All of them, in the order of the life cycle.
            pub const ALL: &[Status] = &[$(Status::$variant),*];

            /// The name in the contract.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Status::$variant => $text,)* }
            }
        }

        impl FromStr for Status {
            type Err = UnknownStatus;
            fn from_str(text: &str) -> Result<Self, UnknownStatus> {
                match text { $($text => Ok(Status::$variant),)* _ => Err(UnknownStatus) }
            }
        }
    };
}

statuses! {
    /// Recorded; stage has not been touched yet.
    Initiated = "initiated",
    /// Stage is being brought to the release.
    StageBuilding = "stage_building",
    /// Stage could not be brought to the release.
    StageBuildingFailed = "stage_building_failed",
    /// The rollback is rehearsed on stage.
    StageTestRollback = "stage_test_rollback",
    /// The rehearsal failed.
    StageTestRollbackFailed = "stage_test_rollback_failed",
    /// People test and vote.
    ManualTesting = "manual_testing",
    /// A person with the right to reject said no.
    ManualTestFailed = "manual_test_failed",
    /// The vote is closed; production follows when every gate is clear.
    ManualTestPassed = "manual_test_passed",
    /// Production is being brought to the release.
    Deploying = "deploying",
    /// Production ran (or runs) it: a good version.
    Deployed = "deployed",
    /// Production is going back.
    ProductionRollback = "production_rollback",
    /// Production went back.
    RollbackDone = "rollback_done",
    /// Production could not go back: a human is needed.
    RollbackFailed = "rollback_failed",
    /// Taken out of the life cycle by a person, a newer release or a tag that moved.
    Cancelled = "cancelled",
}

/// Text that is none of the fourteen names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown status")]
pub struct UnknownStatus;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The three lists that people browse. Every status is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// On the way.
    Active,
    /// Good versions, which one can go back to.
    Successful,
    /// Everything else that ended.
    Failed,
}

impl List {
    /// The name in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Successful => "successful",
            Self::Failed => "failed",
        }
    }
}

impl Status {
    /// The list that shows it.
    #[must_use]
    pub const fn list(self) -> List {
        use Status as S;
        match self {
            S::Initiated
            | S::StageBuilding
            | S::StageTestRollback
            | S::ManualTesting
            | S::ManualTestPassed
            | S::Deploying
            | S::ProductionRollback => List::Active,
            S::Deployed => List::Successful,
            S::StageBuildingFailed
            | S::StageTestRollbackFailed
            | S::ManualTestFailed
            | S::RollbackDone
            | S::RollbackFailed
            | S::Cancelled => List::Failed,
        }
    }

    /// Still on the way: the opposite of ended.
    #[must_use]
    pub fn is_active(self) -> bool {
        self.list() == List::Active
    }

    /// The release occupies stage, so that no other candidate may use it.
    #[must_use]
    pub fn holds_stage(self) -> bool {
        matches!(self, Self::StageBuilding | Self::StageTestRollback | Self::ManualTesting)
    }

    /// Gates stand between it and production, and an admin may skip some of them.
    #[must_use]
    pub const fn is_at_gates(self) -> bool {
        matches!(self, Self::ManualTesting | Self::ManualTestPassed)
    }

    /// Before production: a person may still cancel it without touching production.
    #[must_use]
    pub fn is_cancellable(self) -> bool {
        matches!(
            self,
            Self::Initiated
                | Self::StageBuilding
                | Self::StageTestRollback
                | Self::ManualTesting
                | Self::ManualTestPassed
        )
    }

    /// People have said yes to it, whatever became of it since.
    #[must_use]
    pub fn has_passed_vote(self) -> bool {
        matches!(
            self,
            Self::ManualTestPassed
                | Self::Deploying
                | Self::Deployed
                | Self::ProductionRollback
                | Self::RollbackDone
                | Self::RollbackFailed
        )
    }

    /// `retry` takes it back to the start.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::StageBuildingFailed | Self::StageTestRollbackFailed | Self::ManualTestFailed | Self::RollbackDone
        )
    }

    /// Whether it ended because stage did.
    #[must_use]
    pub fn failed_on_stage(self) -> bool {
        matches!(self, Self::StageBuildingFailed | Self::StageTestRollbackFailed)
    }

    /// The arrows of the life cycle.
    #[must_use]
    pub const fn next(self) -> &'static [Status] {
        use Status as S;
        match self {
            S::Initiated => &[S::StageBuilding, S::Cancelled],
            // Back to the start: its CI run has begun again.
            S::StageBuilding => &[S::StageTestRollback, S::StageBuildingFailed, S::Cancelled, S::Initiated],
            S::StageTestRollback => &[S::ManualTesting, S::StageTestRollbackFailed, S::Cancelled, S::Initiated],
            S::ManualTesting => {
                &[S::ManualTestPassed, S::ManualTestFailed, S::StageTestRollback, S::Cancelled, S::Initiated]
            }
            // Back to the vote: its commit has become known since.
            S::ManualTestPassed => &[S::Deploying, S::ManualTesting, S::StageTestRollback, S::Cancelled],
            // A workflow that ended before it began has touched nothing.
            S::Deploying => &[S::Deployed, S::ProductionRollback, S::ManualTestPassed],
            S::Deployed => &[S::ProductionRollback],
            S::ProductionRollback => &[S::RollbackDone, S::RollbackFailed],
            S::StageBuildingFailed | S::StageTestRollbackFailed | S::ManualTestFailed | S::RollbackDone => {
                &[S::Initiated]
            }
            S::RollbackFailed | S::Cancelled => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for &status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).expect("json"), status.as_str());
        }
        assert_eq!(Status::ALL.len(), 14);
        assert!("deploy".parse::<Status>().is_err());
    }

    #[test]
    fn every_ended_status_leads_nowhere_but_to_a_retry_or_a_rollback() {
        for &status in Status::ALL {
            match status.list() {
                List::Active => assert!(!status.next().is_empty()),
                List::Successful => assert_eq!(status.next(), [Status::ProductionRollback]),
                List::Failed => {
                    assert_eq!(status.next().first().copied(), status.is_retryable().then_some(Status::Initiated))
                }
            }
        }
    }

    #[test]
    fn every_status_but_the_first_can_be_reached() {
        for &status in Status::ALL {
            assert!(Status::ALL.iter().any(|from| from.next().contains(&status)), "{status}");
        }
    }
}
