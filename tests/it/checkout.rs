//! The folders that versions are checked out to: what a checkout meets there, what it leaves, and the rollback from it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::world::{Repository, SHOP, Setup, World};

/// A service with a repository, stage and production in folders of their own, and a git that a story can break: what
/// stands in the file `break` is done before a checkout in production, as long as the file is there.
struct Site {
    world: World,
    repository: Repository,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn open(change: impl FnOnce(Setup) -> Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::in_folder(&folder.path().join("shop"));
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let git = std::env::split_paths(&path).map(|path| path.join("git")).find(|git| git.exists()).unwrap();
        let script = format!(
            "#!/bin/sh\ncase \"$RMM_ENVIRONMENT $* \" in\n\
             \"production \"*\" checkout \"*) [ ! -e ../break ] || . ../break ;;\nesac\nexec {} \"$@\"\n",
            git.display()
        );
        std::fs::write(programs.join("git"), script).unwrap();
        std::fs::set_permissions(programs.join("git"), Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", programs.display(), path.to_str().unwrap());
        let setup = Setup::new().repository(&repository.path).variable("PATH", path);
        let world = World::new(change(setup.without_migrations().surface("deploy", "cat version"))).await;
        std::fs::create_dir_all(world.path(&format!("production-{SHOP}"))).unwrap();
        Self { world, repository, _folder: folder }
    }

    /// A file in production's folder.
    fn file(&self, name: &str) -> PathBuf {
        self.world.path(&format!("production-{SHOP}")).join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// A release of a tag up to the vote.
    async fn tested(&self, tag: &str) -> i64 {
        self.repository.tag(tag, tag);
        let release = self.world.release_of_tag(tag).await;
        self.world.until(release, "manual_testing").await;
        release
    }

    async fn ships(&self, tag: &str, end: &str) -> i64 {
        let release = self.tested(tag).await;
        self.world.approve("ann", release).await.ok();
        self.world.until(release, end).await;
        self.world.quiet().await;
        release
    }

    /// What the rollback of a release in production printed.
    async fn way_back(&self, release: i64) -> String {
        let runs = self.world.runs(release).await;
        let way_back = |run: &&Value| run["kind"] == "rollback" && run["environment"] == "production";
        self.world.printed(runs.iter().find(way_back).unwrap()["id"].as_i64().unwrap()).await
    }

    async fn found(&self) -> Vec<Value> {
        let events = self.world.events().await;
        events
            .into_iter()
            .filter(|event| event["kind"] == "hand_work_found")
            .map(|event| event["data"].clone())
            .collect()
    }
}

#[tokio::test]
async fn a_git_that_is_killed_in_production_is_gone_back_from() {
    let site = Site::open(|setup| setup).await;
    site.ships("v1", "deployed").await;
    // As git dies in the middle: a lock, a file of the new version, and no process that would clean up.
    site.world.write("break", "rm ../break; : >.git/index.lock; echo v2 >version; kill -s KILL $$");
    let release = site.ships("v2", "rollback_done").await;
    let reason = site.world.reason(release).await;
    assert!(reason.starts_with("check out of app on production failed with exit status 1: "), "{reason}");
    assert_eq!(site.read("version"), "v1");
    assert!(site.way_back(release).await.contains("removed the lock .git/index.lock"));
    site.ships("v3", "deployed").await;
    assert_eq!(site.read("version"), "v3");
}

#[tokio::test]
async fn a_checkout_that_changed_nothing_needs_no_way_back() {
    let site = Site::open(|setup| setup).await;
    site.ships("v1", "deployed").await;
    let full = "fatal: cannot write: No space left on device";
    site.world.write("break", &format!("echo '{full}' >&2; exit 128"));
    let release = site.ships("v2", "rollback_done").await;
    let reason = site.world.reason(release).await;
    assert!(reason.ends_with(full) && reason.contains("cannot be checked out"), "{reason}");
    assert!(site.way_back(release).await.contains("is checked out already"));
    assert!(site.world.service().await["production"]["dirty"].is_null());
}

#[tokio::test]
async fn work_by_hand_is_on_the_record_and_kept() {
    let site = Site::open(|setup| setup).await;
    std::fs::write(site.file(".env"), "A=1").unwrap();
    site.ships("v1", "deployed").await;
    assert_eq!(site.read(".env"), "A=1");
    assert_eq!(site.found().await, [] as [Value; 0]);

    std::fs::write(site.file("version"), "by hand").unwrap();
    site.ships("v2", "deployed").await;
    let found = site.found().await;
    // The fetch finds it before anything is changed; the checkout says where it is.
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0]["findings"], json!(["changed version"]));
    assert!(found[0]["kept"].is_null());
    let kept = found[1]["kept"][0].as_str().unwrap();
    let shown = std::process::Command::new("git")
        .args(["-C", site.file("").to_str().unwrap(), "show", &format!("{kept}:version")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "by hand");
    assert_eq!((site.read("version"), site.read(".env")), ("v2".into(), "A=1".into()));
}

#[tokio::test]
async fn with_refuse_a_release_stops_before_work_by_hand_and_a_rollback_does_not() {
    let site = Site::open(|setup| setup.surface("dirty", "refuse")).await;
    site.ships("v1", "deployed").await;
    let second = site.ships("v2", "deployed").await;
    std::fs::write(site.file("version"), "by hand").unwrap();
    let third = site.ships("v3", "rollback_done").await;
    let reason = site.world.reason(third).await;
    assert!(reason.contains("somebody has worked by hand") && reason.contains("(version)"), "{reason}");
    assert_eq!(site.read("version"), "by hand");

    // The rollback does not ask for the tag, either.
    site.repository.git(&["tag", "--delete", "v1"]);
    let path = format!("/api/v1/releases/{second}/rollback");
    site.world.operator().post(&path, &json!({ "reason": "it is bad" })).await.ok();
    site.world.until(second, "rollback_done").await;
    assert_eq!(site.read("version"), "v1");
}

#[tokio::test]
async fn a_tag_that_is_gone_after_the_approval_stops_its_release() {
    let site = Site::open(|setup| setup).await;
    site.ships("v1", "deployed").await;
    let release = site.tested("v2").await;
    site.repository.git(&["tag", "--delete", "v2"]);
    site.world.approve("ann", release).await.ok();
    site.world.until(release, "cancelled").await;
    assert_eq!(site.world.reason(release).await, "the tag v2 is gone from the repository");
    let moved: Vec<_> = site.world.events().await.into_iter().filter(|event| event["kind"] == "tag_moved").collect();
    assert_eq!((moved.len(), &moved[0]["data"]["gone"]), (1, &json!(true)), "{moved:?}");
    assert_eq!(site.read("version"), "v1");
}

#[tokio::test]
async fn a_folder_of_another_service_is_refused() {
    let site = Site::open(|setup| setup).await;
    site.ships("v1", "deployed").await;
    std::fs::write(site.file(".git/rmm-place"), "api stage\n").unwrap();
    let release = site.ships("v2", "rollback_done").await;
    let reason = site.world.reason(release).await;
    let expected = format!("is held by api on stage, so {SHOP} on production must not use it");
    assert!(reason.contains(&expected) && reason.ends_with("production had not been touched"), "{reason}");
    assert_eq!(site.read("version"), "v1");
}
