//! What RMM looks at now and then: the room on the disk, the last backup, whether Telegram and GitHub answer.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use crate::bot::Bot;
use crate::domain::alert::AlertKind;
use crate::store::space::Space;
use crate::store::{StoreError, figures};
use crate::telemetry::away::Way;
use crate::telemetry::metrics;

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);
/// Less room than this on the disk is little.
const LITTLE: u64 = 1_000_000_000;
/// And as much as this is enough again, so that nothing is told at every write.
const ENOUGH: u64 = 1_200_000_000;
/// A backup that is older than this is too old, where RMM makes backups at all.
const MAX_BACKUP_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A service that has not answered for so long counts as away.
const AWAY: Duration = Duration::from_mins(30);

/// Looks until the bot stops.
pub(super) async fn keep_watching(bot: Arc<Bot>) {
    let mut telegram_is_away = false;
    while !bot.stop.is_cancelled() {
        let ways = metrics::of_process();
        let looked = async {
            disk(&bot).await?;
            backup(&bot).await?;
            github(&bot, &ways.github_way).await?;
            telegram(&bot, &ways.telegram_way, &mut telegram_is_away).await
        };
        if let Err(error) = looked.await {
            tracing::warn!(%error, "what may need an alert could not be looked at; it is tried again");
        }
        bot.stop.run_until_cancelled(bot.engine.sleep(LOOK_INTERVAL)).await;
    }
}

async fn disk(bot: &Arc<Bot>) -> Result<(), StoreError> {
    let path = bot.engine.read(|conn: &Connection| Ok(conn.path().map(ToOwned::to_owned))).await?;
    let Some(path) = path else { return Ok(()) };
    let path = std::path::PathBuf::from(path);
    let free = Space::of(&path).free;
    let folder = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    match free {
        Some(free) if free < LITTLE => super::lasts(bot, AlertKind::Disk, &folder, Some(free.to_string())).await,
        Some(free) if free >= ENOUGH => super::lasts(bot, AlertKind::Disk, &folder, None).await,
        Some(_) | None => Ok(()),
    }
}

async fn backup(bot: &Arc<Bot>) -> Result<(), StoreError> {
    let backups = bot.engine.backups().await?;
    let trouble = if backups.settings.is_some() {
        backups.alarm.and_then(|alarm| serde_json::to_string(&alarm).ok())
    } else {
        too_old(bot.engine.read(figures::last_backup).await?, bot.engine.now())
    };
    super::lasts(bot, AlertKind::Backup, "", trouble).await
}

/// The last backup, unix milliseconds, where RMM makes none by itself and it is too old. None at all is no alarm: another tool makes the backups then.
fn too_old(last: Option<i64>, now: Timestamp) -> Option<String> {
    let made = last.and_then(|last| Timestamp::from_millisecond(last).ok())?;
    (now.duration_since(made) > MAX_BACKUP_AGE).then(|| made.as_millisecond().to_string())
}

async fn github(bot: &Arc<Bot>, way: &Way) -> Result<(), StoreError> {
    let away = way.away_for();
    match away {
        Some(time) if time < AWAY => Ok(()),
        Some(time) => super::lasts(bot, AlertKind::Github, "", Some(time.as_secs().to_string())).await,
        None => super::lasts(bot, AlertKind::Github, "", None).await,
    }
}

/// While Telegram is away the chat cannot be told: the log says it, and the chat when it is back.
async fn telegram(bot: &Arc<Bot>, way: &Way, is_away: &mut bool) -> Result<(), StoreError> {
    if let Some(time) = way.away_for().filter(|time| *time >= AWAY)
        && !std::mem::replace(is_away, true)
    {
        tracing::warn!(minutes = time.as_secs() / 60, "Telegram does not answer; chats hear everything when it does");
    }
    let Some(time) = way.was_away_for() else { return Ok(()) };
    *is_away = false;
    if time < AWAY {
        return Ok(());
    }
    super::lasts(bot, AlertKind::Telegram, "", Some(time.as_secs().to_string())).await?;
    super::lasts(bot, AlertKind::Telegram, "", None).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::alerts::tests::{ALERTS, alerted};
    use crate::bot::testing::Desk;
    use std::time::Instant;

    #[test]
    fn a_backup_is_too_old_after_a_week_where_there_are_backups() {
        let now = Timestamp::from_second(30 * 86_400).unwrap();
        let days = |days: i64| Some((30 - days) * 86_400_000);
        assert_eq!(too_old(None, now), None);
        assert_eq!(too_old(days(6), now), None);
        assert_eq!(too_old(days(8), now), days(8).map(|at| at.to_string()));
    }

    #[tokio::test]
    async fn that_github_is_away_for_long_is_told_once_and_when_it_is_over() {
        let (_peer, desk) = Desk::with_alerts(ALERTS).await;
        let (way, start) = (Way::default(), Instant::now());
        way.called(false, start);
        github(&desk.bot, &way).await.unwrap();
        assert_eq!(alerted(&desk.bot).await, []);
        way.called(false, start + AWAY);
        for _ in 0..3 {
            github(&desk.bot, &way).await.unwrap();
        }
        let [told] = &alerted(&desk.bot).await[..] else { panic!("one") };
        assert_eq!((told.alert.kind, told.seen, told.over_at), (AlertKind::Github, 1, None));
        way.called(true, start + AWAY);
        github(&desk.bot, &way).await.unwrap();
        assert!(alerted(&desk.bot).await[0].over_at.is_some());
    }

    #[tokio::test]
    async fn that_telegram_was_away_is_told_when_it_is_back() {
        let (_peer, desk) = Desk::with_alerts(ALERTS).await;
        let (way, start, mut is_away) = (Way::default(), Instant::now(), false);
        way.called(false, start);
        way.called(false, start + AWAY);
        telegram(&desk.bot, &way, &mut is_away).await.unwrap();
        assert!(is_away);
        assert_eq!(alerted(&desk.bot).await, []);
        way.called(true, start + AWAY);
        telegram(&desk.bot, &way, &mut is_away).await.unwrap();
        let [told] = &alerted(&desk.bot).await[..] else { panic!("one") };
        assert_eq!((told.alert.kind, told.alert.what.as_str()), (AlertKind::Telegram, "1800"));
        assert!(told.over_at.is_some() && !is_away);
    }
}
