//! Errors that RMM logs, gathered to be told to people: one row for each kind of error, however often it happens.
//!
//! Must not: log anything, keep more than a few hundred rows, or take longer than writing the line does.

use std::fmt::{self, Write};
use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::lines;

/// Kinds of errors that are told apart.
const MOST_KINDS: u64 = 256;
/// A kind that was quiet for so long need not be known.
const KEPT: Duration = Duration::from_hours(1);
/// Of a line, in bytes.
const LONGEST: usize = 1500;
/// What tells of errors: its own would go round in circles.
const OWN: [&str; 4] = ["rmm::bot::alerts", "rmm::bot::poster", "rmm::bot::words", "rmm::clients::telegram"];

static OF_PROCESS: LazyLock<Arc<Errors>> = LazyLock::new(Arc::default);

/// The errors of this process.
#[must_use]
pub fn of_process() -> &'static Arc<Errors> {
    &OF_PROCESS
}

/// A line of the log that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The part of RMM that says it.
    pub target: String,
    /// What it says.
    pub message: String,
    /// What it says beside that: `error=…, id=3`.
    pub fields: String,
    /// The part that has broken, where one has.
    pub part: Option<String>,
    /// The trace that it belongs to.
    pub trace: Option<String>,
    /// It is told in another way, and not gathered.
    pub told: bool,
}

/// How often, and how it was the last time.
#[derive(Debug, Default)]
struct Seen {
    times: AtomicU64,
    line: Mutex<Line>,
}

/// Errors that were not told yet, by what they say.
#[derive(Debug)]
pub struct Errors {
    seen: Cache<String, Arc<Seen>>,
    news: Notify,
}

impl Default for Errors {
    fn default() -> Self {
        let seen = Cache::builder().max_capacity(MOST_KINDS).time_to_idle(KEPT).eviction_policy(EvictionPolicy::lru());
        Self { seen: seen.build(), news: Notify::new() }
    }
}

impl Errors {
    /// Something was logged.
    pub fn add(&self, line: Line) {
        // Numbers in it do not tell one kind from another.
        let mut key = format!("{} {} ", line.target, line.part.as_deref().unwrap_or_default());
        let words = line.message.split(|c: char| c.is_ascii_digit()).filter(|words| !words.is_empty());
        words.for_each(|words| key.extend([words, "#"]));
        let seen = self.seen.get_with(key, Arc::default);
        // The line is replaced before it counts, so that `take` has the line that was counted.
        *seen.line.lock().unwrap_or_else(PoisonError::into_inner) = line;
        seen.times.fetch_add(1, Ordering::AcqRel);
        self.news.notify_one();
    }

    /// What was logged since this was asked last, and how often.
    #[must_use]
    pub fn take(&self) -> Vec<(Line, u64)> {
        let taken = self.seen.iter().filter_map(|(_, seen)| {
            let times = seen.times.swap(0, Ordering::AcqRel);
            (times > 0).then(|| (seen.line.lock().unwrap_or_else(PoisonError::into_inner).clone(), times))
        });
        taken.collect()
    }

    /// Returns when there is something to take.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}

/// Hands errors of RMM to [`Errors`].
pub(super) struct Gathered(pub Arc<Errors>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Gathered {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let about = event.metadata();
        let is_own = OWN.iter().any(|own| about.target().starts_with(own));
        if *about.level() != Level::ERROR || !about.target().starts_with("rmm") || is_own {
            return;
        }
        let mut line = Line { target: about.target().to_owned(), ..Line::default() };
        event.record(&mut line);
        if !line.told {
            line.trace = line.trace.or_else(|| lines::trace_around(&context));
            self.0.add(line);
        }
    }
}

impl Line {
    fn field(&mut self, field: &Field, value: &dyn fmt::Display) {
        let text = |room: usize| {
            let mut text = Bounded { text: String::new(), room };
            // It ends where there is no more room.
            let _ = write!(text, "{value}");
            text.text
        };
        match field.name() {
            "message" => self.message = text(LONGEST),
            "part" => self.part = Some(text(LONGEST)),
            "trace" | "trace_id" => self.trace = Some(text(64)),
            name => {
                let room = LONGEST.saturating_sub(self.fields.len());
                let value = text(room);
                let before = take(&mut self.fields);
                let comma = if before.is_empty() { "" } else { ", " };
                self.fields = format!("{before}{comma}{name}={value}");
            }
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "alert" {
            self.told = !value;
        } else {
            self.field(field, &value);
        }
    }
}

/// Text that takes no more than it has room for.
struct Bounded {
    text: String,
    room: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.room.saturating_sub(self.text.len());
        if text.len() <= room {
            self.text.push_str(text);
            return Ok(());
        }
        self.text.push_str(&text[..text.floor_char_boundary(room)]);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn gathered(log: impl FnOnce()) -> Vec<(Line, u64)> {
        let errors = Arc::new(Errors::default());
        let gathering = tracing_subscriber::registry().with(lines::Belonging).with(Gathered(errors.clone()));
        tracing::subscriber::with_default(gathering, log);
        errors.take()
    }

    #[test]
    fn a_storm_is_one_row_with_a_count() {
        let rows = gathered(|| {
            for id in 0..10_000 {
                tracing::error!(id, error = %"no space", "request {id} failed");
            }
        });
        let [(line, times)] = &rows[..] else { panic!("one row: {rows:?}") };
        assert_eq!((*times, line.message.as_str()), (10_000, "request 9999 failed"));
        assert_eq!(line.fields, "id=9999, error=no space");
    }

    #[test]
    fn what_is_taken_is_not_taken_twice() {
        let errors = Errors::default();
        errors.add(Line { message: "a".into(), ..Line::default() });
        assert_eq!(errors.take().len(), 1);
        assert_eq!(errors.take(), []);
        errors.add(Line { message: "a".into(), ..Line::default() });
        assert_eq!(errors.take()[0].1, 1);
    }

    #[test]
    fn only_errors_of_rmm_that_are_told_nowhere_else_count() {
        let rows = gathered(|| {
            tracing::warn!("a warning");
            tracing::error!(target: "hyper", "of a library");
            tracing::error!(target: "rmm::bot::alerts::tell", "of what tells of errors");
            tracing::error!(alert = false, "told as a card");
        });
        assert_eq!(rows, []);
    }

    #[test]
    fn a_line_belongs_to_the_trace_that_it_was_written_in() {
        let rows = gathered(|| {
            let tap = tracing::info_span!(target: "rmm", "tap", trace_id = "4bf9");
            tap.in_scope(|| tracing::error!("the disk is full"));
        });
        assert_eq!(rows[0].0.trace.as_deref(), Some("4bf9"));
    }

    #[test]
    fn a_long_line_is_cut_and_names_its_part_and_its_trace() {
        let rows = gathered(|| {
            tracing::error!(part = "the bot", trace = "4bf9", panic = %"ж".repeat(100_000), "{}", "x".repeat(100_000));
        });
        let (line, _) = &rows[0];
        assert_eq!((line.part.as_deref(), line.trace.as_deref()), (Some("the bot"), Some("4bf9")));
        assert!(line.message.len() <= LONGEST && line.fields.len() <= LONGEST + 10, "{}", line.fields.len());
    }
}
