//! Follows the plan of one run: prepares its hosts, starts the steps of a wave side by side and each of them once,
//! waits for their ends, reports them, and goes on with what the decision says. After a restart it finds the steps
//! that were running and follows them further.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tracing::Instrument;

use super::following::{Following, Waits, report};
use super::reach::{Reach, SILENCE_TIMEOUT, Waited};
use super::source::Source;
use super::step::StepContext;
use super::{Engine, Failure, trace};
use crate::clients::detached::{self, Known, Prepared, RunDir, StepError};
use crate::clients::git::Unresolved;
use crate::domain::command::{Command, Outcome, Said};
use crate::domain::env::Env;
use crate::domain::ids::{HostName, RunId};
use crate::domain::reason::Reason;
use crate::domain::run::{Run, RunKind, RunState, Step};
use crate::store::{releases, runs};
use crate::telemetry::traces;

/// Why a run does not get to its steps.
enum Unprepared {
    /// It is to end, and nothing is at work.
    Stopped,
    /// It cannot begin, or cannot be followed any further.
    Failed(Reason),
    /// A host has lost its directory.
    Lost(Reason),
    /// It does not answer, and the run goes on without it.
    Left(Reason),
    /// A host knows another copy of this database.
    Foreign(HostName, Reason),
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
    for host in run.remaining_hosts() {
        match RunDir::new(engine.run_directory(host, &run, &token)) {
            Ok(directory) => directories.insert(host.clone(), directory),
            Err(error) => {
                let command = Command::RunFailed { run: id, reason: error.reason() };
                return report(engine, &run, trace, command).await.map(|_| ());
            }
        };
    }
    let waits = Waits::default();
    let following = Following { engine: engine.clone(), run, directories, token, performer, limit, trace, waits };
    following.follow_plan(taken_over).await
}

impl Following {
    async fn follow_plan(mut self, taken_over: bool) -> Result<(), Failure> {
        // Bringing an environment to what production runs already has nothing to do with the tag.
        if self.run.state == RunState::Queued && self.run.kind == RunKind::Deploy && !self.run.housekeeping {
            check_tag(&self.engine, &self.run, self.trace.clone()).await?;
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
            // A way back that has left a host may go on on another one.
            let newcomers = self.run.remaining_hosts().any(|host| !self.directories.contains_key(host));
            if newcomers && self.run.state.is_live() && !self.prepare().await? {
                break;
            }
            let steps: Vec<_> = self.run.running_steps().cloned().collect();
            if steps.is_empty() {
                break;
            }
            let ends = join_all(steps.iter().map(|step| self.execute(step, again))).await;
            ends.into_iter().collect::<Result<Vec<()>, Failure>>()?;
            again = false;
        }
        self.clean_up().await;
        if taken_over {
            self.listen_for_protests();
        }
        Ok(())
    }

    async fn execute(&self, step: &Step, again: bool) -> Result<(), Failure> {
        let context = StepContext { following: self, step, again };
        let span = trace::step(&self.run, step, again);
        let outcome = context.execute().instrument(span.clone()).await?;
        trace::ended(&span, &outcome);
        drop(span);
        let said = context.said(&outcome).await?;
        self.step_ended(step.index, outcome, said).await
    }

    async fn reload(&mut self) -> Result<(), Failure> {
        let id = self.run.id;
        if let Some(run) = self.engine.read(move |conn| runs::get(conn, id)).await? {
            self.run = run;
        }
        Ok(())
    }

    /// Makes the run's directories. From then on, a directory that is missing has been lost by its host.
    async fn prepare(&mut self) -> Result<bool, Failure> {
        let span = traces::within(|| tracing::info_span!("prepare hosts"));
        let command = match self.prepare_all().instrument(span).await? {
            Ok(()) if self.run.prepared => return Ok(true),
            Ok(()) => Command::RunPrepared { run: self.run.id },
            Err(Unprepared::Lost(reason)) => Command::RunLost { run: self.run.id, reason },
            Err(Unprepared::Foreign(host, reason)) => Command::RunForeign { run: self.run.id, host, reason },
            Err(Unprepared::Failed(reason)) if self.run.running_steps().next().is_some() => {
                let reason = Reason::StepLost { cause: Box::new(reason) };
                Command::RunLost { run: self.run.id, reason: self.engine.catalog().redactor().reason(&reason) }
            }
            Err(Unprepared::Failed(reason) | Unprepared::Left(reason)) => {
                let reason = self.engine.catalog().redactor().reason(&reason);
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

    /// Prepares every host that the run works on; those that it leaves on the way may bring others into it.
    async fn prepare_all(&mut self) -> Result<Result<(), Unprepared>, Failure> {
        let (mut ready, mut fresh) = (BTreeSet::new(), BTreeSet::new());
        loop {
            for host in self.run.remaining_hosts() {
                if !self.directories.contains_key(host) {
                    match RunDir::new(self.engine.run_directory(host, &self.run, &self.token)) {
                        Ok(directory) => {
                            self.directories.insert(host.clone(), directory);
                            fresh.insert(host.clone());
                        }
                        Err(error) => return Ok(Err(Unprepared::Failed(error.reason()))),
                    }
                }
            }
            let hosts = self.run.remaining_hosts().filter(|host| !ready.contains(*host)).cloned().collect();
            let (reached, silent) = match self.prepare_on_each(&hosts, &fresh).await {
                Ok(prepared) => prepared,
                Err(error) => return Ok(Err(error)),
            };
            ready.extend(reached);
            if silent.is_empty() {
                self.directories.retain(|host, _| ready.contains(host));
                return Ok(Ok(()));
            }
            self.report(Command::LeaveHosts { run: self.run.id, hosts: silent }).await?;
            self.reload().await?;
        }
    }

    /// Prepares hosts side by side. What one says for good ends the run, even while others are waited for. A way
    /// back begins as soon as one host is ready, and gives the others a moment only. The answer are the hosts that are
    /// ready, and those that it should go on without, with what was heard of each last.
    async fn prepare_on_each(
        &self,
        hosts: &BTreeSet<HostName>,
        fresh: &BTreeSet<HostName>,
    ) -> Result<(BTreeSet<HostName>, BTreeMap<HostName, Reason>), Unprepared> {
        let goes_back = self.run.may_leave_hosts();
        let mut asked: FuturesUnordered<_> = self
            .directories
            .iter()
            .filter(|(host, _)| hosts.contains(*host))
            .map(|(host, directory)| {
                let ready = self.prepare_on(host, directory, fresh.contains(host));
                ready.map(move |ready| (host, ready))
            })
            .collect();
        let mut open: BTreeSet<&HostName> = hosts.iter().collect();
        let (mut ready, mut silent, mut failed) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let mut grace = OptionFuture::from(None);
        while !open.is_empty() {
            let (host, prepared) = tokio::select! {
                Some(answered) = asked.next() => answered,
                Some(()) = &mut grace => break,
            };
            open.remove(host);
            match prepared {
                Ok(()) => {
                    if goes_back && ready.is_empty() {
                        grace = OptionFuture::from(Some(self.engine.clock().sleep(SILENCE_TIMEOUT)));
                    }
                    ready.insert(host.clone());
                }
                Err(Unprepared::Left(reason)) => drop(silent.insert(host.clone(), reason)),
                Err(Unprepared::Failed(reason)) if goes_back => drop(failed.insert(host.clone(), reason)),
                Err(error) => return Err(error),
            }
        }
        drop(asked);
        for host in open {
            let heard = self.waits.forget(host).await;
            silent.insert(host.clone(), heard.unwrap_or(Reason::NoAnswer));
        }
        if ready.is_empty() && !failed.is_empty() && hosts.len() == self.run.remaining_hosts().count() {
            let reasons = failed.into_values().chain(silent.into_values()).collect();
            return Err(Unprepared::Failed(Reason::All { reasons }));
        }
        silent.append(&mut failed);
        Ok((ready, silent))
    }

    /// Makes the run's directory on a host. One that is `fresh` has only just come into the run, so that nothing is lost
    /// where there is none.
    async fn prepare_on(&self, host: &HostName, directory: &RunDir, fresh: bool) -> Result<(), Unprepared> {
        let prepared = self.run.prepared && !fresh;
        let steps: Vec<_> = self.run.steps.iter().filter(|step| step.host == *host).map(|step| step.index).collect();
        let keys: Vec<_> = steps.iter().map(ToString::to_string).collect();
        let mut vouched = self.earlier_runs().await;
        let mut reach = Reach::new(self, host);
        loop {
            let known = Known { prepared, vouched: &vouched };
            let asked = match self.engine.transport(host).await {
                Ok(transport) => detached::prepare(transport.as_ref(), directory, self.fence(), known, &keys).await,
                Err(error) => Err(error.into()),
            };
            let error = match self.recognized(host, asked).await {
                Ok(ready) if ready.made == Prepared::New && prepared => {
                    let directory = directory.path().to_owned();
                    return Err(Unprepared::Lost(Reason::DirectoryLost { host: host.clone(), directory }));
                }
                Ok(ready) => {
                    reach.arrived().await;
                    self.note_former(ready.former).await;
                    self.note_turned_away(host, ready.turned_away).await;
                    self.note_ended(host, ready.ended).await;
                    self.look_at_left_migrations(host).await;
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
                Err(error) => return Err(Unprepared::Failed(at(host, error.reason()))),
            };
            if !self.run.prepared && !error.may_pass() {
                self.learn(host, &error).await;
                return Err(Unprepared::Failed(at(host, error.reason())));
            }
            match reach.wait(&error, self.run.running_steps().next().is_none()).await {
                Waited::Again => {}
                Waited::Stopped if self.now().await.is_some_and(|run| run.left.contains_key(host)) => {
                    return Err(Unprepared::Left(error.reason()));
                }
                Waited::Stopped => return Err(Unprepared::Stopped),
                Waited::Left(reason) => return Err(Unprepared::Left(reason)),
                Waited::Over(reason) => return Err(Unprepared::Failed(reason)),
            }
        }
    }

    async fn step_ended(&self, step: u32, outcome: Outcome, said: Said) -> Result<(), Failure> {
        let redactor = self.engine.catalog().redactor().clone();
        let outcome = match outcome {
            Outcome::Unhealthy(reason) => Outcome::Unhealthy(redactor.reason(&reason)),
            Outcome::NotStarted(reason) => Outcome::NotStarted(redactor.reason(&reason)),
            Outcome::Lost(reason) => Outcome::Lost(redactor.reason(&reason)),
            Outcome::Unreachable { reason, begun } => Outcome::Unreachable { reason: redactor.reason(&reason), begun },
            Outcome::Exited(_) | Outcome::Healthy | Outcome::TimedOut | Outcome::Stopped => outcome,
        };
        self.report(Command::StepEnded { run: self.run.id, step, outcome, said }).await.map(|_| ())
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
            let removed = match removed {
                Ok(turned_away) => Ok(turned_away),
                Err(error) => Err(self.recognize(host, error).await),
            };
            match removed {
                Ok(turned_away) => self.note_turned_away(host, turned_away).await,
                Err(error @ StepError::Foreign(_)) => self.note_overtaken(host, &error).await,
                Err(error) => tracing::warn!(run = %id, %host, %error, "the run directory could not be removed"),
            }
        }))
        .await;
    }
}

/// A tag that has moved or is gone, or never was what it was said to be, is noticed before anything is touched. A repository that does not answer is no reason to
/// wait: the host checks the tag once more.
pub(super) async fn check_tag(engine: &Engine, run: &Run, trace: Option<String>) -> Result<(), Failure> {
    let catalog = engine.catalog();
    let source = Source::of(&catalog, &run.service);
    let (Some(source), Some(tag), Some(commit)) = (source, &run.to.tag, &run.to.commit) else {
        return Ok(());
    };
    let id = run.release;
    let release = engine.read(move |conn| releases::get(conn, id)).await?;
    let was_confirmed = release.is_none_or(|release| release.is_confirmed());
    let found = match source.resolve(tag).await {
        // What was told is confirmed by that, too.
        Ok(tagged) if tagged.commit == *commit && was_confirmed => return Ok(()),
        Ok(tagged) if tagged.is_meant_by(commit) => {
            Command::CommitResolved { release: run.release, commit: tagged.commit, tag_object: tagged.object }
        }
        Ok(tagged) => Command::TagMoved { release: run.release, now: Some(tagged.commit) },
        // One that was there once may be on its way there before stage; the host looks once more.
        Err(Unresolved::NoTag(_)) if run.environment == Env::Production || !was_confirmed => {
            Command::TagMoved { release: run.release, now: None }
        }
        Err(error) => {
            tracing::debug!(run = %run.id, ?error, "the tag could not be checked beforehand");
            return Ok(());
        }
    };
    report(engine, run, trace, found).await.map(|_| ())
}

fn at(host: &HostName, cause: Reason) -> Reason {
    Reason::At { host: host.clone(), cause: Box::new(cause) }
}
