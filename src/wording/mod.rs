//! The words for facts, in the languages that RMM speaks. Every door says the same thing in the same words.
//!
//! Only this room makes sentences from what the domain knows, and no code reads one back, but for what RMM's own functions
//! print on hosts (`read_back.rs`). Languages are plain functions over the facts, so that the compiler finds a fact without
//! words; the snapshots of the tests show all of them.
//! Must not: know where a sentence is shown, or escape it for that place.

mod cli;
mod en;
mod event;
pub mod marks;
mod own_call;
mod read_back;
mod ru;
#[cfg(test)]
mod tests;
mod times;
pub mod zone;

pub use read_back::tool_fault;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::backup::{BackupAlarm, BackupFault};
use crate::domain::cause::Cause;
use crate::domain::environment::Stragglers;
use crate::domain::event::Why;
use crate::domain::fault::config::{ConfigFault, ConfigHint};
use crate::domain::fault::machine::MachineFault;
use crate::domain::fault::model::ModelFault;
use crate::domain::fault::record::{LostEvents, RecordAlarm, RecordFlaw};
use crate::domain::fault::ssh::PrivateKeyFault;
use crate::domain::fault::store::StoreFault;
use crate::domain::fault::tool::ToolFault;
use crate::domain::finding::{self, About, Found, Misconfigured, Topic};
use crate::domain::gate::{Gate, GateName, GateState, Remedy};
use crate::domain::identity::TokenFault;
use crate::domain::ids::ServiceName;
use crate::domain::part::Part;
use crate::domain::person::Door;
use crate::domain::protection::Clearance;
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::rule::Rule;
use crate::domain::standing::Standing;
use crate::domain::status::Status;
use crate::domain::step::StepKind;
use crate::domain::text::is_same_name;

/// A sentence of at most so many characters. Of a longer one the middle goes: the beginning names what is wrong, and the end
/// what to do.
#[must_use]
pub fn without_middle(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let beginning = most / 3;
    let end = (most - beginning).saturating_sub(3);
    let last: String = text.chars().skip(count - end).collect();
    format!("{} … {last}", text.chars().take(beginning).collect::<String>())
}

/// An initiator: the person, where it is one, and the name that was given, where that is another.
#[must_use]
pub fn initiator(person: Option<&str>, given: &str) -> String {
    match person {
        Some(person) if !is_same_name(person, given) => format!("{person} ({given})"),
        person => person.unwrap_or(given).to_owned(),
    }
}

/// The data of an event for people: who has begun a release is the person, where it is one.
#[must_use]
pub fn with_person(data: &Value, person: impl FnOnce(&str) -> Option<String>) -> Value {
    let mut data = data.clone();
    if let Some(initiator) = data.get_mut("initiated_by")
        && let Some(person) = initiator.as_str().and_then(person)
    {
        *initiator = person.into();
    }
    data
}

/// A language that RMM speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Russian.
    Ru,
}

impl Language {
    /// The name in the configuration: two letters (ISO 639-1).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
        }
    }

    /// Why something stands where it stands: a part of a sentence that begins small and has no full stop.
    #[must_use]
    pub fn reason(self, reason: &Reason) -> String {
        match self {
            Self::En => en::reason(reason),
            Self::Ru => ru::reason(reason),
        }
    }

    /// Why one of RMM's own functions on hosts has ended its step; in English what it prints.
    #[must_use]
    pub fn tool(self, fault: &ToolFault) -> String {
        match self {
            Self::En => en::tool(fault),
            Self::Ru => ru::tool(fault),
        }
    }

    /// What is wrong or questionable about the machine that RMM runs on, and what to do: a sentence without a full stop.
    #[must_use]
    pub fn machine(self, fault: &MachineFault) -> String {
        match self {
            Self::En => en::machine(fault),
            Self::Ru => ru::machine(fault),
        }
    }

    /// Why the model of `[ai]` gives no guess: a sentence about it that begins small and has no full stop.
    #[must_use]
    pub fn model(self, fault: &ModelFault) -> String {
        match self {
            Self::En => en::model(fault),
            Self::Ru => ru::model(fault),
        }
    }

    /// What can go wrong with the database, its key and the files beside it: a sentence that begins small and has no full
    /// stop.
    #[must_use]
    pub fn store(self, fault: &StoreFault) -> String {
        match self {
            Self::En => en::store(fault),
            Self::Ru => ru::store(fault),
        }
    }

    /// The first flaw of the record's chain, in a sentence.
    #[must_use]
    pub fn record_flaw(self, flaw: &RecordFlaw) -> String {
        match self {
            Self::En => en::record_flaw(flaw),
            Self::Ru => ru::record_flaw(flaw),
        }
    }

    /// How it shows that the record was changed behind RMM's back: a sentence that begins small and has no full stop.
    #[must_use]
    pub fn record_alarm(self, alarm: &RecordAlarm) -> String {
        match self {
            Self::En => en::record_alarm(alarm),
            Self::Ru => ru::record_alarm(alarm),
        }
    }

    /// What a copy of the database does not hold: a sentence about the copy that begins small and has no full stop.
    #[must_use]
    pub fn lost_events(self, lost: &LostEvents) -> String {
        match self {
            Self::En => en::lost_events(lost),
            Self::Ru => ru::lost_events(lost),
        }
    }

    /// Why there is no backup, or none to rely on: a part of a sentence that begins small and has no full stop of its own.
    #[must_use]
    pub fn backup_fault(self, fault: &BackupFault) -> String {
        match self {
            Self::En => en::backup_fault(fault),
            Self::Ru => ru::backup_fault(fault),
        }
    }

    /// What an admin has to look at about backups: as [`Language::backup_fault`].
    #[must_use]
    pub fn backup_alarm(self, alarm: &BackupAlarm) -> String {
        match self {
            Self::En => en::backup_alarm(alarm),
            Self::Ru => ru::backup_alarm(alarm),
        }
    }

    /// Why a private key cannot be used: the end of a sentence about it.
    #[must_use]
    pub fn private_key(self, fault: PrivateKeyFault) -> &'static str {
        match self {
            Self::En => en::private_key(fault),
            Self::Ru => ru::private_key(fault),
        }
    }

    /// Why an id token of CI opens nothing, and what to do: a sentence that begins small and has no full stop.
    #[must_use]
    pub fn id_token(self, fault: &TokenFault) -> String {
        match self {
            Self::En => en::id_token(fault),
            Self::Ru => ru::id_token(fault),
        }
    }

    /// Why something is refused and what to do: a sentence that begins small and has no full stop.
    #[must_use]
    pub fn refusal(self, cause: &Cause) -> String {
        match self {
            Self::En => en::refusal(cause),
            Self::Ru => ru::refusal(cause),
        }
    }

    /// What a value has to be, behind the name of its field: begins small and has no full stop.
    #[must_use]
    pub fn rule(self, rule: &Rule) -> String {
        match self {
            Self::En => en::rule(rule),
            Self::Ru => ru::rule(rule),
        }
    }

    /// What is wrong with a configuration, behind the name of the key: begins small and has no full stop.
    #[must_use]
    pub fn config_fault(self, fault: &ConfigFault) -> String {
        match self {
            Self::En => en::config_fault(fault),
            Self::Ru => ru::config_fault(fault),
        }
    }

    /// What to do about a configuration that is wrong: begins small and has no full stop.
    #[must_use]
    pub fn config_hint(self, hint: &ConfigHint) -> String {
        match self {
            Self::En => en::config_hint(hint),
            Self::Ru => ru::config_hint(hint),
        }
    }

    /// What was looked at, one word or two; in English the name that the API has for it.
    #[must_use]
    pub fn topic(self, topic: &Topic) -> &str {
        match self {
            Self::En => en::topic(topic),
            Self::Ru => ru::topic(topic),
        }
    }

    /// What was found where RMM has looked at something, in a sentence.
    #[must_use]
    pub fn found(self, found: &Found) -> String {
        match self {
            Self::En => en::found(found),
            Self::Ru => ru::found(found),
        }
    }

    /// The thing that findings are about.
    #[must_use]
    pub fn about(self, about: &About) -> String {
        match self {
            Self::En => en::about(about),
            Self::Ru => ru::about(about),
        }
    }

    /// What is wrong in a configuration, and where: several lines without a trailing line break. `file:line:column: key:
    /// sentence` (of the dashboard: the service, and its line), the excerpt, the hint.
    #[must_use]
    pub fn misconfigured(self, problem: &Misconfigured) -> String {
        let mut told = self.place(problem);
        if !problem.key.is_empty() {
            told = format!("{told}: {}", problem.key);
        }
        told = format!("{told}: {}", self.config_fault(&problem.fault));
        if let Some(excerpt) = &problem.excerpt {
            told = format!("{told}\n{excerpt}");
        }
        let hint = problem.hint.as_ref().map(|hint| self.config_hint(hint));
        match (self, hint) {
            (Self::En, Some(hint)) => format!("{told}\n      = hint: {hint}"),
            (Self::Ru, Some(hint)) => format!("{told}\n      = подсказка: {hint}"),
            (_, None) => told,
        }
    }

    fn place(self, Misconfigured { file, service, position, .. }: &Misconfigured) -> String {
        let Some(service) = service else {
            return position.map_or_else(|| file.clone(), |(line, column)| format!("{file}:{line}:{column}"));
        };
        let (place, line) = match self {
            Self::En => (format!("the service {service} as defined in the dashboard"), "line"),
            Self::Ru => (format!("сервис {service}, как он определён в панели"), "строка"),
        };
        position.map_or_else(|| place.clone(), |(at, _)| format!("{place}, {line} {at}"))
    }

    /// What to do about something that was found: a command, or words.
    #[must_use]
    pub fn finding_remedy(self, remedy: &finding::Remedy) -> String {
        match self {
            Self::En => en::finding_remedy(remedy),
            Self::Ru => ru::finding_remedy(remedy),
        }
    }

    /// What a refusal says beside its sentence, a sentence each: the gates that are not met, and who else asked.
    #[must_use]
    pub fn details(self, refusal: &Refusal) -> Vec<String> {
        let asked_by = if let Cause::OnItsWay { asked_by, .. } = &*refusal.cause { asked_by.as_ref() } else { None };
        let asked_by = asked_by.map(|run| match self {
            Self::En => format!("this request came from the CI run {run}"),
            Self::Ru => format!("этот запрос пришёл от запуска CI {run}"),
        });
        asked_by.into_iter().chain(refusal.unmet.iter().map(|gate| self.unmet_gate(gate))).collect()
    }

    /// How a release stands for a run that waits for RMM's protection rule.
    #[must_use]
    pub fn clearance(self, clearance: &Clearance, title: &str) -> String {
        match self {
            Self::En => en::clearance(clearance, title),
            Self::Ru => ru::clearance(clearance, title),
        }
    }

    /// How a gate's condition stands, in a sentence.
    #[must_use]
    pub fn gate_state(self, state: &GateState) -> String {
        match self {
            Self::En => en::state(state),
            Self::Ru => ru::state(state),
        }
    }

    /// Who can clear a gate, and how, in a sentence.
    #[must_use]
    pub fn remedy(self, remedy: &Remedy) -> String {
        match self {
            Self::En => en::remedy(remedy),
            Self::Ru => ru::remedy(remedy),
        }
    }

    /// What has happened, from the name and the data of an event as the record keeps them. One that this version does not
    /// know is told by its name.
    #[must_use]
    pub fn event(self, kind: &str, data: &Value) -> String {
        let told = event::Told(data);
        match self {
            Self::En => en::event(kind, &told),
            Self::Ru => ru::event(kind, &told),
        }
        .unwrap_or_else(|| event::unknown(kind, data))
    }

    /// What keeps RMM or its machine from answering, by the code of a problem; none: its own sentence says it.
    #[must_use]
    pub fn problem(self, code: &str) -> Option<&'static str> {
        match self {
            Self::En => None,
            Self::Ru => ru::problem(code),
        }
    }

    /// That a service looks like one that has left the configuration; without a full stop.
    #[must_use]
    pub fn may_be_renamed(self, now: &ServiceName, was: &ServiceName) -> String {
        match self {
            Self::En => {
                format!("{now} looks like {was}, which has left the configuration. {}", self.unless_renamed(was))
            }
            Self::Ru => {
                format!("{now} похож на сервис {was}, которого больше нет в конфигурации. {}", self.unless_renamed(was))
            }
        }
    }

    /// What to do where a service is another one under a new name; without a full stop.
    #[must_use]
    pub fn unless_renamed(self, was: &ServiceName) -> String {
        match self {
            Self::En => format!(
                "If it is {was} under a new name, write `was = \"{was}\"` under the new name: until then it has no history, and \
                 nothing to go back to is rehearsed"
            ),
            Self::Ru => format!(
                "Если это {was} под новым именем, укажите под ним `was = \"{was}\"`: до тех пор у него нет истории, и откат \
                 не репетируется"
            ),
        }
    }

    /// What has happened, for people: as [`Self::event`], but without the names of the API.
    #[must_use]
    pub fn happened(self, kind: &str, data: &Value) -> String {
        let told = event::Told(data);
        let decided = told.known::<Reason>("because");
        let decided = decided.filter(|why| matches!(why, Reason::Rejected { .. } | Reason::Cancelled { .. }));
        match told.known::<Status>("to").filter(|_| kind == "release_moved") {
            // Who decided it, and why: that says where it stands, too.
            Some(_) if decided.is_some() => told.reason(self),
            Some(to) => format!("{}{}", self.status_title(to), told.because(self)),
            None => self.event(kind, data),
        }
    }

    /// Where a release stands; in English the name of the status itself.
    #[must_use]
    pub const fn status(self, status: Status) -> &'static str {
        match self {
            Self::En => status.as_str(),
            Self::Ru => ru::status(status),
        }
    }

    /// Where a release stands now, and who or what it waits for: a sentence that begins small and has no full stop.
    #[must_use]
    pub fn standing(self, standing: &Standing) -> String {
        match self {
            Self::En => en::standing(standing),
            Self::Ru => ru::standing(standing),
        }
    }

    /// On which hosts an environment runs what it runs, where some were left behind: the end of a sentence.
    #[must_use]
    pub fn all_hosts_but(self, stragglers: &Stragglers) -> String {
        match self {
            Self::En => en::all_hosts_but(stragglers),
            Self::Ru => ru::all_hosts_but(stragglers),
        }
    }

    /// What an environment runs, and on which hosts, where some were left behind: the end of a sentence.
    #[must_use]
    pub fn stragglers(self, stragglers: &Stragglers) -> String {
        format!("{} {}", stragglers.runs.title(), self.all_hosts_but(stragglers))
    }

    /// Where a release stands, for people.
    #[must_use]
    pub const fn status_title(self, of: Status) -> &'static str {
        match self {
            Self::En => en::status_title(of),
            Self::Ru => ru::status(of),
        }
    }

    /// A part of RMM that works for as long as it does.
    #[must_use]
    pub const fn part(self, part: Part) -> &'static str {
        match self {
            Self::En => en::part(part),
            Self::Ru => ru::part(part),
        }
    }

    /// A gate, for people.
    #[must_use]
    pub const fn gate_title(self, name: GateName) -> &'static str {
        match self {
            Self::En => en::gate_title(name),
            Self::Ru => ru::gate_name(name),
        }
    }

    /// Through which door a person came.
    #[must_use]
    pub const fn door(self, door: Door) -> &'static str {
        match (self, door) {
            (Self::En, Door::Api) => "by the API",
            (Self::En, Door::Socket) => "on the server",
            (Self::En, Door::Telegram) => "in Telegram",
            (Self::En, Door::Dashboard) => "here",
            (Self::Ru, Door::Api) => "через API",
            (Self::Ru, Door::Socket) => "на сервере",
            (Self::Ru, Door::Telegram) => "в Telegram",
            (Self::Ru, Door::Dashboard) => "здесь",
        }
    }

    /// A gate; in English its name in the API.
    #[must_use]
    pub const fn gate_name(self, name: GateName) -> &'static str {
        match self {
            Self::En => name.as_str(),
            Self::Ru => ru::gate_name(name),
        }
    }

    /// A role, from its name in the API.
    #[must_use]
    pub fn role(self, name: &str) -> &str {
        match self {
            Self::En => name,
            Self::Ru => ru::role(name),
        }
    }

    /// What a run does, and where, from the names in the API.
    #[must_use]
    pub fn run(self, environment: &str, kind: &str) -> String {
        match self {
            Self::En => format!("{environment} {kind}"),
            Self::Ru => ru::run(environment, kind),
        }
    }

    /// What a step does.
    #[must_use]
    pub const fn step(self, kind: StepKind) -> &'static str {
        match self {
            Self::En => kind.title(),
            Self::Ru => ru::step(kind),
        }
    }

    /// The language that the environment asks for, as `LANG=ru_RU.UTF-8` does.
    #[must_use]
    pub fn of_locale(name: &str) -> Self {
        if name == "ru" || name.starts_with("ru_") || name.starts_with("ru.") { Self::Ru } else { Self::En }
    }

    /// How a gate stands, and whether it is skipped, in sentences.
    #[must_use]
    pub fn gate(self, gate: &Gate) -> String {
        let state = self.gate_state(&gate.state);
        if gate.bypass.is_none() && gate.void_bypass.is_none() {
            return state;
        }
        let state = ended(state);
        match (self, &gate.bypass, &gate.void_bypass) {
            (Self::En, Some(skip), _) => format!("{state} Skipped by {}: {}", skip.by, skip.reason),
            (Self::Ru, Some(skip), _) => format!("{state} Пропущено: {} — {}", skip.by, skip.reason),
            (Self::En, None, Some(by)) => {
                format!("{state} The bypass by {by} no longer counts: the release has changed since.")
            }
            (Self::Ru, None, Some(by)) => {
                format!("{state} Пропуск ({by}) больше не действует: релиз с тех пор изменился.")
            }
            (_, None, None) => state,
        }
    }

    /// How a gate stands that is not met, and what would clear it.
    #[must_use]
    pub fn unmet_gate(self, gate: &Gate) -> String {
        let how = gate.remedy.as_ref().map(|remedy| self.remedy(remedy)).unwrap_or_default();
        format!("{} {how}", ended(self.gate(gate)))
    }
}

/// The form of a Russian word behind a number: 1 релиз, 2 релиза, 5 релизов.
#[must_use]
pub fn russian_plural(number: u64, one: &'static str, few: &'static str, many: &'static str) -> &'static str {
    ru::plural(number, one, few, many)
}

/// [`Language::reason`] in English: what API, record and log say.
#[must_use]
pub fn english(reason: &Reason) -> String {
    zone::for_the_record(|| Language::En.reason(reason))
}

/// [`Language::gate_state`] in English: what the API says.
#[must_use]
pub fn english_gate(state: &GateState) -> String {
    zone::for_the_record(|| Language::En.gate_state(state))
}

/// [`Language::remedy`] in English: what the API says.
#[must_use]
pub fn english_remedy(remedy: &Remedy) -> String {
    zone::for_the_record(|| Language::En.remedy(remedy))
}

/// [`Language::found`] in English: what the API and the kept checks of hosts say.
#[must_use]
pub fn english_found(found: &Found) -> String {
    zone::for_the_record(|| Language::En.found(found))
}

/// Free space in whole mebibytes or gibibytes, whose names these are.
fn free_space(bytes: u64, [mebi, gibi]: [&str; 2]) -> String {
    let count = bytes / (1024 * 1024);
    if count < 10 * 1024 { format!("{count} {mebi}") } else { format!("{} {gibi}", count / 1024) }
}

/// What the record says.
#[must_use]
pub fn on_record(why: Why<'_>) -> String {
    match why {
        Why::Reason(reason) => Language::En.reason(reason),
        Why::Refused(cause) => Language::En.refusal(cause),
    }
}

/// Names in a sentence at most: of more of them, how many others there are.
const MOST_NAMES: usize = 5;

/// With a full stop, for what another sentence follows.
fn ended(sentence: String) -> String {
    if sentence.ends_with(['.', '!', '?', '…']) { sentence } else { sentence + "." }
}

/// What a program said, behind what RMM knows.
fn behind(said: Option<&str>) -> String {
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

/// A time, to the minute.
fn minute(at: Timestamp) -> String {
    zone::local(at).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// Without the full stop, for what stands inside a sentence.
fn inside(sentence: &str) -> &str {
    sentence.trim_end_matches('.')
}
