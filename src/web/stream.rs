//! Live events over server-sent events: level-triggered. A commit wakes the stream, which then reads what is new from
//! the database; so nothing is lost between two pieces, and a reader that comes back goes on where it was.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Web;
use super::auth::Session;
use super::body::Asked;
use super::limits::Share;
use super::problem::Problem;
use crate::contract::{AskStream, EventView, PrintedView, hex_of};
use crate::domain::cause::Cause;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::person::{Actor, Right};
use crate::domain::refusal::Refusal;
use crate::domain::rule::{Invalid, Rule};
use crate::engine::catalog::Catalog;
use crate::store::events::{self, EventRow, OutputRow, Page, Scope};
use crate::store::{Progress, StoreError, logs, releases};

/// Events read at once.
const EVENTS: u32 = 500;
/// Events or output read at once, in bytes: what a stream holds in memory for a reader who is slow, a few times over.
const PIECE: usize = 64 * 1024;
/// How often rights are looked at again, whatever is not told: a token that expires, or was revoked by another process.
const RECHECK_INTERVAL: Duration = Duration::from_secs(3);
/// So that proxies do not take silence for death.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Live events and output
///
/// Server-sent events. `event` is the name of what happened (or `log` for output of a step), `data` is JSON, and `id`
/// is the place to go on from (`Last-Event-ID`). It ends when the listener's rights end.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream", params(AskStream),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 429, body = Problem)))]
pub async fn stream(
    State(web): State<Web>,
    session: Session,
    Asked(asked): Asked<AskStream>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let (service, scope) = scope(&web, &session.actor, &asked).await?;
    let places = session.token.map(|token| web.limits.stream(token.id, token.from)).transpose()?;
    let place =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned).or(asked.from);
    let progress = web.engine.store().progress();
    let place = match place {
        Some(text) => Position::parse(&text)?,
        None => {
            let now = *progress.borrow();
            Position { event: now.last_event, output: now.last_log }
        }
    };
    let (forgotten, catalog) = (web.authenticator.forgotten(), web.engine.reconfigured());
    let listener =
        Listener { session, service, forgotten, catalog, looked: Instant::now(), due: false, _places: places };
    let state = Reading { web, listener, scope, place, progress, ready: VecDeque::new() };
    let events =
        stream::unfold(state, |mut reading| async move { reading.next().await.map(|event| (Ok(event), reading)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// The service that the stream is about, and what of it.
async fn scope(web: &Web, actor: &Actor, asked: &AskStream) -> Result<(Option<ServiceName>, Scope), Problem> {
    let mut service = asked.service.clone().map(|name| ServiceName::parse("service", name)).transpose()?;
    let release = asked.release.map(ReleaseId);
    if let Some(id) = release {
        let of = web.engine.read(move |conn| releases::service_of(conn, id)).await?;
        service = Some(of.ok_or_else(|| Refusal::from(Cause::NoRelease { release: id }))?);
    }
    actor.may(Right::Read, service.as_ref(), false)?;
    let scope = Scope { release, service: if release.is_some() { None } else { service.clone() } };
    Ok((service, scope))
}

/// Who listens, as long as he may.
struct Listener {
    session: Session,
    service: Option<ServiceName>,
    forgotten: watch::Receiver<()>,
    catalog: watch::Receiver<Arc<Catalog>>,
    looked: Instant,
    due: bool,
    _places: Option<(Share<i64>, Share<IpAddr>)>,
}

impl Listener {
    /// Whether he still may. Looks again after everything that takes rights, and now and then.
    async fn may(&mut self, web: &Web) -> bool {
        let told = [self.forgotten.has_changed(), self.catalog.has_changed()];
        if !self.due && !told.iter().any(|told| matches!(told, Ok(true))) && self.looked.elapsed() < RECHECK_INTERVAL {
            return true;
        }
        self.due = false;
        self.forgotten.borrow_and_update();
        self.catalog.borrow_and_update();
        self.looked = Instant::now();
        let Ok(actor) = self.session.look_again(web).await else { return false };
        actor.may(Right::Read, self.service.as_ref(), false).is_ok()
    }

    /// Returns when it is time to look again.
    async fn changed(&mut self) {
        let due = self.looked + RECHECK_INTERVAL;
        tokio::select! {
            _ = self.forgotten.changed() => {}
            _ = self.catalog.changed() => {}
            () = tokio::time::sleep_until(due) => {}
        }
        self.due = true;
    }
}

/// How far a reader has come, in events and in output.
#[derive(Debug, Clone, Copy)]
struct Position {
    event: i64,
    output: i64,
}

impl Position {
    fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("Last-Event-ID", Rule::StreamId);
        let (event, output) = text.split_once('-').ok_or_else(wrong)?;
        Ok(Self { event: event.parse().map_err(|_| wrong())?, output: output.parse().map_err(|_| wrong())? })
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.event, self.output)
    }
}

struct Reading {
    web: Web,
    listener: Listener,
    scope: Scope,
    place: Position,
    progress: watch::Receiver<Progress>,
    ready: VecDeque<Event>,
}

impl Reading {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !self.listener.may(&self.web).await {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let known = *self.progress.borrow_and_update();
            if self.read(known).await.is_err() {
                // The reader comes back and goes on from its last id.
                return None;
            }
            if !self.ready.is_empty() {
                continue;
            }
            // Nothing for this scope up to here: the next look need not go over it again.
            self.place.event = self.place.event.max(known.last_event);
            self.place.output = self.place.output.max(known.last_log);
            let stop = self.web.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.listener.changed() => {}
                changed = self.progress.changed() => if changed.is_err() { return None },
            }
        }
    }

    /// Output first: what a step printed comes before the news of its end.
    async fn read(&mut self, known: Progress) -> Result<(), StoreError> {
        let (place, scope) = (self.place, self.scope.clone());
        if known.last_event <= place.event && known.last_log <= place.output {
            return Ok(());
        }
        let (output, events) = self
            .web
            .engine
            .read(move |conn| {
                let output = events::output_after(conn, place.output, &scope, PIECE)?;
                // A full page of output may belong before events that are there already.
                let events = if output.is_empty() {
                    events::after(conn, place.event, &scope, EVENTS, PIECE)?
                } else {
                    Page::default()
                };
                Ok((output, events.events))
            })
            .await?;
        for row in output {
            self.place.output = row.id;
            self.ready.extend(self.output_event(row));
        }
        for row in events {
            self.place.event = row.seq;
            self.ready.extend(self.event(row));
        }
        Ok(())
    }

    fn output_event(&self, row: OutputRow) -> Option<Event> {
        let (step, attempt) = logs::step_and_try(row.step);
        let text = String::from_utf8_lossy(&row.bytes).into_owned();
        let view = PrintedView { run: row.run, step, attempt, text, hex: hex_of(&row.bytes) };
        Event::default().event("log").id(self.place.to_string()).json_data(view).ok()
    }

    fn event(&self, row: EventRow) -> Option<Event> {
        let kind = row.kind.clone();
        let view = EventView::of(row, &self.web.engine.catalog());
        Event::default().event(&kind).id(self.place.to_string()).json_data(view).ok()
    }
}
