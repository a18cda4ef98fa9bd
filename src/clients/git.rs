//! Asks a repository which commit a tag points at, with the git program of RMM's machine.
//!
//! Must not pass anything on that git could take for an option, ask anybody for a password, or read the user's
//! configuration for anything but how to reach the repository.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::domain::ids::{Commit, Tag};
use crate::domain::plan::clone_url;

/// How long a repository may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why the commit of a tag is not known, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// Asking again will not help before somebody has changed something.
    #[error("{0}")]
    ForGood(String),
    /// The repository answers, and has no such tag.
    #[error("{0}")]
    NoTag(String),
    /// The repository may answer later.
    #[error("{0}")]
    ForNow(String),
}

/// The commit that `tag` points at in `repository` (as the configuration names it).
///
/// # Errors
/// [`Unresolved`], which says whether asking again makes sense.
pub async fn resolve(repository: &str, tag: &Tag) -> Result<Commit, Unresolved> {
    let url = clone_url(repository);
    if url.starts_with('-') {
        return Err(Unresolved::ForGood(format!("{url:?} is not a repository")));
    }
    if url.starts_with('/') && !std::path::Path::new(&url).exists() {
        return Err(Unresolved::ForGood(format!("there is no repository at {url}")));
    }
    let plain = format!("refs/tags/{tag}");
    let peeled = format!("{plain}^{{}}");
    let mut command = Command::new("git");
    command
        .args(["ls-remote", "--quiet", "--", &url, &plain, &peeled])
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Unresolved::ForGood("git is not installed on the machine RMM runs on".into()));
        }
        Ok(Err(error)) => return Err(Unresolved::ForNow(format!("git could not be started: {error}"))),
        Err(_) => return Err(Unresolved::ForNow(format!("{url} did not answer within {} s", PATIENCE.as_secs()))),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("git failed without a word");
        return Err(Unresolved::ForNow(format!("the repository {url} could not be read: {line}")));
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    let find = |name: &str| {
        listing
            .lines()
            .find_map(|line| line.split_once('\t').filter(|(_, reference)| *reference == name))
            .map(|(id, _)| id.to_owned())
    };
    // An annotated tag is an object of its own; the peeled line names the commit.
    let id = find(&peeled)
        .or_else(|| find(&plain))
        .ok_or_else(|| Unresolved::NoTag(format!("there is no tag {tag} in {url}; push it, then retry")))?;
    Commit::parse("commit", id).map_err(|invalid| Unresolved::ForNow(invalid.to_string()))
}
