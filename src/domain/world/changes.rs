//! What a decision changes. State and history cannot part: each change also puts on the record what it is.

use std::collections::BTreeMap;

use super::{Happened, NewRun, World};
use crate::domain::approval::Vote;
use crate::domain::commit_check::CommitCheck;
use crate::domain::effect::Effect;
use crate::domain::env::Env;
use crate::domain::environment::{AnotherCopy, EnvironmentState};
use crate::domain::event::Event;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunState};
use crate::domain::status::Status;
use crate::domain::workflow::Dispatch;

impl World<'_> {
    /// Casts a vote; a person has one in an attempt.
    pub fn cast(&mut self, release: &Release, vote: Vote) {
        let mut votes = self.votes(release).to_vec();
        votes.retain(|old| (old.attempt, &old.person) != (vote.attempt, &vote.person));
        votes.push(vote.clone());
        self.memory.set_votes(release.id, votes);
        self.changes.votes.push(vote);
    }

    /// The facts about an environment, to be changed.
    pub fn environment_mut(&mut self, env: Env) -> &mut EnvironmentState {
        self.changes.environments.insert(env);
        self.environments.entry(env).or_insert_with(|| EnvironmentState::new(env))
    }

    /// Notes that another copy of the database was met, or that an admin has looked.
    pub fn set_another_copy(&mut self, met: Option<AnotherCopy>) {
        self.changes.another_copy = true;
        self.another_copy = met;
    }

    /// A release, to be changed; its revision grows.
    ///
    /// # Panics
    /// If there is none of that number, which is a mistake in this program.
    pub fn release_mut(&mut self, id: ReleaseId) -> &mut Release {
        let release = self.memory.release_mut(id).unwrap_or_else(|| unreachable!("there is no release {id}"));
        if self.changes.releases.insert(id) {
            release.revision.0 += 1;
        }
        release
    }

    /// Notes a detail of why a release stands where it stands, which makes no button and no request out of date.
    pub fn note_reason(&mut self, id: ReleaseId, reason: Reason) {
        if let Some(release) = self.memory.release_mut(id) {
            release.reason = Some(reason);
            self.changes.noted.insert(id);
        }
    }

    /// Notes what the repository says of the commit of a release; no button and no request is out of date by that.
    pub fn note_commit_check(&mut self, id: ReleaseId, check: CommitCheck) {
        if let Some(release) = self.memory.release_mut(id) {
            release.commit_check = Some(check);
            self.changes.noted.insert(id);
        }
    }

    /// A run, to be changed.
    ///
    /// # Panics
    /// If there is none of that number, which is a mistake in this program.
    pub fn run_mut(&mut self, id: RunId) -> &mut Run {
        if self.changes.runs.insert(id) {
            self.changes.runs_before.extend(self.memory.run(id).map(|run| (id, run)));
        }
        self.memory.run_mut(id).unwrap_or_else(|| unreachable!("there is no run {id}"))
    }

    /// Adds a release that has just been made.
    pub fn add_release(&mut self, release: Release) {
        self.next_release = ReleaseId(release.id.0 + 1);
        self.changes.releases.insert(release.id);
        self.memory.add_release(release);
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
        // That the repository says no stands wherever the release goes, until it says yes.
        let says_more = reason.as_ref().is_some_and(|reason| *reason != Reason::FirstRelease);
        let denied = release.denied().filter(|_| to.is_active() && !says_more);
        release.reason = denied.or_else(|| reason.clone());
        release.completed_at = (!to.is_active()).then_some(now);
        let closes_vote = from == Status::ManualTesting && to != Status::StageTestRollback;
        let standing = closes_vote.then(|| Box::new(self.standing(id)));
        self.record(Some(id), None, Event::ReleaseMoved { from, to, reason, standing });
    }

    /// Decides a new run in an environment that RMM runs itself; its effect follows the plan.
    pub fn create_run(&mut self, new: NewRun) -> RunId {
        let id = self.insert_run(new, RunState::Queued, None);
        self.changes.effects.push(Effect::FollowRun { run: id });
        id
    }

    /// Decides a new run whose work a workflow does that RMM starts.
    pub fn create_dispatched_run(&mut self, new: NewRun, workflow: String) -> RunId {
        let id = self.insert_run(new, RunState::Queued, None);
        self.run_mut(id).dispatch = Some(Dispatch::of(workflow));
        self.changes.effects.push(Effect::FollowWorkflow { run: id });
        id
    }

    /// The workflow of a run that has begun is followed at GitHub, too.
    pub fn follow_workflow(&mut self, id: RunId, dispatch: Option<Dispatch>) {
        self.run_mut(id).dispatch = dispatch;
        self.changes.effects.push(Effect::FollowWorkflow { run: id });
    }

    /// Decides a run that is not executed, because no plan can be made for it; the caller ends it.
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
        let release = self.release(new.release);
        let (attempt, content) = (release.attempt, self.content(&release));
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
            dispatch: None,
            steps: new.steps,
            created_at: self.now,
            started_at: None,
            started_uptime: None,
            ended_at: None,
            heard_at: None,
            heard_uptime: None,
        };
        self.memory.add_run(run);
        id
    }
}
