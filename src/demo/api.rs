//! The demo as a user of RMM: what the event stream tells, and the pages of the released service.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::sandbox::Site;
use crate::api_client::sse::{Message, Reader};
use crate::api_client::{Call, Client, Fault};
use crate::contract::{EventView, PrintedView};
use crate::domain::event::Event;
use crate::domain::person::Actor;

/// How long a page of the guestbook may take.
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// What an environment of the guestbook answers right now.
///
/// # Errors
/// When it does not answer, or with something else than a guestbook would.
pub async fn served(site: &Site) -> Result<Served> {
    let (status, health) = page(site, "/health").await?;
    let health: Health = serde_json::from_str(&health).context("the health of the guestbook is not understood")?;
    let (_, version) = page(site, "/version").await?;
    let (_, page) = page(site, "/").await?;
    let guests = page.split("<li>").skip(1).filter_map(|rest| rest.split("</li>").next());
    Ok(Served {
        health: status,
        version: version.trim().to_owned(),
        schema: health.schema,
        problem: health.problem,
        guests: guests.map(str::to_owned).collect(),
    })
}

async fn page(site: &Site, path: &str) -> Result<(u16, String)> {
    let url = format!("{}{path}", site.url());
    // A proxy that the machine may use for the world outside must not be asked for this one.
    let client = reqwest::Client::builder().no_proxy().timeout(PAGE_TIMEOUT).build();
    let answer = client.context("the HTTP client cannot be set up")?.get(&url).send().await;
    let answer = answer.with_context(|| format!("{url} does not answer"))?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.with_context(|| format!("the answer of {url} broke off"))?))
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

impl News {
    fn of(message: &Message) -> Result<Self, serde_json::Error> {
        if message.event == "log" {
            let PrintedView { run, text, .. } = serde_json::from_str(&message.data)?;
            return Ok(Self::Printed { run, text });
        }
        let told: EventView = serde_json::from_str(&message.data)?;
        let event = serde_json::from_value(json!({ "kind": told.kind, "data": told.data }))?;
        let actor = serde_json::from_value(told.actor)?;
        Ok(Self::Happened { at: told.at.unwrap_or_default(), release: told.release, run: told.run, actor, event })
    }
}

/// Every event from the beginning of the record, and the output of every step. It goes on where it was after a
/// connection has ended.
pub struct Stream {
    client: Arc<Client>,
    pieces: Option<BoxStream<'static, Result<Bytes, axum::Error>>>,
    reader: Reader,
    ready: VecDeque<News>,
    place: String,
}

impl Stream {
    /// With the rights of this client.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { client, pieces: None, reader: Reader::default(), ready: VecDeque::new(), place: "0-0".into() }
    }

    /// The next piece of news. May be dropped and called again: nothing is lost.
    ///
    /// # Errors
    /// When RMM does not stream, or something that this version does not know.
    pub async fn next(&mut self) -> Result<News> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Ok(news);
            }
            let Some(pieces) = &mut self.pieces else {
                self.pieces = Some(self.connect().await.context("RMM's event stream does not answer")?);
                self.reader = Reader::default();
                continue;
            };
            let Some(Ok(piece)) = pieces.next().await else {
                self.pieces = None;
                continue;
            };
            for message in self.reader.take(&piece) {
                let news = News::of(&message);
                let odd = || format!("RMM streamed a message that is not understood: {}", message.data);
                self.ready.push_back(news.with_context(odd)?);
                self.place = message.id;
            }
        }
    }

    async fn connect(&self) -> Result<BoxStream<'static, Result<Bytes, axum::Error>>, Fault> {
        self.client.bytes(Call::stream("/api/v1/stream", Some(self.place.clone()))).await
    }
}
