//! Tokens that are wrong, revoked, expired, or not meant for what they are used for.

use rusqlite::Connection;
use serde_json::json;

use crate::world::{Browser, Caller, SHOP, Setup, Wire, World, commit_of, eventually};

async fn token(world: &World, body: serde_json::Value) -> String {
    world.operator().post("/api/v1/tokens", &body).await.ok()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_good_token_nothing_is_shown_or_done() {
    let world = World::new(Setup::new()).await;
    let before = world.event_count().await;
    for path in ["/api/v1/releases", "/api/v1/audit", "/api/v1/stream", "/active_releases", "/api/v1/tokens"] {
        let sentence = world.stranger().get(path).await.refused(401, "unauthorized");
        assert!(sentence.contains("needs a token"), "{sentence}");
        let sentence = world.with_token("rmm_wrong").get(path).await.refused(401, "unauthorized");
        assert!(sentence.contains("not known"), "{sentence}");
    }
    let body = json!({ "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ci" });
    world.stranger().post("/api/v1/releases", &body).await.refused(401, "unauthorized");
    let odd = [("authorization", "Basic YTpi"), ("authorization", "Bearer"), ("authorization", "Bearer  ")];
    for header in odd {
        let answer = world.stranger().send("GET", "/api/v1/releases", None, &[header]).await.unwrap();
        assert_eq!(answer.status(), 401, "{header:?}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
    assert_eq!(world.event_count().await, before);
}

#[tokio::test]
async fn a_revoked_token_is_dead_at_once() {
    let world = World::new(Setup::new()).await;
    let token = token(&world, json!({ "name": "old", "role": "viewer" })).await;
    world.with_token(&token).get("/api/v1/releases").await.ok();
    world.operator().delete("/api/v1/tokens/old").await.ok();
    let sentence = world.with_token(&token).get("/api/v1/releases").await.refused(401, "unauthorized");
    assert!(sentence.contains("was revoked at 20"), "{sentence}");
    world.restart_after_kill().await;
    world.with_token(&token).get("/api/v1/releases").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn an_expired_token_is_dead() {
    let world = World::new(Setup::new()).await;
    let token = token(&world, json!({ "name": "brief", "role": "viewer", "expires_at": "2999-01-01T00:00:00Z" })).await;
    world.with_token(&token).get("/api/v1/releases").await.ok();
    world.kill();
    let conn = Connection::open(world.database()).unwrap();
    conn.execute("UPDATE tokens SET expires_at = 1000 WHERE name = 'brief'", []).unwrap();
    drop(conn);
    world.start().await;
    let sentence = world.with_token(&token).get("/api/v1/releases").await.refused(401, "unauthorized");
    assert!(sentence.contains("expired at 1970-01-01"), "{sentence}");
}

#[tokio::test]
async fn a_token_that_would_be_expired_at_once_is_not_made() {
    let world = World::new(Setup::new()).await;
    let body = json!({ "name": "late", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z" });
    world.operator().post("/api/v1/tokens", &body).await.names("expires_at");
    assert_eq!(world.operator().get("/api/v1/tokens").await.ok(), json!([]));
}

#[tokio::test]
async fn tokens_are_told_apart_by_more_than_case_and_blanks() {
    let world = World::new(Setup::new()).await;
    let make = async |name: &str| world.operator().post("/api/v1/tokens", &json!({ "name": name, "role": "ci" })).await;
    make("x").await.ok();
    for twin in ["X", "x ", "\t x", "\u{ff58}"] {
        make(twin).await.names("name");
    }
    let sentence = make("X").await.names("name");
    assert!(sentence.contains("\"X\" and the valid token \"x\""), "{sentence}");
    // Twins from before go on.
    world.kill();
    let conn = Connection::open(world.database()).unwrap();
    let twin = "INSERT INTO tokens (hash, name, role, services, created_at, created_by) SELECT x'00', 'X', role, services, \
                created_at, created_by FROM tokens";
    assert_eq!(conn.execute(twin, []).unwrap(), 1);
    drop(conn);
    world.start().await;
    world.operator().delete("/api/v1/tokens/X").await.ok();
    make("X").await.names("name");
    // So the record calls id tokens.
    make("GitHub:owner/name").await.names("name");
    world.operator().delete("/api/v1/tokens/x").await.ok();
    make("X").await.ok();
}

#[tokio::test]
async fn a_token_does_what_it_is_for_and_nothing_else() {
    let setup = Setup::new().person("bob", "member").person("eve", "viewer").another_service("other");
    let world = World::new(setup).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    let before = world.event_count().await;
    let limited = token(&world, json!({ "name": "limited", "role": "ci", "services": ["other"] })).await;
    let limited = world.with_token(limited);
    let viewer = world.with_token(token(&world, json!({ "name": "viewer", "role": "viewer", "person": "eve" })).await);
    let admin = world.with_token(token(&world, json!({ "name": "bot", "role": "admin" })).await);
    let ci = world.ci().await;
    let bob = world.person("bob").await;

    let body = json!({ "service": SHOP, "tag": "v2", "commit": commit_of("v2"), "initiated_by": "ci" });
    let (path, why) = (format!("/api/v1/releases/{release}"), json!({ "reason": "why not" }));
    limited.post("/api/v1/releases", &body).await.refused(403, "forbidden");
    limited.patch(&path, &json!({ "status": "deployed" })).await.refused(403, "forbidden");
    for reader in [&limited, &ci] {
        reader.get("/api/v1/audit").await.refused(403, "forbidden");
        reader.get("/api/v1/stream").await.refused(403, "forbidden");
    }
    limited.get(&path).await.refused(403, "forbidden");
    assert_eq!(ci.get(&path).await.ok()["status"], "manual_testing");
    for decision in ["approve", "reject", "cancel", "rollback", "abort", "bypass", "retry", "promote"] {
        for caller in [&ci, &viewer, &limited] {
            caller.post(&format!("{path}/{decision}"), &why).await.refused(403, "forbidden");
        }
    }
    admin.post(&format!("{path}/approve"), &why).await.refused(403, "forbidden");
    assert!(bob.post(&format!("{path}/approve"), &why).await.refused(403, "not_listed").contains("ann"));
    bob.post(&format!("{path}/cancel"), &why).await.refused(403, "forbidden");
    bob.post("/api/v1/services/shop/lock", &why).await.refused(403, "forbidden");
    bob.post("/api/v1/tokens", &json!({ "name": "x", "role": "admin" })).await.refused(403, "forbidden");
    bob.delete("/api/v1/tokens/bot").await.refused(403, "forbidden");
    bob.post("/api/v1/backup", &json!({ "file": "x.db" })).await.refused(403, "forbidden");
    bob.get("/api/v1/audit/verify").await.refused(403, "forbidden");
    viewer.get(&path).await.ok();

    // Only the five tokens were made meanwhile.
    let made = world.events().await.iter().filter(|event| event["kind"] == "token_created").count() as i64;
    assert_eq!(world.event_count().await - before, made - 1);
    assert_eq!(world.status(release).await, "manual_testing");
}

#[tokio::test]
async fn a_token_ends_with_the_admin_who_made_it_unless_another_takes_it_over() {
    let world = World::new(Setup::new().person("eve", "admin").person("bob", "member")).await;
    let (eve, ann) = (world.person("eve").await, world.person("ann").await);
    let makes = async |maker: &Caller<'_>, body: serde_json::Value| {
        maker.post("/api/v1/tokens", &body).await.ok()["token"].as_str().unwrap().to_owned()
    };
    let root = makes(&eve, json!({ "name": "root", "role": "admin" })).await;
    let ends = [
        makes(&eve, json!({ "name": "build", "role": "ci" })).await,
        makes(&eve, json!({ "name": "as bob", "role": "member", "person": "bob" })).await,
        makes(&world.with_token(&root), json!({ "name": "hidden", "role": "admin" })).await,
        root,
    ];
    let stays = [
        makes(&ann, json!({ "name": "of ann", "role": "admin" })).await,
        makes(&world.operator(), json!({ "name": "installed", "role": "admin" })).await,
        makes(&eve, json!({ "name": "laptop", "role": "viewer", "person": "eve" })).await,
    ];
    let opens = async |token: &str| {
        let answer = world.with_token(token).send("GET", "/api/v1/releases/1", None, &[]).await.unwrap();
        answer.status() == 404
    };
    for token in ends.iter().chain(&stays) {
        assert!(opens(token).await);
    }
    for role in [Some("member"), None] {
        world.configure(|setup| {
            setup.people.retain(|(name, _)| name != "eve");
            setup.people.extend(role.map(|role| ("eve".into(), role.into())));
        });
        world.restart_after_kill().await;
        for token in &ends {
            let sentence = world.with_token(token).get("/api/v1/releases/1").await.refused(401, "unauthorized");
            assert!(sentence.contains("eve, the owner of this token, is not an admin any more"), "{sentence}");
        }
        assert!(opens(&stays[0]).await && opens(&stays[1]).await);
    }
    let listed = world.operator().get("/api/v1/tokens").await.ok();
    let orphans = listed.as_array().unwrap().iter().filter(|token| token["orphaned"] == true);
    let orphans: Vec<_> = orphans.map(|token| token["name"].as_str().unwrap()).collect();
    assert_eq!(orphans, ["hidden", "as bob", "build", "root"]);
    for token in listed.as_array().unwrap() {
        assert_eq!(token["person_gone"], token["person"] == "eve", "{token}");
    }
    for part in [
        "the token build is not valid: its owner eve is not an admin",
        "the token laptop is not valid: its owner eve is not in",
    ] {
        assert!(world.log().contains(part), "{part}: {}", world.log());
    }

    // The caller who takes it over vouches for it, on the record.
    ann.post("/api/v1/tokens/build/adopt", &json!({})).await.ok();
    ann.post("/api/v1/tokens/nobody/adopt", &json!({})).await.refused(404, "not_found");
    assert!(opens(&ends[0]).await && !opens(&ends[1]).await);
    let events = world.events().await;
    let adopted = events.iter().find(|event| event["kind"] == "token_adopted").unwrap();
    assert_eq!((&adopted["data"]["before"], &adopted["actor"]["name"]), (&json!("eve"), &json!("ann")));
    world.configure(|setup| setup.people[0] = ("ann".into(), "member".into()));
    world.restart_after_kill().await;
    assert!(!opens(&ends[0]).await && !opens(&stays[0]).await && opens(&stays[1]).await);
}

#[tokio::test]
async fn no_token_has_the_name_of_a_person_or_is_expired_from_the_beginning() {
    let world = World::new(Setup::new().person("bob", "member")).await;
    for name in ["ann", "Ann", "ann ", " operator", "ａｎｎ", "operator", "OPERATOR", "rmm"] {
        world.operator().post("/api/v1/tokens", &json!({ "name": name, "role": "ci" })).await.names("name");
    }
    let bob = json!({ "name": "ann", "role": "member", "person": "bob" });
    world.operator().post("/api/v1/tokens", &bob).await.names("name");
    let late = json!({ "name": "late", "role": "ci", "expires_at": "2020-01-01T00:00:00Z" });
    world.operator().post("/api/v1/tokens", &late).await.names("expires_at");
    // The rule is told in words and as facts, and on a page in its language.
    let problem = world.operator().post("/api/v1/tokens", &json!({ "name": "Ann", "role": "ci" })).await.problem();
    let because = json!({
        "code": "invalid",
        "field": "name",
        "rule": "Ann is the name of a person; name the token after what it is for",
        "broken": { "code": "own_name", "name": "Ann" },
    });
    assert_eq!(problem["because"], because, "{problem}");
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let account = ann.open("/account").await;
    ann.submit(&account, "/account", &[("lang", "ru"), ("theme", "")]).await;
    let page = ann.open("/tokens").await;
    let page = ann.submit(&page, "/tokens/make", &[("name", "bob"), ("role", "ci"), ("days", "90")]).await;
    assert_eq!(page.status, 422, "{}", page.html);
    assert!(page.text("main").contains("bob — чужое имя"), "{}", page.text("main"));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_a_right_token_still_works() {
    let world = World::new(Setup::new()).await;
    let ann = world.person("ann").await;
    for guess in 0..20 {
        world.with_token(format!("rmm_guess{guess}")).get("/api/v1/releases").await.refused(401, "unauthorized");
    }
    let answer = world.with_token("rmm_guess20").get("/api/v1/releases").await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    let sentence = answer.refused(429, "too_many_wrong_tokens");
    assert!(sentence.contains("try again in"), "{sentence}");
    ann.get("/api/v1/releases").await.ok();
}

#[tokio::test]
async fn a_call_whose_client_hangs_up_has_all_its_consequences() {
    let w = World::new(Setup::new()).await;
    let admin = w.operator().post("/api/v1/tokens", &json!({ "name": "boss", "role": "admin" })).await.ok();
    let mut viewers = Vec::new();
    for number in 0..8 {
        let name = format!("viewer-{number}");
        let made = w.operator().post("/api/v1/tokens", &json!({ "name": name, "role": "viewer" })).await.ok();
        let token = made["token"].as_str().unwrap().to_owned();
        w.with_token(token.clone()).get("/api/v1/services").await.ok();
        viewers.push((name, token));
    }
    // Nothing is committed before all callers are gone.
    let database = Connection::open(w.database()).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut callers = Vec::new();
    for (name, _) in &viewers {
        let mut wire = Wire::to(&w).await;
        let token = admin["token"].as_str().unwrap();
        let call =
            format!("DELETE /api/v1/tokens/{name} HTTP/1.1\r\nhost: rmm\r\nauthorization: Bearer {token}\r\n\r\n");
        wire.send(call.as_bytes()).await;
        callers.push(wire);
    }
    let others_are_served = async || {
        for _ in 0..8 {
            w.stranger().get("/healthz").await.ok();
        }
    };
    others_are_served().await;
    drop(callers);
    others_are_served().await;
    database.execute_batch("ROLLBACK").unwrap();
    for (name, token) in viewers {
        eventually(&format!("{name} is revoked"), async || {
            let answer = w.with_token(token.clone()).get("/api/v1/services").await;
            (answer.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn tokens_are_listed_page_by_page() {
    let world = World::new(Setup::new()).await;
    for number in 1..=203 {
        token(&world, json!({ "name": format!("build-{number}"), "role": "ci" })).await;
    }
    let names = |tokens: &serde_json::Value| -> Vec<String> {
        let names = tokens.as_array().unwrap().iter();
        names.map(|token| token["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut found = Vec::new();
    let mut path = "/api/v1/tokens?limit=100".to_owned();
    loop {
        let page = world.operator().get(&path).await.with_status(200);
        found.extend(names(&page.json()));
        let link = page.header("link").to_owned();
        let Some(next) = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")) else { break };
        path = next.to_owned();
    }
    assert_eq!((found.len(), found[0].as_str(), found[202].as_str()), (203, "build-203", "build-1"));
    // Nobody gets more at once, and no cursor leads elsewhere.
    assert_eq!(names(&world.operator().get("/api/v1/tokens").await.ok()).len(), 200);
    world.operator().get("/api/v1/tokens?limit=201").await.names("limit");
    world.operator().get("/api/v1/tokens?cursor=r1").await.names("cursor");
    // The command line goes on by itself.
    let (code, said) = world.rmm(&["token", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, names(&listed)), (Some(0), found));
    let mut ann = Browser::signed_in(&world, Some("ann")).await;
    let mut page = ann.open("/tokens").await;
    let mut shown = page.texts("#tokens tbody th").len();
    while page.has("a[rel=next]") {
        page = ann.open(&page.attribute("a[rel=next]", "href")).await;
        shown += page.texts("#tokens tbody th").len();
    }
    assert!(shown == 203 && page.has("nav.pages a[href='/tokens']"), "{shown}");
}
