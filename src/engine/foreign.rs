//! Tells this database's own runs on hosts from those of others: of a clone of the machine that goes on beside it, of a
//! backup that is older than what was done since, or of another installation. Nothing that they did is ever taken for this
//! one's.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::following::Following;
use super::{Engine, Failure, Handled, Request};
use crate::clients::detached::{self, Fence, Last, Ready, RunDir, StepError, Successor, TurnedAway};
use crate::domain::command::Command;
use crate::domain::env::Env;
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::person::{Actor, Right};
use crate::domain::reason::{LastRun, Reason};
use crate::domain::run::Run;
use crate::domain::run_name::RunName;
use crate::store::{StoreError, numbers, runs};
use crate::wording::english;

/// An admin who says what runs does not wait longer for hosts that do not answer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// As long as something is at work on hosts that an admin has to know of.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// When a run that was taken over has ended: how long its former RMM may take to show that it is alive.
const PROTEST_TIMES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(9), Duration::from_secs(50)];

impl Engine {
    /// Asks the hosts which runs were the last ones there, wherever it is not known what an environment runs, for the admin
    /// who has to say it, and wherever this database has no run yet: another one may have been there before. Where
    /// something is at work they are asked again until it has ended. A host that does not answer is asked by the next run.
    pub async fn look_at_last_runs(&self, looked: oneshot::Sender<()>) {
        let mut looked = Some(looked);
        loop {
            let catalog = self.catalog();
            let environments = catalog
                .services()
                .flat_map(|service| service.environments.keys().map(|env| self.look_if_open(&service.name, *env)));
            let at_work = join_all(environments).await.into_iter().any(|at_work| at_work);
            looked.take().map(|looked| looked.send(()));
            if !at_work {
                return;
            }
            self.sleep(LOOK_AGAIN).await;
        }
    }

    /// Where this database has no run at all, numbers go on from those that hosts know: waits until they were asked, if
    /// they answer soon.
    pub async fn await_numbers(&self, looked: oneshot::Receiver<()>) {
        if !self.read(runs::any).await.unwrap_or(true) {
            tokio::select! {
                _ = looked => {}
                () = self.sleep(LOOK_TIMEOUT) => {}
            }
        }
    }

    async fn look_if_open(&self, service: &ServiceName, kind: Env) -> bool {
        let name = service.clone();
        let open = self.read(move |conn| {
            Ok(runs::environment(conn, &name, kind)?.unknown.is_some() || !runs::any_in(conn, &name, kind)?)
        });
        open.await.unwrap_or(false) && self.look_on_hosts(service, kind).await
    }

    /// Says what an environment runs, for an admin who has looked. The hosts are asked for their last run once more, so
    /// that all which they have seen until now counts as known.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the rules do not allow it.
    pub async fn settle(&self, request: Request, environment: Env) -> Result<Handled, Failure> {
        if let Some(service) = request.service.clone() {
            request.actor.may(Right::Command, Some(&service), false).map_err(Failure::Refused)?;
            tokio::select! {
                _ = self.look_on_hosts(&service, environment) => {}
                () = self.sleep(LOOK_TIMEOUT) => {}
            }
        }
        let service = request.service.clone();
        let handled = self.handle(request).await?;
        if let Some(service) = service {
            tokio::select! {
                () = self.end_leftovers(&service, environment) => {}
                () = self.sleep(LOOK_TIMEOUT * 3) => {}
            }
        }
        Ok(handled)
    }

    /// What the lost time has left at work would make untrue what an admin has just said.
    async fn end_leftovers(&self, service: &ServiceName, kind: Env) {
        let catalog = self.catalog();
        let service = catalog
            .service(service)
            .filter(|service| service.environments.get(&kind).is_some_and(|here| here.driver.is_ours()));
        let Some(service) = service else { return };
        let hosts = service.hosts_in(kind);
        let ended = hosts.iter().map(async |host| {
            let directory = RunDir::new(self.run_place(host, &service.name, kind, "any"))?;
            detached::clear(self.transport(host).await?.as_ref(), &directory, self.no_run()).await
        });
        for (host, ended) in hosts.iter().zip(join_all(ended).await) {
            match ended {
                Ok(steps) if steps.is_empty() => {}
                Ok(steps) => {
                    tracing::warn!(service = %service.name, %host, ?steps, "ended what was left at work there")
                }
                Err(error) => {
                    tracing::warn!(service = %service.name, %host, %error, "what is at work there is ended by the next run")
                }
            }
        }
    }

    /// For questions that are no run's.
    fn no_run(&self) -> Fence<'_> {
        let ports = self.ports();
        Fence { token: "any", generation: ports.generation, process: &ports.process }
    }

    /// Whether something is at work there that an admin has to know of.
    async fn look_on_hosts(&self, service: &ServiceName, kind: Env) -> bool {
        let catalog = self.catalog();
        let Some(service) = catalog
            .service(service)
            .filter(|service| service.environments.get(&kind).is_some_and(|here| here.driver.is_ours()))
        else {
            return false;
        };
        let hosts = service.hosts_in(kind);
        let looks = hosts.iter().map(|host| self.look_for_last_run(&service.name, kind, host));
        join_all(looks).await.into_iter().any(|at_work| at_work)
    }

    async fn look_for_last_run(&self, service: &ServiceName, kind: Env, host: &HostName) -> bool {
        let (token, at_work) = match self.last_run_on(service, kind, host).await {
            Ok(Last { token: Some(token), at_work }) => (token, at_work > 0),
            Ok(Last { token: None, .. }) => return false,
            Err(error) => {
                tracing::warn!(%service, environment = %kind, %host, %error, "the host does not say what its last run was");
                return false;
            }
        };
        let Some(RunName { id: number, .. }) = RunName::of_token(&token) else { return false };
        if self.knows(service, kind, &token).await.unwrap_or(true) {
            return false;
        }
        let other = (!self.is_of_installation(&token)).then_some(token);
        let found = LastRun { host: host.clone(), run: number, at_work, other };
        let whose = if found.other.is_some() { "of another installation" } else { "of this installation" };
        tracing::warn!(%service, environment = %kind, %host, run = %number, at_work, "the last run on a host, {whose}, is not in this database");
        let seen = self.store().write(move |tx| numbers::seen(tx, number)).await;
        if let Err(error) = seen {
            tracing::warn!(error = %error.flatten(), "the highest number of a host could not be noted");
        }
        let command = Command::HostLooked { environment: kind, found };
        if let Err(error) = self.handle(Request::about(Actor::Machine, service.clone(), command)).await {
            tracing::warn!(%service, %error, "what was found on a host could not be noted");
        }
        at_work
    }

    pub(super) async fn last_run_on(
        &self,
        service: &ServiceName,
        kind: Env,
        host: &HostName,
    ) -> Result<Last, StepError> {
        let directory = RunDir::new(self.run_place(host, service, kind, "any"))?;
        detached::last(self.transport(host).await?.as_ref(), &directory, self.no_run()).await
    }

    /// Whether a process or a run that a host names belongs to this database, or to another installation altogether.
    async fn is_own(&self, run: &Run, who: Successor) -> bool {
        let own = match who {
            Successor::Nameless => return true,
            Successor::Process(generation, word) => {
                self.read(move |conn| numbers::is_own_process(conn, generation, &word)).await
            }
            Successor::Run(token) if !self.is_of_installation(&token) => return true,
            Successor::Run(token) => self.knows(&run.service, run.environment, &token).await,
        };
        own.unwrap_or(true)
    }

    pub(super) fn is_of_installation(&self, token: &str) -> bool {
        token.strip_prefix(self.ports().instance.as_str()).is_some_and(|rest| rest.starts_with('-'))
    }

    /// Whether the run of a token is on record in this environment, or from before an admin has said what that runs.
    pub(super) async fn knows(&self, service: &ServiceName, kind: Env, token: &str) -> Result<bool, StoreError> {
        let (own, token, service) = (self.is_of_installation(token), token.to_owned(), service.clone());
        self.read(move |conn| {
            let state = runs::environment(conn, &service, kind)?;
            if !own {
                return Ok(state.is_gone(&token));
            }
            let Some(name) = RunName::of_token(&token) else { return Ok(false) };
            Ok(name.id < state.vouched_below || runs::is_known(conn, &service, kind, &name)?)
        })
        .await
    }

    /// Tells that a copy of this database was turned away where a run works. What an own process of former times began
    /// is none, unless it is a process that lives: from then on the copy has the same past.
    async fn note_turned_away(&self, run: &Run, trace: Option<&str>, host: &HostName, who: Option<TurnedAway>) {
        let Some(TurnedAway { token, generation, process, by }) = who else { return };
        if !self.is_of_installation(&token) {
            return;
        }
        let own = self.is_own(run, Successor::Process(generation, process)).await
            && self.is_own(run, Successor::Run(token.clone())).await;
        let lives = match by {
            Some(Successor::Nameless) | None => false,
            Some(by) => self.is_own(run, by).await,
        };
        if own && !lives {
            return;
        }
        let (service, environment) = (run.service.clone(), run.environment);
        let reason = Reason::CopyTurnedAway { host: host.clone(), service, environment, run: token };
        self.note_copy(run, trace, host, reason).await;
    }

    async fn note_copy(&self, run: &Run, trace: Option<&str>, host: &HostName, reason: Reason) {
        tracing::warn!(run = %run.id, %host, reason = english(&reason), "another copy of this database is at work");
        let command = Command::ForeignTurnedAway { run: run.id, host: host.clone(), reason };
        let request = Request::about(Actor::Machine, run.service.clone(), command).traced(trace.map(ToOwned::to_owned));
        if let Err(Failure::Store(error)) = self.handle(request).await {
            tracing::warn!(run = %run.id, %error, "another copy of this database could not be noted");
        }
    }
}

impl Engine {
    /// About a last run on a host that is not in this database.
    pub(super) fn stranger(&self, service: &ServiceName, environment: Env, host: &HostName, token: &str) -> Reason {
        let (host, run, service) = (host.clone(), RunName::of_token(token).map(|name| name.id), service.clone());
        let token = token.to_owned();
        if self.is_of_installation(&token) {
            Reason::LastRunUnknown { host, run, token, service, environment }
        } else {
            Reason::OtherInstallation { host, token, service, environment }
        }
    }
}

impl Following {
    /// The tokens of the last runs in this run's place, whichever of them a host has seen.
    pub(super) async fn earlier_runs(&self) -> Vec<String> {
        let (service, environment, id) = (self.run.service.clone(), self.run.environment, self.run.id);
        let earlier = self.engine.read(move |conn| runs::before(conn, &service, environment, id)).await;
        // A host that names one of them is answered by a second look at the database.
        earlier.unwrap_or_default().iter().map(|name| name.token(&self.engine.ports().instance)).collect()
    }

    /// Whether a run that a host names as its last one is this database's own, or from before an admin has said what
    /// the environment runs.
    pub(super) async fn vouches_for(&self, token: &str) -> bool {
        self.engine.knows(&self.run.service, self.run.environment, token).await.unwrap_or(false)
    }

    /// About a last run that is not in this database.
    pub(super) fn stranger(&self, host: &HostName, token: &str) -> Reason {
        self.engine.stranger(&self.run.service, self.run.environment, host, token)
    }

    /// About steps that another copy of this database has begun.
    pub(super) fn foreign(&self, host: &HostName, error: &StepError) -> Reason {
        let (service, environment) = (self.run.service.clone(), self.run.environment);
        let cause = Box::new(error.reason());
        Reason::CopyAtWork { host: host.clone(), service, environment, cause }
    }

    /// Numbers go on from the highest that a host knows.
    pub(super) async fn note_former(&self, token: Option<String>) {
        let Some(name) = token.as_deref().and_then(RunName::of_token) else { return };
        if let Err(error) = self.engine.store().write(move |tx| numbers::seen(tx, name.id)).await {
            tracing::warn!(run = %self.run.id, error = %error.flatten(), "the highest number of a host could not be noted");
        }
    }

    /// What `prepare` found, unless it is another copy of this database.
    pub(super) async fn recognized(
        &self,
        host: &HostName,
        found: Result<Ready, StepError>,
    ) -> Result<Ready, StepError> {
        let ready = match found {
            Ok(ready) => ready,
            Err(error) => return Err(self.recognize(host, error).await),
        };
        for (generation, word) in &ready.processes {
            if !self.engine.is_own(&self.run, Successor::Process(*generation, word.clone())).await {
                let directory = self.directories.get(host).map(RunDir::path).unwrap_or_default();
                return Err(StepError::Foreign(directory.to_owned()));
            }
        }
        Ok(ready)
    }

    /// Whether it is another copy of this database that has taken the run over: then that one is told, too.
    pub(super) async fn recognize(&self, host: &HostName, error: StepError) -> StepError {
        let StepError::Fenced { directory, by } = error else { return error };
        if self.engine.is_own(&self.run, by.clone()).await {
            return StepError::Fenced { directory, by };
        }
        if let (Ok(transport), Some(place)) = (self.engine.transport(host).await, self.directories.get(host))
            && let Err(error) = detached::protest(transport.as_ref(), place, self.fence(), &by).await
        {
            tracing::warn!(run = %self.run.id, %host, %error, "the other copy of this database could not be told");
        }
        StepError::Foreign(directory)
    }

    /// Tells that a copy of this database was turned away where this run works.
    pub(super) async fn note_turned_away(&self, host: &HostName, who: Option<TurnedAway>) {
        self.engine.note_turned_away(&self.run, self.trace.as_deref(), host, who).await;
    }

    /// Looks once more, after a run that another process had begun: that one may be alive, and hears only with the end
    /// of a step that it was overtaken. Best effort: else the next run hears of it.
    pub(super) fn listen_for_protests(&self) {
        let (engine, run, trace, token) =
            (self.engine.clone(), self.run.clone(), self.trace.clone(), self.token.clone());
        let directories = self.directories.clone();
        tokio::spawn(async move {
            for time in PROTEST_TIMES {
                engine.sleep(time).await;
                for (host, directory) in &directories {
                    let Ok(transport) = engine.transport(host).await else { continue };
                    let ports = engine.ports();
                    let fence = Fence { token: &token, generation: ports.generation, process: &ports.process };
                    let met = detached::met(transport.as_ref(), directory, fence).await;
                    engine.note_turned_away(&run, trace.as_deref(), host, met.unwrap_or_default()).await;
                }
            }
        });
    }

    /// The run has ended well, and then it shows that another copy of this database has taken it over.
    pub(super) async fn note_overtaken(&self, host: &HostName, error: &StepError) {
        self.engine.note_copy(&self.run, self.trace.as_deref(), host, self.foreign(host, error)).await;
    }

    /// Another RMM has begun a step that this run was about to begin.
    pub(super) async fn step_is_foreign(&self, host: &HostName, error: &StepError) -> Result<Reason, Failure> {
        let reason = self.foreign(host, error);
        tracing::warn!(run = %self.run.id, %host, reason = english(&reason), "another copy of this database is at work");
        self.report(Command::RunForeign { run: self.run.id, host: host.clone(), reason: reason.clone() }).await?;
        Ok(reason)
    }
}
