//! Executes one step of a run: a durable command here, a health check in `health`.

use std::time::Duration;

use secrecy::SecretString;

use super::following::{Following, postponed};
use super::output::Log;
use super::reach::{Reach, Waited};
use super::{Failure, trace};
use crate::clients::detached::{self, Ended, StepError, StepSpec};
use crate::clients::tools;
use crate::clients::transport::TransportError;
use crate::domain::command::Outcome;
use crate::domain::fault::step::StepFault;
use crate::domain::ids::{HostName, RunId};
use crate::domain::reason::Reason;
use crate::domain::run::{Action, Script, Step, StepKind};
use crate::store::logs;

/// Between TERM and KILL.
const KILL_DELAY: Duration = Duration::from_secs(10);

/// A step of a run that is being followed.
pub(super) struct StepContext<'a> {
    pub following: &'a Following,
    pub step: &'a Step,
    /// Another process may have started it.
    pub again: bool,
}

/// How long the end of a step may take to be heard when it is known elsewhere.
const FOLLOWER_DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// … and so often, before the rest of its output is given up.
const MOST_LATE_ENDS: u8 = 3;

fn silent() -> StepError {
    TransportError::Died(Reason::NoAnswer).into()
}

/// Why a step is ended before its time.
#[derive(Clone, Copy)]
enum Why {
    Stopped,
    TimedOut,
}

/// A step that is ended before its time.
#[derive(Clone, Copy)]
struct Early {
    why: Why,
    /// How often it was over, and the rest of its output did not come in time.
    late: u8,
}

impl StepContext<'_> {
    pub(super) async fn execute(&self) -> Result<Outcome, Failure> {
        let outcome = match &self.step.action {
            Action::Command { script, timeout } => {
                let spec = self.spec(self.step.index.to_string(), script, self.again);
                self.durable(&spec, self.log_step(0), *timeout).await?
            }
            Action::Health { ask, schedule, logs } => {
                let outcome = self.poll(schedule, ask).await?;
                if let (Outcome::Unhealthy(_), Some(logs)) = (&outcome, logs) {
                    self.show_logs(schedule.attempts + 1, logs).await?;
                }
                outcome
            }
        };
        Ok(outcome)
    }

    pub(super) fn run_id(&self) -> RunId {
        self.following.run.id
    }

    /// Each try of a health check by command has output of its own, with offsets of its own.
    pub(super) fn log_step(&self, attempt: u32) -> i64 {
        i64::from(self.step.index) | (i64::from(attempt) << logs::TRY_SHIFT)
    }

    pub(super) fn spec(&self, key: String, script: &Script, again: bool) -> StepSpec {
        let mut env = self.environment();
        let ca = self.repository_ca();
        let command = match &ca {
            Some(_) => tools::with(&format!("rmm_ca\n{}", script.command)),
            None => tools::text(script),
        };
        env.extend(ca.map(|certificates| ("RMM_CA_PEM".to_owned(), SecretString::from(certificates))));
        StepSpec { key, command, directory: script.directory.clone(), env, again }
    }

    /// The authorities that git on the host has to trust for this step, in PEM format.
    fn repository_ca(&self) -> Option<String> {
        if !matches!(self.step.kind, StepKind::Fetch | StepKind::VerifyTag | StepKind::Checkout) {
            return None;
        }
        let catalog = self.following.engine.catalog();
        let reference = catalog.service(&self.following.run.service)?.repository_ca.as_deref()?;
        catalog.certificates(reference).map(str::to_owned)
    }

    /// What a step's command finds in its environment besides the host's own.
    fn environment(&self) -> Vec<(String, SecretString)> {
        let run = &self.following.run;
        let version = [&run.to]
            .into_iter()
            .chain(&run.from)
            .find(|version| version.release == self.step.about)
            .unwrap_or(&run.to);
        let hosts: Vec<_> = run.hosts(Some(&self.step.surface)).into_iter().map(HostName::as_str).collect();
        let name_on_hosts = self
            .following
            .engine
            .catalog()
            .service(&run.service)
            .map_or_else(|| run.service.to_string(), |service| service.name_on_hosts().to_string());
        let mut pairs = vec![
            ("RMM_SERVICE".to_owned(), run.service.to_string()),
            ("RMM_NAME_ON_HOSTS".to_owned(), name_on_hosts),
            ("RMM_ENVIRONMENT".to_owned(), run.environment.to_string()),
            ("RMM_SURFACE".to_owned(), self.step.surface.to_string()),
            ("RMM_RUN".to_owned(), run.id.to_string()),
            ("RMM_RUN_KIND".to_owned(), run.kind.as_str().to_owned()),
            ("RMM_HOST".to_owned(), self.step.host.to_string()),
            ("RMM_HOSTS".to_owned(), hosts.join(",")),
            ("RMM_PERFORMER".to_owned(), self.following.performer.clone()),
            ("RMM_RECORDED_AT".to_owned(), run.created_at.to_string()),
            ("RMM_STEP".to_owned(), self.step.kind.as_str().to_owned()),
            ("RMM_RELEASE".to_owned(), version.release.to_string()),
            ("RMM_TAG".to_owned(), version.tag.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("RMM_COMMIT".to_owned(), version.commit.as_ref().map(ToString::to_string).unwrap_or_default()),
        ]
        .into_iter()
        .map(|(name, value)| (name, SecretString::from(value)))
        .collect::<Vec<_>>();
        if matches!(self.step.kind, StepKind::Fetch | StepKind::Checkout) {
            // Git notes who moved a checkout. Without a name it asks the network for one, which may take long.
            for (name, value) in [("GIT_COMMITTER_NAME", "RMM"), ("GIT_COMMITTER_EMAIL", "rmm@localhost")] {
                pairs.push((name.to_owned(), SecretString::from(value)));
            }
        }
        if let Some(trace) = &self.following.trace {
            // W3C Trace Context; the step is a part of what caused its run.
            let parent = trace::parent(Some(trace), trace::seed(run, u64::from(self.step.index)));
            pairs.push(("TRACEPARENT".to_owned(), SecretString::from(parent)));
        }
        let catalog = self.following.engine.catalog();
        let service = catalog.service(&run.service);
        let surface = service
            .and_then(|s| s.surfaces_in(run.environment).find(|surface| surface.name == self.step.surface).cloned());
        for (name, value) in surface.iter().flat_map(|surface| &surface.env) {
            pairs.push((name.clone(), catalog.value(value)));
        }
        pairs
    }

    /// Follows a durable command to its end, or ends it when the run is to end or its time is over. Goes on with it
    /// whenever the host can be reached again.
    async fn durable(&self, spec: &StepSpec, log_step: i64, limit: Duration) -> Result<Outcome, Failure> {
        let engine = &self.following.engine;
        let run = self.run_id().0;
        let mut spec = spec.clone();
        let mut early = None;
        let mut reach = Reach::new(self.following, &self.step.host).for_step(self.step.kind);
        loop {
            let offset = engine.read(move |conn| logs::resume_offset(conn, run, log_step)).await?;
            let mut log = Log::new(engine.clone(), run, log_step, offset);
            let attempted = match self.attempt(&spec, offset, &mut log, limit, &mut early).await {
                Ok(ended) => Ok(ended),
                Err(error) => Err(self.following.recognize(&self.step.host, error).await),
            };
            let error = match attempted {
                Err(StepError::Transport(error)) => error,
                Err(error @ StepError::Foreign(_)) => {
                    reach.arrived().await;
                    return Ok(Outcome::Lost(self.following.step_is_foreign(&self.step.host, &error).await?));
                }
                Err(StepError::Cut(fault)) => TransportError::Died(fault.into()),
                ended => {
                    reach.arrived().await;
                    return self.judge(ended, early, limit, log).await;
                }
            };
            spec.again |= !error.began_nothing();
            match reach.wait(&error, !spec.again).await {
                Waited::Again => {}
                Waited::Stopped => return Ok(Outcome::Stopped),
                Waited::Left(reason) => return Ok(Outcome::Unreachable { reason, begun: spec.again }),
                Waited::Over(reason) if spec.again => {
                    let cause = Box::new(reason);
                    return Ok(Outcome::Lost(Reason::LookOnHost { host: self.step.host.clone(), cause }));
                }
                Waited::Over(reason) => return Ok(Outcome::NotStarted(reason)),
            }
        }
    }

    /// Starts the command or finds it again, and follows it as long as the connection lasts.
    async fn attempt(
        &self,
        spec: &StepSpec,
        offset: u64,
        log: &mut Log,
        limit: Duration,
        early: &mut Option<Early>,
    ) -> Result<Ended, StepError> {
        let host = self.following.engine.transport(&self.step.host).await?;
        let Some(directory) = self.following.directories.get(&self.step.host) else {
            return Err(StepError::Invalid(StepFault::RunHasNone));
        };
        let fence = self.following.fence();
        // What was begun before is as old as its host says.
        let age = if spec.again { detached::age(host.as_ref(), directory, fence, &spec.key).await? } else { None };
        let mut following = Box::pin(detached::run(host.as_ref(), directory, fence, spec, offset, log));
        if early.is_none() {
            tokio::select! {
                ended = &mut following => return ended,
                why = self.until_unwanted(limit, age) => *early = Some(Early { why, late: 0 }),
            }
        }
        // The output that comes while the step is ended belongs to it, so following goes on meanwhile.
        let mut stopping = Box::pin(detached::stop(host.as_ref(), directory, fence, &spec.key, KILL_DELAY));
        let (ended, stopped) = tokio::select! {
            ended = &mut following => (Some(ended), stopping.await),
            stopped = &mut stopping => {
                let ended = tokio::select! {
                    ended = following => Some(ended),
                    () = self.following.engine.clock().sleep(FOLLOWER_DRAIN_TIMEOUT) => None,
                };
                (ended, stopped)
            }
        };
        if let Err(error) = &stopped {
            tracing::warn!(run = %self.run_id(), %error, "a step could not be ended cleanly");
        }
        if let Some(ended) = ended {
            return ended;
        }
        let late = early.as_mut().map_or(0, |early| {
            early.late += 1;
            early.late
        });
        // A connection on which nothing is heard of a step that is over is lost: the next one finds the end.
        stopped.ok().filter(|_| late >= MOST_LATE_ENDS).ok_or_else(silent)
    }

    async fn judge(
        &self,
        ended: Result<Ended, StepError>,
        early: Option<Early>,
        limit: Duration,
        mut log: Log,
    ) -> Result<Outcome, Failure> {
        let ended = match ended {
            Err(StepError::OutputGone { ended: ended @ (Ended::Exited(_) | Ended::Stopped(_)), position }) => {
                log.note(&format!("rmm: the host gave no output beyond byte {position}\n")).await?;
                Ok(ended)
            }
            other => other,
        };
        let outcome = match (ended, early.map(|early| early.why)) {
            // It had ended by itself: its end counts, even if it was found late or ended just before it was stopped.
            (Ok(Ended::Exited(code)), _) => Outcome::Exited(code),
            (Ok(Ended::Stopped(_) | Ended::NotStarted(_)), Some(Why::Stopped)) => Outcome::Stopped,
            (Ok(Ended::Stopped(_) | Ended::NotStarted(_)), Some(Why::TimedOut)) => Outcome::TimedOut,
            // RMM died between the signal and the end of the step.
            (Ok(Ended::Stopped(_)), None) if self.following.run.is_ending() => Outcome::Stopped,
            (Ok(Ended::Stopped(_)), None) if self.is_over(limit) => Outcome::TimedOut,
            (Ok(Ended::Stopped(_)), None) => {
                Outcome::Lost(Reason::EndedBySomebodyElse { host: self.step.host.clone() })
            }
            (Ok(Ended::NotStarted(reason)), None) => Outcome::NotStarted(reason),
            (Ok(Ended::Lost(reason)), _) => Outcome::Lost(reason),
            (Err(StepError::Sink(error)), _) => return Err(postponed(&error.to_string())),
            (Err(StepError::Refused(reason)), _) => Outcome::NotStarted(reason),
            (Err(StepError::Invalid(fault)), _) => Outcome::NotStarted(fault.into()),
            (Err(error), _) => Outcome::Lost(error.reason()),
        };
        log.finish().await?;
        if early.is_some_and(|early| early.late >= MOST_LATE_ENDS) {
            log.note("rmm: the rest of the output did not arrive in time\n").await?;
        }
        if matches!(outcome, Outcome::TimedOut) {
            log.note("rmm: the step was over its time limit and has been ended\n").await?;
        }
        Ok(outcome)
    }

    /// Returns when the run is to end, or the time of the step or of the run is over. The time counts from
    /// the start, also across a restart of RMM; what counts is the time that passes (on the host, if it told the step's
    /// `age`), not the clock on the wall.
    async fn until_unwanted(&self, limit: Duration, age: Option<Duration>) -> Why {
        let engine = &self.following.engine;
        let uptime = engine.clock().uptime();
        let spent = age.unwrap_or_else(|| uptime.since(self.step.started_uptime.as_ref()));
        let run = self.following.limit.saturating_sub(self.following.spent());
        tokio::select! {
            () = self.following.until_unwanted(&self.step.host) => Why::Stopped,
            () = engine.clock().sleep(limit.saturating_sub(spent).min(run)) => Why::TimedOut,
        }
    }

    /// Whether the time of the step or of the run may be over. How long it took across a restart of the machine is not known.
    fn is_over(&self, limit: Duration) -> bool {
        let now = self.following.engine.clock().uptime();
        let started = self.step.started_uptime.as_ref();
        started.is_none_or(|started| started.boot != now.boot)
            || now.since(started) >= limit
            || self.following.spent() >= self.following.limit
    }

    /// As [`Self::durable`], with a limit that counts from now: each try has its own.
    pub(super) async fn durable_for(
        &self,
        spec: &StepSpec,
        log_step: i64,
        limit: Duration,
    ) -> Result<Outcome, Failure> {
        let engine = &self.following.engine;
        let (now, uptime) = (engine.now(), engine.clock().uptime());
        let step = Step { started_at: Some(now), started_uptime: Some(uptime), ..self.step.clone() };
        let timed = StepContext { following: self.following, step: &step, again: self.again };
        timed.durable(spec, log_step, limit).await
    }

    /// A line of RMM's own in the step's log.
    pub(super) async fn note(&self, line: &str) -> Result<(), Failure> {
        let engine = &self.following.engine;
        let (run, step) = (self.run_id().0, self.log_step(0));
        let (text, now) = (engine.catalog().redactor().text(line), engine.now());
        engine
            .store()
            .write(move |tx| {
                let end = logs::resume_offset(tx, run, step)?;
                logs::append(tx, run, step, end + text.len() as u64, text.as_bytes(), now)
            })
            .await
            .map_err(Failure::from)
            .map(|_| ())
    }
}
