//! What RMM's own parts say: steps of runs that start and end, runs that cannot be judged, commits and tags.

use crate::domain::command::{Answer, Outcome};
use crate::domain::event::Event;
use crate::domain::ids::{Commit, ReleaseId, RunId};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::run::{Run, RunKind, RunState, Step, StepKind, StepState, Stop, StopKind, TAG_MOVED};
use crate::domain::service::{Driver, EnvironmentKind};
use crate::domain::status::Status;

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
        let (Some(tag), Some(from)) = (release.tag.clone(), release.commit.clone().filter(|commit| *commit != now))
        else {
            return Ok(Answer::Release { id, created: false });
        };
        self.world.record(Some(id), None, Event::TagMoved { tag, from, to: Some(now.clone()) });
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
    pub(super) fn run_waits(&mut self, id: RunId, reason: Option<String>) -> Decided {
        let run = self.known_run(id)?;
        if run.state.is_live() && run.waiting != reason {
            self.world.run_mut(id).waiting.clone_from(&reason);
            if let Some(reason) = reason {
                self.world.record(Some(run.release), Some(id), Event::RunWaiting { reason });
            }
        }
        Ok(Answer::Run(id))
    }

    /// A run whose first step starts is what moves its release on.
    fn begin(&mut self, run: &Run) {
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

    /// Marks the next steps as running, or ends the run when there are none. The answer is the first of them.
    fn begin_steps(&mut self, id: RunId) -> Option<u32> {
        let (now, uptime) = (self.world.now, self.world.uptime.clone());
        let run = &self.world.runs[&id];
        let release = run.release;
        let steps: Vec<_> = run.current_steps().cloned().collect();
        if steps.is_empty() {
            self.run_ended(id, RunState::Succeeded);
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
            return Err(Refusal::new(Code::RunEnding, format!("run {id} is ending; nothing more starts in it")));
        }
        let at_work = |step: &&mut Step| step.state == StepState::Running;
        match self.world.run_mut(id).steps.get_mut(index as usize).filter(at_work) {
            Some(step) => step.tries += 1,
            None => return Err(Refusal::new(Code::NotFound, format!("step {index} of run {id} is not at work"))),
        }
        Ok(Answer::Step(Some(index)))
    }

    pub(super) fn step_ended(&mut self, id: RunId, index: u32, outcome: Outcome) -> Decided {
        let run = self.known_run(id)?;
        let Some(step) = run.steps.get(index as usize).filter(|step| step.state == StepState::Running).cloned() else {
            return Ok(Answer::Step(None));
        };
        let state = step_state(&outcome, run.is_ending());
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
                | Outcome::Lost(_) => None,
            },
        };
        self.world.record(Some(run.release), Some(id), event);
        if run.state.is_live() && self.world.runs[&id].running_steps().next().is_none() {
            return Ok(Answer::Step(self.wave_ended(id)));
        }
        Ok(Answer::Step(None))
    }

    /// No step is at work any more: goes on with the next ones, or ends the run.
    fn wave_ended(&mut self, id: RunId) -> Option<u32> {
        let run = self.world.runs[&id].clone();
        let ended = |wanted: fn(&StepState) -> bool| run.steps.iter().find(|step| wanted(&step.state));
        if let Some(step) = ended(|state| matches!(state, StepState::Unknown { .. }))
            && let StepState::Unknown { reason } = &step.state
        {
            self.lose_run(id, named(&run, step, &format!("cannot be judged: {reason}")));
            return None;
        }
        if let Some(stop) = &run.stop {
            self.run_ended(id, RunState::Stopped { reason: stop.reason.clone() });
            return None;
        }
        if let Some(step) = ended(|state| matches!(state, StepState::Failed { .. }))
            && let StepState::Failed { exit, reason } = &step.state
        {
            if *exit == Some(TAG_MOVED) && step.kind == StepKind::VerifyTag {
                self.found_tag_moved(&run, step, &named(&run, step, "found that the tag has moved"));
            } else {
                self.run_ended(id, RunState::Failed { reason: named(&run, step, reason) });
            }
            return None;
        }
        if let Some(step) = ended(|state| *state == StepState::Stopped) {
            self.run_ended(id, RunState::Stopped { reason: named(&run, step, "was ended") });
            return None;
        }
        self.begin_steps(id)
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
        let run = self.known_run(id)?;
        if run.state.is_live() {
            // It may have started after all, so the release counts as under way.
            self.begin(&run);
            self.lose_run(id, reason);
        }
        Ok(Answer::Run(id))
    }

    /// A `ci` environment that has been silent for too long cannot be judged.
    pub(super) fn overdue(&mut self) -> Decided {
        let uptime = self.world.uptime.clone();
        let waiting = self.world.runs.values().filter(|run| run.state == RunState::Running).filter_map(|run| {
            let environment = self.world.service.environment(run.environment);
            let Driver::Ci { report_timeout, .. } = &environment.driver else { return None };
            Some((run.id, run.heard_at?, run.heard_uptime.clone(), run.environment, *report_timeout))
        });
        for (id, heard, mark, environment, limit) in waiting.collect::<Vec<_>>() {
            match mark {
                Some(mark) if mark.boot == uptime.boot => {
                    if uptime.since(Some(&mark)) > limit {
                        self.lose_run(id, format!("the CI system has said nothing about {environment} since {heard}"));
                    }
                }
                // How long it has been silent across a restart of this machine nobody knows: the time counts anew.
                Some(_) | None => self.world.run_mut(id).heard_uptime = Some(uptime.clone()),
            }
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
}

/// A sentence about a step, for people.
fn named(run: &Run, step: &Step, what: &str) -> String {
    let place = if step.host.is_local() { String::new() } else { format!(" ({})", step.host) };
    format!("{} of {} on {}{place} {what}", step.kind.title(), step.surface, run.environment)
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
