//! Lists the commits that a release brings beside what production runs: GitHub compares them, or git does. It is only for
//! people to read, so that nothing waits for it and nothing follows from it.

use std::collections::HashMap;

use rusqlite::Connection;

use super::{Engine, Failure};
use crate::clients::git;
use crate::clients::github::{GitHub, MergedPull};
use crate::domain::commits::{CommitLine, CommitList, PullRequest};
use crate::domain::env::Env;
use crate::domain::fault::github::GithubFault;
use crate::domain::ids::{Commit, ReleaseId, ServiceName};
use crate::domain::repository::RepoName;
use crate::domain::run::{Run, RunKind};
use crate::domain::version::Version;
use crate::store::{StoreError, commits, releases, runs};

impl Engine {
    /// What a release brings beside what production ran when that was listed last; none where it is not known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn commits_of(&self, id: ReleaseId) -> Result<Option<CommitList>, StoreError> {
        self.read(move |conn| commits::get(conn, id)).await
    }

    /// What a version brings beside another one; none where neither GitHub nor git tells. It asks them, which may take seconds.
    pub async fn commits_between(&self, service: &ServiceName, since: Version, to: &Version) -> Option<CommitList> {
        let (base, head) = (since.commit.clone()?, to.commit.clone()?);
        between(self, service, since, &base, &head).await.ok().flatten()
    }
}

/// Whether it is worth asking once more.
pub(super) enum Listed {
    /// It is done, or it cannot be.
    Done,
    /// GitHub does not answer for now.
    Later(GithubFault),
}

/// Lists the commits of a release.
pub(super) async fn list(engine: &Engine, id: ReleaseId) -> Result<Listed, Failure> {
    let found = engine.read(move |conn| {
        let Some(release) = releases::get(conn, id)? else { return Ok(None) };
        let production = runs::environment(conn, &release.service, Env::Production)?.current;
        let since = match production.filter(|it| it.release != id && release.status.is_active()) {
            Some(production) => Some(production),
            // What it has brought is known, or is to be compared with what production ran before it.
            None if commits::get(conn, id)?.is_some() => None,
            None => before_deploy(conn, id)?,
        };
        Ok(since.map(|since| (release, since)))
    });
    let Some((release, since)) = found.await? else { return Ok(Listed::Done) };
    let (Some(base), Some(head)) = (since.commit.clone(), release.commit.clone()) else { return Ok(Listed::Done) };
    let list = match between(engine, &release.service, since, &base, &head).await {
        Ok(list) => list,
        Err(fault) => return Ok(Listed::Later(fault)),
    };
    let Some(list) = list else { return Ok(Listed::Done) };
    engine.store().write(move |tx| commits::put(tx, id, &list)).await?;
    Ok(Listed::Done)
}

/// What production ran before a release was brought there first.
fn before_deploy(conn: &Connection, id: ReleaseId) -> Result<Option<Version>, StoreError> {
    let is_deploy = |run: &Run| run.environment == Env::Production && run.kind == RunKind::Deploy;
    let first = runs::of_release(conn, id)?.into_iter().find(is_deploy);
    Ok(first.and_then(|run| run.from).filter(|from| from.release != id))
}

/// What `head` brings beside `base`, the commit of `since`: GitHub says it, or git does; none where neither can. Errors that
/// may pass are GitHub's.
async fn between(
    engine: &Engine,
    name: &ServiceName,
    since: Version,
    base: &Commit,
    head: &Commit,
) -> Result<Option<CommitList>, GithubFault> {
    let catalog = engine.catalog();
    let by_github = match catalog.github_of(name) {
        Ok((github, repository)) => compared(github, &repository, &since, base, head).await.map(Some),
        Err(_) => Ok(None),
    };
    let list = match by_github {
        Ok(Some(list)) => Some(list),
        Err(fault) if fault.may_pass() => return Err(fault),
        Ok(None) | Err(_) => {
            let service = catalog.service(name);
            let repository = service.and_then(|service| service.repository.as_deref());
            let ca = service.and_then(|service| catalog.certificates(service.repository_ca.as_deref()?));
            match repository {
                Some(repository) => git::log::between(repository, ca, base, head).await.map(|found| CommitList {
                    since,
                    total: found.total,
                    lacking: found.lacking,
                    url: None,
                    commits: found.commits,
                    pull_requests: Vec::new(),
                }),
                None => None,
            }
        }
    };
    Ok(list.map(|mut list| {
        for commit in &mut list.commits {
            commit.title = catalog.redactor().text(&commit.title);
        }
        for pull in &mut list.pull_requests {
            pull.title = catalog.redactor().text(&pull.title);
        }
        list
    }))
}

async fn compared(
    github: &GitHub,
    repository: &RepoName,
    since: &Version,
    base: &Commit,
    head: &Commit,
) -> Result<CommitList, GithubFault> {
    let found = github.compare(repository, base.as_str(), head.as_str()).await?;
    let mut commits: Vec<_> = found
        .commits
        .into_iter()
        .map(|commit| CommitLine {
            sha: commit.sha,
            title: commit.title,
            author: commit.author,
            login: commit.login,
            url: Some(commit.url),
        })
        .collect();
    commits.reverse();
    let (total, lacking, url) = (found.total, found.behind_by, Some(found.url));
    let pull_requests = pull_requests(github, repository, &commits).await;
    Ok(CommitList { since: since.clone(), total, lacking, url, commits, pull_requests })
}

/// The pull requests behind commits. They are more than was asked for: the list is good without them, where RMM may not read them.
async fn pull_requests(github: &GitHub, repository: &RepoName, commits: &[CommitLine]) -> Vec<PullRequest> {
    let places: HashMap<&str, usize> =
        commits.iter().enumerate().map(|(place, commit)| (commit.sha.as_str(), place)).collect();
    if places.is_empty() {
        return Vec::new();
    }
    let mut merged = match github.pulls_of_commits(repository, |commit| places.contains_key(commit)).await {
        Ok(merged) => merged,
        Err(fault) => {
            tracing::debug!(%repository, ?fault, "the pull requests of a release are not listed");
            return Vec::new();
        }
    };
    merged.sort_by_key(|pull| places.get(pull.commit.as_str()).copied());
    merged.dedup_by_key(|pull| pull.number);
    let line = |pull: MergedPull| PullRequest {
        number: pull.number,
        title: pull.title.lines().next().unwrap_or_default().to_owned(),
        author: pull.login,
        url: pull.url,
    };
    merged.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests;
