//! What can be wrong with the record, as facts.

use serde::{Deserialize, Serialize};

/// The first flaw of the record's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "`seq`, `from` and `to` are numbers of events; of the seal, that of the last event there is"
)]
pub enum RecordFlaw {
    /// An event's columns or its mac were changed.
    Edited { seq: i64 },
    /// Events between others are gone.
    Missing { from: i64, to: i64 },
    /// An event stands in another one's place, which was found elsewhere.
    Swapped { seq: i64, found_at: i64 },
    /// Events at the end are gone.
    CutOff { from: i64, to: i64 },
    /// An event was put there by a writer without the key.
    Added { seq: i64 },
    /// The seal of the end is gone.
    HeadMissing { seq: i64 },
    /// The seal was changed, or is an older one.
    HeadForged { seq: i64 },
    /// The chain is sound in itself but is not the one the anchor was taken from.
    Rewritten { seq: i64 },
}

impl RecordFlaw {
    /// The event that it is about.
    #[must_use]
    pub const fn seq(&self) -> i64 {
        match self {
            Self::Missing { from, .. } | Self::CutOff { from, .. } => *from,
            Self::Edited { seq }
            | Self::Swapped { seq, .. }
            | Self::Added { seq }
            | Self::HeadMissing { seq }
            | Self::HeadForged { seq }
            | Self::Rewritten { seq } => *seq,
        }
    }
}

/// How it shows that the record was changed behind RMM's back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`file` is the one beside the key, which says where the record ends")]
pub enum RecordAlarm {
    /// In the words of an RMM that noted no facts.
    Told { text: String },
    /// RMM has not written the file like this.
    NoteChanged { file: String },
    /// It is gone.
    NoteGone { file: String },
    /// The event that it names is another one.
    Rewritten { seq: i64 },
    /// The event that it names is not there; the last one that is.
    Behind { seq: i64, last: Option<i64> },
    /// There is a key, and no database.
    DatabaseGone,
    /// Each of these.
    All { alarms: Vec<RecordAlarm> },
}

impl RecordAlarm {
    /// This one, and another one beside it; once, where both are the same.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut alarms = if let Self::All { alarms } = self { alarms } else { vec![self] };
        if !alarms.contains(&other) {
            alarms.push(other);
        }
        match alarms.pop() {
            Some(only) if alarms.is_empty() => only,
            last => Self::All { alarms: alarms.into_iter().chain(last).collect() },
        }
    }
}

/// Events of the record that a copy of the database does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LostEvents {
    /// These, at least.
    Range {
        /// The first.
        from: i64,
        /// The last that is known of.
        to: i64,
    },
    /// In the words of an RMM that noted no facts.
    Told(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_that_comes_again_is_the_same_alarm() {
        let (gone, other) = (RecordAlarm::DatabaseGone, RecordAlarm::Rewritten { seq: 3 });
        assert_eq!(gone.clone().and(gone.clone()), gone);
        let both = gone.clone().and(other.clone());
        assert_eq!(both, RecordAlarm::All { alarms: vec![gone.clone(), other.clone()] });
        assert_eq!(both.clone().and(other).and(gone), both);
    }

    #[test]
    fn what_was_lost_is_read_as_earlier_versions_noted_it() {
        let told: LostEvents = serde_json::from_str("\"events 3 to 5\"").unwrap();
        assert_eq!(told, LostEvents::Told("events 3 to 5".into()));
        let range = LostEvents::Range { from: 3, to: 5 };
        assert_eq!(serde_json::from_str::<LostEvents>(&serde_json::to_string(&range).unwrap()).unwrap(), range);
    }
}
