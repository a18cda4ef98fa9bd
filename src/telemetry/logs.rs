//! Logs of RMM itself: readable on a terminal, JSON elsewhere; `RMM_LOG` chooses what (as in `RMM_LOG=debug`), or `RUST_LOG`
//! where that is not set. Warnings and errors are counted whatever is chosen, and errors gathered for alerts.

use std::io::IsTerminal;

use opentelemetry::logs::LoggerProvider;
use opentelemetry::trace::TracerProvider;
use tokio::runtime::Handle;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::errors::{self, Gathered};
use super::export::{Exports, MakeClient};
use super::lines::{AsJson, AsText, Belonging, Exported, Screened, Unwritten};
use super::metrics::{self, LogLevel};
use super::settings::Settings;
use super::traces;

/// Sets logging and tracing up, once. What is exported is to be ended at the end.
#[must_use]
pub fn init(settings: &Settings, client: MakeClient<'_>, runtime: &Handle) -> Exports {
    let (exports, failed) = match Exports::start(settings, client, runtime) {
        Ok(exports) => (exports, None),
        Err(error) => (Exports::default(), Some(error)),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(Screened);
    let lines = if std::io::stderr().is_terminal() {
        lines.event_format(AsText).with_filter(wanted().or(spans())).boxed()
    } else {
        lines.event_format(AsJson::new()).fmt_fields(Unwritten).with_filter(wanted().or(spans())).boxed()
    };
    let exported = exports.lines.as_ref().map(|lines_to| {
        let own = filter_fn(|about| about.target().starts_with("rmm")).and(wanted());
        Exported(lines_to.logger("rmm")).with_filter(own.or(spans()))
    });
    let subscriber = tracing_subscriber::registry()
        .with(Belonging.with_filter(spans()))
        .with(traced(&exports))
        .with(lines)
        .with(exported)
        .with(Counted.with_filter(LevelFilter::WARN))
        .with(Gathered(errors::of_process().clone()).with_filter(LevelFilter::ERROR.or(spans())));
    // A second call (in tests) changes nothing.
    if subscriber.try_init().is_ok() && exports.spans.is_some() {
        traces::exported();
    }
    if let Some(error) = failed {
        tracing::warn!(%error, "nothing can be exported; traces go nowhere");
    }
    exports
}

/// Sets tracing up alone, once: for a program that has no log. Nothing where it cannot be exported.
#[must_use]
pub fn init_traces(settings: &Settings, client: MakeClient<'_>, runtime: &Handle) -> Option<Exports> {
    let settings = Settings { logs: None, ..settings.clone() };
    let exports = Exports::start(&settings, client, runtime).ok()?;
    tracing_subscriber::registry().with(traced(&exports)).try_init().ok()?;
    traces::exported();
    Some(exports)
}

/// Where spans go; nowhere where they are not exported.
fn traced<S: Subscriber + for<'span> LookupSpan<'span>>(exports: &Exports) -> Option<impl Layer<S> + use<S>> {
    let tracer = exports.spans.as_ref()?.tracer("rmm");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
    Some(layer.with_target(false).with_tracked_inactivity(false).with_filter(spans()))
}

/// What is logged.
fn wanted() -> EnvFilter {
    let chosen = |name| EnvFilter::try_from_env(name).ok();
    chosen("RMM_LOG").or_else(|| chosen("RUST_LOG")).unwrap_or_else(|| EnvFilter::new("info,refinery_core=warn"))
}

/// Spans of RMM's own: lines belong to them, whatever is logged.
fn spans() -> FilterFn<fn(&Metadata<'_>) -> bool> {
    fn is_own(about: &Metadata<'_>) -> bool {
        about.is_span() && about.target().starts_with("rmm") && *about.level() <= Level::INFO
    }
    FilterFn::new(is_own as fn(&Metadata<'_>) -> bool).with_max_level_hint(LevelFilter::INFO)
}

/// Counts what RMM itself warns of; what libraries say is theirs.
struct Counted;

impl<S: Subscriber> Layer<S> for Counted {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        if about.target().starts_with("rmm") {
            let level = if *about.level() == Level::ERROR { LogLevel::Error } else { LogLevel::Warn };
            metrics::of_process().logged(level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::exposition::{Exposition, Format};

    fn errors() -> f64 {
        let text = Exposition::of(metrics::of_process()).text(Format::Prometheus);
        let line = text.lines().find_map(|line| line.strip_prefix("rmm_log_events_total{level=\"error\"} "));
        line.unwrap().parse().unwrap()
    }

    /// Other tests log, too, so that it may be more.
    #[test]
    fn an_error_of_rmm_counts_whether_or_not_it_is_shown() {
        let before = errors();
        let counting = tracing_subscriber::registry().with(Counted.with_filter(LevelFilter::WARN));
        tracing::subscriber::with_default(counting, || tracing::error!("this is wrong"));
        assert!(errors() >= before + 1.0);
    }
}
