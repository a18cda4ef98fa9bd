//! What the bot says, in the languages that it speaks: templates of messages and short words, built in, each of which
//! the operator can replace by a file of his own.
//!
//! A replacement that does not work is reported and left aside; so is one that fails later. Must not: know the state of
//! anything; the code that draws a screen brings the facts.

/// What a template is told: anything that serde knows, by name.
macro_rules! facts {
    ($($key:ident => $value:expr),* $(,)?) => {
        minijinja::context! { $($key => minijinja::value::Serde(&$value)),* }
    };
}
pub(in crate::bot) use facts;

mod html;
mod load;
#[cfg(test)]
mod samples;
pub mod text;

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value};
use serde::Serialize;

use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::text::is_blank;
use crate::wording::Language;

/// What is wrong with a text that shows nothing: Telegram takes none.
const SAYS_NOTHING: &str = "it says nothing";

/// The words of all languages.
pub struct Words {
    en: Tongue,
    ru: Tongue,
}

/// The words of one language.
struct Tongue {
    /// With the operator's own in the place of the built-in ones.
    own: Sources,
    built_in: Sources,
}

/// Templates by name: of messages (`card`), and of short words (`button.approve`).
struct Sources {
    messages: Environment<'static>,
    phrases: Environment<'static>,
}

/// What every built-in template of every language makes of its samples: language, name, and Telegram's HTML.
#[cfg(debug_assertions)]
#[must_use]
pub fn samples_told() -> Vec<(Language, String, Vec<String>)> {
    let all = [Language::En, Language::Ru].into_iter();
    all.flat_map(|language| load::samples_told(language).into_iter().map(move |(name, told)| (language, name, told)))
        .collect()
}

impl Words {
    /// The built-in words, and those of the operator's that work: `<language>/<template>.j2` and
    /// `<language>/words.toml` in `override_dir`. The others are reported in the log.
    #[must_use]
    pub fn new(override_dir: Option<&Path>) -> Self {
        if let Some(folder) = override_dir.filter(|folder| !folder.is_dir()) {
            tracing::warn!(folder = %folder.display(), "`templates` of [telegram] is no folder; the bot's own texts are used");
        }
        let tongue = |language: Language| {
            let mut own = load::built_in(language);
            if let Some(folder) = override_dir {
                load::replace(&mut own, &folder.join(language.as_str()));
            }
            Tongue { own, built_in: load::built_in(language) }
        };
        Self { en: tongue(Language::En), ru: tongue(Language::Ru) }
    }

    /// A message, in Telegram's HTML. Every value is escaped.
    #[must_use]
    pub fn html(&self, language: Language, template: &str, context: impl Serialize) -> String {
        let context = Value::from(Serde(context));
        #[cfg(test)]
        if language == Language::En {
            samples::note(template, &context);
        }
        let tongue = self.tongue(language);
        message(&tongue.own, template, &context)
            .or_else(|what| {
                tracing::warn!(template, language = language.as_str(), what, "the built-in text is used instead");
                message(&tongue.built_in, template, &context)
            })
            .unwrap_or_else(|what| {
                tracing::error!(template, language = language.as_str(), what, "a text of the bot is broken");
                text::escape(template)
            })
    }

    /// Plain words for a button or a toast: `button.approve`.
    #[must_use]
    pub fn phrase(&self, language: Language, key: &str, context: impl Serialize) -> String {
        let context = Value::from(Serde(context));
        let tongue = self.tongue(language);
        phrase(&tongue.own, key, &context)
            .or_else(|what| {
                tracing::warn!(key, language = language.as_str(), what, "the built-in words are used instead");
                phrase(&tongue.built_in, key, &context)
            })
            .unwrap_or_else(|what| {
                tracing::error!(key, language = language.as_str(), what, "words of the bot are broken");
                key.to_owned()
            })
    }

    /// Words that may not be there.
    #[must_use]
    pub fn maybe(&self, language: Language, key: &str, context: impl Serialize) -> Option<String> {
        let there = self.tongue(language).own.phrases.get_template(key).is_ok();
        there.then(|| self.phrase(language, key, context))
    }

    /// Why something was refused, for a toast: in the operator's own words where there are some. `release`: the one that it is
    /// about, as it is now, where that is known.
    #[must_use]
    pub fn refusal(&self, language: Language, refusal: &Refusal, release: Option<&Release>) -> String {
        let status = release.map(|release| self.phrase(language, &format!("status.{}", release.status.as_str()), ()));
        let context = facts! {
            sentence => language.refusal(&refusal.cause), field => refusal.field(), status => status,
            number => release.map(|release| release.id.0), title => release.map(Release::title),
        };
        self.maybe(language, &format!("refusal.{}", refusal.code.as_str()), context)
            .unwrap_or_else(|| text::plain(&language.refusal(&refusal.cause)))
    }

    /// The ready reasons for a rejection, in the language of the person who rejects.
    #[must_use]
    pub fn reasons(&self, language: Language) -> [String; 3] {
        ["reason.0", "reason.1", "reason.2"].map(|key| self.phrase(language, key, ()))
    }

    /// The ready reasons for going back, in the language of the person who does.
    #[must_use]
    pub fn rollback_reasons(&self, language: Language) -> [String; 3] {
        ["reason.rollback_0", "reason.rollback_1", "reason.rollback_2"].map(|key| self.phrase(language, key, ()))
    }

    /// The ready reasons for taking a release out.
    #[must_use]
    pub fn cancel_reasons(&self, language: Language) -> [String; 3] {
        ["reason.cancel_0", "reason.cancel_1", "reason.cancel_2"].map(|key| self.phrase(language, key, ()))
    }

    /// The commands that people are offered, with what they do.
    #[must_use]
    pub fn commands(&self, language: Language) -> Vec<(String, String)> {
        let described = |name: &&str| self.phrase(language, &format!("command.{name}"), ());
        COMMANDS.iter().map(|name| ((*name).to_owned(), described(name))).collect()
    }

    const fn tongue(&self, language: Language) -> &Tongue {
        match language {
            Language::En => &self.en,
            Language::Ru => &self.ru,
        }
    }
}

#[cfg(test)]
pub(super) use self::html::check as check_html;

/// The commands that people are offered, in this order.
pub const COMMANDS: &[&str] = &[
    "start", "active", "releases", "failed", "status", "rollback", "explain", "lock", "unlock", "hosts", "login",
    "language", "id", "help",
];

fn message(from: &Sources, name: &str, context: &Value) -> Result<String, String> {
    let template = from.messages.get_template(name).map_err(|error| load::told(&error))?;
    let tidy = tidy(&template.render(context.clone()).map_err(|error| load::told(&error))?);
    html::check(&tidy)?;
    Ok(tidy)
}

fn phrase(from: &Sources, key: &str, context: &Value) -> Result<String, String> {
    let template = from.phrases.get_template(key).map_err(|error| load::told(&error))?;
    said(template.render(context.clone()).map_err(|error| load::told(&error))?)
}

/// Telegram takes no button without a word.
fn said(text: String) -> Result<String, String> {
    if is_blank(&text) { Err(SAYS_NOTHING.to_owned()) } else { Ok(text) }
}

/// Without blanks at the ends of lines, and with one empty line where there were several.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !line.is_empty() || lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests;
