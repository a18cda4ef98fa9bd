//! Workflows that RMM starts at GitHub: what follows from a dispatch, and from how its run ends.

use crate::domain::command::Answer;
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::gate::{self, GateName};
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Reporter;
use crate::domain::run::{Run, RunKind, RunState, StopKind};
use crate::domain::service::Driver;
use crate::domain::status::Status;
use crate::domain::workflow::{Dispatch, DispatchState, SeenRun, WorkflowEnd};
use crate::domain::world::NewRun;

use super::{Decided, Draft};

impl Draft<'_, '_> {
    /// The workflow that RMM starts for such a run; none: the CI system begins by itself, and reports.
    pub(super) fn workflow_for(&self, environment: Env, kind: RunKind) -> Option<String> {
        match (&self.world.service.environment(environment).driver, kind) {
            (Driver::Ci { workflow, .. }, RunKind::Deploy) => workflow.clone(),
            (Driver::Ci { rollback_workflow, .. }, RunKind::Rollback) => rollback_workflow.clone(),
            (Driver::Ci { .. }, RunKind::Rehearsal | RunKind::Drill) | (Driver::Local | Driver::Ssh, _) => None,
        }
    }

    /// A run in a `ci` environment: RMM starts its workflow, or waits for the reports, perhaps those of a known CI run.
    pub(super) fn start_in_ci(&mut self, new: NewRun, ci_run: Option<String>) -> RunId {
        match self.workflow_for(new.environment, new.kind) {
            Some(workflow) => self.world.create_dispatched_run(new, workflow),
            None => {
                let is_rollback = new.kind == RunKind::Rollback;
                let deploys = self.workflow_for(new.environment, RunKind::Deploy).filter(|_| is_rollback);
                let id = self.world.note_ci_run(new, ci_run);
                // It is to begin, and has not said so.
                let run = self.world.run_mut(id);
                run.heard_at = None;
                run.waiting = deploys.map(|workflow| Reason::RollbackAwaited { workflow });
                id
            }
        }
    }

    /// A rollback that the workflow of the failed deploy does itself, so that only its end is waited for.
    pub(super) fn follow_back(&mut self, new: NewRun, deploy: &Run) {
        // The report that says so names its CI run.
        let id = self.world.note_ci_run(new, None);
        if let Some(dispatch) = deploy.dispatch.clone() {
            // It was started for the deploy, and says so in its name.
            let dispatched_for = dispatch.dispatched_for.or(Some(deploy.id));
            self.world.follow_workflow(id, Some(Dispatch { dispatched_for, ..dispatch }));
        }
    }

    /// Whether a release may go to production, apart from its own run being there already.
    fn gates_are_clear(&self, release: ReleaseId) -> bool {
        let release = self.world.release(release);
        gate::explain(&self.world, &release).iter().all(|gate| gate.met() || gate.name == GateName::ProductionFree)
    }

    /// A run whose workflow RMM starts, and whose end is not known: it lives, or was given up for its silence.
    fn dispatched(&self, id: RunId) -> Result<Option<Run>, Refusal> {
        let is_open = |run: &Run| run.state.is_live() || run.has_fallen_silent();
        Ok(Some(self.known_run(id)?).filter(|run| is_open(run) && run.dispatch.is_some()))
    }

    pub(super) fn dispatch_asked(&mut self, id: RunId) -> Decided {
        let Some(run) = self.dispatched(id)?.filter(|run| run.state == RunState::Queued && run.stop.is_none()) else {
            return Ok(Answer::Run(id));
        };
        if !self.recalled_by_gates(&run) {
            self.set_dispatch(id, DispatchState::Asked);
        }
        Ok(Answer::Run(id))
    }

    /// GitHub has no run of it, and a gate may have closed since it was decided: then it goes back into the line.
    fn recalled_by_gates(&mut self, run: &Run) -> bool {
        let is_deploy = (run.environment, run.kind) == (Env::Production, RunKind::Deploy);
        if !is_deploy || self.gates_are_clear(run.release) {
            return false;
        }
        let locked = self.world.production().lock.is_some();
        let reason = if locked { Reason::ProductionLocked } else { Reason::GatesClosed };
        self.close_run(run.id, RunState::Stopped { reason });
        true
    }

    pub(super) fn dispatch_not_taken(&mut self, id: RunId, reason: Option<Reason>) -> Decided {
        let asked = |run: &Run| run.dispatch.as_ref().is_some_and(|dispatch| dispatch.state == DispatchState::Asked);
        let run = self.dispatched(id)?.filter(|run| run.state == RunState::Queued && asked(run));
        let Some(run) = run else { return Ok(Answer::Run(id)) };
        if run.stop.is_some() {
            self.nothing_begun(&run, Reason::NotDispatched { cause: Box::new(Reason::Ended) });
        } else if !self.recalled_by_gates(&run) {
            self.set_dispatch(id, DispatchState::Due);
            self.run_waits(id, reason)?;
        }
        Ok(Answer::Run(id))
    }

    pub(super) fn dispatch_taken(&mut self, id: RunId, seen: Option<SeenRun>) -> Decided {
        let Some(run) = self.dispatched(id)? else { return Ok(Answer::Run(id)) };
        let Some(seen) = seen else {
            self.set_dispatch(id, DispatchState::Accepted);
            self.hear(id);
            return Ok(Answer::Run(id));
        };
        self.take_workflow(&run, seen);
        Ok(Answer::Run(id))
    }

    /// The run at GitHub is known from here on, and the release under way.
    fn take_workflow(&mut self, run: &Run, seen: SeenRun) {
        let Some(dispatch) = run.dispatch.as_ref().filter(|dispatch| dispatch.state != DispatchState::Seen) else {
            return;
        };
        let event = Event::WorkflowStarted {
            environment: run.environment,
            workflow: dispatch.workflow.clone(),
            ci_run: seen.id.clone(),
            url: seen.url.clone(),
        };
        self.world.record(Some(run.release), Some(run.id), event);
        let changed = self.world.run_mut(run.id);
        changed.waiting = None;
        changed.ci_run = Some(seen.id);
        if let Some(dispatch) = &mut changed.dispatch {
            (dispatch.state, dispatch.attempt, dispatch.url) = (DispatchState::Seen, seen.attempt, seen.url);
        }
        // One that is to be cancelled is ended at GitHub; the release goes on only if it was too late for that.
        changed.waiting = changed.waits_because(None);
        self.hear(run.id);
        if run.stop.is_none() {
            self.begin(run);
        }
    }

    /// The workflow has spoken before GitHub said which run it is.
    pub(super) fn take_reporter(&mut self, run: &Run, reporter: Option<Reporter>) {
        if let Some(Reporter { id, attempt, url, shown: _, actor: _ }) = reporter {
            self.take_workflow(run, SeenRun { id, attempt: attempt.unwrap_or(1), url });
        } else {
            // It is under way, and so not to be started any more.
            self.set_dispatch(run.id, DispatchState::Accepted);
            self.begin(run);
        }
    }

    pub(super) fn dispatch_refused(&mut self, id: RunId, reason: Reason) -> Decided {
        if let Some(run) = self.dispatched(id)?.filter(|run| run.state == RunState::Queued) {
            self.nothing_begun(&run, Reason::NotDispatched { cause: Box::new(reason) });
        }
        Ok(Answer::Run(id))
    }

    pub(super) fn workflow_seen(&mut self, id: RunId, attempt: u32) -> Decided {
        if self.dispatched(id)?.is_some() {
            self.hear(id);
            if let Some(dispatch) = &mut self.world.run_mut(id).dispatch {
                dispatch.attempt = attempt;
            }
        }
        Ok(Answer::Run(id))
    }

    pub(super) fn workflow_ended(&mut self, id: RunId, end: WorkflowEnd) -> Decided {
        let Some(run) = self.dispatched(id)? else { return Ok(Answer::Run(id)) };
        let has_reported = run.dispatch.as_ref().is_some_and(|dispatch| dispatch.has_reported);
        let end = match end {
            WorkflowEnd::NeverBegan(reason) if has_reported => WorkflowEnd::Failure(reason.after_begin()),
            end @ (WorkflowEnd::NeverBegan(_) | WorkflowEnd::Failure(_) | WorkflowEnd::Success) => end,
        };
        match end {
            WorkflowEnd::NeverBegan(reason) => self.nothing_begun(&run, reason),
            WorkflowEnd::Success | WorkflowEnd::Failure(_) => {
                // What was to be cancelled has begun all the same.
                self.begin(&run);
                let stopped = run.stop.map(|stop| RunState::Stopped { reason: stop.reason });
                let state = match end {
                    WorkflowEnd::Failure(reason) => stopped.unwrap_or(RunState::Failed { reason }),
                    WorkflowEnd::Success | WorkflowEnd::NeverBegan(_) => RunState::Succeeded,
                };
                self.run_ended(id, state);
            }
        }
        Ok(Answer::Run(id))
    }

    /// Nothing was touched. A deploy is not rolled back, and waits for a person to say go once more.
    fn nothing_begun(&mut self, run: &Run, reason: Reason) {
        if (run.environment, run.kind) != (Env::Production, RunKind::Deploy) || !run.moves_its_release() {
            return self.run_ended(run.id, RunState::Failed { reason });
        }
        let state = match &run.stop {
            Some(stop) => RunState::Stopped { reason: stop.reason.clone() },
            None => RunState::Failed { reason: reason.clone() },
        };
        self.close_run(run.id, state);
        let release = run.release;
        match &run.stop {
            Some(stop) if stop.why == StopKind::Cancel => {
                self.leave_deploying(release, stop.reason.clone());
                self.world.move_release(release, Status::Cancelled, Some(stop.reason.clone()));
            }
            Some(stop) => self.hold(release, stop.reason.clone()),
            None => self.hold(release, reason),
        }
    }

    fn leave_deploying(&mut self, id: ReleaseId, reason: Reason) {
        if self.world.release(id).status == Status::Deploying {
            self.world.move_release(id, Status::ManualTestPassed, Some(reason));
        }
    }

    fn hold(&mut self, id: ReleaseId, reason: Reason) {
        self.leave_deploying(id, reason.clone());
        let release = self.world.release_mut(id);
        (release.held, release.promoted, release.reason) = (true, false, Some(reason));
    }

    fn set_dispatch(&mut self, id: RunId, state: DispatchState) {
        if let Some(dispatch) = self.world.run_mut(id).dispatch.as_mut().filter(|it| it.state != DispatchState::Seen) {
            dispatch.state = state;
        }
    }

    fn hear(&mut self, id: RunId) {
        let (now, uptime) = (self.world.now, self.world.uptime.clone());
        let run = self.world.run_mut(id);
        run.heard_at = Some(now);
        run.heard_uptime = Some(uptime);
    }
}
