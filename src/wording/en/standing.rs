//! Where a release stands, in English.

use super::super::Language::En;
use crate::domain::environment::Stragglers;
use crate::domain::standing::Standing;
use crate::domain::status::Status;
use crate::domain::version::Version;
use crate::wording::{MOST_NAMES, ended};

pub(in crate::wording) fn standing(standing: &Standing) -> String {
    use Standing as S;
    match standing {
        S::HeldUp { reason } => En.reason(reason),
        S::CommitAsked => "asks the repository for its commit".into(),
        S::InLine { behind } => format!("in line behind {}", behind.title()),
        S::Begins { env, kind } => format!("{} begins", En.run(&env.to_string(), kind.as_str())),
        S::Step { env, run, kind, surface, host, .. } => {
            let place = if host.is_local() { String::new() } else { format!(" on {host}") };
            format!("{}: {} of {surface}{place}", En.run(&env.to_string(), run.as_str()), kind.title())
        }
        S::Ci { env, kind } => format!("CI is at work: {}", En.run(&env.to_string(), kind.as_str())),
        S::CiAwaited { env, kind } => {
            format!("waits for CI to report that it begins: {}", En.run(&env.to_string(), kind.as_str()))
        }
        S::Vote { missing, given, needed } if missing.is_empty() => {
            format!("no approver is left · {given}\u{a0}of\u{a0}{needed}")
        }
        S::Vote { missing, given, needed } => {
            format!("waits for {} · {given}\u{a0}of\u{a0}{needed}", listed(missing, needed - given))
        }
        S::Gate { gate, others: 0 } => En.unmet_gate(gate),
        S::Gate { gate, others } => format!("{} And {others} more.", ended(En.unmet_gate(gate))),
        S::Starts => "the production deploy begins".into(),
        S::ToResolve { run } => format!("an admin has to look into run {run}"),
        S::ToSettle { env } => format!("it is unknown what {env} runs; an admin must check"),
        S::InProduction { stragglers: None } => "production runs it".into(),
        S::InProduction { stragglers: Some(stragglers) } => {
            format!("production runs it {}", En.all_hosts_but(stragglers))
        }
        S::Replaced { by } => format!("production runs {} now", by.title()),
        S::Ended { status: Status::RollbackDone, stragglers: Some(stragglers), .. } => {
            format!("rolled back; production runs {}", En.stragglers(stragglers))
        }
        S::Ended { status: Status::RollbackDone, back_to: Some(tag), .. } => format!("rolled back to {tag}"),
        S::Ended { status, .. } => En.status_title(*status).into(),
    }
}

/// Names, and how many of them are enough where not all are needed.
fn listed<T: ToString>(names: &[T], enough: usize) -> String {
    let shown = if names.len() > MOST_NAMES { MOST_NAMES - 1 } else { names.len() };
    let more = (names.len() > shown).then(|| format!("{} others", names.len() - shown));
    let all = names.len();
    let names: Vec<_> = names.iter().take(shown).map(ToString::to_string).chain(more).collect();
    let word = if enough < all { "or" } else { "and" };
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::new(),
    }
}

pub(in crate::wording) fn all_hosts_but(stragglers: &Stragglers) -> String {
    let hosts = stragglers.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let may_run = stragglers.may_run.iter().map(Version::title).collect::<Vec<_>>().join(" or ");
    let may = if may_run.is_empty() { "may not run it".to_owned() } else { format!("may still run {may_run}") };
    format!("on all hosts but {hosts}, which {may}")
}
