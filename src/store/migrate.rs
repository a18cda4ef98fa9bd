//! Brings the database to this binary's schema.
//!
//! Must not: run a migration without a copy of what was there, or touch a file that a newer RMM wrote.

use std::path::{Path, PathBuf};

use refinery::error::Kind;
use rusqlite::{Connection, OptionalExtension};

use super::backup;
use super::error::StoreError;
use super::schema::{INCREMENTAL, applied_version, embedded};
use super::space::free_in;

/// Copies from before migrations that are kept.
const MAX_COPIES: usize = 3;

/// A larger database is not written anew at a start.
const MAX_REWRITTEN_BYTES: u64 = 1 << 30;

/// What `migrate` did.
pub(crate) struct Migrated {
    /// The tables were made just now.
    pub fresh: bool,
    /// The copy made before an existing database was changed.
    pub copy: Option<PathBuf>,
}

/// Brings the database to this binary's schema, after a copy `<file>.before-schema-<n>.bak` when it has an older one.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<Migrated, StoreError> {
    migrate_with(conn, path, &embedded::migrations::runner())
}

fn migrate_with(conn: &mut Connection, path: &Path, runner: &refinery::Runner) -> Result<Migrated, StoreError> {
    let supported = runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0);
    let applied = applied_version(conn)?;
    let mut copy = None;
    if let Some(found) = applied {
        if found > supported {
            return Err(StoreError::NewerDatabase { found, supported });
        }
        if found < supported {
            let target = super::with_suffix(path, &format!(".before-schema-{supported}.bak"));
            copy = Some(backup::backup(path, &target, true)?.path);
        }
    }
    // Off while tables are rebuilt; `open` turns them on afterwards, and what a migration broke is found here.
    conn.execute_batch("PRAGMA foreign_keys = OFF")?;
    embedded_run(conn, runner)?;
    if copy.is_some() {
        let broken: Option<String> = conn.query_row("PRAGMA foreign_key_check", [], |row| row.get(0)).optional()?;
        if let Some(table) = broken {
            return Err(StoreError::Migration {
                detail: format!("rows of {table} point to rows that do not exist; go back to {copy:?}"),
            });
        }
    }
    conn.execute_batch("PRAGMA foreign_keys = ON")?;
    if copy.is_some() {
        delete_old_copies(path);
        make_shrinkable(conn, path);
    }
    Ok(Migrated { fresh: applied.is_none(), copy })
}

/// A database of an older RMM learns to give free room back: it is written anew, once, where there is room for that and it does
/// not take long. Best effort: without it free room is only used again.
fn make_shrinkable(conn: &Connection, path: &Path) {
    let done = || {
        let mode: i64 = conn.query_row("PRAGMA auto_vacuum", [], |row| row.get(0))?;
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        let room = path.parent().and_then(free_in).unwrap_or(0);
        if mode != INCREMENTAL && size <= MAX_REWRITTEN_BYTES && room > size.saturating_mul(3) {
            conn.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
            // The new one is put together in a temporary file, not in memory.
            let done = conn.execute_batch("PRAGMA temp_store = FILE; VACUUM");
            conn.execute_batch("PRAGMA temp_store = MEMORY")?;
            done?;
        }
        Ok::<_, rusqlite::Error>(())
    };
    if let Err(error) = done() {
        tracing::warn!(%error, "the database could not be written anew, so that it could give free room back");
    }
}

/// Only the newest copies from before migrations are kept. Best effort: it never fails a start.
fn delete_old_copies(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let beginning = format!("{}.before-schema-", name.to_string_lossy());
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut copies: Vec<(i64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(&beginning)?.strip_suffix(".bak")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    copies.sort();
    for (_, copy) in copies.iter().rev().skip(MAX_COPIES) {
        if let Err(error) = std::fs::remove_file(copy) {
            tracing::warn!(copy = %copy.display(), %error, "an old copy of the database could not be deleted");
        }
    }
}

fn embedded_run(conn: &mut Connection, runner: &refinery::Runner) -> Result<(), StoreError> {
    // Grouped: all pending migrations in one transaction, so that a failure leaves the database as it was.
    let outcome = refinery::Runner::new(runner.get_migrations()).set_grouped(true).run(conn);
    match outcome {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), Kind::DivergentVersion(..) | Kind::MissingVersion(..)) => {
            Err(StoreError::DivergentDatabase { detail: error.to_string() })
        }
        Err(error) => Err(StoreError::Migration { detail: error.to_string() }),
    }
}

/// An empty database in memory with all tables.
#[cfg(test)]
pub(crate) fn test_database() -> Connection {
    super::plans::watched(test_database_unwatched())
}

/// Whether a migration consists of this, among others: each runs once.
#[cfg(test)]
pub(super) fn is_migration(statement: &str) -> bool {
    let all = embedded::migrations::runner();
    all.get_migrations().iter().any(|migration| migration.sql().is_some_and(|sql| sql.contains(statement)))
}

/// As [`test_database`]; its statements are not checked.
#[cfg(test)]
pub(super) fn test_database_unwatched() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn, Path::new("unused")).unwrap();
    conn.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    conn
}

#[cfg(test)]
mod tests;
