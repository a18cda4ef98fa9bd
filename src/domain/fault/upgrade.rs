//! How an upgrade of RMM goes on, and why it does not, as facts.

use serde::{Deserialize, Serialize};

use super::record::RecordFlaw;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "versions, files, and reasons in words")]
pub enum UpgradeStep {
    /// A new binary that runs here.
    Found {
        version: String,
        own: String,
        sum: String,
    },
    /// An upgrade was killed, and this one goes on with what that one has kept.
    GoesOn {
        old: String,
    },
    Stopping,
    Starting {
        version: String,
    },
    /// It is done.
    Runs {
        version: String,
        old: String,
    },
    GoingBack {
        why: String,
    },
    /// The old version is started and waited for.
    StartingAgain {
        version: String,
        seconds: u64,
        why: String,
    },
    /// The new version has done something that the copy does not know.
    Restoring,
}

/// Why it does not go on, or how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "versions, files, and reasons in words; `said` is what the system or a program said")]
pub enum UpgradeFault {
    /// The system does not say where this program is.
    NoProgram {
        said: String,
    },
    /// The file is the binary that is installed.
    IsInstalled {
        file: String,
    },
    /// The file is no program of this machine.
    RunsNot {
        file: String,
        said: String,
    },
    /// It is another program.
    NoRmm {
        file: String,
        said: String,
    },
    Older {
        version: String,
        own: String,
    },
    /// It refuses the configuration.
    Refuses {
        version: String,
        said: String,
    },
    /// RMM does not end.
    NotStopped {
        why: String,
    },
    NothingReplaced {
        why: String,
    },
    Silent,
    OtherAnswers {
        running: String,
        version: String,
    },
    NotReady {
        seconds: u64,
        last: String,
    },
    NotPutBack {
        file: String,
        said: String,
    },
    NotUp {
        why: String,
    },
    NotBack {
        why: String,
        trouble: String,
        old: String,
    },
    RunsAsBefore {
        why: String,
        version: String,
    },
    /// The copy of the database does not fit on its disk; sizes are bytes.
    NoRoom {
        folder: String,
        needed: u64,
        free: u64,
    },
    OldNotUp {
        why: String,
        trouble: String,
    },
    /// The record of the copy is not that of its key.
    OtherKey {
        copy: String,
        flaw: RecordFlaw,
    },
}
