//! Runs that wait for the protection rules of an environment, and the answer to them, which only the App of a rule may give.

use serde::Deserialize;
use serde_json::json;

use super::app::As;
use super::runs::{WorkflowRun, query};
use super::{GitHub, Question, at, path_of};
use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::repository::RepoName;

/// Runs that are told of at once.
const PAGE: &str = "100";
/// Characters of a comment, as GitHub takes them.
const LONGEST_COMMENT: usize = 1024;

impl GitHub {
    /// The newest runs that wait for a protection rule, at most a hundred.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn waiting_runs(&self, repo: &RepoName) -> Result<Vec<WorkflowRun>, GithubFault> {
        #[derive(Deserialize)]
        struct Page {
            workflow_runs: Vec<WorkflowRun>,
        }
        let path = at(repo, &["actions", "runs"]) + &query(&[("status", "waiting"), ("per_page", PAGE)]);
        let Page { workflow_runs } = self.get(As::Repository(repo), &path, &path_of(&path)).await?;
        Ok(workflow_runs)
    }

    /// The environments whose protection rules a run waits for.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn pending_environments(&self, repo: &RepoName, run: u64) -> Result<Vec<String>, GithubFault> {
        #[derive(Deserialize)]
        struct Pending {
            environment: Environment,
        }
        #[derive(Deserialize)]
        struct Environment {
            #[serde(default)]
            name: Option<String>,
        }
        let path = at(repo, &["actions", "runs", &run.to_string(), "pending_deployments"]);
        let pending: Vec<Pending> =
            self.get(As::Repository(repo), &path, &Sought::Run { repo: repo.clone(), run }).await?;
        Ok(pending.into_iter().filter_map(|pending| pending.environment.name).collect())
    }

    /// Answers a run that waits for RMM's rule: `Some(true)` lets it go on, `Some(false)` ends it, `None` only comments, which
    /// GitHub takes ten times for a deployment. A longer comment is cut.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn answer_protection_rule(
        &self,
        repo: &RepoName,
        run: u64,
        environment: &str,
        answer: Option<bool>,
        comment: &str,
    ) -> Result<(), GithubFault> {
        let path = at(repo, &["actions", "runs", &run.to_string(), "deployment_protection_rule"]);
        let comment: String = comment.chars().take(LONGEST_COMMENT).collect();
        let mut body = json!({ "environment_name": environment, "comment": comment });
        if let Some(yes) = answer {
            body["state"] = if yes { "approved" } else { "rejected" }.into();
        }
        self.success(As::Repository(repo), &Question::post(&path, body), &path_of(&path)).await.map(|_| ())
    }
}
