//! What there is to say of GitHub: the login, the repositories of services and what is in them. What goes wrong with a question
//! is a reason.

use serde::Serialize;

use crate::domain::identity::WorkflowRef;
use crate::domain::mark::MarkKind;
use crate::domain::repository::RepoName;

/// What there is to say of the login and of what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`permissions` are named as GitHub's settings name them")]
pub enum LoginFact {
    /// There is none, and no service needs one.
    NoLogin,
    /// Seconds that this machine's clock is ahead of GitHub's, or behind where negative. `too_far`: tokens do not hold.
    ClockBesideGithub {
        seconds: i64,
        too_far: bool,
    },
    ClockWithGithub,
    App {
        name: String,
    },
    Token {
        name: String,
        classic: bool,
        until: Option<String>,
    },
    AppSuspended,
    AppFit {
        starts: bool,
    },
    AppLacks {
        permissions: Vec<String>,
    },
    MarksFit {
        marks: Vec<MarkKind>,
    },
    MarksLack {
        app: bool,
        marks: Vec<MarkKind>,
    },
    WideScope,
    PublicScope,
    ScopesLack {
        given: Vec<String>,
        needed: String,
    },
    OnlyReads {
        name: String,
        repository: String,
    },
    Granted {
        permission: String,
    },
    TokenLacks {
        permission: String,
        said: Option<String>,
    },
}

/// What there is to say of a repository and of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`here` is where RMM takes deliveries; the rest are the words of GitHub")]
pub enum RepositoryFact {
    Renamed {
        repository: RepoName,
        now: Option<String>,
    },
    Repository {
        repository: RepositoryName,
    },
    Archived {
        repository: RepositoryName,
    },
    /// `oidc` believes the jobs of another one.
    OtherTrusted {
        repository: RepositoryName,
        trusted: u64,
    },

    // Workflows.
    TrustedIn {
        workflow: WorkflowRef,
        repository: RepoName,
    },
    TrustedUnseen {
        workflow: WorkflowRef,
        repository: RepoName,
    },
    TrustedAt {
        workflow: WorkflowRef,
        path: String,
        git_ref: String,
    },
    TrustedAbsent {
        workflow: WorkflowRef,
        path: String,
        git_ref: String,
    },
    StartedUntrusted {
        file: String,
        branch: String,
    },
    TagWorkflow {
        file: String,
        branch: String,
    },
    NoTagWorkflow {
        path: String,
        branch: String,
    },
    WorkflowAbsent {
        path: String,
        branch: String,
    },
    WorkflowFit {
        file: String,
        branch: String,
    },
    WorkflowMistaken {
        file: String,
        mistake: WorkflowMistake,
    },
    NoYaml {
        file: String,
        said: String,
    },

    // The webhook and what it brings.
    NoHookCanCome,
    NoHookTaken,
    HooksUnseen,
    NoHookWanted,
    HookToOther {
        url: String,
    },
    NoHook,
    HookOff {
        here: String,
    },
    HookUnwanted {
        here: String,
    },
    HookWithoutSecret {
        here: String,
    },
    HookSendsForms {
        here: String,
    },
    HookLacks {
        here: String,
        events: Vec<String>,
    },
    HookFit {
        here: String,
    },
    NoDeliveries,
    Delivered {
        well: usize,
        all: usize,
    },
    /// `status`: 0 where there was no answer, `said` then is why.
    NotDelivered {
        event: String,
        status: i64,
        said: String,
        well: usize,
        all: usize,
    },
}

/// A repository as GitHub knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct RepositoryName {
    pub name: String,
    pub number: u64,
    pub branch: String,
}

/// What keeps RMM from starting a workflow, or from finding its run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`inputs` are those that it is about")]
pub enum WorkflowMistake {
    NoDispatch,
    Undeclared {
        inputs: Vec<String>,
    },
    Requires {
        inputs: Vec<String>,
    },
    NoText {
        inputs: Vec<String>,
    },
    /// `run-name` does not say it.
    NoRunId,
}
