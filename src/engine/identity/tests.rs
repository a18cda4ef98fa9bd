use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;

use super::*;
use crate::clients::issuer::testing::{
    FakeIssuer, key_set, other_pem, signed, signed_with, signed_with_secret, unsigned,
};
use crate::clients::jose::testing::{components, openssl, pem};
use crate::config::{Config, EnvVars};
use crate::engine::catalog::Catalog;
use crate::engine::clock::Clock;
use crate::engine::testing::{Hands, engine_in};

const NOW: i64 = 1_800_000_000;

struct Site {
    issuer: FakeIssuer,
    engine: Engine,
    clock: Arc<Hands>,
    folder: tempfile::TempDir,
}

/// The services `shop`, which trusts one workflow of repository 74 at tags, `admin` of the same repository, and `other` of
/// repository 75.
fn catalog(issuer: &str) -> Catalog {
    let service = |name: &str, oidc: &str| {
        format!(
            "[[services]]\nname = \"{name}\"\noidc = {oidc}\napprovals = {{ minimum = 0 }}\n\
             environments.stage.driver = \"ci\"\nenvironments.production.driver = \"ci\"\n"
        )
    };
    let text = format!(
        "[github]\noidc_issuer = \"{issuer}\"\noidc_audience = \"rmm\"\n{}{}{}",
        service("shop", "{ repository_id = 74, workflow = \"octo/shop/.github/workflows/release.yaml@refs/tags/*\" }"),
        service("admin", "{ repository_id = 74, workflow = [\"octo/shop/.github/workflows/admin.yaml\"] }"),
        service("other", "{ repository_id = 75 }"),
    );
    Catalog::new(&Config::parse(&text, "rmm.toml", Path::new("/"), &EnvVars::new()).unwrap())
}

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": "one" })
}

impl Site {
    async fn new() -> Self {
        let issuer = FakeIssuer::with_keys(&["one"]).await;
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hands(AtomicI64::new(NOW)));
        let engine = engine_in(folder.path(), clock.clone() as Arc<dyn Clock>);
        engine.reconfigure(catalog(&issuer.url)).await;
        Self { issuer, engine, clock, folder }
    }

    /// Good claims, with some of them others; `null`: not there.
    fn claims(&self, other: &Value) -> Value {
        let mut claims = json!({
            "iss": self.issuer.url, "aud": "rmm", "sub": "repo:octo/shop:ref:refs/tags/v1", "jti": "abc",
            "iat": NOW, "nbf": NOW - 600, "exp": NOW + 300, "event_name": "push", "ref": "refs/tags/v1",
            "repository": "octo/shop", "repository_id": "74", "run_id": "9000", "run_attempt": "2",
            "job_workflow_ref": "octo/shop/.github/workflows/release.yaml@refs/tags/v1",
        });
        for (claim, value) in other.as_object().unwrap() {
            claims[claim] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    fn token(&self, other: &Value) -> String {
        signed(&header(), &self.claims(other))
    }

    async fn refused(&self, token: &str) -> TokenFault {
        match self.engine.prove(token).await {
            Err(Unproven::Fault(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_workflow_speaks_for_the_services_that_trust_it() {
    let site = Site::new().await;
    let proven = site.engine.prove(&site.token(&json!({}))).await.unwrap();
    let shop = ServiceName::parse("service", "shop").unwrap();
    let expected = Actor::Token { name: "github:octo/shop".into(), role: Role::Ci, services: vec![shop] };
    assert_eq!((proven.actor, proven.run.id.as_str(), proven.run.attempt), (expected, "9000", 2));

    let other = json!({ "jti": "d", "repository_id": "75", "job_workflow_ref": "octo/other/.github/workflows/any.yml@refs/heads/x" });
    let Actor::Token { services, .. } = site.engine.prove(&site.token(&other)).await.unwrap().actor else { panic!() };
    assert_eq!(services.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["other"]);
}

#[tokio::test]
async fn what_is_not_signed_by_the_issuer_opens_nothing() {
    let site = Site::new().await;
    let claims = site.claims(&json!({}));
    let header = |algorithm: &str| json!({ "alg": algorithm, "kid": "one" });

    for none in ["none", "None", "NONE", ""] {
        assert_eq!(site.refused(&format!("{}.", unsigned(&header(none), &claims))).await, TokenFault::Algorithm);
    }
    // The public key is known to all, so a signature that takes it for a secret proves nothing.
    let public = openssl_public();
    let (modulus, _) = components(pem());
    for secret in [public.as_bytes(), public.trim_end().as_bytes(), modulus.as_bytes(), key_set(&["one"]).as_bytes()] {
        let forged = signed_with_secret(secret, &header("HS256"), &claims);
        assert_eq!(site.refused(&forged).await, TokenFault::Algorithm);
        let forged = signed_with_secret(secret, &header("RS256"), &claims);
        assert_eq!(site.refused(&forged).await, TokenFault::Signature);
    }
    assert_eq!(site.refused(&signed(&header("RS512"), &claims)).await, TokenFault::Algorithm);
    assert_eq!(site.refused(&format!("{}.", unsigned(&header("RS256"), &claims))).await, TokenFault::Signature);
    assert_eq!(site.refused(&signed_with(&other_pem(), &header("RS256"), &claims)).await, TokenFault::Signature);
    // The signature of another token.
    let (_, signature) =
        site.token(&json!({ "run_id": "1" })).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(
        site.refused(&format!("{}.{signature}", unsigned(&header("RS256"), &claims))).await,
        TokenFault::Signature
    );
    // None of it has used the good one up.
    site.engine.prove(&site.token(&json!({}))).await.unwrap();
}

/// The public key of the tests in PEM format.
fn openssl_public() -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem()).unwrap();
    openssl(&["pkey", "-pubout", "-in", file.path().to_str().unwrap()])
}

#[tokio::test]
async fn every_claim_counts() {
    use TokenFault as F;
    let site = Site::new().await;
    let issuer = || F::Issuer { expected: site.issuer.url.clone() };
    let audience = || F::Audience { expected: "rmm".into() };
    for (other, fault) in [
        (json!({ "iss": null }), issuer()),
        (json!({ "iss": "https://token.actions.githubusercontent.com.evil.example" }), issuer()),
        (json!({ "aud": null }), audience()),
        (json!({ "aud": "https://github.com/octo" }), audience()),
        (json!({ "event_name": "pull_request_target" }), F::Event { event: "pull_request_target".into() }),
        (json!({ "event_name": "pull_request" }), F::Event { event: "pull_request".into() }),
        // Deleted and made anew by others, or renamed: the number tells.
        (json!({ "repository_id": "76" }), F::Repository { id: 76, name: "octo/shop".into() }),
        (json!({ "jti": null }), F::Missing { claim: "jti".into() }),
    ] {
        assert_eq!(site.refused(&site.token(&other)).await, fault);
    }
    for workflow in [
        "octo/shop/.github/workflows/release.yaml@refs/heads/main",
        "octo/shop/.github/workflows/test.yaml@refs/tags/v1",
    ] {
        let fault = site.refused(&site.token(&json!({ "job_workflow_ref": workflow }))).await;
        assert!(matches!(fault, F::Workflow { trusted, .. } if trusted.len() == 2));
    }
    site.clock.0.store(NOW + 360, Ordering::SeqCst);
    assert!(matches!(site.refused(&site.token(&json!({}))).await, F::Expired { .. }));
    site.clock.0.store(NOW - 61, Ordering::SeqCst);
    assert!(matches!(site.refused(&site.token(&json!({}))).await, F::NotYet { claim, .. } if claim == "iat"));
}

#[tokio::test]
async fn a_token_counts_once_also_after_a_start_anew() {
    let site = Site::new().await;
    let token = site.token(&json!({}));
    let at_once = (0..8).map(|_| {
        let (engine, token) = (site.engine.clone(), token.clone());
        tokio::spawn(async move { engine.prove(&token).await.is_ok() })
    });
    let mut good = 0;
    for shown in at_once.collect::<Vec<_>>() {
        good += usize::from(shown.await.unwrap());
    }
    assert_eq!(good, 1);
    let Site { issuer, engine, clock, folder } = site;
    drop(engine);
    let engine = engine_in(folder.path(), clock.clone() as Arc<dyn Clock>);
    engine.reconfigure(catalog(&issuer.url)).await;
    assert!(matches!(engine.prove(&token).await, Err(Unproven::Fault(TokenFault::Used))));
}

#[tokio::test]
async fn unknown_keys_cost_the_issuer_one_question_and_its_absence_is_no_refusal() {
    let site = Site::new().await;
    site.issuer.answers(503, "");
    let token = site.token(&json!({}));
    assert!(matches!(site.engine.prove(&token).await, Err(Unproven::Away { issuer }) if issuer == site.issuer.url));
    for number in 0..100 {
        let header = json!({ "alg": "RS256", "kid": format!("k{number}") });
        assert!(matches!(
            site.engine.prove(&signed(&header, &site.claims(&json!({})))).await,
            Err(Unproven::Away { .. })
        ));
    }
    assert_eq!(site.issuer.asked(), 1);

    let site = Site::new().await;
    site.engine.prove(&site.token(&json!({}))).await.unwrap();
    site.issuer.answers(503, "");
    for number in 0..100 {
        let header = json!({ "alg": "RS256", "kid": format!("k{number}") });
        let asked = site.engine.prove(&signed(&header, &site.claims(&json!({})))).await;
        assert!(
            matches!(asked, Err(Unproven::AskLater { issuer }) if issuer == site.issuer.url),
            "it may be a new key"
        );
    }
    let extended = json!({ "alg": "RS256", "kid": "one", "crit": ["exp"] });
    assert_eq!(site.refused(&signed(&extended, &site.claims(&json!({})))).await, TokenFault::Algorithm);
    for header in [
        json!({ "alg": "RS256" }),
        json!({ "alg": "RS256", "kid": 7 }),
        json!({ "alg": "RS256", "kid": "k".repeat(300) }),
    ] {
        let fault = site.refused(&signed(&header, &site.claims(&json!({})))).await;
        assert!(matches!(fault, TokenFault::UnknownKey { .. }));
    }
    site.engine.prove(&site.token(&json!({ "jti": "d" }))).await.unwrap();
    assert_eq!(site.issuer.asked(), 1);
}

#[tokio::test]
async fn garbage_is_turned_away_without_a_question() {
    let site = Site::new().await;
    let long = format!("{}.{}.c", "a".repeat(50_000), "b".repeat(50_000));
    for garbage in ["..", "a.b.c", "e30.e30.", "e30.e30.x", "W10.W10.x", "eyJhbGciOjd9.e30.x", long.as_str(), "ё.ё.ё"]
    {
        assert!(is_id_token(garbage));
        assert_eq!(site.refused(garbage).await, TokenFault::Malformed);
    }
    assert!(!is_id_token("rmm_0123") && !is_id_token("a.b.c.d.e"));
    assert_eq!(site.issuer.asked(), 0);
    site.engine.reconfigure(Catalog::default()).await;
    assert_eq!(site.refused(&site.token(&json!({}))).await, TokenFault::NotAsked);
}
