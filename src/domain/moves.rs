//! The commands that people have about a release, or about its service because of it.

use serde::{Deserialize, Serialize};

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
}
