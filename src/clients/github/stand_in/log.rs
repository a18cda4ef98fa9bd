//! Webhooks, and the log of what they have delivered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::{Inner, Shared, StandIn, answer, locked};

/// A delivery, or an attempt at one.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub id: u64,
    pub guid: String,
    /// As GitHub writes it.
    pub at: String,
    /// What was answered; 0 for nothing.
    pub status: u16,
    pub event: String,
    pub payload: Value,
}

#[derive(Default)]
pub(super) struct Log {
    /// Where the webhook delivers to.
    hook: Option<String>,
    /// Webhooks are not for this token: this status.
    refused: Option<u16>,
    /// The oldest first.
    delivered: Vec<Delivered>,
    /// The deliveries that were asked for one by one.
    fetched: Vec<u64>,
}

impl StandIn {
    /// The repositories have a webhook that delivers to an address.
    pub fn has_hook(&self, url: &str) {
        self.lock().log.hook = Some(url.to_owned());
    }

    /// The repositories have no webhook.
    pub fn has_no_hook(&self) {
        self.lock().log.hook = None;
    }

    /// Questions about webhooks are answered with this status; none: as usual.
    pub fn refuses_hooks(&self, status: Option<u16>) {
        self.lock().log.refused = status;
    }

    /// Something was delivered, or should have been.
    pub fn delivers(&self, delivered: Delivered) {
        self.lock().log.delivered.push(delivered);
    }

    /// The deliveries that were asked for one by one.
    pub fn fetched(&self) -> Vec<u64> {
        self.lock().log.fetched.clone()
    }
}

pub(super) fn routes() -> Router<Arc<Mutex<Inner>>> {
    let hooks = "/repos/{owner}/{name}/hooks";
    Router::new()
        .route(hooks, get(list_hooks))
        .route(&format!("{hooks}/5/deliveries"), get(list))
        .route(&format!("{hooks}/5/deliveries/{{id}}"), get(one_of_repository))
        .route("/app/hook/deliveries", get(list))
        .route("/app/hook/deliveries/{id}", get(one_of_app))
}

async fn list_hooks(State(inner): Shared) -> Response {
    let inner = locked(&inner);
    if let Some(status) = inner.log.refused {
        return answer(status, json!({ "message": "Resource not accessible by personal access token" }));
    }
    let hook = |url: &String| json!({ "id": 5, "active": true, "events": ["push"], "config": { "url": url } });
    answer(200, inner.log.hook.iter().map(hook).collect())
}

fn view(delivered: &Delivered) -> Value {
    json!({
        "id": delivered.id, "guid": delivered.guid, "delivered_at": delivered.at, "redelivery": false, "duration": 0.1,
        "status": if delivered.status == 200 { "OK" } else { "failed" }, "status_code": delivered.status,
        "event": delivered.event, "action": delivered.payload["action"].as_str(), "installation_id": null, "repository_id": 1,
    })
}

async fn list(State(inner): Shared, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let inner = locked(&inner);
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (from, count) = (number("cursor").unwrap_or(0), number("per_page").unwrap_or(30));
    let page: Value = inner.log.delivered.iter().rev().skip(from).take(count).map(view).collect();
    let mut response = answer(200, page);
    if inner.log.delivered.len() > from + count {
        let next = format!("<https://api.x/?cursor={}>; rel=\"next\"", from + count);
        response.headers_mut().insert("link", next.parse().unwrap());
    }
    response
}

async fn one_of_repository(inner: Shared, Path((_, _, id)): Path<(String, String, u64)>) -> Response {
    one(&inner, id)
}

async fn one_of_app(inner: Shared, Path(id): Path<u64>) -> Response {
    one(&inner, id)
}

fn one(inner: &Mutex<Inner>, id: u64) -> Response {
    let mut inner = locked(inner);
    inner.log.fetched.push(id);
    let Some(found) = inner.log.delivered.iter().find(|delivered| delivered.id == id) else {
        return answer(404, json!({ "message": "Not Found" })).into_response();
    };
    let mut whole = view(found);
    whole["request"] = json!({ "headers": {}, "payload": found.payload });
    answer(200, whole)
}
