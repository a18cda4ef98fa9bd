//! A run as people see it: its steps, and what went wrong in it.

use jiff::Timestamp;
use serde::Serialize;

use super::pen::Pen;
use crate::bot::words::{facts, text};
use crate::domain::reason::Reason;
use crate::domain::run::{Run, RunState, Step, StepState};
use crate::engine::Failure;
use crate::store::logs;

/// Steps that one message shows.
const MAX_STEPS: usize = 12;
/// Of them, those that have ended and are not the last news.
const MAX_ENDED_STEPS: usize = 4;
/// A line of output, in characters.
const MAX_LINE_CHARS: usize = 120;
/// Of a step's output, what is looked at for its last lines, bytes.
const TAIL_BYTES: usize = 32 << 10;

/// A run.
#[derive(Debug, Serialize)]
pub(super) struct RunFacts {
    number: i64,
    title: String,
    icon: &'static str,
    state: &'static str,
    stopping: bool,
    waiting: Option<String>,
    /// Hosts that it went on without.
    left: Vec<LeftFacts>,
    reason: Option<String>,
    from: Option<String>,
    to: String,
    took: Option<String>,
    done: usize,
    total: usize,
    /// Steps that have ended and are not shown.
    earlier: usize,
    steps: Vec<StepFacts>,
    /// Steps that have not begun and are not shown.
    later: usize,
}

/// A host that a run went on without, and what was heard of it last.
#[derive(Debug, Serialize)]
struct LeftFacts {
    host: String,
    reason: Option<String>,
}

/// A step.
#[derive(Debug, Serialize)]
struct StepFacts {
    icon: &'static str,
    title: String,
    surface: String,
    host: Option<String>,
    took: Option<String>,
}

/// A step that failed.
#[derive(Debug, Serialize)]
pub(super) struct FailureFacts {
    /// The run, the step, the surface and the host.
    #[serde(rename = "where")]
    place: String,
    reason: Option<String>,
    lines: Vec<String>,
}

impl FailureFacts {
    /// What the step said last.
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

impl RunFacts {
    pub fn new(pen: &Pen<'_>, run: &Run) -> Self {
        let ended = |step: &Step| step.state == StepState::Succeeded;
        let done = run.steps.iter().filter(|step| ended(step)).count();
        let begin = run.steps.iter().take_while(|step| ended(step)).count().saturating_sub(MAX_ENDED_STEPS);
        let begin = begin.min(run.steps.len().saturating_sub(MAX_STEPS));
        let shown = &run.steps[begin..(begin + MAX_STEPS).min(run.steps.len())];
        let end = run.ended_at.unwrap_or(pen.now);
        Self {
            number: run.id.0,
            title: pen.run_title(run.kind, run.environment),
            icon: match &run.state {
                RunState::Queued => "🕓",
                RunState::Running => "⚙️",
                RunState::Succeeded => "✅",
                RunState::Failed { .. } => "❌",
                RunState::Stopped { .. } => "🛑",
                RunState::Unknown { .. } => "❓",
            },
            state: run.state.as_str(),
            stopping: run.stop.is_some() && run.state.is_live(),
            waiting: waiting(pen, run),
            left: run
                .left
                .iter()
                .map(|(host, left)| LeftFacts { host: host.to_string(), reason: pen.why(&left.reason) })
                .collect(),
            reason: run.state.reason().and_then(|why| pen.why(why)),
            from: run.from.as_ref().map(ToString::to_string),
            to: run.to.to_string(),
            took: run.started_at.map(|start| pen.span(start, end)),
            done,
            total: run.steps.len(),
            earlier: begin,
            steps: shown.iter().map(|step| StepFacts::new(pen, step)).collect(),
            later: run.steps.len() - begin - shown.len(),
        }
    }
}

impl StepFacts {
    fn new(pen: &Pen<'_>, step: &Step) -> Self {
        let end = |step: &Step| -> Option<Timestamp> {
            step.ended_at.or((step.state == StepState::Running).then_some(pen.now))
        };
        Self {
            icon: match &step.state {
                StepState::Pending => "▫️",
                StepState::Running => "⏳",
                StepState::Succeeded => "✅",
                StepState::Failed { .. } => "❌",
                StepState::Stopped => "🛑",
                StepState::Unknown { .. } => "❓",
                StepState::Skipped { .. } => "⏭️",
            },
            title: pen.step_title(step.kind),
            surface: step.surface.to_string(),
            host: host(step),
            took: step.started_at.and_then(|start| end(step).map(|end| pen.span(start, end))),
        }
    }
}

/// What a run waits for.
fn waiting(pen: &Pen<'_>, run: &Run) -> Option<String> {
    let known = run.waiting.as_ref().filter(|_| run.state.is_live()).and_then(|why| pen.why(what_for(why)));
    known.or_else(|| run.waits_for_ci().then(|| pen.word("run.ci_awaited")))
}

/// That it is being ended is said beside it.
fn what_for(waiting: &Reason) -> &Reason {
    if let Reason::Stopping { cause: Some(cause), .. } = waiting { cause } else { waiting }
}

/// The host where it says something.
fn host(step: &Step) -> Option<String> {
    (!step.host.is_local()).then(|| step.host.to_string())
}

/// The step to blame: the first that failed or cannot be known.
pub(super) fn blamed(run: &Run) -> Option<&Step> {
    run.steps.iter().find(|step| step.state.trouble().is_some())
}

/// What went wrong in a run, with the last lines of the step to blame; none where nothing did.
pub(super) async fn failure(pen: &Pen<'_>, run: &Run, lines: usize) -> Result<Option<FailureFacts>, Failure> {
    if !matches!(run.state, RunState::Failed { .. } | RunState::Unknown { .. }) {
        return Ok(None);
    }
    let title = pen.run_title(run.kind, run.environment);
    let Some(step) = blamed(run) else {
        let reason = run.state.reason().and_then(|why| pen.why(why));
        return Ok(Some(FailureFacts { place: title, reason, lines: Vec::new() }));
    };
    let place = pen.phrase(
        "where.failure",
        facts! { run => title, step => pen.step_title(step.kind), surface => step.surface.as_str(), host => host(step) },
    );
    let reason = step.state.trouble().and_then(|why| pen.why(why));
    let output = last_output(pen, run, step).await?;
    let mut lines = text::last_lines(&output, lines, MAX_LINE_CHARS);
    // The reason quotes what was said last.
    if let ([only], Some(reason)) = (&lines[..], &reason)
        && reason.contains(only.as_str())
    {
        lines.clear();
    }
    Ok(Some(FailureFacts { place, reason, lines }))
}

/// The end of what a step has said, in its last try where it has several.
async fn last_output(pen: &Pen<'_>, run: &Run, step: &Step) -> Result<Vec<u8>, Failure> {
    let (run, index, tries) = (run.id.0, step.index, step.tries);
    let output = pen.engine.read(move |conn| {
        let shown = logs::shown_first(conn, run, index, tries)?;
        logs::read_end(conn, run, shown, TAIL_BYTES)
    });
    Ok(output.await?)
}
