//! The names of gates.

use serde::{Deserialize, Serialize};

/// The name of a gate in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateName {
    /// The service is in the configuration; shown only where it is not.
    ServiceDefined,
    /// Enough listed people said yes to this commit.
    Approvals,
    /// The rollback to what production runs now was rehearsed.
    FreshRehearsal,
    /// It is known which commit would be deployed.
    CommitKnown,
    /// It would not take production to an older version.
    NotADowngrade,
    /// Production is not locked.
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
        Self::ServiceDefined,
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
            Self::ServiceDefined => "service_defined",
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
}
