//! How far a release has come: the line at the top, and its runs with their steps.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::env::Env;
use crate::domain::gate::GateName;
use crate::domain::ids::RunId;
use crate::domain::run::{Run, RunKind, RunState, StepState};
use crate::domain::standing::Phase;
use crate::domain::status::Status;
use crate::store::alerts::Guess;
use crate::views::{ReleaseOverview, UsualRuns};
use crate::web::pages::frame::When;
use crate::web::pages::guess::GuessPart;
use crate::web::pages::prose::clause_of;
use crate::web::pages::steps::{self, StepLine};
use crate::web::pages::tone::{self, Tone};
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::release as words;

/// A part of the life cycle, in the line at the top.
pub(super) struct Stop {
    pub name: &'static str,
    pub tone: Tone,
    pub is_here: bool,
    pub took: Option<String>,
}

pub(super) struct RunLine {
    pub id: i64,
    pub title: String,
    pub tone: Tone,
    pub took: Option<String>,
    pub note: String,
    pub why: Option<String>,
    pub guess: Option<GuessPart>,
    pub ended: Option<When>,
    pub is_open: bool,
    pub steps: Vec<StepLine>,
    /// What is said of the steps that never began, and which these are.
    pub unbegun: Option<(String, Vec<String>)>,
    pub ci_url: Option<String>,
}

/// The last run of an attempt in an environment for a purpose.
pub(super) fn last_run(runs: &[Run], of: &ReleaseOverview, env: Env, kind: RunKind) -> Option<usize> {
    let is_it = |run: &Run| {
        run.attempt == of.release.attempt && (run.environment, run.kind) == (env, kind) && run.moves_its_release()
    };
    runs.iter().rposition(is_it)
}

/// How long people and other gates took, up to a time: since the last run on stage before it ended. The same as what the insights
/// count, where the time is that of the decision to deploy to production.
pub(super) fn waited<'a>(runs: impl IntoIterator<Item = &'a Run>, until: Timestamp) -> Option<SignedDuration> {
    let is_it = |run: &&Run| {
        run.environment == Env::Stage
            && matches!(run.kind, RunKind::Deploy | RunKind::Rehearsal)
            && run.moves_its_release()
    };
    let ends = runs.into_iter().filter(is_it).filter_map(|run| run.ended_at).filter(|ended| *ended <= until);
    ends.max().map(|ended| until.duration_since(ended))
}

/// How long the vote and the other gates took that have ended in this attempt, well or not.
fn voted(overview: &ReleaseOverview, runs: &[Run], production: Option<&Run>) -> Option<SignedDuration> {
    let release = &overview.release;
    let ended = (!release.status.is_active()).then_some(release.status_since);
    let of_attempt = runs.iter().filter(|run| run.attempt == release.attempt);
    waited(of_attempt, production.map(|run| run.created_at).or(ended)?)
}

/// Where these parts stand among all.
const REHEARSAL: usize = 1;
const APPROVALS: usize = 2;

/// How far it has come in this attempt, in the parts that every release goes through.
pub(super) fn track(overview: &ReleaseOverview, runs: &[Run], usual: &UsualRuns, viewer: &Viewer) -> Vec<Stop> {
    let (status, words) = (overview.release.status, viewer.looks.words());
    let last = |env: Env, kind: RunKind| last_run(runs, overview, env, kind).map(|at| &runs[at]);
    let parts = [
        (words.stage, last(Env::Stage, RunKind::Deploy)),
        (words.phase(Phase::Rehearsal), last(Env::Stage, RunKind::Rehearsal)),
        (words.approvals, None),
        (words.production, last(Env::Production, RunKind::Deploy)),
    ];
    let (here, has_ended) = match status {
        Status::Initiated | Status::StageBuilding => (0, false),
        Status::StageBuildingFailed => (0, true),
        Status::StageTestRollback => (1, false),
        Status::StageTestRollbackFailed => (1, true),
        Status::ManualTesting | Status::ManualTestPassed => (2, false),
        Status::ManualTestFailed => (2, true),
        Status::Deploying | Status::ProductionRollback => (3, false),
        Status::RollbackDone | Status::RollbackFailed => (3, true),
        Status::Deployed => (4, true),
        // As far as its runs went.
        Status::Cancelled => {
            let went_well = |run: &Option<&Run>| run.is_some_and(|run| run.state == RunState::Succeeded);
            (parts.iter().take_while(|(_, run)| went_well(run)).count(), true)
        }
    };
    let standing = overview.standing();
    let skips_approvals = overview.release.bypasses.iter().any(|bypass| bypass.gate == GateName::Approvals);
    let vote = voted(overview, runs, parts[3].1).filter(|_| here >= APPROVALS);
    let stop = |(at, (name, run)): (usize, (&'static str, Option<&Run>))| Stop {
        name,
        took: match run {
            Some(run) => took(run, usual, viewer),
            None => vote.filter(|_| at == APPROVALS).map(|took| viewer.looks.language.lasting(took)),
        },
        is_here: here == at && !has_ended,
        tone: match at.cmp(&here) {
            Ordering::Less if at == APPROVALS && skips_approvals => tone::WARN,
            // The first release of a service has nothing to rehearse.
            Ordering::Less if at == REHEARSAL && run.is_none() => tone::OFF,
            Ordering::Less => tone::OK,
            // What has an unknown end does not go well.
            Ordering::Equal if Tone::from(&standing) == tone::UNKNOWN => tone::UNKNOWN,
            Ordering::Equal => status.into(),
            Ordering::Greater => tone::IDLE,
        },
    };
    parts.into_iter().enumerate().map(stop).collect()
}

/// How long a run took, or takes so far, beside what is usual.
fn took(run: &Run, usual: &UsualRuns, viewer: &Viewer) -> Option<String> {
    let looks = &viewer.looks;
    let took = looks.lasting(run.started_at?, run.ended_at.unwrap_or(viewer.now));
    let usual = usual.of_run(run).map(|usual| words::of(looks.language).usually(&looks.language.lasting(usual)));
    Some(usual.map_or_else(|| took.clone(), |usual| format!("{took}, {usual}")))
}

/// The runs, newest first: those at work are open, and the last where something went wrong in it. `are_old`: the last is not
/// among them.
pub(super) fn lines(
    runs: &[Run],
    are_old: bool,
    usual: &UsualRuns,
    guesses: &BTreeMap<RunId, Guess>,
    viewer: &Viewer,
) -> Vec<RunLine> {
    let line = |(at, run): (usize, &Run)| RunLine {
        guess: guesses.get(&run.id).and_then(|guess| GuessPart::of(guess, &viewer.looks)),
        ..RunLine::of(run, at == 0 && !are_old, usual, viewer)
    };
    runs.iter().rev().enumerate().map(line).collect()
}

impl RunLine {
    fn of(run: &Run, is_last: bool, usual: &UsualRuns, viewer: &Viewer) -> Self {
        let looks = &viewer.looks;
        let title = looks.language.run(&run.environment.to_string(), run.kind.as_str());
        let why = run.state.reason().or(run.waiting.as_ref().filter(|_| run.state.is_live()));
        let count = |state: fn(&StepState) -> bool| run.steps.iter().filter(|step| state(&step.state)).count();
        let (unbegun, begun) = steps::unbegun(run, viewer);
        let done = count(|state| matches!(state, StepState::Succeeded));
        let note = if run.steps.is_empty() { "CI".to_owned() } else { looks.words().of(done, run.steps.len()) };
        Self {
            id: run.id.0,
            title: clause_of(&title),
            tone: Tone::from(&run.state),
            took: took(run, usual, viewer),
            note,
            why: why.map(|reason| looks.sentence(&looks.language.reason(reason))),
            guess: None,
            ended: run.ended_at.map(|at| looks.when(at, viewer.now)),
            is_open: run.state.is_live() || is_last && run.state != RunState::Succeeded,
            unbegun,
            steps: begun
                .into_iter()
                .map(|step| {
                    let usual = usual.of_step(run, step).map(|usual| looks.language.lasting(usual));
                    StepLine::of(run, step, usual, viewer)
                })
                .collect(),
            ci_url: run.dispatch.as_ref().and_then(|dispatch| dispatch.url.clone()),
        }
    }
}
