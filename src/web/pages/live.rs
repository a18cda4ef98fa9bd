//! Tells an open page that what it shows has changed; the page then asks for itself again. So a viewer costs nothing while
//! nothing happens, and one who comes back after a sleep misses nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::fault::Fault;
use super::viewer::Viewer;
use super::words::missing::Missing;
use crate::domain::ids::ReleaseId;
use crate::domain::person::Right;
use crate::engine::catalog::Catalog;
use crate::engine::guesses::stamp_of;
use crate::store::{Progress, StoreError, events, logs, releases};
use crate::web::{Peer, Web};

/// So that proxies do not take silence for death, and a session whose time is over is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What happens in quick succession is told once.
const GATHERED: Duration = Duration::from_millis(100);
/// Output is told less often: programs print line by line.
const PRINTED: Duration = Duration::from_millis(250);
/// Streams of sessions are counted beside those of tokens, whose numbers these never are.
const FIRST_SESSION: i64 = i64::MIN / 2;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// Only what concerns this release; everything without it.
    #[serde(default)]
    release: Option<i64>,
    /// The output of this run, too.
    #[serde(default)]
    run: Option<i64>,
    /// What the page shows already: a place in the record.
    #[serde(default)]
    from: i64,
    /// The same of the output of runs.
    #[serde(default)]
    output: i64,
    /// The same of what models guess about the release.
    #[serde(default)]
    guessed: i64,
}

/// Server-sent events: `changed`, whenever there is something new in the record or a new guess, `printed`, whenever there is new output, and `alive`
/// where nothing is, since a page cannot see that a connection has died; `out` at the end of the session.
pub(super) async fn live(
    State(web): State<Web>,
    viewer: Viewer,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<Peer>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Fault> {
    let release = asked.release.map(ReleaseId);
    let service = match release {
        Some(id) => {
            let of = web.engine.read(move |conn| releases::service_of(conn, id)).await?;
            Some(of.ok_or_else(|| Missing::Release(format!("#{id}")))?)
        }
        None => None,
    };
    viewer.actor.may(Right::Read, service.as_ref(), false)?;
    let place = match peer {
        Peer::Network(address) => Some(web.limits.stream(FIRST_SESSION + viewer.session, address.ip())?),
        Peer::Socket => None,
    };
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let progress = web.engine.store().progress();
    let (ended_sessions, catalog) = (web.engine.ended_sessions(), web.engine.reconfigured());
    let guesses = web.engine.guessed();
    let following = Following {
        is_over: false,
        seen: last.unwrap_or(asked.from),
        web,
        viewer,
        release,
        run: asked.run,
        output: asked.output,
        guessed: asked.guessed,
        may_be_guessed: true,
        progress,
        guesses,
        ended_sessions,
        catalog,
    };
    let events = stream::unfold((following, place), |(mut following, place)| async move {
        following.next().await.map(|event| (Ok(event), (following, place)))
    });
    Ok(Sse::new(events))
}

struct Following {
    /// It has told that its session has ended.
    is_over: bool,
    web: Web,
    viewer: Viewer,
    release: Option<ReleaseId>,
    run: Option<i64>,
    /// The newest place in the record that the page knows.
    seen: i64,
    /// The same of the output.
    output: i64,
    /// The same of guesses.
    guessed: i64,
    /// There may be a guess that the page does not know.
    may_be_guessed: bool,
    progress: watch::Receiver<Progress>,
    guesses: watch::Receiver<()>,
    /// What may take the viewer's rights.
    ended_sessions: watch::Receiver<()>,
    catalog: watch::Receiver<Arc<Catalog>>,
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        let heartbeat = Instant::now() + HEARTBEAT;
        loop {
            let known = *self.progress.borrow_and_update();
            let newest = self.newest(known.last_event).await.ok()?;
            let printed = self.printed(known.last_log).await.ok()?;
            let is_changed = self.is_guessed().await.ok()? || newest > self.seen;
            if is_changed || printed {
                let (kind, gathered) = if is_changed { ("changed", GATHERED) } else { ("printed", PRINTED) };
                self.seen = self.seen.max(newest);
                let newest = self.seen;
                tokio::time::sleep(gathered).await;
                if !self.is_still_signed_in().await {
                    return Some(self.over());
                }
                return Some(Event::default().event(kind).id(newest.to_string()).data(newest.to_string()));
            }
            let stop = self.web.stop.clone();
            let is_alive = tokio::select! {
                () = stop.cancelled() => return None,
                changed = self.progress.changed() => {
                    changed.ok()?;
                    continue;
                }
                changed = self.guesses.changed() => {
                    changed.ok()?;
                    self.may_be_guessed = true;
                    continue;
                }
                () = sleep_until(heartbeat) => true,
                changed = self.ended_sessions.changed() => changed.map(|()| false).ok()?,
                changed = self.catalog.changed() => changed.map(|()| false).ok()?,
            };
            if !self.is_still_signed_in().await {
                return Some(self.over());
            }
            if is_alive {
                return Some(Event::default().event("alive").data(""));
            }
        }
    }

    /// The newest place in the record that concerns the page.
    async fn newest(&self, known: i64) -> Result<i64, StoreError> {
        match self.release {
            Some(release) if known > self.seen => {
                self.web.engine.read(move |conn| events::newest_of(conn, release)).await
            }
            Some(_) => Ok(self.seen),
            None => Ok(known),
        }
    }

    /// Whether the run has printed something since.
    async fn printed(&mut self, known: i64) -> Result<bool, StoreError> {
        let (Some(run), before) = (self.run.filter(|_| known > self.output), self.output) else { return Ok(false) };
        self.output = known;
        let new = self.web.engine.read(move |conn| logs::read(conn, run, before, 1)).await?;
        Ok(!new.is_empty())
    }

    /// Whether a model has guessed something about the release since.
    async fn is_guessed(&mut self) -> Result<bool, StoreError> {
        let may_be = std::mem::take(&mut self.may_be_guessed);
        let Some(release) = self.release.filter(|_| may_be) else { return Ok(false) };
        let before = std::mem::replace(&mut self.guessed, stamp_of(&self.web.engine.guesses(release).await?));
        Ok(before != self.guessed)
    }

    async fn is_still_signed_in(&self) -> bool {
        self.viewer.look_again(&self.web).await
    }

    /// The last word: the page says that its reader is signed out.
    fn over(&mut self) -> Event {
        self.is_over = true;
        Event::default().event("out").data("")
    }
}
