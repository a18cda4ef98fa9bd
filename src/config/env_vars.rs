//! The variables of the environment, as they come in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::ops::{Deref, DerefMut};

/// Environment variables by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvVars {
    text: BTreeMap<String, String>,
    /// Those that are there and are no text.
    not_text: BTreeSet<String>,
}

impl EnvVars {
    /// None at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a variable is there, and its value is not UTF-8.
    #[must_use]
    pub fn is_not_text(&self, name: &str) -> bool {
        self.not_text.contains(name)
    }
}

/// Those of [`std::env::vars_os`] whose names are text.
#[must_use]
pub fn env_vars(all: impl IntoIterator<Item = (OsString, OsString)>) -> EnvVars {
    let mut vars = EnvVars::new();
    for (name, value) in all {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => drop(vars.text.insert(name, value)),
            (Ok(name), Err(_)) => drop(vars.not_text.insert(name)),
            (Err(_), _) => {}
        }
    }
    vars
}

impl Deref for EnvVars {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.text
    }
}

impl DerefMut for EnvVars {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.text
    }
}

impl FromIterator<(String, String)> for EnvVars {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(all: I) -> Self {
        Self { text: all.into_iter().collect(), not_text: BTreeSet::new() }
    }
}

impl<const N: usize> From<[(String, String); N]> for EnvVars {
    fn from(all: [(String, String); N]) -> Self {
        all.into_iter().collect()
    }
}

impl<'a> IntoIterator for &'a EnvVars {
    type Item = (&'a String, &'a String);
    type IntoIter = std::collections::btree_map::Iter<'a, String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.text.iter()
    }
}

impl IntoIterator for EnvVars {
    type Item = (String, String);
    type IntoIter = std::collections::btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.text.into_iter()
    }
}
