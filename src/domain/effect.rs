//! Effects: what is to be done outside, committed together with its cause.

use serde::{Deserialize, Serialize};

use super::ids::{ReleaseId, RunId};

/// One thing to do outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Follow the plan of a run until it has ended.
    FollowRun {
        /// The run.
        run: RunId,
    },
    /// Start the workflow of a run at GitHub, and follow it until it has ended.
    FollowWorkflow {
        /// The run.
        run: RunId,
    },
    /// Ask the repository which commit the tag of a release points at, or whether it has its commit.
    ResolveCommit {
        /// The release.
        release: ReleaseId,
    },
    /// List the commits that a release brings beside what production runs.
    ListCommits {
        /// The release.
        release: ReleaseId,
    },
}

/// What may be done with an effect that may have been carried out already, because RMM died meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCrash {
    /// Doing it again is harmless.
    Freely,
    /// A durable step on a host: its directory tells.
    AskHost,
    /// A workflow at GitHub: it is looked up before it is started once more.
    CheckFirst,
}

impl Effect {
    /// The name in the database.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::FollowRun { .. } => "follow_run",
            Self::FollowWorkflow { .. } => "follow_workflow",
            Self::ResolveCommit { .. } => "resolve_commit",
            Self::ListCommits { .. } => "list_commits",
        }
    }

    /// What may be done after a crash.
    #[must_use]
    pub const fn after_crash(&self) -> AfterCrash {
        match self {
            Self::FollowRun { .. } => AfterCrash::AskHost,
            Self::FollowWorkflow { .. } => AfterCrash::CheckFirst,
            Self::ResolveCommit { .. } | Self::ListCommits { .. } => AfterCrash::Freely,
        }
    }

    /// The release it belongs to, if it names one.
    #[must_use]
    pub const fn release(&self) -> Option<ReleaseId> {
        match self {
            Self::ResolveCommit { release } | Self::ListCommits { release } => Some(*release),
            Self::FollowRun { .. } | Self::FollowWorkflow { .. } => None,
        }
    }

    /// The run it belongs to, if it names one.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::FollowRun { run } | Self::FollowWorkflow { run } => Some(*run),
            Self::ResolveCommit { .. } | Self::ListCommits { .. } => None,
        }
    }
}
