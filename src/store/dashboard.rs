//! Services that are defined in the dashboard. Must not: know what a definition means.

use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::word;
use super::error::StoreError;
use crate::domain::ids::{ReleaseId, ServiceName};

/// A service that is defined in the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defined {
    /// The service.
    pub service: ServiceName,
    /// Its definition.
    pub text: String,
    /// The revision in which it was written.
    pub number: i64,
    /// Why it is put aside; none: it is in force.
    pub problem: Option<String>,
}

/// All of them, by name.
///
/// # Errors
/// When the database cannot be read.
pub fn all(conn: &Connection) -> Result<Vec<Defined>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT service, text, number, problem FROM dashboard_services ORDER BY service")?;
    let rows = statement.query_map((), defined)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All of them, in a database that may be of an earlier RMM.
///
/// # Errors
/// When the database cannot be read.
pub fn all_if_any(conn: &Connection) -> Result<Vec<Defined>, StoreError> {
    let known = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'dashboard_services')";
    if conn.query_row(known, (), |row| row.get(0))? { all(conn) } else { Ok(Vec::new()) }
}

/// One of them.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection, service: &ServiceName) -> Result<Option<Defined>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT service, text, number, problem FROM dashboard_services WHERE service = ?1")?;
    Ok(statement.query_row([service.as_str()], defined).optional()?)
}

fn defined(row: &Row<'_>) -> rusqlite::Result<Defined> {
    Ok(Defined { service: word(row, "service")?, text: row.get(1)?, number: row.get(2)?, problem: row.get(3)? })
}

/// Writes the definition of a service.
///
/// # Errors
/// When the database cannot be written.
pub fn put(conn: &Connection, defined: &Defined) -> Result<(), StoreError> {
    let Defined { service, text, number, problem } = defined;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO dashboard_services (service, text, number, problem) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((service.as_str(), text, number, problem))?;
    Ok(())
}

/// Removes the definition of a service.
///
/// # Errors
/// When the database cannot be written.
pub fn remove(conn: &Connection, service: &ServiceName) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM dashboard_services WHERE service = ?1")?.execute([service.as_str()])?;
    Ok(())
}

/// A release of a service that is under way, or that a run is still at work for.
///
/// # Errors
/// When the database cannot be read.
pub fn under_way(conn: &Connection, service: &ServiceName) -> Result<Option<ReleaseId>, StoreError> {
    let active = conn
        .prepare_cached("SELECT id FROM releases WHERE list = 'active' AND service = ?1 ORDER BY id LIMIT 1")?
        .query_row([service.as_str()], |row| row.get::<_, i64>(0))
        .optional()?;
    let at_work = conn
        .prepare_cached(
            "SELECT release_id FROM runs WHERE service = ?1 AND state IN ('queued', 'running', 'unknown') LIMIT 1",
        )?
        .query_row([service.as_str()], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(active.or(at_work).map(ReleaseId))
}
