//! What is wrong with a configuration, told so that it can be put right: the line, the key, the fault, a hint.
//!
//! Knows nothing of what the keys mean.

use std::fmt;

use crate::domain::fault::config::{ConfigFault, ConfigHint, Unknown};
use crate::domain::finding::Misconfigured;
use crate::domain::ids::ServiceName;
use crate::domain::text::meant;
use crate::wording::{Language, russian_plural};

/// A place in the text of the configuration, counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column of its first character.
    pub column: usize,
}

/// One thing that is wrong, or (among the warnings) questionable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as the operator named it, or `environment` for an override by an environment variable.
    pub file: String,
    /// The service whose definition in the dashboard it is in, and not in the file.
    pub service: Option<ServiceName>,
    /// Where in the file; `None` where no line is to blame.
    pub position: Option<Position>,
    /// The path of the key (`services[0].approvals.minimum`) or the environment variable; empty for a syntax error.
    pub key: String,
    /// What is wrong and what would be right.
    pub fault: ConfigFault,
    /// What to do, where that is not obvious.
    pub hint: Option<ConfigHint>,
    /// The offending line; `None` where the line holds what must not be printed.
    pub excerpt: Option<Excerpt>,
    /// It is a secret that this process cannot look up. RMM itself may have it.
    pub is_unset: bool,
}

/// The offending line and how many of its characters, from [`Position::column`] on, are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line without its end.
    pub line: String,
    /// Characters to underline; at least 1.
    pub width: usize,
}

impl Problem {
    /// Several lines without a trailing line break: `file:line:column: key: sentence` (of the dashboard: the service, and its
    /// line), the excerpt, the hint.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        language.misconfigured(&self.into())
    }
}

impl From<&Problem> for Misconfigured {
    fn from(problem: &Problem) -> Self {
        let Problem { file, service, position, key, fault, hint, excerpt, is_unset: _ } = problem;
        let excerpt = position.zip(excerpt.as_ref()).map(|(Position { line, column }, excerpt)| {
            // Tabs are kept, so that the caret stands under its character whatever the width of a tab is.
            let margin: String =
                excerpt.line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            format!("{line:>5} | {}\n      | {margin}{}", excerpt.line, "^".repeat(excerpt.width))
        });
        Self {
            file: file.clone(),
            service: service.clone(),
            position: position.map(|Position { line, column }| (line, column)),
            key: key.clone(),
            fault: fault.clone(),
            hint: hint.clone(),
            excerpt,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Language::En))
    }
}

/// Everything that is wrong with a configuration, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl ConfigErrors {
    /// All of them, and how many there are.
    #[must_use]
    pub fn told(&self, language: Language) -> String {
        let mut told: String = self.0.iter().map(|problem| problem.told(language) + "\n").collect();
        let count = self.0.len();
        told.push_str(&match language {
            Language::En if count == 1 => "1 error in the configuration".to_owned(),
            Language::En => format!("{count} errors in the configuration"),
            Language::Ru => {
                format!("в конфигурации {count} {}", russian_plural(count as u64, "ошибка", "ошибки", "ошибок"))
            }
        });
        told
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(Language::En))
    }
}

impl std::error::Error for ConfigErrors {}

/// What is not known, and what was probably meant or, where nothing comes close, what there is.
pub(super) fn unknown<'k>(what: Unknown, given: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> ConfigFault {
    // `proxy_jump` is a `jump`, too.
    let part = || known.clone().into_iter().find(|name| given.split('_').any(|part| part == *name));
    let near = meant(given, known.clone()).or_else(part).map(str::to_owned);
    ConfigFault::Unknown { what, near, known: known.into_iter().map(str::to_owned).collect() }
}

/// A name that is not in one of the lists of the file, and what was probably meant.
pub(super) fn not_among<'k>(list: &str, given: &str, known: impl IntoIterator<Item = &'k str>) -> ConfigFault {
    let near = meant(given, known).map(str::to_owned);
    ConfigFault::NotAmong { name: given.to_owned(), list: list.to_owned(), near }
}
