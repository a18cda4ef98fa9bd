//! What a command finds around it, as far as that is known: variables and the folder.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::env::Env;
use crate::domain::folder::plain;
use crate::domain::ids::ServiceName;
use crate::domain::plan::words::{LOOSE, OPEN};
use crate::domain::service::{EnvValue, Surface};

/// Stands where a shell would make two words of one.
pub(super) const GAP: char = '\u{E002}';

/// What a command finds around it.
#[derive(Clone)]
pub(super) struct State {
    pub variables: BTreeMap<String, String>,
    pub exported: BTreeSet<String>,
    /// The variables that a step brings along.
    brought: BTreeMap<String, String>,
    pub folder: String,
    /// Every variable is exported (`set -a`).
    pub exports_all: bool,
    /// A command that may have set any variable.
    pub foreign: Option<String>,
}

/// What only the host knows.
pub(super) fn unknown(name: &str) -> String {
    format!("{OPEN}{{{name}}}")
}

impl State {
    pub fn of(service: &ServiceName, environment: Env, surface: &Surface, project: Option<(&str, &str)>) -> Self {
        let mut brought = BTreeMap::from([
            ("RMM_SERVICE".to_owned(), service.to_string()),
            ("RMM_ENVIRONMENT".to_owned(), environment.to_string()),
        ]);
        brought.extend(surface.env.iter().map(|(name, value)| {
            let value = match value {
                EnvValue::Plain(text) => text.clone(),
                EnvValue::Secret(_) => unknown(name),
            };
            (name.clone(), value)
        }));
        brought.extend(project.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Self {
            variables: brought.clone(),
            exported: brought.keys().cloned().collect(),
            brought,
            folder: surface.directory.clone().unwrap_or_else(|| "~".to_owned()),
            exports_all: false,
            foreign: None,
        }
    }

    pub fn set(&mut self, name: &str, value: String) {
        if self.exports_all {
            self.exported.insert(name.to_owned());
        }
        self.variables.insert(name.to_owned(), value);
    }

    pub fn export(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), value);
        self.exported.insert(name.to_owned());
    }

    /// A command may have set any variable; those that the step brings are taken to be meant.
    pub fn changed_by(&mut self, command: String) {
        self.variables.retain(|name, _| self.brought.contains_key(name));
        self.foreign = Some(command);
    }

    /// Only one of several states holds: what is not the same in all cannot be known.
    pub fn merge(&mut self, others: &[Self]) {
        for other in others {
            let names: BTreeSet<_> = self.variables.keys().chain(other.variables.keys()).cloned().collect();
            for name in names {
                if self.variables.get(&name) != other.variables.get(&name) {
                    self.variables.insert(name.clone(), unknown(&name));
                }
            }
            if self.folder != other.folder {
                self.folder = format!("{OPEN}(cd)");
            }
            self.exported.extend(other.exported.iter().cloned());
            self.foreign = self.foreign.take().or_else(|| other.foreign.clone());
        }
    }

    pub fn go(&mut self, path: &str) {
        self.folder = if path == "-" { format!("{OPEN}(cd -)") } else { join(&self.folder, path) };
    }

    /// A word with what is known of its variables, and a [`GAP`] where a value without quotes makes several words of it.
    pub fn expand(&mut self, word: &str) -> String {
        let (mut text, mut rest) = (String::new(), word);
        while let Some((before, behind)) = rest.split_once(OPEN) {
            text += before.trim_end_matches(LOOSE);
            let (inner, behind) = behind.split_at(enclosed(behind));
            match self.value(inner) {
                Some(value) if before.ends_with(LOOSE) && !value.contains(OPEN) => {
                    text += &value.split_whitespace().collect::<Vec<_>>().join(&GAP.to_string());
                }
                Some(value) => text += &value,
                None => {
                    text.push(OPEN);
                    text += inner;
                }
            }
            rest = behind;
        }
        text + rest
    }

    /// What `{NAME…}` comes to, with the operators of POSIX (Shell Command Language, 2.6.2); none where only the shell
    /// of the host can tell.
    fn value(&mut self, expansion: &str) -> Option<String> {
        let inner = expansion.strip_prefix('{')?.strip_suffix('}')?;
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let (name, operator) = inner.split_at(end);
        let value = self.variables.get(name)?.clone();
        if operator.is_empty() {
            return Some(value);
        }
        let (is_set, operator) = match operator.strip_prefix(':') {
            Some(operator) => (!value.is_empty(), operator),
            None => (true, operator),
        };
        let other = operator.get(1..).filter(|word| !word.contains(['$', '`', '"', '\'', '\\']));
        match operator.chars().next()? {
            _ if value.contains(OPEN) => None,
            '-' | '=' | '?' if is_set => Some(value),
            '+' if !is_set => Some(String::new()),
            '-' | '+' => other.map(str::to_owned),
            '=' => {
                let value = other.map(str::to_owned);
                self.set(name, value.clone().unwrap_or_else(|| unknown(name)));
                value
            }
            _ => None,
        }
    }
}

/// How long a part in braces or parentheses is, with those inside of it.
fn enclosed(text: &str) -> usize {
    let (begin, end) = if text.starts_with('(') { ('(', ')') } else { ('{', '}') };
    let mut depth = 0_u32;
    for (at, next) in text.char_indices() {
        if next == begin {
            depth += 1;
        } else if next == end {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 1;
            }
        }
    }
    text.len()
}

/// A path as seen from a folder.
pub(super) fn join(folder: &str, path: &str) -> String {
    let alone = path.starts_with(['/', '~', OPEN]);
    let path = if alone { path.to_owned() } else { format!("{folder}/{path}") };
    plain(&path).to_string_lossy().into_owned()
}

/// The environment of one command.
pub(super) struct Own<'s> {
    pub state: &'s State,
    pub own: BTreeMap<String, String>,
    /// Nothing of what is around is let through, as by `sudo`.
    pub bare: bool,
}

impl Own<'_> {
    pub fn get(&self, name: &str) -> Option<&str> {
        let around = || self.state.variables.get(name).filter(|_| !self.bare && self.state.exported.contains(name));
        self.own.get(name).or_else(around).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What may have set unknown variables.
    pub fn foreign(&self) -> Option<&str> {
        self.state.foreign.as_deref().filter(|_| !self.bare)
    }

    /// What the commands themselves put around it, as far as it is known.
    pub fn told(&self) -> BTreeMap<&str, &str> {
        let State { variables, exported, brought, .. } = self.state;
        let around = variables
            .iter()
            .filter(|(name, value)| !self.bare && exported.contains(*name) && brought.get(*name) != Some(*value));
        let all = around.chain(&self.own).filter(|(_, value)| !value.contains(OPEN));
        all.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}
