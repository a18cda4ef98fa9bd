//! Where the repository of a service is asked for tags and commits: where RMM has a login at the GitHub that holds it, GitHub's API, so
//! that a repository that only this login can read is no secret; git for all others, and where the login may not see it.
//!
//! Must not: know releases. What is new or has moved is found by the callers.

use std::collections::BTreeMap;

use crate::clients::git::{self, Tagged, Tags, Unresolved};
use crate::clients::github::{FoundTag, GitHub};
use crate::domain::fault::github::GithubFault;
use crate::domain::fault::repository::{GitAdvice, RepositoryFault};
use crate::domain::ids::{Commit, ServiceName, Tag};
use crate::domain::plan::clone_url;
use crate::domain::reason::Reason;
use crate::domain::repository::RepoName;

use super::catalog::Catalog;

/// The repository of a service, and who is asked about it.
#[derive(Debug)]
pub(super) struct Source<'c> {
    address: &'c str,
    ca: Option<&'c str>,
    github: Option<(&'c GitHub, RepoName)>,
}

/// What GitHub says; git is asked where it may not say it, and why that is.
enum Said<T> {
    Answer(Result<T, Unresolved>),
    Git(Option<GithubFault>),
}

impl<'c> Source<'c> {
    /// The repository of a service; none where it has none.
    pub fn of(catalog: &'c Catalog, name: &ServiceName) -> Option<Self> {
        let service = catalog.service(name)?;
        let ca = service.repository_ca.as_deref().and_then(|ca| catalog.certificates(ca));
        Some(Self { address: service.repository.as_deref()?, ca, github: catalog.github_of(name).ok() })
    }

    /// The repository at an address, of no service yet.
    pub fn at(catalog: &'c Catalog, address: &'c str) -> Self {
        let github = catalog.github().and_then(Result::ok).zip(catalog.github_settings());
        let github = github.and_then(|(github, settings)| Some((github, RepoName::of(address, &settings.api_url)?)));
        Self { address, ca: None, github }
    }

    /// Where it is.
    pub const fn address(&self) -> &'c str {
        self.address
    }

    /// The GitHub that is asked first, and what it is called there.
    pub const fn github(&self) -> Option<&(&'c GitHub, RepoName)> {
        self.github.as_ref()
    }

    /// What a tag points at.
    ///
    /// # Errors
    /// [`Unresolved`], which says whether asking again makes sense.
    pub async fn resolve(&self, tag: &Tag) -> Result<Tagged, Unresolved> {
        match self.ask(async |github, repo| github.tag(repo, tag.as_str()).await).await {
            Said::Answer(found) => {
                self.tagged(found?.as_ref(), || RepositoryFault::NoTag { url: self.url(), tag: tag.clone() })
            }
            Said::Git(fault) => by_git(git::resolve(self.address, self.ca, tag).await, fault),
        }
    }

    /// What these tags point at, those that are there.
    ///
    /// # Errors
    /// As [`Source::resolve`].
    pub async fn resolve_all(&self, tags: &[Tag]) -> Result<BTreeMap<Tag, Tagged>, Unresolved> {
        let asked = self.ask(async |github, repo| {
            let mut found = BTreeMap::new();
            for tag in tags {
                found.insert(tag.clone(), github.tag(repo, tag.as_str()).await?);
            }
            Ok(found)
        });
        match asked.await {
            Said::Answer(found) => {
                let found = found?.into_iter().filter_map(|(tag, found)| Some((tag, commit_of(&found?)?)));
                Ok(found.collect())
            }
            Said::Git(fault) => by_git(git::resolve_all(self.address, self.ca, tags).await, fault),
        }
    }

    /// The commit that an id names.
    ///
    /// # Errors
    /// As [`Source::resolve`].
    pub async fn find_commit(&self, id: &Commit) -> Result<Tagged, Unresolved> {
        match self.ask(async |github, repo| github.commit(repo, id.as_str()).await).await {
            Said::Answer(found) => {
                self.tagged(found?.as_ref(), || RepositoryFault::NoCommit { url: self.url(), commit: id.clone() })
            }
            Said::Git(fault) => by_git(git::find_commit(self.address, self.ca, id).await, fault),
        }
    }

    /// All tags.
    ///
    /// # Errors
    /// As [`Source::resolve`].
    pub async fn tags(&self) -> Result<Tags, Unresolved> {
        match self.ask(async |github, repo| github.tags(repo).await).await {
            Said::Answer(found) => {
                let mut tags = Tags::default();
                for (name, found) in found? {
                    match (Tag::parse("tag", name.as_str()), Commit::parse("commit", found.id)) {
                        (Ok(tag), Ok(commit)) => drop(tags.named.insert(tag, commit)),
                        (Err(_), _) => tags.unnameable.push(name),
                        (Ok(_), Err(_)) => {}
                    }
                }
                Ok(tags)
            }
            Said::Git(fault) => by_git(git::tags(self.address, self.ca).await, fault),
        }
    }

    /// Whether a tag leads to a commit, and not to a file or a folder; none where that is not known.
    pub async fn is_commit(&self, tag: &Tag) -> Option<bool> {
        match self.ask(async |github, repo| github.tag(repo, tag.as_str()).await).await {
            Said::Answer(found) => found.ok().flatten().map(|found| found.is_commit),
            Said::Git(_) => git::kind::is_commit(self.address, self.ca, tag).await,
        }
    }

    /// Whether it can be asked at all.
    ///
    /// # Errors
    /// As [`Source::resolve`].
    pub async fn answers(&self) -> Result<(), Unresolved> {
        match self.ask(async |github, repo| github.repository(repo).await).await {
            Said::Answer(found) => found.map(|_| ()),
            Said::Git(fault) => by_git(git::answers(self.address, self.ca).await, fault),
        }
    }

    /// Whether GitHub's API is asked first.
    pub const fn is_at_github(&self) -> bool {
        self.github.is_some()
    }

    async fn ask<T>(&self, question: impl AsyncFnOnce(&GitHub, &RepoName) -> Result<T, GithubFault>) -> Said<T> {
        let Some((github, repo)) = &self.github else { return Said::Git(None) };
        match question(github, repo).await {
            Ok(found) => Said::Answer(Ok(found)),
            // git reads longer lists.
            Err(fault) if fault.may_pass() && !matches!(fault, GithubFault::TooLong { .. }) => {
                Said::Answer(Err(Unresolved::ForNow(Reason::Github { fault })))
            }
            Err(fault) => Said::Git(Some(fault)),
        }
    }

    fn tagged(
        &self,
        found: Option<&FoundTag>,
        missing: impl FnOnce() -> RepositoryFault,
    ) -> Result<Tagged, Unresolved> {
        let tagged = found.and_then(commit_of);
        tagged.ok_or_else(|| Unresolved::NoTag(Reason::Repository { fault: missing() }))
    }

    fn url(&self) -> String {
        clone_url(self.address)
    }
}

/// The commit behind a tag, where it is one.
fn commit_of(found: &FoundTag) -> Option<Tagged> {
    let id = |text: &str| Commit::parse("commit", text).ok();
    let commit = id(&found.id).filter(|_| found.is_commit)?;
    Some(Tagged { commit, object: found.object.as_deref().and_then(id) })
}

/// What git says. Where it does not get in either, it is GitHub that says what to do.
fn by_git<T>(said: Result<T, Unresolved>, fault: Option<GithubFault>) -> Result<T, Unresolved> {
    match (said, fault) {
        (Err(Unresolved::ForNow(Reason::Repository { fault: unread })), Some(fault)) if is_shut_out(&unread) => {
            Err(Unresolved::ForNow(Reason::Github { fault }))
        }
        (said, _) => said,
    }
}

fn is_shut_out(fault: &RepositoryFault) -> bool {
    let RepositoryFault::NotRead { said, advice, .. } = fault else { return false };
    let is_advice = matches!(advice, Some(GitAdvice::Login | GitAdvice::DeployKey | GitAdvice::Address));
    is_advice || said.contains("not found")
}

#[cfg(test)]
mod tests;
