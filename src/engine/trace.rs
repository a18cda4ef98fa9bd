//! The spans of what the engine does, and what others are told of them. A span goes along with what it causes: into the
//! database with effects and events, into the steps on hosts and into workflows at GitHub.
//!
//! Without an exporter there are no spans; the number of a trace goes the same way all the same.

use tracing::Span;
use tracing::field::Empty;

use super::{Failure, Handled, Request};
use crate::domain::command::{Answer, Outcome, Subject};
use crate::domain::run::{Run, Step};
use crate::store::marks::Due;
use crate::store::outbox::Leased;
use crate::telemetry::hide;
use crate::telemetry::traces::{self, Position};

/// The `traceparent` that something outside gets: of the span that it is begun in, or else some place in the trace that caused
/// it; a new trace where none is known.
#[must_use]
pub(super) fn parent(trace: Option<&str>, seed: u64) -> String {
    let known = || Position::within(&trace.map_or_else(traces::new_id, ToOwned::to_owned), seed);
    traces::here().or_else(known).map(|place| place.to_string()).unwrap_or_default()
}

/// A number that no other step of any run has; 0 is the run itself.
pub(super) fn seed(run: &Run, step: u64) -> u64 {
    (run.id.0.unsigned_abs() << 16) + step + 1
}

/// The span of a command. Its trace is that of the request, which learns it where it knew none.
pub(super) fn handle(request: &mut Request) -> Span {
    let command = request.command.name();
    let span = tracing::info_span!(
        "handle",
        otel.name = format!("handle {command}"),
        rmm.command = command,
        rmm.service = Empty,
        rmm.release = Empty,
        rmm.run = Empty,
        rmm.refusal = Empty,
        trace_id = Empty,
    );
    let service = request.service.as_ref();
    match request.command.subject() {
        Subject::New(new) => drop(span.record("rmm.service", new.service.as_str())),
        Subject::Release(id) => drop(span.record("rmm.release", id.0)),
        Subject::Run(id) => drop(span.record("rmm.run", id.0)),
        Subject::Service => {}
    }
    if let Some(service) = service {
        span.record("rmm.service", service.as_str());
    }
    match (traces::here(), &request.trace_id) {
        (Some(place), None) => request.trace_id = Some(place.trace_id()),
        (Some(_), Some(_)) => {}
        (None, Some(trace)) => drop(traces::begin(&span, Position::within(trace, 1))),
        // RMM itself commands it, as when a time is over.
        (None, None) => {
            if traces::of(&span).is_some() {
                request.trace_id = Some(traces::begin(&span, None));
            }
        }
    }
    span
}

/// What has become of a command.
pub(super) fn handled(span: &Span, done: &Result<Handled, Failure>) {
    match done {
        Ok(Handled { release, answer }) => {
            if let Some(release) = release {
                span.record("rmm.service", release.service.as_str());
                span.record("rmm.release", release.id.0);
            }
            if let Answer::Run(run) = answer {
                span.record("rmm.run", run.0);
            }
        }
        // The rules have spoken; nothing is broken.
        Err(Failure::Refused(refusal)) => drop(span.record("rmm.refusal", refusal.code.as_str())),
        Err(Failure::Store(error)) => traces::fail(span, error.to_string()),
    }
}

/// The span of the transaction that a command is decided in.
pub(super) fn transaction() -> Span {
    traces::within(|| {
        tracing::info_span!(
            "transaction",
            otel.kind = "client",
            db.system.name = "sqlite",
            rmm.queued_ms = Empty,
            rmm.commit_ms = Empty,
        )
    })
}

/// The span of an effect, below the transaction that has asked for it, whichever process that was.
pub(super) fn effect(leased: &Leased) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "effect",
        otel.name = format!("effect {}", leased.kind),
        otel.kind = "consumer",
        rmm.effect = leased.kind,
        rmm.service = leased.service,
        rmm.release = leased.release_id,
        rmm.run = leased.run_id,
        rmm.attempt = leased.attempts,
        trace_id = Empty,
    );
    let place = leased.traceparent.as_deref().and_then(Position::of_parent);
    let trace = leased.trace_id.as_deref();
    let place = place.or_else(|| Position::within(trace?, leased.id.unsigned_abs()));
    traces::begin(&span, place);
    span
}

/// The span of what is left on GitHub, below that of the event that it follows from.
pub(super) fn mark(due: &Due, cause: Position) -> Span {
    let span = tracing::info_span!(
        parent: None,
        "mark",
        otel.name = format!("mark {}", due.kind.as_str()),
        otel.kind = "producer",
        rmm.service = due.service.as_str(),
        trace_id = Empty,
    );
    traces::begin(&span, Some(cause));
    span
}

/// That an effect is tried again later.
pub(super) fn postponed(why: &str) {
    traces::fail(&Span::current(), hide::text(why).into_owned());
}

/// The span of a step. `again`: another process may have begun it.
pub(super) fn step(run: &Run, step: &Step, again: bool) -> Span {
    traces::within(|| {
        let local = step.host.is_local();
        tracing::info_span!(
            "step",
            otel.name = format!("step {}", step.kind.as_str()),
            otel.kind = if local { "internal" } else { "client" },
            server.address = (!local).then_some(step.host.as_str()),
            rmm.service = run.service.as_str(),
            rmm.environment = %run.environment,
            rmm.run = run.id.0,
            rmm.step = step.index,
            rmm.step.kind = step.kind.as_str(),
            rmm.surface = step.surface.as_str(),
            rmm.host = step.host.as_str(),
            rmm.again = again,
            rmm.outcome = Empty,
            process.exit.code = Empty,
        )
    })
}

/// How a step has ended.
pub(super) fn ended(span: &Span, outcome: &Outcome) {
    let word = match outcome {
        Outcome::Exited(code) => {
            span.record("process.exit.code", code);
            "exited"
        }
        Outcome::Healthy => "healthy",
        Outcome::Unhealthy(_) => "unhealthy",
        Outcome::TimedOut => "timed_out",
        Outcome::Stopped => "stopped",
        Outcome::NotStarted(_) => "not_started",
        Outcome::Lost(_) => "lost",
        Outcome::Unreachable { .. } => "unreachable",
    };
    span.record("rmm.outcome", word);
    if !matches!(outcome, Outcome::Exited(0) | Outcome::Healthy | Outcome::Stopped) {
        traces::fail(span, word);
    }
}
