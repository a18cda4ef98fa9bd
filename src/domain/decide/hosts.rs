//! Hosts that do not answer: a rollback goes on without them, and they are caught up when they return, or given up.

use std::collections::BTreeMap;

use crate::domain::cause::Cause;
use crate::domain::command::Answer;
use crate::domain::env::Env;
use crate::domain::environment::{LeftHost, UnseenStep};
use crate::domain::event::Event;
use crate::domain::ids::{HostName, RunId};
use crate::domain::moves::Move;
use crate::domain::person::Right;
use crate::domain::reason::{Found, Reason};
use crate::domain::refusal::Refusal;
use crate::domain::run::{Run, RunKind, RunState, Step, StepKind, StepState};
use crate::domain::version::Version;
use crate::domain::world::NewRun;

use super::people::given_reason;
use super::{Decided, Draft};

impl Draft<'_, '_> {
    /// A run goes on without hosts that do not answer, if it may. A rollback needs one that does.
    pub(super) fn leave_hosts(&mut self, id: RunId, hosts: &BTreeMap<HostName, Reason>) -> Decided {
        let run = self.known_run(id)?;
        let mut hosts = hosts.clone();
        hosts.retain(|host, _| {
            !run.repeats_unseen(host, &self.world.environment(run.environment).unseen, |unseen| {
                self.world.find_run(unseen.run)?.steps.get(unseen.step as usize).cloned()
            })
        });
        if run.state.is_live() && !hosts.is_empty() && self.may_leave(&run, &hosts) {
            for (host, reason) in &hosts {
                self.leave(id, host, reason, false);
            }
            return Ok(Answer::Step(self.go_on_without(id)));
        }
        Ok(Answer::Step(None))
    }

    /// The host of a step does not answer: the run goes on without it, if it may. False: it may not.
    pub(super) fn leave_host_of_step(&mut self, run: &Run, step: &Step, reason: &Reason, begun: bool) -> bool {
        let hosts = BTreeMap::from([(step.host.clone(), reason.clone())]);
        let in_doubt = begun && step.kind.migrates() && run.stop.is_none();
        if in_doubt || !self.may_leave(run, &hosts) {
            return false;
        }
        if !begun {
            self.world.run_mut(run.id).steps[step.index as usize].state = StepState::Pending;
        }
        self.leave(run.id, &step.host, reason, false);
        true
    }

    /// Whether a run may go on without hosts. A rollback may, as long as a host of the environment remains, though it may
    /// not have been touched.
    fn may_leave(&self, run: &Run, hosts: &BTreeMap<HostName, Reason>) -> bool {
        let all = self.world.service.hosts_in(run.environment);
        let others =
            run.remaining_hosts().chain(&all).any(|host| !hosts.contains_key(host) && !run.left.contains_key(host));
        run.may_leave_hosts() && (others || run.stop.is_some() || run.is_catch_up())
    }

    fn leave(&mut self, id: RunId, host: &HostName, reason: &Reason, given_up: bool) {
        let now = self.world.now;
        let run = self.world.run_mut(id);
        if run.left.contains_key(host) {
            return;
        }
        let migrates = |step: &Step| step.host == *host && step.state == StepState::Running && step.kind.migrates();
        let reason = if run.steps.iter().any(migrates) {
            Reason::MigrationAtWork { cause: Box::new(reason.clone()) }
        } else {
            reason.clone()
        };
        for step in run.steps.iter_mut().filter(|step| step.host == *host) {
            match step.state {
                StepState::Running => {
                    step.state = StepState::Unknown { reason: reason.clone() };
                    step.ended_at = Some(now);
                }
                StepState::Pending => step.state = StepState::Skipped { reason: reason.clone() },
                StepState::Succeeded
                | StepState::Failed { .. }
                | StepState::Stopped
                | StepState::Unknown { .. }
                | StepState::Skipped { .. } => {}
            }
        }
        let newer = run.from.clone().filter(|_| run.kind == RunKind::Rollback).unwrap_or_else(|| run.to.clone());
        let left = LeftHost { run: id, newer, since: now, reason: reason.clone(), given_up, unseen: Vec::new() };
        run.left.insert(host.clone(), left);
        let (release, environment) = (run.release, run.environment);
        if !given_up {
            let event = Event::HostLeftBehind { environment, host: host.clone(), reason };
            self.world.record(Some(release), Some(id), event);
        }
    }

    /// What is left of a run once it has left hosts. A database is taken back from another host, where the one that
    /// should have done it does not answer. The answer is the first of the steps to start now.
    pub(super) fn go_on_without(&mut self, id: RunId) -> Option<u32> {
        let run = self.world.run(id);
        let left = |step: &Step| {
            // One that an admin has given up is not waited for, though it may have begun there.
            let given_up = matches!(step.state, StepState::Unknown { .. }) && run.has_given_up(&step.host);
            given_up || matches!(step.state, StepState::Skipped { .. })
        };
        let moved = |step: &&Step| step.kind == StepKind::MigrateDown && left(step);
        let open = |step: &&Step| step.kind == StepKind::MigrateDown && !left(step);
        let undone = run.steps.iter().filter(moved).any(|skipped| {
            !run.steps
                .iter()
                .filter(open)
                .any(|other| (&other.surface, other.about) == (&skipped.surface, skipped.about))
        });
        if undone
            && run.kind == RunKind::Rollback
            && let Err(reason) = self.plan_the_rest(&run)
        {
            self.run_ended(id, RunState::Failed { reason });
            return None;
        }
        let run = self.world.run(id);
        if run.state == RunState::Running && run.running_steps().next().is_none() {
            return self.wave_ended(id);
        }
        None
    }

    /// Plans the rest of a rollback anew, without the hosts that it has left.
    fn plan_the_rest(&mut self, run: &Run) -> Result<(), Reason> {
        let (Some(newer), older) = (&run.from, &run.to) else { return Ok(()) };
        let left: Vec<_> = run.left.keys().cloned().collect();
        let positions = self.positions_after(run);
        let planner = self.planner(run.environment, run.kind).without(&left);
        let rest = planner.back(&*self.loaded(newer)?, &*self.loaded(older)?, &positions)?;
        let run = self.world.run_mut(run.id);
        for step in run.steps.iter_mut().filter(|step| step.state == StepState::Pending) {
            step.state = StepState::Skipped { reason: Reason::PlannedAnew };
        }
        let wave = run.steps.iter().map(|step| step.wave + 1).max().unwrap_or(0);
        for mut step in rest {
            step.index = u32::try_from(run.steps.len()).map_err(|_| Reason::PlanTooLong)?;
            step.wave += wave;
            run.steps.push(step);
        }
        Ok(())
    }

    /// Remembers the hosts that a run that has ended left or could not catch up, and forgets those that it brought to
    /// where they belong.
    pub(super) fn note_left_hosts(&mut self, run: &Run) {
        let kind = run.environment;
        for (host, left) in &run.left {
            let known = self.world.environment_mut(kind).left.entry(host.clone());
            let known = known.or_insert_with(|| left.clone());
            (known.run, known.reason, known.given_up) = (left.run, left.reason.clone(), left.given_up);
        }
        self.note_unseen(run.id);
        let reached: Vec<_> = run.remaining_hosts().cloned().collect();
        for host in reached {
            let Some(known) = self.world.environment(kind).left.get(&host) else { continue };
            if run.state == RunState::Succeeded {
                let newer = known.newer.clone();
                self.world.environment_mut(kind).left.remove(&host);
                let event = Event::HostCaughtUp { environment: kind, host, newer };
                self.world.record(Some(run.release), Some(run.id), event);
            } else if let RunState::Failed { reason } = &run.state
                && run.is_catch_up()
            {
                let cause = Box::new(reason.clone());
                let reason = Reason::NotCaughtUp { run: run.id, to: run.to.clone(), cause };
                let left = LeftHost { run: run.id, reason, ..known.clone() };
                self.world.environment_mut(kind).left.insert(host, left);
            }
        }
    }

    /// A host that answers again is brought to what its environment runs, once nothing else is at work there.
    pub(super) fn host_back(&mut self, kind: Env, host: &HostName) -> Decided {
        self.check_environment(kind)?;
        let waits = self.world.environment(kind).left.get(host).is_some_and(|left| !left.given_up);
        if waits && self.check_catch_up(kind).is_ok() && self.world.service.hosts_in(kind).contains(host) {
            return Ok(self.begin_catch_up(kind, host));
        }
        Ok(Answer::Done)
    }

    /// An admin wants a host caught up now that was left behind or given up.
    pub(super) fn catch_up_host(&mut self, kind: Env, host: &HostName) -> Decided {
        self.allow(Right::Command, None)?;
        self.check_environment(kind)?;
        if !self.world.environment(kind).left.contains_key(host) {
            return Err(Cause::NotLeftBehind { host: host.clone(), environment: kind }.into());
        }
        if !self.world.service.hosts_in(kind).contains(host) {
            let service = self.world.service.name.clone();
            return Err(Cause::HostNotNamed { host: host.clone(), environment: kind, service }.into());
        }
        self.check_catch_up(kind)?;
        let left = self.world.environment_mut(kind).left.get_mut(host);
        left.into_iter().for_each(|left| left.given_up = false);
        Ok(self.begin_catch_up(kind, host))
    }

    /// Whether it is certain what hosts have to be brought to, and nothing else is at work.
    fn check_catch_up(&self, kind: Env) -> Result<(), Refusal> {
        self.check_known(kind)?;
        let state = self.world.environment(kind);
        let cause = match (self.world.occupying_run(kind), &state.dirty) {
            (Some(run), _) => Cause::RunAtWork { run: run.id, environment: kind },
            (None, Some(dirty)) => {
                Cause::NeedsRepair { environment: kind, run: dirty.run, reason: dirty.reason.clone() }
            }
            (None, None) if state.current.is_none() || state.mixed.is_some() => {
                Cause::NothingToCatchUp { environment: kind }
            }
            (None, None) if !self.world.service.environment(kind).driver.is_ours() => {
                Cause::BroughtByCi { environment: kind }
            }
            (None, None) => return Ok(()),
        };
        Err(cause.into())
    }

    fn begin_catch_up(&mut self, kind: Env, host: &HostName) -> Answer {
        let state = self.world.environment(kind);
        let (Some(current), Some(left)) = (state.current.clone(), state.left.get(host)) else { return Answer::Done };
        let id = self.world.next_run;
        let steps = self.loaded(&current).and_then(|code| {
            let newer = self.loaded(&left.newer)?;
            let others: Vec<_> = self.world.service.hosts_in(kind).into_iter().filter(|other| other != host).collect();
            self.planner(kind, RunKind::Deploy).without(&others).catch_up_code(&newer, &code)
        });
        self.start_or_fail(catch_up(current, kind), steps);
        Answer::Run(id)
    }

    /// A host is given up. What it may run and what may still be at work there stays known.
    pub(super) fn give_up_host(&mut self, kind: Env, host: &HostName, reason: String) -> Decided {
        self.allow(Right::Command, None)?;
        self.check_environment(kind)?;
        let reason = given_reason(&reason)?;
        let said = Reason::GivenUp { by: self.actor.label().to_owned(), why: reason };
        let run = self.world.occupying_run(kind).filter(|run| run.state.is_live());
        let at_work = run.filter(|run| run.hosts(None).contains(&host) && !run.has_given_up(host));
        let known = self.world.environment(kind).left.get(host).is_some_and(|left| !left.given_up);
        match &at_work {
            Some(run) if !run.may_leave_hosts() => {
                let way_out = if kind == Env::Production { Move::Abort } else { Move::Cancel };
                let (run, release, host) = (run.id, run.release, host.clone());
                let cause = Cause::NeedsHost { run, environment: kind, host, release, way_out };
                return Err(Refusal::from(cause).legal([way_out.as_str()]));
            }
            None if !known => {
                return Err(Cause::NothingToGiveUp { host: host.clone(), environment: kind }.into());
            }
            Some(_) | None => {}
        }
        if let Some(left) = self.world.environment_mut(kind).left.get_mut(host) {
            (left.given_up, left.reason) = (true, said.clone());
        }
        let event = Event::HostGivenUp { environment: kind, host: host.clone(), reason: said.clone() };
        self.world.record(None, None, event);
        if let Some(run) = at_work {
            self.leave(run.id, host, &said, true);
            let run = self.world.run_mut(run.id);
            run.waiting = None;
            if let Some(left) = run.left.get_mut(host) {
                (left.given_up, left.reason) = (true, said);
            }
            let id = run.id;
            self.go_on_without(id);
        }
        Ok(Answer::Done)
    }

    /// Steps of earlier runs were still at work on a host, and have been ended there before this one began.
    pub(super) fn earlier_steps_ended(&mut self, id: RunId, host: HostName, steps: Vec<String>) -> Decided {
        let run = self.known_run(id)?;
        let event = Event::EarlierStepsEnded { environment: run.environment, host, steps };
        self.world.record(Some(run.release), Some(id), event);
        Ok(Answer::Run(id))
    }

    /// Remembers the migrations of a run that may have gone on after their host stopped answering.
    pub(super) fn note_unseen(&mut self, id: RunId) {
        let run = self.world.run(id);
        let open =
            |step: &&Step| step.kind.migrates() && matches!(step.state, StepState::Running | StepState::Unknown { .. });
        let unseen = |step: &Step| UnseenStep { host: step.host.clone(), run: id, step: step.index };
        let noted: Vec<_> = run.steps.iter().filter(open).map(unseen).collect();
        let known = &mut self.world.environment_mut(run.environment).unseen;
        for unseen in noted {
            if !known.contains(&unseen) {
                known.push(unseen);
            }
        }
    }

    /// A migration that an earlier run had begun on a host, which did not answer any more, has gone on there unseen. If
    /// this run repeats it or takes it back, or an admin has judged it alike, all is well. Otherwise only a person can say
    /// where the database stands.
    pub(super) fn migration_found(&mut self, id: RunId, of: RunId, index: u32, found: Found) -> Decided {
        let (run, earlier) = (self.known_run(id)?, self.known_run(of)?);
        let Some(step) = earlier.steps.get(index as usize).cloned() else { return Ok(Answer::Run(id)) };
        let kind = run.environment;
        self.world.environment_mut(kind).unseen.retain(|unseen| (unseen.run, unseen.step) != (of, index));
        let runs = self.world.environment(kind).current.as_ref().map(|version| version.release);
        let arrived = step.kind == StepKind::MigrateUp && runs == Some(step.about);
        let judged = matches!(earlier.state, RunState::Failed { .. }) && !earlier.left.contains_key(&step.host);
        let next = run.next_migration(&step);
        let repeats = next.is_some_and(|next| next.kind == step.kind);
        match &found {
            Found::NotStarted => return Ok(Answer::Run(id)),
            Found::Exited(0) if repeats => {
                self.count_as_done(&run, &step);
                return Ok(Answer::Run(id));
            }
            Found::Exited(1..) | Found::Lost(_) if judged => return Ok(Answer::Run(id)),
            Found::Exited(_) | Found::Stopped | Found::Lost(_) => {}
        }
        if arrived || repeats || next.is_some() && step.kind == StepKind::MigrateUp {
            return Ok(Answer::Run(id));
        }
        let (surface, host) = (step.surface, step.host);
        let reason = Reason::MigrationUnseen { run: of, kind: step.kind, surface, host, found };
        self.make_unknown(kind, reason.clone(), Some(&run));
        if run.may_leave_hosts() { Ok(Answer::Run(id)) } else { self.run_failed(id, reason) }
    }

    /// A migration that a run was to repeat has ended well after all, so that it is not done twice.
    fn count_as_done(&mut self, run: &Run, done: &Step) {
        let Some(next) = run.next_migration(done).cloned() else { return };
        let now = self.world.now;
        let changed = &mut self.world.run_mut(run.id).steps[next.index as usize];
        changed.state = StepState::Succeeded;
        (changed.started_at, changed.ended_at) = (done.started_at, Some(now));
        let event = Event::MigrationFoundDone {
            environment: run.environment,
            step: next.index,
            surface: done.surface.to_string(),
            host: done.host.clone(),
        };
        self.world.record(Some(run.release), Some(run.id), event);
    }
}

fn catch_up(current: Version, kind: Env) -> NewRun {
    NewRun {
        release: current.release,
        environment: kind,
        kind: RunKind::Deploy,
        housekeeping: true,
        from: None,
        to: current,
        steps: Vec::new(),
    }
}

/// What people have to know of the hosts that a rollback has left; nothing if there is none.
pub(super) fn left_behind(run: &Run) -> Option<Reason> {
    let hosts: BTreeMap<_, _> = run.left.iter().map(|(host, left)| (host.clone(), left.reason.clone())).collect();
    (!hosts.is_empty()).then_some(Reason::WentOnWithout { hosts })
}
