//! Reports of CI systems: what moves a release in a `ci` environment, along the arrows only.

use crate::domain::command::Answer;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::ReleaseId;
use crate::domain::person::Right;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::release::{CiRun, Release, Reporter};
use crate::domain::run::{Run, RunKind, RunState};
use crate::domain::service::EnvironmentKind;
use crate::domain::status::Status;
use crate::domain::world::NewRun;

use super::{Decided, Draft, legal_moves};

/// The environment that a status speaks about; none: it is for people to say.
fn environment_of(status: Status) -> Option<EnvironmentKind> {
    match status {
        Status::Initiated
        | Status::StageBuilding
        | Status::StageBuildingFailed
        | Status::StageTestRollback
        | Status::StageTestRollbackFailed
        | Status::ManualTesting => Some(EnvironmentKind::Stage),
        Status::Deploying
        | Status::Deployed
        | Status::ProductionRollback
        | Status::RollbackDone
        | Status::RollbackFailed => Some(EnvironmentKind::Production),
        Status::ManualTestPassed | Status::ManualTestFailed | Status::Cancelled => None,
    }
}

impl Draft<'_> {
    pub(super) fn report(&mut self, id: ReleaseId, status: Status, ci_run: Option<Reporter>) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Report, Some(&release))?;
        let checked = self.check_reporter(&release, status, ci_run.as_ref());
        let result = match checked {
            Ok(()) if release.status == status => Ok(self.heard_again(&release, status, ci_run)),
            Ok(()) => self.follow_report(&release, status, ci_run),
            Err(refusal) => Err(refusal),
        };
        result.map_err(|refusal| {
            let event = Event::ReportRefused { status, reason: refusal.sentence.clone(), unrecorded: None };
            self.refuse_on_record(id, event, refusal)
        })
    }

    /// Whether this report may speak about this environment at all.
    fn check_reporter(&self, release: &Release, status: Status, ci_run: Option<&Reporter>) -> Result<(), Refusal> {
        let Some(environment) = environment_of(status) else {
            return Err(Refusal::new(
                Code::NotReportedByCi,
                format!("{status} is for people to say, not for a CI system"),
            ));
        };
        if self.world.service.environment(environment).driver.is_ours() {
            return Err(Refusal::new(
                Code::NotReportedByCi,
                format!(
                    "RMM runs {environment} of {} itself and knows what happens there; no CI report is needed",
                    release.service
                ),
            ));
        }
        // Without an id, the current run is meant.
        let Some(reporter) = ci_run else { return Ok(()) };
        let expected = match environment {
            EnvironmentKind::Stage => release.ci_run.clone(),
            EnvironmentKind::Production => self
                .world
                .occupying_run(EnvironmentKind::Production)
                .filter(|run| run.release == release.id)
                .and_then(|run| run.ci_run.clone())
                .map(|id| CiRun { id, attempt: 1, url: None, git_ref: None }),
        };
        match expected {
            // After a retry, another CI run may take over.
            Some(expected)
                if release.status == Status::Initiated
                    && release.attempt.0 > 1
                    && status == Status::StageBuilding
                    && reporter.id != expected.id =>
            {
                Ok(())
            }
            Some(expected) if reporter.is_stale_for(&expected) => Err(Refusal::new(
                Code::StaleReport,
                format!(
                    "#{} belongs to the CI run {} (attempt {}) now; this report came from {reporter}",
                    release.id, expected.id, expected.attempt
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// The same report twice changes nothing, but shows that the CI system is alive.
    fn heard_again(&mut self, release: &Release, status: Status, ci_run: Option<Reporter>) -> Answer {
        let (now, uptime) = (self.world.now, self.world.uptime.clone());
        if let Some(environment) = environment_of(status)
            && let Some(run) = self.own_run(release.id, environment)
        {
            let run = self.world.run_mut(run);
            run.heard_at = Some(now);
            run.heard_uptime = Some(uptime);
            if environment == EnvironmentKind::Production && run.ci_run.is_none() {
                run.ci_run = ci_run.map(|reporter| reporter.id);
            }
        }
        Answer::Release { id: release.id, created: false }
    }

    fn own_run(&self, release: ReleaseId, environment: EnvironmentKind) -> Option<crate::domain::ids::RunId> {
        self.world.occupying_run(environment).filter(|run| run.release == release).map(|run| run.id)
    }

    fn follow_report(&mut self, release: &Release, status: Status, ci_run: Option<Reporter>) -> Decided {
        let id = release.id;
        let answer = Ok(Answer::Release { id, created: false });
        let first = self.world.production.current.is_none();
        match (release.status, status) {
            (Status::Initiated, Status::StageBuilding) => self.ci_takes_stage(release, ci_run)?,
            (Status::StageBuilding, Status::StageTestRollback) => {
                self.ci_ended(id, EnvironmentKind::Stage, RunState::Succeeded)?;
            }
            (Status::StageBuilding, Status::StageBuildingFailed)
            | (Status::StageTestRollback, Status::StageTestRollbackFailed) => {
                let reason = "the CI system reported it".to_owned();
                self.ci_ended(id, EnvironmentKind::Stage, RunState::Failed { reason })?;
            }
            // The first release has passed this on its own, and people may have been quick.
            (Status::ManualTesting | Status::ManualTestPassed, Status::StageTestRollback | Status::ManualTesting)
                if first => {}
            (Status::StageBuilding, Status::ManualTesting) if first => {
                self.ci_ended(id, EnvironmentKind::Stage, RunState::Succeeded)?;
            }
            (Status::StageTestRollback, Status::ManualTesting) => {
                self.ci_ended(id, EnvironmentKind::Stage, RunState::Succeeded)?;
            }
            (before, Status::Deploying) if before.is_cancellable() => self.ci_takes_production(release, ci_run)?,
            (Status::Deploying, Status::Deployed) => {
                self.ci_ended(id, EnvironmentKind::Production, RunState::Succeeded)?;
            }
            (Status::Deploying, Status::ProductionRollback) => {
                let reason = "the CI system reported that production is not well".to_owned();
                let ci_run = self.world.occupying_run(EnvironmentKind::Production).and_then(|run| run.ci_run.clone());
                self.ci_ended(id, EnvironmentKind::Production, RunState::Failed { reason })?;
                // The CI run that says so is the one that goes back.
                if let Some(run) = self.own_run(id, EnvironmentKind::Production) {
                    self.world.run_mut(run).ci_run = ci_run;
                }
            }
            (Status::ProductionRollback, Status::RollbackDone) => {
                self.ci_ended(id, EnvironmentKind::Production, RunState::Succeeded)?;
            }
            (Status::ProductionRollback, Status::RollbackFailed) => {
                let reason = "the CI system reported that the rollback failed".to_owned();
                self.ci_ended(id, EnvironmentKind::Production, RunState::Failed { reason })?;
            }
            _ => {
                let why = release.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
                let next: Vec<_> = release.status.next().iter().filter(|s| environment_of(**s).is_some()).collect();
                return Err(Refusal::new(
                    Code::IllegalTransition,
                    format!("#{id} is {}{why}; a report of {status} does not follow from there", release.status),
                )
                .legal(next.into_iter().map(|s| s.as_str()).chain(legal_moves(release))));
            }
        }
        answer
    }

    fn ci_takes_stage(&mut self, release: &Release, ci_run: Option<Reporter>) -> Result<(), Refusal> {
        self.check_known(EnvironmentKind::Stage)?;
        if let Some(dirty) = &self.world.stage.dirty {
            let sentence = format!(
                "stage is dirty ({}); an admin repairs it and says so: `resolve` run {}",
                dirty.reason, dirty.run
            );
            return Err(Refusal::new(Code::StageDirty, sentence));
        }
        let lost = |run: &&Run| matches!(run.state, RunState::Unknown { .. });
        if let Some(run) = self.world.occupying_run(EnvironmentKind::Stage).filter(lost) {
            let sentence = format!(
                "it is not known how run {} of #{} on stage ended; an admin finds out and says so (`resolve`)",
                run.id, run.release
            );
            return Err(Refusal::new(Code::StageBusy, sentence));
        }
        if let Some(holder) = self.world.stage_holder().map(|r| (r.id, r.title(), r.status)) {
            if !self.world.service.supersede || holder.0 > release.id {
                return Err(Refusal::new(
                    Code::StageBusy,
                    format!(
                        "stage is taken by #{} {} ({}); report again when it has left",
                        holder.0, holder.1, holder.2
                    ),
                ));
            }
            self.end_before_production(holder.0, format!("superseded by #{} {}", release.id, release.title()));
        }
        // RMM's own housekeeping, where stage was RMM's until just now.
        if let Some(run) = self.world.occupying_run(EnvironmentKind::Stage) {
            return Err(Refusal::new(Code::StageBusy, format!("stage is taken by run {}; report again later", run.id)));
        }
        if let Some(reporter) = ci_run {
            self.world.release_mut(release.id).ci_run = Some(reporter.into_ci_run(release.ci_run.as_ref()));
        }
        let number = self.world.releases[&release.id].ci_run.as_ref().map(|run| run.id.clone());
        self.world.note_ci_run(
            NewRun {
                release: release.id,
                environment: EnvironmentKind::Stage,
                kind: RunKind::Deploy,
                housekeeping: false,
                from: self.world.stage.current.clone(),
                to: release.version(),
                steps: Vec::new(),
            },
            number,
        );
        self.world.move_release(release.id, Status::StageBuilding, None);
        Ok(())
    }

    fn ci_takes_production(&mut self, release: &Release, ci_run: Option<Reporter>) -> Result<(), Refusal> {
        let unmet: Vec<_> = gate::explain(&self.world, release)
            .into_iter()
            .filter(|gate| !gate.met)
            .map(|gate| format!("{} {}", gate.sentence, gate.how.unwrap_or_default()))
            .collect();
        if release.status != Status::ManualTestPassed || !unmet.is_empty() {
            return Err(Refusal::new(
                Code::GatesUnmet,
                format!("#{} {} may not go to production yet", release.id, release.title()),
            )
            .details(unmet));
        }
        self.world.note_ci_run(
            NewRun {
                release: release.id,
                environment: EnvironmentKind::Production,
                kind: RunKind::Deploy,
                housekeeping: false,
                from: self.world.production.current.clone(),
                to: release.version(),
                steps: Vec::new(),
            },
            ci_run.map(|run| run.id),
        );
        self.world.move_release(release.id, Status::Deploying, None);
        Ok(())
    }

    /// Ends the run that the CI system has been doing, with all that follows for the release.
    fn ci_ended(&mut self, release: ReleaseId, environment: EnvironmentKind, state: RunState) -> Result<(), Refusal> {
        match (self.own_run(release, environment), self.world.occupying_run(environment)) {
            (Some(run), _) => {
                self.run_ended(run, state);
                Ok(())
            }
            (None, Some(other)) => Err(Refusal::new(
                Code::StageBusy,
                format!(
                    "{environment} is taken by run {} of #{} ({}); report again when that has been resolved",
                    other.id,
                    other.release,
                    other.state.as_str()
                ),
            )),
            (None, None) => Err(Refusal::new(
                Code::IllegalTransition,
                format!("nothing is under way for #{release} on {environment}; there is nothing to report about"),
            )),
        }
    }
}
