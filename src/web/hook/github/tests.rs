use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::*;
use crate::domain::ids::{ServiceName, Tag};
use crate::engine::Engine;
use crate::engine::clock::SystemClock;
use crate::engine::testing::{catalog_of, engine_in};
use crate::store::outbox::{self, NewEffect};
use crate::store::{StoreError, deliveries};
use crate::web::limits::{Limits, OpenFiles};

const SECRET: &str = "0123456789abcdef";

struct Site {
    engine: Engine,
    router: axum::Router,
    _folder: tempfile::TempDir,
}

/// What is sent, and shown with it.
struct Sent {
    body: Body,
    signature: Option<String>,
    delivery: Option<&'static str>,
    event: Option<&'static str>,
}

fn signature(secret: &str, body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    let digits = hex::encode(tag);
    format!("sha256={digits}")
}

fn signed(event: &'static str, body: impl Into<Vec<u8>>) -> Sent {
    let body = body.into();
    let signature = Some(signature(SECRET, &body));
    Sent { body: body.into(), signature, delivery: Some("d1"), event: Some(event) }
}

impl Site {
    async fn new(keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine_in(folder.path(), Arc::new(SystemClock));
        let text = format!(
            "{keys}\n[[services]]\nname = \"shop\"\nrepository = \"Octo/shop\"\ncandidates = \"tags\"\n\
             approvals = {{ minimum = 0 }}\nenvironments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n"
        );
        engine.reconfigure(catalog_of(&text, &[("HOOK", SECRET)])).await;
        let limits = Arc::new(Limits::new(OpenFiles::allowed()));
        let (reloads, _) = crate::web::reload::Reloads::channel();
        let stop = CancellationToken::new();
        let router = crate::web::router(engine.clone(), folder.path().to_owned(), None, reloads, limits, stop);
        Self { engine, router, _folder: folder }
    }

    async fn with_secret() -> Self {
        Self::new("[github]\nwebhook_secret = \"env:HOOK\"").await
    }

    async fn send(&self, sent: Sent) -> Response {
        let mut request = axum::http::Request::post(PATH);
        let headers = [(SIGNATURE, sent.signature.as_deref()), (DELIVERY, sent.delivery), (EVENT, sent.event)];
        for (name, value) in headers {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        self.router.clone().oneshot(request.body(sent.body).unwrap()).await.unwrap()
    }

    async fn status(&self, sent: Sent) -> u16 {
        self.send(sent).await.status().as_u16()
    }

    async fn knows(&self, delivery: &'static str) -> bool {
        self.engine.read(move |conn| deliveries::has_come(conn, delivery)).await.unwrap()
    }

    async fn pushed_by(&self, tag: &str) -> Option<String> {
        let (shop, tag) = (ServiceName::parse("service", "shop").unwrap(), Tag::parse("tag", tag).unwrap());
        self.engine.read(move |conn| deliveries::pushed_by(conn, &shop, &tag)).await.unwrap()
    }
}

#[tokio::test]
async fn a_delivery_is_noted_once_and_then_followed() {
    let site = Site::with_secret().await;
    let news = site.engine.workflow_news();
    let before = *news.borrow();
    for _ in 0..2 {
        assert_eq!(site.status(signed("workflow_run", "{ \"action\": \"completed\" }")).await, 202);
    }
    assert_eq!(*news.borrow(), before + 1);
    assert!(site.knows("d1").await);

    let tag = json!({ "ref": "v1", "ref_type": "tag", "repository": { "full_name": "octo/Shop" }, "sender": { "login": "ann" } });
    assert_eq!(site.status(Sent { delivery: Some("d2"), ..signed("create", tag.to_string()) }).await, 202);
    assert_eq!(site.pushed_by("v1").await.as_deref(), Some("ann"));
    let other =
        json!({ "ref": "refs/tags/v2", "repository": { "full_name": "octo/other" }, "sender": { "login": "ann" } });
    assert_eq!(site.status(Sent { delivery: Some("d3"), ..signed("push", other.to_string()) }).await, 202);
    assert_eq!(site.pushed_by("v2").await, None);
    assert!(!site.knows("d3").await);
    assert_eq!(*news.borrow(), before + 1);
}

#[tokio::test]
async fn what_is_about_a_repository_that_no_service_has_leaves_nothing_behind() {
    let site = Site::with_secret().await;
    let news = site.engine.workflow_news();
    let before = *news.borrow();
    for event in ["workflow_run", "create", "push", "delete", "pull_request", "deployment_protection_rule", "ping"] {
        let body = json!({
            "ref": "v1", "ref_type": "tag", "environment": "live", "repository": { "full_name": "octo/other" }, "sender": { "login": "ann" },
        });
        assert_eq!(site.status(signed(event, body.to_string())).await, 202, "{event}");
        assert!(!site.knows("d1").await, "{event}");
    }
    assert_eq!((*news.borrow(), site.pushed_by("v1").await), (before, None));
}

#[tokio::test]
async fn what_has_changed_is_looked_up_at_once() {
    let site = Site::with_secret().await;
    let far = site.engine.now().as_millisecond() + 300_000;
    let waits = move |kind: &'static str, service: &'static str| NewEffect {
        kind,
        payload: "{}",
        service: Some(service),
        release_id: Some(1),
        run_id: None,
        due_at: far,
        trace_id: None,
        place: None,
    };
    let due = async |site: &Site| {
        site.engine
            .read(|conn| Ok(["resolve_commit", "list_commits"].map(|kind| outbox::first_of_each_service(conn, kind))))
            .await
            .unwrap()
            .into_iter()
            .flat_map(Result::unwrap)
            .filter(|waiting| waiting.due_at < far)
            .map(|waiting| waiting.service.unwrap())
            .collect::<Vec<_>>()
    };
    let repository = json!({ "full_name": "octo/shop" });
    for (number, (event, changes)) in [
        ("push", json!({ "ref": "refs/heads/main" })),
        ("push", json!({ "ref": "refs/tags/v1" })),
        ("create", json!({ "ref": "v1", "ref_type": "tag" })),
        ("pull_request", json!({ "action": "closed" })),
    ]
    .into_iter()
    .enumerate()
    {
        site.engine
            .store()
            .write(move |tx| -> Result<(), StoreError> {
                for kind in ["resolve_commit", "list_commits"] {
                    outbox::enqueue(tx, &waits(kind, "shop"), 1)?;
                    outbox::enqueue(tx, &waits(kind, "other"), 1)?;
                }
                Ok(())
            })
            .await
            .unwrap();
        let mut body = changes.clone();
        body["repository"] = repository.clone();
        let delivery = ["e0", "e1", "e2", "e3"][number];
        let sent = Sent { delivery: Some(delivery), ..signed(event, body.to_string()) };
        assert_eq!(site.status(sent).await, 202);
        assert_eq!(due(&site).await, ["shop", "shop"], "{event} {changes}");
    }
}

#[tokio::test]
async fn only_what_github_has_signed_counts() {
    let site = Site::with_secret().await;
    let body = "{\"zen\":\"Keep it logically awesome.\"}";
    let right = signature(SECRET, body.as_bytes());
    let forged = [
        None,
        Some(String::new()),
        Some("sha256=".to_owned()),
        Some(right[7..].to_owned()),
        Some(right.replace("sha256", "sha1")),
        Some(format!("{right}0")),
        Some(format!("sha256={}", "é".repeat(32))),
        Some(signature("0123456789abcdeg", body.as_bytes())),
        Some(signature(SECRET, format!("{body} ").as_bytes())),
        Some(signature("", body.as_bytes())),
    ];
    for signature in forged {
        assert_eq!(
            site.status(Sent { signature: signature.clone(), ..signed("ping", body) }).await,
            401,
            "{signature:?}"
        );
    }
    assert!(!site.knows("d1").await);
    let said = site
        .send(Sent { signature: None, ..signed("ping", body) })
        .await
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes();
    assert!(!String::from_utf8_lossy(&said).contains(SECRET));
    assert_eq!(site.status(signed("ping", body)).await, 202);
}

#[tokio::test]
async fn what_is_no_delivery_is_refused() {
    let site = Site::with_secret().await;
    for body in [&b""[..], b"{", b"[]", b"null", b"7", b"\xff\xfe{}", b"payload=%7B%7D", b"{}x"] {
        assert_eq!(site.status(signed("push", body)).await, 400, "{body:?}");
    }
    for sent in [
        Sent { delivery: None, ..signed("push", "{}") },
        Sent { delivery: Some(""), ..signed("push", "{}") },
        Sent { event: None, ..signed("push", "{}") },
    ] {
        assert_eq!(site.status(sent).await, 400);
    }
    assert!(!site.knows("d1").await);
    // Odd, but a delivery.
    for (delivery, body) in [
        ("a", json!({})),
        ("b", json!({ "ref": null, "repository": null, "sender": null, "action": null })),
        ("c", json!({ "action": "something new", "workflow_run": [] })),
    ] {
        for event in ["push", "create", "delete", "workflow_run", "pull_request", "an_event_of_later"] {
            let status = site.status(Sent { delivery: Some(delivery), ..signed(event, body.to_string()) }).await;
            assert_eq!(status, 202, "{event} {body}");
        }
        // Of what is not followed nothing is kept.
        assert_eq!(site.knows(delivery).await, delivery != "c");
    }
}

#[tokio::test]
async fn a_body_is_as_large_as_githubs_and_no_larger() {
    let site = Site::with_secret().await;
    let body = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
    assert_eq!(site.status(signed("push", body(LARGEST))).await, 202);
    assert_eq!(site.status(signed("push", body(LARGEST + 1))).await, 413);
    // One that does not say how large it is: no more is read than may be.
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from(vec![b' '; 1 << 20])));
    let sent = Sent { body: Body::from_stream(endless), ..signed("push", "{}") };
    assert_eq!(site.status(sent).await, 413);
    // Without a signature nothing is read at all.
    let never = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    assert_eq!(site.status(Sent { body: never, signature: None, ..signed("push", "{}") }).await, 401);
}

#[tokio::test]
async fn without_a_secret_there_is_no_such_address() {
    let site = Site::new("").await;
    let answer = site.send(signed("push", "{}")).await;
    assert_eq!(answer.status(), 404);
    let said = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("has no `webhook_secret`"), "{said:?}");
    assert!(!site.knows("d1").await);
}
