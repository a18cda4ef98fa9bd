//! Fills the contract with state of the domain, and with the words for it.

use crate::contract::{
    ApprovalsView, ArtifactView, CiAwaited, CiRunView, CommitCheckView, CommitsView, GateView, ReleaseDetails,
    ReleaseView, RunView, SkippedView, StepView, StragglersView, VoteView,
};
use crate::domain::approval::{Verdict, Vote};
use crate::domain::artifact::Artifact;
use crate::domain::commit_check::{CommitAnswer, CommitCheck};
use crate::domain::commits::CommitList;
use crate::domain::environment::Stragglers;
use crate::domain::gate::Gate;
use crate::domain::person::Actor;
use crate::domain::release::{Bypass, CiRun, Release};
use crate::domain::run::{Action, Ask, Run, Step, StepState};
use crate::domain::service::Via;
use crate::domain::standing::Standing;
use crate::domain::timing::Timing;
use crate::domain::world::People;
use crate::views::ReleaseOverview;
use crate::wording::{Language, english};

impl ReleaseView {
    /// A release among these people.
    pub fn new(release: &Release, people: &People) -> Self {
        let initiator = release.initiator(people.values());
        Self {
            id: release.id.0,
            service: release.service.to_string(),
            tag: release.tag.as_ref().map(ToString::to_string),
            commit: release.commit.as_ref().map(ToString::to_string),
            status: release.status.into(),
            list: release.status.list().into(),
            reason: release.reason.as_ref().map(english),
            because: release.reason.clone(),
            commit_check: release.commit_check.as_ref().map(CommitCheckView::from),
            status_since: release.status_since,
            attempt: release.attempt.0,
            revision: release.revision.0,
            initiated_by: release.initiated_by.clone(),
            initiator: initiator.map(|person| person.name.to_string()),
            said_by: release.said_by.clone(),
            owner: release.owner.clone(),
            owner_person: people.values().find(|it| it.is_called(&release.owner)).map(|it| it.name.to_string()),
            ci_run: release.ci_run.clone().map(Into::into),
            tagged_at: release.tagged_at,
            notes: release.notes.clone(),
            surfaces: release.artifacts.iter().cloned().map(Into::into).collect(),
            rollback_to_tag: release.rollback_to_tag.as_ref().map(ToString::to_string),
            created_at: release.created_at,
            started_at: release.started_at,
            completed_at: release.completed_at,
        }
    }
}

impl From<&CommitCheck> for CommitCheckView {
    fn from(check: &CommitCheck) -> Self {
        let (answer, again) = match &check.answer {
            Some(CommitAnswer::Confirmed) => (Some("confirmed"), None),
            Some(CommitAnswer::Denied { again, .. }) => (Some("denied"), *again),
            Some(CommitAnswer::Unanswered { again, .. }) => (Some("unanswered"), *again),
            None => (None, None),
        };
        Self {
            asked: check.asked,
            answer: answer.map(ToOwned::to_owned),
            reason: check.cause().map(english),
            because: check.cause().cloned(),
            again,
        }
    }
}

impl From<CiRun> for CiRunView {
    fn from(CiRun { id, attempt, url, git_ref }: CiRun) -> Self {
        Self { id, attempt, url, git_ref }
    }
}

impl From<Artifact> for ArtifactView {
    fn from(Artifact { name, artifact, digest, preview_url }: Artifact) -> Self {
        Self { name: name.into(), artifact, digest, preview_url }
    }
}

impl From<&Gate> for GateView {
    fn from(gate: &Gate) -> Self {
        let remedy = gate.remedy.clone().filter(|_| !gate.met());
        Self {
            name: gate.name.into(),
            met: gate.met(),
            bypassed: gate.bypass.is_some(),
            sentence: Language::En.gate(gate),
            because: Some(gate.state.clone()),
            how: remedy.as_ref().map(|remedy| Language::En.remedy(remedy)),
            remedy,
        }
    }
}

impl ReleaseDetails {
    /// The details of a release, as the viewer sees them.
    pub fn new(overview: &ReleaseOverview, people: &People, viewer: &Actor) -> Self {
        Self {
            release: ReleaseView::new(&overview.release, people),
            content: Some(overview.content.clone()),
            approvals: ApprovalsView::new(overview),
            unmet: overview.gates.iter().filter(|gate| !gate.met()).map(GateView::from).collect(),
            skipped: overview.release.bypasses.iter().map(SkippedView::from).collect(),
            legal: overview
                .moves()
                .filter(|legal| overview.may(viewer, *legal) && !overview.needs_force(*legal))
                .map(|legal| legal.as_str().to_owned())
                .collect(),
            to_settle: overview.to_settle.iter().map(ToString::to_string).collect(),
            to_resolve: overview.to_resolve.iter().map(|run| run.0).collect(),
            awaits_ci: awaited(overview),
            stragglers: overview.stragglers().map(StragglersView::from),
            commits: overview.commits.as_ref().map(CommitsView::from),
        }
    }
}

/// The run that CI has still to report, where nothing else stands in the way.
fn awaited(overview: &ReleaseOverview) -> Option<CiAwaited> {
    let Standing::CiAwaited { env, kind } = overview.standing() else { return None };
    Some(CiAwaited { environment: env.to_string(), kind: kind.into() })
}

impl From<Stragglers> for StragglersView {
    fn from(found: Stragglers) -> Self {
        Self {
            sentence: format!("production runs {}", Language::En.stragglers(&found)),
            runs: found.runs.clone(),
            hosts: found.hosts.iter().map(ToString::to_string).collect(),
            may_run: found.may_run.clone(),
            because: Some(found),
        }
    }
}

impl From<&CommitList> for CommitsView {
    fn from(list: &CommitList) -> Self {
        Self {
            since: list.since.to_string(),
            total: list.total,
            lacking: list.lacking,
            url: list.url.clone(),
            commits: list.commits.clone(),
            pull_requests: list.pull_requests.clone(),
        }
    }
}

impl From<&Bypass> for SkippedView {
    fn from(skip: &Bypass) -> Self {
        Self { gate: skip.gate.as_str().to_owned(), by: skip.by.clone(), reason: skip.reason.clone() }
    }
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

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.0,
            release: run.release.0,
            attempt: run.attempt.0,
            environment: run.environment.into(),
            kind: run.kind.into(),
            housekeeping: run.housekeeping,
            content: run.content.clone(),
            from: run.from.clone(),
            to: run.to.clone(),
            state: run.state.as_str().to_owned(),
            reason: run.state.reason().map(english),
            because: run.state.reason().cloned(),
            waiting: run.waiting.as_ref().map(english),
            waiting_because: run.waiting.clone(),
            waits_for_ci: run.waits_for_ci(),
            stopping: run.stop.is_some() && run.state.is_live(),
            left: run.left.iter().map(|(host, left)| (host.to_string(), english(&left.reason))).collect(),
            ci_run: run.ci_run.clone(),
            ci_url: run.dispatch.as_ref().and_then(|dispatch| dispatch.url.clone()),
            steps: run.steps.iter().map(StepView::from).collect(),
            created_at: run.created_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
        }
    }
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        let timing = Timing::from(&step.action);
        let project = match &step.action {
            Action::Command { script, .. } | Action::Health { ask: Ask::Command(script), .. } => {
                script.project.as_ref()
            }
            Action::Health { ask: Ask::Http { .. } | Ask::Tcp { .. }, .. } => None,
        };
        let (command, directory) = match &step.action {
            Action::Command { script, .. } => (script.command.clone(), script.directory.clone()),
            Action::Health { ask, .. } => asked(ask),
        };
        let (exit, because) = match &step.state {
            StepState::Failed { exit, reason } => (*exit, Some(reason.clone())),
            StepState::Unknown { reason } | StepState::Skipped { reason } => (None, Some(reason.clone())),
            StepState::Succeeded if matches!(step.action, Action::Command { .. }) => (Some(0), None),
            StepState::Pending | StepState::Running | StepState::Succeeded | StepState::Stopped => (None, None),
        };
        Self {
            index: step.index,
            kind: step.kind.into(),
            surface: step.surface.to_string(),
            about: step.about.0,
            host: step.host.to_string(),
            wave: step.wave,
            command,
            directory,
            project: project.map(|project| project.name.clone()),
            limit: Language::En.timing(&timing),
            timing: Some(timing),
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
