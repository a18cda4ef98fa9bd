//! A repository with a submodule: it follows the release on the hosts, there and back.

use serde_json::json;

use crate::shop::Shop;
use crate::world::Repository;

#[tokio::test]
async fn a_submodule_is_at_its_commit_there_and_back_and_one_that_is_not_to_be_had_is_named() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let host = &shop.hosts[0];
    let folder = shop.repositories.path();
    let lib = Repository::in_folder(&folder.join("lib"));
    let repository = Repository { path: folder.join("shop") };
    let inner = Repository { path: folder.join("shop/lib") };
    lib.tag("one", "one");
    repository.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../lib", "lib"]);
    repository.tag("s1", "s1");
    lib.tag("two", "two");
    inner.git(&["fetch", "--quiet", "--tags"]);
    inner.git(&["checkout", "--quiet", "two"]);
    repository.tag("s2", "s2");
    // This one is missing where the hosts fetch it.
    let missing = inner.tag("three", "three");
    repository.tag("s3", "s3");
    let is = |environment: &str, version: &str, of_lib: &str| {
        let found = (host.read(&format!("{environment}/version")), host.read(&format!("{environment}/lib/version")));
        assert_eq!(found, (version.to_owned(), of_lib.to_owned()), "{environment}");
    };

    shop.deployed("s1").await;
    is("stage", "s1", "one");
    is("production", "s1", "one");
    let second = shop.deployed("s2").await;
    is("production", "s2", "two");
    let why = json!({ "reason": "s2 is bad" });
    shop.world.person("ann").await.post(&format!("/api/v1/releases/{second}/rollback"), &why).await.ok();
    shop.world.until(second, "rollback_done").await;
    is("production", "s1", "one");
    assert_eq!(host.sh("cd production && git status --porcelain").trim(), "");

    let third = shop.world.release_of_tag("s3").await;
    shop.world.until(third, "stage_building_failed").await;
    let reason = shop.world.reason(third).await;
    for part in ["cannot be brought (lib): ", &missing, "their repositories lack that commit: push it there"] {
        assert!(reason.contains(part), "no {part} in {reason}");
    }
    // Stage was brought to what production runs, and the version that came to nothing has left it there.
    is("stage", "s1", "one");
    is("production", "s1", "one");
    shop.world.quiet().await;
    shop.world.is_sound().await;
}
