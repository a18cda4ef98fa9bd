//! Everything that has happened to a release, newest first, a page at a time. The steps of a run, which are many and alike,
//! are folded.

use crate::domain::ids::ReleaseId;
use crate::domain::person::Actor;
use crate::engine::catalog::Catalog;
use crate::store::events::{self, EventRow};
use crate::web::Web;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::When;
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::release as words;

/// Events of a page.
const EVENTS: u32 = 200;
/// Bytes of them that are read.
const EVENT_BYTES: usize = 512 << 10;

pub(super) struct EventLine {
    pub text: String,
    pub who: String,
    pub when: When,
    /// Where its trace is shown.
    pub trace: Option<String>,
    /// One of the many of every run.
    is_small: bool,
}

/// One event, or several that are folded.
pub(super) struct Entry {
    /// Tells it from the others while new ones come.
    pub key: i64,
    pub events: Vec<EventLine>,
    /// When the last of them was.
    pub when: When,
    /// What stands there while they are folded.
    pub summary: Option<String>,
    /// The day, where it is another one than that of the entry above.
    pub day: Option<String>,
}

pub(super) struct Timeline {
    pub entries: Vec<Entry>,
    /// Where older ones are.
    pub older: Option<i64>,
    /// These are older ones.
    pub is_old: bool,
}

impl Timeline {
    /// The events before a place in the record, or the last ones.
    pub async fn read(web: &Web, viewer: &Viewer, id: ReleaseId, before: Option<i64>) -> Result<Self, Fault> {
        let page = web.engine.read(move |conn| events::last_of_release(conn, id, before, EVENTS, EVENT_BYTES)).await?;
        let older = page.events.last().filter(|_| page.more).map(|event| event.seq);
        let mut entries: Vec<Entry> = Vec::new();
        let catalog = web.engine.catalog();
        for event in page.events {
            let (seq, line) = (event.seq, EventLine::of(event, viewer, &catalog));
            match entries.last_mut() {
                Some(last) if line.is_small && last.events[0].is_small && last.when.day == line.when.day => {
                    last.events.push(line);
                    last.key = seq;
                }
                _ => entries.push(Entry {
                    key: seq,
                    when: line.when.clone(),
                    events: vec![line],
                    summary: None,
                    day: None,
                }),
            }
        }
        let mut above = String::new();
        for entry in &mut entries {
            let day = &entry.when.day;
            entry.day = (*day != above).then(|| day.clone());
            above.clone_from(day);
        }
        let words = words::of(viewer.looks.language);
        for entry in entries.iter_mut().filter(|entry| entry.events.len() > 1) {
            entry.summary = Some(words.steps(entry.events.len()));
        }
        Ok(Self { entries, older, is_old: before.is_some() })
    }
}

impl EventLine {
    fn of(event: EventRow, viewer: &Viewer, catalog: &Catalog) -> Self {
        let actor: Option<Actor> = serde_json::from_str(&event.actor).ok();
        let at = jiff::Timestamp::from_millisecond(event.at).unwrap_or_default();
        Self {
            is_small: matches!(event.kind.as_str(), "step_started" | "step_ended"),
            text: viewer.looks.happened(&event.kind, &event.data),
            // What RMM does by itself needs no name.
            who: actor
                .filter(|actor| *actor != Actor::Machine)
                .map(|actor| actor.label().to_owned())
                .unwrap_or_default(),
            when: viewer.looks.when(at, viewer.now),
            trace: event.trace_id.and_then(|id| catalog.trace_page(&id)),
        }
    }
}
