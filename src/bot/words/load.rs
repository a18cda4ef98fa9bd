//! Reads templates and words: the built-in ones, and the operator's own, each of which is tried before it counts.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value, escape_formatter};

use super::{SAYS_NOTHING, Sources, html, text, tidy};
use crate::domain::cause::Code;
use crate::domain::gate::GateName;
use crate::domain::text::is_blank;
use crate::wording::Language;

/// Of a file, in bytes: more than any message takes.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// Of short words, in characters: a reason may be as long as that.
const MAX_WORD_CHARS: usize = 1000;

macro_rules! messages {
    ($($name:literal),* $(,)?) => {
        const EN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../templates/messages/en/", $name, ".j2")))),*];
        const RU: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../templates/messages/ru/", $name, ".j2")))),*];
    };
}

messages!(
    "menu",
    "card",
    "run_steps",
    "empty",
    "explain",
    "failure",
    "confirm",
    "reasons",
    "versions",
    "service",
    "hosts",
    "host",
    "run",
    "resolve",
    "claim",
    "languages",
    "help",
    "missing",
    "notices",
    "alert",
    "alert_foot",
    "trail",
    "stranger",
    "claimed",
    "group",
    "ask_reason",
);

const WORDS_EN: &str = include_str!("../../../templates/messages/en/words.toml");
const WORDS_RU: &str = include_str!("../../../templates/messages/ru/words.toml");

/// What each template is tried with, a list of facts for each. `RMM_SAMPLES=1 cargo test --lib bot::` writes it anew.
const SAMPLES: &str = include_str!("../../../templates/messages/samples.json");

/// The built-in words of a language.
pub(super) fn built_in(language: Language) -> Sources {
    let (templates, words) = match language {
        Language::En => (EN, WORDS_EN),
        Language::Ru => (RU, WORDS_RU),
    };
    let mut sources = Sources { messages: messages(), phrases: phrases() };
    for (name, source) in templates {
        if let Err(error) = sources.messages.add_template(name, source) {
            tracing::error!(template = name, what = told(&error), "a text of the bot is broken");
        }
    }
    let table = words.parse().unwrap_or_else(|error: toml::de::Error| {
        tracing::error!(language = language.as_str(), %error, "the words of the bot are broken");
        toml::Table::new()
    });
    for (key, value) in flat(&table) {
        if let Some(source) = value.as_str()
            && let Err(error) = sources.phrases.add_template_owned(key.clone(), source.to_owned())
        {
            tracing::error!(key, what = told(&error), "words of the bot are broken");
        }
    }
    sources
}

/// Puts the operator's own files in the place of those of the same name.
pub(super) fn replace(sources: &mut Sources, folder: &Path) {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "the bot's own texts are used: the folder cannot be read");
            return;
        }
    };
    let mut paths: Vec<_> = files.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        let left_aside = |what: &str| {
            tracing::warn!(file = %path.display(), what, "this text is left aside; the built-in one is used instead");
        };
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') {
            continue;
        }
        let content = match read(&path) {
            Ok(content) => content,
            Err(what) => {
                left_aside(&what);
                continue;
            }
        };
        if name == "words.toml" {
            replace_words(sources, &content, &left_aside);
        } else if let Some(template) = name.strip_suffix(".j2") {
            if let Err(what) = replace_message(sources, template, content) {
                left_aside(&what);
            }
        } else {
            left_aside("it is neither words.toml nor a template (.j2)");
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut content = String::new();
    file.take(MAX_FILE_BYTES + 1).read_to_string(&mut content).map_err(|error| error.to_string())?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {} KiB", MAX_FILE_BYTES / 1024));
    }
    Ok(content)
}

fn replace_message(sources: &mut Sources, name: &str, content: String) -> Result<(), String> {
    let Ok(before) = sources.messages.get_template(name).map(|template| template.source().to_owned()) else {
        let known: Vec<_> = EN.iter().map(|(known, _)| *known).collect();
        return Err(format!("the bot has no text of this name; it has {}", known.join(", ")));
    };
    sources.messages.add_template_owned(name.to_owned(), content).map_err(|error| told(&error))?;
    let tried = try_out(&sources.messages, name);
    if tried.is_err() {
        // It was there before, so that it parses.
        let _ = sources.messages.add_template_owned(name.to_owned(), before);
    }
    tried
}

/// Renders a template, and the one that it is a part of, with all samples.
fn try_out(messages: &Environment<'_>, name: &str) -> Result<(), String> {
    let samples: BTreeMap<String, Vec<Value>> = serde_json::from_str(SAMPLES).unwrap_or_default();
    let uses = |template: &str| {
        let part = match name {
            "run_steps" => ["card", "run"],
            "trail" => ["alert_foot", "run"],
            _ => [name, name],
        };
        part.contains(&template)
    };
    for (template, contexts) in samples.iter().filter(|(template, _)| uses(template)) {
        let template = messages.get_template(template).map_err(|error| told(&error))?;
        for context in contexts {
            let rendered = template.render(context.clone()).map_err(|error| told(&error))?;
            html::check(&tidy(&rendered))?;
        }
    }
    Ok(())
}

/// What every built-in template makes of its samples: its name, and Telegram's HTML.
#[cfg(debug_assertions)]
pub(super) fn samples_told(language: Language) -> Vec<(String, Vec<String>)> {
    let (samples, sources): (BTreeMap<String, Vec<Value>>, _) =
        (serde_json::from_str(SAMPLES).unwrap_or_default(), built_in(language));
    let told = |template: &str, context: Value| match sources.messages.get_template(template) {
        Ok(template) => template.render(context).map_or_else(|error| told(&error), |html| tidy(&html)),
        Err(error) => told(&error),
    };
    let all = samples.into_iter();
    all.map(|(name, contexts)| {
        let told = contexts.into_iter().map(|context| told(&name, context)).collect();
        (name, told)
    })
    .collect()
}

/// Renders every template with its samples; each has some.
#[cfg(test)]
pub(super) fn try_all(sources: &Sources) -> Result<(), String> {
    let samples: BTreeMap<String, Vec<Value>> = serde_json::from_str(SAMPLES).map_err(|error| error.to_string())?;
    for (name, _) in EN.iter().filter(|(name, _)| !matches!(*name, "run_steps" | "trail")) {
        if samples.get(*name).is_none_or(Vec::is_empty) {
            return Err(format!("samples.json has nothing for {name}"));
        }
        try_out(&sources.messages, name).map_err(|what| format!("{name}: {what}"))?;
    }
    Ok(())
}

fn replace_words(sources: &mut Sources, content: &str, left_aside: &dyn Fn(&str)) {
    let table: toml::Table = match content.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            let before = error.span().map_or(0, |span| span.start).min(content.len());
            let line = content.as_bytes()[..before].iter().filter(|&&byte| byte == b'\n').count() + 1;
            left_aside(&format!("line {line}: {}", error.message()));
            return;
        }
    };
    for (key, value) in flat(&table) {
        let known = sources.phrases.get_template(&key).is_ok() || is_optional(&key);
        match value.as_str() {
            Some(_) if !known => left_aside(&format!("{key}: the bot has no words of this name")),
            Some(source) if is_blank(source) => left_aside(&format!("{key}: {SAYS_NOTHING}")),
            Some(source) if source.chars().count() > MAX_WORD_CHARS => {
                left_aside(&format!("{key}: must be at most {MAX_WORD_CHARS} characters long"));
            }
            Some(source) => {
                if let Err(error) = sources.phrases.add_template_owned(key.clone(), source.to_owned()) {
                    left_aside(&format!("{key}: {}", told(&error)));
                }
            }
            None => left_aside(&format!("{key}: must be a text in quotes")),
        }
    }
}

/// Words that the bot takes from `wording` where the operator has none of his own.
fn is_optional(key: &str) -> bool {
    let names = |code: &str| Code::ALL.iter().any(|known| known.as_str() == code);
    match key.split_once('.') {
        Some(("refusal", code)) => names(code),
        Some(("unmet", gate)) => GateName::ALL.iter().any(|known| known.as_str() == gate),
        Some(("because", what)) => matches!(what, "cancelled" | "aborted" | "rolled_back" | "first"),
        Some(_) | None => false,
    }
}

/// What is wrong, and in which line.
pub(super) fn told(error: &Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    match error.line() {
        Some(line) => format!("line {line}: {what}"),
        None => what,
    }
}

/// `{ button = { back = "…" } }` as `button.back`.
fn flat(table: &toml::Table) -> Vec<(String, &toml::Value)> {
    let mut all = Vec::new();
    for (key, value) in table {
        match value.as_table() {
            Some(inner) => all.extend(flat(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value))),
            None => all.push((key.clone(), value)),
        }
    }
    all
}

/// For messages: every value becomes one line that is no markup.
fn messages() -> Environment<'static> {
    let mut templates = engine();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.set_formatter(|out, state, value| {
        if value.is_undefined() || value.is_safe() {
            return escape_formatter(out, state, value);
        }
        let text = if value.is_none() { String::new() } else { value.to_string() };
        out.write_str(&text::escape(&text)).map_err(Error::from)
    });
    templates
}

/// For buttons and toasts.
fn phrases() -> Environment<'static> {
    let mut templates = engine();
    templates.set_auto_escape_callback(|_| AutoEscape::None);
    templates.set_formatter(|out, state, value| {
        if value.is_undefined() {
            return escape_formatter(out, state, value);
        }
        let text = if value.is_none() { String::new() } else { value.to_string() };
        out.write_str(&text::plain(&text)).map_err(Error::from)
    });
    templates
}

/// A template cannot read files.
fn engine() -> Environment<'static> {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        templates.set_syntax(syntax);
    }
    templates
}
