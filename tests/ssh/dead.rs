//! A host dies, and the way back goes on where it can: at once on the hosts that answer, later on the one that returns.

use serde_json::{Value, json};

use crate::host::Fault;
use crate::shop::Shop;
use crate::world::{PATIENCE, within};

/// Two hosts that both run v1 and then v2 in production, one after the other release.
async fn v2_is_deployed(shop: &Shop) -> i64 {
    let mut release = 0;
    for tag in ["v1", "v2"] {
        release = shop.world.release_of_tag(tag).await;
        shop.world.until(release, "manual_testing").await;
        shop.world.approve("ann", release).await.ok();
        shop.world.until(release, "deployed").await;
        shop.world.quiet().await;
    }
    release
}

async fn act(shop: &Shop, path: &str, body: Value) -> Value {
    shop.world.person("ann").await.post(path, &body).await.ok()
}

async fn production(shop: &Shop) -> Value {
    shop.world.operator().get("/api/v1/services/shop").await.ok()["production"].clone()
}

fn code_of(shop: &Shop, host: usize) -> String {
    shop.hosts[host].sh("cd production && git describe --tags --always --exact-match HEAD").trim().to_owned()
}

#[tokio::test]
async fn a_rollback_goes_on_without_a_dead_host_and_catches_it_up_when_it_returns() {
    let Some(shop) = Shop::open(2, &[]).await else { return };
    let release = v2_is_deployed(&shop).await;
    // The first host is the one that migrates.
    let dead = shop.hosts[0].name().to_owned();
    shop.hosts[0].cut(Fault::Down);
    act(&shop, &format!("/api/v1/releases/{release}/rollback"), json!({"reason": "v2 is bad"})).await;
    shop.world.until(release, "rollback_done").await;
    assert_eq!(code_of(&shop, 1), "v1");
    let done: Vec<_> = shop.ledger(1).into_iter().filter(|line| line.starts_with("production rollback")).collect();
    assert!(done[0].contains("migrate_down"), "the other host takes the database back: {done:?}");
    let left = production(&shop).await["left"].clone();
    assert_eq!(left[0]["host"], dead.as_str(), "{left}");
    assert!(shop.world.reason(release).await.contains(&format!("went on without {dead}")));

    shop.hosts[0].heal();
    within(PATIENCE * 2, "the host is caught up", async || {
        (production(&shop).await["left"] == json!([])).then_some(())
    })
    .await;
    assert_eq!(code_of(&shop, 0), "v1");
    shop.world.quiet().await;
    assert_eq!(shop.world.status(release).await, "rollback_done");
    shop.world.is_sound().await;
}

#[tokio::test]
async fn a_deploy_that_hangs_on_a_dead_host_is_aborted_and_the_other_host_goes_back() {
    let Some(shop) = Shop::open(2, &[]).await else { return };
    let first = shop.world.release_of_tag("v1").await;
    shop.world.until(first, "manual_testing").await;
    shop.world.approve("ann", first).await.ok();
    shop.world.until(first, "deployed").await;
    shop.choose("v2 production deploy deploy");
    let release = shop.world.release_of_tag("v2").await;
    shop.world.until(release, "manual_testing").await;
    shop.world.approve("ann", release).await.ok();
    shop.until_line(5).await;
    shop.hosts[0].cut(Fault::Down);
    act(&shop, &format!("/api/v1/releases/{release}/abort"), json!({"reason": "a host is dead"})).await;
    within(PATIENCE * 3, "production is back", async || {
        (shop.world.status(release).await == "rollback_done").then_some(())
    })
    .await;
    assert_eq!(code_of(&shop, 1), "v1");
    let body = json!({"environment": "production", "host": shop.hosts[0].name(), "reason": "burnt down"});
    let service = act(&shop, "/api/v1/services/shop/give-up", body).await;
    assert_eq!(service["production"]["left"], json!([]), "{service}");
    shop.world.is_sound().await;
}
