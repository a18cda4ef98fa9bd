//! What is to be sent to a chat stands in its queue until Telegram takes another message there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::pace::Pace;

/// What has passed since some beginning.
pub(crate) trait Time: Send + Sync {
    fn passed(&self) -> Duration;
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()>;
}

/// The time of this process.
pub(super) struct SinceStart(tokio::time::Instant);

impl SinceStart {
    pub fn now() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Time for SinceStart {
    fn passed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.0 + at))
    }
}

/// The queues of all chats.
pub(super) struct Turns {
    time: Arc<dyn Time>,
    pace: Mutex<Pace>,
    queues: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
}

impl Turns {
    pub fn new(time: Arc<dyn Time>) -> Self {
        Self { time, pace: Mutex::default(), queues: Mutex::default() }
    }

    /// Waits in the queue of a chat until it is polite to write there, and counts it.
    pub async fn turn(&self, chat: i64) {
        let queue = self.queues.lock().unwrap_or_else(PoisonError::into_inner).entry(chat).or_default().clone();
        let _first = queue.lock().await;
        loop {
            let taken = self.pace.lock().unwrap_or_else(PoisonError::into_inner).take(chat, self.time.passed());
            let Err(free) = taken else { return };
            self.time.sleep_until(free).await;
        }
    }

    /// Nothing is sent to a chat for so long.
    pub fn pause(&self, chat: i64, pause: Duration) {
        let until = self.time.passed().saturating_add(pause);
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).pause(chat, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock on which every sleep ends at once.
    #[derive(Default)]
    struct Hasty(Mutex<Duration>);

    impl Time for Hasty {
        fn passed(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
            let mut now = self.0.lock().unwrap();
            *now = at.max(*now);
            Box::pin(tokio::task::yield_now())
        }
    }

    #[tokio::test]
    async fn turns_come_in_order_and_at_their_time() {
        let turns = Arc::new(Turns::new(Arc::new(Hasty::default())));
        let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..25 {
            let (turns, say) = (turns.clone(), say.clone());
            tokio::spawn(async move {
                turns.turn(-1).await;
                say.send((number, turns.time.passed().as_secs())).unwrap();
            });
        }
        for number in 0..25 {
            let polite = if number < 20 { number } else { number + 41 };
            assert_eq!(said.recv().await, Some((number, polite)));
        }
    }

    #[tokio::test]
    async fn a_pause_is_kept_in_its_chat_alone() {
        let turns = Turns::new(Arc::new(Hasty::default()));
        turns.pause(-1, Duration::from_secs(30));
        turns.turn(8).await;
        assert_eq!(turns.time.passed(), Duration::ZERO);
        turns.turn(-1).await;
        assert_eq!(turns.time.passed(), Duration::from_secs(30));
    }
}
