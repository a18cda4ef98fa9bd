//! Workflows that call with GitHub's id token, and no token of RMM.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::world::{Caller, SHOP, Setup, World, commit_of};

/// The issuer of id tokens, on loopback, and its key.
struct Issuer {
    url: String,
    key: KeyPair,
    issued: AtomicU32,
}

impl Issuer {
    async fn new() -> Self {
        let made =
            Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output();
        let key = PrivateKeyDer::from_pem_slice(&made.unwrap().stdout).unwrap();
        let key = KeyPair::from_pkcs8(key.secret_der()).unwrap();
        let public = PublicKeyComponents::<Vec<u8>>::from(key.public());
        let [n, e] = [public.n, public.e].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
        let keys = json!({ "keys": [{ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "one", "n": n, "e": e }] })
            .to_string();
        let router = axum::Router::new().route("/.well-known/jwks", axum::routing::get(async move || keys));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, key, issued: AtomicU32::new(0) }
    }

    /// A service that CI brings everywhere, and that trusts its workflows.
    fn setup(&self) -> Setup {
        Setup::new()
            .by_ci()
            .github("oidc_issuer", self.url.clone())
            .github("oidc_audience", "rmm")
            .service("oidc.repository_id", 74)
            .service("oidc.workflow", vec![workflow("release.yaml@refs/tags/*"), workflow("production.yaml")])
    }

    /// A new token for a job of a workflow, with some claims others.
    fn token(&self, world: &World, file: &str, run: u32, other: &Value) -> String {
        // When RMM started, on its own clock.
        let started = std::fs::metadata(world.data().join("address")).unwrap().modified().unwrap();
        let now = started.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        let mut claims = json!({
            "iss": self.url, "aud": "rmm", "sub": "repo:octo/shop:ref:refs/tags/v1", "jti": format!("token {number}"),
            "iat": now, "nbf": now - 600, "exp": now + 300, "event_name": "push", "ref": "refs/tags/v1", "actor": "ann",
            "repository": "octo/shop", "repository_id": "74", "run_id": run.to_string(), "run_attempt": "1",
            "job_workflow_ref": workflow(file),
        });
        for (claim, value) in other.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        let encode = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
        let head = format!("{}.{}", encode(&json!({ "alg": "RS256", "typ": "JWT", "kid": "one" })), encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), head.as_bytes(), &mut signature).unwrap();
        format!("{head}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn workflow(file: &str) -> String {
    format!("octo/shop/.github/workflows/{file}")
}

/// A job of a workflow: a new token for each call.
struct Job<'w> {
    issuer: &'w Issuer,
    world: &'w World,
    file: &'static str,
    run: u32,
}

impl Job<'_> {
    fn calls(&self) -> Caller<'_> {
        self.world.with_token(self.issuer.token(self.world, self.file, self.run, &json!({})))
    }

    async fn reports(&self, release: i64, status: &str) -> crate::world::Answer {
        self.calls().patch(&format!("/api/v1/releases/{release}"), &json!({ "status": status })).await
    }
}

#[tokio::test]
async fn workflows_bring_a_release_to_production_with_no_token_of_rmm() {
    let issuer = Issuer::new().await;
    let world = World::new(issuer.setup().another_service("other")).await;
    let (issuer, w) = (&issuer, &world);
    let stage = Job { issuer, world: w, file: "release.yaml@refs/tags/v1", run: 9000 };
    let production = Job { issuer, world: w, file: "production.yaml@refs/heads/main", run: 9001 };

    let new = |service: &str, ci_run: Value| json!({ "service": service, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ann-at-github", "ci_run": ci_run });
    let url = "https://github.com/octo/shop/actions/runs/9000";
    let sent = json!({ "id": "9000", "url": url });
    let release = stage.calls().post("/api/v1/releases", &new(SHOP, sent.clone())).await.with_status(201).ok();
    let id = release["id"].as_i64().unwrap();
    assert_eq!(release["ci_run"], json!({ "id": "9000", "attempt": 1, "url": url, "ref": "refs/tags/v1" }));
    // The same run again, which need not say who it is.
    let again = stage.calls().post("/api/v1/releases", &new(SHOP, Value::Null)).await.with_status(200).ok();
    assert_eq!(again["id"], id);
    // No job speaks for another run, or for another service.
    for other in [json!({ "id": "9001" }), json!({ "id": "9000", "attempt": 2 })] {
        let sentence = stage.calls().post("/api/v1/releases", &new(SHOP, other)).await.refused(422, "ci_run_differs");
        assert!(sentence.contains("leave it out"), "{sentence}");
    }
    stage.calls().post("/api/v1/releases", &new("other", Value::Null)).await.refused(403, "forbidden");
    let report = json!({ "status": "stage_building", "ci_run": { "id": "8000" } });
    stage.calls().patch(&format!("/api/v1/releases/{id}"), &report).await.refused(422, "ci_run_differs");

    stage.reports(id, "stage_building").await.ok();
    stage.reports(id, "manual_testing").await.ok();
    // May I?
    let problem = production.reports(id, "deploying").await.with_status(409).problem();
    assert_eq!(
        (&problem["code"], &problem["unmet"][0]["name"]),
        (&json!("gates_unmet"), &json!("approvals")),
        "{problem}"
    );
    w.approve("ann", id).await.ok();
    // It reads how its releases stand, and nothing else.
    let shown = production.calls().get(&format!("/api/v1/releases/{id}")).await.ok();
    assert_eq!(shown["status"], "manual_test_passed");
    for path in ["explain", "runs", "events"] {
        production.calls().get(&format!("/api/v1/releases/{id}/{path}")).await.ok();
    }
    production.calls().get("/api/v1/audit").await.refused(403, "forbidden");
    production.calls().post(&format!("/api/v1/releases/{id}/approve"), &json!({})).await.refused(403, "forbidden");

    production.reports(id, "deploying").await.ok();
    // An earlier workflow has no say in production.
    stage.reports(id, "deployed").await.refused(409, "stale_report");
    production.reports(id, "deployed").await.ok();
    assert_eq!(w.status(id).await, "deployed");
    let events = w.events().await;
    let created = events.iter().find(|event| event["kind"] == "release_created").unwrap();
    assert_eq!(
        (&created["actor"]["name"], &created["actor"]["role"]),
        (&json!("github:octo/shop"), &json!("ci")),
        "{created}"
    );
}

#[tokio::test]
async fn who_starts_a_workflow_is_its_initiator_whatever_the_body_says() {
    let issuer = Issuer::new().await;
    let world = World::new(issuer.setup()).await;
    let calls = |run: u32, actor: &str| {
        world.with_token(issuer.token(&world, "release.yaml@refs/tags/v1", run, &json!({ "actor": actor })))
    };
    let new = |tag: &str| json!({ "service": SHOP, "tag": tag, "commit": commit_of(tag) });
    // Nothing has to be sent; by one of several names the same person may be.
    for (run, tag, sent) in
        [(9000, "v1", Value::Null), (9001, "v2", json!("Ann-at-GitHub")), (9002, "v3", json!("@ann"))]
    {
        let mut body = new(tag);
        if !sent.is_null() {
            body["initiated_by"] = sent;
        }
        let made = calls(run, "ann").post("/api/v1/releases", &body).await.with_status(201).ok();
        assert_eq!((&made["initiated_by"], &made["initiator"]), (&json!("ann"), &json!("ann")), "{made}");
    }
    // Another name is not taken, at neither door.
    let mut body = new("v4");
    body["initiated_by"] = json!("bob");
    let sentence = calls(9003, "ann").post("/api/v1/releases", &body).await.refused(422, "initiator_differs");
    assert!(sentence.contains("which is ann") && sentence.contains("leave it out"), "{sentence}");
    let original = json!({ "service_name": SHOP, "release_tag": "v4", "initiated_by": "bob" });
    calls(9003, "ann").post("/release", &original).await.refused(422, "initiator_differs");
    // A token of RMM proves nothing about it, and says whom it means.
    world.ci().await.post("/api/v1/releases", &body).await.with_status(201).ok();
}

#[tokio::test]
async fn the_calls_of_the_original_machine_take_id_tokens_too() {
    let issuer = Issuer::new().await;
    let world = World::new(issuer.setup()).await;
    let job = Job { issuer: &issuer, world: &world, file: "release.yaml@refs/tags/v1", run: 9000 };
    let new =
        |run: &str| json!({ "service_name": SHOP, "release_tag": "v1", "initiated_by": "ann", "github_run_id": run });
    let made = job.calls().post("/release", &new("9000")).await.with_status(201).ok();
    let sentence = job.calls().post("/release", &new("8000")).await.refused(422, "ci_run_differs");
    assert!(sentence.starts_with("github_run_id is another one"), "{sentence}");
    let report = |status: &str| json!({ "release_id": made["release_id"], "status": status });
    for status in ["stage_building", "manual_testing"] {
        job.calls().patch("/release", &report(status)).await.ok();
    }
    job.calls().patch("/release", &report("deploying")).await.refused(409, "gates_unmet");
    let rows = job.calls().get("/active_releases").await.ok();
    assert_eq!((&rows[0]["github_run_id"], &rows[0]["status"]), (&json!("9000"), &json!("manual_testing")));
    // Who has started it, the token says where the request does not.
    let other = Job { run: 9001, ..job };
    let body = json!({ "service_name": SHOP, "release_tag": "v2" });
    let second = other.calls().post("/release", &body).await.with_status(201).ok();
    let shown = world.operator().get(&format!("/api/v1/releases/{}", second["release_id"])).await.ok();
    assert_eq!((&shown["initiated_by"], &shown["ci_run"]["id"]), (&json!("ann"), &json!("9001")));
    world.operator().post("/release", &body).await.refused(422, "invalid");
}

#[tokio::test]
async fn a_token_counts_once_and_leaves_no_trace() {
    let issuer = Issuer::new().await;
    let world = World::new(issuer.setup()).await;
    let file = "release.yaml@refs/tags/v1";
    let token = |other: Value| issuer.token(&world, file, 9000, &other);
    let good = token(json!({}));
    let list = format!("/api/v1/releases?service={SHOP}");
    world.with_token(&good).get(&list).await.ok();
    let mut said = vec![world.with_token(&good).get(&list).await.refused(401, "oidc_refused")];
    assert!(said[0].contains("`jti`") && said[0].contains("new id token"), "{}", said[0]);
    world.restart_after_kill().await;
    said.push(world.with_token(&good).get(&list).await.refused(401, "oidc_refused"));

    let mut shown = vec![good];
    for (other, claim) in [
        (json!({ "aud": "canary-audience" }), "`aud`"),
        (json!({ "iss": "https://canary-issuer.example" }), "`iss`"),
        (json!({ "event_name": "pull_request_target" }), "`event_name`"),
        (json!({ "repository_id": "75" }), "`repository_id`"),
        (json!({ "job_workflow_ref": workflow("test.yaml@refs/tags/v1") }), "`job_workflow_ref`"),
        (json!({ "exp": 1 }), "`exp`"),
    ] {
        let token = token(other);
        let sentence = world.with_token(&token).get(&list).await.refused(401, "oidc_refused");
        assert!(sentence.contains(claim), "{sentence}");
        said.push(sentence);
        shown.push(token);
    }
    // As long as a header may be, and longer.
    for length in [100_000, 1 << 20] {
        let garbage = format!("{}.canary.{}", "a".repeat(length / 2), "b".repeat(length / 2));
        let answer = world.with_token(&garbage).ask("GET", &list, None).await;
        let status = answer.map(|answer| answer.status);
        assert!(matches!(status, None | Some(401 | 431)), "{status:?}");
    }
    // Wrong ones wait as wrong tokens do, and a right one does not.
    let garbage = world.with_token("a.b.c");
    let mut last = 401;
    for _ in 0..30 {
        last = garbage.get(&list).await.status;
    }
    assert_eq!(last, 429);
    world.with_token(token(json!({}))).get(&list).await.ok();

    world.quiet().await;
    let told = said.join("\n") + &world.log();
    for token in &shown {
        for part in token.split('.').skip(1) {
            assert!(!told.contains(part), "{part}");
            assert!(world.files_with(part.as_bytes()).is_empty(), "{part}");
        }
    }
    for canary in ["canary", "token 0"] {
        assert!(!told.contains(canary) && world.files_with(canary.as_bytes()).is_empty(), "{canary}");
    }
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_said_to_be_away() {
    let issuer = Issuer::new().await;
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let world = World::new(issuer.setup().github("oidc_issuer", url.clone())).await;
    let token = issuer.token(&world, "release.yaml@refs/tags/v1", 9000, &json!({ "iss": url }));
    let answer = world.with_token(token).get(&format!("/api/v1/releases?service={SHOP}")).await;
    assert_eq!(answer.header("retry-after"), "60");
    let sentence = answer.refused(503, "oidc_unavailable");
    assert!(sentence.contains(&url), "{sentence}");
}
