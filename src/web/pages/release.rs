//! One release: where it stands, what can be done about it, what has become of it so far.

use std::cmp::Ordering;

use askama::Template;
use axum::extract::{FromRequest, Path, Request as HttpRequest, State};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::board::sentence;
use super::fault::{Fault, sentence_of};
use super::frame::{Frame, When};
use super::tone::{self, Tone};
use super::viewer::{Signed, Viewer};
use crate::contract::Say;
use crate::domain::approval::Verdict;
use crate::domain::env::Env;
use crate::domain::gate::{Gate, GateName};
use crate::domain::ids::{PersonName, ReleaseId};
use crate::domain::moves::Move;
use crate::domain::person::Right;
use crate::domain::run::{Run, RunKind, RunState, Step, StepState};
use crate::domain::standing::Phase;
use crate::domain::status::Status;
use crate::engine::{Request, no_release, trace};
use crate::store::events;
use crate::views::ReleaseOverview;
use crate::web::Web;
use crate::web::api::decisions;
use crate::web::problem::Problem;

/// Of what has happened, this many are shown, the newest first.
const EVENTS: u32 = 200;
/// Bytes of them that are read.
const EVENT_BYTES: usize = 512 << 10;
/// Commits that are shown.
const COMMITS: usize = 20;

/// A part of the life cycle, in the line at the top.
struct Stop {
    name: &'static str,
    tone: Tone,
    is_here: bool,
    took: Option<String>,
}

/// Something that the viewer may do.
struct Act {
    word: &'static str,
    button: &'static str,
    heading: String,
    follows: String,
    /// It takes things back, or ends them, and owes a reason.
    is_risk: bool,
    /// It is what the release waits for.
    is_main: bool,
    /// It is refused unless it is asked for once more.
    needs_force: bool,
    /// The versions to go back to.
    versions: Vec<(String, String)>,
    /// The gates that can be skipped.
    gates: Vec<(&'static str, &'static str)>,
}

struct GateLine {
    name: &'static str,
    tone: Tone,
    state: String,
    word: &'static str,
}

struct VoteLine {
    who: String,
    is_viewer: bool,
    tone: Tone,
    word: &'static str,
    when: Option<When>,
    door: String,
    reason: Option<String>,
}

struct StepLine {
    title: String,
    host: String,
    tone: Tone,
    took: Option<String>,
    why: Option<String>,
}

struct RunLine {
    id: i64,
    title: String,
    tone: Tone,
    took: Option<String>,
    note: String,
    why: Option<String>,
    ended: Option<When>,
    is_open: bool,
    steps: Vec<StepLine>,
    ci_url: Option<String>,
}

struct SurfaceLine {
    name: String,
    artifact: Option<String>,
    preview: Option<String>,
}

struct CommitLine {
    short: String,
    title: String,
    by: String,
    url: Option<String>,
}

struct Commits {
    total: u64,
    since: String,
    url: Option<String>,
    shown: Vec<CommitLine>,
    more: u64,
}

struct EventLine {
    /// One of the many of every run.
    is_small: bool,
    text: String,
    who: String,
    when: When,
}

#[derive(Template)]
#[template(path = "pages/release.html")]
struct ReleasePage {
    frame: Frame,
    id: i64,
    revision: u64,
    service: String,
    title: String,
    commit: Option<(String, String)>,
    initiator: String,
    owner: Option<String>,
    created: When,
    attempt: u32,
    ci_url: Option<String>,
    notes: String,
    status_tone: Tone,
    status: String,
    track: Vec<Stop>,
    tone: Tone,
    sentence: String,
    /// Why, where the sentence does not say it.
    why: Option<String>,
    meta: String,
    acts: Vec<Act>,
    gates: Vec<GateLine>,
    met: String,
    votes: Vec<VoteLine>,
    tally: String,
    surfaces: Vec<SurfaceLine>,
    runs: Vec<RunLine>,
    commits: Option<Commits>,
    events: Vec<EventLine>,
}

/// A release.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Html<String>, Fault> {
    let id = number(&id)?;
    // Before the look, so that what is committed during it is told.
    let seen = web.engine.store().progress().borrow().last_event;
    let overview = ReleaseOverview::read(&web.engine, id).await?;
    viewer.actor.may(Right::Read, Some(&overview.release.service), false)?;
    let runs = web.engine.runs_of(id).await?;
    let events = web.engine.read(move |conn| events::last_of_release(conn, id, EVENTS, EVENT_BYTES)).await?;
    let events: Vec<_> = events.events.into_iter().map(|event| EventLine::of(event, &viewer)).collect();
    Ok(Html(page(&overview, &runs, events, &viewer, seen).render()?))
}

fn number(text: &str) -> Result<ReleaseId, Fault> {
    let number = text.parse().map(ReleaseId);
    number.map_err(|_| Problem::not_found(format!("{text} is no number of a release")).into())
}

fn page(overview: &ReleaseOverview, runs: &[Run], events: Vec<EventLine>, viewer: &Viewer, seen: i64) -> ReleasePage {
    let (release, looks) = (&overview.release, &viewer.looks);
    let words = looks.words();
    let standing = overview.standing();
    let title = format!("{} {}", release.service, release.title());
    let met = overview.gates.iter().filter(|gate| Gate::met(gate)).count();
    let by = overview.initiator.as_ref().map(PersonName::as_str);
    let initiator = crate::wording::initiator(by, &release.initiated_by);
    let age = looks.lasting(release.status_since, viewer.now);
    ReleasePage {
        frame: Frame::inside(viewer, "board", &title).following(Some(release.id), seen),
        id: release.id.0,
        revision: release.revision.0,
        service: release.service.to_string(),
        title: release.title(),
        commit: release.commit.as_ref().map(|commit| (commit.short().to_owned(), commit.to_string())),
        owner: Some(release.owner.clone()).filter(|owner| *owner != release.initiated_by),
        created: looks.when(release.created_at, viewer.now),
        attempt: release.attempt.0,
        ci_url: release.ci_run.as_ref().and_then(|run| run.url.clone()),
        notes: release.notes.clone(),
        status_tone: release.status.into(),
        status: sentence_of(looks.language.status_title(release.status)).trim_end_matches('.').to_owned(),
        track: track(overview, runs, viewer),
        tone: Tone::from(&standing),
        sentence: sentence(looks.language, &standing),
        why: release
            .reason
            .as_ref()
            .filter(|_| !release.status.is_active())
            .map(|reason| sentence_of(&looks.language.reason(reason))),
        meta: words.card_meta(&standing, &age, &initiator),
        acts: acts(overview, viewer),
        gates: overview.gates.iter().map(|gate| GateLine::of(gate, viewer)).collect(),
        met: words.of(met, overview.gates.len()),
        votes: votes(overview, viewer),
        tally: words.of(overview.tally.given.len(), overview.tally.needed),
        surfaces: surfaces(overview),
        runs: runs.iter().rev().map(|run| RunLine::of(run, viewer)).collect(),
        commits: commits(overview),
        events,
        initiator,
    }
}

/// How far it has come in this attempt, in the parts that every release goes through.
fn track(overview: &ReleaseOverview, runs: &[Run], viewer: &Viewer) -> Vec<Stop> {
    let (status, attempt, words) = (overview.release.status, overview.release.attempt, viewer.looks.words());
    let last = |env: Env, kind: RunKind| {
        let is_it = |run: &&Run| {
            run.attempt == attempt && (run.environment, run.kind) == (env, kind) && run.moves_its_release()
        };
        runs.iter().rev().find(is_it)
    };
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
    let stop = |(at, (name, run)): (usize, (&'static str, Option<&Run>))| Stop {
        name,
        took: run.and_then(|run| {
            run.started_at.map(|start| viewer.looks.lasting(start, run.ended_at.unwrap_or(viewer.now)))
        }),
        is_here: here == at && !has_ended,
        tone: match at.cmp(&here) {
            Ordering::Less => tone::OK,
            Ordering::Equal => status.into(),
            Ordering::Greater => tone::IDLE,
        },
    };
    parts.into_iter().enumerate().map(stop).collect()
}

/// What the viewer may do about it, what it waits for first.
fn acts(overview: &ReleaseOverview, viewer: &Viewer) -> Vec<Act> {
    let legal = overview.moves().filter(|wanted| decisions_know(*wanted));
    let skippable = overview.gates.iter().any(|gate| !gate.met() && gate.name.can_be_bypassed());
    let bypass = (skippable && overview.is_legal(Move::Bypass)).then_some(Move::Bypass);
    let allowed = legal.chain(bypass).filter(|wanted| overview.may(&viewer.actor, *wanted));
    allowed.map(|wanted| Act::of(wanted, overview, viewer)).collect()
}

/// Whether a move has a form on this page; the others say what was found on a server.
const fn decisions_know(wanted: Move) -> bool {
    !matches!(wanted, Move::Settle | Move::Resolve | Move::Unlock)
}

impl Act {
    fn of(wanted: Move, overview: &ReleaseOverview, viewer: &Viewer) -> Self {
        let words = viewer.looks.words();
        let gates =
            overview.gates.iter().filter(|gate| wanted == Move::Bypass && !gate.met() && gate.name.can_be_bypassed());
        let versions = overview.versions.iter().filter(|_| wanted == Move::Rollback);
        Self {
            word: wanted.as_str(),
            button: words.button(wanted),
            heading: words.act_on(wanted, &format!("{} {}", overview.release.service, overview.release.title())),
            follows: follows(wanted, overview, viewer),
            is_risk: matches!(wanted, Move::Reject | Move::Bypass | Move::Cancel | Move::Abort | Move::Rollback),
            is_main: matches!(wanted, Move::Approve | Move::Promote | Move::Retry),
            needs_force: overview.needs_force(wanted),
            versions: versions.map(|good| (format!("#{}", good.version.release), good.version.to_string())).collect(),
            gates: gates.map(|gate| (gate.name.as_str(), viewer.looks.language.gate_title(gate.name))).collect(),
        }
    }
}

/// What is said with a move, and what follows from it.
fn follows(wanted: Move, overview: &ReleaseOverview, viewer: &Viewer) -> String {
    let words = viewer.looks.words();
    if wanted != Move::Approve {
        return words.follows(wanted).to_owned();
    }
    let others = overview.tally.missing.iter().filter(|who| viewer.person() != Some(*who)).map(ToString::to_string);
    let lacking = overview.tally.needed.saturating_sub(overview.tally.given.len() + 1);
    let commit = overview.release.commit.as_ref().map(|commit| commit.short().to_owned());
    words.approve_follows(commit.as_deref(), &others.collect::<Vec<_>>().join(", "), lacking)
}

impl GateLine {
    fn of(gate: &Gate, viewer: &Viewer) -> Self {
        let (language, words) = (viewer.looks.language, viewer.looks.words());
        let (tone, word) = match (&gate.bypass, gate.met()) {
            (Some(_), _) => (tone::WARN, words.skipped),
            (None, true) => (tone::OK, words.met),
            (None, false) => (tone::WAIT, words.not_met),
        };
        let state = if gate.met() { language.gate(gate) } else { language.unmet_gate(gate) };
        Self { name: language.gate_title(gate.name), tone, state, word }
    }
}

fn votes(overview: &ReleaseOverview, viewer: &Viewer) -> Vec<VoteLine> {
    let (looks, words) = (&viewer.looks, viewer.looks.words());
    let is_viewer = |who: &PersonName| viewer.person() == Some(who);
    let given = overview.votes.iter().map(|vote| {
        let (tone, word, reason) = match &vote.verdict {
            Verdict::Approved => (tone::OK, words.approved, None),
            Verdict::Rejected { reason } => (tone::FAIL, words.rejected, Some(reason.clone())),
        };
        let when = Some(looks.when(vote.at, viewer.now));
        let door = looks.language.door(vote.door).to_owned();
        VoteLine { who: vote.person.to_string(), is_viewer: is_viewer(&vote.person), tone, word, when, door, reason }
    });
    let is_open = matches!(overview.release.status, Status::ManualTesting);
    let missing = overview.tally.missing.iter().filter(|_| is_open).map(|who| VoteLine {
        who: who.to_string(),
        is_viewer: is_viewer(who),
        tone: tone::WAIT,
        word: words.waiting,
        when: None,
        door: String::new(),
        reason: None,
    });
    given.chain(missing).collect()
}

fn surfaces(overview: &ReleaseOverview) -> Vec<SurfaceLine> {
    let of = |artifact: &crate::domain::release::Artifact| SurfaceLine {
        name: artifact.name.to_string(),
        artifact: artifact.digest.clone().or_else(|| artifact.artifact.clone()),
        preview: artifact.preview_url.clone(),
    };
    overview.release.artifacts.iter().map(of).collect()
}

impl RunLine {
    fn of(run: &Run, viewer: &Viewer) -> Self {
        let looks = &viewer.looks;
        let title = looks.language.run(&run.environment.to_string(), run.kind.as_str());
        let why = run.state.reason().or(run.waiting.as_ref().filter(|_| run.state.is_live()));
        let count = |state: fn(&StepState) -> bool| run.steps.iter().filter(|step| state(&step.state)).count();
        let done = count(|state| matches!(state, StepState::Succeeded));
        let note = if run.steps.is_empty() { "CI".to_owned() } else { looks.words().of(done, run.steps.len()) };
        Self {
            id: run.id.0,
            title: sentence_of(&title).trim_end_matches('.').to_owned(),
            tone: Tone::from(&run.state),
            took: run.started_at.map(|start| looks.lasting(start, run.ended_at.unwrap_or(viewer.now))),
            note,
            why: why.map(|reason| sentence_of(&looks.language.reason(reason))),
            ended: run.ended_at.map(|at| looks.when(at, viewer.now)),
            is_open: run.state != RunState::Succeeded,
            steps: run.steps.iter().map(|step| StepLine::of(step, viewer)).collect(),
            ci_url: run.dispatch.as_ref().and_then(|dispatch| dispatch.url.clone()),
        }
    }
}

impl StepLine {
    fn of(step: &Step, viewer: &Viewer) -> Self {
        let looks = &viewer.looks;
        let end = step.ended_at.or((step.state == StepState::Running).then_some(viewer.now));
        Self {
            title: format!("{} · {}", looks.language.step(step.kind), step.surface),
            host: if step.host.is_local() { String::new() } else { step.host.to_string() },
            tone: Tone::from(&step.state),
            took: step.started_at.zip(end).map(|(start, end)| looks.lasting(start, end)),
            why: step.state.trouble().map(|reason| sentence_of(&looks.language.reason(reason))),
        }
    }
}

fn commits(overview: &ReleaseOverview) -> Option<Commits> {
    let list = overview.commits.as_ref().filter(|list| list.total > 0)?;
    let shown = list.commits.iter().take(COMMITS).map(|commit| CommitLine {
        short: commit.sha.chars().take(7).collect(),
        title: commit.title.clone(),
        by: commit.login.clone().unwrap_or_else(|| commit.author.clone()),
        url: commit.url.clone(),
    });
    Some(Commits {
        total: list.total,
        since: list.since.to_string(),
        url: list.url.clone(),
        more: list.total.saturating_sub(COMMITS as u64),
        shown: shown.collect(),
    })
}

impl EventLine {
    fn of(event: events::EventRow, viewer: &Viewer) -> Self {
        let data = serde_json::from_str(&event.data).unwrap_or_default();
        let actor: Option<crate::domain::person::Actor> = serde_json::from_str(&event.actor).ok();
        let at = jiff::Timestamp::from_millisecond(event.at).unwrap_or_default();
        Self {
            is_small: matches!(event.kind.as_str(), "step_started" | "step_ended"),
            text: sentence_of(&viewer.looks.language.happened(&event.kind, &data)).trim_end_matches('.').to_owned(),
            who: actor.map(|actor| actor.label().to_owned()).unwrap_or_default(),
            when: viewer.looks.when(at, viewer.now),
        }
    }
}

/// Carries out what a form of the page asks for.
pub(super) async fn decide(
    State(web): State<Web>,
    Path((id, decision)): Path<(String, String)>,
    request: HttpRequest,
) -> Result<Response, Fault> {
    let Signed(viewer, fields) = Signed::<Vec<(String, String)>>::from_request(request, &web).await?;
    let id = number(&id)?;
    let command = decisions::command(id, &decision, &said(&fields)?)?;
    let request = Request { trace_id: Some(trace::new_id()), ..Request::new(viewer.actor.clone(), command) };
    let handled = web.engine.handle(request).await?;
    handled.release.as_ref().ok_or_else(|| no_release(id))?;
    Ok(Redirect::to(&format!("/releases/{id}", id = id.0)).into_response())
}

/// What a form says.
fn said(fields: &[(String, String)]) -> Result<Say, Problem> {
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let filled = |name: &str| field(name).filter(|value| !value.trim().is_empty());
    let gates = fields.iter().filter(|(key, _)| key == "gates").map(|(_, value)| {
        let gate = GateName::ALL.iter().find(|gate| gate.as_str() == value);
        gate.copied().ok_or_else(|| Problem::not_found(format!("there is no gate {value}")))
    });
    Ok(Say {
        reason: filled("reason"),
        revision: field("revision").and_then(|number| number.parse().ok()),
        to: filled("to"),
        force: field("force").is_some(),
        gates: gates.collect::<Result<_, _>>()?,
    })
}
