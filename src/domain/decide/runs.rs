//! What RMM's own parts say: steps of runs that start and end, runs that cannot be judged, commits and tags.

use crate::domain::cause::Cause;
use crate::domain::command::{Answer, Outcome, Said};
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::ids::{HostName, RunId};
use crate::domain::reason::Reason;
use crate::domain::run::{Run, RunKind, RunState, Step, StepKind, StepState, Stop, StopKind, TAG_GONE, TAG_MOVED};
use crate::domain::service::Driver;
use crate::domain::status::Status;

use super::hosts::left_behind;
use super::{Decided, Draft};

impl Draft<'_, '_> {
    pub(super) fn run_prepared(&mut self, id: RunId) -> Decided {
        self.known_run(id)?;
        self.world.run_mut(id).prepared = true;
        Ok(Answer::Run(id))
    }

    /// The next step may start from now on; after this has been committed it is looked for before it is started.
    pub(super) fn start_step(&mut self, id: RunId) -> Decided {
        let run = self.known_run(id)?;
        if !run.state.is_live() {
            return Ok(Answer::Step(None));
        }
        // A step that is at work is followed to its end, which the one who follows it brings about.
        let at_work = run.running_steps().next().is_some();
        if let Some(stop) = run.stop.clone().filter(|_| !at_work) {
            self.run_ended(id, RunState::Stopped { reason: stop.reason });
            return Ok(Answer::Step(None));
        }
        self.begin(&run);
        Ok(Answer::Step(self.begin_steps(id)))
    }

    /// Says why a run does not get on, or that it does again.
    pub(super) fn run_waits(&mut self, id: RunId, reason: Option<Reason>) -> Decided {
        let run = self.known_run(id)?;
        let reason = run.waits_because(reason);
        if run.state.is_live() && run.waiting != reason {
            self.world.run_mut(id).waiting.clone_from(&reason);
            if let Some(reason) = reason {
                self.world.record(Some(run.release), Some(id), Event::RunWaiting { reason });
            }
        }
        Ok(Answer::Run(id))
    }

    /// A run whose first step starts is what moves its release on.
    pub(super) fn begin(&mut self, run: &Run) {
        if run.state != RunState::Queued {
            return;
        }
        let (now, uptime) = (self.world.now, self.world.uptime.clone());
        let changed = self.world.run_mut(run.id);
        changed.state = RunState::Running;
        changed.started_at = Some(now);
        changed.started_uptime = Some(uptime);
        let event = Event::RunStarted { environment: run.environment, kind: run.kind };
        self.world.record(Some(run.release), Some(run.id), event);
        if !run.moves_its_release() {
            return;
        }
        match (run.environment, run.kind, self.world.release(run.release).status) {
            (Env::Stage, RunKind::Deploy, Status::Initiated) => {
                self.world.move_release(run.release, Status::StageBuilding, None);
            }
            (Env::Production, RunKind::Deploy, Status::ManualTestPassed) => {
                self.world.move_release(run.release, Status::Deploying, None);
            }
            (Env::Preview(_) | Env::Stage | Env::Production, _, _) => {}
        }
    }

    /// Marks the next steps as running, or ends the run when there are none. The answer is the first of them.
    fn begin_steps(&mut self, id: RunId) -> Option<u32> {
        let (now, uptime) = (self.world.now, self.world.uptime.clone());
        let run = self.world.run(id);
        let release = run.release;
        let steps: Vec<_> = run.current_steps().cloned().collect();
        if steps.is_empty() {
            let end = through(&run, &self.world.service.hosts_in(run.environment));
            self.run_ended(id, end);
            return None;
        }
        for step in steps.iter().filter(|step| step.state == StepState::Pending) {
            let changed = &mut self.world.run_mut(id).steps[step.index as usize];
            changed.state = StepState::Running;
            changed.started_at = Some(now);
            changed.started_uptime = Some(uptime.clone());
            let event = Event::StepStarted {
                step: step.index,
                name: step.kind.as_str().into(),
                surface: step.surface.to_string(),
                host: step.host.to_string(),
            };
            self.world.record(Some(release), Some(id), event);
        }
        steps.first().map(|step| step.index)
    }

    pub(super) fn try_step(&mut self, id: RunId, index: u32) -> Decided {
        let run = self.known_run(id)?;
        if run.is_ending() {
            return Err(Cause::RunEnding { run: id }.into());
        }
        let at_work = |step: &&mut Step| step.state == StepState::Running;
        match self.world.run_mut(id).steps.get_mut(index as usize).filter(at_work) {
            Some(step) => step.tries += 1,
            None => return Err(Cause::StepNotAtWork { run: id, step: index }.into()),
        }
        Ok(Answer::Step(Some(index)))
    }

    pub(super) fn step_ended(&mut self, id: RunId, index: u32, outcome: Outcome, said: Said) -> Decided {
        let run = self.known_run(id)?;
        let Some(step) = run.steps.get(index as usize).filter(|step| step.state == StepState::Running).cloned() else {
            return Ok(Answer::Step(None));
        };
        if let Outcome::Unreachable { reason, begun } = &outcome
            && self.leave_host_of_step(&run, &step, reason, *begun)
        {
            return Ok(Answer::Step(self.go_on_without(id)));
        }
        let state = step_state(&outcome, &said, run.is_ending());
        if !said.by_hand.is_empty() {
            let event = Event::HandWorkFound {
                step: index,
                surface: step.surface.to_string(),
                host: step.host.to_string(),
                findings: said.by_hand,
                kept: said.kept,
            };
            self.world.record(Some(run.release), Some(id), event);
        }
        let now = self.world.now;
        let changed = &mut self.world.run_mut(id).steps[index as usize];
        changed.state = state.clone();
        changed.ended_at = Some(now);
        let event = Event::StepEnded {
            step: index,
            name: step.kind.as_str().into(),
            surface: step.surface.to_string(),
            host: step.host.to_string(),
            state: state.as_str().into(),
            exit: match &outcome {
                Outcome::Exited(code) => Some(*code),
                Outcome::Healthy
                | Outcome::Unhealthy(_)
                | Outcome::TimedOut
                | Outcome::Stopped
                | Outcome::NotStarted(_)
                | Outcome::Lost(_)
                | Outcome::Unreachable { .. } => None,
            },
        };
        self.world.record(Some(run.release), Some(id), event);
        if run.state.is_live() && self.world.run(id).running_steps().next().is_none() {
            return Ok(Answer::Step(self.wave_ended(id)));
        }
        Ok(Answer::Step(None))
    }

    /// No step is at work any more: goes on with the next ones, or ends the run.
    pub(super) fn wave_ended(&mut self, id: RunId) -> Option<u32> {
        let run = self.world.run(id);
        let ended = |wanted: fn(&StepState) -> bool| {
            run.steps.iter().find(|step| wanted(&step.state) && !run.goes_on_after(step))
        };
        // Ending a run by force, or giving a host up, accepts that a host that does not answer may still be at work;
        // stage can always be made anew.
        let anyway = |stop: &Stop| stop.force || run.environment == Env::Stage;
        let forced = |host: &HostName| {
            run.stop.as_ref().is_some_and(anyway) && run.left.contains_key(host) || run.has_given_up(host)
        };
        if let Some(step) = ended(|state| matches!(state, StepState::Unknown { .. }))
            && let StepState::Unknown { reason } = &step.state
            && !forced(&step.host)
        {
            self.lose_run(id, named(&run, step, Reason::CannotBeJudged { cause: Box::new(reason.clone()) }));
            return None;
        }
        if let Some(stop) = &run.stop {
            self.run_ended(id, RunState::Stopped { reason: stop.reason.clone() });
            return None;
        }
        if let Some(step) = ended(|state| matches!(state, StepState::Failed { .. }))
            && let StepState::Failed { exit, reason } = &step.state
        {
            match exit {
                Some(TAG_MOVED) if step.kind == StepKind::VerifyTag => self.found_tag_moved(&run, step, false),
                Some(TAG_GONE) if step.kind == StepKind::VerifyTag => self.found_tag_moved(&run, step, true),
                Some(_) | None => self.run_ended(id, RunState::Failed { reason: named(&run, step, reason.clone()) }),
            }
            return None;
        }
        if let Some(step) = ended(|state| *state == StepState::Stopped) {
            self.run_ended(id, RunState::Stopped { reason: named(&run, step, Reason::WasEnded) });
            return None;
        }
        self.skip_hosts_that_failed(&run);
        self.begin_steps(id)
    }

    /// A rollback that has failed on one host goes on only on the others.
    fn skip_hosts_that_failed(&mut self, run: &Run) {
        let failed = |step: &&Step| matches!(step.state, StepState::Failed { .. }) && run.goes_on_after(step);
        let hosts: Vec<_> = run.steps.iter().filter(failed).map(|step| step.host.clone()).collect();
        if hosts.is_empty() {
            return;
        }
        for step in &mut self.world.run_mut(run.id).steps {
            if step.state == StepState::Pending && hosts.contains(&step.host) {
                step.state = StepState::Skipped { reason: Reason::EarlierStepFailed };
            }
        }
    }

    /// The tag no longer stands for what people saw: an alarm, and on stage the end of the release.
    fn found_tag_moved(&mut self, run: &Run, step: &Step, gone: bool) {
        let release = self.world.release(step.about);
        let (id, tag, commit) = (release.id, release.tag.clone(), release.commit.clone());
        if !release.is_confirmed() {
            let what = if gone { Reason::FoundNoTag } else { Reason::FoundOtherCommit };
            return self.run_ended(run.id, RunState::Failed { reason: named(run, step, what) });
        }
        if let (Some(tag), Some(from)) = (tag, commit) {
            self.world.record(Some(id), Some(run.id), Event::TagMoved { tag, from, to: None, gone });
        }
        let what = if gone { Reason::FoundTagGone } else { Reason::FoundTagMoved };
        self.run_ended(run.id, RunState::Stopped { reason: named(run, step, what) });
    }

    pub(super) fn run_failed(&mut self, id: RunId, reason: Reason) -> Decided {
        let run = self.known_run(id)?;
        if run.state.is_live() {
            self.begin(&run);
            let state = match run.stop {
                Some(stop) => RunState::Stopped { reason: stop.reason },
                None => RunState::Failed { reason },
            };
            self.run_ended(id, state);
        }
        Ok(Answer::Run(id))
    }

    pub(super) fn run_lost(&mut self, id: RunId, reason: Reason) -> Decided {
        let run = self.known_run(id)?;
        if run.state.is_live() {
            // It may have started after all, so the release counts as under way.
            self.begin(&run);
            self.lose_run(id, reason);
        } else if run.has_fallen_silent() {
            // GitHub was the last one who could tell.
            self.lose_run(id, reason);
        }
        Ok(Answer::Run(id))
    }

    /// A `ci` environment that has been silent for too long cannot be judged.
    pub(super) fn overdue(&mut self) -> Decided {
        let uptime = self.world.uptime.clone();
        let running = self.world.occupying().filter(|run| run.state == RunState::Running);
        let waiting = running.filter_map(|run| {
            let environment = self.world.service.environment(run.environment);
            let Driver::Ci { report_timeout, .. } = &environment.driver else { return None };
            let since = run.heard_at.or(run.started_at)?;
            Some((run.id, since, run.heard_uptime.clone(), run.environment, *report_timeout))
        });
        for (id, heard, mark, environment, limit) in waiting.collect::<Vec<_>>() {
            match mark {
                Some(mark) if mark.boot == uptime.boot => {
                    if uptime.since(Some(&mark)) > limit {
                        self.lose_run(id, Reason::CiSilent { environment, since: heard });
                    }
                }
                // How long it was silent across a restart of this machine is unknown: the time counts anew.
                Some(_) | None => self.world.run_mut(id).heard_uptime = Some(uptime.clone()),
            }
        }
        Ok(Answer::Done)
    }

    fn lose_run(&mut self, id: RunId, reason: Reason) {
        self.note_unseen(id);
        let run = self.world.run_mut(id);
        run.state = RunState::Unknown { reason: reason.clone() };
        run.waiting = None;
        let (release, environment, kind) = (run.release, run.environment, run.kind);
        let event = Event::RunEnded { environment, kind, state: "unknown".into(), reason: Some(reason.clone()) };
        self.world.record(Some(release), Some(id), event);
        if self.world.run(id).moves_its_release() {
            let why = self.reason_of_way_back(&self.world.run(id)).map(Box::new);
            let in_doubt = |why| Reason::RollbackInDoubt { why, cause: Box::new(reason.clone()) };
            self.world.release_mut(release).reason = Some(why.map_or_else(|| reason.clone(), in_doubt));
        }
    }

    /// Why production goes back in this run, without what was in doubt about the rollback meanwhile.
    pub(super) fn reason_of_way_back(&self, run: &Run) -> Option<Reason> {
        let reason = self.world.release(run.release).reason.clone().filter(|_| run.kind == RunKind::Rollback)?;
        Some(if let Reason::RollbackInDoubt { why, .. } = reason { *why } else { reason })
    }

    /// Asks the one who follows the run to end its step.
    pub(super) fn stop_run(&mut self, id: RunId, why: StopKind, by: String, reason: Reason, force: bool) {
        let run = self.world.run_mut(id);
        if let Some(stop) = &mut run.stop {
            stop.force |= force;
            return;
        }
        run.stop = Some(Stop { why, by: by.clone(), reason: reason.clone(), force });
        if run.dispatch.is_some() {
            let trouble = run.waiting.take().filter(|waiting| matches!(waiting, Reason::Github { .. }));
            run.waiting = run.waits_because(trouble);
        }
        let release = run.release;
        self.world.record(Some(release), Some(id), Event::RunStopping { by, reason });
    }
}

/// How a run has ended that has no more steps, in an environment on these hosts.
fn through(run: &Run, hosts: &[HostName]) -> RunState {
    let failed = run.steps.iter().filter_map(|step| {
        if let StepState::Failed { reason, .. } = &step.state { Some(named(run, step, reason.clone())) } else { None }
    });
    if let Some(reason) = Reason::all(failed.collect()) {
        return RunState::Failed { reason };
    }
    let untouched = !run.is_catch_up() && hosts.iter().any(|host| !run.left.contains_key(host));
    match left_behind(run) {
        Some(reason) if run.remaining_hosts().next().is_none() && !untouched => RunState::Failed { reason },
        Some(_) | None => RunState::Succeeded,
    }
}

/// What happened to a step of a run.
fn named(run: &Run, step: &Step, cause: Reason) -> Reason {
    // Of a run it says what it has changed by itself.
    let cause = if let Reason::NothingChanged { cause } = cause { *cause } else { cause };
    Reason::Step {
        kind: step.kind,
        surface: step.surface.clone(),
        environment: run.environment,
        host: Some(step.host.clone()).filter(|host| !host.is_local()),
        cause: Box::new(cause),
    }
}

fn step_state(outcome: &Outcome, said: &Said, stopping: bool) -> StepState {
    match outcome {
        Outcome::Exited(0) | Outcome::Healthy => StepState::Succeeded,
        Outcome::Exited(_) if stopping => StepState::Stopped,
        Outcome::Exited(code) => {
            let reason =
                Reason::Exit { status: *code, said: said.last.clone(), known: said.known, tool: said.tool.clone() };
            let reason = if said.untouched { Reason::NothingChanged { cause: Box::new(reason) } } else { reason };
            StepState::Failed { exit: Some(*code), reason }
        }
        Outcome::Unhealthy(reason) if !stopping => StepState::Failed {
            exit: None,
            reason: Reason::Unhealthy { cause: Box::new(reason.clone()), known: said.known },
        },
        Outcome::TimedOut => StepState::Failed { exit: None, reason: Reason::TimedOut },
        Outcome::Stopped | Outcome::Unhealthy(_) => StepState::Stopped,
        Outcome::NotStarted(reason) | Outcome::Unreachable { reason, begun: false } => {
            StepState::Failed { exit: None, reason: Reason::NotStarted { cause: Box::new(reason.clone()) } }
        }
        Outcome::Lost(reason) | Outcome::Unreachable { reason, begun: true } => {
            StepState::Unknown { reason: reason.clone() }
        }
    }
}
