//! `[logs]`: how long the output of runs is kept.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

use super::file::Section;
use crate::domain::duration_text;
use crate::domain::fault::config::ConfigFault;

const DAY: u64 = 24 * 60 * 60;
/// Unless the file says otherwise.
const KEEP: Duration = Duration::from_hours(180 * 24);
/// At least this long the output of a failure can be looked up.
const SHORTEST: Duration = Duration::from_hours(24);

/// The output of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logs {
    /// How long it is kept after the end of a run; for ever without it.
    pub keep: Option<Duration>,
}

pub(super) fn read(root: &Section<'_>) -> Logs {
    let keep = root.section("logs").and_then(|section| {
        let text = section.text("keep")?;
        if text.value == "forever" {
            return Some(None);
        }
        let keep = parse(&text.value);
        if keep.is_none() {
            section.report.error(&text.place, ConfigFault::LogsKeep);
        }
        keep.map(Some)
    });
    Logs { keep: keep.unwrap_or(Some(KEEP)) }
}

fn parse(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let time: SignedDuration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(time).ok().filter(|time| *time >= SHORTEST)
}

/// As it is written in the file.
pub(super) fn text(keep: Option<Duration>) -> String {
    match keep {
        None => "forever".to_owned(),
        Some(keep) if keep.as_secs().is_multiple_of(DAY) => format!("{}d", keep.as_secs() / DAY),
        Some(keep) => duration_text::text(keep),
    }
}
