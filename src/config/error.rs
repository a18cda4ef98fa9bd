//! What is wrong with a configuration, told so that it can be put right: the line, the key, a sentence, a hint.
//!
//! Knows nothing of what the keys mean.

use std::fmt;

use crate::domain::ids::ServiceName;

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
    pub sentence: String,
    /// What to do, where that is not obvious.
    pub hint: Option<String>,
    /// The offending line; `None` where the line holds what must not be printed.
    pub excerpt: Option<Excerpt>,
}

/// The offending line and how many of its characters, from [`Position::column`] on, are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line without its end.
    pub line: String,
    /// Characters to underline; at least 1.
    pub width: usize,
}

impl fmt::Display for Problem {
    /// Several lines without a trailing line break: `file:line:column: key: sentence` (of the dashboard: the service, and its
    /// line), the excerpt, the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.service, self.position) {
            (None, Some(Position { line, column })) => write!(f, "{}:{line}:{column}", self.file)?,
            (None, None) => f.write_str(&self.file)?,
            (Some(service), Some(Position { line, .. })) => {
                write!(f, "the service {service} as defined in the dashboard, line {line}")?;
            }
            (Some(service), None) => write!(f, "the service {service} as defined in the dashboard")?,
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.sentence)?;
        if let (Some(Position { line, column }), Some(excerpt)) = (self.position, &self.excerpt) {
            // Tabs are kept, so that the caret stands under its character whatever the width of a tab is.
            let margin: String =
                excerpt.line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n{line:>5} | {}\n      | {margin}{}", excerpt.line, "^".repeat(excerpt.width))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n      = hint: {hint}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration, in the order of the file. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 error in the configuration"),
            many => write!(f, "{many} errors in the configuration"),
        }
    }
}

impl std::error::Error for ConfigErrors {}

/// The one of `known` that was probably meant, if any comes close.
pub(super) fn nearest<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = given.to_lowercase();
    let tolerance = given.chars().count() / 3 + 1;
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&given, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= tolerance && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?`` or, where nothing comes close, what there is.
pub(super) fn suggestion<'k>(given: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    // `proxy_jump` is a `jump`, too.
    let part = || known.clone().into_iter().find(|name| given.split('_').any(|part| part == *name));
    if let Some(near) = nearest(given, known.clone()).or_else(part) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
    if all.is_empty() { "nothing is allowed here".into() } else { format!("allowed here: {}", all.join(", ")) }
}
