//! What the store does: it answers what a decision asks, and writes what has changed.

use super::*;
use crate::domain::moment::{Moment, Seed, Uptime};
use crate::domain::snapshot::{GoodAt, GoodVersion, Snapshot};
use crate::domain::world::{Beginning, Written};

impl Sim {
    pub fn world(&self) -> World<'_> {
        let boot = "one".into();
        let millis = (self.now - self.uptime_lags).as_millisecond().unsigned_abs();
        let beginning = Beginning {
            service: Arc::new(self.service.clone()),
            people: Arc::new(self.people.clone()),
            moment: Moment { now: self.now, uptime: Uptime { boot, millis }, seed: Seed([7; 32]) },
            environments: self.environments.clone(),
            another_copy: self.another_copy.clone(),
            next_release: ReleaseId(self.releases.len() as i64 + 1),
            next_run: RunId(self.runs.len() as i64 + 1),
        };
        World::of(self, beginning)
    }

    fn good_versions(&self, before: Option<GoodAt>) -> impl Iterator<Item = GoodVersion> {
        let mut good: Vec<_> = self.releases.values().filter_map(good).collect();
        good.retain(|good| before.is_none_or(|before| good.at() < before));
        good.sort_by_key(|good| std::cmp::Reverse(good.at()));
        good.into_iter()
    }

    pub fn write(&mut self, left: Left) {
        let Left { written, releases, runs, environments, another_copy } = left;
        for vote in &written.votes {
            let key = |v: &Vote| (v.release, v.attempt, v.person.clone());
            self.votes.retain(|old| key(old) != key(vote));
            self.votes.push(vote.clone());
        }
        self.check_moves(&written.events, &releases);
        for new in &written.releases {
            let Some(old) = self.releases.insert(new.id, Release::clone(new)) else { continue };
            // One that was the id of the tag itself is corrected as long as nothing has begun with it.
            let corrected = old.status == Status::Initiated && !written.runs.is_empty();
            let same = old.commit.is_none() || old.commit == new.commit;
            assert!(same || corrected, "the commit of #{} changed", new.id);
            let (reason, commit_check) = (old.reason.clone(), old.commit_check.clone());
            let detail = Release { reason, commit_check, ..Release::clone(new) } == old;
            assert!(detail || new.revision > old.revision, "the revision of #{} did not grow", new.id);
            assert_eq!((&old.tag, old.created_at), (&new.tag, new.created_at));
        }
        for (run, before) in &written.runs {
            assert_eq!(self.runs.insert(run.id, Run::clone(run)).as_ref(), before.as_deref());
        }
        for state in written.environments {
            self.environments.insert(state.kind, state);
        }
        if let Some(met) = written.another_copy {
            self.another_copy = met;
        }
        self.effects.extend(written.effects);
        self.record.extend(written.events);
        // Nothing may change without being written.
        for release in releases {
            assert_eq!(self.releases[&release.id], *release);
        }
        for run in runs {
            assert_eq!(self.runs[&run.id], *run);
        }
        assert_eq!((&self.environments, &self.another_copy), (&environments, &another_copy));
    }
}

/// What is left of a world: what is to be written, and all that it has become.
pub struct Left {
    written: Written,
    releases: Vec<Arc<Release>>,
    runs: Vec<Arc<Run>>,
    environments: BTreeMap<Env, EnvironmentState>,
    another_copy: Option<AnotherCopy>,
}

impl Left {
    pub fn of(world: World<'_>) -> Self {
        let (releases, runs) = world.everything();
        let (environments, another_copy) = (world.environments.clone(), world.another_copy.clone());
        Self { written: world.written(), releases, runs, environments, another_copy }
    }
}

fn good(release: &Release) -> Option<GoodVersion> {
    let deployed_at = release.completed_at.filter(|_| release.status == Status::Deployed)?;
    Some(GoodVersion { version: release.version(), deployed_at })
}

impl Snapshot for Sim {
    fn release(&self, id: ReleaseId) -> Option<Release> {
        self.releases.get(&id).cloned()
    }

    fn run(&self, id: RunId) -> Option<Run> {
        self.runs.get(&id).cloned()
    }

    fn votes(&self, release: &Release) -> Vec<Vote> {
        let of = |vote: &&Vote| (vote.release, vote.attempt) == (release.id, release.attempt);
        self.votes.iter().filter(of).cloned().collect()
    }

    fn in_status(&self, status: Status, most: u32) -> Vec<Release> {
        self.releases.values().filter(|one| one.status == status).take(most as usize).cloned().collect()
    }

    fn first_with_commit(&self) -> Option<Release> {
        self.releases.values().find(|one| one.status == Status::Initiated && one.commit.is_some()).cloned()
    }

    fn candidate(&self, tag: Option<&Tag>, commit: Option<&Commit>) -> Option<Release> {
        let same = |one: &&Release| match tag {
            Some(_) => one.tag.as_ref() == tag,
            None => one.tag.is_none() && commit.is_some() && one.commit.as_ref() == commit,
        };
        self.releases.values().rev().filter(|one| one.status.is_active()).find(same).cloned()
    }

    fn of_ci_run(&self, ci_run: &str) -> Option<Release> {
        let of = |one: &&Release| one.ci_run.as_ref().is_some_and(|run| run.id == ci_run);
        self.releases.values().rev().find(of).cloned()
    }

    fn is_ci_run_elsewhere(&self, ci_run: &str) -> bool {
        self.elsewhere.iter().any(|known| known == ci_run)
    }

    fn occupying(&self) -> Vec<Run> {
        self.runs.values().filter(|run| run.state.occupies()).cloned().collect()
    }

    fn last_run(&self, env: Env) -> Option<Run> {
        self.runs.values().rev().find(|run| run.environment == env).cloned()
    }

    fn last_run_of(&self, release: ReleaseId, env: Env) -> Option<Run> {
        self.runs.values().rev().find(|run| (run.release, run.environment) == (release, env)).cloned()
    }

    fn good(&self, id: ReleaseId) -> Option<GoodVersion> {
        self.releases.get(&id).and_then(good)
    }

    fn good_before(&self, before: Option<GoodAt>, most: u32) -> Vec<GoodVersion> {
        self.good_versions(before).take(most as usize).collect()
    }

    fn good_of_tag(&self, tag: &Tag, before: Option<GoodAt>) -> Option<GoodVersion> {
        self.good_versions(before).find(|good| good.version.tag.as_ref() == Some(tag))
    }

    fn good_of_commit(&self, commit: &Commit, before: Option<GoodAt>) -> Option<GoodVersion> {
        self.good_versions(before).find(|good| good.version.commit.as_ref() == Some(commit))
    }
}
