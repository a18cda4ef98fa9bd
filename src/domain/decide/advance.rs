//! What follows by itself from where things stand: the next candidate goes to stage, stage goes back to what
//! production runs, a stale rehearsal is repeated, production starts when the last gate clears.

use crate::domain::event::Event;
use crate::domain::gate::{self, GateName};
use crate::domain::ids::ReleaseId;
use crate::domain::plan::{PlanError, Planner};
use crate::domain::release::{Release, Version};
use crate::domain::run::{Position, RunKind, Step};
use crate::domain::service::EnvironmentKind;
use crate::domain::status::Status;
use crate::domain::world::NewRun;

use super::Draft;

/// More moves than that cannot follow from one command; it only bounds a mistake in this program.
const MOST_MOVES: usize = 100;

impl Draft<'_> {
    /// Makes every move that is due.
    pub(super) fn advance(&mut self) {
        for _ in 0..MOST_MOVES {
            if !(self.advance_vote() || self.advance_freshness() || self.advance_stage() || self.advance_production()) {
                return;
            }
        }
    }

    /// A vote that has passed closes.
    fn advance_vote(&mut self) -> bool {
        let passed = self.world.releases.values().find(|release| {
            release.status == Status::ManualTesting
                && gate::is_met(&self.world, release, GateName::Approvals)
                && gate::is_met(&self.world, release, GateName::FreshRehearsal)
        });
        let Some(id) = passed.map(|release| release.id) else { return false };
        self.world.move_release(id, Status::ManualTestPassed, None);
        true
    }

    /// A rehearsal of something that production no longer runs is worth nothing.
    fn advance_freshness(&mut self) -> bool {
        let busy = self.world.occupying_run(EnvironmentKind::Production).map(|run| run.release);
        let stale = self.world.releases.values().find(|release| {
            let waits = match release.status {
                Status::ManualTesting => true,
                Status::ManualTestPassed => self.world.stage_holder().is_none() && busy != Some(release.id),
                Status::Initiated
                | Status::StageBuilding
                | Status::StageBuildingFailed
                | Status::StageTestRollback
                | Status::StageTestRollbackFailed
                | Status::ManualTestFailed
                | Status::Deploying
                | Status::Deployed
                | Status::ProductionRollback
                | Status::RollbackDone
                | Status::RollbackFailed
                | Status::Cancelled => false,
            };
            waits && !gate::is_met(&self.world, release, GateName::FreshRehearsal)
        });
        let Some(release) = stale else { return false };
        let (id, was) = (release.id, release.rehearsal.as_ref().and_then(|rehearsal| rehearsal.against));
        let now = self.world.production.current.clone();
        let reason = match &now {
            Some(version) => format!("production runs {version} now; the rollback has to be rehearsed again"),
            None => "the rollback has to be rehearsed again".to_owned(),
        };
        self.world.record(Some(id), None, Event::RehearsalStale { was, now: now.clone() });
        self.world.move_release(id, Status::StageTestRollback, Some(reason));
        self.world.release_mut(id).rehearsal = None;
        if !self.world.service.stage.driver.is_ours() {
            self.expect_ci_rehearsal(id);
        }
        true
    }

    /// In a `ci` stage nothing can be started; RMM waits for the report, with the time limit of a run.
    fn expect_ci_rehearsal(&mut self, id: ReleaseId) {
        if self.world.occupying_run(EnvironmentKind::Stage).is_some() {
            return;
        }
        let release = &self.world.releases[&id];
        let (version, ci_run) = (release.version(), release.ci_run.as_ref().map(|run| run.id.clone()));
        let from = self.world.production.current.clone();
        self.world.note_ci_run(new_run(id, EnvironmentKind::Stage, RunKind::Rehearsal, from, version), ci_run);
    }

    fn advance_stage(&mut self) -> bool {
        if self.world.stage.dirty.is_some() || self.world.occupying_run(EnvironmentKind::Stage).is_some() {
            return false;
        }
        if !self.world.service.stage.driver.is_ours() {
            let rehearsing = self.world.stage_holder().filter(|r| r.status == Status::StageTestRollback).map(|r| r.id);
            let Some(id) = rehearsing else { return false };
            self.expect_ci_rehearsal(id);
            return true;
        }
        if let Some(holder) = self.world.stage_holder().cloned() {
            if self.supersede(&holder) {
                return true;
            }
            return match holder.status {
                Status::StageTestRollback => self.rehearse(&holder),
                Status::Initiated
                | Status::StageBuilding
                | Status::StageBuildingFailed
                | Status::StageTestRollbackFailed
                | Status::ManualTesting
                | Status::ManualTestFailed
                | Status::ManualTestPassed
                | Status::Deploying
                | Status::Deployed
                | Status::ProductionRollback
                | Status::RollbackDone
                | Status::RollbackFailed
                | Status::Cancelled => false,
            };
        }
        let candidate = self.next_candidate();
        if self.clear_stage(candidate.is_some()) {
            return true;
        }
        let Some(candidate) = candidate else { return false };
        self.deploy_to_stage(&candidate)
    }

    /// The first that waits for stage and whose commit is known; with `supersede`, the newest, which takes the others out.
    fn next_candidate(&mut self) -> Option<Release> {
        let waiting: Vec<_> = self.waiting_for_stage().cloned().collect();
        if !self.world.service.supersede {
            return waiting.into_iter().next();
        }
        let newest = waiting.last().cloned()?;
        for older in &waiting[..waiting.len() - 1] {
            self.end_before_production(older.id, format!("superseded by #{} {}", newest.id, newest.title()));
        }
        Some(newest)
    }

    fn waiting_for_stage(&self) -> impl Iterator<Item = &Release> {
        self.world.releases.values().filter(|release| release.status == Status::Initiated && release.commit.is_some())
    }

    /// With `supersede`, a newer candidate takes the place of the one that holds stage.
    fn supersede(&mut self, holder: &Release) -> bool {
        if !self.world.service.supersede {
            return false;
        }
        let newer = self.waiting_for_stage().filter(|release| release.id > holder.id).last();
        let Some(why) = newer.map(|release| format!("superseded by #{} {}", release.id, release.title())) else {
            return false;
        };
        self.end_before_production(holder.id, why);
        true
    }

    fn rehearse(&mut self, holder: &Release) -> bool {
        let on_stage = self.world.stage.current.as_ref().map(|version| version.release);
        if on_stage != Some(holder.id) || self.world.stage.mixed.is_some() {
            // Somebody else has been on stage meanwhile.
            return self.clear_stage(true) || self.deploy_to_stage(holder);
        }
        let Some(back_to) = self.world.production.current.clone() else { return false };
        let Some(older) = self.world.releases.get(&back_to.release).cloned() else { return false };
        let planner = self.planner(EnvironmentKind::Stage, RunKind::Rehearsal);
        let steps = planner.rehearsal(holder, &older, &planner.everywhere(Position::NEWER));
        let new = new_run(holder.id, EnvironmentKind::Stage, RunKind::Rehearsal, Some(back_to), holder.version());
        self.start(new, steps)
    }

    /// Takes stage back to what production runs, where it holds something else that has no business there any more.
    fn clear_stage(&mut self, somebody_waits: bool) -> bool {
        let Some(base) = self.world.production.current.clone() else { return false };
        let Some(on_stage) = self.world.stage.current.clone() else { return false };
        if let Some(mixed) = self.world.stage.mixed.clone() {
            // A failed deploy goes back to what stage ran before, a failed rehearsal to what it went back to.
            let to = if mixed.newer.release == on_stage.release { base } else { on_stage };
            return self.take_stage_back(&mixed.newer, &to, Some(&mixed.surfaces));
        }
        let ended = self.world.releases.get(&on_stage.release).is_none_or(|release| !release.status.is_active());
        if on_stage.release == base.release || !(ended || somebody_waits) {
            return false;
        }
        if on_stage.release > base.release {
            return self.take_stage_back(&on_stage, &base, None);
        }
        if !somebody_waits {
            return false;
        }
        let (Some(code), before) =
            (self.world.releases.get(&base.release).cloned(), self.world.releases.get(&on_stage.release))
        else {
            return false;
        };
        let steps = self.planner(EnvironmentKind::Stage, RunKind::Deploy).forward(&code, before);
        let new = new_run(base.release, EnvironmentKind::Stage, RunKind::Deploy, Some(on_stage), base);
        self.start(NewRun { housekeeping: true, ..new }, steps)
    }

    fn take_stage_back(
        &mut self,
        newer: &Version,
        older: &Version,
        touched: Option<&crate::domain::run::Positions>,
    ) -> bool {
        let (Some(leaving), Some(arriving)) =
            (self.world.releases.get(&newer.release).cloned(), self.world.releases.get(&older.release).cloned())
        else {
            return false;
        };
        let planner = self.planner(EnvironmentKind::Stage, RunKind::Rollback);
        let everything = planner.everywhere(Position::NEWER);
        let steps = planner.back(&leaving, &arriving, touched.unwrap_or(&everything));
        let new = new_run(leaving.id, EnvironmentKind::Stage, RunKind::Rollback, Some(newer.clone()), older.clone());
        self.start(NewRun { housekeeping: true, ..new }, steps)
    }

    fn deploy_to_stage(&mut self, candidate: &Release) -> bool {
        let before = self.world.stage.current.as_ref().and_then(|version| self.world.releases.get(&version.release));
        let steps = self.planner(EnvironmentKind::Stage, RunKind::Deploy).forward(candidate, before);
        // Without a version in production there is no tested way back, whatever is on stage.
        let from = self.world.production.current.as_ref().and(self.world.stage.current.clone());
        let new = new_run(candidate.id, EnvironmentKind::Stage, RunKind::Deploy, from, candidate.version());
        self.start(new, steps)
    }

    fn advance_production(&mut self) -> bool {
        if !self.world.service.production.driver.is_ours() {
            return false;
        }
        let ready = self.world.line().into_iter().find(|release| {
            self.world.occupying_run(EnvironmentKind::Production).is_none()
                && gate::explain(&self.world, release).iter().all(|gate| gate.met)
        });
        let Some(release) = ready.cloned() else { return false };
        let current = self.world.production.current.clone();
        let before = current.as_ref().and_then(|version| self.world.releases.get(&version.release));
        let steps = self.planner(EnvironmentKind::Production, RunKind::Deploy).forward(&release, before);
        let new = new_run(release.id, EnvironmentKind::Production, RunKind::Deploy, current, release.version());
        self.start(new, steps)
    }

    fn planner(&self, environment: EnvironmentKind, kind: RunKind) -> Planner<'_> {
        Planner { service: &self.world.service, environment, kind, run: Some(self.world.next_run) }
    }

    /// Starts a run; a plan that cannot be made is told as the reason of its release.
    fn start(&mut self, new: NewRun, steps: Result<Vec<Step>, PlanError>) -> bool {
        match steps {
            Ok(steps) => {
                self.world.create_run(NewRun { steps, ..new });
                true
            }
            Err(PlanError(reason)) => {
                if self.world.releases[&new.release].reason.as_ref() != Some(&reason) {
                    self.world.release_mut(new.release).reason = Some(reason);
                }
                false
            }
        }
    }
}

fn new_run(
    release: ReleaseId,
    environment: EnvironmentKind,
    kind: RunKind,
    from: Option<Version>,
    to: Version,
) -> NewRun {
    NewRun { release, environment, kind, housekeeping: false, from, to, steps: Vec::new() }
}
