//! The commands that people have about a release, or about its service because of it.

use serde::{Deserialize, Serialize};

use super::release::Release;
use super::status::Status;

/// Such a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are the commands")]
pub enum Move {
    Settle,
    Resolve,
    Approve,
    Reject,
    Promote,
    Bypass,
    Unlock,
    Cancel,
    Abort,
    Rollback,
    Retry,
}

impl Move {
    /// Whether it is refused in a service that has left the configuration.
    #[must_use]
    pub const fn begins_anew(self) -> bool {
        match self {
            Self::Approve | Self::Retry | Self::Promote | Self::Rollback | Self::Bypass | Self::Unlock => true,
            Self::Reject | Self::Cancel | Self::Abort | Self::Settle | Self::Resolve => false,
        }
    }

    /// All that are offered, in the order in which people read them. Each gate offers its own bypass.
    pub const OFFERED: [Self; 10] = [
        Self::Settle,
        Self::Resolve,
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
            Self::Resolve => "resolve",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Promote => "promote",
            Self::Bypass => "bypass",
            Self::Unlock => "unlock",
            Self::Cancel => "cancel",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
            Self::Retry => "retry",
        }
    }

    /// The moves of the life cycle that there are from where a release stands.
    pub fn legal_for(release: &Release) -> impl Iterator<Item = Self> {
        let (status, denied) = (release.status, release.denied().is_some());
        Self::OFFERED.into_iter().filter(move |wanted| match wanted {
            Self::Approve | Self::Reject => status == Status::ManualTesting,
            Self::Promote => status == Status::ManualTestPassed,
            Self::Cancel => status.is_cancellable(),
            Self::Abort => status == Status::Deploying,
            Self::Rollback => status == Status::Deployed,
            // The repository says no, and may say something else by now.
            Self::Retry => status.is_retryable() || denied && status.is_cancellable(),
            Self::Settle | Self::Resolve | Self::Bypass | Self::Unlock => false,
        })
    }
}
