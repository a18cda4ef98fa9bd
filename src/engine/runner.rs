//! Follows the plan of one run: prepares its hosts, starts the steps of a wave side by side and each of them once,
//! waits for their ends, reports them, and goes on with what the decision says. After a restart it finds the steps
//! that were running and follows them further.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};

use super::reach::{Reach, Waited, Waits};
use super::step::StepContext;
use super::{Engine, Failure, Request};
use crate::clients::detached::{self, Fence, Known, Prepared, RunDir, StepError};
use crate::domain::command::{Answer, Command, Outcome};
use crate::domain::ids::{HostName, RunId};
use crate::domain::person::Actor;
use crate::domain::run::{Run, RunKind, RunState, Step};
use crate::store::{releases, runs};

/// A run and the places where its steps are executed.
pub(super) struct Following {
    pub engine: Engine,
    pub run: Run,
    /// The run's directory on each of its hosts.
    pub directories: BTreeMap<HostName, RunDir>,
    /// Whose run it is, as the hosts know it.
    pub token: String,
    /// Who began the release.
    pub performer: String,
    /// The run may take this long.
    pub limit: Duration,
    /// The trace of what caused the run.
    pub trace: Option<String>,
    /// The hosts that it waits for.
    pub waits: Waits,
}

/// Why a run does not get to its steps.
enum Unprepared {
    /// Somebody wants it to end, and nothing is at work.
    Stopped,
    /// It cannot begin, or cannot be followed any further.
    Failed(String),
    /// A host has lost its directory.
    Lost(String),
    /// A host knows another copy of this database.
    Foreign(HostName, String),
}

/// Follows a run to its end, as a part of the trace that caused it. `taken_over`: another process may have begun it.
pub(super) async fn follow(engine: &Engine, id: RunId, taken_over: bool, trace: Option<String>) -> Result<(), Failure> {
    let found = engine.read(move |conn| {
        let Some(run) = runs::get(conn, id)? else { return Ok(None) };
        let release = releases::get(conn, run.release)?;
        Ok(Some((run, release.map(|release| release.initiated_by).unwrap_or_default())))
    });
    let Some((run, performer)) = found.await? else { return Ok(()) };
    let token = run.token(&engine.ports().instance);
    let catalog = engine.catalog();
    let service = catalog.service(&run.service);
    let limit = service.map_or(Duration::from_hours(2), |service| service.environment(run.environment).run_timeout);
    let mut directories = BTreeMap::new();
    for host in run.hosts(None) {
        match RunDir::new(engine.run_directory(host, &run, &token)) {
            Ok(directory) => directories.insert(host.clone(), directory),
            Err(error) => {
                let command = Command::RunFailed { run: id, reason: error.to_string() };
                return report(engine, &run, trace, command).await.map(|_| ());
            }
        };
    }
    let waits = Waits::default();
    let following = Following { engine: engine.clone(), run, directories, token, performer, limit, trace, waits };
    following.follow_plan(taken_over).await
}

impl Following {
    /// Reports what became of the run; a refusal means that it has been ended meanwhile.
    pub(super) async fn report(&self, command: Command) -> Result<Answer, Failure> {
        report(&self.engine, &self.run, self.trace.clone(), command).await
    }

    pub(super) fn fence(&self) -> Fence<'_> {
        let ports = self.engine.ports();
        Fence { token: &self.token, generation: ports.generation, process: &ports.process }
    }

    async fn follow_plan(mut self, taken_over: bool) -> Result<(), Failure> {
        if self.run.state == RunState::Queued && self.run.kind == RunKind::Deploy {
            self.check_tag().await?;
            self.reload().await?;
        }
        if self.run.state.is_live() && !self.prepare().await? {
            self.clean_up().await;
            return Ok(());
        }
        self.report(Command::StartStep { run: self.run.id }).await?;
        let mut again = taken_over;
        loop {
            self.reload().await?;
            let steps: Vec<_> = self.run.running_steps().cloned().collect();
            if steps.is_empty() {
                break;
            }
            let ends = join_all(steps.iter().map(|step| self.execute(step, again))).await;
            ends.into_iter().collect::<Result<Vec<()>, Failure>>()?;
            again = false;
        }
        self.clean_up().await;
        Ok(())
    }

    async fn execute(&self, step: &Step, again: bool) -> Result<(), Failure> {
        let outcome = StepContext { following: self, step, again }.execute().await?;
        self.step_ended(step.index, outcome).await
    }

    async fn reload(&mut self) -> Result<(), Failure> {
        let id = self.run.id;
        if let Some(run) = self.engine.read(move |conn| runs::get(conn, id)).await? {
            self.run = run;
        }
        Ok(())
    }

    /// A tag that has moved is noticed before anything is touched. A repository that does not answer is no reason to
    /// wait: the host checks the tag once more.
    async fn check_tag(&self) -> Result<(), Failure> {
        let catalog = self.engine.catalog();
        let repository = catalog.service(&self.run.service).and_then(|service| service.repository.clone());
        let (Some(repository), Some(tag), Some(commit)) = (repository, &self.run.to.tag, &self.run.to.commit) else {
            return Ok(());
        };
        match crate::clients::git::resolve(&repository, tag).await {
            Ok(now) if now != *commit => {
                self.report(Command::TagMoved { release: self.run.release, now }).await?;
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(run = %self.run.id, %error, "the tag could not be checked beforehand"),
        }
        Ok(())
    }

    /// Makes the run's directories. From then on, a directory that is missing has been lost by its host.
    async fn prepare(&mut self) -> Result<bool, Failure> {
        // What one host says for good ends the run, whoever else is still waited for.
        let prepared = try_join_all(self.directories.iter().map(|(host, directory)| self.prepare_on(host, directory)));
        let command = match prepared.await {
            Ok(_) if self.run.prepared => return Ok(true),
            Ok(_) => Command::RunPrepared { run: self.run.id },
            Err(Unprepared::Lost(reason)) => Command::RunLost { run: self.run.id, reason },
            Err(Unprepared::Foreign(host, reason)) => Command::RunForeign { run: self.run.id, host, reason },
            Err(Unprepared::Failed(reason)) if self.run.running_steps().next().is_some() => {
                let reason = format!("{reason}; what the running step did cannot be known");
                Command::RunLost { run: self.run.id, reason }
            }
            Err(Unprepared::Failed(reason)) => {
                let reason = self.engine.catalog().redactor().text(&reason);
                Command::RunFailed { run: self.run.id, reason }
            }
            // Nothing is at work, so this ends the run.
            Err(Unprepared::Stopped) => Command::StartStep { run: self.run.id },
        };
        let going_on = matches!(command, Command::RunPrepared { .. });
        self.report(command).await?;
        if going_on {
            self.reload().await?;
        }
        Ok(going_on)
    }

    async fn prepare_on(&self, host: &HostName, directory: &RunDir) -> Result<(), Unprepared> {
        let steps: Vec<_> = self.run.steps.iter().filter(|step| step.host == *host).map(|step| step.index).collect();
        let keys: Vec<_> = steps.iter().map(ToString::to_string).collect();
        let mut vouched = self.earlier_runs().await;
        let mut reach = Reach::new(self, host);
        loop {
            let known = Known { prepared: self.run.prepared, vouched: &vouched };
            let asked = match self.engine.transport(host).await {
                Ok(transport) => detached::prepare(transport.as_ref(), directory, self.fence(), known, &keys).await,
                Err(error) => Err(error.into()),
            };
            let error = match asked {
                Ok(ready) if ready.made == Prepared::New && self.run.prepared => {
                    return Err(Unprepared::Lost(format!(
                        "{host} has lost the run directory {}; what the running step did cannot be known",
                        directory.path()
                    )));
                }
                Ok(ready) => {
                    reach.arrived().await;
                    self.note_former(ready.former).await;
                    self.note_turned_away(host, ready.turned_away).await;
                    return Ok(());
                }
                Err(StepError::Stranger(token)) if !vouched.contains(&token) && self.vouches_for(&token).await => {
                    vouched.push(token);
                    continue;
                }
                Err(StepError::Stranger(token)) => {
                    let reason = self.stranger(host, &token);
                    self.note_former(Some(token)).await;
                    return Err(Unprepared::Foreign(host.clone(), reason));
                }
                Err(error @ StepError::Foreign(_)) => {
                    return Err(Unprepared::Foreign(host.clone(), self.foreign(host, &error)));
                }
                Err(StepError::Transport(error)) => error,
                Err(error) => return Err(Unprepared::Failed(format!("{host}: {error}"))),
            };
            if !self.run.prepared && !error.may_pass() {
                reach.learn(&error).await;
                return Err(Unprepared::Failed(format!("{host}: {error}")));
            }
            match reach.wait(&error, self.run.running_steps().next().is_none()).await {
                Waited::Again => {}
                Waited::Stopped => return Err(Unprepared::Stopped),
                Waited::Over(reason) => return Err(Unprepared::Failed(reason)),
            }
        }
    }

    async fn step_ended(&self, step: u32, outcome: Outcome) -> Result<(), Failure> {
        let redactor = self.engine.catalog().redactor().clone();
        let outcome = match outcome {
            Outcome::Unhealthy(reason) => Outcome::Unhealthy(redactor.text(&reason)),
            Outcome::NotStarted(reason) => Outcome::NotStarted(redactor.text(&reason)),
            Outcome::Lost(reason) => Outcome::Lost(redactor.text(&reason)),
            Outcome::Exited(_) | Outcome::Healthy | Outcome::TimedOut | Outcome::Stopped => outcome,
        };
        self.report(Command::StepEnded { run: self.run.id, step, outcome }).await.map(|_| ())
    }

    /// The directories of a run that has ended well are of no more use; those of an unknown one may explain it.
    async fn clean_up(&self) {
        let id = self.run.id;
        let state = self.engine.read(move |conn| runs::get(conn, id)).await.ok().flatten().map(|run| run.state);
        if matches!(state, Some(RunState::Unknown { .. }) | None) {
            return;
        }
        join_all(self.directories.iter().map(|(host, directory)| async move {
            let removed = match self.engine.transport(host).await {
                Ok(transport) => detached::remove(transport.as_ref(), directory, self.fence()).await,
                Err(error) => Err(error.into()),
            };
            match removed {
                Ok(turned_away) => self.note_turned_away(host, turned_away).await,
                Err(error) => tracing::warn!(run = %id, %host, %error, "the run directory could not be removed"),
            }
        }))
        .await;
    }
}

/// Reports to the engine; a refusal here means that the run has been ended meanwhile.
async fn report(engine: &Engine, run: &Run, trace: Option<String>, command: Command) -> Result<Answer, Failure> {
    match engine.handle(Request::about(Actor::Machine, run.service.clone(), command).traced(trace)).await {
        Ok(handled) => Ok(handled.answer),
        Err(Failure::Refused(refusal)) => {
            tracing::debug!(%refusal, "a report of a run came too late");
            Ok(Answer::Step(None))
        }
        Err(failure) => Err(failure),
    }
}

/// The output cannot be kept for now: the effect is postponed and the step found again.
pub(super) fn postponed(detail: &str) -> Failure {
    Failure::Store(crate::store::StoreError::Unavailable { disk_full: false, detail: detail.to_owned() })
}
