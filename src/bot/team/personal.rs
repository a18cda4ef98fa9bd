//! What is told in a sentence, without a card: that production is locked, that an alarm is over, how a claim was settled, that a token
//! or a link was made for a person.

use crate::bot::audience::About;
use crate::bot::words::facts;
use crate::bot::{Bot, Viewer};
use crate::clients::telegram::Text;
use crate::domain::ids::{PersonName, RunId};
use crate::domain::notice::Notice;
use crate::domain::person::{Actor, Role};
use crate::domain::reason::Reason;
use crate::domain::run::RunState;
use crate::store::StoreError;
use crate::store::events::{self, EventRow};
use crate::store::news::Due;
use crate::store::runs;

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

/// The account of an admin that is known since this event.
pub(super) fn confirmed_admin(bot: &Bot, row: &EventRow) -> Option<i64> {
    let data: serde_json::Value = serde_json::from_str(&row.data).ok().filter(|_| row.kind == "telegram_confirmed")?;
    let name = PersonName::parse("person", data["person"].as_str()?).ok()?;
    let is_admin = bot.engine.catalog().person(&name).is_some_and(|person| person.role == Role::Admin);
    data["telegram_id"].as_i64().filter(|_| is_admin)
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
        "run_resolved" | "environment_repaired" => return all_clear(bot, &event, viewer).await,
        _ => return Ok(None),
    };
    if viewer.actor.as_ref().is_some_and(|actor| actor.label() == by(&event)) {
        return Ok(None);
    }
    let because = serde_json::from_value::<Reason>(data["because"].clone()).ok();
    let facts = facts! {
        by => by(&event),
        service => event.service,
        reason => because.map_or_else(|| text("reason").to_owned(), |reason| language.reason(&reason)),
        person => text("person"),
        token => text("name"),
        role => text("role"),
    };
    Ok(Some(bot.say(language, key, facts)))
}

/// Whether what is to be told of a run is that its alarm is over.
pub(super) async fn is_all_clear(bot: &Bot, due: &Due) -> Result<bool, StoreError> {
    if due.notice != Notice::Alarm || !matches!(About::parse(&due.about), Some(About::Run(_))) {
        return Ok(false);
    }
    let seq = due.seq;
    let event = bot.engine.read(move |conn| events::at(conn, seq)).await?;
    Ok(event.is_some_and(|event| ["run_resolved", "environment_repaired"].contains(&event.kind.as_str())))
}

/// What has become of a run that needed an admin; nothing to the admin who has seen to it.
async fn all_clear(bot: &Bot, event: &EventRow, viewer: &Viewer) -> Result<Option<Text>, StoreError> {
    let Some(id) = event.run.map(RunId) else { return Ok(None) };
    let Some(run) = bot.engine.read(move |conn| runs::get(conn, id)).await? else { return Ok(None) };
    if viewer.actor.as_ref().is_some_and(|actor| actor.label() == by(event)) {
        return Ok(None);
    }
    let data: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let key = match (event.kind.as_str(), text("verdict")) {
        ("environment_repaired", _) => "run_repaired",
        // That the environment is repaired is an event of its own.
        (_, "succeeded") if run.state != RunState::Succeeded => return Ok(None),
        (_, "succeeded") => "run_ended_well",
        (_, "failed") => "run_judged_failed",
        _ => "run_begins_again",
    };
    let service = event.service.as_deref().unwrap_or_default();
    let phrase = |key: &str| bot.words.phrase(viewer.language, key, facts!());
    let facts = facts! {
        by => by(event),
        service => service,
        where => phrase(&format!("where.{}", run.environment)),
        version => run.to.to_string(),
        run => phrase(&format!("run.{}_{}", run.kind.as_str(), run.environment)),
        number => id.0,
        reason => text("reason"),
    };
    Ok(Some(bot.say(viewer.language, key, facts)))
}

fn by(event: &EventRow) -> String {
    serde_json::from_str::<Actor>(&event.actor).map(|actor| actor.label().to_owned()).unwrap_or_default()
}
