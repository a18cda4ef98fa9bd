//! Collects what is wrong while the text is read, and finds line and column for it.

use std::cell::RefCell;
use std::ops::Range;

use super::document::Document;
use super::error::{ConfigErrors, Excerpt, Position, Problem};
use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::domain::web_address::{login, web_address};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The path of its key, or the environment variable.
    pub path: String,
    pub spot: Spot,
}

/// What of the outside a problem points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// Bytes of the text.
    Text(Range<usize>),
    /// The text as a whole: no line is to blame.
    File,
    /// An environment variable.
    Environment,
}

impl Origin {
    /// The place of a key inside of this one that is not in the text.
    pub fn inside(&self, key: &str) -> Self {
        Self { path: join(&self.path, key), spot: self.spot.clone() }
    }
}

/// `path.key`, with the key quoted where TOML would need it.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Located<T> {
    pub value: T,
    pub place: Origin,
}

/// The text that is read, and what was found wrong with it so far.
pub(super) struct Report<'t> {
    document: &'t Document,
    errors: RefCell<Vec<Problem>>,
    collisions: RefCell<Vec<Problem>>,
    unset: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// The number of the text, and first and last line in it, of what must not be printed.
    hidden: RefCell<Vec<(usize, usize, usize)>>,
}

impl<'t> Report<'t> {
    pub fn new(document: &'t Document) -> Self {
        let (errors, collisions, unset) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { document, errors, collisions, unset, warnings: RefCell::default(), hidden: RefCell::default() }
    }

    /// Whether a place is in the definition of a service in the dashboard.
    pub fn is_of_dashboard(&self, place: &Origin) -> bool {
        let Spot::Text(span) = &place.spot else { return false };
        self.document.part(span.start).1.service.is_some()
    }

    /// Whether something is wrong with what is written at a place.
    pub fn is_wrong(&self, place: &Origin) -> bool {
        let here = self.problem(place, ConfigFault::EmptyKey, None);
        self.errors.borrow().iter().any(|known| known.key == here.key && known.position == here.position)
    }

    /// Says that the text is no TOML.
    pub fn not_toml(&self, error: &toml::de::Error) {
        if let Some(line) = error.span().and_then(|span| line_with_secret(&self.document.text, span)) {
            self.hide(&line);
        }
        let spot = error.span().map_or(Spot::File, Spot::Text);
        self.error(&Origin { path: String::new(), spot }, ConfigFault::NotToml { said: error.message().to_owned() });
    }

    /// The text between two bytes, as the operator wrote it.
    pub fn source(&self, span: &Range<usize>) -> &'t str {
        self.document.text.get(span.clone()).unwrap_or_default()
    }

    /// No problem prints the lines of this span, whatever it is about.
    pub fn hide(&self, span: &Range<usize>) {
        let (number, _, lies) = self.document.part(span.start);
        let text = &self.document.text;
        let line = |at: usize| {
            let end = text.floor_char_boundary(at).max(lies.start);
            text[lies.start..end].matches('\n').count() + 1
        };
        self.hidden.borrow_mut().push((number, line(span.start), line(span.end)));
    }

    pub fn error(&self, place: &Origin, fault: impl Into<ConfigFault>) {
        self.add_error(self.problem(place, fault.into(), None));
    }

    pub fn error_hint(&self, place: &Origin, fault: impl Into<ConfigFault>, hint: ConfigHint) {
        self.add_error(self.problem(place, fault.into(), Some(hint)));
    }

    /// An error whose line must not be printed, because it holds a secret.
    pub fn error_unseen(&self, place: &Origin, fault: impl Into<ConfigFault>, hint: ConfigHint) {
        self.add_error(Problem { excerpt: None, ..self.problem(place, fault.into(), Some(hint)) });
    }

    /// Whether this is an address of the web. One with a password is refused without being shown.
    pub fn is_web_address(&self, text: &Located<String>, address: &str, hint: ConfigHint) -> bool {
        if login(&text.value).is_some() {
            self.error_unseen(&text.place, ConfigFault::NoLoginInAddress, hint);
        } else if let Err(invalid) = web_address("", address) {
            self.error(&text.place, invalid.rule);
        } else {
            return true;
        }
        false
    }

    /// Two things in one place: an error of `rmm check`, and no reason for a running RMM to stop.
    pub fn collision(&self, place: &Origin, fault: ConfigFault, hint: ConfigHint) {
        let collision = self.problem(place, fault, Some(hint));
        let mut collisions = self.collisions.borrow_mut();
        if !collisions.contains(&collision) {
            collisions.push(collision);
        }
    }

    /// A secret that this process cannot look up; RMM itself may have it.
    pub fn unset(&self, place: &Origin, fault: ConfigFault) {
        let problem = Problem { is_unset: true, ..self.problem(place, fault, None) };
        let mut unset = self.unset.borrow_mut();
        if !unset.contains(&problem) {
            unset.push(problem);
        }
    }

    pub fn warn(&self, place: &Origin, fault: ConfigFault) {
        let warning = self.problem(place, fault, None);
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// The collisions, what could not be looked up and the warnings, or the errors if there is any; all in the order of the
    /// file.
    pub fn finish(self) -> Result<[Vec<Problem>; 3], ConfigErrors> {
        let hidden = self.hidden.into_inner();
        let in_order = |mut problems: Vec<Problem>| {
            let number = |problem: &Problem| self.document.number(problem.service.as_ref());
            problems.sort_by_key(|problem| (number(problem), problem.position));
            for problem in &mut problems {
                let (number, line) = (number(problem), problem.position.map_or(0, |position| position.line));
                if hidden.iter().any(|&(of, first, last)| of == number && (first..=last).contains(&line)) {
                    problem.excerpt = None;
                }
            }
            problems
        };
        let (mut errors, collisions) = (self.errors.into_inner(), self.collisions.into_inner());
        if errors.is_empty() {
            return Ok([collisions, self.unset.into_inner(), self.warnings.into_inner()].map(in_order));
        }
        errors.extend(self.unset.into_inner());
        errors.extend(collisions);
        Err(ConfigErrors(in_order(errors)))
    }

    /// A value that both environments inherit is checked once for each, and told about once.
    fn add_error(&self, problem: Problem) {
        let mut errors = self.errors.borrow_mut();
        if !errors.contains(&problem) {
            errors.push(problem);
        }
    }

    fn problem(&self, place: &Origin, fault: ConfigFault, hint: Option<ConfigHint>) -> Problem {
        let (part, located) = match &place.spot {
            Spot::Text(span) => {
                let (_, part, lies) = self.document.part(span.start);
                let within = span.start - lies.start..span.end.saturating_sub(lies.start);
                (part, Some(locate(&self.document.text[lies], &within)))
            }
            Spot::File | Spot::Environment => (self.document.first(), None),
        };
        let file = if place.spot == Spot::Environment { "environment".into() } else { part.name.clone() };
        let service = part.service.clone().filter(|_| place.spot != Spot::Environment);
        // In the dashboard there is one service, and no counting.
        let key = match place.path.strip_prefix("services[").and_then(|rest| rest.split_once(']')) {
            Some((_, rest)) if service.is_some() => format!("services{rest}"),
            Some(_) | None => place.path.clone(),
        };
        let (position, excerpt) = located.unzip();
        Problem { file, service, position, key, fault, hint, excerpt, is_unset: false }
    }
}

/// The place of a syntax error, if a secret could stand in its line: one without quotes, for example.
fn line_with_secret(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let at = text.floor_char_boundary(span.start);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].split('\n').next().unwrap_or_default().to_lowercase();
    let secret = line.trim_start().starts_with("key")
        || ["password", "passphrase", "key =", "token", "secret"].iter().any(|key| line.contains(key));
    secret.then_some(span)
}

/// Line, column and the line itself; what goes beyond the first line of the span is not underlined.
pub(super) fn locate(text: &str, span: &Range<usize>) -> (Position, Excerpt) {
    let start = text.floor_char_boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let position =
        Position { line: text[..start].matches('\n').count() + 1, column: text[line_start..start].chars().count() + 1 };
    let end = text.floor_char_boundary(span.end).clamp(start, (line_start + line.len()).max(start));
    let width = text[start..end].chars().count().max(1);
    (position, Excerpt { line: line.to_owned(), width })
}
