//! Taps on the bot's buttons, a hundred a second by a hundred people: from the moment Telegram has one until the answer
//! to it arrives. Every tap is a vote, so it is on disk before it is answered.

use std::convert::Infallible;
use std::fmt::Write;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::http::{self, Connection};
use crate::machine;
use crate::server::Server;
use crate::table::{Latencies, Table};

const PEOPLE: i64 = 100;
/// Between two taps.
const PAUSE: Duration = Duration::from_millis(10);
const WARM_UP: usize = 200;
const TAPS: usize = 1500;
/// Longer than that, something is broken.
const TIMEOUT: Duration = Duration::from_secs(30);
const TOKEN: &str = "1:bench";
const BOT: i64 = 1;

/// As much of Telegram as a bot needs that is tapped.
#[derive(Default)]
struct Telegram {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    updates: Vec<(i64, Value)>,
    /// When each tap was there, and when it was answered.
    taps: Vec<(Instant, Option<Instant>)>,
    /// Answers in a box: something went wrong.
    alerts: Vec<String>,
    edits: usize,
}

impl Telegram {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let result = work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_waiters();
        result
    }

    fn tap(&self, person: i64, data: &str) {
        let who = json!({ "id": 1000 + person, "is_bot": false, "first_name": "P" });
        let chat = json!({ "id": 1000 + person, "type": "private", "first_name": "P" });
        let bot = json!({ "id": BOT, "is_bot": true, "first_name": "RMM", "username": "rmm_bot" });
        let message = json!({ "message_id": 1, "date": 1, "chat": chat, "from": bot, "text": "a card" });
        self.with(|state| {
            let number = state.taps.len();
            let query = json!({
                "id": number.to_string(), "from": who, "chat_instance": "1", "data": data, "message": message,
            });
            let id = 1 + number as i64;
            state.updates.push((id, json!({ "update_id": id, "callback_query": query })));
            state.taps.push((Instant::now(), None));
        });
    }

    async fn call(&self, method: &str, args: &Value) -> Value {
        match method {
            "getme" => json!({ "id": BOT, "is_bot": true, "first_name": "RMM", "username": "rmm_bot" }),
            "getupdates" => self.updates(args).await,
            "sendmessage" => json!({ "message_id": 2 }),
            "editmessagetext" => {
                self.with(|state| state.edits += 1);
                json!(true)
            }
            "answercallbackquery" => {
                let number = args["callback_query_id"].as_str().and_then(|id| id.parse::<usize>().ok());
                let now = Instant::now();
                self.with(|state| {
                    if args["show_alert"] == true {
                        state.alerts.push(args["text"].as_str().unwrap_or_default().to_owned());
                    }
                    if let Some(tap) = number.and_then(|number| state.taps.get_mut(number)) {
                        tap.1.get_or_insert(now);
                    }
                });
                json!(true)
            }
            _ => json!(true),
        }
    }

    async fn updates(&self, args: &Value) -> Value {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(args["timeout"].as_u64().unwrap_or(0));
        let done = args["offset"].as_i64().unwrap_or(0);
        loop {
            let changed = self.changed.notified();
            let found: Vec<_> = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.updates.retain(|(id, _)| *id >= done);
                state.updates.iter().take(100).map(|(_, update)| update.clone()).collect()
            };
            if !found.is_empty() || tokio::time::timeout_at(deadline, changed).await.is_err() {
                return found.into();
            }
        }
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let telegram = self.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let service = service_fn(|request| telegram.answer(request));
                let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let _ = served.await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_lowercase();
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let args = serde_json::from_slice(&body).unwrap_or_default();
        let answer = json!({ "ok": true, "result": self.call(&method, &args).await });
        Ok(Response::new(Full::from(answer.to_string())))
    }

    /// Taps at an even pace and waits for all answers; from each tap to its answer.
    async fn load(&self, taps: usize, data: &str) -> anyhow::Result<Latencies> {
        let first = self.with(|state| state.taps.len());
        let mut ticks = tokio::time::interval(PAUSE);
        for number in 0..taps {
            ticks.tick().await;
            self.tap(number as i64 % PEOPLE, data);
        }
        let begun = Instant::now();
        while self.with(|state| state.taps.iter().any(|tap| tap.1.is_none())) {
            ensure!(begun.elapsed() < TIMEOUT, "not every tap was answered");
            tokio::time::sleep(PAUSE).await;
        }
        let mut latencies = Latencies::default();
        self.with(|state| {
            let pairs = state.taps[first..].iter().filter_map(|(at, answered)| Some((*at, (*answered)?)));
            pairs.for_each(|(at, answered)| latencies.add(answered.duration_since(at)));
        });
        Ok(latencies)
    }
}

pub fn measure(table: &mut Table) -> anyhow::Result<()> {
    let directory = tempfile::Builder::new().prefix("bot-").tempdir_in(machine::directory())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let telegram = Arc::new(Telegram::default());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(telegram.clone().serve(listener));
    fs::write(directory.path().join("token"), TOKEN)?;

    let server = Server::start(directory.path(), &configuration(&format!("http://{address}"))?)?;
    let data = release_that_waits(&server)?;
    let before = server.cpu()?;
    let (mut latencies, edits) = runtime.block_on(async {
        telegram.load(WARM_UP, &data).await?;
        let latencies = telegram.load(TAPS, &data).await?;
        let alert = telegram.with(|state| state.alerts.pop());
        ensure!(alert.is_none(), "a tap was refused: {}", alert.unwrap_or_default());
        anyhow::Ok((latencies, telegram.with(|state| state.edits)))
    })?;
    let cpu = (server.cpu()? - before).as_secs_f64() * 1e6 / (WARM_UP + TAPS) as f64;

    let p99 = latencies.percentile(0.99);
    table.target("Telegram: tap → answer, 100 taps a second", latencies.text(), "p99 < 50 ms", p99 < 50.0);
    table.note("  processor time of the server", format!("{cpu:.0} µs each; {edits} messages edited meanwhile"));
    Ok(())
}

/// No vote is the last: one more is needed than there are people who tap.
fn configuration(api: &str) -> anyhow::Result<String> {
    let mut text = format!(
        "[telegram]\ntoken = \"file:token\"\napi_url = \"{api}\"\nchat = -1001\n\
         [[services]]\nname = \"app\"\napprovals.minimum = {}\napprovals.required = [",
        PEOPLE + 1
    );
    for number in 0..=PEOPLE {
        write!(text, "\"person-{number}\", ")?;
    }
    text.push_str("]\nenvironments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n");
    for number in 0..=PEOPLE {
        let id = 1000 + number;
        write!(text, "[[people]]\nname = \"person-{number}\"\nrole = \"member\"\ntelegram_id = {id}\n")?;
    }
    Ok(text)
}

/// The data of the button that approves it.
fn release_that_waits(server: &Server) -> anyhow::Result<String> {
    let token = server.token("ci")?;
    let mut ci = Connection::tcp(server.address)?;
    let mut ask = |method: &str, path: &str, body: &Value| -> anyhow::Result<Value> {
        let answer = ci.call(&http::request(method, path, &token, &body.to_string()))?;
        serde_json::from_slice(answer).context("the answer is not JSON")
    };
    let run = json!({ "id": "1" });
    let body = json!({
        "service": "app", "tag": "v1", "commit": format!("{:040x}", 1), "initiated_by": "ci", "ci_run": run,
    });
    let id = ask("POST", "/api/v1/releases", &body)?["id"].as_i64().context("no number")?;
    let path = format!("/api/v1/releases/{id}");
    for status in ["stage_building", "stage_test_rollback"] {
        ask("PATCH", &path, &json!({ "status": status, "ci_run": run }))?;
    }
    let now = server.operator()?.json("GET", &path, "")?;
    ensure!(now["status"] == "manual_testing", "the release is {}", now["status"]);
    Ok(format!("d.{id}.{}.a", now["revision"]))
}
