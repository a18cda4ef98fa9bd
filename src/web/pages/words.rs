//! The labels of pages, in both languages. Sentences about releases, runs and gates are `wording`'s.

use crate::domain::ids::PersonName;
use crate::domain::moves::Move;
use crate::domain::run::RunState;
use crate::domain::standing::{Phase, Standing};
use crate::wording::Language;

pub(super) mod audit;
pub(super) mod connect;
pub(super) mod definition;
pub(super) mod doctor;
mod en;
pub(super) mod find;
pub(super) mod hosts;
pub(super) mod insights;
pub(super) mod keys;
pub(super) mod log;
pub(super) mod mini_app;
pub(super) mod missing;
pub(super) mod nav;
pub(super) mod people;
pub(super) mod release;
mod ru;
pub(super) mod services;
pub(super) mod settings;
pub(super) mod tokens;

/// The labels of pages in one language.
#[derive(Debug)]
pub(super) struct Words {
    pub language: Language,
    pub skip: &'static str,
    pub board: &'static str,
    pub account: &'static str,
    pub main_parts: &'static str,
    pub breadcrumb: &'static str,
    pub times_in: &'static str,
    pub live: &'static str,
    pub stale: &'static str,
    pub held: &'static str,
    pub sign_in: &'static str,
    pub sign_out: &'static str,
    pub session_over: &'static str,
    pub signed_out: &'static str,
    pub ask_bot: &'static str,
    pub on_server: &'static str,
    pub link_or_code: &'static str,
    pub sign_in_with_it: &'static str,
    pub link_is_over: &'static str,
    pub offer: &'static str,
    pub sign_in_as: &'static str,
    pub foreign_form: &'static str,
    pub odd_address: &'static str,
    pub not_here: &'static str,
    pub not_allowed: &'static str,
    pub not_now: &'static str,
    pub not_done: &'static str,
    pub go_back: &'static str,
    pub role: &'static str,
    pub language_label: &'static str,
    pub colours: &'static str,
    pub of_system: &'static str,
    pub light: &'static str,
    pub dark: &'static str,
    pub save: &'static str,
    pub sessions: &'static str,
    pub this_one: &'static str,
    pub since: &'static str,
    pub seen: &'static str,
    pub end_session: &'static str,
    pub end_other_sessions: &'static str,
    pub needs_you: &'static str,
    pub waits_for_your_approval: &'static str,
    pub review: &'static str,
    pub on_their_way: &'static str,
    pub nothing_now: &'static str,
    pub what_runs_where: &'static str,
    pub service: &'static str,
    pub stage: &'static str,
    pub production: &'static str,
    pub nothing_yet: &'static str,
    pub difference: &'static str,
    pub no_difference: &'static str,
    pub last_ended: &'static str,
    pub release: &'static str,
    pub result: &'static str,
    pub ended: &'static str,
    pub from_tag: &'static str,
    pub by: &'static str,
    pub first_release: &'static str,
    pub unknown_state: &'static str,
    pub needs_repair: &'static str,
    pub commit: &'static str,
    pub started_by: &'static str,
    pub owner: &'static str,
    pub attempt: &'static str,
    pub gates: &'static str,
    pub met: &'static str,
    pub not_met: &'static str,
    pub skipped: &'static str,
    pub approvals: &'static str,
    pub you: &'static str,
    pub approved: &'static str,
    pub rejected: &'static str,
    pub waiting: &'static str,
    pub runs: &'static str,
    pub step: &'static str,
    pub took: &'static str,
    pub host: &'static str,
    pub commits_since: &'static str,
    pub compare: &'static str,
    pub timeline: &'static str,
    pub surface: &'static str,
    pub surfaces: &'static str,
    pub artifact: &'static str,
    pub preview: &'static str,
    pub notes: &'static str,
    pub ci_run: &'static str,
    pub output: &'static str,
    pub first_failure: &'static str,
    pub raw: &'static str,
    pub download: &'static str,
    pub no_output: &'static str,
    pub earlier_lines: &'static str,
    pub later_lines: &'static str,
    pub unlock: &'static str,
    pub unlock_follows: &'static str,
    pub lock: &'static str,
    pub lock_heading: &'static str,
    pub lock_follows: &'static str,
    pub history: &'static str,
    pub approvers: &'static str,
    pub in_line: &'static str,
    pub good_versions: &'static str,
    pub reason: &'static str,
    pub reason_hint: &'static str,
    pub which_gates: &'static str,
    pub force: &'static str,
    pub version: &'static str,
    pub progress: &'static str,
}

/// Names that are listed in a line at most.
const NAMES: usize = 5;

/// Names in a line; of many, how many more there are.
fn listed(people: &[PersonName]) -> String {
    let shown = if people.len() > NAMES { NAMES - 1 } else { NAMES };
    let more = (people.len() > NAMES).then(|| format!("+{}", people.len() - shown));
    people.iter().take(shown).map(ToString::to_string).chain(more).collect::<Vec<_>>().join(", ")
}

/// The labels of a language.
pub(super) const fn of(language: Language) -> &'static Words {
    match language {
        Language::En => &en::WORDS,
        Language::Ru => &ru::WORDS,
    }
}

impl Words {
    /// The name of a phase.
    pub const fn phase(&self, phase: Phase) -> &'static str {
        match self.language {
            Language::En => en::phase(phase),
            Language::Ru => ru::phase(phase),
        }
    }

    /// What the button of a move says.
    pub const fn button(&self, wanted: Move) -> &'static str {
        match self.language {
            Language::En => en::button(wanted),
            Language::Ru => ru::button(wanted),
        }
    }

    /// What a move does to a release, as a heading.
    pub fn act_on(&self, wanted: Move, title: &str) -> String {
        match self.language {
            Language::En => en::act_on(wanted, title),
            Language::Ru => ru::act_on(wanted, title),
        }
    }

    /// What follows from a move.
    pub const fn follows(&self, wanted: Move) -> &'static str {
        match self.language {
            Language::En => en::follows(wanted),
            Language::Ru => ru::follows(wanted),
        }
    }

    /// What a yes is about, and who has to say it beside the viewer.
    pub fn approve_follows(&self, commit: Option<&str>, others: &str, lacking: usize) -> String {
        let about = self.follows(Move::Approve);
        match (self.language, commit, lacking) {
            (Language::En, Some(commit), 0) => format!("Commit {commit}. {about}"),
            (Language::En, Some(commit), lacking) => {
                format!("Commit {commit}. {about} Still needed: {lacking} of {others}.")
            }
            (Language::Ru, Some(commit), 0) => format!("Коммит {commit}. {about}"),
            (Language::Ru, Some(commit), lacking) => {
                format!("Коммит {commit}. {about} Ещё нужно: {lacking} из {others}.")
            }
            (Language::En | Language::Ru, None, _) => about.to_owned(),
        }
    }

    /// How much is on its way, and how much of it waits for the viewer.
    pub fn board_summary(&self, active: usize, mine: usize) -> String {
        match self.language {
            Language::En => en::board_summary(active, mine),
            Language::Ru => ru::board_summary(active, mine),
        }
    }

    /// The small line of a card.
    pub fn card_meta(&self, standing: &Standing, age: &str, usual: Option<&str>, by: &str) -> String {
        let has_ended =
            matches!(standing, Standing::Ended { .. } | Standing::InProduction { .. } | Standing::Replaced { .. });
        let (since, by) = match (self.language, has_ended) {
            (Language::En, true) => (format!("{age} ago"), format!("by {by}")),
            (Language::En, false) => (format!("for {age}"), format!("by {by}")),
            (Language::Ru, true) => (format!("{age} назад"), by.to_owned()),
            (Language::Ru, false) => (format!("уже {age}"), by.to_owned()),
        };
        match (standing, self.language) {
            (Standing::Step { number, of, .. }, Language::En) => {
                let usual = usual.map(|usual| format!(", usually {usual}")).unwrap_or_default();
                format!("Step {number} of {of}{usual} · {since} · {by}")
            }
            (Standing::Step { number, of, .. }, Language::Ru) => {
                let usual = usual.map(|usual| format!(", обычно {usual}")).unwrap_or_default();
                format!("Шаг {number} из {of}{usual} · {since} · {by}")
            }
            (_, Language::En | Language::Ru) => format!("{since} · {by}"),
        }
    }

    /// Who has said yes.
    pub fn approved_by(&self, people: &[PersonName]) -> String {
        match self.language {
            Language::En => format!("Approved by {}", listed(people)),
            Language::Ru => format!("Подтверждения: {}", listed(people)),
        }
    }

    /// Who has locked production, and why.
    pub fn locked(&self, by: &str, reason: &str) -> String {
        match self.language {
            Language::En => format!("locked by {by}: {reason}"),
            Language::Ru => format!("заблокирован ({by}): {reason}"),
        }
    }

    /// What stage has that production has not.
    pub fn not_in_production(&self, version: &str) -> String {
        match self.language {
            Language::En => format!("{version} is not in production"),
            Language::Ru => format!("{version} не в продакшне"),
        }
    }

    /// A version on its way to an environment.
    pub fn on_its_way(&self, version: &str) -> String {
        match self.language {
            Language::En => format!("{version} is on its way"),
            Language::Ru => format!("{version} на пути сюда"),
        }
    }

    /// How a run stands.
    pub const fn run_state(&self, state: &RunState) -> &'static str {
        match self.language {
            Language::En => en::run_state(state),
            Language::Ru => ru::run_state(state),
        }
    }

    /// How many of those who are listed have to say yes.
    pub fn needed(&self, need: usize, listed: usize) -> String {
        match self.language {
            Language::En if need == listed && need > 1 => format!("all {need} needed"),
            Language::En => format!("{need} of {listed} needed"),
            Language::Ru if need == listed && need > 1 => format!("нужны все: {need}"),
            Language::Ru => format!("нужно {need} из {listed}"),
        }
    }

    /// How many of how many.
    pub fn of(&self, have: usize, need: usize) -> String {
        match self.language {
            Language::En => format!("{have}\u{a0}of\u{a0}{need}"),
            Language::Ru => format!("{have}\u{a0}из\u{a0}{need}"),
        }
    }

    /// Above what a model says of a failure.
    pub fn guess_by(&self, model: &str) -> String {
        match self.language {
            Language::En => format!("A guess by {model}:"),
            Language::Ru => format!("Предположение {model}:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_who_have_said_yes_the_line_names_some() {
        let people = |count: usize| {
            (1..=count).map(|number| PersonName::parse("person", format!("p{number}")).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(of(Language::En).approved_by(&people(2)), "Approved by p1, p2");
        assert_eq!(of(Language::Ru).approved_by(&people(5)), "Подтверждения: p1, p2, p3, p4, p5");
        assert_eq!(of(Language::En).approved_by(&people(40)), "Approved by p1, p2, p3, p4, +36");
    }
}
