//! Checks the audit chain from the first event to the sealed head and names the first thing that is wrong.
//!
//! Must not: write, hold more than one event in memory, or trust anything in the database but what the key confirms.

use rusqlite::Connection;

use super::error::StoreError;
use super::key::AuditKey;
use super::signed::{ChainHead, Signer, Stored, head_row};
use crate::domain::fault::record::RecordFlaw;

/// A chain without a flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many events were checked.
    pub events: i64,
    /// Where the chain ends.
    pub head: ChainHead,
}

/// Checks the whole chain: streaming, memory flat, one consistent snapshot even while the writer goes on.
///
/// `anchor`: an end of the chain that was noted outside the database earlier. With it, a log that was rewritten by
/// a holder of the key, or put back to an older state together with its seal, shows too.
///
/// # Errors
/// The outer error when the database cannot be read; the inner one is the first flaw found.
pub fn verify(
    conn: &Connection,
    key: &AuditKey,
    anchor: Option<&ChainHead>,
) -> Result<Result<Verified, RecordFlaw>, StoreError> {
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
) -> Result<Result<Verified, RecordFlaw>, StoreError> {
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
                RecordFlaw::Added { seq: event.seq }
            } else {
                RecordFlaw::Missing { from: place, to: event.seq - 1 }
            }));
        }
        if event.seq < place {
            return Ok(Err(RecordFlaw::Added { seq: event.seq }));
        }
        let Some(mac) = event.mac.filter(|_| event.fits(&mut signer, &end.mac)) else {
            if head.is_some_and(|head| end == head) {
                return Ok(Err(RecordFlaw::Added { seq: place }));
            }
            let found_at = displaced(conn, &mut signer, &end, event.mac)?;
            return Ok(Err(found_at
                .map_or(RecordFlaw::Edited { seq: place }, |found_at| RecordFlaw::Swapped { seq: place, found_at })));
        };
        // What was noted elsewhere and is not here went with the database that was replaced.
        if let Some(lost) = anchor.filter(|anchor| anchor.seq > end.seq && anchor.seq < place) {
            return Ok(Err(RecordFlaw::CutOff { from: end.seq + 1, to: lost.seq }));
        }
        end = ChainHead { seq: place, mac };
        events += 1;
        if anchor.is_some_and(|anchor| anchor.seq == place && anchor.mac != mac) {
            return Ok(Err(RecordFlaw::Rewritten { seq: place }));
        }
    }
    let flaw = match (stored_head, head) {
        (None, _) => Some(RecordFlaw::HeadMissing { seq: end.seq }),
        (Some(_), Some(head)) if end.seq < head.seq => Some(RecordFlaw::CutOff { from: end.seq + 1, to: head.seq }),
        (Some(_), Some(head)) if end == head => None,
        (Some(_), _) => Some(RecordFlaw::HeadForged { seq: end.seq }),
    };
    let flaw = flaw.or_else(|| {
        let lost = anchor.filter(|anchor| anchor.seq > end.seq);
        lost.map(|anchor| RecordFlaw::CutOff { from: end.seq + 1, to: anchor.seq })
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
