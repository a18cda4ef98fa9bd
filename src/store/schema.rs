//! Opens the file: settings of the connections, the version of SQLite, and which schema it has.
//!
//! Must not: scan the database (a large one opens at once).

use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::StoreError;
use crate::domain::fault::store::{Damage, FileAct};

pub(super) mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The mode in which a database gives free pages back when it is told to.
pub(super) const INCREMENTAL: i64 = 2;

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const CACHED_STATEMENTS: usize = 128;

/// Versions of SQLite in which a reset of the WAL can corrupt the database (<https://sqlite.org/wal.html#walresetbug>).
const FAULTY: std::ops::RangeInclusive<i32> = 3_007_000..=3_051_002;

/// Refuses a SQLite with the WAL-reset bug.
pub(crate) fn check_sqlite() -> Result<(), StoreError> {
    if FAULTY.contains(&rusqlite::version_number()) {
        return Err(StoreError::FaultySqlite { version: rusqlite::version().to_owned() });
    }
    Ok(())
}

/// The highest migration this binary knows.
#[must_use]
pub fn supported_version() -> i64 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| i64::from(migration.version()))
        .max()
        .unwrap_or(0)
}

/// The highest migration applied to the database; `None` when it is empty.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is not a database of RMM.
pub fn applied_version(conn: &Connection) -> Result<Option<i64>, StoreError> {
    let history: Option<i64> = conn
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'", [], |row| {
            row.get(0)
        })
        .optional()?;
    if history.is_none() {
        let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 {
            return Err(StoreError::Corrupt { detail: Damage::OtherTables });
        }
        return Ok(None);
    }
    Ok(conn.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))?)
}

/// Opens the connection that writes, making the file (for the owner only) when there is none.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::io(FileAct::Create, path, error))?;
    }
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    // Before the first change to the file: it may be another program's.
    if applied_version(&conn)?.is_none() {
        // Takes effect only before anything is written; `make_shrinkable` does it later.
        conn.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    }
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Unavailable {
            disk_full: false,
            detail: format!(
                "the file system of {} does not support SQLite's WAL (mode {mode}); put the data directory on a local disk",
                path.display()
            ),
        });
    }
    // temp_store: the undo log of savepoints stays in memory. journal_size_limit: a WAL that grew in a storm shrinks again.
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -6144; PRAGMA journal_size_limit = 67108864;",
    )?;
    keep_statements(&conn)?;
    #[cfg(test)]
    let conn = super::plans::watched(conn);
    Ok(conn)
}

/// Opens a connection that can only read, with a small page cache.
///
/// # Errors
/// When the file is not there or cannot be opened.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024;")?;
    keep_statements(&conn)?;
    #[cfg(test)]
    let conn = super::plans::watched(conn);
    Ok(conn)
}

/// Opens a database that no process writes, without leaving anything beside it.
///
/// # Errors
/// When the file is not there or cannot be opened.
pub fn open_at_rest(path: &Path) -> Result<Connection, StoreError> {
    const IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');
    let path = std::path::absolute(path).map_err(|error| StoreError::io(FileAct::Find, path, error))?;
    let name = percent_encode(path.as_os_str().as_bytes(), IN_A_PATH);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(format!("file://{name}?immutable=1"), flags)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024;")?;
    Ok(conn)
}

/// A copy of a database together with its write-ahead log, in a temporary folder that is gone with the copy.
#[derive(Debug)]
pub struct TemporaryCopy {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl TemporaryCopy {
    /// The database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Copies a database that no process writes, if it has a write-ahead log: reading that would change the files beside it.
///
/// # Errors
/// When the files cannot be read or the temporary folder cannot be written.
pub fn copy_with_log(path: &Path) -> Result<Option<TemporaryCopy>, StoreError> {
    let log = super::with_suffix(path, "-wal");
    if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Ok(None);
    }
    let folder = tempfile::tempdir().map_err(|error| StoreError::io(FileAct::Create, &std::env::temp_dir(), error))?;
    let copy = folder.path().join("copy.db");
    for (from, to) in [(path, copy.clone()), (log.as_path(), super::with_suffix(&copy, "-wal"))] {
        std::fs::copy(from, to).map_err(|error| StoreError::io(FileAct::Copy, from, error))?;
    }
    Ok(Some(TemporaryCopy { path: copy, _folder: folder }))
}

/// Statements are prepared once. Without QPSG a plan may depend on the values that were bound, and SQLite then prepares
/// a statement anew whenever rusqlite takes it out of its cache: a third of the time of a write.
fn keep_statements(conn: &Connection) -> Result<(), StoreError> {
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linked_sqlite_is_sound() {
        check_sqlite().unwrap();
        assert!(FAULTY.contains(&3_051_002) && !FAULTY.contains(&3_051_003) && FAULTY.contains(&3_007_000));
    }
}
