//! Workflows of GitHub that RMM starts for a run: what was asked, and what is known of the run that GitHub made of it.

use serde::{Deserialize, Serialize};

use super::ids::RunId;
use super::reason::Reason;

/// A workflow that does the work of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Its file in `.github/workflows`.
    pub workflow: String,
    /// How far it has come.
    pub state: DispatchState,
    /// GitHub's `run_attempt`; it grows when people run it again there.
    #[serde(default = "first")]
    pub attempt: u32,
    /// Where people can look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The run that GitHub was asked for, where this one only goes on with its workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched_for: Option<RunId>,
    /// One of its jobs has reported, and so has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_reported: bool,
}

const fn first() -> u32 {
    1
}

/// How far a dispatch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DispatchState {
    /// GitHub was not asked yet.
    Due,
    /// GitHub may have been asked; whether it made a run is to be looked up before it is asked again.
    Asked,
    /// GitHub has said yes, and its run was not seen yet.
    Accepted,
    /// Its run is known.
    Seen,
}

impl Dispatch {
    /// A workflow that is to be started.
    #[must_use]
    pub const fn of(workflow: String) -> Self {
        Self { workflow, state: DispatchState::Due, attempt: 1, url: None, dispatched_for: None, has_reported: false }
    }

    /// Whether GitHub may have made a run of it that is not known yet.
    #[must_use]
    pub const fn is_unsettled(&self) -> bool {
        matches!(self.state, DispatchState::Asked | DispatchState::Accepted)
    }
}

/// A run of a workflow at GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRun {
    /// GitHub's id.
    pub id: String,
    /// Its attempt.
    pub attempt: u32,
    /// Where people can look at it.
    pub url: Option<String>,
}

/// How a run of a workflow ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowEnd {
    /// Well.
    Success,
    /// Not well, after one of its jobs had begun.
    Failure(Reason),
    /// Before any of its jobs began, so that nothing was touched.
    NeverBegan(Reason),
}
