//! How long a step may take, and when a health check asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::run::Action;

/// How long a step may take, or when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Timing {
    /// A command is ended after this.
    AtMost {
        /// The limit.
        limit: Duration,
    },
    /// A health check asks once.
    Once {
        /// How long after the step has begun.
        wait: Duration,
    },
    /// A health check asks again until all is well.
    Again {
        /// How long after the step has begun.
        wait: Duration,
        /// How often at most.
        attempts: u32,
        /// How long after each other.
        interval: Duration,
    },
}

impl From<&Action> for Timing {
    fn from(action: &Action) -> Self {
        match action {
            Action::Command { timeout, .. } => Self::AtMost { limit: *timeout },
            Action::Health { schedule, .. } if schedule.attempts == 1 => Self::Once { wait: schedule.wait },
            Action::Health { schedule, .. } => {
                Self::Again { wait: schedule.wait, attempts: schedule.attempts, interval: schedule.interval }
            }
        }
    }
}
