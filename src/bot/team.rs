//! Tells chats what happens. Everything follows from the record: an event changes the cards of what it is about, and may be
//! worth a notice, a message that is sent once and tells how it was. A card is drawn from the state when its turn comes, so
//! that its changes collapse; of notices that could not be sent, those that a later one outdates are dropped. Nothing is
//! lost over a crash.

mod over;
mod personal;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::{Instrument, Span};

pub(super) use self::personal::tell_kept;
use self::record::{changed_production, news_of, opened_or_closed};
use super::audience::{About, Audience, audience};
use super::draw;
use super::poster::{Unsent, message_span};
use super::screen::Screen;
use super::{Bot, Viewer, alerts, questions};
use crate::clients::telegram::{Destination, Manner, Trouble};
use crate::domain::alert::Alert;
use crate::domain::env::Env;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::release::Release;
use crate::domain::status::{List, Status};
use crate::engine::Engine;
use crate::store::alerts::{Told, unshown};
use crate::store::events::{self, Scope};
use crate::store::news::{self, Change, Due};
use crate::store::releases::{self, Page};
use crate::store::telegram::{self, Kept};
use crate::store::{StoreError, WriteError};
use crate::store::{runs, spans};
use crate::telemetry::traces;

/// Events read at once.
const BATCH: u32 = 500;
/// After the database could not be read or written.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// Between two edits of a card that need not be read, in a group.
const REST: Duration = Duration::from_secs(5);
/// Good versions of a service whose cards are looked at when production changes.
const NEWEST: u32 = 4;
/// Cards of one chat about the same thing that follow it, the newest; older ones show what is so when they are tapped.
const FOLLOWED: usize = 5;
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
        for (about, notice) in news_of(row).into_iter().chain(over::ended_by(bot, row).await?) {
            news.add(about, notice, row.seq);
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
    let raised = news.alerts;
    let is_alert = |seq: i64| raised.iter().any(|alert| alert.seq == Some(seq));
    for (about, since) in news.changed {
        let of_it: Vec<_> = news.notices.iter().filter(|(subject, ..)| *subject == about).collect();
        // That a vote has closed because it was skipped is told by the notice of that.
        let skipped = |seq| of_it.iter().any(|(_, notice, at)| *notice == Notice::Bypassed && at + 1 == seq);
        for Audience { place, notices: wanted, alerts: alerted, .. } in audience(bot, &about).await? {
            let Destination { chat, topic } = place;
            changes.push(Change { chat, about: about.to_string(), since });
            let told_already = |(_, notice, seq): &(About, Notice, i64)| {
                *notice == Notice::Approved && wanted.contains(&Notice::Bypassed) && skipped(*seq)
            };
            let of_it = of_it.iter().copied().filter(|news| wanted.contains(&news.1) && !told_already(news));
            let of_it = of_it.filter(|(_, _, seq)| !(alerted && is_alert(*seq)));
            notices.extend(of_it.map(|&(_, notice, seq)| Due { chat, topic, seq, about: about.to_string(), notice }));
        }
    }
    let mut chats: BTreeSet<i64> = changes.iter().map(|change| change.chat).collect();
    if !raised.is_empty() {
        chats.extend(alerts::place(bot).await?.map(|place| place.chat));
    }
    let now = bot.engine.now();
    let written = bot.engine.store().write(move |tx| -> Result<(), StoreError> {
        changes.iter().try_for_each(|change| news::note_change(tx, change))?;
        notices.iter().try_for_each(|due| news::note_notice(tx, due))?;
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

/// What a chat is told next.
enum Next {
    Notice(Due),
    Alert(Box<Told>),
    Card(Change),
    /// Nothing yet, but something after so long.
    Later(Duration),
    Nothing,
}

/// What has something to say goes before cards that merely change. In a group such a card rests between two edits, so that
/// the person who is needed hears of it: a group takes few messages a minute.
async fn next(bot: &Bot, chat: i64) -> Result<Next, StoreError> {
    let resting = bot.resting_topics(chat);
    let open = move |due: &Due| !resting.contains(&due.topic);
    if let Some(due) = bot.engine.read(move |conn| news::notices(conn, chat, 1, open)).await?.pop() {
        return Ok(Next::Notice(due));
    }
    let now = bot.engine.now();
    let mut later: Option<Duration> = match alerts::next(bot, chat).await? {
        alerts::Next::Alert(told) => return Ok(Next::Alert(told)),
        alerts::Next::Later(rest) => Some(rest),
        alerts::Next::Nothing => None,
    };
    let mut changes = bot.engine.read(move |conn| news::changes(conn, chat)).await?;
    changes.retain(|change| !bot.is_for_resting_alone(change));
    for change in changes {
        let key = change.about.clone();
        let cards = bot.engine.read(move |conn| telegram::kept_about(conn, &key)).await?;
        let of_all = cards.iter().filter(|kept| kept.chat == chat);
        let shown = of_all.map(|kept| kept.shown_at).max().filter(|_| chat < 0);
        let age = shown.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or(REST));
        match age.and_then(|age| REST.checked_sub(age)).filter(|rest| !rest.is_zero()) {
            Some(rest) => later = Some(later.map_or(rest, |known| known.min(rest))),
            None => return Ok(Next::Card(change)),
        }
    }
    Ok(later.map_or(Next::Nothing, Next::Later))
}

/// Tells a chat what it has not heard yet.
pub(super) async fn tell(bot: &Arc<Bot>, chat: i64) {
    let mut pause = PAUSE;
    let (mut told, mut told_of) = (Vec::new(), None);
    loop {
        let (about, due, cause, alert) = match next(bot, chat).await {
            Ok(Next::Notice(due)) => {
                // A reminder comes of no event, nor does what a chat refuses.
                let is_of_place = matches!(About::parse(&due.about), Some(About::Place { .. }));
                let cause = Some(due.seq).filter(|_| due.notice != Notice::Reminder && !is_of_place);
                (due.about.clone(), Some(due), cause, None)
            }
            Ok(Next::Alert(alert)) => (format!("alert:{}", alert.key), None, None, Some(alert.key)),
            Ok(Next::Card(change)) => (change.about, None, Some(change.since), None),
            Ok(Next::Later(rest)) => return bot.has_news_in(chat, rest),
            Ok(Next::Nothing) => return,
            Err(error) => {
                tracing::warn!(%error, "the news of a chat could not be read; it is tried again");
                bot.engine.sleep(PAUSE).await;
                continue;
            }
        };
        if told_of.as_ref() != Some(&(about.clone(), due.clone())) {
            (told, told_of) = (Vec::new(), Some((about.clone(), due.clone())));
        }
        let span = span_of(bot, &about, due.as_ref(), cause).await;
        let telling = async {
            match alert {
                Some(alert) => alerts::tell(bot, &alert).await.map(|()| Heard::default()),
                None => tell_one(bot, chat, &about, due, &mut told).await,
            }
        };
        let heard = match telling.instrument(span).await {
            Ok(heard) => heard,
            Err(Unsent::Trouble(Trouble::TooFast(_))) => continue,
            Err(Unsent::Trouble(Trouble::Moved(now))) => {
                bot.moved(chat, now).await;
                bot.has_news(now);
                return;
            }
            Err(unsent) => {
                tracing::warn!(chat, about, %unsent, "a chat could not be told; it is tried again");
                bot.engine.sleep(pause).await;
                pause = (pause * 2).min(Duration::from_mins(1));
                continue;
            }
        };
        pause = PAUSE;
        let done = bot.engine.store().write(move |tx| -> Result<(), StoreError> {
            heard.due.iter().try_for_each(|due| news::told(tx, due))?;
            heard.change.iter().try_for_each(|change| news::seen(tx, change))
        });
        if let Err(error) = done.await {
            tracing::warn!(chat, error = %error.flatten(), "that a chat has heard something could not be noted");
            bot.engine.sleep(PAUSE).await;
        }
        // A person who waits for an answer does not wait for all the news.
        if bot.has_jobs(chat) {
            return bot.has_news(chat);
        }
    }
}

/// The span of a message, below that of the event that it follows from.
async fn span_of(bot: &Bot, about: &str, due: Option<&Due>, cause: Option<i64>) -> Span {
    let Some(seq) = cause.filter(|_| traces::are_exported()) else { return Span::none() };
    let span = message_span(bot.engine.read(move |conn| spans::of_event(conn, seq)).await.ok().flatten());
    span.record("rmm.about", about);
    if let Some(due) = due {
        span.record("rmm.notice", due.notice.as_str());
    }
    span
}

/// What a chat has heard: a notice, and the card as it stood when it was drawn.
#[derive(Default)]
struct Heard {
    due: Option<Due>,
    change: Option<Change>,
}

/// Tells a place of a chat a notice, or shows every one the card: its topics may follow different things. `told`: the places
/// that have heard it already.
async fn tell_one(
    bot: &Arc<Bot>,
    chat: i64,
    key: &str,
    due: Option<Due>,
    told: &mut Vec<Destination>,
) -> Result<Heard, Unsent> {
    let about = key.to_owned();
    let change = bot.engine.read(move |conn| news::change(conn, chat, &about)).await?;
    let mut heard = Heard { due, change };
    let Some(about) = About::parse(key) else { return Ok(heard) };
    let resting = bot.resting_topics(chat);
    let mut places = audience(bot, &about).await?;
    places.retain(|audience| audience.place.chat == chat);
    if let Some(due) = &heard.due {
        // What the others have to see is not told yet.
        heard.change = heard.change.filter(|_| places.len() <= 1);
        places.retain(|audience| audience.place.topic == due.topic);
    }
    let mut missed = Vec::new();
    for audience in places {
        let place = audience.place;
        if told.contains(&place) {
            continue;
        }
        if resting.contains(&place.topic) {
            missed.extend(has_something_to_see(bot, &about, &audience).await?.then_some(place));
            continue;
        }
        match tell_place(bot, &about, heard.due.as_ref(), &audience).await {
            Ok(()) => {}
            Err(Unsent::Trouble(Trouble::Forbidden(reason))) => {
                bot.refused(place, &reason).await?;
                if heard.due.is_some() {
                    return Ok(Heard::default());
                }
                missed.push(place);
                continue;
            }
            Err(Unsent::Trouble(trouble @ (Trouble::Gone | Trouble::Conflict(_) | Trouble::Refused(_)))) => {
                tracing::warn!(chat, about = key, %trouble, "Telegram does not take a message; it is given up");
            }
            Err(unsent) => return Err(unsent),
        }
        told.push(place);
    }
    // A card that was refused is shown when the place takes messages again.
    if let Some(change) = heard.change.take_if(|_| !missed.is_empty()) {
        missed.into_iter().for_each(|place| bot.misses(place, &change));
    }
    Ok(heard)
}

/// Whether a change concerns a place that takes no messages now.
async fn has_something_to_see(bot: &Bot, about: &About, audience: &Audience) -> Result<bool, StoreError> {
    let has_card = !cards_in(bot, about, audience).await?.is_empty();
    Ok(has_card || audience.cards && still_matters(bot, about).await?)
}

/// Brings the card of a place up to date, and says what there is to say beside it.
async fn tell_place(bot: &Arc<Bot>, about: &About, due: Option<&Due>, audience: &Audience) -> Result<(), Unsent> {
    let mut due = due.filter(|due| audience.notices.contains(&due.notice));
    if let (Some(Notice::Waits | Notice::Reminder), About::Release(id)) = (due.map(|due| due.notice), about)
        && !is_open_to_vote(bot, *id).await?
    {
        // A call for votes that nobody can give any more.
        due = None;
    }
    let all_clear = match due {
        Some(due) => over::is_over(bot, due).await?,
        None => false,
    };
    let has_card = due.is_some_and(|due| !all_clear && !matches!(due.notice, Notice::Locked | Notice::Personal));
    let card = match update_card(bot, about, audience, has_card).await {
        // A card that Telegram does not like is no reason to say nothing.
        Err(Unsent::Trouble(Trouble::Refused(reason))) if due.is_some() => {
            tracing::warn!(chat = audience.place.chat, %about, reason, "a card could not be sent");
            None
        }
        card => card?,
    };
    // An alarm is a card itself, and its end is told where that stands.
    let is_told = |due: &&Due| if all_clear { card.is_some() } else { due.notice != Notice::Alarm };
    let Some(due) = due.filter(is_told) else { return Ok(()) };
    let language = audience.viewer.language;
    let text = if let About::Release(release) = *about {
        let people = bot.engine.telegram_people().await?;
        let ids = people.into_iter().map(|(person, id, _)| (person.name, id)).collect();
        draw::notice::notice(bot, due, release, language, &ids).await?
    } else if let About::Place { chat, topic } = *about {
        bot.refusal_words(Destination { chat, topic }, audience.viewer.language).await?
    } else {
        personal::words(bot, due.seq, &audience.viewer).await?
    };
    let Some(text) = text else { return Ok(()) };
    bot.telegram.turn(audience.place.chat).await;
    let waiting = due.clone();
    if !bot.engine.read(move |conn| news::is_due(conn, &waiting)).await? {
        return Ok(());
    }
    bot.telegram.send(audience.place, &text, Manner { reply_to: card, ..Manner::default() }).await?;
    Ok(bot.accepted(audience.place).await?)
}

/// Brings the cards up to date, or sends the first one; the number of the newest. A person who asks again
/// in private has several; in a group, those that people have asked for stand beside the card of all.
async fn update_card(bot: &Arc<Bot>, about: &About, audience: &Audience, noticed: bool) -> Result<Option<i64>, Unsent> {
    let chat = audience.place.chat;
    let mut standing = None;
    for kept in cards_in(bot, about, audience).await? {
        let viewer = viewer_of(bot, &kept, audience).await?;
        let screen = screen_of(bot, &kept, about, &viewer).await?;
        match bot.edit(chat, kept.message, Some(&kept), &screen, &viewer).await {
            Ok(()) if is_of_one(&kept, audience) => {}
            Ok(()) => standing = standing.or(Some(kept.message)),
            Err(Unsent::Trouble(Trouble::Gone | Trouble::Refused(_))) => {}
            Err(other) => return Err(other),
        }
    }
    if standing.is_some() {
        return Ok(standing);
    }
    if !audience.cards || !(noticed || still_matters(bot, about).await?) {
        return Ok(None);
    }
    Ok(Some(bot.open(audience.place, None, &about.screen(), &audience.viewer).await?))
}

/// Whether a card of a group is what one person has asked for.
fn is_of_one(kept: &Kept, audience: &Audience) -> bool {
    !audience.private && kept.viewer.is_some()
}

/// For whom a card is drawn.
async fn viewer_of(bot: &Bot, kept: &Kept, audience: &Audience) -> Result<Viewer, StoreError> {
    let Some(id) = kept.viewer.filter(|_| is_of_one(kept, audience)) else { return Ok(audience.viewer.clone()) };
    let people = bot.engine.telegram_people().await?;
    let known = people.into_iter().find(|(_, account, _)| *account == id);
    Ok(match known {
        Some((person, _, Some(user))) => Viewer { aloud: true, ..bot.viewer(&person, &user) },
        Some((.., None)) | None => Viewer { user: Some(id), ..bot.everybody() },
    })
}

/// What a card shows: that of a list stays with what it shows when the list moves on.
async fn screen_of(bot: &Bot, kept: &Kept, about: &About, viewer: &Viewer) -> Result<Screen, Unsent> {
    let screen = kept.screen.parse().unwrap_or_else(|_| about.screen());
    if !matches!(screen, Screen::List { .. }) {
        return Ok(screen);
    }
    let drawn = draw::draw(bot, &screen, viewer).await?;
    Ok(if drawn.about == Some(about.to_string()) { screen } else { about.screen() })
}

/// The cards of a place about something that follow it, the newest first. In a group, that of all and those of single people
/// are counted for themselves.
async fn cards_in(bot: &Bot, about: &About, audience: &Audience) -> Result<Vec<Kept>, StoreError> {
    let key = about.to_string();
    let mut kept = bot.engine.read(move |conn| telegram::kept_about(conn, &key)).await?;
    let Destination { chat, topic } = audience.place;
    kept.retain(|kept| kept.chat == chat && (audience.private || kept.topic == topic));
    let (mut of_people, mut of_all): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| is_of_one(kept, audience));
    of_all.truncate(FOLLOWED);
    of_people.truncate(FOLLOWED);
    of_all.extend(of_people);
    Ok(of_all)
}

/// Whether a chat that has no card yet needs one.
async fn still_matters(bot: &Bot, about: &About) -> Result<bool, StoreError> {
    let About::Release(id) = *about else { return Ok(false) };
    Ok(status(bot, id).await?.is_some_and(Status::is_active))
}

async fn is_open_to_vote(bot: &Bot, id: ReleaseId) -> Result<bool, StoreError> {
    Ok(status(bot, id).await? == Some(Status::ManualTesting))
}

async fn status(bot: &Bot, id: ReleaseId) -> Result<Option<Status>, StoreError> {
    let release = bot.engine.read(move |conn| releases::get(conn, id)).await?;
    Ok(release.map(|release| release.status))
}

#[cfg(test)]
mod tests;
