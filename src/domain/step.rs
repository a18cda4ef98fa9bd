//! A step of a run: one command or check on one host.

pub mod kind;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{HostName, ReleaseId, SurfaceName};
use super::moment::Uptime;
use super::reason::Reason;
use super::service::Via;

pub use kind::StepKind;

/// One command or check of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its place in the run, from 0.
    pub index: u32,
    /// What it does to the surface.
    pub kind: StepKind,
    /// The surface.
    pub surface: SurfaceName,
    /// Where it is executed.
    pub host: HostName,
    /// Steps of one wave run side by side; the next wave begins when all of them have ended well.
    pub wave: u32,
    /// The release whose code it is about.
    pub about: ReleaseId,
    /// What is executed.
    pub action: Action,
    /// How it stands.
    pub state: StepState,
    /// How often it was tried (health checks by command: each try is a durable step of its own).
    pub tries: u32,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// The same as time that passes, which its limit counts.
    pub started_uptime: Option<Uptime>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What a step executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// A shell command as a durable step.
    Command {
        /// The command.
        #[serde(flatten)]
        script: Script,
        /// Its time limit.
        timeout: Duration,
    },
    /// Asks again and again whether the surface is well.
    Health {
        /// The question.
        ask: Ask,
        /// When and how often.
        schedule: Schedule,
        /// What to run when the surface is not well, for its output.
        logs: Option<Script>,
    },
}

/// A shell command and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The command, its values quoted.
    pub command: String,
    /// The directory.
    pub directory: Option<String>,
    /// It calls RMM's own shell functions (`clients/tools`), which go to the host with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tools: bool,
    /// The compose project that it runs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Project>,
    /// Where its text does not tell what it starts: it fails when containers of other folders than its own and these have
    /// become its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Vec<String>>,
    /// Which containers it starts is noted on the host, and whether it takes one that is noted for another service or
    /// environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<Box<Containers>>,
}

/// What becomes of a step that takes containers of another service or environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containers {
    /// What taking one does.
    pub taken: Taken,
    /// The names that its text gives to containers: the step does not begin where one is known as another's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// What taking a container of others does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// The step fails.
    Stops,
    /// The step fails, unless the way there had taken the same one.
    StopsUnlessBefore,
    /// It is said, and the way back goes on: users are there.
    IsSaid,
}

/// The compose project of a command: what compose calls the containers, networks and volumes of a surface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The name is configured. Otherwise a host on which the folder's containers run under another name keeps
    /// that one: it goes with their volumes.
    #[serde(default)]
    pub chosen: bool,
    /// The command is told to remove containers that the version which it starts does not have.
    #[serde(default)]
    pub remove_orphans: bool,
    /// The names of other surfaces in the same folder; theirs are never kept for this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub siblings: Vec<String>,
}

/// The question of a health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// A GET.
    Http {
        /// The address.
        url: String,
        /// Who asks.
        via: Via,
        /// The status that counts as well; without it every 2xx.
        status: Option<u16>,
        /// What the body must contain.
        body: Option<String>,
        /// Where the certificates are that the server's own is checked against, beside the public ones.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    },
    /// Whether something accepts connections.
    Tcp {
        /// `host:port`.
        address: String,
        /// Who asks.
        via: Via,
    },
    /// A command that must exit 0; each try is a durable step.
    Command(Script),
}

/// When and how often a health check asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Before the first try.
    pub wait: Duration,
    /// Tries until it counts as ill.
    pub attempts: u32,
    /// Between tries.
    pub interval: Duration,
    /// Of one try.
    pub timeout: Duration,
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun; from now on it is looked for before anything is started.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed {
        /// The exit status, where there is one.
        exit: Option<i32>,
        /// Why.
        reason: Reason,
    },
    /// Ended on demand.
    Stopped,
    /// Cannot be known.
    Unknown {
        /// Why.
        reason: Reason,
    },
    /// Never begun: the rollback goes on without it.
    Skipped {
        /// Why.
        reason: Reason,
    },
}

impl StepState {
    /// Why it failed, or cannot be known.
    #[must_use]
    pub const fn trouble(&self) -> Option<&Reason> {
        if let Self::Failed { reason, .. } | Self::Unknown { reason } = self { Some(reason) } else { None }
    }

    /// Whether a step that stands like this may have changed anything.
    #[must_use]
    pub const fn may_have_changed(&self) -> bool {
        match self {
            Self::Pending | Self::Skipped { .. } => false,
            Self::Failed { reason, .. } => !matches!(reason, Reason::NothingChanged { .. } | Reason::NotStarted { .. }),
            Self::Running | Self::Succeeded | Self::Stopped | Self::Unknown { .. } => true,
        }
    }

    /// The name in API and database.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Stopped => "stopped",
            Self::Unknown { .. } => "unknown",
            Self::Skipped { .. } => "skipped",
        }
    }
}

/// The exit status of the tag check that means: the tag points at another commit now.
pub const TAG_MOVED: i32 = 86;

/// The exit status of the tag check that means: the repository has no such tag any more.
pub const TAG_GONE: i32 = 87;
