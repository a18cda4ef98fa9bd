//! What lies between two versions: commits, and the pull requests that they came by.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::{Inner, Shared, StandIn, answer, locked};

#[derive(Default)]
pub(super) struct History {
    commits: usize,
    pulls: Vec<Value>,
    /// Pull requests are not for this token: this status.
    refused: Option<u16>,
}

/// The commit of a number.
pub fn sha(number: usize) -> String {
    format!("{number:040x}")
}

impl StandIn {
    /// Between any two versions lie so many commits, numbered from 1, the oldest first.
    pub fn has_commits(&self, count: usize) {
        self.lock().history.commits = count;
    }

    /// A pull request was closed; it would have become a commit, or has.
    pub fn closes_pull(&self, number: u64, title: &str, commit: usize, merged: bool) {
        let pull = json!({
            "number": number, "title": title, "html_url": format!("https://x.example/pull/{number}"), "state": "closed",
            "user": { "login": "ann" }, "merged_at": merged.then_some("2100-01-01T00:00:00Z"), "merge_commit_sha": sha(commit),
        });
        self.lock().history.pulls.push(pull);
    }

    /// Questions about pull requests are answered with this status; none: as usual.
    pub fn refuses_pulls(&self, status: Option<u16>) {
        self.lock().history.refused = status;
    }
}

pub(super) fn routes() -> Router<Arc<Mutex<Inner>>> {
    Router::new()
        .route("/repos/{owner}/{name}/compare/{span}", get(compare))
        .route("/repos/{owner}/{name}/pulls", get(pulls))
}

type Asked = Query<BTreeMap<String, String>>;

fn page<T>(all: impl Iterator<Item = T>, query: &BTreeMap<String, String>) -> Vec<T> {
    let number = |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let size = number("per_page", 30);
    all.skip((number("page", 1) - 1) * size).take(size).collect()
}

async fn compare(State(inner): Shared, Query(query): Asked) -> Response {
    let total = locked(&inner).history.commits;
    let commit = |number: usize| {
        json!({
            "sha": sha(number), "html_url": format!("https://x.example/commit/{number}"), "author": null,
            "commit": { "message": format!("Change {number}\n\nbecause"), "author": { "name": "Ann" } },
        })
    };
    let commits = page((1..=total).map(commit), &query);
    let url = "https://x.example/compare";
    answer(
        200,
        json!({ "status": "ahead", "total_commits": total, "behind_by": 0, "html_url": url, "commits": commits }),
    )
}

async fn pulls(State(inner): Shared, Query(query): Asked) -> Response {
    let inner = locked(&inner);
    match inner.history.refused {
        Some(status) => answer(status, json!({ "message": "Resource not accessible by personal access token" })),
        None => answer(200, page(inner.history.pulls.iter().rev().cloned(), &query).into()),
    }
}
