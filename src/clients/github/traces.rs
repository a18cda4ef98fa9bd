//! What RMM leaves on GitHub for those who look there: deployments, statuses of commits, comments.

use hyper::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::app::As;
use super::{GitHub, Question, at, path_of, repository_of};
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

/// Characters of a description, as GitHub takes them.
const LONGEST_DESCRIPTION: usize = 140;

/// A deployment that is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeployment<'a> {
    /// A commit, branch or tag.
    pub git_ref: &'a str,
    /// The environment.
    pub environment: &'a str,
    /// What is deployed.
    pub description: &'a str,
    /// Whether it is what users use.
    pub production: bool,
    /// Whether the environment goes away again.
    pub transient: bool,
}

/// How a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// It waits.
    Queued,
    /// It has been asked for.
    Pending,
    /// It is under way.
    InProgress,
    /// It is there.
    Success,
    /// It failed.
    Failure,
    /// It could not be judged.
    Error,
    /// Another one is there.
    Inactive,
}

/// How a commit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitState {
    /// Not decided yet.
    Pending,
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// It could not be judged.
    Error,
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
            "description": short(new.description),
            "production_environment": new.production,
            "transient_environment": new.transient,
            "auto_merge": false,
            "required_contexts": [],
        });
        let answer = self.success(As::Repository(repo), &Question::post(&path, body), &repository_of(repo)).await?;
        Ok(answer.json::<Made>()?.id)
    }

    /// Notes how a deployment stands; `log_url` leads to the release, `environment_url` to what was deployed.
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
        environment_url: Option<&str>,
    ) -> Result<(), GithubFault> {
        let path = at(repo, &["deployments", &deployment.to_string(), "statuses"]);
        let mut body = json!({ "state": state, "description": short(description) });
        for (key, url) in [("log_url", log_url), ("environment_url", environment_url)] {
            if let Some(url) = url {
                body[key] = url.into();
            }
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
