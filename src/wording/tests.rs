//! Every fact in every language, as reviewed snapshots.
//!
//! A fact that has no sample is named by the test: the samples of each type are compared with the list of its codes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::*;
use crate::domain::env::Env::{self, Production, Stage};
use crate::domain::fault::github::GithubFault;
use crate::domain::fault::record::{LostEvents, RecordAlarm, RecordFlaw};
use crate::domain::fault::repository::{GitAdvice, RepositoryFault};
use crate::domain::fault::store::StoreFault;
use crate::domain::gate::GateName;
use crate::domain::host::HostKey;
use crate::domain::ids::{Commit, HostName, PersonName, ReleaseId, Revision, RunId, ServiceName, SurfaceName, Tag};
use crate::domain::moves::Move;
use crate::domain::person::{Right, Role};
use crate::domain::reason::{Found, Hint, LastRun, RestoredBy, Wait};
use crate::domain::rule::{Invalid, Rule};
use crate::domain::run::StopKind;
use crate::domain::status::Status;
use crate::domain::step::StepKind;
use crate::domain::version::Version;

mod backups;
mod cli;
mod config;
mod events;
mod faults;
mod findings;
mod gates;
mod github;
mod identity;
mod machine;
mod parts;
mod protection;
mod reasons;
mod record;
mod refusals;
mod rules;
mod ssh;
mod step;
mod store;
mod tools;

/// A cancelled release whose workflow GitHub may have started, while GitHub is away.
fn being_cancelled() -> Reason {
    let away = Reason::Github { fault: GithubFault::Server { status: 502, said: None } };
    let sought = Reason::WorkflowSought { workflow: "deploy.yaml".into(), cause: Some(Box::new(away)) };
    Reason::Stopping { why: StopKind::Cancel, cause: Some(Box::new(sought)) }
}

fn service() -> ServiceName {
    ServiceName::parse("service", "shop").unwrap()
}

fn host(name: &str) -> HostName {
    HostName::parse("host", name).unwrap()
}

fn surface() -> SurfaceName {
    SurfaceName::parse("surface", "api").unwrap()
}

fn person(name: &str) -> PersonName {
    PersonName::parse("person", name).unwrap()
}

fn commit() -> Commit {
    Commit::parse("commit", "0123456789abcdef0123456789abcdef01234567").unwrap()
}

fn version() -> Version {
    Version { release: ReleaseId(7), tag: Some(Tag::parse("tag", "v1.4.0").unwrap()), commit: Some(commit()) }
}

fn harmless() -> Rule {
    Rule::Harmless { key: "deploy".into(), surface: surface() }
}

fn exit() -> Box<Reason> {
    Box::new(Reason::Exit { status: 3, said: None, known: None, tool: None })
}

/// The code of a fact.
fn code(fact: &impl Serialize) -> String {
    let value = serde_json::to_value(fact).unwrap();
    value["code"].as_str().or(value.as_str()).unwrap().to_owned()
}

/// The codes that a type has: the names of its variants in its source.
fn codes(source: &str, name: &str) -> BTreeSet<String> {
    let body = source.split_once(&format!("pub enum {name} {{\n")).unwrap().1.split_once("\n}").unwrap().0;
    let variants = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    let word = |line: &str| line.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    variants.map(|line| snake(&word(line))).collect()
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// All samples of a type in both languages; each of its variants has one.
fn catalogue<T: Serialize>(source: &str, name: &str, samples: &[T], words: impl Fn(Language, &T) -> String) -> String {
    let sampled: BTreeSet<_> = samples.iter().map(code).collect();
    let missing: Vec<_> = codes(source, name).into_iter().filter(|code| !sampled.contains(code)).collect();
    assert!(missing.is_empty(), "no sample of {name}: {missing:?}");
    let mut text = String::new();
    for sample in samples {
        let (en, ru) = (words(Language::En, sample), words(Language::Ru, sample));
        for sentence in [&en, &ru] {
            // Names that git refuses and paths may have them.
            let sentence = sentence.replace("\n  ", "\n");
            let dots = sentence.replace("'..'", "").replace("«..»", "").replace("../", "").contains("..");
            assert!(!sentence.trim().is_empty() && !sentence.contains("  ") && !dots, "{sentence}");
        }
        let has_russian = ru.chars().any(|c| ('а'..='я').contains(&c));
        let is_quoted = matches!(
            code(sample).as_str(),
            "legacy"
                | "told"
                | "said"
                | "write"
                | "commit_unresolved"
                | "no_plan"
                | "no_way_back"
                | "command"
                | "installed"
                | "version"
        ) || code(sample).ends_with("_says");
        assert!(has_russian || is_quoted, "{ru}");
        writeln!(text, "{}\n  {en}\n  {ru}", code(sample)).unwrap();
    }
    text
}

#[test]
fn a_long_sentence_keeps_its_beginning_and_what_to_do() {
    let long = format!("the folder is full ({}); make room there, then try again", "й".repeat(900));
    let short = without_middle(&long, 400);
    assert!(
        short.starts_with("the folder is full (й") && short.ends_with("й); make room there, then try again"),
        "{short}"
    );
    assert_eq!((short.chars().count(), without_middle("short", 400).as_str()), (400, "short"));
}

#[test]
fn of_many_people_who_are_asked_a_sentence_names_some() {
    let missing = |count: usize| {
        let name = |number: usize| crate::domain::ids::PersonName::parse("person", format!("p{number}")).unwrap();
        (1..=count).map(name).collect::<Vec<_>>()
    };
    let vote = |count, given, needed| Standing::Vote { missing: missing(count), given, needed };
    assert_eq!(Language::En.standing(&vote(2, 1, 3)), "waits for p1 and p2 · 1\u{a0}of\u{a0}3");
    assert_eq!(Language::En.standing(&vote(9, 1, 3)), "waits for p1, p2, p3, p4 or 5 others · 1\u{a0}of\u{a0}3");
    assert_eq!(Language::Ru.standing(&vote(9, 0, 9)), "ждёт p1, p2, p3, p4 и ещё 5 · 0\u{a0}из\u{a0}9");
}

#[test]
fn a_host_that_was_left_behind_is_named_with_what_it_may_still_run() {
    let version = |release: i64, tag: &str| Version {
        release: ReleaseId(release),
        tag: Some(Tag::parse("tag", tag).unwrap()),
        commit: None,
    };
    let left = |hosts: &[&str], may_run: Vec<Version>| Stragglers {
        runs: version(1, "v1"),
        hosts: hosts.iter().map(|name| HostName::parse("host", *name).unwrap()).collect(),
        may_run,
    };
    let told = |standing: Standing| [Language::En, Language::Ru].map(|language| language.standing(&standing));
    let stragglers = Some(left(&["one"], vec![version(2, "v2")]));
    assert_eq!(
        told(Standing::Ended { status: Status::RollbackDone, back_to: None, stragglers: stragglers.clone() }),
        [
            "rolled back; production runs v1 on all hosts but one, which may still run v2",
            "откат выполнен, в продакшне v1 на всех хостах, кроме one: там, возможно, ещё работает v2",
        ]
    );
    assert_eq!(
        told(Standing::InProduction { stragglers }),
        [
            "production runs it on all hosts but one, which may still run v2",
            "работает в продакшне на всех хостах, кроме one: там, возможно, ещё работает v2",
        ]
    );
    assert_eq!(
        told(Standing::InProduction { stragglers: Some(left(&["one", "two"], Vec::new())) }),
        [
            "production runs it on all hosts but one and two, which may not run it",
            "работает в продакшне на всех хостах, кроме one и two: что работает там, неизвестно",
        ]
    );
}

#[test]
fn how_long_a_step_may_take_is_told_in_both_languages() {
    use crate::domain::timing::Timing;
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let told = |timing: Timing| [Language::En, Language::Ru].map(|language| language.timing(&timing));
    assert_eq!(told(Timing::AtMost { limit: minutes(90) }), ["at most 1h 30m", "не дольше 1 ч 30 мин"]);
    assert_eq!(told(Timing::Once { wait: Duration::from_millis(500) }), ["once, after 500ms", "один раз, через 500ms"]);
    let again = Timing::Again { wait: Duration::ZERO, attempts: 3, interval: Duration::from_secs(5) };
    assert_eq!(told(again), ["first after 0s, 3 attempts, 5s apart", "первый раз через 0 с, 3 попытки, интервал 5 с"]);
}
