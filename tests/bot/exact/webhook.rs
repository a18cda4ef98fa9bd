//! Updates that Telegram brings itself.

use serde_json::json;

use super::{approved_by, menu, waiting, yes};
use crate::story::{BotWorld, set};
use crate::world::eventually;

const SECRET: &str = "a-secret_of_16_letters";

/// The status of the answer to an update.
async fn brings(world: &BotWorld, secret: Option<&str>, body: &str) -> u16 {
    let headers: Vec<_> = secret.map(|secret| ("X-Telegram-Bot-Api-Secret-Token", secret)).into_iter().collect();
    let caller = world.rmm.stranger();
    let answer = caller.send("POST", "/hooks/telegram", Some(body.as_bytes().to_vec()), &headers).await;
    answer.unwrap().status().as_u16()
}

/// Anna says `/id` in private.
fn letter(world: &BotWorld, update: i64) -> String {
    let ann = json!({ "id": world.ann.id, "is_bot": false, "first_name": "Anna", "type": "private" });
    let message = json!({ "message_id": 900 + update, "date": 1, "chat": ann, "from": ann, "text": "/id" });
    json!({ "update_id": update, "message": message }).to_string()
}

#[tokio::test]
async fn with_the_secret_updates_are_brought_and_handled_once() {
    let world = BotWorld::without_rmm(|setup| setup.variable("RMM_HOOK_SECRET", SECRET)).await;
    world.configure(|config| {
        set(config, "telegram.webhook_secret", "env:RMM_HOOK_SECRET");
        set(config, "server.public_url", "https://rmm.example.com");
    });
    world.start_rmm().await;
    let menu = menu(&world, &world.ann).await;
    assert_eq!(world.telegram.webhook().as_deref(), Some("https://rmm.example.com/hooks/telegram"));
    assert!(world.telegram.calls("getUpdates").is_empty());

    let release = waiting(&world, "v1").await;
    let tap = world.ann.taps_raw(menu, &yes(&world, release).await).await;
    assert_eq!(tap.toast, "✅ Your approval counts (1/2)");
    assert_eq!(approved_by(&world, release).await, ["ann"]);

    let private = world.telegram.chat(world.ann.id);
    let answers = || private.messages().iter().filter(|shown| shown.text.starts_with("Your number")).count();
    for secret in [None, Some(""), Some("a-secret_of_"), Some("A-SECRET_OF_1")] {
        assert_eq!(brings(&world, secret, &letter(&world, 50)).await, 401);
    }
    for body in [letter(&world, 51), letter(&world, 51), letter(&world, 7)] {
        assert_eq!(brings(&world, Some(SECRET), &body).await, 200);
    }
    assert_eq!(brings(&world, Some(SECRET), "{}").await, 400);
    // People's words are handled in their order, so whatever was to be said before is said now.
    world.ann.says(world.ann.id, "/help");
    let count = answers;
    eventually("Anna's letters are answered", async || (count() >= 2).then_some(())).await;
    private.until("the help is there", |all| (all.len() >= 4).then_some(())).await;
    assert_eq!(answers(), 2);
    assert!(!world.rmm.log().contains(SECRET));

    world.configure(|_| {});
    world.restart_after_kill().await;
    world.ann.says(world.ann.id, "/id");
    eventually("the bot asks for updates again", async || (count() == 3).then_some(())).await;
    assert_eq!((world.telegram.webhook(), brings(&world, Some(SECRET), &letter(&world, 52)).await), (None, 404));
}

#[tokio::test]
async fn without_a_secret_there_is_no_such_address() {
    let world = BotWorld::start().await;
    for secret in [None, Some(""), Some(SECRET)] {
        assert_eq!(brings(&world, secret, &letter(&world, 1)).await, 404);
    }
}
