//! What a host says of a step that RMM starts, follows or ends there, as facts.

use serde::{Deserialize, Serialize};

/// Why a step did not run, or why it is not known how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`path` is one on the host, `said` the words of a program")]
pub enum StepFault {
    // How it ended cannot be known.
    /// The host has lost the files of the run.
    RunFilesLost,
    /// The host has lost the files of the step.
    StepFilesLost,
    /// The host was restarted while the step ran.
    RestartedDuring,
    /// The host was restarted after RMM had begun to start the step.
    RestartedSince,
    /// The process that watched over the step was killed.
    WatcherKilled,
    /// The user cannot end processes of the step.
    ProcessesStay { group: String },

    // The step did not run.
    /// It was stopped before.
    StoppedBefore,
    /// The host could not start it.
    NotStartable,
    /// A program is missing on the host.
    ProgramMissing { program: String },

    // The host could not do what RMM needs.
    /// The directory of the step cannot be made.
    StepDirectory,
    /// The files of the step cannot be made.
    StepFiles,
    /// The step cannot be claimed.
    NotClaimed,
    /// `~` leads nowhere.
    NoHome,
    /// Something else stands where a file of RMM should.
    NotOurFile { path: String },
    /// The file that names the holder cannot be made.
    HolderNotMade { path: String },
    /// A command of an earlier run cannot be ended by this user.
    EarlierAtWork { run: String, group: String },
    /// The run directory cannot be used.
    RunDirectory { path: String, problem: DirectoryProblem },
    /// An answer that this version does not know.
    UnknownAnswer { word: String },

    // There was no answer.
    /// The shell ended with this status.
    ShellEnded { status: i32, said: Option<String> },
    /// The same at the first contact: most likely the login shell is none.
    NoShell { status: i32, said: Option<String> },
    /// The connection ended.
    ConnectionEnded { said: Option<String> },
    /// The step has ended, and its output beyond this byte is gone.
    OutputGone { position: u64 },

    // What RMM was to do cannot be done.
    /// This cannot be a run directory.
    NoRunDirectory { path: String },
    /// The run has no directory on this host.
    RunHasNone,
    /// A run directory below `~`, and a `HOME` of the step's own.
    HomeInTheWay,
    /// The name of an environment variable.
    VariableName { name: String },
    /// A command has a NUL character.
    NulCharacter,
    /// A command is longer than this many KiB.
    CommandTooLong { limit: usize },
    /// The key of a step, or the token of a run: a fault of RMM.
    BadName { name: String },
    /// The system has no random numbers.
    NoRandom { said: String },
}

/// What is wrong with a run directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryProblem {
    /// It cannot be made.
    NotMade,
    /// It is another user's.
    OfOtherUser,
    /// It cannot be written.
    NotWritten,
    /// It cannot be marked as the run's.
    NotMarked,
    /// It cannot be entered.
    NotEntered,
    /// Something else is in it, so it is not deleted.
    NotDeleted,
}

impl StepFault {
    /// From a word of the host's script and what it adds.
    #[must_use]
    pub fn from_host(word: &str, rest: &str) -> Option<Self> {
        let text = || rest.to_owned();
        let directory = |problem| Self::RunDirectory { path: text(), problem };
        Some(match word {
            "run_files_lost" => Self::RunFilesLost,
            "step_files_lost" => Self::StepFilesLost,
            "restarted_during" => Self::RestartedDuring,
            "restarted_since" => Self::RestartedSince,
            "watcher_killed" => Self::WatcherKilled,
            "processes_stay" => Self::ProcessesStay { group: text() },
            "stopped_before" => Self::StoppedBefore,
            "not_startable" => Self::NotStartable,
            "program_missing" => Self::ProgramMissing { program: text() },
            "step_directory" => Self::StepDirectory,
            "step_files" => Self::StepFiles,
            "not_claimed" => Self::NotClaimed,
            "no_home" => Self::NoHome,
            "not_our_file" => Self::NotOurFile { path: text() },
            "holder_not_made" => Self::HolderNotMade { path: text() },
            "earlier_at_work" => {
                let (group, run) = rest.split_once(' ')?;
                Self::EarlierAtWork { run: run.to_owned(), group: group.to_owned() }
            }
            "directory_not_made" => directory(DirectoryProblem::NotMade),
            "directory_of_other_user" => directory(DirectoryProblem::OfOtherUser),
            "directory_not_written" => directory(DirectoryProblem::NotWritten),
            "directory_not_marked" => directory(DirectoryProblem::NotMarked),
            "directory_not_entered" => directory(DirectoryProblem::NotEntered),
            "directory_not_deleted" => directory(DirectoryProblem::NotDeleted),
            _ => return None,
        })
    }
}
