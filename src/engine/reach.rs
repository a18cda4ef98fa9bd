//! Patience with a host that cannot be reached: a run waits for it, visibly and ever longer between tries, as long as
//! the run's time lasts.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::catch_up;
use super::following::Following;
use crate::clients::transport::TransportError;
use crate::domain::backoff::Backoff;
use crate::domain::environment::UnseenStep;
use crate::domain::ids::HostName;
use crate::domain::moment::Uptime;
use crate::domain::reason::{Hint, Reason, Wait};
use crate::domain::run::{Run, RunKind, StepKind};
use crate::store::runs;

/// Between the first tries.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Between later ones.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a host may be silent before a run that may go on without it does.
pub(super) const SILENCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Tries to reach one host for one run.
pub(super) struct Reach<'a> {
    following: &'a Following,
    host: &'a HostName,
    backoff: Backoff,
    since: Option<Uptime>,
    /// What is at work there, once it has begun, is a migration: it is waited for, whatever the run may go on without.
    migrates: bool,
    /// Ends when the host has been silent for [`SILENCE_TIMEOUT`].
    grace: Option<BoxFuture<'static, ()>>,
    /// Tells that the host may be reachable now. As old as this value, so that no news from before a try is missed.
    changed: watch::Receiver<u64>,
}

/// What waiting came to.
pub(super) enum Waited {
    /// It is worth another try.
    Again,
    /// The run is to end.
    Stopped,
    /// The run may go on without the host, and it has been silent for long enough. What was heard of it last.
    Left(Reason),
    /// The run's time is over.
    Over(Reason),
}

impl<'a> Reach<'a> {
    pub(super) fn new(following: &'a Following, host: &'a HostName) -> Self {
        let changed = following.engine.surroundings();
        Self {
            following,
            host,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            since: None,
            migrates: false,
            grace: None,
            changed,
        }
    }

    /// The same for a step of this kind.
    pub(super) fn for_step(self, kind: StepKind) -> Self {
        Self { migrates: kind.migrates(), ..self }
    }

    /// Waits until the host is worth another try. With `stoppable`, also until the run is to end.
    pub(super) async fn wait(&mut self, error: &TransportError, stoppable: bool) -> Waited {
        let Following { engine, run, limit, waits, .. } = self.following;
        self.following.learn(self.host, error).await;
        let now = engine.clock().uptime();
        let waited = now.since(Some(self.since.get_or_insert_with(|| now.clone())));
        self.grace.get_or_insert_with(|| engine.clock().sleep(SILENCE_TIMEOUT));
        let (elsewhere, cause) = error.at();
        let untrusted = matches!(cause, TransportError::UnknownKey(_));
        // A key waits for a person, however long that takes, unless steps are at work already.
        let since_start = run.started_at.map(|_| self.following.spent().max(waited));
        let spent = since_start.or((!untrusted).then_some(waited));
        if spent.is_some_and(|spent| spent >= *limit) {
            waits.forget(self.host).await;
            let cause = Box::new(error.reason());
            return Waited::Over(Reason::Unreachable { host: self.host.clone(), limit: *limit, cause });
        }
        let whose = elsewhere.unwrap_or(self.host);
        let hint = if untrusted {
            Some(Hint::Trust { host: whose.clone() })
        } else if run.kind == RunKind::Rollback {
            let (service, host) = (run.service.clone(), self.host.clone());
            Some(Hint::GiveUp { service, host, environment: run.environment })
        } else {
            None
        };
        let cause = error.reason();
        waits.note(self.following, self.host, Some(Wait { cause, hint })).await;
        let longer = self.backoff.pause();
        let pause = if untrusted { LONGEST_PAUSE } else { longer };
        let mut pause = engine.clock().sleep(pause);
        loop {
            // A stop that comes meanwhile may make a host dispensable that was not before.
            let stopping = self.following.is_stopping().await;
            let dispensable = self.following.may_leave(self.host, self.migrates && !stoppable).await;
            let grace = self.grace.get_or_insert_with(|| engine.clock().sleep(SILENCE_TIMEOUT));
            tokio::select! {
                biased;
                () = grace, if dispensable => {
                    self.grace = None;
                    waits.forget(self.host).await;
                    return Waited::Left(error.reason());
                }
                () = self.following.until_unwanted(self.host), if stoppable => {}
                () = self.following.until_left(self.host), if !stoppable => {}
                () = self.following.until_ending(), if !stoppable && !stopping => continue,
                () = &mut pause => return Waited::Again,
                _ = self.changed.changed() => return Waited::Again,
            }
            waits.forget(self.host).await;
            return Waited::Stopped;
        }
    }

    /// The host has answered.
    pub(super) async fn arrived(&mut self) {
        self.backoff.reset();
        self.grace = None;
        if self.since.take().is_some() {
            self.following.waits.note(self.following, self.host, None).await;
        }
    }
}

impl Following {
    /// Remembers what a failure says about a host's key.
    pub(super) async fn learn(&self, name: &HostName, error: &TransportError) {
        let (elsewhere, error) = error.at();
        let (TransportError::UnknownKey(key) | TransportError::KeyChanged { offered: key, .. }) = error else { return };
        let name = elsewhere.unwrap_or(name);
        let Some(host) = self.engine.catalog().host(name).cloned() else { return };
        if let Err(error) = self.engine.note_key(name, &host.address, key.clone()).await {
            tracing::warn!(host = %name, %error, "the key of a host could not be noted");
        }
    }

    /// How much of its time the run has certainly used, whatever became of the clock on the wall.
    pub(super) fn spent(&self) -> Duration {
        self.engine.clock().uptime().since(self.run.started_uptime.as_ref())
    }

    /// Returns when the steps of the run are to be ended.
    pub(super) async fn until_ending(&self) {
        self.until(Run::is_ending).await;
    }

    /// Returns when the run goes on without a host.
    pub(super) async fn until_left(&self, host: &HostName) {
        self.until(|run| run.left.contains_key(host)).await;
    }

    /// Returns when the steps of the run on a host are to be ended.
    pub(super) async fn until_unwanted(&self, host: &HostName) {
        self.until(|run| run.is_ending() || run.left.contains_key(host)).await;
    }

    async fn until(&self, wanted: impl Fn(&Run) -> bool) {
        let mut stops = self.engine.stops();
        loop {
            stops.mark_unchanged();
            if self.now().await.is_some_and(|run| wanted(&run)) {
                return;
            }
            if stops.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// The run as it is now.
    pub(super) async fn now(&self) -> Option<Run> {
        let id = self.run.id;
        self.engine.read(move |conn| runs::get(conn, id)).await.ok().flatten()
    }

    async fn is_stopping(&self) -> bool {
        self.now().await.is_some_and(|run| run.is_ending())
    }

    /// Whether the run may go on without a host that does not answer: a way back, as long as another one answers.
    /// A migration that is in doubt there is waited for.
    async fn may_leave(&self, host: &HostName, in_doubt: bool) -> bool {
        let Some(run) = self.now().await else { return false };
        if run.stop.is_some() || run.is_catch_up() {
            return true;
        }
        if in_doubt || !run.may_leave_hosts() || self.repeats_unseen(&run, host).await {
            return false;
        }
        for other in run.remaining_hosts().filter(|other| *other != host) {
            if !self.waits.contains(other).await {
                // Before the run is prepared it is not known yet whether the other one answers.
                return run.prepared;
            }
        }
        self.another_host_answers(&run).await
    }

    /// Whether it is not known how a migration has ended on a host that the run is to repeat.
    async fn repeats_unseen(&self, run: &Run, host: &HostName) -> bool {
        let (service, environment) = (run.service.clone(), run.environment);
        let read = self.engine.read(move |conn| {
            let unseen = runs::environment(conn, &service, environment)?.unseen;
            let mut steps = Vec::new();
            for unseen in &unseen {
                let run = runs::get(conn, unseen.run)?;
                steps.extend(
                    run.and_then(|mut run| Some((unseen.clone(), run.steps.get_mut(unseen.step as usize)?.clone()))),
                );
            }
            Ok((unseen, steps))
        });
        // Where it cannot be read, it is waited for; the waiting task looks again.
        read.await.map_or(true, |(unseen, steps)| {
            let step = |of: &UnseenStep| steps.iter().find(|(unseen, _)| unseen == of).map(|(_, step)| step.clone());
            run.repeats_unseen(host, &unseen, step)
        })
    }

    /// Whether a host of the environment answers that the run has not touched.
    async fn another_host_answers(&self, run: &Run) -> bool {
        let catalog = self.engine.catalog();
        let hosts = catalog.service(&run.service).map(|service| service.hosts_in(run.environment)).unwrap_or_default();
        let touched = run.hosts(None);
        for other in hosts.iter().filter(|other| !touched.contains(other)) {
            if catch_up::answers(&self.engine, other, SILENCE_TIMEOUT).await {
                return true;
            }
        }
        false
    }
}
