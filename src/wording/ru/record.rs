//! Что может случиться с журналом аудита.

use crate::domain::fault::record::{LostEvents, RecordAlarm, RecordFlaw};

pub(in crate::wording) fn record_flaw(flaw: &RecordFlaw) -> String {
    use RecordFlaw as F;
    match flaw {
        F::Edited { seq } => {
            format!("Событие {seq} не такое, каким было записано: потом изменили его содержание или подпись.")
        }
        F::Missing { from, to } if from == to => {
            format!("Событие {from} пропало: его удалили из середины журнала.")
        }
        F::Missing { from, to } => format!("События с {from} по {to} пропали: их удалили из середины журнала."),
        F::Swapped { seq, found_at } => format!(
            "Событие {seq} переставили на место {found_at}, а на его месте стоит другое: порядок событий изменили."
        ),
        F::CutOff { from, to } if from == to => format!("Событие {from} удалили с конца журнала."),
        F::CutOff { from, to } => format!("События с {from} по {to} удалили с конца журнала."),
        F::Added { seq } => format!("Событие {seq} добавил тот, у кого нет ключа."),
        F::HeadMissing { seq } => {
            format!("Печать конца журнала удалили: могли удалить и события после {seq}.")
        }
        F::HeadForged { seq } => format!(
            "Печать конца журнала не подходит к событию {seq}: изменили саму печать или удалили события после него."
        ),
        F::Rewritten { seq } => format!(
            "Событие {seq} не то, что отмечено вне базы данных: журнал заменили или переписали заново с тем же ключом."
        ),
    }
}

pub(in crate::wording) fn record_alarm(alarm: &RecordAlarm) -> String {
    use RecordAlarm as A;
    match alarm {
        A::Told { text } => text.clone(),
        A::NoteChanged { file } => format!("файл {file} изменили: RMM такого в него не записывал"),
        A::NoteGone { file } => format!("файла {file} больше нет: что было в журнале аудита, неизвестно"),
        A::Rewritten { seq } => format!(
            "событие {seq} в журнале аудита не то, что было записано: журнал переписали заново или заменили базу данных"
        ),
        A::Behind { seq, last } => {
            let ends = last.map_or_else(|| "пуст".to_owned(), |last| format!("кончается событием {last}"));
            format!(
                "журнал аудита {ends}, а событие {seq} было записано: события удалили или базу данных заменили более старой или другой"
            )
        }
        A::DatabaseGone => "базы данных нет, а её ключ на месте: журнал аудита начат заново".to_owned(),
        A::All { alarms } => alarms.iter().map(record_alarm).collect::<Vec<_>>().join("; "),
    }
}

/// После двоеточия, о копии.
pub(in crate::wording) fn lost_events(lost: &LostEvents) -> String {
    match lost {
        LostEvents::Range { from, to } if from == to => {
            format!("в ней нет события {from} журнала аудита, а может быть, и других")
        }
        LostEvents::Range { from, to } => {
            format!("в ней нет событий журнала аудита с {from} по {to}, а может быть, и других")
        }
        LostEvents::Told(text) => text.clone(),
    }
}
