//! What is told is how it was when it happened, and stays so.

use crate::story::{BotWorld, TEAM};

/// The messages of the team's chat with these words.
fn with(world: &BotWorld, words: &str) -> Vec<String> {
    world.team.messages().into_iter().map(|shown| shown.text).filter(|text| text.contains(words)).collect()
}

fn bypass(world: &BotWorld, release: i64, gate: &str, reason: &str) {
    let (status, said) =
        world.rmm.rmm(&["release", "bypass", &release.to_string(), "--gate", gate, "--reason", reason]);
    assert_eq!(status, Some(0), "{said}");
}

#[tokio::test]
async fn a_bypass_is_told_once_and_with_what_stood_in_the_way_then() {
    let world = BotWorld::start().await;
    world.rmm.rmm(&["service", "lock", "shop", "--reason", "Black Friday"]);
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    world.all_is_told().await;
    // The chat hears of it only when production is unlocked again.
    world.telegram.kicks_the_bot(TEAM);
    bypass(&world, release, "approvals", "shop is down");
    bypass(&world, release, "no_lock", "it cannot wait");
    world.rmm.until(release, "deployed").await;
    world.rmm.rmm(&["service", "unlock", "shop"]);
    world.telegram.lets_the_bot_in(TEAM, &world.boris);
    world.team.shows("unlocked production of shop").await;
    world.all_is_told().await;
    let told = with(&world, "gates of production were skipped");
    let [first, second] = told.as_slice() else { panic!("{told:#?}") };
    let lines = |text: &str| text.trim().lines().skip(1).map(ToOwned::to_owned).collect::<Vec<_>>().join("\n");
    let skipped =
        "⏭ Approvals (0 of 2) — skipped by operator: shop is down\n🚧 Production is locked by operator: Black Friday.";
    assert!(lines(first).starts_with(skipped), "{first}");
    assert_eq!(lines(second), "⏭ Production not locked — skipped by operator: it cannot wait");
    assert_eq!(with(&world, "with 0 of 2 approvals"), [""; 0], "{}", world.team.transcript());
}

#[tokio::test]
async fn votes_that_counted_when_the_vote_closed_stay_as_they_counted() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.start_rmm().await;
    let first = world.rmm.deployed("v1").await;
    let refused = world.rmm.release("v2").await;
    world.rmm.until(refused, "manual_testing").await;
    world.team.shows(&format!("📦 shop · #{refused}\n")).await;
    world.rmm.rmm(&["release", "cancel", &refused.to_string(), "--reason", "not yet"]);
    world.all_is_told().await;
    world.configure(|config| {
        let service = config["services"][0].as_table_mut().unwrap();
        let approvals = "required = [\"boris\"]".parse::<toml::Table>().unwrap();
        service.insert("approvals".into(), approvals.into());
        let surface = service["surfaces"][0].as_table_mut().unwrap();
        let deploy = surface["deploy"].as_str().unwrap().to_owned();
        surface.insert("deploy".into(), format!("{deploy}; true").into());
    });
    world.reload().await;
    let next = world.rmm.release("v3").await;
    world.rmm.until(next, "manual_testing").await;
    bypass(&world, next, "approvals", "they are away");
    world.rmm.until(next, "deployed").await;
    world.all_is_told().await;
    let card = with(&world, &format!("📦 shop · #{first}\n")).pop().unwrap();
    assert!(card.contains("Required approvals: ann\n📋 Approved (1/1): ann"), "{card}");
    let card = with(&world, &format!("📦 shop · #{refused}\n")).pop().unwrap();
    assert!(card.contains("Required approvals: ann\n📋 Approved (0/1): nobody yet"), "{card}");
    let api = world.rmm.operator().get(&format!("/api/v1/releases/{first}")).await.ok();
    assert_eq!((&api["approvals"]["needed"], &api["approvals"]["given"]), (&1.into(), &serde_json::json!(["ann"])));
    let (_, said) = world.rmm.rmm(&["release", "show", &first.to_string()]);
    assert!(said.contains("1 of 1") && !said.contains("does not count"), "{said}");
}

#[tokio::test]
async fn where_no_approvals_are_needed_none_are_counted() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(0, ["ann"])).await;
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "deployed").await;
    world.team.shows("shop v1 is deployed").await;
    world.all_is_told().await;
    let told = world.team.transcript();
    assert!(!told.contains("0 of 0") && !told.contains("0/0"), "{told}");
}
