//! The data of an event as the record and the API keep it, read leniently: an RMM of another version may have written it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Language;
use crate::domain::reason::Reason;

/// A person, or the operator where none is named.
pub(super) fn or_operator(person: Option<String>) -> String {
    person.unwrap_or_else(|| "operator".to_owned())
}

/// What an event says beside its kind.
pub(super) struct Told<'a>(pub &'a Value);

impl Told<'_> {
    /// A field as text; empty where it is missing.
    pub fn text(&self, key: &str) -> String {
        match self.0.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            Some(Value::Object(version)) => {
                let number = version.get("release").map(|id| format!("#{id}")).unwrap_or_default();
                match version.get("tag").and_then(Value::as_str) {
                    Some(tag) => format!("{tag} ({number})"),
                    None => number,
                }
            }
            Some(Value::Bool(_) | Value::Null) | None => String::new(),
        }
    }

    /// A field as text, if it says anything.
    pub fn said(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    /// A field as what it means, if this version knows it.
    pub fn known<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        serde_json::from_value(self.0.get(key)?.clone()).ok()
    }

    /// A field that is a yes.
    pub fn is(&self, key: &str) -> bool {
        self.0.get(key).and_then(Value::as_bool) == Some(true)
    }

    /// The first digits of a commit.
    pub fn commit(&self, key: &str) -> String {
        self.text(key).chars().take(12).collect()
    }

    /// `: why`, in words for the facts, or as it is recorded where there are none; the record itself speaks English.
    pub fn because(&self, language: Language) -> String {
        let reason = self.reason(language);
        if reason.is_empty() { reason } else { format!(": {reason}") }
    }

    /// Why, as [`Self::because`].
    pub fn reason(&self, language: Language) -> String {
        let facts = if language == Language::En { None } else { self.known::<Reason>("because") };
        facts.map_or_else(|| self.text("reason"), |facts| language.reason(&facts))
    }

    /// The place of a step as people count, from 1.
    pub fn step_number(&self) -> String {
        self.0.get("step").and_then(Value::as_u64).map(|at| (at + 1).to_string()).unwrap_or_default()
    }

    /// The host of a step, where it is not that of RMM.
    pub fn remote_host(&self) -> Option<String> {
        self.said("host").filter(|host| host != "local")
    }

    /// The exit status of a step that ended badly.
    pub fn exit(&self) -> Option<String> {
        self.said("exit").filter(|exit| exit != "0")
    }

    /// A host key: fingerprint and algorithm.
    pub fn host_key(&self) -> String {
        let part = |name: &str| self.0.get("key").and_then(|key| key.get(name)).and_then(Value::as_str);
        format!("{} ({})", part("fingerprint").unwrap_or_default(), part("algorithm").unwrap_or_default())
    }
}

/// An event that this version has no words for: its name and its data.
pub(super) fn unknown(kind: &str, data: &Value) -> String {
    let says_nothing = data.as_object().is_none_or(serde_json::Map::is_empty);
    let data = if says_nothing { String::new() } else { data.to_string() };
    format!("{} {data}", kind.replace('_', " ")).trim().to_owned()
}
