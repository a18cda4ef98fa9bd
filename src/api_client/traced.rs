//! A verb of the command line in a trace: below `TRACEPARENT`, and with a span of its own where the variables of OpenTelemetry name a
//! collector.
//!
//! Must not: hold the command line up for a collector for long, or print anything.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::Span;
use tracing::field::Empty;

use crate::app::collector;
use crate::config::{Config, EnvVars};
use crate::telemetry::traces::{self, Position};
use crate::telemetry::{self, Exports};

/// How long a collector may take at the end of the verb.
const LIMIT: Duration = Duration::from_secs(1);
/// What the command line is called there, unless a variable says otherwise.
const SERVICE: &str = "telemetry.service_name = \"rmm-cli\"\n";

/// A verb at work; its span begins with the first call.
#[derive(Debug, Default)]
pub struct Traced {
    /// As it is typed, without its arguments.
    pub(super) verb: String,
    begun: Mutex<Option<(Span, Exports)>>,
}

impl Traced {
    pub(super) fn of(verb: String) -> Self {
        Self { verb, begun: Mutex::default() }
    }

    /// Where what is called stands: below the verb's own span, or that of whoever has called the verb.
    pub(super) fn place(&self, env: &EnvVars) -> Option<Position> {
        let parent = env.get("TRACEPARENT").and_then(|text| Position::of_parent(text));
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.is_none()
            && let Some(exports) = exports(env)
        {
            let name = format!("rmm {}", self.verb);
            let span = tracing::info_span!(
                parent: None,
                "verb",
                otel.name = name,
                otel.kind = "client",
                rmm.verb = self.verb,
                trace_id = Empty
            );
            traces::begin(&span, parent);
            *begun = Some((span, exports));
        }
        begun.as_ref().and_then(|(span, _)| traces::of(span)).or(parent)
    }

    /// Ends the span, and hands it over.
    pub async fn end(&self, failed: bool) {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((span, exports)) = begun else { return };
        if failed {
            traces::fail(&span, "");
        }
        drop(span);
        exports.end(LIMIT).await;
    }
}

/// As the variables say. What is wrong with them is no matter of the verb.
fn exports(env: &EnvVars) -> Option<Exports> {
    let own = env.iter().filter(|(name, _)| name.starts_with("OTEL_"));
    let own: EnvVars = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut config = Config::parse(SERVICE, "", Path::new("."), &own).ok()?;
    let settings = &mut config.telemetry.settings;
    settings.traces.as_ref()?;
    settings.timeout = settings.timeout.min(LIMIT);
    telemetry::init_traces(&config.telemetry.settings, &|url| collector::client(&config, url), &Handle::current())
}
