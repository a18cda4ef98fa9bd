//! What is wrong with backups.

use super::*;
use crate::domain::backup::{BackupAlarm, BackupFault, CommandEnd};
use crate::domain::fault::store::Damage;

#[test]
fn every_fault_of_a_backup_has_words_in_every_language() {
    use BackupFault as F;
    let (file, folder) = ("/b/rmm-e9.db".to_owned(), "/b".to_owned());
    let command = |end, said: &str| F::Command { program: "rclone".into(), end, said: said.into() };
    let faults = [
        F::FolderMissing { folder: folder.clone() },
        F::NoRoom { folder, needed: 3 << 20, free: 1 << 20 },
        F::Machine { said: "the database is locked".into(), because: None },
        F::Machine { said: "…".into(), because: Some(Box::new(StoreFault::Stopping)) },
        command(CommandEnd::NotStarted, "No such file or directory"),
        command(CommandEnd::Status(7), "no such bucket"),
        command(CommandEnd::Signal(9), ""),
        command(CommandEnd::TimeLimit, ""),
        command(CommandEnd::Nothing, ""),
        F::Damaged { found: "file is not a database".into(), because: None },
        F::Damaged {
            found: "…".into(), because: Some(Box::new(StoreFault::Damaged { damage: Damage::OtherTables }))
        },
        F::Record { flaw: "Event 7 is missing.".into(), because: None },
        F::Record { flaw: "…".into(), because: Some(RecordFlaw::Missing { from: 7, to: 7 }) },
        F::Behind { expected: 9, found: 7 },
        F::FileMissing { file: file.clone() },
    ];
    let alarms = [
        BackupAlarm::Unsound { file, fault: faults[12].clone() },
        BackupAlarm::Failing { since: Timestamp::UNIX_EPOCH, fault: faults[5].clone() },
        BackupAlarm::TooOld { made: Timestamp::UNIX_EPOCH },
    ];
    let both = [Language::En, Language::Ru];
    let mut told: Vec<_> = faults.iter().map(|fault| both.map(|it| it.backup_fault(fault)).join("\n")).collect();
    told.extend(alarms.iter().map(|alarm| both.map(|it| it.backup_alarm(alarm)).join("\n")));
    insta::assert_snapshot!(told.join("\n"));
}
