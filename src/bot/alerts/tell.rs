//! Writes alerts: a message for each, which is changed in step as it happens again.
//!
//! Must not: send a second message about what goes on, unless the first is gone.

use std::sync::Arc;
use std::time::Duration;

use super::place;
use crate::bot::poster::Unsent;
use crate::bot::refusals::MOST_TRIES;
use crate::bot::words::facts;
use crate::bot::{Bot, draw};
use crate::clients::telegram::{Destination, Manner, Trouble};
use crate::domain::alert::AlertKind;
use crate::domain::notice::Notice;
use crate::store::alerts::{self, Place, Told};
use crate::store::news::{self, Due};
use crate::store::{StoreError, WriteError};

/// Between two changes of a message; longer where it goes on for longer.
const MIN_EDIT_INTERVAL: Duration = Duration::from_secs(10);
const LONGEST_REST: Duration = Duration::from_mins(5);
/// The rest is this part of the time that it goes on already.
const PART: u32 = 10;

/// What a chat is told of alerts next.
pub(in crate::bot) enum Next {
    /// This one.
    Alert(Box<Told>),
    /// Nothing yet, but something after so long.
    Later(Duration),
    /// Nothing.
    Nothing,
}

/// What a chat is told of alerts next: what is new goes before what has only changed.
pub(in crate::bot) async fn next(bot: &Bot, chat: i64) -> Result<Next, StoreError> {
    let Some(place) = place(bot).await?.filter(|place| place.chat == chat) else { return Ok(Next::Nothing) };
    if bot.resting_topics(chat).contains(&place.topic) {
        return Ok(Next::Nothing);
    }
    let now = bot.engine.now();
    let mut later: Option<Duration> = None;
    for told in bot.engine.read(alerts::unshown).await? {
        let since = told.shown_at.filter(|_| message_in(&told, place).is_some());
        let age = since.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or(LONGEST_REST));
        match age.and_then(|age| rest(&told).checked_sub(age)).filter(|rest| !rest.is_zero()) {
            Some(rest) => later = Some(later.map_or(rest, |known| known.min(rest))),
            None => return Ok(Next::Alert(Box::new(told))),
        }
    }
    Ok(later.map_or(Next::Nothing, Next::Later))
}

fn rest(told: &Told) -> Duration {
    let lasted = Duration::try_from(told.last.duration_since(told.since)).unwrap_or_default();
    (lasted / PART).clamp(MIN_EDIT_INTERVAL, LONGEST_REST)
}

/// The message of an alert, where it stands in this place.
fn message_in(told: &Told, place: Destination) -> Option<i64> {
    told.message.filter(|it| (it.chat, it.topic) == (place.chat, place.topic)).map(|it| it.message)
}

/// Writes an alert as it stands now.
pub(in crate::bot) async fn tell(bot: &Arc<Bot>, key: &str) -> Result<(), Unsent> {
    let Some(place) = place(bot).await? else { return Ok(()) };
    bot.telegram.turn(place.chat).await;
    let named = key.to_owned();
    let Some(told) = bot.engine.read(move |conn| alerts::get(conn, &named)).await? else { return Ok(()) };
    let text = draw::alert::alert(bot, &told).await?;
    let message = message_in(&told, place);
    let written = match message {
        Some(message) => bot.telegram.edit(place.chat, message, &text).await.map(|()| message),
        None => bot.telegram.send(place, &text, Manner::default()).await,
    };
    match written {
        Ok(written) => {
            shown(bot, &told, place, Some(written)).await?;
            if message.is_some() && is_just_over(&told) {
                let said = bot.say(bot.language, "alert_over", facts!());
                bot.telegram.turn(place.chat).await;
                bot.telegram.send(place, &said, Manner { reply_to: Some(written), ..Manner::default() }).await?;
            }
            if message.is_none() && told.guess.is_none() {
                bot.analyse(told);
            }
            Ok(bot.accepted(place).await?)
        }
        Err(Trouble::Gone) => {
            let key = told.key;
            let lost = bot.engine.store().write(move |tx| alerts::lost(tx, &key)).await;
            Ok(lost.map_err(WriteError::flatten)?)
        }
        // What no look makes acceptable; a change that is not taken is a change less.
        Err(Trouble::Refused(reason)) if message.is_some() || bot.times_refused(place) >= MOST_TRIES => {
            let kind = told.alert.kind.as_str();
            tracing::warn!(alert = kind, reason, "Telegram does not take an alert; it is given up");
            shown(bot, &told, place, message).await?;
            if message.is_none() {
                bot.refused(place, &reason).await?;
            }
            Ok(())
        }
        Err(Trouble::Forbidden(reason) | Trouble::Refused(reason)) => {
            if !bot.refuses(place) {
                hand_over(bot, &told).await?;
            }
            Ok(bot.refused(place, &reason).await?)
        }
        Err(trouble @ Trouble::Conflict(_)) => {
            tracing::warn!(alert = told.alert.kind.as_str(), %trouble, "Telegram does not take an alert; it is given up");
            Ok(shown(bot, &told, place, message).await?)
        }
        Err(trouble) => Err(trouble.into()),
    }
}

/// Whether what lasted has ended since its message was changed last: Telegram notifies of no change. What is silent ends silently.
fn is_just_over(told: &Told) -> bool {
    // That Telegram was away is told when it is back.
    let lasts = told.alert.kind.lasts() && told.alert.kind != AlertKind::Telegram && told.silent.is_none();
    lasts && told.over_at.is_some_and(|over| told.shown_at.is_none_or(|shown| shown <= over))
}

async fn shown(bot: &Bot, told: &Told, place: Destination, message: Option<i64>) -> Result<(), StoreError> {
    let (told, now) = (told.clone(), bot.engine.now());
    let Destination { chat, topic } = place;
    let place = message.map(|message| Place { chat, topic, message });
    let written = bot.engine.store().write(move |tx| alerts::shown(tx, &told, place, now)).await;
    written.map_err(WriteError::flatten)
}

/// The first failure that a chat does not take is told to the admins; they hear of later ones as long as it refuses.
async fn hand_over(bot: &Arc<Bot>, told: &Told) -> Result<(), StoreError> {
    let notice = match told.alert.kind {
        AlertKind::Failed => Notice::Failed,
        AlertKind::RollbackFailed => Notice::RollbackFailed,
        AlertKind::Error
        | AlertKind::Broken
        | AlertKind::TagMoved
        | AlertKind::Record
        | AlertKind::Disk
        | AlertKind::Backup
        | AlertKind::Telegram
        | AlertKind::Github => return Ok(()),
    };
    let (Some(seq), about) = (told.alert.seq, told.alert.about.clone()) else { return Ok(()) };
    let admins = bot.reachable_admins().await?;
    let dues: Vec<_> =
        admins.into_iter().map(|(chat, _)| Due { chat, topic: None, seq, about: about.clone(), notice }).collect();
    let noted = dues.clone();
    let written = bot.engine.store().write(move |tx| noted.iter().try_for_each(|due| news::note_notice(tx, due)));
    written.await.map_err(WriteError::flatten)?;
    dues.iter().for_each(|due| bot.has_news(due.chat));
    Ok(())
}
