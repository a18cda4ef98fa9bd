//! Writes `templates/messages/samples.json` anew from what the tests of the screens tell the templates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::{Mutex, PoisonError};

use minijinja::Value;

static NOTED: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// Keeps what a template is told, where that was asked for.
pub(super) fn note(template: &str, facts: &Value) {
    if std::env::var_os("RMM_SAMPLES").is_none() {
        return;
    }
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    noted.entry(template.to_owned()).or_default().insert(serde_json::to_string(facts).unwrap());
    let lists: Vec<_> = noted
        .iter()
        .map(|(template, all)| {
            let all: Vec<_> = all.iter().map(String::as_str).collect();
            format!("\"{template}\": [\n{}\n]", all.join(",\n"))
        })
        .collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/messages/samples.json");
    fs::write(path, format!("{{\n{}\n}}\n", lists.join(",\n"))).unwrap();
}
