//! Tags and commits of a repository, as GitHub has them: for one that only RMM's login can read.

use std::collections::HashMap;

use serde::Deserialize;

use super::app::As;
use super::runs::query;
use super::wire::header;
use super::{GitHub, Question, at, repository_of};
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

/// Tags that lead to tags that lead to tags.
const DEEPEST: u8 = 8;
/// Of so many annotated tags that are not known yet, each is asked for; of more, the list.
const ONE_BY_ONE: usize = 5;
/// Tags on a page.
const PAGE: usize = 100;
/// Pages that are read.
const MOST_PAGES: usize = 100;

/// What a tag leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTag {
    /// The id of the object behind it.
    pub id: String,
    /// Whether that is a commit, and not a file or a folder.
    pub is_commit: bool,
    /// The object that an annotated tag is itself.
    pub object: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Ref {
    #[serde(rename = "ref")]
    name: String,
    object: Object,
}

/// What a name or an annotated tag points at.
#[derive(Debug, Clone, Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

impl GitHub {
    /// What a tag leads to; none: the repository can be read, and has no such tag.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn tag(&self, repo: &RepoName, tag: &str) -> Result<Option<FoundTag>, GithubFault> {
        // Asked for by the beginning of its name, an answer tells a repository without it from one that is not to be seen.
        let found = self.refs(repo, &format!("tags/{tag}")).await?;
        let name = format!("refs/tags/{tag}");
        match found.into_iter().find(|found| found.name == name) {
            Some(found) => self.peeled(repo, found.object).await.map(Some),
            None => Ok(None),
        }
    }

    /// All tags of a repository, and what they lead to.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn tags(&self, repo: &RepoName) -> Result<Vec<(String, FoundTag)>, GithubFault> {
        let refs = self.refs(repo, "tags").await?;
        let is_new = |found: &&Ref| found.object.kind == "tag" && !self.inner.peeled.contains_key(&found.object.sha);
        let commits = if refs.iter().filter(is_new).count() > ONE_BY_ONE {
            self.commits_of_tags(repo).await?
        } else {
            HashMap::new()
        };
        let mut tags = Vec::new();
        for found in refs {
            let Some(name) = found.name.strip_prefix("refs/tags/") else { continue };
            if let (Some(commit), "tag") = (commits.get(name), found.object.kind.as_str()) {
                let commit = Object { kind: "commit".into(), sha: commit.clone() };
                self.inner.peeled.insert(found.object.sha.clone(), (commit.kind, commit.sha)).await;
            }
            tags.push((name.to_owned(), self.peeled(repo, found.object).await?));
        }
        Ok(tags)
    }

    /// The commit that an id names, which may be that of an annotated tag; none: the repository can be read, and has none.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn commit(&self, repo: &RepoName, id: &str) -> Result<Option<FoundTag>, GithubFault> {
        #[derive(Deserialize)]
        struct Known {
            sha: String,
        }
        let sought = repository_of(repo);
        match self.get::<Known>(As::Repository(repo), &at(repo, &["git", "commits", id]), &sought).await {
            Ok(known) => return Ok(Some(FoundTag { id: known.sha, is_commit: true, object: None })),
            Err(fault) if !is_nothing(&fault) => return Err(fault),
            Err(_) => {}
        }
        match self.peeled(repo, Object { kind: "tag".into(), sha: id.to_owned() }).await {
            Ok(found) => Ok(Some(found)),
            // GitHub answers the same for a repository that is not to be seen.
            Err(fault) if is_nothing(&fault) => self.repository(repo).await.map(|_| None),
            Err(fault) => Err(fault),
        }
    }

    /// The names that begin so, behind `refs/`.
    async fn refs(&self, repo: &RepoName, prefix: &str) -> Result<Vec<Ref>, GithubFault> {
        let mut path = at(repo, &["git", "matching-refs", prefix]);
        let mut found: Vec<Ref> = Vec::new();
        for _ in 0..MOST_PAGES {
            let answer =
                self.ask(As::Repository(repo), &Question::get(&path)).await.map_err(|failure| failure.fault)?;
            // So it answers for a repository that is empty.
            if answer.status == hyper::http::StatusCode::CONFLICT {
                break;
            }
            let answer = answer.success(&repository_of(repo), self.now())?;
            found.extend(answer.json::<Vec<Ref>>()?);
            let next = header(&answer.headers, "link").and_then(|links| next_page(&links).map(ToOwned::to_owned));
            let Some(query) = next else { break };
            path = at(repo, &["git", "matching-refs", prefix]) + "?" + &query;
        }
        Ok(found)
    }

    /// What stands behind annotated tags. It never changes, and so is asked for once.
    async fn peeled(&self, repo: &RepoName, named: Object) -> Result<FoundTag, GithubFault> {
        #[derive(Deserialize)]
        struct Annotated {
            object: Object,
        }
        let first = (named.kind == "tag").then(|| named.sha.clone());
        let mut object = named;
        if let Some(known) = self.inner.peeled.get(&object.sha).await.filter(|_| first.is_some()) {
            (object.kind, object.sha) = known;
        }
        for _ in 0..DEEPEST {
            if object.kind != "tag" {
                break;
            }
            let path = at(repo, &["git", "tags", &object.sha]);
            object = self.get::<Annotated>(As::Repository(repo), &path, &repository_of(repo)).await?.object;
        }
        if let Some(first) = &first {
            self.inner.peeled.insert(first.clone(), (object.kind.clone(), object.sha.clone())).await;
        }
        Ok(FoundTag { is_commit: object.kind == "commit", id: object.sha, object: first })
    }

    /// The commits of all tags that have one, by the names of the tags.
    async fn commits_of_tags(&self, repo: &RepoName) -> Result<HashMap<String, String>, GithubFault> {
        #[derive(Deserialize)]
        struct Tag {
            name: String,
            commit: Commit,
        }
        #[derive(Deserialize)]
        struct Commit {
            sha: String,
        }
        let mut all = HashMap::new();
        for page in 1..=MOST_PAGES {
            let asked = at(repo, &["tags"]) + &query(&[("per_page", &PAGE.to_string()), ("page", &page.to_string())]);
            let tags: Vec<Tag> = self.get(As::Repository(repo), &asked, &repository_of(repo)).await?;
            let is_last = tags.len() < PAGE;
            all.extend(tags.into_iter().map(|tag| (tag.name, tag.commit.sha)));
            if is_last {
                break;
            }
        }
        Ok(all)
    }
}

const fn is_nothing(fault: &GithubFault) -> bool {
    matches!(fault, GithubFault::NotFound { .. } | GithubFault::Invalid { status: 422, .. })
}

/// The query of the next page, as a `Link` header names it. Its address is not believed.
fn next_page(links: &str) -> Option<&str> {
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    let query = address.split_once('?')?.1;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%=&:+".contains(&byte);
    query.bytes().all(is_plain).then_some(query)
}
