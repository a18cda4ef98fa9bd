//! Runs that wait for the protection rule of an environment, and the App whose rule it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Fault, Inner, Run, Shared, StandIn, answer, cut, locked, view};

/// What a rule has said to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    pub run: u64,
    /// `approved`, `rejected`, or only a comment.
    pub state: Option<String>,
    pub comment: String,
}

#[derive(Default)]
pub(super) struct Rules {
    /// The environment that each run waits for.
    pending: BTreeMap<u64, String>,
    ruled: Vec<Ruled>,
    faults: VecDeque<Fault>,
}

impl StandIn {
    /// A run that RMM has not asked for begins, and waits for an environment.
    pub fn starts(&self, sha: &str, branch: &str, environment: &str) -> u64 {
        let mut inner = self.lock();
        let id = 9000 + inner.runs.len() as u64;
        inner.runs.push(Run {
            id,
            workflow: "on-tag.yaml".into(),
            inputs: Value::Null,
            status: "waiting".into(),
            conclusion: None,
            attempt: 1,
            begun: false,
            shown: true,
            sha: sha.into(),
            branch: branch.into(),
        });
        inner.rules.pending.insert(id, environment.to_owned());
        id
    }

    /// A run that is there waits for an environment.
    pub fn waits(&self, id: u64, environment: &str) {
        self.change(id, |run| run.status = "waiting".into());
        self.lock().rules.pending.insert(id, environment.to_owned());
    }

    /// What the rule has said, oldest first.
    pub fn ruled(&self) -> Vec<Ruled> {
        self.lock().rules.ruled.clone()
    }

    /// What the next answers of the rule meet, one after the other.
    pub fn answers_meet(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().rules.faults.extend(faults);
    }
}

pub(super) fn routes() -> Router<Arc<Mutex<Inner>>> {
    let runs = "/repos/{owner}/{name}/actions/runs";
    Router::new()
        .route(runs, get(list))
        .route(&format!("{runs}/{{id}}/pending_deployments"), get(pending))
        .route(&format!("{runs}/{{id}}/deployment_protection_rule"), post(rule))
        .route("/repos/{owner}/{name}/installation", get(|| async { Json(json!({ "id": 42 })) }))
        .route("/app/installations/42/access_tokens", post(token))
}

async fn token() -> Response {
    answer(201, json!({ "token": "a-token-of-the-app", "expires_at": "2100-01-01T00:00:00Z", "permissions": {} }))
}

async fn list(State(inner): Shared, Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    let inner = locked(&inner);
    let wanted = query.get("status");
    let fits = |run: &&Run| run.shown && wanted.is_none_or(|status| *status == run.status);
    let runs: Vec<_> = inner.runs.iter().rev().filter(fits).map(view).collect();
    Json(json!({ "total_count": runs.len(), "workflow_runs": runs }))
}

async fn pending(State(inner): Shared, Path((_, _, id)): Path<(String, String, u64)>) -> Json<Value> {
    let inner = locked(&inner);
    let one = |name: &String| {
        json!({
            "environment": { "id": 1, "name": name }, "wait_timer": 0, "wait_timer_started_at": null,
            "current_user_can_approve": false, "reviewers": [],
        })
    };
    Json(inner.rules.pending.get(&id).into_iter().map(one).collect())
}

async fn rule(
    State(inner): Shared,
    Path((_, _, id)): Path<(String, String, u64)>,
    Json(body): Json<Value>,
) -> Response {
    let mut inner = locked(&inner);
    let fault = inner.rules.faults.pop_front();
    match &fault {
        Some(Fault::Answer(status, body)) => return answer(*status, body.clone()),
        Some(Fault::Cut) => return cut(),
        Some(Fault::Ghost | Fault::WithoutId | Fault::Made(..)) | None => {}
    }
    let named = body["environment_name"].as_str();
    if inner.rules.pending.get(&id).map(String::as_str) != named {
        return answer(422, json!({ "message": "no such deployment waits" }));
    }
    let state = body["state"].as_str().map(ToOwned::to_owned);
    if let Some(state) = &state {
        inner.rules.pending.remove(&id);
        let run = inner.runs.iter_mut().find(|run| run.id == id).unwrap();
        let (status, conclusion) =
            if state == "approved" { ("in_progress", None) } else { ("completed", Some("failure".to_owned())) };
        (run.status, run.conclusion) = (status.into(), conclusion);
    }
    let comment = body["comment"].as_str().unwrap_or_default().to_owned();
    inner.rules.ruled.push(Ruled { run: id, state, comment });
    if matches!(fault, Some(Fault::Ghost)) { cut() } else { StatusCode::NO_CONTENT.into_response() }
}
