//! Events: what happened, for the append-only record.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alert::Silence;
use super::cause::Cause;
use super::env::Env;
use super::fault::record::RecordAlarm;
use super::gate::facts::Standing;
use super::gate::name::GateName;
use super::host::{Fingerprint, HostKey};
use super::ids::{Attempt, Commit, HostName, PersonName, ReleaseId, ServiceName, SurfaceName, Tag};
use super::reason::Reason;
use super::run::RunKind;
use super::status::Status;
use super::tally::Tally;
use super::version::Version;

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
        reason: Option<Reason>,
        /// How it stood when its vote closed; events of older versions lack it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        standing: Option<Box<Standing>>,
    },
    /// GitHub has named who began it, or another attempt of it.
    InitiatorProven {
        initiated_by: String,
        /// Who it was said to be until then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
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
        reason: Reason,
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
        /// How the vote stood then; events of older versions lack it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tally: Option<Tally>,
    },
    ReleaseRejected {
        person: PersonName,
        commit: Option<Commit>,
        reason: String,
    },
    GatesBypassed {
        gates: Vec<GateName>,
        reason: String,
        /// How the release stood then; events of older versions lack it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        standing: Option<Box<Standing>>,
    },
    NothingToRehearse {
        /// What the service may have been called before: its history is not here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maybe_was: Option<ServiceName>,
    },
    /// A surface that was deployed for the first time has no health check.
    NothingTells {
        surface: SurfaceName,
    },
    RehearsalStale {
        was: Option<ReleaseId>,
        now: Option<Version>,
    },
    RunCreated {
        environment: Env,
        kind: RunKind,
        from: Option<Version>,
        to: Version,
    },
    RunStarted {
        environment: Env,
        kind: RunKind,
    },
    RunWaiting {
        reason: Reason,
    },
    /// The run of a workflow that RMM has started is known.
    WorkflowStarted {
        environment: Env,
        workflow: String,
        ci_run: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    RunStopping {
        by: String,
        reason: Reason,
    },
    RunEnded {
        environment: Env,
        kind: RunKind,
        state: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
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
        environment: Env,
        version: Version,
    },
    HostLeftBehind {
        environment: Env,
        host: HostName,
        reason: Reason,
    },
    HostCaughtUp {
        environment: Env,
        host: HostName,
        /// What it may have run until then.
        newer: Version,
    },
    HostGivenUp {
        environment: Env,
        host: HostName,
        reason: Reason,
    },
    EarlierStepsEnded {
        environment: Env,
        host: HostName,
        steps: Vec<String>,
    },
    MigrationFoundDone {
        environment: Env,
        step: u32,
        surface: String,
        host: HostName,
    },
    EnvironmentDirty {
        environment: Env,
        reason: Reason,
    },
    EnvironmentRepaired {
        environment: Env,
    },
    EnvironmentUnknown {
        environment: Env,
        reason: Reason,
    },
    EnvironmentSettled {
        environment: Env,
        version: Option<Version>,
        reason: String,
    },
    /// A host was worked on by another copy of this database.
    ForeignRunFound {
        environment: Env,
        host: HostName,
        reason: Reason,
    },
    /// The service has another name now; its history came along.
    ServiceRenamed {
        from: ServiceName,
        to: ServiceName,
    },
    /// A service was defined in the dashboard, or that was changed there.
    ServiceDefined {
        service: ServiceName,
        revision: i64,
    },
    /// Its definition was removed from the dashboard.
    ServiceRemoved {
        service: ServiceName,
    },
    /// `rmm.toml` defines it now, and the definition of the dashboard is gone.
    ServiceMovedToFile {
        service: ServiceName,
    },
    DatabaseRestored {
        /// The last event that the restored database held.
        after: i64,
        /// How it is known, and from which numbers it goes on.
        reason: Reason,
    },
    /// The record was changed behind RMM's back.
    RecordAlarmRaised {
        found: String,
        /// Its facts; events of older versions lack them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<RecordAlarm>,
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
        reason: Reason,
    },
    ProductionUnlocked {},
    ReportRefused {
        status: Status,
        reason: Box<Cause>,
        /// How many were refused since the one before, without a place of their own on the record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unrecorded: Option<u64>,
    },
    TokenCreated {
        name: String,
        role: String,
        /// The person for whom it speaks; events of older versions lack it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonName>,
    },
    /// Another person vouches for a token now.
    TokenAdopted {
        name: String,
        /// The person who did before; none: the operator.
        before: Option<String>,
    },
    TokenRevoked {
        name: String,
    },
    /// A link was made that signs a person in to the dashboard. None: the operator.
    LoginLinkMade {
        person: Option<PersonName>,
    },
    /// A browser came in. None: as the operator.
    SignedIn {
        person: Option<PersonName>,
        address: String,
    },
    /// An admin has ended the session of a person. None: of the operator.
    SessionEnded {
        person: Option<PersonName>,
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
    /// After another one, a host shows a key again that is trusted.
    HostKeyRestored {
        host: HostName,
        address: String,
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
    /// An admin has made an alert silent, or told it to speak again.
    AlertSilenced {
        alert: String,
        silence: Silence,
    },
}

impl Event {
    /// The service that it is about, where it names one by itself.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceName> {
        if let Self::ServiceDefined { service, .. }
        | Self::ServiceRemoved { service }
        | Self::ServiceMovedToFile { service } = self
        {
            Some(service)
        } else {
            None
        }
    }

    /// Splits the event into its name and its data as JSON text, as the record keeps them: a reason as a sentence, with
    /// its facts beside it as `because`.
    ///
    /// # Panics
    /// Never: every event is plain data.
    #[must_use]
    pub fn into_record(self, sentence: impl Fn(Why<'_>) -> String) -> (String, String) {
        let refused = if let Self::ReportRefused { reason, .. } = &self { Some(reason) } else { None };
        let refused = refused.map(|cause| sentence(Why::Refused(cause)));
        let Ok(Value::Object(mut object)) = serde_json::to_value(&self) else { return (String::new(), "{}".into()) };
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut data = object.remove("data").unwrap_or_default();
        if let Some(fields) = data.as_object_mut()
            && let Some(because) = fields.get("reason").filter(|reason| reason.is_object()).cloned()
        {
            let words = refused.or_else(|| Some(sentence(Why::Reason(&Reason::deserialize(&because).ok()?))));
            fields.insert("reason".into(), words.into());
            fields.insert("because".into(), because);
        }
        (kind, data.to_string())
    }
}

/// Facts that the record tells in a sentence, too.
#[derive(Debug, Clone, Copy)]
pub enum Why<'a> {
    /// Why something stands where it stands.
    Reason(&'a Reason),
    /// Why something was refused.
    Refused(&'a Cause),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(_: Why<'_>) -> String {
        "words".into()
    }

    #[test]
    fn a_reason_is_recorded_as_words_with_its_facts_beside_them() {
        let event = Event::RunWaiting { reason: Reason::NoAnswer };
        assert_eq!(event.into_record(words).1, r#"{"because":{"code":"no_answer"},"reason":"words"}"#);
        let event =
            Event::ReportRefused { status: Status::Deployed, reason: Box::new(Cause::NothingThere), unrecorded: None };
        let data = r#"{"because":{"code":"nothing_there"},"reason":"words","status":"deployed"}"#;
        assert_eq!(event.into_record(words).1, data);
        // What a person wrote is the reason itself.
        let event = Event::RunResolved { verdict: "failed".into(), reason: "I looked".into() };
        assert_eq!(event.into_record(words).1, r#"{"reason":"I looked","verdict":"failed"}"#);
    }

    #[test]
    fn an_event_is_a_name_and_its_data() {
        let (kind, data) =
            Event::ReleaseMoved { from: Status::Initiated, to: Status::StageBuilding, reason: None, standing: None }
                .into_record(words);
        assert_eq!(kind, "release_moved");
        assert_eq!(data, r#"{"from":"initiated","to":"stage_building"}"#);
        assert_eq!(
            Event::NothingToRehearse { maybe_was: None }.into_record(words),
            ("nothing_to_rehearse".into(), "{}".into())
        );
    }
}
