//! What can be wrong with the audit chain.

/// The first flaw of a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct Broken {
    /// The event it is about; for the head, the last event there is.
    pub seq: i64,
    /// What is wrong.
    pub kind: BrokenKind,
    /// The same for people.
    pub sentence: String,
}

/// What can be wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenKind {
    /// An event's columns or its mac were changed.
    Edited,
    /// An event between others is gone.
    Missing,
    /// An event stands in another one's place.
    Swapped,
    /// Events at the end are gone.
    CutOff,
    /// An event was put there by a writer without the key.
    Added,
    /// The head row is gone.
    HeadMissing,
    /// The head row was changed, or is an older one.
    HeadForged,
    /// The chain is sound in itself but is not the one the anchor was taken from.
    Rewritten,
}

impl Broken {
    pub(crate) fn new(kind: BrokenKind, seq: i64) -> Self {
        let sentence = match kind {
            BrokenKind::Edited => {
                format!("Event {seq} is not what was written: its content or its signature was changed afterwards.")
            }
            BrokenKind::Missing => format!("Event {seq} is missing: it was removed from between others."),
            BrokenKind::Swapped => {
                format!("Another event stands in the place of event {seq}: events were put into another order.")
            }
            BrokenKind::CutOff => format!("The log ends before event {seq}: its last events were cut off."),
            BrokenKind::Added => format!("Event {seq} was added by someone who does not have the key."),
            BrokenKind::HeadMissing => {
                format!("The seal of the log's end was removed: after event {seq}, events may have been cut off.")
            }
            BrokenKind::HeadForged => {
                format!(
                    "The seal of the log's end does not fit event {seq}: the seal was changed, or events after it were cut off."
                )
            }
            BrokenKind::Rewritten => {
                format!(
                    "Event {seq} is not the one noted outside the database: the log was replaced or written anew with the key."
                )
            }
        };
        Self { seq, kind, sentence }
    }

    /// Events `from..=to` are gone from the end.
    pub(crate) fn cut_off(from: i64, to: i64) -> Self {
        Self { sentence: range(from, to, "cut off from the end of the log"), ..Self::new(BrokenKind::CutOff, from) }
    }

    pub(crate) fn missing(from: i64, to: i64) -> Self {
        Self {
            sentence: range(from, to, "missing: removed from between others"),
            ..Self::new(BrokenKind::Missing, from)
        }
    }

    pub(crate) fn swapped(place: i64, found_at: i64) -> Self {
        let sentence = format!(
            "Event {place} was moved to place {found_at}, and another event stands in its place: events were put into another order."
        );
        Self { sentence, ..Self::new(BrokenKind::Swapped, place) }
    }
}

fn range(from: i64, to: i64, what: &str) -> String {
    if from == to { format!("Event {from} is {what}.") } else { format!("Events {from} to {to} are {what}.") }
}
