//! Draws every [`Screen`]: reads the state, makes facts of it, and lets the templates tell them.
//!
//! Buttons appear only where what they ask for can lead somewhere. Must not: change anything, or decide anything.

pub mod alert;
mod facts;
mod forecast;
mod gates;
pub mod hosts;
pub mod letters;
mod moves;
pub mod notice;
mod pen;
mod plain;
mod release;
mod run;
mod runs;
mod scene;
mod sentence;
mod service;

use self::pen::Pen;
use super::screen::Screen;
use super::{Bot, Viewer};
use crate::bot::words::facts;
use crate::clients::telegram::Text;
use crate::domain::ids::ReleaseId;
use crate::engine::Failure;
use crate::wording::Language;
use crate::wording::zone::read_in;

/// A screen as it is to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The message.
    pub text: Text,
    /// What makes it change: `release:12`, `run:3`, `host:prod-1`, `claim:77`; nothing where it is not kept current.
    pub about: Option<String>,
}

/// Draws a screen for a viewer. What is not there (any more) is said on a screen of its own.
///
/// # Errors
/// When the database cannot be read.
pub async fn draw(bot: &Bot, screen: &Screen, viewer: &Viewer) -> Result<Drawn, Failure> {
    read_in(&bot.zone, pen(bot, viewer).draw(screen)).await
}

/// The card of a release in a group, which everybody sees.
///
/// # Errors
/// When the database cannot be read.
pub async fn card(bot: &Bot, release: ReleaseId, language: Language) -> Result<Drawn, Failure> {
    draw(bot, &Screen::Release(release), &Viewer::everybody(language)).await
}

fn pen<'a>(bot: &'a Bot, viewer: &'a Viewer) -> Pen<'a> {
    Pen { engine: &bot.engine, words: &bot.words, zone: &bot.zone, viewer, now: bot.engine.now() }
}

impl Viewer {
    /// A group.
    #[must_use]
    pub const fn everybody(language: Language) -> Self {
        Self { user: None, actor: None, first_name: String::new(), language, aloud: true }
    }
}

impl Pen<'_> {
    async fn draw(&self, screen: &Screen) -> Result<Drawn, Failure> {
        match screen {
            Screen::Menu => plain::menu(self).await,
            Screen::List { list, at } => release::list(self, *list, *at).await,
            Screen::Release(id) => release::card(self, *id).await,
            Screen::Explain(id) => release::explain(self, *id).await,
            Screen::Failure(id) => release::failure(self, *id).await,
            Screen::Confirm(wish) => release::confirm(self, wish).await,
            Screen::Reasons { release, revision } => release::reasons(self, *release, *revision).await,
            Screen::Versions { release, page } => release::versions(self, *release, *page).await,
            Screen::Service(key) => service::service(self, *key).await,
            Screen::Hosts => hosts::hosts(self).await,
            Screen::Host(key) => hosts::host(self, *key).await,
            Screen::Run(id) => runs::run(self, *id).await,
            Screen::ConfirmResolve(id, verdict) => runs::resolve(self, *id, *verdict).await,
            Screen::Claim { user, person } => plain::claim(self, *user, *person).await,
            Screen::Languages => Ok(plain::languages(self)),
            Screen::Help => Ok(plain::help(self)),
        }
    }
}

/// Says that something is not there (any more). `what`: `release`, `run`, `service`, `host` or `claim`.
fn missing(pen: &Pen<'_>, what: &str, number: Option<i64>) -> Drawn {
    let html = pen.html("missing", facts! { what => what, number => number });
    let buttons = if pen.in_group() { Vec::new() } else { vec![vec![pen.menu()]] };
    Drawn { text: Text { html, buttons }, about: None }
}

#[cfg(test)]
mod tests;
