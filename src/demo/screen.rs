//! Where the story is shown: a view that is redrawn in place on a terminal, plain lines everywhere else.
//!
//! Nobody who listens may stop the story: output that cannot be written is dropped.

use std::io::{IsTerminal, Write};
use std::time::Instant;

use super::board::{Board, Fact, Mark};
use super::live::{self, Line, Tone};

/// Narrower windows get lines that wrap.
const NARROWEST: usize = 40;
/// Sentences are hard to read when they are longer.
const READABLE: usize = 100;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// A person at a terminal.
    Terminal {
        /// Colours are welcome.
        colour: bool,
    },
    /// A pipe or a file.
    Pipe,
    /// A program that reads the summary from standard output; the lines go beside it.
    Machine,
}

impl Audience {
    /// Who looks at standard output.
    #[must_use]
    pub fn of_stdout(json: bool) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = variable("TERM").is_none_or(|term| term == "dumb");
        if json {
            Self::Machine
        } else if std::io::stdout().is_terminal() && !dumb {
            Self::Terminal { colour: variable("NO_COLOR").is_none() }
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
    /// A screen for somebody; the time that it shows begins now.
    #[must_use]
    pub fn new(audience: Audience) -> Self {
        let screen = Self { audience, begun: Instant::now(), drawn: 0, frame: 0 };
        if screen.is_live() {
            write("\x1b[?25l");
        }
        screen
    }

    /// Whether a person watches it move.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.audience, Audience::Terminal { .. })
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// A part of the story begins: what happens and why it matters.
    pub fn heading(&mut self, number: usize, of: usize, title: &str, why: &str) {
        match self.audience {
            Audience::Terminal { .. } => {
                let mut lines =
                    vec![Line::default(), Line::default().add(Tone::Head, format!("{number}/{of}  {title}"))];
                lines.extend(self.wrapped("     ", why).into_iter().map(|text| Line::default().add(Tone::Dim, text)));
                self.print(&lines);
            }
            Audience::Pipe | Audience::Machine => {
                self.plain(&format!("== {number}/{of} {title}"));
                self.plain(&format!("   {why}"));
            }
        }
    }

    /// Something has happened.
    pub fn fact(&mut self, fact: &Fact) {
        match self.audience {
            Audience::Terminal { .. } if fact.detail => {}
            Audience::Terminal { .. } => {
                let tone = live::tone_of(fact.mark);
                let lines: Vec<Line> = self
                    .wrapped("       ", &fact.text)
                    .into_iter()
                    .enumerate()
                    .map(|(at, text)| {
                        let sign = if at == 0 { fact.mark.sign() } else { " " };
                        let text_tone = if fact.mark == Mark::Bad { Tone::Bad } else { Tone::Plain };
                        Line::default().add(tone, format!("     {sign} ")).add(text_tone, text.trim_start())
                    })
                    .collect();
                self.print(&lines);
            }
            Audience::Pipe | Audience::Machine => {
                let indent = if fact.mark == Mark::Output { "     " } else { "   " };
                self.plain(&format!("{indent}{} {}", fact.mark.sign(), fact.text));
            }
        }
    }

    /// Ready text, such as the summary; each line with its tone.
    pub fn text(&mut self, lines: &[Line]) {
        match self.audience {
            Audience::Terminal { .. } => self.print(lines),
            Audience::Pipe => write(&lines.iter().map(|line| line.plain() + "\n").collect::<String>()),
            Audience::Machine => write_aside(&lines.iter().map(|line| line.plain() + "\n").collect::<String>()),
        }
    }

    /// Redraws the live view.
    pub fn tick(&mut self, board: &Board, release: Option<i64>, now: jiff::Timestamp) {
        if !self.is_live() {
            return;
        }
        self.frame += 1;
        let (width, height) = window();
        let mut lines = live::view(board, release, self.frame, now);
        lines.truncate(height.saturating_sub(2));
        let out = self.erased() + &self.rendered(&lines, width);
        self.drawn = lines.len();
        write(&out);
    }

    /// Takes the live view away.
    pub fn clear(&mut self) {
        if self.is_live() {
            let out = self.erased();
            write(&out);
        }
    }

    /// Lines that stay, above the live view.
    fn print(&mut self, lines: &[Line]) {
        let out = self.erased() + &self.rendered(lines, usize::MAX);
        write(&out);
    }

    /// What takes the live view away, which then counts as gone.
    fn erased(&mut self) -> String {
        let drawn = std::mem::take(&mut self.drawn);
        if drawn == 0 { String::new() } else { format!("\x1b[{drawn}A\r\x1b[J") }
    }

    fn rendered(&self, lines: &[Line], width: usize) -> String {
        let colour = matches!(self.audience, Audience::Terminal { colour: true });
        // The last column is left free: some terminals wrap as soon as it is taken.
        lines.iter().map(|line| line.render(width.saturating_sub(1), colour) + "\n").collect()
    }

    fn plain(&self, text: &str) {
        let line = format!("{:7.2} s  {text}\n", self.seconds());
        match self.audience {
            Audience::Machine => write_aside(&line),
            Audience::Terminal { .. } | Audience::Pipe => write(&line),
        }
    }

    fn wrapped(&self, indent: &str, text: &str) -> Vec<String> {
        let width = window().0.clamp(NARROWEST, READABLE) - 1;
        live::wrap(text, width.saturating_sub(indent.chars().count()))
            .into_iter()
            .map(|line| format!("{indent}{line}"))
            .collect()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_live() {
            let out = self.erased() + "\x1b[?25h";
            write(&out);
        }
    }
}

fn window() -> (usize, usize) {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map_or((80, 24), |(width, height)| (usize::from(width.0).max(20), usize::from(height.0).max(4)))
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn write_aside(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
