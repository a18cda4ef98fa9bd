//! Copies of the database: made online while the writer goes on, put back only when they are sound.
//!
//! Must not: leave a half-written file under its final name, overwrite anything unasked, or destroy the database that
//! a restore replaces. The audit key is not part of a copy; the key is to be kept elsewhere.

pub mod kind;
pub mod rehearsal;

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::chain;
use super::error::StoreError;
use super::key::{self, sync_directory_of};
use super::signed::ChainHead;
use super::{replaced, schema, with_suffix};
use crate::domain::fault::store::{Damage, FileAct};

/// Pages copied per step: 4 MiB.
const STEP: i32 = 1024;

/// A finished copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The audit chain's end in it: keep it elsewhere as an anchor for `verify`. `None` before the first start.
    pub head: Option<ChainHead>,
}

/// Copies the database at `source` to `target` as it is at one moment; writers are not held up.
///
/// The copy needs no other file beside it, belongs to the owner only, and is on disk when this returns. Takes about
/// as long as reading and writing the file; call it off the async threads.
///
/// # Errors
/// [`StoreError::Exists`] when `target` is there and `overwrite` is not set; `Unavailable` when the disk is full. A
/// target that was there stays as it was.
pub fn backup(source: &Path, target: &Path, overwrite: bool) -> Result<BackupReport, StoreError> {
    if target.exists() && !overwrite {
        return Err(StoreError::Exists { path: target.to_owned() });
    }
    let conn = schema::open_reader(source)?;
    let (partial, _in_use) = begin(target)?;
    let placed = copy(&conn, &partial).and_then(|head| place(&partial, target, overwrite).map(|()| head));
    let head = placed.inspect_err(|_| discard(&partial))?;
    sync_directory_of(target)?;
    let bytes = fs::metadata(target).map_err(|error| StoreError::io(FileAct::Read, target, error))?.len();
    Ok(BackupReport { path: target.to_owned(), bytes, head })
}

/// Copies a database that no process uses, as it is: what opens it goes on where that one ended. The caller holds the data
/// directory.
///
/// # Errors
/// Those of [`backup`].
pub fn exact(source: &Path, target: &Path) -> Result<Option<ChainHead>, StoreError> {
    let conn = schema::open_reader(source)?;
    create(target)?;
    copy_as(&conn, target, Told::Nothing).inspect_err(|_| discard(target))
}

/// Whether a copy says of itself that it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Copy,
    Nothing,
}

/// A file beside `target` with a name of its own: several may make a copy at once. Those that were killed have left theirs.
fn begin(target: &Path) -> Result<(PathBuf, File), StoreError> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beginning = target.file_name().map(|name| format!("{}.", name.to_string_lossy())).unwrap_or_default();
    let _alone = replaced::clear(folder, |name| {
        let middle = name.strip_prefix(&beginning).and_then(|rest| rest.strip_suffix(".partial"));
        middle.is_some_and(|middle| middle.len() == 16 && middle.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    let partial = with_suffix(target, &format!(".{}.partial", hex::encode(&key::random_bytes()?[..8])));
    create(&partial)?;
    let in_use = replaced::in_use(&partial).map_err(|error| StoreError::io(FileAct::Open, &partial, error))?;
    Ok((partial, in_use))
}

/// Makes a file for the owner only.
fn create(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(drop).map_err(|error| StoreError::io(FileAct::Create, path, error))
}

/// Gives a copy its name. Without `overwrite` no file is replaced, not even one made meanwhile.
fn place(partial: &Path, target: &Path, overwrite: bool) -> Result<(), StoreError> {
    if overwrite {
        return fs::rename(partial, target).map_err(|error| StoreError::io(FileAct::Create, target, error));
    }
    match fs::hard_link(partial, target) {
        Ok(()) => discard(partial),
        // Not every file system has links; there is nothing better to do there.
        Err(_) if !target.exists() => {
            fs::rename(partial, target).map_err(|error| StoreError::io(FileAct::Create, target, error))?;
        }
        Err(_) => return Err(StoreError::Exists { path: target.to_owned() }),
    }
    Ok(())
}

fn copy(source: &Connection, partial: &Path) -> Result<Option<ChainHead>, StoreError> {
    copy_as(source, partial, Told::Copy)
}

fn copy_as(source: &Connection, partial: &Path, told: Told) -> Result<Option<ChainHead>, StoreError> {
    // Held over the whole copy: without it, SQLite would begin anew at every commit of the writer.
    let snapshot = source.unchecked_transaction()?;
    let head = match schema::applied_version(&snapshot)? {
        Some(_) if snapshot.table_exists(None, "chain_head")? => chain::head(&snapshot)?,
        Some(_) | None => None,
    };
    let mut target = Connection::open(partial)?;
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1024;")?;
    {
        let backup = Backup::new(&snapshot, &mut target)?;
        loop {
            match backup.step(STEP)? {
                StepResult::Done => break,
                StepResult::More => {}
                StepResult::Busy | StepResult::Locked | _ => {
                    return Err(StoreError::Unavailable {
                        disk_full: false,
                        detail: "the database is locked by another program".to_owned(),
                    });
                }
            }
        }
    }
    if told == Told::Copy && target.table_exists(None, "numbers")? {
        // The process that opens it in the place of the database has to know that it is older than what was done since.
        target.execute("UPDATE numbers SET copy = 1", [])?;
    }
    // The copied header says WAL; a copy that lies somewhere for years shall not need a second file to be read.
    let mode: String = target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode != "delete" {
        return Err(StoreError::Corrupt { detail: Damage::Said(format!("the copy stays in journal mode {mode}")) });
    }
    target.close().map_err(|(_, error)| error)?;
    let synced = File::open(partial).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::io(FileAct::Sync, partial, error))?;
    Ok(head)
}

fn discard(path: &Path) {
    for suffix in [""].iter().chain(&replaced::BESIDE) {
        let path = with_suffix(path, suffix);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "a leftover file could not be removed");
        }
    }
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// The audit chain's end in it.
    pub head: Option<ChainHead>,
    /// The schema version in it; an older one is migrated at the next start.
    pub schema: i64,
    /// Where the database that was there before is now.
    pub replaced: Option<PathBuf>,
}

/// Puts the copy `source` in the place of the database `target`. The caller holds the data directory.
///
/// A database that was there is kept as `<target>.before-restore`, beside one that is kept already and holds more. Broken off wherever
/// it may be, the target is either of them.
///
/// # Errors
/// [`StoreError::Exists`] when `target` is there and `overwrite` is not set; [`StoreError::Corrupt`] when the copy is
/// damaged; [`StoreError::NewerDatabase`] when this RMM cannot read it. In all cases the target stays as it was.
pub fn restore(source: &Path, target: &Path, overwrite: bool) -> Result<RestoreReport, StoreError> {
    if target.exists() && !overwrite {
        return Err(StoreError::Exists { path: target.to_owned() });
    }
    if !source.is_file() {
        return Err(StoreError::io(FileAct::Open, source, ErrorKind::NotFound.into()));
    }
    let conn = schema::open_reader(source)?;
    let found = check(&conn, source)?;
    let (partial, _in_use) = begin(target)?;
    let kept = copy(&conn, &partial).and_then(|head| Ok((head, replaced::keep(target)?)));
    let (head, replaced) = kept.inspect_err(|_| discard(&partial))?;
    fs::rename(&partial, target).map_err(|error| StoreError::io(FileAct::Create, target, error))?;
    sync_directory_of(target)?;
    Ok(RestoreReport { head, schema: found, replaced })
}

/// Whether a copy can be used by this RMM; its schema version.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is damaged; [`StoreError::NewerDatabase`] when this RMM cannot read it.
pub fn check(conn: &Connection, path: &Path) -> Result<i64, StoreError> {
    let supported = schema::supported_version();
    let found =
        schema::applied_version(conn)?.ok_or_else(|| StoreError::Corrupt { detail: Damage::Empty(path.to_owned()) })?;
    if found > supported {
        return Err(StoreError::NewerDatabase { found, supported });
    }
    let finding: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if finding != "ok" {
        let detail = Damage::File { path: path.to_owned(), said: finding };
        return Err(StoreError::Corrupt { detail });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
