//! Output of runs that ended long ago takes less room: pieces that came close together are one, and compressed.
//!
//! Must not: change a byte of the output, or join what stands before a gap with what stands behind it. A line that began in
//! the middle of a joined piece has the time of its beginning, which is [`TOGETHER`] before at most.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{PIECE, signed, state};
use crate::domain::ids::RunId;
use crate::store::columns::millis;
use crate::store::error::StoreError;

/// Pieces that came within this time may be joined.
pub const TOGETHER: Duration = Duration::from_secs(10);
/// What one transaction reads, bytes.
const BATCH: usize = 1 << 20;

/// How far a run is packed: a step, and the last piece of it that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    step: i64,
    piece: i64,
}

impl Reached {
    /// Nothing was looked at yet.
    pub const BEGINNING: Self = Self { step: -1, piece: 0 };
}

/// The bytes of a piece as they were printed.
pub(in crate::store) fn plain<'r>(row: &'r Row<'_>, bytes: usize, is_packed: usize) -> rusqlite::Result<Cow<'r, [u8]>> {
    let stored = row.get_ref(bytes)?.as_blob()?;
    if !row.get::<_, bool>(is_packed)? {
        return Ok(Cow::Borrowed(stored));
    }
    let mut plain = Vec::new();
    // No piece is larger; what says so was not written by RMM.
    let unpacked = DeflateDecoder::new(stored).take(PIECE as u64).read_to_end(&mut plain);
    unpacked.map_err(|error| rusqlite::Error::FromSqlConversionFailure(bytes, Type::Blob, Box::new(error)))?;
    Ok(Cow::Owned(plain))
}

/// The run whose output is to be packed first, if it ended before.
///
/// # Errors
/// When the database cannot be read.
pub fn next(conn: &Connection, before: Timestamp) -> Result<Option<RunId>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id FROM runs WHERE output_packed_at IS NULL AND output_deleted_at IS NULL AND ended_at IS NOT NULL \
         AND ended_at < ?1 AND state NOT IN ('queued', 'running', 'unknown') ORDER BY ended_at LIMIT 1",
    )?;
    Ok(statement.query_row([millis(before)], |row| row.get(0).map(RunId)).optional()?)
}

/// Packs a part of the output of a run, behind what was reached. `None`: that was all.
///
/// # Errors
/// When the database cannot be written.
pub fn pack(conn: &Connection, run: RunId, after: Reached, now: Timestamp) -> Result<Option<Reached>, StoreError> {
    let RunId(run) = run;
    let step: Option<i64> = conn
        .prepare_cached("SELECT step FROM log_state WHERE run_id = ?1 AND step >= ?2 ORDER BY step LIMIT 1")?
        .query_row((run, after.step), |row| row.get(0))
        .optional()?;
    let Some(step) = step else {
        conn.prepare_cached("UPDATE runs SET output_packed_at = ?2 WHERE id = ?1")?.execute((run, millis(now)))?;
        return Ok(None);
    };
    let piece = if step == after.step { after.piece } else { 0 };
    let end_of_head = state(conn, run, step)?.unwrap_or_default().head_last_id;
    let mut groups = Groups { conn, end_of_head, group: None, size: 0, last: piece };
    let mut statement = conn.prepare_cached(
        "SELECT id, received_at, source_end, bytes, packed FROM log_chunks \
         WHERE run_id = ?1 AND step = ?2 AND id > ?3 ORDER BY id",
    )?;
    let mut rows = statement.query((run, step, piece))?;
    let mut is_end = true;
    while let Some(row) = rows.next()? {
        if groups.size >= BATCH {
            is_end = false;
            break;
        }
        groups.take(row)?;
    }
    drop(rows);
    groups.close()?;
    Ok(Some(if is_end { Reached { step: step + 1, piece: 0 } } else { Reached { step, piece: groups.last } }))
}

/// Pieces that become one.
struct Group {
    first: i64,
    others: Vec<i64>,
    received_at: Option<i64>,
    source_end: i64,
    bytes: Vec<u8>,
}

struct Groups<'c> {
    conn: &'c Connection,
    end_of_head: i64,
    group: Option<Group>,
    size: usize,
    last: i64,
}

impl Groups<'_> {
    fn take(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        let (id, received_at, source_end) = (row.get(0)?, row.get(1)?, row.get(2)?);
        self.last = id;
        if row.get::<_, bool>(4)? {
            return self.close();
        }
        let bytes = plain(row, 3, 4)?;
        self.size += bytes.len();
        match &mut self.group {
            Some(group)
                if group.takes(received_at, bytes.len())
                    && (group.first > self.end_of_head || id <= self.end_of_head) =>
            {
                group.others.push(id);
                group.source_end = source_end;
                group.bytes.extend_from_slice(&bytes);
            }
            Some(_) | None => {
                self.close()?;
                self.group =
                    Some(Group { first: id, others: Vec::new(), received_at, source_end, bytes: bytes.into_owned() });
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let Some(group) = self.group.take() else { return Ok(()) };
        let compressed = compressed(&group.bytes);
        let is_packed = compressed.len() < group.bytes.len();
        let stored = if is_packed { &compressed } else { &group.bytes };
        self.conn
            .prepare_cached("UPDATE log_chunks SET bytes = ?2, packed = ?3, size = ?4, source_end = ?5 WHERE id = ?1")?
            .execute((group.first, stored, is_packed, signed(group.bytes.len() as u64), group.source_end))?;
        let mut delete = self.conn.prepare_cached("DELETE FROM log_chunks WHERE id = ?1")?;
        for other in group.others {
            delete.execute([other])?;
        }
        Ok(())
    }
}

impl Group {
    fn takes(&self, received_at: Option<i64>, more: usize) -> bool {
        let together = match (self.received_at, received_at) {
            (Some(first), Some(at)) => u128::from(at.abs_diff(first)) <= TOGETHER.as_millis(),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        together && self.bytes.len() + more <= PIECE
    }
}

/// Nothing can go wrong in memory; if it did, the piece would stay as it is.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let packed = encoder.write_all(bytes).and_then(|()| encoder.finish());
    packed.unwrap_or_else(|_| bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::lines::{Lines, Part, Piece, extent, from, last, of_line};
    use super::super::{append, read, read_end, read_step, skip};
    use super::*;
    use crate::store::migrate::test_database;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pack_all(conn: &Connection, run: i64) -> usize {
        let (mut reached, mut parts) = (Some(Reached::BEGINNING), 0);
        while let Some(after) = reached {
            reached = pack(conn, RunId(run), after, at(9)).unwrap();
            parts += 1;
        }
        parts
    }

    /// Everything that readers tell of a step.
    fn told(conn: &Connection, step: i64) -> (Vec<u8>, Vec<u8>, u64, String, Vec<String>) {
        let log = read_step(conn, 1, step).unwrap();
        let all: Vec<_> = read(conn, 1, 0, usize::MAX).unwrap();
        let all = all.iter().filter(|piece| piece.step == step).flat_map(|piece| piece.bytes.clone()).collect();
        let end = String::from_utf8_lossy(&read_end(conn, 1, step, 500).unwrap()).into_owned();
        let extent = extent(conn, 1, step).unwrap();
        let mut lines = vec![format!("{} {} {}", extent.last, extent.is_open, extent.kept)];
        for line in [1, 2, 700, extent.last] {
            lines.push(format!("{:?}", shown(&from(conn, 1, step, line, 1 << 24).unwrap(), line)));
            let mut bytes = Vec::new();
            of_line(conn, 1, step, line, |part| bytes.extend_from_slice(part.unwrap_or_default())).unwrap();
            lines.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        let tail = shown(&last(conn, 1, step, 3, 1 << 24).unwrap(), 0);
        lines.push(format!("{:?}", &tail[tail.len().saturating_sub(3)..]));
        (log.head, [log.tail, all].concat(), log.dropped, end, lines)
    }

    fn shown(pieces: &[Piece], from: u64) -> Vec<(u64, String)> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        let mut each = |part: Part<'_>| match part {
            Part::Line { number, text, .. } if number >= from => {
                all.push((number, String::from_utf8_lossy(text).into_owned()));
            }
            // A gap before the first line that is wanted stands in the same piece now.
            Part::Gap { dropped } if from == 1 || !all.is_empty() => all.push((0, format!("gap {dropped}"))),
            Part::Line { .. } | Part::Gap { .. } => {}
        };
        pieces.iter().for_each(|piece| lines.piece(piece, &mut each));
        lines.finish(each);
        all
    }

    #[test]
    fn packed_output_is_told_as_before_and_takes_a_fraction_of_the_room() {
        let conn = test_database();
        let mut ends = [0; 3];
        for line in 1..=1500_i64 {
            let text = format!("#{line} [api internal] load build context, transferring: 2.1MB done\n");
            for step in [0, 1, 2] {
                ends[step] += text.len() as u64;
                append(&conn, 1, step as i64, ends[step], text.as_bytes(), at(line / 100)).unwrap();
            }
            if line == 800 {
                skip(&conn, 1, 2, ends[2] + 77, 77).unwrap();
                ends[2] += 77;
            }
        }
        append(&conn, 1, 1, ends[1] + 4, b"open", at(99)).unwrap();
        let room = "SELECT sum(length(bytes)), count(*) FROM log_chunks WHERE run_id = 1";
        let room = || conn.query_row(room, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
        let (before, was) = ([0, 1, 2].map(|step| told(&conn, step)), room());
        assert_eq!(pack_all(&conn, 1), 4, "a step at a time, and the end");
        let is = room();
        assert!(is.0 * 5 < was.0 && is.1 * 100 < was.1, "{was:?} {is:?}");
        for (step, before) in before.iter().enumerate() {
            assert!(told(&conn, step as i64) == *before, "step {step}");
        }
        assert_eq!(pack_all(&conn, 1), 4, "once more changes nothing");
        assert_eq!(room(), is);
    }

    #[test]
    fn much_output_is_packed_in_parts_and_what_cannot_be_packed_stays() {
        let conn = test_database();
        let noise: Vec<u8> = (0..3_u64 << 20).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 37) as u8).collect();
        append(&conn, 1, 0, noise.len() as u64, &noise, at(1)).unwrap();
        let before = read_step(&conn, 1, 0).unwrap();
        assert!(pack_all(&conn, 1) > 3);
        assert_eq!(read_step(&conn, 1, 0).unwrap(), before);
    }

    #[test]
    fn only_runs_that_ended_long_ago_are_packed() {
        let conn = test_database();
        conn.execute_batch(
            "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, notes, \
                 artifacts, promoted, bypasses, created_at, started_at) \
             VALUES (1, 'shop', 'deployed', 'successful', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1)",
        )
        .unwrap();
        for (id, state, ended) in [(10, "succeeded", 5_000), (11, "failed", 50_000), (12, "unknown", 5_000)] {
            conn.execute(
                "INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state, \
                     detail, prepared, created_at, ended_at) \
                 VALUES (?1, 1, 1, 'shop', 'stage', 'deploy', 0, '{}', ?2, '{}', 1, 1, ?3)",
                (id, state, ended),
            )
            .unwrap();
        }
        assert_eq!(next(&conn, at(10)).unwrap(), Some(RunId(10)));
        pack_all(&conn, 10);
        assert_eq!(next(&conn, at(10)).unwrap(), None);
        assert_eq!(next(&conn, at(100)).unwrap(), Some(RunId(11)));
    }
}
