//! Tells a chat what it has not heard yet, one thing at a time: notices first, then alerts, then cards that merely change.

use std::sync::Arc;
use std::time::Duration;

use tracing::{Instrument, Span};

use super::cards::{has_cards, has_something_to_see, is_open_to_vote, update_card};
use super::{PAUSE, over, personal};
use crate::bot::audience::{About, Audience, audience};
use crate::bot::poster::{Unsent, message_span};
use crate::bot::refusals::MOST_TRIES;
use crate::bot::{Bot, alerts, draw};
use crate::clients::telegram::{Destination, Manner, Trouble};
use crate::domain::backoff::Backoff;
use crate::domain::notice::Notice;
use crate::store::alerts::Told;
use crate::store::news::{self, Change, Due};
use crate::store::{StoreError, spans, telegram};
use crate::telemetry::traces;

/// Between two edits of a card that need not be read, in a group.
const MIN_CARD_EDIT_INTERVAL: Duration = Duration::from_secs(5);

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
        let age = shown.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or(MIN_CARD_EDIT_INTERVAL));
        match age.and_then(|age| MIN_CARD_EDIT_INTERVAL.checked_sub(age)).filter(|rest| !rest.is_zero()) {
            Some(rest) => later = Some(later.map_or(rest, |known| known.min(rest))),
            None => return Ok(Next::Card(change)),
        }
    }
    Ok(later.map_or(Next::Nothing, Next::Later))
}

/// The longest pause before a chat is told again what it could not be told.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Tells a chat what it has not heard yet.
pub(in crate::bot) async fn tell(bot: &Arc<Bot>, chat: i64) {
    let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
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
                bot.engine.sleep(backoff.pause()).await;
                continue;
            }
        };
        backoff.reset();
        let done = bot.engine.store().write(move |tx| -> Result<(), StoreError> {
            match (&heard.due, heard.place) {
                (Some(due), Some((Destination { chat, topic }, refuses))) => {
                    news::told_of_place(tx, due, (chat, topic), refuses)?;
                }
                (due, _) => due.iter().try_for_each(|due| news::told(tx, due))?,
            }
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
    /// Whether it was told that this place refuses, or that it does not.
    place: Option<(Destination, bool)>,
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
    let mut heard = Heard { due, change, place: None };
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
        let said = tell_place(bot, &about, heard.due.as_ref(), &audience).await;
        // What no look makes acceptable is with the admins, and holds up no others for ever.
        let given_up =
            matches!(said, Err(Unsent::Trouble(Trouble::Refused(_)))) && bot.times_refused(place) >= MOST_TRIES;
        match said {
            Ok(of_place) => heard.place = of_place,
            Err(Unsent::Trouble(Trouble::Forbidden(reason) | Trouble::Refused(reason))) => {
                bot.refused(place, &reason).await?;
                if given_up {
                    tracing::warn!(chat, about = key, reason, "Telegram does not take a message; it is given up");
                } else if heard.due.is_some() {
                    return Ok(Heard::default());
                } else {
                    missed.push(place);
                    continue;
                }
            }
            Err(Unsent::Trouble(trouble @ (Trouble::Gone | Trouble::Conflict(_)))) => {
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

/// Brings the card of a place up to date, and says what there is to say beside it. Where that is how it stands with another
/// place: which, and whether it refuses.
async fn tell_place(
    bot: &Arc<Bot>,
    about: &About,
    due: Option<&Due>,
    audience: &Audience,
) -> Result<Option<(Destination, bool)>, Unsent> {
    // That a failure calls something off was found when it was noted.
    let mut due = due.filter(|due| audience.hears(due.notice, due.notice == Notice::Failed));
    if let (Some(Notice::Waits | Notice::Reminder), About::Release(id)) = (due.map(|due| due.notice), about)
        && !is_open_to_vote(bot, *id).await?
    {
        // A call for votes that no approver can give any more.
        due = None;
    }
    let all_clear = match due {
        Some(due) => over::is_over(bot, due).await?,
        None => false,
    };
    // An alarm is a card itself. One that is news where there is a card already is told anew: Telegram notifies of no change.
    let alarm = due.filter(|due| due.notice == Notice::Alarm && !all_clear && about.is_alarm());
    let is_asked = matches!(about, About::Claim { .. }) && has_cards(bot, about, audience).await?;
    if let Some(due) = alarm.filter(|_| !is_asked) {
        bot.open_alarm(due, audience.place, &about.screen(), &audience.viewer).await?;
    }
    let has_card = due
        .is_some_and(|due| alarm.is_none() && !all_clear && !matches!(due.notice, Notice::Locked | Notice::Personal));
    let card = match update_card(bot, about, audience, has_card).await {
        // A card that Telegram does not like is no reason to say nothing.
        Err(Unsent::Trouble(Trouble::Refused(reason))) if due.is_some() => {
            tracing::warn!(chat = audience.place.chat, %about, reason, "a card could not be sent");
            None
        }
        card => card?,
    };
    // The end of an alarm is told where that stands.
    let is_told = |_: &&Due| if all_clear { card.is_some() } else { alarm.is_none() };
    let Some(due) = due.filter(is_told) else { return Ok(None) };
    let language = audience.viewer.language;
    let mut of_place = None;
    let text = if let About::Release(release) = *about {
        let people = bot.engine.telegram_people().await?;
        let ids = people.into_iter().map(|(person, id, _)| (person.name, id)).collect();
        draw::notice::notice(bot, due, release, language, &ids).await?
    } else if let About::Place { chat, topic } = *about {
        let place = Destination { chat, topic };
        let (refuses, words) = bot.refusal_words(place, language).await?.unzip();
        of_place = refuses.map(|refuses| (place, refuses));
        words
    } else {
        personal::words(bot, due.seq, &audience.viewer).await?
    };
    let Some(text) = text else { return Ok(None) };
    bot.telegram.turn(audience.place.chat).await;
    let waiting = due.clone();
    if !bot.engine.read(move |conn| news::is_due(conn, &waiting)).await? {
        return Ok(None);
    }
    bot.telegram.send(audience.place, &text, Manner { reply_to: card, ..Manner::default() }).await?;
    bot.accepted(audience.place).await?;
    Ok(of_place)
}
