//! Text for people: what of it can be shown without deceiving them, and which names they would take for each other.

use icu_normalizer::ComposingNormalizerBorrowed;

use super::rule::{Invalid, Rule};

/// Checks free text that people will read: a length in characters, and nothing that is invisible or turns the
/// reading direction (such text can show people something else than what is stored).
///
/// # Errors
/// [`Invalid`] that names the field and the rule.
pub fn readable(field: &str, value: &str, most: usize) -> Result<(), Invalid> {
    if value.chars().count() > most {
        return Err(Invalid::new(field, Rule::AtMost { most }));
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
        return Err(Invalid::new(field, Rule::Visible { found: format!("U+{:04X}", bad as u32) }));
    }
    Ok(())
}

/// As [`readable`], and neither empty nor more than one line.
///
/// # Errors
/// [`Invalid`] that names the field and the rule.
pub fn one_line(field: &str, value: &str, most: usize) -> Result<(), Invalid> {
    if is_blank(value) {
        return Err(Invalid::new(field, Rule::NotEmpty));
    }
    if value.contains(['\n', '\t']) {
        return Err(Invalid::new(field, Rule::OneLine));
    }
    if value.contains(char::REPLACEMENT_CHARACTER) {
        // Two that were cut or spelled wrongly must not become the same one.
        return Err(Invalid::new(field, Rule::Utf8));
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

/// The one of these names that was probably meant: the same but for its case and blanks, or else one that comes close.
#[must_use]
pub fn meant<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let given = folded(given);
    let tolerance = given.chars().count() / 3 + 1;
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&given, &folded(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= tolerance && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
