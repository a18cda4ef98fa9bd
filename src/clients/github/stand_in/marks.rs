//! What RMM leaves at GitHub for those who look.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::{Method, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, patch, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Inner, Shared, StandIn, answer, cut, locked};

/// A deployment.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// How it was made.
    pub made: Value,
    /// Its statuses, oldest first.
    pub statuses: Vec<Value>,
}

#[derive(Default)]
pub(super) struct Marks {
    deployments: Vec<Deployment>,
    /// Commit and status.
    statuses: Vec<(String, Value)>,
    /// Pull request and text; none: it was deleted.
    comments: Vec<(u64, Option<String>)>,
    /// How often a comment was changed.
    edits: u32,
    /// What every commit has come by.
    pulls: Vec<Value>,
    /// So many of the next things are made, and the answers are lost.
    ghosts: u32,
    /// Calls of addresses with this in them are answered so.
    refused: Option<(&'static str, u16)>,
    refusals: u32,
    /// `METHOD PATH` of each call.
    asked: Vec<String>,
}

impl StandIn {
    /// The deployments, oldest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        self.lock().marks.deployments.clone()
    }

    /// The statuses of commits, oldest first.
    pub fn commit_statuses(&self) -> Vec<(String, Value)> {
        self.lock().marks.statuses.clone()
    }

    /// Comments that are there, oldest first: the pull request and the text.
    pub fn comments(&self) -> Vec<(u64, String)> {
        let comments = self.lock().marks.comments.clone();
        comments.into_iter().filter_map(|(pull, text)| Some((pull, text?))).collect()
    }

    /// How often a comment was changed.
    pub fn edits(&self) -> u32 {
        self.lock().marks.edits
    }

    /// What every commit has come by.
    pub fn has_pulls(&self, pulls: Vec<Value>) {
        self.lock().marks.pulls = pulls;
    }

    /// The same, as it is now.
    pub fn pulls(&self) -> Vec<Value> {
        self.lock().marks.pulls.clone()
    }

    /// So many of the next things are made, and the answers are lost.
    pub fn loses_answers(&self, count: u32) {
        self.lock().marks.ghosts = count;
    }

    /// Calls of addresses with this in them are answered with this status.
    pub fn refuses(&self, refused: Option<(&'static str, u16)>) {
        self.lock().marks.refused = refused;
    }

    /// How many calls were refused.
    pub fn refusals(&self) -> u32 {
        self.lock().marks.refusals
    }

    /// Everything that was asked about marks, as `METHOD PATH`.
    pub fn asked_about_marks(&self) -> Vec<String> {
        self.lock().marks.asked.clone()
    }

    /// A person deletes all comments.
    pub fn deletes_comments(&self) {
        self.lock().marks.comments.iter_mut().for_each(|(_, text)| *text = None);
    }
}

pub(super) fn router() -> Router<Arc<Mutex<Inner>>> {
    let repository = "/repos/{owner}/{name}";
    Router::new()
        .route(&format!("{repository}/deployments"), get(deployments).post(deploy))
        .route(&format!("{repository}/deployments/{{id}}/statuses"), post(deployment_status))
        .route(&format!("{repository}/statuses/{{sha}}"), post(commit_status))
        .route(&format!("{repository}/commits/{{sha}}/pulls"), get(pulls))
        .route(&format!("{repository}/issues/{{number}}/comments"), get(comments).post(comment))
        .route(&format!("{repository}/issues/comments/{{id}}"), patch(edit))
        .layer(from_fn(ask))
}

/// The middleware needs the state, which routers get later: handlers hand the call on to it.
async fn ask(method: Method, uri: Uri, mut request: axum::extract::Request, next: Next) -> Response {
    request.extensions_mut().insert(Asked(format!("{method} {}", uri.path())));
    next.run(request).await
}

#[derive(Clone)]
struct Asked(String);

/// Counts the call, and refuses it if it has to.
fn refused(inner: &mut Inner, asked: &Asked) -> Option<Response> {
    inner.marks.asked.push(asked.0.clone());
    let (_, status) = inner.marks.refused.filter(|(part, _)| asked.0.contains(part))?;
    inner.marks.refusals += 1;
    Some(answer(status, json!({ "message": "Resource not accessible by personal access token" })))
}

/// A thing that was made, unless the answer is lost.
fn made(inner: &mut Inner, id: usize) -> Response {
    if inner.marks.ghosts > 0 {
        inner.marks.ghosts -= 1;
        return cut();
    }
    answer(201, json!({ "id": id }))
}

#[derive(Deserialize)]
struct Of {
    r#ref: String,
    environment: String,
}

async fn deployments(State(inner): Shared, Extension(asked): Extension<Asked>, Query(of): Query<Of>) -> Response {
    let mut inner = locked(&inner);
    if let Some(refused) = refused(&mut inner, &asked) {
        return refused;
    }
    let fits = |made: &Value| made["ref"] == of.r#ref && made["environment"] == of.environment;
    let all = inner.marks.deployments.iter().enumerate().rev().filter(|(_, deployment)| fits(&deployment.made));
    let all = all.map(|(at, deployment)| json!({ "id": at + 1, "payload": deployment.made["payload"] }));
    answer(200, all.collect())
}

async fn deploy(State(inner): Shared, Extension(asked): Extension<Asked>, Json(body): Json<Value>) -> Response {
    let mut inner = locked(&inner);
    if let Some(refused) = refused(&mut inner, &asked) {
        return refused;
    }
    inner.marks.deployments.push(Deployment { made: body, statuses: Vec::new() });
    let id = inner.marks.deployments.len();
    made(&mut inner, id)
}

async fn deployment_status(
    State(inner): Shared,
    Extension(asked): Extension<Asked>,
    Path((_, _, id)): Path<(String, String, usize)>,
    Json(body): Json<Value>,
) -> Response {
    let mut inner = locked(&inner);
    if let Some(refused) = refused(&mut inner, &asked) {
        return refused;
    }
    inner.marks.deployments[id - 1].statuses.push(body);
    answer(201, json!({ "id": 1 }))
}

async fn commit_status(
    State(inner): Shared,
    Extension(asked): Extension<Asked>,
    Path((_, _, sha)): Path<(String, String, String)>,
    Json(body): Json<Value>,
) -> Response {
    let mut inner = locked(&inner);
    if let Some(refused) = refused(&mut inner, &asked) {
        return refused;
    }
    inner.marks.statuses.push((sha, body));
    answer(201, json!({ "id": 1 }))
}

async fn pulls(State(inner): Shared, Extension(asked): Extension<Asked>) -> Response {
    let mut inner = locked(&inner);
    refused(&mut inner, &asked).unwrap_or_else(|| answer(200, inner.marks.pulls.clone().into()))
}

async fn comments(
    State(inner): Shared,
    Extension(asked): Extension<Asked>,
    Path((_, _, number)): Path<(String, String, u64)>,
) -> Response {
    let mut inner = locked(&inner);
    if let Some(refused) = refused(&mut inner, &asked) {
        return refused;
    }
    let all = inner.marks.comments.iter().enumerate().filter(|(_, (pull, text))| *pull == number && text.is_some());
    answer(200, all.map(|(at, (_, text))| json!({ "id": at + 1, "body": text })).collect())
}

async fn comment(
    State(inner): Shared,
    Extension(asked): Extension<Asked>,
    Path((_, _, number)): Path<(String, String, u64)>,
    Json(body): Json<Value>,
) -> Response {
    let mut inner = locked(&inner);
    if let Some(refused) = refused(&mut inner, &asked) {
        return refused;
    }
    inner.marks.comments.push((number, body["body"].as_str().map(str::to_owned)));
    let id = inner.marks.comments.len();
    made(&mut inner, id)
}

async fn edit(
    State(inner): Shared,
    Extension(asked): Extension<Asked>,
    Path((_, _, id)): Path<(String, String, usize)>,
    Json(body): Json<Value>,
) -> Response {
    let mut inner = locked(&inner);
    if let Some(refused) = refused(&mut inner, &asked) {
        return refused;
    }
    if inner.marks.comments[id - 1].1.is_none() {
        return answer(404, json!({ "message": "Not Found" }));
    }
    inner.marks.comments[id - 1].1 = body["body"].as_str().map(str::to_owned);
    inner.marks.edits += 1;
    answer(200, json!({ "id": id }))
}
