//! The last check of a host as the database keeps it: facts, and beside them the names and English sentences, which an RMM that
//! does not know the facts shows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::finding::{Finding, Found, State, Topic};
use crate::wording::{Language, english_found};

/// A finding as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    name: String,
    state: State,
    detail: String,
    fix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<Value>,
}

impl From<&Finding> for Kept {
    fn from(Finding { topic, state, found, remedy }: &Finding) -> Self {
        Self {
            name: topic.as_str().to_owned(),
            state: *state,
            detail: english_found(found),
            fix: remedy.as_ref().map(|remedy| Language::En.finding_remedy(remedy)),
            because: found.facts().and_then(|facts| serde_json::to_value(facts).ok()),
        }
    }
}

impl From<Kept> for Finding {
    fn from(Kept { name, state, detail, fix, because }: Kept) -> Self {
        let found = because.and_then(|because| serde_json::from_value::<Found>(because).ok());
        Self {
            topic: Topic::named(&name),
            state,
            found: found.unwrap_or(Found::Told(detail)),
            remedy: fix.map(Into::into),
        }
    }
}

/// Findings as a text to keep.
pub(crate) fn text(findings: &[Finding]) -> String {
    serde_json::to_string(&findings.iter().map(Kept::from).collect::<Vec<_>>()).unwrap_or_default()
}

/// Findings out of a kept text; none, where it is none.
pub(super) fn read(text: &str) -> Option<Vec<Finding>> {
    let kept: Vec<Kept> = serde_json::from_str(text).ok()?;
    Some(kept.into_iter().map(Finding::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::HostFact;

    #[test]
    fn facts_are_kept_and_what_other_versions_kept_is_shown_as_it_was_told() {
        let full = HostFact::Free { free: 1, total: 2, paths: vec!["/".into()] };
        let findings = [
            Finding::ok(Topic::Shell, HostFact::ShellFit),
            Finding::warn(Topic::DiskSpace, full).with("df -h /"),
            Finding::fail(Topic::Login, Found::Told("no".into())),
        ];
        assert_eq!(read(&text(&findings)).as_deref(), Some(&findings[..]));

        let older = r#"[{"name":"docker","state":"fail","detail":"docker is missing","fix":null}]"#;
        let newer = r#"[{"name":"wings","state":"ok","detail":"it flies","fix":null,"because":{"code":"flight"}}]"#;
        let told = |name: &str, state, detail: &str| {
            let (topic, found) = (Topic::named(name), Found::Told(detail.into()));
            Some(vec![Finding { topic, state, found, remedy: None }])
        };
        assert_eq!(read(older), told("docker", State::Fail, "docker is missing"));
        assert_eq!(read(newer), told("wings", State::Ok, "it flies"));
        assert_eq!(read("no checks"), None);
    }
}
