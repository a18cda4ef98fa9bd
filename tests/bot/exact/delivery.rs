//! Updates are told apart by their numbers being equal, and by nothing else about them.

use crate::story::BotWorld;
use crate::telegram::ChatView;

/// How often the bot has answered `/id`, apart from the menu that ends the story.
async fn answers(chat: &ChatView) -> usize {
    chat.shows("Release Bot").await;
    chat.messages().iter().filter(|shown| shown.text.starts_with("Your number")).count()
}

#[tokio::test]
async fn the_numbers_500_500_7_are_two_updates() {
    let world = BotWorld::start().await;
    world.telegram.next_update_ids([500, 500, 7, 8]);
    world.telegram.batch(|| ["/id", "/id", "/id", "/start"].map(|words| world.ann.says(world.ann.id, words)));
    assert_eq!(answers(&world.telegram.chat(world.ann.id)).await, 2);
}

#[tokio::test]
async fn the_numbers_may_fall_and_come_again() {
    let world = BotWorld::start().await;
    for number in [500, 7, 500, 3, 7] {
        world.telegram.next_update_ids([number]);
        world.ann.says(world.ann.id, "/id");
        world.telegram.all_acknowledged().await;
    }
    world.ann.says(world.ann.id, "/start");
    assert_eq!(answers(&world.telegram.chat(world.ann.id)).await, 3);
}
