//! The audit chain: every event carries `HMAC-SHA256(key, mac of the event before ‖ its own columns)`, and one row,
//! the head, seals where the chain ends. So an edited, removed, swapped or cut-off event shows (see `verify`).
//!
//! Must not: be written from anywhere but the writer thread (it keeps the head in memory), or seal a head that it did
//! not find sound when the database was opened: a fresh seal over a damaged end would hide the damage.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;
use super::key::AuditKey;
use super::signed::{ChainHead, Columns, Signer, Stored, head_row};
use crate::domain::fault::record::RecordFlaw;

/// An event to be written. All JSON comes ready-made; nothing here looks into it.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    /// When it happened, unix milliseconds.
    pub at: i64,
    /// The service it is about.
    pub service: Option<&'a str>,
    /// The release it is about.
    pub release_id: Option<i64>,
    /// The run it is about.
    pub run_id: Option<i64>,
    /// Who did it, JSON.
    pub actor: &'a str,
    /// What happened, past tense.
    pub kind: &'a str,
    /// The particulars, JSON.
    pub data: &'a str,
    /// The trace it belongs to.
    pub trace_id: Option<&'a str>,
}

/// The writer's end of the chain.
pub(crate) struct Chain {
    signer: Signer,
    head: ChainHead,
    sealed: ChainHead,
    may_seal: bool,
}

impl Chain {
    /// Takes up the chain where the database ends, making key and head for a new one. Looks at the last rows only.
    ///
    /// `fresh`: the tables were made by this very start. What looks wrong is returned, not refused: RMM goes on
    /// writing such that `verify` keeps finding the damage.
    pub(crate) fn open(
        conn: &Connection,
        key_file: &Path,
        fresh: bool,
    ) -> Result<(Self, AuditKey, Option<RecordFlaw>), StoreError> {
        let stored = head_row(conn)?;
        let any_event = conn.query_row("SELECT EXISTS (SELECT 1 FROM events)", [], |row| row.get(0))?;
        let has_history = any_event || stored.as_ref().is_some_and(|stored| stored.head.seq > 0);
        let Some(key) = AuditKey::load(key_file)? else {
            if has_history {
                return Err(StoreError::KeyMissing { path: key_file.to_owned() });
            }
            let key = AuditKey::random()?;
            let chain = Self::begin(conn, &key)?;
            // The key is saved after the head: a key without a head then always means that the head was removed.
            key.save_new(key_file)?;
            return Ok((chain, key, None));
        };
        if !has_history && (fresh || stored.is_some()) {
            return Ok((Self::begin(conn, &key)?, key, None));
        }
        let mut signer = Signer::new(&key);
        let last = last_event(conn, &mut signer)?;
        let seal_fits = stored.as_ref().is_some_and(|stored| stored.seal == signer.seal(&stored.head));
        if !seal_fits && has_history && !last.is_some_and(|(_, fits)| fits) {
            return Err(StoreError::KeyForeign { path: key_file.to_owned() });
        }
        let end = last.map_or(ChainHead::START, |(end, _)| end);
        let (head, damage) = match &stored {
            Some(stored) if seal_fits => {
                let head = ChainHead { seq: stored.head.seq.max(end.seq), mac: stored.head.mac };
                (head, (end != stored.head).then(|| end_damage(&stored.head, &end)))
            }
            Some(_) => (end, Some(RecordFlaw::HeadForged { seq: end.seq })),
            None => (end, Some(RecordFlaw::HeadMissing { seq: end.seq })),
        };
        Ok((Self { signer, head, sealed: head, may_seal: seal_fits }, key, damage))
    }

    fn begin(conn: &Connection, key: &AuditKey) -> Result<Self, StoreError> {
        let signer = Signer::new(key);
        let head = ChainHead::START;
        conn.execute(
            "INSERT INTO chain_head (id, seq, mac, seal) VALUES (1, ?1, ?2, ?3) \
             ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, mac = excluded.mac, seal = excluded.seal",
            (head.seq, head.mac, signer.seal(&head)),
        )?;
        Ok(Self { signer, head, sealed: head, may_seal: true })
    }

    /// Where the chain ends, counting what the running transaction has appended.
    pub(crate) fn head(&self) -> ChainHead {
        self.head
    }

    /// Lets the next event have a number above `seq`. It has to say so, or `verify` takes those between for removed.
    pub(crate) fn go_on_from(&mut self, seq: i64) {
        self.head.seq = self.head.seq.max(seq);
    }

    /// Goes back to an earlier head after a savepoint or the transaction was rolled back.
    pub(crate) fn restore(&mut self, head: ChainHead) {
        self.head = head;
    }

    /// Notes that the seal written by `seal` is on disk (`head()` at the time of the commit).
    pub(crate) fn committed(&mut self) {
        self.sealed = self.head;
    }

    pub(crate) fn append(&mut self, conn: &Connection, event: &NewEvent<'_>) -> Result<i64, StoreError> {
        let seq = self.head.seq + 1;
        let columns = Columns {
            at: event.at,
            service: event.service.map(str::as_bytes),
            release_id: event.release_id,
            run_id: event.run_id,
            actor: event.actor.as_bytes(),
            kind: event.kind.as_bytes(),
            data: event.data.as_bytes(),
            trace_id: event.trace_id.map(str::as_bytes),
        };
        let mac = self.signer.event(&self.head.mac, seq, &columns);
        conn.prepare_cached(
            "INSERT INTO events (seq, at, service, release_id, run_id, actor, kind, data, trace_id, mac) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            seq,
            event.at,
            event.service,
            event.release_id,
            event.run_id,
            event.actor,
            event.kind,
            event.data,
            event.trace_id,
            mac,
        ))?;
        self.head = ChainHead { seq, mac };
        Ok(seq)
    }

    /// Seals the head, once per transaction and before its commit.
    pub(crate) fn seal(&self, conn: &Connection) -> Result<(), StoreError> {
        if self.may_seal && self.head != self.sealed {
            conn.prepare_cached("UPDATE chain_head SET seq = ?1, mac = ?2, seal = ?3 WHERE id = 1")?.execute((
                self.head.seq,
                self.head.mac,
                self.signer.seal(&self.head),
            ))?;
        }
        Ok(())
    }
}

/// The head as it stands in the database, not checked against the key; `None` when there is no head row.
///
/// # Errors
/// When the database cannot be read.
pub fn head(conn: &Connection) -> Result<Option<ChainHead>, StoreError> {
    Ok(head_row(conn)?.map(|stored| stored.head))
}

fn end_damage(head: &ChainHead, end: &ChainHead) -> RecordFlaw {
    if end.seq < head.seq {
        RecordFlaw::CutOff { from: end.seq + 1, to: head.seq }
    } else if end.seq > head.seq {
        RecordFlaw::Added { seq: head.seq + 1 }
    } else {
        RecordFlaw::Edited { seq: end.seq }
    }
}

/// The last event: its place and mac, and whether it fits the event before it. `None` when there are no events.
fn last_event(conn: &Connection, signer: &mut Signer) -> Result<Option<(ChainHead, bool)>, StoreError> {
    let mut statement = conn.prepare(&format!(
        "SELECT {0} FROM (SELECT {0} FROM events ORDER BY seq DESC LIMIT 2) ORDER BY seq",
        Stored::COLUMNS
    ))?;
    let mut rows = statement.query([])?;
    let mut before = ChainHead::START;
    let mut last = None;
    while let Some(row) = rows.next()? {
        let stored = Stored::read(row)?;
        let fits = stored.follows(before.seq) && stored.fits(signer, &before.mac);
        before = ChainHead { seq: stored.seq, mac: stored.mac.unwrap_or_default() };
        last = Some((before, fits));
    }
    Ok(last)
}
