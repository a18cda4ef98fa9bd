//! Alerts from what has happened to the message about it, by a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::bot::testing::Desk;
use crate::clients::ai::Model;
use crate::clients::telegram::peer::Peer;
use crate::telemetry::errors::Line;

pub(super) const ALERTS: i64 = -7;

/// The alerts whose messages are behind.
pub(super) async fn alerted(bot: &Bot) -> Vec<Told> {
    bot.engine.read(alerts::unshown).await.unwrap()
}

fn line(message: &str) -> Line {
    Line { target: "rmm::store::writer".into(), message: message.into(), ..Line::default() }
}

/// What was sent to the chat, and what was written into its messages.
fn heard(peer: &Peer) -> Vec<(String, String)> {
    let written = peer.calls().into_iter().filter(|(method, _)| method == "sendmessage" || method == "editmessagetext");
    written
        .map(|(method, ask): (String, Value)| (method, ask["text"].as_str().unwrap_or_default().to_owned()))
        .collect()
}

async fn until_heard(peer: &Peer, method: &str, words: &str) {
    peer.until(|peer| heard(peer).iter().any(|(how, text)| how == method && text.contains(words))).await;
}

/// Waits until the only alert has happened so many times.
async fn seen(desk: &Desk, times: u64) {
    let key = key(&Alert {
        kind: AlertKind::Error,
        place: "rmm::store::writer".into(),
        what: "request 1 failed".into(),
        about: String::new(),
        seq: None,
        trace: None,
    });
    loop {
        let named = key.clone();
        let known = desk.bot.engine.read(move |conn| alerts::get(conn, &named)).await.unwrap();
        if known.is_some_and(|known| known.seen >= times) {
            return;
        }
        desk.clock.pass(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
}

/// Waits until every message shows how its alert stands, and that is noted.
async fn until_shown(desk: &Desk) {
    while !alerted(&desk.bot).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_storm_of_errors_is_one_message_with_a_count() {
    let (peer, desk) = Desk::with_alerts(ALERTS).await;
    let following = desk.spawn(errors::follow(desk.bot.clone()));
    desk.bot.errors.add(line("request 1 failed"));
    until_heard(&peer, "sendmessage", "RMM has logged an error").await;
    until_shown(&desk).await;
    for number in 2..=10_000 {
        desk.bot.errors.add(line(&format!("request {number} failed")));
    }
    seen(&desk, 10_000).await;
    desk.clock.pass(Duration::from_mins(6));
    desk.bot.errors.add(line("request 10001 failed"));
    seen(&desk, 10_001).await;
    desk.clock.pass(Duration::from_mins(6));
    until_heard(&peer, "editmessagetext", "Seen 10,001 times since 2027-01-15 08:00, last 08:06").await;
    let sent = heard(&peer).iter().filter(|(method, _)| method == "sendmessage").count();
    assert_eq!(sent, 1, "{:#?}", heard(&peer));
    desk.end(following).await;
}

#[tokio::test]
async fn more_than_a_model_can_answer_is_left_out_with_a_word() {
    let (_peer, mut desk) = Desk::with_alerts(ALERTS).await;
    let model = Model::new("http://127.0.0.1:1/v1", None, "m", None, Duration::from_secs(1)).unwrap();
    Arc::get_mut(&mut desk.bot).unwrap().analyst = Some(Analyst::asking(model, 500, 100));
    let alert = |number: usize| Alert {
        kind: AlertKind::Error,
        place: format!("part {}", "x".repeat(number)),
        what: "broken".into(),
        about: String::new(),
        seq: None,
        trace: None,
    };
    raise(&desk.bot, (0..10).map(|number| (alert(number), 1)).collect()).await.unwrap();
    for told in alerted(&desk.bot).await {
        desk.bot.analyse(told);
    }
    let left_out = async || alerted(&desk.bot).await.iter().filter(|told| told.guess.is_some()).count();
    while left_out().await < 2 {
        tokio::task::yield_now().await;
    }
    let told = alerted(&desk.bot).await;
    let said = told.into_iter().filter_map(|told| Some(told.guess?.said)).collect::<Vec<_>>();
    assert_eq!(said, [Err("too many at once".to_owned()), Err("too many at once".to_owned())]);
}

#[tokio::test]
async fn what_cannot_be_noted_is_said_once_all_the_same() {
    let (peer, desk) = Desk::with_alerts(ALERTS).await;
    desk.shell("DROP TABLE telegram_alerts");
    let following = desk.spawn(errors::follow(desk.bot.clone()));
    desk.bot.errors.add(line("writes fail"));
    until_heard(&peer, "sendmessage", "writes fail").await;
    desk.bot.errors.add(line("writes fail"));
    desk.bot.errors.add(line("reads fail"));
    until_heard(&peer, "sendmessage", "reads fail").await;
    assert_eq!(heard(&peer).iter().filter(|(_, text)| text.contains("writes fail")).count(), 1);
    desk.end(following).await;
}

#[tokio::test]
async fn what_could_not_be_noted_is_counted_once_it_can_be() {
    let (peer, desk) = Desk::with_alerts(ALERTS).await;
    desk.shell("ALTER TABLE telegram_alerts RENAME TO away");
    let following = desk.spawn(errors::follow(desk.bot.clone()));
    desk.bot.errors.add(line("request 1 failed"));
    until_heard(&peer, "sendmessage", "request 1 failed").await;
    for number in 2..=500 {
        desk.bot.errors.add(line(&format!("request {number} failed")));
    }
    desk.shell("ALTER TABLE away RENAME TO telegram_alerts");
    seen(&desk, 500).await;
    desk.end(following).await;
}

#[tokio::test]
async fn what_lasts_is_told_when_it_begins_and_when_it_is_over_and_once() {
    let (peer, desk) = Desk::with_alerts(ALERTS).await;
    let over = || heard(&peer).iter().filter(|(how, text)| how == "sendmessage" && text.contains("It is over")).count();
    lasts(&desk.bot, AlertKind::Disk, "/srv", Some("1000".into())).await.unwrap();
    until_heard(&peer, "sendmessage", "The disk of RMM is nearly full").await;
    until_shown(&desk).await;
    desk.clock.pass(Duration::from_mins(6));
    for _ in 0..2 {
        lasts(&desk.bot, AlertKind::Disk, "/srv", None).await.unwrap();
    }
    until_heard(&peer, "editmessagetext", "Over at").await;
    until_heard(&peer, "sendmessage", "It is over").await;
    until_shown(&desk).await;
    assert_eq!(over(), 1);
}

#[tokio::test]
async fn a_message_that_is_gone_is_sent_again() {
    let (peer, desk) = Desk::with_alerts(ALERTS).await;
    let following = desk.spawn(errors::follow(desk.bot.clone()));
    desk.bot.errors.add(line("request 1 failed"));
    until_heard(&peer, "sendmessage", "RMM has logged an error").await;
    until_shown(&desk).await;
    peer.refuses("editMessageText", 400, "Bad Request: message to edit not found", Value::Null);
    desk.clock.pass(Duration::from_mins(6));
    desk.bot.errors.add(line("request 2 failed"));
    until_heard(&peer, "sendmessage", "Seen 2 times").await;
    desk.end(following).await;
}
