//! Что не так с резервными копиями.

use super::super::Language::Ru;
use super::record::record_flaw;
use super::store::store;
use crate::domain::backup::{BackupAlarm, BackupFault, CommandEnd};
use crate::wording::{behind, minute};

pub(in crate::wording) fn backup_fault(fault: &BackupFault) -> String {
    use BackupFault as F;
    match fault {
        F::FolderMissing { folder } => format!("папки {folder} нет; подключён ли её диск?"),
        F::NoRoom { folder, needed, free } => {
            format!("в {folder} свободно {}, а нужно {}", Ru.size(*free), Ru.size(*needed))
        }
        F::Machine { said, because } => because.as_deref().map_or_else(|| said.clone(), store),
        F::Command { program, end, said } => {
            let end = match end {
                CommandEnd::NotStarted => "не запускается".to_owned(),
                CommandEnd::Status(status) => format!("завершилась с кодом {status}"),
                CommandEnd::Signal(signal) => format!("прервана сигналом {signal}"),
                CommandEnd::TimeLimit => "не завершилась вовремя (`time_limit` в [backup])".to_owned(),
                CommandEnd::Nothing => "ничего не вывела".to_owned(),
            };
            format!("команда {program} {end}{}", behind(Some(said.as_str()).filter(|said| !said.is_empty())))
        }
        F::Damaged { found, because } => {
            let found = because.as_deref().map_or_else(|| found.clone(), store);
            format!("её нельзя восстановить: {found}")
        }
        F::Record { flaw, because } => {
            let flaw = because.as_ref().map_or_else(|| flaw.clone(), record_flaw);
            format!("её журнал аудита не подходит к ключу: {flaw}")
        }
        F::Behind { expected, found } => {
            format!("её журнал аудита кончается событием {found}, а сделана она на событии {expected}")
        }
        F::FileMissing { file } => format!("файла {file} больше нет"),
    }
}

pub(in crate::wording) fn backup_alarm(alarm: &BackupAlarm) -> String {
    match alarm {
        BackupAlarm::Unsound { file, fault } => format!("на копию {file} нельзя положиться: {}", backup_fault(fault)),
        BackupAlarm::Failing { since, fault } => {
            format!("резервные копии не удаются с {}: {}", minute(*since), backup_fault(fault))
        }
        BackupAlarm::TooOld { made } => format!("последняя резервная копия устарела: она от {}", minute(*made)),
    }
}
