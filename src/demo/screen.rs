//! Where the story is shown: a view that is redrawn in place on a terminal, plain lines everywhere else.
//!
//! No reader of it may stop the story: output that cannot be written is dropped.

use std::io::Write;
use std::time::Instant;

use super::board::{Board, Fact, Mark};
use super::live::{self, Line};
use crate::engine::clock::{Clock, SystemClock};
use crate::terminal::{self, Tone, Ui, note};
use crate::wording::Language;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person at a terminal.
    Terminal,
    /// A pipe or a file.
    Pipe,
    /// A program that reads the summary from standard output; the lines go beside it.
    Machine,
}

impl Audience {
    /// Who looks at standard output.
    #[must_use]
    pub fn of_stdout(json: bool) -> Self {
        if json {
            Self::Machine
        } else if terminal::is_interactive() {
            Self::Terminal
        } else {
            Self::Pipe
        }
    }
}

/// The screen.
pub struct Screen {
    audience: Audience,
    begun: Instant,
    /// Lines of the live view that are on the terminal now.
    drawn: usize,
    frame: usize,
}

impl Screen {
    /// A screen for an audience; the time that it shows begins now.
    #[must_use]
    pub fn new(audience: Audience) -> Self {
        let screen = Self { audience, begun: Instant::now(), drawn: 0, frame: 0 };
        if screen.is_live() {
            draw("\x1b[?25l");
        }
        screen
    }

    /// Whether a person watches it move.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.audience == Audience::Terminal
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// A part of the story begins: what happens and why it matters.
    pub fn heading(&mut self, number: usize, of: usize, title: &str, why: &str) {
        if self.is_live() {
            let ui = window();
            let title = ui.heading(&format!("{number}/{of}  {title}"));
            self.print(&format!("\n{title}\n{}", ui.field("", 3, why, Tone::Dim)));
        } else {
            self.timed(&format!("== {number}/{of} {title}"));
            self.timed(&format!("   {why}"));
        }
    }

    /// Something has happened.
    pub fn fact(&mut self, fact: &Fact) {
        let sign = fact.mark.sign();
        if self.is_live() {
            if !fact.detail {
                let text = window().paragraph(&format!("     {sign}"), 7, &fact.text, live::tone_of(fact.mark));
                self.print(&text);
            }
        } else {
            let indent = if fact.mark == Mark::Output { "     " } else { "   " };
            self.timed(&format!("{indent}{sign} {}", fact.text));
        }
    }

    /// Ready text, such as the summary; each line with its tone.
    pub fn text(&mut self, lines: &[Line]) {
        if self.is_live() {
            let text = rendered(lines, usize::MAX);
            self.print(&text);
        } else {
            lines.iter().for_each(|line| self.line(&line.plain()));
        }
    }

    /// Redraws the live view.
    pub fn tick(&mut self, board: &Board, release: Option<i64>, now: jiff::Timestamp) {
        if !self.is_live() {
            return;
        }
        self.frame += 1;
        let mut lines = live::view(board, release, self.frame, now);
        lines.truncate(terminal::height() - 2);
        // The last column is left free: some terminals wrap as soon as it is taken.
        self.print(&rendered(&lines, window().width.map_or(79, |width| width - 1)));
        self.drawn = lines.len();
    }

    /// Takes the live view away.
    pub fn clear(&mut self) {
        self.print("");
    }

    /// Text that stays where the live view was, which then counts as gone.
    fn print(&mut self, text: &str) {
        let drawn = std::mem::take(&mut self.drawn);
        let erased = if drawn == 0 { String::new() } else { format!("\x1b[{drawn}A\r\x1b[J") };
        draw(&(erased + text));
    }

    /// A line with its time.
    fn timed(&self, text: &str) {
        self.line(&format!("{:7.2} s  {text}", self.seconds()));
    }

    fn line(&self, text: &str) {
        match self.audience {
            Audience::Machine => note(text),
            Audience::Terminal | Audience::Pipe => draw(&format!("{text}\n")),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_live() {
            self.print("\x1b[?25h");
        }
    }
}

fn rendered(lines: &[Line], width: usize) -> String {
    let ui = window();
    lines.iter().map(|line| line.render(width, &ui) + "\n").collect()
}

fn window() -> Ui {
    Ui::of_stdout(SystemClock.now(), Language::En)
}

/// Writes what may steer the terminal.
fn draw(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
