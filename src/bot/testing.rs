//! What the tests of the bot share: a bot over a new database, a clock that does not wait, a peer instead of Telegram.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Bot;
use super::poster::Poster;
use super::refusals::Refusals;
use super::words::Words;
use crate::clients::telegram::peer::Peer;
use crate::clients::telegram::{Me, Telegram};
use crate::config;
use crate::domain::notice::Notice;
use crate::engine::Engine;
use crate::engine::clock::Clock;
use crate::engine::testing::engine_in;
use crate::wording::Language;

/// Sleeps of an hour and more last until the test wakes the sleeper.
const LONG: Duration = Duration::from_hours(1);

/// A clock that moves only when told to, and whose short sleeps are over at once.
#[derive(Default)]
pub(crate) struct Hasty {
    passed: Mutex<Duration>,
    slept: Mutex<Vec<Duration>>,
    wake: Arc<Notify>,
}

impl Hasty {
    pub(crate) fn pass(&self, time: Duration) {
        *self.passed.lock().unwrap() += time;
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// Every short sleep so far.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + *self.passed.lock().unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        if time >= LONG {
            let wake = self.wake.clone();
            return Box::pin(async move { wake.notified().await });
        }
        self.slept.lock().unwrap().push(time);
        Box::pin(tokio::task::yield_now())
    }
}

/// A bot with these chats.
pub(crate) fn bot(engine: Engine, telegram: Telegram, chats: Vec<config::Chat>) -> Bot {
    Bot {
        engine,
        telegram,
        settings: config::Telegram {
            token: "env:TOKEN".into(),
            api_url: String::new(),
            chats,
            webhook_secret: None,
            templates: None,
            remind_after: None,
        },
        language: Language::En,
        zone: TimeZone::UTC,
        public_url: Some("https://rmm.example".into()),
        conflict: watch::Sender::new(None),
        me: Me { id: 4242, username: "rmm_bot".into() },
        words: Words::new(None),
        errors: Arc::default(),
        analyst: None,
        poster: Poster::default(),
        refusals: Refusals::default(),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    }
}

/// A bot and what it stands on.
pub(crate) struct Desk {
    pub bot: Arc<Bot>,
    pub clock: Arc<Hasty>,
    pub stop: CancellationToken,
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) async fn with_peer() -> (Peer, Self) {
        Self::with_chats(Vec::new()).await
    }

    /// Where alerts are told in this chat.
    pub(crate) async fn with_alerts(id: i64) -> (Peer, Self) {
        let notices = vec![Notice::Alarm, Notice::Failed, Notice::RollbackFailed];
        let chat = config::Chat { id, topic: None, notices, services: Vec::new(), cards: false, alerts: true };
        Self::with_chats(vec![chat]).await
    }

    pub(crate) async fn with_chats(chats: Vec<config::Chat>) -> (Peer, Self) {
        let peer = Peer::start().await;
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hasty::default());
        let bot = bot(engine_in(folder.path(), clock.clone()), peer.client(), chats);
        (peer, Self { stop: bot.stop.clone(), bot: Arc::new(bot), clock, folder })
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        tokio::spawn(work)
    }

    /// Stops what was spawned and waits for it.
    pub(crate) async fn end(&self, running: JoinHandle<()>) {
        self.stop.cancel();
        running.await.unwrap();
    }

    /// Does something to the database behind RMM's back.
    pub(crate) fn shell(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.folder.path().join("rmm.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    }
}
