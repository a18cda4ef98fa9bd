//! The trace of a request: a span below that of the caller (W3C Trace Context), whose number the answer tells.
//!
//! Must not: put into the span what a caller has sent. Of an address there is the template of its route, of a caller the verb of the command line
//! that it is, if it is one that is known.

use axum::extract::{MatchedPath, Request};
use axum::http::header::USER_AGENT;
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::contract;
use crate::engine;
use crate::telemetry::traces::{self, Position};

/// What is asked for all the time, and leads to nothing.
const QUIET: [&str; 5] = ["/healthz", "/health", "/readyz", "/metrics", "/assets/{hash}/{name}"];

/// The trace of a request: the caller's, or a new one.
#[derive(Debug, Clone)]
pub struct Trace(pub String);

impl Trace {
    /// Puts the trace on a request to the engine.
    #[must_use]
    pub fn of(&self, request: engine::Request) -> engine::Request {
        request.traced(Some(self.0.clone()))
    }
}

/// Carries a request out in its span.
pub(super) async fn traced(mut request: Request, next: Next) -> Response {
    let parent =
        request.headers().get("traceparent").and_then(|value| value.to_str().ok()).and_then(Position::of_parent);
    let span = span(&request, parent.is_none());
    let trace = Trace(traces::begin(&span, parent));
    request.extensions_mut().insert(trace.clone());
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        traces::fail(&span, "");
    }
    if let Ok(value) = trace.0.parse() {
        response.headers_mut().insert("x-trace-id", value);
    }
    response
}

/// `is_root`: nothing else in its trace says which verb of the command line makes the request.
fn span(request: &Request, is_root: bool) -> Span {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if route.is_some_and(|route| QUIET.contains(&route)) {
        return Span::none();
    }
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let method = known.into_iter().find(|known| *known == request.method().as_str()).unwrap_or("_OTHER");
    let verb = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok()).and_then(contract::verb_of);
    let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
    tracing::info_span!(
        parent: None,
        "request",
        otel.name = verb.filter(|_| is_root).map_or_else(|| name.clone(), |verb| format!("rmm {verb}: {name}")),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        rmm.verb = verb,
        http.response.status_code = Empty,
        trace_id = Empty,
    )
}
