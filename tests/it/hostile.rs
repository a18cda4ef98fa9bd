//! Bad input. Every piece of it gets a problem document that names the field and the rule; nothing of it is written,
//! and nothing reaches a shell.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{SHOP, Setup, Wire, World, commit_of, memory, peak_memory};

/// Text that would do something, or show something else than it is, if it were let through.
const HOSTILE: &[&str] = &[
    "v1;rm -rf /",
    "--upload-pack=x",
    "$(touch ../canary)",
    "`touch ../canary`",
    "v1 v2",
    "v1'\"",
    "v1|touch ../canary",
    "v1\n--force",
    "v1\u{0}",
    "../../etc/passwd",
    "v1.lock",
    "v1..v2",
    "",
    "v1\u{202e}gpj.exe",
    "v\u{200b}1",
    "в1",
];

fn candidate(changes: Value) -> Value {
    let mut body = json!({ "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ci" });
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

/// Tells the story, and then: nothing was written and nothing was executed.
async fn leaves_no_trace(world: &World, story: impl AsyncFnOnce()) {
    let before = world.event_count().await;
    story().await;
    assert_eq!(world.event_count().await, before, "something was put on the record");
    assert!(!world.path("canary").exists(), "something reached a shell");
    let releases = world.operator().get("/api/v1/releases").await.ok();
    assert_eq!(releases["releases"], json!([]), "something was written");
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused() {
    let world = World::new(Setup::new()).await;
    let deep = 50_000;
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"tag=v1".to_vec(),
        b"{".to_vec(),
        b"{\"service\": \"shop\"".to_vec(),
        b"{\"service\": \"sh\xffop\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{} {}".to_vec(),
        b"{\"service\": NaN}".to_vec(),
        b"{\"service\": \"\\ud800\"}".to_vec(),
        "[".repeat(deep).into_bytes(),
        format!("{{\"service\": {}", "[".repeat(deep)).into_bytes(),
        format!("{{\"surfaces\": {}", "[".repeat(deep)).into_bytes(),
        format!("{{\"notes\": {}", "{\"a\":".repeat(deep)).into_bytes(),
    ];
    leaves_no_trace(&world, async || {
        for body in &bodies {
            for path in ["/api/v1/releases", "/release", "/api/v1/tokens", "/api/v1/services/shop/lock"] {
                let problem = world.operator().post_bytes(path, body.clone()).await.problem();
                let (status, code) = (problem["status"].as_u64().unwrap(), problem["code"].as_str().unwrap());
                let shown = String::from_utf8_lossy(&body[..body.len().min(40)]);
                assert!(matches!((status, code), (400, "not_json") | (422, "invalid")), "{path} {shown}: {problem}");
                assert!(problem["field"].is_string(), "{path} {shown}: {problem}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn json_is_known_however_its_name_is_spelled() {
    let world = World::new(Setup::new()).await;
    for (tag, name) in
        [("v1", "Application/JSON"), ("v2", "APPLICATION/JSON; Charset=UTF-8"), ("v3", "application/json ;")]
    {
        let body = candidate(json!({ "tag": tag, "commit": commit_of(tag) })).to_string().into_bytes();
        let header = [("content-type", name)];
        let answer = world.operator().send("POST", "/api/v1/releases", Some(body), &header).await.unwrap();
        assert_eq!(answer.status(), 201, "{name}");
    }
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_are_named() {
    let world = World::new(Setup::new()).await;
    let wrong = [
        ("service", candidate(json!({ "service": 7 }))),
        ("service", candidate(json!({ "service": null }))),
        ("tag", candidate(json!({ "tag": ["v1"] }))),
        ("commit", candidate(json!({ "commit": "HEAD" }))),
        ("commit", candidate(json!({ "commit": "A".repeat(40) }))),
        ("initiated_by", candidate(json!({ "initiated_by": {} }))),
        ("initiated_by", candidate(json!({ "initiated_by": "" }))),
        ("ci_run.attempt", candidate(json!({ "ci_run": { "id": "1", "attempt": -1 } }))),
        ("ci_run.attempt", candidate(json!({ "ci_run": { "id": "1", "attempt": 0 } }))),
        ("ci_run.attempt", candidate(json!({ "ci_run": { "id": "1", "attempt": 1e30 } }))),
        ("surfaces[0].name", candidate(json!({ "surfaces": [{ "name": "../x" }] }))),
        ("surfaces[0].name", candidate(json!({ "surfaces": [{ "name": "nope" }] }))),
        ("surfaces[1].name", candidate(json!({ "surfaces": [{ "name": "app" }, { "name": "app" }] }))),
        ("comit", candidate(json!({ "comit": "x" }))),
        ("tag", candidate(json!({ "tag": "x".repeat(129) }))),
        ("tag", json!({ "service": SHOP, "initiated_by": "ci" })),
    ];
    leaves_no_trace(&world, async || {
        for (field, body) in &wrong {
            let rule = world.operator().post("/api/v1/releases", body).await.names(field);
            let name = field.split('.').next_back().unwrap();
            assert!(rule.contains(name), "{field}: {rule}");
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_fields_inside_of_others_are_named() {
    let world = World::new(Setup::new()).await;
    leaves_no_trace(&world, async || {
        let body = candidate(json!({ "ci_run": { "id": "1", "atempt": 2 } }));
        world.operator().post("/api/v1/releases", &body).await.names("ci_run.atempt");
        let body = candidate(json!({ "surfaces": [{ "name": "app", "digset": "x" }] }));
        world.operator().post("/api/v1/releases", &body).await.names("surfaces[0].digset");
    })
    .await;
}

#[tokio::test]
async fn hostile_names_are_refused_by_every_call() {
    let world = World::new(Setup::new()).await;
    leaves_no_trace(&world, async || {
        for text in HOSTILE {
            let op = world.operator();
            op.post("/api/v1/releases", &candidate(json!({ "tag": text }))).await.names("tag");
            op.post("/api/v1/releases", &candidate(json!({ "commit": text }))).await.names("commit");
            let concept = json!({ "service_name": SHOP, "release_tag": text, "initiated_by": "ci" });
            op.post("/release", &concept).await.names("release_tag");
            // Unlike tags, other names may have a part that looks like a file's.
            if !matches!(*text, "v1.lock" | "v1..v2") {
                op.post("/api/v1/releases", &candidate(json!({ "service": text }))).await.names("service");
                let token = json!({ "name": "x", "role": "ci", "services": [text] });
                op.post("/api/v1/tokens", &token).await.names("services");
                op.post("/api/v1/backup", &json!({ "file": text })).await.names("file");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn text_that_shows_something_else_is_refused() {
    let world = World::new(Setup::new()).await;
    leaves_no_trace(&world, async || {
        for text in ["v1\u{202e}gpj", "v\u{200b}1", "a\u{2066}b", "a\u{7}b", "\u{feff}a"] {
            let op = world.operator();
            op.post("/api/v1/releases", &candidate(json!({ "tag": text }))).await.names("tag");
            let artifact = json!({ "surfaces": [{ "name": "app", "artifact": text }] });
            op.post("/api/v1/releases", &candidate(artifact)).await.names("surfaces[0].artifact");
            let run = candidate(json!({ "ci_run": { "id": text } }));
            op.post("/api/v1/releases", &run).await.names("ci_run.id");
            op.post("/api/v1/tokens", &json!({ "name": text, "role": "ci" })).await.names("name");
        }
    })
    .await;
}

#[tokio::test]
async fn links_and_times_that_cannot_be_shown_lose_no_release_and_no_report() {
    let world = World::new(Setup::new().by_ci()).await;
    let ci = world.ci().await;
    let long = format!("https://example.com/{}", "x".repeat(5000));
    let cases = [
        ("https://example.com/a?b=c#d", json!("https://example.com/a?b=c#d")),
        ("https://пример.рф/путь", json!("https://xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C")),
        (" https://x/a b ", json!("https://x/a%20b")),
        ("https://ex\u{ad}ample.com/", json!("https://example.com/")),
        ("/a/b", Value::Null),
        (long.as_str(), Value::Null),
        ("https://u:p@x/", Value::Null),
        ("ftp://x", Value::Null),
        ("javascript:alert(1)", Value::Null),
        ("", Value::Null),
    ];
    for (at, (link, shown)) in cases.into_iter().enumerate() {
        let tag = format!("v{at}");
        let surfaces = json!([{ "name": "app", "preview_url": link }]);
        let body = json!({
            "tag": tag, "commit": commit_of(&tag), "surfaces": surfaces, "ci_run": { "id": tag, "url": link },
        });
        let made = ci.post("/api/v1/releases", &candidate(body)).await.ok();
        assert_eq!((&made["surfaces"][0]["preview_url"], &made["ci_run"]["url"]), (&shown, &shown), "{link:.60}");
        let id = &made["id"];
        let told = json!({ "surfaces": surfaces, "ci_run": { "id": tag, "url": link } });
        ci.patch(&format!("/api/v1/releases/{id}"), &told).await.ok();
        let original =
            json!({ "release_id": id, "status": "initiated", "github_run_id": tag, "github_action_link": link });
        ci.patch("/release", &original).await.ok();
    }
    for (at, (told, shown)) in [
        (json!("2026-01-01T08:00:00Z"), json!("2026-01-01T08:00:00Z")),
        (json!("2026-01-01 10:00:00 +0200"), json!("2026-01-01T08:00:00Z")),
        (json!(1_767_254_400), json!("2026-01-01T08:00:00Z")),
        (json!("yesterday"), Value::Null),
        (json!({}), Value::Null),
        (Value::Null, Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let tag = format!("t{at}");
        let body = json!({ "tag": tag, "commit": commit_of(&tag), "tagged_at": told, "notes": null, "owner": " " });
        let made = ci.post("/api/v1/releases", &candidate(body)).await.ok();
        assert_eq!((&made["tagged_at"], &made["owner"]), (&shown, &made["initiated_by"]), "{told}");
    }
}

#[tokio::test]
async fn text_that_only_decorates_loses_no_release_and_no_vote() {
    let world = World::new(Setup::new()).await;
    let op = world.operator();
    let ci = world.ci().await;
    let notes = format!("\u{feff}One\r\ntwo \u{ad}\u{202e}three\0\u{7} ሰላም 👩\u{200d}🚒\r\n{}", "ж".repeat(20_000));
    let body = json!({ "notes": notes, "initiated_by": " Жанна\u{200b}\r\n\u{feff}Д. ", "owner": "ü".repeat(300) });
    let made = ci.post("/api/v1/releases", &candidate(body)).await.ok();
    let kept = made["notes"].as_str().unwrap();
    assert!(kept.starts_with("One\ntwo three ሰላም 👩\u{200d}🚒\nжж") && kept.ends_with("ж…"), "{kept:.60}");
    assert_eq!(kept.chars().count(), 10_000);
    assert_eq!((&made["initiated_by"], made["owner"].as_str().unwrap().chars().count()), (&json!("Жанна Д."), 100));
    let release = made["id"].as_i64().unwrap();
    world.until(release, "manual_testing").await;
    let reason = json!({ "reason": format!("\u{feff}it\u{ad} lies\r\nsee\u{202e} above{}", "!".repeat(20_000)) });
    for call in ["services/shop/lock", &format!("releases/{release}/reject")] {
        let caller = world.person("ann").await;
        caller.post(&format!("/api/v1/{call}"), &json!({ "reason": " \u{200b}\r\n" })).await.names("reason");
    }
    op.post("/api/v1/services/shop/lock", &reason).await.ok();
    let lock = op.get("/api/v1/services/shop").await.ok()["production"]["lock"]["reason"].clone();
    assert!(lock.as_str().unwrap().starts_with("it lies\nsee above!!"), "{lock}");
    world.person("ann").await.post(&format!("/api/v1/releases/{release}/reject"), &reason).await.ok();
    let told = world.reason(release).await;
    assert!(told.contains("it lies\nsee above!!") && told.ends_with('…'), "{told}");
    // In a file that begins with a mark of the byte order.
    let body = candidate(json!({ "tag": "v7", "commit": commit_of("v7"), "initiated_by": "a\u{ad}nn\r\n" }));
    let made = ci.post_bytes("/api/v1/releases", format!("\u{feff}{body}")).await.ok();
    assert_eq!(made["initiated_by"], "ann");
}

#[tokio::test]
async fn hostile_paths_and_queries_are_refused() {
    let world = World::new(Setup::new()).await;
    leaves_no_trace(&world, async || {
        let op = world.operator();
        for path in [
            "/api/v1/releases/0x1",
            "/api/v1/releases/99999999999999999999",
            "/api/v1/releases/1%3Bdrop",
            "/api/v1/releases/-1",
            "/api/v1/runs/%00/log",
            "/api/v1/services/%2e%2e%2f",
            "/api/v1/nothing",
            "/%ff",
        ] {
            let problem = op.get(path).await.problem();
            assert!(matches!(problem["status"].as_u64(), Some(404 | 422)), "{path}: {problem}");
        }
        for query in ["limit=0", "limit=1000000", "limit=x", "cursor=e5", "list=all", "nope=1", "service=a%20b"] {
            let problem = op.get(&format!("/api/v1/releases?{query}")).await.problem();
            assert_eq!((&problem["status"], problem["field"].is_string()), (&json!(422), true), "{query}: {problem}");
        }
        assert_eq!(op.delete("/api/v1/releases").await.status, 405);
    })
    .await;
}

#[tokio::test]
async fn what_ci_built_reaches_a_command_as_one_word() {
    let deploy = r#"printf '<%s>\n' {{ surface.artifact }} {{ surface.digest }} >> ../ledger"#;
    let world = World::new(Setup::new().without_migrations().surface("deploy", deploy)).await;
    let artifact = "a b; touch ../canary $(touch ../canary) `touch ../canary` 'x' \"y\" \\ *";
    let body =
        candidate(json!({ "surfaces": [{ "name": "app", "artifact": artifact, "digest": "&& touch ../canary" }] }));
    let release = world.create(body).await;
    world.until(release, "manual_testing").await;
    assert_eq!(world.ledger(), [format!("<{artifact}>"), "<&& touch ../canary>".to_owned()]);
    assert!(!world.path("canary").exists());
}

#[tokio::test]
async fn what_people_approved_is_what_ships() {
    let deploy = r#"printf '%s %s\n' $RMM_ENVIRONMENT {{ surface.artifact }} >> ../ledger"#;
    let world = World::new(Setup::new().without_migrations().surface("deploy", deploy)).await;
    let built = |artifact: &str| json!([{ "name": "app", "artifact": artifact, "digest": "sha256:1" }]);
    let release = world.create(candidate(json!({ "surfaces": built("app@good") }))).await;
    let evil = json!({ "surfaces": built("app@evil") });
    let path = format!("/api/v1/releases/{release}");
    let ci = world.ci().await;
    ci.patch(&path, &evil).await.refused(409, "artifacts_fixed");
    world.until(release, "manual_testing").await;
    ci.patch(&path, &evil).await.refused(409, "artifacts_fixed");
    let content = world.show(release).await["content"].clone();

    // Nor do other commands go to production, though the operator has edited them.
    world.operator().post("/api/v1/services/shop/lock", &json!({ "reason": "sale" })).await.ok();
    world.approve("ann", release).await.ok();
    world.until(release, "manual_test_passed").await;
    let config = std::fs::read_to_string(world.path("rmm.toml")).unwrap();
    world.write("rmm.toml", &config.replace("printf '%s %s", "printf 'other %s %s"));
    world.terminate().await;
    world.start().await;
    world.operator().post("/api/v1/services/shop/unlock", &json!({})).await.ok();
    world.until(release, "manual_testing").await;
    let now = world.show(release).await;
    assert_ne!(now["content"], content);
    assert_eq!((&now["approvals"]["given"], &now["approvals"]["votes"][0]["content"]), (&json!([]), &content));
    world.approve("ann", release).await.ok();
    world.until(release, "deployed").await;
    assert_eq!(world.ledger(), ["stage app@good", "other stage app@good", "other production app@good"]);
    assert_eq!(world.runs(release).await.last().unwrap()["content"], now["content"]);
    world.is_sound().await;
}

#[tokio::test]
async fn a_report_that_is_half_wrong_is_refused_as_a_whole() {
    let world = World::new(Setup::new().stage_by_ci()).await;
    let release = world.release("v1").await;
    let before = world.show(release).await;
    let body = json!({ "status": "deployed", "surfaces": [{ "name": "app", "artifact": "image:1" }] });
    world.ci().await.patch(&format!("/api/v1/releases/{release}"), &body).await.refused(409, "not_reported_by_ci");
    assert_eq!(world.show(release).await, before);
}

#[tokio::test]
async fn a_creation_that_is_half_wrong_is_refused_as_a_whole() {
    let world = World::new(Setup::new().repository(Path::new("/nowhere"))).await;
    let body = json!({ "service_name": SHOP, "release_tag": "v1", "initiated_by": "ci", "status": "stage_building" });
    let ci = world.ci().await;
    leaves_no_trace(&world, async || {
        ci.post("/release", &body).await.refused(409, "not_reported_by_ci");
    })
    .await;
}

#[tokio::test]
async fn the_original_creation_takes_stage_at_once() {
    let world = World::new(Setup::new().stage_by_ci().repository(Path::new("/nowhere"))).await;
    let names = json!({ "service_name": SHOP, "initiated_by": "ci", "status": "stage_building" });
    let body = |tag: &str| {
        let mut body = names.clone();
        (body["release_tag"], body["github_run_id"]) = (json!(tag), json!(tag));
        body
    };
    let ci = world.ci().await;
    let first = ci.post("/release", &body("v1")).await.with_status(201).json();
    assert_eq!(world.status(first["release_id"].as_i64().unwrap()).await, "stage_building");
    assert_eq!(ci.post("/release", &body("v1")).await.with_status(201).json(), first);
    assert!(ci.post("/release", &body("v2")).await.refused(409, "stage_busy").contains("stage is taken by #1 v1"));
    assert_eq!(world.operator().get("/api/v1/releases").await.ok()["releases"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_answer_to_a_creation_is_what_is_stored() {
    let world = World::new(Setup::new().stage_by_ci()).await;
    let ci = world.ci().await;
    let made = ci.post("/api/v1/releases", &candidate(json!({}))).await.with_status(201).json();
    let again = ci.post("/api/v1/releases", &candidate(json!({}))).await.with_status(200).json();
    assert_eq!(made, again);
}

#[tokio::test]
async fn notes_that_are_long_or_no_text_lose_no_release() {
    let world = World::new(Setup::new()).await;
    let op = world.operator();
    let body = |tag: &str, notes: &str| {
        let body = candidate(json!({ "tag": tag, "commit": commit_of(tag), "notes": "NOTES" })).to_string();
        body.replace("NOTES", notes)
    };
    let long = op.post_bytes("/api/v1/releases", body("v1", &"ж".repeat(150 << 10))).await.ok();
    assert_eq!(long["notes"].as_str().unwrap().chars().count(), 10_000);
    let cut = op.post_bytes("/api/v1/releases", body("v2", "a smile \\ud83d")).await.ok();
    assert_eq!(cut["notes"], "a smile \u{fffd}");
    let latin: Vec<u8> = body("v3", "caf~").bytes().map(|b| if b == b'~' { 0xe9 } else { b }).collect();
    assert_eq!(op.post_bytes("/api/v1/releases", latin).await.ok()["notes"], "caf\u{fffd}");
}

#[tokio::test]
async fn large_bodies_are_refused_and_memory_stays_flat() {
    let world = World::new(Setup::new()).await;
    let before = memory(world.pid());
    leaves_no_trace(&world, async || {
        for _ in 0..20 {
            let body = candidate(json!({ "notes": "x".repeat(1 << 20) })).to_string();
            let sentence = world.operator().post_bytes("/api/v1/releases", body).await.refused(413, "too_large");
            assert!(sentence.contains("1048576"), "{sentence}");
        }
    })
    .await;
    assert!(memory(world.pid()) < before + 20, "{} MiB, {before} before", memory(world.pid()));
}

#[tokio::test]
async fn a_body_of_five_gigabytes_is_cut_off_early() {
    let world = World::new(Setup::new()).await;
    world.ci().await;
    let token = world.operator().post("/api/v1/tokens", &json!({ "name": "big", "role": "ci" })).await.ok();
    let before = memory(world.pid());
    let token = token["token"].as_str().unwrap();
    let head = format!("POST /api/v1/releases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
    let plain = vec![b'x'; 0x10000];
    for (framing, piece) in [("transfer-encoding: chunked", &chunk), ("content-length: 5368709120", &plain)] {
        let mut wire = Wire::to(&world).await;
        wire.say(format!("{head}{framing}\r\n\r\n").as_bytes()).await;
        let mut sent = 0_u64;
        while sent < 5 << 30 && wire.say(piece).await {
            sent += piece.len() as u64;
        }
        let heard = wire.until_closed(Duration::from_secs(20)).await.unwrap();
        assert!(heard.starts_with("HTTP/1.1 413"), "{framing}: {heard}");
        assert!(heard.contains("application/problem+json") && heard.contains("too_large"), "{heard}");
        assert!(sent < 64 << 20, "RMM took {sent} bytes");
    }
    assert!(peak_memory(world.pid()) < before + 20, "{} MiB, {before} before", peak_memory(world.pid()));
    world.operator().get("/healthz").await.ok();
}

/// Ten seconds are the limit of RMM itself.
#[tokio::test]
async fn slow_callers_are_cut_off() {
    let world = World::new(Setup::new()).await;
    let token = world.operator().post("/api/v1/tokens", &json!({ "name": "slow", "role": "ci" })).await.ok();
    let token = token["token"].as_str().unwrap();
    let limit = Duration::from_secs(30);
    let slow_head = async {
        let mut wire = Wire::to(&world).await;
        wire.say(b"POST /api/v1/releases HTTP/1.1\r\nhost: x\r\nx-slow").await;
        wire.until_closed(limit).await
    };
    let silent = async { Wire::to(&world).await.until_closed(limit).await };
    let slow_body = async {
        let mut wire = Wire::to(&world).await;
        let head = format!(
            "POST /api/v1/releases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{"
        );
        wire.say(head.as_bytes()).await;
        wire.until_closed(limit).await
    };
    let (slow_head, silent, slow_body) = tokio::join!(slow_head, silent, slow_body);
    assert!(slow_head.is_some(), "slow headers were not cut off");
    assert!(silent.is_some(), "a caller who says nothing was not cut off");
    let heard = slow_body.expect("a slow body was not cut off");
    assert!(heard.starts_with("HTTP/1.1 408") && heard.contains("too_slow"), "{heard}");
    assert_eq!(world.operator().get("/api/v1/releases").await.ok()["releases"], json!([]));
}

#[tokio::test]
async fn what_is_no_http_does_no_harm() {
    let world = World::new(Setup::new()).await;
    let many_headers = format!("GET /healthz HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    let long_header = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let long_path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(1 << 20));
    let nonsense: [&[u8]; 6] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        many_headers.as_bytes(),
        long_header.as_bytes(),
        long_path.as_bytes(),
    ];
    for bytes in nonsense {
        let mut wire = Wire::to(&world).await;
        wire.say(bytes).await;
        let heard = wire.until_closed(Duration::from_secs(20)).await.unwrap();
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 4"), "{heard}");
    }
    world.operator().get("/healthz").await.ok();
}
