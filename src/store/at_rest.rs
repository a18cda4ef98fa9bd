//! The files of a database that no process has, kept as they are, for the case that what comes next does not work. A backup is for another
//! day and is treated as older than what was done since; these are put back as if nothing had been.
//!
//! Must not: be used without the lock of the data directory.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Gid, Uid};

use super::chain;
use super::error::StoreError;
use super::key::sync_directory_of;
use super::restored::Beside;
use super::signed::ChainHead;
use super::watermark::Watermark;
use super::{schema, with_suffix};
use crate::domain::fault::store::FileAct;

/// What kept files are called beyond their name.
const SUFFIX: &str = ".before-upgrade";

/// How far a database has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The highest migration; none: the database is empty.
    pub schema: Option<i64>,
    /// The end of the record.
    pub head: Option<ChainHead>,
}

impl Position {
    /// Of a database that no process has. Changes nothing beside it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(database: &Path) -> Result<Self, StoreError> {
        let with_log = schema::copy_with_log(database)?;
        let conn = match &with_log {
            Some(copy) => schema::open_reader(copy.path())?,
            None => schema::open_at_rest(database)?,
        };
        let schema = schema::applied_version(&conn)?;
        let head = if conn.table_exists(None, "chain_head")? { chain::head(&conn)? } else { None };
        Ok(Self { schema, head })
    }
}

/// Files that were kept.
#[derive(Debug)]
pub struct Kept {
    files: Vec<PathBuf>,
    /// How far the database had come.
    pub position: Position,
}

impl Kept {
    /// Copies the files of a database and those that tell how far it has come, each beside itself; none where there is no database.
    ///
    /// # Errors
    /// When the disk does not let it be done.
    pub fn of(database: &Path, key_file: &Path) -> Result<Option<Self>, StoreError> {
        if !database.exists() {
            return Ok(None);
        }
        let files = Self::files(database, key_file);
        for file in &files {
            copy(file, &with_suffix(file, SUFFIX))?;
        }
        sync_directory_of(database)?;
        Ok(Some(Self { files, position: Position::of(database)? }))
    }

    /// What was kept before, as it is; none where no database was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn again(database: &Path, key_file: &Path) -> Result<Option<Self>, StoreError> {
        let kept = with_suffix(database, SUFFIX);
        if !kept.exists() {
            return Ok(None);
        }
        // Its log has another name than SQLite would look for.
        let folder = tempfile::tempdir().map_err(|error| StoreError::io(FileAct::CreateFolderIn, &kept, error))?;
        let copy = folder.path().join("kept.db");
        for suffix in ["", "-wal"] {
            let (from, to) = (with_suffix(&with_suffix(database, suffix), SUFFIX), with_suffix(&copy, suffix));
            if from.exists() {
                fs::copy(&from, &to).map_err(|error| StoreError::io(FileAct::Copy, &from, error))?;
            }
        }
        Ok(Some(Self { files: Self::files(database, key_file), position: Position::of(&copy)? }))
    }

    fn files(database: &Path, key_file: &Path) -> Vec<PathBuf> {
        vec![database.to_owned(), with_suffix(database, "-wal"), Beside::path(database), Watermark::path(key_file)]
    }

    /// The copy of the database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        with_suffix(&self.files[0], SUFFIX)
    }

    /// Puts all of them back as they were.
    ///
    /// # Errors
    /// When the disk does not let it be done; what is not back yet is still kept, and this can be called again.
    pub fn put_back(&self) -> Result<(), StoreError> {
        remove(&with_suffix(&self.files[0], "-shm"))?;
        for file in &self.files {
            copy(&with_suffix(file, SUFFIX), file)?;
        }
        sync_directory_of(&self.files[0])
    }
}

/// Makes `to` what `from` is: its content, mode and owner, or nothing.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let partial = with_suffix(to, ".partial");
    // What does not fit is not left in the way of what still has to.
    copy_by(from, &partial, to).inspect_err(|_| drop(fs::remove_file(&partial)))
}

fn copy_by(from: &Path, partial: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::copy(from, partial) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return remove(to),
        Err(error) => return Err(StoreError::io(FileAct::Copy, from, error)),
    }
    let owner = fs::metadata(from).map_err(|error| StoreError::io(FileAct::Read, from, error))?;
    if let Ok(made) = fs::metadata(partial)
        && (made.uid(), made.gid()) != (owner.uid(), owner.gid())
    {
        let (uid, gid) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
        rustix::fs::chown(partial, Some(uid), Some(gid))
            .map_err(|error| StoreError::io(FileAct::GiveAway, partial, error.into()))?;
    }
    let synced = File::open(partial).and_then(|file| file.sync_all());
    synced.and_then(|()| fs::rename(partial, to)).map_err(|error| StoreError::io(FileAct::Create, to, error))
}

fn remove(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::io(FileAct::Remove, file, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_put_back_as_they_were_and_those_that_were_not_there_go() {
        let folder = tempfile::tempdir().unwrap();
        let (database, key) = (folder.path().join("rmm.db"), folder.path().join("audit.key"));
        let numbers = Beside::path(&database);
        assert!(Kept::of(&database, &key).unwrap().is_none());
        let made =
            "CREATE TABLE refinery_schema_history (version INTEGER); INSERT INTO refinery_schema_history VALUES (7)";
        rusqlite::Connection::open(&database).unwrap().execute_batch(made).unwrap();
        fs::write(Watermark::path(&key), "its end").unwrap();
        let was = fs::read(&database).unwrap();

        let kept = Kept::of(&database, &key).unwrap().unwrap();
        assert_eq!(kept.position, Position { schema: Some(7), head: None });
        fs::write(&database, "of a newer version").unwrap();
        fs::write(Watermark::path(&key), "another end").unwrap();
        fs::write(&numbers, "new").unwrap();
        fs::write(with_suffix(&database, "-wal"), "new").unwrap();
        fs::write(with_suffix(&database, "-shm"), "new").unwrap();

        kept.put_back().unwrap();
        assert_eq!(fs::read(&database).unwrap(), was);
        assert_eq!(fs::read_to_string(Watermark::path(&key)).unwrap(), "its end");
        for gone in [numbers, with_suffix(&database, "-wal"), with_suffix(&database, "-shm")] {
            assert!(!gone.exists(), "{}", gone.display());
        }
    }
}
