//! The redactor: the one thing that knows all secrets, and stands before everything that people can read.
//!
//! It works on bytes as they come. A piece may end in the middle of a secret, so what could be the beginning of one is
//! held back until the next piece shows what it was.

use aho_corasick::{AhoCorasick, MatchKind};
use secrecy::{ExposeSecret, SecretString};

/// What stands where a secret was.
pub const HIDDEN: &str = "•••";

/// Shorter values would hide half of every log; `rmm check` warns about them.
const SHORTEST: usize = 4;

/// Hides known secrets.
#[derive(Default)]
pub struct Redactor {
    matcher: Option<AhoCorasick>,
    secrets: Vec<SecretString>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.secrets.len()).finish()
    }
}

impl Redactor {
    /// A redactor of these secrets. Each line of one that has several is a secret of its own.
    #[must_use]
    pub fn new<'s>(secrets: impl Iterator<Item = &'s SecretString>) -> Self {
        let mut all: Vec<String> = Vec::new();
        for secret in secrets {
            let text = secret.expose_secret();
            let parts = std::iter::once(text).chain(text.lines()).map(str::trim_end);
            all.extend(parts.filter(|part| part.len() >= SHORTEST).map(ToOwned::to_owned));
        }
        all.sort();
        all.dedup();
        let matcher = if all.is_empty() {
            None
        } else {
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&all).ok()
        };
        Self { matcher, secrets: all.into_iter().map(SecretString::from).collect() }
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        match &self.matcher {
            Some(matcher) => matcher.replace_all(text, &vec![HIDDEN; self.secrets.len()]),
            None => text.to_owned(),
        }
    }

    /// The bytes without secrets, and how many at the end are held back because a secret could begin there, or a
    /// character is not complete yet.
    #[must_use]
    pub fn piece(&self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let character = unfinished_character(bytes);
        let Some(matcher) = &self.matcher else { return (bytes[..bytes.len() - character].to_vec(), character) };
        let held = self.held_back(matcher, bytes).max(character);
        let ready = &bytes[..bytes.len() - held];
        (matcher.replace_all_bytes(ready, &vec![HIDDEN; self.secrets.len()]), held)
    }

    /// The bytes without secrets, when no more will come.
    #[must_use]
    pub fn last(&self, bytes: &[u8]) -> Vec<u8> {
        match &self.matcher {
            Some(matcher) => matcher.replace_all_bytes(bytes, &vec![HIDDEN; self.secrets.len()]),
            None => bytes.to_vec(),
        }
    }

    /// The longest end of `bytes` in which a secret may begin. Inside a complete secret none begins, but the complete
    /// one may be the beginning of a longer one.
    fn held_back(&self, matcher: &AhoCorasick, bytes: &[u8]) -> usize {
        let begins = |tail: &[u8]| {
            self.secrets.iter().any(|secret| {
                let secret = secret.expose_secret().as_bytes();
                tail.len() < secret.len() && secret.starts_with(tail)
            })
        };
        let longest = self.secrets.iter().map(|s| s.expose_secret().len()).max().unwrap_or(0);
        let last = matcher.find_iter(bytes).last().map_or(0..0, |found| found.range());
        let from = bytes.len().saturating_sub(longest.saturating_sub(1));
        (from..bytes.len())
            .find(|&start| (start >= last.end || start == last.start) && begins(&bytes[start..]))
            .map_or(0, |start| bytes.len() - start)
    }
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
mod tests {
    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let secrets: Vec<_> = secrets.iter().map(|s| SecretString::from((*s).to_owned())).collect();
        Redactor::new(secrets.iter())
    }

    /// Feeds `text` in pieces of `size` bytes.
    fn in_pieces(redactor: &Redactor, text: &[u8], size: usize) -> String {
        let (mut pending, mut out) = (Vec::new(), Vec::new());
        for piece in text.chunks(size) {
            pending.extend_from_slice(piece);
            let (ready, held) = redactor.piece(&pending);
            out.extend(ready);
            pending.drain(..pending.len() - held);
        }
        out.extend(redactor.last(&pending));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_secret_is_hidden_wherever_the_pieces_are_cut() {
        let redactor = redactor(&["hunter22", "hunter22-long", "zzzz"]);
        let text = b"pw=hunter22 and hunter22-long; hunter; zzzzzz hunter22-lo end hunter2";
        let whole = String::from_utf8(redactor.last(text)).expect("text");
        assert_eq!(whole, "pw=••• and •••; hunter; •••zz •••-lo end hunter2");
        for size in 1..=text.len() {
            assert_eq!(in_pieces(&redactor, text, size), whole, "pieces of {size}");
        }
    }

    #[test]
    fn nothing_is_held_back_without_reason() {
        let redactor = redactor(&["hunter22"]);
        assert_eq!(redactor.piece(b"hello\n"), (b"hello\n".to_vec(), 0));
        assert_eq!(redactor.piece(b"a hunt"), (b"a ".to_vec(), 4));
        assert_eq!(Redactor::default().piece(b"a hunt"), (b"a hunt".to_vec(), 0));
    }

    #[test]
    fn a_character_is_not_torn_apart() {
        let text = "a é € 🎉 z".as_bytes();
        for redactor in [Redactor::default(), redactor(&["hunter22"])] {
            for size in 1..=text.len() {
                let mut pending = Vec::new();
                for piece in text.chunks(size) {
                    pending.extend_from_slice(piece);
                    let (ready, held) = redactor.piece(&pending);
                    assert!(std::str::from_utf8(&ready).is_ok());
                    pending.drain(..pending.len() - held);
                }
            }
        }
        // What is no text is not waited for.
        assert_eq!(Redactor::default().piece(&[0xFF, 0x80, 0x80]).1, 0);
    }

    #[test]
    fn short_values_hide_nothing_and_lines_count_each() {
        let redactor = redactor(&["ab", "first line\nsecond line\n"]);
        assert_eq!(redactor.text("ab first line, second line"), "ab •••, •••");
    }
}
