//! A collector of OTLP over HTTP: takes spans and lines of the log, or answers in one of the ways in which collectors fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Takes,
    /// Takes the connection, and says nothing.
    Hangs,
    /// 500, and no protobuf.
    Garbage,
    /// 200, and a gigabyte.
    Huge,
    /// Leads somewhere else.
    Redirects,
}

/// A span as it has arrived.
#[derive(Debug, Clone)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty: it has none.
    pub parent: String,
    pub name: String,
    pub kind: i32,
    pub failed: bool,
    pub begun: u64,
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
}

/// A line of the log as it has arrived.
#[derive(Debug, Clone)]
pub struct Line {
    pub trace: String,
    pub said: String,
    pub attributes: BTreeMap<String, String>,
}

#[derive(Default)]
struct Seen {
    manner: Option<Manner>,
    spans: Vec<Span>,
    lines: Vec<Line>,
    bytes: Vec<u8>,
    requests: usize,
    elsewhere: usize,
    keys: Vec<String>,
}

/// The collector; ends with the test.
pub struct Collector {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    serving: AbortHandle,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Collector {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen { manner: Some(manner), ..Seen::default() }));
        let router = axum::Router::new()
            .route("/elsewhere", any(elsewhere))
            .fallback(take)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(seen.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle();
        Self { address, seen, serving }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn becomes(&self, manner: Manner) {
        self.seen().manner = Some(manner);
    }

    pub fn spans(&self) -> Vec<Span> {
        self.seen().spans.clone()
    }

    pub fn lines(&self) -> Vec<Line> {
        self.seen().lines.clone()
    }

    /// Exports that have come, whatever became of them.
    pub fn requests(&self) -> usize {
        self.seen().requests
    }

    /// Those that were led somewhere else and went there.
    pub fn led_elsewhere(&self) -> usize {
        self.seen().elsewhere
    }

    /// What stood in the header `x-key`.
    pub fn keys(&self) -> Vec<String> {
        self.seen().keys.clone()
    }

    /// Whether this has come in anything.
    pub fn has(&self, text: &str) -> bool {
        self.seen().bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

async fn elsewhere(State(seen): State<Arc<Mutex<Seen>>>) -> StatusCode {
    seen.lock().unwrap().elsewhere += 1;
    StatusCode::OK
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, uri: Uri, body: Bytes) -> Response {
    let manner = {
        let mut seen = seen.lock().unwrap();
        seen.requests += 1;
        if seen.manner == Some(Manner::Takes) {
            seen.bytes.extend_from_slice(&body);
            seen.keys.extend(headers.get("x-key").map(|key| key.to_str().unwrap().to_owned()));
            match uri.path() {
                "/v1/traces" => seen.spans.extend(spans(&body)),
                "/v1/logs" => seen.lines.extend(lines(&body)),
                other => panic!("RMM does not export to {other}"),
            }
        }
        seen.manner
    };
    match manner {
        Some(Manner::Takes) | None => StatusCode::OK.into_response(),
        Some(Manner::Hangs) => std::future::pending().await,
        Some(Manner::Garbage) => (StatusCode::INTERNAL_SERVER_ERROR, "\u{0}<html>no</html>").into_response(),
        Some(Manner::Huge) => {
            let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
            let pieces = futures_util::stream::iter((0..1024).map(move |_| Ok::<_, std::io::Error>(piece.clone())));
            Body::from_stream(pieces).into_response()
        }
        Some(Manner::Redirects) => (StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")]).into_response(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn pairs(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut all = Vec::new();
    for of_resource in request.resource_spans {
        let resource = pairs(of_resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            all.push(Span {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                kind: span.kind,
                failed: span.status.is_some_and(|status| status.code == 2),
                begun: span.start_time_unix_nano,
                attributes: pairs(span.attributes),
                resource: resource.clone(),
            });
        }
    }
    all
}

fn lines(body: &[u8]) -> Vec<Line> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    let records = scopes.flat_map(|scope| scope.log_records);
    let line = |record: opentelemetry_proto::tonic::logs::v1::LogRecord| Line {
        trace: hex(&record.trace_id),
        said: text(record.body),
        attributes: pairs(record.attributes),
    };
    records.map(line).collect()
}
