//! The part of the world that one decision looks at and changes: one service, and what matters of it now.
//!
//! A value, loaded by the store inside a transaction and written back by it; nothing in here reaches outside. Every
//! change goes through a method that also records it, so that state and history cannot part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::approval::{Tally, Verdict, Vote};
use super::content::{Content, Definition};
use super::effect::Effect;
use super::env::Env;
use super::environment::{AnotherCopy, EnvironmentState};
use super::event::Event;
use super::ids::{PersonName, ReleaseId, RunId};
use super::moment::{Seed, Uptime};
use super::person::Person;
use super::reason::Reason;
use super::release::{Release, Version};
use super::run::{Run, RunKind, RunState, Step};
use super::service::Service;
use super::status::Status;

/// The people that the configuration knows, by name.
pub type People = BTreeMap<PersonName, Person>;

/// What a decision works on.
#[derive(Debug, Clone)]
pub struct World {
    /// The definition of the service.
    pub service: Arc<Service>,
    /// What it runs, as a part of what is signed.
    pub definition: Definition,
    /// Everybody.
    pub people: Arc<People>,
    /// The time of the decision.
    pub now: Timestamp,
    /// The same as time that passes, for what has a limit.
    pub uptime: Uptime,
    /// What the words of new runs are made from.
    pub seed: Seed,
    /// The releases that matter: those on the way (of the ones that wait for stage, the first few), those that an
    /// environment runs or is half-way between, those that a loaded run goes from and to, and the one that the command
    /// is about. For `Create` and `Retry` also the active ones of the same tag or commit, and for `Create` the one of
    /// the same CI run; for `Rollback` also the good versions.
    pub releases: BTreeMap<ReleaseId, Release>,
    /// The votes on those of them that are active, and on the one that the command is about.
    pub votes: Vec<Vote>,
    /// The runs that occupy an environment, left it dirty, or left steps at work on a host, and the one that the command is
    /// about; as long as production runs nothing, the last one of each environment.
    pub runs: BTreeMap<RunId, Run>,
    /// The facts about each environment of the service.
    pub environments: BTreeMap<Env, EnvironmentState>,
    /// Another RMM that works with a copy of the whole database was met, and no admin has looked yet.
    pub another_copy: Option<AnotherCopy>,
    /// The good versions, newest first.
    pub good: Vec<GoodVersion>,
    /// The number of the next release.
    pub next_release: ReleaseId,
    /// The number of the next run.
    pub next_run: RunId,
    /// What has changed so far.
    pub changes: Changes,
}

/// A version that went well in production.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodVersion {
    /// Which.
    pub version: Version,
    /// When its deploy ended.
    pub deployed_at: Timestamp,
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
    pub runs_before: BTreeMap<RunId, Run>,
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

impl World {
    /// The facts about an environment.
    ///
    /// # Panics
    /// If the service does not have it.
    #[must_use]
    pub fn environment(&self, env: Env) -> &EnvironmentState {
        &self.environments[&env]
    }

    /// The facts about stage.
    #[must_use]
    pub fn stage(&self) -> &EnvironmentState {
        self.environment(Env::Stage)
    }

    /// The facts about production.
    #[must_use]
    pub fn production(&self) -> &EnvironmentState {
        self.environment(Env::Production)
    }

    /// The facts about an environment, to be changed.
    pub fn environment_mut(&mut self, env: Env) -> &mut EnvironmentState {
        self.changes.environments.insert(env);
        self.environments.entry(env).or_insert_with(|| EnvironmentState::new(env))
    }

    /// The environments for which a release waits until an admin says what they run.
    pub fn to_settle(&self, release: &Release) -> impl Iterator<Item = Env> {
        let (id, status) = (release.id, release.status);
        let waits = move |state: &&EnvironmentState| match state.kind {
            _ if state.unknown.is_none() => false,
            Env::Preview(of) => of == id && status.is_active(),
            Env::Stage => status.is_active() && !matches!(status, Status::Deploying | Status::ProductionRollback),
            Env::Production => status.is_active() || status == Status::Deployed,
        };
        self.environments.values().filter(waits).map(|state| state.kind)
    }

    /// Notes that another copy of the database was met, or that an admin has looked.
    pub fn set_another_copy(&mut self, met: Option<AnotherCopy>) {
        self.changes.another_copy = true;
        self.another_copy = met;
    }

    /// A release, to be changed; its revision grows.
    ///
    /// # Panics
    /// If the release was not loaded, which is a mistake in this program.
    pub fn release_mut(&mut self, id: ReleaseId) -> &mut Release {
        let release = self.releases.get_mut(&id).unwrap_or_else(|| unreachable!("release {id} was not loaded"));
        if self.changes.releases.insert(id) {
            release.revision.0 += 1;
        }
        release
    }

    /// Notes a detail of why a release stands where it stands, which makes no button and no request out of date.
    pub fn note_reason(&mut self, id: ReleaseId, reason: Reason) {
        if let Some(release) = self.releases.get_mut(&id) {
            release.reason = Some(reason);
            self.changes.noted.insert(id);
        }
    }

    /// A run, to be changed.
    ///
    /// # Panics
    /// If the run was not loaded, which is a mistake in this program.
    pub fn run_mut(&mut self, id: RunId) -> &mut Run {
        let run = self.runs.get_mut(&id).unwrap_or_else(|| unreachable!("run {id} was not loaded"));
        if self.changes.runs.insert(id) {
            self.changes.runs_before.insert(id, run.clone());
        }
        run
    }

    /// What a release would bring now.
    #[must_use]
    pub fn content(&self, release: &Release) -> Content {
        Content::of(release, &self.definition)
    }

    /// Puts an event on the record.
    pub fn record(&mut self, release: Option<ReleaseId>, run: Option<RunId>, event: Event) {
        self.changes.events.push(Happened { release, run, event });
    }

    /// Moves a release along an arrow of the life cycle.
    ///
    /// # Panics
    /// If there is no such arrow, which is a mistake in this program.
    pub fn move_release(&mut self, id: ReleaseId, to: Status, reason: Option<Reason>) {
        let now = self.now;
        let release = self.release_mut(id);
        let from = release.status;
        assert!(from.next().contains(&to), "there is no arrow from {from} to {to}");
        release.status = to;
        release.status_since = now;
        release.reason.clone_from(&reason);
        release.completed_at = (!to.is_active()).then_some(now);
        self.record(Some(id), None, Event::ReleaseMoved { from, to, reason });
    }

    /// Decides a new run in an environment that RMM runs itself; its effect follows the plan.
    pub fn create_run(&mut self, new: NewRun) -> RunId {
        let id = self.insert_run(new, RunState::Queued, None);
        self.changes.effects.push(Effect::FollowRun { run: id });
        id
    }

    /// Decides a run that nobody follows, because no plan can be made for it; the caller ends it.
    pub fn create_run_without_plan(&mut self, new: NewRun) -> RunId {
        self.insert_run(new, RunState::Queued, None)
    }

    /// Notes a run that a CI system has begun.
    pub fn note_ci_run(&mut self, new: NewRun, ci_run: Option<String>) -> RunId {
        let id = self.insert_run(new, RunState::Running, ci_run);
        let (now, uptime) = (self.now, self.uptime.clone());
        let run = self.run_mut(id);
        run.started_at = Some(now);
        run.started_uptime = Some(uptime.clone());
        run.heard_at = Some(now);
        run.heard_uptime = Some(uptime);
        id
    }

    fn insert_run(&mut self, new: NewRun, state: RunState, ci_run: Option<String>) -> RunId {
        let id = self.next_run;
        self.next_run = RunId(id.0 + 1);
        let release = &self.releases[&new.release];
        let (attempt, content) = (release.attempt, self.content(release));
        self.record(
            Some(new.release),
            Some(id),
            Event::RunCreated {
                environment: new.environment,
                kind: new.kind,
                from: new.from.clone(),
                to: new.to.clone(),
            },
        );
        self.changes.runs.insert(id);
        let run = Run {
            id,
            word: self.seed.word(id),
            release: new.release,
            attempt,
            service: self.service.name.clone(),
            environment: new.environment,
            kind: new.kind,
            housekeeping: new.housekeeping,
            content: Some(content),
            from: new.from,
            to: new.to,
            state,
            waiting: None,
            stop: None,
            left: BTreeMap::new(),
            prepared: false,
            ci_run,
            steps: new.steps,
            created_at: self.now,
            started_at: None,
            started_uptime: None,
            ended_at: None,
            heard_at: None,
            heard_uptime: None,
        };
        self.runs.insert(id, run);
        id
    }

    /// The run that occupies an environment.
    #[must_use]
    pub fn occupying_run(&self, environment: Env) -> Option<&Run> {
        self.runs.values().find(|run| run.environment == environment && run.state.occupies())
    }

    /// How the vote on a release stands, under the rule as it is now.
    #[must_use]
    pub fn tally(&self, release: &Release) -> Tally {
        Tally::count(&self.service.approvals, release, &self.votes, &self.definition, |name| self.people.get(name))
    }

    /// People who have approved the release when it would have brought something else, and not again since.
    pub fn approved_something_else(&self, release: &Release) -> impl Iterator<Item = &PersonName> {
        let (id, attempt) = (release.id, release.attempt);
        let of = move |vote: &&Vote| (vote.release, vote.attempt, &vote.verdict) == (id, attempt, &Verdict::Approved);
        let void: Vec<_> =
            self.votes.iter().filter(of).filter(|vote| !vote.is_about(release, &self.definition)).collect();
        void.into_iter().map(|vote| &vote.person)
    }

    /// The releases that wait for production, in their order.
    #[must_use]
    pub fn line(&self) -> Vec<&Release> {
        let mut line: Vec<_> = self.releases.values().filter(|r| r.status == Status::ManualTestPassed).collect();
        line.sort_by_key(|release| (release.status_since, release.id));
        line
    }

    /// The release that occupies stage, or is just about to: its run waits to be started.
    #[must_use]
    pub fn stage_holder(&self) -> Option<&Release> {
        let run = self.occupying_run(Env::Stage).filter(|run| !run.housekeeping).map(|run| run.release);
        self.releases.values().find(|release| release.status.holds_stage() || run == Some(release.id))
    }

    /// Whether a release was in production before another one, which production runs now.
    #[must_use]
    pub fn ran_before(&self, older: ReleaseId, current: ReleaseId) -> bool {
        let place = |id| self.good.iter().position(|good| good.version.release == id);
        match (place(older), place(current)) {
            (Some(older), Some(current)) => older > current,
            // This very decision has made it a good version.
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    /// Where a rollback of the release that production runs goes to unless somebody says otherwise: to the version that
    /// its rehearsal went back to, or else to the newest good one before it.
    #[must_use]
    pub fn usual_way_back(&self, release: &Release) -> Option<&GoodVersion> {
        let rehearsed = release.rehearsal.as_ref().and_then(|rehearsal| rehearsal.against);
        let mut older = self.good_before_current();
        older.find(|good| Some(good.version.release) == rehearsed).or_else(|| self.good_before_current().next())
    }

    /// The good versions before the one that production runs, newest first.
    pub fn good_before_current(&self) -> impl Iterator<Item = &GoodVersion> {
        let current = self.production().current.as_ref().map(|version| version.release);
        let order = |good: &GoodVersion| (good.deployed_at, good.version.release);
        let since = self.good.iter().find(|good| Some(good.version.release) == current).map(order);
        self.good
            .iter()
            .filter(move |good| Some(good.version.release) != current && since.is_none_or(|since| order(good) < since))
    }
}

/// What a new run is.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The release it is for; loaded.
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
