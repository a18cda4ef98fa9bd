//! What the store does: it loads the part of the world that a command may look at, and writes what has changed.

use super::*;
use crate::domain::content::Definition;
use crate::domain::moment::{Seed, Uptime};

/// What the store loads at most.
const WAITING: usize = 20;
const GOOD: usize = 50;

impl Sim {
    pub fn load(&self, command: &Command) -> World {
        let (release, run) = addressed(command);
        let last = |kind| self.runs.values().rev().find(|one| one.environment == kind).map(|one| one.id);
        let last_here: Vec<_> = self.environments.keys().copied().filter_map(last).collect();
        let runs: BTreeMap<_, _> = self
            .runs
            .values()
            .filter(|one| {
                let named = self.environments.values().any(|environment| {
                    environment.dirty.as_ref().is_some_and(|dirty| dirty.run == one.id)
                        || environment.unseen.iter().any(|unseen| unseen.run == one.id)
                });
                let last = self.production().current.is_none() && last_here.contains(&one.id);
                one.state.occupies() || named || last || run == Some(one.id)
            })
            .map(|one| (one.id, one.clone()))
            .collect();
        let mut ids: BTreeSet<ReleaseId> = release.into_iter().collect();
        for one in runs.values() {
            ids.insert(one.release);
            ids.insert(one.to.release);
            ids.extend(one.from.as_ref().map(|version| version.release));
        }
        for state in self.environments.values() {
            ids.extend(state.current.as_ref().map(|version| version.release));
            ids.extend(state.left.values().map(|left| left.newer.release));
            ids.extend(state.mixed.iter().flat_map(|mixed| [mixed.newer.release, mixed.older.release]));
        }
        let active = || self.releases.values().filter(|one| one.status.is_active());
        ids.extend(active().filter(|one| one.status != Status::Initiated).map(|one| one.id));
        let waiting: Vec<_> = active().filter(|one| one.status == Status::Initiated).map(|one| one.id).collect();
        ids.extend(waiting.iter().take(WAITING));
        ids.extend(waiting.last().filter(|_| self.service.supersede));
        let good = self.good();
        let same = |one: &&Release, tag: &Option<Tag>, commit: &Option<Commit>| {
            if tag.is_some() { one.tag == *tag } else { one.commit == *commit }
        };
        match command {
            Command::Create(new) => {
                ids.extend(active().filter(|one| same(one, &new.tag, &new.commit)).map(|one| one.id));
                let twin = |one: &&Release| match (&one.ci_run, &new.ci_run) {
                    (Some(a), Some(b)) => a.id == b.id,
                    _ => false,
                };
                ids.extend(self.releases.values().filter(twin).map(|one| one.id));
            }
            Command::Retry { release } => {
                if let Some(of) = self.releases.get(release) {
                    ids.extend(active().filter(|one| same(one, &of.tag, &of.commit)).map(|one| one.id));
                }
            }
            Command::Rollback { .. } => ids.extend(good.iter().map(|good| good.version.release)),
            _ => {}
        }
        let releases: BTreeMap<_, _> =
            ids.into_iter().filter_map(|id| Some((id, self.releases.get(&id)?.clone()))).collect();
        World {
            definition: Definition::of(&self.service),
            service: Arc::new(self.service.clone()),
            people: Arc::new(self.people.clone()),
            now: self.now,
            uptime: Uptime {
                boot: "one".into(),
                millis: (self.now - self.uptime_lags).as_millisecond().unsigned_abs(),
            },
            seed: Seed([7; 32]),
            votes: self.votes.iter().filter(|vote| releases.contains_key(&vote.release)).cloned().collect(),
            releases,
            runs,
            environments: self.environments.clone(),
            another_copy: self.another_copy.clone(),
            good,
            next_release: ReleaseId(self.releases.len() as i64 + 1),
            next_run: RunId(self.runs.len() as i64 + 1),
            changes: Default::default(),
        }
    }

    fn good(&self) -> Vec<GoodVersion> {
        let mut good: Vec<_> = self.releases.values().filter(|one| one.status == Status::Deployed).collect();
        good.sort_by_key(|one| std::cmp::Reverse((one.completed_at, one.id)));
        good.into_iter()
            .take(GOOD)
            .map(|one| GoodVersion { version: one.version(), deployed_at: one.completed_at.unwrap() })
            .collect()
    }

    pub fn write(&mut self, world: World) {
        let changes = &world.changes;
        self.check_moves(changes.events.as_slice(), &world);
        for id in changes.releases.union(&changes.noted) {
            if let Some(old) = self.releases.insert(*id, world.releases[id].clone()) {
                let new = &world.releases[id];
                assert!(old.commit.is_none() || old.commit == new.commit, "the commit of #{id} changed");
                let detail = Release { reason: old.reason.clone(), ..new.clone() } == old;
                assert!(
                    detail && !changes.releases.contains(id) || new.revision > old.revision,
                    "the revision of #{id} did not grow"
                );
                assert_eq!((&old.tag, old.created_at), (&new.tag, new.created_at));
            }
        }
        for id in &changes.runs {
            self.runs.insert(*id, world.runs[id].clone());
        }
        for kind in &changes.environments {
            self.environments.insert(*kind, world.environments[kind].clone());
        }
        if changes.another_copy {
            self.another_copy.clone_from(&world.another_copy);
        }
        for vote in &changes.votes {
            let key = |v: &Vote| (v.release, v.attempt, v.person.clone());
            self.votes.retain(|old| key(old) != key(vote));
            self.votes.push(vote.clone());
        }
        self.effects.extend(changes.effects.iter().cloned());
        self.record.extend(changes.events.iter().cloned());
        // Nothing may change without being written.
        for (id, release) in &world.releases {
            assert_eq!(&self.releases[id], release);
        }
        for (id, run) in &world.runs {
            assert_eq!(&self.runs[id], run);
        }
        assert_eq!(self.environments, world.environments);
        assert_eq!(self.another_copy, world.another_copy);
    }
}

/// The release and the run that a command names.
fn addressed(command: &Command) -> (Option<ReleaseId>, Option<RunId>) {
    match command.subject() {
        Subject::New(_) | Subject::Service => (None, None),
        Subject::Release(release) => (Some(release), None),
        Subject::Run(run) => (None, Some(run)),
    }
}
