//! The highest end of the record that was seen, in a file beside the key: a database that does not hold it any more was
//! wiped, cut off, written anew or put back to an older state. That is an alarm, which stands in the same file, so that
//! it outlives the database, until an admin acknowledges it.
//!
//! Must not: follow a record that has lost what was noted, or forget an alarm by itself.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chain::{Chain, NewEvent};
use super::columns::{millis, to_json};
use super::error::StoreError;
use super::signed::ChainHead;
use super::{key, with_suffix};
use crate::domain::event::Event;
use crate::domain::fault::record::{LostEvents, RecordAlarm};
use crate::domain::fault::store::FileAct;
use crate::domain::person::Actor;
use crate::wording::{Language, on_record};

/// The file beside the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Watermark {
    seq: i64,
    mac: String,
    /// What an admin has to look at.
    pub alarm: Option<RecordAlarm>,
}

/// What the file holds: the alarm in English, and its facts where the RMM that wrote it noted them.
#[derive(Serialize, Deserialize)]
struct Kept {
    seq: i64,
    mac: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm: Option<String>,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    because: Value,
}

impl From<Kept> for Watermark {
    fn from(Kept { seq, mac, alarm, because }: Kept) -> Self {
        let alarm = alarm.map(|text| serde_json::from_value(because).unwrap_or(RecordAlarm::Told { text }));
        Self { seq, mac, alarm }
    }
}

impl From<Watermark> for Kept {
    fn from(Watermark { seq, mac, alarm }: Watermark) -> Self {
        let because = alarm.as_ref().and_then(|alarm| serde_json::to_value(alarm).ok()).unwrap_or_default();
        Self { seq, mac, alarm: alarm.map(|alarm| Language::En.record_alarm(&alarm)), because }
    }
}

impl Watermark {
    /// Where it is.
    #[must_use]
    pub fn path(key_file: &Path) -> PathBuf {
        with_suffix(key_file, ".head")
    }

    /// Reads it. One that is no watermark is an alarm.
    ///
    /// # Errors
    /// When the disk does not let it be read.
    pub fn read(key_file: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(key_file);
        match fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text).unwrap_or_else(|_| {
                let alarm = RecordAlarm::NoteChanged { file: path.display().to_string() };
                Self { alarm: Some(alarm), ..Self::default() }
            }))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(FileAct::Read, &path, error)),
        }
    }

    /// Writes it, so that it is there as a whole or as it was.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, key_file: &Path) -> Result<(), StoreError> {
        key::replace(&Self::path(key_file), to_json(self)?.as_bytes())
    }

    /// How the record in the database differs from what was noted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn difference(&self, conn: &Connection) -> Result<Option<RecordAlarm>, StoreError> {
        if self.seq <= 0 {
            return Ok(None);
        }
        let mac: Option<Vec<u8>> = conn
            .prepare_cached("SELECT mac FROM events WHERE seq = ?1")?
            .query_row([self.seq], |row| Ok(row.get_ref(0)?.as_bytes_or_null().ok().flatten().map(<[u8]>::to_vec)))
            .optional()?
            .flatten();
        Ok(match mac {
            Some(mac) if hex::encode(&mac) == self.mac => None,
            Some(_) => Some(RecordAlarm::Rewritten { seq: self.seq }),
            None => {
                let last = conn.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
                Some(RecordAlarm::Behind { seq: self.seq, last })
            }
        })
    }

    /// What a copy with this end of the record has lost, and the file that belongs to it.
    ///
    /// # Errors
    /// When the disk does not let the file be read.
    pub fn of_copy(key_file: &Path, head: Option<ChainHead>) -> Result<(Self, Option<LostEvents>), StoreError> {
        let before = Self::read(key_file)?.unwrap_or_default();
        let head = head.unwrap_or(ChainHead::START);
        let lost = (head.seq < before.seq).then_some(LostEvents::Range { from: head.seq + 1, to: before.seq });
        Ok((Self { alarm: before.alarm, ..Self::default() }.at(head), lost))
    }

    /// The number of the event that was noted.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    fn at(self, head: ChainHead) -> Self {
        Self { seq: head.seq, mac: head.mac_hex(), ..self }
    }

    /// The alarm of a file that tells nothing.
    fn take_unread(&mut self) -> Option<RecordAlarm> {
        self.alarm.take_if(|_| self.mac.is_empty())
    }

    fn with(self, alarm: RecordAlarm) -> Self {
        let alarm = match self.alarm {
            Some(before) => before.and(alarm),
            None => alarm,
        };
        Self { alarm: Some(alarm), ..self }
    }

    /// Notes that the record has grown. `Some`: it does not hold what was noted, and nothing is noted then.
    pub(super) fn follow(&mut self, conn: &Connection, key_file: &Path) -> Result<Option<RecordAlarm>, StoreError> {
        if let Some(difference) = self.difference(conn)? {
            return Ok(Some(difference));
        }
        let last = last(conn)?;
        if last.seq > self.seq {
            let next = self.clone().at(last);
            next.write(key_file)?;
            *self = next;
        }
        Ok(None)
    }

    /// After the event that tells of it.
    pub(super) fn raise(&mut self, conn: &Connection, key_file: &Path, alarm: RecordAlarm) -> Result<(), StoreError> {
        *self = self.clone().with(alarm).at(last(conn)?);
        self.write(key_file)
    }

    pub(super) fn acknowledge(&mut self, key_file: &Path) -> Result<(), StoreError> {
        self.alarm = None;
        self.write(key_file)
    }
}

/// The last event there is, whatever the head says.
fn last(conn: &Connection) -> Result<ChainHead, StoreError> {
    let sql = "SELECT seq, mac FROM events ORDER BY seq DESC LIMIT 1";
    let last = conn.query_row(sql, [], |row| {
        let mac = row.get_ref(1)?.as_bytes_or_null().ok().flatten().and_then(|mac| mac.try_into().ok());
        Ok(ChainHead { seq: row.get(0)?, mac: mac.unwrap_or_default() })
    });
    Ok(last.optional()?.unwrap_or(ChainHead::START))
}

/// What the start finds before it writes anything.
pub(super) struct Found {
    pub mark: Watermark,
    /// An alarm that is new.
    pub alarm: Option<RecordAlarm>,
    /// The database is not the one that was left.
    pub another: bool,
}

/// Compares a database with what was noted. `key_was_there`: before this start. `watched`: there was a file once.
pub(super) fn look(
    conn: &Connection,
    key_file: &Path,
    fresh: bool,
    key_was_there: bool,
    watched: bool,
) -> Result<Found, StoreError> {
    let mut mark = Watermark::read(key_file)?;
    let difference = match &mark {
        Some(mark) => mark.difference(conn)?,
        None => None,
    };
    let another = difference.or_else(|| (fresh && key_was_there).then_some(RecordAlarm::DatabaseGone));
    let file = || Watermark::path(key_file).display().to_string();
    let gone = (mark.is_none() && watched).then(|| RecordAlarm::NoteGone { file: file() });
    let alarm = another.clone().or(gone).or_else(|| mark.as_mut().and_then(Watermark::take_unread));
    Ok(Found { mark: mark.unwrap_or_default(), another: another.is_some(), alarm })
}

/// Puts an alarm of the start on the record, and notes where the record ends.
pub(super) fn begin(
    conn: &Connection,
    chain: &mut Chain,
    key_file: &Path,
    found: Found,
    now: Timestamp,
) -> Result<Watermark, StoreError> {
    let Found { mut mark, alarm, .. } = found;
    let Some(alarm) = alarm else {
        mark = mark.at(last(conn)?);
        // A full disk is no reason not to start.
        if let Err(error) = mark.write(key_file) {
            tracing::warn!(%error, "the end of the record cannot be noted beside its key");
        }
        return Ok(mark);
    };
    let transaction = conn.unchecked_transaction()?;
    let before = chain.head();
    let done = append(now, &alarm, |event| chain.append(&transaction, event)).and_then(|_| chain.seal(&transaction));
    if let Err(error) = done {
        chain.restore(before);
        return Err(error);
    }
    transaction.commit()?;
    chain.committed();
    mark.raise(conn, key_file, alarm)?;
    Ok(mark)
}

/// The event that tells of an alarm.
pub(super) fn append(
    now: Timestamp,
    alarm: &RecordAlarm,
    append: impl FnOnce(&NewEvent<'_>) -> Result<i64, StoreError>,
) -> Result<i64, StoreError> {
    let found = Language::En.record_alarm(alarm);
    tracing::error!(alert = false, "the record was changed behind RMM's back: {found}; `rmm audit verify` says more");
    let actor = to_json(&Actor::Machine)?;
    let (kind, data) = Event::RecordAlarmRaised { found, because: Some(alarm.clone()) }.into_record(on_record);
    append(&NewEvent {
        at: millis(now),
        service: None,
        release_id: None,
        run_id: None,
        actor: &actor,
        kind: &kind,
        data: &data,
        trace_id: None,
    })
}

#[cfg(test)]
mod tests;
