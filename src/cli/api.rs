//! What the API answers, as far as people are shown it. Machines get the answer itself.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::domain::reason::Reason;
use crate::domain::release::{Artifact, CiRun, Version};
use crate::domain::run::StepKind;
use crate::domain::status::Status;

/// A page of releases.
#[derive(Debug, Deserialize)]
pub struct ReleasePage {
    pub releases: Vec<Release>,
    pub next: Option<String>,
}

/// A release.
#[derive(Debug, Clone, Deserialize)]
pub struct Release {
    pub id: i64,
    pub service: String,
    pub tag: Option<String>,
    pub commit: Option<String>,
    pub status: Status,
    pub reason: Option<String>,
    /// The facts behind `reason`; none that this version does not know.
    #[serde(default, deserialize_with = "known")]
    pub because: Option<Reason>,
    pub status_since: Timestamp,
    pub attempt: u32,
    pub initiated_by: String,
    pub said_by: Option<String>,
    pub owner: String,
    pub ci_run: Option<CiRun>,
    pub notes: String,
    pub surfaces: Vec<Artifact>,
    pub rollback_to_tag: Option<String>,
    pub created_at: Timestamp,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
}

/// An RMM of another version may know more facts.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Reason>, D::Error> {
    Ok(Value::deserialize(deserializer).ok().and_then(|facts| serde_json::from_value(facts).ok()))
}

impl Release {
    /// Its tag, or its commit, or its number.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.tag, &self.commit) {
            (Some(tag), _) => tag.clone(),
            (None, Some(commit)) => short(commit),
            (None, None) => format!("#{}", self.id),
        }
    }
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

/// A release with what it waits for.
#[derive(Debug, Deserialize)]
pub struct Details {
    #[serde(flatten)]
    pub release: Release,
    pub approvals: Approvals,
    pub unmet: Vec<Gate>,
    pub legal: Vec<String>,
    #[serde(default)]
    pub to_settle: Vec<String>,
}

/// The vote.
#[derive(Debug, Deserialize)]
pub struct Approvals {
    pub needed: usize,
    pub given: Vec<String>,
    pub missing: Vec<String>,
    pub votes: Vec<Vote>,
}

/// A vote.
#[derive(Debug, Deserialize)]
pub struct Vote {
    pub person: String,
    pub approved: bool,
    pub reason: Option<String>,
    pub at: Timestamp,
    pub door: String,
}

/// A gate.
#[derive(Debug, Deserialize)]
pub struct Gate {
    pub name: String,
    pub met: bool,
    pub bypassed: bool,
    pub sentence: String,
    pub how: Option<String>,
}

/// A run.
#[derive(Debug, Deserialize)]
pub struct Run {
    pub id: i64,
    pub release: i64,
    pub environment: String,
    pub kind: String,
    pub to: Version,
    pub state: String,
    pub reason: Option<String>,
    pub waiting: Option<String>,
    pub stopping: bool,
    #[serde(default)]
    pub left: std::collections::BTreeMap<String, String>,
    pub ci_run: Option<String>,
    pub steps: Vec<Step>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl Run {
    /// It may still print something.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "running")
    }
}

/// A step.
#[derive(Debug, Deserialize)]
pub struct Step {
    pub index: u32,
    pub kind: StepKind,
    pub surface: String,
    pub host: String,
    #[serde(default)]
    pub wave: u32,
    pub command: String,
    pub directory: Option<String>,
    pub project: Option<String>,
    pub limit: String,
    pub state: String,
    pub exit: Option<i32>,
    pub reason: Option<String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// A plan.
#[derive(Debug, Deserialize)]
pub struct Plan {
    pub environment: String,
    pub driver: String,
    pub from: Option<Version>,
    #[serde(default)]
    pub back_to: Option<Version>,
    pub deploy: Vec<Step>,
    pub rollback: Vec<Step>,
}

/// Something on the record.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    pub seq: i64,
    pub at: Option<Timestamp>,
    pub service: Option<String>,
    pub release: Option<i64>,
    pub run: Option<i64>,
    pub actor: serde_json::Value,
    pub kind: String,
    pub data: serde_json::Value,
}

/// A page of the record.
#[derive(Debug, Deserialize)]
pub struct EventPage {
    pub events: Vec<Event>,
    pub next: Option<String>,
}

/// Output of a run.
#[derive(Debug, Deserialize)]
pub struct Output {
    pub pieces: Vec<Piece>,
    pub next: i64,
    /// When it was deleted, because it was older than RMM keeps it.
    #[serde(default)]
    pub deleted_at: Option<String>,
}

/// A piece of output.
#[derive(Debug, Deserialize)]
pub struct Piece {
    #[serde(default)]
    pub run: i64,
    pub step: i64,
    #[serde(rename = "try")]
    pub attempt: i64,
    #[serde(default)]
    pub dropped_before: u64,
    pub text: String,
    #[serde(default)]
    pub hex: Option<String>,
}

impl Piece {
    /// The output byte for byte.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let pairs = |hex: &String| {
            let digits: Option<Vec<u8>> =
                hex.chars().map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
            digits.map(|digits| digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, d| byte << 4 | d)).collect())
        };
        self.hex.as_ref().and_then(pairs).unwrap_or_else(|| self.text.clone().into_bytes())
    }
}

/// A service.
#[derive(Debug, Deserialize)]
pub struct Service {
    pub name: String,
    pub repository: Option<String>,
    #[serde(default)]
    pub retired: bool,
    pub surfaces: Vec<String>,
    pub approvers: Vec<String>,
    pub minimum: usize,
    pub stage: Environment,
    pub production: Environment,
}

/// An environment of a service.
#[derive(Debug, Deserialize)]
pub struct Environment {
    pub driver: String,
    pub runs: Option<Version>,
    pub since: Option<Timestamp>,
    pub lock: Option<Lock>,
    #[serde(default)]
    pub left: Vec<LeftHost>,
    pub dirty: Option<Dirty>,
    #[serde(default)]
    pub unknown: Option<NotKnown>,
}

/// Why it is not known what an environment runs.
#[derive(Debug, Deserialize)]
pub struct NotKnown {
    pub reason: String,
    pub since: Timestamp,
}

/// A host that a way back went on without.
#[derive(Debug, Deserialize)]
pub struct LeftHost {
    pub host: String,
    pub since: Timestamp,
    pub reason: String,
    pub may_run: Version,
    pub given_up: bool,
    pub configured: bool,
}

/// A lock on production.
#[derive(Debug, Deserialize)]
pub struct Lock {
    pub reason: String,
    pub by: String,
    pub at: Timestamp,
}

/// An environment in an unknown state.
#[derive(Debug, Deserialize)]
pub struct Dirty {
    pub run: i64,
    pub reason: String,
}

/// A service with what happens to it.
#[derive(Debug, Deserialize)]
pub struct ServiceDetails {
    #[serde(flatten)]
    pub service: Service,
    pub queue: Vec<Release>,
    pub on_stage: Option<Release>,
    pub runs: Vec<Run>,
    #[serde(default)]
    pub another_copy: Option<NotKnown>,
    pub good_versions: Vec<GoodVersion>,
}

/// A version that one can go back to.
#[derive(Debug, Deserialize)]
pub struct GoodVersion {
    #[serde(flatten)]
    pub version: Version,
    pub deployed_at: Timestamp,
}

/// A person.
#[derive(Debug, Deserialize)]
pub struct Person {
    pub name: String,
    pub role: String,
    pub telegram_id: Option<i64>,
    pub github: Option<String>,
    pub approves: Vec<String>,
}

/// A token.
#[derive(Debug, Deserialize)]
pub struct Token {
    pub name: String,
    pub role: String,
    pub person: Option<String>,
    pub services: Vec<String>,
    pub created_by: String,
    pub vouched_by: Option<String>,
    #[serde(default)]
    pub orphaned: bool,
    #[serde(default)]
    pub person_gone: bool,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// A host.
#[derive(Debug, Deserialize)]
pub struct Host {
    pub name: String,
    pub address: Option<String>,
    #[serde(default)]
    pub jump: Vec<String>,
    pub user: Option<String>,
    pub key: String,
    pub fingerprint: Option<String>,
    pub offered: Option<crate::domain::host::HostKey>,
    pub services: Vec<String>,
}

/// What was found on a host.
#[derive(Debug, Deserialize)]
pub struct HostCheck {
    pub host: Host,
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Deserialize)]
pub struct Finding {
    pub name: String,
    pub state: String,
    pub detail: String,
    pub fix: Option<String>,
}

impl Finding {
    /// Whether RMM cannot work like this.
    pub fn fails(&self) -> bool {
        self.state == "fail"
    }
}
