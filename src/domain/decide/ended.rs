//! What the end of a run leads to: what the environment runs now, and where the release goes.

use std::collections::BTreeSet;

use crate::domain::content::Content;
use crate::domain::env::Env;
use crate::domain::environment::{Dirty, Mixed};
use crate::domain::event::Event;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::position::{Positions, Side};
use crate::domain::reason::Reason;
use crate::domain::release::Rehearsal;
use crate::domain::run::{Run, RunKind, RunState, Step, StepKind, StepState};
use crate::domain::status::Status;
use crate::domain::version::Version;
use crate::domain::world::NewRun;

use super::Draft;
use super::hosts::left_behind;

impl Draft<'_, '_> {
    /// Ends a run and nothing else.
    pub(super) fn close_run(&mut self, id: RunId, state: RunState) {
        let now = self.world.now;
        let run = self.world.run_mut(id);
        run.state = state.clone();
        run.waiting = None;
        run.ended_at = Some(now);
        for step in run.steps.iter_mut().filter(|step| step.state == StepState::Running) {
            step.state = StepState::Unknown { reason: Reason::EndUnseen };
            step.ended_at = Some(now);
        }
        let (release, environment, kind) = (run.release, run.environment, run.kind);
        let event =
            Event::RunEnded { environment, kind, state: state.as_str().into(), reason: state.reason().cloned() };
        self.world.record(Some(release), Some(id), event);
    }

    /// Ends a run with all that follows from it: what the environment runs, and where the release goes.
    pub(super) fn run_ended(&mut self, id: RunId, state: RunState) {
        let positions = self.positions_after(&self.world.run(id));
        self.close_run(id, state.clone());
        let run = self.world.run(id);
        self.note_left_hosts(&run);
        let reason = state.reason().or(run.stop.as_ref().map(|stop| &stop.reason)).cloned();
        match &state {
            RunState::Succeeded => {
                self.settle_environment(&run);
                self.note_unchecked_surfaces(&run);
            }
            RunState::Failed { .. } | RunState::Stopped { .. } => {
                self.unsettle_environment(&run, positions, reason.as_ref())
            }
            RunState::Queued | RunState::Running | RunState::Unknown { .. } => {}
        }
        if !run.moves_its_release() || self.world.release(run.release).attempt != run.attempt {
            return;
        }
        let well = state == RunState::Succeeded;
        match (run.environment, run.kind) {
            // A person wanted it out; that its last step ended well does not change that.
            (Env::Stage, RunKind::Deploy | RunKind::Rehearsal) if run.stop.is_some() => {
                self.stage_failed(&run, reason);
            }
            (Env::Stage, RunKind::Deploy) if well => self.stage_deployed(&run),
            (Env::Stage, RunKind::Rehearsal) if well => self.rehearsed(&run),
            (Env::Stage, RunKind::Deploy | RunKind::Rehearsal) => self.stage_failed(&run, reason),
            (Env::Production, RunKind::Deploy) if well => {
                if self.world.release(run.release).status == Status::Deploying {
                    self.world.move_release(run.release, Status::Deployed, None);
                }
            }
            (Env::Production, RunKind::Deploy) => self.production_failed(&run, reason),
            (Env::Production, RunKind::Rollback) => {
                if self.world.release(run.release).status == Status::ProductionRollback {
                    let to = if well { Status::RollbackDone } else { Status::RollbackFailed };
                    let kept = self.reason_of_way_back(&run);
                    let why = if well { kept } else { reason };
                    let left = left_behind(&run).filter(|left| why.as_ref() != Some(left));
                    self.world.move_release(run.release, to, Reason::all(why.into_iter().chain(left).collect()));
                }
            }
            (Env::Preview(_), _)
            | (Env::Stage, RunKind::Rollback | RunKind::Drill)
            | (Env::Production, RunKind::Rehearsal | RunKind::Drill) => {}
        }
    }

    /// The record of a first release says which surfaces count as deployed without a health check.
    fn note_unchecked_surfaces(&mut self, run: &Run) {
        if run.kind != RunKind::Deploy || run.from.is_some() {
            return;
        }
        let of = |kind: StepKind| run.steps.iter().filter(move |step| step.kind == kind).map(|step| &step.surface);
        let checked: BTreeSet<_> = of(StepKind::Health).collect();
        let unchecked: BTreeSet<_> = of(StepKind::Deploy).filter(|surface| !checked.contains(surface)).collect();
        for surface in unchecked {
            let event = Event::NothingTells { surface: surface.clone() };
            self.world.record(Some(run.release), Some(run.id), event);
        }
    }

    /// The environment runs what the run brought.
    pub(super) fn settle_environment(&mut self, run: &Run) {
        let now = self.world.now;
        let kind = run.environment;
        let repaired = self.note_repaired(run, Some(run.to.clone()));
        let was_dirty = self.world.environment(kind).dirty.is_some() || repaired;
        let state = self.world.environment_mut(kind);
        state.mixed = None;
        state.dirty = None;
        if state.current.as_ref().map(|v| v.release) != Some(run.to.release) {
            state.since = Some(now);
            self.world.record(
                Some(run.to.release),
                Some(run.id),
                Event::EnvironmentChanged { environment: kind, version: run.to.clone() },
            );
        }
        // The version of the release as it is now: its commit may have become known meanwhile.
        let version = self.world.find(run.to.release).map_or_else(|| run.to.clone(), |release| release.version());
        self.world.environment_mut(kind).current = Some(version);
        if kind == Env::Production {
            // They bring something else now.
            let waiting = Status::ALL.iter().filter(|status| status.is_cancellable());
            let waiting: Vec<_> = waiting.flat_map(|status| self.world.in_status(*status)).collect();
            waiting.iter().for_each(|release| self.list_commits(release.id));
        }
        if was_dirty {
            self.world.record(None, Some(run.id), Event::EnvironmentRepaired { environment: kind });
        }
    }

    /// A failed rollback has succeeded after all, or an admin has brought production elsewhere: who reads
    /// that it failed has to read that, too. False: it had not failed.
    pub(super) fn note_repaired(&mut self, run: &Run, version: Option<Version>) -> bool {
        let way_back = (run.environment, run.kind) == (Env::Production, RunKind::Rollback);
        let release =
            self.world.find(run.release).filter(|release| way_back && release.status == Status::RollbackFailed);
        let Some(release) = release else { return false };
        let cause = Box::new(release.reason.clone().unwrap_or(Reason::Ended));
        self.world.release_mut(run.release).reason = Some(Reason::RepairedSince { cause, version });
        true
    }

    /// The environment is where the run left it.
    fn unsettle_environment(&mut self, run: &Run, positions: Positions, reason: Option<&Reason>) {
        self.note_half_way(run, positions);
        if run.kind == RunKind::Rollback || run.housekeeping && !run.is_catch_up() {
            let reason = reason.cloned().unwrap_or(Reason::Ended);
            let dirty = Dirty { run: run.id, to: Some(run.to.clone()), reason: reason.clone() };
            self.world.environment_mut(run.environment).dirty = Some(dirty);
            let event = Event::EnvironmentDirty { environment: run.environment, reason };
            self.world.record(Some(run.release), Some(run.id), event);
        }
    }

    /// Notes between which versions a run left the environment. What a CI system left, RMM does not see.
    pub(super) fn note_half_way(&mut self, run: &Run, surfaces: Positions) {
        let Some(from) = run.from.clone().filter(|_| !surfaces.is_empty() && !run.steps.is_empty()) else { return };
        let (newer, older) =
            if run.kind == RunKind::Rollback { (from, run.to.clone()) } else { (run.to.clone(), from) };
        self.world.environment_mut(run.environment).mixed = Some(Mixed { newer, older, surfaces });
    }

    /// Where the touched surfaces stand after a run, given where an earlier one may have left them.
    pub(super) fn positions_after(&self, run: &Run) -> Positions {
        let (newer, untouched) = match run.kind {
            RunKind::Rollback => (run.from.as_ref().map_or(run.to.release, |from| from.release), Side::Newer),
            RunKind::Rehearsal | RunKind::Drill => (run.to.release, Side::Newer),
            RunKind::Deploy => (run.to.release, Side::Older),
        };
        let left = self.world.environment(run.environment).mixed.as_ref().filter(|mixed| mixed.newer.release == newer);
        let start = match (left, run.kind) {
            (Some(mixed), _) => mixed.surfaces.clone(),
            (None, RunKind::Deploy) => Positions::new(),
            (None, RunKind::Rollback | RunKind::Rehearsal | RunKind::Drill) => {
                self.planner(run.environment, run.kind).everywhere(Side::Newer)
            }
        };
        run.positions(newer, &start, untouched)
    }

    /// Stage runs the candidate; the rehearsal is next, unless there is nothing to go back to.
    fn stage_deployed(&mut self, run: &Run) {
        let id = run.release;
        if self.world.release(id).status == Status::StageBuilding {
            self.world.move_release(id, Status::StageTestRollback, None);
        }
        if self.world.release(id).status != Status::StageTestRollback || self.world.production().current.is_some() {
            return;
        }
        self.nothing_to_rehearse(id, run.content.clone());
    }

    /// Production runs nothing, so that people can test at once.
    pub(super) fn nothing_to_rehearse(&mut self, id: ReleaseId, content: Option<Content>) {
        let at = self.world.now;
        self.world.release_mut(id).rehearsal = Some(Rehearsal { against: None, at, content });
        let maybe_was = self.world.service.maybe_was.clone();
        self.world.record(Some(id), None, Event::NothingToRehearse { maybe_was });
        self.world.move_release(id, Status::ManualTesting, Some(Reason::FirstRelease));
    }

    fn rehearsed(&mut self, run: &Run) {
        let id = run.release;
        if self.world.release(id).status != Status::StageTestRollback {
            return;
        }
        let at = self.world.now;
        self.world.release_mut(id).rehearsal =
            Some(Rehearsal { against: run.from.as_ref().map(|v| v.release), at, content: run.content.clone() });
        self.world.move_release(id, Status::ManualTesting, None);
    }

    pub(super) fn stage_failed(&mut self, run: &Run, reason: Option<Reason>) {
        let id = run.release;
        let cancelled = run.stop.is_some() || matches!(run.state, RunState::Stopped { .. });
        let mut status = self.world.release(id).status;
        if cancelled && status.is_cancellable() {
            return self.world.move_release(id, Status::Cancelled, reason);
        }
        if status == Status::Initiated {
            self.world.move_release(id, Status::StageBuilding, None);
            status = Status::StageBuilding;
        }
        if status == Status::StageBuilding {
            self.world.move_release(id, Status::StageBuildingFailed, reason);
        } else if status == Status::StageTestRollback {
            self.world.move_release(id, Status::StageTestRollbackFailed, reason);
        }
    }

    /// Production goes back by itself, in a run of its own.
    fn production_failed(&mut self, run: &Run, reason: Option<Reason>) {
        let id = run.release;
        if self.world.release(id).status != Status::Deploying {
            return;
        }
        self.world.move_release(id, Status::ProductionRollback, reason.clone());
        let cause = Box::new(reason.unwrap_or(Reason::Ended));
        let ours = self.world.service.production().driver.is_ours();
        let Some(back_to) = run.from.clone() else {
            // What was only checked out runs nowhere.
            if ours && !run.may_have_started() {
                return self.world.move_release(id, Status::RollbackDone, Some(Reason::Untouched { cause }));
            }
            let nothing = Reason::NothingToGoBackTo { cause };
            return self.world.move_release(id, Status::RollbackFailed, Some(nothing));
        };
        if self.world.production().unknown.is_some() && self.world.production().mixed.is_some() {
            return self.world.move_release(id, Status::RollbackFailed, Some(Reason::NotTakenBack { cause }));
        }
        if ours && self.world.production().mixed.is_none() {
            return self.world.move_release(id, Status::RollbackDone, Some(Reason::Untouched { cause }));
        }
        self.world.release_mut(id).rollback_to_tag.clone_from(&back_to.tag);
        let new = NewRun {
            release: id,
            environment: Env::Production,
            kind: RunKind::Rollback,
            housekeeping: false,
            from: Some(run.to.clone()),
            to: back_to,
            steps: Vec::new(),
        };
        if !ours {
            if self.goes_back_itself {
                self.follow_back(new, run);
            } else {
                self.start_in_ci(new, None);
            }
            return;
        }
        let steps = self.plan_way_back(&new);
        self.start_or_fail(new, steps);
    }

    fn plan_way_back(&self, new: &NewRun) -> Result<Vec<Step>, Reason> {
        let newer = self.world.release(new.release);
        let older = self.loaded(&new.to)?;
        let planner = self.planner(new.environment, new.kind);
        let touched = self.world.environment(new.environment).mixed.as_ref().map(|mixed| mixed.surfaces.clone());
        planner.back(&newer, &older, &touched.unwrap_or_else(|| planner.everywhere(Side::Newer)))
    }
}
