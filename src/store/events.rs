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

/// Everything that happened to a release, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn of_release(conn: &Connection, release: ReleaseId) -> Result<Vec<EventRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE release_id = ?1 ORDER BY seq");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([release.0], event)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The last events before a place in the record, newest first.
///
/// # Errors
/// When the database cannot be read.
pub fn before(conn: &Connection, before: i64, limit: u32) -> Result<Vec<EventRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((before, limit), event)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What a stream is about.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Only this release.
    pub release: Option<ReleaseId>,
    /// Only this service.
    pub service: Option<ServiceName>,
}

/// The events after a place in the record, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn after(conn: &Connection, after: i64, scope: &Scope, limit: u32) -> Result<Vec<EventRow>, StoreError> {
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
            ":limit": limit,
        },
        event,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
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
