//! Updates of several people, and handlers that are slow, fail or panic.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::bot::testing::Desk;

impl Desk {
    async fn receives(&self, updates: &[(i64, i64)]) {
        let updates: Vec<_> = updates
            .iter()
            .map(|(id, user)| (*id, json!({"update_id": id, "message": {"from": {"id": user}}}).to_string()))
            .collect();
        self.stores(updates).await;
    }

    async fn stores(&self, updates: Vec<(i64, String)>) {
        let now = self.bot.engine.now();
        self.bot.engine.store().write(move |tx| telegram::receive(tx, &updates, now)).await.unwrap();
    }

    async fn open(&self) -> usize {
        self.bot.engine.read(|conn| telegram::open_updates(conn, 0, 100)).await.unwrap().len()
    }

    /// Returns when nothing is open any more.
    async fn until_all_is_handled(&self) {
        while self.open().await > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Telegram's number of an update.
fn number(update: &Update) -> i64 {
    serde_json::from_str::<Value>(&update.body).unwrap()["update_id"].as_i64().unwrap()
}

/// A handler that reports what it has begun and waits for a sign.
fn waiting(
    begun: mpsc::UnboundedSender<i64>,
    go: watch::Receiver<bool>,
) -> impl Fn(Update) -> futures_util::future::BoxFuture<'static, Result<Noted, String>> {
    move |update| {
        let (begun, mut go) = (begun.clone(), go.clone());
        Box::pin(async move {
            begun.send(number(&update)).unwrap();
            go.wait_for(|go| *go).await.unwrap();
            Ok(Noted::Here)
        })
    }
}

#[tokio::test]
async fn one_user_in_order_and_users_side_by_side_beginning_with_what_was_left() {
    let (_, desk) = Desk::with_peer().await;
    desk.receives(&[(500, 1), (7, 1), (8, 2)]).await;
    let (begin, mut begun) = mpsc::unbounded_channel();
    let go = watch::Sender::new(false);
    let running = desk.spawn(run(desk.bot.engine.clone(), waiting(begin, go.subscribe()), desk.stop.clone()));
    let mut first = [begun.recv().await.unwrap(), begun.recv().await.unwrap()];
    first.sort_unstable();
    assert_eq!(first, [8, 500], "7 waits for 500 of the same user, and no other user does");
    desk.receives(&[(500, 1), (9, 3), (10, 3)]).await;
    assert_eq!(begun.recv().await, Some(9));
    assert!(begun.try_recv().is_err());
    go.send(true).unwrap();
    let mut rest = [begun.recv().await.unwrap(), begun.recv().await.unwrap()];
    rest.sort_unstable();
    assert_eq!(rest, [7, 10]);
    desk.until_all_is_handled().await;
    desk.end(running).await;
    assert!(begun.recv().await.is_none(), "each was handled once");
}

#[tokio::test]
async fn a_failure_is_tried_again_before_the_next_one_and_a_panic_is_not() {
    let (_, desk) = Desk::with_peer().await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let attempts = log.clone();
    let handle = move |update: Update| {
        let number = number(&update);
        let mut log = attempts.lock().unwrap();
        log.push(number);
        let times = log.iter().filter(|other| **other == number).count();
        drop(log);
        async move {
            assert!(number != 2, "two");
            if number == 1 && times < 4 { Err("full") } else { Ok(Noted::Here) }
        }
    };
    desk.receives(&[(1, 7), (2, 7), (3, 7)]).await;
    let running = desk.spawn(run(desk.bot.engine.clone(), handle, desk.stop.clone()));
    desk.until_all_is_handled().await;
    assert_eq!(*log.lock().unwrap(), [1, 1, 1, 1, 2, 3]);
    assert_eq!(desk.clock.slept(), [1, 2, 4].map(Duration::from_secs)[..]);
    desk.end(running).await;
}

#[tokio::test]
async fn what_cannot_be_understood_is_put_aside() {
    let (_, desk) = Desk::with_peer().await;
    let bodies = ["{", "[]", "{\"poll\":{}}", "{\"message\":{}}", "{\"message\":{\"chat\":{\"id\":-1}}}"];
    desk.stores((1..).zip(bodies.map(ToOwned::to_owned)).collect()).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = seen.clone();
    let handle = move |update: Update| {
        handler.lock().unwrap().push(update.id);
        std::future::ready(Ok::<_, String>(Noted::Here))
    };
    let running = desk.spawn(run(desk.bot.engine.clone(), handle, desk.stop.clone()));
    desk.until_all_is_handled().await;
    assert_eq!(*seen.lock().unwrap(), [5]);
    desk.end(running).await;
}

#[tokio::test]
async fn a_crowd_is_handled_once_each_and_in_order() {
    let (_, desk) = Desk::with_peer().await;
    let updates: Vec<_> = (1..=600).map(|id| (id, id % 7)).collect();
    let seen = Arc::new(Mutex::new(BTreeMap::<i64, Vec<i64>>::new()));
    let handler = seen.clone();
    let handle = move |update: Update| {
        let handler = handler.clone();
        async move {
            tokio::task::yield_now().await;
            let number = number(&update);
            handler.lock().unwrap().entry(number % 7).or_default().push(number);
            Ok::<_, String>(Noted::Here)
        }
    };
    let running = desk.spawn(run(desk.bot.engine.clone(), handle, desk.stop.clone()));
    for part in updates.chunks(50) {
        desk.receives(part).await;
    }
    desk.until_all_is_handled().await;
    for (user, numbers) in &*seen.lock().unwrap() {
        assert_eq!(*numbers, (1..=600).filter(|id| id % 7 == *user).collect::<Vec<_>>());
    }
    desk.end(running).await;
}

#[tokio::test]
async fn old_updates_are_forgotten_by_the_hour() {
    let (_, desk) = Desk::with_peer().await;
    let count = watch::Sender::new(0);
    let counter = count.clone();
    let handle = move |_| {
        counter.send_modify(|count| *count += 1);
        std::future::ready(Ok::<_, String>(Noted::Here))
    };
    desk.receives(&[(1, 7)]).await;
    let running = desk.spawn(run(desk.bot.engine.clone(), handle, desk.stop.clone()));
    desk.until_all_is_handled().await;
    desk.receives(&[(1, 7)]).await;
    assert_eq!(*count.borrow(), 1, "it is remembered");
    desk.clock.pass(Duration::from_hours(4 * 24));
    while *count.borrow() < 2 {
        desk.clock.wake();
        desk.receives(&[(1, 7)]).await;
    }
    desk.end(running).await;
}
