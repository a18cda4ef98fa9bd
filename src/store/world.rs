//! Loads the part of the world that one decision needs, and writes back what the decision changed.
//!
//! The reads are few and bounded by indexes, whatever the number of releases; see [`Focus`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;

use super::chain::NewEvent;
use super::columns::{millis, to_json};
use super::error::StoreError;
use super::outbox::{self, NewEffect};
use super::writer::Tx;
use super::{numbers, releases, runs};
use crate::domain::command::{Command, NewRelease, RollbackTo, Settled, Subject};
use crate::domain::content::Definition;
use crate::domain::env::Env;
use crate::domain::environment::EnvironmentState;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::moment::Moment;
use crate::domain::person::Actor;
use crate::domain::release::{Release, Version};
use crate::domain::run::Run;
use crate::domain::service::Service;
use crate::domain::status::Status;
use crate::domain::world::{Changes, GoodVersion, People, World};
use crate::wording::on_record;

/// Of the releases that wait for stage, this many are looked at; the others wait behind them.
const WAITING: u32 = 20;
/// Of the releases that wait for production.
const IN_LINE: u32 = 50;
/// Of the good versions.
const GOOD: u32 = 50;

/// What a decision is about, and so what is loaded.
#[derive(Debug, Clone, Copy)]
pub enum Focus<'a> {
    /// A new release where nothing follows from its creation: only what it may turn out to be already, and what
    /// production runs.
    NewRelease(&'a NewRelease),
    /// A new release, and all that is on the way in its service.
    NewReleaseAnd(&'a NewRelease),
    /// A release, and all that is on the way in its service.
    Release(ReleaseId),
    /// As [`Focus::Release`], and every good version in full: a plan back to one needs it. The one that is meant is
    /// among them, however old it is.
    ReleaseAndGood(ReleaseId, Option<&'a RollbackTo>),
    /// A run, and all that is on the way in its service.
    Run(RunId),
    /// All that is on the way in the service.
    Service,
}

impl<'a> Focus<'a> {
    /// What a command needs. A release that only waits for CI's reports moves nothing, so that creating one costs the
    /// same however many there are.
    #[must_use]
    pub fn of(command: &'a Command, service: &Service) -> Self {
        match (command.subject(), command) {
            (Subject::Service, Command::Settle { runs: Settled::Release(id), .. }) => Focus::Release(*id),
            (Subject::New(new), _) if service.stage().driver.is_ours() || service.supersede => {
                Focus::NewReleaseAnd(new)
            }
            (Subject::New(new), _) => Focus::NewRelease(new),
            (Subject::Release(id), Command::Rollback { to, .. }) => Focus::ReleaseAndGood(id, to.as_ref()),
            (Subject::Release(id), _) => Focus::Release(id),
            (Subject::Run(id), _) => Focus::Run(id),
            (Subject::Service, _) => Focus::Service,
        }
    }
}

/// Loads a world.
///
/// # Errors
/// When the database cannot be read.
pub fn load(
    conn: &Connection,
    service: Arc<Service>,
    people: Arc<People>,
    moment: Moment,
    focus: Focus<'_>,
) -> Result<World, StoreError> {
    let mut loader = Loader { conn, service: &service, releases: BTreeMap::new(), runs: BTreeMap::new() };
    let mut good = Vec::new();
    match focus {
        Focus::NewRelease(new) | Focus::NewReleaseAnd(new) => loader.twins(new)?,
        Focus::Release(id) | Focus::ReleaseAndGood(id, _) => loader.release_and_its_twin(id)?,
        Focus::Run(id) => loader.run(id)?,
        Focus::Service => {}
    }
    let mut environments = BTreeMap::new();
    for env in service.environments.keys() {
        environments.insert(*env, runs::environment(conn, &service.name, *env)?);
    }
    let current = environments[&Env::Production].current.as_ref();
    // Where a new release turns out to be one that is there, anything may follow.
    if !matches!(focus, Focus::NewRelease(_)) || !loader.releases.is_empty() {
        good = good_versions(conn, &service.name, current, focus)?;
        loader.on_the_way()?;
        for state in environments.values() {
            loader.named_by(state)?;
        }
        if current.is_none() {
            loader.last_runs()?;
        }
        if matches!(focus, Focus::ReleaseAndGood(..)) {
            for good in &good {
                loader.version(&good.version)?;
            }
        }
    }
    let Loader { releases, runs, .. } = loader;
    let meant = match focus {
        Focus::Release(id) | Focus::ReleaseAndGood(id, _) => Some(id),
        Focus::NewRelease(_) | Focus::NewReleaseAnd(_) | Focus::Run(_) | Focus::Service => None,
    };
    let mut votes = Vec::new();
    for release in releases.values().filter(|release| release.status.is_active() || Some(release.id) == meant) {
        votes.extend(releases::votes(conn, release)?);
    }
    Ok(World {
        definition: Definition::of(&service),
        next_release: ReleaseId(self::releases::last_id(conn)?.0 + 1),
        next_run: RunId(self::runs::last_id(conn)?.0 + 1),
        service,
        people,
        now: moment.now,
        uptime: moment.uptime,
        seed: moment.seed,
        releases,
        votes,
        runs,
        environments,
        another_copy: numbers::another_copy(conn)?,
        good,
        changes: Changes::default(),
    })
}

/// The newest good versions, those that one can go back to from what production runs, and the one that is meant.
fn good_versions(
    conn: &Connection,
    service: &ServiceName,
    current: Option<&Version>,
    focus: Focus<'_>,
) -> Result<Vec<GoodVersion>, StoreError> {
    let mut good = releases::good_versions(conn, service, GOOD)?;
    if let Some(current) = current
        && good.iter().all(|known| known.version.release != current.release)
    {
        good.extend(releases::good_versions_from(conn, service, current.release, GOOD)?);
    }
    if let Focus::ReleaseAndGood(_, Some(meant)) = focus {
        good.extend(releases::good_version(conn, service, meant)?);
    }
    good.sort_by_key(|good| Reverse((good.deployed_at, good.version.release)));
    good.dedup();
    Ok(good)
}

struct Loader<'a> {
    conn: &'a Connection,
    service: &'a Service,
    releases: BTreeMap<ReleaseId, Release>,
    runs: BTreeMap<RunId, Run>,
}

impl Loader<'_> {
    fn add(&mut self, release: Option<Release>) {
        if let Some(release) = release.filter(|release| release.service == self.service.name) {
            self.releases.insert(release.id, release);
        }
    }

    fn release(&mut self, id: ReleaseId) -> Result<(), StoreError> {
        if !self.releases.contains_key(&id) {
            self.add(releases::get(self.conn, id)?);
        }
        Ok(())
    }

    fn version(&mut self, version: &Version) -> Result<(), StoreError> {
        self.release(version.release)
    }

    fn twins(&mut self, new: &NewRelease) -> Result<(), StoreError> {
        if let Some(ci_run) = &new.ci_run {
            self.add(releases::by_ci_run(self.conn, &new.service, &ci_run.id)?);
        }
        self.add(releases::active_candidate(self.conn, &new.service, new.tag.as_ref(), new.commit.as_ref())?);
        Ok(())
    }

    fn release_and_its_twin(&mut self, id: ReleaseId) -> Result<(), StoreError> {
        self.release(id)?;
        let Some((tag, commit)) = self.releases.get(&id).map(|r| (r.tag.clone(), r.commit.clone())) else {
            return Ok(());
        };
        self.add(releases::active_candidate(self.conn, &self.service.name, tag.as_ref(), commit.as_ref())?);
        Ok(())
    }

    fn run(&mut self, id: RunId) -> Result<(), StoreError> {
        if let Some(run) = runs::get(self.conn, id)?.filter(|run| run.service == self.service.name) {
            self.add_run(run)?;
        }
        Ok(())
    }

    fn add_run(&mut self, run: Run) -> Result<(), StoreError> {
        self.release(run.release)?;
        self.version(&run.to)?;
        if let Some(from) = &run.from {
            self.version(from)?;
        }
        self.runs.insert(run.id, run);
        Ok(())
    }

    fn on_the_way(&mut self) -> Result<(), StoreError> {
        let service = &self.service.name;
        // With `supersede` the newest takes all others out, so all are needed; that keeps them few.
        let most = if self.service.supersede { u32::MAX } else { WAITING };
        let waiting = releases::in_status(self.conn, service, Status::Initiated, most)?;
        waiting.into_iter().for_each(|release| self.add(Some(release)));
        for status in [
            Status::StageBuilding,
            Status::StageTestRollback,
            Status::ManualTesting,
            Status::ManualTestPassed,
            Status::Deploying,
            Status::ProductionRollback,
        ] {
            releases::in_status(self.conn, service, status, IN_LINE)?
                .into_iter()
                .for_each(|release| self.add(Some(release)));
        }
        for run in runs::occupying(self.conn, service)? {
            self.add_run(run)?;
        }
        Ok(())
    }

    fn last_runs(&mut self) -> Result<(), StoreError> {
        for kind in self.service.environments.keys() {
            if let Some(last) = runs::before(self.conn, &self.service.name, *kind, RunId(i64::MAX))?.first() {
                self.run(last.id)?;
            }
        }
        Ok(())
    }

    fn named_by(&mut self, state: &EnvironmentState) -> Result<(), StoreError> {
        let mixed = state.mixed.iter().flat_map(|mixed| [&mixed.newer, &mixed.older]);
        let left = state.left.values().map(|left| &left.newer);
        for version in state.current.iter().chain(mixed).chain(left) {
            self.version(version)?;
        }
        for unseen in &state.unseen {
            self.run(unseen.run)?;
        }
        if let Some(dirty) = &state.dirty
            && !self.runs.contains_key(&dirty.run)
        {
            self.run(dirty.run)?;
        }
        Ok(())
    }
}

/// Who caused a change, for the record.
#[derive(Debug, Clone)]
pub struct Cause<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The trace of the request.
    pub trace_id: Option<&'a str>,
}

/// Writes what a decision changed: state, history and effects in one transaction.
///
/// # Errors
/// When the database cannot be written.
pub fn save(tx: &mut Tx<'_>, world: &World, cause: &Cause<'_>) -> Result<(), StoreError> {
    let changes = &world.changes;
    let now = millis(world.now);
    for id in changes.releases.union(&changes.noted) {
        if let Some(release) = world.releases.get(id) {
            releases::put(tx, release)?;
        }
    }
    for vote in &changes.votes {
        releases::put_vote(tx, vote)?;
    }
    // A run that has ended makes room for the one that follows it.
    let mut changed: Vec<_> = changes.runs.iter().filter_map(|id| world.runs.get(id)).collect();
    changed.sort_by_key(|run| (run.state.occupies(), run.id));
    for run in changed {
        runs::put(tx, run, changes.runs_before.get(&run.id))?;
    }
    for kind in &changes.environments {
        runs::put_environment(tx, &world.service.name, world.environment(*kind))?;
    }
    if changes.another_copy {
        numbers::put_another_copy(tx, world.another_copy.as_ref())?;
    }
    if changes.events.is_empty() && changes.effects.is_empty() {
        return Ok(());
    }
    let service = world.service.name.as_str();
    let actor = to_json(cause.actor)?;
    for happened in &changes.events {
        let (kind, data) = happened.event.clone().into_record(on_record);
        tx.append_event(&NewEvent {
            at: now,
            service: Some(service),
            release_id: happened.release.map(|id| id.0),
            run_id: happened.run.map(|id| id.0),
            actor: &actor,
            kind: &kind,
            data: &data,
            trace_id: cause.trace_id,
        })?;
    }
    for effect in &changes.effects {
        let new = NewEffect {
            kind: effect.kind(),
            payload: &to_json(effect)?,
            service: Some(service),
            release_id: effect.release().map(|id| id.0),
            run_id: effect.run().map(|id| id.0),
            due_at: now,
            trace_id: cause.trace_id,
        };
        outbox::enqueue(tx, &new, now)?;
    }
    Ok(())
}
