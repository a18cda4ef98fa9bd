//! RMM's own shell functions: what a recipe needs on a host beyond one command. A plan calls them by name, so that it
//! can be read; their text goes to the host with each step that calls them.
//!
//! They are POSIX sh, need nothing but what the recipe needs anyway, and must not be called by commands of users.

#[cfg(test)]
mod tests;

use crate::domain::plan::project::how;
use crate::domain::plan::shell_word;
use crate::domain::run::{Containers, Project, Script, Taken};

/// The functions, in the order in which they build on each other.
const TOOLS: &[&str] = &[
    include_str!("tools/common.sh"),
    include_str!("tools/git.sh"),
    include_str!("tools/owner.sh"),
    include_str!("tools/damage.sh"),
    include_str!("tools/work.sh"),
    include_str!("tools/checkout.sh"),
    include_str!("tools/submodules.sh"),
    include_str!("tools/room.sh"),
    include_str!("tools/compose.sh"),
    include_str!("tools/containers.sh"),
    include_str!("tools/well.sh"),
    include_str!("tools/images.sh"),
];

/// A command together with the functions that it calls.
#[must_use]
pub fn with(command: &str) -> String {
    let mut text = String::new();
    // Comments are for readers of the source; hosts need none.
    for line in TOOLS.iter().flat_map(|part| part.lines()) {
        if !line.is_empty() && !line.trim_start().starts_with("# ") {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.push_str(command);
    text
}

/// What a host is given to run.
#[must_use]
pub fn text(script: &Script) -> String {
    let is_watched = script.watch.is_some() || script.containers.is_some();
    let command = if is_watched { watched(script) } else { script.command.clone() };
    match &script.project {
        Some(project) => with(&format!("{}\n{command}", prelude(project))),
        None if script.tools || is_watched => with(&command),
        None => command,
    }
}

/// A command in a shell of its own, so that whatever ends it, others' containers are looked at afterwards.
fn watched(script: &Script) -> String {
    let words = |words: &[String]| words.iter().map(|word| format!(" {}", shell_word(word))).collect::<String>();
    let (mut before, mut after) = (String::new(), String::new());
    if let Some(Containers { taken, names }) = script.containers.as_deref() {
        let taken = match taken {
            Taken::Stops => "there",
            Taken::StopsUnlessBefore => "back",
            Taken::IsSaid => "goes-on",
        };
        before = format!("rmm_containers_watch {taken}{}\n", words(names));
        after = "rmm_containers_taken\n".to_owned();
    }
    if let Some(beside) = &script.watch {
        before = format!("{before}rmm_compose_watch{}\n", words(beside));
        after += "rmm_compose_taken $rmm_status\n";
    }
    format!("{before}(eval {})\nrmm_status=$?\n{after}exit $rmm_status", shell_word(&script.command))
}

/// The call that lets compose run as a project. The names are made of letters that need no quotes.
fn prelude(project: &Project) -> String {
    let orphans = if project.remove_orphans { " orphans" } else { "" };
    let siblings: String = project.siblings.iter().map(|sibling| format!(" {sibling}")).collect();
    format!("rmm_project {} {}{orphans}{siblings}", project.name, how(project))
}
