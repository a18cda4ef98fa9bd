//! The ways back from production that people have: end a deploy that is under way, and roll a good version back.

use crate::domain::cause::Cause;
use crate::domain::command::{Answer, RollbackTo};
use crate::domain::env::Env;
use crate::domain::ids::ReleaseId;
use crate::domain::moves::Move;
use crate::domain::person::Right;
use crate::domain::position::Side;
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind, RunState, StopKind};
use crate::domain::status::Status;
use crate::domain::version::Version;
use crate::domain::world::{NewRun, World};

use super::people::given_reason;
use super::{Decided, Draft};

impl Draft<'_, '_> {
    pub(super) fn abort(&mut self, id: ReleaseId, reason: String, force: bool) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        let reason = given_reason(&reason)?;
        if release.status != Status::Deploying {
            return Err(self.illegal(&release, Move::Abort));
        }
        self.check_known(Env::Production)?;
        let why = Reason::Aborted { by: self.actor.label().to_owned(), why: reason };
        let run = self.world.occupying_run(Env::Production);
        match run {
            Some(run) if matches!(run.state, RunState::Unknown { .. }) && !force => {
                return Err(unknown_in_the_way(&run));
            }
            // What is at work ends first.
            Some(run)
                if run.state == RunState::Running
                    && (self.world.service.production().driver.is_ours() || run.dispatch.is_some()) =>
            {
                let by = self.actor.label().to_owned();
                self.stop_run(run.id, StopKind::Abort, by, why, force);
            }
            Some(run) => self.run_ended(run.id, RunState::Stopped { reason: why }),
            None => return Err(self.illegal(&release, Move::Abort)),
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn rollback(&mut self, id: ReleaseId, to: Option<RollbackTo>, reason: String, force: bool) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        let reason = given_reason(&reason)?;
        self.check_known(Env::Production)?;
        let current = self.world.production().current.clone();
        match (&current, release.status) {
            (Some(current), Status::Deployed) if current.release == id => {}
            // Until it is known how the deploy ended, the rollback is that of the deploy.
            (Some(current), Status::Deploying)
                if self.lost_in_production(id) && (to.is_none() || is_meant(to.as_ref(), current)) =>
            {
                return self.abort(id, reason, force);
            }
            (_, Status::Deploying) => {
                return Err(Refusal::from(Cause::BeingDeployed { release: id }).legal(["abort"]));
            }
            (Some(current), _) if current.release != id => {
                // Of production that needs repair it is not said what it runs.
                self.check_repaired()?;
                let (service, current) = (release.service.clone(), current.clone());
                return Err(Cause::NotInProduction { service, current, release: id, title: release.title() }.into());
            }
            (_, _) => return Err(self.illegal(&release, Move::Rollback)),
        }
        self.recall_queued_deploy(Reason::OtherRolledBack { release: id });
        self.check_free_for_rollback()?;
        let target = self.rollback_target(&release, to)?;
        self.begin_rollback(&release, &target)?;
        let by = self.actor.label().to_owned();
        let asked = Reason::RollbackAsked { to: target.clone(), by: by.clone(), why: reason.clone() };
        self.world.move_release(id, Status::ProductionRollback, Some(asked));
        self.world.release_mut(id).rollback_to_tag.clone_from(&target.tag);
        self.set_lock(Reason::RollbackOf { release: id, title: release.title(), to: target, why: reason }, by);
        Ok(Answer::Release { id, created: false })
    }

    /// Whether the deploy of a release has a run whose end is not known.
    fn lost_in_production(&self, id: ReleaseId) -> bool {
        self.world
            .occupying_run(Env::Production)
            .is_some_and(|run| run.release == id && matches!(run.state, RunState::Unknown { .. }))
    }

    /// A rollback starts from one known version, so nothing else may be at work or half-way in production.
    fn check_free_for_rollback(&self) -> Result<(), Refusal> {
        if let Some(run) = self.world.occupying_run(Env::Production) {
            let other = self.world.release(run.release);
            let lost = matches!(run.state, RunState::Unknown { .. });
            let deploying = other.status == Status::Deploying;
            let cause = if lost {
                Cause::ProductionLost { run: run.id, release: other.id, deploying }
            } else {
                Cause::ProductionBusy { release: other.id, status: other.status }
            };
            let legal = [("abort", deploying), ("resolve", lost)].into_iter().filter(|(_, legal)| *legal);
            return Err(Refusal::from(cause).legal(legal.map(|(name, _)| name)));
        }
        self.check_repaired()
    }

    fn check_repaired(&self) -> Result<(), Refusal> {
        match &self.world.production().dirty {
            Some(dirty) => {
                let cause = Cause::ProductionDirty { run: dirty.run, reason: dirty.reason.clone() };
                Err(Refusal::from(cause).legal(["resolve"]))
            }
            None => Ok(()),
        }
    }

    fn rollback_target(&self, release: &Release, to: Option<RollbackTo>) -> Result<Version, Refusal> {
        let found = match &to {
            None => self.world.usual_way_back(release),
            Some(meant) => self.world.good_meant(meant),
        };
        found.map(|good| good.version).ok_or_else(|| {
            let wanted = to.map(|to| match to {
                RollbackTo::Tag(tag) => tag.to_string(),
                RollbackTo::Release(id) => format!("#{id}"),
            });
            let known = self.world.good_before_current(10).into_iter().map(|good| good.version).collect();
            Cause::NoGoodVersion { wanted, title: release.title(), known }.into()
        })
    }

    fn begin_rollback(&mut self, release: &Release, target: &Version) -> Result<(), Refusal> {
        let new = NewRun {
            release: release.id,
            environment: Env::Production,
            kind: RunKind::Rollback,
            housekeeping: false,
            from: Some(release.version()),
            to: target.clone(),
            steps: Vec::new(),
        };
        if !self.world.service.production().driver.is_ours() {
            self.start_in_ci(new, None);
            return Ok(());
        }
        let older = self.known(target.release)?;
        let planner = self.planner(Env::Production, RunKind::Rollback);
        let steps = planner
            .back(release, &older, &planner.everywhere(Side::Newer))
            .map_err(|reason| Cause::NoWayBack { reason })?;
        self.world.create_run(NewRun { steps, ..new });
        Ok(())
    }
}

/// Whether production could go back from a release now.
pub(super) fn is_possible(world: &World<'_>, id: ReleaseId) -> bool {
    let (production, run) = (world.production(), world.occupying_run(Env::Production));
    let current = production.current.as_ref().and_then(|version| world.find(version.release));
    let current = current.filter(|release| release.id == id && release.status == Status::Deployed);
    // A deploy that has not begun makes way.
    let free = run.is_none_or(|run| run.kind == RunKind::Deploy && run.state == RunState::Queued);
    free && production.dirty.is_none()
        && production.unknown.is_none()
        && current.is_some_and(|release| world.usual_way_back(&release).is_some())
}

fn is_meant(to: Option<&RollbackTo>, version: &Version) -> bool {
    match to {
        None => false,
        Some(RollbackTo::Tag(tag)) => version.tag.as_ref() == Some(tag),
        Some(RollbackTo::Release(id)) => version.release == *id,
    }
}

fn unknown_in_the_way(run: &Run) -> Refusal {
    Refusal::from(Cause::MayBeAtWork { run: run.id, release: run.release }).legal(["resolve"])
}
