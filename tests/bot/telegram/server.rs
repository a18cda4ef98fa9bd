//! The Bot API over HTTP: reads calls, breaks those that a story wants broken, waits for getUpdates, feeds the webhook.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::methods::{Refusal, number};
use super::state::Call;
use super::{Fault, Inner, TOKEN, rules};

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer")]
pub struct NoAnswer;

type Args = Map<String, Value>;

/// Serves until it is aborted.
pub async fn serve(inner: Arc<Inner>, listener: TcpListener) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let inner = inner.clone();
        connections.spawn(async move {
            let service = service_fn(|request| handle(&inner, request));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn handle(inner: &Inner, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let header = request.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let kind = header.unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let Some((token, name)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return Ok(response(Err(Refusal::new(404, "Not Found"))));
    };
    if token != TOKEN {
        return Ok(response(Err(Refusal::new(401, "Unauthorized"))));
    }
    let Some(method) = rules::method(name) else {
        inner.change(|state| state.violations.push(format!("{name} is no method that this Telegram knows")));
        return Ok(response(Err(Refusal::new(404, "Not Found"))));
    };
    let args = arguments(&kind, &body, &query);
    // When a call began matters for how fast they come.
    let at = std::time::Instant::now();
    let result = answer(inner, method, &args).await;
    let (status, description) = match &result {
        Ok(Ok(_)) => (200, String::new()),
        Ok(Err(refusal)) => (refusal.status, refusal.description.clone()),
        Err(NoAnswer) => (0, String::new()),
    };
    inner.change(|state| {
        state.calls.push(Call { at, method: method.to_owned(), args: args.into(), status, description });
    });
    result.map(response)
}

async fn answer(inner: &Inner, method: &str, args: &Args) -> Result<Result<Value, Refusal>, NoAnswer> {
    let fault = inner.change(|state| {
        let hit = |of: &str| of == method || (of == "*" && method != "getUpdates");
        let index = state.faults.iter().position(|(of, _)| hit(of))?;
        Some(state.faults.remove(index).1)
    });
    let refused = match &fault {
        Some(Fault::TooFast(seconds)) => Some(Refusal::too_fast(*seconds)),
        Some(Fault::Status(status, description)) => Some(Refusal::new(*status, description.clone())),
        Some(Fault::Moved(to)) => Some(Refusal::moved(*to)),
        Some(Fault::Drop) => return Err(NoAnswer),
        Some(Fault::Delay(time)) => {
            tokio::time::sleep(*time).await;
            None
        }
        Some(Fault::Ghost) | None => None,
    };
    if let Some(refusal) = refused {
        return Ok(Err(refusal));
    }
    let result = match inner.change(|state| state.check(method, args)) {
        Err(refusal) => Err(refusal),
        Ok(()) if method == "getUpdates" => updates(inner, args).await,
        Ok(()) => inner.change(|state| state.call(method, args)),
    };
    if fault == Some(Fault::Ghost) { Err(NoAnswer) } else { Ok(result) }
}

/// getUpdates: what comes before the offset is done with; the rest comes at once, or as soon as there is something.
async fn updates(inner: &Inner, args: &Args) -> Result<Value, Refusal> {
    let conflict = |why: &str| Refusal::new(409, format!("Conflict: {why}"));
    let limit = number(args, "limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100).clamp(1, 100);
    let mine = inner.change(|state| {
        if state.webhook.is_some() {
            return Err(conflict(
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            ));
        }
        state.allow(args);
        match number(args, "offset").unwrap_or(0) {
            0 => {}
            offset if offset > 0 => state.updates.retain(|(id, _)| *id >= offset),
            from_end => {
                let keep = usize::try_from(-from_end).unwrap_or(0);
                let gone = state.updates.len().saturating_sub(keep);
                state.updates.drain(..gone);
            }
        }
        state.poll += 1;
        Ok(state.poll)
    })?;
    let timeout = Duration::from_secs(number(args, "timeout").and_then(|s| u64::try_from(s).ok()).unwrap_or(0).min(50));
    let found = inner
        .wait(Instant::now() + timeout, |state| {
            if state.poll != mine {
                let other = "terminated by other getUpdates request; make sure that only one bot instance is running";
                return Some(Err(conflict(other)));
            }
            if state.webhook.is_some() {
                return Some(Err(conflict("terminated by setWebhook request")));
            }
            Some(state.deliverable(limit)).filter(|updates| !updates.is_empty()).map(Ok)
        })
        .await;
    found.unwrap_or_else(|| Ok(Vec::new())).map(Value::from)
}

/// Delivers updates to the webhook, one after the other, each until it is taken.
pub async fn feed(inner: Arc<Inner>) {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    loop {
        let ready = inner.wait_long(|state| {
            let webhook = state.webhook.clone()?;
            Some((webhook, state.webhook_goes_to?, state.deliverable(1).pop()?))
        });
        let (webhook, to, update) = ready.await;
        let path = webhook.url.trim_start_matches("https://").split_once('/').map_or("", |(_, path)| path);
        let mut request = client.post(format!("http://{to}/{path}")).json(&update);
        if let Some(secret) = &webhook.secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        let error = match request.send().await {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("Wrong response from the webhook: {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let failed = error.is_some();
        inner.change(|state| {
            if let Some(webhook) = &mut state.webhook {
                webhook.last_error = error;
            }
            let first = state.updates.front().is_some_and(|(_, first)| *first == update);
            if !failed && first {
                state.updates.pop_front();
            }
        });
        if failed {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn response(result: Result<Value, Refusal>) -> Response<Full<Bytes>> {
    let (status, body) = match result {
        Ok(result) => (200, json!({ "ok": true, "result": result })),
        Err(refusal) => {
            let mut body = json!({ "ok": false, "error_code": refusal.status, "description": refusal.description });
            if let Some(parameters) = refusal.parameters {
                body["parameters"] = parameters;
            }
            (refusal.status, body)
        }
    };
    // What stands before Telegram has no JSON to say that Telegram is away.
    let text = if status == 502 { "<html><h1>502 Bad Gateway</h1></html>".to_owned() } else { body.to_string() };
    let kind = if status == 502 { "text/html" } else { "application/json" };
    Response::builder().status(status).header("content-type", kind).body(Full::from(text)).unwrap()
}

/// The fields of a call: JSON, or a form whose values are text or JSON.
fn arguments(kind: &str, body: &[u8], query: &str) -> Args {
    let body = String::from_utf8_lossy(body);
    let mut args: Args = if kind.starts_with("application/json") {
        serde_json::from_str(&body).unwrap_or_default()
    } else if let Some((_, boundary)) = kind.split_once("boundary=") {
        multipart(&body, boundary.trim_matches('"'))
    } else {
        pairs(if body.is_empty() { query } else { &body })
    };
    args.retain(|_, value| !value.is_null());
    args
}

fn multipart(body: &str, boundary: &str) -> Args {
    let part = |part: &str| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let name = head.split_once("name=\"")?.1.split('"').next()?;
        Some((name.to_owned(), form_value(value.strip_suffix("\r\n").unwrap_or(value))))
    };
    body.split(&format!("--{boundary}")).filter_map(part).collect()
}

fn pairs(query: &str) -> Args {
    let address = reqwest::Url::parse(&format!("http://form/?{query}")).unwrap();
    address.query_pairs().map(|(key, value)| (key.into_owned(), form_value(&value))).collect()
}

fn form_value(value: &str) -> Value {
    let json = value.starts_with(['[', '{', '-']) || value.parse::<i64>().is_ok() || matches!(value, "true" | "false");
    json.then(|| serde_json::from_str(value).ok()).flatten().unwrap_or_else(|| value.into())
}
