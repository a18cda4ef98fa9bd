//! The redactor: the one thing that knows all secrets, and stands before everything that people can read. It hides a
//! secret whatever its characters are spelled as (`readings`) and as a whole that is encoded (`spellings`), also where a line break, a
//! colour or what cannot be seen stands within it (`folded`), and RMM's own tokens (`tokens`).
//!
//! It works on bytes as they come. A piece may end in the middle of a secret, so what could be the beginning of one is
//! held back until the next piece shows what it was. It hides what is printed by accident; nothing hides a secret from
//! a command that means to print it.

mod folded;
mod names;
mod readings;
mod spellings;
mod tokens;

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use secrecy::{ExposeSecret, SecretBox, SecretString};

use self::folded::{Folded, Without};
use self::tokens::Spelling;
use crate::domain::finding::{Finding, Found};
use crate::domain::reason::Reason;
use crate::wording::english_found;

/// What stands where a secret was.
pub const HIDDEN: &str = "•••";

/// Shorter values would hide half of every log; `rmm check` warns about them.
const MIN_SECRET_BYTES: usize = 4;
/// Up to so many lines of a secret are spelled each by itself, too.
const FEW_LINES: usize = 8;
/// Bytes of all spellings together for which a table of every character's next state is kept.
const LARGEST_TABLE: usize = 16 << 10;
/// Longer ones are keys, and those are no text that programs escape.
const LONGEST_READ: usize = 1024;
/// So much is held back at most for what cannot be seen within a secret.
const MOST_UNSEEN: usize = 16 << 10;

/// Hides known secrets.
pub struct Redactor {
    /// What `tokens` begin with, then `patterns`.
    matcher: Option<AhoCorasick>,
    tokens: Vec<Spelling>,
    /// Every secret as it is and as a whole that is encoded, without line breaks; in order.
    patterns: Vec<SecretBox<[u8]>>,
    /// Those whose characters are read.
    read: Vec<SecretBox<[u8]>>,
    /// Bytes with which one of `read` can begin.
    beginnings: Box<[bool; 256]>,
    longest: usize,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new(std::iter::empty())
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("patterns", &self.patterns.len()).finish()
    }
}

impl Redactor {
    /// A redactor of these secrets. Each line of one that has several is a secret of its own.
    #[must_use]
    pub fn new<'s>(secrets: impl Iterator<Item = &'s SecretString>) -> Self {
        let (mut all, mut read): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
        for secret in secrets {
            let text = secret.expose_secret();
            let lines: Vec<_> = text.lines().map(str::trim).filter(|line| line.len() >= MIN_SECRET_BYTES).collect();
            all.extend(lines.iter().map(|line| line.as_bytes().to_vec()));
            // A file of a few lines holds several secrets, one of many is a key.
            let apart = lines.into_iter().take_while(|_| text.lines().count() <= FEW_LINES);
            let whole = Some(text.trim()).filter(|text| text.len() >= MIN_SECRET_BYTES);
            for secret in apart.chain(whole) {
                all.extend(spellings::of(secret));
                all.push(secret.as_bytes().to_vec());
                read.push(secret.as_bytes().to_vec());
                read.push(DecomposingNormalizerBorrowed::new_nfd().normalize(secret).into_owned().into_bytes());
                read.push(ComposingNormalizerBorrowed::new_nfc().normalize(secret).into_owned().into_bytes());
            }
        }
        let [all, read] = [all, read].map(without_breaks);
        let read: Vec<_> = read.into_iter().filter(|secret| secret.len() <= LONGEST_READ).collect();
        let beginnings = Box::new(std::array::from_fn(|byte| {
            u8::try_from(byte).is_ok_and(|byte| read.iter().any(|secret| readings::could_begin(secret, byte)))
        }));
        let longest_read = read.iter().map(Vec::len).max().unwrap_or(0) * readings::LONGEST_SPELLING;
        let length: usize = all.iter().map(Vec::len).sum();
        let tokens = Spelling::all();
        let matcher = AhoCorasick::builder()
            // A table of few long keys would take tens of megabytes.
            .kind((length > LARGEST_TABLE).then_some(AhoCorasickKind::ContiguousNFA))
            .build(tokens.iter().map(|token| token.beginning.as_slice()).chain(all.iter().map(Vec::as_slice)));
        let token = tokens.iter().map(|token| token.length).max().unwrap_or(0);
        Self {
            matcher: matcher.ok(),
            tokens,
            longest: all.iter().map(Vec::len).max().unwrap_or(0).max(token).max(longest_read),
            patterns: all.into_iter().map(|pattern| SecretBox::new(pattern.into_boxed_slice())).collect(),
            read: read.into_iter().map(|secret| SecretBox::new(secret.into_boxed_slice())).collect(),
            beginnings,
        }
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let hidden = hide(text.as_bytes(), &self.everywhere(text.as_bytes()).0);
        String::from_utf8(hidden).unwrap_or_else(|_| HIDDEN.to_owned())
    }

    /// The reason without secrets.
    #[must_use]
    pub fn reason(&self, reason: &Reason) -> Reason {
        reason.map_text(&|text| self.text(text))
    }

    /// Takes secrets out of what was found. Where there is one, the sentence stays without the facts.
    pub fn hide_in(&self, finding: &mut Finding) {
        let sentence = english_found(&finding.found);
        let facts = serde_json::to_string(&finding.found).unwrap_or_default();
        let hidden = self.text(&sentence);
        if hidden != sentence || self.text(&facts) != facts {
            finding.found = Found::Told(hidden);
        }
    }

    /// The bytes without secrets, and how many at the end are held back because a secret could begin there, or a
    /// character is not complete yet.
    #[must_use]
    pub fn piece(&self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let (secrets, foldings) = self.everywhere(bytes);
        let held = foldings.iter().map(|folded| self.held_back(folded, &secrets, bytes.len())).max().unwrap_or(0);
        let held = held.max(unfinished_character(bytes));
        (hide(&bytes[..bytes.len() - held], &secrets), held)
    }

    /// The bytes without secrets, when no more will come.
    #[must_use]
    pub fn last(&self, bytes: &[u8]) -> Vec<u8> {
        hide(bytes, &self.everywhere(bytes).0)
    }

    /// Where the secrets are; those that overlap are one. A secret may stand in a sequence of a terminal, too, so where there is
    /// something that cannot be seen, the text is read with it and without.
    fn everywhere(&self, bytes: &[u8]) -> (Vec<Range<usize>>, Vec<Folded>) {
        let mut foldings = vec![Folded::new(bytes, Without::Breaks)];
        if folded::has_unseen(bytes) {
            foldings.push(Folded::new(bytes, Without::Unseen));
        }
        let mut found: Vec<_> = foldings.iter().flat_map(|folded| self.secrets(folded)).collect();
        found.sort_by_key(|range| range.start);
        found.dedup_by(|next, before| {
            let overlaps = next.start < before.end;
            if overlaps {
                before.end = before.end.max(next.end);
            }
            overlaps
        });
        (found, foldings)
    }

    fn secrets(&self, folded: &Folded) -> Vec<Range<usize>> {
        let Some(matcher) = &self.matcher else { return Vec::new() };
        let mut found: Vec<Range<usize>> = Vec::new();
        for one in matcher.find_overlapping_iter(&folded.text) {
            let token = self.tokens.get(one.pattern().as_usize());
            let length = token.map_or(one.len(), |token| token.length);
            let is_one = token.is_none_or(|token| token.is_whole(&folded.text[one.start()..]));
            if is_one && folded.counts(one.start(), length) {
                found.push(folded.at[one.start()]..folded.at[one.start() + length - 1] + 1);
            }
        }
        for start in 0..folded.text.len() {
            for (_, read) in self.read_at(folded, start) {
                if let readings::Found::Whole(length) = read
                    && folded.counts(start, length)
                {
                    found.push(folded.at[start]..folded.at[start + length - 1] + 1);
                }
            }
        }
        found
    }

    /// The longest end in which a secret may begin. One that is found already is held back as a whole when another
    /// could begin within it, unless it has no end.
    fn held_back(&self, folded: &Folded, secrets: &[Range<usize>], length: usize) -> usize {
        let text = &folded.text;
        let from = text.len().saturating_sub(self.longest.saturating_sub(1));
        let Some(start) = (from..text.len()).find(|&start| self.begins(folded, start)).map(|start| folded.at[start])
        else {
            return 0;
        };
        let within = secrets.iter().find(|secret| secret.contains(&start));
        let start =
            within.map_or(start, |secret| if secret.len() > 2 * self.longest { secret.end } else { secret.start });
        let held = length - start;
        if held > 3 * self.longest + MOST_UNSEEN { 0 } else { held }
    }

    /// The secrets that could stand there, by their characters: how long each is, and what of it is there.
    fn read_at<'r>(
        &'r self,
        folded: &'r Folded,
        start: usize,
    ) -> impl Iterator<Item = (usize, readings::Found)> + use<'r> {
        let (tail, first) = (&folded.text[start..], folded.text[start]);
        let could_be = self.beginnings[usize::from(first)];
        let secrets = self.read.iter().map(ExposeSecret::expose_secret).take_while(move |_| could_be);
        let secrets = secrets.filter(move |secret| readings::could_begin(secret, first));
        secrets.map(move |secret| (secret.len(), readings::read(secret, tail)))
    }

    fn begins(&self, folded: &Folded, start: usize) -> bool {
        let tail = &folded.text[start..];
        let token = self.tokens.iter().any(|token| token.is_begun(tail));
        let first = self.patterns.partition_point(|pattern| pattern.expose_secret() <= tail);
        let longer = self.patterns[first..].iter().map(ExposeSecret::expose_secret);
        let mut lengths = longer.take_while(|pattern| pattern.starts_with(tail)).map(<[u8]>::len);
        (token && folded.may_count(start, self.longest))
            || lengths.any(|length| folded.may_count(start, length))
            || self
                .read_at(folded, start)
                .any(|(length, read)| read == readings::Found::Begun && folded.may_count(start, length))
    }
}

/// The patterns without line breaks, each once and in order; none that is too short.
fn without_breaks(mut patterns: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for pattern in &mut patterns {
        pattern.retain(|byte| !is_break(*byte));
    }
    patterns.retain(|pattern| pattern.len() >= MIN_SECRET_BYTES);
    patterns.sort();
    patterns.dedup();
    patterns
}

const fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// These bytes with something else where a secret is, or begins.
fn hide(bytes: &[u8], secrets: &[Range<usize>]) -> Vec<u8> {
    let (mut shown, mut from) = (Vec::with_capacity(bytes.len()), 0);
    for secret in secrets.iter().filter(|secret| secret.start < bytes.len()) {
        shown.extend_from_slice(&bytes[from..secret.start]);
        shown.extend_from_slice(HIDDEN.as_bytes());
        from = secret.end.min(bytes.len());
    }
    shown.extend_from_slice(&bytes[from..]);
    shown
}

/// How many bytes at the end begin a UTF-8 character that more bytes could complete.
fn unfinished_character(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(lead) = tail.iter().rposition(|byte| byte & 0xC0 != 0x80) else { return 0 };
    let length = match tail[lead] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    if tail.len() - lead < length { tail.len() - lead } else { 0 }
}

#[cfg(test)]
mod tests;
