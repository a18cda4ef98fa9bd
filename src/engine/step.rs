//! Executes one step of a run: a durable command, or a health check. Keeps its output, without secrets, as it comes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::Failure;
use super::redact::Redactor;
use super::runner::{Following, report, unreachable_host};
use crate::clients::detached::{self, Ended, Sink, SinkError, StepError, StepSpec};
use crate::domain::command::{Answer, Command, Outcome};
use crate::domain::ids::RunId;
use crate::domain::run::{Action, Schedule, Step};
use crate::store::{Store, WriteError, logs, runs};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(10);

/// A step of a run that is being followed.
pub(super) struct StepContext<'a> {
    pub following: &'a Following,
    pub step: &'a Step,
    /// Another process may have started it.
    pub again: bool,
}

/// Why a step is ended before its time.
enum Early {
    Stopped,
    TimedOut,
}

impl StepContext<'_> {
    pub(super) async fn execute(&self) -> Result<Outcome, Failure> {
        let outcome = match &self.step.action {
            Action::Command { command, directory, timeout } => {
                let spec = self.spec(self.step.index.to_string(), command, directory.as_deref(), self.again);
                self.durable(&spec, self.log_step(0), *timeout).await?
            }
            Action::Get { url, schedule } => self.poll(schedule, Asking::Url(url)).await?,
            Action::Check { command, directory, schedule } => {
                self.poll(schedule, Asking::Command { command, directory: directory.as_deref() }).await?
            }
        };
        Ok(outcome)
    }

    fn run_id(&self) -> RunId {
        self.following.run.id
    }

    /// Each try of a health check by command has output of its own, with offsets of its own.
    fn log_step(&self, attempt: u32) -> i64 {
        i64::from(self.step.index) | (i64::from(attempt) << logs::TRY_SHIFT)
    }

    fn spec(&self, key: String, command: &str, directory: Option<&str>, again: bool) -> StepSpec {
        StepSpec {
            key,
            command: command.to_owned(),
            directory: directory.map(ToOwned::to_owned),
            env: self.environment(),
            again,
        }
    }

    /// What a step's command finds in its environment besides the host's own.
    fn environment(&self) -> Vec<(String, SecretString)> {
        let run = &self.following.run;
        let version = [&run.to]
            .into_iter()
            .chain(&run.from)
            .find(|version| version.release == self.step.about)
            .unwrap_or(&run.to);
        let mut pairs = vec![
            ("RMM_SERVICE".to_owned(), run.service.to_string()),
            ("RMM_ENVIRONMENT".to_owned(), run.environment.to_string()),
            ("RMM_SURFACE".to_owned(), self.step.surface.to_string()),
            ("RMM_RUN".to_owned(), run.id.to_string()),
            ("RMM_RUN_KIND".to_owned(), run.kind.as_str().to_owned()),
            ("RMM_STEP".to_owned(), self.step.kind.as_str().to_owned()),
            ("RMM_RELEASE".to_owned(), version.release.to_string()),
            ("RMM_TAG".to_owned(), version.tag.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("RMM_COMMIT".to_owned(), version.commit.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]
        .into_iter()
        .map(|(name, value)| (name, SecretString::from(value)))
        .collect::<Vec<_>>();
        let catalog = self.following.engine.catalog();
        let service = catalog.service(&run.service);
        let surface = service
            .and_then(|s| s.surfaces_in(run.environment).find(|surface| surface.name == self.step.surface).cloned());
        for (name, value) in surface.iter().flat_map(|surface| &surface.env) {
            pairs.push((name.clone(), catalog.value(value)));
        }
        pairs
    }

    /// Follows a durable command to its end, or ends it when somebody wants that or its time is over.
    async fn durable(&self, spec: &StepSpec, log_step: i64, limit: Duration) -> Result<Outcome, Failure> {
        let Following { engine, host, directory, token, .. } = self.following;
        let run = self.run_id().0;
        let offset = engine.read(move |conn| logs::resume_offset(conn, run, log_step)).await?;
        let mut log = Log::new(engine.store().clone(), engine.catalog().redactor().clone(), run, log_step, offset);
        let mut following = Box::pin(detached::run(host.as_ref(), directory, token, spec, offset, &mut log));
        let early = tokio::select! {
            ended = &mut following => {
                drop(following);
                return self.judge(ended, None, log).await;
            }
            early = self.until_unwanted(limit) => early,
        };
        // The output that comes while the step is ended belongs to it, so following goes on meanwhile.
        let stopping = detached::stop(host.as_ref(), directory, token, &spec.key, GRACE);
        let (ended, stopped) = tokio::join!(&mut following, stopping);
        drop(following);
        if let Err(error) = stopped {
            tracing::warn!(run, %error, "a step could not be ended cleanly");
        }
        self.judge(ended, Some(early), log).await
    }

    async fn judge(
        &self,
        ended: Result<Ended, StepError>,
        early: Option<Early>,
        mut log: Log,
    ) -> Result<Outcome, Failure> {
        let ended = match ended {
            Err(StepError::OutputGone { ended: ended @ (Ended::Exited(_) | Ended::Stopped(_)), position }) => {
                log.note(&format!("rmm: the host gave no output beyond byte {position}\n")).await?;
                Ok(ended)
            }
            other => other,
        };
        let outcome = match (ended, early) {
            // It had ended by itself: its end counts, even if it was found late or ended just before it was stopped.
            (Ok(Ended::Exited(code)), _) => Outcome::Exited(code),
            (Ok(Ended::Stopped(_) | Ended::NotStarted(_)), Some(Early::Stopped)) => Outcome::Stopped,
            (Ok(Ended::Stopped(_) | Ended::NotStarted(_)), Some(Early::TimedOut)) => Outcome::TimedOut,
            // RMM died between the signal and the end of the step.
            (Ok(Ended::Stopped(_)), None) if self.following.run.stop.is_some() => Outcome::Stopped,
            (Ok(Ended::Stopped(_)), None) => Outcome::TimedOut,
            (Ok(Ended::NotStarted(reason)), None) => Outcome::NotStarted(reason),
            (Ok(Ended::Lost(reason)), _) => Outcome::Lost(reason),
            (Err(StepError::Sink(error)), _) => return Err(unreachable_host(&error.to_string())),
            (Err(StepError::Transport(error)), _) => return Err(unreachable_host(&error.to_string())),
            (Err(error @ StepError::Cut(_)), _) => return Err(unreachable_host(&error.to_string())),
            (Err(error @ (StepError::Fenced(_) | StepError::OutputGone { .. })), _) => Outcome::Lost(error.to_string()),
            (Err(error @ (StepError::Refused(_) | StepError::Invalid(_))), _) => Outcome::NotStarted(error.to_string()),
        };
        log.finish().await?;
        if matches!(outcome, Outcome::TimedOut) {
            log.note("rmm: the step was over its time limit and has been ended\n").await?;
        }
        Ok(outcome)
    }

    /// Returns when somebody wants the run to end, or the step's time is over. The time counts from the step's start,
    /// also across a restart of RMM.
    async fn until_unwanted(&self, limit: Duration) -> Early {
        let engine = &self.following.engine;
        let since = self.step.started_at.unwrap_or_else(|| engine.now());
        let spent = engine.now().duration_since(since);
        let left = limit.saturating_sub(if spent.is_negative() { Duration::ZERO } else { spent.unsigned_abs() });
        tokio::select! {
            () = self.until_stopped() => Early::Stopped,
            () = engine.clock().sleep(left) => Early::TimedOut,
        }
    }

    async fn until_stopped(&self) {
        let engine = &self.following.engine;
        let mut stops = engine.stops();
        let id = self.run_id();
        loop {
            stops.mark_unchanged();
            let run = engine.read(move |conn| runs::get(conn, id)).await.ok().flatten();
            if run.is_some_and(|run| run.stop.is_some() || !run.state.is_live()) {
                return;
            }
            if stops.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Asks again and again whether the surface is well, on the schedule.
    async fn poll(&self, schedule: &Schedule, asking: Asking<'_>) -> Result<Outcome, Failure> {
        let mut first = self.step.tries.max(1);
        let mut again = self.again && self.step.tries > 0;
        if !again {
            first = 1;
            if self.pause(schedule.wait).await {
                return Ok(Outcome::Stopped);
            }
        }
        let mut last = String::from("it was never asked");
        for attempt in first..=schedule.attempts {
            if attempt > first && self.pause(schedule.interval).await {
                return Ok(Outcome::Stopped);
            }
            let found = match &asking {
                Asking::Url(url) => tokio::select! {
                    () = self.until_stopped() => return Ok(Outcome::Stopped),
                    found = self.following.engine.ports().prober.get(url, schedule.timeout) => found,
                },
                Asking::Command { command, directory } => {
                    match self.check(attempt, command, *directory, schedule.timeout, again).await? {
                        Checked::Well => Ok("the check passed".to_owned()),
                        Checked::Ill(reason) => Err(reason),
                        Checked::Over(outcome) => return Ok(outcome),
                    }
                }
            };
            again = false;
            let line = match &found {
                Ok(said) => format!("rmm: attempt {attempt} of {}: well, {said}\n", schedule.attempts),
                Err(said) => format!("rmm: attempt {attempt} of {}: {said}\n", schedule.attempts),
            };
            self.note(&line).await?;
            match found {
                Ok(_) => return Ok(Outcome::Healthy),
                Err(reason) => last = reason,
            }
        }
        Ok(Outcome::Unhealthy(format!("{} attempts, the last: {last}", schedule.attempts)))
    }

    /// One try of a health check by command: a durable step of its own.
    async fn check(
        &self,
        attempt: u32,
        command: &str,
        directory: Option<&str>,
        limit: Duration,
        again: bool,
    ) -> Result<Checked, Failure> {
        if !again {
            let begun =
                report(&self.following.engine, Command::TryStep { run: self.run_id(), step: self.step.index }).await?;
            if begun == Answer::Step(None) {
                return Ok(Checked::Over(Outcome::Stopped));
            }
        }
        let spec = self.spec(format!("{}.{attempt}", self.step.index), command, directory, again);
        let outcome = self.durable_for(&spec, self.log_step(attempt), limit).await?;
        Ok(match outcome {
            Outcome::Exited(0) | Outcome::Healthy => Checked::Well,
            Outcome::Exited(code) => Checked::Ill(format!("the check ended with exit status {code}")),
            Outcome::TimedOut => Checked::Ill(format!("the check did not end within {} ms", limit.as_millis())),
            Outcome::Unhealthy(reason) | Outcome::NotStarted(reason) => Checked::Ill(reason),
            Outcome::Stopped | Outcome::Lost(_) => Checked::Over(outcome),
        })
    }

    /// As [`Self::durable`], with a limit that counts from now: each try has its own.
    async fn durable_for(&self, spec: &StepSpec, log_step: i64, limit: Duration) -> Result<Outcome, Failure> {
        let step = Step { started_at: Some(self.following.engine.now()), ..self.step.clone() };
        let timed = StepContext { following: self.following, step: &step, again: self.again };
        timed.durable(spec, log_step, limit).await
    }

    /// Waits; true when somebody wants the run to end.
    async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.until_stopped() => true,
            () = self.following.engine.clock().sleep(time) => false,
        }
    }

    /// A line of RMM's own in the step's log.
    async fn note(&self, line: &str) -> Result<(), Failure> {
        let engine = &self.following.engine;
        let (run, step) = (self.run_id().0, self.log_step(0));
        let text = engine.catalog().redactor().text(line);
        engine
            .store()
            .write(move |tx| {
                let end = logs::resume_offset(tx, run, step)?;
                logs::append(tx, run, step, end + text.len() as u64, text.as_bytes())
            })
            .await
            .map_err(Failure::from)
            .map(|_| ())
    }
}

/// What a health check asks.
enum Asking<'a> {
    Url(&'a str),
    Command { command: &'a str, directory: Option<&'a str> },
}

/// What one try of a check by command found.
enum Checked {
    Well,
    Ill(String),
    /// The step ends with this.
    Over(Outcome),
}

/// Keeps the output of a step, without secrets. What has been kept is committed together with how far it came, so
/// that after a crash nothing is kept twice and nothing is missing.
struct Log {
    store: Store,
    redactor: Arc<Redactor>,
    run: i64,
    step: i64,
    /// Where `pending` begins in the step's output.
    offset: u64,
    /// Held back: the beginning of a secret, perhaps.
    pending: Vec<u8>,
}

impl Log {
    fn new(store: Store, redactor: Arc<Redactor>, run: i64, step: i64, offset: u64) -> Self {
        Self { store, redactor, run, step, offset, pending: Vec::new() }
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), WriteError<crate::store::StoreError>> {
        self.pending.extend_from_slice(bytes);
        let (ready, held) = self.redactor.piece(&self.pending);
        let used = self.pending.len() - held;
        if used == 0 {
            return Ok(());
        }
        self.keep(ready, used as u64).await?;
        self.pending.drain(..used);
        Ok(())
    }

    /// Keeps what was held back: no more will come.
    async fn finish(&mut self) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (ready, used) = (self.redactor.last(&self.pending), self.pending.len() as u64);
        self.pending.clear();
        self.keep(ready, used).await.map_err(Failure::from)
    }

    /// A line of RMM's own behind the output.
    async fn note(&mut self, line: &str) -> Result<(), Failure> {
        self.finish().await?;
        self.keep(line.as_bytes().to_vec(), 1).await.map_err(Failure::from)
    }

    async fn keep(&mut self, ready: Vec<u8>, used: u64) -> Result<(), WriteError<crate::store::StoreError>> {
        let (run, step, end) = (self.run, self.step, self.offset + used);
        self.store.write(move |tx| logs::append(tx, run, step, end, &ready)).await?;
        self.offset = end;
        Ok(())
    }
}

impl Sink for Log {
    fn write<'a>(&'a mut self, _offset: u64, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move { self.take(bytes).await.map_err(|error| SinkError::from(error.flatten().to_string())) })
    }
}
