//! What a program printed for a terminal, as HTML: colours become classes, since a page has no inline style; other control
//! sequences are left out. A line that was written over by the next one (`\r`) is shown as it stood in the end.

use std::borrow::Cow;
use std::fmt::Write;

use askama::filters::{Escaper, Html};
use vte::{Params, Parser, Perform};

/// Classes of the sixteen colours of a terminal, by their number.
const COLOURS: [&str; 16] = [
    "a-black",
    "a-red",
    "a-green",
    "a-yellow",
    "a-blue",
    "a-magenta",
    "a-cyan",
    "a-dim",
    "a-dim",
    "a-red",
    "a-green",
    "a-yellow",
    "a-blue",
    "a-magenta",
    "a-cyan",
    "a-white",
];

/// The sixteen colours as xterm shows them, to which others are compared.
const PALETTE: [[i32; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    colour: Option<u8>,
    is_bold: bool,
    is_dim: bool,
    is_italic: bool,
    is_underlined: bool,
    is_struck: bool,
    is_reversed: bool,
    /// No text of the program's, but a word in place of an invisible character.
    is_mark: bool,
}

impl Style {
    fn is_plain(self) -> bool {
        self == Self::default()
    }

    fn classes(self) -> String {
        let colour = self.colour.and_then(|colour| COLOURS.get(usize::from(colour)).copied());
        let parts = [
            colour,
            self.is_bold.then_some("a-bold"),
            self.is_dim.then_some("a-dim"),
            self.is_italic.then_some("a-italic"),
            self.is_underlined.then_some("a-under"),
            self.is_struck.then_some("a-struck"),
            self.is_reversed.then_some("a-rev"),
            self.is_mark.then_some("a-mark"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Turns output into lines, one after the other: a colour goes on until it is taken back.
#[derive(Default)]
pub(super) struct Screen {
    parser: Parser,
    line: Line,
}

#[derive(Default)]
struct Line {
    style: Style,
    /// What stands in the line, each character with its style.
    cells: Vec<(char, Style)>,
    column: usize,
    /// Cells before the first that is kept.
    before: usize,
    /// Cells of the whole line, as far as it was kept at its end.
    width: usize,
    /// Cells that are kept at most; 0: [`WIDEST`].
    widest: usize,
    /// Of a longer line the end is kept, not the beginning.
    keeps_end: bool,
}

/// The cells of a line that stand beside others, at most: the rest is read piece by piece.
pub(super) const WIDEST: usize = 16_384;
/// The same of a line that stands alone.
pub(super) const PIECE: usize = 8 * WIDEST;

/// A line as HTML, or a piece of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub html: String,
    /// Cells before it that are not shown.
    pub before: usize,
    /// Cells behind it that are not shown.
    pub behind: usize,
}

impl Screen {
    /// Of the next line, the piece behind so many cells.
    pub fn piece(before: usize) -> Self {
        Self { line: Line { before, widest: PIECE, ..Line::default() }, ..Self::default() }
    }

    /// Of the next line the end is shown, if it is too long.
    pub fn keep_end(&mut self) {
        self.line.keeps_end = true;
    }

    /// Takes a part of a line.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.line, bytes);
    }

    /// What has become of the line.
    pub fn shown(&mut self) -> Shown {
        self.line.take()
    }

    /// A line, without its end.
    pub fn line(&mut self, bytes: &[u8]) -> Shown {
        self.feed(bytes);
        self.shown()
    }

    /// A line, without its end, as text without colours.
    pub fn plain(&mut self, bytes: &[u8]) -> String {
        self.parser.advance(&mut self.line, bytes);
        let cells = std::mem::take(&mut self.line.cells);
        (self.line.column, self.line.width) = (0, 0);
        cells.into_iter().map(|(c, _)| c).collect()
    }
}

/// Whether a character shows nothing, or turns the direction of what stands around it.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Escapes what stands in a page, and spells out what readers would not see: see [`visible`]. What is typed into a field stands
/// there as it is (`|escape("xml")`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spelled;

impl Escaper for Spelled {
    fn write_escaped_str<W: Write>(&self, dest: W, text: &str) -> std::fmt::Result {
        Html.write_escaped_str(dest, &visible(text))
    }
}

/// A text from outside as a page shows it: what readers would not see, and what would turn the direction of writing, is spelled out.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| is_unseen(c) || c.is_control() && !matches!(c, '\n' | '\t');
    // ASCII is quickly looked through, and most of it is that.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Cow::Borrowed(text);
    }
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            let _ = write!(shown, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

impl Line {
    fn take(&mut self) -> Shown {
        let (mut cells, mut before) = (std::mem::take(&mut self.cells), std::mem::take(&mut self.before));
        let most = self.most();
        if self.keeps_end && cells.len() > most {
            before += cells.len() - most;
            cells.drain(..cells.len() - most);
        }
        let behind = std::mem::take(&mut self.width).saturating_sub(before + cells.len());
        (self.column, self.keeps_end) = (0, false);
        let mut html = String::with_capacity(cells.len() + 16);
        for part in cells.chunk_by(|one, other| one.1 == other.1) {
            let style = part[0].1;
            if !style.is_plain() {
                let _ = write!(html, "<span class=\"{}\">", style.classes());
            }
            part.iter().for_each(|(c, _)| push_escaped(&mut html, *c));
            if !style.is_plain() {
                html.push_str("</span>");
            }
        }
        Shown { html, before, behind }
    }

    fn most(&self) -> usize {
        if self.widest == 0 { WIDEST } else { self.widest }
    }
}

/// What has a meaning in HTML is written so that it is shown.
fn push_escaped(html: &mut String, c: char) {
    match c {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        _ => html.push(c),
    }
}

impl Perform for Line {
    fn print(&mut self, c: char) {
        if is_unseen(c) { self.spell(c) } else { self.put(c, self.style) }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            // No terminal shows it, and no text has it.
            0 | 0x80..=0x9f => self.spell(char::from(byte)),
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => {
                let to = (self.column / 8 + 1) * 8;
                while self.column < to {
                    self.print(' ');
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: char) {
        match action {
            'm' => self.restyle(params),
            // Erase to the end of the line.
            'K' => {
                self.cells.truncate(self.column.saturating_sub(self.before));
                self.width = self.width.min(self.column);
            }
            _ => {}
        }
    }
}

impl Line {
    /// Spells out an invisible character.
    fn spell(&mut self, c: char) {
        let style = Style { is_mark: true, ..self.style };
        format!("U+{:04X}", u32::from(c)).chars().for_each(|c| self.put(c, style));
    }

    fn put(&mut self, c: char, style: Style) {
        let most = self.most();
        // Not with each one, since what stands behind moves up.
        if self.keeps_end && self.cells.len() >= 2 * most {
            self.cells.drain(..most);
            self.before += most;
        }
        if let Some(at) = self.column.checked_sub(self.before) {
            if at < self.cells.len() {
                self.cells[at] = (c, style);
            } else if self.cells.len() < most || self.keeps_end {
                self.cells.push((c, style));
            }
        }
        self.column += 1;
        self.width = self.width.max(self.column);
    }

    /// Select Graphic Rendition (ECMA-48 §8.3.117).
    fn restyle(&mut self, params: &Params) {
        let mut groups = params.iter();
        while let Some(group) = groups.next() {
            match group {
                // Colours by number or by red, green and blue, in one group (`38:2::1:2:3`) or in several (`38;2;1;2;3`).
                [38 | 48, ..] => {
                    let mut rest = group[1..].to_vec();
                    let is_whole = !rest.is_empty();
                    if !is_whole {
                        rest.extend(groups.next().and_then(<[u16]>::first));
                        let more = if rest == [5] { 1 } else { 3 };
                        rest.extend(groups.by_ref().take(more).filter_map(<[u16]>::first));
                    }
                    if group[0] == 38 {
                        self.style.colour = nearest(&rest);
                    }
                }
                [number, ..] => self.restyle_by(*number),
                [] => {}
            }
        }
    }

    fn restyle_by(&mut self, number: u16) {
        let style = &mut self.style;
        match number {
            0 => *style = Style::default(),
            1 => style.is_bold = true,
            2 => style.is_dim = true,
            3 => style.is_italic = true,
            4 | 21 => style.is_underlined = true,
            7 => style.is_reversed = true,
            9 => style.is_struck = true,
            22 => (style.is_bold, style.is_dim) = (false, false),
            23 => style.is_italic = false,
            24 => style.is_underlined = false,
            27 => style.is_reversed = false,
            29 => style.is_struck = false,
            30..=37 => style.colour = u8::try_from(number - 30).ok(),
            90..=97 => style.colour = u8::try_from(number - 90 + 8).ok(),
            39 => style.colour = None,
            _ => {}
        }
    }
}

/// The nearest of the sixteen colours to one of 256 (`5`, its number) or to red, green and blue (`2`, and perhaps a colour
/// space before them).
fn nearest(colour: &[u16]) -> Option<u8> {
    let rgb = match colour {
        [5, number] if *number < 16 => return u8::try_from(*number).ok(),
        [5, number @ 16..=231] => {
            let level = |step: u16| if step == 0 { 0 } else { 55 + 40 * i32::from(step) };
            let number = number - 16;
            [level(number / 36), level(number / 6 % 6), level(number % 6)]
        }
        [5, number @ 232..=255] => [8 + 10 * i32::from(number - 232); 3],
        [2, .., red, green, blue] => [red, green, blue].map(|part| i32::from(*part).min(255)),
        _ => return None,
    };
    let distance = |other: &[i32; 3]| rgb.iter().zip(other).map(|(one, two)| (one - two).pow(2)).sum::<i32>();
    let (at, _) = PALETTE.iter().enumerate().min_by_key(|(_, other)| distance(other))?;
    u8::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Screen::default().line(text.as_bytes()).html
    }

    #[test]
    fn colours_become_classes_and_nothing_becomes_markup() {
        assert_eq!(shown("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
        assert_eq!(shown("\x1b[31mred\x1b[0m plain"), "<span class=\"a-red\">red</span> plain");
        assert_eq!(shown("\x1b[1;92mgood\x1b[m"), "<span class=\"a-green a-bold\">good</span>");
        assert_eq!(shown("\x1b[38;5;1mred\x1b[39mplain"), "<span class=\"a-red\">red</span>plain");
        assert_eq!(shown("\x1b]0;title\x07x\x1b[2J\x1b[?25l"), "x");
        assert_eq!(shown("\x1b[999999999999mx"), "x");
    }

    #[test]
    fn every_colour_becomes_the_nearest_one() {
        let class = |codes: &str| shown(&format!("\x1b[{codes}mx"));
        for (codes, named) in [
            ("38;5;196", "a-red"),
            ("38;5;34", "a-green"),
            ("38;5;244", "a-dim"),
            ("38;2;250;10;20", "a-red"),
            ("38:2::0:200:10", "a-green"),
            ("38;2;40;60;230", "a-blue"),
            ("48;5;196;35", "a-magenta"),
            ("48;2;1;2;3;36", "a-cyan"),
            ("4:3", "a-under"),
            ("3;9", "a-italic a-struck"),
            ("7", "a-rev"),
        ] {
            assert_eq!(class(codes), format!("<span class=\"{named}\">x</span>"), "{codes}");
        }
        for broken in ["38", "38;5", "38;2;1", "38;9;1", "38;5;999", ""] {
            assert_eq!(class(broken), "x", "{broken}");
        }
    }

    #[test]
    fn of_a_long_line_every_piece_can_be_shown() {
        let line = format!("{}abc", "x".repeat(WIDEST));
        let beginning = Screen::default().line(line.as_bytes());
        assert_eq!((beginning.html.len(), beginning.before, beginning.behind), (WIDEST, 0, 3));
        let rest = Screen::piece(WIDEST).line(line.as_bytes());
        assert_eq!((rest.html.as_str(), rest.before, rest.behind), ("abc", WIDEST, 0));
        let mut screen = Screen::default();
        screen.keep_end();
        let end = screen.line(format!("{}{line}", "y".repeat(3 * WIDEST)).as_bytes());
        assert!(end.html.len() == WIDEST && end.html.ends_with("xabc"));
        assert_eq!((end.before, end.behind), (3 * WIDEST + 3, 0));
        // What was written over counts once.
        assert_eq!(Screen::default().line(format!("{line}\r{line}").as_bytes()).behind, 3);
    }

    #[test]
    fn a_line_is_shown_as_it_stood_in_the_end() {
        assert_eq!(shown("10 %\r100 %"), "100 %");
        assert_eq!(shown("loading\r\x1b[Kdone"), "done");
        assert_eq!(shown("a\tb"), "a       b");
        assert_eq!(shown("ab\u{8}c"), "ac");
        assert_eq!(shown("a\0b"), "a<span class=\"a-mark\">U+0000</span>b");
    }

    #[test]
    fn a_colour_goes_on_in_the_next_line() {
        let mut screen = Screen::default();
        screen.line(b"\x1b[33mone");
        assert_eq!(screen.line(b"two").html, "<span class=\"a-yellow\">two</span>");
    }

    #[test]
    fn what_turns_the_direction_of_writing_is_marked_and_bytes_that_are_no_text_do_no_harm() {
        assert_eq!(
            shown("a\u{202e}b\u{200b}"),
            "a<span class=\"a-mark\">U+202E</span>b<span class=\"a-mark\">U+200B</span>"
        );
        assert_eq!(visible("a\u{202e}b\u{1b}[0m\n"), "a⟨U+202E⟩b⟨U+001B⟩[0m\n");
        assert_eq!(visible("plain"), "plain");
        let mut page = String::new();
        Spelled.write_escaped_str(&mut page, "<b>\u{202e}").unwrap();
        assert_eq!(page, "&#60;b&#62;⟨U+202E⟩");
        assert_eq!(Screen::default().line(b"\xff\xfe ok").html, "\u{fffd}\u{fffd} ok");
    }
}
