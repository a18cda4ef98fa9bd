//! RMM's own shell functions: what a recipe needs on a host beyond one command. A plan calls them by name, so that it
//! can be read; their text goes to the host with each step that calls them.
//!
//! They are POSIX sh, need nothing but what the recipe needs anyway, and must not be called by commands of users.

/// The functions, in the order in which they build on each other.
const TOOLS: &str = concat!(
    include_str!("tools/common.sh"),
    include_str!("tools/git.sh"),
    include_str!("tools/checkout.sh"),
    include_str!("tools/submodules.sh"),
);

/// A command together with the functions that it calls.
#[must_use]
pub fn with(command: &str) -> String {
    let mut text = String::with_capacity(TOOLS.len() + command.len() + 1);
    // Comments are for those who read the functions here.
    for line in TOOLS.lines().filter(|line| !line.trim_start().starts_with("# ") && !line.is_empty()) {
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(command);
    text
}

#[cfg(test)]
mod tests;
