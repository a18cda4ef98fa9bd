//! The redactor: the one thing that knows all secrets, and stands before everything that people can read. It hides a
//! secret as it is and as programs spell it (`spellings`), also where a line break cuts it in two, and RMM's own tokens.
//!
//! It works on bytes as they come. A piece may end in the middle of a secret, so what could be the beginning of one is
//! held back until the next piece shows what it was. It hides what is printed by accident; nothing hides a secret from
//! a command that means to print it.

mod spellings;

use std::ops::Range;

use aho_corasick::AhoCorasick;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::store::tokens;

use crate::domain::reason::Reason;

/// What stands where a secret was.
pub const HIDDEN: &str = "•••";

/// Shorter values would hide half of every log; `rmm check` warns about them.
const SHORTEST: usize = 4;
/// Shorter ones are no secret where a line break is in the middle of them …
const SHORTEST_IN_LINES: usize = 8;
/// … or so little of them stands before it, so that the end of a line is not waited for without reason.
const LEAST_BEFORE_BREAK: usize = 2;
/// Up to so many lines of a secret are spelled each by itself, too.
const FEW_LINES: usize = 8;
/// Hexadecimal digits behind the beginning of a token.
const TOKEN_DIGITS: usize = 64;

/// Hides known secrets.
pub struct Redactor {
    /// What tokens begin with, then `patterns`.
    matcher: Option<AhoCorasick>,
    /// Every secret in every spelling, without line breaks; in order.
    patterns: Vec<SecretBox<[u8]>>,
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
        let mut all: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let text = secret.expose_secret();
            let lines: Vec<_> = text.lines().map(str::trim).filter(|line| line.len() >= SHORTEST).collect();
            all.extend(lines.iter().map(|line| line.as_bytes().to_vec()));
            // A file of a few lines holds several secrets, one of many is a key.
            let apart = lines.into_iter().take_while(|_| text.lines().count() <= FEW_LINES);
            let whole = Some(text.trim()).filter(|text| text.len() >= SHORTEST);
            all.extend(apart.chain(whole).flat_map(spellings::of));
        }
        for pattern in &mut all {
            pattern.retain(|byte| !is_break(*byte));
        }
        all.retain(|pattern| pattern.len() >= SHORTEST);
        all.sort();
        all.dedup();
        let matcher = AhoCorasick::new(std::iter::once(tokens::PREFIX.as_bytes()).chain(all.iter().map(Vec::as_slice)));
        let token = tokens::PREFIX.len() + TOKEN_DIGITS;
        Self {
            matcher: matcher.ok(),
            longest: all.iter().map(Vec::len).max().unwrap_or(0).max(token),
            patterns: all.into_iter().map(|pattern| SecretBox::new(pattern.into_boxed_slice())).collect(),
        }
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let hidden = hide(text.as_bytes(), &self.secrets(&Folded::new(text.as_bytes())));
        String::from_utf8(hidden).unwrap_or_else(|_| HIDDEN.to_owned())
    }

    /// The reason without secrets.
    #[must_use]
    pub fn reason(&self, reason: &Reason) -> Reason {
        reason.map_text(&|text| self.text(text))
    }

    /// The bytes without secrets, and how many at the end are held back because a secret could begin there, or a
    /// character is not complete yet.
    #[must_use]
    pub fn piece(&self, bytes: &[u8]) -> (Vec<u8>, usize) {
        let folded = Folded::new(bytes);
        let secrets = self.secrets(&folded);
        let held = self.held_back(&folded, &secrets).max(unfinished_character(bytes));
        (hide(&bytes[..bytes.len() - held], &secrets), held)
    }

    /// The bytes without secrets, when no more will come.
    #[must_use]
    pub fn last(&self, bytes: &[u8]) -> Vec<u8> {
        hide(bytes, &self.secrets(&Folded::new(bytes)))
    }

    /// Where the secrets are; those that overlap are one.
    fn secrets(&self, folded: &Folded<'_>) -> Vec<Range<usize>> {
        let Some(matcher) = &self.matcher else { return Vec::new() };
        let mut found: Vec<Range<usize>> = Vec::new();
        for one in matcher.find_overlapping_iter(&folded.text) {
            let is_token = one.pattern().as_usize() == 0;
            let digits = folded.text[one.end()..].iter().take(TOKEN_DIGITS).filter(|byte| is_digit(**byte)).count();
            let end = if is_token { one.end() + TOKEN_DIGITS } else { one.end() };
            if (is_token && digits < TOKEN_DIGITS) || !folded.counts(one.start(), end - one.start()) {
                continue;
            }
            found.push(folded.at[one.start()]..folded.at[end - 1] + 1);
        }
        found.sort_by_key(|range| range.start);
        found.dedup_by(|next, before| {
            let overlaps = next.start < before.end;
            if overlaps {
                before.end = before.end.max(next.end);
            }
            overlaps
        });
        found
    }

    /// The longest end in which a secret may begin. One that is found already is held back as a whole when another
    /// could begin within it, unless it has no end.
    fn held_back(&self, folded: &Folded<'_>, secrets: &[Range<usize>]) -> usize {
        let (text, length) = (&folded.text, folded.bytes.len());
        let from = text.len().saturating_sub(self.longest.saturating_sub(1));
        let Some(start) = (from..text.len()).find(|&start| self.begins(folded, start)).map(|start| folded.at[start])
        else {
            return 0;
        };
        let within = secrets.iter().find(|secret| secret.contains(&start));
        let start =
            within.map_or(start, |secret| if secret.len() > 2 * self.longest { secret.end } else { secret.start });
        length - start
    }

    fn begins(&self, folded: &Folded<'_>, start: usize) -> bool {
        let tail = &folded.text[start..];
        let prefix = tokens::PREFIX.as_bytes();
        let digits = tail.strip_prefix(prefix).filter(|rest| rest.len() < TOKEN_DIGITS);
        let token = if tail.len() < prefix.len() {
            prefix.starts_with(tail)
        } else {
            digits.is_some_and(|digits| digits.iter().all(|byte| is_digit(*byte)))
        };
        let first = self.patterns.partition_point(|pattern| pattern.expose_secret() <= tail);
        let longer = self.patterns[first..].iter().map(ExposeSecret::expose_secret);
        let mut lengths = longer.take_while(|pattern| pattern.starts_with(tail)).map(<[u8]>::len);
        (token && folded.may_count(start, self.longest)) || lengths.any(|length| folded.may_count(start, length))
    }
}

/// Bytes without their line breaks.
struct Folded<'b> {
    bytes: &'b [u8],
    text: Vec<u8>,
    /// Where each byte of `text` is.
    at: Vec<usize>,
}

impl<'b> Folded<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        let (at, text) = bytes.iter().copied().enumerate().filter(|(_, byte)| !is_break(*byte)).unzip();
        Self { bytes, text, at }
    }

    /// Whether what stands there may be a secret: on one line, or long enough on both sides of a break.
    fn counts(&self, start: usize, length: usize) -> bool {
        let unbroken = self.at[start..start + length].windows(2).take_while(|two| two[1] == two[0] + 1).count() + 1;
        unbroken == length || (length >= SHORTEST_IN_LINES && unbroken >= LEAST_BEFORE_BREAK)
    }

    /// The same for one of which only the beginning is there.
    fn may_count(&self, start: usize, length: usize) -> bool {
        let there = self.text.len() - start;
        let ends_line = self.at.last().is_some_and(|last| last + 1 < self.bytes.len());
        let unbroken = self.at[start..].windows(2).take_while(|two| two[1] == two[0] + 1).count() + 1;
        (unbroken == there && !ends_line) || (length >= SHORTEST_IN_LINES && unbroken >= LEAST_BEFORE_BREAK)
    }
}

const fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
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
        assert_eq!(whole, "pw=••• and •••; hunter; ••• •••-lo end hunter2");
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

    #[test]
    fn a_secret_is_hidden_in_every_spelling_wherever_the_pieces_are_cut() {
        use base64::Engine as _;
        use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

        let secret = "s3cr\u{e9}t/\"it's\" $HOME & more?";
        let redactor = redactor(&[secret]);
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut spelled = vec![
            hex.to_uppercase(),
            hex,
            serde_json::to_string(secret).unwrap(),
            serde_json::to_string(secret).unwrap().replace('/', "\\/").replace('\u{e9}', "\\u00e9"),
            "s3cr%C3%A9t%2F%22it%27s%22%20%24HOME%20%26%20more%3F".into(),
            "s3cr%c3%a9t%2f%22it%27s%22+%24HOME+%26+more%3f".into(),
            "s3cr%C3%A9t/%22it's%22%20$HOME%20&%20more?".into(),
            r#"'s3crét/"it'\''s" $HOME & more?'"#.into(),
            r#"'s3crét/"it'"'"'s" $HOME & more?'"#.into(),
            r#"s3crét/\"it\'s\"\ \$HOME\ \&\ more\?"#.into(),
            r#""s3crét/\"it's\" \$HOME & more?""#.into(),
            "s3cr\u{e9}t/&quot;it&#39;s&quot; $HOME &amp; more?".into(),
            "s3cr\u{e9}t/\"it's\"\n $HOME & more?".into(),
        ];
        for before in ["", "u", "us", "usr:"] {
            let text = format!("{before}{secret} behind it");
            spelled.push(BASE64_STANDARD.encode(&text));
            spelled.push(BASE64_URL_SAFE_NO_PAD.encode(&text));
            spelled.push(
                BASE64_STANDARD
                    .encode(&text)
                    .as_bytes()
                    .chunks(20)
                    .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
                    .collect(),
            );
        }
        for spelled in spelled {
            let text = format!("before {spelled} after");
            let whole = String::from_utf8(redactor.last(text.as_bytes())).unwrap();
            assert!(whole.starts_with("before ") && whole.ends_with(" after"), "{whole}");
            assert!(whole.contains(HIDDEN), "{text} is not hidden");
            assert!(!whole.contains("HOME") && !whole.contains("SE9NR"), "{whole}");
            assert_eq!(whole, redactor.text(&text));
            for size in [1, 2, 3, 5, 7, 20, 64] {
                assert_eq!(in_pieces(&redactor, text.as_bytes(), size), whole, "pieces of {size}");
            }
        }
    }

    #[test]
    fn usual_programs_spell_a_secret_in_no_way_that_passes() {
        let secret = "p<a&s>s~'w\"o+r/d`1";
        let redactor = redactor(&[secret, "first one&\nsecond two&\n"]);
        for spelled in [
            // Go, Rails, .NET and others in JSON; JSON in JSON.
            r#"p\u003ca\u0026s\u003es~'w\"o+r/d`1"#,
            r#"p\u003ca\u0026s\u003es~\u0027w\"o+r/d`1"#,
            r#"p\u003Ca\u0026s\u003Es~\u0027w\u0022o\u002Br/d\u00601"#,
            r#"p<a&s>s~'w\\\"o+r/d`1"#,
            // Forms, paths, users of addresses.
            "p%3Ca%26s%3Es%7E%27w%22o%2Br%2Fd%601",
            "p%3Ca&s%3Es~%27w%22o+r%2Fd%601",
            "p%3Ca&s%3Es~'w%22o+r%2Fd%601",
            "p%3ca%26s%3es~%27w%22o%2br%2fd%601",
            // Go and XML in pages.
            "p&lt;a&amp;s&gt;s~&#39;w&#34;o+r/d`1",
            "p&lt;a&amp;s&gt;s~&apos;w&quot;o+r/d`1",
            // SQL and YAML, tables, string literals.
            r#"'p<a&s>s~''w"o+r/d`1'"#,
            r#""p<a&s>s~'w""o+r/d`1""#,
            r#"'p<a&s>s~\'w"o+r/d`1'"#,
            // Dumps.
            "70 3c 61 26 73 3e 73 7e 27 77 22 6f 2b 72 2f 64 60 31",
            "70:3C:61:26:73:3E:73:7E:27:77:22:6F:2B:72:2F:64:60:31",
            r"\x70\x3c\x61\x26\x73\x3e\x73\x7e\x27\x77\x22\x6f\x2b\x72\x2f\x64\x60\x31",
            "0x70, 0x3c, 0x61, 0x26, 0x73, 0x3e, 0x73, 0x7e, 0x27, 0x77, 0x22, 0x6f, 0x2b, 0x72, 0x2f, 0x64, 0x60, 0x31",
            // One line of a secret of several.
            "second%20two%26",
            "c2Vjb25kIHR3byY=",
        ] {
            let shown = redactor.text(&format!("before {spelled} after"));
            let rest = shown.replace(HIDDEN, "");
            assert!(shown.contains(HIDDEN) && rest.len() <= "before '' after".len(), "{spelled}: {shown}");
        }
        // `Authorization: Basic` and a `docker config`: at each of the three places within four characters.
        use base64::Engine as _;
        use base64::prelude::BASE64_STANDARD;
        for user in ["a", "ab", "abc", "deploy"] {
            let shown = redactor.text(&format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{secret}"))));
            let rest = BASE64_STANDARD.encode(format!("{user}:"));
            assert!(shown.contains(HIDDEN) && shown.len() <= format!("Basic {rest}{HIDDEN}").len(), "{shown}");
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        let redactor = redactor(&["hunter22", "a&b c\"d"]);
        let log =
            "GET /a%26b?c=%22d 200 68:75:6e 0x68, 0x75 aHVudGVy hunter2 \\u0026 &amp; a&b c-d deadbeef hunter 22\n";
        assert_eq!(redactor.text(log), log);
    }

    #[test]
    fn tokens_of_rmm_are_hidden_without_being_known() {
        let token = format!("rmm_{}", "0af1".repeat(16));
        let text = format!("a {token} b {} c rmm_{}\n{} d rmm_0af", &token[..67], &token[4..40], &token[40..]);
        let shown = format!("a ••• b {} c ••• d rmm_0af", &token[..67]);
        let redactor = Redactor::default();
        assert_eq!(redactor.text(&text), shown);
        for size in 1..=text.len() {
            assert_eq!(in_pieces(&redactor, text.as_bytes(), size), shown, "pieces of {size}");
        }
    }

    #[test]
    fn lines_are_not_waited_for_without_reason_and_a_secret_without_end_is() {
        let redactor = redactor(&["r00t-secret", "0000"]);
        assert_eq!(redactor.piece(b"the server\n").1, 0);
        assert_eq!(redactor.piece(b"the ser").1, 1);
        assert_eq!(redactor.text("00\n00 r\n00t-secret"), "00\n00 r\n00t-secret");
        let mut pending = Vec::new();
        for _ in 0..1000 {
            pending.extend_from_slice(b"0000000000");
            let (ready, held) = redactor.piece(&pending);
            assert!(!ready.contains(&b'0'));
            pending.drain(..pending.len() - held);
            assert!(pending.len() < 200);
        }
    }

    proptest::proptest! {
        #[test]
        fn cuts_change_nothing(text in "[ab\n\r ]{0,40}", secrets in proptest::collection::vec("[ab]{4,9}", 1..4), size in 1..12_usize) {
            let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
            let redactor = redactor(&secrets);
            let whole = String::from_utf8(redactor.last(text.as_bytes())).unwrap();
            proptest::prop_assert_eq!(in_pieces(&redactor, text.as_bytes(), size), whole);
        }
    }
}
