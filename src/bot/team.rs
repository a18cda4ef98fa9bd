//! Tells chats what happens. Everything follows from the record: an event makes news of what it is about, one row a
//! chat and subject, and what is sent is drawn from the state at that time. So nothing is lost over a crash, and while
//! Telegram is away news collapse to the current state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Bot;
use super::audience::{About, Audience, audience};
use super::draw;
use super::poster::Unsent;
use crate::clients::telegram::{Manner, Place, Trouble};
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::release::Release;
use crate::domain::status::{List, Status};
use crate::engine::Engine;
use crate::store::events::{self, EventRow, Scope};
use crate::store::releases::{self, Page};
use crate::store::telegram::{self, Kept, News};
use crate::store::{StoreError, WriteError};

/// Events read at once.
const BATCH: u32 = 500;
/// After the database could not be read or written.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Between two edits of a card that nobody has to read, in a group.
const REST: Duration = Duration::from_secs(5);
/// Releases under way that are looked through at once.
pub(super) const MANY: u32 = 1000;

/// Follows the record until the bot stops.
pub(super) async fn follow(bot: Arc<Bot>) {
    let mut progress = bot.engine.store().progress();
    let mut surroundings = bot.engine.surroundings();
    let mut begins = true;
    loop {
        progress.mark_unchanged();
        match step(&bot).await {
            Ok(true) => continue,
            // What an earlier process has not told is told when it is known what has become of it.
            Ok(false) if std::mem::take(&mut begins) => {
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

/// Who has to approve may be somebody else now: what is under way is drawn again, without a word.
async fn redraw(bot: &Arc<Bot>) {
    let redrawn = async {
        let last = bot.engine.store().progress().borrow().last_event;
        let cards = active(bot).await?.into_iter().map(|release| (About::Release(release.id), (None, last)));
        save(bot, cards.collect(), None).await
    };
    if let Err(error) = redrawn.await {
        tracing::warn!(%error, "the cards of releases could not be brought up to date");
    }
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
    let (told, waiting) = engine.read(|conn| Ok((telegram::told(conn)?, telegram::news(conn)?))).await?;
    Ok(waiting.is_empty() && told.is_some_and(|told| told >= last))
}

/// Chats whose news an earlier process has not told.
async fn waiting_chats(bot: &Bot) -> BTreeSet<i64> {
    match bot.engine.read(telegram::news).await {
        Ok(news) => news.into_iter().map(|news| news.chat).collect(),
        Err(error) => {
            tracing::warn!(%error, "the news of chats could not be read");
            BTreeSet::new()
        }
    }
}

/// Makes news of the next events. `false`: there are none.
async fn step(bot: &Arc<Bot>) -> Result<bool, StoreError> {
    let told = bot.engine.read(telegram::told).await?;
    let Some(told) = told else { return begin(bot).await };
    if bot.engine.store().progress().borrow().last_event <= told {
        return Ok(false);
    }
    let rows =
        bot.engine.read(move |conn| events::after(conn, told, &Scope::default(), BATCH, usize::MAX)).await?.events;
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok(false) };
    let mut changes: BTreeMap<About, (Option<Notice>, i64)> = BTreeMap::new();
    for row in &rows {
        for (about, notice) in news_of(row) {
            let entry = changes.entry(about).or_insert((None, row.seq));
            *entry = (notice.or(entry.0), row.seq);
        }
        if let Some(service) = opened_or_closed(row) {
            for id in waiting_releases(bot, service).await? {
                changes.entry(About::Release(id)).or_insert((None, row.seq));
            }
        }
    }
    save(bot, changes, Some(last)).await?;
    Ok(true)
}

/// With the first bot of an installation, chats hear of what is under way and of who is needed, and not of all that ever
/// was.
async fn begin(bot: &Arc<Bot>) -> Result<bool, StoreError> {
    let last = bot.engine.store().progress().borrow().last_event;
    let call = |status| (status == Status::ManualTesting).then_some(Notice::Waits);
    let news = |release: Release| (About::Release(release.id), (call(release.status), last));
    save(bot, active(bot).await?.into_iter().map(news).collect(), Some(last)).await?;
    Ok(true)
}

pub(super) async fn save(
    bot: &Arc<Bot>,
    changes: BTreeMap<About, (Option<Notice>, i64)>,
    told: Option<i64>,
) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    for (about, (notice, since)) in changes {
        for chat in audience(bot, &about).await? {
            let notice = notice.map(|notice| notice.to_string());
            rows.push(News { chat: chat.place.chat, about: about.to_string(), notice, since });
        }
    }
    let chats: BTreeSet<i64> = rows.iter().map(|news| news.chat).collect();
    let written = bot.engine.store().write(move |tx| -> Result<(), StoreError> {
        rows.iter().try_for_each(|news| telegram::tell(tx, news))?;
        told.map_or(Ok(()), |seq| telegram::set_told(tx, seq))
    });
    written.await.map_err(WriteError::flatten)?;
    chats.into_iter().for_each(|chat| bot.has_news(chat));
    Ok(())
}

/// What an event is news of. The card of a release changes with everything; a notice is for what needs somebody or
/// has ended.
fn news_of(row: &EventRow) -> Vec<(About, Option<Notice>)> {
    let release = row.release.map(|id| About::Release(ReleaseId(id)));
    let data: serde_json::Value = serde_json::from_str(&row.data).unwrap_or_default();
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let run = || row.run.map(|id| (About::Run(RunId(id)), Some(Notice::Alarm)));
    let mut news: Vec<_> = match row.kind.as_str() {
        "release_moved" => {
            let notice = text("to").parse::<Status>().ok().and_then(on_arrival);
            return release.into_iter().map(|about| (about, notice)).collect();
        }
        "release_approved" => return release.into_iter().map(|about| (about, Some(Notice::Approved))).collect(),
        "gates_bypassed" => return release.into_iter().map(|about| (about, Some(Notice::Bypassed))).collect(),
        "run_ended" if text("state") == "unknown" => run().into_iter().collect(),
        "environment_dirty" | "host_left_behind" | "foreign_run_found" => run().into_iter().collect(),
        "run_resolved" => row.run.map(|id| (About::Run(RunId(id)), None)).into_iter().collect(),
        "host_key_seen" | "host_key_changed" => vec![(About::Host(text("host").to_owned()), Some(Notice::Alarm))],
        "host_trusted" => vec![(About::Host(text("host").to_owned()), None)],
        "telegram_claimed" => vec![(claim(&data), Some(Notice::Alarm))],
        "telegram_confirmed" | "telegram_refused" => vec![(claim(&data), None)],
        _ => Vec::new(),
    };
    news.extend(release.map(|about| (about, None)));
    news
}

fn claim(data: &serde_json::Value) -> About {
    let person = data["person"].as_str().unwrap_or_default().to_owned();
    About::Claim { user: data["telegram_id"].as_i64().unwrap_or_default(), person }
}

const fn on_arrival(status: Status) -> Option<Notice> {
    match status {
        Status::ManualTesting => Some(Notice::Waits),
        Status::ManualTestPassed => Some(Notice::Deploying),
        Status::Deployed => Some(Notice::Deployed),
        Status::StageBuildingFailed | Status::StageTestRollbackFailed | Status::ManualTestFailed => {
            Some(Notice::Failed)
        }
        Status::RollbackDone => Some(Notice::RolledBack),
        Status::RollbackFailed => Some(Notice::RollbackFailed),
        Status::Initiated
        | Status::StageBuilding
        | Status::StageTestRollback
        | Status::Deploying
        | Status::ProductionRollback
        | Status::Cancelled => None,
    }
}

/// The service whose lock, or whose environment, is another one now: what its releases wait for has changed.
fn opened_or_closed(row: &EventRow) -> Option<ServiceName> {
    let kinds = [
        "production_locked",
        "production_unlocked",
        "environment_dirty",
        "environment_repaired",
        "environment_unknown",
        "environment_settled",
    ];
    let service = row.service.clone().filter(|_| kinds.contains(&row.kind.as_str()))?;
    ServiceName::parse("service", service).ok()
}

async fn waiting_releases(bot: &Bot, service: ServiceName) -> Result<Vec<ReleaseId>, StoreError> {
    let page = Page { list: Some(List::Active), service: Some(service), before: None, limit: MANY };
    let active = bot.engine.read(move |conn| releases::page(conn, &page)).await?;
    let waits = |status| matches!(status, Status::ManualTesting | Status::ManualTestPassed);
    Ok(active.into_iter().filter(|release| waits(release.status)).map(|release| release.id).collect())
}

/// What a chat is told next.
enum Next {
    News(News),
    /// Nothing yet, but something after so long.
    Later(Duration),
    Nothing,
}

/// In a group a card that only goes on rests between two edits, so that whoever is needed is heard: a group takes few
/// messages a minute.
async fn next(bot: &Bot, chat: i64) -> Result<Next, StoreError> {
    let now = bot.engine.now();
    let mut later: Option<Duration> = None;
    let mut waiting: Vec<_> = bot.engine.read(move |conn| telegram::news_of(conn, chat)).await?;
    // What has something to say goes before cards that merely change.
    waiting.sort_by_key(|news| news.notice.is_none());
    for news in waiting {
        let key = news.about.clone();
        let cards = bot.engine.read(move |conn| telegram::kept_about(conn, &key)).await?;
        let of_all = cards.iter().filter(|kept| kept.chat == chat && kept.viewer.is_none());
        let shown = of_all.map(|kept| kept.shown_at).max().filter(|_| chat < 0 && news.notice.is_none());
        let age = shown.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or(REST));
        match age.and_then(|age| REST.checked_sub(age)).filter(|rest| !rest.is_zero()) {
            Some(rest) => later = Some(later.map_or(rest, |known| known.min(rest))),
            None => return Ok(Next::News(news)),
        }
    }
    Ok(later.map_or(Next::Nothing, Next::Later))
}

/// Tells a chat what it has not heard yet.
pub(super) async fn tell(bot: &Arc<Bot>, chat: i64) {
    let mut pause = PAUSE;
    let (mut told, mut told_of) = (Vec::new(), None);
    loop {
        let news = match next(bot, chat).await {
            Ok(Next::News(news)) => news,
            Ok(Next::Later(rest)) => return bot.has_news_in(chat, rest),
            Ok(Next::Nothing) => return,
            Err(error) => {
                tracing::warn!(%error, "the news of a chat could not be read; it is tried again");
                bot.engine.sleep(PAUSE).await;
                continue;
            }
        };
        if told_of.as_ref() != Some(&news) {
            (told, told_of) = (Vec::new(), Some(news.clone()));
        }
        match tell_one(bot, &news, &mut told).await {
            Ok(()) => pause = PAUSE,
            Err(Unsent::Trouble(Trouble::TooFast(_))) => continue,
            Err(Unsent::Trouble(Trouble::Moved(now))) => {
                bot.moved(chat, now).await;
                bot.has_news(now);
                return;
            }
            Err(unsent) => {
                tracing::warn!(chat, about = news.about, %unsent, "a chat could not be told; it is tried again");
                bot.engine.sleep(pause).await;
                pause = (pause * 2).min(Duration::from_mins(1));
                continue;
            }
        }
        let done = bot.engine.store().write(move |tx| telegram::heard(tx, &news)).await;
        if let Err(error) = done {
            tracing::warn!(chat, error = %error.flatten(), "that a chat has heard something could not be noted");
            bot.engine.sleep(PAUSE).await;
        }
        // Somebody who waits for an answer does not wait for all the news.
        if bot.has_jobs(chat) {
            return bot.has_news(chat);
        }
    }
}

/// Tells every place of a chat: its topics may follow different things. `told`: the places that have heard it already.
async fn tell_one(bot: &Arc<Bot>, news: &News, told: &mut Vec<Place>) -> Result<(), Unsent> {
    let Some(about) = About::parse(&news.about) else { return Ok(()) };
    for audience in audience(bot, &about).await?.into_iter().filter(|audience| audience.place.chat == news.chat) {
        if told.contains(&audience.place) {
            continue;
        }
        match tell_place(bot, news, &about, &audience).await {
            Ok(()) => {}
            Err(Unsent::Trouble(
                trouble @ (Trouble::Gone | Trouble::Forbidden(_) | Trouble::Conflict(_) | Trouble::Refused(_)),
            )) => {
                tracing::warn!(chat = news.chat, about = news.about, %trouble, "a chat cannot be told");
            }
            Err(unsent) => return Err(unsent),
        }
        told.push(audience.place);
    }
    Ok(())
}

async fn tell_place(bot: &Arc<Bot>, news: &News, about: &About, audience: &Audience) -> Result<(), Unsent> {
    let notice = news.notice.as_deref().and_then(|name| name.parse::<Notice>().ok());
    let notice = notice.filter(|notice| audience.notices.contains(notice));
    let card = match update_card(bot, about, audience, notice.is_some()).await {
        // A card that Telegram does not like is no reason to say nothing.
        Err(Unsent::Trouble(Trouble::Refused(reason))) if notice.is_some() => {
            tracing::warn!(chat = news.chat, about = news.about, reason, "a card could not be sent");
            None
        }
        card => card?,
    };
    // An alarm is a card itself.
    let Some(notice) = notice.filter(|notice| *notice != Notice::Alarm) else { return Ok(()) };
    let About::Release(release) = *about else { return Ok(()) };
    let people = bot.engine.telegram_people().await?;
    let ids = people.into_iter().map(|(person, id, _)| (person.name, id)).collect();
    let Some(text) = draw::notice::notice(bot, notice, release, audience.viewer.language, &ids).await? else {
        return Ok(());
    };
    bot.telegram.turn(audience.place.chat).await;
    // What has come meanwhile says more, and is told instead.
    let (chat, about) = (news.chat, news.about.clone());
    let latest = bot.engine.read(move |conn| telegram::news_about(conn, chat, &about)).await?;
    if latest.is_some_and(|latest| latest.notice != news.notice) {
        return Ok(());
    }
    bot.telegram.send(audience.place, &text, Manner { reply_to: card, ..Manner::default() }).await?;
    Ok(())
}

/// Brings the card up to date, or sends the first one; its number.
async fn update_card(bot: &Arc<Bot>, about: &About, audience: &Audience, noticed: bool) -> Result<Option<i64>, Unsent> {
    let chat = audience.place.chat;
    let key = about.to_string();
    let kept = bot.engine.read(move |conn| telegram::kept_about(conn, &key)).await?;
    let of_all = |kept: &Kept| kept.viewer.is_none() && kept.topic == audience.place.topic;
    let mine = |kept: &&Kept| kept.chat == chat && (audience.private || of_all(kept));
    if let Some(kept) = kept.iter().find(mine) {
        let screen = kept.screen.parse().unwrap_or_else(|_| about.screen());
        match bot.edit(chat, kept.message, Some(kept), &screen, &audience.viewer).await {
            Ok(()) => return Ok(Some(kept.message)),
            Err(Unsent::Trouble(Trouble::Gone | Trouble::Refused(_))) => {}
            Err(other) => return Err(other),
        }
    }
    if !audience.cards || !(noticed || still_matters(bot, about).await?) {
        return Ok(None);
    }
    Ok(Some(bot.open(audience.place, None, &about.screen(), &audience.viewer).await?))
}

/// Whether somebody who has no card yet needs one.
async fn still_matters(bot: &Bot, about: &About) -> Result<bool, StoreError> {
    let About::Release(id) = *about else { return Ok(false) };
    let release = bot.engine.read(move |conn| releases::get(conn, id)).await?;
    Ok(release.is_some_and(|release| release.status.is_active()))
}

#[cfg(test)]
mod tests;
