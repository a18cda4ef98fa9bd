//! What is wrong or questionable about the machine that RMM runs on, and about what RMM finds on it, as facts: what
//! `rmm check` tells.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ssh::PrivateKeyFault;
use crate::domain::env::Env;
use crate::domain::ids::{HostName, ReleaseId, RunId, ServiceName, SurfaceName};

/// What is wrong or questionable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`user` is one of the machine, `said` the words of the system or of Telegram")]
pub enum MachineFault {
    // Steps on this machine, and who runs them.
    /// They can do to RMM what they like. `as_root`: RMM is root; `undecided`: the file does not say that they may be, too.
    StepsRuleRmm { steps: StepsAs, as_root: bool, undecided: bool },
    /// The user of steps can exchange what decides over RMM.
    Exposed { path: PathBuf, user: String },
    /// `[local]` names a user who does not exist.
    NoUser { user: String },
    /// `[local]` names another user, and RMM is not root.
    OnlyRoot { user: String },
    /// Their home directory is none; `there`: something else is.
    NoHome { user: String, home: PathBuf, there: bool },

    // Files and sockets.
    /// The user that RMM runs as cannot read a file.
    Unreadable { path: PathBuf, user: String },
    /// Others can write the data directory, which has this mode.
    OpenToOthers { folder: PathBuf, mode: u32 },
    /// The operator's socket cannot be made.
    NoSocket { path: PathBuf, said: String },
    /// The data directory cannot be used.
    DataDir { fault: FolderFault },
    /// The folder of backups cannot be used.
    BackupFolder { fault: FolderFault },
    /// It is not there.
    NoBackupFolder { folder: PathBuf },
    /// The folder of a surface cannot be used.
    SurfaceFolder { service: ServiceName, environment: Env, surface: SurfaceName, fault: FolderFault },
    /// The private key for a host cannot be used.
    PrivateKey { host: HostName, key: String, fault: PrivateKeyFault },
    /// RMM may have few files open.
    FewOpenFiles { files: u64, connections: usize, enough: u64 },

    // Programs and names.
    /// Services of this machine need a program that is not there.
    NoProgram { program: String },
    /// So does a command of the configuration.
    NoProgramFor { key: String, program: String },
    /// The name of a host's address leads nowhere.
    NotResolved { host: HostName, name: String },

    // Services that the configuration has no more.
    /// It has another name now.
    Renamed { was: ServiceName, now: ServiceName },
    /// Both names run something or have something under way, so that they stay two services.
    StayTwo { was: ServiceName, now: ServiceName },
    /// What is said to be its former name never had a release.
    NothingToCarryOver { was: ServiceName, now: ServiceName },
    /// It looks like one that is new.
    MayBeRenamed { was: ServiceName, now: ServiceName },
    /// It stays as an earlier configuration has it, until a run has ended that only this one can bring to its end.
    KeptForRun { service: ServiceName, release: ReleaseId, run: RunId },
    /// It is retired.
    Retired { service: ServiceName },

    // The bot.
    /// Telegram does not take its token.
    TokenRefused { since: Timestamp },
    /// A person takes no messages; the account, where no person is known for it.
    AccountRefuses { account: i64, person: Option<String>, since: Timestamp, said: String },
    /// A chat takes none; `told`: an admin is told in private.
    ChatRefuses { chat: i64, topic: Option<i64>, since: Timestamp, said: String, told: bool },
}

/// As whom steps run that can do to RMM what they like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepsAs {
    /// As root, and so does RMM.
    RootAsRmm,
    /// As root.
    Root,
    /// As RMM's own user.
    Rmm,
    /// As this one, who is RMM's own.
    Named(String),
}

/// Why a folder cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`said` is what the system said")]
pub enum FolderFault {
    /// It is not there.
    Missing { folder: PathBuf },
    /// Something else is.
    NotAFolder { path: PathBuf },
    /// It cannot be written.
    NotWritten { folder: PathBuf, said: String },
    /// It is not there and cannot be made.
    NotMade { folder: PathBuf, there: PathBuf, said: String },
    /// The user of steps cannot work in it.
    NotForSteps { user: String, folder: PathBuf, remedy: FolderRemedy },
    /// Git does not work in it.
    OfOther { folder: PathBuf },
}

/// What lets the user of steps work in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FolderRemedy {
    /// Another folder, since this one is the machine's.
    Another,
    /// Its owner.
    GiveAway,
    /// A new one.
    Make,
}
