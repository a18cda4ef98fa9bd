//! Five hundred releases under way: lists and taps stay what they are. How long they take is printed, never asserted.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::json;

use super::{act, menu, times, yes};
use crate::story::BotWorld;
use crate::telegram::{ChatView, Shown};
use crate::world::{SHOP, commit_of};

#[tokio::test]
async fn five_hundred_releases_are_looked_through_and_one_is_approved() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let many = times("RMM_RELEASES", 500);
    let ci = world.rmm.ci().await;
    let made = futures_util::stream::iter(1..=many).map(|number| {
        let (ci, tag) = (ci.clone(), format!("v{number}"));
        async move {
            let body = json!({ "service": SHOP, "tag": tag, "commit": commit_of(&tag), "initiated_by": "ci" });
            ci.post("/api/v1/releases", &body).await.ok()["id"].as_i64().unwrap()
        }
    });
    let ids: Vec<i64> = made.buffer_unordered(8).collect().await;
    let first = *ids.iter().min().unwrap();
    world.rmm.until(first, "manual_testing").await;

    // What needs a person does not wait behind what does not.
    world.team.shows("waiting for approval").await;

    let private = world.telegram.chat(world.ann.id);
    let begun = Instant::now();
    world.ann.taps_raw(menu, "l.a.0").await;
    shows_place(&private, &format!(" 1/{many}")).await;
    let shown = begun.elapsed();
    world.ann.taps_raw(menu, &format!("l.a.{}", many - 1)).await;
    shows_place(&private, &format!(" {many}/{many}")).await;

    let mut latencies = Vec::new();
    for at in 0..100 {
        let begun = Instant::now();
        world.ann.taps_raw(menu, &format!("l.a.{}", at * many / 100)).await;
        latencies.push(begun.elapsed());
    }
    latencies.sort_unstable();
    let [middle, high] = [50, 98].map(|at: usize| latencies[at]);
    let begun = Instant::now();
    let tap = world.ann.taps_raw(menu, &yes(&world, first).await).await;
    let voted: Duration = begun.elapsed();
    assert_eq!(tap.toast, "✅ Your approval counts (1/2)");
    let last = *ids.iter().max().unwrap();
    let tap = world.ann.taps_raw(menu, &act(&world, last, "x0").await).await;
    assert_eq!(tap.toast, "⛔ Release cancelled");
    eprintln!(
        "{many} releases: a list is shown after {shown:.1?}; tap to answer {middle:.1?} in the middle, {high:.1?} for \
         99 of 100; a vote {voted:.1?}"
    );
}

/// Waits until the list is at this place.
async fn shows_place(chat: &ChatView, place: &str) {
    let there = |shown: &Shown| shown.labels().iter().any(|label| label.ends_with(place));
    chat.until(&format!("the list is at{place}"), |all| all.iter().any(there).then_some(())).await;
}
