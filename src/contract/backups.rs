//! Backups that RMM makes by itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::known;
use crate::domain::backup::{BackupAlarm, BackupFault};

/// How scheduled backups stand.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupsView {
    /// When they are made; none: the configuration has no `[backup]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<BackupScheduleView>,
    /// The newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<BackupView>,
    /// What went wrong since one went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<BackupFailedView>,
    /// The last test: a backup was restored beside the database and checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<BackupTestView>,
    /// What an admin has to look at, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// The facts that `alarm` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub alarm_because: Option<BackupAlarm>,
    /// Those that are kept, the newest first.
    #[serde(default)]
    pub files: Vec<BackupFileView>,
}

/// When backups are made, and where.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupScheduleView {
    /// The folder.
    pub folder: String,
    /// Seconds between two of them.
    pub every_seconds: u64,
    /// How many are kept.
    pub keep: u32,
    /// Seconds between two tests.
    pub test_every_seconds: u64,
    /// A command makes the file of each.
    pub is_piped: bool,
    /// A command hands each on.
    pub is_sent: bool,
}

/// A backup that was made.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupView {
    /// Where it is.
    pub file: String,
    /// How large it is.
    pub bytes: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// The end of the record in it: number of the last event.
    pub head_seq: i64,
    /// Its seal.
    pub head_mac: String,
    /// It still has to be handed on.
    pub unsent: bool,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupFailedView {
    /// Since when none went well.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How often it was tried since.
    pub tries: u32,
    /// What went wrong the last time, in a sentence.
    pub reason: String,
    /// The facts that `reason` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<BackupFault>,
}

/// A test of a backup.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupTestView {
    /// Which backup.
    pub file: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took.
    pub took_ms: u64,
    /// The last event that was found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_seq: Option<i64>,
    /// It was tested before the command of `pipe` made the file of it, for want of an `open`.
    pub before_pipe: bool,
    /// Why it cannot be relied on, in a sentence; none: it is sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<BackupFault>,
}

/// A backup in the folder.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupFileView {
    /// Its name.
    pub name: String,
    /// How large it is.
    pub bytes: u64,
    /// Its last event.
    pub head_seq: i64,
}
