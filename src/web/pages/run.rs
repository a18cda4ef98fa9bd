//! One run: its steps, and what they printed.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::fault::Fault;
use super::frame::Frame;
use super::guess::GuessPart;
use super::log::search::{self, Found};
use super::log::{Asked, LinesPart, Wanted, failure};
use super::named;
use super::prose::clause_of;
use super::steps::{self, StepLine};
use super::tone::Tone;
use super::viewer::Viewer;
use super::words::log::{self as words, LogWords};
use crate::domain::ids::RunId;
use crate::domain::run::{Action, Ask, Run, Step, StepState};
use crate::engine::guesses::stamp_of;
use crate::store::bounds;
use crate::store::logs::{self, lines};
use crate::views::Usual;
use crate::web::Web;

/// Lines before a failure that are shown at least.
const LINES_BEFORE: u64 = 20;
/// A text that is looked for, in characters at most.
const WANTED: usize = 200;

/// What is shown of the step that is open.
struct OpenStep {
    part: LinesPart,
    /// The first line that looks as if something went wrong, and the line from which to show it.
    failure: Option<(u64, u64)>,
    /// The tries of a health check, each with its number and what leads to it.
    tries: Vec<(u32, String, bool)>,
    /// How many lines it has.
    lines: u64,
    /// The hidden fields of the form that leads to a line.
    carried: Vec<(&'static str, u32)>,
    /// What leads to the raw output.
    raw: String,
    /// What leads to the same lines with times, or without them.
    times: String,
}

/// A step in the list.
struct ListedStep {
    line: StepLine,
    address: String,
    printed: Option<String>,
    is_open: bool,
}

/// A line that was found.
struct HitLine {
    title: String,
    address: String,
    number: u64,
    before: Vec<String>,
    line: String,
    after: Vec<String>,
}

struct Search {
    wanted: String,
    found: Option<String>,
    hits: Vec<HitLine>,
    /// Where it goes on.
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/run.html")]
struct RunPage {
    frame: Frame,
    log: &'static LogWords,
    id: i64,
    release: i64,
    service: String,
    title: String,
    version: String,
    tone: Tone,
    state: String,
    took: Option<String>,
    why: Option<String>,
    guess: Option<GuessPart>,
    steps: Vec<ListedStep>,
    /// What is said of those that never began, and which these are.
    unbegun: Option<(String, Vec<String>)>,
    /// The step whose output is shown.
    open: Option<u32>,
    output: Option<OpenStep>,
    /// Why there is nothing.
    nothing: &'static str,
    search: Search,
    with_times: bool,
    /// The page of the CI run.
    ci_url: Option<String>,
}

/// A run, with the output of one of its steps.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    if let Some(place) = asked.place_of_line() {
        return Ok(Redirect::to(&place).into_response());
    }
    // Before the look, so that what is committed during it is told.
    let seen = *web.engine.store().progress().borrow();
    let run = named::run(&web, &viewer, &id).await?;
    let open = match asked.step {
        Some(index) => Some(named::step(&run, index)?),
        None => to_open(&run),
    };
    let search = find(&web, &viewer, &run, &asked).await?;
    let output = match open {
        Some(step) => Some(OpenStep::read(&web, &viewer, &run, step, &asked).await?),
        None => None,
    };
    let number = run.id.0;
    let state = web
        .engine
        .read(move |conn| Ok((lines::of_run(conn, number)?, bounds::output_deleted_at(conn, RunId(number))?)));
    let (printed, deleted_at) = state.await?;
    let usual = Usual::read(&web.engine, &run.service, run.environment, run.kind).await?;
    let own = super::words::release::of(viewer.looks.language);
    let (looks, log) = (&viewer.looks, words::of(viewer.looks.language));
    let labels = looks.words();
    let title = clause_of(&looks.language.run(&run.environment.to_string(), run.kind.as_str()));
    let (unbegun, begun) = steps::unbegun(&run, &viewer);
    let steps = begun.into_iter().map(|step| {
        // A try is a part of its step.
        let of_step = printed.iter().filter(|(kept_as, _)| logs::step_and_try(*kept_as).0 == i64::from(step.index));
        let count: u64 = of_step.filter_map(|(_, lines)| *lines).sum();
        ListedStep {
            line: {
                let usual = usual.of_step(&run, step).map(|usual| own.usually(&looks.language.lasting(usual)));
                StepLine::of(&run, step, usual, &viewer)
            },
            address: asked.address(step.index),
            printed: (count > 0).then(|| log.lines(count)),
            is_open: open.is_some_and(|open| open.index == step.index),
        }
    });
    let guesses = web.engine.guesses(run.release).await?;
    let page = RunPage {
        frame: Frame::inside(&viewer, "board", &format!("{title} · {}", run.service))
            .following(Some(run.release), seen.last_event)
            .and_guesses(stamp_of(&guesses))
            .and_output(run.id, seen.last_log),
        log,
        id: run.id.0,
        release: run.release.0,
        service: run.service.to_string(),
        version: run.to.to_string(),
        tone: Tone::from(&run.state),
        state: labels.run_state(&run.state).to_owned(),
        took: run.started_at.map(|start| {
            let took = looks.lasting(start, run.ended_at.unwrap_or(viewer.now));
            let usual = usual.run.map(|usual| own.usually(&looks.language.lasting(usual)));
            usual.map_or_else(|| took.clone(), |usual| format!("{took}, {usual}"))
        }),
        why: run.state.reason().map(|reason| looks.sentence(&looks.language.reason(reason))),
        guess: guesses.get(&run.id).and_then(|guess| GuessPart::of(guess, looks)),
        steps: steps.collect(),
        unbegun,
        open: open.map(|step| step.index),
        nothing: match (deleted_at, run.steps.is_empty()) {
            (Some(_), _) => log.deleted,
            (None, true) => log.ci_has_it,
            (None, false) => labels.no_output,
        },
        output,
        search,
        with_times: asked.with_times(),
        ci_url: run.dispatch.as_ref().and_then(|dispatch| dispatch.url.clone()),
        title,
    };
    Ok(Html(page.render()?).into_response())
}

/// The step to look at first: the one to blame, else the one that is at work, else the last that said something.
fn to_open(run: &Run) -> Option<&Step> {
    let blamed = run.steps.iter().find(|step| step.state.trouble().is_some());
    let at_work = || run.steps.iter().find(|step| step.state == StepState::Running);
    blamed.or_else(at_work).or_else(|| run.steps.iter().rev().find(|step| step.state == StepState::Succeeded))
}

impl OpenStep {
    async fn read(web: &Web, viewer: &Viewer, run: &Run, step: &Step, asked: &Asked) -> Result<Self, Fault> {
        let asked = Asked { step: Some(step.index), ..asked.clone() };
        let wanted = match (asked.from.filter(|_| asked.q.is_none()), asked.cell) {
            (Some(line), Some(cell)) => Wanted::Piece(line, cell),
            (Some(line), None) => Wanted::Around(line),
            (None, _) => Wanted::End,
        };
        let part = LinesPart::read(web, viewer, run, step, &asked, wanted).await?;
        let has_tries = matches!(step.action, Action::Health { ask: Ask::Command(_), .. });
        let last = if has_tries { step.tries } else { 0 };
        // Without a number: what RMM says of all of them.
        let numbers = (last > 0).then_some(0).into_iter().chain(1..=last);
        let tries = numbers.map(|number| {
            let tried = (number > 0).then_some(number);
            let address = Asked { tried, ..asked.clone() }.address(step.index);
            (number, address, asked.tried == tried)
        });
        let tried = asked.tried.map(|tried| format!("?try={tried}")).unwrap_or_default();
        let other_times = Asked { times: (!asked.with_times()).then_some(1), ..asked.clone() };
        let from = asked.from.map(|line| format!("&amp;from={line}#L{line}")).unwrap_or_default();
        Ok(Self {
            failure: failure::first(web, run, step, asked.tried).await?.map(|line| (line, with_lines_before(line))),
            tries: tries.collect(),
            lines: part.window.of,
            carried: asked.carried(step.index),
            raw: format!("/runs/{}/steps/{}{tried}", run.id.0, step.index),
            times: format!("{}{from}", other_times.address(step.index)),
            part,
        })
    }
}

/// From where a line is shown, so that some lines stand before it although it is one of the first of a block.
fn with_lines_before(line: u64) -> u64 {
    let in_block = (line - 1) % super::log::BLOCK;
    if in_block < LINES_BEFORE { line.saturating_sub(LINES_BEFORE).max(1) } else { line }
}

/// Looks for a text in all that the run has printed.
async fn find(web: &Web, viewer: &Viewer, run: &Run, asked: &Asked) -> Result<Search, Fault> {
    let wanted: String = asked.q.as_deref().unwrap_or_default().trim().chars().take(WANTED).collect();
    if wanted.is_empty() {
        return Ok(Search { wanted, found: None, hits: Vec::new(), next: None });
    }
    let start = (asked.at.unwrap_or(0), asked.from.unwrap_or(1));
    let (id, text) = (run.id.0, wanted.clone());
    let place = web.kept.searches.acquire().await;
    let Found { hits, goes_on } = web.engine.read(move |conn| search::search(conn, id, &text, start)).await?;
    drop(place);
    let log = words::of(viewer.looks.language);
    let count = hits.len();
    let hits = hits.into_iter().map(|hit| {
        let step = run.steps.iter().find(|step| step.index == hit.step);
        let asked = Asked { step: Some(hit.step), tried: (hit.tried > 0).then_some(hit.tried), ..asked.clone() };
        HitLine {
            title: step.map(|step| StepLine::title(step, viewer)).unwrap_or_default(),
            address: format!("{}&amp;from={number}#L{number}", asked.address(hit.step), number = hit.number),
            number: hit.number,
            before: hit.before,
            line: hit.line,
            after: hit.after,
        }
    });
    let query = percent_encoding::utf8_percent_encode(&wanted, percent_encoding::NON_ALPHANUMERIC).to_string();
    Ok(Search {
        found: Some(if count == 0 && goes_on.is_none() {
            log.nothing_found.to_owned()
        } else {
            log.found(count, &wanted)
        }),
        hits: hits.collect(),
        next: goes_on.map(|(step, line)| format!("?q={query}&amp;at={step}&amp;from={line}")),
        wanted,
    })
}
