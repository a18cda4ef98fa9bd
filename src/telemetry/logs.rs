//! Logs of RMM itself: readable on a terminal, JSON elsewhere; `RMM_LOG` chooses what (as in `RMM_LOG=debug`).
//! Warnings and errors are counted whatever is chosen.

use std::io::IsTerminal;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::metrics::{self, LogLevel};

/// Sets logging up, once.
pub fn init() {
    let filter = EnvFilter::try_from_env("RMM_LOG").unwrap_or_else(|_| EnvFilter::new("info,refinery_core=warn"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if std::io::stderr().is_terminal() {
        lines.with_target(false).with_filter(filter).boxed()
    } else {
        lines.json().with_filter(filter).boxed()
    };
    let counted = Counted.with_filter(LevelFilter::WARN);
    // A second call (in tests) changes nothing.
    let _ = tracing_subscriber::registry().with(lines).with(counted).try_init();
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
