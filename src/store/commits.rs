//! The commits of releases.

use rusqlite::{Connection, OptionalExtension};

use super::columns::to_json;
use super::error::StoreError;
use crate::domain::commits::CommitList;
use crate::domain::ids::ReleaseId;

/// Keeps what a release brings.
///
/// # Errors
/// When the database cannot be written.
pub fn put(conn: &Connection, release: ReleaseId, list: &CommitList) -> Result<(), StoreError> {
    let mut statement =
        conn.prepare_cached("INSERT OR REPLACE INTO release_commits (release_id, listed) VALUES (?1, ?2)")?;
    statement.execute((release.0, to_json(list)?))?;
    Ok(())
}

/// What a release brings, as it was listed last; none where it is not known.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection, release: ReleaseId) -> Result<Option<CommitList>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT listed FROM release_commits WHERE release_id = ?1")?;
    let listed: Option<String> = statement.query_row([release.0], |row| row.get(0)).optional()?;
    // Of an RMM of another version it may say something else.
    Ok(listed.and_then(|listed| serde_json::from_str(&listed).ok()))
}
