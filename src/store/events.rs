//! Reads the record: of a release, in pages, and onwards from a place for streams.

use rusqlite::{Connection, Row, named_params};

use super::error::StoreError;
use crate::domain::ids::{ReleaseId, ServiceName};

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

/// What an event comes to beside its data and who it was, in bytes.
const AROUND: usize = 200;

const COLUMNS: &str = "seq, at, service, release_id, run_id, actor, kind, data, trace_id";

fn event(row: &Row<'_>) -> rusqlite::Result<EventRow> {
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

/// The last events before a place in the record, newest first: at most so many, and about so many bytes of them.
///
/// # Errors
/// When the database cannot be read.
pub fn before(conn: &Connection, before: i64, limit: u32, bytes: usize) -> Result<Page, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    Page::of(statement.query_map((before, limit.saturating_add(1)), event)?, limit, bytes)
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
            size += row.data.len() + row.actor.len() + AROUND;
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
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE seq > :after AND (:release IS NULL OR release_id = :release) \
         AND (:service IS NULL OR service = :service) ORDER BY seq LIMIT :limit"
    );
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

/// The pieces of output after a place, oldest first, at most about `limit` bytes of them.
///
/// # Errors
/// When the database cannot be read.
pub fn output_after(conn: &Connection, after: i64, scope: &Scope, limit: usize) -> Result<Vec<OutputRow>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT c.id, c.run_id, c.step, c.bytes FROM log_chunks c JOIN runs r ON r.id = c.run_id \
         WHERE c.id > :after AND (:release IS NULL OR r.release_id = :release) \
         AND (:service IS NULL OR r.service = :service) ORDER BY c.id",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":after": after,
            ":release": scope.release.map(|id| id.0),
            ":service": scope.service.as_ref().map(ServiceName::as_str),
        },
        |row| Ok(OutputRow { id: row.get(0)?, run: row.get(1)?, step: row.get(2)?, bytes: row.get(3)? }),
    )?;
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
