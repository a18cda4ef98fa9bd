//! Commands: everything that can be asked of RMM, by people, CI and RMM's own parts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::artifact::Artifact;
use super::env::Env;
use super::fault::known::KnownFailure;
use super::gate::name::GateName;
use super::ids::{Commit, HostName, ReleaseId, Revision, RunId, ServiceName, Tag};
use super::reason::{Found, LastRun, Reason};
use super::release::{CiRun, Reporter};
use super::status::Status;
use super::workflow::{SeenRun, WorkflowEnd};

/// One thing asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Record a new release, or find the one that it already is.
    Create(NewRelease),
    /// What a CI system says about a release.
    Report {
        /// The release.
        release: ReleaseId,
        /// Where it stands now, according to the CI system.
        status: Status,
        /// Which CI run speaks; none: the current one is meant.
        ci_run: Option<Reporter>,
    },
    /// What a CI system built.
    Update {
        /// The release.
        release: ReleaseId,
        /// Replaces what is known of the surfaces named.
        artifacts: Vec<Artifact>,
        /// Which CI run speaks; none: the current one is meant.
        ci_run: Option<Reporter>,
    },
    /// Yes.
    Approve {
        /// The release.
        release: ReleaseId,
        /// The revision that the person saw, if the client knows it.
        seen: Option<Revision>,
    },
    /// No.
    Reject {
        /// The release.
        release: ReleaseId,
        /// The revision that the person saw, if the client knows it.
        seen: Option<Revision>,
        /// Why.
        reason: String,
    },
    /// Take it out before production.
    Cancel {
        /// The release.
        release: ReleaseId,
        /// Why.
        reason: String,
    },
    /// End the production deploy and go back.
    Abort {
        /// The release.
        release: ReleaseId,
        /// Why.
        reason: String,
        /// Even though a run's end is not known.
        force: bool,
    },
    /// Try again from the start.
    Retry {
        /// The release.
        release: ReleaseId,
    },
    /// Start production (`auto_promote = false`).
    Promote {
        /// The release.
        release: ReleaseId,
    },
    /// Take production back from this release to an older good version.
    Rollback {
        /// The release that production runs.
        release: ReleaseId,
        /// Where to; none: the good version that its rehearsal went back to.
        to: Option<RollbackTo>,
        /// Why; becomes the reason of the lock.
        reason: String,
        /// Even though a run's end is not known.
        force: bool,
    },
    /// Skip gates of production, on the record.
    Bypass {
        /// The release.
        release: ReleaseId,
        /// Which.
        gates: Vec<GateName>,
        /// Why.
        reason: String,
    },
    /// Nothing is deployed to production from now on.
    Lock {
        /// Why.
        reason: String,
    },
    /// Deploys to production go on.
    Unlock,
    /// Say how a run ended whose end cannot be known, or that an environment that needs repair was repaired.
    Resolve {
        /// The run.
        run: RunId,
        /// What an admin found.
        verdict: Resolution,
        /// How the admin knows.
        reason: String,
    },
    /// Nothing more is to be done on a host that does not answer.
    GiveUpHost {
        /// Where.
        environment: Env,
        /// Which.
        host: HostName,
        /// Why.
        reason: String,
    },
    /// Bring a host to what its environment runs, which was left behind or given up.
    CatchUpHost {
        /// Where.
        environment: Env,
        /// Which.
        host: HostName,
    },
    /// Say what an environment runs, where that is not known.
    Settle {
        /// Which environment of the service.
        environment: Env,
        /// What an admin found there.
        runs: Settled,
        /// How the admin knows.
        reason: String,
    },
    /// RMM: the repository told the commit.
    CommitResolved {
        /// The release.
        release: ReleaseId,
        /// Its commit.
        commit: Commit,
        /// The object that its tag is itself, if the tag is an annotated one: its id is taken for the commit's.
        tag_object: Option<Commit>,
    },
    /// RMM: GitHub has named who began it.
    InitiatorProven {
        /// The release.
        release: ReleaseId,
        /// The login.
        login: String,
    },
    /// RMM: the repository could not tell the commit.
    CommitUnresolved {
        /// The release.
        release: ReleaseId,
        /// Why.
        reason: Reason,
        /// When it is asked again; none: asking again is pointless.
        again: Option<Timestamp>,
    },
    /// RMM: the tag points at another commit now, or is gone.
    TagMoved {
        /// The release.
        release: ReleaseId,
        /// Where the tag points now; none: the repository has no such tag any more.
        now: Option<Commit>,
    },
    /// RMM: the run's directory exists.
    RunPrepared {
        /// The run.
        run: RunId,
    },
    /// RMM: a run does not get on for now, or does again.
    RunWaits {
        /// The run.
        run: RunId,
        /// Why; none: it gets on again.
        reason: Option<Reason>,
    },
    /// RMM: hosts of a run do not answer; where it may, it goes on without them.
    LeaveHosts {
        /// The run.
        run: RunId,
        /// What was heard of each last.
        hosts: BTreeMap<HostName, Reason>,
    },
    /// RMM: a host that was left behind answers again.
    HostBack {
        /// Where.
        environment: Env,
        /// Which.
        host: HostName,
    },
    /// RMM: steps of earlier runs were still at work on a host of a run, and have been ended before it began there.
    EarlierStepsEnded {
        /// The run.
        run: RunId,
        /// The host.
        host: HostName,
        /// Each step, for people.
        steps: Vec<String>,
    },
    /// RMM: a run came to a host where an earlier one had begun a migration before the host stopped answering.
    MigrationFound {
        /// The run.
        run: RunId,
        /// The earlier run.
        of: RunId,
        /// Its step.
        step: u32,
        /// What became of it there.
        found: Found,
    },
    /// RMM: GitHub is about to be asked for the workflow of a run.
    DispatchAsked {
        /// The run.
        run: RunId,
    },
    /// RMM: GitHub was asked for the workflow of a run, and has certainly made no run of it.
    DispatchNotTaken {
        /// The run.
        run: RunId,
        /// Why, where it is asked again later.
        reason: Option<Reason>,
    },
    /// RMM: GitHub has said yes, or its run of the workflow was seen.
    DispatchTaken {
        /// The run.
        run: RunId,
        /// The run at GitHub, as soon as it is known.
        seen: Option<SeenRun>,
    },
    /// RMM: the workflow of a run was not started, and is not started any more.
    DispatchRefused {
        /// The run.
        run: RunId,
        /// Why.
        reason: Reason,
    },
    /// RMM: the workflow of a run is under way, as GitHub says.
    WorkflowSeen {
        /// The run.
        run: RunId,
        /// Its attempt.
        attempt: u32,
    },
    /// RMM: the workflow of a run has ended, as GitHub says.
    WorkflowEnded {
        /// The run.
        run: RunId,
        /// How.
        end: WorkflowEnd,
    },
    /// RMM: the next steps of a run are about to start. The answer names the first of them.
    StartStep {
        /// The run.
        run: RunId,
    },
    /// RMM: a health check by command is about to be tried once more.
    TryStep {
        /// The run.
        run: RunId,
        /// The step.
        step: u32,
    },
    /// RMM: a step ended.
    StepEnded {
        /// The run.
        run: RunId,
        /// The step.
        step: u32,
        /// How.
        outcome: Outcome,
        /// What its output tells about that.
        said: Said,
    },
    /// RMM: a run cannot go on, and no step is to blame.
    RunFailed {
        /// The run.
        run: RunId,
        /// Why.
        reason: Reason,
    },
    /// RMM: how the run stands cannot be known.
    RunLost {
        /// The run.
        run: RunId,
        /// Why.
        reason: Reason,
    },
    /// RMM: a host was worked on by another copy of this database, or this one is older than what the host has seen.
    RunForeign {
        /// The run that met it.
        run: RunId,
        /// The host.
        host: HostName,
        /// Why.
        reason: Reason,
    },
    /// RMM: another copy of this database tried to work where a run works, and was turned away.
    ForeignTurnedAway {
        /// The run.
        run: RunId,
        /// The host.
        host: HostName,
        /// Why.
        reason: Reason,
    },
    /// RMM: the last run on a host of an environment is not in this database.
    HostLooked {
        /// The environment.
        environment: Env,
        /// What it was.
        found: LastRun,
    },
    /// RMM: time has passed, or the configuration changed; whatever is due happens.
    Advance,
}

/// What a command is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A release that may have to be made.
    New(&'a NewRelease),
    /// A release.
    Release(ReleaseId),
    /// A run.
    Run(RunId),
    /// A service as a whole; which one is said beside the command.
    Service,
}

impl Command {
    /// What it is called in traces.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Report { .. } => "report",
            Self::Update { .. } => "update",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::Cancel { .. } => "cancel",
            Self::Abort { .. } => "abort",
            Self::Retry { .. } => "retry",
            Self::Promote { .. } => "promote",
            Self::Rollback { .. } => "rollback",
            Self::Bypass { .. } => "bypass",
            Self::Lock { .. } => "lock",
            Self::Unlock => "unlock",
            Self::Resolve { .. } => "resolve",
            Self::GiveUpHost { .. } => "give_up_host",
            Self::CatchUpHost { .. } => "catch_up_host",
            Self::Settle { .. } => "settle",
            Self::CommitResolved { .. } => "commit_resolved",
            Self::CommitUnresolved { .. } => "commit_unresolved",
            Self::InitiatorProven { .. } => "initiator_proven",
            Self::TagMoved { .. } => "tag_moved",
            Self::RunPrepared { .. } => "run_prepared",
            Self::RunWaits { .. } => "run_waits",
            Self::LeaveHosts { .. } => "leave_hosts",
            Self::HostBack { .. } => "host_back",
            Self::EarlierStepsEnded { .. } => "earlier_steps_ended",
            Self::MigrationFound { .. } => "migration_found",
            Self::DispatchAsked { .. } => "dispatch_asked",
            Self::DispatchNotTaken { .. } => "dispatch_not_taken",
            Self::DispatchTaken { .. } => "dispatch_taken",
            Self::DispatchRefused { .. } => "dispatch_refused",
            Self::WorkflowSeen { .. } => "workflow_seen",
            Self::WorkflowEnded { .. } => "workflow_ended",
            Self::StartStep { .. } => "start_step",
            Self::TryStep { .. } => "try_step",
            Self::StepEnded { .. } => "step_ended",
            Self::RunFailed { .. } => "run_failed",
            Self::RunLost { .. } => "run_lost",
            Self::RunForeign { .. } => "run_foreign",
            Self::ForeignTurnedAway { .. } => "foreign_turned_away",
            Self::HostLooked { .. } => "host_looked",
            Self::Advance => "advance",
        }
    }

    /// What the command is about.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        match self {
            Self::Create(new) => Subject::New(new),
            Self::Report { release, .. }
            | Self::Update { release, .. }
            | Self::Approve { release, .. }
            | Self::Reject { release, .. }
            | Self::Cancel { release, .. }
            | Self::Abort { release, .. }
            | Self::Retry { release }
            | Self::Promote { release }
            | Self::Rollback { release, .. }
            | Self::Bypass { release, .. }
            | Self::CommitResolved { release, .. }
            | Self::InitiatorProven { release, .. }
            | Self::CommitUnresolved { release, .. }
            | Self::TagMoved { release, .. } => Subject::Release(*release),
            Self::Resolve { run, .. }
            | Self::RunPrepared { run }
            | Self::RunWaits { run, .. }
            | Self::DispatchAsked { run }
            | Self::DispatchNotTaken { run, .. }
            | Self::DispatchTaken { run, .. }
            | Self::DispatchRefused { run, .. }
            | Self::WorkflowSeen { run, .. }
            | Self::WorkflowEnded { run, .. }
            | Self::LeaveHosts { run, .. }
            | Self::EarlierStepsEnded { run, .. }
            | Self::MigrationFound { run, .. }
            | Self::StartStep { run }
            | Self::TryStep { run, .. }
            | Self::StepEnded { run, .. }
            | Self::RunFailed { run, .. }
            | Self::RunLost { run, .. }
            | Self::RunForeign { run, .. }
            | Self::ForeignTurnedAway { run, .. } => Subject::Run(*run),
            Self::Lock { .. }
            | Self::Unlock
            | Self::Settle { .. }
            | Self::GiveUpHost { .. }
            | Self::CatchUpHost { .. }
            | Self::HostBack { .. }
            | Self::HostLooked { .. }
            | Self::Advance => Subject::Service,
        }
    }

    /// What a person or a CI system says in it in their own words.
    pub const fn words(&mut self) -> Option<&mut String> {
        match self {
            Self::Create(new) => Some(&mut new.notes),
            Self::Reject { reason, .. }
            | Self::Cancel { reason, .. }
            | Self::Abort { reason, .. }
            | Self::Rollback { reason, .. }
            | Self::Bypass { reason, .. }
            | Self::Lock { reason }
            | Self::Resolve { reason, .. }
            | Self::GiveUpHost { reason, .. }
            | Self::Settle { reason, .. } => Some(reason),
            Self::Report { .. }
            | Self::Update { .. }
            | Self::Approve { .. }
            | Self::Retry { .. }
            | Self::Promote { .. }
            | Self::Unlock
            | Self::CatchUpHost { .. }
            | Self::CommitResolved { .. }
            | Self::CommitUnresolved { .. }
            | Self::InitiatorProven { .. }
            | Self::TagMoved { .. }
            | Self::RunPrepared { .. }
            | Self::RunWaits { .. }
            | Self::LeaveHosts { .. }
            | Self::HostBack { .. }
            | Self::EarlierStepsEnded { .. }
            | Self::MigrationFound { .. }
            | Self::DispatchAsked { .. }
            | Self::DispatchNotTaken { .. }
            | Self::DispatchTaken { .. }
            | Self::DispatchRefused { .. }
            | Self::WorkflowSeen { .. }
            | Self::WorkflowEnded { .. }
            | Self::StartStep { .. }
            | Self::TryStep { .. }
            | Self::StepEnded { .. }
            | Self::RunFailed { .. }
            | Self::RunLost { .. }
            | Self::RunForeign { .. }
            | Self::ForeignTurnedAway { .. }
            | Self::HostLooked { .. }
            | Self::Advance => None,
        }
    }

    /// Whether it asks for something to begin that would not begin by itself.
    #[must_use]
    pub const fn begins_anew(&self) -> bool {
        matches!(
            self,
            Self::Create(_)
                | Self::Approve { .. }
                | Self::Retry { .. }
                | Self::Promote { .. }
                | Self::Rollback { .. }
                | Self::Bypass { .. }
                | Self::Lock { .. }
                | Self::Unlock
        )
    }
}

/// What a new release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// The service.
    pub service: ServiceName,
    /// The tag; this or the commit is there.
    pub tag: Option<Tag>,
    /// The commit.
    pub commit: Option<Commit>,
    /// The repository says that the tag is this commit.
    pub commit_checked: bool,
    /// Who, if it is not a person who creates it.
    pub initiated_by: String,
    /// Whom GitHub itself has named: its id token, or who has pushed the tag. Such a one counts, whatever was said.
    pub proven: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The CI run.
    pub ci_run: Option<CiRun>,
    /// Whether the CI system counts the attempts of a CI run.
    pub attempt_told: bool,
    /// When the tag was made.
    pub tagged_at: Option<Timestamp>,
    /// Free text.
    pub notes: String,
    /// What CI built already.
    pub artifacts: Vec<Artifact>,
}

impl NewRelease {
    /// One of which no more is known than the service and who begins it. The tag or the commit has to be added.
    #[must_use]
    pub const fn of(service: ServiceName, initiated_by: String) -> Self {
        Self {
            service,
            tag: None,
            commit: None,
            commit_checked: false,
            initiated_by,
            proven: Vec::new(),
            owner: None,
            ci_run: None,
            attempt_told: false,
            tagged_at: None,
            notes: String::new(),
            artifacts: Vec::new(),
        }
    }
}

/// Where a rollback goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackTo {
    /// The newest good version with this tag.
    Tag(Tag),
    /// This release.
    Release(ReleaseId),
}

/// What an admin says about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It ended well, or the environment has been repaired by hand.
    Succeeded,
    /// It failed.
    Failed,
    /// Run it again, as a new run.
    Again,
}

/// What an admin says that an environment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// This release.
    Release(ReleaseId),
    /// Nothing, or nothing that RMM knows of.
    Nothing,
    /// What RMM has on record.
    Recorded,
}

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
    /// What that mostly means.
    pub known: Option<KnownFailure>,
    /// Work done by hand where the step checks out; a bounded number of findings.
    pub by_hand: Vec<String>,
    /// The refs in the clone that hold what was set aside of it.
    pub kept: Vec<String>,
    /// It failed before it changed anything.
    pub untouched: bool,
}

/// What a command led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A release, new or changed or as it already was.
    Release {
        /// Which.
        id: ReleaseId,
        /// It is new, or begins anew.
        created: bool,
    },
    /// A run.
    Run(RunId),
    /// The first of the steps to start now; none: there is nothing to start.
    Step(Option<u32>),
    /// Done.
    Done,
}
