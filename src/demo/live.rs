//! The moving part of the live view, and how its lines are coloured and cut.

use jiff::Timestamp;

use super::board::{Board, Card, Mark, RunCard};
use crate::domain::env::Env;
use crate::domain::status::Status;
use crate::terminal::{Tone, Ui};

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The view keeps its height, so that it does not jump.
const OUTPUT_LINES: usize = 3;

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

    /// Cut to a width, in the colours of the window.
    #[must_use]
    pub fn render(&self, width: usize, ui: &Ui) -> String {
        let too_long = self.0.iter().map(|(_, text)| text.chars().count()).sum::<usize>() > width;
        let mut room = if too_long { width.saturating_sub(1) } else { width };
        let mut out = String::new();
        for (tone, text) in &self.0 {
            let piece: String = text.chars().take(room).collect();
            room -= piece.chars().count();
            out += &ui.paint(&piece, *tone);
        }
        if too_long {
            out.push('…');
        }
        out
    }
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
    let mut line = Line::default().add(Tone::Bold, format!("     #{id} {}  ", card.tag));
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
        let plain = Ui::test(80);
        assert_eq!(line.render(10, &plain), "abcdefghij");
        assert_eq!(line.render(8, &plain), "abcdefg…");
        assert_eq!(line.render(8, &Ui { colour: true, ..plain }), "\x1b[32mabcdef\x1b[0mg…");
        assert_eq!(line.plain(), "abcdefghij");
    }
}
