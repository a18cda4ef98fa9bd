//! The contract: what the HTTP API takes and answers. The server fills these types, and every client reads the same.
//!
//! Names and codes are public; they stay. A client reads what an RMM of another version answers, too: it ignores fields
//! that it does not know, keeps a name that it does not know as it is ([`Word`]), and does without facts that it does not
//! know ([`known`]). What is sent to RMM is read strictly.

mod backups;
mod caller;
mod commit_check;
mod decoration;
mod hosts;
mod machine;
mod record;
mod releases;
mod runs;
mod services;
mod tokens;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

pub use self::backups::{
    BackupFailedView, BackupFileView, BackupScheduleView, BackupTestView, BackupView, BackupsView,
};
pub use self::caller::{VERBS, user_agent, verb_of};
pub use self::commit_check::CommitCheckView;
pub use self::hosts::{Finding, FindingState, HostCheck, HostView, TrustHost};
pub use self::machine::{BackupMade, Health, MakeBackup, Problem, Reloaded};
pub use self::record::{Acknowledge, EventPage, EventView, ListAudit, ListEvents, ListPage, NotedEnd, Verification};
pub use self::releases::{
    ApprovalsView, ArtifactView, CiAwaited, CiRunView, CommitsView, CreateRelease, CreatingRun, GateView, ListReleases,
    PatchRelease, ReleaseDetails, ReleasePage, ReleaseView, ReportedRelease, ReportingRun, Say, SkippedView,
    StragglersView, VoteView,
};
pub use self::runs::{
    AskPlan, AskStream, PieceView, PlanView, PrintedView, ReadOutput, ResolveRun, RunOutput, RunView, StepView,
    bytes_of, hex_of,
};
pub use self::services::{
    CatchUpHost, ClaimView, DefineService, DefinitionRevisionView, DefinitionView, DirtyView, EnvironmentView,
    FoundThere, GiveUpHost, GoodVersionView, LeftHostView, LockService, LockView, NamedEnvironmentView, PersonView,
    RemoveService, ServiceDetails, ServiceView, SettleService, UnknownView,
};
pub use self::tokens::{CreateToken, CreatedToken, LoginLinkView, MakeLoginLink, TokenView, ToldView};

use crate::domain::version::Version;

/// A name out of a set that a later RMM may have made larger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Word<T> {
    /// One of ours.
    Known(T),
    /// One that only the other side knows.
    Other(String),
}

impl<T: Copy> Word<T> {
    /// What it means, if this version knows it.
    #[must_use]
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Other(_) => None,
        }
    }
}

impl<T> From<T> for Word<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(value) if value == other)
    }
}

/// The name in the contract.
impl<T: Serialize> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(serde_json::to_value(self).unwrap_or_default().as_str().unwrap_or_default())
    }
}

/// Reads facts; none, where an RMM of another version tells what this one does not know.
fn known<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer).ok().and_then(|facts| serde_json::from_value(facts).ok()))
}

/// The first twelve digits of a commit.
#[must_use]
pub fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

/// A version, for people.
#[must_use]
pub fn version(version: &Version) -> String {
    match &version.tag {
        Some(tag) => format!("{tag} (#{})", version.release),
        None => format!("#{}", version.release),
    }
}

#[cfg(test)]
mod tests;
