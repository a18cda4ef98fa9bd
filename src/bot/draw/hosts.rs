//! Hosts and the keys that they show.

use super::pen::Pen;
use super::plain::named;
use super::{Drawn, missing};
use crate::bot::screen::{Key, Screen, Tap};
use crate::bot::words::facts;
use crate::clients::telegram::{Button, Text};
use crate::domain::host::HostKey;
use crate::domain::ids::HostName;
use crate::engine::Failure;
use crate::engine::hosts::{HostStatus, KeyState, compare};

/// The key of a host as it was shown, so that a button trusts what it showed and nothing else.
#[must_use]
pub fn shown_key(name: &HostName, key: &HostKey) -> Key {
    Key::of(&format!("{name} {}", key.fingerprint))
}

const fn word(state: KeyState) -> &'static str {
    match state {
        KeyState::Trusted => "trusted",
        KeyState::Pinned => "pinned",
        KeyState::Unknown => "unknown",
        KeyState::Changed => "changed",
        KeyState::NeverSeen => "never_seen",
        KeyState::NotNeeded => "not_needed",
    }
}

/// An admin has to look at it.
const fn asks(state: KeyState) -> bool {
    match state {
        KeyState::Unknown | KeyState::Changed => true,
        KeyState::Trusted | KeyState::Pinned | KeyState::NeverSeen | KeyState::NotNeeded => false,
    }
}

pub(super) async fn hosts(pen: &Pen<'_>) -> Result<Drawn, Failure> {
    let all = pen.engine.hosts().await?;
    let facts: Vec<_> = all
        .iter()
        .map(|status| {
            facts! {
                name => status.name.as_str(),
                address => status.host.as_ref().map(|host| host.address.to_string()),
                user => status.host.as_ref().map(|host| host.user.as_str()),
                icon => if asks(status.key) { "⚠️" } else { "▫️" },
                key_words => pen.word(&format!("key.{}", word(status.key))),
            }
        })
        .collect();
    let html = pen.html("hosts", facts! { hosts => facts, asks => all.iter().any(|status| asks(status.key)) });
    let mut buttons: Vec<Vec<Button>> = all.iter().filter_map(|status| to_look_at(pen, status)).collect();
    buttons.push(pen.way_out(&Screen::Hosts));
    Ok(Drawn { text: Text { html, buttons }, about: None })
}

fn to_look_at(pen: &Pen<'_>, status: &HostStatus) -> Option<Vec<Button>> {
    let offered = status.offered.as_ref().filter(|_| asks(status.key))?;
    let tap = Tap::Show(Screen::Host(shown_key(&status.name, offered)));
    Some(vec![named(pen, "button.host", status.name.as_str(), &tap)])
}

pub(super) async fn host(pen: &Pen<'_>, key: Key) -> Result<Drawn, Failure> {
    let all = pen.engine.hosts().await?;
    let found = all.iter().find_map(|status| {
        let offered = status.offered.as_ref()?;
        let meant = shown_key(&status.name, offered) == key || Key::of(status.name.as_str()) == key;
        meant.then_some((status, status.host.as_ref()?, offered))
    });
    let Some((status, host, offered)) = found else { return Ok(missing(pen, "host", None)) };
    let pinned = !host.host_keys.is_empty();
    let facts = facts! {
        name => status.name.as_str(),
        address => host.address.to_string(),
        user => host.user,
        services => status.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
        state => word(status.key),
        key_words => pen.word(&format!("key.{}", word(status.key))),
        fingerprint => offered.fingerprint.as_str(),
        algorithm => offered.algorithm,
        must => status.fingerprint.as_ref().map(crate::domain::host::Fingerprint::as_str),
        compare => compare(&offered.algorithm),
        pinned => pinned,
    };
    let mut buttons = Vec::new();
    if asks(status.key) && !pinned && pen.may_be_admin() {
        buttons.push(vec![pen.button("button.trust", &Tap::Trust(shown_key(&status.name, offered)))]);
    }
    let mut last = vec![pen.refresh(&Screen::Host(key))];
    if !pen.in_group() {
        last.push(pen.shows("button.hosts", Screen::Hosts));
    }
    buttons.push(last);
    Ok(Drawn { text: Text { html: pen.html("host", facts), buttons }, about: Some(format!("host:{}", status.name)) })
}
