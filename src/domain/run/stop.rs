//! What ending a run early leads to.

use serde::{Deserialize, Serialize};

/// What ending a run early leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    /// The release is cancelled.
    Cancel,
    /// Production goes back.
    Abort,
}
