//! The moving part of the live view, and how its lines are coloured, cut and wrapped.

use jiff::Timestamp;

use super::board::{Board, Card, Mark, RunCard};
use crate::domain::env::Env;
use crate::domain::status::Status;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The view keeps its height, so that it does not jump.
const OUTPUT_LINES: usize = 3;

/// What a piece of text means to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// Less important.
    Dim,
    /// A heading.
    Head,
    /// Well.
    Good,
    /// Badly.
    Bad,
    /// Under way.
    Busy,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Head => "1",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Busy => "36",
        }
    }
}

/// The tone of a mark.
#[must_use]
pub const fn tone_of(mark: Mark) -> Tone {
    match mark {
        Mark::Good => Tone::Good,
        Mark::Bad => Tone::Bad,
        Mark::Busy => Tone::Busy,
        Mark::Open | Mark::Skipped | Mark::Note | Mark::Output => Tone::Dim,
    }
}

/// A line of toned pieces.
#[derive(Debug, Clone, Default)]
pub struct Line(Vec<(Tone, String)>);

impl Line {
    /// The line with another piece behind it.
    #[must_use]
    pub fn add(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.0.push((tone, text.into()));
        self
    }

    /// Without tones.
    #[must_use]
    pub fn plain(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect::<String>().trim_end().to_owned()
    }

    /// Cut to a width, with or without colours.
    #[must_use]
    pub fn render(&self, width: usize, colour: bool) -> String {
        let mut room = width;
        let mut out = String::new();
        let too_long = self.0.iter().map(|(_, text)| text.chars().count()).sum::<usize>() > width;
        if too_long {
            room = room.saturating_sub(1);
        }
        for (tone, text) in &self.0 {
            let piece: String = text.chars().take(room).collect();
            room -= piece.chars().count();
            if piece.is_empty() {
                continue;
            }
            if colour && *tone != Tone::Plain {
                out += &format!("\x1b[{}m{piece}\x1b[0m", tone.code());
            } else {
                out += &piece;
            }
        }
        if too_long {
            out.push('…');
        }
        out
    }
}

/// Text in lines of at most `width` characters, broken at spaces where there are some.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The moving part: the life cycle of the release, what is under way, what it prints, what runs where.
#[must_use]
pub fn view(board: &Board, release: Option<i64>, frame: usize, now: Timestamp) -> Vec<Line> {
    let Some((id, card)) = release.and_then(|id| Some((id, board.releases.get(&id)?))) else {
        return vec![Line::default(), Line::default().add(Tone::Dim, format!("     {} …", spinner(frame)))];
    };
    let run = board.live_run();
    let mut lines = vec![Line::default(), cycle(id, card, frame), work(card, run, frame, now)];
    for at in 0..OUTPUT_LINES {
        let text = run.and(board.tail.get(at)).map(String::as_str).unwrap_or_default();
        lines.push(Line::default().add(Tone::Dim, format!("       │ {text}")));
    }
    let mut places = Line::default();
    for (at, kind) in [Env::Stage, Env::Production].into_iter().enumerate() {
        let runs = board.runs_tag(kind).unwrap_or_else(|| "nothing yet".into());
        let gap = if at == 0 { "     " } else { "    " };
        places = places.add(Tone::Dim, format!("{gap}{kind} runs ")).add(Tone::Plain, runs);
    }
    lines.push(places);
    lines
}

fn spinner(frame: usize) -> &'static str {
    SPINNER[frame % SPINNER.len()]
}

fn cycle(id: i64, card: &Card, frame: usize) -> Line {
    let mut line = Line::default().add(Tone::Head, format!("     #{id} {}  ", card.tag));
    for (at, (name, mark)) in card.stations().into_iter().enumerate() {
        if at > 0 {
            line = line.add(Tone::Dim, " ─ ");
        }
        let sign = if mark == Mark::Busy { spinner(frame) } else { mark.sign() };
        line = line.add(tone_of(mark), format!("{sign} {name}"));
    }
    line
}

fn work(card: &Card, run: Option<&RunCard>, frame: usize, now: Timestamp) -> Line {
    if let Some(run) = run {
        let step = run.steps.last().map_or("waits", String::as_str);
        let seconds = run.since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        return Line::default()
            .add(Tone::Busy, format!("     {} ", spinner(frame)))
            .add(Tone::Plain, format!("{}: {}", run.environment, run.title))
            .add(Tone::Dim, format!("  step {}, {step}  {seconds:.1} s", run.steps.len()));
    }
    match card.status() {
        Status::ManualTesting => {
            let by = if card.approved_by.is_empty() { "nobody yet".into() } else { card.approved_by.join(", ") };
            Line::default()
                .add(Tone::Busy, format!("     {} ", spinner(frame)))
                .add(Tone::Plain, "waits for people")
                .add(Tone::Dim, format!("  approved by {by}"))
        }
        status @ (Status::Initiated
        | Status::StageBuilding
        | Status::StageBuildingFailed
        | Status::StageTestRollback
        | Status::StageTestRollbackFailed
        | Status::ManualTestFailed
        | Status::ManualTestPassed
        | Status::Deploying
        | Status::Deployed
        | Status::ProductionRollback
        | Status::RollbackDone
        | Status::RollbackFailed
        | Status::Cancelled) => Line::default().add(Tone::Dim, format!("     · {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_to_the_window_and_colours_do_not_count() {
        let line = Line::default().add(Tone::Good, "abcdef").add(Tone::Plain, "ghij");
        assert_eq!(line.render(10, false), "abcdefghij");
        assert_eq!(line.render(8, false), "abcdefg…");
        assert_eq!(line.render(8, true), "\x1b[32mabcdef\x1b[0mg…");
        assert_eq!(line.plain(), "abcdefghij");
    }

    #[test]
    fn text_is_wrapped_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("toolongword x", 4), ["toolongword", "x"]);
    }
}
