//! The workflows that speak to RMM by themselves: those that `oidc` trusts, those that RMM starts and believes then, and the one
//! that a tag starts.

use super::{failed, workflows};
use crate::assets::workflows::TAG_WORKFLOW;
use crate::clients::github::GitHub;
use crate::domain::env::Env;
use crate::domain::fault::github::GithubFault;
use crate::domain::finding::{Finding, Remedy, RepositoryFact, Topic};
use crate::domain::identity::{TrustedWorkflows, WorkflowRef};
use crate::domain::repository::RepoName;
use crate::domain::service::{Driver, Service};

const HEADS: &str = "refs/heads/";

/// `branch`: the default one, at which RMM starts workflows.
pub(super) async fn look(github: &GitHub, repo: &RepoName, branch: &str, service: &Service) -> Vec<Finding> {
    let listed = service.oidc.as_ref().filter(|trusted| !trusted.workflows.is_empty());
    let Some(trusted) = listed else { return of_tags(github, repo, branch, service).await.into_iter().collect() };
    let mut findings = Vec::new();
    for workflow in &trusted.workflows {
        findings.push(of_workflow(github, repo, branch, workflow).await);
    }
    findings.extend(workflows(service).into_keys().filter_map(|file| unbelieved(trusted, repo, branch, file)));
    findings
}

/// Whether the file is where the workflow is trusted.
async fn of_workflow(github: &GitHub, repo: &RepoName, branch: &str, workflow: &WorkflowRef) -> Finding {
    let path = format!(".github/workflows/{}", workflow.file());
    let place = RepoName::parse(workflow.repository()).filter(|place| !repo.is(&place.to_string()));
    if let Some(place) = place {
        // A workflow that those of the repository call. The login need not see where it lies.
        let found = match github.default_branch(&place).await {
            Ok(branch) => github.file(&place, &path, at(workflow).unwrap_or(&branch)).await,
            Err(fault) => Err(fault),
        };
        let (workflow, repository) = (workflow.clone(), place);
        return match found {
            Ok(_) => Finding::ok(Topic::Oidc, RepositoryFact::TrustedIn { workflow, repository }),
            Err(_) => Finding::warn(Topic::Oidc, RepositoryFact::TrustedUnseen { workflow, repository })
                .with(Remedy::NameWorkflow),
        };
    }
    let git_ref = at(workflow).unwrap_or(branch);
    let found = github.file(repo, &path, git_ref).await;
    let (workflow, git_ref) = (workflow.clone(), git_ref.to_owned());
    match found {
        Ok(_) => Finding::ok(Topic::Oidc, RepositoryFact::TrustedAt { workflow, path, git_ref }),
        Err(GithubFault::NotFound { .. }) => {
            Finding::fail(Topic::Oidc, RepositoryFact::TrustedAbsent { workflow, path, git_ref })
                .with(Remedy::WriteTrusted)
        }
        Err(fault) => failed(Topic::Oidc, &fault),
    }
}

/// The one branch or tag at which a workflow is trusted; none: at several.
fn at(workflow: &WorkflowRef) -> Option<&str> {
    let git_ref = workflow.git_ref()?.as_str();
    let git_ref = git_ref.strip_prefix(HEADS).or_else(|| git_ref.strip_prefix("refs/tags/"))?;
    (!git_ref.contains(['*', '?'])).then_some(git_ref)
}

/// A workflow that RMM starts, and whose jobs it would not believe.
fn unbelieved(trusted: &TrustedWorkflows, repo: &RepoName, branch: &str, file: &str) -> Option<Finding> {
    let workflow = format!("{repo}/.github/workflows/{file}@{HEADS}{branch}");
    if trusted.trust(&workflow, Some(repo), &repo.to_string()) {
        return None;
    }
    let fact = RepositoryFact::StartedUntrusted { file: file.to_owned(), branch: branch.to_owned() };
    Some(Finding::fail(Topic::Oidc, fact).with(Remedy::AddTrusted { workflow }))
}

/// Where CI brings stage to what a tag means, a workflow of the repository has to say so.
async fn of_tags(github: &GitHub, repo: &RepoName, branch: &str, service: &Service) -> Option<Finding> {
    if !matches!(service.environment(Env::Stage).driver, Driver::Ci { workflow: None, .. }) {
        return None;
    }
    let path = format!(".github/workflows/{TAG_WORKFLOW}");
    let found = github.file(repo, &path, branch).await;
    let branch = branch.to_owned();
    Some(match found {
        Ok(_) => Finding::ok(Topic::TagWorkflow, RepositoryFact::TagWorkflow { file: TAG_WORKFLOW.to_owned(), branch }),
        Err(GithubFault::NotFound { .. }) => {
            Finding::warn(Topic::TagWorkflow, RepositoryFact::NoTagWorkflow { path, branch })
                .with(Remedy::WriteWorkflow)
        }
        Err(fault) => failed(Topic::TagWorkflow, &fault),
    })
}
