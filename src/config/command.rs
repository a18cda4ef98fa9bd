//! Commands that are written, and other texts that count as written even when they are wrong.

use crate::domain::fault::config::ConfigFault;
use crate::domain::plan::Quoting;
use crate::domain::text::readable;

use super::file::Section;
use super::report::Located;
use super::template;

/// Characters of a command.
const LONGEST_COMMAND: usize = 10_000;

/// A text that counts as written even when it is wrong, so that one mistake is not told as two.
pub(super) fn checked(
    section: &Section<'_>,
    key: &str,
    check: impl FnOnce(&Located<String>),
) -> Option<Located<String>> {
    if !section.has(key) {
        return None;
    }
    let text = section.text(key);
    if let Some(text) = &text {
        check(text);
    }
    Some(text.unwrap_or_else(|| Located { value: String::new(), place: section.at(key) }))
}

/// A command template that people can read and that renders.
pub(super) fn command(section: &Section<'_>, key: &str) -> Option<Located<String>> {
    checked(section, key, |text| {
        if text.value.trim().is_empty() {
            section.report.error(&text.place, ConfigFault::EmptyKey);
        } else if let Err(invalid) = readable(key, &text.value, LONGEST_COMMAND) {
            section.report.error(&text.place, invalid.rule);
        } else {
            template::check(section.report, text, Quoting::Shell);
        }
    })
}
