//! A Telegram that is slow, away or picky, and people who write what they like.

use std::time::Duration;

use serde_json::json;

use crate::story::{BotWorld, TEAM, told};
use crate::telegram::{Fault, Shown};
use crate::world::{SHOP, Setup, commit_of};

fn alone(setup: Setup) -> Setup {
    setup.approved_by(1, ["ann"])
}

#[tokio::test]
async fn a_release_goes_to_production_without_telegram() {
    let world = BotWorld::without_rmm(alone).await;
    world.telegram.breaks("*", 1000, Fault::Drop);
    world.start_rmm().await;
    let first = world.rmm.deployed("v1").await;
    let second = world.rmm.deployed("v2").await;
    assert_eq!((first, second, world.team.messages().len()), (1, 2, 0));
    // When it is back, old news is not sent.
    world.telegram.is_well_again();
    let third = world.rmm.release("v3").await;
    world.team.shows("v3").await;
    world.rmm.until(third, "manual_testing").await;
    world.team.shows("waiting for approval").await;
    assert!(world.team.messages().len() <= 4, "{}", world.team.transcript());
}

#[tokio::test]
async fn after_an_outage_chats_hear_how_it_is_now() {
    let world = BotWorld::without_rmm(alone).await;
    world.start_rmm().await;
    let first = world.rmm.release("v1").await;
    world.team.shows("waiting for approval").await;
    let before = world.team.messages().len();
    // Telegram asks for a pause, and then it is away.
    world.telegram.breaks("sendMessage", 1, Fault::TooFast(2));
    world.telegram.breaks("*", 100_000, Fault::bad_gateway());
    world.rmm.approve("ann", first).await.ok();
    world.rmm.until(first, "deployed").await;
    for tag in ["v2", "v3"] {
        world.rmm.deployed(tag).await;
    }
    let calls = world.telegram.calls("*").len();
    world.telegram.is_well_again();
    for tag in ["v1", "v2", "v3"] {
        world.team.shows(&format!("shop {tag} is deployed")).await;
    }
    // A card and the last word of each, and no burst.
    assert_eq!(world.team.messages().len(), before + 5, "{}", world.team.transcript());
    assert!(world.telegram.calls("*").len() - calls < 12);
    assert!(world.telegram.most_within(TEAM, Duration::from_millis(900)) <= 2);
    insta::assert_snapshot!(told(&world.team));
}

#[tokio::test]
async fn a_pause_holds_up_no_other_chat() {
    let world = BotWorld::without_rmm(alone).await;
    world.start_rmm().await;
    world.ann.says(world.ann.id, "/start");
    world.telegram.chat(world.ann.id).shows("Release Bot").await;
    world.telegram.breaks("sendMessage", 1, Fault::TooFast(6));
    let release = world.rmm.release("v1").await;
    let asked_to_wait = world.telegram.called("Telegram asks for a pause", |call| call.status == 429).await;
    assert_eq!(asked_to_wait.chat(), Some(TEAM));
    world.rmm.until(release, "manual_testing").await;
    world.ann.taps(world.ann.id, "Active releases").await;
    world.telegram.chat(world.ann.id).shows("🧪 Manual testing").await;
    assert_eq!(world.team.messages().len(), 0);
    world.team.shows("waiting for approval").await;
    let next = |call: &&crate::telegram::Call| call.chat() == Some(TEAM) && call.at > asked_to_wait.at;
    let calls = world.telegram.calls("*");
    let next = calls.iter().find(next).unwrap();
    assert!(next.at.duration_since(asked_to_wait.at) >= Duration::from_secs(6), "the team was written to too early");
}

#[tokio::test]
async fn a_user_who_blocks_the_bot_stops_no_other() {
    let world = BotWorld::without_rmm(alone).await;
    world.configure(|config| {
        config["telegram"].as_table_mut().unwrap().remove("chat");
    });
    world.start_rmm().await;
    // Without a team's chat, all are told in private.
    let [to_ann, to_boris] = [&world.ann, &world.boris].map(|user| {
        user.says(user.id, "/start");
        world.telegram.chat(user.id)
    });
    to_ann.shows("Release Bot").await;
    to_boris.shows("Release Bot").await;
    world.boris.blocks_the_bot();
    let release = world.rmm.release("v1").await;
    to_ann.shows("waiting for approval").await;
    world.ann.taps(world.ann.id, "✅ Approve").await;
    world.ann.taps(world.ann.id, "Yes, approve").await;
    to_ann.shows("shop v1 is deployed").await;
    world.rmm.until(release, "deployed").await;
    // Boris comes back.
    world.boris.says(world.boris.id, "/releases");
    to_boris.shows("✅ Deployed").await;
}

#[tokio::test]
async fn what_telegram_cannot_read_comes_plain() {
    let world = BotWorld::without_rmm(alone).await;
    world.start_rmm().await;
    world.telegram.breaks("sendMessage", 1, Fault::cannot_parse());
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    let card = world.team.until("there is a card", |shown| shown.first().cloned()).await;
    assert!(card.text.contains("shop") && !card.text.contains("<b>"), "{}", card.text);
    // An edit brings the looks back.
    world.telegram.breaks("editMessageText", 1, Fault::Status(400, SAME.into()));
    world.rmm.approve("ann", release).await.ok();
    world.team.shows("shop v1 is deployed").await;
    assert_eq!(world.team.messages().iter().filter(|shown| shown.text.contains("📦 shop")).count(), 1);
}

/// As Telegram says it.
const SAME: &str = "Bad Request: message is not modified: specified new message content and reply markup are exactly \
                    the same as a current content and reply markup of the message";

#[tokio::test]
async fn what_people_write_is_shown_as_they_wrote_it() {
    let world = BotWorld::without_rmm(|setup| {
        let noisy =
            r"printf 'noise \342\200\256\033[31m\n'; yes '<b>&lt; 💥 *_[x](tg://user?id=1)`' | head -c 60000; exit 3";
        alone(setup).surface("deploy", noisy)
    })
    .await;
    world.start_rmm().await;
    let evil = "</b><a href=\"tg://user?id=1\">x</a>\n".to_owned() + &"_*[]()~<>&`😀 مرحبا ".repeat(400);
    assert!(evil.len() > 9_000);
    let commit = commit_of("v1");
    let body = json!({ "service": SHOP, "tag": "v1-*_[x](y)~", "commit": commit, "notes": evil, "initiated_by": "<i>&amp;</i>@ann" });
    let answer = world.rmm.ci().await.post("/api/v1/releases", &body).await;
    // A tag that git would not take is refused; then it is the notes alone.
    let id = if answer.status == 201 {
        answer.ok()["id"].as_i64().unwrap()
    } else {
        let body = json!({ "service": SHOP, "tag": "v1_b", "commit": commit, "notes": evil, "initiated_by": "<i>&amp;</i>@ann" });
        world.rmm.create(body).await
    };
    world.rmm.until(id, "stage_building_failed").await;
    let failed = |shown: &[Shown]| shown.iter().find(|shown| shown.text.contains("Failed on stage")).cloned();
    let card = world.team.until("the card says that it failed", failed).await;
    assert!(card.text.contains("</b><a href=\"tg://user?id=1\">x</a>"), "{}", card.text);
    assert!(card.text.contains("<i>&amp;</i>@\u{2060}ann"), "{}", card.text);
    assert!(!card.text.contains("x <tg://user?id=1>"), "{}", card.text);
    world.ann.says(world.ann.id, "/failed");
    let chat = world.telegram.chat(world.ann.id);
    world.ann.taps(world.ann.id, "Output of the step").await;
    let output = chat.shows("Output of the failed step").await;
    assert!(output.text.contains("<b>&lt;"), "{}", output.text);
    assert_eq!(chat.messages().len(), 1);
}
