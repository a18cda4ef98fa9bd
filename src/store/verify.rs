//! Checks the audit chain from the first event to the sealed head and names the first thing that is wrong.
//!
//! Must not: write, hold more than one event in memory, or trust anything in the database but what the key confirms.

use rusqlite::{Connection, OptionalExtension, Row};

use super::chain::{ChainHead, Columns, Signer};
use super::error::StoreError;
use super::key::AuditKey;

/// A chain without a flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many events were checked.
    pub events: i64,
    /// Where the chain ends.
    pub head: ChainHead,
}

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
    /// An event was put there by someone without the key.
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

    fn missing(from: i64, to: i64) -> Self {
        Self {
            sentence: range(from, to, "missing: removed from between others"),
            ..Self::new(BrokenKind::Missing, from)
        }
    }

    fn swapped(place: i64, found_at: i64) -> Self {
        let sentence = format!(
            "Event {place} was moved to place {found_at}, and another event stands in its place: events were put into another order."
        );
        Self { sentence, ..Self::new(BrokenKind::Swapped, place) }
    }
}

fn range(from: i64, to: i64, what: &str) -> String {
    if from == to { format!("Event {from} is {what}.") } else { format!("Events {from} to {to} are {what}.") }
}

/// An event as it stands in the database. What has a wrong type (only possible by tampering) is `None`.
pub(crate) struct Stored<'a> {
    pub seq: i64,
    pub columns: Option<Columns<'a>>,
    pub mac: Option<[u8; 32]>,
}

impl<'a> Stored<'a> {
    pub(crate) const COLUMNS: &'static str = "seq, at, service, release_id, run_id, actor, kind, data, trace_id, mac";

    pub(crate) fn read(row: &'a Row<'_>) -> Result<Self, StoreError> {
        let mac = row.get_ref(9)?.as_blob().ok().and_then(|blob| blob.try_into().ok());
        Ok(Self { seq: row.get(0)?, columns: columns(row)?, mac })
    }

    /// What its mac must be if it follows an event with the mac `before` at the place `seq`.
    fn mac_at(&self, signer: &mut Signer, before: &[u8; 32], seq: i64) -> Option<[u8; 32]> {
        self.columns.as_ref().map(|columns| signer.event(before, seq, columns))
    }

    /// Whether it may come right behind the event `before`: it has the next number, or it says itself that it goes on
    /// from there, as the first event after a restore does.
    pub(crate) fn follows(&self, before: i64) -> bool {
        self.seq == before + 1 || (self.seq > before && self.goes_on_from() == Some(before))
    }

    fn goes_on_from(&self) -> Option<i64> {
        let columns = self.columns.as_ref().filter(|columns| columns.kind == b"database_restored")?;
        serde_json::from_slice::<serde_json::Value>(columns.data).ok()?.get("after")?.as_i64()
    }

    pub(crate) fn fits(&self, signer: &mut Signer, before: &[u8; 32]) -> bool {
        self.mac.is_some() && self.mac == self.mac_at(signer, before, self.seq)
    }
}

fn columns<'a>(row: &'a Row<'_>) -> Result<Option<Columns<'a>>, StoreError> {
    let number = |index| -> Result<Option<Option<i64>>, StoreError> { Ok(row.get_ref(index)?.as_i64_or_null().ok()) };
    let text =
        |index| -> Result<Option<Option<&'a [u8]>>, StoreError> { Ok(row.get_ref(index)?.as_bytes_or_null().ok()) };
    let (Some(Some(at)), Some(service), Some(release_id), Some(run_id)) =
        (number(1)?, text(2)?, number(3)?, number(4)?)
    else {
        return Ok(None);
    };
    let (Some(Some(actor)), Some(Some(kind)), Some(Some(data)), Some(trace_id)) =
        (text(5)?, text(6)?, text(7)?, text(8)?)
    else {
        return Ok(None);
    };
    Ok(Some(Columns { at, service, release_id, run_id, actor, kind, data, trace_id }))
}

/// The head row as it stands in the database.
pub(crate) struct StoredHead {
    pub head: ChainHead,
    pub seal: [u8; 32],
}

/// Reads the head row; a mac or seal of the wrong length reads as zeros, which no key confirms.
pub(crate) fn head_row(conn: &Connection) -> Result<Option<StoredHead>, StoreError> {
    let row = conn
        .query_row("SELECT seq, mac, seal FROM chain_head WHERE id = 1", [], |row| {
            let bytes = |index| {
                row.get_ref(index)?.as_blob().map(|blob| blob.try_into().unwrap_or_default()).map_err(Into::into)
            };
            let bytes: &dyn Fn(usize) -> rusqlite::Result<[u8; 32]> = &bytes;
            Ok(StoredHead { head: ChainHead { seq: row.get(0)?, mac: bytes(1)? }, seal: bytes(2)? })
        })
        .optional()?;
    Ok(row)
}

/// Checks the whole chain: streaming, memory flat, one consistent snapshot even while the writer goes on.
///
/// `anchor`: an end of the chain that was noted outside the database earlier. With it, a log that was rewritten by
/// someone who has the key, or put back to an older state together with its seal, shows too.
///
/// # Errors
/// The outer error when the database cannot be read; the inner one is the first flaw found.
pub fn verify(
    conn: &Connection,
    key: &AuditKey,
    anchor: Option<&ChainHead>,
) -> Result<Result<Verified, Broken>, StoreError> {
    if conn.is_autocommit() {
        let snapshot = conn.unchecked_transaction()?;
        return verify_snapshot(&snapshot, key, anchor);
    }
    verify_snapshot(conn, key, anchor)
}

fn verify_snapshot(
    conn: &Connection,
    key: &AuditKey,
    anchor: Option<&ChainHead>,
) -> Result<Result<Verified, Broken>, StoreError> {
    let mut signer = Signer::new(key);
    let stored_head = head_row(conn)?;
    let head = stored_head.as_ref().filter(|stored| stored.seal == signer.seal(&stored.head)).map(|stored| stored.head);
    let anchor = anchor.filter(|anchor| anchor.seq > 0);
    let mut statement = conn.prepare(&format!("SELECT {} FROM events ORDER BY seq", Stored::COLUMNS))?;
    let mut rows = statement.query([])?;
    let (mut end, mut events) = (ChainHead::START, 0);
    while let Some(row) = rows.next()? {
        let event = Stored::read(row)?;
        let place = if event.follows(end.seq) { event.seq } else { end.seq + 1 };
        if event.seq > place {
            // A row far behind a sound head was added; what lies between head and row was never there.
            let added = head.is_some_and(|head| end == head);
            return Ok(Err(if added {
                Broken::new(BrokenKind::Added, event.seq)
            } else {
                Broken::missing(place, event.seq - 1)
            }));
        }
        if event.seq < place {
            return Ok(Err(Broken::new(BrokenKind::Added, event.seq)));
        }
        let Some(mac) = event.mac.filter(|_| event.fits(&mut signer, &end.mac)) else {
            if head.is_some_and(|head| end == head) {
                return Ok(Err(Broken::new(BrokenKind::Added, place)));
            }
            let found_at = displaced(conn, &mut signer, &end, event.mac)?;
            return Ok(Err(
                found_at.map_or_else(|| Broken::new(BrokenKind::Edited, place), |at| Broken::swapped(place, at))
            ));
        };
        // What was noted elsewhere and is not here went with the database that was replaced.
        if let Some(lost) = anchor.filter(|anchor| anchor.seq > end.seq && anchor.seq < place) {
            return Ok(Err(Broken::cut_off(end.seq + 1, lost.seq)));
        }
        end = ChainHead { seq: place, mac };
        events += 1;
        if anchor.is_some_and(|anchor| anchor.seq == place && anchor.mac != mac) {
            return Ok(Err(Broken::new(BrokenKind::Rewritten, place)));
        }
    }
    let flaw = match (stored_head, head) {
        (None, _) => Some(Broken::new(BrokenKind::HeadMissing, end.seq)),
        (Some(_), Some(head)) if end.seq < head.seq => Some(Broken::cut_off(end.seq + 1, head.seq)),
        (Some(_), Some(head)) if end == head => None,
        (Some(_), _) => Some(Broken::new(BrokenKind::HeadForged, end.seq)),
    };
    let flaw = flaw.or_else(|| {
        anchor.filter(|anchor| anchor.seq > end.seq).map(|anchor| Broken::cut_off(end.seq + 1, anchor.seq))
    });
    Ok(flaw.map_or(Ok(Verified { events, head: end }), Err))
}

/// Where the event that belongs behind `end` stands now, if it is still in the table: its content then gives, at its
/// true place, the mac that it or the row in its place carries.
fn displaced(
    conn: &Connection,
    signer: &mut Signer,
    end: &ChainHead,
    mac_in_place: Option<[u8; 32]>,
) -> Result<Option<i64>, StoreError> {
    let place = end.seq + 1;
    let mut statement = conn.prepare(&format!("SELECT {} FROM events WHERE seq > ?1 ORDER BY seq", Stored::COLUMNS))?;
    let mut rows = statement.query([place])?;
    while let Some(row) = rows.next()? {
        let event = Stored::read(row)?;
        let mac = event.mac_at(signer, &end.mac, place);
        if mac.is_some() && (mac == event.mac || mac == mac_in_place) {
            return Ok(Some(event.seq));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
