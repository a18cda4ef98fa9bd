//! What has to work for as long as RMM does: a part that panics is reported and restarted.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use super::clock::Clock;
use crate::domain::part::Part;
use crate::store::panic_message;

/// Before a part is restarted, so that one that panics at once neither takes all time nor fills the log.
const RESTART_DELAY: Duration = Duration::from_secs(5);

/// Runs a part of RMM until it ends by itself. After a panic it is restarted.
pub async fn keep_running<F: Future<Output = ()>>(part: Part, clock: &dyn Clock, begin: impl Fn() -> F) {
    while let Err(panic) = caught(begin()).await {
        tracing::error!(part = part.as_str(), panic, "a part of RMM has crashed and is restarted; please report it");
        clock.sleep(RESTART_DELAY).await;
    }
}

/// What something comes to, or what it said when it panicked.
///
/// # Errors
/// The message of the panic.
pub async fn caught<F: Future>(work: F) -> Result<F::Output, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| panic_message(panic.as_ref()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::BoxFuture;
    use jiff::Timestamp;

    use super::*;

    /// Time that passes at once.
    struct Quick;

    impl Clock for Quick {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[tokio::test]
    async fn a_part_that_panics_is_begun_anew_until_it_ends() {
        let begun = AtomicUsize::new(0);
        keep_running(Part::Timer, &Quick, || async {
            let before = begun.fetch_add(1, Ordering::SeqCst);
            assert!(before == 2, "not yet: {before}");
        })
        .await;
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_a_panic_said_is_known() {
        assert_eq!(caught(async { 7 }).await, Ok(7));
        assert_eq!(caught(async { panic!("in {}", "two parts") }).await, Err::<(), _>("in two parts".to_owned()));
    }
}
