//! What is wrong with backups.

use super::*;
use crate::domain::backup::{BackupAlarm, BackupFault, CommandEnd};

#[test]
fn every_fault_of_a_backup_has_words_in_every_language() {
    use BackupFault as F;
    let (file, folder) = ("/b/rmm-e9.db".to_owned(), "/b".to_owned());
    let command = |end, said: &str| F::Command { program: "rclone".into(), end, said: said.into() };
    let faults = [
        F::FolderMissing { folder: folder.clone() },
        F::NoRoom { folder, needed: 3 << 20, free: 1 << 20 },
        F::Machine { said: "the database is locked".into() },
        command(CommandEnd::NotStarted, "No such file or directory"),
        command(CommandEnd::Status(7), "no such bucket"),
        command(CommandEnd::Signal(9), ""),
        command(CommandEnd::TimeLimit, ""),
        command(CommandEnd::Nothing, ""),
        F::Damaged { found: "file is not a database".into() },
        F::Record { flaw: "Event 7 is missing.".into() },
        F::Behind { expected: 9, found: 7 },
        F::FileMissing { file: file.clone() },
    ];
    let alarms = [
        BackupAlarm::Unsound { file, fault: faults[9].clone() },
        BackupAlarm::Failing { since: Timestamp::UNIX_EPOCH, fault: faults[4].clone() },
        BackupAlarm::TooOld { made: Timestamp::UNIX_EPOCH },
    ];
    let both = [Language::En, Language::Ru];
    let mut told: Vec<_> = faults.iter().map(|fault| both.map(|it| it.backup_fault(fault)).join("\n")).collect();
    told.extend(alarms.iter().map(|alarm| both.map(|it| it.backup_alarm(alarm)).join("\n")));
    insta::assert_snapshot!(told.join("\n"));
}
