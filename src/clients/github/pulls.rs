//! The pull requests that were merged last.

use serde::Deserialize;

use super::app::As;
use super::runs::query;
use super::{GitHub, at, path_of};
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

/// Pull requests on a page. GitHub writes some 20 KB about each.
const PAGE: usize = 50;
/// Pages that are read.
const MOST_PAGES: usize = 4;

/// A pull request that was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedPull {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// The account of its author.
    pub login: Option<String>,
    /// Its page.
    pub url: String,
    /// The commit that it became: the merge, the squashed one, or the last of those that were rebased.
    pub commit: String,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    html_url: String,
    user: Option<Account>,
    merged_at: Option<String>,
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    login: Option<String>,
}

impl GitHub {
    /// The pull requests that became one of some commits, as far as they are among the two hundred closed ones in which something
    /// happened last; those first.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn pulls_of_commits(
        &self,
        repo: &RepoName,
        is_wanted: impl Fn(&str) -> bool + Send,
    ) -> Result<Vec<MergedPull>, GithubFault> {
        let mut merged = Vec::new();
        for page in 1..=MOST_PAGES {
            let pairs = [("state", "closed"), ("sort", "updated"), ("direction", "desc")];
            let (size, page) = (PAGE.to_string(), page.to_string());
            let pairs: Vec<_> =
                pairs.into_iter().chain([("per_page", size.as_str()), ("page", page.as_str())]).collect();
            let path = at(repo, &["pulls"]) + &query(&pairs);
            let pulls: Vec<Pull> = self.get(As::Repository(repo), &path, &path_of(&path)).await?;
            let is_last = pulls.len() < PAGE;
            merged.extend(pulls.into_iter().filter_map(Pull::merged).filter(|pull| is_wanted(&pull.commit)));
            if is_last {
                break;
            }
        }
        Ok(merged)
    }
}

impl Pull {
    /// One that was closed only has been tried to merge, too.
    fn merged(self) -> Option<MergedPull> {
        let commit = self.merge_commit_sha.filter(|_| self.merged_at.is_some())?;
        let login = self.user.and_then(|user| user.login);
        let title = self.title.unwrap_or_default();
        Some(MergedPull { number: self.number, title, login, url: self.html_url, commit })
    }
}
