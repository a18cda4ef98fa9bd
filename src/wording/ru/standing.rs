//! Where a release stands, in Russian.

use super::super::Language::Ru;
use super::{run, step};
use crate::domain::env::Env;
use crate::domain::environment::Stragglers;
use crate::domain::standing::Standing;
use crate::domain::status::Status;
use crate::domain::version::Version;
use crate::wording::{MOST_NAMES, ended};

pub(in crate::wording) fn standing(standing: &Standing) -> String {
    use Standing as S;
    match standing {
        S::HeldUp { reason } => Ru.reason(reason),
        S::CommitAsked => "спрашиваем у репозитория коммит".into(),
        S::InLine { behind } => format!("в очереди за {}", behind.title()),
        S::Begins { env, kind } => format!("начинается {}", run(&env.to_string(), kind.as_str())),
        S::Step { env, run: of, kind, surface, host, .. } => {
            let place = if host.is_local() { String::new() } else { format!(" на {host}") };
            format!("{}: {} {surface}{place}", run(&env.to_string(), of.as_str()), step(*kind))
        }
        S::Ci { env, kind } => format!("работает CI: {}", run(&env.to_string(), kind.as_str())),
        S::CiAwaited { env, kind } => {
            format!("ждём, пока CI сообщит о начале: {}", run(&env.to_string(), kind.as_str()))
        }
        S::Vote { missing, given, needed } if missing.is_empty() => {
            format!("подтверждать больше некому · {given}\u{a0}из\u{a0}{needed}")
        }
        S::Vote { missing, given, needed } => {
            format!("ждёт {} · {given}\u{a0}из\u{a0}{needed}", listed(missing, needed - given))
        }
        S::Gate { gate, others: 0 } => Ru.unmet_gate(gate),
        S::Gate { gate, others } => format!("{} И ещё условий: {others}.", ended(Ru.unmet_gate(gate))),
        S::Starts => "начинается деплой в продакшн".into(),
        S::ToResolve { run } => format!("администратору нужно разобраться с прогоном {run}"),
        S::ToSettle { env } => format!("неизвестно, что работает ({}); администратору нужно проверить", place(*env)),
        S::InProduction { stragglers: None } => "работает в продакшне".into(),
        S::InProduction { stragglers: Some(stragglers) } => {
            format!("работает в продакшне {}", Ru.all_hosts_but(stragglers))
        }
        S::Replaced { by } => format!("в продакшне теперь {}", by.title()),
        S::Ended { status: Status::RollbackDone, stragglers: Some(stragglers), .. } => {
            format!("откат выполнен, в продакшне {}", Ru.stragglers(stragglers))
        }
        S::Ended { status: Status::RollbackDone, back_to: Some(tag), .. } => format!("откат на {tag}"),
        S::Ended { status, .. } => Ru.status_title(*status).into(),
    }
}

/// Names, and how many of them are enough where not all are needed.
fn listed<T: ToString>(names: &[T], enough: usize) -> String {
    let shown = if names.len() > MOST_NAMES { MOST_NAMES - 1 } else { names.len() };
    let more = (names.len() > shown).then(|| format!("ещё {}", names.len() - shown));
    let all = names.len();
    let names: Vec<_> = names.iter().take(shown).map(ToString::to_string).chain(more).collect();
    let word = if enough < all { "или" } else { "и" };
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::new(),
    }
}

pub(in crate::wording) fn all_hosts_but(stragglers: &Stragglers) -> String {
    let hosts = stragglers.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" и ");
    let may_run = stragglers.may_run.iter().map(Version::title).collect::<Vec<_>>().join(" или ");
    if may_run.is_empty() {
        return format!("на всех хостах, кроме {hosts}: что работает там, неизвестно");
    }
    format!("на всех хостах, кроме {hosts}: там, возможно, ещё работает {may_run}")
}

fn place(env: Env) -> String {
    match env {
        Env::Stage => "stage".into(),
        Env::Production => "продакшн".into(),
        Env::Preview(_) => env.to_string(),
    }
}
