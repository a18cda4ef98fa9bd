//! The demo as a user of RMM: calls of the HTTP API, its event stream, and the pages of the released service.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::sandbox::Site;
use crate::domain::event::Event;
use crate::domain::person::Actor;

/// How long any one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// RMM over HTTP, with one person's or CI's token.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Api {
    /// RMM at an address. A proxy that the machine may use for the world outside must not be asked for this one.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(address: SocketAddr) -> Result<Self> {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let client = client.context("the HTTP client cannot be set up")?;
        Ok(Self { client, base: format!("http://{address}"), token: String::new() })
    }

    /// The same RMM with a token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: token.into(), ..self.clone() }
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// GET of a path.
    ///
    /// # Errors
    /// With what RMM answered instead.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(self.client.get(format!("{}{path}", self.base)), path).await
    }

    /// POST of JSON to a path.
    ///
    /// # Errors
    /// With what RMM answered instead.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        self.call(self.client.post(format!("{}{path}", self.base)).json(body), path).await
    }

    async fn call<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder, path: &str) -> Result<T> {
        let request = request.bearer_auth(&self.token).timeout(CALL_TIMEOUT);
        let answer = request.send().await.with_context(|| format!("RMM does not answer {path}"))?;
        let status = answer.status();
        let body = answer.bytes().await.with_context(|| format!("RMM's answer to {path} broke off"))?;
        if !status.is_success() {
            let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
            bail!("RMM answered {path} with {status}: {}", problem["detail"].as_str().unwrap_or("no reason given"));
        }
        serde_json::from_slice(&body).with_context(|| format!("RMM's answer to {path} is not understood"))
    }

    /// Every event from the beginning of the record, and the output of every step.
    #[must_use]
    pub fn stream(&self) -> Stream {
        Stream { api: self.clone(), response: None, received: Vec::new(), ready: VecDeque::new(), place: "0-0".into() }
    }

    /// What an environment of the guestbook answers right now.
    ///
    /// # Errors
    /// When it does not answer, or with something else than a guestbook would.
    pub async fn served(&self, site: &Site) -> Result<Served> {
        let (status, health) = self.page(site, "/health").await?;
        let health: Health = serde_json::from_str(&health).context("the health of the guestbook is not understood")?;
        let (_, version) = self.page(site, "/version").await?;
        let (_, page) = self.page(site, "/").await?;
        let guests = page.split("<li>").skip(1).filter_map(|rest| rest.split("</li>").next());
        Ok(Served {
            health: status,
            version: version.trim().to_owned(),
            schema: health.schema,
            problem: health.problem,
            guests: guests.map(str::to_owned).collect(),
        })
    }

    async fn page(&self, site: &Site, path: &str) -> Result<(u16, String)> {
        let url = format!("{}{path}", site.url());
        let answer = self.client.get(&url).timeout(CALL_TIMEOUT).send().await;
        let answer = answer.with_context(|| format!("{url} does not answer"))?;
        let status = answer.status().as_u16();
        Ok((status, answer.text().await.with_context(|| format!("the answer of {url} broke off"))?))
    }
}

#[derive(Deserialize)]
struct Health {
    schema: i64,
    problem: Option<String>,
}

/// What an environment really serves.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Served {
    /// The HTTP status of its health check.
    pub health: u16,
    /// What the code calls itself.
    pub version: String,
    /// The highest migration in its database.
    pub schema: i64,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The guests on its page.
    pub guests: Vec<String>,
}

impl std::fmt::Display for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let health = if self.health == 200 { "healthy".to_owned() } else { format!("ill ({})", self.health) };
        write!(f, "{} with schema {}, {health}", self.version, self.schema)
    }
}

/// Makes a token over the operator's socket, as `rmm token create` does.
///
/// # Errors
/// With what RMM answered instead.
pub async fn make_token(socket: &Path, body: &Value) -> Result<String> {
    let connection = crate::web::socket::call(socket).await;
    let connection = connection.with_context(|| format!("the socket {} does not answer", socket.display()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connection)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::post("/api/v1/tokens")
        .header("host", "rmm")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let answer = sender.send_request(request).await.context("RMM does not answer on its socket")?;
    let body = answer.into_body().collect().await.context("RMM's answer on its socket broke off")?.to_bytes();
    let answer: Value = serde_json::from_slice(&body).context("RMM's answer on its socket is not understood")?;
    answer["token"].as_str().map(str::to_owned).ok_or_else(|| anyhow!("RMM made no token: {}", answer["detail"]))
}

/// Something that RMM has just told.
#[derive(Debug, Clone)]
pub enum News {
    /// It is on the record.
    Happened {
        /// When.
        at: Timestamp,
        /// About which release.
        release: Option<i64>,
        /// About which run.
        run: Option<i64>,
        /// Who.
        actor: Actor,
        /// What.
        event: Box<Event>,
    },
    /// A step printed it.
    Printed {
        /// The run.
        run: i64,
        /// What.
        text: String,
    },
}

#[derive(Deserialize)]
struct Told {
    at: Timestamp,
    release: Option<i64>,
    run: Option<i64>,
    actor: Actor,
    kind: String,
    data: Value,
}

#[derive(Deserialize)]
struct Output {
    run: i64,
    text: String,
}

/// The event stream, which goes on where it was after a connection has ended.
pub struct Stream {
    api: Api,
    response: Option<reqwest::Response>,
    received: Vec<u8>,
    ready: VecDeque<News>,
    place: String,
}

impl Stream {
    /// The next piece of news. May be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// When RMM does not stream, or something that this version does not know.
    pub async fn next(&mut self) -> Result<News> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Ok(news);
            }
            let Some(response) = &mut self.response else {
                self.response = Some(self.connect().await?);
                self.received.clear();
                continue;
            };
            match response.chunk().await {
                Ok(Some(bytes)) => self.take(&bytes)?,
                Ok(None) | Err(_) => self.response = None,
            }
        }
    }

    async fn connect(&self) -> Result<reqwest::Response> {
        let url = format!("{}/api/v1/stream", self.api.base);
        let request = self.api.client.get(url).bearer_auth(&self.api.token).header("last-event-id", &self.place);
        let response = request.send().await.context("RMM's event stream does not answer")?;
        if !response.status().is_success() {
            bail!("RMM's event stream answered {}", response.status());
        }
        Ok(response)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        self.received.extend_from_slice(bytes);
        while let Some(end) = self.received.windows(2).position(|pair| pair == b"\n\n") {
            let message: Vec<u8> = self.received.drain(..end + 2).collect();
            self.message(&String::from_utf8_lossy(&message))?;
        }
        Ok(())
    }

    fn message(&mut self, text: &str) -> Result<()> {
        let (mut name, mut data) = ("", String::new());
        for line in text.lines() {
            match line.split_once(':').map(|(field, value)| (field, value.strip_prefix(' ').unwrap_or(value))) {
                Some(("event", value)) => name = value,
                Some(("data", value)) => data.push_str(value),
                Some(("id", value)) => value.clone_into(&mut self.place),
                Some(_) | None => {}
            }
        }
        if data.is_empty() {
            return Ok(());
        }
        let odd = || format!("RMM streamed a message that is not understood: {data}");
        self.ready.push_back(if name == "log" {
            let Output { run, text } = serde_json::from_str(&data).with_context(odd)?;
            News::Printed { run, text }
        } else {
            let Told { at, release, run, actor, kind, data: about } = serde_json::from_str(&data).with_context(odd)?;
            let event = serde_json::from_value(json!({ "kind": kind, "data": about })).with_context(odd)?;
            News::Happened { at, release, run, actor, event }
        });
        Ok(())
    }
}
