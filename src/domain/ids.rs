//! Names and numbers of things, each valid by construction.
//!
//! Everything here may have come from outside, so the rules are narrow: what passes cannot be an option to a
//! program, a path that climbs, or text that displays as something else. Quoting is still the job of the code that
//! builds a command.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

/// A value from outside that breaks a rule. The field is named as the caller wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{field}: {rule}")]
pub struct Invalid {
    /// The field of the request or the key of the configuration.
    pub field: String,
    /// The rule, as a sentence that says what would be accepted.
    pub rule: String,
}

impl Invalid {
    /// Names the field and the rule that it breaks.
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into() }
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The number of a release, `#2184`: its key everywhere.
    ReleaseId(i64)
}
number! {
    /// The number of a run.
    RunId(i64)
}
number! {
    /// Counts the changes of one release. A button or a request that carries an older one is out of date.
    Revision(u64)
}
number! {
    /// Which try of a release this is, from 1; `retry` adds one.
    Attempt(u32)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the rule of this name; `field` is what an error calls it.
            ///
            /// # Errors
            /// [`Invalid`] with the rule that is broken.
            pub fn parse(field: &str, value: impl Into<String>) -> Result<Self, Invalid> {
                let value = value.into();
                $check(&value).map_err(|rule| Invalid::new(field, rule))?;
                Ok(Self(value))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(value: String) -> Result<Self, String> {
                $check(&value)?;
                Ok(Self(value))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name! {
    /// The name of a service.
    ServiceName, identifier
}
name! {
    /// The name of one runtime of a service.
    SurfaceName, identifier
}
name! {
    /// The name of a server, or `local`.
    HostName, identifier
}

impl HostName {
    /// The machine that RMM itself runs on.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// Whether it is the machine that RMM itself runs on.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0 == "local"
    }
}

name! {
    /// The name of a human in RMM. Rights never hang on it: see [`crate::domain::person::Person`].
    PersonName, identifier
}
name! {
    /// A git tag.
    Tag, tag
}

impl Tag {
    /// A tag as people and CI systems name it: its full reference name is understood, too.
    ///
    /// # Errors
    /// [`Invalid`] for what git does not allow.
    pub fn given(field: &str, text: &str) -> Result<Self, Invalid> {
        Self::parse(field, text.strip_prefix("refs/tags/").unwrap_or(text))
    }
}
name! {
    /// A full commit id: 40 (SHA-1) or 64 (SHA-256) lowercase hexadecimal digits.
    Commit, commit
}

impl Commit {
    /// The first twelve digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

fn identifier(value: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && value.as_bytes()[0].is_ascii_alphanumeric();
    fits.then_some(()).ok_or_else(|| {
        "must be 1 to 64 of the characters a-z, A-Z, 0-9, '-', '_' and '.', and begin with a letter or digit".into()
    })
}

/// A subset of what git allows (git-check-ref-format(1)) that needs no care anywhere else.
fn tag(value: &str) -> Result<(), String> {
    let alphabet = (1..=128).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'/'))
        && value.as_bytes()[0].is_ascii_alphanumeric();
    if !alphabet {
        return Err("must be 1 to 128 of the characters a-z, A-Z, 0-9, '.', '-', '_', '+' and '/', and begin with a \
                    letter or digit"
            .into());
    }
    let refused = value.contains("..")
        || value.contains("//")
        || value.contains("/.")
        || value.ends_with(['/', '.'])
        || value.split('/').any(|part| part.ends_with(".lock"));
    if refused {
        return Err(
            "must be a tag that git accepts: no '..', '//' or '/.', and no '/', '.' or '.lock' at an end".into()
        );
    }
    Ok(())
}

fn commit(value: &str) -> Result<(), String> {
    let fits = matches!(value.len(), 40 | 64) && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(()).ok_or_else(|| "must be a full commit id: 40 or 64 lowercase hexadecimal digits".into())
}

/// Checks free text that people will read: a length in characters, and nothing that is invisible or turns the
/// reading direction (such text can show people something else than what is stored).
///
/// # Errors
/// [`Invalid`] that names the field and the rule.
pub fn readable(field: &str, value: &str, most: usize) -> Result<(), Invalid> {
    if value.chars().count() > most {
        return Err(Invalid::new(field, format!("must be at most {most} characters long")));
    }
    let mut before = ' ';
    let mut rest = value.chars().peekable();
    let bad = std::iter::from_fn(|| {
        let c = rest.next()?;
        let joins = c == JOINER && is_picture(before) && rest.peek().copied().is_some_and(is_picture);
        before = c;
        Some((c, joins))
    });
    let unreadable = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || deceptive(c);
    if let Some((bad, _)) = bad.into_iter().find(|&(c, joins)| !joins && unreadable(c)) {
        return Err(Invalid::new(
            field,
            format!(
                "must not contain control, invisible or direction-changing characters (found U+{:04X})",
                bad as u32
            ),
        ));
    }
    Ok(())
}

/// As [`readable`], and neither empty nor more than one line.
///
/// # Errors
/// [`Invalid`] that names the field and the rule.
pub fn one_line(field: &str, value: &str, most: usize) -> Result<(), Invalid> {
    if is_blank(value) {
        return Err(Invalid::new(field, "must not be empty"));
    }
    if value.contains(['\n', '\t']) {
        return Err(Invalid::new(field, "must be a single line"));
    }
    if value.contains(char::REPLACEMENT_CHARACTER) {
        // Two that were cut or spelled wrongly must not become the same one.
        return Err(Invalid::new(field, "must be UTF-8: a part of it could not be read (it is U+FFFD now)"));
    }
    readable(field, value, most)
}

/// Text that only decorates (notes, reasons, names that are shown), as it is kept: every script passes, line breaks are
/// `\n`, and what is invisible or turns the reading direction is left out. What is longer than `most` characters ends
/// with `…`. Nothing hangs on such a text, so it is never a reason to lose what it comes with.
#[must_use]
pub fn prose(text: &str, most: usize) -> String {
    let text = text.replace("\r\n", "\n");
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // Between letters of other scripts and between pictures these two make other letters and pictures.
        let within = |c: char| !c.is_ascii() && !c.is_whitespace();
        let joins = matches!(c, JOINER | NON_JOINER) && kept.chars().next_back().is_some_and(within);
        let joins = joins && rest.peek().copied().is_some_and(|next| within(next) && !deceptive(next));
        let looks_the_same = is_selector(c) && kept.chars().next_back().is_none_or(|it| it.is_ascii_alphabetic());
        let is_hidden = (c.is_control() && !matches!(c, '\n' | '\t')) || deceptive(c) || looks_the_same;
        match c {
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => kept.push('\n'),
            // The blank of Braille.
            '\u{2800}' => kept.push(' '),
            _ if is_hidden && !joins => {}
            _ => kept.push(c),
        }
    }
    let kept = kept.trim();
    let mut short: String = kept.chars().take(most).collect();
    if short.len() < kept.len() {
        short.pop();
        short.truncate(short.trim_end().len());
        short.push('…');
    }
    short
}

/// As [`prose`], in one line.
#[must_use]
pub fn prose_line(text: &str, most: usize) -> String {
    let line: Vec<_> = text.split_whitespace().collect();
    let line = prose(&line.join(" "), usize::MAX);
    prose(&line.split_whitespace().collect::<Vec<_>>().join(" "), most)
}

/// Keeps two letters apart that would be joined, as in Persian.
const NON_JOINER: char = '\u{200C}';

/// Makes one picture of two, as in a family or a profession.
const JOINER: char = '\u{200D}';

/// Chooses between the looks of the character before it, where that has several; a letter looks the same.
const fn is_selector(c: char) -> bool {
    matches!(c, '\u{034F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// An emoji, or what changes the looks of one.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{FE0F}' | '\u{2190}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Whether nothing of it would be visible.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || deceptive(c))
}

/// A name as it is compared with others: without blanks around it and with single ones in it, each letter in one spelling and without its case, and
/// letters that look like Latin ones as these. Two names that people could take for each other must not be two.
#[must_use]
pub fn folded(name: &str) -> String {
    let visible: String = name.chars().filter(|c| !deceptive(*c) && !c.is_control() && !is_selector(*c)).collect();
    let small = ComposingNormalizerBorrowed::new_nfkc().normalize(&visible).to_lowercase();
    let words: Vec<_> = small.split_whitespace().collect();
    words.join(" ").chars().map(latin).collect()
}

/// The Latin letter for which people take one of another script (Unicode TR39), large or small.
const fn latin(c: char) -> char {
    match c {
        'а' | 'α' | 'ɑ' => 'a',
        'в' | 'β' => 'b',
        'с' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' => 'e',
        'ɡ' | 'ԍ' => 'g',
        'н' | 'һ' | 'η' => 'h',
        'і' | 'ι' | 'ı' | 'ӏ' => 'i',
        'ј' | 'ϳ' => 'j',
        'к' | 'κ' => 'k',
        'м' | 'μ' => 'm',
        'ո' => 'n',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ү' => 'y',
        'ζ' => 'z',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        _ => c,
    }
}

/// Whether two names are one, see [`folded`].
#[must_use]
pub fn is_same_name(one: &str, other: &str) -> bool {
    let is_plain = |name: &str| name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain(one) && is_plain(other) {
        let words = |name: &str| name.split_ascii_whitespace().map(str::to_ascii_lowercase).collect::<Vec<_>>();
        return words(one) == words(other);
    }
    folded(one) == folded(other)
}

/// Zero-width and bidirectional formatting characters (Unicode TR36, TR39), and letters that look like a blank.
fn deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}

/// The user and the password in an address, if it has some. What stands in an address is seen by many.
#[must_use]
pub fn login(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    rest.split(['/', '?', '#']).next()?.rsplit_once('@').map(|(login, _)| login)
}

/// Checks an address of the web: absolute, `http` or `https`, at most 2,000 characters, with a host and perhaps a port,
/// without a user or a password.
///
/// # Errors
/// [`Invalid`] that names the field and the rule.
pub fn web_address(field: &str, value: &str) -> Result<(), Invalid> {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let plain = value.len() <= 2000
        && value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '`'));
    let Some(rest) = rest.filter(|_| plain) else {
        let rule = "must be an http:// or https:// address of at most 2000 plain ASCII characters";
        return Err(Invalid::new(field, rule));
    };
    if login(value).is_some() {
        return Err(Invalid::new(field, "must not carry a user or a password: many can read it"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if host_and_port(authority).is_none() {
        let rule = "must have a host behind its //, and perhaps a port from 1 to 65535, such as \"https://example.com/\" or \
                    \"http://127.0.0.1:8080/health\"";
        return Err(Invalid::new(field, rule));
    }
    Ok(())
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`: the host without brackets, and the port if there is one.
#[must_use]
pub fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let label = |label: &str| {
            label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) && !label.is_empty()
        };
        let name = host.strip_suffix('.').unwrap_or(host);
        let numbers = name.split('.').filter(|label| label.bytes().all(|b| b.is_ascii_digit())).count();
        let fits = (1..=253).contains(&host.len())
            && host.as_bytes()[0].is_ascii_alphanumeric()
            && name.split('.').all(label)
            // Four numbers are an IPv4 address, or a mistake.
            && (numbers < 4 || name.split('.').count() > numbers || name.parse::<Ipv4Addr>().is_ok());
        fits.then_some((host, port))?
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|port| *port > 0)?)
        }
        Some(_) => return None,
        None => None,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_tags_are_refused() {
        for bad in [
            "",
            "v1;rm -rf /",
            "--upload-pack=x",
            "-v",
            "$(id)",
            "`id`",
            "v1 v2",
            "v1\n",
            "../x",
            "a..b",
            "a//b",
            "a/.b",
            "a/",
            "a.",
            "a.lock",
            "a.lock/b",
            "v1\u{202E}",
            "v\u{200B}1",
            "v1'",
            "v1\"",
            "v1|x",
            "v1&x",
            "v1>x",
            "тег",
            "v1\0",
        ] {
            let refusal = Tag::parse("tag", bad).expect_err(bad);
            assert_eq!(refusal.field, "tag");
        }
        assert!(Tag::parse("tag", "x".repeat(129)).is_err());
    }

    #[test]
    fn usual_tags_pass() {
        for good in ["v1.0.0", "2024.11.5", "v1.0.0-rc.1+build.5", "api/v1.2.3", "release_7"] {
            assert_eq!(Tag::parse("tag", good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn a_tag_may_be_given_by_its_full_name() {
        for given in ["v1", "refs/tags/v1"] {
            assert_eq!(Tag::given("tag", given).unwrap().as_str(), "v1");
        }
        assert!(Tag::given("tag", "refs/tags/").is_err());
    }

    #[test]
    fn commits_are_full_and_lowercase() {
        assert!(Commit::parse("commit", "a".repeat(40)).is_ok());
        assert!(Commit::parse("commit", "0".repeat(64)).is_ok());
        for bad in ["abc", "HEAD", &"A".repeat(40), &"a".repeat(41)] {
            assert!(Commit::parse("commit", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_that_shows_something_else_is_refused() {
        assert!(readable("notes", "emoji 🎉, 👩🏽‍🚒 ❤️‍🔥, Привет, שלום\nsecond line", 100).is_ok());
        for bad in [
            "a\u{202E}b",
            "\u{2800}",
            "\u{200D}",
            "🎉\u{200D}",
            "a\u{200D}🎉",
            "a\u{200B}b",
            "a\u{0007}b",
            "a\u{2066}b",
        ] {
            assert!(readable("notes", bad, 100).is_err());
        }
        assert!(one_line("by", "  ", 10).is_err());
        assert!(one_line("by", "a\nb", 10).is_err());
        let unreadable = one_line("ci_run.id", "run-\u{FFFD}", 10).unwrap_err();
        assert!(unreadable.to_string().contains("UTF-8"), "{unreadable}");
    }

    #[test]
    fn text_that_decorates_is_kept_without_what_deceives() {
        for (given, kept) in [
            ("one\r\ntwo\rthree\n", "one\ntwo\nthree"),
            ("\u{feff}co\u{ad}operate\u{200b}\0\u{7}", "cooperate"),
            ("a\u{202e}b\u{2066}c\u{2028}d\u{85}e", "abc\nd\ne"),
            ("Привет, 世界, हिन्दी, ไทย, አማርኛ, שלום", "Привет, 世界, हिन्दी, ไทย, አማርኛ, שלום"),
            (
                "می\u{200c}خواهم, क\u{94d}\u{200d}ष, 👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
                "می\u{200c}خواهم, क\u{94d}\u{200d}ष, 👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
            ),
            ("a\u{200d}b\u{200c} ж\u{200d}", "ab ж"),
            ("⠓⠊\u{2800}⠞⠓⠑⠗⠑", "⠓⠊ ⠞⠓⠑⠗⠑"),
            (" \u{200b} \n", ""),
        ] {
            assert_eq!(prose(given, 100), kept);
            assert!(kept.is_empty() || kept.contains(['\u{200c}', '\u{200d}']) || readable("x", kept, 100).is_ok());
        }
        assert_eq!(prose("1234567", 7), "1234567");
        assert_eq!(prose("12345678", 7), "123456…");
        assert_eq!(prose("ж".repeat(20_000).as_str(), 10_000).chars().count(), 10_000);
        assert_eq!(prose_line(" Ann\r\n\tB.\u{200b} \u{feff}C. ", 100), "Ann B. C.");
    }

    #[test]
    fn names_that_people_take_for_each_other_are_one() {
        for other in ["p2", "P2", "p2 ", " p2", "\u{a0}p2\n", "\u{ff50}2", "p\u{ad}2", "\u{feff}p2", "p2\u{fe0f}"] {
            assert!(is_same_name("p2", other), "{other:?}");
        }
        assert!(is_same_name("Жанна", " жанна") && is_same_name("e\u{301}va", "ÉVA"));
        // Cyrillic and Greek letters that look like Latin ones.
        assert!(
            is_same_name("deploy-api", "dерlоу-арі") && is_same_name("TOKEN", "ΤΟΚΕN") && is_same_name("Ann", "Аnn")
        );
        assert!(!is_same_name("p2", "p 2") && !is_same_name("p2", "p3"));
        // Blanks and dashes of every width.
        assert!(is_same_name("token one", "token  one") && is_same_name("Ключ  один", "ключ один"));
        for dash in ['\u{2010}', '\u{2011}', '\u{2013}', '\u{2014}', '\u{2212}'] {
            assert!(is_same_name("a-b", &format!("a{dash}b")), "{dash:?}");
        }
        // Plain letters are compared without folding, and come to the same.
        for (one, other) in [("Ann ", " aNN"), ("a_b", "A-b"), ("", " "), ("x{", "X["), ("ann", "ann2")] {
            assert_eq!(is_same_name(one, other), folded(one) == folded(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn only_web_addresses_are_links() {
        assert!(web_address("url", "https://example.com/a?b=c#d").is_ok());
        for bad in ["javascript:alert(1)", "data:text/html,x", "https://a b", "https://a\"onclick=", ""] {
            assert!(web_address("url", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_web_address_has_a_host_and_a_port_that_can_be() {
        for good in [
            "http://127.0.0.1:8080/health",
            "http://a",
            "https://a.b:1?x=me:pw@c",
            "http://[::1]:65535/",
            "http://my_app.#x",
            "http://10.0.0.1.example",
            "http://2130706433/",
        ] {
            assert_eq!(web_address("url", good), Ok(()), "{good}");
        }
        for bad in [
            "http://",
            "https:///health",
            "http://:80/",
            "http://a:99999/",
            "http://a:0/",
            "http://a:/",
            "http://a:8o/",
            "http://[::1/",
            "http://[::1]80",
            "http://::1/",
            "http://a..b/",
            "http://256.1.1.1/",
            "http://-a/",
            "http://u@/",
            "https://me:pw@a.b:1?x",
            "http://me@a/",
            "http://:pw@a",
            "http://a:80:80/",
            "http:// a",
        ] {
            assert!(web_address("url", bad).is_err(), "{bad}");
        }
    }
}
