//! Tags that become releases by themselves: a team without a workflow of its own.

use serde_json::{Value, json};

use crate::world::{Repository, SHOP, Setup, World, eventually};

const HOOK: &str = "0123456789abcdef";

/// A repository in a folder.
fn repository() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    repository.tag("v1", "one");
    (folder, repository)
}

async fn releases(w: &World) -> Vec<Value> {
    let page = w.operator().get("/api/v1/releases").await.ok();
    let mut releases = page["releases"].as_array().unwrap().clone();
    releases.reverse();
    releases
}

/// Waits until there are so many.
async fn until_there_are(w: &World, count: usize) -> Vec<Value> {
    eventually(&format!("there are {count} releases"), async || Some(releases(w).await).filter(|it| it.len() == count))
        .await
}

/// Waits for the first look at the repositories.
async fn until_watched(w: &World, services: usize) {
    let watched =
        async || (w.log().matches("the tags of the repository are watched").count() == services).then_some(());
    eventually("the tags are watched", watched).await;
}

/// A delivery of GitHub's.
async fn deliver(w: &World, delivery: &str, event: &str, payload: &Value) -> u16 {
    let body = payload.to_string();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, HOOK.as_bytes());
    let digits: String = ring::hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let signature = format!("sha256={digits}");
    let headers =
        [("x-hub-signature-256", signature.as_str()), ("x-github-delivery", delivery), ("x-github-event", event)];
    w.stranger().send("POST", "/hooks/github", Some(body.into_bytes()), &headers).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_pushed_tag_goes_the_whole_way_without_any_workflow() {
    let (folder, repository) = repository();
    // GitHub is a folder here.
    let config = folder.path().join("gitconfig");
    let elsewhere =
        format!("[url \"{}\"]\n\tinsteadOf = https://github.com/octo/shop.git\n", repository.path.display());
    std::fs::write(&config, elsewhere).unwrap();
    let setup = Setup::new()
        .service("repository", "octo/shop")
        .service("candidates", "tags")
        .service("tags", "v*")
        .github("webhook_secret", "env:HOOK")
        .variable("HOOK", HOOK)
        .variable("GIT_CONFIG_GLOBAL", config.display().to_string());
    let w = World::new(setup).await;
    until_watched(&w, 1).await;
    assert!(releases(&w).await.is_empty(), "what was there before is no candidate");

    let commit = repository.tag("v2", "two");
    let tag = |name: &str| json!({ "ref": name, "ref_type": "tag", "repository": { "full_name": "octo/shop" }, "sender": { "login": "ann-at-github" } });
    assert_eq!(deliver(&w, "1", "create", &tag("v2")).await, 202);
    let made = until_there_are(&w, 1).await.remove(0);
    let id = made["id"].as_i64().unwrap();
    assert_eq!(
        (&made["tag"], &made["commit"], &made["initiated_by"]),
        (&json!("v2"), &json!(commit), &json!("ann-at-github"))
    );
    w.until(id, "manual_testing").await;

    // CI tells the same tag: the same release. So is the one of the next start, and of a delivery that comes again.
    let told =
        json!({ "service": SHOP, "tag": "v2", "commit": commit, "initiated_by": "ci", "ci_run": { "id": "9000" } });
    let same = w.ci().await.post("/api/v1/releases", &told).await.with_status(200).ok();
    assert_eq!(same["id"], id);
    w.restart_after_kill().await;
    for _ in 0..2 {
        assert_eq!(
            deliver(&w, "2", "push", &json!({ "ref": "refs/tags/v2", "repository": { "full_name": "octo/shop" } }))
                .await,
            202
        );
    }
    w.approve("ann", id).await.ok();
    w.until(id, "deployed").await;

    // A delivery that lies about its commit, or about a tag that is not there, makes nothing.
    repository.tag("other", "three");
    let lie = json!({ "ref": "refs/tags/v9", "after": "e".repeat(40), "repository": { "full_name": "octo/shop" } });
    assert_eq!(deliver(&w, "3", "push", &lie).await, 202);
    assert_eq!(deliver(&w, "4", "create", &tag("other")).await, 202);
    repository.tag("v3", "four");
    assert_eq!(deliver(&w, "5", "create", &tag("v3")).await, 202);
    let all = until_there_are(&w, 2).await;
    assert_eq!(all.iter().map(|release| &release["tag"]).collect::<Vec<_>>(), ["v2", "v3"]);
    assert!(!w.log().contains(HOOK) && w.files_with(HOOK.as_bytes()).is_empty());
    w.is_sound().await;
}

#[tokio::test]
async fn services_of_a_monorepo_have_tags_of_their_own_on_any_git_server() {
    let (_folder, repository) = repository();
    let setup = Setup::new()
        .repository(&repository.path)
        .in_stage("directory", "stage")
        .service("candidates", "tags")
        .service("tags", "shop/v*");
    let w = World::new(setup).await;
    until_watched(&w, 1).await;
    w.kill();
    // Nothing is missed while RMM is away, and the lower version comes first.
    for (tag, text) in [("shop/v10.0.0", "a"), ("shop/v9.0.0", "b"), ("blog/v1", "c"), ("v2", "d")] {
        repository.tag(tag, text);
    }
    w.start().await;
    let made = until_there_are(&w, 2).await;
    assert_eq!(made.iter().map(|release| &release["tag"]).collect::<Vec<_>>(), ["shop/v9.0.0", "shop/v10.0.0"]);
    assert_eq!(made[0]["initiated_by"], "git");
    w.until(made[0]["id"].as_i64().unwrap(), "manual_testing").await;
    w.restart_after_kill().await;
    w.quiet().await;
    assert_eq!(releases(&w).await.len(), 2);
}
