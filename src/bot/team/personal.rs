//! What is told in a sentence, without a card: that production is locked, how a claim was settled, that a token or a link was made
//! for a person.

use std::sync::Arc;

use jiff::Timestamp;

use crate::bot::audience::About;
use crate::bot::words::facts;
use crate::bot::{Bot, Viewer};
use crate::clients::telegram::Text;
use crate::domain::ids::PersonName;
use crate::domain::notice::Notice;
use crate::domain::person::{Person, Right, Role};
use crate::domain::reason::Reason;
use crate::store::events::{self, EventRow};
use crate::store::news::{self, Due};
use crate::store::record::{self, Filter, Most};
use crate::store::tokens::{self, TokenRow};
use crate::store::{StoreError, WriteError, sessions};

use super::over::{self, by};

/// The account that an event concerns, beside the chats that hear of it: the claimant, or the person in whose name another one
/// can act now.
pub(super) async fn concerns(bot: &Bot, row: &EventRow) -> Result<Option<About>, StoreError> {
    let data: serde_json::Value = serde_json::from_str(&row.data).unwrap_or_default();
    Ok(match row.kind.as_str() {
        "telegram_confirmed" | "telegram_refused" => data["telegram_id"].as_i64().map(About::Account),
        "token_created" | "login_link_made" => {
            let person = data["person"].as_str().filter(|name| *name != by(row));
            let people = bot.engine.telegram_people().await?;
            let account = people.into_iter().find(|(known, ..)| Some(known.name.as_str()) == person);
            account.map(|(_, id, _)| About::Account(id))
        }
        _ => None,
    })
}

/// Of the events of one kind, those of the last tokens and links are looked through.
const LOOKED: Most = Most { events: 500, bytes: 256 * 1024 };

/// What others have made in the name of a person who could not be told of it, and what still opens something: they hear of it
/// now that the bot may write to their account.
pub(in crate::bot) async fn tell_kept(bot: &Arc<Bot>, person: &Person, account: i64) -> Result<(), StoreError> {
    if person.role == Role::Admin {
        bot.warn_of_all(account).await?;
    }
    let (name, now) = (person.name.to_string(), bot.engine.now());
    let read = bot.engine.read(move |conn| {
        let is_live = |token: &TokenRow| token.person.as_ref() == Some(&name) && token.is_live(now.as_millisecond());
        let live: Vec<_> = tokens::list(conn)?.into_iter().filter(is_live).collect();
        let since = now.checked_sub(sessions::LINK_LASTS).unwrap_or(now).as_millisecond();
        let mut made = Vec::new();
        for kind in ["token_created", "login_link_made"] {
            let filter = Filter { kind: Some(kind.to_owned()), ..Filter::default() };
            for event in record::look(conn, &filter, i64::MAX, LOOKED)?.events {
                let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
                let of_token = |token: &TokenRow| token.created_at == event.at && data["name"] == token.name.as_str();
                let opens = if kind == "token_created" { live.iter().any(of_token) } else { event.at > since };
                if opens && data["person"] == name.as_str() && by(&event) != name {
                    made.push(event.seq);
                }
            }
        }
        Ok(made)
    });
    let about = About::Account(account).to_string();
    let dues: Vec<_> = read
        .await?
        .into_iter()
        .map(|seq| Due { chat: account, topic: None, seq, about: about.clone(), notice: Notice::Personal })
        .collect();
    if dues.is_empty() {
        return Ok(());
    }
    let noted = bot.engine.store().write(move |tx| dues.iter().try_for_each(|due| news::note_notice(tx, due)));
    noted.await.map_err(WriteError::flatten)?;
    bot.has_news(account);
    Ok(())
}

/// The account that is known as a person since this event.
pub(super) fn confirmed(row: &EventRow) -> Option<(PersonName, i64)> {
    let data: serde_json::Value = serde_json::from_str(&row.data).ok().filter(|_| row.kind == "telegram_confirmed")?;
    Some((PersonName::parse("person", data["person"].as_str()?).ok()?, data["telegram_id"].as_i64()?))
}

/// The account of an admin that is known since this event.
pub(super) fn confirmed_admin(bot: &Bot, row: &EventRow) -> Option<i64> {
    let (name, account) = confirmed(row)?;
    let is_admin = bot.engine.catalog().person(&name).is_some_and(|person| person.role == Role::Admin);
    Some(account).filter(|_| is_admin)
}

/// What is said of an event; nothing to the person who did it, and nothing of other events.
pub(super) async fn words(bot: &Bot, seq: i64, viewer: &Viewer) -> Result<Option<Text>, StoreError> {
    let language = viewer.language;
    let Some(event) = bot.engine.read(move |conn| events::at(conn, seq)).await? else { return Ok(None) };
    let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let key = match event.kind.as_str() {
        "production_locked" => "locked",
        "production_unlocked" => "unlocked",
        "telegram_confirmed" => "claim_confirmed",
        "telegram_refused" => "claim_refused",
        "token_created" => "token_made",
        "login_link_made" => "link_made",
        "run_resolved"
        | "environment_repaired"
        | "environment_settled"
        | "run_ended"
        | "host_caught_up"
        | "host_given_up"
        | "host_key_restored"
        | "host_trusted" => return over::words(bot, &event, viewer).await,
        _ => return Ok(None),
    };
    if viewer.actor.as_ref().is_some_and(|actor| actor.label() == by(&event)) {
        return Ok(None);
    }
    let made = Timestamp::from_millisecond(event.at).unwrap_or_default();
    let left = sessions::LINK_LASTS.saturating_sub(bot.engine.now().duration_since(made)).as_secs().max(0);
    let is_open = key == "link_made" && left > 0;
    let person = text("person").to_owned();
    let is_used = is_open && !bot.engine.read(move |conn| sessions::is_unused(conn, &person, made)).await?;
    let because = serde_json::from_value::<Reason>(data["because"].clone()).ok();
    let facts = facts! {
        by => by(&event),
        service => event.service,
        reason => because.map_or_else(|| text("reason").to_owned(), |reason| language.reason(&reason)),
        person => text("person"),
        token => text("name"),
        role => text("role"),
        minutes => if is_used { 0 } else { u64::try_from(left).unwrap_or_default().div_ceil(60) },
        used => is_used,
        to_admin => viewer.actor.as_ref().is_some_and(|actor| actor.may(Right::Command, None, false).is_ok()),
    };
    Ok(Some(bot.say(language, key, facts)))
}
