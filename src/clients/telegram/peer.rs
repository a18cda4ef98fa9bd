//! A peer for tests: answers on a loopback port as the Bot API does, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Telegram;
use super::turns::SinceStart;
pub(crate) use super::turns::Time;

pub(crate) const TOKEN: &str = "123456:AAF7-g0gYncWnm5IyfZlpPRqRRv6kNAGlao";

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Peer {
    inner: Arc<Inner>,
}

struct Inner {
    url: String,
    state: Mutex<Known>,
    /// Grows with everything that happens.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Known {
    calls: Vec<(String, Value)>,
    answers: HashMap<String, VecDeque<(u16, String)>>,
    updates: Vec<Value>,
    messages: i64,
    away: bool,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let peer = Self { inner: Arc::new(Inner { url, state: Mutex::default(), changed: watch::Sender::new(0) }) };
        let router = Router::new().route("/{bot}/{method}", axum::routing::post(called)).with_state(peer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        peer
    }

    /// The client under test.
    pub(crate) fn client(&self) -> Telegram {
        self.client_by(Arc::new(SinceStart::now()))
    }

    /// The client under test, by this time.
    pub(crate) fn client_by(&self, time: Arc<dyn Time>) -> Telegram {
        Telegram::with_time(&SecretString::from(TOKEN), &self.inner.url, time).unwrap()
    }

    /// From now on, every call comes to nothing, or does something again. How many came before.
    pub(crate) fn is_away(&self, away: bool) -> usize {
        let mut state = self.inner.state.lock().unwrap();
        state.away = away;
        state.calls.iter().filter(|(method, _)| method != "getupdates").count()
    }

    /// The next call of a method is refused like this.
    pub(crate) fn refuses(&self, method: &str, status: u16, description: &str, parameters: Value) {
        let mut answer = json!({"ok": false, "error_code": status, "description": description});
        if !parameters.is_null() {
            answer["parameters"] = parameters;
        }
        self.answers(method, status, answer.to_string());
    }

    /// The next call of a method is answered with this text.
    pub(crate) fn answers(&self, method: &str, status: u16, text: String) {
        let mut state = self.inner.state.lock().unwrap();
        state.answers.entry(method.to_lowercase()).or_default().push_back((status, text));
        drop(state);
        self.change();
    }

    /// Something has happened to the bot.
    pub(crate) fn push(&self, update: Value) {
        self.inner.state.lock().unwrap().updates.push(update);
        self.change();
    }

    /// What was called so far, with the names of methods in lower case, apart from questions for updates.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.all_calls().into_iter().filter(|(method, _)| method != "getupdates").collect()
    }

    pub(crate) fn all_calls(&self) -> Vec<(String, Value)> {
        self.inner.state.lock().unwrap().calls.clone()
    }

    /// Updates that are not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.inner.state.lock().unwrap().updates.len()
    }

    /// Waits until something is so.
    pub(crate) async fn until(&self, mut so: impl FnMut(&Self) -> bool) {
        let mut changed = self.inner.changed.subscribe();
        changed.wait_for(|_| so(self)).await.unwrap();
    }

    fn change(&self) {
        self.inner.changed.send_modify(|count| *count += 1);
    }

    fn canned(&self, method: &str) -> Option<(u16, String)> {
        self.inner.state.lock().unwrap().answers.get_mut(method)?.pop_front()
    }

    /// As Telegram: those before `offset` are forgotten, and the answer waits until there is one.
    async fn updates(&self, ask: &Value) -> (u16, String) {
        let offset = ask["offset"].as_i64();
        if let Some(offset) = offset {
            let mut state = self.inner.state.lock().unwrap();
            state.updates.retain(|update| update["update_id"].as_i64().is_none_or(|id| id >= offset));
            drop(state);
            self.change();
        }
        let mut changed = self.inner.changed.subscribe();
        loop {
            if let Some(canned) = self.canned("getupdates") {
                return canned;
            }
            let updates = self.inner.state.lock().unwrap().updates.clone();
            if !updates.is_empty() || ask["timeout"] == 0 {
                return (200, json!({"ok": true, "result": updates}).to_string());
            }
            changed.changed().await.unwrap();
        }
    }
}

async fn called(State(peer): State<Peer>, Path((bot, method)): Path<(String, String)>, body: String) -> Response {
    assert_eq!(bot, format!("bot{TOKEN}"));
    let method = method.to_lowercase();
    let ask: Value = serde_json::from_str(&body).unwrap();
    let (number, away) = {
        let mut state = peer.inner.state.lock().unwrap();
        state.calls.push((method.clone(), ask.clone()));
        state.messages += i64::from(method == "sendmessage" && !state.away);
        (state.messages, state.away)
    };
    peer.change();
    let (status, text) = if away {
        (200, "<html>Please log in to the network</html>".to_owned())
    } else if method == "getupdates" {
        peer.updates(&ask).await
    } else if let Some(canned) = peer.canned(&method) {
        canned
    } else {
        let result = match method.as_str() {
            "sendmessage" | "editmessagetext" => json!({"message_id": number, "something": "new"}),
            "getme" => json!({"id": 123_456, "is_bot": true, "first_name": "RMM", "username": "rmm_bot"}),
            _ => json!(true),
        };
        (200, json!({"ok": true, "result": result}).to_string())
    };
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}
