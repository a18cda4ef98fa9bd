//! What is asked of GitHub, and what is made of its answers.

mod app;
mod dispatch;
mod refs;
mod rest;
mod runs;

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::peer::{Peer, Reply, TOKEN, nothing, refuses, says};
use super::*;

fn repo() -> RepoName {
    RepoName::parse("acme/shop").unwrap()
}

/// A client that waits for a moment only.
fn hasty(peer: &Peer) -> GitHub {
    let token = Credentials::Token(SecretString::from(TOKEN));
    GitHub::with_limit(peer.settings(token), Duration::from_millis(200)).unwrap()
}

fn run_at(status: &str, conclusion: Value) -> Value {
    json!({
        "id": 4711, "run_attempt": 2, "status": status, "conclusion": conclusion, "display_title": "Deploy rmm-12-x7",
        "name": "Deploy", "html_url": "https://github.com/acme/shop/actions/runs/4711", "event": "workflow_dispatch",
        "created_at": "2026-11-29T06:00:01Z", "head_sha": "0123456789abcdef0123456789abcdef01234567",
        "path": ".github/workflows/deploy.yml@main",
    })
}
