//! Where surfaces stand between the two releases that a run goes between.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::{HostName, SurfaceName};

/// Where a surface stands between an older and a newer release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The newer schema is (or may be, in part) in the database.
    pub newer_schema: bool,
    /// The hosts that were touched, and whether the newer code is certainly checked out there; where it only may be,
    /// the rollback checks it out once more.
    pub hosts: BTreeMap<HostName, bool>,
}

/// One of the two releases that a run goes between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that a rollback leaves.
    Newer,
    /// The one that a rollback goes to.
    Older,
}

/// Where each touched surface stands.
pub type Positions = BTreeMap<SurfaceName, Position>;
