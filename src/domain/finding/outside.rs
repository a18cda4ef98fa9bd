//! What there is to say of RMM as it runs, and of those that it speaks to beside hosts and GitHub: its own address, Telegram, the
//! model.

use serde::Serialize;

use crate::domain::fault::AnswerFault;
use crate::domain::fault::model::ModelFault;

use crate::domain::backup::{BackupAlarm, BackupFault};

/// What there is to say of RMM's own address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum AddressFact {
    /// `webhooks`: they are set up all the same.
    NoPublicUrl {
        webhooks: bool,
    },
    LeadsHere,
    CertificateHolds,
    CertificateEnds,
    /// As a library said it.
    CertificateWrong {
        host: String,
        fault: AnswerFault,
    },
    CertificateSays {
        said: String,
    },
    NoAnswer {
        host: String,
        seconds: u64,
    },
}

/// What there is to say of the bot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`said` is what Telegram or a library said")]
pub enum TelegramFact {
    /// It is not to be had here.
    NoToken,
    UnknownToken,
    Bot {
        username: String,
    },
    TelegramPause {
        seconds: u64,
    },
    TelegramSilent {
        said: String,
    },
    TelegramRefuses {
        said: String,
    },
    TokenUsedElsewhere {
        said: String,
    },
    TelegramSays {
        said: String,
    },
    HookFails {
        said: String,
    },
    UpdatesCome {
        url: String,
        waiting: i64,
    },
    HookElsewhere,
    UpdatesAsked,
    HookTakes {
        url: String,
    },
    NoChat,
}

/// What there is to say of the model that guesses at causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are the words of the glossary")]
pub enum ModelFact {
    /// It is not to be had here.
    NoKey,
    ModelAnswers {
        model: String,
    },
    ModelSilent {
        model: String,
        fault: ModelFault,
    },
}

/// What there is to say of the RMM that runs, and of its backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`said` is a sentence of the RMM that runs, or why it could not be asked")]
pub enum RunningFact {
    Ready,
    RunningSays { said: String },
    NotRunning,
    Version { version: String },
    OtherVersion { runs: String, own: String },
    RecordChanged,
    ChatRefuses,
    BackupAlarm { alarm: BackupAlarm },
    NoSchedule,
    NewestBackup { file: String, bytes: u64 },
    NoBackup,
    Restored { file: String },
    NotSound { file: String, fault: BackupFault },
    NotSoundSays { file: String, said: String },
    NeverRestored,
    HostNeverChecked,
}
