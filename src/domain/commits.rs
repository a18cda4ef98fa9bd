//! The commits that a release brings beside what production runs.

use serde::{Deserialize, Serialize};

use super::release::Release;
use super::version::Version;

/// Commits that are kept of one release.
pub const MOST_COMMITS: usize = 250;

/// What lies between what production runs and a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitList {
    /// What production ran when it was listed.
    pub since: Version,
    /// How many commits there are.
    pub total: u64,
    /// Commits of `since` that the release does not have.
    #[serde(default)]
    pub lacking: u64,
    /// The page that compares both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// At most [`MOST_COMMITS`], the newest first.
    pub commits: Vec<CommitLine>,
    /// The pull requests that became one of `commits`, as far as they are known; the newest commit's first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pull_requests: Vec<PullRequest>,
}

impl CommitList {
    /// Whether it says what a release brings. On its way to production that is beside what runs there now, so that another list is
    /// out of date until it is made anew; afterwards it has brought what was listed.
    #[must_use]
    pub fn tells_of(&self, release: &Release, current: Option<&Version>) -> bool {
        !release.status.is_cancellable() || current.is_some_and(|current| current.release == self.since.release)
    }
}

/// A pull request that was merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// The account of its author; none where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Its page.
    pub url: String,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommitLine {
    /// Its id.
    pub sha: String,
    /// The first line of its message.
    pub title: String,
    /// The name that git has of its author.
    pub author: String,
    /// The author's account at GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
