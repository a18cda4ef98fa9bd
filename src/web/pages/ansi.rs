//! What a program printed for a terminal, as HTML: colours become classes, since a page has no inline style; other control
//! sequences are left out. A line that was written over by the next one (`\r`) is shown as it stood in the end.

use std::fmt::Write;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    colour: Option<u8>,
    is_bold: bool,
    is_dim: bool,
}

impl Style {
    fn is_plain(self) -> bool {
        self == Self::default()
    }

    fn classes(self) -> String {
        let colour = self.colour.and_then(|colour| COLOURS.get(usize::from(colour)).copied());
        let parts = [colour, self.is_bold.then_some("a-bold"), self.is_dim.then_some("a-dim")];
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
}

/// The cells of a line at most: programs that never end theirs are cut.
const WIDEST: usize = 16_384;

impl Screen {
    /// A line, without its end, as HTML.
    pub fn line(&mut self, bytes: &[u8]) -> String {
        self.parser.advance(&mut self.line, bytes);
        self.line.take()
    }
}

impl Line {
    fn take(&mut self) -> String {
        let cells = std::mem::take(&mut self.cells);
        self.column = 0;
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
        html
    }
}

/// What has a meaning in HTML is written so that it is shown; what turns the direction of writing is shown as a mark.
fn push_escaped(html: &mut String, c: char) {
    match c {
        '&' => html.push_str("&amp;"),
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '"' => html.push_str("&quot;"),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => {
            html.push('\u{fffd}')
        }
        _ => html.push(c),
    }
}

impl Perform for Line {
    fn print(&mut self, c: char) {
        if self.column < self.cells.len() {
            self.cells[self.column] = (c, self.style);
        } else if self.cells.len() < WIDEST {
            self.cells.push((c, self.style));
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
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
            'K' => self.cells.truncate(self.column),
            _ => {}
        }
    }
}

impl Line {
    /// Select Graphic Rendition (ECMA-48 §8.3.117).
    fn restyle(&mut self, params: &Params) {
        let mut numbers = params.iter().flatten().copied();
        let mut none = true;
        while let Some(number) = numbers.next() {
            none = false;
            match number {
                0 => self.style = Style::default(),
                1 => self.style.is_bold = true,
                2 => self.style.is_dim = true,
                22 => (self.style.is_bold, self.style.is_dim) = (false, false),
                30..=37 => self.style.colour = u8::try_from(number - 30).ok(),
                90..=97 => self.style.colour = u8::try_from(number - 90 + 8).ok(),
                39 => self.style.colour = None,
                // Of 256 colours the first sixteen have a name; of the others none is taken.
                38 | 48 => {
                    let kind = numbers.next();
                    let skipped = if kind == Some(5) { 1 } else { 3 };
                    let last = numbers.by_ref().take(skipped).last();
                    if number == 38 {
                        self.style.colour =
                            last.filter(|_| kind == Some(5)).and_then(|n| u8::try_from(n).ok()).filter(|n| *n < 16);
                    }
                }
                _ => {}
            }
        }
        if none {
            self.style = Style::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Screen::default().line(text.as_bytes())
    }

    #[test]
    fn colours_become_classes_and_nothing_becomes_markup() {
        assert_eq!(shown("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
        assert_eq!(shown("\x1b[31mred\x1b[0m plain"), "<span class=\"a-red\">red</span> plain");
        assert_eq!(shown("\x1b[1;92mgood\x1b[m"), "<span class=\"a-green a-bold\">good</span>");
        assert_eq!(shown("\x1b[38;5;1mred\x1b[38;2;1;2;3mplain"), "<span class=\"a-red\">red</span>plain");
        assert_eq!(shown("\x1b]0;title\x07x\x1b[2J\x1b[?25l"), "x");
        assert_eq!(shown("\x1b[999999999999mx"), "x");
    }

    #[test]
    fn a_line_is_shown_as_it_stood_in_the_end() {
        assert_eq!(shown("10 %\r100 %"), "100 %");
        assert_eq!(shown("loading\r\x1b[Kdone"), "done");
        assert_eq!(shown("a\tb"), "a       b");
        assert_eq!(shown("ab\u{8}c"), "ac");
    }

    #[test]
    fn a_colour_goes_on_in_the_next_line() {
        let mut screen = Screen::default();
        screen.line(b"\x1b[33mone");
        assert_eq!(screen.line(b"two"), "<span class=\"a-yellow\">two</span>");
    }

    #[test]
    fn what_turns_the_direction_of_writing_is_marked_and_bytes_that_are_no_text_do_no_harm() {
        assert_eq!(shown("a\u{202e}b"), "a\u{fffd}b");
        assert_eq!(Screen::default().line(b"\xff\xfe ok"), "\u{fffd}\u{fffd} ok");
    }
}
