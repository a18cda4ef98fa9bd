//! What can go wrong with RMM's database, its key and the files beside it, as facts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`said` is what SQLite or the system said")]
pub enum StoreFault {
    /// The disk is full or fails, and nothing was written.
    DiskFull { said: String },
    /// The database cannot be used for now.
    Busy { said: String },
    /// The disk has not confirmed a write.
    Unconfirmed { said: String },
    /// RMM is stopping.
    Stopping,
    /// A fault of RMM.
    Panicked { said: String },
    /// A newer RMM has written the database.
    Newer { found: i64, supported: i64 },
    /// The schema is another one than its version says.
    Divergent { said: String },
    /// A migration failed.
    NotMigrated { said: String },
    /// The SQLite in this binary damages databases.
    FaultySqlite { version: String },
    /// Something damaged, or of something else.
    Damaged { damage: Damage },
    /// The key of the record is not there.
    NoKey { path: PathBuf },
    /// The file of the key holds none.
    BadKey { path: PathBuf },
    /// It is the key of another database.
    OtherKey { path: PathBuf },
    /// Another process, by its number, uses the data directory.
    InUse { path: PathBuf, process: Option<u32> },
    /// A token has that name.
    NameTaken { name: String },
    /// A file would be overwritten.
    Exists { path: PathBuf },
    /// A restore was broken off; the database that was there is kept.
    HalfRestored { path: PathBuf, kept: PathBuf },
    /// An import was broken off.
    HalfImported { path: PathBuf },
    /// Something cannot be done with a file.
    File { act: FileAct, path: PathBuf, said: String },
    /// The system has no random numbers.
    NoRandom { said: String },
    /// The database does not take a statement.
    Refused { said: String },
}

/// What is damaged, and how that shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`said` is what SQLite or the system said")]
pub enum Damage {
    /// SQLite, or a part of RMM that has no facts, says so.
    Said(String),
    /// Its tables are not RMM's.
    OtherTables,
    /// The file is empty.
    Empty(PathBuf),
    /// SQLite has looked through the file.
    File { path: PathBuf, said: String },
    /// An export cannot be read.
    Export(String),
    /// It is none.
    NoExport,
    /// A version of RMM made it whose form this one does not know.
    ExportForm { version: String },
    /// A file does not belong to an export.
    ExportStranger { name: String },
    /// A file of it was changed.
    ExportChanged { name: String },
    /// A file of it is missing.
    ExportLacks { name: String },
}

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAct {
    /// Bytes go to another one.
    Copy,
    /// It is made.
    Create,
    /// A folder is made in it.
    CreateFolderIn,
    /// It is looked for.
    Find,
    /// It gets another owner.
    GiveAway,
    /// It is kept for this process.
    Lock,
    /// It gets another name.
    Move,
    /// It is opened.
    Open,
    /// It is read.
    Read,
    /// It is deleted.
    Remove,
    /// Another one takes its place.
    Replace,
    /// The disk has to hold it.
    Sync,
    /// It is written.
    Write,
}

impl FileAct {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Copy,
        Self::Create,
        Self::CreateFolderIn,
        Self::Find,
        Self::GiveAway,
        Self::Lock,
        Self::Move,
        Self::Open,
        Self::Read,
        Self::Remove,
        Self::Replace,
        Self::Sync,
        Self::Write,
    ];
}
