//! What people decide besides the vote and the rollback: cancel, retry, promote, bypass, lock.

use crate::domain::cause::Cause;
use crate::domain::command::Answer;
use crate::domain::env::Env;
use crate::domain::environment::Lock;
use crate::domain::event::Event;
use crate::domain::gate::{self, Gate, GateName};
use crate::domain::ids::ReleaseId;
use crate::domain::moves::Move;
use crate::domain::person::Right;
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Bypass;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::run::RunState;
use crate::domain::status::Status;
use crate::domain::text::prose;

use super::{Decided, Draft};

/// What is kept of a reason that people give, in characters.
pub(super) const REASON: usize = 1000;

impl Draft<'_, '_> {
    pub(super) fn cancel(&mut self, id: ReleaseId, reason: String) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Cancel, Some(&release))?;
        let reason = given_reason(&reason)?;
        if !release.status.is_cancellable() {
            return Err(self.illegal(&release, Move::Cancel));
        }
        let by = self.actor.label().to_owned();
        self.end_before_production(id, Reason::Cancelled { by, why: reason });
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn retry(&mut self, id: ReleaseId) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Retry, Some(&release))?;
        if !release.status.is_retryable() {
            if release.denied().is_none() || !release.status.is_cancellable() {
                return Err(self.illegal(&release, Move::Retry));
            }
            // What the repository has said no to may be there by now.
            self.ask_again(id);
            return Ok(Answer::Release { id, created: false });
        }
        self.start_over(&release, None)?;
        // A CI system has to begin anew: what its last try still says is out of date.
        if !self.world.service.stage().driver.is_ours()
            && let Some(ci_run) = &mut self.world.release_mut(id).ci_run
        {
            ci_run.attempt += 1;
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn promote(&mut self, id: ReleaseId) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        if release.status != Status::ManualTestPassed {
            return Err(self.illegal(&release, Move::Promote));
        }
        let waits = |name| matches!(name, GateName::Promoted | GateName::ProductionFree);
        let unmet = |gate: &Gate| !gate.met() && !waits(gate.name);
        let unmet: Vec<_> = gate::explain(&self.world, &release).into_iter().filter(unmet).collect();
        if !unmet.is_empty() {
            let cause = Cause::GatesUnmet { release: id, title: release.title() };
            return Err(Refusal { unmet, ..cause.into() });
        }
        if !release.promoted {
            let release = self.world.release_mut(id);
            (release.promoted, release.held) = (true, false);
            self.world.record(Some(id), None, Event::ReleasePromoted {});
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn bypass(&mut self, id: ReleaseId, gates: Vec<GateName>, reason: String) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        let reason = given_reason(&reason)?;
        if gates.is_empty() {
            return Err(Invalid::new("gates", Rule::AnyGate).into());
        }
        if let Some(fixed) = gates.iter().find(|gate| !gate.can_be_bypassed()) {
            return Err(Invalid::new("gates", Rule::GateStays { gate: *fixed }).into());
        }
        if !release.status.is_at_gates() {
            return Err(self.illegal(&release, Move::Bypass));
        }
        // What holds is not skipped: a skip says on the record what stood in the way.
        let standing_in_the_way: Vec<_> =
            gate::explain(&self.world, &release).into_iter().filter(|gate| gate.remedy.is_some()).collect();
        let (unmet, met): (Vec<_>, Vec<_>) =
            gates.into_iter().partition(|name| standing_in_the_way.iter().any(|gate| gate.name == *name));
        if unmet.is_empty() {
            let cause = Cause::GatesMet { release: id, title: release.title(), gates: met };
            return Err(Refusal::from(cause).legal(self.moves(&release)));
        }
        let gates = unmet;
        let by = self.actor.label().to_owned();
        let content = release.content(&self.world.definition);
        let changed = self.world.release_mut(id);
        for &gate in &gates {
            changed.bypasses.retain(|old| old.gate != gate);
            changed.bypasses.push(Bypass {
                gate,
                by: by.clone(),
                reason: reason.clone(),
                content: Some(content.clone()),
            });
        }
        let standing = Some(Box::new(self.world.standing(id)));
        self.world.record(Some(id), None, Event::GatesBypassed { gates, reason, standing });
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn lock(&mut self, reason: String) -> Decided {
        self.allow(Right::Command, None)?;
        let reason = given_reason(&reason)?;
        let by = self.actor.label().to_owned();
        self.set_lock(Reason::told(reason), by);
        Ok(Answer::Done)
    }

    pub(super) fn set_lock(&mut self, reason: Reason, by: String) {
        let at = self.world.now;
        self.world.environment_mut(Env::Production).lock = Some(Lock { reason: reason.clone(), by, at });
        self.world.record(None, None, Event::ProductionLocked { reason });
        self.recall_queued_deploy(Reason::ProductionLocked);
    }

    /// A deploy of which nothing has started goes back into the line, and starts when its gates are clear again.
    pub(super) fn recall_queued_deploy(&mut self, reason: Reason) {
        let queued = self.world.occupying_run(Env::Production).filter(|run| {
            run.state == RunState::Queued
                && !run.may_be_dispatched()
                && self.world.release(run.release).status == Status::ManualTestPassed
        });
        if let Some(id) = queued.map(|run| run.id) {
            self.close_run(id, RunState::Stopped { reason });
        }
    }

    pub(super) fn unlock(&mut self) -> Decided {
        self.allow(Right::Command, None)?;
        if self.world.production().lock.is_some() {
            self.world.environment_mut(Env::Production).lock = None;
            self.world.record(None, None, Event::ProductionUnlocked {});
        }
        Ok(Answer::Done)
    }
}

/// Why a person wants something, as it is kept.
pub(super) fn given_reason(text: &str) -> Result<String, Invalid> {
    let kept = prose(text, REASON);
    if kept.is_empty() { Err(Invalid::new("reason", Rule::NotEmpty)) } else { Ok(kept) }
}
