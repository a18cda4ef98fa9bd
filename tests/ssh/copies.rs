//! A machine with RMM that was cloned: both work on one host over SSH, each with runs of its own.

use std::process::Command;

use crate::host::Host;
use crate::shop::Shop;
use crate::world::{Setup, World, eventually};

#[tokio::test]
async fn a_cloned_rmm_takes_nothing_on_a_host_for_its_own() {
    let Some(shop) = Shop::open(1, &[]).await else { return };
    let w = &shop.world;
    let v1 = w.release_of_tag("v1").await;
    w.until(v1, "manual_testing").await;
    w.quiet().await;
    w.terminate().await;
    let copy = World::without_rmm(Setup::new());
    assert!(Command::new("cp").arg("-a").arg(w.data()).arg(copy.data()).status().unwrap().success());
    for stale in ["rmm.sock", "address"] {
        let _ = std::fs::remove_file(copy.data().join(stale));
    }
    copy.take_tokens_of(Some(w));
    let text = std::fs::read_to_string(w.path("rmm.toml")).unwrap();
    let (old, new) = (w.data().display().to_string(), copy.data().display().to_string());
    copy.write("rmm.toml", &text.replace(&old, &new));
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

fn ledger(host: &Host) -> String {
    host.read("ledger")
}
