//! The answer of `/metrics`: what was counted, and what is looked at for this answer, in one of Prometheus' two formats.
//!
//! Every figure has its lines `HELP` and `TYPE` in every answer, whether or not there is a value yet.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Metric, Registry};

use super::metrics::{Metrics, Recorded};
use super::process::Process;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// What Prometheus has always read, and people read best.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The one that a caller asks for.
    #[must_use]
    pub fn of(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its content type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Names and values of the labels of one figure.
pub type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;

/// An answer that is being put together.
#[derive(Debug)]
pub struct Exposition(Registry);

impl Exposition {
    /// With everything that was counted.
    #[must_use]
    pub fn of(metrics: &Metrics) -> Self {
        let mut all = Self(Registry::default());
        all.of_process();
        all.outside(metrics);
        all.inside(metrics);
        let nothing = Recorded::default();
        all.recorded(metrics.recorded().unwrap_or(&nothing));
        all
    }

    /// A figure with one value; none: it cannot be found out.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, value: Option<f64>) {
        self.gauges(name, help, value.map(|value| (Labels::new(), value)));
    }

    /// A figure with a value for each set of labels.
    pub fn gauges(&mut self, name: &'static str, help: &'static str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Gauges::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.show(name, help, family);
    }

    /// The answer.
    #[must_use]
    pub fn text(&self, format: Format) -> String {
        let mut written = String::new();
        // Only a writer that fails makes it fail, and a string does not.
        let _ = match format {
            Format::Prometheus => prometheus_text::encode(&mut written, &self.0),
            Format::OpenMetrics => text::encode(&mut written, &self.0),
        };
        written
    }

    fn show(&mut self, name: &'static str, help: &'static str, metric: impl Metric) {
        self.0.register(name, help, Always(metric));
    }

    fn of_process(&mut self) {
        let now = Process::now();
        let whole = |value: Option<u64>| value.map(precise);
        self.gauge("process_resident_memory_bytes", "Memory of this process", whole(now.resident));
        self.gauge("process_virtual_memory_bytes", "Address space of this process", whole(now.virtual_memory));
        self.gauge("process_open_fds", "Open files of this process", whole(now.open_files));
        self.gauge("process_max_fds", "Files that this process may open", whole(now.most_files));
        self.gauge("process_threads", "Threads of this process", whole(now.threads));
        self.gauge("process_start_time_seconds", "When this process began, since 1970", now.started);
        if let Some(worked) = now.worked {
            self.show(
                "process_cpu_seconds",
                "Time of processors that this process has used",
                ConstCounter::new(worked),
            );
        }
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.gauges("rmm_build_info", "The version of RMM; always 1", [(version, 1.0)]);
    }

    fn outside(&mut self, metrics: &Metrics) {
        self.show(
            "rmm_http_requests",
            "Requests that RMM has answered, by the template of their route",
            metrics.http_requests.clone(),
        );
        self.show("rmm_http_request_duration_seconds", "How long answers took to begin", metrics.http_seconds.clone());
        self.show("rmm_github_requests", "Requests to GitHub, by what was answered", metrics.github_requests.clone());
        self.show("rmm_github_request_duration_seconds", "How long GitHub took", metrics.github_seconds.clone());
        self.show("rmm_telegram_calls", "Calls to Telegram, by what became of them", metrics.telegram_calls.clone());
        self.show(
            "rmm_telegram_call_duration_seconds",
            "How long Telegram took, waiting for updates left out",
            metrics.telegram_seconds.clone(),
        );
        self.show(
            "rmm_telegram_message_wait_seconds",
            "From what happened to a chat having been told",
            metrics.telegram_wait.clone(),
        );
        let ssh = ConstGauge::new(metrics.ssh_connections.get());
        self.show("rmm_ssh_connections", "Connections to hosts that are open", ssh);
    }

    fn inside(&mut self, metrics: &Metrics) {
        self.show("rmm_log_events", "Warnings and errors in RMM's log", metrics.log_events.clone());
        self.show("rmm_database_transactions", "Transactions of the writer", metrics.transactions.clone());
        self.show("rmm_database_writes", "Writes, several of which share a transaction", metrics.writes.clone());
        self.show(
            "rmm_database_transaction_duration_seconds",
            "How long transactions took, their way to the disk included",
            metrics.transaction_seconds.clone(),
        );
    }

    fn recorded(&mut self, recorded: &Recorded) {
        self.show("rmm_releases_created", "Releases that were created", recorded.releases.clone());
        self.show(
            "rmm_release_status_changes",
            "How often releases came to a status, since RMM began",
            recorded.changes.clone(),
        );
        self.show(
            "rmm_release_phase_duration_seconds",
            "How long releases stayed in a status that they left, since RMM began",
            recorded.phases.clone(),
        );
        self.show("rmm_runs", "Runs that have ended, by their outcome", recorded.runs.clone());
        self.show(
            "rmm_run_duration_seconds",
            "How long runs took from their first step to their end",
            recorded.run_seconds.clone(),
        );
        self.show(
            "rmm_release_lead_time_seconds",
            "From the tag to production having it",
            recorded.lead_seconds.clone(),
        );
    }
}

/// A number as Prometheus has them.
#[must_use]
pub const fn precise(value: u64) -> f64 {
    value as f64
}

/// Shown though it has no value yet.
#[derive(Debug)]
struct Always<M>(M);

impl<M: EncodeMetric> EncodeMetric for Always<M> {
    fn encode(&self, encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::EndedRun;

    #[test]
    fn every_figure_is_named_in_both_formats_though_nothing_has_happened() {
        let empty = Exposition::of(&Metrics::default());
        let (plain, open) = (empty.text(Format::Prometheus), empty.text(Format::OpenMetrics));
        for name in ["rmm_runs_total", "rmm_github_requests_total", "rmm_release_lead_time_seconds"] {
            assert!(plain.contains(&format!("# TYPE {name} ")), "{name}: {plain}");
        }
        assert!(open.contains("# TYPE rmm_runs counter\n") && open.ends_with("# EOF\n"), "{open}");
    }

    #[test]
    fn the_record_is_shown_once_it_was_read() {
        let metrics = Metrics::default();
        let recorded = Recorded::default();
        recorded.expect("shop");
        recorded.ended(EndedRun {
            service: "shop",
            environment: "stage",
            kind: "deploy",
            outcome: "failed",
            started: None,
            ended: 1,
            tagged: 0,
        });
        metrics.begin_record(recorded);
        let text = Exposition::of(&metrics).text(Format::Prometheus);
        let failed = |environment: &str| {
            format!(
                "rmm_runs_total{{service=\"shop\",environment=\"{environment}\",kind=\"deploy\",outcome=\"failed\"}}"
            )
        };
        assert!(text.contains(&format!("{} 1\n", failed("stage"))), "{text}");
        assert!(text.contains(&format!("{} 0\n", failed("production"))), "{text}");
    }
}
