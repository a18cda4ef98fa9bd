//! Chats and topics that take no messages of the bot: nothing is lost, and others hear it meanwhile.

use serde_json::{Value as Json, json};
use toml::Value;

use crate::story::{BotWorld, TEAM, set};
use crate::telegram::{ChatView, Shown};
use crate::world::eventually;

/// Waits until so many messages of a topic (or outside of topics) contain these words.
async fn heard(chat: &ChatView, topic: Option<i64>, words: &str, times: usize) {
    let count = |shown: &[Shown]| shown.iter().filter(|it| it.topic == topic && it.text.contains(words)).count();
    chat.until(&format!("{times} × “{words}”"), |shown| (count(shown) == times).then_some(())).await;
}

async fn ready(world: &BotWorld) -> Json {
    world.rmm.operator().get("/readyz").await.ok()
}

#[tokio::test]
async fn a_closed_topic_holds_up_no_other_and_hears_everything_later() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.telegram.forum(TEAM, "Team", &[12, 13]);
    world.configure(|config| {
        set(config, "telegram.topic", 12);
        let other = format!("id = {TEAM}\ntopic = 13");
        set(config, "telegram.chats", vec![Value::Table(other.parse().unwrap())]);
    });
    world.telegram.closes_topic(TEAM, 12, true);
    world.start_rmm().await;
    let to_ann = world.telegram.chat(world.ann.id);
    world.ann.says(world.ann.id, "/start");
    to_ann.shows("Release Bot").await;
    let release = world.rmm.release("v1").await;
    heard(&world.team, Some(13), "waiting for approval", 1).await;
    heard(&to_ann, None, "waiting for approval", 1).await;
    let line = to_ann.shows("does not take my messages").await;
    assert!(line.text.contains(&format!("{TEAM}, topic 12")) && line.text.contains("TOPIC_CLOSED"), "{}", line.text);
    world.rmm.approve("ann", release).await.ok();
    heard(&world.team, Some(13), "shop v1 is deployed", 1).await;
    heard(&to_ann, None, "shop v1 is deployed", 1).await;
    heard(&to_ann, None, "does not take my messages", 1).await;
    heard(&world.team, Some(12), "", 0).await;
    assert_eq!(ready(&world).await["chats"], "refuse");

    // A new process tries at once.
    world.rmm.kill();
    world.telegram.closes_topic(TEAM, 12, false);
    world.start_rmm().await;
    heard(&world.team, Some(12), "shop v1 is deployed", 1).await;
    world.all_is_told().await;
    heard(&world.team, Some(13), "shop v1 is deployed", 1).await;
    heard(&to_ann, None, "shop v1 is deployed", 1).await;
    assert_eq!(ready(&world).await["chats"], Json::Null);
    assert!(world.rmm.log().contains("a chat takes the bot's messages again"));
}

#[tokio::test]
async fn a_topic_that_is_opened_again_hears_at_once_what_it_has_missed() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.telegram.forum(TEAM, "Team", &[12]);
    world.configure(|config| set(config, "telegram.topic", 12));
    world.telegram.closes_topic(TEAM, 12, true);
    world.start_rmm().await;
    let to_ann = world.telegram.chat(world.ann.id);
    world.ann.says(world.ann.id, "/start");
    to_ann.shows("Release Bot").await;
    let release = world.rmm.release("v1").await;
    to_ann.shows("does not take my messages").await;
    world.rmm.until(release, "manual_testing").await;
    world.telegram.reopens_topic(TEAM, 12, &world.boris);
    heard(&world.team, Some(12), "waiting for approval", 1).await;
    heard(&to_ann, None, &format!("{TEAM}, topic 12, takes my messages again"), 1).await;
    world.all_is_told().await;
    assert_eq!(ready(&world).await["chats"], Json::Null);
}

#[tokio::test]
async fn an_admin_who_cannot_be_told_that_a_chat_refuses_is_told_later_and_the_others_at_once() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"]).person("cid", "admin")).await;
    let cid = world.telegram.user(80, "Cid");
    world.configure(|config| {
        crate::story::person(config, "cid").unwrap().insert("telegram_id".into(), 80.into());
    });
    world.start_rmm().await;
    let [to_ann, to_cid] = [world.ann.id, 80].map(|id| world.telegram.chat(id));
    world.ann.says(world.ann.id, "/start");
    to_ann.shows("Release Bot").await;
    world.ann.blocks_the_bot();
    world.telegram.kicks_the_bot(TEAM);
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    let check = || world.rmm.rmm(&["check", "--quiet"]).1;
    eventually("no admin hears", async || check().contains("no admin can be told in private").then_some(())).await;
    // Another admin comes, and the first one comes back.
    cid.says(80, "/start");
    heard(&to_cid, None, &format!("{TEAM} does not take my messages"), 1).await;
    heard(&to_cid, None, "ann does not get my messages", 1).await;
    assert!(check().contains("the admins get them in private meanwhile"));
    world.ann.says(world.ann.id, "/start");
    world.telegram.lets_the_bot_in(TEAM, &world.boris);
    heard(&to_cid, None, &format!("{TEAM} takes my messages again"), 1).await;
    heard(&to_cid, None, "ann gets my messages again", 1).await;
}

#[tokio::test]
async fn what_a_lost_chat_has_missed_is_told_to_admins_and_there_when_the_bot_comes_back() {
    let world = BotWorld::without_rmm(|setup| {
        let fails = "test $RMM_TAG != v2 || test $RMM_ENVIRONMENT != production";
        setup.approved_by(1, ["ann"]).surface("deploy", fails)
    })
    .await;
    world.start_rmm().await;
    let to_ann = world.telegram.chat(world.ann.id);
    world.ann.says(world.ann.id, "/start");
    to_ann.shows("Release Bot").await;
    world.rmm.deployed("v1").await;
    world.team.shows("shop v1 is deployed").await;
    world.all_is_told().await;
    world.telegram.kicks_the_bot(TEAM);
    let failed = world.rmm.release("v2").await;
    world.rmm.until(failed, "manual_testing").await;
    world.rmm.approve("ann", failed).await.ok();
    world.rmm.until(failed, "rollback_done").await;
    let next = world.rmm.release("v3").await;
    world.rmm.until(next, "manual_testing").await;
    heard(&to_ann, None, "does not take my messages", 1).await;
    heard(&to_ann, None, "shop v2", 1).await;
    heard(&to_ann, None, "waiting for approval", 1).await;
    for command in [&["service", "show", "shop"][..], &["release", "show", &next.to_string()]] {
        let (status, said) = world.rmm.rmm(command);
        let words = "A chat of the team, or a person in private, refuses the bot's messages";
        assert!(status == Some(0) && said.contains(words), "{said}");
    }
    let (_, said) = world.rmm.rmm(&["check", "--quiet"]);
    assert!(said.contains(&format!("the chat {TEAM} has been refusing the bot's messages since ")), "{said}");
    let missed = world.team.messages().len();

    world.telegram.lets_the_bot_in(TEAM, &world.boris);
    let cards = |number: i64| format!("📦 shop · #{number}\n");
    heard(&world.team, None, &cards(next), 1).await;
    world.all_is_told().await;
    heard(&world.team, None, "waiting for approval (0 of 1)", 1).await;
    heard(&world.team, None, &cards(failed), 1).await;
    heard(&to_ann, None, "does not take my messages", 1).await;
    let more = world.team.messages().len() - missed;
    assert_eq!(more, 4, "two cards and what was said beside them\n{}", world.team.transcript());
    assert_eq!(ready(&world).await["chats"], Json::Null);
}

#[tokio::test]
async fn cards_that_a_chat_did_not_take_are_current_when_it_takes_messages_again() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.telegram.forum(TEAM, "Team", &[12]);
    world.configure(|config| set(config, "telegram.topic", 12));
    world.start_rmm().await;
    let first = world.rmm.release("v1").await;
    let card = world.team.shows(&format!("📦 shop · #{first}\n")).await.at;
    world.team.shows("waiting for approval").await;
    world.all_is_told().await;
    world.telegram.closes_topic(TEAM, 12, true);
    world.rmm.operator().post(&format!("/api/v1/releases/{first}/cancel"), &json!({"reason": "wrong"})).await.ok();
    eventually("the chat refuses", async || (ready(&world).await["chats"] == "refuse").then_some(())).await;
    // Its card was not taken, and its call for votes is void when the chat is back.
    let second = world.rmm.release("v2").await;
    world.rmm.until(second, "manual_testing").await;
    world.rmm.operator().post(&format!("/api/v1/releases/{second}/cancel"), &json!({"reason": "wrong"})).await.ok();
    world.rmm.kill();
    world.telegram.closes_topic(TEAM, 12, false);
    world.start_rmm().await;
    world
        .team
        .until("the card is current", |shown| {
            shown.iter().find(|it| it.at == card && it.text.contains("Status: ⛔ Cancelled")).map(|_| ())
        })
        .await;
    world.all_is_told().await;
    assert_eq!(ready(&world).await["chats"], Json::Null);
    heard(&world.team, Some(12), "waiting for approval", 1).await;
}

#[tokio::test]
async fn that_telegram_refuses_the_token_is_said_until_it_is_replaced() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann"])).await;
    world.rmm.write("token", "1234:of-another-bot");
    let file = format!("file:{}", world.rmm.path("token").display());
    world.configure(|config| set(config, "telegram.token", file));
    world.start_rmm().await;
    let release = world.rmm.release("v1").await;
    eventually("it is known", async || (ready(&world).await["telegram"] == "token_refused").then_some(())).await;
    for command in [&["service", "list"][..], &["release", "show", &release.to_string()], &["healthcheck"]] {
        let (status, said) = world.rmm.rmm(command);
        assert!(status == Some(0) && said.contains("Telegram refuses the bot's token"), "{said}");
    }
    let (_, said) = world.rmm.rmm(&["check", "--quiet"]);
    assert!(
        said.contains("Telegram has been refusing the token of [telegram] since ") && !said.contains("the chat 0"),
        "{said}"
    );
    assert_eq!(world.rmm.log().matches("Telegram does not know the token").count(), 1);

    world.rmm.kill();
    world.configure(|_| {});
    world.start_rmm().await;
    world.team.shows("waiting for approval").await;
    assert_eq!(ready(&world).await["telegram"], Json::Null);
    assert!(!world.rmm.rmm(&["check", "--quiet"]).1.contains("refusing the token"));
}

#[tokio::test]
async fn that_a_person_has_blocked_the_bot_is_told_to_the_admins_once() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["boris"])).await;
    world.configure(|config| {
        config["telegram"].as_table_mut().unwrap().remove("chat");
    });
    world.start_rmm().await;
    let to_ann = world.telegram.chat(world.ann.id);
    for user in [&world.ann, &world.boris] {
        user.says(user.id, "/start");
        world.telegram.chat(user.id).shows("Release Bot").await;
    }
    world.boris.blocks_the_bot();
    let release = world.rmm.release("v1").await;
    world.rmm.until(release, "manual_testing").await;
    let line = to_ann.shows("boris does not get my messages").await;
    assert!(line.text.contains("bot was blocked by the user"), "{}", line.text);
    eventually("it is shown", async || (ready(&world).await["chats"] == "refuse").then_some(())).await;
    let (_, said) = world.rmm.rmm(&["check", "--quiet"]);
    assert!(
        said.contains("boris has not received the bot's messages since ") && !said.contains("the admins get them"),
        "{said}"
    );
    world.rmm.operator().post(&format!("/api/v1/releases/{release}/cancel"), &json!({"reason": "wrong"})).await.ok();
    heard(&to_ann, None, "⛔ Cancelled", 1).await;
    heard(&to_ann, None, "boris does not get my messages", 1).await;
}
