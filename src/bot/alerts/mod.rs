//! Alerts: what those who run RMM have to know is told in the chat for alerts, one message for each kind of trouble, with a count.
//!
//! `record` makes alerts of events, `errors` of lines of the log, `watch` of what RMM looks at now and then; `tell` writes them,
//! `silence` is what admins do about them, `analysis` asks a model. Must not: log an error, which would be an alert again.

mod analysis;
mod errors;
mod record;
mod silence;
mod tell;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;

pub(super) use self::analysis::Analyst;
pub(super) use self::record::{last_trace, of_event};
pub(super) use self::silence::silence;
pub(super) use self::tell::{Next, next, tell};
use super::Bot;
use super::screen::Key;
use crate::clients::telegram::Destination;
use crate::domain::alert::{Alert, AlertKind, fingerprint};
use crate::domain::part::Part;
use crate::store::alerts::{self, Told};
use crate::store::{StoreError, Tx, WriteError, telegram};

/// Begins everything that makes alerts. Without a chat for them there are none.
pub(super) fn begin(bot: &Arc<Bot>) {
    if bot.settings.chats.iter().all(|chat| !chat.alerts) {
        return;
    }
    bot.keep_running(Part::ErrorAlerts, errors::follow);
    bot.keep_running(Part::AlertWatch, watch::keep_watching);
    if bot.analyst.is_some() {
        bot.keep_running(Part::AlertAnalysis, analysis::work);
    }
}

/// Where alerts are told.
pub(super) async fn place(bot: &Bot) -> Result<Option<Destination>, StoreError> {
    let Some(chat) = bot.settings.chats.iter().find(|chat| chat.alerts) else { return Ok(None) };
    let (id, topic) = (chat.id, chat.topic);
    let chat = bot.engine.read(move |conn| telegram::chat_now(conn, id)).await?;
    Ok(Some(Destination { chat, topic }))
}

/// The fingerprint of an alert, as it is kept and as buttons have it.
fn key(alert: &Alert) -> String {
    let Alert { kind, place, what, about, .. } = alert;
    let text = match kind {
        AlertKind::Error | AlertKind::Broken => fingerprint(*kind, place, what.lines().next().unwrap_or_default()),
        AlertKind::Failed | AlertKind::RollbackFailed | AlertKind::TagMoved => {
            format!("{} {place} {about}", kind.as_str())
        }
        // Of these there is one each.
        AlertKind::Record | AlertKind::Disk | AlertKind::Backup | AlertKind::Telegram | AlertKind::Github => {
            kind.as_str().to_owned()
        }
    };
    Key::of(&text).to_string()
}

/// Notes an alert in a transaction.
pub(super) fn note(tx: &Tx<'_>, alert: &Alert, times: u64, now: jiff::Timestamp) -> Result<(), StoreError> {
    alerts::raise(tx, &key(alert), alert, times, now)
}

/// Notes that something has happened so many times, and has it told.
async fn raise(bot: &Arc<Bot>, raised: Vec<(Alert, u64)>) -> Result<(), StoreError> {
    let Some(place) = place(bot).await? else { return Ok(()) };
    let now = bot.engine.now();
    let written = bot.engine.store().write(move |tx| -> Result<(), StoreError> {
        raised.iter().try_for_each(|(alert, times)| note(tx, alert, *times, now))
    });
    written.await.map_err(WriteError::flatten)?;
    bot.has_news(place.chat);
    Ok(())
}

/// Notes how it is with something that lasts: what is wrong, or that nothing is.
pub(super) async fn lasts(bot: &Arc<Bot>, kind: AlertKind, at: &str, wrong: Option<String>) -> Result<(), StoreError> {
    let what = wrong.clone().unwrap_or_default();
    let alert = Alert { kind, place: at.to_owned(), what, about: String::new(), seq: None, trace: None };
    let key = key(&alert);
    let named = key.clone();
    let known = bot.engine.read(move |conn| alerts::get(conn, &named)).await?;
    let goes_on = known.is_some_and(|known: Told| known.over_at.is_none());
    match wrong {
        Some(_) if !goes_on => raise(bot, vec![(alert, 1)]).await,
        None if goes_on => {
            let now = bot.engine.now();
            let ended = bot.engine.store().write(move |tx| alerts::end(tx, &key, now));
            ended.await.map_err(WriteError::flatten)?;
            if let Some(place) = place(bot).await? {
                bot.has_news(place.chat);
            }
            Ok(())
        }
        Some(_) | None => Ok(()),
    }
}
