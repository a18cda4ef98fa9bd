//! Every call by every caller: those without the right are refused first.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{Caller, SHOP, Setup, World, commit_of};

/// All callers, the weakest first. `…_elsewhere` is limited to another service, `…_here` to the shop.
const ALL: [&str; 11] = [
    "stranger",
    "ci_elsewhere",
    "viewer_elsewhere",
    "admin_elsewhere",
    "ci_here",
    "ci",
    "viewer",
    "member",
    "admin_here",
    "admin",
    "operator",
];
const NOT_ABOUT_A_SERVICE: &[&str] = &["ci", "viewer", "member", "admin", "operator"];
const WATCHES: &[&str] = &["ci_here", "ci", "viewer", "member", "admin_here", "admin", "operator"];
const READS: &[&str] = &["viewer", "member", "admin_here", "admin", "operator"];
const READS_ALL: &[&str] = &["viewer", "member", "admin", "operator"];
const SEES_ANY_SERVICE: &[&str] =
    &["viewer_elsewhere", "admin_elsewhere", "viewer", "member", "admin_here", "admin", "operator"];
const CREATES: &[&str] = &["ci_here", "ci", "member", "admin_here", "admin", "operator"];
const REPORTS: &[&str] = &["ci_here", "ci", "admin_here", "admin", "operator"];
const VOTES: &[&str] = &["member"];
const RETRIES: &[&str] = &["member", "admin_here", "admin", "operator"];
const COMMANDS: &[&str] = &["admin_here", "admin", "operator"];
/// An actor that defines services has a name.
const DEFINES: &[&str] = &["operator"];
const ADMINISTERS: &[&str] = &["admin", "operator"];

/// The calls, with who may make them.
fn calls(release: i64, run: i64) -> Vec<(&'static str, String, Value, &'static [&'static str])> {
    let why = json!({ "reason": "why not" });
    let at = |rest: &str| format!("/api/v1/releases/{release}{rest}");
    let of = |rest: &str| format!("/api/v1/services/{SHOP}{rest}");
    let new = json!({ "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ann" });
    let original = json!({ "service_name": SHOP, "release_tag": "v1", "initiated_by": "ann" });
    let host = json!({ "environment": "production", "host": "nowhere", "reason": "gone" });
    let no_host = json!({ "environment": "production", "host": "nowhere" });
    let mut calls = vec![
        ("GET", "/healthz".into(), Value::Null, ALL.as_slice()),
        ("GET", "/health".into(), Value::Null, ALL.as_slice()),
        ("GET", "/readyz".into(), Value::Null, ALL.as_slice()),
        ("GET", "/api/v1/releases".into(), Value::Null, NOT_ABOUT_A_SERVICE),
        ("GET", format!("/api/v1/releases?service={SHOP}"), Value::Null, WATCHES),
        ("GET", at(""), Value::Null, WATCHES),
        ("GET", at("/runs"), Value::Null, WATCHES),
        ("GET", at("/explain"), Value::Null, WATCHES),
        ("GET", format!("/api/v1/runs/{run}"), Value::Null, WATCHES),
        ("GET", at("/events"), Value::Null, WATCHES),
        ("GET", at("/plan"), Value::Null, READS),
        ("GET", format!("/api/v1/runs/{run}/log"), Value::Null, READS),
        ("GET", of(""), Value::Null, READS),
        ("GET", of("/definition"), Value::Null, READS),
        ("GET", format!("/api/v1/stream?service={SHOP}"), Value::Null, READS),
        ("GET", format!("/api/v1/stream?release={release}"), Value::Null, READS),
        ("GET", "/api/v1/services".into(), Value::Null, SEES_ANY_SERVICE),
        ("GET", "/api/v1/stream".into(), Value::Null, READS_ALL),
        ("GET", "/active_releases".into(), Value::Null, &ALL[1..]),
        ("GET", "/api/v1/people".into(), Value::Null, READS_ALL),
        ("GET", "/api/v1/hosts".into(), Value::Null, READS_ALL),
        ("GET", "/api/v1/audit".into(), Value::Null, READS_ALL),
        ("GET", "/metrics".into(), Value::Null, READS_ALL),
        ("POST", "/api/v1/releases".into(), new, CREATES),
        ("PATCH", at(""), json!({ "status": "deployed" }), REPORTS),
        // The calls of the original machine.
        ("POST", "/release".into(), original, CREATES),
        ("PATCH", "/release".into(), json!({ "release_id": release, "status": "deployed" }), REPORTS),
        ("POST", format!("/api/v1/runs/{run}/resolve"), json!({ "verdict": "failed", "reason": "it did" }), COMMANDS),
        ("POST", of("/lock"), why.clone(), COMMANDS),
        ("POST", of("/unlock"), json!({}), COMMANDS),
        ("POST", of("/give-up"), host, COMMANDS),
        ("POST", of("/catch-up"), no_host, COMMANDS),
        ("POST", of("/settle"), json!({ "environment": "production", "runs": "recorded" }), COMMANDS),
        ("PUT", of("/definition"), json!({ "text": "" }), DEFINES),
        ("DELETE", of("/definition"), Value::Null, DEFINES),
        ("POST", "/api/v1/people/nobody/confirm".into(), Value::Null, ADMINISTERS),
        ("POST", "/api/v1/people/nobody/refuse".into(), Value::Null, ADMINISTERS),
        ("POST", "/api/v1/hosts/nowhere/check".into(), Value::Null, ADMINISTERS),
        (
            "POST",
            "/api/v1/hosts/nowhere/trust".into(),
            json!({ "fingerprint": format!("SHA256:{}", "A".repeat(43)) }),
            ADMINISTERS,
        ),
        ("GET", "/api/v1/audit/verify".into(), Value::Null, ADMINISTERS),
        ("POST", "/api/v1/audit/acknowledge".into(), json!({ "reason": "seen" }), ADMINISTERS),
        ("GET", "/api/v1/tokens".into(), Value::Null, ADMINISTERS),
        ("POST", "/api/v1/login-links".into(), json!({}), &["operator"]),
        ("POST", "/api/v1/tokens".into(), json!({ "name": "one more", "role": "admin" }), ADMINISTERS),
        ("POST", "/api/v1/tokens/unknown/adopt".into(), json!({}), ADMINISTERS),
        ("DELETE", "/api/v1/tokens/unknown".into(), Value::Null, ADMINISTERS),
        ("POST", "/api/v1/reload".into(), Value::Null, ADMINISTERS),
        ("GET", "/api/v1/backups".into(), Value::Null, ADMINISTERS),
        ("POST", "/api/v1/backup".into(), json!({ "file": "../x.db" }), ADMINISTERS),
    ];
    for (decision, body, who) in [
        ("approve", json!({}), VOTES),
        ("reject", why.clone(), VOTES),
        ("retry", json!({}), RETRIES),
        ("abort", why.clone(), COMMANDS),
        ("promote", json!({}), COMMANDS),
        ("rollback", why.clone(), COMMANDS),
        ("bypass", json!({ "reason": "why not", "gates": ["approvals"] }), COMMANDS),
        ("cancel", why, COMMANDS),
    ] {
        calls.push(("POST", at(&format!("/{decision}")), body, who));
    }
    calls
}

/// A call as the description of the API has it, with `{}` for what varies.
fn described(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let words: Vec<_> = path.split('/').collect();
    let varies = |place: usize| match (place, words.as_slice()) {
        (4, [_, "api", "v1", kind, ..]) => *kind != "audit",
        (5, [_, "api", "v1", "releases", ..]) => method == "POST",
        _ => false,
    };
    let words = words.iter().enumerate().map(|(place, word)| if varies(place) { "{}" } else { word });
    format!("{method} {}", words.collect::<Vec<_>>().join("/"))
}

async fn callers(world: &World) -> Vec<(&'static str, Caller<'_>)> {
    let mut callers = vec![("stranger", world.stranger())];
    for (name, role, services) in [
        ("ci_elsewhere", "ci", json!(["other"])),
        ("viewer_elsewhere", "viewer", json!(["other"])),
        ("admin_elsewhere", "admin", json!(["other"])),
        ("ci_here", "ci", json!([SHOP])),
        ("ci", "ci", json!([])),
        ("viewer", "viewer", json!([])),
        ("admin_here", "admin", json!([SHOP])),
        ("admin", "admin", json!([])),
    ] {
        let body = json!({ "name": format!("the {name}"), "role": role, "services": services });
        let made = world.operator().post("/api/v1/tokens", &body).await.ok();
        callers.push((name, world.with_token(made["token"].as_str().unwrap())));
    }
    callers.push(("member", world.person("bob").await));
    callers.push(("operator", world.operator()));
    callers
}

/// Whether a caller is let in, whatever the call then leads to.
async fn gets_in(caller: &Caller<'_>, method: &str, path: &str, body: &Value) -> bool {
    let body = (!body.is_null()).then(|| body.to_string().into_bytes());
    let answer = caller.send(method, path, body, &[]).await.unwrap();
    match answer.status().as_u16() {
        401 => false,
        403 => {
            let problem: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            problem["code"] != "forbidden"
        }
        _ => true,
    }
}

#[tokio::test]
async fn every_call_is_open_only_to_those_with_the_right() {
    let setup = Setup::new().person("bob", "member").approved_by(1, ["ann", "bob"]).another_service("other");
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let run = world.last_run(release).await;
    let calls = calls(release, run);
    let callers = callers(&world).await;
    assert_eq!(callers.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), BTreeSet::from(ALL));

    // Callers without the right come first, so that nothing has changed by then.
    let events = world.event_count().await;
    let mut wrong = Vec::new();
    for may in [false, true] {
        for (method, path, body, who) in &calls {
            for (name, caller) in callers.iter().filter(|(name, _)| who.contains(name) == may) {
                if gets_in(caller, method, path, body).await != may {
                    wrong
                        .push(format!("{name}: {method} {path} should be {}", if may { "allowed" } else { "refused" }));
                }
            }
        }
        let now = world.event_count().await;
        assert!(may || now == events, "{:?}", world.events().await.split_off(events as usize));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // No call is left out.
    let document = world.stranger().get("/api/openapi.json").await.ok();
    let mut open: BTreeSet<String> = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.split('/').map(|word| if word.starts_with('{') { "{}" } else { word });
        let path = path.collect::<Vec<_>>().join("/");
        open.extend(methods.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    // Telegram's proves itself with a secret of its own.
    open.remove("POST /hooks/telegram");
    let tried: BTreeSet<_> = calls.iter().map(|(method, path, _, _)| described(method, path)).collect();
    assert_eq!(open, tried);
}

#[tokio::test]
async fn each_caller_is_told_the_moves_that_they_may_make() {
    let setup = Setup::new().person("bob", "member").approved_by(2, ["ann", "bob"]).another_service("other");
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    world.approve("ann", release).await.ok();
    let path = format!("/api/v1/releases/{release}");
    for (name, caller) in callers(&world).await {
        let legal = match name {
            "member" => json!(["approve", "reject"]),
            "admin_here" | "admin" | "operator" => json!(["cancel"]),
            "ci_here" | "ci" | "viewer" => json!([]),
            _ => continue,
        };
        assert_eq!(caller.get(&path).await.ok()["legal"], legal, "{name}");
    }
    // Ann has given her yes, and is an admin.
    assert_eq!(world.person("ann").await.get(&path).await.ok()["legal"], json!(["reject", "cancel"]));
}
