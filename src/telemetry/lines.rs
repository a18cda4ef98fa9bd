//! A line of the log: readable on a terminal, JSON elsewhere, and as OTLP has it. Each says what it belongs to: the trace, the
//! service, the release and the run of the spans that it was written in.

use std::fmt::{self, Debug};
use std::io::{self, Write};

use opentelemetry::logs::{AnyValue, LogRecord, Logger, Severity};
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::logs::SdkLogger;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::hide;
use super::traces::Position;

/// What a line belongs to: what it is called in spans, and in lines. A line may say it itself.
const FIELDS: [(&str, &str); 4] =
    [("trace_id", "trace_id"), ("rmm.service", "service"), ("rmm.release", "release"), ("rmm.run", "run")];

/// What is known of a line, or of a span and those around it.
#[derive(Debug, Clone, Default)]
struct Known([Option<String>; FIELDS.len()]);

impl Known {
    fn note(&mut self, field: &Field, value: &dyn fmt::Display) {
        if let Some(place) = FIELDS.iter().position(|(of_span, of_line)| [*of_span, *of_line].contains(&field.name())) {
            self.0[place] = Some(value.to_string());
        }
    }

    /// What a line says itself.
    fn said_by(event: &Event<'_>) -> Self {
        let mut said = Self::default();
        event.record(&mut said);
        said
    }

    /// What is known of these, and of `around` beyond it.
    fn within(self, around: Self) -> Self {
        let mut both = self.0.into_iter().zip(around.0).map(|(own, around)| own.or(around));
        Self(std::array::from_fn(|_| both.next().flatten()))
    }

    /// What is known of these alone, and not of `said`.
    fn beyond(self, said: &Self) -> Self {
        let mut rest = self.0.into_iter().zip(&said.0).map(|(own, said)| own.filter(|_| said.is_none()));
        Self(std::array::from_fn(|_| rest.next().flatten()))
    }

    fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        FIELDS.iter().zip(&self.0).filter_map(|((_, name), value)| Some((*name, value.as_deref()?)))
    }
}

impl Visit for Known {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.note(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.note(field, &format_args!("{value:?}"));
    }
}

/// Remembers what lines in a span belong to.
pub(super) struct Belonging;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Belonging {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut known = span.parent().map(|parent| known(&parent)).unwrap_or_default();
        attributes.record(&mut known);
        span.extensions_mut().insert(known);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(known) = span.extensions_mut().get_mut::<Known>()
        {
            values.record(known);
        }
    }
}

fn known<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Known {
    span.extensions().get::<Known>().cloned().unwrap_or_default()
}

fn around<S, N>(context: &FmtContext<'_, S, N>) -> Known
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    context.lookup_current().map(|span| known(&span)).unwrap_or_default()
}

/// The trace of the span that something is written in.
pub(super) fn trace_around<S: Subscriber + for<'a> LookupSpan<'a>>(context: &Context<'_, S>) -> Option<String> {
    let [trace, ..] = known(&context.lookup_current()?).0;
    trace
}

/// One JSON object.
pub(super) struct AsJson(Format<Json>);

impl AsJson {
    pub fn new() -> Self {
        Self(tracing_subscriber::fmt::format().json().with_current_span(false).with_span_list(false))
    }
}

impl<S, N> FormatEvent<S, N> for AsJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let Some(rest) = line.strip_prefix('{') else { return out.write_str(&line) };
        out.write_char('{')?;
        for (name, value) in Known::said_by(event).within(around(context)).all() {
            match value.parse::<i64>() {
                Ok(number) if name != "trace_id" => write!(out, "\"{name}\":{number},")?,
                Ok(_) | Err(_) => write!(out, "\"{name}\":{},", serde_json::Value::from(value))?,
            }
        }
        out.write_str(rest)
    }
}

/// What spans say, for [`AsJson`]: [`Belonging`] keeps it, so that nothing reads it here. Otherwise each field that a span
/// learns would have all of them written anew.
pub(super) struct Unwritten;

impl<'w> FormatFields<'w> for Unwritten {
    fn format_fields<R: RecordFields>(&self, _: Writer<'w>, _: R) -> fmt::Result {
        Ok(())
    }

    fn add_fields(&self, _: &'w mut FormattedFields<Self>, _: &Record<'_>) -> fmt::Result {
        Ok(())
    }
}

/// For people.
pub(super) struct AsText;

impl<S, N> FormatEvent<S, N> for AsText
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let colours = out.has_ansi_escapes();
        let paint = |code: &'static str| if colours { code } else { "" };
        let (dim, plain) = (paint("\x1b[2m"), paint("\x1b[0m"));
        let level = event.metadata().level();
        let colour = paint(match *level {
            Level::ERROR => "\x1b[31m",
            Level::WARN => "\x1b[33m",
            Level::INFO => "\x1b[32m",
            _ => "\x1b[34m",
        });
        out.write_str(dim)?;
        SystemTime.format_time(&mut out)?;
        write!(out, "{plain} {colour}{level:>5}{plain} ")?;
        context.format_fields(out.by_ref(), event)?;
        out.write_str(dim)?;
        for (name, value) in around(context).beyond(&Known::said_by(event)).all() {
            write!(out, " {name}={value}")?;
        }
        writeln!(out, "{plain}")
    }
}

/// Standard error, for lines without what must not be read.
pub(super) struct Screened;

impl<'a> MakeWriter<'a> for Screened {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Screened {
    /// A line comes in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        io::stderr().lock().write_all(hide::text(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Hands lines over to be exported.
pub(super) struct Exported(pub SdkLogger);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Exported {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut record = self.0.create_log_record();
        let about = event.metadata();
        let (severity, word) = match *about.level() {
            Level::ERROR => (Severity::Error, "ERROR"),
            Level::WARN => (Severity::Warn, "WARN"),
            Level::INFO => (Severity::Info, "INFO"),
            Level::DEBUG => (Severity::Debug, "DEBUG"),
            _ => (Severity::Trace, "TRACE"),
        };
        record.set_severity_number(severity);
        record.set_severity_text(word);
        record.set_target(about.target());
        event.record(&mut Filled(&mut record));
        let around = context.lookup_current().map(|span| known(&span)).unwrap_or_default();
        let said = Known::said_by(event);
        if let Some(place) = said.0[0].as_deref().and_then(|trace| Position::within(trace, 1)) {
            record.set_trace_context(place.trace().into(), SpanId::INVALID, None);
        }
        let known = around.beyond(&said);
        // The trace stands in the record by itself, and what the line says is there already.
        for (name, value) in known.all().filter(|(name, _)| *name != "trace_id") {
            record.add_attribute(name, value.to_owned());
        }
        self.0.emit(record);
    }
}

struct Filled<'a, R>(&'a mut R);

impl<R: LogRecord> Visit for Filled<'_, R> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.add_attribute(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.add_attribute(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let shown = hide::text(value).into_owned();
        if field.name() == "message" {
            self.0.set_body(AnyValue::from(shown));
        } else {
            self.0.add_attribute(field.name(), shown);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(kept: &Kept) -> String {
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    fn work() {
        let request = tracing::info_span!("request", trace_id = tracing::field::Empty, rmm.service = "shop");
        request.record("trace_id", "0af7651916cd43dd8448eb211c80319c");
        let _within = request.enter();
        tracing::info_span!("step", rmm.release = %12, rmm.run = 7)
            .in_scope(|| tracing::warn!(code = 1, "it \"failed\""));
    }

    #[test]
    fn a_line_says_which_trace_release_and_run_it_belongs_to() {
        let kept = Kept::default();
        let sink = kept.clone();
        let lines = tracing_subscriber::fmt::layer().event_format(AsJson::new()).fmt_fields(Unwritten);
        let lines = lines.with_writer(Mutex::new(sink));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Belonging).with(lines), || {
            work();
            tracing::info!("outside");
        });
        let said = said(&kept);
        let lines: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let line = &lines[0];
        assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!((&line["service"], &line["release"], &line["run"]), (&"shop".into(), &12.into(), &7.into()));
        assert_eq!((&line["fields"]["message"], &line["fields"]["code"]), (&"it \"failed\"".into(), &1.into()));
        assert_eq!((&lines[1]["fields"]["message"], lines[1].get("trace_id")), (&"outside".into(), None));
    }

    #[test]
    fn on_a_terminal_it_stands_behind_the_sentence() {
        let kept = Kept::default();
        let sink = kept.clone();
        let lines =
            tracing_subscriber::fmt::layer().event_format(AsText).with_ansi(false).with_writer(Mutex::new(sink));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Belonging).with(lines), work);
        let line = said(&kept);
        let (_, rest) = line.split_once("  WARN ").unwrap();
        assert_eq!(
            rest,
            "it \"failed\" code=1 trace_id=0af7651916cd43dd8448eb211c80319c service=shop release=12 run=7\n"
        );
    }
}
