//! An environment of which it is not known what it runs: how that comes about, what it keeps from happening, and how an
//! admin ends it.

use crate::domain::cause::Cause;
use crate::domain::command::{Answer, Settled};
use crate::domain::env::Env;
use crate::domain::environment::{AnotherCopy, UnknownState};
use crate::domain::event::Event;
use crate::domain::ids::{HostName, RunId};
use crate::domain::person::Right;
use crate::domain::reason::{LastRun, Reason};
use crate::domain::refusal::Refusal;
use crate::domain::run::{Run, RunState};
use crate::domain::run_name::RunName;
use crate::domain::status::Status;
use crate::domain::text::prose;
use crate::domain::version::Version;

use super::people::REASON;
use super::{Decided, Draft};

impl Draft<'_, '_> {
    pub(super) fn settle(&mut self, kind: Env, runs: Settled, reason: String) -> Decided {
        self.allow(Right::Command, None)?;
        self.check_environment(kind)?;
        let reason = prose(&reason, REASON);
        let state = self.world.environment(kind);
        if state.unknown.is_none() {
            let (met, version) = (self.world.another_copy.is_some(), state.current.clone());
            if met && runs == Settled::Recorded {
                self.world.set_another_copy(None);
                self.world.record(None, None, Event::EnvironmentSettled { environment: kind, version, reason });
                return Ok(Answer::Done);
            }
            let service = self.world.service.name.clone();
            return Err(Cause::KnownAlready { environment: kind, service, another_copy: met }.into());
        }
        let version = match runs {
            Settled::Release(id) => Some(self.known(id)?.version()),
            Settled::Nothing => None,
            Settled::Recorded => state.current.clone(),
        };
        if let Some(run) = self.world.occupying_run(kind) {
            if run.state.is_live() {
                return Err(Cause::RunAtWork { run: run.id, environment: kind }.into());
            }
            let by = self.actor.label().to_owned();
            let said = Reason::Settled { by, environment: kind, version: version.clone() };
            self.end_lost_run(&run, version.as_ref(), said);
        }
        let left_dirty = self.world.environment(kind).dirty.as_ref().and_then(|dirty| self.world.find_run(dirty.run));
        if let Some(run) = left_dirty {
            self.note_repaired(&run, version.clone());
        }
        let (now, next_run) = (self.world.now, self.world.next_run);
        let state = self.world.environment_mut(kind);
        let release = |version: &Option<Version>| version.as_ref().map(|version| version.release);
        if release(&state.current) != release(&version) {
            state.since = version.as_ref().map(|_| now);
        }
        state.current.clone_from(&version);
        state.unknown = None;
        state.mixed = None;
        state.dirty = None;
        let left = &state.left;
        state.unseen.retain(|unseen| left.contains_key(&unseen.host));
        state.vouched_below = next_run;
        if self.world.another_copy.is_some() {
            self.world.set_another_copy(None);
        }
        self.world.record(None, None, Event::EnvironmentSettled { environment: kind, version, reason });
        Ok(Answer::Done)
    }

    /// Ends a run whose end was not known by what the environment was found to run.
    fn end_lost_run(&mut self, run: &Run, found: Option<&Version>, said: Reason) {
        if found.is_some_and(|version| version.release == run.to.release) {
            return self.run_ended(run.id, RunState::Succeeded);
        }
        self.close_run(run.id, RunState::Failed { reason: said.clone() });
        let release = self.world.release(run.release);
        if !run.moves_its_release() || release.attempt != run.attempt {
            return;
        }
        match (run.environment, release.status) {
            (Env::Stage, _) => self.stage_failed(run, Some(said)),
            // Nothing is left to go back from.
            (Env::Production, Status::Deploying) => {
                self.world.move_release(run.release, Status::ProductionRollback, Some(said.clone()));
                self.world.move_release(run.release, Status::RollbackDone, Some(said));
            }
            (Env::Production, Status::ProductionRollback) => {
                self.world.move_release(run.release, Status::RollbackFailed, Some(said));
            }
            (Env::Preview(_) | Env::Production, _) => {}
        }
    }

    /// What an environment runs is for an admin to say, before anything goes on from there.
    pub(super) fn check_known(&self, kind: Env) -> Result<(), Refusal> {
        let Some(unknown) = &self.world.environment(kind).unknown else { return Ok(()) };
        let (service, reason) = (self.world.service.name.clone(), unknown.reason.clone());
        Err(Refusal::from(Cause::EnvironmentUnknown { environment: kind, service, reason }).legal(["settle"]))
    }

    /// A run met the traces of a run that this database does not know. Nothing of its own was started there.
    pub(super) fn run_foreign(&mut self, id: RunId, host: HostName, reason: Reason) -> Decided {
        let run = self.known_run(id)?;
        if let Reason::OtherInstallation { token, .. } = &reason {
            self.meet_installation(run.environment, token);
        } else {
            self.meet_copy(&run, host, reason.clone());
        }
        self.make_unknown(run.environment, reason.clone(), Some(&run));
        if run.running_steps().next().is_some() { self.run_lost(id, reason) } else { self.run_failed(id, reason) }
    }

    /// Only for the record, and so for the admins: the run itself is not affected.
    pub(super) fn foreign_turned_away(&mut self, id: RunId, host: HostName, reason: Reason) -> Decided {
        let run = self.known_run(id)?;
        self.meet_copy(&run, host, reason);
        Ok(Answer::Run(id))
    }

    /// A copy is one of the whole database, so that it is told once, wherever it is met again, until an admin has looked.
    fn meet_copy(&mut self, run: &Run, host: HostName, reason: Reason) {
        if self.world.another_copy.is_none() {
            let (environment, since) = (run.environment, self.world.now);
            self.world.set_another_copy(Some(AnotherCopy { reason: reason.clone(), since }));
            let event = Event::ForeignRunFound { environment, host, reason };
            self.world.record(Some(run.release), Some(run.id), event);
        }
    }

    /// A run of another installation is the last one on a host.
    fn meet_installation(&mut self, kind: Env, token: &str) {
        let others = &mut self.world.environment_mut(kind).others;
        let last = others.entry(RunName::installation(token).to_owned()).or_insert(RunId(0));
        *last = RunName::number(token).max(*last);
    }

    /// A part of the answer to what an environment runs, for the admin who has to say it: the last run on a host is not in
    /// this database.
    pub(super) fn host_looked(&mut self, kind: Env, last: LastRun) -> Answer {
        if let Some(token) = &last.other {
            self.meet_installation(kind, token);
        }
        let known = self.world.environment(kind).unknown.as_ref().map(|unknown| unknown.reason.clone());
        let service = self.world.service.name.clone();
        let (cause, mut found) = match known {
            None => (Box::new(Reason::LastRunsUnknown { service, environment: kind }), Vec::new()),
            Some(Reason::LastRuns { cause, found }) => (cause, found),
            Some(reason) => (Box::new(reason), Vec::new()),
        };
        if found.contains(&last) {
            return Answer::Done;
        }
        let same = |known: &&mut LastRun| (&known.host, known.run, &known.other) == (&last.host, last.run, &last.other);
        if let Some(known) = found.iter_mut().find(same) {
            // That a command has ended is no news, but is not told as still at work either.
            *known = last;
            let unknown = &mut self.world.environment_mut(kind).unknown;
            unknown.iter_mut().for_each(|unknown| {
                unknown.reason = Reason::LastRuns { cause: cause.clone(), found: found.clone() };
            });
            return Answer::Done;
        }
        found.retain(|known| known.host != last.host);
        found.push(last);
        self.make_unknown(kind, Reason::LastRuns { cause, found }, None);
        Answer::Done
    }

    /// It is not known what an environment runs; `by` is the run that has shown it.
    pub(super) fn make_unknown(&mut self, kind: Env, reason: Reason, by: Option<&Run>) {
        let since = self.world.now;
        self.world.environment_mut(kind).unknown = Some(UnknownState { reason: reason.clone(), since });
        let (release, run) = (by.map(|run| run.release), by.map(|run| run.id));
        self.world.record(release, run, Event::EnvironmentUnknown { environment: kind, reason });
    }
}
