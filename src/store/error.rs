//! What can go wrong in the store, in sentences that a person understands.
//!
//! A `StoreError` is about the machine (disk, file, key, version), never about rights or the state of a release:
//! those are refusals and belong to the domain. No variant carries a secret.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// What SQLite says when `fsync` fails.
const UNCONFIRMED: [i32; 2] = [rusqlite::ffi::SQLITE_IOERR_FSYNC, rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC];

/// An error of the database, its files or its threads.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be written (or read) right now; nothing of the request was applied and trying again later is right.
    #[error("{}: {detail}", unavailable_sentence(.disk_full))]
    Unavailable {
        /// The disk is full or refuses to be written, as opposed to a lock held by another program.
        disk_full: bool,
        /// What SQLite said.
        detail: String,
    },
    /// The disk did not confirm that it holds what was written. What it holds is not certain any more, so nothing else is
    /// written before the next start, which reads what is there.
    #[error(
        "the disk did not confirm a write ({detail}): whether it is kept is not certain, so RMM writes nothing more. Look after          the disk, then start RMM again"
    )]
    Unconfirmed {
        /// What SQLite said.
        detail: String,
    },
    /// The writer thread or the runtime is gone: RMM is shutting down.
    #[error("the database is closed because RMM is stopping")]
    Stopped,
    /// A request panicked inside the store; it was rolled back alone.
    #[error("a request failed inside RMM and was undone: {what}")]
    Panicked {
        /// The panic's message.
        what: String,
    },
    /// The file was written by a newer RMM.
    #[error(
        "the database has schema version {found}, this RMM knows versions up to {supported}: it was written by a newer RMM. \
         Start that version again, or restore a backup made before the update"
    )]
    NewerDatabase {
        /// Highest migration applied to the file.
        found: i64,
        /// Highest migration of this binary.
        supported: i64,
    },
    /// A migration in the file is not the one this binary knows under the same number.
    #[error("the database's schema differs from the one of this RMM, although the version numbers agree: {detail}")]
    DivergentDatabase {
        /// What refinery said.
        detail: String,
    },
    /// A migration failed; the database is as it was before.
    #[error("the database could not be brought to this RMM's schema and was left as it was: {detail}")]
    Migration {
        /// What refinery or SQLite said.
        detail: String,
    },
    /// The SQLite that was linked in has a known bug that corrupts databases.
    #[error(
        "this binary was built with SQLite {version}, which can corrupt databases in WAL mode (3.7.0 to 3.51.2 are affected); build it with a newer one"
    )]
    FaultySqlite {
        /// The linked version.
        version: String,
    },
    /// The file is damaged or is not a database of RMM.
    #[error("the database is damaged or is not a database of RMM: {detail}")]
    Corrupt {
        /// What was found.
        detail: String,
    },
    /// The database has history, but its key is not there.
    #[error(
        "the key of the audit log is missing: {path} does not exist, but the database has events signed with it. \
         Restore the key file from your backup; RMM does not make a new one, because the history could then no longer be checked"
    )]
    KeyMissing {
        /// Where the key was looked for.
        path: PathBuf,
    },
    /// The key file is not a key.
    #[error("the key file {path} is not usable: {why}")]
    KeyInvalid {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The key is one, but of another database.
    #[error(
        "the key in {path} does not belong to this database: neither the last event nor the log's seal fits it. Restore the key file that was made together with this database"
    )]
    KeyForeign {
        /// The key file.
        path: PathBuf,
    },
    /// Another process uses the data directory.
    #[error("{}", locked_sentence(.path, .pid))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, when it could be read.
        pid: Option<u32>,
    },
    /// A name is taken.
    #[error("there is already a {what} named {name:?}")]
    NameTaken {
        /// The kind of thing, for example "token".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A file would have been overwritten.
    #[error("{path} exists already and was left alone")]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {what} {path}: {error}")]
    Io {
        /// The verb, for example "open".
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    Random(String),
    /// Anything else SQLite says: a broken constraint, a wrong statement.
    #[error("the database refused a statement: {0}")]
    Sqlite(rusqlite::Error),
}

impl StoreError {
    /// Wraps an error of the file system.
    pub(crate) fn io(what: &'static str, path: &Path, error: std::io::Error) -> Self {
        Self::Io { what, path: path.to_owned(), error }
    }

    /// Whether the same request may succeed later without anything being repaired by hand: answer 503, not 500.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Stopped)
    }

    /// Whether the cause is a disk that is full or cannot be written.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Unavailable { disk_full: true, .. })
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error_code() else {
            return Self::Sqlite(error);
        };
        let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
        if UNCONFIRMED.contains(&extended) {
            return Self::Unconfirmed { detail: error.to_string() };
        }
        let disk = matches!(code, ErrorCode::DiskFull | ErrorCode::SystemIoFailure);
        if disk
            || matches!(
                code,
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::OutOfMemory
                    | ErrorCode::ReadOnly
                    | ErrorCode::CannotOpen
            )
        {
            return Self::Unavailable { disk_full: disk, detail: error.to_string() };
        }
        if matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) {
            return Self::Corrupt { detail: error.to_string() };
        }
        Self::Sqlite(error)
    }
}

/// Why a write was not applied. In both cases nothing of it is in the database.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// The request itself said no; its changes were rolled back.
    #[error("{0}")]
    Rolled(E),
    /// The store could not carry it out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WriteError<StoreError> {
    /// Both cases in one, for writes whose own error is a `StoreError`.
    #[must_use]
    pub fn flatten(self) -> StoreError {
        match self {
            Self::Rolled(error) | Self::Store(error) => error,
        }
    }
}

fn unavailable_sentence(disk_full: &bool) -> &'static str {
    if *disk_full {
        "the database cannot be written because the disk is full or failing; nothing was changed, and RMM goes on by itself when there is space again"
    } else {
        "the database cannot be used at the moment; nothing was changed, try again"
    }
}

fn locked_sentence(path: &Path, pid: &Option<u32>) -> String {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("the process {pid}"));
    format!(
        "{who} already uses this data directory (lock file {}). Use the running RMM, or stop it first; if it is not an RMM, choose another data_dir",
        path.display()
    )
}
