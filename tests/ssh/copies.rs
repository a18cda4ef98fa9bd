//! A machine with RMM that was cloned: both work on one host over SSH, each with runs of its own.

use std::process::Command;

use crate::host::Host;
use crate::shop::Shop;
use crate::world::{SHOP, Setup, World, eventually};

#[tokio::test]
async fn a_cloned_rmm_takes_nothing_on_a_host_for_its_own() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let w = &shop.world;
    let v1 = w.release_of_tag("v1").await;
    w.until(v1, "manual_testing").await;
    w.quiet().await;
    w.terminate().await;
    let copy = another(w);
    assert!(Command::new("cp").arg("-a").arg(w.data()).arg(copy.data()).status().unwrap().success());
    for stale in ["rmm.sock", "address"] {
        let _ = std::fs::remove_file(copy.data().join(stale));
    }
    copy.take_tokens_of(Some(w));
    w.start().await;
    copy.start().await;
    let v2 = w.release_of_tag("v2").await;
    w.operator().post(&format!("/api/v1/releases/{v1}/cancel"), &serde_json::json!({ "reason": "v2" })).await.ok();
    w.until(v2, "manual_testing").await;
    w.quiet().await;
    // The other one gives the same numbers to v3, and finds a run there that it does not know.
    let v3 = copy.release_of_tag("v3").await;
    copy.operator().post(&format!("/api/v1/releases/{v1}/cancel"), &serde_json::json!({ "reason": "v3" })).await.ok();
    assert_eq!(v3, v2);
    let why = eventually("the other one is turned away", async || {
        let now = copy.show(v3).await;
        (now["status"] == "stage_building_failed").then(|| now["reason"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(why.contains("which is not in this database") && why.contains("rmm service settle"), "{why}");
    assert!(!ledger(&shop.hosts[0]).contains("v3"), "{}", ledger(&shop.hosts[0]));
    assert!(ledger(&shop.hosts[0]).contains("stage deploy deploy v2"));
}

/// Another RMM with the same configuration and a data directory of its own.
fn another(w: &World) -> World {
    let other = World::without_rmm(Setup::new());
    let text = std::fs::read_to_string(w.path("rmm.toml")).unwrap();
    let (old, new) = (w.data().display().to_string(), other.data().display().to_string());
    other.write("rmm.toml", &text.replace(&old, &new));
    other
}

async fn settle(w: &World, environment: &str) {
    let body = serde_json::json!({ "environment": environment, "runs": "nothing", "reason": "the other one is gone" });
    w.operator().post(&format!("/api/v1/services/{SHOP}/settle"), &body).await.ok();
}

async fn is_unknown(w: &World, environment: &str) -> bool {
    !w.service().await[environment]["unknown"].is_null()
}

#[tokio::test]
async fn a_lost_rmm_is_followed_and_a_living_one_is_met_again() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let w = &shop.world;
    w.release_of_tag("v1").await;
    w.until(1, "manual_testing").await;
    w.approve("ann", 1).await.ok();
    w.until(1, "deployed").await;
    shop.choose("v2 production deploy deploy");
    let v2 = w.release_of_tag("v2").await;
    w.until(v2, "manual_testing").await;
    w.approve("ann", v2).await.ok();
    shop.until_line(3).await;
    let run = w.last_run(v2).await;
    // All is lost in the middle of a step.
    w.kill();
    std::fs::remove_dir_all(w.data()).unwrap();
    w.take_tokens_of(None);
    w.start().await;
    assert!(is_unknown(w, "stage").await && is_unknown(w, "production").await);
    let v3 = w.release_of_tag("v3").await;
    assert!(v3 > v2, "{v3}");
    for environment in ["stage", "production"] {
        settle(w, environment).await;
    }
    w.until(v3, "manual_testing").await;
    w.approve("ann", v3).await.ok();
    w.until(v3, "deployed").await;
    w.quiet().await;
    assert!(w.last_run(v3).await > run);
    assert_eq!(shop.ledger(0).iter().filter(|step| *step == "production deploy deploy v3").count(), 1);

    // A second RMM beside it: an admin there has to say that the first one is gone, and is wrong.
    let other = another(w);
    other.start().await;
    assert!(is_unknown(&other, "stage").await && is_unknown(&other, "production").await);
    settle(&other, "stage").await;
    let theirs = other.release_of_tag("v1").await;
    other.until(theirs, "manual_testing").await;
    other.quiet().await;
    let ours = w.release_of_tag("v1").await;
    let why = eventually("the first one is turned away", async || {
        let now = w.show(ours).await;
        (now["status"] == "stage_building_failed").then(|| now["reason"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(why.contains("of another RMM installation") && why.contains("still runs, stop it"), "{why}");
    assert!(is_unknown(w, "stage").await && !is_unknown(w, "production").await);
}

#[tokio::test]
async fn a_step_that_another_rmm_has_ended_is_not_said_to_be_over_its_time() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let w = &shop.world;
    let v1 = w.release_of_tag("v1").await;
    w.until(v1, "manual_testing").await;
    w.approve("ann", v1).await.ok();
    w.until(v1, "deployed").await;
    shop.choose("v2 production deploy deploy");
    let v2 = w.release_of_tag("v2").await;
    w.until(v2, "manual_testing").await;
    w.approve("ann", v2).await.ok();
    shop.until_line(3).await;
    // An admin there says that the first one is gone, and is wrong: what is at work is ended.
    let other = another(w);
    other.start().await;
    settle(&other, "production").await;
    let run = eventually("the first one does not know what became of its step", async || {
        w.runs(v2).await.into_iter().rev().find(|run| run["state"] == "unknown")
    })
    .await;
    let why = run["reason"].as_str().unwrap();
    assert!(why.contains("was ended, but not by this RMM"), "{why}");
    assert_eq!(w.status(v2).await, "deploying", "nothing is taken back under the other one");
}

fn ledger(host: &Host) -> String {
    host.read("ledger")
}
