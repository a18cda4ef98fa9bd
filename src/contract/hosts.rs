//! Hosts, and what was found on them.

use serde::{Deserialize, Serialize};

use super::{Word, known};
use crate::domain::host::{HostKey, KeyState};

/// A host.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostView {
    /// Its name; `local` is the machine that RMM itself runs on.
    pub name: String,
    /// Where its SSH server listens.
    pub address: Option<String>,
    /// As whom RMM logs in.
    pub user: Option<String>,
    /// What RMM thinks of its key.
    #[schema(value_type = KeyState)]
    pub key: Word<KeyState>,
    /// The hosts on the way there, the one next to RMM first.
    #[serde(default)]
    #[schema(required = true)]
    pub jump: Vec<String>,
    /// The key that it must show; of several the one that it has shown.
    pub fingerprint: Option<String>,
    /// All keys that it may show: any of them is right.
    #[serde(default)]
    #[schema(required = true)]
    pub fingerprints: Vec<String>,
    /// The key that it has shown last.
    #[serde(default, deserialize_with = "known")]
    pub offered: Option<HostKey>,
    /// The services that use it.
    pub services: Vec<String>,
}

/// What was found by the check of a host.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HostCheck {
    /// The host.
    pub host: HostView,
    /// What was found, in the order in which it was looked at.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// What was looked at, one word or two.
    pub name: String,
    /// How it is.
    #[schema(value_type = FindingState)]
    pub state: Word<FindingState>,
    /// A sentence.
    pub detail: String,
    /// A command to type that mends it, or shows more.
    pub fix: Option<String>,
}

impl Finding {
    /// As it should be.
    #[must_use]
    pub fn ok(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state: FindingState::Ok.into(), detail: detail.into(), fix: None }
    }

    /// RMM can work, but a person should look. `fix`: what to do; empty where the sentence says it.
    #[must_use]
    pub fn warn(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state: FindingState::Warn.into(), ..Self::fail(name, detail, fix) }
    }

    /// RMM cannot work like this. `fix`: what to do; empty where the sentence says it.
    #[must_use]
    pub fn fail(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        let fix = Some(fix.into()).filter(|fix: &String| !fix.is_empty());
        Self { state: FindingState::Fail.into(), fix, ..Self::ok(name, detail) }
    }

    /// Whether RMM cannot work like this.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.state == FindingState::Fail
    }
}

/// What was found about one thing that RMM needs.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Which part of what RMM needs it belongs to, such as `github`.
    pub part: &'static str,
    /// The thing, for people.
    pub about: String,
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
}

/// How a thing is that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = State)]
pub enum FindingState {
    /// As it should be.
    Ok,
    /// RMM can work, but a person should look.
    Warn,
    /// RMM cannot work like this.
    Fail,
}

/// The key to trust.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustHost {
    /// The fingerprint that the host has shown, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}
