//! Whether the login may do at a repository what RMM needs: as far as GitHub says so, and otherwise by trying.

use std::collections::BTreeSet;

use super::failed;
use crate::clients::github::{GitHub, Repository, Whoami};
use crate::domain::fault::github::GithubFault;
use crate::domain::finding::{Finding, LoginFact, Remedy, Topic};
use crate::domain::mark::MarkKind;
use crate::domain::repository::RepoName;

/// `starts`: RMM starts workflows there; `marks`: what it leaves there.
pub(super) async fn look(
    github: &GitHub,
    who: &Whoami,
    repo: &RepoName,
    found: &Repository,
    starts: bool,
    marks: &BTreeSet<MarkKind>,
) -> Vec<Finding> {
    if who.is_app {
        return of_app(github, repo, starts, marks).await;
    }
    let mut findings = Vec::new();
    if let Some(scopes) = &who.scopes {
        findings.push(of_classic(scopes, found));
    }
    if starts {
        findings.push(match account(who, found) {
            Some(finding) => finding,
            None => tried(Topic::Actions, "Actions: read and write", github.try_actions(repo).await),
        });
    }
    findings.push(tried(Topic::Contents, "Contents: read", github.try_contents(repo).await));
    // The scopes of a classic token say it all.
    if who.scopes.is_none() {
        findings.extend(marks_of_token(github, repo, marks).await);
    }
    findings
}

async fn marks_of_token(github: &GitHub, repo: &RepoName, marks: &BTreeSet<MarkKind>) -> Option<Finding> {
    let mut lacking = Vec::new();
    for kind in marks {
        match github.try_mark(repo, *kind).await {
            Ok(()) => {}
            Err(GithubFault::Forbidden { .. }) => lacking.push(*kind),
            Err(fault) => return Some(failed(Topic::Marks, &fault)),
        }
    }
    of_marks(false, marks, &lacking)
}

/// What RMM leaves there holds up nothing, so that it is a warning.
fn of_marks(app: bool, marks: &BTreeSet<MarkKind>, lacking: &[MarkKind]) -> Option<Finding> {
    if lacking.is_empty() {
        let fact = LoginFact::MarksFit { marks: marks.iter().copied().collect() };
        return (!marks.is_empty()).then(|| Finding::ok(Topic::Marks, fact));
    }
    let fact = LoginFact::MarksLack { app, marks: lacking.to_vec() };
    Some(Finding::warn(Topic::Marks, fact).with(Remedy::PermitMarks { marks: lacking.to_vec() }))
}

async fn of_app(github: &GitHub, repo: &RepoName, starts: bool, marks: &BTreeSet<MarkKind>) -> Vec<Finding> {
    let installation = match github.installation(repo).await {
        Ok(installation) => installation,
        Err(fault) => return vec![failed(Topic::Permission, &fault)],
    };
    if installation.suspended_at.is_some() {
        return vec![Finding::fail(Topic::Permission, LoginFact::AppSuspended).with(Remedy::Unsuspend)];
    }
    let has = |name: &str, level: &str| {
        let given = installation.permissions.get(name).map(String::as_str);
        given.is_some_and(|given| given == level || matches!(given, "write" | "admin"))
    };
    let actions = if starts { ("write", "Actions: read and write") } else { ("read", "Actions: read") };
    let lacking: Vec<_> = [("actions", actions), ("contents", ("read", "Contents: read"))]
        .into_iter()
        .filter(|(name, (level, _))| !has(name, level))
        .map(|(_, (_, words))| words.to_owned())
        .collect();
    let finding = if lacking.is_empty() {
        Finding::ok(Topic::Permission, LoginFact::AppFit { starts })
    } else {
        Finding::fail(Topic::Permission, LoginFact::AppLacks { permissions: lacking }).with(Remedy::PermitApp)
    };
    let name = |kind: MarkKind| match kind {
        MarkKind::Deployment => "deployments",
        MarkKind::Status => "statuses",
        MarkKind::Comment => "pull_requests",
    };
    let lacking: Vec<_> = marks.iter().copied().filter(|kind| !has(name(*kind), "write")).collect();
    std::iter::once(finding).chain(of_marks(true, marks, &lacking)).collect()
}

fn of_classic(scopes: &[String], found: &Repository) -> Finding {
    let has = |scope: &str| scopes.iter().any(|one| one == scope);
    if has("repo") {
        return Finding::warn(Topic::Permission, LoginFact::WideScope).with(Remedy::NarrowToken);
    }
    if !found.private && has("public_repo") {
        return Finding::ok(Topic::Permission, LoginFact::PublicScope);
    }
    let needed = if found.private { "repo" } else { "public_repo" };
    let fact = LoginFact::ScopesLack { given: scopes.to_vec(), needed: needed.to_owned() };
    Finding::fail(Topic::Permission, fact).with(Remedy::EditToken)
}

/// What keeps the account itself, whatever its token says.
fn account(who: &Whoami, found: &Repository) -> Option<Finding> {
    let may_write = ["push", "maintain", "admin"].iter().any(|role| found.permissions.get(*role) == Some(&true));
    // A GitHub that says nothing of it is tried.
    (!found.permissions.is_empty() && !may_write).then(|| {
        let fact = LoginFact::OnlyReads { name: who.name.clone(), repository: found.full_name.clone() };
        Finding::fail(Topic::Actions, fact).with(Remedy::GiveWrite)
    })
}

fn tried(topic: Topic, permission: &str, answer: Result<(), GithubFault>) -> Finding {
    let permission = permission.to_owned();
    match answer {
        Ok(()) => Finding::ok(topic, LoginFact::Granted { permission }),
        Err(GithubFault::Forbidden { said, .. }) => {
            Finding::fail(topic, LoginFact::TokenLacks { permission, said }).with(Remedy::EditPermissions)
        }
        Err(fault) => failed(topic, &fault),
    }
}
