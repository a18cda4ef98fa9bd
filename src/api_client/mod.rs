//! What all clients of the API share: calls by three ways (HTTP to another machine, the operator's socket of a running
//! RMM, or, when none runs, the same router inside this process), with the same answers; the event stream; and how a
//! call can go wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Response, StatusCode, header};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

mod call;
mod context;
mod fault;
pub mod sse;
mod traced;

use self::call::Caller;
pub use self::call::{Call, LONG, with_query};
pub use self::context::{Context, Local};
pub use self::fault::{EXIT_HELP, FAILED, Fault, Refusal, Told, USAGE, paste, print, print_bytes};
pub use self::traced::Traced;
use crate::app::{App, DataDir};
use crate::contract::{self, ListEvents};
use crate::domain::fault::cli::{CliFault, CliHint, CliNote, Unreached};
use crate::store::StoreError;
use crate::terminal::{follow_zone, note};
use crate::web::{Peer, TIME_ZONE, socket as operator};

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long another `rmm` on the data directory is waited for; one that ends takes up to 5 s to drain.
const LOCK_TIMEOUT: Duration = Duration::from_secs(7);

/// What a verb is going to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Look. Where RMM has never run there is nothing to see, and nothing is made for it.
    Look,
    /// Copy the data: done as well when no RMM runs, and without the secrets of its configuration.
    Copy,
    /// Administer: done as well when no RMM runs.
    Administer,
    /// Change a release: recorded as well when no RMM runs, which then begins the work.
    Move,
    /// Watch something happen: takes a running RMM.
    Watch,
}

enum Way {
    Http { client: reqwest::Client, base: String, token: Option<String> },
    Socket(PathBuf),
    Here(Box<App>),
}

/// An address of RMM.
fn address(url: &str) -> Result<reqwest::Url, Fault> {
    let parsed = reqwest::Url::parse(url.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    parsed.ok_or_else(|| Fault::usage(CliFault::NoAddress { url: url.to_owned() }))
}

/// Whether it is this machine.
fn is_near(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A connection to RMM.
pub struct Client {
    way: Way,
    name: String,
    /// Who makes its calls.
    caller: Caller,
}

impl Client {
    /// The RMM that is meant: at `RMM_URL`, on the socket of the configuration, or none that runs.
    ///
    /// # Errors
    /// When there is none that could do what is intended.
    pub async fn connect(context: &Context, intent: Intent) -> Result<Self, Fault> {
        let traceparent = context.traced.place(&context.env).map(|place| place.to_string());
        let caller = Caller { agent: contract::user_agent(&context.traced.verb), traceparent };
        Ok(Self { caller, ..Self::of_nobody(context, intent).await? })
    }

    async fn of_nobody(context: &Context, intent: Intent) -> Result<Self, Fault> {
        let token = context.var("RMM_TOKEN");
        if let Some(url) = context.var("RMM_URL") {
            let client = Self::http(url, token)?;
            if token.is_some() && address(url).is_ok_and(|url| url.scheme() == "http" && !is_near(&url)) {
                note(&context.ui.language.cli_note(&CliNote::NotEncrypted));
            }
            return Ok(client);
        }
        if token.is_some() {
            note(&context.ui.language.cli_note(&CliNote::TokenUnused));
        }
        Self::local(context, intent).await
    }

    /// An RMM somewhere.
    ///
    /// # Errors
    /// When the address is none.
    pub fn http(url: &str, token: Option<&str>) -> Result<Self, Fault> {
        let base = url.trim().trim_end_matches('/').to_owned();
        let parsed = address(url)?;
        let mut client =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).connect_timeout(CONNECT_TIMEOUT);
        if is_near(&parsed) {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| Fault::failed(CliFault::NoHttp { said: error.to_string() }))?;
        let token = token.map(|token| token.trim().to_owned());
        Ok(Self { way: Way::Http { client, base: base.clone(), token }, name: base, caller: Caller::default() })
    }

    /// The RMM on an operator's socket.
    #[must_use]
    pub fn on_socket(socket: PathBuf) -> Self {
        Self { name: socket.display().to_string(), way: Way::Socket(socket), caller: Caller::default() }
    }

    /// The RMM of a configuration, or this process in its stead.
    ///
    /// # Errors
    /// When none runs and this process cannot take its place.
    pub async fn local(context: &Context, intent: Intent) -> Result<Self, Fault> {
        let local = context.local()?;
        let files = DataDir::new(&local.data_dir);
        let socket = files.socket();
        let began = tokio::time::Instant::now();
        let needs_secrets = intent != Intent::Copy;
        let config =
            local.config.and_then(|config| if needs_secrets { config.with_all_secrets() } else { Ok(*config) });
        loop {
            match operator::call(&socket).await {
                Ok(_) => return Ok(Self::on_socket(socket)),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    let socket = socket.display().to_string();
                    return Err(Fault::Unreachable(Unreached::SocketOfOther { socket }));
                }
                // No process listens, or none ever did.
                Err(_) => {}
            }
            if intent == Intent::Watch {
                return Err(Fault::Unreachable(Unreached::NotRunning { folder: local.data_dir.display().to_string() }));
            }
            if matches!(intent, Intent::Look | Intent::Copy) && !files.database().exists() {
                return Err(Fault::Unreachable(Unreached::NeverRan { folder: local.data_dir.display().to_string() }));
            }
            let config = config.as_ref().map_err(|errors| Fault::from(errors.clone()))?;
            match App::open(config, &crate::config::env_vars(std::env::vars_os())) {
                Ok(app) => {
                    if intent == Intent::Move {
                        let recorded = CliNote::RecordedOnly { folder: local.data_dir.display().to_string() };
                        note(&context.ui.language.cli_note(&recorded));
                    }
                    let (name, way) = ("this process".to_owned(), Way::Here(Box::new(app)));
                    return Ok(Self { name, way, caller: Caller::default() });
                }
                Err(error) => {
                    let Some(locked @ StoreError::Locked { .. }) = error.downcast_ref::<StoreError>() else {
                        return Err(error.into());
                    };
                    if began.elapsed() > LOCK_TIMEOUT {
                        let (fault, socket) = (locked.fault(), socket.display().to_string());
                        return Err(Fault::Unreachable(Unreached::Locked { fault, socket }));
                    }
                    // It starts, ends, or is a verb like this one.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Whether an RMM runs that does what is recorded.
    #[must_use]
    pub const fn is_served(&self) -> bool {
        !matches!(self.way, Way::Here(_))
    }

    /// Makes a call and reads the answer.
    ///
    /// # Errors
    /// [`Fault::Refused`] with the problem document, or why no answer came.
    pub async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<(T, String), Fault> {
        let text = self.text(call).await?;
        let value =
            serde_json::from_str(if text.is_empty() { "null" } else { &text }).map_err(|error| self.foreign(&error))?;
        Ok((value, text))
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// Those of [`Client::json`].
    pub async fn get<T: DeserializeOwned>(&self, path: impl Into<String>) -> Result<T, Fault> {
        Ok(self.json(Call::get(path)).await?.0)
    }

    fn foreign(&self, error: &serde_json::Error) -> Fault {
        Fault::Unreachable(Unreached::NotThis { name: self.name.clone(), said: error.to_string() })
    }

    /// Everything that happened to a release, page by page.
    ///
    /// # Errors
    /// Those of [`Client::json`].
    pub async fn events(&self, release: i64) -> Result<(Vec<contract::EventView>, Vec<Value>), Fault> {
        let path = format!("/api/v1/releases/{release}/events");
        let seq = |event: &Value| event.get("seq").and_then(Value::as_i64);
        let (mut all, mut last) = (Vec::<Value>::new(), 0);
        loop {
            let cursor = (last > 0).then(|| format!("e{last}"));
            let (page, _): (Vec<Value>, _) =
                self.json(Call::get(with_query(&path, &ListEvents { cursor, limit: None }))).await?;
            let new: Vec<_> = page.into_iter().filter(|event| seq(event) > Some(last)).collect();
            // An RMM without pages answers with everything, again and again.
            let Some(newest) = new.last().and_then(seq) else {
                let events = all.iter().map(contract::EventView::deserialize).collect::<Result<_, _>>();
                return Ok((events.map_err(|error| self.foreign(&error))?, all));
            };
            last = newest;
            all.extend(new);
        }
    }

    /// A list that comes in pages, whole: each page names the next one in its header `Link`.
    ///
    /// # Errors
    /// Those of [`Client::json`].
    pub async fn pages<T: DeserializeOwned>(&self, path: impl Into<String>) -> Result<(Vec<T>, Vec<Value>), Fault> {
        let (mut all, mut next) = (Vec::new(), Some(path.into()));
        while let Some(path) = next {
            let (text, link) = self.answer(Call::get(&path)).await?;
            all.extend(serde_json::from_str::<Vec<Value>>(&text).map_err(|error| self.foreign(&error))?);
            next = link.filter(|link| *link != path);
        }
        let typed = all.iter().map(T::deserialize).collect::<Result<_, _>>().map_err(|error| self.foreign(&error))?;
        Ok((typed, all))
    }

    /// Makes a call and reads the answer as it is.
    ///
    /// # Errors
    /// Those of [`Client::json`].
    pub async fn text(&self, call: Call) -> Result<String, Fault> {
        Ok(self.answer(call).await?.0)
    }

    /// The answer to a call, and the address of the next page.
    async fn answer(&self, call: Call) -> Result<(String, Option<String>), Fault> {
        let timeout = call.patience.unwrap_or(LONG);
        let work = async {
            let response = self.send(&call).await?;
            let link = response.headers().get(header::LINK).and_then(|link| next_page(link.to_str().ok()?));
            Ok((self.read(response.into_body()).await?, link))
        };
        tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| {
            Err(Fault::Unreachable(Unreached::Late { name: self.name.clone(), seconds: timeout.as_secs() }))
        })
    }

    /// Makes a call whose answer goes on and on.
    ///
    /// # Errors
    /// Those of [`Client::json`].
    pub async fn bytes(&self, call: Call) -> Result<BoxStream<'static, Result<bytes::Bytes, axum::Error>>, Fault> {
        Ok(StreamExt::boxed(self.send(&call).await?.into_body().into_data_stream()))
    }

    async fn read(&self, body: Body) -> Result<String, Fault> {
        let name = || self.name.clone();
        let cut_off = |error: axum::Error| Unreached::CutOff { name: name(), said: error.to_string() };
        let bytes = body.collect().await.map_err(|error| Fault::Unreachable(cut_off(error)))?;
        String::from_utf8(bytes.to_bytes().to_vec()).map_err(|_| Fault::Unreachable(Unreached::NotRmm { name: name() }))
    }

    async fn send(&self, call: &Call) -> Result<Response<Body>, Fault> {
        let call = &Call { caller: self.caller.clone(), ..call.clone() };
        let response = match &self.way {
            Way::Http { client, base, token } => http(client, base, token.as_deref(), call).await?,
            Way::Socket(path) => over_socket(path, call).await?,
            Way::Here(app) => {
                let mut request = call.request("")?;
                request.extensions_mut().insert(ConnectInfo(Peer::Socket));
                match app.router().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        };
        if let Some(zone) = response.headers().get(TIME_ZONE).and_then(|value| value.to_str().ok()) {
            follow_zone(zone);
        }
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_redirection() {
            let to = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("?");
            return Err(Fault::Unreachable(Unreached::Elsewhere { name: self.name.clone(), to: to.to_owned() }));
        }
        let json = self.read(response.into_body()).await?;
        Err(self.fault(status, json))
    }

    fn fault(&self, status: StatusCode, json: String) -> Fault {
        let Ok(problem) = serde_json::from_str::<contract::Problem>(&json) else {
            return Fault::Unreachable(Unreached::Behind { name: self.name.clone(), status: status.to_string() });
        };
        if status.is_server_error() {
            return match problem.code.as_str() {
                "stopping" => Fault::Unreachable(Unreached::Stopping),
                _ => Fault::Trouble(Box::new(problem)),
            };
        }
        let hint = match (status, &self.way) {
            (StatusCode::UNAUTHORIZED, Way::Http { token: None, .. }) => Some(CliHint::SetToken),
            (StatusCode::UNAUTHORIZED, _) => Some(CliHint::CheckToken),
            _ => None,
        };
        Fault::Refused(Box::new(Refusal { problem, json, hint, ..Refusal::default() }))
    }
}

/// Where the next page is, by a header `Link`.
fn next_page(link: &str) -> Option<String> {
    let (address, about) = link.strip_prefix('<')?.split_once('>')?;
    (about.contains("rel=\"next\"") && address.starts_with("/api/")).then(|| address.to_owned())
}

async fn http(client: &reqwest::Client, base: &str, token: Option<&str>, call: &Call) -> Result<Response<Body>, Fault> {
    let mut request = client
        .request(call.method.clone(), format!("{base}{}", call.path))
        .header("accept", call.accept)
        .header("user-agent", &call.caller.agent);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(place) = &call.resume {
        request = request.header("last-event-id", place);
    }
    if let Some(parent) = &call.caller.traceparent {
        request = request.header("traceparent", parent);
    }
    if let Some(body) = &call.body {
        request = request.json(body);
    }
    let response = request.send().await.map_err(|error| {
        // The chain's end says what really happened.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let said = (!error.is_timeout()).then(|| cause.to_string());
        Fault::Unreachable(Unreached::NoAnswer { url: base.to_owned(), said })
    })?;
    let mut answer = Response::builder().status(response.status());
    if let Some(headers) = answer.headers_mut() {
        headers.extend(response.headers().clone());
    }
    answer
        .body(Body::from_stream(response.bytes_stream()))
        .map_err(|error| Fault::failed(CliFault::AnswerUnread { said: error.to_string() }))
}

async fn over_socket(path: &Path, call: &Call) -> Result<Response<Body>, Fault> {
    let gone = |error: &dyn std::fmt::Display| {
        let (socket, said) = (path.display().to_string(), error.to_string());
        Fault::Unreachable(Unreached::WentAway { socket, said })
    };
    let stream = operator::call(path).await.map_err(|error| gone(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| gone(&error))?;
    tokio::spawn(connection);
    let mut request = call.request("")?;
    request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("rmm"));
    let response = sender.send_request(request).await.map_err(|error| gone(&error))?;
    Ok(response.map(Body::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none() {
        for bad in ["rmm.example.com", "ftp://x", "http://", ""] {
            assert!(matches!(Client::http(bad, None), Err(Fault::Usage(_))), "{bad}");
        }
        assert!(Client::http("https://rmm.example.com/", Some("t")).is_ok_and(|client| client.name.ends_with("com")));
    }
}
