//! Hosts, and what was found on them.

use serde::{Deserialize, Serialize};

use super::{Word, known};
use crate::domain::finding::{self, Found, Topic};
use crate::domain::host::{HostKey, KeyState};

pub use crate::domain::finding::State as FindingState;

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
    /// The facts that `detail` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Found>,
}

impl From<Finding> for finding::Finding {
    fn from(Finding { name, state, detail, fix, because }: Finding) -> Self {
        Self {
            topic: Topic::named(&name),
            state: state.known().unwrap_or(FindingState::Warn),
            found: because.unwrap_or(Found::Told(detail)),
            remedy: fix.map(Into::into),
        }
    }
}

impl Finding {
    /// Whether RMM cannot work like this.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.state == FindingState::Fail
    }
}

/// The key to trust.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustHost {
    /// The fingerprint that the host has shown, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}
