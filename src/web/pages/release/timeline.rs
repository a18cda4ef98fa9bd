//! Everything that has happened to a release, newest first, a page at a time. The steps of a run, which are many and alike,
//! are folded.

use std::collections::HashSet;

use serde_json::Value;

use crate::domain::ids::ReleaseId;
use crate::domain::person::Actor;
use crate::domain::status::Status;
use crate::engine::catalog::Catalog;
use crate::store::events::{self, EventRow};
use crate::web::Web;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::When;
use crate::web::pages::tone::{self, Tone};
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::release::{self as words, ReleaseWords};

/// Events of a page.
const EVENTS: u32 = 200;
/// Bytes of them that are read.
const EVENT_BYTES: usize = 512 << 10;

pub(super) struct EventLine {
    pub tone: Tone,
    pub text: String,
    pub who: String,
    pub when: When,
    /// Where its trace is shown.
    pub trace: Option<String>,
    /// One of the many of every run.
    is_small: bool,
    /// Of a step: it begins, and does not end.
    begins: bool,
}

/// One event, or several that are folded.
pub(super) struct Entry {
    /// Tells it from the others while new ones come.
    pub key: i64,
    pub events: Vec<EventLine>,
    /// When the last of them was.
    pub when: When,
    /// What stands there while they are folded.
    pub summary: Option<(Tone, String)>,
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
        for (event, data) in told_once(page.events) {
            let (seq, line) = (event.seq, EventLine::of(event, &data, viewer, &catalog));
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
            entry.summary = Some(folded(&entry.events, words));
        }
        Ok(Self { entries, older, is_old: before.is_some() })
    }
}

/// Moves of a release without what an event since the last move says, or that move: that it was rejected, and the reason of what it
/// has come to. The same reason in a later attempt is told anew. Each with its data, read.
fn told_once(events: Vec<EventRow>) -> impl Iterator<Item = (EventRow, Value)> {
    let mut told = HashSet::new();
    let mut shown = Vec::with_capacity(events.len());
    for event in events.into_iter().rev() {
        let mut data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        let reason = data["reason"].as_str().unwrap_or_default().to_owned();
        let is_move = event.kind == "release_moved";
        if is_move && data["because"]["code"] == "rejected" {
            continue;
        }
        let is_new = reason.is_empty() || told.insert(reason.clone());
        if is_move {
            told = HashSet::from([reason]);
        }
        if is_move && !is_new {
            for key in ["reason", "because"] {
                data.as_object_mut().and_then(|data| data.remove(key));
            }
        }
        shown.push((event, data));
    }
    shown.into_iter().rev()
}

/// Steps in a row: how many there were, and the worst that became of one.
fn folded(events: &[EventLine], words: &ReleaseWords) -> (Tone, String) {
    let ill = events.iter().filter(|event| [tone::FAIL, tone::UNKNOWN].contains(&event.tone));
    let worst = [tone::FAIL, tone::UNKNOWN, tone::OFF, tone::OK].into_iter();
    let worst = worst.into_iter().find(|tone| events.iter().any(|event| event.tone == *tone)).unwrap_or(tone::IDLE);
    let begun = events.iter().filter(|event| event.begins).count();
    // Where the beginnings are on another page, the ends tell how many there were.
    (worst, words.steps(begun.max(events.len() - begun), ill.count()))
}

/// What an event has come to; what only begins says nothing yet.
fn tone_of(kind: &str, data: &Value) -> Tone {
    let said = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    match kind {
        "release_moved" => match said("to").parse::<Status>().map(Tone::from) {
            Ok(tone) if ![tone::RUN, tone::WAIT].contains(&tone) => tone,
            Ok(_) | Err(_) => tone::IDLE,
        },
        "run_ended" | "step_ended" => match said("state") {
            "succeeded" => tone::OK,
            "failed" => tone::FAIL,
            "unknown" => tone::UNKNOWN,
            _ => tone::OFF,
        },
        "release_approved" | "environment_repaired" | "environment_settled" | "host_caught_up" => tone::OK,
        "release_rejected" | "environment_dirty" => tone::FAIL,
        "environment_unknown" => tone::UNKNOWN,
        "production_locked" => tone::LOCK,
        "gates_bypassed" | "tag_moved" | "rehearsal_stale" | "report_refused" | "hand_work_found" | "run_waiting"
        | "run_stopping" | "host_left_behind" | "host_given_up" | "foreign_run_found" | "commit_unresolved" => {
            tone::WARN
        }
        _ => tone::IDLE,
    }
}

impl EventLine {
    fn of(event: EventRow, data: &Value, viewer: &Viewer, catalog: &Catalog) -> Self {
        let actor: Option<Actor> = serde_json::from_str(&event.actor).ok();
        let at = jiff::Timestamp::from_millisecond(event.at).unwrap_or_default();
        Self {
            is_small: matches!(event.kind.as_str(), "step_started" | "step_ended"),
            begins: event.kind == "step_started",
            tone: tone_of(&event.kind, data),
            text: viewer.looks.happened(&event.kind, data),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once_in_each_attempt() {
        let event = |kind: &str, reason: &str| EventRow {
            seq: 1,
            at: 0,
            service: None,
            release: Some(1),
            run: None,
            actor: "{}".into(),
            kind: kind.into(),
            data: serde_json::json!({ "reason": reason }).to_string(),
            trace_id: None,
        };
        let moved = |reason| event("release_moved", reason);
        // As the page has them: the newest first.
        let events = vec![moved("full"), moved("retried"), moved("full"), moved("full"), event("run_ended", "full")];
        let told: Vec<_> = told_once(events).map(|(_, data)| data["reason"] == "full").collect();
        assert_eq!(told, [true, false, false, false, true]);
    }
}
