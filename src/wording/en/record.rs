//! What can be wrong with the record, in English.

use crate::domain::fault::record::{LostEvents, RecordAlarm, RecordFlaw};

pub(in crate::wording) fn record_flaw(flaw: &RecordFlaw) -> String {
    use RecordFlaw as F;
    match flaw {
        F::Edited { seq } => {
            format!("Event {seq} is not what was written: its content or its signature was changed afterwards.")
        }
        F::Missing { from, to } => format!("{} missing: removed from between others.", events(*from, *to)),
        F::Swapped { seq, found_at } => format!(
            "Event {seq} was moved to place {found_at}, and another event stands in its place: events were put into another order."
        ),
        F::CutOff { from, to } => format!("{} cut off from the end of the log.", events(*from, *to)),
        F::Added { seq } => format!("Event {seq} was added by someone who does not have the key."),
        F::HeadMissing { seq } => {
            format!("The seal of the log's end was removed: after event {seq}, events may have been cut off.")
        }
        F::HeadForged { seq } => format!(
            "The seal of the log's end does not fit event {seq}: the seal was changed, or events after it were cut off."
        ),
        F::Rewritten { seq } => format!(
            "Event {seq} is not the one noted outside the database: the log was replaced or written anew with the key."
        ),
    }
}

/// `Events 3 to 5 are`.
fn events(from: i64, to: i64) -> String {
    if from == to { format!("Event {from} is") } else { format!("Events {from} to {to} are") }
}

pub(in crate::wording) fn record_alarm(alarm: &RecordAlarm) -> String {
    use RecordAlarm as A;
    match alarm {
        A::Told { text } => text.clone(),
        A::NoteChanged { file } => format!("{file} was changed: it is not what RMM wrote"),
        A::NoteGone { file } => format!("{file} is gone: what the record held is not known"),
        A::Rewritten { seq } => format!(
            "event {seq} of the record is not the one that was written: the record was written anew, or the database was replaced"
        ),
        A::Behind { seq, last } => {
            let ends = last.map_or_else(|| "is empty".to_owned(), |last| format!("ends at event {last}"));
            format!(
                "the record {ends}, and event {seq} was written: events were removed, or the database was replaced by an older or \
                 another one"
            )
        }
        A::DatabaseGone => "the database is gone, and its key is still there: a new record was begun".to_owned(),
        A::All { alarms } => alarms.iter().map(record_alarm).collect::<Vec<_>>().join("; "),
    }
}

/// Behind a colon.
pub(in crate::wording) fn lost_events(lost: &LostEvents) -> String {
    match lost {
        LostEvents::Range { from, to } if from == to => format!("event {from} of the record, at least, is not in it"),
        LostEvents::Range { from, to } => format!("events {from} to {to} of the record, at least, are not in it"),
        LostEvents::Told(text) => text.clone(),
    }
}
