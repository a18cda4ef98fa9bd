//! How an upgrade goes on, in English.

use super::super::Language::En;
use super::record::record_flaw;
use crate::domain::fault::upgrade::{UpgradeFault, UpgradeStep};

pub(in crate::wording) fn upgrade_step(step: &UpgradeStep) -> String {
    use UpgradeStep as S;
    match step {
        S::Found { version, own, sum } => format!("RMM {version} in the place of {own}; SHA-256 {sum}"),
        S::GoesOn { old } => {
            format!(
                "An upgrade was killed before its end was known. What it has kept is what is gone back to: {old} and rmm.db.before-upgrade."
            )
        }
        S::StartingAgain { version, seconds, why } => {
            format!("{why}. Starting {version} again; it has {seconds} s.")
        }
        S::Stopping => "Its configuration check passed. Stopping RMM; steps on hosts go on.".to_owned(),
        S::Starting { version } => format!("Binary and database are kept. Starting {version}."),
        S::Runs { version, old } => {
            format!(
                "RMM {version} runs. The binary before it is {old}; the database before it is rmm.db.before-upgrade."
            )
        }
        S::GoingBack { why } => format!("Not ready: {why}. Putting binary and database back."),
        S::Restoring => {
            "The new version has recorded something already, so the database is restored as by `rmm restore`: what the \
            environments run is unknown until an admin records it (rmm service settle)."
                .to_owned()
        }
    }
}

/// A sentence that begins small and has no full stop.
pub(in crate::wording) fn upgrade_fault(fault: &UpgradeFault) -> String {
    use UpgradeFault as F;
    match fault {
        F::NoProgram { said } => format!("the binary that runs is not known: {said}"),
        F::IsInstalled { file } => format!("{file} is the binary that is installed; name the new one"),
        F::RunsNot { file, said } => format!("{file} does not run on this machine: {said}"),
        F::NoRmm { file, said } => format!("{file} is no RMM: it says {said:?}"),
        F::Older { version, own } => format!(
            "{version} is older than {own}, and an older RMM cannot read what a newer one has migrated; --force tries it all the same"
        ),
        F::Refuses { version, said } => format!("RMM {version} does not take this configuration: {said}"),
        F::NotStopped { why } => format!("RMM could not be stopped: {why}"),
        F::NothingReplaced { why } => format!("nothing was replaced: {why}"),
        F::Silent => "it does not answer".to_owned(),
        F::OtherAnswers { running, version } => format!("version {running} answers, not {version}"),
        F::NotReady { seconds, last } => format!("after {seconds} s it was not ready: {last}"),
        F::NotPutBack { file, said } => format!("{file} could not be put back: {said}"),
        F::NotUp { why } => format!("RMM did not come up with the new version ({why})"),
        F::NotBack { why, trouble, old } => format!(
            "RMM did not come up with the new version ({why}), and going back did not work: {trouble}. The old binary is {old}, the \
             database before the upgrade is kept as rmm.db.before-upgrade"
        ),
        F::RunsAsBefore { why, version } => format!("{why}; {version} runs as before"),
        F::NoRoom { folder, needed, free } => format!(
            "the copy of the database has no room: {folder} has {} free, and it takes {}. Nothing was stopped or replaced; make room there \
             and try again",
            En.size(*free),
            En.size(*needed)
        ),
        F::OldNotUp { why, trouble } => format!("{why}; and the old version does not come up: {trouble}"),
        F::OtherKey { copy, flaw } => format!("the record in {copy} does not fit its key. {}", record_flaw(flaw)),
    }
}
