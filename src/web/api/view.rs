//! State as the API shows it. The names are part of the contract.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::approval::{Verdict, Vote};
use crate::domain::content::Content;
use crate::domain::duration_text;
use crate::domain::env::Env;
use crate::domain::gate::{Gate, GateName, GateState, Remedy};
use crate::domain::reason::Reason;
use crate::domain::release::{Artifact, CiRun, Release, Version};
use crate::domain::run::{Action, Ask, Run, Step, StepState};
use crate::domain::service::Via;
use crate::domain::status::{List, Status};
use crate::views::ReleaseOverview;
use crate::wording::{Language, english};

/// A release.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ReleaseView {
    /// Its number, `#2184`.
    pub id: i64,
    /// The service.
    pub service: String,
    /// Its tag.
    pub tag: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// The list that shows it.
    pub list: List,
    /// Why it stands there.
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Reason>,
    /// Since when it stands there.
    #[schema(value_type = String, format = DateTime)]
    pub status_since: Timestamp,
    /// Which try, from 1.
    pub attempt: u32,
    /// Grows with every change of the release; votes are none.
    pub revision: u64,
    /// Who.
    pub initiated_by: String,
    /// The token on whose word that stands; a person who creates a release is its initiator without anybody's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said_by: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// The CI run that created it.
    pub ci_run: Option<CiRun>,
    /// When the tag was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tagged_at: Option<Timestamp>,
    /// Free text.
    pub notes: String,
    /// Artifacts and previews.
    pub surfaces: Vec<Artifact>,
    /// Where production went back to from it.
    pub rollback_to_tag: Option<String>,
    /// When RMM first heard of it.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the current attempt began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Timestamp>,
}

impl From<&Release> for ReleaseView {
    fn from(release: &Release) -> Self {
        Self {
            id: release.id.0,
            service: release.service.to_string(),
            tag: release.tag.as_ref().map(ToString::to_string),
            commit: release.commit.as_ref().map(ToString::to_string),
            status: release.status,
            list: release.status.list(),
            reason: release.reason.as_ref().map(english),
            because: release.reason.clone(),
            status_since: release.status_since,
            attempt: release.attempt.0,
            revision: release.revision.0,
            initiated_by: release.initiated_by.clone(),
            said_by: release.said_by.clone(),
            owner: release.owner.clone(),
            ci_run: release.ci_run.clone(),
            tagged_at: release.tagged_at,
            notes: release.notes.clone(),
            surfaces: release.artifacts.clone(),
            rollback_to_tag: release.rollback_to_tag.as_ref().map(ToString::to_string),
            created_at: release.created_at,
            started_at: release.started_at,
            completed_at: release.completed_at,
        }
    }
}

/// A gate of production as it stands for one release.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct GateView {
    /// Which.
    pub name: GateName,
    /// It does not stand in the way: the condition holds, or an admin skips it.
    pub met: bool,
    /// An admin skips it.
    pub bypassed: bool,
    /// How it stands, in a sentence.
    pub sentence: String,
    /// The facts that `sentence` tells in words, with a `code`.
    #[schema(value_type = Object)]
    pub because: GateState,
    /// Who can clear it and how; none when it is met.
    pub how: Option<String>,
    /// The facts that `how` tells in words, with a `code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub remedy: Option<Remedy>,
}

impl From<&Gate> for GateView {
    fn from(gate: &Gate) -> Self {
        let remedy = gate.remedy.clone().filter(|_| !gate.met());
        Self {
            name: gate.name,
            met: gate.met(),
            bypassed: gate.bypass.is_some(),
            sentence: Language::En.gate(gate),
            because: gate.state.clone(),
            how: remedy.as_ref().map(|remedy| Language::En.remedy(remedy)),
            remedy,
        }
    }
}

/// A release with all that people ask about it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ReleaseDetails {
    #[serde(flatten)]
    release: ReleaseView,
    /// What it would bring now: a SHA-256 of its commit, its artifacts and the commands of the definition. Votes,
    /// rehearsals and runs count for what they were made of only.
    content: Content,
    /// How the vote stands.
    approvals: ApprovalsView,
    /// Gates of production that stand in the way.
    unmet: Vec<GateView>,
    /// The commands that are legal now. `settle` and `unlock` are about the service.
    legal: Vec<String>,
    /// The environments for which this release waits until an admin says what they run (`settle` of the service).
    to_settle: Vec<String>,
}

impl ReleaseDetails {
    /// The details of a release.
    pub fn new(overview: &ReleaseOverview) -> Self {
        Self {
            release: (&overview.release).into(),
            content: overview.content.clone(),
            approvals: ApprovalsView::new(overview),
            unmet: overview.gates.iter().filter(|gate| !gate.met()).map(GateView::from).collect(),
            legal: overview
                .moves()
                .filter(|legal| !overview.needs_force(*legal))
                .map(|legal| legal.as_str().to_owned())
                .collect(),
            to_settle: overview.to_settle.iter().map(ToString::to_string).collect(),
        }
    }
}

/// How a vote stands.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ApprovalsView {
    /// How many are needed.
    needed: usize,
    /// Whose yes counts so far.
    given: Vec<String>,
    /// Whose yes would still count.
    missing: Vec<String>,
    /// Every vote of this attempt.
    votes: Vec<VoteView>,
}

impl ApprovalsView {
    fn new(overview: &ReleaseOverview) -> Self {
        let tally = &overview.tally;
        let names = |people: &[crate::domain::ids::PersonName]| people.iter().map(ToString::to_string).collect();
        Self {
            needed: tally.needed,
            given: names(&tally.given),
            missing: names(&tally.missing),
            votes: overview.votes.iter().map(VoteView::from).collect(),
        }
    }
}

/// One vote.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct VoteView {
    person: String,
    approved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Where it was given.
    door: String,
    /// What the release would have brought then.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
}

impl From<&Vote> for VoteView {
    fn from(vote: &Vote) -> Self {
        let (approved, reason) = match &vote.verdict {
            Verdict::Approved => (true, None),
            Verdict::Rejected { reason } => (false, Some(reason.clone())),
        };
        let door =
            serde_json::to_value(vote.door).ok().and_then(|v| v.as_str().map(ToOwned::to_owned)).unwrap_or_default();
        Self { person: vote.person.to_string(), approved, reason, at: vote.at, door, content: vote.content.clone() }
    }
}

/// A run.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RunView {
    /// Its number.
    pub id: i64,
    /// The release.
    pub release: i64,
    /// The attempt of the release.
    pub attempt: u32,
    /// Where.
    pub environment: Env,
    /// What for.
    pub kind: crate::domain::run::RunKind,
    /// Its end moves no release.
    pub housekeeping: bool,
    /// What its release would bring when it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
    /// What the environment ran before; of a rehearsal: what is gone back to.
    pub from: Option<Version>,
    /// What it should run afterwards.
    pub to: Version,
    /// `queued`, `running`, `succeeded`, `failed`, `stopped` or `unknown`.
    pub state: String,
    /// The sentence that goes with it.
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Reason>,
    /// Why it does not get on at the moment.
    pub waiting: Option<String>,
    /// The facts that `waiting` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub waiting_because: Option<Reason>,
    /// It is being ended early.
    pub stopping: bool,
    /// The hosts that it went on without, because they did not answer, each with what was heard of it last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, String>,
    /// The CI run that does the work.
    pub ci_run: Option<String>,
    /// What is done, in order.
    pub steps: Vec<StepView>,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.0,
            release: run.release.0,
            attempt: run.attempt.0,
            environment: run.environment,
            kind: run.kind,
            housekeeping: run.housekeeping,
            content: run.content.clone(),
            from: run.from.clone(),
            to: run.to.clone(),
            state: run.state.as_str().to_owned(),
            reason: run.state.reason().map(english),
            because: run.state.reason().cloned(),
            waiting: run.waiting.as_ref().map(english),
            waiting_because: run.waiting.clone(),
            stopping: run.stop.is_some() && run.state.is_live(),
            left: run.left.iter().map(|(host, left)| (host.to_string(), english(&left.reason))).collect(),
            ci_run: run.ci_run.clone(),
            steps: run.steps.iter().map(StepView::from).collect(),
            created_at: run.created_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
        }
    }
}

/// A step of a run or of a plan.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct StepView {
    /// Its place, from 0.
    pub index: u32,
    /// What it does.
    pub kind: crate::domain::run::StepKind,
    /// The surface.
    pub surface: String,
    /// The release whose code it is about.
    pub about: i64,
    /// Where it is executed.
    pub host: String,
    /// Steps of one wave run side by side.
    pub wave: u32,
    /// The command, or what a health check asks.
    pub command: String,
    /// Where the command runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// The compose project that the command runs with; a host whose containers in this folder run under another name
    /// keeps that one, unless the configuration has chosen this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Its time limit, or the schedule of a health check, for people.
    pub limit: String,
    /// `pending`, `running`, `succeeded`, `failed`, `stopped`, `unknown` or `skipped`.
    pub state: String,
    /// The exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The sentence that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`; `legacy` for a sentence from before there were facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Reason>,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        let on_schedule = |schedule: &crate::domain::run::Schedule| {
            let (wait, interval) = (duration_text::text(schedule.wait), duration_text::text(schedule.interval));
            match schedule.attempts {
                1 => format!("once, after {wait}"),
                attempts => format!("first after {wait}, {attempts} attempts, {interval} apart"),
            }
        };
        let project = match &step.action {
            Action::Command { script, .. } | Action::Health { ask: Ask::Command(script), .. } => {
                script.project.as_ref()
            }
            Action::Health { ask: Ask::Http { .. } | Ask::Tcp { .. }, .. } => None,
        };
        let (command, directory, limit) = match &step.action {
            Action::Command { script, timeout } => {
                (script.command.clone(), script.directory.clone(), format!("at most {}", duration_text::text(*timeout)))
            }
            Action::Health { ask, schedule, .. } => {
                let (question, directory) = asked(ask);
                (question, directory, on_schedule(schedule))
            }
        };
        let (exit, because) = match &step.state {
            StepState::Failed { exit, reason } => (*exit, Some(reason.clone())),
            StepState::Unknown { reason } | StepState::Skipped { reason } => (None, Some(reason.clone())),
            StepState::Succeeded if matches!(step.action, Action::Command { .. }) => (Some(0), None),
            StepState::Pending | StepState::Running | StepState::Succeeded | StepState::Stopped => (None, None),
        };
        Self {
            index: step.index,
            kind: step.kind,
            surface: step.surface.to_string(),
            about: step.about.0,
            host: step.host.to_string(),
            wave: step.wave,
            command,
            directory,
            project: project.map(|project| project.name.clone()),
            limit,
            state: step.state.as_str().to_owned(),
            exit,
            reason: because.as_ref().map(english),
            because,
            started_at: step.started_at,
            ended_at: step.ended_at,
        }
    }
}

/// The question of a health check, for people, and where its command runs.
fn asked(ask: &Ask) -> (String, Option<String>) {
    let from = |via: Via| match via {
        Via::Host => "",
        Via::Rmm => ", asked by RMM",
    };
    match ask {
        Ask::Http { url, via, status, body, ca } => {
            let status = status.map(|status| format!(", must answer {status}")).unwrap_or_default();
            let body = body.as_ref().map(|body| format!(", must contain {body:?}")).unwrap_or_default();
            let ca = ca.as_ref().map(|ca| format!(", trusting {ca}")).unwrap_or_default();
            (format!("GET {url}{status}{body}{ca}{}", from(*via)), None)
        }
        Ask::Tcp { address, via } => (format!("connect to {address}{}", from(*via)), None),
        Ask::Command(script) => (script.command.clone(), script.directory.clone()),
    }
}
