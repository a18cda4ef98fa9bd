//! A host dies, and the way back goes on where it can: at once on the hosts that answer, later on the one that returns.

use serde_json::{Value, json};

use crate::host::Fault;
use crate::shop::{LINES, Shop};
use crate::world::{TIMEOUT, within};

/// Two hosts that both run v1 and then v2 in production, one after the other release.
async fn v2_is_deployed(shop: &Shop) -> i64 {
    let mut release = 0;
    for tag in ["v1", "v2"] {
        release = shop.deployed(tag).await;
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
    assert!(shop.world.reason(release).await.contains(&format!("continued without {dead}")));
    // Every door says it in the sentence that tells the rollback.
    let told = format!("production runs v1 on all hosts but {dead}, which may still run v2");
    let details = shop.world.operator().get(&format!("/api/v1/releases/{release}")).await.ok();
    assert_eq!(details["stragglers"]["sentence"], told.as_str(), "{details}");
    let (_, shown) = shop.world.rmm(&["release", "show", &release.to_string()]);
    assert!(shown.split_whitespace().collect::<Vec<_>>().join(" ").contains(&told[1..]), "{shown}");
    let (status, waited) = shop.world.rmm(&["release", "wait", &release.to_string()]);
    assert!(status == Some(1) && waited.contains(&format!("ended as rollback_done; {told}: ")), "{waited}");
    let log = shop.world.log();
    let line = log.lines().find(|line| line.contains(&format!("production is rolled back; {told}")));
    assert!(line.is_some_and(|line| line.contains("WARN")), "{log}");
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("the run goes on without a host")), "{log}");

    shop.hosts[0].heal();
    within(TIMEOUT * 2, "the host is caught up", async || (production(&shop).await["left"] == json!([])).then_some(()))
        .await;
    assert_eq!(code_of(&shop, 0), "v1");
    shop.world.quiet().await;
    assert_eq!(shop.world.status(release).await, "rollback_done");
    let details = shop.world.operator().get(&format!("/api/v1/releases/{release}")).await.ok();
    assert!(details.get("stragglers").is_none(), "{details}");
    shop.world.is_sound().await;
}

#[tokio::test]
async fn a_deploy_that_hangs_on_a_dead_host_is_aborted_and_the_other_host_goes_back() {
    let Some(shop) = Shop::open(2, &[]).await else { return };
    let release = at_work_on_v2_when_a_host_dies(&shop, "deploy").await;
    act(&shop, &format!("/api/v1/releases/{release}/abort"), json!({"reason": "a host is dead"})).await;
    within(TIMEOUT * 3, "production is back", async || {
        (shop.world.status(release).await == "rollback_done").then_some(())
    })
    .await;
    assert_eq!(code_of(&shop, 1), "v1");
    let body = json!({"environment": "production", "host": shop.hosts[0].name(), "reason": "burnt down"});
    let service = act(&shop, "/api/v1/services/shop/give-up", body).await;
    assert_eq!(service["production"]["left"][0]["given_up"], true, "{service}");
    shop.world.is_sound().await;
}

/// v1 is deployed; then a step of v2 in production is at work on both hosts, and the first one dies.
async fn at_work_on_v2_when_a_host_dies(shop: &Shop, step: &str) -> i64 {
    let first = shop.world.release_of_tag("v1").await;
    shop.world.until(first, "manual_testing").await;
    shop.world.approve("ann", first).await.ok();
    shop.world.until(first, "deployed").await;
    shop.choose(&format!("v2 production deploy {step}"));
    let release = shop.world.release_of_tag("v2").await;
    shop.world.until(release, "manual_testing").await;
    shop.world.approve("ann", release).await.ok();
    shop.until_line(2).await;
    shop.hosts[0].cut(Fault::Down);
    release
}

#[tokio::test]
async fn a_migration_that_ends_on_a_dead_host_after_the_way_back_makes_production_unknown() {
    let Some(shop) = Shop::open(2, &[]).await else { return };
    let release = at_work_on_v2_when_a_host_dies(&shop, "migrate_up").await;
    let abort = format!("/api/v1/releases/{release}/abort");
    act(&shop, &abort, json!({"reason": "a host is dead", "force": true})).await;
    within(TIMEOUT * 3, "production is back", async || {
        (shop.world.status(release).await == "rollback_done").then_some(())
    })
    .await;
    assert_eq!(code_of(&shop, 1), "v1");
    shop.until_line(LINES).await;
    shop.hosts[0].heal();
    let unknown = within(TIMEOUT * 2, "it is noticed", async || {
        let unknown = production(&shop).await["unknown"].clone();
        (!unknown.is_null()).then(|| unknown["reason"].as_str().unwrap().to_owned())
    })
    .await;
    assert!(unknown.contains("migrate up") && unknown.contains("ended there unseen (exit status 0)"), "{unknown}");
    // Its code has been caught up meanwhile; only the database is for a person to judge.
    shop.world.quiet().await;
    let body = json!({"environment": "production", "runs": "recorded", "reason": "taken back by hand"});
    let service = act(&shop, "/api/v1/services/shop/settle", body).await;
    assert_eq!((&service["production"]["left"], &service["production"]["unknown"]), (&json!([]), &Value::Null));
    assert_eq!(code_of(&shop, 0), "v1");
    shop.world.is_sound().await;
}

#[tokio::test]
async fn what_a_host_that_was_given_up_still_does_is_ended_before_the_next_release_comes_there() {
    let Some(shop) = Shop::open(2, &[]).await else { return };
    // It would take long to end by itself.
    shop.hosts[0].sh("printf 1000 > lines");
    let release = at_work_on_v2_when_a_host_dies(&shop, "deploy").await;
    act(&shop, &format!("/api/v1/releases/{release}/abort"), json!({"reason": "a host is dead"})).await;
    within(TIMEOUT * 3, "production is back", async || {
        (shop.world.status(release).await == "rollback_done").then_some(())
    })
    .await;
    let body = json!({"environment": "production", "host": shop.hosts[0].name(), "reason": "burnt down"});
    let service = act(&shop, "/api/v1/services/shop/give-up", body).await;
    assert_eq!(service["production"]["left"][0]["given_up"], true, "{service}");
    shop.hosts[0].heal();
    let next = shop.world.release_of_tag("v3").await;
    shop.world.until(next, "manual_testing").await;
    shop.world.approve("ann", next).await.ok();
    shop.world.until(next, "deployed").await;
    assert_eq!(production(&shop).await["left"], json!([]));
    let ended = shop.world.events().await.into_iter().find(|event| event["kind"] == "earlier_steps_ended").unwrap();
    assert_eq!(ended["data"]["host"], shop.hosts[0].name(), "{ended}");
    let at = shop.progress();
    assert!(at < 1000 && shop.hosts[0].sh("pgrep -f '[b]in/step' || echo nobody").contains("nobody"), "at {at}");
    assert_eq!((code_of(&shop, 0), code_of(&shop, 1)), ("v3".to_owned(), "v3".to_owned()));
    shop.world.is_sound().await;
}

#[tokio::test]
async fn a_migration_that_ends_on_a_dead_host_is_not_done_twice_when_its_run_is_repeated() {
    let Some(shop) = Shop::open(2, &[("run_timeout", toml::Value::from("15s"))]).await else { return };
    let release = v2_is_deployed(&shop).await;
    shop.choose("v2 production rollback migrate_down");
    act(&shop, &format!("/api/v1/releases/{release}/rollback"), json!({"reason": "v2 is bad"})).await;
    shop.until_line(2).await;
    shop.hosts[0].cut(Fault::Down);
    let run = within(TIMEOUT * 2, "the run cannot be judged", async || {
        shop.world.runs(release).await.into_iter().find(|run| run["state"] == "unknown")
    })
    .await["id"]
        .clone();
    shop.until_line(LINES).await;
    // No run takes the database back from the other host while that is in doubt.
    let again = json!({"verdict": "again", "reason": "the host comes back"});
    act(&shop, &format!("/api/v1/runs/{run}/resolve"), again).await;
    shop.waits_for(release, &format!("waits for {}", shop.hosts[0].name())).await;
    shop.hosts[0].heal();
    shop.world.until(release, "rollback_done").await;
    let down = |host| shop.ledger(host).iter().filter(|line| line.contains("production rollback migrate_down")).count();
    assert_eq!((down(0), down(1)), (1, 0));
    assert_eq!((code_of(&shop, 0), code_of(&shop, 1)), ("v1".to_owned(), "v1".to_owned()));
    assert_eq!(production(&shop).await["unknown"], Value::Null);
    shop.world.is_sound().await;
}
