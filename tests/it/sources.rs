//! Git, the repository, the tag: missing, or not what they were.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use serde_json::json;

use crate::world::{Repository, SHOP, Setup, World, eventually};

/// A repository beside a world's folder, so that it outlives nothing.
fn repository() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    (folder, repository)
}

/// The programs of a machine without git.
fn machine_without_git() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let needed = "sh setsid tail dd mkfifo mkdir ln wc rm rmdir mv chmod sleep kill cat echo test printf";
    let found = |name: &str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|path| path.join(name)).find(|path| path.exists())
    };
    for (name, path) in needed.split(' ').filter_map(|name| Some((name, found(name)?))) {
        symlink(path, folder.path().join(name)).unwrap();
    }
    folder
}

fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.exists()).unwrap()
}

#[tokio::test]
async fn without_git_the_release_says_so_and_a_retry_works_when_it_is_there() {
    let (_folder, repository) = repository();
    repository.tag("v1", "one");
    let programs = machine_without_git();
    let path = programs.path().display().to_string();
    let world = World::new(Setup::new().repository(&repository.path).variable("PATH", path)).await;
    let release = world.release_of_tag("v1").await;
    world.until(release, "stage_building_failed").await;
    assert_eq!(world.reason(release).await, "git is not installed on the machine RMM runs on");

    symlink(real_git(), programs.path().join("git")).unwrap();
    world.operator().post(&format!("/api/v1/releases/{release}/retry"), &json!({})).await.ok();
    world.until(release, "manual_testing").await;
}

#[tokio::test]
async fn without_git_on_the_host_the_fetch_fails_and_says_so() {
    let (_folder, repository) = repository();
    let commit = repository.tag("v1", "one");
    let programs = machine_without_git();
    let path = programs.path().display().to_string();
    let world = World::new(Setup::new().repository(&repository.path).variable("PATH", path)).await;
    let release = world.release_at("v1", &commit).await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    assert!(
        reason.starts_with("fetch of app on stage failed: a command was not found (exit status 127): git "),
        "{reason}"
    );
    let run = world.last_run(release).await;
    assert!(world.printed(run).await.contains("git"), "{}", world.printed(run).await);
}

#[tokio::test]
async fn a_folder_that_is_away_is_named_and_asked_again_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mounted");
    let world = World::new(Setup::new().repository(&path)).await;
    let release = world.release_of_tag("v1").await;
    let away = format!("there is no repository at {}; RMM asks again at ", path.display());
    eventually("it is told", async || world.reason(release).await.starts_with(&away).then_some(())).await;
    assert_eq!(world.status(release).await, "initiated");
    Repository::in_folder(&path).tag("v1", "one");
    world.until(release, "manual_testing").await;
}

#[tokio::test]
async fn a_tag_that_is_not_there_is_named_and_a_retry_finds_it() {
    let (_folder, repository) = repository();
    repository.tag("v1", "one");
    let world = World::new(Setup::new().repository(&repository.path)).await;
    let release = world.release_of_tag("v2").await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    assert!(reason.starts_with("there is no tag v2 in ") && reason.ends_with("push it, then retry"), "{reason}");

    let commit = repository.tag("v2", "two");
    world.operator().post(&format!("/api/v1/releases/{release}/retry"), &json!({})).await.ok();
    world.until(release, "manual_testing").await;
    assert_eq!(world.show(release).await["commit"], commit);
}

#[tokio::test]
async fn a_commit_that_the_tag_does_not_name_ends_the_release_before_stage() {
    let (_folder, repository) = repository();
    let commit = repository.tag("v1", "one");
    let now = repository.tag("v1", "another one");
    let world = World::new(Setup::new().repository(&repository.path)).await;
    let release = world.release_at("v1", &commit).await;
    world.until(release, "stage_building_failed").await;
    let (told, in_it, now) = (&commit[..12], repository.path.display(), &now[..12]);
    let said = format!("commit {told} is not what tag v1 names: in {in_it}, that is {now}");
    assert_eq!(world.reason(release).await, said);
    assert!(!world.events().await.iter().any(|event| event["kind"] == "tag_moved"));
    world.quiet().await;
    assert_eq!(world.ledger(), [""; 0]);
}

#[tokio::test]
async fn a_candidate_that_the_repository_does_not_have_replaces_no_other() {
    let (_folder, repository) = repository();
    repository.tag("v1", "one");
    let known = repository.tag("v2", "two");
    let mut setup = Setup::new().repository(&repository.path).in_stage("directory", "stage");
    setup.supersede = true;
    let world = World::new(setup).await;
    let waiting = world.release_of_tag("v1").await;
    world.until(waiting, "manual_testing").await;
    let invented = |tag: &str| json!({ "service": SHOP, "tag": tag, "commit": "e".repeat(40), "initiated_by": "ann" });
    world.operator().post("/api/v1/releases", &invented("v99")).await.names("tag");
    world.operator().post("/api/v1/releases", &invented("v2")).await.names("commit");
    world.quiet().await;
    assert_eq!(world.status(waiting).await, "manual_testing");
    // While the repository is away, the newcomer waits until it has been asked.
    let away = repository.path.with_extension("away");
    std::fs::rename(&repository.path, &away).unwrap();
    std::fs::create_dir(&repository.path).unwrap();
    let newer = json!({ "service": SHOP, "tag": "v2", "commit": known, "initiated_by": "ann" });
    let newer = world.operator().post("/api/v1/releases", &newer).await.ok()["id"].as_i64().unwrap();
    assert_eq!(world.status(waiting).await, "manual_testing");
    // In one step, so that there is no moment without a folder: a repository that is not there fails a run at once.
    std::fs::rename(&away, &repository.path).unwrap();
    world.until(newer, "manual_testing").await;
    assert_eq!(world.status(waiting).await, "cancelled");
}

#[tokio::test]
async fn a_tag_that_moved_before_production_ends_the_release() {
    let (_folder, repository) = repository();
    repository.tag("v1", "one");
    let world = World::new(Setup::new().repository(&repository.path).in_stage("directory", "stage")).await;
    let first = world.release_of_tag("v1").await;
    world.until(first, "manual_testing").await;
    world.approve("ann", first).await.ok();
    world.until(first, "deployed").await;

    repository.tag("v2", "two");
    let release = world.release_of_tag("v2").await;
    world.until(release, "manual_testing").await;
    let now = repository.tag("v2", "something untested");
    world.approve("ann", release).await.ok();
    world.until(release, "cancelled").await;
    assert_eq!(world.reason(release).await, format!("the tag v2 has moved to {}", &now[..12]));
    world.quiet().await;
    assert!(!world.ledger().iter().any(|line| line.starts_with("production") && line.ends_with("v2")));
    let service = world.service().await;
    assert_eq!((&service["production"]["runs"]["tag"], &service["stage"]["runs"]["tag"]), (&json!("v1"), &json!("v1")));
}

/// The repository does not answer RMM; the host's own check finds it.
#[tokio::test]
async fn a_commit_that_the_tag_does_not_name_is_found_on_the_host_too() {
    let (_folder, repository) = repository();
    let commit = repository.tag("v1", "one");
    repository.tag("v1", "another one");
    let programs = machine_without_git();
    let deaf = format!("#!/bin/sh\ntest \"$1\" != ls-remote && exec {} \"$@\"\n", real_git().display());
    std::fs::write(programs.path().join("git"), deaf).unwrap();
    std::fs::set_permissions(programs.path().join("git"), Permissions::from_mode(0o755)).unwrap();
    let path = programs.path().display().to_string();
    let world = World::new(Setup::new().repository(&repository.path).variable("PATH", path)).await;
    let release = world.release_at("v1", &commit).await;
    world.until(release, "stage_building_failed").await;
    assert_eq!(
        world.reason(release).await,
        "verify tag of app on stage found that the tag points at another commit than the one that was told"
    );
    let printed = world.printed(world.last_run(release).await).await;
    assert!(printed.contains("tag v1 points at") && printed.contains(&commit), "{printed}");
    assert_eq!(world.ledger(), [""; 0]);
}

#[tokio::test]
async fn a_repository_that_went_away_fails_the_fetch_with_what_git_said() {
    let (_folder, repository) = repository();
    let commit = repository.tag("v1", "one");
    let world = World::new(Setup::new().repository(&repository.path)).await;
    std::fs::rename(&repository.path, repository.path.with_extension("away")).unwrap();
    let release = world.release_at("v1", &commit).await;
    world.until(release, "stage_building_failed").await;
    let reason = world.reason(release).await;
    assert!(reason.starts_with("fetch of app on stage failed with exit status 1: the repository "), "{reason}");
    let printed = world.printed(world.last_run(release).await).await;
    assert!(printed.contains(&repository.path.display().to_string()), "{printed}");
}

#[tokio::test]
async fn the_id_of_an_annotated_tag_itself_is_taken_for_its_commit() {
    let (_folder, repository) = repository();
    let commit = repository.tag("v1", "one");
    repository.git(&["tag", "--force", "--annotate", "--message", "one", "v1", &commit]);
    let object = repository.git(&["rev-parse", "refs/tags/v1"]);
    assert_ne!(object, commit);
    let world = World::new(Setup::new().repository(&repository.path)).await;
    let release = world.release_at("refs/tags/v1", &object).await;
    world.until(release, "manual_testing").await;
    let shown = world.show(release).await;
    assert_eq!((&shown["tag"], &shown["commit"]), (&json!("v1"), &json!(commit)));
    // The same once more means the same release.
    assert_eq!(world.release_at("v1", &object).await, release);
    world.approve("ann", release).await.ok();
    world.until(release, "deployed").await;
    assert!(!world.events().await.iter().any(|event| event["kind"] == "tag_moved"));
}

#[tokio::test]
async fn where_a_ci_system_brings_stage_to_it_the_id_of_a_tag_itself_is_taken_for_its_commit_too() {
    let (_folder, repository) = repository();
    let commit = repository.tag("v1", "one");
    repository.git(&["tag", "--force", "--annotate", "--message", "one", "v1", &commit]);
    let object = repository.git(&["rev-parse", "refs/tags/v1"]);
    let world = World::new(Setup::new().repository(&repository.path).stage_by_ci()).await;
    let release = world.release_at("v1", &object).await;
    world.quiet().await;
    assert_eq!(world.show(release).await["commit"], commit);
    let original = json!({ "service_name": SHOP, "release_tag": "refs/tags/v2", "initiated_by": "ci" });
    let created = world.ci().await.post("/release", &original).await.ok();
    assert_eq!(world.show(created["release_id"].as_i64().unwrap()).await["tag"], "v2");
}

#[tokio::test]
async fn a_first_release_that_changed_nothing_leaves_production_as_it_was_and_a_retry_is_accepted() {
    let (_folder, repository) = repository();
    let commit = repository.tag("v1", "one");
    let world = World::new(Setup::new().repository(&repository.path)).await;
    let release = world.release_at("v1", &commit).await;
    world.until(release, "manual_testing").await;
    // A file of another origin is where the release has one of its own.
    let folder = world.path("production-shop");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("version"), "precious").unwrap();
    world.approve("ann", release).await.ok();
    world.until(release, "rollback_done").await;
    let reason = world.reason(release).await;
    assert!(reason.ends_with("production had not been touched"), "{reason}");
    let service = world.service().await;
    assert!(service["production"]["dirty"].is_null() && service["production"]["current"].is_null(), "{service}");
    assert_eq!(std::fs::read_to_string(folder.join("version")).unwrap(), "precious");
    assert!(world.show(release).await["legal"].as_array().unwrap().contains(&json!("retry")));
    std::fs::remove_file(folder.join("version")).unwrap();
    world.operator().post(&format!("/api/v1/releases/{release}/retry"), &json!({})).await.ok();
    world.until(release, "manual_testing").await;
    world.approve("ann", release).await.ok();
    world.until(release, "deployed").await;
}
