//! Asks a repository which commit a tag points at, with the git program of RMM's machine.
//!
//! Must not pass anything on that git could take for an option, ask anybody for a password, or read the user's
//! configuration for anything but how to reach the repository.

use std::io::{self, Write};
use std::process::Stdio;
use std::time::Duration;

use tempfile::NamedTempFile;
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
    /// The repository may answer later.
    #[error("{0}")]
    ForNow(String),
}

/// The commit that `tag` points at in `repository` (as the configuration names it). `ca` holds the authorities that an
/// https:// server's certificate is checked against instead of the public ones, in PEM format.
///
/// # Errors
/// [`Unresolved`], which says whether asking again makes sense.
pub async fn resolve(repository: &str, ca: Option<&str>, tag: &Tag) -> Result<Commit, Unresolved> {
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
    // Goes when the answer is there.
    let _certificates = match ca.map(certificates).transpose() {
        Ok(file) => {
            if let Some(file) = &file {
                command.env("GIT_SSL_CAINFO", file.path());
            }
            file
        }
        Err(error) => {
            let sentence = format!("the certificates of repository_ca could not be written for git: {error}");
            return Err(Unresolved::ForNow(sentence));
        }
    };
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
        let line = line.trim_start_matches("fatal: ");
        return Err(Unresolved::ForNow(format!("the repository {url} could not be read: {line}{}", advice(&said))));
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
        .ok_or_else(|| Unresolved::ForGood(format!("there is no tag {tag} in {url}; push it, then retry")))?;
    Commit::parse("commit", id).map_err(|invalid| Unresolved::ForNow(invalid.to_string()))
}

fn certificates(text: &str) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}

/// What to do about git's words, where they do not say it.
#[must_use]
pub fn advice(said: &str) -> &'static str {
    const ADVICE: &[(&str, &str)] = &[
        (
            "SSL certificate problem",
            "; name the certificate of the authority that signed the server's as `repository_ca` of the service",
        ),
        (
            "certificate verification failed",
            "; name the certificate of the authority that signed the server's as `repository_ca` of the service",
        ),
        (
            "no alternative certificate subject name",
            "; the server's certificate is for another name: use that one in `repository`",
        ),
        (
            "could not read Username",
            "; it wants a login: give this user a credential helper of git, or use the repository's SSH address",
        ),
        ("Host key verification failed", "; this user's ~/.ssh/known_hosts does not know that server"),
        ("Permission denied (publickey", "; this user has no key that the server knows: add a deploy key"),
    ];
    ADVICE.iter().find(|(words, _)| said.contains(words)).map_or("", |(_, advice)| advice)
}
