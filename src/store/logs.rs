//! Output of steps, in pieces, in order of arrival. Of each step everything is kept up to 16 MiB; of more, exactly the
//! first 1 MiB and the last 15 MiB (less at most one piece), with the number of bytes dropped between.
//!
//! Must not: redact (that is done before), read kept output when appending, or let a chatty step fill the disk.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::millis;
use super::error::StoreError;

pub mod lines;
pub mod packed;

/// What is kept from the beginning of a step's output, bytes.
pub const HEAD_LIMIT: u64 = 1 << 20;
/// What is kept from its end, bytes.
pub const TAIL_LIMIT: u64 = 15 << 20;
/// The largest piece stored in one row, bytes: the tail is cut in such pieces.
pub const PIECE: usize = 64 << 10;

/// Each try of a health check by command has output, and so offsets, of its own: the try's number stands in these
/// upper bits of the step's number.
pub const TRY_SHIFT: u32 = 20;

/// The step of its run and the try (0: the step has none) that a step number in the log means.
#[must_use]
pub const fn step_and_try(step: i64) -> (i64, i64) {
    (step & ((1 << TRY_SHIFT) - 1), step >> TRY_SHIFT)
}

/// The number under which the log keeps what is shown of a step first: what it printed itself, else its last try.
///
/// # Errors
/// When the database cannot be read.
pub fn shown_first(conn: &Connection, run: i64, index: u32, tries: u32) -> Result<i64, StoreError> {
    let own = i64::from(index);
    let has_own = state(conn, run, own)?.is_some_and(|state| state.kept_head + state.kept_tail > 0);
    Ok(if has_own { own } else { of_try(index, tries) })
}

/// The number under which the log keeps a try of a step; 0: the step itself.
#[must_use]
pub const fn of_try(index: u32, tried: u32) -> i64 {
    index as i64 | (tried as i64) << TRY_SHIFT
}

/// A piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Grows with time over all runs, never used twice: followers go on after the last id they saw.
    pub id: i64,
    /// The step it came from.
    pub step: i64,
    /// The output itself.
    pub bytes: Vec<u8>,
    /// How many bytes of the step were dropped between the piece kept before and this one.
    pub dropped_before: u64,
}

/// Where a step's log stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogState {
    /// Offset in the host's output up to which everything has arrived.
    pub source_end: u64,
    /// Bytes kept from the beginning.
    pub kept_head: u64,
    /// Bytes kept from the end.
    pub kept_tail: u64,
    /// Bytes dropped between.
    pub dropped: u64,
    /// Lines that have ended, dropped ones included as far as they arrived; none: an older RMM has not counted them.
    pub lines: Option<u64>,
    head_last_id: i64,
}

/// All that is kept of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepLog {
    /// The output from its beginning, up to where something was dropped, or all of it.
    pub head: Vec<u8>,
    /// Bytes dropped between `head` and `tail`.
    pub dropped: u64,
    /// The output up to its end; empty when all of it is in `head`.
    pub tail: Vec<u8>,
}

/// The state of a step's log; `None` when nothing has arrived.
///
/// # Errors
/// When the database cannot be read.
pub fn state(conn: &Connection, run: i64, step: i64) -> Result<Option<LogState>, StoreError> {
    let state = conn
        .prepare_cached(
            "SELECT source_end, kept_head, kept_tail, dropped, head_last_id, lines FROM log_state \
             WHERE run_id = ?1 AND step = ?2",
        )?
        .query_row((run, step), |row| {
            Ok(LogState {
                source_end: unsigned(row, 0)?,
                kept_head: unsigned(row, 1)?,
                kept_tail: unsigned(row, 2)?,
                dropped: unsigned(row, 3)?,
                head_last_id: row.get(4)?,
                lines: row.get::<_, Option<i64>>(5)?.map(|lines| u64::try_from(lines).unwrap_or(0)),
            })
        })
        .optional()?;
    Ok(state)
}

/// The offset in the host's output from which the step's output is still to be fetched; 0 at the beginning.
///
/// # Errors
/// When the database cannot be read.
pub fn resume_offset(conn: &Connection, run: i64, step: i64) -> Result<u64, StoreError> {
    Ok(state(conn, run, step)?.map_or(0, |state| state.source_end))
}

/// Appends redacted output that came `at` a time. `source_end` is the offset in the host's (unredacted) output behind what
/// `bytes` came from.
///
/// `false`, and nothing appended, when output beyond `source_end` has arrived already: another follower fetched it.
///
/// # Errors
/// When the database cannot be written.
pub fn append(
    conn: &Connection,
    run: i64,
    step: i64,
    source_end: u64,
    bytes: &[u8],
    at: Timestamp,
) -> Result<bool, StoreError> {
    let known = state(conn, run, step)?;
    let mut state = known.unwrap_or_default();
    if source_end < state.source_end {
        return Ok(false);
    }
    state.source_end = source_end;
    let mut lines = match (known, state.lines) {
        (_, Some(lines)) => lines,
        (None, None) => 0,
        (Some(_), None) => lines::count(conn, run, step)?,
    };
    // Behind a gap nothing belongs to the head.
    let room = if state.dropped > 0 { 0 } else { HEAD_LIMIT.saturating_sub(state.kept_head) };
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let (head, tail) = bytes.split_at(room.min(bytes.len()));
    let mut insert = |piece: &[u8]| -> Result<i64, StoreError> {
        let new = NewPiece { run, step, source_end, line: lines, at, bytes: piece };
        lines += lines::ends_in(piece);
        new.insert(conn)
    };
    for piece in head.chunks(PIECE) {
        state.head_last_id = insert(piece)?;
        state.kept_head += piece.len() as u64;
    }
    for piece in tail.chunks(PIECE) {
        insert(piece)?;
        state.kept_tail += piece.len() as u64;
        while state.kept_tail > TAIL_LIMIT {
            let Some(gone) = drop_oldest_of_tail(conn, run, step, &state)? else { break };
            state.kept_tail = state.kept_tail.saturating_sub(gone);
            state.dropped += gone;
        }
    }
    state.lines = Some(lines);
    save(conn, run, step, &state)?;
    Ok(true)
}

/// Takes note that `missing` bytes of the host's output, up to its offset `source_end`, will never arrive. They and what
/// was kept of the tail before them are dropped: the host gives more behind them than the tail holds.
///
/// `false`, and nothing changed, when output beyond `source_end` has arrived already.
///
/// # Errors
/// When the database cannot be written.
pub fn skip(conn: &Connection, run: i64, step: i64, source_end: u64, missing: u64) -> Result<bool, StoreError> {
    let mut state = state(conn, run, step)?.unwrap_or_default();
    if source_end < state.source_end {
        return Ok(false);
    }
    conn.prepare_cached("DELETE FROM log_chunks WHERE run_id = ?1 AND step = ?2 AND id > ?3")?.execute((
        run,
        step,
        state.head_last_id,
    ))?;
    state.source_end = source_end;
    state.dropped += state.kept_tail + missing;
    state.kept_tail = 0;
    save(conn, run, step, &state)?;
    Ok(true)
}

fn save(conn: &Connection, run: i64, step: i64, state: &LogState) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO log_state (run_id, step, source_end, kept_head, kept_tail, dropped, head_last_id, lines) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (run_id, step) DO UPDATE SET source_end = excluded.source_end, kept_head = excluded.kept_head, \
         kept_tail = excluded.kept_tail, dropped = excluded.dropped, head_last_id = excluded.head_last_id, \
         lines = excluded.lines",
    )?
    .execute((
        run,
        step,
        signed(state.source_end),
        signed(state.kept_head),
        signed(state.kept_tail),
        signed(state.dropped),
        state.head_last_id,
        state.lines.map(signed),
    ))?;
    Ok(())
}

/// A piece that is to be kept.
struct NewPiece<'b> {
    run: i64,
    step: i64,
    source_end: u64,
    /// Lines of the step's output that end before it.
    line: u64,
    /// When it came.
    at: Timestamp,
    bytes: &'b [u8],
}

impl NewPiece<'_> {
    fn insert(&self, conn: &Connection) -> Result<i64, StoreError> {
        conn.prepare_cached(
            "INSERT INTO log_chunks (run_id, step, size, source_end, bytes, line, received_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            self.run,
            self.step,
            signed(self.bytes.len() as u64),
            signed(self.source_end),
            self.bytes,
            signed(self.line),
            millis(self.at),
        ))?;
        Ok(conn.last_insert_rowid())
    }
}

fn drop_oldest_of_tail(conn: &Connection, run: i64, step: i64, state: &LogState) -> Result<Option<u64>, StoreError> {
    let oldest: Option<(i64, u64)> = conn
        .prepare_cached(
            "SELECT id, size FROM log_chunks WHERE run_id = ?1 AND step = ?2 AND id > ?3 ORDER BY id LIMIT 1",
        )?
        .query_row((run, step, state.head_last_id), |row| Ok((row.get(0)?, unsigned(row, 1)?)))
        .optional()?;
    if let Some((id, _)) = oldest {
        conn.prepare_cached("DELETE FROM log_chunks WHERE id = ?1")?.execute([id])?;
    }
    Ok(oldest.map(|(_, size)| size))
}

/// The pieces of a run behind `after_id` (0: from the beginning), all steps in order of arrival, up to about
/// `limit_bytes` but at least one piece when there is one. Empty: nothing more has arrived.
///
/// A follower that was slow sees `dropped_before` on the piece behind the gap; the number counts from the piece kept
/// before, whether or not the follower had seen some of the dropped ones in time.
///
/// # Errors
/// When the database cannot be read.
pub fn read(conn: &Connection, run: i64, after_id: i64, limit_bytes: usize) -> Result<Vec<Chunk>, StoreError> {
    let mut statement = conn
        .prepare_cached("SELECT id, step, bytes, packed FROM log_chunks WHERE run_id = ?1 AND id > ?2 ORDER BY id")?;
    let mut rows = statement.query((run, after_id))?;
    let mut gaps = Gaps::new(conn, run);
    let mut chunks = Vec::new();
    let mut total = 0;
    while total < limit_bytes.max(1) {
        let Some(row) = rows.next()? else { break };
        let chunk = gaps.chunk(row)?;
        total += chunk.bytes.len();
        chunks.push(chunk);
    }
    Ok(chunks)
}

/// Knows, per step, behind which piece something was dropped.
struct Gaps<'c> {
    conn: &'c Connection,
    run: i64,
    /// The step, its state, and the first piece behind the gap.
    step: Option<(i64, LogState, i64)>,
}

impl<'c> Gaps<'c> {
    fn new(conn: &'c Connection, run: i64) -> Self {
        Self { conn, run, step: None }
    }

    fn chunk(&mut self, row: &Row<'_>) -> Result<Chunk, StoreError> {
        let (id, step, bytes) = (row.get(0)?, row.get(1)?, packed::plain(row, 2, 3)?.into_owned());
        let (_, state, first_of_tail) = match self.step {
            Some(known) if known.0 == step => known,
            Some(_) | None => *self.step.insert(self.look_up(step)?),
        };
        let dropped_before = if id == first_of_tail { state.dropped } else { 0 };
        Ok(Chunk { id, step, bytes, dropped_before })
    }

    fn look_up(&self, step: i64) -> Result<(i64, LogState, i64), StoreError> {
        let state = state(self.conn, self.run, step)?.unwrap_or_default();
        let first_of_tail: Option<i64> = self
            .conn
            .prepare_cached("SELECT min(id) FROM log_chunks WHERE run_id = ?1 AND step = ?2 AND id > ?3")?
            .query_row((self.run, step, state.head_last_id), |row| row.get(0))?;
        Ok((step, state, first_of_tail.unwrap_or(0)))
    }
}

/// All that is kept of one step; at most 16 MiB.
///
/// # Errors
/// When the database cannot be read.
pub fn read_step(conn: &Connection, run: i64, step: i64) -> Result<StepLog, StoreError> {
    let state = state(conn, run, step)?.unwrap_or_default();
    let mut log = StepLog { dropped: state.dropped, ..StepLog::default() };
    let mut statement =
        conn.prepare_cached("SELECT id, bytes, packed FROM log_chunks WHERE run_id = ?1 AND step = ?2 ORDER BY id")?;
    let mut rows = statement.query((run, step))?;
    while let Some(row) = rows.next()? {
        let in_tail = state.dropped > 0 && row.get::<_, i64>(0)? > state.head_last_id;
        let bytes = packed::plain(row, 1, 2)?;
        if in_tail { log.tail.extend_from_slice(&bytes) } else { log.head.extend_from_slice(&bytes) }
    }
    Ok(log)
}

/// The last `limit_bytes` kept of one step, without reading the rest; it may begin in the middle of a character.
///
/// # Errors
/// When the database cannot be read.
pub fn read_end(conn: &Connection, run: i64, step: i64, limit_bytes: usize) -> Result<Vec<u8>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT bytes, packed FROM log_chunks WHERE run_id = ?1 AND step = ?2 ORDER BY id DESC")?;
    let mut rows = statement.query((run, step))?;
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let mut missing = limit_bytes;
    while missing > 0 {
        let Some(row) = rows.next()? else { break };
        let bytes = packed::plain(row, 0, 1)?;
        let piece = &bytes[bytes.len().saturating_sub(missing)..];
        missing -= piece.len();
        pieces.push(piece.to_vec());
    }
    pieces.reverse();
    Ok(pieces.concat())
}

/// SQLite knows no unsigned numbers; what is beyond its largest is no offset of a real output.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(index)?).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    const MIB: usize = 1 << 20;

    fn append(conn: &Connection, run: i64, step: i64, source_end: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        super::append(conn, run, step, source_end, bytes, Timestamp::UNIX_EPOCH)
    }

    /// Output in which every 4 bytes tell their own place.
    fn output(from: usize, len: usize) -> Vec<u8> {
        (from..from + len).map(|at| ((at / 4) as u32).to_le_bytes()[at % 4]).collect()
    }

    fn feed(conn: &Connection, total: usize, chunk: usize) {
        conn.execute_batch("BEGIN").unwrap();
        let mut at = 0;
        while at < total {
            let len = chunk.min(total - at);
            assert!(append(conn, 1, 2, (at + len) as u64, &output(at, len)).unwrap());
            at += len;
        }
        conn.execute_batch("COMMIT").unwrap();
    }

    #[test]
    fn sixteen_mebibytes_are_kept_byte_for_byte() {
        let conn = test_database();
        feed(&conn, 16 * MIB, 10_007);
        let log = read_step(&conn, 1, 2).unwrap();
        assert_eq!((log.dropped, log.tail.len()), (0, 0));
        assert!(log.head == output(0, 16 * MIB));
        let state = state(&conn, 1, 2).unwrap().unwrap();
        assert_eq!((state.kept_head, state.kept_tail, state.source_end), (1 << 20, 15 << 20, 16 << 20));
    }

    #[test]
    fn beyond_that_the_beginning_and_the_end_are_kept() {
        for (total, chunk) in [(16 * MIB + 1, 4096), (40 * MIB, 70_001), (18 * MIB, 18 * MIB)] {
            let conn = test_database();
            feed(&conn, total, chunk);
            let log = read_step(&conn, 1, 2).unwrap();
            assert_eq!(log.head.len(), MIB);
            assert!(log.head == output(0, MIB));
            assert!(log.tail.len() <= 15 * MIB && log.tail.len() > 15 * MIB - PIECE, "{}", log.tail.len());
            assert!(log.tail == output(total - log.tail.len(), log.tail.len()));
            assert_eq!(log.head.len() + log.dropped as usize + log.tail.len(), total);
            let chunks = read(&conn, 1, 0, usize::MAX).unwrap();
            let gaps: Vec<_> = chunks.iter().filter(|chunk| chunk.dropped_before > 0).collect();
            assert_eq!(gaps.len(), 1);
            assert_eq!(gaps[0].dropped_before, log.dropped);
            assert!(log.tail.starts_with(&gaps[0].bytes));
            assert!(chunks.iter().all(|chunk| chunk.bytes.len() <= PIECE));
        }
    }

    #[test]
    fn what_the_host_has_left_out_is_a_gap_between_beginning_and_end() {
        for before in [0, 100, MIB, 3 * MIB] {
            let conn = test_database();
            feed(&conn, before, 70_001);
            let mut end = before;
            for missing in [5 * MIB, 7] {
                end += missing;
                assert!(skip(&conn, 1, 2, end as u64, missing as u64).unwrap());
                assert!(!skip(&conn, 1, 2, end as u64 - 1, 1).unwrap());
                assert!(append(&conn, 1, 2, end as u64 + 50, &output(end, 50)).unwrap());
                end += 50;
            }
            assert_eq!(resume_offset(&conn, 1, 2).unwrap(), end as u64);
            let log = read_step(&conn, 1, 2).unwrap();
            assert!(log.head == output(0, before.min(MIB)));
            assert!(log.tail == output(end - 50, 50));
            assert_eq!(log.head.len() + log.dropped as usize + log.tail.len(), end);
            let gaps: Vec<_> =
                read(&conn, 1, 0, usize::MAX).unwrap().iter().map(|chunk| chunk.dropped_before).collect();
            assert_eq!(gaps.last(), Some(&log.dropped));
        }
    }

    #[test]
    fn followers_go_on_where_they_were() {
        let conn = test_database();
        for (step, text) in [(0, "one "), (1, "two "), (0, "three "), (1, "four")] {
            append(&conn, 1, step, resume_offset(&conn, 1, step).unwrap() + text.len() as u64, text.as_bytes())
                .unwrap();
        }
        append(&conn, 9, 0, 5, b"other").unwrap();
        let mut after = 0;
        let mut seen = Vec::new();
        loop {
            let chunks = read(&conn, 1, after, 1).unwrap();
            let Some(chunk) = chunks.first() else { break };
            assert_eq!(chunks.len(), 1);
            after = chunk.id;
            seen.extend_from_slice(&chunk.bytes);
        }
        assert_eq!(seen, b"one two three four");
        assert_eq!(read_step(&conn, 1, 1).unwrap().head, b"two four");
        assert_eq!(read_end(&conn, 1, 1, 6).unwrap(), b"o four");
        assert_eq!(read_end(&conn, 1, 1, 600).unwrap(), b"two four");
        assert_eq!(read_end(&conn, 7, 1, 6).unwrap(), b"");
    }

    #[test]
    fn output_that_arrived_already_is_not_taken_twice() {
        let conn = test_database();
        assert_eq!(resume_offset(&conn, 1, 0).unwrap(), 0);
        assert!(append(&conn, 1, 0, 100, b"***").unwrap());
        assert_eq!(resume_offset(&conn, 1, 0).unwrap(), 100);
        assert!(!append(&conn, 1, 0, 50, b"late").unwrap());
        assert!(append(&conn, 1, 0, 120, b"").unwrap());
        assert_eq!(resume_offset(&conn, 1, 0).unwrap(), 120);
        assert_eq!(read_step(&conn, 1, 0).unwrap().head, b"***");
    }
}
