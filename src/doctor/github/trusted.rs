//! The workflows that speak to RMM by themselves: those that `oidc` trusts, those that RMM starts and believes then, and the one
//! that a tag starts.

use super::{failed, workflows};
use crate::assets::workflows::TAG_WORKFLOW;
use crate::clients::github::GitHub;
use crate::contract::Finding;
use crate::domain::env::Env;
use crate::domain::fault::github::GithubFault;
use crate::domain::identity::{TrustedWorkflows, WorkflowRef};
use crate::domain::repository::RepoName;
use crate::domain::service::{Driver, Service};

const NAME: &str = "oidc";
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
        let fix = "see whether it is written as GitHub names it, or let the login read that repository";
        return match found {
            Ok(_) => Finding::ok(NAME, format!("{workflow}: in the repository {place}")),
            Err(_) => Finding::warn(NAME, format!("{workflow} was not seen in the repository {place}"), fix),
        };
    }
    let git_ref = at(workflow).unwrap_or(branch);
    match github.file(repo, &path, git_ref).await {
        Ok(_) => Finding::ok(NAME, format!("{workflow}: {path} is at {git_ref}")),
        Err(GithubFault::NotFound { .. }) => Finding::fail(
            NAME,
            format!("{workflow} is trusted, and {path} is not at {git_ref}, or there is no such branch or tag"),
            "write `workflow` in `oidc` as the file and its branch are called, or push the file there",
        ),
        Err(fault) => failed(NAME, &fault),
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
    let detail =
        format!("RMM starts {file} on {branch}, and `oidc` does not trust its jobs: their reports would be refused");
    Some(Finding::fail(NAME, detail, format!("add \"{workflow}\" to `workflow` in `oidc`")))
}

/// Where CI brings stage to what a tag means, a workflow of the repository has to say so.
async fn of_tags(github: &GitHub, repo: &RepoName, branch: &str, service: &Service) -> Option<Finding> {
    const NAME: &str = "tag workflow";
    if !matches!(service.environment(Env::Stage).driver, Driver::Ci { workflow: None, .. }) {
        return None;
    }
    let path = format!(".github/workflows/{TAG_WORKFLOW}");
    Some(match github.file(repo, &path, branch).await {
        Ok(_) => Finding::ok(NAME, format!("{TAG_WORKFLOW} is on {branch}")),
        Err(GithubFault::NotFound { .. }) => Finding::warn(
            NAME,
            format!(
                "{path} is not on {branch}; all is well where another workflow, or another CI system, reports stage"
            ),
            "`rmm service workflows` writes one",
        ),
        Err(fault) => failed(NAME, &fault),
    })
}
