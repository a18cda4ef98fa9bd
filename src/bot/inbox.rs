//! Hands stored updates on, each once: those of one user in the order of arrival, those of different users side by
//! side. What was not handled when RMM stopped is handled first.
//!
//! Must not: know what an update asks for. An update counts as handled when its handler says so, or has noted it with
//! what it did.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::backoff::Backoff;
use crate::domain::part::Part;
use crate::engine::Engine;
use crate::engine::supervise::keep_running;
use crate::store::telegram::{self, Update};

/// Updates read at once.
const MAX_READ_UPDATES: u32 = 64;
/// Updates in hand at the same time; the others wait in the database, where they cost no memory.
const IN_HAND: usize = 1024;
/// The pause after a failure; each later one is twice as long …
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What has begun may end when RMM stops, if it takes no longer than this.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two cleanings.
const CLEANING: Duration = Duration::from_hours(1);
/// How long updates are remembered. Telegram repeats one for a day.
const UPDATE_RETENTION: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Who notes that an update has been handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// The inbox, now.
    Here,
    /// The handler: with what it did, or when an answer to it is on its way.
    There,
}

/// Hands updates to `handle` until it is told to stop. An error is worth another attempt, later.
pub async fn run<F, Fut, E>(engine: Engine, handle: F, stop: CancellationToken)
where
    F: Fn(Update) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Noted, E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let lanes = Arc::new(Lanes {
        engine: engine.clone(),
        handle,
        waiting: Mutex::default(),
        fed: AtomicI64::new(0),
        tasks: TaskTracker::new(),
        stop: stop.clone(),
    });
    let clock = engine.clock();
    tokio::select! {
        () = stop.cancelled() => {}
        () = keep_running(Part::BotInbox, clock, || feed(&engine, &lanes)) => {}
        () = keep_running(Part::BotInboxCleaning, clock, || clean(engine.clone())) => {}
    }
    lanes.tasks.close();
    lanes.tasks.wait().await;
}

/// Reads what is stored, as it arrives.
async fn feed<F, Fut, E>(engine: &Engine, lanes: &Arc<Lanes<F>>)
where
    F: Fn(Update) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Noted, E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let room = Arc::new(Semaphore::new(IN_HAND));
    let mut progress = engine.store().progress();
    let mut after = lanes.fed.load(Ordering::SeqCst);
    loop {
        let known = progress.borrow_and_update().updates;
        match engine.read(move |conn| telegram::open_updates(conn, after, MAX_READ_UPDATES)).await {
            Ok(updates) if updates.is_empty() => {
                if progress.wait_for(|now| now.updates != known).await.is_err() {
                    return;
                }
            }
            Ok(updates) => {
                for update in updates {
                    let Ok(permit) = room.clone().acquire_owned().await else { return };
                    after = update.id;
                    lanes.fed.store(after, Ordering::SeqCst);
                    lanes.push(Item { user: user(&update.body), update, _permit: permit });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "updates could not be read; it is tried again");
                engine.sleep(FIRST_PAUSE).await;
            }
        }
    }
}

/// Forgets what is old, now and then.
async fn clean(engine: Engine) {
    loop {
        let before = engine.now().checked_sub(UPDATE_RETENTION).unwrap_or(Timestamp::UNIX_EPOCH);
        if let Err(error) = engine.store().write(move |tx| telegram::forget_before(tx, before)).await {
            tracing::warn!(error = %error.flatten(), "old updates could not be forgotten; it is tried again");
        }
        engine.sleep(CLEANING).await;
    }
}

/// Who an update comes from: a person's number, or that of the chat where there is none. `None`: it is none of those
/// that RMM asks for.
fn user(body: &str) -> Option<i64> {
    let update: Value = serde_json::from_str(body).ok()?;
    let content = ["callback_query", "message", "my_chat_member"].iter().find_map(|kind| update.get(kind))?;
    let number = |of: &str| content.get(of)?.get("id")?.as_i64();
    number("from").or_else(|| number("chat"))
}

/// An update in hand.
struct Item {
    /// None: it cannot be read.
    user: Option<i64>,
    update: Update,
    _permit: OwnedSemaphorePermit,
}

/// A lane for each user of whom something is in hand.
struct Lanes<F> {
    engine: Engine,
    handle: F,
    waiting: Mutex<HashMap<i64, VecDeque<Item>>>,
    /// The last update that was handed to a lane.
    fed: AtomicI64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl<F, Fut, E> Lanes<F>
where
    F: Fn(Update) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Noted, E>> + Send + 'static,
    E: Display + Send + 'static,
{
    fn push(self: &Arc<Self>, item: Item) {
        let lane = item.user.unwrap_or_default();
        match self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(lane) {
            Entry::Occupied(mut waiting) => waiting.get_mut().push_back(item),
            Entry::Vacant(empty) => {
                empty.insert(VecDeque::from([item]));
                self.tasks.spawn(self.clone().work(lane));
            }
        }
    }

    fn next(&self, lane: i64) -> Option<Item> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let item = waiting.get_mut(&lane)?.pop_front();
        if item.is_none() {
            waiting.remove(&lane);
        }
        item
    }

    /// One after the other. What is not done when RMM stops is found again at the next start.
    async fn work(self: Arc<Self>, lane: i64) {
        while let Some(item) = self.next(lane)
            && !self.stop.is_cancelled()
        {
            let late = async {
                self.stop.cancelled().await;
                self.engine.sleep(SHUTDOWN_TIMEOUT).await;
            };
            tokio::select! {
                () = self.one(&item) => {}
                () = late => return,
            }
        }
    }

    async fn one(&self, item: &Item) {
        let id = item.update.id;
        if item.user.is_some() {
            let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
            loop {
                match self.attempt(item).await {
                    Ok(Noted::Here) => break,
                    Ok(Noted::There) => return,
                    Err(error) => {
                        tracing::warn!(id, %error, "an update of Telegram could not be handled; it is tried again");
                    }
                }
                if !self.rest(&mut backoff).await {
                    return;
                }
            }
        } else {
            tracing::warn!(id, "an update of Telegram cannot be understood and is left alone");
        }
        let (mut backoff, now) = (Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), self.engine.now());
        while let Err(error) = self.engine.store().write(move |tx| telegram::handled(tx, id, now)).await {
            tracing::warn!(id, error = %error.flatten(), "that an update was handled could not be noted yet");
            if !self.rest(&mut backoff).await {
                return;
            }
        }
    }

    /// A handler that panics would do so again: its update is left alone, so that the next ones have their turn.
    async fn attempt(&self, item: &Item) -> Result<Noted, E> {
        let handling = AssertUnwindSafe(async { (self.handle)(item.update.clone()).await });
        handling.catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(id = item.update.id, "handling an update of Telegram panicked; it is left alone");
            Ok(Noted::Here)
        })
    }

    /// Waits before the next attempt. `false`: there will be none.
    async fn rest(&self, backoff: &mut Backoff) -> bool {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = self.engine.sleep(backoff.pause()) => true,
        }
    }
}

#[cfg(test)]
mod tests;
