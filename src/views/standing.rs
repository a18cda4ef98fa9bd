//! Where a release stands now: the sentence that every screen begins with.

use std::collections::BTreeMap;

use super::release::ReleaseOverview;
use crate::domain::env::Env;
use crate::domain::gate::{Gate, GateName};
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind, StepState};
use crate::domain::service::Driver;
use crate::domain::standing::Standing;
use crate::domain::status::Status;
use crate::domain::world::World;
use crate::engine::{Engine, Failure};

impl ReleaseOverview {
    /// Where the release stands now, and who or what it waits for.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let release = &self.release;
        if let Some(unclear) = unclear(self.to_settle.iter().copied(), self.to_resolve.iter().copied()) {
            return unclear;
        }
        if let Some(gate) = self.undefined().filter(|_| self.run.is_none()) {
            return Standing::Gate { gate: Box::new(gate.clone()), others: 0 };
        }
        match release.status {
            Status::Initiated
            | Status::StageBuilding
            | Status::StageTestRollback
            | Status::Deploying
            | Status::ProductionRollback => self.run.as_ref().map_or_else(|| self.waiting(), of_run),
            Status::ManualTesting => Standing::Vote {
                missing: self.tally.missing.clone(),
                given: self.tally.given.len(),
                needed: self.tally.needed,
            },
            Status::ManualTestPassed => {
                let own = self.run.as_ref().filter(|run| run.waiting.is_some() || run.stop.is_some());
                own.map_or_else(|| self.behind_gates(), of_run)
            }
            Status::Deployed => match self.current() {
                Some(current) if current.release != release.id => Standing::Replaced { by: current.clone() },
                Some(_) | None => Standing::InProduction { stragglers: self.stragglers() },
            },
            Status::StageBuildingFailed
            | Status::StageTestRollbackFailed
            | Status::ManualTestFailed
            | Status::RollbackDone
            | Status::RollbackFailed
            | Status::Cancelled => Standing::Ended {
                status: release.status,
                back_to: release.rollback_to_tag.clone(),
                stragglers: self.stragglers(),
            },
        }
    }

    /// Its service has left the configuration, so that nothing new begins.
    fn undefined(&self) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.name == GateName::ServiceDefined)
    }

    /// On its way, and nothing is at work for it.
    fn waiting(&self) -> Standing {
        let release = &self.release;
        let holder = self.on_stage.as_ref().filter(|holder| holder.release != release.id);
        match (&release.reason, holder) {
            (Some(reason), _) => Standing::HeldUp { reason: reason.clone() },
            (None, Some(holder)) => Standing::InLine { behind: holder.clone() },
            (None, None) if release.commit.is_none() && release.commit_check.is_some() => Standing::CommitAsked,
            (None, None) => {
                let env = if release.status.is_cancellable() { Env::Stage } else { Env::Production };
                let kind = kind_of(release.status);
                match self.service.environment(env).driver {
                    Driver::Ci { .. } if release.status == Status::Initiated => Standing::CiAwaited { env, kind },
                    Driver::Ci { .. } => Standing::Ci { env, kind },
                    Driver::Local | Driver::Ssh => Standing::Begins { env, kind },
                }
            }
        }
    }

    fn behind_gates(&self) -> Standing {
        let mut unmet = self.gates.iter().filter(|gate| !Gate::met(gate));
        match unmet.next() {
            Some(first) => Standing::Gate { gate: Box::new(first.clone()), others: unmet.count() },
            // RMM starts nothing there.
            None if matches!(self.service.production().driver, Driver::Ci { workflow: None, .. }) => {
                Standing::CiAwaited { env: Env::Production, kind: RunKind::Deploy }
            }
            None => Standing::Starts,
        }
    }
}

/// What an admin has to say before anything goes on, if anything.
fn unclear(to_settle: impl IntoIterator<Item = Env>, to_resolve: impl IntoIterator<Item = RunId>) -> Option<Standing> {
    let settle = to_settle.into_iter().next().map(|env| Standing::ToSettle { env });
    settle.or_else(|| to_resolve.into_iter().next().map(|run| Standing::ToResolve { run }))
}

/// Of a list of releases, those on their way that wait until an admin has said something, and what.
///
/// # Errors
/// When the database cannot be read.
pub async fn to_clear(engine: &Engine, releases: &[Release]) -> Result<BTreeMap<ReleaseId, Standing>, Failure> {
    let mut by_service: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for release in releases.iter().filter(|release| release.status.is_active()) {
        by_service.entry(release.service.clone()).or_default().push(release.clone());
    }
    let mut found = BTreeMap::new();
    for (service, releases) in by_service {
        // One that a reload has just taken away says nothing.
        if engine.catalog().service(&service).is_none() {
            continue;
        }
        let look = move |world: &World<'_>| -> Vec<_> {
            let said = releases.iter().filter_map(|release| {
                Some((release.id, unclear(world.to_settle(release), world.to_resolve(release))?))
            });
            said.collect()
        };
        found.extend(engine.look_at_service(&service, look).await?);
    }
    Ok(found)
}

const fn kind_of(status: Status) -> RunKind {
    match status {
        Status::StageTestRollback => RunKind::Rehearsal,
        Status::ProductionRollback => RunKind::Rollback,
        Status::Initiated
        | Status::StageBuilding
        | Status::StageBuildingFailed
        | Status::StageTestRollbackFailed
        | Status::ManualTesting
        | Status::ManualTestFailed
        | Status::ManualTestPassed
        | Status::Deploying
        | Status::Deployed
        | Status::RollbackDone
        | Status::RollbackFailed
        | Status::Cancelled => RunKind::Deploy,
    }
}

fn of_run(run: &Run) -> Standing {
    let (env, kind) = (run.environment, run.kind);
    if let Some(reason) = run.stopping().or_else(|| run.waiting.clone()) {
        return Standing::HeldUp { reason };
    }
    if run.waits_for_ci() {
        return Standing::CiAwaited { env, kind };
    }
    if run.steps.is_empty() {
        return Standing::Ci { env, kind };
    }
    match run.steps.iter().find(|step| step.state == StepState::Running) {
        Some(step) => Standing::Step {
            env,
            run: kind,
            kind: step.kind,
            surface: step.surface.clone(),
            host: step.host.clone(),
            number: run.steps.iter().take_while(|other| other.index != step.index).count() + 1,
            of: run.steps.len(),
        },
        None => Standing::Begins { env, kind },
    }
}
