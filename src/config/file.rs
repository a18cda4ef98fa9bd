//! Walks the tables of the text along the known keys: types, unknown keys, keys of later versions.
//!
//! Every reader answers `None` (or less) after it has reported; it never stops at the first problem. What a value
//! means is the business of its caller.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::unknown;
use super::keys::{Key, Shape};
use super::report::{Located, Origin, Report, Spot, join};
use super::secret::is_reference;
use crate::domain::fault::config::{ConfigFault, ConfigHint, Expected, Needed, Unknown};
use crate::domain::rule::Rule;
use crate::domain::text::meant;

/// A time limit that is shorter ends everything before it has begun.
pub(super) const SHORTEST_LIMIT: Duration = Duration::from_millis(100);

/// No timer of RMM is longer; it keeps sums of durations far from overflow.
const LONGEST_DAYS: u64 = 30;
const LONGEST: Duration = Duration::from_hours(LONGEST_DAYS * 24);

/// One table of the text, with the keys that it may have.
pub(super) struct Section<'a> {
    pub report: &'a Report<'a>,
    pub place: Origin,
    keys: &'static [Key],
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// Reports the keys that are unknown or not in this version.
    pub fn open(report: &'a Report<'a>, place: Origin, keys: &'static [Key], table: &'a DeTable<'a>) -> Self {
        for name in table.keys() {
            let given: &str = name.get_ref();
            let at = Origin { path: join(&place.path, given), spot: Spot::Text(name.span()) };
            match keys.iter().find(|key| key.name == given).map(|key| key.shape) {
                Some(Shape::Later(what)) => report.error(&at, ConfigFault::Later { what }),
                Some(
                    Shape::Value | Shape::Secret | Shape::Section(_) | Shape::List(_) | Shape::Named(_) | Shape::Free,
                ) => {}
                None => {
                    let usable = keys.iter().filter(|key| !matches!(key.shape, Shape::Later(_))).map(|key| key.name);
                    let near = meant(given, usable.clone());
                    let secret = |key: &Key| near == Some(key.name) && matches!(key.shape, Shape::Secret);
                    if let Some(value) = table.get(given).filter(|_| keys.iter().any(secret)) {
                        report.hide(&value.span());
                    }
                    report.error(&at, unknown(Unknown::Key, given, usable));
                }
            }
        }
        Self { report, place, keys, table }
    }

    /// Says that a key that must be there is not.
    pub fn missing(&self, key: &str, why: Needed) {
        self.report.error(&self.place.inside(key), ConfigFault::missing(why));
    }

    /// Whether the key is written, with whatever value.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The place of a key, or of this table where the key is not written.
    pub fn at(&self, key: &str) -> Origin {
        self.value(key).map_or_else(|| self.place.inside(key), |(_, place)| place)
    }

    fn value(&self, key: &str) -> Option<(&'a DeValue<'a>, Origin)> {
        let value = self.table.get(key)?;
        Some((value.get_ref(), Origin { path: join(&self.place.path, key), spot: Spot::Text(value.span()) }))
    }

    fn read<T>(
        &self,
        key: &str,
        expected: Expected,
        take: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Option<Located<T>> {
        let (found, place) = self.value(key)?;
        let value = take(found);
        if value.is_none() {
            self.report.error(&place, wrong_type(expected, found));
        }
        Some(Located { value: value?, place })
    }

    pub fn text(&self, key: &str) -> Option<Located<String>> {
        self.read(key, Expected::Text, |value| value.as_str().map(str::to_owned))
    }

    /// A reference to a secret. A secret itself is refused, and its lines are not printed.
    pub fn reference(&self, key: &str) -> Option<Located<String>> {
        let (found, place) = self.value(key)?;
        let text = found.as_str();
        if let Some(text) = text.filter(|text| is_reference(text)) {
            return Some(Located { value: text.to_owned(), place });
        }
        if let Spot::Text(span) = &place.spot {
            self.report.hide(span);
        }
        let fault = match text {
            Some(_) => ConfigFault::SecretWritten,
            None => wrong_type(Expected::Text, found),
        };
        self.report.error_unseen(&place, fault, ConfigHint::Secret { key: key.to_owned() });
        None
    }

    pub fn flag(&self, key: &str) -> Option<Located<bool>> {
        self.read(key, Expected::Flag, DeValue::as_bool)
    }

    /// A whole number within limits.
    pub fn number(&self, key: &str, limits: RangeInclusive<i64>) -> Option<Located<i64>> {
        let digits = self.read(key, Expected::WholeNumber, DeValue::as_integer)?;
        match i64::from_str_radix(digits.value.as_str(), digits.value.radix()) {
            Ok(value) if limits.contains(&value) => Some(Located { value, place: digits.place }),
            Ok(_) | Err(_) => {
                let (least, most) = limits.into_inner();
                let fault =
                    if most == i64::MAX { Rule::AtLeast { least }.into() } else { ConfigFault::FromTo { least, most } };
                self.report.error(&digits.place, fault);
                None
            }
        }
    }

    /// A number from 0 to 1.
    pub fn share(&self, key: &str) -> Option<Located<f64>> {
        let text = self.read(key, Expected::Share, |value| {
            let whole = || value.as_integer().map(|digits| digits.as_str().to_owned());
            value.as_float().map(|digits| digits.as_str().to_owned()).or_else(whole)
        })?;
        let share = text.value.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            self.report.error(&text.place, ConfigFault::FromTo { least: 0, most: 1 });
        }
        Some(Located { value: share?, place: text.place })
    }

    /// A duration such as `"1h 30m"`; `least` is the shortest that makes sense.
    pub fn duration(&self, key: &str, least: Duration) -> Option<Located<Duration>> {
        let text = self.read(key, Expected::Duration, DeValue::as_str)?;
        let parsed = text.value.parse::<jiff::SignedDuration>().ok().map(Duration::try_from);
        match parsed {
            Some(Ok(value)) if (least..=LONGEST).contains(&value) => Some(Located { value, place: text.place }),
            Some(Ok(value)) if value > LONGEST => {
                self.report.error(&text.place, ConfigFault::MostDays { days: LONGEST_DAYS });
                None
            }
            Some(Ok(value)) if value.is_zero() => {
                self.report.error(&text.place, ConfigFault::NoTime);
                None
            }
            Some(Ok(_)) => {
                let least = crate::domain::duration_text::text(least);
                self.report.error(&text.place, ConfigFault::LeastTime { least });
                None
            }
            Some(Err(_)) => {
                self.report.error(&text.place, ConfigFault::NegativeTime);
                None
            }
            None => {
                self.report.error(&text.place, ConfigFault::NoDuration { text: text.value.to_owned() });
                None
            }
        }
    }

    /// A size such as `"500 MB"`, in bytes; `"0"` is one, too.
    pub fn size(&self, key: &str) -> Option<Located<u64>> {
        let text = self.read(key, Expected::Size, DeValue::as_str)?;
        let value = bytes(text.value);
        if value.is_none() {
            self.report.error(&text.place, ConfigFault::NoSize { text: text.value.to_owned() });
        }
        Some(Located { value: value?, place: text.place })
    }

    /// A string, or a list of strings; never empty where the key is there and nothing was reported.
    pub fn one_or_more(&self, key: &str) -> Option<Vec<Located<String>>> {
        if self.value(key)?.0.as_str().is_some() {
            return Some(vec![self.text(key)?]);
        }
        let (found, place) = self.value(key)?;
        if found.as_array().is_none() {
            self.report.error(&place, wrong_type(Expected::TextOrTexts, found));
            return None;
        }
        let texts = self.texts(key)?;
        if found.as_array().is_some_and(|list| list.is_empty()) {
            self.report.error(&place, ConfigFault::EmptyList);
        }
        Some(texts)
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<Located<T>> {
        let text = self.text(key)?;
        choose(self.report, &text, words)
    }

    /// A list of strings; entries that are none are reported and left out.
    pub fn texts(&self, key: &str) -> Option<Vec<Located<String>>> {
        let list = self.read(key, Expected::Texts, DeValue::as_array)?;
        let entries = list.value.iter().enumerate().filter_map(|(index, entry)| {
            let place = Origin { path: format!("{}[{index}]", list.place.path), spot: Spot::Text(entry.span()) };
            let Some(text) = entry.get_ref().as_str() else {
                self.report.error(&place, wrong_type(Expected::Text, entry.get_ref()));
                return None;
            };
            Some(Located { value: text.to_owned(), place })
        });
        Some(entries.collect())
    }

    /// A table of strings under names that the operator chose.
    pub fn free(&self, key: &str) -> BTreeMap<String, Located<String>> {
        let Some(table) = self.read(key, Expected::Table, DeValue::as_table) else { return BTreeMap::new() };
        let entries = table.value.iter().filter_map(|(name, value)| {
            let place = Origin { path: join(&table.place.path, name.get_ref()), spot: Spot::Text(value.span()) };
            let Some(text) = value.get_ref().as_str() else {
                self.report.error(&place, wrong_type(Expected::QuotedText, value.get_ref()));
                return None;
            };
            Some((name.get_ref().clone().into_owned(), Located { value: text.to_owned(), place }))
        });
        entries.collect()
    }

    /// The table behind a key.
    pub fn section(&self, key: &'static str) -> Option<Section<'a>> {
        let table = self.read(key, Expected::Table, DeValue::as_table)?;
        Some(Section::open(self.report, table.place, self.keys_of(key), table.value))
    }

    /// The tables of `[[key]]`; `None` where there is no list at all.
    pub fn list(&self, key: &'static str) -> Option<Vec<Section<'a>>> {
        let expected = Expected::Tables(unindexed(&join(&self.place.path, key)));
        let list = self.read(key, expected, DeValue::as_array)?;
        let open = |(index, entry): (usize, &'a Spanned<DeValue<'a>>)| {
            let place = Origin { path: format!("{}[{index}]", list.place.path), spot: Spot::Text(entry.span()) };
            let Some(table) = entry.get_ref().as_table() else {
                self.report.error(&place, wrong_type(Expected::Table, entry.get_ref()));
                return None;
            };
            Some(Section::open(self.report, place, self.keys_of(key), table))
        };
        Some(list.value.iter().enumerate().filter_map(open).collect())
    }

    /// The tables behind a key under names that the operator chose, each with the place of its name.
    pub fn named(&self, key: &'static str) -> Vec<(Located<String>, Section<'a>)> {
        let Some(tables) = self.read(key, Expected::Table, DeValue::as_table) else { return Vec::new() };
        let open = |(name, entry): (&'a Spanned<toml::de::DeString<'a>>, &'a Spanned<DeValue<'a>>)| {
            let path = join(&tables.place.path, name.get_ref());
            let place = Origin { path: path.clone(), spot: Spot::Text(entry.span()) };
            let Some(table) = entry.get_ref().as_table() else {
                self.report.error(&place, wrong_type(Expected::Table, entry.get_ref()));
                return None;
            };
            let name = Located {
                value: name.get_ref().clone().into_owned(),
                place: Origin { path, spot: Spot::Text(name.span()) },
            };
            Some((name, Section::open(self.report, place, self.keys_of(key), table)))
        };
        tables.value.iter().filter_map(open).collect()
    }

    fn keys_of(&self, key: &str) -> &'static [Key] {
        match self.keys.iter().find(|known| known.name == key).map(|known| known.shape) {
            Some(Shape::Section(keys) | Shape::List(keys) | Shape::Named(keys)) => keys,
            Some(Shape::Value | Shape::Secret | Shape::Free | Shape::Later(_)) | None => &[],
        }
    }
}

/// One of a few words, or the nearest of them in the error.
pub(super) fn choose<T: Copy>(report: &Report<'_>, text: &Located<String>, words: &[(&str, T)]) -> Option<Located<T>> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
        return Some(Located { value: *value, place: text.place.clone() });
    }
    let near = meant(&text.value, words.iter().map(|(word, _)| *word)).map(str::to_owned);
    let words = words.iter().map(|(word, _)| (*word).to_owned()).collect();
    report.error(&text.place, ConfigFault::Choice { words, near });
    None
}

fn wrong_type(expected: Expected, found: &DeValue<'_>) -> ConfigFault {
    ConfigFault::WrongType { expected, found: found.type_str().to_owned() }
}

/// `services[0].surfaces` → `services.surfaces`, as a header names it.
fn unindexed(path: &str) -> String {
    path.split('.').map(|part| part.split('[').next().unwrap_or(part)).collect::<Vec<_>>().join(".")
}

/// A number and a unit: `500 MB`, `2GB`, `1 GiB`, or `0` alone.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" if number == 0 => 1,
        "b" => 1,
        "kb" | "k" => 1_000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "tb" | "t" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit).filter(|bytes| i64::try_from(*bytes).is_ok())
}
