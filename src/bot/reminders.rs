//! What time and trouble make news of, beside the record: approvals that are still missing, a second bot, a database
//! that was restored, and a record that was changed.

use std::sync::Arc;
use std::time::Duration;

use super::audience::About;
use super::queue::{Job, What};
use super::team::{MANY, News, PAUSE, save};
use super::words::facts;
use super::{Bot, alerts};
use crate::clients::telegram::Text;
use crate::config::Chat;
use crate::domain::alert::AlertKind;
use crate::domain::fault::record::RecordAlarm;
use crate::domain::notice::Notice;
use crate::domain::status::{List, Status};
use crate::store::StoreError;
use crate::store::releases::{self, Page};

/// Says where alarms are heard that another program uses the bot's token. Writing works all the same.
pub(super) async fn tell_of_conflicts(bot: Arc<Bot>) {
    let mut conflict = bot.conflict.subscribe();
    loop {
        tokio::select! {
            () = bot.stop.cancelled() => return,
            seen = conflict.wait_for(Option::is_some) => if seen.is_err() { return },
        }
        alarm(&bot, &bot.say(bot.language, "conflict", facts!()));
        tokio::select! {
            () = bot.stop.cancelled() => return,
            over = conflict.wait_for(Option::is_none) => if over.is_err() { return },
        }
        alarm(&bot, &bot.say(bot.language, "conflict_over", facts!()));
    }
}

/// Says where alarms are heard, and to the admins, that this start found an older database than the one that was left.
pub(super) async fn tell_of_restore(bot: &Arc<Bot>) {
    let Some(reason) = bot.engine.store().restored() else { return };
    let chats = bot.settings.chats.iter().filter(|chat| chat.notices.contains(&Notice::Alarm));
    let mut hear: Vec<_> = chats.map(|chat| (chat.id, chat.topic, bot.language)).collect();
    match bot.reachable_admins().await {
        Ok(admins) => hear.extend(admins.into_iter().map(|(id, language)| (id, None, language))),
        Err(error) => tracing::warn!(%error, "the admins could not be told of the restored database"),
    }
    for (chat, topic, language) in hear {
        let text = bot.say(language, "restored", facts!(reason => language.reason(reason)));
        let what = What::Say { topic, reply_to: None, text, asks: None };
        bot.post(chat, Job { what, updates: Vec::new(), asked: bot.engine.now(), place: None });
    }
}

/// Says where alarms are heard that the record was changed, at every start until an admin acknowledges it.
pub(super) async fn tell_of_record(bot: Arc<Bot>) {
    let mut alarms = bot.engine.store().alarm();
    loop {
        let found = alarms.borrow_and_update().clone();
        if let Some(found) = found {
            let text = bot.say(bot.language, "record_changed", facts!(found => bot.language.record_alarm(&found)));
            say_in(&bot, &text, |chat| !chat.alerts);
            note(&bot, Some(found)).await;
        } else {
            note(&bot, None).await;
        }
        tokio::select! {
            () = bot.stop.cancelled() => return,
            changed = alarms.changed() => if changed.is_err() { return },
        }
    }
}

/// Where alerts are told, this is one.
async fn note(bot: &Arc<Bot>, found: Option<RecordAlarm>) {
    let found = found.and_then(|found| serde_json::to_string(&found).ok());
    if let Err(error) = alerts::lasts(bot, AlertKind::Record, "", found).await {
        tracing::warn!(%error, "the alarm about the record could not be noted");
    }
}

fn alarm(bot: &Arc<Bot>, text: &Text) {
    say_in(bot, text, |_| true);
}

fn say_in(bot: &Arc<Bot>, text: &Text, wanted: impl Fn(&Chat) -> bool) {
    let alarmed = bot.settings.chats.iter().filter(|chat| chat.notices.contains(&Notice::Alarm));
    for chat in alarmed.filter(|chat| wanted(chat)) {
        let what = What::Say { topic: chat.topic, reply_to: None, text: text.clone(), asks: None };
        bot.post(chat.id, Job { what, updates: Vec::new(), asked: bot.engine.now(), place: None });
    }
}

/// Approvals that are still missing after a while are asked for again, ever more rarely.
pub(super) async fn remind(bot: Arc<Bot>) {
    let Some(first) = bot.settings.remind_after else { return };
    let mut since = bot.engine.now();
    loop {
        tokio::select! {
            () = bot.stop.cancelled() => return,
            () = bot.engine.sleep((first / 4).clamp(PAUSE, Duration::from_mins(1))) => {}
        }
        let now = bot.engine.now();
        match remind_once(&bot, first, since, now).await {
            Ok(()) => since = now,
            Err(error) => tracing::warn!(%error, "reminders could not be noted; it is tried again"),
        }
    }
}

async fn remind_once(
    bot: &Arc<Bot>,
    first: Duration,
    since: jiff::Timestamp,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    let page = Page { list: Some(List::Active), service: None, before: None, limit: MANY };
    let active = bot.engine.read(move |conn| releases::page(conn, &page)).await?;
    let due = active.into_iter().filter(|release| {
        let waited =
            |at: jiff::Timestamp| Duration::try_from(at.duration_since(release.status_since)).unwrap_or_default();
        release.status == Status::ManualTesting && reminders(first, waited(now)) > reminders(first, waited(since))
    });
    let last = bot.engine.store().progress().borrow().last_event;
    let mut news = News::default();
    for release in due {
        news.add(About::Release(release.id), Some(Notice::Reminder), last);
    }
    save(bot, news, None).await
}

/// How many reminders are due after so long: the first after `first`, each later one after twice the time.
fn reminders(first: Duration, waited: Duration) -> u32 {
    let times = waited.as_secs_f64() / first.as_secs_f64().max(1.0);
    // After first × (2ⁿ − 1) there have been n.
    (times + 1.0).log2().floor().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_grow_rarer() {
        let hours = |hours: u64| reminders(Duration::from_hours(1), Duration::from_hours(hours));
        assert_eq!([0, 1, 2, 3, 6, 7, 14, 15, 31].map(hours), [0, 1, 1, 2, 2, 3, 3, 4, 5]);
    }
}
