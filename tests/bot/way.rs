//! The way of a release through the bot, as people see it.

use crate::story::BotWorld;

#[tokio::test]
async fn a_release_is_approved_in_private_and_told_in_the_team() {
    let world = BotWorld::start().await;
    let id = world.rmm.release("v1").await;
    world.team.shows("waiting for approval").await;
    world.ann.says(world.ann.id, "/start");
    let private = world.telegram.chat(world.ann.id);
    private.shows("Release Bot").await;
    world.ann.taps(world.ann.id, "Active").await;
    world.ann.taps(world.ann.id, "✅ Approve").await;
    private.shows("Approve this release").await;
    let tap = world.ann.taps(world.ann.id, "Yes").await;
    assert_eq!(tap.toast, "✅ Your approval counts (1/2)");
    world.boris.says(world.boris.id, &format!("/start r{id}"));
    world.boris.taps(world.boris.id, "✅ Approve").await;
    let tap = world.boris.taps(world.boris.id, "Yes").await;
    assert_eq!(tap.toast, "✅ Fully approved!");
    world.team.shows("is deployed").await;
}
