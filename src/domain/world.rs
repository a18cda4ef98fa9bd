//! The part of the world that one decision looks at and changes: one service, and what matters of it now.
//!
//! It asks a snapshot of the store for what it needs, inside a transaction, and says at the end what is to be written; nothing
//! in here reaches outside. Every change goes through a method that also records it, so that state and history cannot part.

mod changes;
mod questions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::approval::Vote;
use super::content::Definition;
use super::effect::Effect;
use super::env::Env;
use super::environment::{AnotherCopy, EnvironmentState};
use super::event::Event;
use super::ids::{PersonName, ReleaseId, RunId, ServiceName};
use super::moment::{Moment, Seed, Uptime};
use super::person::Person;
use super::release::Release;
use super::run::{Run, RunKind, Step};
use super::service::Service;
use super::snapshot::{Memory, Snapshot};
use super::version::Version;

/// The people that the configuration knows, by name.
pub type People = BTreeMap<PersonName, Person>;

/// What a decision works on.
#[derive(Debug, Clone)]
pub struct World<'s> {
    /// The definition of the service.
    pub service: Arc<Service>,
    /// What it runs, as a part of what is signed.
    pub definition: Definition,
    /// All people of the configuration.
    pub people: Arc<People>,
    /// The time of the decision.
    pub now: Timestamp,
    /// The same as time that passes, for what has a limit.
    pub uptime: Uptime,
    /// What the words of new runs are made from.
    pub seed: Seed,
    /// The facts about each environment of the service.
    pub environments: BTreeMap<Env, EnvironmentState>,
    /// Another RMM that works with a copy of the whole database was met, and no admin has looked yet.
    pub another_copy: Option<AnotherCopy>,
    /// The number of the next release.
    pub next_release: ReleaseId,
    /// The number of the next run.
    pub next_run: RunId,
    /// What has changed so far.
    pub changes: Changes,
    memory: Memory<'s>,
}

/// What a world begins with, beside the snapshot that it asks.
#[derive(Debug)]
pub struct Beginning {
    /// The definition of the service.
    pub service: Arc<Service>,
    /// All people of the configuration.
    pub people: Arc<People>,
    /// When the decision is made.
    pub moment: Moment,
    /// The facts about each environment of the service.
    pub environments: BTreeMap<Env, EnvironmentState>,
    /// Another RMM that works with a copy of the database.
    pub another_copy: Option<AnotherCopy>,
    /// The number of the next release.
    pub next_release: ReleaseId,
    /// The number of the next run.
    pub next_run: RunId,
}

/// What a decision changed, for the store to write in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Releases to write, whose revision has grown.
    pub releases: BTreeSet<ReleaseId>,
    /// Releases to write of which only a detail has changed.
    pub noted: BTreeSet<ReleaseId>,
    /// Runs to write, with those of their steps that have changed.
    pub runs: BTreeSet<RunId>,
    /// These runs as they were; a new one was not.
    pub runs_before: BTreeMap<RunId, Arc<Run>>,
    /// Environments to write.
    pub environments: BTreeSet<Env>,
    /// What is known of another copy of the database is to be written.
    pub another_copy: bool,
    /// Votes to write.
    pub votes: Vec<Vote>,
    /// What happened.
    pub events: Vec<Happened>,
    /// What is to be done outside.
    pub effects: Vec<Effect>,
}

/// An event and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// The release.
    pub release: Option<ReleaseId>,
    /// The run.
    pub run: Option<RunId>,
    /// What happened.
    pub event: Event,
}

/// What is to be written of a decision.
#[derive(Debug)]
pub struct Written {
    /// The service.
    pub service: ServiceName,
    /// When.
    pub now: Timestamp,
    /// Releases.
    pub releases: Vec<Arc<Release>>,
    /// Runs, each with how it was; a new one was not.
    pub runs: Vec<(Arc<Run>, Option<Arc<Run>>)>,
    /// Environments.
    pub environments: Vec<EnvironmentState>,
    /// What is known of another copy of the database, if that has changed.
    pub another_copy: Option<Option<AnotherCopy>>,
    /// Votes.
    pub votes: Vec<Vote>,
    /// What happened.
    pub events: Vec<Happened>,
    /// What is to be done outside.
    pub effects: Vec<Effect>,
}

impl<'s> World<'s> {
    /// A world that asks a snapshot.
    #[must_use]
    pub fn of(stored: &'s dyn Snapshot, beginning: Beginning) -> Self {
        let Beginning { service, people, moment, environments, another_copy, next_release, next_run } = beginning;
        Self {
            definition: Definition::of(&service),
            service,
            people,
            now: moment.now,
            uptime: moment.uptime,
            seed: moment.seed,
            environments,
            another_copy,
            next_release,
            next_run,
            changes: Changes::default(),
            memory: Memory::of(stored),
        }
    }

    /// What is to be written.
    #[must_use]
    pub fn written(self) -> Written {
        let Changes { releases, noted, runs, mut runs_before, environments, another_copy, votes, events, effects } =
            self.changes;
        let memory = &self.memory;
        Written {
            releases: releases.union(&noted).filter_map(|id| memory.release(*id)).collect(),
            runs: runs.iter().filter_map(|id| Some((memory.run(*id)?, runs_before.remove(id)))).collect(),
            environments: environments.iter().filter_map(|env| self.environments.get(env)).cloned().collect(),
            another_copy: another_copy.then_some(self.another_copy),
            service: self.service.name.clone(),
            now: self.now,
            votes,
            events,
            effects,
        }
    }

    /// Every release and run that was asked for.
    #[cfg(test)]
    pub(super) fn everything(&self) -> (Vec<Arc<Release>>, Vec<Arc<Run>>) {
        self.memory.everything()
    }
}

/// What a new run is.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The release it is for.
    pub release: ReleaseId,
    /// Where.
    pub environment: Env,
    /// What for.
    pub kind: RunKind,
    /// Its end moves no release.
    pub housekeeping: bool,
    /// What the environment ran before; of a rehearsal: what is gone back to meanwhile.
    pub from: Option<Version>,
    /// What it should run afterwards.
    pub to: Version,
    /// The plan.
    pub steps: Vec<Step>,
}
