//! Follows the plan of one run: starts each step once, waits for its end, reports it, and goes on with what the
//! decision says. After a restart it finds the step that was running and follows it further.

use std::sync::Arc;

use super::step::StepContext;
use super::{Engine, Failure, Request};
use crate::clients::detached::{self, Prepared, RunDir, StepError};
use crate::clients::transport::Transport;
use crate::domain::command::{Answer, Command, Outcome};
use crate::domain::ids::RunId;
use crate::domain::person::Actor;
use crate::domain::run::{Run, RunKind, RunState, StepState};
use crate::store::runs;

/// A run and the place where its steps are executed.
pub(super) struct Following {
    pub engine: Engine,
    pub run: Run,
    pub host: Arc<dyn Transport>,
    pub directory: RunDir,
    pub token: String,
}

/// Follows a run to its end. `taken_over`: another process may have begun it.
pub(super) async fn follow(engine: &Engine, id: RunId, taken_over: bool) -> Result<(), Failure> {
    let Some(run) = engine.read(move |conn| runs::get(conn, id)).await? else { return Ok(()) };
    let path = engine.run_directory().join(id.to_string()).display().to_string();
    let directory = match RunDir::new(path) {
        Ok(directory) => directory,
        Err(error) => {
            return report(engine, Command::RunFailed { run: id, reason: error.to_string() }).await.map(|_| ());
        }
    };
    let token = format!("{}-{id}", engine.ports().instance);
    let following = Following { engine: engine.clone(), host: engine.ports().local.clone(), run, directory, token };
    following.follow_plan(taken_over).await
}

impl Following {
    async fn follow_plan(mut self, taken_over: bool) -> Result<(), Failure> {
        if self.run.state == RunState::Queued && self.run.kind == RunKind::Deploy {
            self.check_tag().await?;
            self.reload().await?;
        }
        if self.run.state.is_live() && !self.prepare().await? {
            return Ok(());
        }
        let mut resumed = taken_over.then(|| self.running_step()).flatten();
        let mut next = match resumed {
            Some(step) => Some(step),
            None => self.start_step().await?,
        };
        while let Some(index) = next {
            self.reload().await?;
            let Some(step) = self.run.steps.get(index as usize).cloned() else { break };
            let context = StepContext { following: &self, step: &step, again: resumed.take() == Some(index) };
            let outcome = context.execute().await?;
            next = self.step_ended(index, outcome).await?;
        }
        self.clean_up().await;
        Ok(())
    }

    fn running_step(&self) -> Option<u32> {
        self.run.current_step().filter(|step| step.state == StepState::Running).map(|step| step.index)
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
                report(&self.engine, Command::TagMoved { release: self.run.release, now }).await?;
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(run = %self.run.id, %error, "the tag could not be checked beforehand"),
        }
        Ok(())
    }

    /// Makes the run's directory. From then on, a directory that is missing has been lost by the host.
    async fn prepare(&mut self) -> Result<bool, Failure> {
        let lost = || Command::RunLost {
            run: self.run.id,
            reason: format!(
                "the host has lost the run directory {}; what the running step did cannot be known",
                self.directory.path()
            ),
        };
        let steps = self.run.steps.len();
        let command = match detached::prepare(self.host.as_ref(), &self.directory, &self.token, steps).await {
            Ok(Prepared::New) if self.run.prepared => lost(),
            Ok(Prepared::New | Prepared::Same) if self.run.prepared => return Ok(true),
            Ok(Prepared::New | Prepared::Same) => Command::RunPrepared { run: self.run.id },
            Err(StepError::Transport(error)) => return Err(unreachable_host(&error.to_string())),
            Err(error) => Command::RunFailed { run: self.run.id, reason: error.to_string() },
        };
        let going_on = matches!(command, Command::RunPrepared { .. });
        report(&self.engine, command).await?;
        if going_on {
            self.reload().await?;
        } else {
            self.clean_up().await;
        }
        Ok(going_on)
    }

    async fn start_step(&self) -> Result<Option<u32>, Failure> {
        step_answer(report(&self.engine, Command::StartStep { run: self.run.id }).await?)
    }

    async fn step_ended(&self, step: u32, outcome: Outcome) -> Result<Option<u32>, Failure> {
        let redactor = self.engine.catalog().redactor().clone();
        let outcome = match outcome {
            Outcome::Unhealthy(reason) => Outcome::Unhealthy(redactor.text(&reason)),
            Outcome::NotStarted(reason) => Outcome::NotStarted(redactor.text(&reason)),
            Outcome::Lost(reason) => Outcome::Lost(redactor.text(&reason)),
            Outcome::Exited(_) | Outcome::Healthy | Outcome::TimedOut | Outcome::Stopped => outcome,
        };
        step_answer(report(&self.engine, Command::StepEnded { run: self.run.id, step, outcome }).await?)
    }

    /// The directory of a run that has ended well is of no more use; that of an unknown one may explain it.
    async fn clean_up(&self) {
        let id = self.run.id;
        let state = self.engine.read(move |conn| runs::get(conn, id)).await.ok().flatten().map(|run| run.state);
        if matches!(state, Some(RunState::Unknown { .. }) | None) {
            return;
        }
        if let Err(error) = detached::remove(self.host.as_ref(), &self.directory, &self.token).await {
            tracing::warn!(run = %self.run.id, %error, "the run directory could not be removed");
        }
    }
}

fn step_answer(answer: Answer) -> Result<Option<u32>, Failure> {
    match answer {
        Answer::Step(next) => Ok(next),
        Answer::Release { .. } | Answer::Run(_) | Answer::Done => Ok(None),
    }
}

/// Reports to the engine; a refusal here means that the run has been ended meanwhile.
pub(super) async fn report(engine: &Engine, command: Command) -> Result<Answer, Failure> {
    match engine.handle(Request::new(Actor::Machine, command)).await {
        Ok(handled) => Ok(handled.answer),
        Err(Failure::Refused(refusal)) => {
            tracing::debug!(%refusal, "a report of a run came too late");
            Ok(Answer::Step(None))
        }
        Err(failure) => Err(failure),
    }
}

/// The host cannot be reached for now: the effect is postponed and the step found again.
pub(super) fn unreachable_host(detail: &str) -> Failure {
    Failure::Store(crate::store::StoreError::Unavailable { disk_full: false, detail: detail.to_owned() })
}
