//! The bot is exact: every tap counts once, is answered with the truth, and belongs to the user who tapped. Whatever comes
//! between.

mod answers;
mod crowd;
mod delivery;
mod forged;
mod kills;
mod many;
mod people;
mod rival;
mod webhook;

use serde_json::Value;

use crate::story::{BotWorld, person};
use crate::telegram::{MessageRef, User};

/// How often something is done: as often as the variable says.
fn times(variable: &str, without: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(without)
}

/// A person of `rmm.toml` has this number in Telegram.
fn knows(config: &mut toml::Table, name: &str, id: i64) {
    person(config, name).unwrap().insert("telegram_id".into(), id.into());
}

/// The data of the button that says yes to a release as it is now.
async fn yes(world: &BotWorld, release: i64) -> String {
    act(world, release, "a").await
}

/// The data of a button that does something to a release as it is now.
async fn act(world: &BotWorld, release: i64, act: &str) -> String {
    format!("d.{release}.{}.{act}", world.rmm.show(release).await["revision"])
}

/// A user opens the private chat; the menu that the bot shows there.
async fn menu(world: &BotWorld, user: &User) -> MessageRef {
    user.says(user.id, "/start");
    world.telegram.chat(user.id).shows("Release Bot").await.at
}

/// A release that waits for its approvals.
async fn waiting(world: &BotWorld, tag: &str) -> i64 {
    let release = world.rmm.release(tag).await;
    world.rmm.until(release, "manual_testing").await;
    release
}

/// What is on the record about a release, of one kind.
async fn on_record(world: &BotWorld, release: i64, kind: &str) -> Vec<Value> {
    let events = world.rmm.operator().get(&format!("/api/v1/releases/{release}/events")).await.ok();
    events.as_array().unwrap().iter().filter(|event| event["kind"] == kind).cloned().collect()
}

/// Who has said yes, in alphabetical order, as often as it is on the record.
async fn approved_by(world: &BotWorld, release: i64) -> Vec<String> {
    let yeses = on_record(world, release, "release_approved").await;
    let mut names: Vec<_> = yeses.iter().map(|event| event["data"]["person"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

/// How many runs of a release went to production.
async fn production_runs(world: &BotWorld, release: i64) -> usize {
    world.rmm.runs(release).await.iter().filter(|run| run["environment"] == "production").count()
}
