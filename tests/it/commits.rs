//! What the repository says of a release's commit: the same of one given beside a tag, of one alone, and of none, whether
//! RMM or CI does the work.

use serde_json::json;

use crate::world::{Repository, SHOP, Setup, World, eventually};

const NOWHERE: &str = "0123456789abcdef0123456789abcdef01234567";

fn repository() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    (folder, repository)
}

fn create(w: &World, what: &[&str]) -> (Option<i32>, String) {
    w.rmm(&[&["release", "create", "--service", SHOP, "--by", "ann"], what].concat())
}

#[tokio::test]
async fn the_command_that_creates_a_release_fails_where_the_repository_denies_its_commit() {
    let (_folder, repository) = repository();
    let [v1, v2] = ["v1", "v2"].map(|tag| repository.tag(tag, tag));
    for by_ci in [false, true] {
        let setup = Setup::new().repository(&repository.path).in_stage("directory", "stage");
        let w = World::new(if by_ci { setup.by_ci() } else { setup }).await;
        let short = &v1[..12];
        let wrong = format!("commit {short} is not what tag v2 names: in ");
        for (what, said) in [
            (vec!["--tag", "v9"], "there is no tag v9 in "),
            (vec!["--tag", "v8", "--commit", &v1], "there is no tag v8 in "),
            (vec!["--tag", "v7", "--commit", NOWHERE], "there is no tag v7 in "),
            (vec!["--tag", "v2", "--commit", &v1], &wrong),
            (vec!["--commit", NOWHERE], "there is no commit 0123456789ab in "),
        ] {
            let (status, heard) = create(&w, &what);
            assert_eq!(status, Some(1), "{what:?}: {heard}");
            assert!(heard.contains("is recorded, but cannot go on: ") && heard.contains(said), "{what:?}: {heard}");
            let id: i64 = heard.trim_start_matches('#').lines().next().unwrap().parse().unwrap();
            let shown = w.show(id).await;
            assert_eq!(shown["commit_check"]["answer"], "denied", "{shown}");
            assert_ne!(shown["status"], "cancelled", "{shown}");
            let because = shown["reason"].as_str().unwrap_or_default();
            assert!(because.contains(said) || what[0] == "--commit", "{what:?}: {because}");
            w.rmm(&["release", "cancel", &id.to_string(), "--reason", "wrong"]);
        }
        for what in [vec!["--tag", "v2", "--commit", &v2], vec!["--commit", &v1]] {
            let (status, heard) = create(&w, &what);
            assert_eq!(status, Some(0), "{what:?}: {heard}");
        }
        assert!(!w.events().await.iter().any(|event| event["kind"] == "tag_moved"));
    }
}

#[tokio::test]
async fn a_tag_that_is_pushed_after_its_release_was_created_is_found() {
    let (_folder, repository) = repository();
    repository.tag("v1", "one");
    let w = World::new(Setup::new().repository(&repository.path).by_ci()).await;
    let report = async |id: i64, status: &str| {
        w.ci().await.patch(&format!("/api/v1/releases/{id}"), &json!({ "status": status })).await.ok()
    };
    let confirmed = async |id: i64, commit: &str| {
        eventually("the tag is found", async || {
            let shown = w.show(id).await;
            (shown["commit_check"]["answer"] == "confirmed").then(|| assert_eq!(shown["commit"], commit))
        })
        .await;
        assert!(w.show(id).await["reason"].is_null());
    };
    // A report of CI does not hide what is wrong.
    let (status, _) = create(&w, &["--tag", "v2"]);
    assert_eq!(status, Some(1));
    report(1, "stage_building").await;
    report(1, "stage_test_rollback").await;
    assert!(w.reason(1).await.starts_with("there is no tag v2 in "), "{}", w.reason(1).await);
    let unmet = w.show(1).await["unmet"].clone();
    assert!(unmet.as_array().unwrap().iter().any(|gate| gate["name"] == "commit_known"), "{unmet}");
    // RMM asks again by itself.
    let commit = repository.tag("v2", "two");
    confirmed(1, &commit).await;

    for again in [vec!["create", "--service", SHOP, "--by", "ann", "--tag", "v3"], vec!["retry", "2"]] {
        let tag = format!("v{}", 3 + usize::from(again[0] == "retry"));
        let (status, said) = create(&w, &["--tag", &tag]);
        assert_eq!(status, Some(1), "{said}");
        let id = said.trim_start_matches('#').lines().next().unwrap().to_owned();
        let again: Vec<_> = again.into_iter().map(|word| if word == "2" { id.as_str() } else { word }).collect();
        let again = [vec!["release"], again].concat();
        let (status, said) = w.rmm(&again);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("cannot go on: there is no tag"), "{said}");
        let commit = repository.tag(&tag, &tag);
        let (status, said) = w.rmm(&again);
        assert_eq!(status, Some(0), "{said}");
        confirmed(id.parse().unwrap(), &commit).await;
        w.rmm(&["release", "cancel", &id, "--reason", "wrong"]);
    }
}

#[tokio::test]
async fn an_unknown_service_is_told_as_such_and_an_owner_is_the_person_that_is_meant() {
    let w = World::new(Setup::new()).await;
    let (status, said) = w.rmm(&["release", "list", "--service", "SHOP"]);
    assert!(status != Some(0) && said.contains("no service SHOP"), "{status:?}: {said}");
    for (at, owner) in ["ANN ", "@Ann-at-GitHub", "Ann"].into_iter().enumerate() {
        let body = json!({ "service": SHOP, "tag": format!("v{at}"), "commit": NOWHERE, "initiated_by": "ci", "owner": owner });
        let made = w.operator().post("/api/v1/releases", &body).await.ok();
        assert_eq!(made["owner"], "ann", "{owner}");
    }
}
