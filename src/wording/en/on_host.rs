//! What a host says of a step that RMM starts, follows or ends there.

use crate::domain::fault::step::{DirectoryProblem, StepFault};

use super::behind;

/// A sentence.
pub(super) fn on_host(fault: &StepFault) -> String {
    use StepFault as F;
    match fault {
        F::RunFilesLost => {
            "The host has lost the files of this run, so the outcome of the step cannot be known.".to_owned()
        }
        F::StepFilesLost => "The host has lost the files of this step, so its result is not known.".to_owned(),
        F::RestartedDuring => "The host was restarted while the step ran, so its result is not known.".to_owned(),
        F::RestartedSince => {
            "The host was restarted since RMM began the step, so whether the step ran cannot be known.".to_owned()
        }
        F::WatcherKilled => {
            "The process that watched over the step was killed, so its result is not known; the command \
                             may still run."
                .to_owned()
        }
        F::ProcessesStay { group } => format!(
            "Processes of the step cannot be ended by this user (group {group}, for example below sudo), so its \
             outcome cannot be known."
        ),
        F::StoppedBefore => "The step was stopped before it was started.".to_owned(),
        F::NotStartable => {
            "The host could not start the step: the run directory cannot be written (is the disk full?), \
                            or setsid, sh or ln failed there."
                .to_owned()
        }
        F::ProgramMissing { program } => {
            format!("The program {program} is missing on the host or in the PATH of the step.")
        }
        F::StepDirectory => "The directory of the step cannot be made.".to_owned(),
        F::StepFiles => "The files of the step cannot be made in the run directory.".to_owned(),
        F::NotClaimed => "The step cannot be claimed in the run directory.".to_owned(),
        F::NoHome => "The host sets no HOME for this user, so ~ leads nowhere; give the directory in full.".to_owned(),
        F::NotOurFile { path } => {
            format!("{path} on the host is not a file of RMM's; find out who put it there, and remove it.")
        }
        F::HolderNotMade { path } => format!("The file {path} cannot be made on the host."),
        F::EarlierAtWork { run, group } => format!(
            "A command of an earlier run ({run}) is still at work on the host, and this user cannot end it. End the process \
             group {group} there, then repeat."
        ),
        F::RunDirectory { path, problem } => {
            let what = match problem {
                DirectoryProblem::NotMade => "cannot be made on the host",
                DirectoryProblem::OfOtherUser => "belongs to another user",
                DirectoryProblem::NotWritten => "cannot be written",
                DirectoryProblem::NotMarked => "cannot be marked with its token",
                DirectoryProblem::NotEntered => "cannot be entered",
                DirectoryProblem::NotDeleted => "cannot be deleted; something else is in it",
            };
            format!("The run directory {path} {what}.")
        }
        F::UnknownAnswer { word } => format!("The host gave an unknown answer ({word:?})."),
        F::ShellEnded { status, said } => {
            format!("The host's shell ended without an answer (status {status}){}.", behind(said.as_deref()))
        }
        F::NoShell { status, said } => format!(
            "The host's shell ended without an answer (status {status}){}. The user's login shell must run commands there; \
             nologin and false do not.",
            behind(said.as_deref())
        ),
        F::ConnectionEnded { said } => {
            format!("The connection to the host ended before the step's result was known{}.", behind(said.as_deref()))
        }
        F::OutputGone { position } => {
            format!("The step has ended, but the host gave no output beyond byte {position}.")
        }
        F::NoRunDirectory { path } => format!(
            "{path:?} cannot be a run directory; it must be an absolute path, or begin with ~/, and must not lead upwards"
        ),
        F::RunHasNone => "The run has no directory on this host.".to_owned(),
        F::HomeInTheWay => {
            "A step whose run directory lies below ~ cannot get a HOME; give the directory in full.".to_owned()
        }
        F::VariableName { name } => format!("{name:?} cannot be the name of an environment variable of a step."),
        F::NulCharacter => "The command or its directory contains a NUL character.".to_owned(),
        F::CommandTooLong { limit } => format!("The command is longer than {limit} KiB; put it into a file."),
        F::BadName { name } => format!("{name:?} cannot name a step or a run; this is a fault of RMM."),
        F::NoRandom { said } => format!("The system has no random numbers: {said}."),
    }
}
