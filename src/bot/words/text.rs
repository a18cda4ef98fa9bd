//! Text from outside on its way into a message: nothing in it can act as markup or turn the reading direction of the
//! rest.

/// The beginning of a part whose reading direction does not touch its surroundings.
const ISOLATE: char = '\u{2068}';
/// Its end.
const END: char = '\u{2069}';

/// One line of text that is no markup: for HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// One line of text whose reading direction stays inside: for buttons and toasts.
#[must_use]
pub fn plain(text: &str) -> String {
    let line: String = text.chars().filter(|&c| !turns(c)).map(|c| if is_break(c) { ' ' } else { c }).collect();
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    if text.chars().any(|c| turns(c) || is_right_to_left(c)) { format!("{ISOLATE}{line}{END}") } else { line }
}

/// The beginning of a text: at most so many lines and characters. What Telegram would make a mention or a command of
/// is made to be none.
#[must_use]
pub fn clip(text: &str, lines: usize, characters: usize) -> Option<String> {
    let mut shown: Vec<&str> = text.split(is_break).map(str::trim).filter(|line| !line.is_empty()).collect();
    let more = shown.len() > lines;
    shown.truncate(lines);
    let text = shown.join(" ");
    let mut clipped: String = text.chars().take(characters).collect();
    if more || clipped.len() < text.len() {
        clipped.truncate(clipped.trim_end().len());
        clipped.push('…');
    }
    (!clipped.is_empty()).then(|| tame(&clipped))
}

/// Makes mentions and commands, which Telegram would carry out at a touch, plain words.
#[must_use]
pub fn tame(text: &str) -> String {
    let mut tame = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        tame.push(c);
        // Telegram sees no command behind these; an address must stay one.
        let none = before.is_alphanumeric() || "/<>_".contains(before) || text[at..].starts_with("//");
        if c == '@' || (c == '/' && !none) {
            tame.push('\u{2060}');
        }
        before = c;
    }
    tame
}

/// The last lines of a program's output, without what is meant for a terminal.
#[must_use]
pub fn last_lines(output: &[u8], lines: usize, characters: usize) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let clean = without_escapes(&text);
    let all: Vec<String> = clean
        .lines()
        // What a carriage return has written over was not the last word.
        .map(|line| line.trim_end().rsplit('\r').next().unwrap_or_default())
        .map(|line| line.replace('\t', "  ").chars().filter(|c| !c.is_control()).collect::<String>())
        .filter(|line| !line.trim().is_empty())
        .map(|line| shorten(&line, characters))
        .collect();
    all[all.len().saturating_sub(lines)..].to_vec()
}

/// The text, or its beginning.
#[must_use]
pub fn shorten(text: &str, characters: usize) -> String {
    let mut beginning: String = text.chars().take(characters).collect();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

/// Without the escape sequences of terminals: `ESC [ … letter`, `ESC ] … BEL`, and `ESC` with one character.
fn without_escapes(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\u{1b}' {
            clean.push(c);
            continue;
        }
        match rest.next() {
            Some('[') => drop(rest.by_ref().find(|c| ('\u{40}'..='\u{7e}').contains(c))),
            Some(']') => drop(rest.by_ref().find(|&c| c == '\u{7}' || c == '\u{1b}')),
            Some(_) | None => {}
        }
    }
    clean
}

const fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that do nothing but turn the reading direction.
const fn turns(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Letters that are read from right to left (the blocks that Unicode keeps for them).
const fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}'
        | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_and_does_nothing() {
        assert_eq!(escape("</b><a href=\"tg://user?id=1\">x"), "&lt;/b&gt;&lt;a href=&quot;tg://user?id=1&quot;&gt;x");
        assert_eq!(escape("a & b\nc"), "a &amp; b c");
    }

    #[test]
    fn the_reading_direction_stays_inside() {
        assert_eq!(plain("שלום"), "\u{2068}שלום\u{2069}");
        assert_eq!(plain("v1\u{202E}gpj"), "\u{2068}v1gpj\u{2069}");
        assert_eq!(plain("out\u{2069}side"), "\u{2068}outside\u{2069}");
        assert_eq!(plain("Привет 🎉"), "Привет 🎉");
    }

    #[test]
    fn long_texts_are_clipped() {
        assert_eq!(clip("one\n\ntwo\nthree", 2, 100).as_deref(), Some("one two…"));
        assert_eq!(clip("  \n ", 2, 100), None);
        assert_eq!(clip(&"x".repeat(10_000), 2, 200).map(|text| text.chars().count()), Some(201));
        assert_eq!(clip("@all /unlock", 1, 20).as_deref(), Some("@\u{2060}all /\u{2060}unlock"));
        assert_eq!(tame("(/unlock) feature/x https://a/b"), "(/\u{2060}unlock) feature/x https://a/b");
    }

    #[test]
    fn output_is_told_without_what_is_for_terminals() {
        let output = b"10%\r100%\n\x1b[31merror\x1b[0m: no\n\n\xff\n";
        assert_eq!(last_lines(output, 3, 80), ["100%", "error: no", "\u{fffd}"]);
        assert_eq!(last_lines(output, 1, 80), ["\u{fffd}"]);
        assert_eq!(last_lines(b"abcdef", 1, 3), ["abc…"]);
    }
}
