//! Where work stands in a trace (W3C Trace Context), and how spans hang together that are not nested in the program: those of
//! an effect that was committed, of a message that follows from an event, of a caller or a process outside.
//!
//! Spans are those of `tracing`. Without an exporter they have no place ([`here`] is none), and cost next to nothing.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A span of a trace, as others are told of it. Its text is a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    trace: u128,
    span: u64,
    sampled: bool,
}

impl Position {
    /// What a `traceparent` says; none where it is not one.
    #[must_use]
    pub fn of_parent(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // A later version may have more behind it; this one may not.
        let known =
            hex::<2>(version).is_some_and(|version| version != 0xff) && (version != "00" || parts.next().is_none());
        let trace = hex::<32>(trace).filter(|trace| *trace != 0)?;
        let span = hex::<16>(span).and_then(|span| u64::try_from(span).ok()).filter(|span| *span != 0)?;
        let flags = hex::<2>(flags)?;
        known.then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }

    /// A place in a trace of which no span is known; the same seed gives the same one. None where that is no trace.
    #[must_use]
    pub fn within(trace_id: &str, seed: u64) -> Option<Self> {
        let trace = hex::<32>(trace_id).filter(|trace| *trace != 0)?;
        Some(Self { trace, span: seed.max(1), sampled: true })
    }

    /// Its trace.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Its trace, as a number.
    pub(super) const fn trace(&self) -> u128 {
        self.trace
    }

    /// Whether its trace is kept by those who keep traces.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    fn context(self) -> Context {
        let flags = if self.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let (trace, span) = (TraceId::from(self.trace), SpanId::from(self.span));
        Context::new().with_remote_span_context(SpanContext::new(trace, span, flags, true, TraceState::default()))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// A number of so many digits.
fn hex<const DIGITS: usize>(text: &str) -> Option<u128> {
    let plain = text.len() == DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if plain { u128::from_str_radix(text, 16).ok() } else { None }
}

/// A new trace.
#[must_use]
pub fn new_id() -> String {
    let mut bytes = [0; 16];
    // Without randomness the trace is merely not unique.
    let _ = getrandom::fill(&mut bytes);
    format!("{:032x}", u128::from_be_bytes(bytes).max(1))
}

static EXPORTED: AtomicBool = AtomicBool::new(false);

/// Whether spans go anywhere.
#[must_use]
pub fn are_exported() -> bool {
    EXPORTED.load(Ordering::Relaxed)
}

/// From now on, spans go somewhere.
pub(super) fn exported() {
    EXPORTED.store(true, Ordering::Relaxed);
}

/// The place of a span; none where traces go nowhere.
#[must_use]
pub fn of(span: &Span) -> Option<Position> {
    if !are_exported() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let known = span.span_context();
    known.is_valid().then(|| Position {
        trace: u128::from_be_bytes(known.trace_id().to_bytes()),
        span: u64::from_be_bytes(known.span_id().to_bytes()),
        sampled: known.is_sampled(),
    })
}

/// The place of the span that this is called in.
#[must_use]
pub fn here() -> Option<Position> {
    of(&Span::current())
}

/// Begins a span that comes from outside of the program's own nesting, below `parent` where there is one. Gives back the
/// number of its trace, which lines of the log show from here on (its field `trace_id`).
pub fn begin(span: &Span, parent: Option<Position>) -> String {
    if let Some(parent) = parent {
        // Without an exporter there is nothing to be set.
        let _ = span.set_parent(parent.context());
    }
    let trace = of(span).or(parent).map_or_else(new_id, |place| place.trace_id());
    span.record("trace_id", trace.as_str());
    trace
}

/// The span that `make` makes, where it is part of something; nothing otherwise, so that what RMM does all the time by itself
/// makes no traces.
pub fn within(make: impl FnOnce() -> Span) -> Span {
    if Span::current().is_none() { Span::none() } else { make() }
}

/// Marks a span as failed. `why` must hold nothing that people may not read.
pub fn fail(span: &Span, why: impl Into<std::borrow::Cow<'static, str>>) {
    span.set_status(Status::error(why));
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_as_it_is_written() {
        let place = Position::of_parent(PARENT).unwrap();
        assert_eq!(place.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((place.to_string().as_str(), place.is_sampled()), (PARENT, true));
        let later = Position::of_parent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what").unwrap();
        assert!(!later.is_sampled());
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
        ] {
            assert_eq!(Position::of_parent(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn without_an_exporter_a_span_has_the_trace_of_its_caller_and_no_place() {
        let span = tracing::info_span!(parent: None, "request", trace_id = tracing::field::Empty);
        let parent = Position::of_parent(PARENT);
        assert_eq!(begin(&span, parent), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(begin(&Span::none(), None).len(), 32);
        assert_eq!((of(&span), here()), (None, None));
        assert!(within(|| unreachable!("there is no span around")).is_none());
    }

    #[test]
    fn a_place_within_a_trace_is_always_the_same() {
        let place = Position::within("0af7651916cd43dd8448eb211c80319c", 0x1_0001).unwrap();
        assert_eq!(place.to_string(), "00-0af7651916cd43dd8448eb211c80319c-0000000000010001-01");
        assert_eq!(Position::within("no trace", 1), None);
    }
}
