//! What is in the way of something that GitHub was asked for, as facts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AnswerFault;
use crate::domain::reason::Reason;
use crate::domain::repository::RepoName;

/// Why GitHub does not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`asked` is GitHub's API, `said` is what GitHub said")]
pub enum GithubFault {
    // On the way.
    /// There is no connection, so that nothing was asked.
    Unreached { asked: String, cause: Box<Reason> },
    /// It took the connection, and spoke no TLS that RMM trusts, so that nothing was asked.
    Untrusted { asked: String, fault: AnswerFault },
    /// It did not answer in time.
    Late { asked: String, limit: Duration },
    /// The connection was cut before the answer was complete; what the system said.
    Cut { asked: String, said: String },
    /// It answered with an error of its own.
    Server { status: u16, said: Option<String> },
    /// It sent RMM on to another address, which RMM does not follow.
    Redirected { status: u16, to: Option<String> },
    /// The answer is longer than RMM reads.
    TooLong { limit: u64 },
    /// The answer is not what GitHub's description says.
    Unreadable { said: String },
    /// Too many questions.
    RateLimited { until: Option<Timestamp>, said: Option<String> },

    // Who asks.
    /// GitHub does not know the token.
    Unauthorized { said: Option<String> },
    /// The token may not; `needs` is the permission that is missing, as GitHub names it.
    Forbidden { said: Option<String>, needs: Option<String> },
    /// The App's installation is suspended, so that its permissions do not matter.
    AppSuspended { said: Option<String> },
    /// The organization wants the token to be authorized there.
    SignOn { url: Option<String> },
    /// The App is not installed on the repository.
    AppNotInstalled { repo: RepoName },
    /// GitHub does not take the tokens that it makes for the App's installation.
    AppUnauthorized { said: Option<String> },
    /// GitHub does not take what the App's private key has signed.
    AppRefused { said: Option<String> },
    /// The App's private key cannot be used.
    AppKey,
    /// The way to GitHub cannot be set up; what the library said.
    NotSetUp { said: String },

    // What is asked for.
    /// It is not there, or the token may not see it.
    NotFound { what: Sought },
    /// There is no such workflow.
    NoWorkflow { repo: RepoName, workflow: String },
    /// The workflow is switched off.
    WorkflowDisabled { repo: RepoName, workflow: String },
    /// The workflow cannot be started from outside at this branch or tag.
    NoDispatchTrigger { repo: RepoName, workflow: String, git_ref: String },
    /// The repository has no such branch or tag.
    NoRef { repo: RepoName, git_ref: String },
    /// The workflow does not take what RMM gives it, or wants something else; GitHub's words name the inputs.
    UnknownInput { workflow: String, said: String },
    /// GitHub takes fewer inputs.
    TooManyInputs { workflow: String, said: String },
    /// Something else is wrong with what was asked.
    Invalid { status: u16, said: Option<String> },
}

/// What was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are GitHub's words")]
pub enum Sought {
    /// The repository itself.
    Repository { repo: RepoName },
    /// A run of a workflow.
    Run { repo: RepoName, run: u64 },
    /// A file as of a branch, tag or commit.
    File { repo: RepoName, path: String, git_ref: String },
    /// One of two commits, branches or tags.
    Commits { repo: RepoName, base: String, head: String },
    /// Anything else, by its path in the API.
    Path { path: String },
}

impl GithubFault {
    /// Whether it can pass by itself.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Unreached { .. }
            | Self::Untrusted { .. }
            | Self::Late { .. }
            | Self::Cut { .. }
            | Self::Server { .. }
            | Self::Redirected { .. }
            | Self::TooLong { .. }
            | Self::Unreadable { .. }
            | Self::RateLimited { .. } => true,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::AppSuspended { .. }
            | Self::SignOn { .. }
            | Self::AppNotInstalled { .. }
            | Self::AppUnauthorized { .. }
            | Self::AppRefused { .. }
            | Self::AppKey
            | Self::NotSetUp { .. }
            | Self::NotFound { .. }
            | Self::NoWorkflow { .. }
            | Self::WorkflowDisabled { .. }
            | Self::NoDispatchTrigger { .. }
            | Self::NoRef { .. }
            | Self::UnknownInput { .. }
            | Self::TooManyInputs { .. }
            | Self::Invalid { .. } => false,
        }
    }
}
