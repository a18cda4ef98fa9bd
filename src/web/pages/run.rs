//! One run: its steps, and what they printed.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::ansi::Screen;
use super::fault::{Fault, sentence_of};
use super::frame::Frame;
use super::tone::Tone;
use super::viewer::Viewer;
use crate::domain::ids::RunId;
use crate::domain::person::Right;
use crate::domain::run::{Run, Step, StepState};
use crate::store::logs::{self, StepLog};
use crate::store::runs;
use crate::web::Web;
use crate::web::problem::Problem;

/// Lines that are shown at once.
const LINES: usize = 1000;
/// Words by which programs tell that something went wrong, in lower case.
const TROUBLE: [&str; 8] =
    ["error:", "error ", "fatal", "panic", "exception", "traceback", "failed", "permission denied"];

/// A step in the list.
struct StepLine {
    index: u32,
    title: String,
    host: String,
    tone: Tone,
    took: Option<String>,
    why: Option<String>,
    is_open: bool,
}

/// Lines of output, from the first that is shown.
struct Part {
    first: usize,
    last: usize,
    of: usize,
    /// Their numbers.
    numbers: Vec<usize>,
    /// The lines, as HTML.
    html: String,
    /// Where earlier and later lines are.
    earlier: Option<usize>,
    later: Option<usize>,
    /// The first line that looks as if something went wrong.
    failure: Option<usize>,
}

#[derive(Template)]
#[template(path = "pages/run.html")]
struct RunPage {
    frame: Frame,
    id: i64,
    release: i64,
    service: String,
    title: String,
    version: String,
    tone: Tone,
    state: String,
    why: Option<String>,
    steps: Vec<StepLine>,
    /// The step whose output is shown.
    open: Option<u32>,
    part: Option<Part>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    step: Option<u32>,
    /// The first line that is shown.
    from: Option<usize>,
}

async fn read(web: &Web, viewer: &Viewer, id: &str) -> Result<Run, Fault> {
    let missing = || Problem::not_found(format!("there is no run {id}"));
    let number: i64 = id.parse().map_err(|_| missing())?;
    let run = web.engine.read(move |conn| runs::get(conn, RunId(number))).await?.ok_or_else(missing)?;
    viewer.actor.may(Right::Read, Some(&run.service), false)?;
    Ok(run)
}

async fn output(web: &Web, run: &Run, step: &Step) -> Result<StepLog, Fault> {
    let (run, index, tries) = (run.id.0, i64::from(step.index), i64::from(step.tries));
    let log = web.engine.read(move |conn| {
        let own = logs::read_step(conn, run, index)?;
        // A health check by command has output of each try.
        if own.head.is_empty() && tries > 0 {
            return logs::read_step(conn, run, index | (tries << logs::TRY_SHIFT));
        }
        Ok(own)
    });
    Ok(log.await?)
}

/// A run, with the output of one of its steps.
pub(super) async fn show(
    State(web): State<Web>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    // Before the look, so that what is committed during it is told.
    let seen = *web.engine.store().progress().borrow();
    let run = read(&web, &viewer, &id).await?;
    let open = match asked.step {
        Some(index) => run.steps.iter().find(|step| step.index == index),
        None => to_open(&run),
    };
    let part = match open {
        Some(step) => Some(Part::of(&output(&web, &run, step).await?, asked.from)),
        None => None,
    };
    let looks = &viewer.looks;
    let title = sentence_of(&looks.language.run(&run.environment.to_string(), run.kind.as_str()));
    let title = title.trim_end_matches('.').to_owned();
    let page = RunPage {
        frame: Frame::inside(&viewer, "board", &format!("{title} · {}", run.service))
            .following(Some(run.release), seen.last_event)
            .and_output(run.id, seen.last_log),
        id: run.id.0,
        release: run.release.0,
        service: run.service.to_string(),
        version: run.to.to_string(),
        tone: Tone::from(&run.state),
        state: looks.words().run_state(&run.state).to_owned(),
        why: run.state.reason().map(|reason| sentence_of(&looks.language.reason(reason))),
        steps: run.steps.iter().map(|step| StepLine::of(step, open, &viewer)).collect(),
        open: open.map(|step| step.index),
        part,
        title,
    };
    Ok(Html(page.render()?))
}

/// The step to look at first: the one to blame, else the one that is at work, else the last that said something.
fn to_open(run: &Run) -> Option<&Step> {
    let blamed = run.steps.iter().find(|step| step.state.trouble().is_some());
    let at_work = || run.steps.iter().find(|step| step.state == StepState::Running);
    blamed.or_else(at_work).or_else(|| run.steps.iter().rev().find(|step| step.state == StepState::Succeeded))
}

impl StepLine {
    fn of(step: &Step, open: Option<&Step>, viewer: &Viewer) -> Self {
        let looks = &viewer.looks;
        let end = step.ended_at.or((step.state == StepState::Running).then_some(viewer.now));
        Self {
            index: step.index,
            title: format!("{} · {}", looks.language.step(step.kind), step.surface),
            host: if step.host.is_local() { String::new() } else { step.host.to_string() },
            tone: Tone::from(&step.state),
            took: step.started_at.zip(end).map(|(start, end)| looks.lasting(start, end)),
            why: step.state.trouble().map(|reason| sentence_of(&looks.language.reason(reason))),
            is_open: open.is_some_and(|open| open.index == step.index),
        }
    }
}

impl Part {
    /// The lines from a number on, or the last ones.
    fn of(log: &StepLog, from: Option<usize>) -> Self {
        let marker = format!("… {} bytes …", log.dropped).into_bytes();
        let head = log.head.split(|byte| *byte == b'\n');
        let tail = log.tail.split(|byte| *byte == b'\n');
        let mut lines: Vec<&[u8]> = head.collect();
        if log.dropped > 0 {
            lines.push(&marker);
            lines.extend(tail);
        }
        if lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        let of = lines.len();
        let first = from.unwrap_or_else(|| of.saturating_sub(LINES) + 1).clamp(1, of.max(1));
        let last = (first + LINES - 1).min(of);
        let failure = lines.iter().position(|line| is_trouble(line)).map(|at| at + 1);
        let (mut screen, mut html) = (Screen::default(), String::new());
        for (line, number) in lines.iter().zip(1..=last) {
            // Colours go on from line to line, so that those before count, too.
            let shown = screen.line(line);
            if number >= first {
                html.push_str(&shown);
                html.push('\n');
            }
        }
        Self {
            first,
            last,
            of,
            numbers: (first..=last).collect(),
            html,
            earlier: (first > 1).then(|| first.saturating_sub(LINES).max(1)),
            later: (last < of).then_some(last + 1),
            failure,
        }
    }
}

fn is_trouble(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(&line[..line.len().min(400)]).to_lowercase();
    TROUBLE.iter().any(|word| line.contains(word))
}

/// What a step printed, as it is.
pub(super) async fn raw(
    State(web): State<Web>,
    viewer: Viewer,
    Path((id, index)): Path<(String, u32)>,
) -> Result<Response, Fault> {
    let run = read(&web, &viewer, &id).await?;
    let step = run.steps.iter().find(|step| step.index == index);
    let step = step.ok_or_else(|| Problem::not_found(format!("run {id} has no step {index}")))?;
    let log = output(&web, &run, step).await?;
    let mut bytes = log.head;
    if log.dropped > 0 {
        bytes.extend_from_slice(format!("\n… {} bytes …\n", log.dropped).as_bytes());
        bytes.extend_from_slice(&log.tail);
    }
    let name = format!("inline; filename=\"run-{id}-step-{index}.txt\"");
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: usize) -> StepLog {
        let head: String = (1..=lines).map(|number| format!("line {number}\n")).collect();
        StepLog { head: head.into_bytes(), ..StepLog::default() }
    }

    #[test]
    fn the_end_is_shown_first_and_every_line_can_be_reached() {
        let end = Part::of(&log(2500), None);
        assert_eq!((end.first, end.last, end.of, end.earlier, end.later), (1501, 2500, 2500, Some(501), None));
        let middle = Part::of(&log(2500), end.earlier);
        assert_eq!((middle.first, middle.last, middle.earlier, middle.later), (501, 1500, Some(1), Some(1501)));
        assert!(middle.html.starts_with("line 501\n") && middle.html.ends_with("line 1500\n"));
        let beyond = Part::of(&log(3), Some(99));
        assert_eq!((beyond.first, beyond.last), (3, 3));
        let none = Part::of(&log(0), None);
        assert_eq!((none.first, none.last, none.of, none.numbers.len()), (1, 0, 0, 0));
    }

    #[test]
    fn the_first_line_that_tells_of_trouble_is_found() {
        let text = b"all well\nnpm ERR! code 1\nerror: no such table\nfatal: gone\n";
        assert_eq!(Part::of(&StepLog { head: text.to_vec(), ..StepLog::default() }, None).failure, Some(3));
        assert_eq!(Part::of(&log(10), None).failure, None);
    }

    #[test]
    fn what_was_dropped_is_told_where_it_was() {
        let log = StepLog { head: b"a\n".to_vec(), dropped: 7, tail: b"z\n".to_vec() };
        assert_eq!(Part::of(&log, None).html, "a\n\n… 7 bytes …\nz\n");
    }
}
