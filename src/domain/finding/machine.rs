//! What there is to say of the machine that RMM runs on: its configuration, its database, its disks, its clock.

use std::path::PathBuf;

use serde::Serialize;

use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::domain::fault::machine::MachineFault;
use crate::domain::fault::store::StoreFault;
use crate::domain::ids::ServiceName;

/// What there is to say of the machine that RMM runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`supported` is the schema that this RMM knows; sizes are bytes")]
pub enum MachineFact {
    /// It is not fit for what is configured.
    Fault {
        fault: Box<MachineFault>,
    },
    /// The database cannot be used.
    Store {
        fault: Box<StoreFault>,
    },
    ConfigurationRight {
        file: PathBuf,
    },
    Misconfigured {
        problem: Box<Misconfigured>,
    },
    /// A secret is not to be had here.
    NoSecret {
        key: String,
        fault: ConfigFault,
    },
    NoDatabase,
    NewerDatabase {
        found: i64,
        supported: i64,
    },
    OlderDatabase {
        bytes: u64,
        found: i64,
        supported: i64,
    },
    Database {
        bytes: u64,
        supported: i64,
    },
    FreeAt {
        bytes: u64,
        folder: PathBuf,
    },
    /// `by`: the file that says so.
    ClockKept {
        by: String,
    },
    ClockNotKept,
    OpenFiles {
        files: u64,
        connections: usize,
    },
}

/// What is wrong or questionable in a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misconfigured {
    /// The file, as it was named.
    pub file: String,
    /// The service whose definition in the dashboard it is in, and not in the file.
    pub service: Option<ServiceName>,
    /// The line and the column, from 1 on.
    pub position: Option<(usize, usize)>,
    /// The path of the key; empty where the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub fault: ConfigFault,
    /// What to do.
    pub hint: Option<ConfigHint>,
    /// The line, with its number and a mark below what is meant.
    pub excerpt: Option<String>,
}
