//! What to do about something that was found.

use std::path::PathBuf;

use serde::Serialize;

use crate::domain::mark::MarkKind;

/// What to do about something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it; keys are those of rmm.toml")]
pub enum Remedy {
    /// A command or a line of a file to paste, which is the same in every language.
    Command {
        command: String,
    },

    // This machine.
    RunAsService,
    RunAsRmm,
    NewerBinary,
    MakeRoom {
        folder: PathBuf,
    },
    MoreOpenFiles,

    // RMM and its surroundings.
    NamePublicUrl,
    LeadProxy,
    LookAtRenewal,
    TrustedCertificate,
    LookAtModel,
    AskBotFather,
    ReachTelegram,
    ReachPublicUrl,
    NextStart,
    OtherProgram,
    NameChat,
    LookAtLog,
    Start,
    VerifyRecord,
    WhichChat,
    ScheduleBackups,

    // The login at GitHub.
    WaitForLimit,
    ReachGithub,
    WaitForGithub,
    SetClock,
    RenewToken,
    Unsuspend,
    PermitApp,
    PermitMarks {
        marks: Vec<MarkKind>,
    },
    NarrowToken,
    EditToken,
    GiveWrite,
    EditPermissions,

    // Repositories at GitHub.
    Unarchive,
    NameWorkflow,
    WriteTrusted,
    AddTrusted {
        workflow: String,
    },
    WriteWorkflow,
    PushWorkflow {
        branch: String,
    },
    MendYaml,
    TakeDispatch,
    DeclareInputs,
    RequireNothing,
    TextInputs,
    SeeHooks,
    MakeHook {
        here: String,
    },
    SwitchHookOn,
    TakeHookSecret,
    WriteHookSecret,
    SendJson,
    SelectEvents,
    SameSecret,
    JsonContent,
    ReachHook,
    LargeBodies,
    LastAddress,
    LookAtProxy,
    ReachFromGithub,
}

impl From<String> for Remedy {
    fn from(command: String) -> Self {
        Self::Command { command }
    }
}

impl From<&str> for Remedy {
    fn from(command: &str) -> Self {
        command.to_owned().into()
    }
}
