//! What the operator is told: the log of RMM, and the answers of the command line.

use serde_json::{Value, json};

use crate::world::{Repository, SHOP, Setup, World, commit_of, eventually};

fn rmm(w: &World, args: &[&str]) -> String {
    let (status, said) = w.rmm(args);
    assert_eq!(status, Some(0), "{args:?}: {said}");
    said
}

/// What the log says of releases and their runs: the level, what happened, and to which.
fn told(w: &World) -> Vec<String> {
    let lines = w.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_releases = lines.filter(|line| line["target"] == "rmm::app::changes");
    let line = |line: Value| {
        let fields = &line["fields"];
        let text = |name: &str| fields[name].as_str().unwrap_or("-").to_owned();
        let why = fields["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
        let [by, to, tag] = ["by", "to", "tag"].map(text);
        format!(
            "{} {tag} #{} {to} by {by}, {}{why}",
            line["level"].as_str().unwrap(),
            fields["release"],
            text("message")
        )
    };
    of_releases.map(line).collect()
}

/// Fails in production for v2, and the way back, too, while there is a file `broken`.
const DEPLOY: &str = "[ $RMM_ENVIRONMENT = stage ] || [ $RMM_TAG != v2 ]; [ $RMM_TAG != v3 ] || exit 3; \
                      [ $RMM_ENVIRONMENT = stage ] || { [ $RMM_TAG != v2 ] && [ ! -e ../broken ]; }";

#[tokio::test]
async fn the_log_tells_each_change_of_a_release_once_and_warns_of_failures() {
    let w = World::new(Setup::new().without_migrations().surface("deploy", DEPLOY)).await;
    w.deployed("v1").await;
    let failing = w.release("v3").await;
    eventually("stage failed", async || (w.status(failing).await == "stage_building_failed").then_some(())).await;
    w.quiet().await;
    let going_back = w.release("v2").await;
    w.until(going_back, "manual_testing").await;
    let bypass = json!({ "reason": "hot fix", "gates": ["approvals"] });
    w.person("ann").await.post(&format!("/api/v1/releases/{going_back}/bypass"), &bypass).await.ok();
    eventually("it is rolled back", async || (w.status(going_back).await == "rollback_done").then_some(())).await;
    w.quiet().await;
    let (ended, _) = w.terminate().await;
    assert_eq!(ended, Some(0));
    let before = told(&w);
    insta::assert_snapshot!(before.join("\n"));

    // Nothing of it is told again.
    w.start().await;
    let next = w.release("v4").await;
    w.until(next, "manual_testing").await;
    w.quiet().await;
    w.terminate().await;
    let after = told(&w);
    assert_eq!(after[..before.len()], before);
    let new = &after[before.len()..];
    assert!(new.iter().all(|line| line.contains(&format!(" v4 #{next} "))) && new.len() == 4, "{new:#?}");
}

/// Production could not be rolled back: RMM, the release and the run that an admin has to resolve.
async fn needs_repair() -> (World, i64, String) {
    let w = World::new(Setup::new().without_migrations().surface("deploy", DEPLOY)).await;
    w.deployed("v1").await;
    let release = w.release("v2").await;
    w.until(release, "manual_testing").await;
    w.write("broken", "");
    w.approve("ann", release).await.ok();
    eventually("the rollback failed", async || (w.status(release).await == "rollback_failed").then_some(())).await;
    w.quiet().await;
    let run = w.service().await["production"]["dirty"]["run"].to_string();
    (w, release, run)
}

#[tokio::test]
async fn what_is_resolved_is_answered_as_it_is_now() {
    let (w, release, run) = needs_repair().await;
    let shown = rmm(&w, &["release", "show", &release.to_string()]);
    let wanted = "Production needs repair: bring it to v1 (#1) by hand and mark it `succeeded`";
    assert!(shown.contains(wanted) && !shown.contains("dirty"), "{shown}");
    let shown = rmm(&w, &["service", "show", SHOP]);
    assert!(shown.contains("needs repair") && shown.contains("v1 (#1), then mark it `succeeded`"), "{shown}");
    let shown = rmm(&w, &["--lang", "ru", "release", "show", &release.to_string()]);
    assert!(shown.contains("нужно починить: приведите вручную к v1 (#1)"), "{shown}");
    assert!(told(&w).iter().any(|line| line.starts_with("WARN v2 #2 - by -, the environment needs repair: ")));

    w.remove("broken");
    let said = rmm(&w, &["release", "resolve", &run, "--as", "again"]);
    assert!(said.contains("begins: production rollback to v1 (#1)."), "{said}");
    w.quiet().await;
    assert!(w.service().await["production"]["dirty"].is_null());
}

#[tokio::test]
async fn what_was_repaired_by_hand_is_answered_with_what_runs_now() {
    let (w, _, run) = needs_repair().await;
    let said = rmm(&w, &["release", "resolve", &run, "--as", "succeeded", "--reason", "put v1 there"]);
    assert_eq!(said, "Production is repaired; it runs v1 (#1).\n");
    let lines = eventually("the log says so", async || {
        let lines = told(&w);
        lines.iter().any(|line| line.ends_with("the environment is repaired")).then_some(lines)
    })
    .await;
    let resolved = |line: &String| line.ends_with("an admin has said how the run ended: put v1 there");
    assert!(lines.iter().any(resolved), "{lines:#?}");
}

#[tokio::test]
async fn a_tag_that_does_not_exist_fails_the_command_that_creates_its_release() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    repository.tag("v1", "one");
    let w = World::new(Setup::new().repository(&repository.path)).await;
    let (status, said) = w.rmm(&["release", "create", "--service", SHOP, "--tag", "v9", "--by", "ann"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("#1\n"), "{said}");
    assert!(said.contains("#1 is recorded, but cannot go on: there is no tag v9 in "), "{said}");
}

#[tokio::test]
async fn a_repository_that_is_not_there_fails_the_command_that_creates_its_release_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (gone, no_git) = (folder.path().join("gone"), folder.path().join("plain"));
    std::fs::create_dir(&no_git).unwrap();
    for (path, why) in [(gone, "there is no repository at "), (no_git, "does not appear to be a git repository")] {
        let w = World::new(Setup::new().repository(&path)).await;
        let (status, said) = w.rmm(&["release", "create", "--service", SHOP, "--tag", "v9", "--by", "ann"]);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("#1 is recorded, but cannot go on: ") && said.contains(why), "{said}");
        assert!(said.contains("correct `repository` of the service in rmm.toml; RMM asks again"), "{said}");
        assert_eq!(w.status(1).await, "initiated", "{said}");
    }
}

#[tokio::test]
async fn an_initiator_is_shown_as_the_person_whose_login_ci_gives() {
    let w = World::new(Setup::new()).await;
    let create = async |tag: &str, by: &str| {
        w.create(json!({ "service": SHOP, "tag": tag, "commit": commit_of(tag), "initiated_by": by })).await
    };
    let (by_login, by_stranger) = (create("v1", "Ann-at-GitHub").await, create("v2", "dependabot").await);
    let list = w.operator().get("/api/v1/releases").await.ok()["releases"].clone();
    let told = |of: &Value| (of["initiator"].clone(), of["initiated_by"].clone());
    assert_eq!(
        told(&w.operator().get(&format!("/api/v1/releases/{by_login}")).await.ok()),
        (json!("ann"), json!("Ann-at-GitHub"))
    );
    assert_eq!(told(&list[0]), (Value::Null, json!("dependabot")));
    let shown = |number: i64| rmm(&w, &["release", "show", &number.to_string()]);
    assert!(shown(by_login).contains("ann (Ann-at-GitHub), as the token"), "{}", shown(by_login));
    assert!(shown(by_stranger).contains("dependabot, as the token"), "{}", shown(by_stranger));
    // So it is wherever the record is read; the record itself keeps what was given.
    let events = rmm(&w, &["release", "events", &by_login.to_string()]);
    assert!(events.contains("release created for ann") && !events.contains("Ann-at-GitHub"), "{events}");
    let audit = rmm(&w, &["audit", "list"]);
    assert!(audit.contains("release created for ann") && audit.contains("for dependabot"), "{audit}");
    let kept = w.operator().get(&format!("/api/v1/releases/{by_login}/events")).await.ok()[0].clone();
    assert_eq!((&kept["data"]["initiated_by"], &kept["initiator"]), (&json!("Ann-at-GitHub"), &json!("ann")));
}

#[tokio::test]
async fn what_a_release_brings_beside_production_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    repository.tag("v1", "one");
    let w = World::new(Setup::new().without_migrations().repository(&repository.path)).await;
    let first = w.release_of_tag("v1").await;
    w.until(first, "manual_testing").await;
    assert_eq!(w.show(first).await.get("commits"), None, "production runs nothing");
    w.approve("ann", first).await.ok();
    w.until(first, "deployed").await;
    repository.tag("v2", "two");
    repository.tag("v3", "three");
    let third = w.release_of_tag("v3").await;
    let list = eventually("the commits are listed", async || w.show(third).await.get("commits").cloned()).await;
    assert_eq!((&list["since"], &list["total"], &list["lacking"]), (&json!("v1 (#1)"), &json!(2), &json!(0)));
    let ids: Vec<_> = list["commits"].as_array().unwrap().iter().map(|commit| commit["sha"].clone()).collect();
    assert_eq!(ids.len(), 2, "{list}");
    let shown = rmm(&w, &["release", "show", &third.to_string()]);
    assert!(shown.contains("Commits since v1 (#1): 2\n"), "{shown}");

    // What production runs has changed, and so has what the next one brings.
    w.until(third, "manual_testing").await;
    w.approve("ann", third).await.ok();
    w.until(third, "deployed").await;
    repository.tag("v4", "four");
    let fourth = w.release_of_tag("v4").await;
    let list = eventually("they are listed", async || w.show(fourth).await.get("commits").cloned()).await;
    assert_eq!((&list["since"], &list["total"]), (&json!("v3 (#2)"), &json!(1)));
}

#[tokio::test]
async fn a_tag_that_moves_is_a_warning_and_so_is_the_cancel_that_follows() {
    let w = World::new(Setup::new().by_ci()).await;
    let first = w.release_at("v1", &"a".repeat(40)).await;
    let ci = w.ci().await;
    let report = async |id: i64, status: &str| {
        ci.patch(&format!("/api/v1/releases/{id}"), &json!({ "status": status })).await.ok();
    };
    report(first, "stage_building").await;
    report(first, "manual_testing").await;
    w.release_at("v1", &"b".repeat(40)).await;
    w.until(first, "cancelled").await;
    w.quiet().await;
    w.terminate().await;
    let lines = told(&w);
    let warned = |words: &str| lines.iter().any(|line| line.starts_with("WARN v1 #1") && line.contains(words));
    assert!(warned("the tag of a release has moved") && warned("cancelled by ci, cancelled"), "{lines:#?}");
}

#[tokio::test]
async fn an_approved_release_says_that_ci_is_awaited() {
    let w = World::new(Setup::new().by_ci().approved_by(1, ["ann"])).await;
    let id = w.release("v1").await;
    let ci = w.ci().await;
    for status in ["stage_building", "manual_testing"] {
        ci.patch(&format!("/api/v1/releases/{id}"), &json!({ "status": status })).await.ok();
    }
    assert!(!rmm(&w, &["release", "show", &id.to_string()]).contains("aits for CI"));
    w.approve("ann", id).await.ok();
    w.until(id, "manual_test_passed").await;
    let shown = rmm(&w, &["release", "show", &id.to_string()]);
    assert!(shown.contains("Waits for CI to report that it begins: production deploy"), "{shown}");
    let explained = rmm(&w, &["release", "explain", &id.to_string()]);
    assert!(explained.contains("CI starts production; RMM waits for its report."), "{explained}");
    assert!(!explained.contains("by itself"), "{explained}");
    assert_eq!(w.show(id).await["awaits_ci"], json!({ "environment": "production", "kind": "deploy" }));
    ci.patch(&format!("/api/v1/releases/{id}"), &json!({ "status": "deploying" })).await.ok();
    assert!(w.show(id).await["awaits_ci"].is_null());
}
