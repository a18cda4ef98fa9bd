//! Reports of CI systems: what moves a release in a `ci` environment, along the arrows only.

use std::sync::Arc;

use crate::domain::cause::Cause;
use crate::domain::command::Answer;
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::gate;
use crate::domain::ids::ReleaseId;
use crate::domain::moves::Move;
use crate::domain::person::Right;
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::{CiRun, Release, Reporter, Shown};
use crate::domain::run::{Run, RunKind, RunState};
use crate::domain::status::Status;
use crate::domain::workflow::Dispatch;
use crate::domain::world::NewRun;

use super::{Decided, Draft};

/// The environment that a status speaks about; none: it is for people to say.
fn environment_of(status: Status) -> Option<Env> {
    match status {
        Status::Initiated
        | Status::StageBuilding
        | Status::StageBuildingFailed
        | Status::StageTestRollback
        | Status::StageTestRollbackFailed
        | Status::ManualTesting => Some(Env::Stage),
        Status::Deploying
        | Status::Deployed
        | Status::ProductionRollback
        | Status::RollbackDone
        | Status::RollbackFailed => Some(Env::Production),
        Status::ManualTestPassed | Status::ManualTestFailed | Status::Cancelled => None,
    }
}

/// Whether a report may move a release there; to the start, it is the CI run registered again that does.
fn may_be_reported(status: Status) -> bool {
    status != Status::Initiated && environment_of(status).is_some()
}

impl Draft<'_, '_> {
    pub(super) fn report(&mut self, id: ReleaseId, status: Status, ci_run: Option<Reporter>) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Report, Some(&release))?;
        let checked = self.check_reporter(&release, status, ci_run.as_ref());
        if let (Ok(()), Some(reporter)) = (&checked, &ci_run) {
            self.note_attempt(id, reporter);
        }
        let actor = ci_run.as_ref().and_then(|reporter| reporter.actor.clone());
        let reported_by = ci_run.as_ref().map(|reporter| reporter.id.clone());
        let was = release.status;
        let result = checked.and_then(|()| {
            self.go_on(release, status, ci_run).inspect_err(|_| {
                // It goes on although it was told that stage is not its own: busy, or taken from a release that has ended.
                let at_work = environment_of(status) == Some(Env::Stage) && status != Status::StageBuilding;
                self.overtaken_by = (at_work && !was.holds_stage()).then_some((id, status));
            })
        });
        if result.is_ok() {
            self.note_who_began(id, status, actor);
            self.note_that_job_began(id, status, reported_by.as_deref());
        }
        result.map_err(|refusal| {
            let event = Event::ReportRefused { status, reason: refusal.cause.clone(), unrecorded: None };
            self.refuse_on_record(id, event, refusal)
        })
    }

    /// What a report leads to that may be made.
    fn go_on(&mut self, release: Release, status: Status, ci_run: Option<Reporter>) -> Decided {
        let release = self.begun_again(release, status, ci_run.as_ref())?;
        if release.status == status {
            return Ok(self.heard_again(&release, status, ci_run));
        }
        self.follow_report(&release, status, ci_run)
    }

    /// The CI run of a release goes to stage once more, where the jobs that it repeats are not the one that registers the release: a higher
    /// attempt of the one that has stage, and after a failure there also one that counts no attempts. Of what failed in the
    /// rehearsal, the job that rehearses may be repeated alone.
    fn begun_again(&mut self, release: Release, status: Status, ci_run: Option<&Reporter>) -> Result<Release, Refusal> {
        let known = release.ci_run.as_ref();
        let is_own = ci_run.is_none_or(|reporter| known.is_none_or(|known| known.id == reporter.id));
        let attempt = ci_run.and_then(|reporter| reporter.attempt);
        let is_newer = known.is_some_and(|known| attempt > Some(known.attempt));
        let repeats_rehearsal =
            status == Status::StageTestRollback && release.status == Status::StageTestRollbackFailed && is_newer;
        if !is_own || !(status == Status::StageBuilding || repeats_rehearsal) {
            return Ok(release);
        }
        if release.status.failed_on_stage() && (is_newer || attempt.is_none()) {
            self.start_over(&release, None)?;
        } else if let Some(reporter) = ci_run.filter(|_| is_newer && self.ci_has_stage_for(&release)) {
            self.begin_again_on_stage(&release, reporter.id.clone())?;
        } else {
            return Ok(release);
        }
        if repeats_rehearsal {
            self.ci_takes_stage(&self.world.release(release.id), ci_run.cloned())?;
        }
        self.known(release.id)
    }

    /// Whether this report may speak about this environment at all.
    fn check_reporter(&self, release: &Release, status: Status, ci_run: Option<&Reporter>) -> Result<(), Refusal> {
        let Some(environment) = environment_of(status) else {
            return Err(Cause::NotForCi { status }.into());
        };
        if self.world.service.environment(environment).driver.is_ours() {
            return Err(Cause::RunByRmm { environment, service: release.service.clone() }.into());
        }
        // Without an id, the current run is meant.
        ci_run.map_or(Ok(()), |reporter| self.check_run(release, status, environment, reporter))
    }

    /// Whether it is this CI run that may speak about this environment.
    pub(super) fn check_run(
        &self,
        release: &Release,
        status: Status,
        environment: Env,
        reporter: &Reporter,
    ) -> Result<(), Refusal> {
        let in_production =
            (environment == Env::Production).then(|| self.reporting_on_production(release, status)).flatten();
        let expected = match environment {
            Env::Preview(_) | Env::Stage => release.ci_run.clone(),
            Env::Production => in_production.as_ref().and_then(|run| {
                let attempt = run.dispatch.as_ref().map_or(1, |dispatch| dispatch.attempt);
                run.ci_run.clone().map(|id| CiRun { id, attempt, url: None, git_ref: None })
            }),
        };
        if environment == Env::Production
            && let Some(Dispatch { workflow, .. }) = self.unseen_dispatch(release.id)
        {
            let (release, reported_by) = (release.id, reporter.to_string());
            match reporter.shown {
                Shown::Other => return Err(Cause::ReportOfOtherRun { release, reported_by, workflow }.into()),
                Shown::NotYet => return Err(Cause::ReporterNotKnown { release, reported_by, workflow }.into()),
                Shown::Meant | Shown::Nowhere => {}
            }
        }
        let is_expected = expected.iter().chain(&release.ci_run).any(|run| run.id == reporter.id);
        let other = self.world.of_ci_run(&reporter.id).filter(|other| other.id != release.id && !is_expected);
        if let Some(other) = other {
            let (of, title) = (other.id, other.title());
            return Err(
                Cause::ReportOfOther { release: release.id, reported_by: reporter.to_string(), of, title }.into()
            );
        }
        if expected.is_none() && !is_expected && self.world.is_ci_run_elsewhere(&reporter.id) {
            return Err(Cause::ReportOfOtherService { release: release.id, reported_by: reporter.to_string() }.into());
        }
        let gone_on = in_production.filter(|_| expected.is_none() && !is_expected);
        if let Some(run) = gone_on.and_then(|run| self.after_in_production(&run)) {
            let (reported_by, by) = (reporter.to_string(), run.release);
            return Err(Cause::ReportAfterOther { release: release.id, reported_by, by }.into());
        }
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
            Some(expected) if reporter.is_stale_for(&expected) => Err(Cause::StaleReport {
                release: release.id,
                ci_run: expected.id,
                attempt: expected.attempt,
                reported_by: reporter.to_string(),
            }
            .into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Who has started the CI run that brings a release to stage has begun it, or this attempt of it. Where RMM starts the
    /// workflow, that is RMM's own login.
    fn note_who_began(&mut self, id: ReleaseId, status: Status, actor: Option<String>) {
        let begins_by_itself = self.workflow_for(Env::Stage, RunKind::Deploy).is_none();
        if let Some(login) = actor.filter(|_| begins_by_itself && environment_of(status) == Some(Env::Stage)) {
            self.prove_initiators(id, &[login]);
        }
    }

    /// A report of the run that RMM has started comes from one of its jobs, whatever GitHub says later. Without an id, that
    /// run is meant.
    fn note_that_job_began(&mut self, id: ReleaseId, status: Status, reported_by: Option<&str>) {
        if environment_of(status) != Some(Env::Production) {
            return;
        }
        let Some(run) = self.own_run(id, Env::Production) else { return };
        let changed = self.world.run(run);
        let Some(dispatch) = changed.dispatch.as_ref().filter(|dispatch| !dispatch.has_reported) else { return };
        if reported_by.is_none() || changed.ci_run.as_deref() == reported_by {
            self.world.run_mut(run).dispatch = Some(Dispatch { has_reported: true, ..dispatch.clone() });
        }
    }

    /// From its first report on, a newer attempt of the run that RMM has started is the one that may speak.
    fn note_attempt(&mut self, release: ReleaseId, reporter: &Reporter) {
        let (Some(run), Some(attempt)) = (self.own_run(release, Env::Production), reporter.attempt) else { return };
        if self.world.run(run).ci_run.as_ref() != Some(&reporter.id) {
            return;
        }
        let known = self.world.run(run).dispatch.clone();
        if let Some(dispatch) = known.filter(|dispatch| dispatch.attempt < attempt) {
            self.world.run_mut(run).dispatch = Some(Dispatch { attempt, ..dispatch });
        }
    }

    /// The same report twice changes nothing, but shows that the CI system is alive.
    fn heard_again(&mut self, release: &Release, status: Status, ci_run: Option<Reporter>) -> Answer {
        let (now, uptime) = (self.world.now, self.world.uptime.clone());
        if let Some(environment) = environment_of(status)
            && let Some(run) = self.own_run(release.id, environment)
        {
            let changed = self.world.run_mut(run);
            changed.heard_at = Some(now);
            changed.heard_uptime = Some(uptime);
            // The CI system is at work.
            changed.waiting.take_if(|reason| matches!(reason, Reason::RollbackAwaited { .. }));
            if let Some(run) = self.own_dispatch(release.id) {
                self.take_reporter(&run, ci_run);
            } else if environment == Env::Production && self.world.run(run).ci_run.is_none() {
                self.world.run_mut(run).ci_run = ci_run.map(|reporter| reporter.id);
            }
        }
        Answer::Release { id: release.id, created: false }
    }

    /// The run whose CI run may speak: the release's own that is under way, and of what has ended its last one, which may
    /// repeat itself, whatever production does since.
    fn reporting_on_production(&self, release: &Release, status: Status) -> Option<Arc<Run>> {
        let under_way = self.world.occupying_run(Env::Production).filter(|run| run.release == release.id);
        under_way.or_else(|| {
            let is_repeated = release.status == status;
            is_repeated.then(|| self.world.last_run_of(release.id, Env::Production)).flatten()
        })
    }

    /// The last run in production, where it came after this one and is another release's.
    fn after_in_production(&self, run: &Run) -> Option<Arc<Run>> {
        self.world.last_run(Env::Production).filter(|last| last.id > run.id && last.release != run.release)
    }

    /// What RMM has started for the run in production, while it is not known which run at GitHub it is.
    fn unseen_dispatch(&self, release: ReleaseId) -> Option<Dispatch> {
        let run = self.world.occupying_run(Env::Production).filter(|run| run.release == release)?;
        run.dispatch.clone().filter(|_| run.ci_run.is_none())
    }

    fn own_run(&self, release: ReleaseId, environment: Env) -> Option<crate::domain::ids::RunId> {
        self.world.occupying_run(environment).filter(|run| run.release == release).map(|run| run.id)
    }

    /// The run in production whose workflow RMM starts, and has not seen yet.
    fn own_dispatch(&self, release: ReleaseId) -> Option<Arc<Run>> {
        let own = self.world.occupying_run(Env::Production).filter(|run| run.release == release);
        own.filter(|run| run.state == RunState::Queued && run.dispatch.is_some())
    }

    fn follow_report(&mut self, release: &Release, status: Status, ci_run: Option<Reporter>) -> Decided {
        let id = release.id;
        let answer = Ok(Answer::Release { id, created: false });
        let first = self.world.production().current.is_none();
        match (release.status, status) {
            (Status::Initiated, Status::StageBuilding) => self.ci_takes_stage(release, ci_run)?,
            (Status::StageBuilding, Status::StageTestRollback) => {
                self.ci_ended(id, Env::Stage, RunState::Succeeded)?;
            }
            (Status::StageBuilding, Status::StageBuildingFailed)
            | (Status::StageTestRollback, Status::StageTestRollbackFailed) => {
                self.ci_ended(id, Env::Stage, RunState::Failed { reason: Reason::CiFailed })?;
            }
            // The first release has passed this on its own, and people may have been quick.
            (Status::ManualTesting | Status::ManualTestPassed, Status::StageTestRollback | Status::ManualTesting)
                if first => {}
            (Status::StageBuilding, Status::ManualTesting) if first => {
                self.ci_ended(id, Env::Stage, RunState::Succeeded)?;
            }
            (Status::StageTestRollback, Status::ManualTesting) => {
                self.ci_ended(id, Env::Stage, RunState::Succeeded)?;
            }
            (Status::ManualTestPassed, Status::Deploying) if let Some(run) = self.own_dispatch(id) => {
                self.take_reporter(&run, ci_run);
            }
            (before, Status::Deploying) if before.is_cancellable() => self.ci_takes_production(release, ci_run)?,
            (Status::Deploying, Status::Deployed) => {
                self.ci_ended(id, Env::Production, RunState::Succeeded)?;
            }
            (Status::Deploying, Status::ProductionRollback) => {
                let known = self.world.occupying_run(Env::Production).and_then(|run| run.ci_run.clone());
                self.goes_back_itself = true;
                self.ci_ended(id, Env::Production, RunState::Failed { reason: Reason::CiUnwell })?;
                // The CI run that says so is the one that goes back.
                let ci_run = known.or(ci_run.map(|reporter| reporter.id));
                if let Some(run) = self.own_run(id, Env::Production) {
                    self.world.run_mut(run).ci_run = ci_run;
                }
            }
            (Status::ProductionRollback, Status::RollbackDone) => {
                self.ci_ended(id, Env::Production, RunState::Succeeded)?;
            }
            (Status::ProductionRollback, Status::RollbackFailed) => {
                let state = RunState::Failed { reason: Reason::CiRollbackFailed };
                self.ci_ended(id, Env::Production, state)?;
            }
            _ => {
                let next: Vec<_> = release.status.next().iter().filter(|s| may_be_reported(**s)).collect();
                let reason = release.reason.clone();
                let cause = Cause::DoesNotFollow { release: id, status: release.status, reason, reported: status };
                let legal = next.into_iter().map(|s| s.as_str()).chain(release.legal_moves().map(Move::as_str));
                return Err(Refusal::from(cause).legal(legal));
            }
        }
        answer
    }

    fn ci_takes_stage(&mut self, release: &Release, ci_run: Option<Reporter>) -> Result<(), Refusal> {
        self.check_known(Env::Stage)?;
        if let Some(dirty) = &self.world.stage().dirty {
            return Err(Cause::StageDirty { run: dirty.run, reason: dirty.reason.clone() }.into());
        }
        let lost = |run: &Arc<Run>| matches!(run.state, RunState::Unknown { .. });
        if let Some(run) = self.world.occupying_run(Env::Stage).filter(lost) {
            return Err(Cause::StageLost { run: run.id, release: run.release }.into());
        }
        if let Some(holder) = self.world.stage_holder().map(|r| (r.id, r.title(), r.status)) {
            if !self.world.service.supersede || holder.0 > release.id {
                let (release, title, status) = holder;
                return Err(Cause::StageTaken { release, title, status }.into());
            }
            self.end_before_production(holder.0, Reason::Superseded { by: release.id, title: release.title() });
        }
        // RMM's own housekeeping, where stage was RMM's until just now.
        if let Some(run) = self.world.occupying_run(Env::Stage) {
            return Err(Cause::StageTakenByRun { run: run.id }.into());
        }
        if let Some(reporter) = ci_run {
            self.world.release_mut(release.id).ci_run = Some(reporter.into_ci_run(release.ci_run.as_ref()));
        }
        let number = self.world.release(release.id).ci_run.as_ref().map(|run| run.id.clone());
        self.world.note_ci_run(
            NewRun {
                release: release.id,
                environment: Env::Stage,
                kind: RunKind::Deploy,
                housekeeping: false,
                from: self.world.stage().current.clone(),
                to: release.version(),
                steps: Vec::new(),
            },
            number,
        );
        self.world.move_release(release.id, Status::StageBuilding, None);
        Ok(())
    }

    /// The CI of a release brought stage to it, or tried to, while another one held stage: what people would test there
    /// is not what they would approve. The other one ends, and stage is the next one's that asks for it.
    pub(super) fn stage_overtaken(&mut self, by: ReleaseId, status: Status) {
        let holder = self.world.stage_holder().or_else(|| self.passed_on_stage()).filter(|holder| holder.id != by);
        let overtaker = self.world.release(by);
        let is_there =
            [Status::StageTestRollback, Status::StageTestRollbackFailed, Status::ManualTesting].contains(&status);
        let Some(holder) = holder.map(|holder| (holder.id, holder.status)) else {
            // No release is tested on stage any more; production may be on its way to what was there.
            return if is_there {
                self.stage_runs(&overtaker)
            };
        };
        let reason = Reason::StageOvertaken { by, title: overtaker.title() };
        match (holder, self.own_run(holder.0, Env::Stage)) {
            ((id, Status::ManualTesting | Status::ManualTestPassed), _) => {
                // As where a rehearsal has gone stale, and it cannot be repeated now.
                self.world.move_release(id, Status::StageTestRollback, Some(reason.clone()));
                self.world.move_release(id, Status::StageTestRollbackFailed, Some(reason));
            }
            ((_, Status::StageBuilding | Status::StageTestRollback), Some(run)) => {
                self.run_ended(run, RunState::Failed { reason });
            }
            _ => return,
        }
        if is_there {
            self.stage_runs(&overtaker);
        }
    }

    /// What CI brought to stage out of turn is what stage runs from now on; the production run of the release that was
    /// there goes on, and says so.
    fn stage_runs(&mut self, overtaker: &Release) {
        let on_stage = self.world.stage().current.as_ref().map(|version| version.release);
        if on_stage == Some(overtaker.id) {
            return;
        }
        let begun = on_stage.and_then(|id| self.world.find(id)).filter(|it| it.status == Status::Deploying);
        if let Some(begun) = begun {
            self.world.note_reason(begun.id, Reason::StageOvertaken { by: overtaker.id, title: overtaker.title() });
        }
        let (version, now) = (overtaker.version(), self.world.now);
        let stage = self.world.environment_mut(Env::Stage);
        (stage.current, stage.since) = (Some(version.clone()), Some(now));
        let event = Event::EnvironmentChanged { environment: Env::Stage, version };
        self.world.record(Some(overtaker.id), None, event);
    }

    /// The release that stage runs, which people have approved meanwhile, while production has not begun with it.
    fn passed_on_stage(&self) -> Option<Arc<Release>> {
        let on_stage = self.world.stage().current.as_ref()?;
        let release = self.world.find(on_stage.release)?;
        let begun = self.own_run(release.id, Env::Production).is_some();
        (release.status == Status::ManualTestPassed && !begun).then_some(release)
    }

    fn ci_takes_production(&mut self, release: &Release, ci_run: Option<Reporter>) -> Result<(), Refusal> {
        let unmet: Vec<_> = gate::explain(&self.world, release).into_iter().filter(|gate| !gate.met()).collect();
        if release.status != Status::ManualTestPassed || !unmet.is_empty() {
            let cause = Cause::GatesUnmet { release: release.id, title: release.title() };
            return Err(Refusal { unmet, ..cause.into() });
        }
        self.world.note_ci_run(
            NewRun {
                release: release.id,
                environment: Env::Production,
                kind: RunKind::Deploy,
                housekeeping: false,
                from: self.world.production().current.clone(),
                to: release.version(),
                steps: Vec::new(),
            },
            ci_run.map(|run| run.id),
        );
        self.world.move_release(release.id, Status::Deploying, None);
        Ok(())
    }

    /// Ends the run that the CI system has been doing, with all that follows for the release.
    fn ci_ended(&mut self, release: ReleaseId, environment: Env, state: RunState) -> Result<(), Refusal> {
        match (self.own_run(release, environment), self.world.occupying_run(environment)) {
            (Some(run), _) => {
                self.run_ended(run, state);
                Ok(())
            }
            (None, Some(other)) => {
                let (run, release, state) = (other.id, other.release, other.state.as_str().to_owned());
                Err(Cause::TakenByRun { environment, run, release, state }.into())
            }
            (None, None) => Err(Cause::NothingUnderWay { release, environment }.into()),
        }
    }
}
