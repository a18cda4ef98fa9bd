//! What is kept of an installation that another one takes the place of, and how it shows that this was broken off.
//!
//! Must not: take the only name of a database away, or keep one that holds less in the place of one that holds more. The caller holds
//! the data directory.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::key::{self, sync_directory_of};
use super::{at_rest, schema, with_suffix};
use crate::domain::fault::store::{Damage, FileAct};

/// What a database that is replaced is called beyond its name.
pub(super) const SUFFIX: &str = ".before-restore";
/// Files that SQLite keeps beside a database.
pub(super) const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Keeps a database under another name, too, and leaves nothing beside it that SQLite would take for a part of the next one: that one
/// takes its place by a single rename, and until then it is there as it was. `None`: there is none.
///
/// # Errors
/// When the disk does not take it.
pub fn keep(database: &Path) -> Result<Option<PathBuf>, StoreError> {
    let kept = name_for(database);
    if !database.exists() {
        set_log_aside(database, &kept)?;
        return Ok(None);
    }
    let has_log = || with_suffix(database, "-wal").exists();
    if has_log() && take_log_in(database).is_err() {
        // A database that cannot be read is kept with its log beside it.
        keep_file(database, &kept)?;
        set_log_aside(database, &kept)?;
    } else {
        keep_file(database, &kept)?;
    }
    remove(&with_suffix(database, "-shm"))?;
    sync_directory_of(database)?;
    Ok(Some(kept))
}

/// Gives a file a second name, whose own is free then.
///
/// # Errors
/// When the disk does not take it.
pub fn keep_file(file: &Path, kept: &Path) -> Result<(), StoreError> {
    if is_same(file, kept) {
        return Ok(());
    }
    for suffix in [""].iter().chain(&BESIDE) {
        remove(&with_suffix(kept, suffix))?;
    }
    // Not every file system has links.
    fs::hard_link(file, kept).or_else(|_| at_rest::copy(file, kept))
}

/// Writes what was committed last into the database itself, so that it is one file.
fn take_log_in(database: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(database, flags)?;
    conn.execute_batch("PRAGMA synchronous = FULL")?;
    let busy: bool = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    conn.close().map_err(|(_, error)| error)?;
    let log = with_suffix(database, "-wal");
    let is_empty = fs::metadata(&log).map_or(true, |log| log.len() == 0);
    if busy || !is_empty {
        return Err(StoreError::Corrupt { detail: Damage::Said("its log cannot be taken in".to_owned()) });
    }
    remove(&log)
}

fn set_log_aside(database: &Path, kept: &Path) -> Result<(), StoreError> {
    let (from, to) = (with_suffix(database, "-wal"), with_suffix(kept, "-wal"));
    match fs::rename(&from, &to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io(FileAct::Move, &from, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The first name that is free, or whose database holds no more than this one.
fn name_for(database: &Path) -> PathBuf {
    let own = events(database);
    let name = |number: u32| match number {
        1 => with_suffix(database, SUFFIX),
        more => with_suffix(database, &format!("{SUFFIX}-{more}")),
    };
    let is_free = |kept: &PathBuf| {
        let holds_no_more = || matches!((events(kept), own), (Some(kept), Some(own)) if kept <= own);
        !kept.exists() || is_same(database, kept) || holds_no_more()
    };
    (1..1000).map(name).find(is_free).unwrap_or_else(|| name(1000))
}

/// How many events a database holds, if it can be read.
fn events(database: &Path) -> Option<i64> {
    let copy = schema::copy_with_log(database).ok()?;
    let conn = match &copy {
        Some(copy) => schema::open_reader(copy.path()),
        None => schema::open_at_rest(database),
    };
    conn.ok()?.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).ok()
}

fn is_same(one: &Path, other: &Path) -> bool {
    let number = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    number(one).is_some_and(|number_of_one| number(other) == Some(number_of_one))
}

/// The file that is there while the files of an import take their places one after the other.
fn mark(database: &Path) -> PathBuf {
    with_suffix(database, ".import")
}

/// Whether an import was broken off in the middle.
#[must_use]
pub fn is_half_imported(database: &Path) -> bool {
    mark(database).exists()
}

/// From here on the files of an import take their places.
///
/// # Errors
/// When the disk does not take it.
pub fn begin_import(database: &Path) -> Result<(), StoreError> {
    key::replace(&mark(database), b"An import was broken off. Run `rmm import --force` again.\n")
}

/// They have taken their places.
///
/// # Errors
/// When the disk does not take it.
pub fn end_import(database: &Path) -> Result<(), StoreError> {
    remove(&mark(database))?;
    sync_directory_of(database)
}

/// Refuses a data directory in which a restore or an import was broken off: what is there is not what was there.
pub(super) fn refuse_unfinished(database: &Path) -> Result<(), StoreError> {
    if is_half_imported(database) {
        return Err(StoreError::HalfImported { path: mark(database) });
    }
    let kept = with_suffix(database, SUFFIX);
    if !database.exists() && kept.exists() {
        return Err(StoreError::HalfRestored { path: database.to_owned(), kept });
    }
    Ok(())
}

/// Keeps others from taking a file or a folder for one that is left of a process that was killed, as long as it is open.
///
/// # Errors
/// When it cannot be opened.
pub fn in_use(path: &Path) -> std::io::Result<File> {
    let file = File::open(path)?;
    // Where there are no locks, nothing is cleared away either.
    let _ = file.try_lock();
    Ok(file)
}

/// Removes what processes that were killed have left in a folder: what has such a name and is not in use. As long as the answer is
/// open, no other process does that there: what is made meanwhile is not taken for a leftover before it is in use.
#[must_use = "what is made is to be in use before another one clears"]
pub fn clear(folder: &Path, is_such: impl Fn(&str) -> bool) -> Option<File> {
    let alone = File::open(folder).ok().filter(|folder| folder.lock().is_ok());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_name().to_str().is_some_and(&is_such)
            || !File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
        {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        if let Err(error) = removed {
            tracing::warn!(%error, path = %path.display(), "a leftover file could not be removed");
        }
    }
    alone
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io(FileAct::Remove, path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}
