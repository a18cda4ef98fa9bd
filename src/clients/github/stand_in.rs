//! GitHub for tests: workflows that are dispatched, their runs and jobs, and what goes wrong on the way.

#![expect(dead_code, reason = "each suite that tells stories of GitHub needs another part of it")]

#[path = "stand_in/history.rs"]
mod history;
#[path = "stand_in/log.rs"]
pub mod log;
#[path = "stand_in/refs.rs"]
mod refs;
#[path = "stand_in/rules.rs"]
mod rules;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

// Tests of the whole program take this file from elsewhere.
#[path = "stand_in/marks.rs"]
pub mod marks;
use self::history::History;
use self::log::Log;
use self::refs::Refs;
use self::rules::Rules;

/// The commit of the default branch.
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the next dispatch meets.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The run is made, and the answer is lost.
    Ghost,
    /// Nothing is made, and the connection is cut.
    Cut,
    /// Nothing is made.
    Answer(u16, Value),
    /// The run is made, and the answer does not tell its id.
    WithoutId,
    /// The run is made, and something on the way answers this.
    Made(u16, Value),
}

/// A run of a workflow.
#[derive(Debug, Clone)]
pub struct Run {
    pub id: u64,
    pub workflow: String,
    pub inputs: Value,
    pub status: String,
    pub conclusion: Option<String>,
    pub attempt: u32,
    /// A job of it has begun.
    pub begun: bool,
    /// The lists and its own address show it.
    pub shown: bool,
    /// What it works with: a commit, and a branch or tag.
    pub sha: String,
    pub branch: String,
}

impl Run {
    fn new(id: u64, workflow: String, inputs: Value) -> Self {
        let status = "queued".into();
        Self {
            id,
            workflow,
            inputs,
            status,
            conclusion: None,
            attempt: 1,
            begun: false,
            shown: true,
            sha: SHA.into(),
            branch: "main".into(),
        }
    }
}

#[derive(Default)]
struct Inner {
    asked: u32,
    faults: VecDeque<Fault>,
    runs: Vec<Run>,
    cancelled: Vec<u64>,
    /// Everything is answered with this status.
    away: Option<u16>,
    calls: u32,
    marks: marks::Marks,
    history: History,
    log: Log,
    rules: Rules,
    refs: Refs,
}

/// A GitHub that listens on loopback until it is dropped.
pub struct StandIn {
    inner: Arc<Mutex<Inner>>,
    /// Its API.
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StandIn {
    pub async fn start() -> Self {
        let inner = Arc::<Mutex<Inner>>::default();
        let actions = "/repos/{owner}/{name}/actions";
        let router = Router::new()
            .route("/repos/{owner}/{name}", get(repository))
            .route(&format!("{actions}/workflows/{{workflow}}/dispatches"), post(dispatch))
            .route(&format!("{actions}/workflows/{{workflow}}/runs"), get(list))
            .route(&format!("{actions}/runs/{{id}}"), get(run))
            .route(&format!("{actions}/runs/{{id}}/jobs"), get(jobs))
            .route(&format!("{actions}/runs/{{id}}/cancel"), post(cancel))
            .merge(marks::router())
            .merge(history::routes())
            .merge(log::routes())
            .merge(rules::routes())
            .merge(refs::routes())
            .layer(axum::middleware::from_fn_with_state(inner.clone(), away))
            .with_state(inner.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { inner, url, task }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next dispatches meet, one after the other.
    pub fn dispatches_meet(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.extend(faults);
    }

    /// From now on dispatches meet nothing.
    pub fn dispatches_go_well(&self) {
        self.lock().faults.clear();
    }

    /// From now on every call is answered so; none: as usual.
    pub fn is_away(&self, status: Option<u16>) {
        self.lock().away = status;
    }

    /// How often a dispatch was asked for, and how many runs came of it.
    pub fn dispatched(&self) -> (u32, usize) {
        let inner = self.lock();
        (inner.asked, inner.runs.len())
    }

    /// How many calls there were.
    pub fn calls(&self) -> u32 {
        self.lock().calls
    }

    /// The runs, oldest first.
    pub fn runs(&self) -> Vec<Run> {
        self.lock().runs.clone()
    }

    /// The runs that were to be cancelled.
    pub fn cancelled(&self) -> Vec<u64> {
        self.lock().cancelled.clone()
    }

    /// A run is there that no dispatch of RMM's was answered with; its number.
    pub fn has_run(&self, inputs: Value) -> u64 {
        let mut inner = self.lock();
        let id = 7000 + inner.runs.len() as u64;
        inner.runs.push(Run::new(id, "deploy.yaml".into(), inputs));
        id
    }

    /// A run changes.
    pub fn change(&self, id: u64, change: impl FnOnce(&mut Run)) {
        let mut inner = self.lock();
        change(inner.runs.iter_mut().find(|run| run.id == id).unwrap());
    }

    /// A run ends after its job had begun.
    pub fn ends(&self, id: u64, conclusion: &str) {
        self.change(id, |run| {
            (run.status, run.conclusion, run.begun) = ("completed".into(), Some(conclusion.into()), true);
        });
    }

    /// A run ends in the queue.
    pub fn ends_unbegun(&self, id: u64, conclusion: &str) {
        self.change(id, |run| (run.status, run.conclusion) = ("completed".into(), Some(conclusion.into())));
    }
}

type Shared = State<Arc<Mutex<Inner>>>;

fn locked(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn away(State(inner): Shared, request: Request, next: axum::middleware::Next) -> Response {
    let status = {
        let mut inner = locked(&inner);
        inner.calls += 1;
        inner.away
    };
    match status {
        Some(status) => answer(status, json!({ "message": "away" })),
        None => next.run(request).await,
    }
}

fn answer(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

/// Headers, and then nothing.
fn cut() -> Response {
    let nothing = futures_util::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("cut")) });
    Response::new(Body::from_stream(nothing))
}

async fn repository(Path((owner, name)): Path<(String, String)>) -> Json<Value> {
    Json(
        json!({ "id": 1, "full_name": format!("{owner}/{name}"), "default_branch": "main", "private": true, "archived": false }),
    )
}

async fn dispatch(
    State(inner): Shared,
    Path((_, _, workflow)): Path<(String, String, String)>,
    Json(body): Json<Value>,
) -> Response {
    let mut inner = locked(&inner);
    inner.asked += 1;
    let fault = inner.faults.pop_front();
    match &fault {
        Some(Fault::Answer(status, body)) => return answer(*status, body.clone()),
        Some(Fault::Cut) => return cut(),
        Some(Fault::Ghost | Fault::WithoutId | Fault::Made(..)) | None => {}
    }
    let id = 7000 + inner.runs.len() as u64;
    inner.runs.push(Run::new(id, workflow, body["inputs"].clone()));
    match fault {
        Some(Fault::Ghost) => cut(),
        Some(Fault::WithoutId) => StatusCode::NO_CONTENT.into_response(),
        Some(Fault::Made(status, body)) => answer(status, body),
        Some(Fault::Cut | Fault::Answer(..)) | None => answer(
            200,
            json!({ "workflow_run_id": id, "run_url": format!("https://api.x/{id}"), "html_url": format!("https://x.example/runs/{id}") }),
        ),
    }
}

fn view(run: &Run) -> Value {
    json!({
        "id": run.id,
        "name": run.workflow,
        "display_title": format!("deploy {}", run.inputs["run_id"].as_str().unwrap_or_default()),
        "run_attempt": run.attempt,
        "run_number": run.id - 6999,
        "status": run.status,
        "conclusion": run.conclusion,
        "event": "workflow_dispatch",
        "head_sha": run.sha,
        "head_branch": run.branch,
        "path": format!(".github/workflows/{}", run.workflow),
        "html_url": format!("https://x.example/runs/{}", run.id),
        "created_at": "2100-01-01T00:00:00Z",
        "updated_at": "2100-01-01T00:00:00Z",
    })
}

async fn list(State(inner): Shared, Path((_, _, workflow)): Path<(String, String, String)>) -> Json<Value> {
    let inner = locked(&inner);
    let runs: Vec<_> = inner.runs.iter().rev().filter(|run| run.shown && run.workflow == workflow).map(view).collect();
    Json(json!({ "total_count": runs.len(), "workflow_runs": runs }))
}

async fn run(State(inner): Shared, Path((_, _, id)): Path<(String, String, u64)>) -> Response {
    let inner = locked(&inner);
    match inner.runs.iter().find(|run| run.id == id && run.shown) {
        Some(run) => answer(200, view(run)),
        None => answer(404, json!({ "message": "Not Found" })),
    }
}

async fn jobs(State(inner): Shared, Path((_, _, id)): Path<(String, String, u64)>) -> Response {
    let inner = locked(&inner);
    let Some(run) = inner.runs.iter().find(|run| run.id == id) else {
        return answer(404, json!({ "message": "Not Found" }));
    };
    let step = json!({ "name": "Deploy", "status": "completed", "conclusion": run.conclusion, "number": 1 });
    let begun = run.begun;
    let job = json!({
        "id": 1, "run_id": id, "run_attempt": run.attempt, "name": "deploy", "status": run.status, "conclusion": run.conclusion,
        "runner_id": if begun { json!(3) } else { Value::Null },
        "steps": if begun { json!([step]) } else { json!([]) },
    });
    let jobs = if run.conclusion.as_deref() == Some("startup_failure") { json!([]) } else { json!([job]) };
    answer(200, json!({ "total_count": jobs.as_array().map_or(0, Vec::len), "jobs": jobs }))
}

async fn cancel(State(inner): Shared, Path((_, _, id)): Path<(String, String, u64)>) -> Response {
    let mut inner = locked(&inner);
    inner.cancelled.push(id);
    match inner.runs.iter_mut().find(|run| run.id == id) {
        Some(run) if run.status == "completed" => {
            answer(409, json!({ "message": "Cannot cancel a workflow run that is completed." }))
        }
        Some(run) => {
            (run.status, run.conclusion) = ("completed".into(), Some("cancelled".into()));
            answer(202, json!({}))
        }
        None => answer(404, json!({ "message": "Not Found" })),
    }
}
