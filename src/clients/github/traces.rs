//! What RMM leaves on GitHub for those who look there: deployments, statuses of commits, comments.
//!
//! A deployment and a comment carry a word of RMM's own, by which they are found again: a caller that does not know what
//! became of a call looks before making it again.

use hyper::http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::app::As;
use super::runs::query;
use super::{GitHub, Question, at, path_of, repository_of};
use crate::domain::fault::github::GithubFault;
use crate::domain::mark::{CommitState, DeploymentState};
use crate::domain::repository::RepoName;

/// Characters of a description, as GitHub takes them.
const LONGEST_DESCRIPTION: usize = 140;
/// Things on a page of a list.
const PAGE: usize = 100;
/// Pages of comments that are looked through.
const MOST_PAGES: usize = 20;

/// A deployment that is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeployment<'a> {
    /// A commit, branch or tag.
    pub git_ref: &'a str,
    /// The environment.
    pub environment: &'a str,
    /// `deploy` or `rollback`; workflows that are started by deployments read it.
    pub task: &'a str,
    /// By what it is known again.
    pub word: &'a str,
    /// What is deployed.
    pub description: &'a str,
    /// Whether it is what users use.
    pub production: bool,
    /// Whether the environment goes away again.
    pub transient: bool,
}

#[derive(Deserialize)]
struct Made {
    id: u64,
}

impl GitHub {
    /// Notes a deployment, and tells its number. GitHub merges nothing for it and waits for no check.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn deployment(&self, repo: &RepoName, new: &NewDeployment<'_>) -> Result<u64, GithubFault> {
        let path = at(repo, &["deployments"]);
        let body = json!({
            "ref": new.git_ref,
            "environment": new.environment,
            "task": new.task,
            "payload": { "rmm": new.word },
            "description": short(new.description),
            "production_environment": new.production,
            "transient_environment": new.transient,
            "auto_merge": false,
            "required_contexts": [],
        });
        let answer = self.success(As::Repository(repo), &Question::post(&path, body), &repository_of(repo)).await?;
        Ok(answer.json::<Made>()?.id)
    }

    /// The deployment that [`GitHub::deployment`] has made of this before, if it has.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn made_deployment(&self, repo: &RepoName, new: &NewDeployment<'_>) -> Result<Option<u64>, GithubFault> {
        #[derive(Deserialize)]
        struct Deployment {
            id: u64,
            #[serde(default)]
            payload: Value,
        }
        let of = [("ref", new.git_ref), ("environment", new.environment), ("per_page", &PAGE.to_string())];
        let path = at(repo, &["deployments"]) + &query(&of);
        let found: Vec<Deployment> = self.get(As::Repository(repo), &path, &repository_of(repo)).await?;
        // The oldest, should there be several.
        let own = found.into_iter().filter(|deployment| is_marked(&deployment.payload, new.word));
        Ok(own.map(|deployment| deployment.id).min())
    }

    /// Notes how a deployment stands; `log_url` leads to the release.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn deployment_status(
        &self,
        repo: &RepoName,
        deployment: u64,
        state: DeploymentState,
        description: &str,
        log_url: Option<&str>,
    ) -> Result<(), GithubFault> {
        let path = at(repo, &["deployments", &deployment.to_string(), "statuses"]);
        // Those before it that are not of production become inactive with a success; of production, RMM says so itself.
        let mut body = json!({ "state": state, "description": short(description), "auto_inactive": true });
        if let Some(url) = log_url {
            body["log_url"] = url.into();
        }
        self.success(As::Repository(repo), &Question::post(&path, body), &path_of(&path)).await.map(|_| ())
    }

    /// Notes how a commit stands, under a name (`context`); a later note of the same name takes its place.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn commit_status(
        &self,
        repo: &RepoName,
        sha: &str,
        context: &str,
        state: CommitState,
        description: &str,
        target_url: Option<&str>,
    ) -> Result<(), GithubFault> {
        let path = at(repo, &["statuses", sha]);
        let mut body = json!({ "state": state, "context": context, "description": short(description) });
        if let Some(url) = target_url {
            body["target_url"] = url.into();
        }
        self.success(As::Repository(repo), &Question::post(&path, body), &path_of(&path)).await.map(|_| ())
    }

    /// The pull request that has brought a commit: the merged one whose merge it is, else a merged one, else one that is open.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn pull_of(&self, repo: &RepoName, sha: &str) -> Result<Option<u64>, GithubFault> {
        let path = at(repo, &["commits", sha, "pulls"]);
        let pulls: Vec<Pull> = self.get(As::Repository(repo), &path, &path_of(&path)).await?;
        Ok(pulls.into_iter().filter_map(|pull| Some((pull.rank(sha)?, pull.number))).min().map(|(_, number)| number))
    }

    /// Comments an issue or a pull request, and tells the comment's number.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn comment(&self, repo: &RepoName, issue: u64, text: &str) -> Result<u64, GithubFault> {
        let path = at(repo, &["issues", &issue.to_string(), "comments"]);
        let question = Question::post(&path, json!({ "body": text }));
        let answer = self.success(As::Repository(repo), &question, &path_of(&path)).await?;
        Ok(answer.json::<Made>()?.id)
    }

    /// The comment on an issue or a pull request that begins with this line, if there is one that was changed after `since`.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn made_comment(
        &self,
        repo: &RepoName,
        issue: u64,
        line: &str,
        since: Timestamp,
    ) -> Result<Option<u64>, GithubFault> {
        #[derive(Deserialize)]
        struct Comment {
            id: u64,
            body: Option<String>,
        }
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        for page in 1..=MOST_PAGES {
            let of = [("since", since.as_str()), ("per_page", &PAGE.to_string()), ("page", &page.to_string())];
            let path = at(repo, &["issues", &issue.to_string(), "comments"]) + &query(&of);
            let found: Vec<Comment> = self.get(As::Repository(repo), &path, &path_of(&path)).await?;
            let is_last = found.len() < PAGE;
            let mut own = found.into_iter().filter(|comment| {
                comment.body.as_deref().and_then(|body| body.lines().next()).is_some_and(|first| first.trim() == line)
            });
            if let Some(comment) = own.next() {
                return Ok(Some(comment.id));
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }

    /// Changes the text of a comment.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn edit_comment(&self, repo: &RepoName, comment: u64, text: &str) -> Result<(), GithubFault> {
        let path = at(repo, &["issues", "comments", &comment.to_string()]);
        let question = Question { body: Some(json!({ "body": text })), ..Question::new(Method::PATCH, &path) };
        self.success(As::Repository(repo), &question, &path_of(&path)).await.map(|_| ())
    }
}

fn short(description: &str) -> String {
    description.chars().take(LONGEST_DESCRIPTION).collect()
}

/// Whether a payload is the one of [`GitHub::deployment`]; GitHub gives it back as it was sent, or as text.
fn is_marked(payload: &Value, word: &str) -> bool {
    if let Value::String(text) = payload {
        return serde_json::from_str::<Value>(text).is_ok_and(|inner| !inner.is_string() && is_marked(&inner, word));
    }
    payload["rmm"] == word
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    state: String,
    merged_at: Option<String>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
}

impl Pull {
    /// The lower, the better; none: it was closed without bringing anything.
    fn rank(&self, sha: &str) -> Option<u8> {
        match (&self.merged_at, self.merge_commit_sha.as_deref() == Some(sha)) {
            (Some(_), true) => Some(0),
            (Some(_), false) => Some(1),
            (None, _) if self.state == "open" => Some(2),
            (None, _) => None,
        }
    }
}
