//! What RMM leaves on GitHub for those who look there: a deployment for each run that brings an environment to a version, a
//! status of the release's commit that tells its vote, a comment on its pull request. What each of them says follows from
//! the release or the run as it is now, so that any number of changes comes to one mark.

use serde::{Deserialize, Serialize};

use super::gate::GateName;
use super::release::Release;
use super::run::{Run, RunKind, RunState};
use super::status::Status;
use super::tally::Tally;

/// A kind of mark, with a switch of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A deployment, of a run.
    Deployment,
    /// A status of the commit, of a release.
    Status,
    /// A comment on a pull request, of a release.
    Comment,
}

impl MarkKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Deployment, Self::Status, Self::Comment];

    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Status => "status",
            Self::Comment => "comment",
        }
    }

    /// Its switch in `[github]`.
    #[must_use]
    pub const fn switch(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::Status => "commit_status",
            Self::Comment => "pull_request_comment",
        }
    }

    /// The permission that it takes, as GitHub's settings name it.
    #[must_use]
    pub const fn permission(self) -> &'static str {
        match self {
            Self::Deployment => "Deployments: write",
            Self::Status => "Commit statuses: write",
            Self::Comment => "Pull requests: write",
        }
    }
}

/// How a deployment stands, in GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// It waits.
    Queued,
    /// It is under way.
    InProgress,
    /// It is there.
    Success,
    /// It failed.
    Failure,
    /// What became of it is not known.
    Error,
    /// Another one is there, or it never began.
    Inactive,
}

impl DeploymentState {
    /// How the deployment of a run stands. `replaced`: a later run has brought its environment to something else.
    #[must_use]
    pub const fn of(run: &Run, replaced: bool) -> Self {
        match &run.state {
            RunState::Queued => Self::Queued,
            RunState::Running => Self::InProgress,
            RunState::Succeeded if replaced => Self::Inactive,
            RunState::Succeeded => Self::Success,
            RunState::Stopped { .. } if run.started_at.is_none() => Self::Inactive,
            RunState::Failed { .. } | RunState::Stopped { .. } => Self::Failure,
            RunState::Unknown { .. } => Self::Error,
        }
    }
}

/// Whether a run is a deployment to GitHub: it brings its environment to another version. A rehearsal leaves stage as it was,
/// and a run that catches up brings a host to what the others run already.
#[must_use]
pub fn is_deployment(run: &Run) -> bool {
    match run.kind {
        RunKind::Deploy | RunKind::Rollback => !run.is_catch_up(),
        RunKind::Rehearsal | RunKind::Drill => false,
    }
}

/// How a commit stands, in GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitState {
    /// Not decided yet.
    Pending,
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// It is not judged.
    Error,
}

/// How the vote on a release stands, for those who look from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoteOutcome {
    /// No approver is asked.
    NotNeeded,
    /// Not enough have said yes so far.
    Missing {
        /// So many have.
        given: usize,
        /// So many have to.
        needed: usize,
    },
    /// Enough have said yes.
    Approved {
        /// So many have.
        given: usize,
    },
    /// An admin has skipped the vote.
    Skipped,
    /// The vote was closed under another rule than today's.
    Closed,
    /// A person has said no.
    Rejected,
    /// Stage has failed, so that no approver is asked.
    StageFailed,
    /// The release was cancelled.
    Cancelled,
}

impl VoteOutcome {
    /// How the vote on a release stands.
    #[must_use]
    pub fn of(release: &Release, tally: &Tally) -> Self {
        let given = tally.given.len();
        match release.status {
            Status::Cancelled => return Self::Cancelled,
            Status::ManualTestFailed => return Self::Rejected,
            Status::StageBuildingFailed | Status::StageTestRollbackFailed => return Self::StageFailed,
            Status::Initiated
            | Status::StageBuilding
            | Status::StageTestRollback
            | Status::ManualTesting
            | Status::ManualTestPassed
            | Status::Deploying
            | Status::Deployed
            | Status::ProductionRollback
            | Status::RollbackDone
            | Status::RollbackFailed => {}
        }
        if tally.needed == 0 {
            Self::NotNeeded
        } else if tally.passed() {
            Self::Approved { given }
        } else if !release.status.has_passed_vote() {
            Self::Missing { given, needed: tally.needed }
        } else if release.bypasses.iter().any(|bypass| bypass.gate == GateName::Approvals) {
            Self::Skipped
        } else {
            Self::Closed
        }
    }

    /// The same as a status of a commit.
    #[must_use]
    pub const fn state(self) -> CommitState {
        match self {
            Self::Missing { .. } => CommitState::Pending,
            Self::NotNeeded | Self::Approved { .. } | Self::Skipped | Self::Closed => CommitState::Success,
            Self::Rejected | Self::StageFailed => CommitState::Failure,
            Self::Cancelled => CommitState::Error,
        }
    }
}

#[cfg(test)]
mod tests;
