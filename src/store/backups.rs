//! How scheduled copies of the database stand. Must not: know what that means.

use rusqlite::{Connection, OptionalExtension};

use super::columns::to_json;
use super::error::StoreError;
use crate::domain::backup::BackupState;

/// How they stand. What another version has written and this one cannot read is as good as nothing: the next copy is made.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection) -> Result<BackupState, StoreError> {
    let mut statement = conn.prepare_cached("SELECT state FROM backups WHERE id = 1")?;
    let text: Option<String> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Notes how they stand.
///
/// # Errors
/// When the database cannot be written.
pub fn put(conn: &Connection, state: &BackupState) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO backups (id, state) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET state = excluded.state",
    )?
    .execute([to_json(state)?])?;
    Ok(())
}
