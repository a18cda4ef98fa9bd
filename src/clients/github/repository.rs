//! What RMM wants to know of a repository: its branches and commits, its workflows and files, and what it may do there.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::answer::LONGEST;
use super::app::As;
use super::runs::query;
use super::{GitHub, at, path_of, repository_of, segment, without_workflow};
use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::repository::RepoName;

/// Commits that are told of a comparison.
const MOST_COMMITS: usize = 250;
/// Commits on a page.
const PAGE: usize = 100;

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Its number, which stays when it is renamed.
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
    /// Where workflows are started that no branch or tag is named for.
    pub default_branch: String,
    /// Whether only some may see it.
    #[serde(default)]
    pub private: bool,
    /// Whether nothing can change there any more.
    #[serde(default)]
    pub archived: bool,
    /// What a token of a person may do there, as far as GitHub tells: `admin`, `maintain`, `push`, `triage`, `pull`.
    #[serde(default)]
    pub permissions: BTreeMap<String, bool>,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: String,
    /// `active`, or why it is not.
    pub state: String,
}

impl Workflow {
    /// Whether it can be started.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }
}

/// What lies between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// `ahead`, `behind`, `diverged` or `identical`.
    pub status: String,
    /// Commits that lead from the first to the second.
    pub total: u64,
    /// Commits of the first that the second does not have.
    pub behind_by: u64,
    /// The page.
    pub url: String,
    /// The newest ones, at most 250, the oldest first.
    pub commits: Vec<Commit>,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub sha: String,
    /// The first line of its message.
    pub title: String,
    /// The name that git has of its author.
    pub author: String,
    /// The account of its author.
    pub login: Option<String>,
    /// Its page.
    pub url: String,
}

impl GitHub {
    /// A repository, and what the token may do there.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn repository(&self, repo: &RepoName) -> Result<Repository, GithubFault> {
        self.get(As::Repository(repo), &at(repo, &[]), &repository_of(repo)).await
    }

    /// A repository by its number, which a renaming does not change; `repo`: what it was called.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn repository_numbered(&self, repo: &RepoName, id: u64) -> Result<Repository, GithubFault> {
        self.get(As::Repository(repo), &format!("/repositories/{id}"), &repository_of(repo)).await
    }

    /// The default branch of a repository.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn default_branch(&self, repo: &RepoName) -> Result<String, GithubFault> {
        Ok(self.repository(repo).await?.default_branch)
    }

    /// A workflow by the name of its file.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn workflow(&self, repo: &RepoName, file: &str) -> Result<Workflow, GithubFault> {
        let path = at(repo, &["actions", "workflows", file]);
        self.get(As::Repository(repo), &path, &path_of(&path)).await.map_err(without_workflow(repo, file))
    }

    /// The text of a file as of a branch, tag or commit; at most a megabyte, as GitHub has it.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn file(&self, repo: &RepoName, path: &str, git_ref: &str) -> Result<String, GithubFault> {
        #[derive(Deserialize)]
        struct File {
            encoding: String,
            content: String,
        }
        // One part of the address, as GitHub's description has it.
        let asked = at(repo, &["contents", path.trim_start_matches('/')]) + &query(&[("ref", git_ref)]);
        let sought = Sought::File { repo: repo.clone(), path: path.to_owned(), git_ref: git_ref.to_owned() };
        let File { encoding, content } = self.get(As::Repository(repo), &asked, &sought).await?;
        if encoding != "base64" {
            return Err(GithubFault::TooLong { limit: LONGEST / 4 });
        }
        let unreadable = || GithubFault::Unreadable { said: format!("{path} is no text") };
        let content: String = content.split_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(content).map_err(|_| unreadable())?;
        String::from_utf8(bytes).map_err(|_| unreadable())
    }

    /// What leads from one commit, branch or tag to another.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn compare(&self, repo: &RepoName, base: &str, head: &str) -> Result<Comparison, GithubFault> {
        let sought = Sought::Commits { repo: repo.clone(), base: base.to_owned(), head: head.to_owned() };
        let span = format!("{}/{}...{}", at(repo, &["compare"]), segment(base), segment(head));
        let page = async |page: u64| {
            let asked = span.clone() + &query(&[("per_page", &PAGE.to_string()), ("page", &page.to_string())]);
            self.get::<wire::Comparison>(As::Repository(repo), &asked, &sought).await
        };
        // GitHub tells the oldest first, and how many there are on every page.
        let first = page(1).await?;
        let wire::Comparison { status, total_commits: total, behind_by, html_url: url, commits } = first;
        let last = total.div_ceil(PAGE as u64).max(1);
        let mut newest: VecDeque<wire::Commit> = VecDeque::new();
        for number in (2..=last).rev() {
            if newest.len() >= MOST_COMMITS {
                break;
            }
            page(number).await?.commits.into_iter().rev().for_each(|commit| newest.push_front(commit));
        }
        if newest.len() < MOST_COMMITS {
            commits.into_iter().rev().for_each(|commit| newest.push_front(commit));
        }
        let older = newest.len().saturating_sub(MOST_COMMITS);
        let commits = newest.into_iter().skip(older).map(Commit::from).collect();
        Ok(Comparison { status, total, behind_by, url, commits })
    }
}

/// As GitHub writes it.
mod wire {
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub(super) struct Comparison {
        pub status: String,
        pub total_commits: u64,
        #[serde(default)]
        pub behind_by: u64,
        #[serde(default)]
        pub html_url: String,
        pub commits: Vec<Commit>,
    }

    #[derive(Deserialize)]
    pub(super) struct Commit {
        pub sha: String,
        #[serde(default)]
        pub html_url: String,
        pub commit: Inner,
        pub author: Option<Account>,
    }

    #[derive(Deserialize)]
    pub(super) struct Inner {
        pub message: String,
        pub author: Option<Author>,
    }

    #[derive(Deserialize)]
    pub(super) struct Author {
        pub name: Option<String>,
    }

    /// Not there, or empty, where no account is known.
    #[derive(Deserialize)]
    pub(super) struct Account {
        pub login: Option<String>,
    }
}

impl From<wire::Commit> for Commit {
    fn from(commit: wire::Commit) -> Self {
        let wire::Inner { message, author } = commit.commit;
        Self {
            sha: commit.sha,
            title: message.lines().next().unwrap_or_default().to_owned(),
            author: author.and_then(|author| author.name).unwrap_or_default(),
            login: commit.author.and_then(|account| account.login),
            url: commit.html_url,
        }
    }
}
