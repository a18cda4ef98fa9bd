//! What runs do to releases and environments: steps that start and end, and what the end of a run leads to.

use crate::domain::command::{Answer, Outcome};
use crate::domain::environment::{Dirty, Mixed};
use crate::domain::event::Event;
use crate::domain::ids::{Commit, ReleaseId, RunId};
use crate::domain::plan::Planner;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::release::{Rehearsal, Version};
use crate::domain::run::{
    Position, Positions, Run, RunKind, RunState, Step, StepKind, StepState, Stop, StopKind, TAG_MOVED,
};
use crate::domain::service::{Driver, EnvironmentKind};
use crate::domain::status::Status;
use crate::domain::world::NewRun;

use super::{Decided, Draft};

impl Draft<'_> {
    pub(super) fn commit_resolved(&mut self, id: ReleaseId, commit: Commit) -> Decided {
        let release = self.known(id)?;
        if release.commit.is_none() && release.status.is_active() {
            self.learn_commit(id, commit);
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn commit_unresolved(&mut self, id: ReleaseId, reason: String, for_good: bool) -> Decided {
        let release = self.known(id)?;
        if release.commit.is_some() || !release.status.is_active() {
            return Ok(Answer::Release { id, created: false });
        }
        if release.reason.as_ref() != Some(&reason) {
            self.world.release_mut(id).reason = Some(reason.clone());
            self.world.record(Some(id), None, Event::CommitUnresolved { reason: reason.clone() });
        }
        if for_good && self.world.service.stage.driver.is_ours() && release.status == Status::Initiated {
            self.world.move_release(id, Status::StageBuilding, None);
            self.world.move_release(id, Status::StageBuildingFailed, Some(reason));
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn tag_moved(&mut self, id: ReleaseId, now: Commit) -> Decided {
        let release = self.known(id)?;
        if let (Some(tag), Some(from)) = (release.tag.clone(), release.commit.clone()) {
            self.world.record(Some(id), None, Event::TagMoved { tag, from, to: Some(now.clone()) });
        }
        if release.status.is_cancellable() {
            self.end_before_production(id, format!("the tag {} has moved to {}", release.title(), now.short()));
        }
        Ok(Answer::Release { id, created: false })
    }

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
        if let Some(stop) = run.stop {
            self.run_ended(id, RunState::Stopped { reason: stop.reason });
            return Ok(Answer::Step(None));
        }
        self.begin(&run);
        Ok(Answer::Step(self.begin_step(id)))
    }

    /// A run whose first step starts is what moves its release on.
    fn begin(&mut self, run: &Run) {
        if run.state != RunState::Queued {
            return;
        }
        let now = self.world.now;
        let changed = self.world.run_mut(run.id);
        changed.state = RunState::Running;
        changed.started_at = Some(now);
        let event = Event::RunStarted { environment: run.environment, kind: run.kind };
        self.world.record(Some(run.release), Some(run.id), event);
        if run.housekeeping {
            return;
        }
        match (run.environment, run.kind, self.world.releases[&run.release].status) {
            (EnvironmentKind::Stage, RunKind::Deploy, Status::Initiated) => {
                self.world.move_release(run.release, Status::StageBuilding, None);
            }
            (EnvironmentKind::Production, RunKind::Deploy, Status::ManualTestPassed) => {
                self.world.move_release(run.release, Status::Deploying, None);
            }
            (EnvironmentKind::Stage | EnvironmentKind::Production, _, _) => {}
        }
    }

    /// Marks the next step as running, or ends the run when there is none.
    fn begin_step(&mut self, id: RunId) -> Option<u32> {
        let now = self.world.now;
        let run = &self.world.runs[&id];
        let release = run.release;
        let Some(step) = run.current_step().cloned() else {
            self.run_ended(id, RunState::Succeeded);
            return None;
        };
        if step.state == StepState::Pending {
            let changed = &mut self.world.run_mut(id).steps[step.index as usize];
            changed.state = StepState::Running;
            changed.started_at = Some(now);
            let event = Event::StepStarted {
                step: step.index,
                name: step.kind.as_str().into(),
                surface: step.surface.to_string(),
            };
            self.world.record(Some(release), Some(id), event);
        }
        Some(step.index)
    }

    pub(super) fn try_step(&mut self, id: RunId, index: u32) -> Decided {
        let run = self.known_run(id)?;
        if !run.state.is_live() || run.stop.is_some() {
            return Err(Refusal::new(Code::RunEnding, format!("run {id} is ending; nothing more starts in it")));
        }
        self.world.run_mut(id).steps[index as usize].tries += 1;
        Ok(Answer::Step(Some(index)))
    }

    pub(super) fn step_ended(&mut self, id: RunId, index: u32, outcome: Outcome) -> Decided {
        let run = self.known_run(id)?;
        let Some(step) = run.steps.get(index as usize).filter(|step| step.state == StepState::Running).cloned() else {
            return Ok(Answer::Step(None));
        };
        let state = step_state(&outcome, run.stop.is_some());
        let now = self.world.now;
        let changed = &mut self.world.run_mut(id).steps[index as usize];
        changed.state = state.clone();
        changed.ended_at = Some(now);
        let event = Event::StepEnded {
            step: index,
            name: step.kind.as_str().into(),
            surface: step.surface.to_string(),
            state: state.as_str().into(),
            exit: match &outcome {
                Outcome::Exited(code) => Some(*code),
                Outcome::Healthy
                | Outcome::Unhealthy(_)
                | Outcome::TimedOut
                | Outcome::Stopped
                | Outcome::NotStarted(_)
                | Outcome::Lost(_) => None,
            },
        };
        self.world.record(Some(run.release), Some(id), event);
        if !run.state.is_live() {
            return Ok(Answer::Step(None));
        }
        let named = |what: &str| format!("{} of {} on {} {what}", step.kind.title(), step.surface, run.environment);
        match state {
            StepState::Succeeded => match run.stop {
                Some(stop) => self.run_ended(id, RunState::Stopped { reason: stop.reason }),
                None => return Ok(Answer::Step(self.begin_step(id))),
            },
            StepState::Stopped => {
                let reason = run.stop.map_or_else(|| named("was ended"), |stop| stop.reason);
                self.run_ended(id, RunState::Stopped { reason });
            }
            StepState::Unknown { reason } => self.lose_run(id, named(&format!("cannot be judged: {reason}"))),
            StepState::Failed { exit: Some(TAG_MOVED), .. } if step.kind == StepKind::VerifyTag => {
                self.found_tag_moved(&run, &step, &named("found that the tag has moved"));
            }
            StepState::Failed { reason, .. } => self.run_ended(id, RunState::Failed { reason: named(&reason) }),
            StepState::Pending | StepState::Running => {}
        }
        Ok(Answer::Step(None))
    }

    /// The tag no longer stands for what people saw: an alarm, and on stage the end of the release.
    fn found_tag_moved(&mut self, run: &Run, step: &Step, reason: &str) {
        let release = &self.world.releases[&step.about];
        let (id, tag, commit) = (release.id, release.tag.clone(), release.commit.clone());
        if let (Some(tag), Some(from)) = (tag, commit) {
            self.world.record(Some(id), Some(run.id), Event::TagMoved { tag, from, to: None });
        }
        let state = RunState::Stopped { reason: reason.to_owned() };
        self.run_ended(run.id, state);
    }

    pub(super) fn run_failed(&mut self, id: RunId, reason: String) -> Decided {
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

    pub(super) fn run_lost(&mut self, id: RunId, reason: String) -> Decided {
        if self.known_run(id)?.state.is_live() {
            self.lose_run(id, reason);
        }
        Ok(Answer::Run(id))
    }

    /// A `ci` environment that has been silent for too long cannot be judged.
    pub(super) fn overdue(&mut self) -> Decided {
        let silent: Vec<_> = self
            .world
            .runs
            .values()
            .filter(|run| run.state == RunState::Running)
            .filter_map(|run| {
                let environment = self.world.service.environment(run.environment);
                let Driver::Ci { report_timeout, .. } = &environment.driver else { return None };
                let heard = run.heard_at?;
                let silent = self.world.now.duration_since(heard);
                (silent.unsigned_abs() > *report_timeout && !silent.is_negative())
                    .then(|| (run.id, heard, run.environment))
            })
            .collect();
        for (id, heard, environment) in silent {
            self.lose_run(id, format!("the CI system has said nothing about {environment} since {heard}"));
        }
        Ok(Answer::Done)
    }

    fn lose_run(&mut self, id: RunId, reason: String) {
        let run = self.world.run_mut(id);
        run.state = RunState::Unknown { reason: reason.clone() };
        let (release, environment, kind) = (run.release, run.environment, run.kind);
        let event = Event::RunEnded { environment, kind, state: "unknown".into(), reason: Some(reason.clone()) };
        self.world.record(Some(release), Some(id), event);
        if !self.world.runs[&id].housekeeping {
            self.world.release_mut(release).reason = Some(reason);
        }
    }

    /// Asks the one who follows the run to end its step.
    pub(super) fn stop_run(&mut self, id: RunId, why: StopKind, by: String, reason: String) {
        let run = self.world.run_mut(id);
        if run.stop.is_some() {
            return;
        }
        run.stop = Some(Stop { why, by: by.clone(), reason: reason.clone() });
        let release = run.release;
        self.world.record(Some(release), Some(id), Event::RunStopping { by, reason });
    }

    /// Ends a run and nothing else.
    pub(super) fn close_run(&mut self, id: RunId, state: RunState) {
        let now = self.world.now;
        let run = self.world.run_mut(id);
        run.state = state.clone();
        run.ended_at = Some(now);
        let (release, environment, kind) = (run.release, run.environment, run.kind);
        let event = Event::RunEnded {
            environment,
            kind,
            state: state.as_str().into(),
            reason: state.reason().map(ToOwned::to_owned),
        };
        self.world.record(Some(release), Some(id), event);
    }

    /// Ends a run with all that follows from it: what the environment runs, and where the release goes.
    pub(super) fn run_ended(&mut self, id: RunId, state: RunState) {
        let positions = self.positions_after(&self.world.runs[&id].clone());
        self.close_run(id, state.clone());
        let run = self.world.runs[&id].clone();
        let reason = state.reason().map(ToOwned::to_owned);
        match &state {
            RunState::Succeeded => self.settle_environment(&run),
            RunState::Failed { .. } | RunState::Stopped { .. } => {
                self.unsettle_environment(&run, positions, reason.as_deref())
            }
            RunState::Queued | RunState::Running | RunState::Unknown { .. } => {}
        }
        if run.housekeeping || self.world.releases[&run.release].attempt != run.attempt {
            return;
        }
        let well = state == RunState::Succeeded;
        match (run.environment, run.kind) {
            (EnvironmentKind::Stage, RunKind::Deploy) if well => self.stage_deployed(&run),
            (EnvironmentKind::Stage, RunKind::Rehearsal) if well => self.rehearsed(&run),
            (EnvironmentKind::Stage, RunKind::Deploy | RunKind::Rehearsal) => self.stage_failed(&run, reason),
            (EnvironmentKind::Production, RunKind::Deploy) if well => {
                if self.world.releases[&run.release].status == Status::Deploying {
                    self.world.move_release(run.release, Status::Deployed, None);
                }
            }
            (EnvironmentKind::Production, RunKind::Deploy) => self.production_failed(&run, reason),
            (EnvironmentKind::Production, RunKind::Rollback) => {
                if self.world.releases[&run.release].status == Status::ProductionRollback {
                    let to = if well { Status::RollbackDone } else { Status::RollbackFailed };
                    let kept = self.world.releases[&run.release].reason.clone();
                    self.world.move_release(run.release, to, if well { kept } else { reason });
                }
            }
            (EnvironmentKind::Stage, RunKind::Rollback | RunKind::Drill)
            | (EnvironmentKind::Production, RunKind::Rehearsal | RunKind::Drill) => {}
        }
    }

    /// The environment runs what the run brought.
    pub(super) fn settle_environment(&mut self, run: &Run) {
        let now = self.world.now;
        let kind = run.environment;
        let was_dirty = self.world.environment(kind).dirty.is_some();
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
        let version = self
            .world
            .releases
            .get(&run.to.release)
            .map_or_else(|| run.to.clone(), crate::domain::release::Release::version);
        self.world.environment_mut(kind).current = Some(version);
        if was_dirty {
            self.world.record(None, Some(run.id), Event::EnvironmentRepaired { environment: kind });
        }
    }

    /// The environment is where the run left it.
    fn unsettle_environment(&mut self, run: &Run, positions: Positions, reason: Option<&str>) {
        let newer = if run.kind == RunKind::Rollback { run.from.clone() } else { Some(run.to.clone()) };
        let has_way_back = run.from.is_some();
        if let Some(newer) = newer.filter(|_| has_way_back && !positions.is_empty()) {
            self.world.environment_mut(run.environment).mixed = Some(Mixed { newer, surfaces: positions });
        }
        if run.kind == RunKind::Rollback {
            let reason = reason.unwrap_or("it was ended").to_owned();
            self.world.environment_mut(run.environment).dirty = Some(Dirty { run: run.id, reason: reason.clone() });
            let event = Event::EnvironmentDirty { environment: run.environment, reason };
            self.world.record(Some(run.release), Some(run.id), event);
        }
    }

    /// Where the touched surfaces stand after a run, given where an earlier one may have left them.
    pub(super) fn positions_after(&self, run: &Run) -> Positions {
        let (newer, untouched) = match run.kind {
            RunKind::Rollback => (run.from.as_ref().map_or(run.to.release, |from| from.release), Position::NEWER),
            RunKind::Rehearsal | RunKind::Drill => (run.to.release, Position::NEWER),
            RunKind::Deploy => (run.to.release, Position::OLDER),
        };
        let left = self.world.environment(run.environment).mixed.as_ref().filter(|mixed| mixed.newer.release == newer);
        let start = match (left, run.kind) {
            (Some(mixed), _) => mixed.surfaces.clone(),
            (None, RunKind::Deploy) => Positions::new(),
            (None, RunKind::Rollback | RunKind::Rehearsal | RunKind::Drill) => {
                self.world.service.surfaces.iter().map(|surface| (surface.name.clone(), Position::NEWER)).collect()
            }
        };
        run.positions(newer, &start, untouched)
    }

    /// Stage runs the candidate; the rehearsal is next, unless there is nothing to go back to.
    fn stage_deployed(&mut self, run: &Run) {
        let id = run.release;
        if self.world.releases[&id].status == Status::StageBuilding {
            self.world.move_release(id, Status::StageTestRollback, None);
        }
        if self.world.releases[&id].status != Status::StageTestRollback || self.world.production.current.is_some() {
            return;
        }
        let at = self.world.now;
        self.world.release_mut(id).rehearsal = Some(Rehearsal { against: None, at });
        self.world.record(Some(id), None, Event::NothingToRehearse {});
        let reason = "the first release: there was nothing to go back to".to_owned();
        self.world.move_release(id, Status::ManualTesting, Some(reason));
    }

    fn rehearsed(&mut self, run: &Run) {
        let id = run.release;
        if self.world.releases[&id].status != Status::StageTestRollback {
            return;
        }
        let at = self.world.now;
        self.world.release_mut(id).rehearsal = Some(Rehearsal { against: run.from.as_ref().map(|v| v.release), at });
        self.world.move_release(id, Status::ManualTesting, None);
    }

    fn stage_failed(&mut self, run: &Run, reason: Option<String>) {
        let id = run.release;
        let cancelled = matches!(run.state, RunState::Stopped { .. });
        let to = match self.world.releases[&id].status {
            status if cancelled && status.is_cancellable() => Status::Cancelled,
            Status::StageBuilding => Status::StageBuildingFailed,
            Status::StageTestRollback => Status::StageTestRollbackFailed,
            Status::Initiated => {
                self.world.move_release(id, Status::StageBuilding, None);
                Status::StageBuildingFailed
            }
            Status::StageBuildingFailed
            | Status::StageTestRollbackFailed
            | Status::ManualTesting
            | Status::ManualTestFailed
            | Status::ManualTestPassed
            | Status::Deploying
            | Status::Deployed
            | Status::ProductionRollback
            | Status::RollbackDone
            | Status::RollbackFailed
            | Status::Cancelled => return,
        };
        self.world.move_release(id, to, reason);
    }

    /// Production goes back by itself, in a run of its own.
    fn production_failed(&mut self, run: &Run, reason: Option<String>) {
        let id = run.release;
        match self.world.releases[&id].status {
            Status::Deploying => {}
            Status::ManualTestPassed => {
                return self.world.move_release(id, Status::Cancelled, reason);
            }
            Status::Initiated
            | Status::StageBuilding
            | Status::StageBuildingFailed
            | Status::StageTestRollback
            | Status::StageTestRollbackFailed
            | Status::ManualTesting
            | Status::ManualTestFailed
            | Status::Deployed
            | Status::ProductionRollback
            | Status::RollbackDone
            | Status::RollbackFailed
            | Status::Cancelled => return,
        }
        self.world.move_release(id, Status::ProductionRollback, reason.clone());
        let why = reason.unwrap_or_default();
        let Some(back_to) = run.from.clone() else {
            let nothing = format!("{why}; there was nothing to go back to: the first release");
            return self.world.move_release(id, Status::RollbackFailed, Some(nothing));
        };
        self.world.release_mut(id).rollback_to_tag.clone_from(&back_to.tag);
        match self.automatic_rollback(run, back_to) {
            Ok(true) => {}
            Ok(false) => {
                self.world.move_release(
                    id,
                    Status::RollbackDone,
                    Some(format!("{why}; production had not been touched")),
                );
            }
            Err(error) => {
                self.world.move_release(id, Status::RollbackFailed, Some(format!("{why}; no way back: {error}")))
            }
        }
    }

    /// Whether there was anything to take back.
    fn automatic_rollback(&mut self, failed: &Run, back_to: Version) -> Result<bool, String> {
        let new = NewRun {
            release: failed.release,
            environment: EnvironmentKind::Production,
            kind: RunKind::Rollback,
            housekeeping: false,
            from: Some(failed.to.clone()),
            to: back_to.clone(),
            steps: Vec::new(),
        };
        if !self.world.service.production.driver.is_ours() {
            self.world.note_ci_run(new, failed.ci_run.clone());
            return Ok(true);
        }
        let Some(mixed) = self.world.production.mixed.clone() else { return Ok(false) };
        let newer = self.known(failed.release).map_err(|e| e.sentence)?;
        let older = self.known(back_to.release).map_err(|e| e.sentence)?;
        let planner = Planner {
            service: &self.world.service,
            environment: EnvironmentKind::Production,
            kind: RunKind::Rollback,
            run: Some(self.world.next_run),
        };
        let steps = planner.back(&newer, &older, &mixed.surfaces).map_err(|error| error.to_string())?;
        self.world.create_run(NewRun { steps, ..new });
        Ok(true)
    }
}

fn step_state(outcome: &Outcome, stopping: bool) -> StepState {
    match outcome {
        Outcome::Exited(0) | Outcome::Healthy => StepState::Succeeded,
        Outcome::Exited(_) if stopping => StepState::Stopped,
        Outcome::Exited(code) => StepState::Failed { exit: Some(*code), reason: exit_sentence(*code) },
        Outcome::Unhealthy(reason) if !stopping => {
            StepState::Failed { exit: None, reason: format!("did not pass: {reason}") }
        }
        Outcome::TimedOut => {
            StepState::Failed { exit: None, reason: "was over its time limit and has been ended".into() }
        }
        Outcome::Stopped | Outcome::Unhealthy(_) => StepState::Stopped,
        Outcome::NotStarted(reason) => {
            StepState::Failed { exit: None, reason: format!("could not be started: {reason}") }
        }
        Outcome::Lost(reason) => StepState::Unknown { reason: reason.clone() },
    }
}

/// What an exit status means (POSIX: 126, 127 by the shell, above 128 by a signal).
fn exit_sentence(code: i32) -> String {
    match code {
        126 => "failed: a command could not be executed (exit status 126)".into(),
        127 => "failed: a command was not found (exit status 127)".into(),
        129..=192 => format!("was killed by signal {} (exit status {code})", code - 128),
        _ => format!("failed with exit status {code}"),
    }
}
