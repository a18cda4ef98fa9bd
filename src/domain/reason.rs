//! Why something stands where it stands, as facts. The words for them are those of `wording`.
//!
//! Reasons are stored as JSON with the name of the variant as `code`. What was stored before there were facts is plain
//! text, and is read as [`Reason::Legacy`].

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cause::Cause;
use super::env::Env;
use super::fault::github::{GithubFault, Sought};
use super::fault::known::KnownFailure;
use super::fault::record::{LostEvents, RecordAlarm};
use super::fault::repository::RepositoryFault;
use super::fault::ssh::SshFault;
use super::fault::step::StepFault;
use super::fault::store::StoreFault;
use super::fault::tool::ToolFault;
use super::fault::{DialFault, HealthFault};
use super::host::{Fingerprint, HostKey};
use super::ids::{Commit, HostName, ReleaseId, RunId, ServiceName, SurfaceName};
use super::rule::Invalid;
use super::run::stop::StopKind;
use super::status::Status;
use super::step::kind::StepKind;
use super::version::Version;

/// Why a release, a run, a step, a host or an environment stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case", remote = "Self")]
#[expect(missing_docs, reason = "the fields are the words of the glossary; `cause` is what led to it, `by` a person")]
pub enum Reason {
    /// A sentence that an earlier version of RMM stored.
    Legacy { text: String },
    /// What a host, a repository or a program said.
    Told { text: String },
    /// RMM's own database is in the way.
    Store { fault: Box<StoreFault> },
    /// Each of these.
    All { reasons: Vec<Reason> },

    // What people decided.
    /// Taken out before production.
    Cancelled { by: String, why: String },
    /// The production deploy was to end.
    Aborted { by: String, why: String },
    /// The vote.
    Rejected { by: String, why: String },
    /// Production was to go back.
    RollbackAsked { to: Version, by: String, why: String },
    /// Production is locked since it was rolled back.
    RollbackOf { release: ReleaseId, title: String, to: Version, why: String },
    /// An admin found out how a run ended that could not be judged: badly.
    JudgedFailed { by: String, why: String },
    /// An admin wanted a run that could not be judged done once more.
    RunAgain { run: RunId, by: String, why: String },
    /// An admin said what an environment runs; none: nothing.
    Settled { by: String, environment: Env, version: Option<Version> },
    /// An admin gave a host up.
    GivenUp { by: String, why: String },

    // What follows in the life cycle.
    /// A newer release took its place.
    Superseded { by: ReleaseId, title: String },
    /// The CI system went to stage with another release, although stage was this one's.
    StageOvertaken { by: ReleaseId, title: String },
    /// The CI run that had brought it to stage, or was about to, has begun again.
    CiBeganAgain { ci_run: String, was: Status },
    /// The tag means another commit than before.
    TagMoved { tag: String, to: Commit },
    /// The repository has no such tag any more.
    TagGone { tag: String },
    /// It would bring something else than what was rehearsed and approved.
    ContentChanged,
    /// Its commit became known only after people had approved it.
    CommitKnownLate { commit: Commit },
    /// Production runs something else than what the rehearsal went back to; none: nothing.
    ProductionChanged { now: Option<Version> },
    /// Nothing goes on before stage is repaired.
    StageDirty { run: RunId, cause: Box<Reason> },
    /// Nothing goes on before an admin says what stage runs.
    StageUnknown { service: ServiceName, cause: Box<Reason> },
    /// There was nothing that a rehearsal could go back to.
    FirstRelease,
    /// The deploy failed, and production ran nothing before.
    NothingToGoBackTo { cause: Box<Reason> },
    /// The deploy failed, and it is not known what production runs.
    NotTakenBack { cause: Box<Reason> },
    /// The deploy failed before it touched production.
    Untouched { cause: Box<Reason> },
    /// Production goes back for this reason, and how the rollback ended is not known.
    RollbackInDoubt { why: Box<Reason>, cause: Box<Reason> },
    /// A rollback failed, and an admin has brought production there since; none: to nothing.
    RepairedSince { cause: Box<Reason>, version: Option<Version> },
    /// A deploy that had not begun went back into the line, because production of another release is rolled back.
    OtherRolledBack { release: ReleaseId },
    /// A deploy that had not begun went back into the line.
    ProductionLocked,
    /// The same, because a gate has closed.
    GatesClosed,
    /// A run was ended.
    Ended,

    // What CI systems reported.
    /// A step of the CI system failed.
    CiFailed,
    /// Production is not well.
    CiUnwell,
    /// The rollback failed.
    CiRollbackFailed,
    /// Nothing was heard for longer than `report_timeout`.
    CiSilent { environment: Env, since: Timestamp },

    /// A run is being ended on demand; what that still waits for.
    Stopping {
        why: StopKind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Box<Reason>>,
    },

    // Workflows that RMM starts.
    /// GitHub may have made a run of the workflow, and is asked; why that takes long.
    WorkflowSought {
        workflow: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Box<Reason>>,
    },
    /// GitHub is to end its run of the workflow; why that takes long.
    WorkflowCancelling {
        workflow: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<Box<Reason>>,
    },
    /// The workflow was not started.
    NotDispatched { cause: Box<Reason> },
    /// GitHub has taken the dispatch, and no run of it is to be seen.
    WorkflowNotSeen { workflow: String },
    /// The run waits at GitHub for a runner, or for another one.
    WorkflowQueued { workflow: String },
    /// The run of the workflow ended before any of its jobs began.
    WorkflowNeverBegan { workflow: String, conclusion: String },
    /// The run of the workflow ended with another conclusion than `success`.
    WorkflowFailed { workflow: String, conclusion: String },
    /// The workflow ended well and said nothing, and a health check did not pass then.
    WorkflowUnwell { workflow: String, surface: SurfaceName, cause: Box<Reason> },
    /// GitHub has no such run any more.
    WorkflowGone { workflow: String, ci_run: String },
    /// RMM starts a workflow for the deploy, and none to go back: people have to go back, and to report it.
    RollbackAwaited { workflow: String },
    /// The configuration knows no GitHub any more, or no repository of it.
    NoGithub { service: ServiceName },

    /// The id that was given for the commit is that of the tag itself, which points at this commit.
    TagItselfGiven { commit: Commit },
    /// The repository could not tell the commit; it is asked again then, or not before something is changed.
    CommitUnresolved { cause: Box<Reason>, again: Option<Timestamp> },

    // Why there is no plan.
    /// It is not known which commit would be deployed.
    CommitNotKnown { title: String },
    /// The release is not on record any more.
    VersionNotKnown { version: Version },
    /// The surface has no folder to check the code out to.
    NoDirectory { surface: SurfaceName },
    /// A command's template does not render.
    CommandNotMade { surface: SurfaceName, error: String },
    /// What CI has built must not enter a command.
    ValueNotTaken(Invalid),
    /// More steps than can be counted.
    PlanTooLong,

    // Steps.
    /// What happened to a step of a run.
    Step {
        kind: StepKind,
        surface: SurfaceName,
        environment: Env,
        /// None: RMM's own machine.
        host: Option<HostName>,
        cause: Box<Reason>,
    },
    /// A command failed; `said` is what its tool gave as the reason, `known` what that mostly means, `tool` the facts where
    /// it was a function of RMM's own.
    Exit {
        status: i32,
        said: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<KnownFailure>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool: Option<Box<ToolFault>>,
    },
    /// It failed before it changed anything.
    NothingChanged { cause: Box<Reason> },
    /// A health check did not pass; `known` is what the output of the surface mostly means.
    Unhealthy {
        cause: Box<Reason>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<KnownFailure>,
    },
    /// What a question over the network found.
    Health { fault: HealthFault },
    /// A health check was tried so often; the last answer.
    Attempts { attempts: u32, last: Box<Reason> },
    /// A health check was never asked.
    NeverAsked,
    /// A health check by command ended with this exit status; `said` is what it told last, `tool` as of a command.
    CheckFailed {
        status: i32,
        said: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool: Option<Box<ToolFault>>,
    },
    /// A health check by command took too long.
    CheckTimedOut { limit: Duration },
    /// Over its time limit, and ended.
    TimedOut,
    /// Could not be started.
    NotStarted { cause: Box<Reason> },
    /// How it ended cannot be known.
    CannotBeJudged { cause: Box<Reason> },
    /// Ended on demand.
    WasEnded,
    /// `verify tag` found that the tag has moved.
    FoundTagMoved,
    /// `verify tag` found that the tag is not the commit that was told; that it was is not known.
    FoundOtherCommit,
    /// `verify tag` found that there is no such tag; that there was one is not known.
    FoundNoTag,
    /// `verify tag` found that the tag is gone.
    FoundTagGone,
    /// Left out, because an earlier step failed on its host.
    EarlierStepFailed,
    /// Left out, because the rest was planned anew without a host.
    PlannedAnew,
    /// The run was closed while it was at work.
    EndUnseen,

    // Hosts.
    /// Something about one host.
    At { host: HostName, cause: Box<Reason> },
    /// The run went on without them; what was heard of each last.
    WentOnWithout { hosts: BTreeMap<HostName, Reason> },
    /// What was heard of the host last; a migration had begun there.
    MigrationAtWork { cause: Box<Reason> },
    /// A run could not bring the host to what its environment runs.
    NotCaughtUp { run: RunId, to: Version, cause: Box<Reason> },
    /// The run waits for hosts.
    WaitsFor { hosts: BTreeMap<HostName, Wait> },
    /// A host could not be reached within the run's limit.
    Unreachable { host: HostName, limit: Duration, cause: Box<Reason> },
    /// The host does not answer.
    NoAnswer,
    /// There is no connection.
    NotConnected { fault: DialFault },
    /// The host has shown a key that no admin has confirmed.
    KeyUnknown { key: HostKey },
    /// The host has shown another key than those that are trusted.
    KeyChanged { trusted: Vec<Fingerprint>, offered: HostKey },
    /// It is in the way that another host has to be passed.
    OnTheWay { host: HostName, cause: Box<Reason> },
    /// The connection to the host ended; what the system said.
    ConnectionLost { said: String },
    /// A script could not be started on the host; what the system said.
    ScriptNotStarted { said: String },
    /// A program is missing on RMM's own machine.
    ProgramMissing { program: String },
    /// What is wrong with a repository.
    Repository { fault: RepositoryFault },
    /// What is in the way at GitHub.
    Github { fault: GithubFault },
    /// The host cannot be called.
    HostNotConnected { fault: DialFault },
    /// The host cannot be reached or used over SSH.
    Ssh { fault: Box<SshFault> },
    /// What a host says of a step.
    StepOnHost { fault: StepFault },
    /// What a step has written could not be kept; what the system said.
    OutputNotKept { said: String },
    /// What the host is needed for is refused.
    Refused { cause: Box<Cause> },
    /// A script on the host gave no answer in time.
    AnswerLate { limit: Duration },
    /// The run directory belongs to another RMM or another run.
    DirectoryTaken { directory: String },
    /// Another copy of this database has begun steps in it.
    DirectoryOfCopy { directory: String },
    /// The last run on a host is not known here.
    LastRunNotKnown { token: String },
    /// What became of a step has to be looked up on the host.
    LookOnHost { host: HostName, cause: Box<Reason> },
    /// A host has lost the run's directory.
    DirectoryLost { host: HostName, directory: String },
    /// The run cannot be followed any further, so it is not known what its running step did.
    StepLost { cause: Box<Reason> },
    /// A migration had begun when its host stopped answering, and this is what became of it.
    MigrationUnseen { run: RunId, kind: StepKind, surface: SurfaceName, host: HostName, found: Found },

    // Copies of the database.
    /// The last run on a host is not in this database.
    LastRunUnknown { host: HostName, run: Option<RunId>, token: String, service: ServiceName, environment: Env },
    /// A step was ended on its host, and not by this RMM.
    EndedBySomebodyElse { host: HostName },
    /// Something on a host shows that another copy of this database works there.
    CopyAtWork { host: HostName, service: ServiceName, environment: Env, cause: Box<Reason> },
    /// Another copy of this database was turned away.
    CopyTurnedAway { host: HostName, service: ServiceName, environment: Env, run: String },
    /// The last run on a host is another installation's.
    OtherInstallation { host: HostName, token: String, service: ServiceName, environment: Env },
    /// The last runs on hosts are not in this database.
    LastRunsUnknown { service: ServiceName, environment: Env },
    /// What was found on hosts, beside the reason why it is not known what an environment runs.
    LastRuns { cause: Box<Reason>, found: Vec<LastRun> },
    /// Under way when the database was copied.
    UnderWayWhenCopied,
    /// The database is a copy that was put back, or older than what was done.
    Restored { how: RestoredBy },
    /// After a restore, numbers go on from the highest that may have been seen.
    NumbersGoOn { cause: Box<Reason>, release: ReleaseId, run: RunId },
}

/// How it showed that the database is not the one that was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoredBy {
    /// By `rmm restore`; what the backup does not hold.
    Command {
        /// Events of the record.
        lost: Option<LostEvents>,
    },
    /// It is a backup.
    Backup,
    /// It is a new one.
    Lost,
    /// It came without the file that lies beside it.
    Moved,
    /// It knows less than what lies beside it.
    Older,
    /// Its record is not the one that was noted beside its key.
    Another {
        /// How that shows.
        alarm: RecordAlarm,
    },
}

/// Whom a run waits for, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What was heard of it last.
    pub cause: Reason,
    /// What a person can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
}

/// What a person can do for a run that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum Hint {
    /// Compare the key of a host, and trust it.
    Trust { host: HostName },
    /// Give a host up.
    GiveUp { service: ServiceName, host: HostName, environment: Env },
}

/// The last run that a host knows, which is not in this database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// Where it was found.
    pub host: HostName,
    /// Its number.
    pub run: RunId,
    /// A command of it is still at work there.
    pub at_work: bool,
    /// What names it on hosts, if it is another installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

/// What became of a step whose host had stopped answering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It had not begun.
    NotStarted,
    /// It ended by itself.
    Exited(i32),
    /// It was still at work, and has been ended.
    Stopped,
    /// It cannot be known; why, where that is known.
    Lost(Option<Box<Reason>>),
}

impl From<StepFault> for Reason {
    fn from(fault: StepFault) -> Self {
        Self::StepOnHost { fault }
    }
}

impl From<GithubFault> for Reason {
    fn from(fault: GithubFault) -> Self {
        Self::Github { fault }
    }
}

impl From<SshFault> for Reason {
    fn from(fault: SshFault) -> Self {
        Self::Ssh { fault: Box::new(fault) }
    }
}

impl Reason {
    /// Why a workflow has failed of which GitHub says that none of its jobs began, although one of them has spoken.
    #[must_use]
    pub fn after_begin(self) -> Self {
        if let Self::WorkflowNeverBegan { workflow, conclusion } = self {
            return Self::WorkflowFailed { workflow, conclusion };
        }
        self
    }

    /// What a host, a repository or a program said.
    pub fn told(text: impl Into<String>) -> Self {
        Self::Told { text: text.into() }
    }

    /// All of these; none for none.
    #[must_use]
    pub fn all(mut reasons: Vec<Self>) -> Option<Self> {
        match reasons.len() {
            0 | 1 => reasons.pop(),
            _ => Some(Self::All { reasons }),
        }
    }

    /// Whether something ends because its tag no longer stands for what people saw.
    #[must_use]
    pub fn is_of_moved_tag(&self) -> bool {
        if let Self::Step { cause, .. } = self {
            return cause.is_of_moved_tag();
        }
        matches!(self, Self::TagMoved { .. } | Self::TagGone { .. } | Self::FoundTagMoved | Self::FoundTagGone)
    }

    /// Whether a repository has answered, and says otherwise.
    #[must_use]
    pub const fn denies(&self) -> bool {
        matches!(self, Self::Repository { fault } if fault.denies())
    }

    /// Whether there is no repository to ask.
    #[must_use]
    pub fn is_of_missing_repository(&self) -> bool {
        if let Self::CommitUnresolved { cause, .. } = self {
            return cause.is_of_missing_repository();
        }
        matches!(self, Self::Repository { fault } if fault.is_missing())
            || matches!(self, Self::Github { fault: GithubFault::NotFound { what: Sought::Repository { .. } } })
    }

    /// From a column or a field that held a sentence before there were facts.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        let facts = text.starts_with('{').then(|| serde_json::from_str(text).ok()).flatten();
        facts.unwrap_or_else(|| Self::Legacy { text: text.to_owned() })
    }

    /// The reason with every text that came from outside changed.
    #[must_use]
    pub fn map_text(&self, change: &dyn Fn(&str) -> String) -> Self {
        fn walk(value: &mut serde_json::Value, change: &dyn Fn(&str) -> String) {
            match value {
                serde_json::Value::String(text) => *text = change(text),
                serde_json::Value::Array(all) => all.iter_mut().for_each(|value| walk(value, change)),
                serde_json::Value::Object(fields) => {
                    fields.iter_mut().filter(|(key, _)| *key != "code").for_each(|(_, value)| walk(value, change));
                }
                serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
            }
        }
        let changed = serde_json::to_value(self).and_then(|mut value| {
            walk(&mut value, change);
            serde_json::from_value(value)
        });
        // A change that leaves no valid name or version behind hides all of it.
        changed.unwrap_or_else(|_| Self::told(change(&format!("{self:?}"))))
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        if let serde_json::Value::String(text) = value {
            return Ok(Self::Legacy { text });
        }
        Self::deserialize(value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        Self::told(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_a_sentence_before_is_shown_as_it_was() {
        let old = Reason::from_stored("deploy of app on stage failed with exit status 3");
        assert_eq!(old, Reason::Legacy { text: "deploy of app on stage failed with exit status 3".into() });
        let inside: Wait = serde_json::from_str(r#"{"cause":"It does not answer."}"#).unwrap();
        assert_eq!(inside.cause, Reason::Legacy { text: "It does not answer.".into() });
        // Text that only looks like facts is text.
        for text in ["{", r#"{"code":"of an earlier build"}"#] {
            assert_eq!(Reason::from_stored(text), Reason::Legacy { text: text.into() });
        }
    }

    #[test]
    fn facts_are_stored_with_their_code() {
        let cause = Box::new(Reason::Exit { status: 3, said: None, known: None, tool: None });
        let reason = Reason::NothingToGoBackTo { cause };
        let stored = serde_json::to_string(&reason).unwrap();
        assert_eq!(stored, r#"{"code":"nothing_to_go_back_to","cause":{"code":"exit","status":3,"said":null}}"#);
        assert_eq!(Reason::from_stored(&stored), reason);
    }

    #[test]
    fn a_text_from_outside_is_changed_wherever_it_is() {
        let hosts = BTreeMap::from([(HostName::parse("host", "prod-1").unwrap(), Reason::told("no secret here"))]);
        let reason = Reason::NotStarted { cause: Box::new(Reason::WentOnWithout { hosts }) };
        let hidden = reason.map_text(&|text| text.replace("secret", "***"));
        assert!(!serde_json::to_string(&hidden).unwrap().contains("secret"));
        assert!(matches!(hidden, Reason::NotStarted { .. }));
    }
}
