//! What a decision may ask of what is stored, and what it remembers of the answers.
//!
//! A decision loads what it asks for, whatever the number of releases: each answer is read once, when it is first asked for,
//! and what the decision has changed since is looked at as it is now.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::approval::Vote;
use super::env::Env;
use super::ids::{Commit, ReleaseId, RunId, Tag};
use super::release::Release;
use super::run::Run;
use super::status::Status;
use super::version::Version;

/// A place in the order of good versions: when its deploy ended, and its number.
pub type GoodAt = (Timestamp, ReleaseId);

/// A version that went well in production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodVersion {
    /// Which.
    pub version: Version,
    /// When its deploy ended.
    pub deployed_at: Timestamp,
}

impl GoodVersion {
    /// Its place in their order.
    #[must_use]
    pub const fn at(&self) -> GoodAt {
        (self.deployed_at, self.version.release)
    }
}

/// What is stored about one service, as of one moment.
pub trait Snapshot {
    /// A release of the service.
    fn release(&self, id: ReleaseId) -> Option<Release>;
    /// A run of the service.
    fn run(&self, id: RunId) -> Option<Run>;
    /// The votes on a release in its current attempt, in the order in which they were given.
    fn votes(&self, release: &Release) -> Vec<Vote>;
    /// The first releases in a status that is on the way, by number.
    fn in_status(&self, status: Status, most: u32) -> Vec<Release>;
    /// The first release that waits for stage and whose commit is known.
    fn first_with_commit(&self) -> Option<Release>;
    /// The newest active release of a tag, or without one of a commit.
    fn candidate(&self, tag: Option<&Tag>, commit: Option<&Commit>) -> Option<Release>;
    /// The last release that a CI run has created.
    fn of_ci_run(&self, ci_run: &str) -> Option<Release>;
    /// Whether a CI run has created a release of another service.
    fn is_ci_run_elsewhere(&self, ci_run: &str) -> bool;
    /// The runs that hold an environment.
    fn occupying(&self) -> Vec<Run>;
    /// The last run in an environment.
    fn last_run(&self, env: Env) -> Option<Run>;
    /// The last run of a release in an environment.
    fn last_run_of(&self, release: ReleaseId, env: Env) -> Option<Run>;
    /// The good version that a release is.
    fn good(&self, id: ReleaseId) -> Option<GoodVersion>;
    /// The good versions before a place, or all, newest first.
    fn good_before(&self, before: Option<GoodAt>, most: u32) -> Vec<GoodVersion>;
    /// The newest good version of a tag before a place.
    fn good_of_tag(&self, tag: &Tag, before: Option<GoodAt>) -> Option<GoodVersion>;
    /// The newest good version of a commit before a place.
    fn good_of_commit(&self, commit: &Commit, before: Option<GoodAt>) -> Option<GoodVersion>;
}

/// Answers to questions of one kind, by what was asked for; `None` where it is not there.
#[derive(Debug, Clone)]
struct Answers<K, V>(RefCell<BTreeMap<K, Option<Arc<V>>>>);

impl<K: Ord, V: Clone> Answers<K, V> {
    const fn none() -> Self {
        Self(RefCell::new(BTreeMap::new()))
    }

    fn get(&self, key: K, read: impl FnOnce() -> Option<V>) -> Option<Arc<V>> {
        if let Some(known) = self.0.borrow().get(&key) {
            return known.clone();
        }
        let found = read().map(Arc::new);
        self.0.borrow_mut().insert(key, found.clone());
        found
    }

    /// What was read with others, as it is now.
    fn keep(&self, key: K, value: V) -> Option<Arc<V>> {
        self.get(key, || Some(value))
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut().get_mut(key)?.as_mut().map(Arc::make_mut)
    }

    fn insert(&mut self, key: K, value: V) {
        self.0.get_mut().insert(key, Some(Arc::new(value)));
    }

    #[cfg(test)]
    fn all(&self) -> Vec<Arc<V>> {
        self.0.borrow().values().flatten().cloned().collect()
    }
}

/// What was asked, with what the decision has made of it.
#[derive(Clone)]
pub(super) struct Memory<'s> {
    stored: &'s dyn Snapshot,
    releases: Answers<ReleaseId, Release>,
    runs: Answers<RunId, Run>,
    votes: RefCell<BTreeMap<ReleaseId, Arc<Vec<Vote>>>>,
    /// The stored releases in a status.
    in_status: RefCell<BTreeMap<Status, BTreeSet<ReleaseId>>>,
    /// The stored runs that hold an environment.
    occupying: OnceCell<BTreeSet<RunId>>,
}

impl fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("releases", &self.releases).field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl<'s> Memory<'s> {
    pub fn of(stored: &'s dyn Snapshot) -> Self {
        Self {
            stored,
            releases: Answers::none(),
            runs: Answers::none(),
            votes: RefCell::default(),
            in_status: RefCell::default(),
            occupying: OnceCell::new(),
        }
    }

    /// What is stored, where the decision changes none of it.
    pub fn stored(&self) -> &'s dyn Snapshot {
        self.stored
    }

    pub fn release(&self, id: ReleaseId) -> Option<Arc<Release>> {
        self.releases.get(id, || self.stored.release(id))
    }

    pub fn release_mut(&mut self, id: ReleaseId) -> Option<&mut Release> {
        self.release(id);
        self.releases.get_mut(&id)
    }

    pub fn add_release(&mut self, release: Release) {
        self.releases.insert(release.id, release);
    }

    /// A release that was read with others, as it is now.
    pub fn read(&self, release: Release) -> Option<Arc<Release>> {
        self.releases.keep(release.id, release)
    }

    pub fn run(&self, id: RunId) -> Option<Arc<Run>> {
        self.runs.get(id, || self.stored.run(id))
    }

    pub fn run_mut(&mut self, id: RunId) -> Option<&mut Run> {
        self.run(id);
        self.runs.get_mut(&id)
    }

    pub fn add_run(&mut self, run: Run) {
        self.runs.insert(run.id, run);
    }

    pub fn votes(&self, release: &Release) -> Arc<Vec<Vote>> {
        if let Some(known) = self.votes.borrow().get(&release.id) {
            return Arc::clone(known);
        }
        let found = Arc::new(self.stored.votes(release));
        self.votes.borrow_mut().insert(release.id, Arc::clone(&found));
        found
    }

    pub fn set_votes(&mut self, release: ReleaseId, votes: Vec<Vote>) {
        self.votes.get_mut().insert(release, Arc::new(votes));
    }

    /// The numbers of those that are stored in a status; the decision may have moved them.
    pub fn stored_in(&self, status: Status, most: u32) -> BTreeSet<ReleaseId> {
        if let Some(known) = self.in_status.borrow().get(&status) {
            return known.clone();
        }
        let found = self.stored.in_status(status, most);
        let ids: BTreeSet<_> = found.iter().map(|release| release.id).collect();
        found.into_iter().for_each(|release| drop(self.read(release)));
        self.in_status.borrow_mut().insert(status, ids.clone());
        ids
    }

    /// The numbers of the runs that are stored as holding an environment; the decision may have ended them.
    pub fn stored_occupying(&self) -> &BTreeSet<RunId> {
        self.occupying.get_or_init(|| {
            let found = self.stored.occupying();
            found.into_iter().filter_map(|run| Some(self.runs.keep(run.id, run)?.id)).collect()
        })
    }

    pub fn last_run(&self, env: Env) -> Option<Arc<Run>> {
        self.stored.last_run(env).and_then(|run| self.runs.keep(run.id, run))
    }

    pub fn last_run_of(&self, release: ReleaseId, env: Env) -> Option<Arc<Run>> {
        self.stored.last_run_of(release, env).and_then(|run| self.runs.keep(run.id, run))
    }

    /// Every release and run that was asked for, for tests.
    #[cfg(test)]
    pub fn everything(&self) -> (Vec<Arc<Release>>, Vec<Arc<Run>>) {
        (self.releases.all(), self.runs.all())
    }
}
