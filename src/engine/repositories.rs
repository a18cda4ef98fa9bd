//! A look at a repository for people who connect it, or make a release by hand: whether it can be read, and which tags it has.
//!
//! Must not: change anything, or take an address that `rmm.toml` could not have.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clients::git::{self, Unresolved};
use crate::config::check_repository;
use crate::domain::ids::{ServiceName, Tag};
use crate::domain::person::Actor;
use crate::domain::reason::Reason;
use crate::domain::repository::{GITHUB_API, RepoName};
use crate::domain::rule::Invalid;

use super::Engine;
use super::source::Source;

/// Tags that are shown.
const MOST_TAGS: usize = 200;

/// Looks at the same time: each is a program of git, or calls of GitHub, for half a minute.
const LOOKS: usize = 4;

/// Slots for looking at repositories.
#[derive(Debug)]
pub(super) struct Looks {
    places: Semaphore,
    by: Mutex<BTreeSet<String>>,
}

/// A slot for one question, taken by a person.
struct Look<'l> {
    looks: &'l Looks,
    by: String,
    _place: SemaphorePermit<'l>,
}

/// Why a repository is not asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// The same person is asking already.
    You,
    /// Too many others are asking.
    Others,
}

impl Default for Looks {
    fn default() -> Self {
        Self { places: Semaphore::new(LOOKS), by: Mutex::default() }
    }
}

impl Looks {
    /// A place; one for each, and none that has to be waited for.
    fn begin(&self, actor: &Actor) -> Result<Look<'_>, Busy> {
        let by = actor.label().to_owned();
        let mut all = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        if all.contains(&by) {
            return Err(Busy::You);
        }
        let place = self.places.try_acquire().map_err(|_| Busy::Others)?;
        all.insert(by.clone());
        Ok(Look { looks: self, by, _place: place })
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.looks.by.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.by);
    }
}

/// What a repository says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its address, as a definition has it.
    pub address: String,
    /// Its default branch, where it says one.
    pub branch: Option<String>,
    /// Its newest tags, the newest first, as far as their names tell.
    pub tags: Vec<Tag>,
}

/// Why a repository says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// It is no address.
    Invalid(Invalid),
    /// It does not answer, or not to RMM.
    Silent(Reason),
    /// It is not asked now.
    Busy(Busy),
}

impl Engine {
    /// Looks at the repository at an address that a person has typed. Each person does so once at a time.
    ///
    /// # Errors
    /// [`Unread`], with what to do.
    pub async fn look_at_repository(&self, actor: &Actor, typed: &str) -> Result<Repository, Unread> {
        let catalog = self.catalog();
        let address = check_repository(typed, catalog.folder()).map_err(Unread::Invalid)?;
        // As the configuration understands `owner/name`.
        let at = match RepoName::parse(&address) {
            Some(name) if catalog.github_api() != GITHUB_API => name.address(catalog.github_api()),
            Some(_) | None => address.clone(),
        };
        let source = Source::at(&catalog, &at);
        let _look = self.inner.looks.begin(actor).map_err(Unread::Busy)?;
        let (tags, branch) = tokio::join!(source.tags(), source.default_branch());
        let tags = tags.map_err(|why| self.silent(why))?;
        Ok(Repository { address, branch, tags: newest(tags.named.into_keys()) })
    }

    /// The newest tags of a service's repository; none where it has no repository.
    ///
    /// # Errors
    /// Why it does not say them.
    pub async fn tags_of(&self, actor: &Actor, service: &ServiceName) -> Result<Option<Vec<Tag>>, Unread> {
        let catalog = self.catalog();
        let Some(source) = Source::of(&catalog, service) else { return Ok(None) };
        let _look = self.inner.looks.begin(actor).map_err(Unread::Busy)?;
        let tags = source.tags().await.map_err(|why| self.silent(why))?;
        Ok(Some(newest(tags.named.into_keys())))
    }

    fn silent(&self, why: Unresolved) -> Unread {
        let (Unresolved::ForGood(why) | Unresolved::NoTag(why) | Unresolved::ForNow(why)) = why;
        Unread::Silent(why.map_text(&|text| self.catalog().redactor().text(text)))
    }
}

impl Source<'_> {
    /// The branch that a clone begins with; none where it is not told.
    async fn default_branch(&self) -> Option<String> {
        if let Some((github, name)) = self.github()
            && let Ok(branch) = github.default_branch(name).await
        {
            return Some(branch);
        }
        git::default_branch(self.address(), None).await
    }
}

/// The newest of these tags, the newest first: versions before all others.
fn newest(tags: impl Iterator<Item = Tag>) -> Vec<Tag> {
    let mut tags: Vec<_> = tags.collect();
    tags.sort_by(|one, other| by_version(other.as_str(), one.as_str()));
    tags.truncate(MOST_TAGS);
    tags
}

/// The order of names by the numbers in them; names without any come first, and `1.0-rc1` before `1.0`.
fn by_version(one: &str, other: &str) -> Ordering {
    let is_version = |name: &str| name.bytes().any(|byte| byte.is_ascii_digit());
    is_version(one).cmp(&is_version(other)).then_with(|| {
        let (mut one, mut other) = (parts(one), parts(other));
        loop {
            match (one.next(), other.next()) {
                (None, None) => return Ordering::Equal,
                // A release follows its candidates.
                (None, Some(rest)) => return if is_suffix(&rest) { Ordering::Greater } else { Ordering::Less },
                (Some(rest), None) => return if is_suffix(&rest) { Ordering::Less } else { Ordering::Greater },
                (Some(one), Some(other)) => match one.cmp(&other) {
                    Ordering::Equal => {}
                    // `1.0-rc1` beside `1.0.1`.
                    _ if is_suffix(&one) != is_suffix(&other) => {
                        return if is_suffix(&one) { Ordering::Less } else { Ordering::Greater };
                    }
                    order @ (Ordering::Less | Ordering::Greater) => return order,
                },
            }
        }
    })
}

/// A number with its length, which orders numbers of any length, or what is between two of them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Text(&'a str),
    Number(usize, &'a str),
}

fn is_suffix(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Text(text) if text.starts_with('-'))
}

/// A name, split where digits begin and end.
fn parts(name: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let is_number = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        let digits = piece.trim_start_matches('0');
        Some(if is_number { Piece::Number(digits.len(), digits) } else { Piece::Text(piece) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PersonName;
    use crate::domain::person::{Door, Role};

    #[test]
    fn so_many_look_at_the_same_time_and_each_of_them_once() {
        let looks = Looks::default();
        let person = |name: &str| {
            let name = PersonName::parse("name", name).unwrap();
            Actor::Person { name, role: Role::Admin, door: Door::Dashboard }
        };
        let [ann, bob, eve, kim, lee] = ["ann", "bob", "eve", "kim", "lee"].map(person);
        let of_ann = looks.begin(&ann).ok().unwrap();
        assert_eq!(looks.begin(&ann).err(), Some(Busy::You));
        let _others: Vec<_> = [&bob, &eve, &kim].map(|who| looks.begin(who).ok().unwrap()).into();
        assert_eq!(looks.begin(&lee).err(), Some(Busy::Others));
        drop(of_ann);
        let of_lee = looks.begin(&lee).ok();
        assert_eq!((of_lee.is_some(), looks.begin(&ann).err()), (true, Some(Busy::Others)));
    }

    #[test]
    fn the_newest_versions_come_first() {
        let names = ["v1.9.0", "v1.10.0", "nightly", "v1.10.0-rc1", "v1.10.0-rc10", "v1.10.1", "v0.99", "v1.10"];
        let sorted = newest(names.into_iter().map(|name| Tag::parse("tag", name).unwrap()));
        let sorted: Vec<_> = sorted.iter().map(Tag::as_str).collect();
        assert_eq!(
            sorted,
            ["v1.10.1", "v1.10.0", "v1.10.0-rc10", "v1.10.0-rc1", "v1.10", "v1.9.0", "v0.99", "nightly"]
        );
    }
}
