//! Tags of a repository that only RMM's login can read.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::{Inner, Shared, StandIn, answer, locked};

/// Names and commits; none: the login may not see them.
pub(super) type Refs = Option<Vec<(String, String)>>;

impl StandIn {
    /// The repository is to be seen, and has a tag at a commit.
    pub fn has_tag(&self, tag: &str, commit: &str) {
        let mut inner = self.lock();
        let tags = inner.refs.get_or_insert_default();
        tags.retain(|(name, _)| name != tag);
        tags.push((tag.to_owned(), commit.to_owned()));
    }
}

pub(super) fn routes() -> Router<Arc<Mutex<Inner>>> {
    Router::new()
        .route("/repos/{owner}/{name}/git/matching-refs/{prefix}", get(refs))
        .route("/repos/{owner}/{name}/git/commits/{id}", get(commit))
}

async fn refs(
    State(inner): Shared,
    Path((_, _, prefix)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let inner = locked(&inner);
    let Some(tags) = inner.refs.as_ref().filter(|_| headers.contains_key(header::AUTHORIZATION)) else {
        return answer(404, json!({ "message": "Not Found" }));
    };
    let all =
        tags.iter().map(|(name, sha)| (format!("tags/{name}"), sha)).filter(|(name, _)| name.starts_with(&prefix));
    let all =
        all.map(|(name, sha)| json!({ "ref": format!("refs/{name}"), "object": { "type": "commit", "sha": sha } }));
    answer(200, Value::Array(all.collect()))
}

async fn commit(State(inner): Shared, Path((_, _, id)): Path<(String, String, String)>) -> Response {
    let inner = locked(&inner);
    match inner.refs.iter().flatten().find(|(_, sha)| *sha == id) {
        Some((_, sha)) => answer(200, json!({ "sha": sha })),
        None => answer(404, json!({ "message": "Not Found" })),
    }
}
