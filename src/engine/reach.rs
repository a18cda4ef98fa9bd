//! Patience with a host that cannot be reached: a run waits for it, visibly and ever longer between tries, as long as
//! the run's time lasts.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::runner::{Following, report};
use crate::clients::transport::TransportError;
use crate::domain::command::Command;
use crate::domain::duration_text;
use crate::domain::ids::HostName;
use crate::store::runs;

/// Between the first tries.
const SHORTEST: Duration = Duration::from_millis(250);
/// Between later ones.
const LONGEST: Duration = Duration::from_secs(15);

/// Tries to reach one host for one run.
pub(super) struct Reach<'a> {
    following: &'a Following,
    host: &'a HostName,
    tries: u32,
    since: Option<Timestamp>,
    /// Tells that the host may be reachable now. As old as this value, so that no news from before a try is missed.
    changed: watch::Receiver<u64>,
}

/// What waiting came to.
pub(super) enum Waited {
    /// It is worth another try.
    Again,
    /// Somebody wants the run to end.
    Stopped,
    /// The run's time is over.
    Over(String),
}

impl<'a> Reach<'a> {
    pub(super) fn new(following: &'a Following, host: &'a HostName) -> Self {
        Self { following, host, tries: 0, since: None, changed: following.engine.hosts_changed() }
    }

    /// Remembers what a failure says about the host's key.
    pub(super) async fn learn(&self, error: &TransportError) {
        let (TransportError::UnknownKey(key) | TransportError::KeyChanged { offered: key, .. }) = error else { return };
        let engine = &self.following.engine;
        let Some(host) = engine.catalog().host(self.host).cloned() else { return };
        if let Err(error) = engine.note_key(self.host, &host.address, key.clone()).await {
            tracing::warn!(host = %self.host, %error, "the key of a host could not be noted");
        }
    }

    /// Waits until the host is worth another try. With `stoppable`, also until somebody wants the run to end.
    pub(super) async fn wait(&mut self, error: &TransportError, stoppable: bool) -> Waited {
        let Following { engine, run, limit, .. } = self.following;
        self.learn(error).await;
        let now = engine.now();
        let since = *self.since.get_or_insert(now);
        let untrusted = matches!(error, TransportError::UnknownKey(_));
        // A key waits for a person, however long that takes, unless steps are at work already.
        let deadline = run.started_at.or((!untrusted).then_some(since)).map(|from| from + *limit);
        if deadline.is_some_and(|deadline| now >= deadline) {
            let limit = duration_text::text(*limit);
            return Waited::Over(format!(
                "{} could not be reached within the run's limit of {limit}: {error}",
                self.host
            ));
        }
        let hint =
            if untrusted { format!(" Compare it and run `rmm host trust {}`.", self.host) } else { String::new() };
        let reason = engine.catalog().redactor().text(&format!("waits for {}: {error}{hint}", self.host));
        let told = report(engine, Command::RunWaits { run: run.id, reason: Some(reason) }).await;
        if let Err(error) = told {
            tracing::warn!(run = %run.id, %error, "that a run waits could not be noted");
        }
        let longer = SHORTEST.saturating_mul(1 << self.tries.min(10)).min(LONGEST);
        let pause = if untrusted { LONGEST } else { longer };
        self.tries += 1;
        tokio::select! {
            () = engine.clock().sleep(pause) => Waited::Again,
            _ = self.changed.changed() => Waited::Again,
            () = self.following.until_ending(), if stoppable => Waited::Stopped,
        }
    }

    /// The host has answered.
    pub(super) async fn arrived(&mut self) {
        self.tries = 0;
        if self.since.take().is_some() {
            let Following { engine, run, .. } = self.following;
            let told = report(engine, Command::RunWaits { run: run.id, reason: None }).await;
            if let Err(error) = told {
                tracing::warn!(run = %run.id, %error, "that a run goes on could not be noted");
            }
        }
    }
}

impl Following {
    /// Returns when the steps of the run are to be ended.
    pub(super) async fn until_ending(&self) {
        let mut stops = self.engine.stops();
        let id = self.run.id;
        loop {
            stops.mark_unchanged();
            let run = self.engine.read(move |conn| runs::get(conn, id)).await.ok().flatten();
            if run.is_some_and(|run| run.is_ending()) {
                return;
            }
            if stops.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}
