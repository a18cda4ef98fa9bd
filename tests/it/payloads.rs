//! Real payloads of GitHub's webhooks (npm, `@octokit/webhooks-examples`; `tests/run` brings them): whatever comes is answered, and does no
//! harm.

use std::path::Path;

use serde_json::Value;

use crate::world::{Setup, World};

const HOOK: &str = "a-secret-of-the-hook-for-tests";
const EXAMPLES: &str = "target/tools/webhooks/node_modules/@octokit/webhooks-examples/api.github.com/index.json";

async fn deliver(w: &World, delivery: &str, event: &str, body: String) -> u16 {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, HOOK.as_bytes());
    let digits: String = ring::hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let signature = format!("sha256={digits}");
    let headers =
        [("x-hub-signature-256", signature.as_str()), ("x-github-delivery", delivery), ("x-github-event", event)];
    w.stranger().send("POST", "/hooks/github", Some(body.into_bytes()), &headers).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn every_real_payload_is_taken_and_leads_to_nothing_that_was_not_meant() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLES);
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("the payloads are not here (tests/run installs them by npm): this test is skipped");
        return;
    };
    // The repository of most of them is that of a service here.
    let setup = Setup::new().by_ci().github("webhook_secret", "env:GITHUB_HOOK").variable("GITHUB_HOOK", HOOK);
    let w = World::new(setup.service("repository", "https://github.com/Codertocat/Hello-World")).await;
    let before = w.events().await.len();
    let all: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let mut count = 0;
    for event in &all {
        let name = event["name"].as_str().unwrap();
        for payload in event["examples"].as_array().unwrap() {
            count += 1;
            let status = deliver(&w, &format!("guid-{count}"), name, payload.to_string()).await;
            assert_eq!(status, 202, "{name}: {payload}");
        }
    }
    assert!(count > 300, "{count} payloads");
    assert_eq!(w.events().await.len(), before);
    w.is_sound().await;
}
