//! Patience with a host that cannot be reached: a run waits for it, visibly and ever longer between tries, as long as
//! the run's time lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{Mutex, watch};

use super::runner::Following;
use crate::clients::transport::TransportError;
use crate::domain::command::Command;
use crate::domain::duration_text;
use crate::domain::ids::HostName;
use crate::domain::moment::Uptime;
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
    since: Option<Uptime>,
    /// Tells that the host may be reachable now. As old as this value, so that no news from before a try is missed.
    changed: watch::Receiver<u64>,
}

/// Whom a run waits for, and why. Held while it is told, so that the last word is the newest one.
#[derive(Default)]
pub(super) struct Waits(Mutex<BTreeMap<HostName, String>>);

impl Waits {
    /// Notes why a host is waited for, or that it is not any more, and tells about all that are.
    async fn note(&self, following: &Following, host: &HostName, why: Option<String>) {
        let mut waits = self.0.lock().await;
        match why {
            Some(why) => waits.insert(host.clone(), why),
            None => waits.remove(host),
        };
        let Following { engine, run, .. } = following;
        let reason = (!waits.is_empty()).then(|| engine.catalog().redactor().text(&sentence(&waits)));
        if let Err(error) = following.report(Command::RunWaits { run: run.id, reason }).await {
            tracing::warn!(run = %run.id, %error, "whom a run waits for could not be noted");
        }
    }

    /// Nobody waits for a host any more, and nobody needs to be told.
    async fn forget(&self, host: &HostName) {
        self.0.lock().await.remove(host);
    }
}

fn sentence(waits: &BTreeMap<HostName, String>) -> String {
    let each: Vec<_> = waits.iter().map(|(host, why)| format!("{host}: {}", why.trim_end_matches('.'))).collect();
    format!("waits for {}", each.join("; and for "))
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
        Self { following, host, tries: 0, since: None, changed: following.engine.surroundings() }
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
        let Following { engine, run, limit, waits, .. } = self.following;
        self.learn(error).await;
        let now = engine.clock().uptime();
        let waited = now.since(Some(self.since.get_or_insert_with(|| now.clone())));
        let untrusted = matches!(error, TransportError::UnknownKey(_));
        // A key waits for a person, however long that takes, unless steps are at work already.
        let since_start = run.started_at.map(|_| self.following.spent().max(waited));
        let spent = since_start.or((!untrusted).then_some(waited));
        if spent.is_some_and(|spent| spent >= *limit) {
            let limit = duration_text::text(*limit);
            waits.forget(self.host).await;
            return Waited::Over(format!(
                "{} could not be reached within the run's limit of {limit}: {error}",
                self.host
            ));
        }
        let hint =
            if untrusted { format!(" Compare it and run `rmm host trust {}`.", self.host) } else { String::new() };
        waits.note(self.following, self.host, Some(format!("{error}{hint}"))).await;
        let longer = SHORTEST.saturating_mul(1 << self.tries.min(10)).min(LONGEST);
        let pause = if untrusted { LONGEST } else { longer };
        self.tries += 1;
        tokio::select! {
            () = engine.clock().sleep(pause) => return Waited::Again,
            _ = self.changed.changed() => return Waited::Again,
            () = self.following.until_ending(), if stoppable => {}
        }
        waits.forget(self.host).await;
        Waited::Stopped
    }

    /// The host has answered.
    pub(super) async fn arrived(&mut self) {
        self.tries = 0;
        if self.since.take().is_some() {
            self.following.waits.note(self.following, self.host, None).await;
        }
    }
}

impl Following {
    /// How much of its time the run has certainly used, whatever became of the clock on the wall.
    pub(super) fn spent(&self) -> Duration {
        self.engine.clock().uptime().since(self.run.started_uptime.as_ref())
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_who_is_waited_for_is_named() {
        let wait = |host: &str, why: &str| (HostName::parse("host", host).unwrap(), why.to_owned());
        let waits = BTreeMap::from([wait("two", "It was cut off."), wait("one", "It does not answer.")]);
        assert_eq!(sentence(&waits), "waits for one: It does not answer; and for two: It was cut off");
    }
}
