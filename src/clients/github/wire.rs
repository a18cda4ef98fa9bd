//! One request to GitHub and its answer, as bytes: octocrab over reqwest, which knows the proxies of the environment.
//!
//! Nothing here asks twice. octocrab would send a request up to four times and wait for ever: its layers for that are
//! not in this stack, and reqwest's own repeating is off.

use std::error::Error;
use std::io;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper::http::{self, HeaderName, HeaderValue, Request, Response};
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::service::middleware::extra_headers::ExtraHeadersLayer;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use reqwest::Url;
use tower::Service;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::super::endpoint::{self, chain};
use super::super::tls;
use crate::domain::fault::github::GithubFault;
use crate::domain::fault::{AnswerFault, DialFault, DialOutcome};
use crate::domain::reason::Reason;
use crate::telemetry::{metrics, traces};

/// How long the way to GitHub may take to open.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that rests longer may be dead without a sign, and a request over it would be in doubt.
const IDLE: Duration = Duration::from_secs(30);

/// The client for one API. Has to be called where tokio runs: octocrab begins to work at once.
pub(super) fn octocrab(api: &Url, client: reqwest::Client) -> Result<Octocrab, GithubFault> {
    let base = api.as_str().parse().map_err(|_| GithubFault::NotSetUp { said: format!("{api} is no address") })?;
    let headers = vec![(http::header::ACCEPT, HeaderValue::from_static("application/vnd.github+json"))];
    let built: Result<Octocrab, std::convert::Infallible> = OctocrabBuilder::new_empty()
        .with_service(Wire(client))
        .with_layer(&ExtraHeadersLayer::new(std::sync::Arc::new(headers)))
        .with_layer(&BaseUriLayer::new(base))
        .with_auth(AuthState::None)
        .build();
    let Ok(octocrab) = built;
    Ok(octocrab)
}

/// The HTTP client; trusts the public authorities, and those of `ca` (PEM) beside them.
pub(super) fn http_client(api: &Url, ca: Option<&str>) -> Result<reqwest::Client, GithubFault> {
    let failed = |said: String| GithubFault::NotSetUp { said };
    let builder = endpoint::builder(api, ca).map_err(failed)?;
    let builder = builder.connect_timeout(CONNECT_TIMEOUT).pool_idle_timeout(IDLE).tcp_nodelay(true);
    builder.build().map_err(|error| failed(endpoint::bottom(&error)))
}

type AnyError = Box<dyn Error + Send + Sync>;

/// reqwest as octocrab wants it.
#[derive(Clone)]
struct Wire(reqwest::Client);

impl Service<Request<OctoBody>> for Wire {
    type Response = Response<reqwest::Body>;
    type Error = AnyError;
    type Future = BoxFuture<'static, Result<Self::Response, AnyError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), AnyError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Self::Future {
        let client = self.0.clone();
        // octocrab calls on a task of its own, in the span of the caller.
        let span = span_of(&request);
        let ended = span.clone();
        let asked = async move {
            let (mut parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            // The sending client sets the length.
            parts.headers.remove(http::header::CONTENT_LENGTH);
            let request = reqwest::Request::try_from(Request::from_parts(parts, body))?;
            let began = Instant::now();
            let answered = client.execute(request).await;
            let status = answered.as_ref().ok().map(|answer| answer.status().as_u16());
            metrics::of_process().github_asked(status, began.elapsed());
            match status {
                Some(status) => drop(ended.record("http.response.status_code", status)),
                None => traces::fail(&ended, "no answer"),
            }
            Ok(answered?.into())
        };
        Box::pin(asked.instrument(span))
    }
}

/// The span of a request, without what its query says.
fn span_of(request: &Request<OctoBody>) -> Span {
    traces::within(|| {
        let (method, uri) = (request.method().as_str(), request.uri());
        tracing::info_span!(
            "GitHub",
            otel.name = format!("GitHub {method}"),
            otel.kind = "client",
            http.request.method = method,
            server.address = uri.host(),
            server.port = uri.port_u16(),
            url.path = uri.path(),
            http.response.status_code = Empty,
        )
    })
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub fault: GithubFault,
    /// GitHub may have got the request.
    pub sent: bool,
}

impl Failure {
    /// Before anything was sent.
    pub fn unsent(fault: GithubFault) -> Self {
        Self { fault, sent: false }
    }

    /// After it was sent, or perhaps so.
    pub fn sent(fault: GithubFault) -> Self {
        Self { fault, sent: true }
    }

    /// From what the libraries say.
    pub fn of(error: &(dyn Error + 'static), api: &Url) -> Self {
        let asked = asked(api);
        let connecting =
            chain(error).filter_map(|one| one.downcast_ref::<reqwest::Error>()).any(reqwest::Error::is_connect);
        if !connecting {
            return Self::sent(GithubFault::Cut { asked, said: endpoint::bottom(error) });
        }
        let tls = chain(error).filter_map(|one| one.downcast_ref::<io::Error>()).find_map(tls_fault);
        Self::unsent(match tls {
            Some(fault) => GithubFault::Untrusted { asked, fault },
            None => GithubFault::Unreached { cause: Box::new(unconnected(error, api)), asked },
        })
    }
}

/// What is asked, as it is told.
pub(super) fn asked(api: &Url) -> String {
    api.as_str().trim_end_matches('/').to_owned()
}

fn unconnected(error: &(dyn Error + 'static), api: &Url) -> Reason {
    let host = api.host_str().unwrap_or_default().to_owned();
    let port = api.port_or_known_default().unwrap_or(443);
    let asked = format!("{host}:{port}");
    let timed_out = chain(error).filter_map(|one| one.downcast_ref::<reqwest::Error>()).any(reqwest::Error::is_timeout);
    let refused = chain(error)
        .filter_map(|one| one.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    let said = endpoint::bottom(error);
    let fault = if refused {
        DialFault::Address { asked, outcome: DialOutcome::Refused }
    } else if timed_out {
        DialFault::Address { asked, outcome: DialOutcome::Late { limit: CONNECT_TIMEOUT } }
    } else if let Some(said) = said.strip_prefix("failed to lookup address information: ") {
        let said = (said != "Name or service not known").then(|| said.to_owned());
        DialFault::Unresolved { name: host, said }
    } else {
        DialFault::Address { asked, outcome: DialOutcome::NotConnected { said } }
    };
    Reason::NotConnected { fault }
}

fn tls_fault(error: &io::Error) -> Option<AnswerFault> {
    let inner = || tls_fault(error.get_ref()?.downcast_ref::<io::Error>()?);
    tls::fault(error).map(|fault| AnswerFault::Tls { fault }).or_else(inner)
}

/// The value of a header, as text.
pub(super) fn header(headers: &http::HeaderMap, name: &'static str) -> Option<String> {
    Some(headers.get(HeaderName::from_static(name))?.to_str().ok()?.to_owned())
}
