//! Events: what happened, for the append-only record.

use serde::{Deserialize, Serialize};

use super::gate::GateName;
use super::host::{Fingerprint, HostKey};
use super::ids::{Attempt, Commit, HostName, PersonName, ReleaseId, SurfaceName, Tag};
use super::release::Version;
use super::run::RunKind;
use super::service::EnvironmentKind;
use super::status::Status;

/// Something that happened. Past tense; never changed once recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum Event {
    ReleaseCreated {
        tag: Option<Tag>,
        commit: Option<Commit>,
        initiated_by: String,
    },
    ReleaseMoved {
        from: Status,
        to: Status,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    ReleaseRetried {
        attempt: Attempt,
    },
    ReleaseUpdated {
        surfaces: Vec<String>,
    },
    ReleasePromoted {},
    CommitResolved {
        commit: Commit,
    },
    CommitUnresolved {
        reason: String,
    },
    TagMoved {
        tag: Tag,
        from: Commit,
        to: Option<Commit>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        gone: bool,
    },
    ReleaseApproved {
        person: PersonName,
        commit: Option<Commit>,
        progress: String,
    },
    ReleaseRejected {
        person: PersonName,
        commit: Option<Commit>,
        reason: String,
    },
    GatesBypassed {
        gates: Vec<GateName>,
        reason: String,
    },
    NothingToRehearse {},
    /// A surface that was deployed for the first time has no health check.
    NothingTells {
        surface: SurfaceName,
    },
    RehearsalStale {
        was: Option<ReleaseId>,
        now: Option<Version>,
    },
    RunCreated {
        environment: EnvironmentKind,
        kind: RunKind,
        from: Option<Version>,
        to: Version,
    },
    RunStarted {
        environment: EnvironmentKind,
        kind: RunKind,
    },
    RunWaiting {
        reason: String,
    },
    RunStopping {
        by: String,
        reason: String,
    },
    RunEnded {
        environment: EnvironmentKind,
        kind: RunKind,
        state: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    RunResolved {
        verdict: String,
        reason: String,
    },
    StepStarted {
        step: u32,
        name: String,
        surface: String,
        host: String,
    },
    StepEnded {
        step: u32,
        name: String,
        surface: String,
        host: String,
        state: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<i32>,
    },
    HandWorkFound {
        step: u32,
        surface: String,
        host: String,
        findings: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<String>,
    },
    EnvironmentChanged {
        environment: EnvironmentKind,
        version: Version,
    },
    HostLeftBehind {
        environment: EnvironmentKind,
        host: HostName,
        reason: String,
    },
    HostCaughtUp {
        environment: EnvironmentKind,
        host: HostName,
    },
    HostGivenUp {
        environment: EnvironmentKind,
        host: HostName,
        reason: String,
    },
    EarlierStepsEnded {
        environment: EnvironmentKind,
        host: HostName,
        steps: Vec<String>,
    },
    EnvironmentDirty {
        environment: EnvironmentKind,
        reason: String,
    },
    EnvironmentRepaired {
        environment: EnvironmentKind,
    },
    EnvironmentUnknown {
        environment: EnvironmentKind,
        reason: String,
    },
    EnvironmentSettled {
        environment: EnvironmentKind,
        version: Option<Version>,
        reason: String,
    },
    /// A host was worked on by another copy of this database.
    ForeignRunFound {
        environment: EnvironmentKind,
        host: HostName,
        reason: String,
    },
    DatabaseRestored {
        /// The last event that the restored database held.
        after: i64,
        /// How it is known, and from which numbers it goes on.
        reason: String,
    },
    /// The record was changed behind RMM's back.
    RecordAlarmRaised {
        found: String,
    },
    RecordAlarmAcknowledged {
        found: String,
        reason: String,
    },
    /// From here on, a new key signs the record.
    RecordKeyRotated {},
    ClockJumped {
        /// By how much the clock was set forward; negative: back.
        seconds: i64,
    },
    ProductionLocked {
        reason: String,
    },
    ProductionUnlocked {},
    ReportRefused {
        status: Status,
        reason: String,
        /// How many were refused since the one before, without a place of their own on the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unrecorded: Option<u64>,
    },
    TokenCreated {
        name: String,
        role: String,
    },
    /// Somebody else vouches for a token now.
    TokenAdopted {
        name: String,
        /// The person who did before; none: the operator.
        before: Option<String>,
    },
    TokenRevoked {
        name: String,
    },
    HostKeySeen {
        host: HostName,
        address: String,
        key: HostKey,
    },
    HostKeyChanged {
        host: HostName,
        address: String,
        trusted: Fingerprint,
        key: HostKey,
    },
    HostTrusted {
        host: HostName,
        address: String,
        key: HostKey,
    },
    TelegramClaimed {
        person: PersonName,
        telegram_id: i64,
    },
    TelegramConfirmed {
        person: PersonName,
        telegram_id: i64,
    },
    TelegramRefused {
        person: PersonName,
        telegram_id: i64,
    },
    BackupMade {
        file: String,
    },
}

impl Event {
    /// Splits the event into its name and its data as JSON text, as the record keeps them.
    ///
    /// # Panics
    /// Never: every event is plain data.
    #[must_use]
    pub fn into_record(self) -> (String, String) {
        match serde_json::to_value(&self) {
            Ok(serde_json::Value::Object(mut object)) => {
                let kind = match object.remove("kind") {
                    Some(serde_json::Value::String(kind)) => kind,
                    Some(_) | None => String::new(),
                };
                let data = object.remove("data").unwrap_or_default();
                (kind, data.to_string())
            }
            Ok(_) | Err(_) => (String::new(), String::from("{}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_name_and_its_data() {
        let (kind, data) =
            Event::ReleaseMoved { from: Status::Initiated, to: Status::StageBuilding, reason: None }.into_record();
        assert_eq!(kind, "release_moved");
        assert_eq!(data, r#"{"from":"initiated","to":"stage_building"}"#);
        assert_eq!(Event::NothingToRehearse {}.into_record(), ("nothing_to_rehearse".into(), "{}".into()));
    }
}
