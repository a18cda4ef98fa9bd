//! Tells chats what happens. Everything follows from the record: an event changes the cards of what it is about, and may be
//! worth a notice, a message that is sent once and tells how it was. A card is drawn from the state when its turn comes, so
//! that its changes collapse; of notices that could not be sent, those that a later one outdates are dropped. Nothing is
//! lost over a crash.

mod cards;
mod over;
mod personal;
mod record;
mod telling;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) use self::personal::tell_kept;
use self::record::{calls_off, changed_production, is_told_by_alarm, news_of, opened_or_closed, repeats};
pub(super) use self::record::{ends_vote, notice_of};
pub(super) use self::telling::tell;
use super::audience::{About, Audience, audience};
use super::{Bot, alerts, questions};
use crate::clients::telegram::Destination;
use crate::domain::alert::Alert;
use crate::domain::env::Env;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::release::Release;
use crate::domain::status::{List, Status};
use crate::engine::Engine;
use crate::store::alerts::unshown;
use crate::store::events::{self, Scope};
use crate::store::news::{self, Change, Due};
use crate::store::releases::{self, Page};
use crate::store::runs;
use crate::store::telegram;
use crate::store::{StoreError, WriteError};

/// Events read at once.
const BATCH: u32 = 500;
/// After the database could not be read or written.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Good versions of a service whose cards are looked at when production changes.
const NEWEST: u32 = 4;
/// Releases under way that are looked through at once.
pub(super) const MANY: u32 = 1000;

/// Follows the record until the bot stops.
pub(super) async fn follow(bot: Arc<Bot>) {
    let mut progress = bot.engine.store().progress();
    let mut surroundings = bot.engine.surroundings();
    let mut begins = true;
    while let Err(error) = bot.remember_refusals().await {
        tracing::warn!(%error, "which chats take no messages could not be read; it is tried again");
        bot.engine.sleep(PAUSE).await;
    }
    loop {
        progress.mark_unchanged();
        match step(&bot).await {
            Ok(true) => continue,
            // What an earlier process has not told is told when it is known what has become of it.
            Ok(false) if std::mem::take(&mut begins) => {
                if let Err(error) = ask_all_about_claims(&bot).await {
                    tracing::warn!(%error, "the admins could not be asked about claims");
                }
                waiting_chats(&bot).await.into_iter().for_each(|chat| bot.has_news(chat));
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "what chats have to hear could not be noted; it is tried again");
                bot.engine.sleep(PAUSE).await;
                continue;
            }
        }
        tokio::select! {
            () = bot.stop.cancelled() => return,
            changed = progress.changed() => if changed.is_err() { return },
            _ = surroundings.changed() => redraw(&bot).await,
        }
    }
}

/// Who has to approve may have changed: what is under way is drawn again, without a word. And there may be admins who can be
/// asked only now.
async fn redraw(bot: &Arc<Bot>) {
    let redrawn = async {
        ask_all_about_claims(bot).await?;
        let last = bot.engine.store().progress().borrow().last_event;
        let mut changed: BTreeMap<_, _> =
            active(bot).await?.into_iter().map(|release| (About::Release(release.id), last)).collect();
        // A host may be another one, or have its key in the file.
        for subject in bot.engine.read(|conn| telegram::subjects(conn, "host")).await? {
            changed.extend(About::parse(&subject).map(|about| (about, last)));
        }
        // A claim may have become void.
        for user in bot.engine.read(telegram::users_of_people).await? {
            if let (Some(person), None) = (user.person, user.confirmed_by) {
                changed.insert(About::Claim { user: user.id, person: person.to_string() }, last);
            }
        }
        save(bot, News { changed, ..News::default() }, None).await
    };
    if let Err(error) = redrawn.await {
        tracing::warn!(%error, "the cards of releases could not be brought up to date");
    }
}

/// A chat that may have missed something sees what is under way as it is now, and hears what is kept for it.
pub(super) async fn look_again(bot: &Arc<Bot>, chat: i64) {
    let noted = async {
        let since = bot.engine.store().progress().borrow().last_event;
        let about = |release: Release| About::Release(release.id).to_string();
        let changes: Vec<_> =
            active(bot).await?.into_iter().map(|release| Change { chat, about: about(release), since }).collect();
        let written = bot
            .engine
            .store()
            .write(move |tx| -> Result<(), StoreError> { changes.iter().try_for_each(|it| news::note_change(tx, it)) });
        written.await.map_err(WriteError::flatten)
    };
    if let Err(error) = noted.await {
        tracing::warn!(chat, %error, "the cards of a chat could not be brought up to date");
    }
    bot.has_news(chat);
}

/// An admin who can be written to is asked about the claims that are still open.
pub(super) async fn ask_about_claims(bot: &Arc<Bot>, admin: i64) -> Result<(), StoreError> {
    let seq = bot.engine.store().progress().borrow().last_event;
    let mut claims = Vec::new();
    for claim in bot.engine.telegram_claims().await? {
        let about =
            About::Claim { user: claim.id, person: claim.person.map(|name| name.to_string()).unwrap_or_default() }
                .to_string();
        let key = about.clone();
        let cards = bot.engine.read(move |conn| telegram::kept_about(conn, &key)).await?;
        if cards.iter().all(|kept| kept.chat != admin) {
            claims.push(Due { chat: admin, topic: None, seq, about, notice: Notice::Alarm });
        }
    }
    if claims.is_empty() {
        return Ok(());
    }
    let noted = bot.engine.store().write(move |tx| claims.iter().try_for_each(|due| news::note_notice(tx, due)));
    noted.await.map_err(WriteError::flatten)?;
    bot.has_news(admin);
    Ok(())
}

/// The admins who can be written to are asked about the claims that are still open, each about each once.
async fn ask_all_about_claims(bot: &Arc<Bot>) -> Result<(), StoreError> {
    for (admin, _) in bot.reachable_admins().await? {
        ask_about_claims(bot, admin).await?;
    }
    Ok(())
}

/// The releases under way.
async fn active(bot: &Bot) -> Result<Vec<Release>, StoreError> {
    let page = Page { list: Some(List::Active), service: None, before: None, limit: MANY };
    bot.engine.read(move |conn| releases::page(conn, &page)).await
}

/// Whether all chats have heard all that is on the record.
///
/// # Errors
/// When the database cannot be read.
pub async fn has_told_everything(engine: &Engine) -> Result<bool, StoreError> {
    let last = engine.store().progress().borrow().last_event;
    let (noted, waiting) = engine.read(|conn| Ok((news::noted(conn)?, news::waiting_chats(conn)?))).await?;
    Ok(waiting.is_empty() && noted.is_some_and(|noted| noted >= last))
}

/// Chats whose news an earlier process has not told.
async fn waiting_chats(bot: &Bot) -> Vec<i64> {
    let waiting = async {
        let mut chats = bot.engine.read(news::waiting_chats).await?;
        if !bot.engine.read(unshown).await?.is_empty() {
            chats.extend(alerts::place(bot).await?.map(|place| place.chat));
        }
        Ok::<_, StoreError>(chats)
    };
    waiting.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the news of chats could not be read");
        Vec::new()
    })
}

/// What has happened, for the chats: the last event of each card that has changed, and what is worth a message.
#[derive(Default)]
pub(super) struct News {
    pub changed: BTreeMap<About, i64>,
    pub notices: Vec<(About, Notice, i64)>,
    /// Events that an alarm tells, too.
    pub told_by_alarm: BTreeSet<i64>,
    /// Events since which people are not asked about a release any more.
    pub calls_off: BTreeSet<i64>,
    /// What those who run RMM have to know; where they hear it, it stands for the notice of the same event.
    pub alerts: Vec<Alert>,
}

impl News {
    pub fn add(&mut self, about: About, notice: Option<Notice>, seq: i64) {
        self.notices.extend(notice.map(|notice| (about.clone(), notice, seq)));
        let last = self.changed.entry(about).or_default();
        *last = seq.max(*last);
    }
}

/// Makes news of the next events. `false`: there are none.
async fn step(bot: &Arc<Bot>) -> Result<bool, StoreError> {
    let noted = bot.engine.read(news::noted).await?;
    let Some(noted) = noted else { return begin(bot).await };
    if bot.engine.store().progress().borrow().last_event <= noted {
        return Ok(false);
    }
    let rows =
        bot.engine.read(move |conn| events::after(conn, noted, &Scope::default(), BATCH, usize::MAX)).await?.events;
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok(false) };
    let (mut news, mut changed, mut admins) = (News::default(), BTreeMap::new(), BTreeSet::new());
    let alerted = alerts::place(bot).await?.is_some();
    for row in &rows {
        if alerted {
            news.alerts.extend(alerts::of_event(bot, row).await?);
        }
        news.told_by_alarm.extend(is_told_by_alarm(row).then_some(row.seq));
        news.calls_off.extend(calls_off(row).then_some(row.seq));
        let again = repeats(bot, row).await?;
        for (about, notice) in news_of(row).into_iter().chain(over::ended_by(bot, row).await?) {
            news.add(about, notice.filter(|_| !again), row.seq);
        }
        if let Some(about) = personal::concerns(bot, row).await? {
            news.add(about, Some(Notice::Personal), row.seq);
        }
        admins.extend(personal::confirmed_admin(bot, row));
        changed.extend(changed_production(row).map(|service| (service, row.seq)));
        if let Some(service) = opened_or_closed(row) {
            for id in waiting_releases(bot, service).await? {
                news.add(About::Release(id), None, row.seq);
            }
        }
    }
    for (service, seq) in changed {
        for id in newest_versions(bot, service).await? {
            news.add(About::Release(id), None, seq);
        }
    }
    save(bot, news, Some(last)).await?;
    questions::close_void(bot, &rows).await?;
    for (name, account) in rows.iter().filter_map(personal::confirmed) {
        let catalog = bot.engine.catalog();
        if let Some(person) = catalog.person(&name) {
            tell_kept(bot, person, account).await?;
        }
    }
    for admin in admins {
        ask_about_claims(bot, admin).await?;
    }
    Ok(true)
}

/// With the first bot of an installation, chats hear of what is under way and of who is needed, and not of all that ever
/// was.
async fn begin(bot: &Arc<Bot>) -> Result<bool, StoreError> {
    let last = bot.engine.store().progress().borrow().last_event;
    let call = |status| (status == Status::ManualTesting).then_some(Notice::Waits);
    let mut news = News::default();
    for release in active(bot).await? {
        news.add(About::Release(release.id), call(release.status), last);
    }
    save(bot, news, Some(last)).await?;
    Ok(true)
}

/// Notes news for each chat that hears of them, and how far the record has been noted.
pub(super) async fn save(bot: &Arc<Bot>, news: News, noted: Option<i64>) -> Result<(), StoreError> {
    let (mut changes, mut notices) = (Vec::new(), Vec::new());
    let (raised, of_alarm, calls_off) = (news.alerts, news.told_by_alarm, news.calls_off);
    let is_alert = |seq: i64| raised.iter().any(|alert| alert.seq == Some(seq));
    for (about, since) in news.changed {
        let of_it: Vec<_> = news.notices.iter().filter(|(subject, ..)| *subject == about).collect();
        // That a vote has closed because it was skipped is told by the notice of that.
        let skipped = |seq| of_it.iter().any(|(_, notice, at)| *notice == Notice::Bypassed && at + 1 == seq);
        for audience in audience(bot, &about).await? {
            let hears = |(_, notice, seq): &(About, Notice, i64)| audience.hears(*notice, calls_off.contains(seq));
            let Audience { place, notices: wanted, alerts: alerted, sees_cards, .. } = &audience;
            let (Destination { chat, topic }, alerted) = (*place, *alerted);
            changes.extend(sees_cards.then(|| Change { chat, about: about.to_string(), since }));
            let told_already = |(_, notice, seq): &(About, Notice, i64)| {
                *notice == Notice::Approved && wanted.contains(&Notice::Bypassed) && skipped(*seq)
                    || *notice == Notice::Failed && wanted.contains(&Notice::Alarm) && of_alarm.contains(seq)
            };
            let of_it = of_it.iter().copied().filter(|news| hears(news) && !told_already(news));
            let of_it = of_it.filter(|(_, _, seq)| !(alerted && is_alert(*seq)));
            notices.extend(of_it.map(|&(_, notice, seq)| Due { chat, topic, seq, about: about.to_string(), notice }));
        }
    }
    let mut chats: BTreeSet<i64> = changes.iter().map(|change| change.chat).collect();
    chats.extend(notices.iter().map(|due: &Due| due.chat));
    if !raised.is_empty() {
        chats.extend(alerts::place(bot).await?.map(|place| place.chat));
    }
    let now = bot.engine.now();
    let stand_ins: Vec<i64> = bot.reachable_admins().await?.into_iter().map(|(id, _)| id).collect();
    chats.extend(&stand_ins);
    let written = bot.engine.store().write(move |tx| -> Result<(), StoreError> {
        changes.iter().try_for_each(|change| news::note_change(tx, change))?;
        notices.iter().try_for_each(|due| news::note_notice(tx, due))?;
        // A chat may have refused since its audience was found.
        news::hand_over(tx, &notices, &stand_ins)?;
        raised.iter().try_for_each(|alert| alerts::note(tx, alert, 1, now))?;
        noted.map_or(Ok(()), |seq| news::set_noted(tx, seq))
    });
    written.await.map_err(WriteError::flatten)?;
    chats.into_iter().for_each(|chat| bot.has_news(chat));
    Ok(())
}

/// The releases whose cards may say that production runs them: the version that it runs, and the newest good ones.
async fn newest_versions(bot: &Bot, service: ServiceName) -> Result<Vec<ReleaseId>, StoreError> {
    let name = service.clone();
    let current = bot.engine.read(move |conn| runs::environment(conn, &name, Env::Production)).await?.current;
    let page = Page { list: Some(List::Successful), service: Some(service), before: None, limit: NEWEST };
    let good = bot.engine.read(move |conn| releases::page(conn, &page)).await?;
    Ok(good.into_iter().map(|release| release.id).chain(current.map(|version| version.release)).collect())
}

async fn waiting_releases(bot: &Bot, service: ServiceName) -> Result<Vec<ReleaseId>, StoreError> {
    let page = Page { list: Some(List::Active), service: Some(service), before: None, limit: MANY };
    let active = bot.engine.read(move |conn| releases::page(conn, &page)).await?;
    let waits = |status| matches!(status, Status::ManualTesting | Status::ManualTestPassed);
    Ok(active.into_iter().filter(|release| waits(release.status)).map(|release| release.id).collect())
}

#[cfg(test)]
mod tests;
