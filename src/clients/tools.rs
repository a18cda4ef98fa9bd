//! RMM's own shell functions: what a recipe needs on a host beyond one command. A plan calls them by name, so that it
//! can be read; their text goes to the host with each step that calls them.
//!
//! They are POSIX sh, need nothing but what the recipe needs anyway, and must not be called by commands of users.

/// The functions, in the order in which they build on each other.
const TOOLS: &str = include_str!("tools/common.sh");

/// A command together with the functions that it calls.
#[must_use]
pub fn with(command: &str) -> String {
    format!("{TOOLS}\n{command}")
}
