//! What is counted while RMM works. There is one [`Metrics`] in a process, as there is one RMM: those who count need
//! not be handed anything.
//!
//! Labels are words of RMM's own (routes, outcomes, environments) and the names of configured services. Must not: have a
//! label that a caller, a person or a repository chooses, since each value is a series for ever.

use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::away::Way;

/// The service of all runs and releases whose service is not in `rmm.toml` any more.
pub const RETIRED: &str = "(retired)";
/// What stands for a route or a method that RMM does not have.
pub const OTHER: &str = "other";

static OF_PROCESS: LazyLock<Metrics> = LazyLock::new(Metrics::default);

/// The figures of this process.
#[must_use]
pub fn of_process() -> &'static Metrics {
    &OF_PROCESS
}

/// A histogram for each set of labels.
pub(super) type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// An answer of RMM's own HTTP side.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Answered {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Route {
    route: String,
}

/// What became of something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Ended {
    outcome: &'static str,
}

/// A call of Telegram's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TelegramCall {
    method: &'static str,
    outcome: &'static str,
}

/// How bad a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the words of the log")]
pub enum LogLevel {
    Warn,
    Error,
}

impl LogLevel {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Logged {
    level: &'static str,
}

/// What is counted while RMM works.
#[derive(Debug)]
pub struct Metrics {
    pub(super) http_requests: Family<Answered, Counter>,
    pub(super) http_seconds: Histograms<Route>,
    pub(super) github_requests: Family<Ended, Counter>,
    pub(super) github_seconds: Histogram,
    pub(super) telegram_calls: Family<TelegramCall, Counter>,
    pub(super) telegram_seconds: Histogram,
    pub(super) telegram_wait: Histogram,
    pub(super) transactions: Family<Ended, Counter>,
    pub(super) transaction_seconds: Histogram,
    pub(super) writes: Counter,
    pub(super) ssh_connections: Gauge,
    pub(super) log_events: Family<Logged, Counter>,
    pub(super) recorded: OnceLock<Recorded>,
    /// Whether Telegram answers.
    pub telegram_way: Way,
    /// Whether GitHub answers.
    pub github_way: Way,
}

/// Answers to people and programs, in seconds.
fn quick() -> Histogram {
    Histogram::new([0.005, 0.025, 0.1, 0.5, 2.5, 10.0])
}

/// Calls to others, in seconds.
fn outside() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

/// Work on the disk, in seconds.
fn on_disk() -> Histogram {
    Histogram::new([0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0])
}

/// How long news waits, in seconds.
fn waiting() -> Histogram {
    Histogram::new([0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0])
}

/// Runs, in seconds.
fn of_a_run() -> Histogram {
    Histogram::new([1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0])
}

/// The way of a release, in seconds: from a minute to a month.
fn of_a_release() -> Histogram {
    Histogram::new([
        60.0,
        300.0,
        900.0,
        1800.0,
        3600.0,
        7200.0,
        14_400.0,
        28_800.0,
        86_400.0,
        172_800.0,
        604_800.0,
        2_592_000.0,
    ])
}

impl Default for Metrics {
    fn default() -> Self {
        let log_events = Family::default();
        // Both are there from the start, so that the first error is a rise.
        for level in [LogLevel::Warn, LogLevel::Error] {
            let _: &Counter = &log_events.get_or_create(&Logged { level: level.as_str() });
        }
        Self {
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(quick),
            github_requests: Family::default(),
            github_seconds: outside(),
            telegram_calls: Family::default(),
            telegram_seconds: outside(),
            telegram_wait: waiting(),
            transactions: Family::default(),
            transaction_seconds: on_disk(),
            writes: Counter::default(),
            ssh_connections: Gauge::default(),
            log_events,
            recorded: OnceLock::new(),
            telegram_way: Way::default(),
            github_way: Way::default(),
        }
    }
}

impl Metrics {
    /// A request was answered. `route` is a template of RMM's router; none: there is no such route.
    pub fn answered(&self, route: Option<&str>, method: &str, status: u16, took: Duration) {
        let route = route.unwrap_or(OTHER).to_owned();
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let method = methods.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        let status = class(status);
        self.http_seconds.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.http_requests.get_or_create(&Answered { route, method, status }).inc();
    }

    /// GitHub has answered with a status; none: there was no answer.
    pub fn github_asked(&self, status: Option<u16>, took: Duration) {
        let outcome = status.map_or("no_answer", class);
        self.github_way.called(status.is_some_and(|status| status < 500), Instant::now());
        self.github_requests.get_or_create(&Ended { outcome }).inc();
        self.github_seconds.observe(took.as_secs_f64());
    }

    /// A call of Telegram's ended. That it was waited for updates is no figure of how quick Telegram is.
    pub fn telegram_called(&self, method: &'static str, outcome: &'static str, took: Duration) {
        self.telegram_calls.get_or_create(&TelegramCall { method, outcome }).inc();
        self.telegram_way.called(outcome != "no_answer", Instant::now());
        if method != "GetUpdates" {
            self.telegram_seconds.observe(took.as_secs_f64());
        }
    }

    /// A chat has got what happened at this time (unix milliseconds).
    pub fn news_told(&self, happened: i64) {
        #[expect(clippy::disallowed_methods, reason = "a figure for operators; nothing follows from it")]
        let now = jiff::Timestamp::now().as_millisecond();
        self.telegram_wait.observe(seconds(now - happened));
    }

    /// A transaction with so many writes was committed, or was lost.
    pub fn transaction(&self, writes: usize, committed: bool, took: Duration) {
        let outcome = if committed { "committed" } else { "failed" };
        self.transactions.get_or_create(&Ended { outcome }).inc();
        self.writes.inc_by(writes as u64);
        self.transaction_seconds.observe(took.as_secs_f64());
    }

    /// A connection to a host counts as open until this is dropped.
    #[must_use]
    pub fn ssh_connected(&'static self) -> SshConnection {
        self.ssh_connections.inc();
        SshConnection(self)
    }

    /// A line of this level was logged.
    pub fn logged(&self, level: LogLevel) {
        self.log_events.get_or_create(&Logged { level: level.as_str() }).inc();
    }

    /// What the record said when RMM began; shown from now on. Only the first counts.
    pub fn begin_record(&self, recorded: Recorded) {
        let _ = self.recorded.set(recorded);
    }

    /// What is counted from the record, once that has begun.
    #[must_use]
    pub fn recorded(&self) -> Option<&Recorded> {
        self.recorded.get()
    }
}

/// An open connection to a host.
#[derive(Debug)]
pub struct SshConnection(&'static Metrics);

impl Drop for SshConnection {
    fn drop(&mut self) {
        self.0.ssh_connections.dec();
    }
}

const fn class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

fn seconds(milliseconds: i64) -> f64 {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).as_secs_f64()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfService {
    service: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Became {
    service: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RunEnded {
    service: String,
    environment: &'static str,
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RunTook {
    environment: &'static str,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Phase {
    phase: &'static str,
}

/// A run that has ended. Times are unix milliseconds.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "they are the words of the glossary")]
pub struct EndedRun<'a> {
    pub service: &'a str,
    pub environment: &'static str,
    pub kind: &'static str,
    pub outcome: &'static str,
    /// None: it ended before anything was done.
    pub started: Option<i64>,
    pub ended: i64,
    /// When the tag was made, or RMM first heard of the release.
    pub tagged: i64,
}

/// What is counted from the record: read at the start, and followed from there.
#[derive(Debug)]
pub struct Recorded {
    pub(super) releases: Family<OfService, Counter>,
    pub(super) changes: Family<Became, Counter>,
    pub(super) phases: Histograms<Phase>,
    pub(super) runs: Family<RunEnded, Counter>,
    pub(super) run_seconds: Histograms<RunTook>,
    pub(super) lead_seconds: Histograms<OfService>,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            releases: Family::default(),
            changes: Family::default(),
            phases: Family::new_with_constructor(of_a_release),
            runs: Family::default(),
            run_seconds: Family::new_with_constructor(of_a_run),
            lead_seconds: Family::new_with_constructor(of_a_release),
        }
    }
}

impl Recorded {
    /// A service is there: what may happen to it next is shown as not having happened, so that its first failure is a rise.
    pub fn expect(&self, service: &str) {
        let usual = [("stage", "deploy"), ("stage", "rehearsal"), ("production", "deploy"), ("production", "rollback")];
        for (environment, kind) in usual {
            for outcome in ["succeeded", "failed", "unknown"] {
                let _: &Counter = &self.run_counter(service, environment, kind, outcome);
            }
        }
        let _: &Counter = &self.releases.get_or_create(&OfService { service: service.to_owned() });
    }

    fn run_counter(
        &self,
        service: &str,
        environment: &'static str,
        kind: &'static str,
        outcome: &'static str,
    ) -> impl std::ops::Deref<Target = Counter> {
        self.runs.get_or_create(&RunEnded { service: service.to_owned(), environment, kind, outcome })
    }

    /// So many releases of a service were created.
    pub fn created(&self, service: &str, releases: u64) {
        self.releases.get_or_create(&OfService { service: service.to_owned() }).inc_by(releases);
    }

    /// A release has come to a status; where it is known, after so many milliseconds in the one before.
    pub fn moved(&self, service: &str, left: &'static str, to: &'static str, after: Option<i64>) {
        self.changes.get_or_create(&Became { service: service.to_owned(), status: to }).inc();
        if let Some(after) = after {
            self.phases.get_or_create(&Phase { phase: left }).observe(seconds(after));
        }
    }

    /// A run has ended.
    pub fn ended(&self, run: EndedRun<'_>) {
        let EndedRun { service, environment, kind, outcome, .. } = run;
        self.run_counter(service, environment, kind, outcome).inc();
        // How long it took is not known of a run whose end is not.
        if outcome == "unknown" {
            return;
        }
        if let Some(started) = run.started {
            self.run_seconds.get_or_create(&RunTook { environment, kind }).observe(seconds(run.ended - started));
        }
        if (environment, kind, outcome) == ("production", "deploy", "succeeded") {
            let lead = self.lead_seconds.get_or_create(&OfService { service: service.to_owned() });
            lead.observe(seconds(run.ended - run.tagged));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::exposition::{Exposition, Format};

    fn took() -> Duration {
        Duration::from_millis(20)
    }

    /// The series of a figure, without labels that do not matter here.
    fn lines(metrics: &Metrics, name: &str) -> Vec<String> {
        let text = Exposition::of(metrics).text(Format::Prometheus);
        text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).map(str::to_owned).collect()
    }

    #[test]
    fn what_callers_send_makes_no_series() {
        let metrics = Metrics::default();
        for number in 0..1000 {
            metrics.answered(None, &format!("ODD{number}"), 404, took());
        }
        metrics.answered(Some("/releases/{id}"), "GET", 200, took());
        let mut requests = lines(&metrics, "rmm_http_requests_total");
        requests.sort();
        assert_eq!(
            requests,
            [
                "rmm_http_requests_total{route=\"/releases/{id}\",method=\"GET\",status=\"2xx\"} 1",
                "rmm_http_requests_total{route=\"other\",method=\"other\",status=\"4xx\"} 1000",
            ]
        );
    }

    #[test]
    fn a_deploy_counts_with_its_way_from_the_tag_and_an_unknown_end_has_no_duration() {
        let recorded = Recorded::default();
        let run = EndedRun {
            service: "shop",
            environment: "production",
            kind: "deploy",
            outcome: "succeeded",
            started: Some(60_000),
            ended: 90_000,
            tagged: 0,
        };
        recorded.ended(run);
        recorded.ended(EndedRun { outcome: "unknown", ..run });
        recorded.ended(EndedRun { kind: "rollback", started: None, ..run });
        let metrics = Metrics::default();
        metrics.begin_record(recorded);
        assert_eq!(
            lines(&metrics, "rmm_release_lead_time_seconds_sum"),
            ["rmm_release_lead_time_seconds_sum{service=\"shop\"} 90.0"]
        );
        assert_eq!(lines(&metrics, "rmm_runs_total").len(), 3);
        assert_eq!(lines(&metrics, "rmm_run_duration_seconds_count").len(), 1);
    }
}
