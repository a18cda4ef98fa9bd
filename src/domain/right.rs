//! Roles, and the rights that commands ask for. Who has which is decided in [`Actor::may`](super::person::Actor::may).

use serde::{Deserialize, Serialize};

/// What a person or a token may do at most. Ordered: a later one includes the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A CI system: creates releases and reports on them, for the services it is scoped to.
    Ci,
    /// Reads.
    Viewer,
    /// Reads, approves where listed, retries.
    Member,
    /// Everything.
    Admin,
}

impl Role {
    /// The name in configuration and API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

/// What a command asks for, for the permission check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Look at the releases of a service: how they stand, their gates and runs.
    Watch,
    /// Look at anything.
    Read,
    /// Create a release.
    Create,
    /// Report on a release.
    Report,
    /// Vote on a release (that the person is listed is the vote's own check).
    Vote,
    /// Retry a release.
    Retry,
    /// Cancel a release.
    Cancel,
    /// Roll back, abort, promote, resolve, lock, unlock.
    Command,
    /// Tokens, configuration, the record.
    Administer,
    /// What only RMM's own parts may say.
    Machine,
}

#[cfg(test)]
impl Right {
    /// Every right, for tests that go through all of them.
    pub const ALL: [Self; 10] = [
        Self::Watch,
        Self::Read,
        Self::Create,
        Self::Report,
        Self::Vote,
        Self::Retry,
        Self::Cancel,
        Self::Command,
        Self::Administer,
        Self::Machine,
    ];
}
