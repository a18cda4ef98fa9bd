//! Что RMM говорит запуску, который его ждёт.

use super::super::Language;
use super::status;
use crate::domain::protection::Clearance;

/// Как обстоит дело с релизом для запуска, который хочет в продакшн.
pub(in crate::wording) fn clearance(clearance: &Clearance, title: &str) -> String {
    match clearance {
        Clearance::UnderWay => format!("{title} идёт в продакшн этим запуском."),
        Clearance::Clear => format!("{title}: все условия для продакшна выполнены."),
        Clearance::Unmet(gates) if gates.is_empty() => format!("{title} ждёт: люди его ещё не проверили."),
        Clearance::Unmet(gates) => {
            let gates: Vec<_> = gates.iter().map(|gate| Language::Ru.unmet_gate(gate)).collect();
            format!("{title} ждёт: {}", gates.join(" "))
        }
        Clearance::Refused(cause) => format!("{title} ждёт: {}.", Language::Ru.refusal(cause)),
        Clearance::CommitUnknown => format!("{title} ждёт: RMM ещё не знает его коммита."),
        Clearance::ByAnotherRun => format!("{title} ждёт: в продакшн его приводит другой запуск."),
        Clearance::Over(it) => format!("{title} в продакшн больше не идёт: {}.", status(*it)),
        Clearance::Unknown => format!("RMM ещё не знает релиза {title}."),
    }
}
