//! Commands: everything that can be asked of RMM, by people, CI and RMM's own parts.

mod about;
mod new_release;
mod outcome;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use self::about::Subject;
pub use self::new_release::NewRelease;
pub use self::outcome::{Outcome, Said};

use super::artifact::Artifact;
use super::env::Env;
use super::gate::name::GateName;
use super::ids::{Commit, HostName, ReleaseId, Revision, RunId, Tag};
use super::reason::{Found, LastRun, Reason};
use super::release::Reporter;
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
