//! A peer for tests: answers on a loopback port what it is told to, as GitHub would, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{Credentials, GitHub, Settings};

pub(crate) const TOKEN: &str = "github_pat_hunter22";

/// A question as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `GET /repos/…?page=1`.
    pub line: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Asked {
    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.headers.get_all(name).iter().map(|value| value.to_str().expect("text").to_owned()).collect()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Says {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// Nothing, for ever.
    Never,
    /// The beginning, and then the end of the connection.
    Cut,
    /// A gigabyte.
    Endless,
}

pub(crate) fn says(status: u16, body: &Value) -> Reply {
    Reply::Says { status, headers: Vec::new(), body: body.to_string() }
}

pub(crate) fn refuses(status: u16, message: &str) -> Reply {
    says(status, &json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }))
}

pub(crate) fn nothing(status: u16) -> Reply {
    Reply::Says { status, headers: Vec::new(), body: String::new() }
}

impl Reply {
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        if let Self::Says { headers, .. } = &mut self {
            headers.push((name, value.to_string()));
        }
        self
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Peer {
    pub url: String,
    known: Arc<Mutex<Known>>,
}

struct Known {
    asked: Vec<Asked>,
    replies: HashMap<String, VecDeque<Reply>>,
    now: Timestamp,
    sent: usize,
}

impl Peer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let now = "2026-11-29T06:00:00Z".parse().unwrap();
        let known = Known { asked: Vec::new(), replies: HashMap::new(), now, sent: 0 };
        let peer = Self { url, known: Arc::new(Mutex::new(known)) };
        let router = Router::new().fallback(asked).with_state(peer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        peer
    }

    /// The same with another address for the client.
    pub fn at(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// The client under test.
    pub fn client(&self) -> GitHub {
        self.client_as(Credentials::Token(SecretString::from(TOKEN)))
    }

    pub fn client_as(&self, credentials: Credentials) -> GitHub {
        GitHub::new(self.settings(credentials)).unwrap()
    }

    pub fn settings(&self, credentials: Credentials) -> Settings {
        let known = self.known.clone();
        let now = Arc::new(move || known.lock().unwrap().now);
        Settings { api_url: self.url.clone(), credentials, ca: None, now }
    }

    /// The next question of this kind (`GET /repos/a/b`) is answered like this; the last answer stays.
    pub fn answers(&self, line: &str, reply: Reply) {
        self.known.lock().unwrap().replies.entry(line.to_owned()).or_default().push_back(reply);
    }

    /// Questions of this kind are answered like this from now on, whatever was said before.
    pub fn answers_instead(&self, line: &str, reply: Reply) {
        self.known.lock().unwrap().replies.insert(line.to_owned(), VecDeque::from([reply]));
    }

    pub fn now(&self) -> Timestamp {
        self.known.lock().unwrap().now
    }

    pub fn set_time(&self, now: Timestamp) {
        self.known.lock().unwrap().now = now;
    }

    /// What it was asked so far, all of it.
    pub fn asked(&self) -> Vec<Asked> {
        self.known.lock().unwrap().asked.clone()
    }

    /// The same, `GET /repos/…` each.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// Megabytes of endless answers that were taken from it.
    pub fn megabytes_sent(&self) -> usize {
        self.known.lock().unwrap().sent
    }
}

async fn asked(State(peer): State<Peer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let line = format!("{} {path}", parts.method);
    let kind = line.split('?').next().unwrap().to_owned();
    let reply = {
        let mut known = peer.known.lock().unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        known.asked.push(Asked { line, headers: parts.headers, body });
        let replies = known.replies.get_mut(&kind);
        replies.and_then(|all| if all.len() > 1 { all.pop_front() } else { all.front().cloned() })
    };
    match reply.unwrap_or_else(|| refuses(404, "Not Found")) {
        Reply::Says { status, headers, body } => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                response.headers_mut().append(HeaderName::from_static(name), value.parse().unwrap());
            }
            response
        }
        Reply::Never => std::future::pending().await,
        Reply::Cut => {
            let parts = [Ok(Bytes::from_static(b"{\"workflow_run_id\": 1")), Err(std::io::Error::other("cut"))];
            Response::new(Body::from_stream(stream::iter(parts)))
        }
        Reply::Endless => {
            let megabytes = stream::iter(0..1024).map(move |_| {
                peer.known.lock().unwrap().sent += 1;
                Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1024 * 1024]))
            });
            Response::new(Body::from_stream(megabytes))
        }
    }
}
