//! Что можно сказать о машине, где работает RMM.

use crate::domain::finding::MachineFact;
use crate::wording::Language::Ru;

/// Фраза со строчной буквы, без точки.
pub(in crate::wording) fn machine_fact(fact: &MachineFact) -> String {
    use MachineFact as F;
    match fact {
        F::Fault { fault } => Ru.machine(fault),
        F::Store { fault } => Ru.store(fault),
        F::ConfigurationRight { file } => format!("в {} всё верно", file.display()),
        F::Misconfigured { problem } => Ru.misconfigured(problem),
        F::NoSecret { key, fault } => format!("{key}: {}", Ru.config_fault(fault)),
        F::NoDatabase => "базы данных ещё нет; её создаст первый запуск".into(),
        F::NewerDatabase { found, supported } => {
            format!("база данных от более нового RMM (схема {found}, а этот знает {supported})")
        }
        F::OlderDatabase { bytes, found, supported } => {
            format!("{}, схема {found}; следующий запуск доведёт её до {supported}", Ru.size(*bytes))
        }
        F::Database { bytes, supported } => format!("{}, схема {supported}", Ru.size(*bytes)),
        F::FreeAt { bytes, folder } => format!("свободно {} на диске с {}", Ru.size(*bytes), folder.display()),
        F::ClockKept { by } => format!("часы сверяются по сети ({by})"),
        F::ClockNotKept => "не найдено ничего, что сверяло бы часы по сети (systemd-timesyncd, chrony, ntpd)".into(),
        F::OpenFiles { files, connections } => {
            format!("открытых файлов может быть до {files}, а значит, соединений до {connections}")
        }
    }
}
