//! Leaves the marks of one service, one after the other, as fast as GitHub likes it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, Span};

use super::PAUSE;
use super::leave::{Failed, Left, Site};
use crate::domain::backoff::Backoff;
use crate::domain::fault::github::GithubFault;
use crate::domain::ids::ServiceName;
use crate::domain::mark::MarkKind;
use crate::domain::moment::Uptime;
use crate::engine::{Engine, trace};
use crate::store::marks::{self, Due};
use crate::store::{StoreError, WriteError, spans};
use crate::telemetry::traces;
use crate::wording::english;

/// Between two calls that change something; GitHub asks for a second
/// (<https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>).
const MIN_CALL_INTERVAL: Duration = Duration::from_secs(1);
/// Between attempts while GitHub is in trouble.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_mins(10));
/// After GitHub has refused marks of a kind, in the same configuration.
const REFUSED_RETRY_INTERVAL: Duration = Duration::from_hours(6);
/// What could not be left for so long is history.
const MAX_MARK_AGE: Duration = Duration::from_hours(7 * 24);

/// What comes after a look at what is due.
enum Next {
    /// The next mark.
    Another,
    /// Nothing is due now; after so long something is that GitHub did not take.
    Nothing(Option<Duration>),
    /// Nothing before so long.
    After(Duration),
}

/// Goes on until it is dropped.
pub(super) async fn work(engine: &Engine, service: &ServiceName, mut news: watch::Receiver<u64>) {
    let mut worker = Worker { engine, service, waits: BTreeMap::new(), trouble: None };
    loop {
        // Before the look, so that what happens during it is seen by the next one.
        news.borrow_and_update();
        let next = worker.step().await.unwrap_or_else(|error| {
            tracing::warn!(%service, %error, "what is to be left on GitHub could not be read; it is tried again");
            Next::After(PAUSE)
        });
        match next {
            Next::Another => {}
            Next::After(pause) => engine.sleep(pause).await,
            Next::Nothing(until) => {
                let again = async {
                    match until {
                        Some(until) => engine.sleep(until).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = again => {}
                    changed = news.changed() => if changed.is_err() { return },
                }
            }
        }
    }
}

/// Marks of a kind wait.
struct Wait {
    since: Uptime,
    pause: Duration,
    /// The next pauses, should GitHub be in trouble still.
    next: Backoff,
    /// What failed: those behind it come before it.
    failed: Due,
}

impl Wait {
    fn left(&self, now: &Uptime) -> Duration {
        self.pause.saturating_sub(now.since(Some(&self.since)))
    }
}

struct Worker<'a> {
    engine: &'a Engine,
    service: &'a ServiceName,
    /// What GitHub did not take, by its kind.
    waits: BTreeMap<MarkKind, Wait>,
    /// What the log says already of GitHub's trouble.
    trouble: Option<String>,
}

impl Worker<'_> {
    async fn step(&mut self) -> Result<Next, StoreError> {
        let now = self.engine.clock().uptime();
        let mut until: Option<Duration> = None;
        for kind in self.engine.catalog().marks() {
            let wait = self.waits.get(&kind);
            if let Some(left) = wait.map(|wait| wait.left(&now)).filter(|left| !left.is_zero()) {
                until = Some(until.map_or(left, |other| other.min(left)));
                continue;
            }
            let (service, failed) = (self.service.clone(), wait.map(|wait| wait.failed.clone()));
            let due = self.engine.read(move |conn| {
                let behind = marks::next_due(conn, &service, kind, failed.as_ref())?;
                if behind.is_some() { Ok(behind) } else { marks::next_due(conn, &service, kind, None) }
            });
            if let Some(due) = due.await? {
                let span = self.span_of(&due).await;
                return self.leave(due).instrument(span).await;
            }
        }
        Ok(Next::Nothing(until))
    }

    /// Below the event that the mark follows from.
    async fn span_of(&self, due: &Due) -> Span {
        let since = due.since;
        if !traces::are_exported() {
            return Span::none();
        }
        match self.engine.read(move |conn| spans::of_event(conn, since)).await {
            Ok(Some(place)) => trace::mark(due, place),
            Ok(None) | Err(_) => Span::none(),
        }
    }

    async fn leave(&mut self, due: Due) -> Result<Next, StoreError> {
        let age = Duration::try_from(self.engine.now().duration_since(due.at)).unwrap_or_default();
        if age > MAX_MARK_AGE {
            return self.done(due, Next::Another).await;
        }
        let Some(site) = Site::of(self.engine, self.service) else { return Ok(Next::Nothing(None)) };
        let (kind, about) = (due.kind, due.about);
        match site.leave(&due).await {
            Ok(left) => {
                self.waits.remove(&kind);
                let now = self.engine.clock().uptime();
                if self.waits.values().all(|wait| wait.left(&now).is_zero()) {
                    self.trouble = None;
                }
                let next = if left == Left::Asked { Next::After(MIN_CALL_INTERVAL) } else { Next::Another };
                self.done(due, next).await
            }
            Err(Failed::Store(error)) => Err(error),
            Err(Failed::Github(fault)) if fault.may_pass() => {
                self.later(&site, due, &fault);
                Ok(Next::Another)
            }
            Err(Failed::Github(fault)) => {
                let fault_is_of_this_one = matches!(fault, GithubFault::Invalid { .. } | GithubFault::NoRef { .. });
                let repository = site.repository.to_string();
                let said = self.said(&fault);
                if fault_is_of_this_one {
                    let mark = kind.as_str();
                    tracing::warn!(service = %self.service, repository, mark, about, said, "GitHub does not take what RMM leaves there; it is left out");
                    return self.done(due, Next::Another).await;
                }
                tracing::warn!(
                    service = %self.service,
                    repository,
                    said,
                    "RMM cannot leave its mark on GitHub: that takes the permission {}, or `{} = false` in [github]; it is tried \
                     again with another configuration, or in six hours",
                    kind.permission(),
                    kind.switch(),
                );
                self.wait(due, REFUSED_RETRY_INTERVAL, BACKOFF);
                Ok(Next::Another)
            }
        }
    }

    /// GitHub is in trouble; said once, and again when it is another trouble.
    fn later(&mut self, site: &Site<'_>, due: Due, fault: &GithubFault) {
        let said = self.said(fault);
        if self.trouble.as_ref() != Some(&said) {
            let repository = site.repository.to_string();
            tracing::warn!(service = %self.service, repository, said, "what RMM leaves on GitHub has to wait");
            self.trouble = Some(said);
        }
        let mut next = self.waits.get(&due.kind).map_or(BACKOFF, |wait| wait.next);
        let pause = next.pause();
        let GithubFault::RateLimited { until, .. } = fault else { return self.wait(due, pause, next) };
        // The limit is that of the login, whatever is left.
        let left = until.and_then(|until| Duration::try_from(until.duration_since(self.engine.now())).ok());
        for kind in MarkKind::ALL {
            self.wait(Due { kind, ..due.clone() }, left.unwrap_or_default().max(pause), next);
        }
    }

    fn wait(&mut self, failed: Due, pause: Duration, next: Backoff) {
        let since = self.engine.clock().uptime();
        self.waits.insert(failed.kind, Wait { since, pause, next, failed });
    }

    fn said(&self, fault: &GithubFault) -> String {
        let catalog = self.engine.catalog();
        english(&catalog.redactor().reason(&fault.clone().into()))
    }

    async fn done(&self, due: Due, next: Next) -> Result<Next, StoreError> {
        self.engine.store().write(move |tx| marks::done(tx, &due)).await.map_err(WriteError::flatten)?;
        Ok(next)
    }
}
