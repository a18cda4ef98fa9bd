//! Output of steps by line: only the pieces that hold the wanted lines are read.
//!
//! Lines are counted from the beginning of a step's output, those that were dropped included as far as they arrived, so that
//! the number of a line never changes. Pieces of an older RMM do not say where they stand; they are counted when they are read.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::packed::plain;
use super::{Gaps, state};
use crate::store::columns::maybe_time;
use crate::store::error::StoreError;

/// A piece of a step's output and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Grows with time over all runs.
    pub id: i64,
    /// Lines of the step's output that end before it.
    pub line: u64,
    /// When it came; none: an older RMM has not noted it.
    pub received_at: Option<Timestamp>,
    /// Bytes dropped between the piece kept before and this one.
    pub dropped_before: u64,
    /// The output itself.
    pub bytes: Vec<u8>,
}

/// How much there is of a step's output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The number of the last line; 0 where there is none.
    pub last: u64,
    /// The last line has not ended yet.
    pub is_open: bool,
    /// The last piece; 0 where there is none.
    pub last_id: i64,
    /// Bytes kept.
    pub kept: u64,
}

/// A part of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'b> {
    /// A line.
    Line {
        /// Its number, from 1.
        number: u64,
        /// When its beginning came.
        at: Option<Timestamp>,
        /// Without its end.
        text: &'b [u8],
        /// It has not ended yet.
        is_open: bool,
    },
    /// Something was dropped here.
    Gap {
        /// Bytes.
        dropped: u64,
    },
}

/// How many lines end in a piece.
#[must_use]
pub fn ends_in(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// How many lines have ended in all that is kept of a step.
pub(super) fn count(conn: &Connection, run: i64, step: i64) -> Result<u64, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT bytes, packed FROM log_chunks WHERE run_id = ?1 AND step = ?2 ORDER BY id")?;
    let (mut rows, mut lines) = (statement.query((run, step))?, 0);
    while let Some(row) = rows.next()? {
        lines += ends_in(&plain(row, 0, 1)?);
    }
    Ok(lines)
}

/// How many lines each step of a run has printed, by the steps' numbers in the log; none: an older RMM has not counted them.
///
/// # Errors
/// When the database cannot be read.
pub fn of_run(conn: &Connection, run: i64) -> Result<Vec<(i64, Option<u64>)>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT step, lines FROM log_state WHERE run_id = ?1")?;
    let rows = statement.query_map([run], |row| {
        let lines: Option<i64> = row.get(1)?;
        Ok((row.get(0)?, lines.map(|lines| u64::try_from(lines).unwrap_or(0))))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How much there is of a step's output.
///
/// # Errors
/// When the database cannot be read.
pub fn extent(conn: &Connection, run: i64, step: i64) -> Result<Extent, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, bytes, packed FROM log_chunks WHERE run_id = ?1 AND step = ?2 ORDER BY id DESC LIMIT 1",
    )?;
    let mut rows = statement.query((run, step))?;
    let Some(row) = rows.next()? else { return Ok(Extent::default()) };
    let (last_id, has_ended) = (row.get(0)?, plain(row, 1, 2)?.ends_with(b"\n"));
    let state = state(conn, run, step)?.unwrap_or_default();
    let lines = match state.lines {
        Some(lines) => lines,
        None => count(conn, run, step)?,
    };
    let last = lines + u64::from(!has_ended);
    Ok(Extent { last, is_open: !has_ended, last_id, kept: state.kept_head + state.kept_tail })
}

/// The pieces in which lines stand from a number on, up to about `limit` bytes but one at least. Lines with smaller numbers
/// may stand before it in the first of them.
///
/// # Errors
/// When the database cannot be read.
pub fn from(conn: &Connection, run: i64, step: i64, line: u64, limit: usize) -> Result<Vec<Piece>, StoreError> {
    let mut pieces = Vec::new();
    let mut size = 0;
    walk_from(conn, run, step, line, |piece| {
        size += piece.bytes.len();
        pieces.push(piece);
        size < limit
    })?;
    Ok(pieces)
}

/// Hands on the pieces in which lines stand from a number on, in order, until told to stop.
///
/// # Errors
/// When the database cannot be read.
pub fn walk_from(
    conn: &Connection,
    run: i64,
    step: i64,
    line: u64,
    mut each: impl FnMut(Piece) -> bool,
) -> Result<(), StoreError> {
    // The line begins behind the end of the one before it.
    let before = line.saturating_sub(1);
    let found: Option<i64> = conn
        .prepare_cached(
            "SELECT id FROM log_chunks WHERE run_id = ?1 AND step = ?2 AND line < ?3 ORDER BY line DESC, id DESC LIMIT 1",
        )?
        .query_row((run, step, i64::try_from(before).unwrap_or(i64::MAX)), |row| row.get(0))
        .optional()?;
    walk(conn, run, step, found.map_or(0, |id| id - 1), |piece| {
        // Of those that were not counted, the ones before.
        let is_before = found.is_none() && piece.line + ends_in(&piece.bytes) < before;
        is_before || each(piece)
    })
}

/// Hands on the bytes of one line, without its end, piece by piece, and what was dropped within it.
///
/// # Errors
/// When the database cannot be read.
pub fn of_line(
    conn: &Connection,
    run: i64,
    step: i64,
    line: u64,
    mut each: impl FnMut(Result<&[u8], u64>),
) -> Result<(), StoreError> {
    let mut has_begun = false;
    walk_from(conn, run, step, line, |piece| {
        if piece.dropped_before > 0 && has_begun {
            each(Err(piece.dropped_before));
        }
        let mut parts = piece.bytes.split(|byte| *byte == b'\n');
        // The line that is wanted is this one of those that stand in the piece.
        let Some(at) = line.checked_sub(piece.line + 1).and_then(|at| usize::try_from(at).ok()) else { return false };
        let Some(part) = parts.nth(at) else { return true };
        has_begun = true;
        each(Ok(part));
        parts.next().is_none()
    })
}

/// The last pieces, as many as hold so many lines, up to about `limit` bytes but one at least; oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn last(conn: &Connection, run: i64, step: i64, lines: u64, limit: usize) -> Result<Vec<Piece>, StoreError> {
    if has_uncounted(conn, run, step)? {
        let mut pieces: std::collections::VecDeque<Piece> = std::collections::VecDeque::new();
        let (mut size, mut held) = (0, 0);
        walk(conn, run, step, 0, |piece| {
            size += piece.bytes.len();
            held += ends_in(&piece.bytes);
            pieces.push_back(piece);
            while let Some(first) = pieces.front()
                && pieces.len() > 1
                && (held - ends_in(&first.bytes) > lines || size - first.bytes.len() >= limit)
            {
                (size, held) = (size - first.bytes.len(), held - ends_in(&first.bytes));
                pieces.pop_front();
            }
            true
        })?;
        return Ok(pieces.into());
    }
    let mut statement = conn
        .prepare_cached("SELECT id, bytes, packed FROM log_chunks WHERE run_id = ?1 AND step = ?2 ORDER BY id DESC")?;
    let mut rows = statement.query((run, step))?;
    let (mut first, mut held, mut size) = (None, 0, 0);
    while let Some(row) = rows.next()? {
        let bytes = plain(row, 1, 2)?;
        first = Some(row.get::<_, i64>(0)?);
        held += ends_in(&bytes);
        size += bytes.len();
        // The beginning of the first line stands in the piece before where this one has just as many ends.
        if held > lines || size >= limit {
            break;
        }
    }
    let mut pieces = Vec::new();
    if let Some(first) = first {
        walk(conn, run, step, first - 1, |piece| {
            pieces.push(piece);
            true
        })?;
    }
    Ok(pieces)
}

/// Hands on the pieces of a step behind a piece (0: from the beginning), in order, until told to stop.
///
/// # Errors
/// When the database cannot be read.
pub fn walk(
    conn: &Connection,
    run: i64,
    step: i64,
    after: i64,
    mut each: impl FnMut(Piece) -> bool,
) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, line, received_at, bytes, packed FROM log_chunks \
         WHERE run_id = ?1 AND step = ?2 AND id > ?3 ORDER BY id",
    )?;
    let mut rows = statement.query((run, step, after))?;
    let (_, state, first_of_tail) = Gaps::new(conn, run).look_up(step)?;
    let mut counted = 0;
    while let Some(row) = rows.next()? {
        let mut piece = piece(row, counted)?;
        counted = piece.line + ends_in(&piece.bytes);
        if piece.id == first_of_tail {
            piece.dropped_before = state.dropped;
        }
        if !each(piece) {
            break;
        }
    }
    Ok(())
}

fn piece(row: &Row<'_>, counted: u64) -> Result<Piece, StoreError> {
    let line: Option<i64> = row.get(1)?;
    Ok(Piece {
        id: row.get(0)?,
        line: line.map_or(counted, |line| u64::try_from(line).unwrap_or(0)),
        received_at: maybe_time(row, 2)?,
        dropped_before: 0,
        bytes: plain(row, 3, 4)?.into_owned(),
    })
}

fn has_uncounted(conn: &Connection, run: i64, step: i64) -> Result<bool, StoreError> {
    let mut statement = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM log_chunks WHERE run_id = ?1 AND step = ?2 AND line IS NULL)")?;
    Ok(statement.query_row((run, step), |row| row.get(0))?)
}

/// Makes lines of pieces, one after the other.
#[derive(Debug, Default)]
pub struct Lines {
    /// The number of the line that is being put together.
    number: Option<u64>,
    /// What of it came in pieces before.
    carried: Vec<u8>,
    /// When that came.
    at: Option<Timestamp>,
}

impl Lines {
    /// Hands on the lines that end in a piece, and the gap before it.
    pub fn piece(&mut self, piece: &Piece, mut each: impl FnMut(Part<'_>)) {
        if piece.dropped_before > 0 {
            self.flush(false, &mut each);
            each(Part::Gap { dropped: piece.dropped_before });
            self.number = None;
        }
        let mut number = *self.number.get_or_insert(piece.line + 1);
        let mut rest = piece.bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (text, at) = if self.carried.is_empty() {
                (&rest[..end], piece.received_at)
            } else {
                self.carried.extend_from_slice(&rest[..end]);
                (self.carried.as_slice(), self.at)
            };
            each(Part::Line { number, at, text, is_open: false });
            self.carried.clear();
            number += 1;
            rest = &rest[end + 1..];
        }
        if self.carried.is_empty() {
            self.at = piece.received_at;
        }
        self.carried.extend_from_slice(rest);
        self.number = Some(number);
    }

    /// Hands on what has not ended yet.
    pub fn finish(mut self, mut each: impl FnMut(Part<'_>)) {
        self.flush(true, &mut each);
    }

    fn flush(&mut self, is_open: bool, each: &mut impl FnMut(Part<'_>)) {
        if let Some(number) = self.number.filter(|_| !self.carried.is_empty()) {
            each(Part::Line { number, at: self.at, text: &self.carried, is_open });
        }
        self.carried.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::logs::{HEAD_LIMIT, append, skip};
    use crate::store::migrate::test_database;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// `line 1`, `line 2` and so on, in pieces of so many bytes.
    fn feed(conn: &Connection, lines: u64, piece: usize) {
        let text: String = (1..=lines).map(|number| format!("line {number}\n")).collect();
        let mut end = 0;
        for (second, part) in text.as_bytes().chunks(piece).enumerate() {
            end += part.len() as u64;
            append(conn, 1, 0, end, part, at(second as i64)).unwrap();
        }
    }

    fn shown(pieces: &[Piece], from: u64) -> Vec<(u64, String)> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        let mut each = |part: Part<'_>| match part {
            Part::Line { number, text, .. } if number >= from => {
                all.push((number, String::from_utf8_lossy(text).into_owned()));
            }
            Part::Line { .. } => {}
            Part::Gap { dropped } => all.push((0, format!("gap {dropped}"))),
        };
        pieces.iter().for_each(|piece| lines.piece(piece, &mut each));
        lines.finish(each);
        all
    }

    #[test]
    fn every_line_is_found_by_its_number_whatever_the_pieces() {
        for piece in [1, 3, 7, 10, 64, 5000] {
            let conn = test_database();
            feed(&conn, 200, piece);
            let extent = extent(&conn, 1, 0).unwrap();
            assert_eq!((extent.last, extent.is_open), (200, false));
            for line in [1, 2, 9, 10, 11, 100, 199, 200] {
                let pieces = from(&conn, 1, 0, line, 1 << 20).unwrap();
                let lines = shown(&pieces, line);
                assert_eq!(lines[0], (line, format!("line {line}")), "pieces of {piece}");
                assert_eq!(lines.len() as u64, 201 - line);
                assert!(piece > 64 || line < 100 || pieces[0].line + 20 > line, "only what is needed is read");
            }
            let end = last(&conn, 1, 0, 3, 1 << 20).unwrap();
            assert!(shown(&end, 0).ends_with(&[
                (198, "line 198".to_owned()),
                (199, "line 199".to_owned()),
                (200, "line 200".to_owned())
            ]));
            assert!(end.len() == 1 || end.iter().skip(1).map(|piece| ends_in(&piece.bytes)).sum::<u64>() <= 3);
        }
    }

    #[test]
    fn one_line_is_read_alone_through_all_its_pieces() {
        for piece in [1, 7, 64, 5000] {
            let conn = test_database();
            feed(&conn, 50, piece);
            for line in [1, 2, 10, 49, 50] {
                let mut bytes = Vec::new();
                of_line(&conn, 1, 0, line, |part| bytes.extend_from_slice(part.unwrap())).unwrap();
                assert_eq!(String::from_utf8(bytes).unwrap(), format!("line {line}"), "pieces of {piece}");
            }
        }
        let conn = test_database();
        append(&conn, 1, 0, 4, b"a\nb ", at(1)).unwrap();
        skip(&conn, 1, 0, 100, 96).unwrap();
        append(&conn, 1, 0, 104, b"c\nd\n", at(2)).unwrap();
        let mut parts = Vec::new();
        of_line(&conn, 1, 0, 2, |part| parts.push(part.map(<[u8]>::to_vec))).unwrap();
        assert_eq!(parts, [Ok(b"b ".to_vec()), Err(96), Ok(b"c".to_vec())]);
    }

    #[test]
    fn numbers_stay_when_the_middle_is_dropped() {
        let conn = test_database();
        // Lines of 16 bytes, 20 MiB of them.
        let line = |number: u64| format!("{number:015}\n");
        let (mut end, mut number) = (0, 0);
        while end < 20 << 20 {
            let piece: String = (number + 1..=number + 4096).map(line).collect();
            number += 4096;
            end += piece.len() as u64;
            append(&conn, 1, 0, end, piece.as_bytes(), at(0)).unwrap();
        }
        assert_eq!(extent(&conn, 1, 0).unwrap().last, number);
        for wanted in [1, 70, number - 100, number] {
            let found = shown(&from(&conn, 1, 0, wanted, 1).unwrap(), wanted);
            assert_eq!(found[0], (wanted, line(wanted).trim_end().to_owned()));
        }
        // Of a line that was dropped, the place is shown.
        let dropped = HEAD_LIMIT / 16 + 5;
        let found = shown(&from(&conn, 1, 0, dropped, 128 << 10).unwrap(), dropped);
        assert!(found[0].1.starts_with("gap ") && found[1].0 > dropped, "{:?}", &found[..2]);
    }

    #[test]
    fn what_the_host_left_out_is_a_gap_and_lines_go_on_behind_it() {
        let conn = test_database();
        append(&conn, 1, 0, 6, b"a\nb\nc ", at(1)).unwrap();
        skip(&conn, 1, 0, 100, 94).unwrap();
        append(&conn, 1, 0, 105, b"d\ne\nf", at(2)).unwrap();
        let all: Vec<_> = shown(&from(&conn, 1, 0, 1, 1 << 20).unwrap(), 1);
        let all: Vec<_> = all.iter().map(|(number, text)| (*number, text.as_str())).collect();
        assert_eq!(all, [(1, "a"), (2, "b"), (3, "c "), (0, "gap 94"), (3, "d"), (4, "e"), (5, "f")]);
        let extent = extent(&conn, 1, 0).unwrap();
        assert_eq!((extent.last, extent.is_open), (5, true));
    }

    #[test]
    fn a_line_has_the_time_at_which_it_began() {
        let conn = test_database();
        append(&conn, 1, 0, 3, b"one", at(1)).unwrap();
        append(&conn, 1, 0, 9, b" two\nx", at(2)).unwrap();
        append(&conn, 1, 0, 11, b"y\n", at(3)).unwrap();
        let (mut lines, mut times) = (Lines::default(), Vec::new());
        for piece in from(&conn, 1, 0, 1, 1 << 20).unwrap() {
            lines.piece(&piece, |part| {
                if let Part::Line { at, text, .. } = part {
                    times.push((String::from_utf8_lossy(text).into_owned(), at));
                }
            });
        }
        assert_eq!(times, [("one two".to_owned(), Some(at(1))), ("xy".to_owned(), Some(at(2)))]);
    }

    #[test]
    fn what_an_older_rmm_has_kept_is_counted_when_it_is_read() {
        let conn = test_database();
        feed(&conn, 100, 50);
        conn.execute_batch(
            "UPDATE log_chunks SET line = NULL, received_at = NULL WHERE run_id = 1; \
             UPDATE log_state SET lines = NULL WHERE run_id = 1;",
        )
        .unwrap();
        let check = |total: u64| {
            assert_eq!(extent(&conn, 1, 0).unwrap().last, total);
            for line in [1, 2, 50, 100, total] {
                let found = shown(&from(&conn, 1, 0, line, 1 << 20).unwrap(), line);
                assert_eq!(found[0], (line, format!("line {line}")));
            }
            let end = shown(&last(&conn, 1, 0, 2, 1 << 20).unwrap(), total - 1);
            assert_eq!(end, [(total - 1, format!("line {}", total - 1)), (total, format!("line {total}"))]);
        };
        check(100);
        let end = super::super::resume_offset(&conn, 1, 0).unwrap() + 18;
        append(&conn, 1, 0, end, b"line 101\nline 102\n", at(9)).unwrap();
        check(102);
    }
}
