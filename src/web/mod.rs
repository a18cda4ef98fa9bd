//! The HTTP side: translates requests into commands and state into answers. Holds no rule of its own.

pub mod api;
mod auth;
mod body;
pub mod descent;
mod hook;
pub mod limits;
mod oidc;
mod pages;
mod patient;
pub mod problem;
mod proxies;
pub mod reload;
pub mod server;
pub mod socket;
mod stream;
mod traced;

use std::any::Any;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use self::auth::Authenticator;
use self::limits::Limits;
use self::problem::Problem;
use crate::engine::Engine;
use crate::engine::catalog::http_address;
use crate::store::StoreError;
use crate::telemetry::metrics;

#[cfg(debug_assertions)]
pub use self::pages::Gallery;

/// The header of every answer that names the zone in which this RMM tells times.
pub const TIME_ZONE: HeaderName = HeaderName::from_static("rmm-time-zone");

/// What handlers work with: one thing that all of them share, since each request clones it several times.
#[derive(Clone)]
pub struct Web(Arc<Shared>);

impl Deref for Web {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What [`Web`] leads to.
pub struct Shared {
    /// The machine.
    pub engine: Engine,
    /// Who may come in.
    pub authenticator: Arc<Authenticator>,
    /// How much callers may take at the same time.
    pub limits: Arc<Limits>,
    /// What is known of the database being writable.
    pub readiness: Arc<api::Readiness>,
    /// Cancelled when RMM stops; streams end then.
    pub stop: CancellationToken,
    /// Where backups may be written by name alone.
    pub data_dir: PathBuf,
    /// Reads the configuration again.
    pub reloads: reload::Reloads,
    /// Room for large bodies.
    pub room: body::Room,
    /// What pages keep until something has changed.
    kept: Arc<pages::Kept>,
    /// What Telegram shows when it brings updates; none: it does not.
    pub webhook_secret: Option<SecretString>,
}

impl Web {
    /// Whether people reach this RMM by https.
    #[must_use]
    pub fn is_behind_tls(&self) -> bool {
        self.engine.catalog().public_url().is_some_and(|url| url.starts_with("https://"))
    }

    /// Where people reach this RMM; no slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        let catalog = self.engine.catalog();
        // With port 0 the system has chosen one.
        let noted = std::fs::read_to_string(self.data_dir.join("address")).ok();
        let noted = noted.and_then(|text| text.trim().parse::<SocketAddr>().ok());
        match (catalog.public_url(), noted) {
            (None, Some(listens)) => http_address(listens),
            (Some(_), _) | (None, None) => catalog.address(),
        }
    }
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The operator's socket in the data directory.
    Socket,
    /// The network.
    Network(SocketAddr),
}

impl Connected<Peer> for Peer {
    fn connect_info(peer: Peer) -> Self {
        peer
    }
}

/// The router of everything that RMM serves. `webhook_secret`: Telegram brings its updates, and shows this.
pub fn router(
    engine: Engine,
    data_dir: PathBuf,
    webhook_secret: Option<SecretString>,
    reloads: reload::Reloads,
    limits: Arc<Limits>,
    stop: CancellationToken,
) -> Router {
    let (authenticator, readiness) = (Arc::default(), Arc::default());
    let (room, kept) = (body::Room::default(), Arc::default());
    let shared =
        Shared { engine, authenticator, limits, readiness, stop, data_dir, reloads, room, kept, webhook_secret };
    let web = Web(Arc::new(shared));
    api::routes()
        .merge(hook::routes(&web))
        .merge(pages::routes(&web))
        .fallback(pages::nothing_here)
        .method_not_allowed_fallback(pages::wrong_method)
        .layer(axum::middleware::from_fn(to_its_end))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn(limits::hold))
        .layer(axum::middleware::map_response_with_state(web.clone(), hardened))
        .layer(axum::middleware::from_fn_with_state(web.clone(), proxies::seen_through))
        .layer(axum::middleware::from_fn(traced::traced))
        .layer(axum::middleware::from_fn(counted))
        .with_state(web)
}

/// Counts every answer, by the template of its route: what stands in an address is the caller's, and no label.
async fn counted(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, began) = (request.method().clone(), Instant::now());
    let response = next.run(request).await;
    let route = route.as_ref().map(MatchedPath::as_str);
    metrics::of_process().answered(route, method.as_str(), response.status().as_u16(), began.elapsed());
    response
}

/// What changes something goes on though the caller hangs up: what follows a commit must not depend on who asked.
async fn to_its_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(_) => Problem::from(StoreError::Stopped).into_response(),
    }
}

/// Nothing that RMM answers is to be guessed at, framed or kept by others.
async fn hardened(State(web): State<Web>, mut response: Response) -> Response {
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ];
    // At once: each time that a map of headers grows by itself, all of it moves.
    response.headers_mut().reserve(fixed.len() + 2);
    for (name, value) in fixed {
        response.headers_mut().entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    let zone = web.engine.catalog().time_zone();
    if let Ok(name) = HeaderValue::from_str(zone.iana_name().unwrap_or("UTC")) {
        response.headers_mut().insert(TIME_ZONE, name);
    }
    if web.is_behind_tls() {
        // For a year, and not for neighbours under the same domain, which are not RMM's to decide about.
        let value = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let what = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(what, "a handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong inside RMM; it has been logged")
        .into_response()
}
