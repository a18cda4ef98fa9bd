//! What RMM's own functions print on hosts (`clients/tools`), read back as facts: a host knows no other way to tell them,
//! and people read the same line in the output of the step. A sentence is compared with the English words of each fault, so
//! there is no second list of what they can be.
//!
//! Must not: decide anything. What is not read stays the text that it was.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::fault::tool::{TakenBeside, ToolFault, Unwell};

use super::en;

/// The first of the characters that stand for facts in words; text that people read has none of them.
const FIRST_HOLE: u32 = 0xe000;
/// The last one: private use ends there (Unicode, D49).
const LAST_HOLE: u32 = 0xf8ff;

/// The facts of a sentence that one of the functions has printed: those whose English words are exactly the sentence.
#[must_use]
pub fn tool_fault(sentence: &str) -> Option<ToolFault> {
    let mut fault = read(sentence, ToolFault::shapes, en::tool)?;
    if let ToolFault::NotWell { containers } = &mut fault {
        *containers = containers.iter().flat_map(each_unwell).collect();
    }
    if let ToolFault::ContainersTaken { beside, .. } = &mut fault {
        *beside = beside.iter().flat_map(each_taken).collect();
    }
    Some(fault).filter(|fault| en::tool(fault) == sentence)
}

/// The members of a list that was read as one text.
fn each_unwell(all: &Unwell) -> Vec<Unwell> {
    let all = en::unwell(all);
    let each = all.split("; ").map(|one| read(one, Unwell::shapes, en::unwell));
    each.zip(all.split("; ")).map(|(read, one)| read.unwrap_or_else(|| Unwell::Told(one.to_owned()))).collect()
}

/// The same of containers that were taken.
fn each_taken(all: &TakenBeside) -> Vec<TakenBeside> {
    let all = en::taken_beside(all);
    let each = all.split(", ").map(|one| read(one, TakenBeside::shapes, en::taken_beside));
    each.zip(all.split(", ")).map(|(read, one)| read.unwrap_or_else(|| TakenBeside::Told(one.to_owned()))).collect()
}

/// Which of the shapes a sentence has, with the facts of the sentence. Where it could have several, it has the one that says
/// most of it by itself.
fn read<T: Serialize + DeserializeOwned>(
    sentence: &str,
    shapes: impl Fn(&mut dyn FnMut(&'static str) -> String) -> Vec<T>,
    words: impl Fn(&T) -> String,
) -> Option<T> {
    let mut holes = (FIRST_HOLE..=LAST_HOLE).filter_map(char::from_u32);
    let shapes = shapes(&mut |_| holes.next().map(String::from).unwrap_or_default());
    let fitting = shapes.into_iter().filter_map(|shape| {
        let words = words(&shape);
        let facts = facts(&words, sentence)?;
        Some((words.chars().filter(|c| !is_hole(*c)).count(), filled(&shape, &facts)?))
    });
    fitting.max_by_key(|(known, _)| *known).map(|(_, read)| read)
}

fn is_hole(c: char) -> bool {
    (FIRST_HOLE..=LAST_HOLE).contains(&u32::from(c))
}

/// What stands in a sentence where the words have holes. The same hole holds the same everywhere.
fn facts<'s>(words: &str, sentence: &'s str) -> Option<BTreeMap<char, &'s str>> {
    let mut parts = words.split_inclusive(is_hole).map(|part| {
        let hole = part.chars().next_back().filter(|c| is_hole(*c));
        (part.trim_end_matches(is_hole), hole)
    });
    let (beginning, mut hole) = parts.next()?;
    let mut rest = sentence.strip_prefix(beginning)?;
    let mut facts = BTreeMap::new();
    while let Some(open) = hole {
        let (behind, next) = parts.next().unwrap_or_default();
        let fact = match facts.get(&open) {
            Some(fact) => *fact,
            None if next.is_none() => rest.strip_suffix(behind)?,
            None => &rest[..rest.find(behind)?],
        };
        rest = rest.strip_prefix(fact)?.strip_prefix(behind)?;
        facts.insert(open, fact);
        hole = next;
    }
    rest.is_empty().then_some(facts)
}

/// A shape with facts in its holes.
fn filled<T: Serialize + DeserializeOwned>(shape: &T, facts: &BTreeMap<char, &str>) -> Option<T> {
    let mut value = serde_json::to_value(shape).ok()?;
    fill(&mut value, facts);
    serde_json::from_value(value).ok()
}

fn fill(value: &mut Value, facts: &BTreeMap<char, &str>) {
    match value {
        Value::String(text) => {
            let mut characters = text.chars();
            let hole = characters.next().filter(|_| characters.as_str().is_empty());
            if let Some(fact) = hole.and_then(|hole| facts.get(&hole)) {
                // What a function prints where it does not know.
                let is_known = ![en::SILENT, en::NAMELESS].contains(fact);
                *value = if is_known { (*fact).into() } else { Value::Null };
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| fill(value, facts)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill(value, facts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::tool::{Holder, Left, Taken};

    /// The facts of a sample: paths have blanks, and what git says has what the functions say, too.
    fn sample(name: &'static str) -> String {
        let text = match name {
            "folder" | "file" | "images" | "to" => "/srv/a b",
            "said" => "fatal: it; cannot be: read, then (try) again",
            "status" => "137",
            other => other,
        };
        text.to_owned()
    }

    #[test]
    fn every_sentence_is_read_back() {
        for fault in ToolFault::shapes(&mut sample) {
            let read = tool_fault(&en::tool(&fault));
            let is_list = matches!(fault, ToolFault::NotWell { .. } | ToolFault::ContainersTaken { .. });
            assert!(read.is_some() && (is_list || read.as_ref() == Some(&fault)), "{fault:?} is not {read:?}");
        }
    }

    #[test]
    fn what_a_function_does_not_know_is_no_fact() {
        let silent = ToolFault::FolderNotMade { folder: "/srv/shop".into(), said: None, user: None };
        assert_eq!(tool_fault(&en::tool(&silent)), Some(silent));
        let missing = ToolFault::LfsMissing { commit: "c".into(), names: "a".into(), folder: "/srv/shop".into() };
        assert_eq!(tool_fault(&en::tool(&missing)), Some(missing));
        let full = ToolFault::FileNotMoved { file: "a".into(), to: "b".into(), left: Some(Left::Files("3".into())) };
        assert_eq!(tool_fault(&en::tool(&full)), Some(full));
    }

    #[test]
    fn every_container_of_a_list_is_read() {
        let all = ToolFault::NotWell {
            containers: vec![
                Unwell::Ended { name: "web-1".into(), status: "3".into() },
                Unwell::EndedWithPorts { name: "api-1".into() },
                Unwell::Is { name: "db-1".into(), state: "paused".into() },
                Unwell::Told("something else".into()),
            ],
        };
        assert_eq!(tool_fault(&en::tool(&all)), Some(all));
        let holder = |service: &str, folder: Option<&str>| Holder {
            service: service.into(),
            environment: "production".into(),
            folder: folder.map(Into::into),
        };
        let beside = |container: &str, how, folder| TakenBeside::Container {
            container: container.into(),
            how,
            holder: holder("api", folder),
        };
        let taken = ToolFault::ContainersTaken {
            container: "web".into(),
            how: Taken::Removed,
            holder: holder("shop", Some("/srv/shop")),
            beside: vec![
                beside("api", Taken::Stopped, Some("/srv/api")),
                beside("db", Taken::Removed, None),
                TakenBeside::Told("something else".into()),
            ],
            composed: true,
        };
        assert_eq!(tool_fault(&en::tool(&taken)), Some(taken));
    }

    #[test]
    fn any_other_text_stays_a_text() {
        for text in ["", "make: *** [all] Error 1", "Not well", "removed images of earlier versions (3)"] {
            assert_eq!(tool_fault(text), None, "{text}");
        }
    }
}
