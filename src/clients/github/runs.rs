//! Runs of workflows: how they stand, which one was meant, whether it has begun, and their end.

use hyper::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::app::As;
use super::wire::header;
use super::{GitHub, Question, at, path_of, without_workflow};
use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::repository::RepoName;

/// The clocks of RMM and GitHub may differ by so much where a run is looked up: what is older is not looked through.
const CLOCKS: SignedDuration = SignedDuration::from_hours(24);
/// Runs or jobs on a page.
const PAGE: usize = 100;
/// Pages that are read when a run is looked up.
const MOST_PAGES: usize = 3;
/// Pages of jobs; a run has at most 256 jobs for each matrix.
const MOST_JOB_PAGES: usize = 10;

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Asked for.
    Requested,
    /// Held back by the concurrency of its workflow.
    Pending,
    /// Waits for a protection rule.
    Waiting,
    /// Waits for a runner.
    Queued,
    /// At work.
    InProgress,
    /// Over.
    Completed,
    /// What a later GitHub says.
    #[serde(untagged)]
    Other(String),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// Neither well nor badly.
    Neutral,
    /// Ended on demand, or by the concurrency of its workflow.
    Cancelled,
    /// Over its time limit.
    TimedOut,
    /// It waits for a person.
    ActionRequired,
    /// GitHub has given it up.
    Stale,
    /// Nothing had to be done.
    Skipped,
    /// The workflow could not be started.
    StartupFailure,
    /// What a later GitHub says.
    #[serde(untagged)]
    Other(String),
}

/// A run of a workflow, in its latest attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRun {
    /// Its number.
    pub id: u64,
    /// Which attempt; the first one is 1.
    #[serde(rename = "run_attempt", default = "first")]
    pub attempt: u32,
    /// How it stands.
    pub status: RunStatus,
    /// How it ended, if it has.
    pub conclusion: Option<Conclusion>,
    /// What its `run-name` says.
    #[serde(rename = "display_title", default)]
    pub title: String,
    /// The name of the workflow.
    #[serde(default, deserialize_with = "or_empty")]
    pub name: String,
    /// Its page.
    #[serde(rename = "html_url", default)]
    pub url: String,
    /// What started it.
    #[serde(default)]
    pub event: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The commit that it works with.
    #[serde(default)]
    pub head_sha: String,
    /// The branch or tag that it works with.
    #[serde(rename = "head_branch", default)]
    pub branch: Option<String>,
    /// The file of the workflow, perhaps with `@` and a branch or tag.
    #[serde(default)]
    pub path: String,
}

const fn first() -> u32 {
    1
}

fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::<String>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The last answer about a run, with the mark that GitHub gave it.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    etag: String,
    run: WorkflowRun,
}

impl WorkflowRun {
    /// Whether its title or its name has this word, alone.
    #[must_use]
    pub fn is_named(&self, word: &str) -> bool {
        has_word(&self.title, word) || has_word(&self.name, word)
    }

    /// It has ended well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.conclusion == Some(Conclusion::Success)
    }

    /// How it ended, as GitHub says it; empty while it has not.
    #[must_use]
    pub fn conclusion_word(&self) -> String {
        let word = self.conclusion.as_ref().and_then(|conclusion| serde_json::to_value(conclusion).ok());
        word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

impl GitHub {
    /// How a run stands. Asked again, GitHub only says whether anything has changed, which counts for no limit.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn run(&self, repo: &RepoName, id: u64) -> Result<WorkflowRun, GithubFault> {
        let path = at(repo, &["actions", "runs", &id.to_string()]);
        let known = self.inner.remembered.get(&path).await;
        let question = Question { etag: known.as_ref().map(|known| known.etag.as_str()), ..Question::get(&path) };
        let answer = self.ask(As::Repository(repo), &question).await.map_err(|failure| failure.fault)?;
        if let Some(known) = known.filter(|_| answer.status == StatusCode::NOT_MODIFIED) {
            return Ok(known.run);
        }
        let answer = answer.success(&Sought::Run { repo: repo.clone(), run: id }, self.now())?;
        let run: WorkflowRun = answer.json()?;
        if let Some(etag) = header(&answer.headers, "etag") {
            self.inner.remembered.insert(path, Remembered { etag, run: run.clone() }).await;
        }
        Ok(run)
    }

    /// The newest run that was started by a dispatch, and whose title or name has `word` as a whole word. No other run ever has
    /// that word, so that the time only says how far back the lists are read.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn find_run(
        &self,
        repo: &RepoName,
        workflow: &str,
        since: Timestamp,
        word: &str,
    ) -> Result<Option<WorkflowRun>, GithubFault> {
        #[derive(Deserialize)]
        struct Page {
            workflow_runs: Vec<WorkflowRun>,
        }
        // GitHub's description of `created` takes no range, so that the older ones are left out here.
        let since = since.checked_sub(CLOCKS).unwrap_or(since);
        for page in 1..=MOST_PAGES {
            let query =
                query(&[("event", "workflow_dispatch"), ("per_page", &PAGE.to_string()), ("page", &page.to_string())]);
            let path = at(repo, &["actions", "workflows", workflow, "runs"]) + &query;
            let found = self.get(As::Repository(repo), &path, &path_of(&path)).await;
            let Page { workflow_runs } = found.map_err(without_workflow(repo, workflow))?;
            let is_last = workflow_runs.len() < PAGE || workflow_runs.iter().any(|run| run.created_at < since);
            if let Some(run) = workflow_runs.into_iter().find(|run| run.is_named(word)) {
                return Ok(Some(run));
            }
            if is_last {
                break;
            }
        }
        Ok(None)
    }

    /// Whether any job of any attempt has begun: a runner has taken it, and may have touched something. One that was cancelled
    /// in the queue, or skipped, has not.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn has_begun(&self, repo: &RepoName, run: u64) -> Result<bool, GithubFault> {
        #[derive(Deserialize)]
        struct Page {
            jobs: Vec<Job>,
        }
        let sought = Sought::Run { repo: repo.clone(), run };
        for page in 1..=MOST_JOB_PAGES {
            let parts = ["actions", "runs", &run.to_string(), "jobs"];
            let query = query(&[("filter", "all"), ("per_page", &PAGE.to_string()), ("page", &page.to_string())]);
            let Page { jobs } = self.get(As::Repository(repo), &(at(repo, &parts) + &query), &sought).await?;
            if jobs.iter().any(Job::has_begun) {
                return Ok(true);
            }
            if jobs.len() < PAGE {
                return Ok(false);
            }
        }
        // Not all of so many have been waiting, as far as can be known.
        Ok(true)
    }

    /// Ends a run. One that has ended already is as well.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn cancel(&self, repo: &RepoName, run: u64) -> Result<(), GithubFault> {
        let path = at(repo, &["actions", "runs", &run.to_string(), "cancel"]);
        let question = Question::new(hyper::http::Method::POST, &path);
        let answer = self.ask(As::Repository(repo), &question).await.map_err(|failure| failure.fault)?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(());
        }
        answer.success(&Sought::Run { repo: repo.clone(), run }, self.now()).map(|_| ())
    }
}

/// As much of a job as tells whether it has begun.
#[derive(Deserialize)]
struct Job {
    status: RunStatus,
    #[serde(default)]
    runner_id: Option<i64>,
    #[serde(default)]
    runner_name: Option<String>,
    #[serde(default)]
    steps: Option<Vec<serde::de::IgnoredAny>>,
}

impl Job {
    fn has_begun(&self) -> bool {
        let has_runner =
            self.runner_id.is_some_and(|id| id > 0) || self.runner_name.as_deref().is_some_and(|name| !name.is_empty());
        let has_steps = self.steps.as_ref().is_some_and(|steps| !steps.is_empty());
        has_runner || has_steps || self.status == RunStatus::InProgress
    }
}

/// `?a=b&c=d`.
pub(super) fn query(pairs: &[(&str, &str)]) -> String {
    let encoded = pairs.iter().map(|(name, value)| format!("{name}={}", super::segment(value)));
    format!("?{}", encoded.collect::<Vec<_>>().join("&"))
}

/// Whether text has a word that stands alone.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let behind = text[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !behind.is_some_and(is_part)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_alone() {
        for text in ["run-7", "Deploy (run-7)", "run-7: v1.2.0", "deploy.yml run-7"] {
            assert!(has_word(text, "run-7"), "{text}");
        }
        for text in ["run-71", "prerun-7", "run-7-b", "run 7", ""] {
            assert!(!has_word(text, "run-7"), "{text}");
        }
        assert!(has_word("run-71 after run-7", "run-7") && !has_word("anything", ""));
    }
}
