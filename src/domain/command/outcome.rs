//! How a step ended, and what its output tells about that.

use crate::domain::fault::known::KnownFailure;
use crate::domain::fault::tool::ToolFault;
use crate::domain::reason::Reason;

/// How a step ended, as the one who followed it saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With an exit status.
    Exited(i32),
    /// A health check passed.
    Healthy,
    /// A health check did not pass.
    Unhealthy(Reason),
    /// It was over its time limit and has been ended.
    TimedOut,
    /// It has been ended on demand.
    Stopped,
    /// It could not be started, and was not.
    NotStarted(Reason),
    /// Cannot be known.
    Lost(Reason),
    /// Its host does not answer, and the run may go on without it.
    Unreachable {
        /// What was heard last, a sentence.
        reason: Reason,
        /// It may have begun.
        begun: bool,
    },
}

/// What the output of a step tells about its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// The line that says most about why it failed.
    pub last: Option<String>,
    /// Its facts, where a function of RMM's own has printed it.
    pub tool: Option<Box<ToolFault>>,
    /// What that mostly means.
    pub known: Option<KnownFailure>,
    /// Work done by hand where the step checks out; a bounded number of findings.
    pub by_hand: Vec<String>,
    /// The refs in the clone that hold what was set aside of it.
    pub kept: Vec<String>,
    /// It failed before it changed anything.
    pub untouched: bool,
}
