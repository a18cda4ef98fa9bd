//! Who RMM is at GitHub, what it may do there, and what GitHub's clock says.

use std::collections::BTreeMap;

use hyper::http::Method;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::app::{As, Credentials};
use super::runs::query;
use super::wire::header;
use super::{GitHub, Question, at, path_of, repository_of};
use crate::domain::fault::github::GithubFault;
use crate::domain::mark::MarkKind;
use crate::domain::repository::RepoName;

/// No run, deployment or comment has this number.
const NO_RUN: &str = "0";
/// No commit has this id.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// Who RMM is at GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whoami {
    /// The login of the token's account, or the name of the App.
    pub name: String,
    /// Whether it is an App.
    pub is_app: bool,
    /// The scopes of a classic token; a fine-grained one and an App have none.
    pub scopes: Option<Vec<String>>,
    /// The permissions of an App.
    pub permissions: BTreeMap<String, String>,
    /// When the token expires, as GitHub writes it.
    pub expires: Option<String>,
}

/// The first exchange with GitHub.
#[derive(Debug)]
pub struct Met {
    /// Who RMM is there.
    pub who: Result<Whoami, GithubFault>,
    /// How far this machine's clock is ahead of GitHub's, to a second or two. Also known where RMM is not.
    pub ahead: Option<SignedDuration>,
}

/// An App, installed on a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// What it may do there: `actions` → `write`.
    #[serde(default)]
    pub permissions: BTreeMap<String, String>,
    /// Since when it may do nothing for a while.
    #[serde(default)]
    pub suspended_at: Option<Timestamp>,
}

impl GitHub {
    /// Who RMM is there, and what time it is there.
    pub async fn meet(&self) -> Met {
        let path = if self.is_app() { "/app" } else { "/user" };
        let begun = self.now();
        let answer = match self.ask(As::App, &Question::get(path)).await {
            Ok(answer) => answer,
            Err(failure) => return Met { who: Err(failure.fault), ahead: None },
        };
        let took = self.now().duration_since(begun);
        let ours = begun.checked_add(took / 2).unwrap_or(begun);
        let theirs =
            header(&answer.headers, "date").and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(&date).ok());
        Met { who: self.read_who(answer, path), ahead: theirs.map(|theirs| ours.duration_since(theirs)) }
    }

    fn read_who(&self, answer: Answer, path: &str) -> Result<Whoami, GithubFault> {
        #[derive(Deserialize)]
        struct Me {
            login: Option<String>,
            name: Option<String>,
            #[serde(default)]
            permissions: BTreeMap<String, String>,
        }
        let is_app = self.is_app();
        let answer = answer.success(&path_of(path), self.now())?;
        let Me { login, name, permissions } = answer.json()?;
        let list =
            |text: String| text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
        Ok(Whoami {
            name: if is_app { name } else { login }.unwrap_or_default(),
            is_app,
            scopes: header(&answer.headers, "x-oauth-scopes").map(list),
            permissions,
            expires: header(&answer.headers, "github-authentication-token-expiration"),
        })
    }

    fn is_app(&self) -> bool {
        matches!(self.inner.credentials, Credentials::App { .. })
    }

    /// What an App may do with a repository.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn installation(&self, repo: &RepoName) -> Result<Installation, GithubFault> {
        let found = self.get(As::App, &at(repo, &["installation"]), &repository_of(repo)).await;
        found.map_err(|fault| {
            let is_missing = matches!(fault, GithubFault::NotFound { .. });
            if is_missing { GithubFault::AppNotInstalled { repo: repo.clone() } } else { fault }
        })
    }

    /// Tries whether a token may start and end workflows, by ending a run that there is not. GitHub tells the permissions of no
    /// fine-grained token, only which one is missing.
    ///
    /// # Errors
    /// [`GithubFault`], [`GithubFault::Forbidden`] where it may not.
    pub async fn try_actions(&self, repo: &RepoName) -> Result<(), GithubFault> {
        let path = at(repo, &["actions", "runs", NO_RUN, "cancel"]);
        let answer = self.success(As::Repository(repo), &Question::new(Method::POST, &path), &path_of(&path)).await;
        expected(answer)
    }

    /// Tries whether a kind of mark may be left, by changing one that there is not.
    ///
    /// # Errors
    /// [`GithubFault`], [`GithubFault::Forbidden`] where it may not.
    pub async fn try_mark(&self, repo: &RepoName, kind: MarkKind) -> Result<(), GithubFault> {
        let (method, parts, body) = match kind {
            MarkKind::Deployment => {
                (Method::POST, ["deployments", NO_RUN, "statuses"].as_slice(), json!({ "state": "inactive" }))
            }
            MarkKind::Status => (Method::POST, ["statuses", NO_COMMIT].as_slice(), json!({ "state": "pending" })),
            MarkKind::Comment => {
                (Method::PATCH, ["issues", "comments", NO_RUN].as_slice(), json!({ "body": "rmm doctor" }))
            }
        };
        let path = at(repo, parts);
        let question = Question { body: Some(body), ..Question::new(method, &path) };
        expected(self.success(As::Repository(repo), &question, &path_of(&path)).await)
    }

    /// Tries whether commits may be read.
    ///
    /// # Errors
    /// [`GithubFault`], [`GithubFault::Forbidden`] where they may not.
    pub async fn try_contents(&self, repo: &RepoName) -> Result<(), GithubFault> {
        let path = at(repo, &["commits"]) + &query(&[("per_page", "1")]);
        expected(self.success(As::Repository(repo), &Question::get(&path), &path_of(&path)).await)
    }
}

/// What is not there may be asked for; a repository without commits is a conflict.
fn expected(answer: Result<Answer, GithubFault>) -> Result<(), GithubFault> {
    match answer {
        Ok(_) | Err(GithubFault::NotFound { .. } | GithubFault::Invalid { .. }) => Ok(()),
        Err(fault) => Err(fault),
    }
}
