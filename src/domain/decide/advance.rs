//! What follows by itself from where things stand: the next candidate goes to stage, stage goes back to what
//! production runs, a stale rehearsal is repeated, production starts when the last gate clears.

use std::sync::Arc;

use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::gate::{self, Gate, GateName};
use crate::domain::ids::ReleaseId;
use crate::domain::plan::Planner;
use crate::domain::position::{Positions, Side};
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::run::{RunKind, RunState, Step};
use crate::domain::status::Status;
use crate::domain::version::Version;
use crate::domain::world::NewRun;

use super::Draft;
use super::resolve::keep_migrations;

/// More moves than that cannot follow from one command; it only bounds a mistake in this program.
const MOST_MOVES: usize = 100;

impl Draft<'_, '_> {
    /// Makes every move that is due.
    pub(super) fn advance(&mut self) {
        if self.world.service.retired {
            return;
        }
        for _ in 0..MOST_MOVES {
            if !(self.advance_vote() || self.advance_freshness() || self.advance_stage() || self.advance_production()) {
                return;
            }
        }
    }

    /// A vote that has passed closes.
    fn advance_vote(&mut self) -> bool {
        let passed = self.world.in_status(Status::ManualTesting).into_iter().find(|release| {
            gate::is_met(&self.world, release, GateName::Approvals)
                && gate::is_met(&self.world, release, GateName::FreshRehearsal)
        });
        let Some(id) = passed.map(|release| release.id) else { return false };
        self.world.move_release(id, Status::ManualTestPassed, None);
        true
    }

    /// A rehearsal of something that production no longer runs is worth nothing.
    fn advance_freshness(&mut self) -> bool {
        let busy = self.world.occupying_run(Env::Production).map(|run| run.release);
        let tested = [Status::ManualTesting, Status::ManualTestPassed].into_iter();
        let mut tested: Vec<_> = tested.flat_map(|status| self.world.in_status(status)).collect();
        tested.sort_by_key(|release| release.id);
        let stale = tested.into_iter().find(|release| {
            let unmet = |gate| !gate::is_met(&self.world, release, gate);
            if release.status == Status::ManualTesting {
                return unmet(GateName::FreshRehearsal);
            }
            self.world.stage_holder().is_none()
                && busy != Some(release.id)
                && (unmet(GateName::FreshRehearsal) || unmet(GateName::Approvals))
        });
        let Some(release) = stale else { return false };
        let (id, was) = (release.id, release.rehearsal.as_ref().and_then(|rehearsal| rehearsal.against));
        let now = self.world.production().current.clone();
        if release.status == Status::ManualTestPassed
            && gate::is_met(&self.world, &release, GateName::FreshRehearsal)
            && let Some(commit) = self.world.learned_after_votes(&release)
        {
            self.world.move_release(id, Status::ManualTesting, Some(Reason::CommitKnownLate { commit }));
            return true;
        }
        let changed = !self.world.approved_something_else(&release).is_empty()
            || release.rehearsal.as_ref().is_some_and(|of| !of.is_about(&release, &self.world.definition));
        let reason = if changed { Reason::ContentChanged } else { Reason::ProductionChanged { now: now.clone() } };
        self.world.record(Some(id), None, Event::RehearsalStale { was, now });
        self.world.move_release(id, Status::StageTestRollback, Some(reason));
        true
    }

    /// Releases that wait for stage are told why nothing happens there, and when that is over.
    fn explain_dirty_stage(&mut self) {
        let dirty = self.world.stage().dirty.as_ref();
        let dirty = dirty.map(|dirty| Reason::StageDirty { run: dirty.run, cause: Box::new(dirty.reason.clone()) });
        let unknown = self.world.stage().unknown.as_ref().map(|unknown| Reason::StageUnknown {
            service: self.world.service.name.clone(),
            cause: Box::new(unknown.reason.clone()),
        });
        let why = unknown.or(dirty);
        let told =
            |release: &Release| matches!(release.reason, Some(Reason::StageDirty { .. } | Reason::StageUnknown { .. }));
        let waiting = self.world.in_status(Status::Initiated);
        let untold: Vec<_> = waiting
            .iter()
            .filter(|release| release.reason != why && (why.is_some() || told(release)))
            .map(|release| release.id)
            .collect();
        for id in untold {
            let release = self.world.release_mut(id);
            release.reason = why.clone().or_else(|| release.denied());
        }
    }

    fn advance_stage(&mut self) -> bool {
        let ours = self.world.service.stage().driver.is_ours();
        if ours && self.supersede() {
            return true;
        }
        self.explain_dirty_stage();
        let (dirty, unknown) = (self.world.stage().dirty.is_some(), self.world.stage().unknown.is_some());
        if dirty || unknown || self.world.occupying_run(Env::Stage).is_some() {
            return false;
        }
        let holder = self.world.stage_holder();
        let rehearsing = holder.as_ref().filter(|release| release.status == Status::StageTestRollback);
        match (rehearsing, ours) {
            (Some(release), true) => return self.rehearse(release),
            (Some(release), false) => return self.expect_ci_rehearsal(release),
            (None, false) => return false,
            (None, true) => {}
        }
        if holder.is_some() {
            return false;
        }
        let candidate = self.world.next_for_stage();
        if self.clear_stage(candidate.is_some()) {
            return true;
        }
        let Some(candidate) = candidate else { return false };
        self.deploy_to_stage(&candidate);
        true
    }

    /// In a `ci` stage nothing can be started; RMM waits for the report, with the time limit of a run.
    fn expect_ci_rehearsal(&mut self, release: &Release) -> bool {
        let ci_run = release.ci_run.as_ref().map(|run| run.id.clone());
        let from = self.world.production().current.clone();
        let new = new_run(release.id, Env::Stage, RunKind::Rehearsal, from, release.version());
        self.world.note_ci_run(new, ci_run);
        true
    }

    /// With `supersede`, the newest candidate takes out the older ones that wait, and the one that stage holds.
    fn supersede(&mut self) -> bool {
        if !self.world.service.supersede {
            return false;
        }
        let mut waiting = self.world.in_status(Status::Initiated);
        // A commit that stands alone takes out others only when it is there.
        let is_open = |it: &Release| it.tag.is_none() && it.commit_check.as_ref().is_some_and(|check| check.asked);
        waiting.retain(|release| release.commit.is_some() && release.denied().is_none() && !is_open(release));
        let Some((newest, title)) = waiting.last().map(|release| (release.id, release.title())) else { return false };
        let run = self.world.occupying_run(Env::Stage);
        // What cannot be judged has to be resolved first, and what is ending already only has to end.
        let untouchable = run.filter(|run| !run.state.is_live() || run.stop.is_some()).map(|run| run.release);
        let older = waiting
            .iter()
            .map(|release| release.id)
            .chain(self.world.stage_holder().map(|holder| holder.id))
            .find(|id| *id < newest && Some(*id) != untouchable);
        let Some(older) = older else { return false };
        self.end_before_production(older, Reason::Superseded { by: newest, title });
        true
    }

    fn rehearse(&mut self, holder: &Release) -> bool {
        let on_stage = self.world.stage().current.as_ref().map(|version| version.release);
        if on_stage != Some(holder.id) || self.world.stage().mixed.is_some() {
            // Another release has been on stage meanwhile.
            if !self.clear_stage(true) {
                self.deploy_to_stage(holder);
            }
            return true;
        }
        let Some(back_to) = self.world.production().current.clone() else {
            let of = holder.rehearsal.as_ref();
            if of.is_some_and(|of| !of.is_about(holder, &self.world.definition)) {
                // Stage shows what people have to see now.
                self.deploy_to_stage(holder);
            } else {
                self.nothing_to_rehearse(holder.id, Some(self.world.content(holder)));
            }
            return true;
        };
        let planner = self.planner(Env::Stage, RunKind::Rehearsal);
        let steps =
            self.loaded(&back_to).and_then(|older| planner.rehearsal(holder, &older, &planner.everywhere(Side::Newer)));
        let new = new_run(holder.id, Env::Stage, RunKind::Rehearsal, Some(back_to), holder.version());
        self.start_or_fail(new, steps);
        true
    }

    /// Takes stage to what production runs, where it holds something else that has no business there any more. False:
    /// there is nothing to do.
    fn clear_stage(&mut self, release_waits: bool) -> bool {
        if let Some(mixed) = self.world.stage().mixed.clone() {
            self.take_stage_back(mixed.newer, mixed.older, Some(&mixed.surfaces));
            return true;
        }
        // What production runs is unknown, and no release waits.
        if self.world.production().unknown.is_some() && !release_waits {
            return false;
        }
        let Some(base) = self.world.production().current.clone() else { return false };
        let Some(on_stage) = self.world.stage().current.clone() else { return false };
        let ended = self.world.find(on_stage.release).is_none_or(|release| !release.status.is_active());
        if on_stage.release == base.release || !(ended || release_waits) {
            return false;
        }
        if !self.world.ran_before(on_stage.release, base.release) {
            self.take_stage_back(on_stage, base, None);
            return true;
        }
        if !release_waits {
            return false;
        }
        let steps = self.loaded(&base).and_then(|code| {
            let before = self.world.find(on_stage.release);
            self.planner(Env::Stage, RunKind::Deploy).catch_up(&code, before.as_deref())
        });
        let new = new_run(base.release, Env::Stage, RunKind::Deploy, Some(on_stage), base);
        self.start_or_fail(NewRun { housekeeping: true, ..new }, steps);
        true
    }

    fn take_stage_back(&mut self, newer: Version, older: Version, touched: Option<&Positions>) {
        let planner = self.planner(Env::Stage, RunKind::Rollback);
        let everything = planner.everywhere(Side::Newer);
        let steps = self
            .loaded(&newer)
            .and_then(|leaving| planner.back(&leaving, &*self.loaded(&older)?, touched.unwrap_or(&everything)));
        let new = new_run(newer.release, Env::Stage, RunKind::Rollback, Some(newer), older);
        self.start_or_fail(NewRun { housekeeping: true, ..new }, steps);
    }

    fn deploy_to_stage(&mut self, candidate: &Release) {
        let again = self.same_first_run(Env::Stage, candidate);
        // Over itself there is nothing to go back to.
        let itself = |on_stage: &Version| on_stage.release == candidate.id || again.is_some();
        let from = self.world.stage().current.clone().filter(|on_stage| !itself(on_stage));
        let before = from.as_ref().and_then(|version| self.world.find(version.release));
        let mut steps = self.planner(Env::Stage, RunKind::Deploy).forward(candidate, before.as_deref());
        if let (Some(again), Ok(steps)) = (&again, &mut steps) {
            keep_migrations(again, steps);
        }
        let new = new_run(candidate.id, Env::Stage, RunKind::Deploy, from, candidate.version());
        self.start_or_fail(new, steps);
    }

    fn advance_production(&mut self) -> bool {
        let workflow = self.workflow_for(Env::Production, RunKind::Deploy);
        if workflow.is_none() && !self.world.service.production().driver.is_ours() {
            return false;
        }
        let ready = self.world.line().into_iter().find(|release| {
            self.world.occupying_run(Env::Production).is_none()
                && gate::explain(&self.world, release).iter().all(Gate::met)
        });
        let Some(release) = ready else { return false };
        let current = self.world.production().current.clone();
        if let Some(workflow) = workflow {
            let new = new_run(release.id, Env::Production, RunKind::Deploy, current, release.version());
            self.world.create_dispatched_run(new, workflow);
            return true;
        }
        let before = current.as_ref().and_then(|version| self.world.find(version.release));
        let mut steps = self.planner(Env::Production, RunKind::Deploy).forward(&release, before.as_deref());
        if let (Some(again), Ok(steps)) = (self.same_first_run(Env::Production, &release), &mut steps) {
            keep_migrations(&again, steps);
        }
        match steps {
            Ok(steps) => {
                let new = new_run(release.id, Env::Production, RunKind::Deploy, current, release.version());
                self.world.create_run(NewRun { steps, ..new });
                true
            }
            // It waits, says why, and is tried again with the next command.
            Err(reason) => {
                if release.reason.as_ref() != Some(&reason) {
                    self.world.release_mut(release.id).reason = Some(reason);
                }
                false
            }
        }
    }

    pub(super) fn planner(&self, environment: Env, kind: RunKind) -> Planner<'_> {
        Planner { service: &self.world.service, environment, kind, run: Some(self.world.next_run), without: &[] }
    }

    pub(super) fn loaded(&self, version: &Version) -> Result<Arc<Release>, Reason> {
        let release = self.world.find(version.release);
        release.ok_or_else(|| Reason::VersionNotKnown { version: version.clone() })
    }

    /// Starts a run; one for which no plan can be made fails at once, with all that follows from that.
    pub(super) fn start_or_fail(&mut self, new: NewRun, steps: Result<Vec<Step>, Reason>) {
        match steps {
            Ok(steps) => {
                self.world.create_run(NewRun { steps, ..new });
            }
            Err(reason) => {
                let run = self.world.create_run_without_plan(new);
                self.run_ended(run, RunState::Failed { reason });
            }
        }
    }
}

fn new_run(release: ReleaseId, environment: Env, kind: RunKind, from: Option<Version>, to: Version) -> NewRun {
    NewRun { release, environment, kind, housekeeping: false, from, to, steps: Vec::new() }
}
