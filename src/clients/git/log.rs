//! The commits between two, for repositories that are not at GitHub: git brings the commits alone, without files.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use super::{MOST_OUTPUT, bounded_output, certificates, prepared};
use crate::domain::commits::{CommitLine, MOST_COMMITS};
use crate::domain::ids::Commit;
use crate::domain::plan::clone_url;

/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The commits of a release that another one does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Between {
    /// How many.
    pub total: u64,
    /// How many of the other one it does not have.
    pub lacking: u64,
    /// The newest of them first.
    pub commits: Vec<CommitLine>,
}

/// What `head` has and `base` has not. None where git cannot tell; it is only for people to read.
pub async fn between(repository: &str, ca: Option<&str>, base: &Commit, head: &Commit) -> Option<Between> {
    tokio::time::timeout(TIMEOUT, list(repository, ca, base, head)).await.ok()?
}

async fn list(repository: &str, ca: Option<&str>, base: &Commit, head: &Commit) -> Option<Between> {
    let url = clone_url(repository);
    if url.starts_with('-') {
        return None;
    }
    let folder = tempfile::tempdir().ok()?;
    let certificates = ca.map(certificates).transpose().ok()?;
    let git = |place: &Path| {
        let mut command = prepared();
        command.arg("-C").arg(place);
        if let Some(file) = &certificates {
            command.env("GIT_SSL_CAINFO", file.path());
        }
        command
    };
    let there = Path::new(&url);
    let place = if there.is_absolute() {
        there
    } else {
        run(git(folder.path()), &["init", "--quiet", "--bare"]).await?;
        let fetch = ["fetch", "--quiet", "--no-tags", "--filter=tree:0", "--", &url, base.as_str(), head.as_str()];
        run(git(folder.path()), &fetch).await?;
        folder.path()
    };
    let (new, old) = (format!("{base}..{head}"), format!("{head}..{base}"));
    let count = async |range: &str| run(git(place), &["rev-list", "--count", range, "--"]).await?.trim().parse().ok();
    let most = format!("--max-count={MOST_COMMITS}");
    let log = ["log", "--format=%H%x00%an%x00%s", &most, &new, "--"];
    let lines = run(git(place), &log).await?;
    Some(Between {
        total: count(&new).await?,
        lacking: count(&old).await?,
        commits: lines.lines().filter_map(line).collect(),
    })
}

fn line(text: &str) -> Option<CommitLine> {
    let mut parts = text.splitn(3, '\0').map(str::to_owned);
    let (sha, author, title) = (parts.next()?, parts.next()?, parts.next()?);
    Some(CommitLine { sha, title, author, login: None, url: None })
}

pub(super) async fn run(mut git: Command, arguments: &[&str]) -> Option<String> {
    git.args(arguments);
    let output = bounded_output(git, MOST_OUTPUT).await.ok()?;
    if !output.status.success() {
        tracing::debug!(said = %String::from_utf8_lossy(&output.stderr), "a question about commits was not answered");
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three commits on a branch, and one beside them.
    fn repository(folder: &Path) -> [Commit; 3] {
        let script = "git init -q -b main . && git config user.name Ann && git config user.email a@b && \
                      git config uploadpack.allowAnySHA1InWant true && git config uploadpack.allowFilter true && \
                      c() { git commit -q --allow-empty -m \"$1\"; } && c one && git rev-parse HEAD && c 'two <b>' && \
                      c three && git rev-parse HEAD && git checkout -q -b side HEAD~2 && c aside && git rev-parse HEAD";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(folder).output().unwrap();
        let ids = String::from_utf8(made.stdout).unwrap();
        let ids: Vec<_> = ids.lines().map(|id| Commit::parse("commit", id).unwrap()).collect();
        ids.try_into().unwrap()
    }

    #[tokio::test]
    async fn what_lies_between_two_commits_is_listed_from_a_folder_and_from_afar() {
        let folder = tempfile::tempdir().unwrap();
        let [one, three, aside] = repository(folder.path());
        let path = folder.path().display().to_string();
        for url in [path.clone(), format!("file://{path}")] {
            let found = between(&url, None, &one, &three).await.unwrap();
            let titles: Vec<_> = found.commits.iter().map(|commit| commit.title.as_str()).collect();
            assert_eq!((found.total, found.lacking, titles), (2, 0, vec!["three", "two <b>"]), "{url}");
            assert_eq!((found.commits[0].author.as_str(), found.commits[0].sha.as_str()), ("Ann", three.as_str()));
            let found = between(&url, None, &aside, &three).await.unwrap();
            assert_eq!((found.total, found.lacking), (2, 1), "{url}");
        }
        let unknown = Commit::parse("commit", "0123456789abcdef0123456789abcdef01234567").unwrap();
        assert_eq!(between(&path, None, &unknown, &three).await, None);
    }
}
