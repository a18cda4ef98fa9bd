//! What a step does to its surface.

use serde::{Deserialize, Serialize};

/// What a step does to its surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Brings the repository's objects to the host.
    Fetch,
    /// Checks that the tag still points at the release's commit.
    VerifyTag,
    /// Checks out the code of a release.
    Checkout,
    /// The service's own preparation, before anything of it is changed.
    BeforeDeploy,
    /// Brings the database forward.
    MigrateUp,
    /// Takes the database back.
    MigrateDown,
    /// Starts the code that is checked out.
    Deploy,
    /// Asks whether the surface is well.
    Health,
    /// The service's own work after it is well.
    AfterDeploy,
}

impl StepKind {
    /// The name in API and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::VerifyTag => "verify_tag",
            Self::Checkout => "checkout",
            Self::MigrateUp => "migrate_up",
            Self::MigrateDown => "migrate_down",
            Self::Deploy => "deploy",
            Self::Health => "health",
            Self::BeforeDeploy => "before_deploy",
            Self::AfterDeploy => "after_deploy",
        }
    }

    /// Whether it changes the database.
    #[must_use]
    pub const fn migrates(self) -> bool {
        matches!(self, Self::MigrateUp | Self::MigrateDown)
    }

    /// Whether it changes what the surface runs.
    #[must_use]
    pub const fn changes(self) -> bool {
        match self {
            Self::Checkout | Self::MigrateUp | Self::MigrateDown | Self::Deploy => true,
            Self::Fetch | Self::VerifyTag | Self::BeforeDeploy | Self::Health | Self::AfterDeploy => false,
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::VerifyTag => "verify tag",
            Self::Checkout => "check out",
            Self::MigrateUp => "migrate up",
            Self::MigrateDown => "migrate down",
            Self::Deploy => "deploy",
            Self::Health => "health check",
            Self::BeforeDeploy => "before deploy",
            Self::AfterDeploy => "after deploy",
        }
    }
}
