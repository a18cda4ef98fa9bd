//! Text in a window: cleaned, measured, cut, wrapped.

/// How many columns text takes. Characters of double width are counted once; a table may stand askew there.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// One line without anything that a terminal would obey: what came from outside is shown, not executed.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // Between letters of other scripts and between pictures these two make other letters and pictures.
        let joins = matches!(c, '\u{200C}' | '\u{200D}')
            && shown.chars().next_back().is_some_and(is_joined)
            && rest.peek().copied().is_some_and(is_joined);
        shown.push(match c {
            '\n' | '\r' | '\t' => ' ',
            c if !joins && (c.is_control() || is_unseen(c)) => '·',
            c => c,
        });
    }
    shown
}

/// As [`clean`], of text whose lines stay.
#[must_use]
pub fn clean_lines(text: &str) -> String {
    text.split('\n').map(|line| clean(line.strip_suffix('\r').unwrap_or(line))).collect::<Vec<_>>().join("\n")
}

/// What a joiner may stand between: a letter beyond ASCII, or a picture.
fn is_joined(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !c.is_control() && !is_unseen(c) && c != '·'
}

/// Takes no place, or turns the reading direction: people would see something else than what is there.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}'
    )
}

/// Output of a program for a terminal: colours that can be read and line ends stay, everything else that moves the
/// cursor, hides what is written, renames the window or worse becomes visible.
#[must_use]
pub fn terminal_safe(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            0x1b => match colour_sequence(&bytes[at..]) {
                Some(length) => {
                    let colours = &bytes[at..at + length];
                    if is_readable(&colours[2..length - 1]) {
                        out.extend_from_slice(colours);
                    }
                    at += length;
                    continue;
                }
                None => out.extend_from_slice("␛".as_bytes()),
            },
            // What follows would be written over the line.
            b'\r' if bytes.get(at + 1).is_some_and(|next| *next != b'\n') => out.extend_from_slice("␍".as_bytes()),
            0x80.. => {
                let (shown, length) = beyond_ascii(&bytes[at..]);
                out.extend_from_slice(shown);
                at += length;
                continue;
            }
            b'\n' | b'\t' | b'\r' | 0x20..=0x7e => out.push(byte),
            0x00..=0x1f | 0x7f => out.extend_from_slice("·".as_bytes()),
        }
        at += 1;
    }
    out
}

/// The length of `ESC [ … m` at the beginning.
fn colour_sequence(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes.strip_prefix(b"\x1b[")?;
    let end = parameters.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'))?;
    (parameters[end] == b'm').then_some(end + 3)
}

/// What stands for the first character, which is none of ASCII, and its length. Bytes that go on where nothing has
/// begun could end what an earlier piece began.
fn beyond_ascii(bytes: &[u8]) -> (&[u8], usize) {
    const DOT: &[u8] = "·".as_bytes();
    let whole = (2..=4).filter_map(|length| bytes.get(..length)).find_map(|some| str::from_utf8(some).ok());
    match whole.and_then(|text| text.chars().next()) {
        Some(c) if c.is_control() || is_unseen(c) => (DOT, c.len_utf8()),
        Some(c) => (&bytes[..c.len_utf8()], c.len_utf8()),
        None if bytes[0] < 0xc0 => (DOT, 1),
        None => (&bytes[..1], 1),
    }
}

/// Whether these parameters leave the text in sight: no background, nothing concealed, no black, no colour of one's own
/// choice.
fn is_readable(parameters: &[u8]) -> bool {
    parameters.split(|byte| *byte == b';').all(|number| {
        let number = std::str::from_utf8(number).unwrap_or_default();
        number.is_empty() || matches!(number.parse::<u16>(), Ok(0..=4 | 9 | 21..=25 | 29 | 31..=37 | 39 | 49 | 90..=97))
    })
}

/// At most `most` columns; what is cut off is shown as `…`.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Lines of at most `most` columns, broken between words; a word that is longer stands alone and whole, so that it
/// can be copied. So does a command in backticks that does not fit behind what is there.
#[must_use]
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in words(paragraph) {
            let fits = line.is_empty() || width(&line) + 1 + width(word) <= most;
            if !fits {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            if word.contains(' ') && (!fits || width(&line) > most) {
                lines.push(std::mem::take(&mut line));
            }
        }
        if !line.is_empty() || paragraph.trim().is_empty() {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// What is not broken: words, and commands in backticks with what stands right behind them.
fn words(paragraph: &str) -> impl Iterator<Item = &str> {
    let mut rest = paragraph.trim();
    std::iter::from_fn(move || {
        let blank = |text: &str| text.find(char::is_whitespace).unwrap_or(text.len());
        let mut end = blank(rest);
        if rest[..end].matches('`').count() % 2 == 1
            && let Some(closed) = rest[end..].find('`')
        {
            end += closed;
            end += blank(&rest[end..]);
        }
        let (word, others) = rest.split_at(end);
        rest = others.trim_start();
        (!word.is_empty()).then_some(word)
    })
}

/// A word as the shell must be given it.
#[must_use]
pub fn shell_word(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "'…'".to_owned(), std::borrow::Cow::into_owned)
}

/// Begins with a capital and ends with a full stop.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = full_stop(text);
    let first = text.split_whitespace().next().unwrap_or_default();
    // A name stays as it is: "web-2: it does not answer".
    if first.ends_with(':') || first.contains(['.', '-', '_', '/']) {
        return text;
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Ends with a full stop; the first word, which may be a name, stays as it is.
#[must_use]
pub fn full_stop(text: &str) -> String {
    let mut out = text.trim().to_owned();
    if !out.is_empty() && !out.ends_with(['.', '!', '?', ':', '…']) {
        out.push('.');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joiners_stay_where_letters_and_pictures_need_them() {
        for text in ["می\u{200C}خواهم", "क्\u{200D}ष", "👩\u{200D}🚒"] {
            assert_eq!(clean(text), text);
        }
        for (text, shown) in
            [("a\u{200D}b", "a·b"), ("\u{200C}م", "·م"), ("م\u{200D}", "م·"), ("م\u{200D}\u{202E}", "م··")]
        {
            assert_eq!(clean(text), shown, "{text:?}");
        }
    }

    #[test]
    fn words_are_kept_whole() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("see https://example.com/very/long now", 10), ["see", "https://example.com/very/long", "now"]);
        assert_eq!(wrap("a\n\nb", 10), ["a", "", "b"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("x", 0), ["x"]);
        // What is to be typed is not broken, and stands alone where it does not fit.
        assert_eq!(wrap("so: `rmm host check prod-1`, then go", 20), ["so:", "`rmm host check prod-1`,", "then go"]);
        assert_eq!(wrap("`rmm host check prod-1`", 9), ["`rmm host check prod-1`"]);
        assert_eq!(wrap("say `a b` now", 20), ["say `a b` now"]);
        assert_eq!(wrap("an odd ` stays", 8), ["an odd `", "stays"]);
    }

    #[test]
    fn cut_text_says_so() {
        assert_eq!(cut("name-authorization", 8), "name-au…");
        assert_eq!(cut("привет", 6), "привет");
        assert_eq!(cut("привет", 3), "пр…");
    }

    #[test]
    fn nothing_from_outside_moves_the_cursor() {
        assert_eq!(clean("a\x1b[2Jb\u{202E}c\nd"), "a·[2Jb·c d");
        assert_eq!(terminal_safe(b"\x1b[1;31mred\x1b[0m\r\n"), b"\x1b[1;31mred\x1b[0m\r\n");
        assert_eq!(terminal_safe(b"\x1b]0;title\x07"), "␛]0;title·".as_bytes());
        assert_eq!(terminal_safe(b"\x1b[2J\x1b[31"), "␛[2J␛[31".as_bytes());
        assert_eq!(terminal_safe(&[0xff, 0xc3, 0xa9]), [0xff, 0xc3, 0xa9]);
        assert_eq!(terminal_safe(b"done\rfail"), "done␍fail".as_bytes());
        assert_eq!(terminal_safe(b"a\xc2\x9b2Jb\x9b2Jc\xc2\xa0"), "a·2Jb·2Jc\u{a0}".as_bytes());
        assert_eq!(terminal_safe("Привет €🎉 Ў".as_bytes()), "Привет €🎉 Ў".as_bytes());
        assert_eq!(terminal_safe(b"\x1b[8mx\x1b[30;40mx\x1b[38;5;16mx\x1b[48:2::0:0:0mx\x1b[mx"), b"xxxx\x1b[mx");
        assert_eq!(clean("a\u{9b}2Jb\u{61c}"), "a·2Jb·");
        // What cannot be seen, also where a piece begins or ends within it.
        let hidden = "a\u{202E}b\u{2066}c\u{200B}d\u{FEFF}e\u{AD}f\u{E0041}g";
        assert_eq!(terminal_safe(hidden.as_bytes()), "a·b·c·d·e·f·g".as_bytes());
        assert_eq!(clean(hidden), "a·b·c·d·e·f·g");
        for cut in 2..4 {
            let pieces = [&hidden.as_bytes()[..cut], &hidden.as_bytes()[cut..]].map(terminal_safe).concat();
            assert!(!String::from_utf8_lossy(&pieces).contains('\u{202E}'), "{pieces:?}");
        }
    }

    #[test]
    fn sentences_begin_and_end_well() {
        assert_eq!(sentence("it is gone"), "It is gone.");
        assert_eq!(sentence("Why?"), "Why?");
        assert_eq!(sentence("two: it does not answer"), "two: it does not answer.");
        assert_eq!(sentence("web-2 is gone"), "web-2 is gone.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn shell_words() {
        assert_eq!(shell_word("v1.0"), "v1.0");
        assert!(shell_word("a b;c").starts_with(['\'', '"']));
    }
}
