//! The screens that are about no release, run or host.

use super::pen::{Pen, tapped};
use super::{Drawn, missing};
use crate::bot::screen::{Key, Screen, Tap};
use crate::bot::words::{facts, text};
use crate::clients::telegram::Text;
use crate::domain::person::Person;
use crate::domain::status::List;
use crate::engine::Failure;
use crate::engine::people::Who;
use crate::store::telegram::User;
use crate::store::{releases, telegram};
use crate::wording::Language;

/// Of a name that people give themselves, in characters.
const NAME: usize = 64;

fn still(html: String, buttons: Vec<Vec<crate::clients::telegram::Button>>) -> Drawn {
    Drawn { text: Text { html, buttons }, about: None }
}

pub(super) async fn menu(pen: &Pen<'_>) -> Result<Drawn, Failure> {
    let active = pen.engine.read(|conn| releases::count(conn, List::Active)).await?;
    let facts = facts! { first_name => text::shorten(&pen.viewer.first_name, NAME), active => active };
    let list = |list: List| vec![pen.shows(&format!("button.{}", list.as_str()), Screen::List { list, at: 0 })];
    let mut rows: Vec<_> = [List::Active, List::Successful, List::Failed].into_iter().map(list).collect();
    if pen.is_admin() {
        rows.push(vec![pen.shows("button.hosts", Screen::Hosts)]);
    }
    rows.push(vec![pen.shows("button.language", Screen::Languages), pen.shows("button.help", Screen::Help)]);
    Ok(still(pen.html("menu", facts), rows))
}

pub(super) fn languages(pen: &Pen<'_>) -> Drawn {
    let speak = |language: Language| pen.button(&format!("language.{}", language.as_str()), &Tap::Speak(language));
    let rows = vec![vec![speak(Language::Ru), speak(Language::En)], vec![pen.menu()]];
    still(pen.html("languages", ()), rows)
}

pub(super) fn help(pen: &Pen<'_>) -> Drawn {
    still(pen.html("help", ()), vec![vec![pen.menu()]])
}

/// An account claims to be a person of the configuration.
pub(super) async fn claim(pen: &Pen<'_>, user: i64, key: Key) -> Result<Drawn, Failure> {
    let read = pen.engine.read(move |conn| Ok((telegram::user(conn, user)?, telegram::users_of_people(conn)?)));
    let (found, known) = read.await?;
    let catalog = pen.engine.catalog();
    let claimant = found.and_then(|user| {
        let name = user.person.clone().filter(|name| Key::of(name.as_str()) == key)?;
        Some((user, catalog.person(&name)?.clone()))
    });
    let Some((claimant, person)) = claimant else { return Ok(missing(pen, "claim", None)) };
    let is_open = matches!(pen.engine.who_is(&claimant), Who::Claimant { .. });
    let is_known = |other: &&User| other.id != user && pen.engine.who_is(other) == Who::Person(person.clone());
    // Who else has been confirmed.
    let other = known.iter().find(is_known);
    let settled = match (&claimant.confirmed_by, claimant.refused) {
        (Some(_), _) => Some("confirmed"),
        (None, _) if other.is_some() => Some("taken"),
        (None, true) => Some("refused"),
        (None, false) if !is_open => Some("void"),
        (None, false) => None,
    };
    let account = |account: &User| {
        let (id, by) = (account.id, account.confirmed_by.clone());
        let name = text::shorten(&account.first_name, NAME);
        facts! { id => id, first_name => name, username => account.claimed_as.clone(), by => by }
    };
    let facts = facts! {
        user => user,
        first_name => text::shorten(&claimant.first_name, NAME),
        // The name by which they have claimed it: a name that was taken since was not the one of the claim.
        username => claimant.claimed_as.clone().or(claimant.username.clone()),
        person => person.name.as_str(),
        renamed => is_renamed(&claimant, &person),
        now => claimant.username.clone(),
        role_words => pen.word(&format!("role.{}", person.role.as_str())),
        settled => settled,
        by => claimant.confirmed_by,
        other => other.map(account),
    };
    let mut rows = Vec::new();
    if settled.is_none() && pen.may_be_admin() {
        let settle = |yes| Tap::Settle { user, person: key, yes };
        rows.push(vec![pen.button("button.is_him", &settle(true)), pen.button("button.is_not_him", &settle(false))]);
    }
    Ok(Drawn {
        text: Text { html: pen.html("claim", facts), buttons: rows },
        about: Some(format!("claim:{user}:{}", person.name)),
    })
}

/// Whether a claim is void because the account no longer bears the username, and not for what the configuration says by now.
fn is_renamed(claimant: &User, person: &Person) -> bool {
    // Telegram does not tell `Ann` from `ann`.
    let is_wanted = |name: Option<&str>| {
        name.zip(person.telegram_username.as_deref()).is_some_and(|(name, wanted)| name.eq_ignore_ascii_case(wanted))
    };
    person.telegram_id.is_none()
        && is_wanted(claimant.claimed_as.as_deref())
        && !is_wanted(claimant.username.as_deref())
}

/// A button with the name of what it shows.
pub(super) fn named(pen: &Pen<'_>, key: &str, name: &str, tap: &Tap) -> crate::clients::telegram::Button {
    tapped(pen.phrase(key, facts! { name => name }), tap)
}
