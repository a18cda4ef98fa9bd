//! RMM about itself, and how it says no.

use serde::{Deserialize, Serialize};

use super::GateView;
use crate::domain::cause::Cause;

/// How RMM is.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// Its version.
    pub version: String,
    /// `alarm`: the record was changed behind RMM's back, and no admin has acknowledged it. RMM works all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// `token_refused`: Telegram does not know the bot's token. The bot is silent until it does; what it has to say is kept. RMM
    /// works all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telegram: Option<String>,
    /// `refuse`: a chat of the team, or a person in private, takes no messages of the bot; they are kept and tried again, and the
    /// admins are told. RMM works all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chats: Option<String>,
    /// `alarm`: the backups that RMM makes by itself fail, are too old, or cannot be relied on. RMM works all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backups: Option<String>,
}

/// Where the backup goes.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeBackup {
    /// A file name, which is put into the folder `backups` of the data directory; the operator on the machine itself
    /// may give an absolute path.
    pub file: String,
    /// Replace the file if it is there.
    #[serde(default)]
    pub overwrite: bool,
}

/// A backup that was made.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BackupMade {
    /// Where it is.
    pub file: String,
    /// How large it is.
    pub bytes: u64,
    /// The end of the record in it: number of the last event.
    pub head_seq: i64,
    /// Its seal.
    pub head_mac: String,
}

/// The configuration was read again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reloaded {
    /// What is questionable in it.
    pub warnings: Vec<String>,
}

/// A problem document.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `about:blank`: the code says which problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable name of the problem.
    pub code: String,
    /// What is wrong and what to do, for people.
    pub detail: String,
    /// The field that breaks a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The facts that `detail` tells in a sentence; its own `code` is finer than that of the problem. Of a field that breaks a rule
    /// (`invalid`): the `rule` in words, and its facts in `broken`, with a `code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<serde_json::Value>,
    /// What would be legal now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legal: Vec<String>,
    /// Particulars, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The gates that are not met, where they are what is in the way; `details` tells them in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<GateView>,
    /// When trying again makes sense, in seconds; a header says it.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// What is in the way, as far as this version knows the facts.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        Cause::deserialize(self.because.as_ref()?).ok()
    }
}
