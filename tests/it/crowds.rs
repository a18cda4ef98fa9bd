//! Crowds: somebody who asks for more than everything. Everybody else, and above all every run, goes on.

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;
use tokio::net::TcpListener;

use crate::world::{Repository, Setup, World};

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
