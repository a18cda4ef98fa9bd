//! What can go wrong in the store. The facts of it, and the words for them, are those of `StoreFault`.
//!
//! A `StoreError` is about the machine (disk, file, key, version), never about rights or the state of a release:
//! those are refusals and belong to the domain. No variant carries a secret.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::domain::fault::store::{Damage, FileAct, StoreFault};
use crate::wording::Language;

/// What SQLite says when `fsync` fails.
const UNCONFIRMED: [i32; 2] = [rusqlite::ffi::SQLITE_IOERR_FSYNC, rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC];

/// An error of the database, its files or its threads.
#[derive(Debug)]
pub enum StoreError {
    /// The database cannot be written (or read) right now; nothing of the request was applied and trying again later is right.
    Unavailable {
        /// The disk is full or refuses to be written, as opposed to a lock held by another program.
        disk_full: bool,
        /// What SQLite said.
        detail: String,
    },
    /// The disk did not confirm that it holds what was written. What it holds is not certain any more, so nothing else is
    /// written before the next start, which reads what is there.
    Unconfirmed {
        /// What SQLite said.
        detail: String,
    },
    /// The writer thread or the runtime is gone: RMM is shutting down.
    Stopped,
    /// A request panicked inside the store; it was rolled back alone.
    Panicked {
        /// The panic's message.
        what: String,
    },
    /// The file was written by a newer RMM.
    NewerDatabase {
        /// Highest migration applied to the file.
        found: i64,
        /// Highest migration of this binary.
        supported: i64,
    },
    /// A migration in the file is not the one this binary knows under the same number.
    DivergentDatabase {
        /// What refinery said.
        detail: String,
    },
    /// A migration failed; the database is as it was before.
    Migration {
        /// What refinery or SQLite said.
        detail: String,
    },
    /// The SQLite that was linked in has a known bug that corrupts databases.
    FaultySqlite {
        /// The linked version.
        version: String,
    },
    /// The file is damaged or is not a database of RMM.
    Corrupt {
        /// What was found.
        detail: Damage,
    },
    /// The database has history, but its key is not there.
    KeyMissing {
        /// Where the key was looked for.
        path: PathBuf,
    },
    /// The key file is not a key.
    KeyInvalid {
        /// The key file.
        path: PathBuf,
    },
    /// The key is one, but of another database.
    KeyForeign {
        /// The key file.
        path: PathBuf,
    },
    /// Another process uses the data directory.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it, when it could be read.
        pid: Option<u32>,
    },
    /// The name of a token is taken.
    NameTaken {
        /// The name.
        name: String,
    },
    /// A file would have been overwritten.
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// A restore was broken off: the database is not there, and the one that was there is.
    HalfRestored {
        /// Where the database should be.
        path: PathBuf,
        /// Where the one that was there is.
        kept: PathBuf,
    },
    /// An import was broken off: some of its files are in their places.
    HalfImported {
        /// What says so.
        path: PathBuf,
    },
    /// A file could not be read or written.
    Io {
        /// What was to be done.
        act: FileAct,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The system gave no random numbers.
    Random(String),
    /// Anything else SQLite says: a broken constraint, a wrong statement.
    Sqlite(rusqlite::Error),
}

impl StoreError {
    /// Wraps an error of the file system.
    pub(crate) fn io(act: FileAct, path: &Path, error: std::io::Error) -> Self {
        Self::Io { act, path: path.to_owned(), error }
    }

    /// The facts.
    #[must_use]
    pub fn fault(&self) -> StoreFault {
        use StoreFault as F;
        let said = ToString::to_string;
        match self {
            Self::Unavailable { disk_full: true, detail } => F::DiskFull { said: said(detail) },
            Self::Unavailable { disk_full: false, detail } => F::Busy { said: said(detail) },
            Self::Unconfirmed { detail } => F::Unconfirmed { said: said(detail) },
            Self::Stopped => F::Stopping,
            Self::Panicked { what } => F::Panicked { said: said(what) },
            Self::NewerDatabase { found, supported } => F::Newer { found: *found, supported: *supported },
            Self::DivergentDatabase { detail } => F::Divergent { said: said(detail) },
            Self::Migration { detail } => F::NotMigrated { said: said(detail) },
            Self::FaultySqlite { version } => F::FaultySqlite { version: said(version) },
            Self::Corrupt { detail } => F::Damaged { damage: detail.clone() },
            Self::KeyMissing { path } => F::NoKey { path: path.clone() },
            Self::KeyInvalid { path } => F::BadKey { path: path.clone() },
            Self::KeyForeign { path } => F::OtherKey { path: path.clone() },
            Self::Locked { path, pid } => F::InUse { path: path.clone(), process: *pid },
            Self::NameTaken { name } => F::NameTaken { name: said(name) },
            Self::Exists { path } => F::Exists { path: path.clone() },
            Self::HalfRestored { path, kept } => F::HalfRestored { path: path.clone(), kept: kept.clone() },
            Self::HalfImported { path } => F::HalfImported { path: path.clone() },
            Self::Io { act, path, error } => F::File { act: *act, path: path.clone(), said: error.to_string() },
            Self::Random(detail) => F::NoRandom { said: said(detail) },
            Self::Sqlite(error) => F::Refused { said: error.to_string() },
        }
    }

    /// Whether the same request may succeed later without anything being repaired by hand: answer 503, not 500.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Stopped)
    }

    /// Whether the cause is a disk that is full or cannot be written.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Unavailable { disk_full, .. } => *disk_full,
            Self::Io { error, .. } => matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
            Self::Unconfirmed { .. }
            | Self::Stopped
            | Self::Panicked { .. }
            | Self::NewerDatabase { .. }
            | Self::DivergentDatabase { .. }
            | Self::Migration { .. }
            | Self::FaultySqlite { .. }
            | Self::Corrupt { .. }
            | Self::KeyMissing { .. }
            | Self::KeyInvalid { .. }
            | Self::KeyForeign { .. }
            | Self::Locked { .. }
            | Self::NameTaken { .. }
            | Self::Exists { .. }
            | Self::HalfRestored { .. }
            | Self::HalfImported { .. }
            | Self::Random(_)
            | Self::Sqlite(_) => false,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Language::En.store(&self.fault()))
    }
}

impl std::error::Error for StoreError {}

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
            return Self::Corrupt { detail: Damage::Said(error.to_string()) };
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
