//! What an admin says about a run that RMM cannot judge.

use std::sync::Arc;

use crate::domain::cause::Cause;
use crate::domain::command::{Answer, Resolution};
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::ids::RunId;
use crate::domain::person::Right;
use crate::domain::position::{Positions, Side};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind, RunState, Step, StepKind, StepState};
use crate::domain::text::prose;
use crate::domain::world::NewRun;

use super::people::REASON;
use super::{Decided, Draft};

impl Draft<'_, '_> {
    pub(super) fn resolve(&mut self, id: RunId, verdict: Resolution, reason: String) -> Decided {
        let run = self.known_run(id)?;
        self.allow(Right::Command, None)?;
        let reason = prose(&reason, REASON);
        let left_dirty = self.world.environment(run.environment).dirty.as_ref().is_some_and(|dirty| dirty.run == id);
        let unknown = matches!(run.state, RunState::Unknown { .. });
        let repairable = left_dirty && verdict != Resolution::Failed;
        if left_dirty && !unknown && !repairable {
            return Err(Refusal::from(Cause::FailedAlready { run: id, to: run.to }).legal(["resolve"]));
        }
        if !unknown && !repairable {
            return Err(Cause::NothingToResolve { run: id, state: run.state.as_str().to_owned() }.into());
        }
        if unknown {
            self.check_known(run.environment)?;
        }
        let word = match verdict {
            Resolution::Succeeded => "succeeded",
            Resolution::Failed => "failed",
            Resolution::Again => "again",
        };
        self.world.record(
            Some(run.release),
            Some(id),
            Event::RunResolved { verdict: word.into(), reason: reason.clone() },
        );
        let by = self.actor.label().to_owned();
        match verdict {
            Resolution::Again => return self.run_again(&run, by, reason),
            Resolution::Succeeded if unknown => self.run_ended(id, RunState::Succeeded),
            // The admin has brought the environment to where the failed run should have brought it.
            Resolution::Succeeded => self.settle_environment(&run),
            Resolution::Failed => {
                self.run_ended(id, RunState::Failed { reason: Reason::JudgedFailed { by, why: reason } })
            }
        }
        if verdict == Resolution::Succeeded {
            self.world.environment_mut(run.environment).unseen.retain(|unseen| unseen.run != id);
        }
        Ok(Answer::Run(id))
    }

    /// A new run takes up where the old one left the environment.
    fn run_again(&mut self, old: &Run, by: String, why: String) -> Decided {
        let ours = self.world.service.environment(old.environment).driver.is_ours();
        let active = self.world.release(old.release).status.is_active();
        if !ours && !active {
            return Err(Cause::CiReportsNoMore { release: old.release, environment: old.environment }.into());
        }
        let release = self.world.release(old.release);
        let forward = (old.environment, old.kind, old.housekeeping) == (Env::Production, RunKind::Deploy, false);
        if forward && old.content.as_ref().is_some_and(|content| !release.brought(&self.world.definition).is(content)) {
            let cause = Cause::ContentChanged { release: old.release, run: old.id };
            return Err(Refusal::from(cause).legal(["resolve"]));
        }
        let positions = self.positions_after(old);
        let new = NewRun {
            release: old.release,
            environment: old.environment,
            kind: old.kind,
            // The release of a failed rollback has ended; only the environment is still to be repaired.
            housekeeping: old.housekeeping || !active,
            from: old.from.clone(),
            to: old.to.clone(),
            steps: Vec::new(),
        };
        let steps = if ours { self.plan_again(old, &positions)? } else { Vec::new() };
        if old.state.occupies() {
            if old.moves_its_release() && active {
                self.world.release_mut(old.release).reason = self.reason_of_way_back(old);
            }
            let reason = Reason::RunAgain { run: self.world.next_run, by, why };
            self.close_run(old.id, RunState::Failed { reason });
        }
        self.note_half_way(old, positions);
        self.world.environment_mut(old.environment).dirty = None;
        let id = if ours {
            self.world.create_run(NewRun { steps, ..new })
        } else {
            self.start_in_ci(new, old.ci_run.clone())
        };
        Ok(Answer::Run(id))
    }

    fn plan_again(&self, old: &Run, positions: &Positions) -> Result<Vec<Step>, Refusal> {
        let planner = self.planner(old.environment, old.kind);
        let to = self.known(old.to.release)?;
        let from = match &old.from {
            Some(version) => Some(self.known(version.release)?),
            None => None,
        };
        if old.is_catch_up() {
            return self.plan_catch_up_again(old, &to);
        }
        let mut steps = match (old.kind, &from) {
            (RunKind::Deploy, from) if old.housekeeping => planner.catch_up(&to, from.as_ref()),
            (RunKind::Deploy, from) => planner.forward(&to, from.as_ref()),
            (RunKind::Rehearsal | RunKind::Drill, Some(older)) => {
                let mut all = planner.everywhere(Side::Newer);
                all.extend(positions.clone());
                planner.rehearsal(&to, older, &all)
            }
            (RunKind::Rollback, Some(newer)) => planner.back(newer, &to, positions),
            (RunKind::Rehearsal | RunKind::Drill | RunKind::Rollback, None) => Ok(Vec::new()),
        };
        if let Ok(steps) = &mut steps
            && old.kind == RunKind::Deploy
        {
            keep_migrations(old, steps);
        }
        steps.map_err(|reason| Cause::NoPlan { reason }.into())
    }

    /// The last run in an environment, if it was to bring the same as this release and what it has migrated stands: as
    /// long as production runs nothing, no rollback undoes it.
    pub(super) fn same_first_run(&self, kind: Env, release: &Release) -> Option<Run> {
        let last = self.world.last_run(kind)?;
        let stands = self.world.production().current.is_none()
            && last.id >= self.world.environment(kind).vouched_below
            && (last.kind, &last.to.tag) == (RunKind::Deploy, &release.tag)
            && last.content.as_ref().is_some_and(|content| release.brought(&self.world.definition).is(content));
        stands.then(|| Arc::unwrap_or_clone(last))
    }

    /// The same hosts once more, and nothing but their code.
    fn plan_catch_up_again(&self, old: &Run, to: &Release) -> Result<Vec<Step>, Refusal> {
        let hosts = old.hosts(None);
        let left = &self.world.environment(old.environment).left;
        let newer = hosts.iter().find_map(|host| left.get(*host)).map_or(to.id, |left| left.newer.release);
        let others: Vec<_> = self.world.service.hosts_in(old.environment);
        let others: Vec<_> = others.into_iter().filter(|other| !hosts.contains(&other)).collect();
        let planner = self.planner(old.environment, old.kind).without(&others);
        let steps = planner.catch_up_code(&self.known(newer)?, to);
        steps.map_err(|reason| Cause::NoPlan { reason }.into())
    }
}

/// Migrations that the old run has brought to a good end are not done twice: they are done in the new one, too.
pub(super) fn keep_migrations(old: &Run, steps: &mut [Step]) {
    for step in steps.iter_mut().filter(|step| step.kind == StepKind::MigrateUp) {
        let same = |done: &&Step| (done.kind, &done.surface, &done.host) == (step.kind, &step.surface, &step.host);
        let done = old.steps.iter().filter(same).find(|done| done.state == StepState::Succeeded);
        if let Some(done) = done {
            step.state = StepState::Succeeded;
            (step.started_at, step.ended_at) = (done.started_at, done.ended_at);
        }
    }
}
