//! Forgets messages that need not be kept current any more, alerts of long ago, and accounts that are no person of RMM.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Bot;
use super::audience::About;
use crate::store::{StoreError, WriteError, alerts, releases, telegram};

/// Between two looks.
const FORGET_INTERVAL: Duration = Duration::from_hours(1);
/// After this long without a change, and without having been there.
const STRANGER_RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Rows in one transaction.
const BATCH_ROWS: u32 = 500;

/// Forgets what is old, now and then.
pub(super) async fn keep_forgetting(bot: Arc<Bot>) {
    while !bot.stop.is_cancelled() {
        let before = bot.engine.now().checked_sub(STRANGER_RETENTION).unwrap_or(Timestamp::UNIX_EPOCH);
        let forgotten = async {
            forget_messages(&bot, before).await?;
            forget_strangers(&bot, before).await
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "old messages and strangers could not be forgotten; it is tried again");
        }
        bot.stop.run_until_cancelled(bot.engine.sleep(FORGET_INTERVAL)).await;
    }
}

/// Messages about what is over are forgotten: they stay in the chat as they are, and news about it come in a new one.
async fn forget_messages(bot: &Bot, before: Timestamp) -> Result<(), StoreError> {
    let old = bot.engine.read(move |conn| {
        let mut old = telegram::kept_before(conn, before, BATCH_ROWS)?;
        let mut active = Vec::new();
        for kept in &old {
            active.push(match About::parse(&kept.about) {
                Some(About::Release(id)) => releases::get(conn, id)?.is_some_and(|release| release.status.is_active()),
                // Of these there are few, and an alarm may last.
                Some(About::Run(_) | About::Host(_) | About::Claim { .. }) => true,
                // Of these no message is kept current.
                Some(About::Service(_) | About::Account(_) | About::Place { .. }) => false,
                None => false,
            });
        }
        let mut active = active.into_iter();
        old.retain(|_| !active.next().unwrap_or(true));
        Ok(old)
    });
    let old = old.await?;
    if old.is_empty() {
        return Ok(());
    }
    let forgotten = bot.engine.store().write(move |tx| {
        old.iter().try_for_each(|kept| telegram::let_go_unchanged(tx, kept.chat, kept.message, kept.shown_at))
    });
    forgotten.await.map_err(WriteError::flatten)
}

async fn forget_strangers(bot: &Bot, before: Timestamp) -> Result<(), StoreError> {
    let listed: Vec<i64> = bot.engine.catalog().people().values().filter_map(|person| person.telegram_id).collect();
    let forgotten = bot.engine.store().write(move |tx| {
        alerts::forget_before(tx, before)?;
        telegram::forget_strangers(tx, before, &listed, BATCH_ROWS)
    });
    forgotten.await.map(|_| ()).map_err(WriteError::flatten)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::testing::Desk;
    use crate::store::testing;

    #[tokio::test]
    async fn messages_of_what_is_over_and_strangers_are_forgotten() {
        let (_peer, desk) = Desk::with_peer().await;
        let prepared = desk.bot.engine.store().write(|tx| -> Result<(), StoreError> {
            testing::put_release(tx, 1, "deployed", "successful");
            testing::put_release(tx, 2, "manual_testing", "active");
            for (at, about) in (0..).zip(["release:1", "release:2", "host:h", "", "release:99"]) {
                testing::put_message(tx, at, about, 1_000);
                testing::put_message(tx, 10 + at, about, 9_000);
            }
            testing::put_user(tx, 1, None, false, 1_000);
            testing::put_user(tx, 2, Some("ann"), false, 1_000);
            testing::put_user(tx, 3, None, true, 1_000);
            testing::put_user(tx, 4, None, false, 9_000);
            Ok(())
        });
        prepared.await.unwrap();
        let before = Timestamp::from_second(5).unwrap();
        forget_messages(&desk.bot, before).await.unwrap();
        forget_strangers(&desk.bot, before).await.unwrap();
        let later = Timestamp::from_second(60).unwrap();
        let kept = desk.bot.engine.read(move |conn| telegram::kept_before(conn, later, 100)).await.unwrap();
        let mut kept: Vec<_> = kept.iter().map(|kept| kept.message).collect();
        kept.sort_unstable();
        assert_eq!(kept, [1, 2, 10, 11, 12, 13, 14]);
        for (id, stays) in [(1, false), (2, true), (3, true), (4, true)] {
            let user = desk.bot.engine.read(move |conn| telegram::user(conn, id)).await.unwrap();
            assert_eq!(user.is_some(), stays, "{id}");
        }
        let gone = desk.bot.engine.store().write(move |tx| telegram::forget_strangers(tx, later, &[4], 9));
        assert_eq!(gone.await.unwrap(), 0);
    }
}
