//! Crowds: a client that asks for more than everything. All others, and above all every run, go on.

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::world::{Answer, Caller, Repository, Setup, Wire, World, eventually};

/// A git server that accepts connections and says nothing; answers with the address of a repository there.
async fn silent_repository() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/silent.git", listener.local_addr().unwrap());
    let silence = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            taken.push(stream);
        }
    });
    (url, silence)
}

#[tokio::test]
async fn a_silent_repository_delays_no_run_and_no_tag_of_another_service() {
    let (url, _silence) = silent_repository().await;
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("quick"));
    let commit = repository.tag("v1", "one");
    let setup = Setup::new()
        .another_service_of("silent", &url)
        .another_service_of("quick", &repository.path.display().to_string());
    let world = World::new(setup).await;
    world.deployed("v1").await;
    let second = world.deployed("v2").await;

    let body = json!({ "name": "silent", "role": "ci", "services": ["silent"] });
    let token = world.operator().post("/api/v1/tokens", &body).await.ok();
    let attacker = world.with_token(token["token"].as_str().unwrap());
    let tags = stream::iter(0..1100).map(|number| {
        let attacker = attacker.clone();
        async move {
            let body = json!({ "service": "silent", "tag": format!("v{number}"), "initiated_by": "ci" });
            attacker.post("/api/v1/releases", &body).await.with_status(201);
        }
    });
    tags.buffer_unordered(20).collect::<Vec<_>>().await;

    let path = format!("/api/v1/releases/{second}/rollback");
    world.operator().post(&path, &json!({ "reason": "the carts are empty" })).await.ok();
    world.until(second, "rollback_done").await;
    let third = world.release("v3").await;
    world.until(third, "manual_testing").await;
    let quick = world.create(json!({ "service": "quick", "tag": "v1", "initiated_by": "ci" })).await;
    world.until(quick, "manual_testing").await;
    assert_eq!(world.show(quick).await["commit"], commit);
}

/// Another address of this machine than the one that all others call from.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

/// RMM may have 128 open files: 64 connections, half of them for one address.
const FEW_FILES: u64 = 128;
const ONE_ADDRESS: usize = 32;

async fn token_of<'w>(world: &'w World, body: Value) -> Caller<'w> {
    let made = world.operator().post("/api/v1/tokens", &body).await.ok();
    world.with_token(made["token"].as_str().unwrap())
}

/// Waits until a call is answered with this status.
async fn until_status(caller: &Caller<'_>, path: &str, status: u16) -> Answer {
    let what = format!("{path} is answered with {status}");
    eventually(&what, async || caller.ask("GET", path, None).await.filter(|answer| answer.status == status)).await
}

#[tokio::test]
async fn a_client_that_takes_no_answer_keeps_no_other_out_and_is_cut_off() {
    let world = World::new(Setup::new().open_files(FEW_FILES)).await;
    let ask = "GET /api/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(30);
    let open = || std::fs::read_dir(format!("/proc/{}/fd", world.pid())).unwrap().count();
    let before = open();
    let mut silent = Vec::new();
    for _ in 0..ONE_ADDRESS {
        let mut wire = Wire::narrow(&world).await;
        wire.send(ask.as_bytes()).await;
        silent.push(wire);
    }

    let neighbour = world.stranger();
    let refused = until_status(&neighbour, "/healthz", 429).await;
    assert_eq!(refused.header("retry-after"), "10");
    assert!(refused.refused(429, "too_many_connections").contains("from your address"));
    neighbour.clone().from(ELSEWHERE).get("/healthz").await.ok();
    world.operator().get("/api/v1/releases").await.ok();
    let commit = crate::world::commit_of("v1");
    let body = json!({ "service": "shop", "tag": "v1", "commit": commit, "initiated_by": "ann" });
    let release = world.operator().post("/api/v1/releases", &body).await.ok()["id"].as_i64().unwrap();
    world.until(release, "manual_testing").await;

    // All of them still hold on, and lose their connections.
    eventually("they are cut off", async || (open() <= before + ONE_ADDRESS / 4).then_some(())).await;
    until_status(&neighbour, "/healthz", 200).await;
    let mut cut = 0;
    for mut wire in silent {
        let heard = wire.until_closed(crate::world::TIMEOUT).await.unwrap();
        cut += usize::from(heard.matches("HTTP/1.1 200").count() < 30);
    }
    assert!(cut >= ONE_ADDRESS / 2, "only {cut} were cut off");
}

#[tokio::test]
async fn one_token_and_one_address_have_so_many_streams() {
    let world = World::new(Setup::new().open_files(FEW_FILES)).await;
    let greedy = token_of(&world, json!({ "name": "greedy", "role": "viewer" })).await;
    let other = token_of(&world, json!({ "name": "other", "role": "viewer" })).await;
    let open = async |caller: &Caller<'_>| {
        let response = caller.send("GET", "/api/v1/stream", None, &[]).await.unwrap();
        assert_eq!(response.status(), 200);
        response
    };
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(open(&greedy).await);
    }
    let refused = greedy.clone().from(ELSEWHERE).get("/api/v1/stream").await;
    assert_eq!(refused.header("retry-after"), "10");
    assert!(refused.refused(429, "too_many_streams").contains("this token"));
    assert!(other.get("/api/v1/stream").await.refused(429, "too_many_streams").contains("from your address"));
    let _others = [open(&other.clone().from(ELSEWHERE)).await, open(&world.operator()).await];

    // A client that hangs up makes room.
    streams.pop();
    eventually("there is room", async || {
        let response = other.send("GET", "/api/v1/stream", None, &[]).await?;
        (response.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_stream_ends_with_the_rights_of_its_listener() {
    let world = World::new(Setup::new().person("bob", "member")).await;
    let viewer = token_of(&world, json!({ "name": "viewer", "role": "viewer" })).await;
    let bob = world.person("bob").await;
    let operator = world.operator();
    let open = async |caller: &Caller<'_>| caller.send("GET", "/api/v1/stream", None, &[]).await.unwrap();
    let (mut of_viewer, mut of_bob, mut of_operator) = (open(&viewer).await, open(&bob).await, open(&operator).await);
    let ends = async |stream: &mut reqwest::Response| {
        tokio::time::timeout(crate::world::TIMEOUT, async { while let Ok(Some(_)) = stream.chunk().await {} }).await
    };

    operator.delete("/api/v1/tokens/viewer").await.ok();
    ends(&mut of_viewer).await.expect("the stream of a revoked token goes on");
    viewer.get("/api/v1/stream").await.refused(401, "unauthorized");

    world.configure(|setup| setup.remove_person("bob"));
    world.reload();
    ends(&mut of_bob).await.expect("the stream of a removed person goes on");
    bob.get("/api/v1/stream").await.refused(403, "forbidden");

    // The others go on listening.
    world.release("v1").await;
    assert!(of_operator.chunk().await.unwrap().is_some());
}

#[tokio::test]
async fn one_token_has_so_many_calls_under_way() {
    let world = World::new(Setup::new()).await;
    let made = world.operator().post("/api/v1/tokens", &json!({ "name": "ci", "role": "ci" })).await.ok();
    let token = made["token"].as_str().unwrap();
    let head = format!("POST /api/v1/releases HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    let ci = world.with_token(token);
    // A slow machine has not read them all when the first ones are cut off: then once more.
    let (refused, wires) = eventually("a call too many is answered with 429", async || {
        let wires = join_all((0..70).map(async |_| {
            let mut wire = Wire::to(&world).await;
            wire.send(format!("{head}content-length: 100\r\n\r\n{{").as_bytes()).await;
            wire
        }))
        .await;
        let answer = ci.get("/api/v1/releases").await;
        (answer.status == 429).then_some((answer, wires))
    })
    .await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.refused(429, "too_many_calls");
    world.person("ann").await.get("/api/v1/releases").await.ok();
    drop(wires);
    until_status(&ci, "/api/v1/releases", 200).await;
}

#[tokio::test]
async fn refused_reports_do_not_fill_the_record_and_it_is_read_in_pages() {
    let world = World::new(Setup::new().stage_by_ci()).await;
    let release = world.release("v1").await;
    let ci = world.ci().await;
    for number in 0..100 {
        let body = json!({ "status": "deployed", "ci_run": { "id": format!("run {number}") } });
        ci.patch(&format!("/api/v1/releases/{release}"), &body).await.problem();
    }
    let path = format!("/api/v1/releases/{release}/events");
    let all = world.operator().get(&path).await.ok();
    let refused = all.as_array().unwrap().iter().filter(|event| event["kind"] == "report_refused").count();
    assert!((8..20).contains(&refused), "{refused} of 100 are on the record");

    let (mut pages, mut next) = (Vec::new(), Some(format!("{path}?limit=3")));
    while let Some(address) = next {
        let page = world.operator().get(&address).await;
        let link = page.header("link").to_owned();
        let events = page.ok().as_array().unwrap().clone();
        assert!(events.len() == 3 || link.is_empty(), "{events:?}");
        pages.extend(events);
        next = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).map(ToOwned::to_owned);
    }
    assert_eq!(Value::from(pages), all);
    for (query, field) in [("limit=0", "limit"), ("limit=501", "limit"), ("cursor=3", "cursor")] {
        world.operator().get(&format!("{path}?{query}")).await.names(field);
    }
}

#[tokio::test]
async fn asking_whether_rmm_is_ready_writes_next_to_nothing() {
    let world = World::new(Setup::new()).await;
    let log = world.data().join("rmm.db-wal");
    let size = || std::fs::metadata(&log).map_or(0, |data| data.len());
    let before = size();
    let began = std::time::Instant::now();
    for _ in 0..200 {
        world.stranger().get("/readyz").await.ok();
    }
    // Whatever else is written meanwhile is next to nothing, too.
    let most = 20 + began.elapsed().as_secs();
    assert!(size() - before < most * 4200, "{} bytes", size() - before);
}
