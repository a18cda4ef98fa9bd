//! What a host says of a step.

use super::*;
use crate::domain::fault::step::{DirectoryProblem, StepFault};

const SOURCE: &str = include_str!("../../domain/fault/step.rs");

fn step(language: Language, fault: StepFault) -> String {
    language.reason(&fault.into())
}

#[test]
fn every_fault_of_a_step_on_a_host_has_words() {
    use DirectoryProblem as P;
    use StepFault as F;
    let (path, said) = (|| "/srv/rmm/1-31".to_owned(), || Some("This account is not available".to_owned()));
    let faults = [
        F::RunFilesLost,
        F::StepFilesLost,
        F::RestartedDuring,
        F::RestartedSince,
        F::WatcherKilled,
        F::ProcessesStay { group: "4711".into() },
        F::StoppedBefore,
        F::NotStartable,
        F::ProgramMissing { program: "setsid".into() },
        F::StepDirectory,
        F::StepFiles,
        F::NotClaimed,
        F::NoHome,
        F::NotOurFile { path: path() },
        F::HolderNotMade { path: path() },
        F::EarlierAtWork { run: "a-30-b".into(), group: "4711".into() },
        F::RunDirectory { path: path(), problem: P::NotMade },
        F::UnknownAnswer { word: "hello".into() },
        F::ShellEnded { status: 255, said: None },
        F::ShellEnded { status: 137, said: said() },
        F::NoShell { status: 1, said: said() },
        F::ConnectionEnded { said: None },
        F::OutputGone { position: 4096 },
        F::NoRunDirectory { path: "here".into() },
        F::RunHasNone,
        F::HomeInTheWay,
        F::VariableName { name: "a-b".into() },
        F::NulCharacter,
        F::CommandTooLong { limit: 100 },
        F::BadName { name: "3,2".into() },
        F::NoRandom { said: "Function not implemented (os error 38)".into() },
    ];
    let problems = [P::NotMade, P::OfOtherUser, P::NotWritten, P::NotMarked, P::NotEntered, P::NotDeleted];
    let faults = catalogue(SOURCE, "StepFault", &faults, |language, fault| step(language, fault.clone()));
    let problems = catalogue(SOURCE, "DirectoryProblem", &problems, |language, problem| {
        step(language, F::RunDirectory { path: path(), problem: *problem })
    });
    insta::assert_snapshot!(faults + &problems);
}
