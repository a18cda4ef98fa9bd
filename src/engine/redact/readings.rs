//! A secret in which each character is spelled in one of the usual ways, whatever the others are: as it is, as its bytes or its number in
//! digits, named, or behind backslashes. Which characters a program spells out is its own affair; here, all mixes are one secret.
//!
//! The text is read, and what it means is compared: no spelling is made beforehand.

use std::collections::BTreeSet;

/// More backslashes before one character are no text within texts any more.
const MOST_BACKSLASHES: usize = 8;
/// The longest spelling of one byte of a secret: a name in a page, which is longer than a number behind the most backslashes.
pub(super) const LONGEST_SPELLING: usize = 20;

/// How a text goes on, compared with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The secret ends before this byte.
    Whole(usize),
    /// It is the beginning of the secret, as far as the text goes.
    Begun,
    /// It is another text.
    No,
}

/// Whether a text that begins with this byte could be the beginning of the secret.
pub(super) fn could_begin(secret: &[u8], first: u8) -> bool {
    secret.first() == Some(&first) || is_spelling(first) || !first.is_ascii()
}

/// What a spelling begins with that is not the character itself.
const fn is_spelling(byte: u8) -> bool {
    matches!(byte, b'%' | b'=' | b'&' | b'\\' | b'+' | b'\'' | b'"' | b'$' | b'^' | b'`')
}

/// Whether the secret stands at the beginning of a text.
pub(super) fn read(secret: &[u8], text: &[u8]) -> Found {
    // Nearly always, this is all that there is to see.
    let same = secret.iter().zip(text).take_while(|(one, other)| one == other && !is_spelling(**other)).count();
    match text.get(same) {
        _ if same == secret.len() => return Found::Whole(same),
        None => return Found::Begun,
        Some(other) if other.is_ascii() && !is_spelling(*other) => return Found::No,
        Some(_) => {}
    }
    let (mut waiting, mut is_begun, mut end) = (BTreeSet::new(), false, None);
    let mut next = Some((same, same));
    // The nearest first, so that none is looked at twice.
    while let Some((of_secret, of_text)) = next {
        if of_secret == secret.len() {
            end = end.max(Some(of_text));
        } else {
            is_begun |= readings(&text[of_text..], &mut |meant, length| {
                if secret[of_secret..].starts_with(meant) {
                    waiting.insert((of_secret + meant.len(), of_text + length));
                }
            });
        }
        next = waiting.pop_first();
    }
    match end {
        Some(end) => Found::Whole(end),
        None if is_begun => Found::Begun,
        None => Found::No,
    }
}

/// Tells what the text begins with, in each way in which it can be read: the bytes that are meant, and how many bytes of the text they take.
/// True: more text could make another reading.
fn readings(text: &[u8], tell: &mut impl FnMut(&[u8], usize)) -> bool {
    let Some(&first) = text.first() else { return true };
    tell(&[first], 1);
    if !first.is_ascii() {
        // A byte of Latin-1.
        character(first.into(), 1, tell);
    }
    match first {
        b'%' => percent(text, tell),
        b'=' => digits(text, "=", 2, 16, |number, length| bytes(number, length, tell)),
        b'&' => reference(text, tell),
        b'\\' => backslash(text, tell),
        b'+' => {
            tell(b" ", 1);
            false
        }
        b'\'' | b'"' | b'$' => doubled(text, tell),
        b'^' | b'`' => before_sign(text, tell),
        _ => false,
    }
}

fn character(number: u32, length: usize, tell: &mut impl FnMut(&[u8], usize)) {
    if let Some(found) = char::from_u32(number) {
        tell(found.encode_utf8(&mut [0; 4]).as_bytes(), length);
    }
}

/// One byte, or the character of Latin-1 with its number.
fn bytes(number: u32, length: usize, tell: &mut impl FnMut(&[u8], usize)) {
    let Ok(byte) = u8::try_from(number) else { return };
    tell(&[byte], length);
    if !byte.is_ascii() {
        character(number, length, tell);
    }
}

/// So many digits behind `before`, as a number, with the length of both. True: there could be more of them.
fn digits(text: &[u8], before: &str, count: usize, radix: u32, tell: impl FnOnce(u32, usize)) -> bool {
    let before = before.as_bytes();
    let Some(rest) = text.strip_prefix(before) else { return before.starts_with(text) };
    let there = rest.iter().take(count).take_while(|byte| char::from(**byte).is_digit(radix)).count();
    if there == count {
        let number =
            std::str::from_utf8(&rest[..count]).ok().and_then(|digits| u32::from_str_radix(digits, radix).ok());
        if let Some(number) = number {
            tell(number, before.len() + count);
        }
        return false;
    }
    there == rest.len()
}

/// In addresses, and in addresses within addresses; and as JavaScript's `escape` does.
fn percent(text: &[u8], tell: &mut impl FnMut(&[u8], usize)) -> bool {
    let one = digits(text, "%", 2, 16, |number, length| {
        bytes(number, length, tell);
        if number == u32::from(b'+') {
            tell(b" ", length);
        }
    });
    let within = digits(text, "%25", 2, 16, |number, length| bytes(number, length, tell));
    one | within | digits(text, "%u", 4, 16, |number, length| character(number, length, tell))
}

/// In pages: `&#39;`, `&#x27;`, `&apos;`.
fn reference(text: &[u8], tell: &mut impl FnMut(&[u8], usize)) -> bool {
    let Some(end) = text.iter().take(LONGEST_SPELLING).position(|byte| *byte == b';') else {
        return text.len() < LONGEST_SPELLING
            && text[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#');
    };
    let name = std::str::from_utf8(&text[1..end]).unwrap_or_default();
    let number = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        },
        None => super::names::of(name).map(u32::from),
    };
    number.into_iter().for_each(|number| character(number, end + 1, tell));
    false
}

/// In texts of programs, JSON and shells, and in such texts within such texts.
fn backslash(text: &[u8], tell: &mut impl FnMut(&[u8], usize)) -> bool {
    let before = text.iter().take_while(|byte| **byte == b'\\').count();
    let mut goes_on = before == text.len() && before < MOST_BACKSLASHES;
    for before in 1..=before.min(MOST_BACKSLASHES) {
        goes_on |= escaped(text, before, tell);
    }
    goes_on
}

/// What stands behind so many backslashes.
fn escaped(text: &[u8], before: usize, tell: &mut impl FnMut(&[u8], usize)) -> bool {
    let rest = &text[before..];
    let Some(&first) = rest.first() else { return false };
    if first.is_ascii_punctuation() || first == b' ' {
        tell(&[first], before + 1);
    }
    match first {
        b'u' => {
            let braced = braced(rest, |number, length| character(number, before + length, tell));
            braced | unit(rest, before, tell)
        }
        b'U' => digits(rest, "U", 8, 16, |number, length| character(number, before + length, tell)),
        b'x' => digits(rest, "x", 2, 16, |number, length| bytes(number, before + length, tell)),
        b'0'..=b'7' => digits(rest, "", 3, 8, |number, length| bytes(number, before + length, tell)),
        _ => false,
    }
}

/// `u{1f389}`
fn braced(rest: &[u8], tell: impl FnOnce(u32, usize)) -> bool {
    let Some(inner) = rest.strip_prefix(b"u{") else { return b"u{".starts_with(rest) };
    let count = inner.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let number = std::str::from_utf8(&inner[..count]).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
    if let (Some(b'}'), Some(number)) = (inner.get(count), number) {
        tell(number, "u{".len() + count + 1);
    }
    count == inner.len()
}

/// `u00e9`, or the two units of a character that takes two.
fn unit(rest: &[u8], before: usize, tell: &mut impl FnMut(&[u8], usize)) -> bool {
    let mut found = None;
    let goes_on = digits(rest, "u", 4, 16, |number, length| found = Some((number, length)));
    let Some((first @ 0xD800..=0xDBFF, length)) = found else {
        found.into_iter().for_each(|(number, length)| character(number, before + length, tell));
        return goes_on;
    };
    let rest = &rest[length..];
    let between = rest.iter().take(before).take_while(|byte| **byte == b'\\').count();
    if between < before {
        return between == rest.len();
    }
    digits(&rest[between..], "u", 4, 16, |second, more| {
        if let 0xDC00..=0xDFFF = second {
            let number = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            character(number, before + length + between + more, tell);
        }
    })
}

/// Doubled, as SQL, YAML and tables do with quotes, and make and Compose with `$`; and as shells close a quote, spell one and open it again.
fn doubled(text: &[u8], tell: &mut impl FnMut(&[u8], usize)) -> bool {
    let mut goes_on = false;
    for (spelled, meant) in [("''", b"'"), (r"'\''", b"'"), (r#"'"'"'"#, b"'"), (r#""""#, b"\""), ("$$", b"$")] {
        if text.starts_with(spelled.as_bytes()) {
            tell(meant, spelled.len());
        }
        goes_on |= text.len() < spelled.len() && spelled.as_bytes().starts_with(text);
    }
    goes_on
}

/// Behind what the shells of Windows put before a sign.
fn before_sign(text: &[u8], tell: &mut impl FnMut(&[u8], usize)) -> bool {
    if let Some(sign) = text.get(1).filter(|sign| sign.is_ascii_punctuation()) {
        tell(&[*sign], 2);
    }
    text.len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(secret: &str, spelled: &str) {
        let text = format!("{spelled} behind it");
        assert_eq!(read(secret.as_bytes(), text.as_bytes()), Found::Whole(spelled.len()), "{spelled}");
        for cut in 1..spelled.len() {
            assert_ne!(read(secret.as_bytes(), &spelled.as_bytes()[..cut]), Found::No, "{spelled}, cut at {cut}");
        }
    }

    #[test]
    fn each_character_is_spelled_in_its_own_way() {
        let secret = "q7+9/k=\u{e9}'\"\\ &\u{1f389}";
        for spelled in [
            secret,
            r#"q7+9%2Fk%3D%C3%A9'"\ &🎉"#,
            r#"q7+9/k\u003d\u00E9\u0027\"\\ \u0026\ud83c\udf89"#,
            r"&#113;7&#x2B;9&#x2f;k&#61;&eacute;&apos;&quot;\ &amp;&#127881;",
            r#"q7\+9\/k\=\xc3\xa9\'\"\\\ \&\u{1f389}"#,
            "q7+9/k=3D=C3=A9'=22=5C=20&=F0=9F=8E=89",
            r#"%71%37%2b9%252Fk%3d%E9%27%22%5c+%26🎉"#,
            r#"q7%2B9/k%3D%u00E9%27%22%5C%20%26🎉"#,
            r#"q7+9/k=\351''""\ &\U0001f389"#,
            r#"q7+9/k=é'\''"\ &\\ud83c\\udf89"#,
            r#"q7+9/k=é'"'"'\\\"\\ &🎉"#,
            r#"q7+9/k^=é`'`"\ ^&🎉"#,
        ] {
            is_read(secret, spelled);
        }
    }

    #[test]
    fn a_dollar_is_doubled_by_make_and_compose() {
        is_read("Sup3r$ecret<1>", "Sup3r$$ecret<1>");
        is_read("Sup3r$ecret<1>", "Sup3r`$ecret^<1^>");
    }

    #[test]
    fn another_text_is_none() {
        for text in ["q7%2b8/k", "q7+9%2", "q7&#43;9", "q7\\u002b9/", "xq7+9/k"] {
            assert!(!matches!(read(b"q7+9/k", text.as_bytes()), Found::Whole(_)), "{text}");
        }
        assert_eq!(read(b"q7+9/k", b"q7+9/l"), Found::No);
        assert_eq!(read(b"q7+9/k", b"q7%2x"), Found::No);
        assert_eq!(read(b"q7+9/k", b"q7%2"), Found::Begun);
    }

    #[test]
    fn many_readings_of_one_text_take_no_time() {
        let (secret, text) = ("'".repeat(250), "'".repeat(4000));
        assert!(matches!(read(secret.as_bytes(), text.as_bytes()), Found::Whole(end) if end >= 250));
        assert_eq!(read(secret.as_bytes(), &b"'".repeat(240)), Found::Begun);
    }
}
