//! Messages that show no state: to people who are not known (yet), to chats that are not configured, and a question.

use super::pen::asked;
use super::release::act_word;
use crate::bot::Viewer;
use crate::bot::screen::Act;
use crate::bot::words::{Words, facts, text};
use crate::clients::telegram::Text;
use crate::domain::ids::PersonName;
use crate::domain::release::Release;
use crate::wording::Language;

/// Of a name that people give themselves, in characters.
const NAME: usize = 64;

fn letter(html: String) -> Text {
    Text { html, buttons: Vec::new() }
}

/// To an account that the configuration does not know: the number that an admin has to put there.
#[must_use]
pub fn stranger(words: &Words, language: Language, first_name: &str, id: i64) -> Text {
    let first_name = text::shorten(first_name, NAME);
    letter(words.html(language, "stranger", facts! { first_name => first_name, id => id }))
}

/// To an account whose claim to be a person waits for an admin. `asked`: there is one who could be asked.
#[must_use]
pub fn claimed(words: &Words, language: Language, first_name: &str, person: &PersonName, asked: bool) -> Text {
    let first_name = text::shorten(first_name, NAME);
    let facts = facts! { first_name => first_name, person => person.as_str(), asked => asked };
    letter(words.html(language, "claimed", facts))
}

/// To a group that is not configured: what to put into `rmm.toml`.
#[must_use]
pub fn unknown_group(words: &Words, language: Language, chat: i64, topic: Option<i64>) -> Text {
    letter(words.html(language, "group", facts! { id => chat, topic => topic }))
}

/// Asks a person for the reason of a decision, to be answered by a reply. In a group it names them.
#[must_use]
pub fn ask_reason(words: &Words, viewer: &Viewer, release: &Release, act: Act, back_to: Option<&str>) -> Text {
    let facts = facts! { service => release.service.as_str(), title => release.title(), number => release.id.0 };
    let facts = facts! { asked => asked(viewer), release => facts, act => act_word(act), back_to => back_to };
    letter(words.html(viewer.language, "ask_reason", facts))
}
