//! Reads the record: of a release, in pages, and onwards from a place for streams.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Deserialize;
use serde_json::Value;

use super::error::StoreError;
use super::logs::packed::plain;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::status::Status;
use crate::domain::tally::Tally;

/// An event as it was recorded. Actor and data are JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its place in the record.
    pub seq: i64,
    /// When, unix milliseconds.
    pub at: i64,
    /// The service it is about.
    pub service: Option<String>,
    /// The release it is about.
    pub release: Option<i64>,
    /// The run it is about.
    pub run: Option<i64>,
    /// Who.
    pub actor: String,
    /// What happened.
    pub kind: String,
    /// The particulars.
    pub data: String,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

impl EventRow {
    /// What it comes to, about.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.actor.len() + AROUND
    }
}

/// What an event comes to beside its data and who it was, in bytes.
const AROUND: usize = 200;

pub(super) const COLUMNS: &str = "seq, at, service, release_id, run_id, actor, kind, data, trace_id";

pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        seq: row.get(0)?,
        at: row.get(1)?,
        service: row.get(2)?,
        release: row.get(3)?,
        run: row.get(4)?,
        actor: row.get(5)?,
        kind: row.get(6)?,
        data: row.get(7)?,
        trace_id: row.get(8)?,
    })
}

/// Whether something of a kind has happened to a release.
///
/// # Errors
/// When the database cannot be read.
pub fn has_happened(conn: &Connection, release: ReleaseId, kind: &str) -> Result<bool, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM events WHERE release_id = ?1 AND kind = ?2)")?;
    Ok(statement.query_row((release.0, kind), |row| row.get(0))?)
}

/// What happened to a release after a place in the record, oldest first: at most so many events, and about so many
/// bytes of them.
///
/// # Errors
/// When the database cannot be read.
pub fn of_release(
    conn: &Connection,
    release: ReleaseId,
    after: i64,
    limit: u32,
    bytes: usize,
) -> Result<Page, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE release_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    Page::of(statement.query_map((release.0, after, limit.saturating_add(1)), event)?, limit, bytes)
}

/// The first event of one kind that a release had after a place in the record.
///
/// # Errors
/// When the database cannot be read.
pub fn first_after(
    conn: &Connection,
    release: ReleaseId,
    after: i64,
    kind: &str,
) -> Result<Option<EventRow>, StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM events WHERE release_id = ?1 AND seq > ?2 AND kind = ?3 ORDER BY seq LIMIT 1");
    Ok(conn.prepare_cached(&sql)?.query_row((release.0, after, kind), event).optional()?)
}

/// What happened to a release last before a place in the record (none: at all), newest first: at most so many events, and
/// about so many bytes of them.
///
/// # Errors
/// When the database cannot be read.
pub fn last_of_release(
    conn: &Connection,
    release: ReleaseId,
    before: Option<i64>,
    limit: u32,
    bytes: usize,
) -> Result<Page, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE release_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3");
    let mut statement = conn.prepare_cached(&sql)?;
    let before = before.unwrap_or(i64::MAX);
    Page::of(statement.query_map((release.0, before, limit.saturating_add(1)), event)?, limit, bytes)
}

/// The place in the record of the newest event of a release; 0 where there is none.
///
/// # Errors
/// When the database cannot be read.
pub fn newest_of(conn: &Connection, release: ReleaseId) -> Result<i64, StoreError> {
    let mut statement = conn.prepare_cached("SELECT coalesce(max(seq), 0) FROM events WHERE release_id = ?1")?;
    Ok(statement.query_row([release.0], |row| row.get(0))?)
}

/// The event at a place in the record.
///
/// # Errors
/// When the database cannot be read.
pub fn at(conn: &Connection, seq: i64) -> Result<Option<EventRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([seq], event).optional()?)
}

/// How the vote on a release stood when it closed last; none where the record does not say.
///
/// # Errors
/// When the database cannot be read.
pub fn closed_vote(conn: &Connection, release: ReleaseId) -> Result<Option<Tally>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT kind, data FROM events WHERE release_id = ?1 ORDER BY seq DESC")?;
    let (mut rows, mut has_closed) = (statement.query([release.0])?, false);
    while let Some(row) = rows.next()? {
        let kind = row.get_ref(0)?.as_str().unwrap_or_default();
        if !matches!(kind, "release_moved" | "release_approved" | "release_retried") {
            continue;
        }
        let data: Value = serde_json::from_str(row.get_ref(1)?.as_str().unwrap_or_default()).unwrap_or_default();
        let closes = data["from"] == Status::ManualTesting.as_str() && data["to"] != Status::StageTestRollback.as_str();
        let tally = match kind {
            "release_moved" if closes && !has_closed => {
                has_closed = true;
                &data["standing"]["tally"]
            }
            // Events of older versions say it of the last yes alone.
            "release_approved" if has_closed => return Ok(Tally::deserialize(&data["tally"]).ok()),
            "release_retried" => return Ok(None),
            _ => continue,
        };
        if let Ok(tally) = Tally::deserialize(tally) {
            return Ok(Some(tally));
        }
    }
    Ok(None)
}

/// When a release last had events of a kind, newest first, unix milliseconds; so many at most.
///
/// # Errors
/// When the database cannot be read.
pub fn last_times(conn: &Connection, release: ReleaseId, kind: &str, limit: u32) -> Result<Vec<i64>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT at FROM events WHERE release_id = ?1 AND kind = ?2 ORDER BY seq DESC LIMIT ?3")?;
    let rows = statement.query_map((release.0, kind, limit), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A part of the record.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The events, one at least if there is any.
    pub events: Vec<EventRow>,
    /// There are more behind them.
    pub more: bool,
}

impl Page {
    fn of(
        rows: impl Iterator<Item = rusqlite::Result<EventRow>>,
        limit: u32,
        bytes: usize,
    ) -> Result<Self, StoreError> {
        let (mut page, mut size) = (Self::default(), 0);
        for row in rows {
            let row = row?;
            size += row.bytes();
            if page.events.len() >= limit as usize || size > bytes && !page.events.is_empty() {
                page.more = true;
                break;
            }
            page.events.push(row);
        }
        Ok(page)
    }
}

/// What a stream is about.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only this release.
    pub release: Option<ReleaseId>,
    /// Only this service.
    pub service: Option<ServiceName>,
}

/// The events after a place in the record, oldest first: at most so many, and about so many bytes of them.
///
/// # Errors
/// When the database cannot be read.
pub fn after(conn: &Connection, after: i64, scope: &Scope, limit: u32, bytes: usize) -> Result<Page, StoreError> {
    // A condition for each scope: SQLite takes an index only where the condition is one.
    let condition = match (scope.release, &scope.service) {
        (Some(_), Some(_)) => "release_id = :release AND +service = :service",
        (Some(_), None) => "release_id = :release AND :service IS NULL",
        (None, Some(_)) => "service = :service AND :release IS NULL",
        (None, None) => ":release IS NULL AND :service IS NULL",
    };
    let sql = format!("SELECT {COLUMNS} FROM events WHERE {condition} AND seq > :after ORDER BY seq LIMIT :limit");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":after": after,
            ":release": scope.release.map(|id| id.0),
            ":service": scope.service.as_ref().map(ServiceName::as_str),
            ":limit": limit.saturating_add(1),
        },
        event,
    )?;
    Page::of(rows, limit, bytes)
}

/// A piece of the output of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRow {
    /// Grows with time over all runs.
    pub id: i64,
    /// The run.
    pub run: i64,
    /// The step as the log numbers it; see [`super::logs::step_and_try`].
    pub step: i64,
    /// The output.
    pub bytes: Vec<u8>,
}

/// Pieces of output of all runs that are looked through for those of a service; beyond that each of its runs is asked.
const NEAR: i64 = 1000;

/// The pieces of output after a place, oldest first, at most about `limit` bytes of them.
///
/// # Errors
/// When the database cannot be read.
pub fn output_after(conn: &Connection, after: i64, scope: &Scope, limit: usize) -> Result<Vec<OutputRow>, StoreError> {
    if scope.release.is_some() || scope.service.is_some() && is_far_behind(conn, after)? {
        return output_of_runs(conn, after, scope, limit);
    }
    let mut statement = conn.prepare_cached(
        "SELECT c.id, c.run_id, c.step, c.bytes, c.packed FROM log_chunks c JOIN runs r ON r.id = c.run_id \
         WHERE c.id > :after AND (:service IS NULL OR r.service = :service) ORDER BY c.id",
    )?;
    let service = scope.service.as_ref().map(ServiceName::as_str);
    let rows = statement.query_map(named_params! { ":after": after, ":service": service }, output)?;
    let (mut found, mut size) = (Vec::new(), 0);
    for row in rows {
        let row = row?;
        size += row.bytes.len();
        found.push(row);
        if size >= limit {
            break;
        }
    }
    Ok(found)
}

fn output(row: &Row<'_>) -> rusqlite::Result<OutputRow> {
    let bytes = plain(row, 3, 4)?.into_owned();
    Ok(OutputRow { id: row.get(0)?, run: row.get(1)?, step: row.get(2)?, bytes })
}

fn is_far_behind(conn: &Connection, after: i64) -> Result<bool, StoreError> {
    let last: Option<i64> = conn.prepare_cached("SELECT max(id) FROM log_chunks")?.query_row([], |row| row.get(0))?;
    Ok(last.unwrap_or(0).saturating_sub(after) > NEAR)
}

/// As [`output_after`], from the runs in the scope alone: always the piece that is next among them.
fn output_of_runs(conn: &Connection, after: i64, scope: &Scope, limit: usize) -> Result<Vec<OutputRow>, StoreError> {
    let next = "(SELECT min(c.id) FROM log_chunks c WHERE c.run_id = r.id AND c.id > :after)";
    let condition = match scope.release {
        Some(_) => "r.release_id = :release AND (:service IS NULL OR +r.service = :service)",
        None => "r.service = :service AND :release IS NULL",
    };
    let mut statement = conn.prepare_cached(&format!("SELECT {next}, r.id FROM runs r WHERE {condition}"))?;
    let rows = statement.query_map(
        named_params! {
            ":after": after,
            ":release": scope.release.map(|id| id.0),
            ":service": scope.service.as_ref().map(ServiceName::as_str),
        },
        |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?).map(Reverse)),
    )?;
    let mut waiting = rows.filter_map(Result::transpose).collect::<Result<BinaryHeap<Reverse<(i64, i64)>>, _>>()?;
    let mut piece = conn.prepare_cached("SELECT id, run_id, step, bytes, packed FROM log_chunks WHERE id = ?1")?;
    let mut behind = conn.prepare_cached("SELECT min(id) FROM log_chunks WHERE run_id = ?1 AND id > ?2")?;
    let (mut found, mut size) = (Vec::new(), 0);
    while size < limit.max(1)
        && let Some(Reverse((id, run))) = waiting.pop()
    {
        let row = piece.query_row([id], output)?;
        size += row.bytes.len();
        found.push(row);
        let next: Option<i64> = behind.query_row([run, id], |row| row.get(0))?;
        waiting.extend(next.map(|next| Reverse((next, run))));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::logs;
    use crate::store::migrate::test_database;

    #[test]
    fn of_a_long_history_the_last_events_are_read() {
        let conn = test_database();
        for at in 1..=300_i64 {
            conn.execute(
                "INSERT INTO events (seq, at, release_id, actor, kind, data, mac) \
                 VALUES (?1, ?1, ?2, '{}', 'step_started', '{}', x'00')",
                (at, 7 + at % 2),
            )
            .unwrap();
        }
        let page = last_of_release(&conn, ReleaseId(7), None, 3, usize::MAX).unwrap();
        assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [300, 298, 296]);
        assert_eq!(newest_of(&conn, ReleaseId(8)).unwrap(), 299);
        assert_eq!(newest_of(&conn, ReleaseId(9)).unwrap(), 0);
    }

    #[test]
    fn a_stream_has_the_output_of_its_scope_in_order_however_far_it_is_behind() {
        let conn = test_database();
        let services = ["shop", "blog"];
        for id in 1..=4_i64 {
            let service = services[(id % 2) as usize];
            conn.execute(
                "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, \
                     notes, artifacts, promoted, bypasses, created_at, started_at) \
                 VALUES (?1, ?2, 'deployed', 'successful', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1)",
                (id, service),
            )
            .unwrap();
            for run in [id * 10, id * 10 + 1] {
                conn.execute(
                    "INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, \
                         state, detail, prepared, created_at) \
                     VALUES (?1, ?2, 1, ?3, 'stage', 'deploy', 0, '{}', 'failed', '{}', 1, 1)",
                    (run, id, service),
                )
                .unwrap();
            }
        }
        conn.execute_batch("BEGIN").unwrap();
        let total = NEAR + 200;
        for piece in 0..total {
            let run = (piece * 7 % 4 + 1) * 10 + piece % 3 % 2;
            assert!(
                logs::append(&conn, run, 0, piece as u64, piece.to_string().as_bytes(), jiff::Timestamp::UNIX_EPOCH)
                    .unwrap()
            );
        }
        conn.execute_batch("COMMIT").unwrap();
        let all = output_after(&conn, 0, &Scope::default(), usize::MAX).unwrap();
        assert_eq!(all.len() as i64, total);
        let release = |run: i64| run / 10;
        for after in [0, 1, 150, NEAR, total - 3, total] {
            for service in [0_usize, 1] {
                let scope =
                    Scope { service: Some(ServiceName::parse("service", services[service]).unwrap()), release: None };
                let expected: Vec<_> = all
                    .iter()
                    .filter(|row| row.id > after && release(row.run) % 2 == service as i64)
                    .cloned()
                    .collect();
                assert_eq!(output_after(&conn, after, &scope, usize::MAX).unwrap(), expected);
                let first = output_after(&conn, after, &scope, 1).unwrap();
                assert_eq!(first.first(), expected.first());
                assert!(first.len() <= 1);
            }
            let scope = Scope { release: Some(ReleaseId(3)), service: None };
            let expected: Vec<_> = all.iter().filter(|row| row.id > after && release(row.run) == 3).cloned().collect();
            assert_eq!(output_after(&conn, after, &scope, usize::MAX).unwrap(), expected);
        }
    }
}
