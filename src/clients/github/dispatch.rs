//! Starts a workflow. What became of it is told so that the caller knows whether it may ask again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, wait};
use super::app::As;
use super::{GitHub, Question, at, repository_of};
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

/// What makes GitHub tell which run it has started. github.com knows it, older Enterprise Servers refuse it.
const RUN_DETAILS: &str = "return_run_details";

/// What became of a dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dispatched {
    /// GitHub has taken it. An older one does not say which run it is; then it has to be looked up.
    Accepted {
        /// The number of the run.
        run: Option<u64>,
        /// Its page.
        url: Option<String>,
    },
    /// GitHub has not done it and will not, until something is changed.
    Refused(GithubFault),
    /// It may have been done: look the run up before asking again.
    Unclear(GithubFault),
    /// It has certainly not been done, and can be asked for later.
    Later {
        /// Why.
        fault: GithubFault,
        /// How long GitHub wants to be left alone, if it says so.
        after: Option<Duration>,
    },
}

impl GitHub {
    /// Starts `workflow` (the name of its file, or its number) at a branch or tag.
    pub async fn dispatch(
        &self,
        repo: &RepoName,
        workflow: &str,
        git_ref: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Dispatched {
        let path = at(repo, &["actions", "workflows", workflow, "dispatches"]);
        let ask = |with_details: bool| {
            let mut body = json!({ "ref": git_ref, "inputs": inputs });
            if with_details {
                body[RUN_DETAILS] = Value::Bool(true);
            }
            let question = Question::post(&path, body);
            async move { self.ask(As::Repository(repo), &question).await }
        };
        let with_details = !self.inner.without_run_details.load(Ordering::Relaxed);
        let mut answered = ask(with_details).await;
        if with_details && answered.as_ref().is_ok_and(refuses_details) {
            self.inner.without_run_details.store(true, Ordering::Relaxed);
            answered = ask(false).await;
        }
        match answered {
            Ok(answer) => self.judge(repo, workflow, git_ref, &answer).await,
            Err(failure) if failure.sent => Dispatched::Unclear(failure.fault),
            Err(failure) if failure.fault.may_pass() => self.later(failure.fault),
            Err(failure) => Dispatched::Refused(failure.fault),
        }
    }

    async fn judge(&self, repo: &RepoName, workflow: &str, git_ref: &str, answer: &Answer) -> Dispatched {
        let status = answer.status;
        if status.is_success() {
            return accepted(answer);
        }
        let fault = answer.fault(&repository_of(repo), self.now());
        match (status.as_u16(), fault) {
            // A limit may be that of a gateway which has passed the request on.
            (429, fault) => Dispatched::Unclear(fault),
            (_, fault @ GithubFault::RateLimited { .. }) => self.later(fault),
            (404, _) => Dispatched::Refused(self.missing(repo, workflow).await),
            (400 | 422, GithubFault::Invalid { status, said }) => {
                Dispatched::Refused(unfit(repo, workflow, git_ref, status, said))
            }
            // Which no permission changes.
            (403, GithubFault::Forbidden { said, .. }) if is_disabled(said.as_deref()) => {
                Dispatched::Refused(GithubFault::WorkflowDisabled { repo: repo.clone(), workflow: workflow.to_owned() })
            }
            // A request that came too slowly may have come.
            (408, fault) => Dispatched::Unclear(fault),
            (400..500, fault) => Dispatched::Refused(fault),
            (_, fault) => Dispatched::Unclear(fault),
        }
    }

    fn later(&self, fault: GithubFault) -> Dispatched {
        let after = wait(&fault, self.now());
        Dispatched::Later { fault, after }
    }

    /// Which of both is missing: GitHub answers 404 for either.
    async fn missing(&self, repo: &RepoName, workflow: &str) -> GithubFault {
        match self.repository(repo).await {
            Ok(_) => GithubFault::NoWorkflow { repo: repo.clone(), workflow: workflow.to_owned() },
            Err(fault @ GithubFault::NotFound { .. }) => fault,
            Err(_) => GithubFault::NotFound { what: repository_of(repo) },
        }
    }
}

fn refuses_details(answer: &Answer) -> bool {
    let is_refusal = matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
    is_refusal && String::from_utf8_lossy(&answer.body).contains(RUN_DETAILS)
}

fn accepted(answer: &Answer) -> Dispatched {
    #[derive(Deserialize)]
    struct Details {
        workflow_run_id: Option<i64>,
        html_url: Option<String>,
    }
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return Dispatched::Accepted { run: None, url: None };
    }
    match answer.json::<Details>() {
        Ok(Details { workflow_run_id, html_url }) => {
            let run = workflow_run_id.and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
            Dispatched::Accepted { run, url: html_url.filter(|_| run.is_some()) }
        }
        Err(fault) => Dispatched::Unclear(fault),
    }
}

/// Whether GitHub says that the workflow is switched off.
fn is_disabled(said: Option<&str>) -> bool {
    let words = said.unwrap_or_default().to_lowercase();
    ["disabled workflow", "workflow is disabled"].iter().any(|text| words.contains(text))
}

/// What GitHub's words mean. Where they are others one day, they are told as they are.
fn unfit(repo: &RepoName, workflow: &str, git_ref: &str, status: u16, said: Option<String>) -> GithubFault {
    let (repo, workflow, git_ref) = (repo.clone(), workflow.to_owned(), git_ref.to_owned());
    let words = said.as_deref().unwrap_or_default().to_lowercase();
    let has = |text: &str| words.contains(text);
    let told = said.clone().unwrap_or_default();
    if has("no ref found") {
        GithubFault::NoRef { repo, git_ref }
    } else if is_disabled(said.as_deref()) {
        GithubFault::WorkflowDisabled { repo, workflow }
    } else if has("workflow_dispatch") && (has("does not have") || has("trigger")) && !has("inputs") {
        GithubFault::NoDispatchTrigger { repo, workflow, git_ref }
    } else if (has("inputs") || has("properties"))
        && (has("up to") || has("maximum") || has("too many") || has("more than"))
    {
        GithubFault::TooManyInputs { workflow, said: told }
    } else if has("unexpected inputs") || has("required input") || has("for input") {
        GithubFault::UnknownInput { workflow, said: told }
    } else {
        GithubFault::Invalid { status, said }
    }
}
