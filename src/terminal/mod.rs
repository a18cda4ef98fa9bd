//! How answers look on a terminal: width, colour, tables, cards. Knows nothing of RMM.

mod markdown;
mod table;
mod text;
mod time;

use std::io::{self, IsTerminal, Write};

use jiff::{SignedDuration, Timestamp};

pub use self::markdown::markdown;
pub use self::table::{Column, Table};
use self::text::terminal_safe;
pub use self::text::{clean, clean_lines, full_stop, sentence, shell_word, width, wrap};
pub use self::time::{ago, exact, follow_zone};
use crate::wording::Language;

/// Prose is wrapped here where nothing says how wide the reader's window is.
const READABLE: usize = 100;
/// Narrower than this, nothing is told apart any more.
const NARROWEST: usize = 20;

/// What a piece of text means to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// Less important than the rest.
    Dim,
    /// A heading.
    Bold,
    /// It matters in its sentence.
    Stressed,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Under way.
    Busy,
    /// Waits for people.
    Waiting,
}

/// Whether standard output is a terminal that takes colours and redraws.
#[must_use]
pub fn is_interactive() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// How high the reader's window is, in lines.
#[must_use]
pub fn height() -> usize {
    terminal_size::terminal_size_of(io::stdout()).map_or(24, |(_, height)| usize::from(height.0).max(4))
}

/// The reader's window.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// Its width in characters; none where output goes into a file or another program.
    pub width: Option<usize>,
    /// Colours are welcome.
    pub colour: bool,
    /// The reader's language.
    pub language: Language,
    /// The time that "3 min ago" counts from.
    pub now: Timestamp,
}

impl Ui {
    /// The window behind standard output. `COLUMNS` wins over what the terminal says; `NO_COLOR` is respected.
    #[must_use]
    pub fn of_stdout(now: Timestamp, language: Language) -> Self {
        let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse::<usize>().ok()).filter(|n| *n > 0);
        let measured = || {
            let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
            Some(usize::from(width.0)).filter(|n| *n > 0)
        };
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Self {
            width: told.or_else(measured).map(|width| width.max(NARROWEST)),
            colour: is_interactive() && !set("NO_COLOR"),
            language,
            now,
        }
    }

    /// How long ago something was.
    #[must_use]
    pub fn ago(&self, then: Timestamp) -> String {
        time::ago(then, self.now, self.language)
    }

    /// When something will be.
    #[must_use]
    pub fn until(&self, then: Timestamp) -> String {
        time::until(then, self.now, self.language)
    }

    /// How long something took.
    #[must_use]
    pub fn lasting(&self, time: SignedDuration) -> String {
        time::lasting(time, self.language)
    }

    /// The width that prose is wrapped to.
    #[must_use]
    pub fn prose(&self) -> usize {
        self.width.unwrap_or(READABLE).min(READABLE)
    }

    /// Text in the colour of its meaning. Nothing in it steers the terminal but that colour.
    #[must_use]
    pub fn paint(&self, text: &str, tone: Tone) -> String {
        let text = &clean_lines(text);
        let code = match tone {
            Tone::Plain => return text.clone(),
            Tone::Dim => "2",
            Tone::Bold => "1",
            Tone::Stressed => "3",
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Busy => "36",
            Tone::Waiting => "33",
        };
        if self.colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.clone() }
    }

    /// A heading of a part of a card.
    #[must_use]
    pub fn heading(&self, text: &str) -> String {
        self.paint(text, Tone::Bold)
    }

    /// `label   text`, the text wrapped and hanging behind the label; under the label where there is no room for that.
    #[must_use]
    pub fn field(&self, label: &str, label_width: usize, text: &str, tone: Tone) -> String {
        let room = self.prose().saturating_sub(label_width + 2);
        let text = &clean_lines(text);
        let mut out = String::new();
        let (indent, room) = if room < 24 && width(text) > room {
            out.push_str(&self.paint(label, Tone::Dim));
            (2, self.prose().saturating_sub(2))
        } else {
            out.push_str(&self.paint(&format!("{label:label_width$}"), Tone::Dim));
            (label_width + 2, room)
        };
        for (at, line) in wrap(text, room).iter().enumerate() {
            if at > 0 || indent == 2 {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
            } else {
                out.push_str("  ");
            }
            out.push_str(&self.paint(line, tone));
        }
        out.push('\n');
        out
    }

    /// Text wrapped to the window, every line behind `indent` spaces; the first behind `mark` instead.
    #[must_use]
    pub fn paragraph(&self, mark: &str, indent: usize, text: &str, tone: Tone) -> String {
        let mut out = String::new();
        let text = &clean_lines(text);
        for (at, line) in wrap(text, self.prose().saturating_sub(indent)).iter().enumerate() {
            let space = indent.saturating_sub(if at == 0 { width(mark) } else { 0 });
            if at == 0 {
                out.push_str(&self.paint(mark, tone));
            }
            out.push_str(&" ".repeat(space));
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

/// Writes to standard output at once. A terminal is given nothing that steers it.
///
/// # Errors
/// When it cannot be written.
pub fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let safe = if out.is_terminal() { terminal_safe(bytes) } else { bytes.to_vec() };
    out.write_all(&safe).and_then(|()| out.flush())
}

/// Says something beside the answer, on standard error.
pub fn note(text: &str) {
    // A failure to write to standard error cannot be told.
    let mut err = io::stderr().lock();
    // Programs read it, too: a refusal may be JSON.
    let safe = if err.is_terminal() { terminal_safe(text.as_bytes()) } else { text.as_bytes().to_vec() };
    let _ = err.write_all(&safe).and_then(|()| err.write_all(b"\n"));
}

#[cfg(test)]
impl Ui {
    /// A window of a width without colours, at the epoch.
    #[must_use]
    pub fn test(width: usize) -> Self {
        Self { width: Some(width), colour: false, language: Language::En, now: Timestamp::UNIX_EPOCH }
    }
}
