//! What is wrong with backups, in English.

use super::super::Language::En;
use super::record::record_flaw;
use super::store::store;
use crate::domain::backup::{BackupAlarm, BackupFault, CommandEnd};
use crate::wording::{behind, minute};

pub(in crate::wording) fn backup_fault(fault: &BackupFault) -> String {
    use BackupFault as F;
    match fault {
        F::FolderMissing { folder } => format!("the folder {folder} is not there; is its disk mounted?"),
        F::NoRoom { folder, needed, free } => {
            format!("{folder} has room for {}, and {} are needed", En.size(*free), En.size(*needed))
        }
        F::Machine { said, because } => because.as_deref().map_or_else(|| said.clone(), store),
        F::Command { program, end, said } => {
            let end = match end {
                CommandEnd::NotStarted => "cannot be started".to_owned(),
                CommandEnd::Status(status) => format!("ended with status {status}"),
                CommandEnd::Signal(signal) => format!("was ended by signal {signal}"),
                CommandEnd::TimeLimit => "did not end in time (`time_limit` in [backup])".to_owned(),
                CommandEnd::Nothing => "printed nothing".to_owned(),
            };
            format!("{program} {end}{}", behind(Some(said.as_str()).filter(|said| !said.is_empty())))
        }
        F::Damaged { found, because } => {
            let found = because.as_deref().map_or_else(|| found.clone(), store);
            format!("it cannot be restored: {found}")
        }
        F::Record { flaw, because } => {
            let flaw = because.as_ref().map_or_else(|| flaw.clone(), record_flaw);
            format!("its record does not fit the key: {flaw}")
        }
        F::Behind { expected, found } => {
            format!("its record ends at event {found}, and it was made at event {expected}")
        }
        F::FileMissing { file } => format!("{file} is gone"),
    }
}

pub(in crate::wording) fn backup_alarm(alarm: &BackupAlarm) -> String {
    match alarm {
        BackupAlarm::Unsound { file, fault } => {
            format!("the backup {file} cannot be relied on: {}", backup_fault(fault))
        }
        BackupAlarm::Failing { since, fault } => {
            format!("backups have failed since {}: {}", minute(*since), backup_fault(fault))
        }
        BackupAlarm::TooOld { made } => format!("the newest backup is too old: it was made on {}", minute(*made)),
    }
}
