//! A run: one attempt to bring an environment to a release, step by step.

pub mod stop;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::env::Env;
use super::environment::{LeftHost, UnseenStep};
use super::ids::{Attempt, HostName, ReleaseId, RunId, ServiceName, SurfaceName};
use super::moment::Uptime;
use super::position::{Position, Positions, Side};
use super::reason::Reason;
use super::run_name::RunName;
use super::version::Version;
use super::workflow::{Dispatch, DispatchState};

pub use stop::StopKind;

pub use super::step::{
    Action, Ask, Containers, Project, Schedule, Script, Step, StepKind, StepState, TAG_GONE, TAG_MOVED, Taken,
};

/// What a run is for. It does not decide the status of the release by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Forward to a release.
    Deploy,
    /// Back to what production runs, and forward again.
    Rehearsal,
    /// Back to a good version.
    Rollback,
    /// Practice.
    Drill,
}

impl RunKind {
    /// The name in API and database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rehearsal => "rehearsal",
            Self::Rollback => "rollback",
            Self::Drill => "drill",
        }
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// Its random word, which tells it from a run with the same number in a copy of the database; empty for runs from
    /// before there were words.
    pub word: String,
    /// The release it is for.
    pub release: ReleaseId,
    /// The attempt of the release that it belongs to.
    pub attempt: Attempt,
    /// The service.
    pub service: ServiceName,
    /// Where.
    pub environment: Env,
    /// What for.
    pub kind: RunKind,
    /// Housekeeping of the environment: its end moves no release.
    pub housekeeping: bool,
    /// What its release would bring when the run was planned; none for runs from before this was noted.
    pub content: Option<Content>,
    /// What the environment ran before.
    pub from: Option<Version>,
    /// What it should run afterwards.
    pub to: Version,
    /// How it stands.
    pub state: RunState,
    /// Why it does not get on at the moment.
    pub waiting: Option<Reason>,
    /// It is to end early.
    pub stop: Option<Stop>,
    /// The hosts that it goes on without, because they do not answer.
    pub left: BTreeMap<HostName, LeftHost>,
    /// The run's directory exists on its hosts; from then on a missing directory means that a host lost it.
    pub prepared: bool,
    /// The CI run that does the work, in a `ci` environment.
    pub ci_run: Option<String>,
    /// The workflow at GitHub that does the work, where RMM starts it.
    pub dispatch: Option<Dispatch>,
    /// What is done, in order; empty in a `ci` environment.
    pub steps: Vec<Step>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When its first step started, or CI began.
    pub started_at: Option<Timestamp>,
    /// The same as time that passes, which its limit counts.
    pub started_uptime: Option<Uptime>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When CI last spoke, in a `ci` environment; none until it has begun.
    pub heard_at: Option<Timestamp>,
    /// The same as time that passes; until CI has begun, since when that is waited for.
    pub heard_uptime: Option<Uptime>,
}

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Decided; nothing has started.
    Queued,
    /// Under way.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed {
        /// A sentence that names the step and what happened.
        reason: Reason,
    },
    /// Ended early on request.
    Stopped {
        /// A sentence that says who and why.
        reason: Reason,
    },
    /// Whether and how it ended cannot be known; a person decides.
    Unknown {
        /// A sentence that says why it cannot be known.
        reason: Reason,
    },
}

impl RunState {
    /// The name in API and database.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The sentence that goes with it.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Queued | Self::Running | Self::Succeeded => None,
            Self::Failed { reason } | Self::Stopped { reason } | Self::Unknown { reason } => Some(reason),
        }
    }

    /// Work is going on or about to.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    /// The environment is taken: live, or unknown.
    #[must_use]
    pub const fn occupies(&self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Unknown { .. })
    }
}

/// Why a run is being ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Cancel or abort.
    pub why: StopKind,
    /// Who asked.
    pub by: String,
    /// The reason given.
    pub reason: Reason,
    /// Even though it may not be known what a host that does not answer is still doing.
    #[serde(default)]
    pub force: bool,
}

impl Run {
    /// The name by which hosts know the run of an installation. It says whose run it is, and never comes again.
    #[must_use]
    pub fn token(&self, instance: &str) -> String {
        RunName { id: self.id, word: self.word.clone() }.token(instance)
    }

    /// Whether CI has not reported for too long how the workflow stands that RMM has started for it, so that GitHub may
    /// still know.
    #[must_use]
    pub fn has_fallen_silent(&self) -> bool {
        self.dispatch.is_some() && matches!(self.state, RunState::Unknown { reason: Reason::CiSilent { .. } })
    }

    /// Whether a workflow may be at work for it that is not known yet, so that it cannot simply be dropped.
    #[must_use]
    pub fn may_be_dispatched(&self) -> bool {
        self.dispatch.as_ref().is_some_and(Dispatch::is_unsettled)
    }

    /// Whether a CI system is to do it, and has not said yet that it has begun.
    #[must_use]
    pub fn waits_for_ci(&self) -> bool {
        self.steps.is_empty() && self.state.is_live() && self.heard_at.is_none()
    }

    /// That it is being ended, and what that still waits for; none for one that goes on.
    #[must_use]
    pub fn stopping(&self) -> Option<Reason> {
        let stop = self.stop.as_ref().filter(|_| self.state.is_live())?;
        match &self.waiting {
            Some(said @ Reason::Stopping { .. }) => Some(said.clone()),
            other => Some(Reason::Stopping { why: stop.why, cause: other.clone().map(Box::new) }),
        }
    }

    /// Why it does not get on, as people are told it: for a workflow that is to be ended it is GitHub that has to speak.
    #[must_use]
    pub fn waits_because(&self, reason: Option<Reason>) -> Option<Reason> {
        let (Some(stop), Some(dispatch)) = (&self.stop, &self.dispatch) else { return reason };
        let (workflow, cause) = (dispatch.workflow.clone(), reason.map(Box::new));
        let waits = match cause.as_deref() {
            Some(Reason::WorkflowSought { .. }) => *cause?,
            Some(_) | None if dispatch.state == DispatchState::Seen => Reason::WorkflowCancelling { workflow, cause },
            Some(_) | None => Reason::WorkflowSought { workflow, cause },
        };
        Some(Reason::Stopping { why: stop.why, cause: Some(Box::new(waits)) })
    }

    /// Whether its release goes on by what becomes of it. The runs of previews and housekeeping move none.
    #[must_use]
    pub const fn moves_its_release(&self) -> bool {
        !self.housekeeping && !self.environment.is_preview()
    }

    /// The steps that are to be started or followed next, side by side; none when the run is through.
    pub fn current_steps(&self) -> impl Iterator<Item = &Step> {
        let open = |step: &&Step| match step.state {
            StepState::Succeeded | StepState::Skipped { .. } => false,
            StepState::Pending | StepState::Running => true,
            StepState::Failed { .. } | StepState::Stopped | StepState::Unknown { .. } => !self.goes_on_after(step),
        };
        let wave = self.steps.iter().find(open).map(|step| step.wave);
        self.steps.iter().filter(move |step| Some(step.wave) == wave && open(step))
    }

    /// Whether a step that did not end well ends neither those beside it nor the run: a rollback goes on on its other
    /// hosts. Without the right schema there is nothing to go on with, unless an admin has given up the host that has it in
    /// hand.
    #[must_use]
    pub fn goes_on_after(&self, step: &Step) -> bool {
        let failed = matches!(step.state, StepState::Failed { .. }) && self.kind == RunKind::Rollback;
        let given_up = matches!(step.state, StepState::Unknown { .. }) && self.has_given_up(&step.host);
        given_up || !step.kind.migrates() && (failed || self.left.contains_key(&step.host))
    }

    /// Brings hosts to what their environment runs that a rollback had to leave.
    #[must_use]
    pub fn is_catch_up(&self) -> bool {
        self.housekeeping && self.kind == RunKind::Deploy && self.from.is_none()
    }

    /// Whether it may go on without a host that does not answer: a rollback, one that is to end, and one that only
    /// catches up.
    #[must_use]
    pub fn may_leave_hosts(&self) -> bool {
        self.kind == RunKind::Rollback || self.stop.is_some() || self.is_catch_up()
    }

    /// The hosts that it works on: without those that it has left.
    pub fn remaining_hosts(&self) -> impl Iterator<Item = &HostName> {
        self.hosts(None).into_iter().filter(|host| !self.left.contains_key(*host))
    }

    /// Whether an admin has given one of its hosts up.
    #[must_use]
    pub fn has_given_up(&self, host: &HostName) -> bool {
        self.left.get(host).is_some_and(|left| left.given_up)
    }

    /// The first migration, if any is still to come, of what an earlier step migrates.
    #[must_use]
    pub fn next_migration(&self, of: &Step) -> Option<&Step> {
        self.steps.iter().find(|step| {
            let same = (&step.surface, step.about) == (&of.surface, of.about);
            same && step.kind.migrates() && matches!(step.state, StepState::Pending | StepState::Running)
        })
    }

    /// Whether it is to repeat a migration whose end on a host is unknown: it cannot go on
    /// before that host answers.
    #[must_use]
    pub fn repeats_unseen(
        &self,
        host: &HostName,
        unseen: &[UnseenStep],
        step: impl Fn(&UnseenStep) -> Option<Step>,
    ) -> bool {
        unseen.iter().filter(|unseen| unseen.host == *host && self.stop.is_none()).any(|unseen| {
            step(unseen).is_some_and(|step| self.next_migration(&step).is_some_and(|next| next.kind == step.kind))
        })
    }

    /// The steps that are at work.
    pub fn running_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.state == StepState::Running)
    }

    /// Steps that are at work are to be ended: that was asked for, or one of them has failed.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.stop.is_some()
            || !self.state.is_live()
            || self.steps.iter().any(|step| match step.state {
                StepState::Pending | StepState::Running | StepState::Succeeded | StepState::Skipped { .. } => false,
                StepState::Failed { .. } | StepState::Stopped | StepState::Unknown { .. } => !self.goes_on_after(step),
            })
    }

    /// The hosts of its steps, or of those for one surface, in the order of their first step.
    #[must_use]
    pub fn hosts(&self, surface: Option<&SurfaceName>) -> Vec<&HostName> {
        let mut hosts = Vec::new();
        for step in self.steps.iter().filter(|step| surface.is_none_or(|surface| step.surface == *surface)) {
            if !hosts.contains(&&step.host) {
                hosts.push(&step.host);
            }
        }
        hosts
    }

    /// Whether it may have started or migrated something, so that more than files has changed.
    #[must_use]
    pub fn may_have_started(&self) -> bool {
        let more = |kind: StepKind| kind.changes() && kind != StepKind::Checkout;
        self.steps.iter().any(|step| more(step.kind) && step.state.may_have_changed())
    }

    /// Where each surface stands after the steps that have begun, if it stood at `start` before (and where `start`
    /// does not say, on the side `untouched`). A step that did not end well counts for the side that is safe to undo.
    #[must_use]
    pub fn positions(&self, newer: ReleaseId, start: &Positions, untouched: Side) -> Positions {
        let before = untouched == Side::Newer;
        let mut positions = start.clone();
        let begun = |step: &&Step| !matches!(step.state, StepState::Pending | StepState::Skipped { .. });
        for step in self.steps.iter().filter(begun).filter(|step| step.kind.changes()) {
            let done = step.state == StepState::Succeeded;
            let position = positions
                .entry(step.surface.clone())
                .or_insert_with(|| Position { newer_schema: before, hosts: BTreeMap::new() });
            let newer_code = position.hosts.entry(step.host.clone()).or_insert(before);
            match step.kind {
                StepKind::Checkout => *newer_code = done && step.about == newer,
                StepKind::MigrateUp => position.newer_schema = true,
                StepKind::MigrateDown => position.newer_schema = !done,
                // A deploy command may migrate on its own.
                StepKind::Deploy => position.newer_schema |= step.about == newer,
                StepKind::Fetch
                | StepKind::VerifyTag
                | StepKind::BeforeDeploy
                | StepKind::Health
                | StepKind::AfterDeploy => {}
            }
        }
        positions
    }
}
