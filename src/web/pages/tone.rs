//! The class of a state: its colour and its shape. The word comes from elsewhere, so that nothing is told by colour alone.

use crate::domain::run::{RunKind, RunState};
use crate::domain::standing::Standing;
use crate::domain::status::Status;
use crate::domain::step::StepState;

/// Colour and shape, as style sheet and sprite name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tone {
    /// The class behind `s-`.
    pub class: &'static str,
    /// The symbol behind `i-`.
    pub icon: &'static str,
}

const fn tone(class: &'static str, icon: &'static str) -> Tone {
    Tone { class, icon }
}

pub(super) const OK: Tone = tone("ok", "ok");
pub(super) const RUN: Tone = tone("run", "run");
pub(super) const WAIT: Tone = tone("wait", "wait");
pub(super) const BACK: Tone = tone("back", "back");
pub(super) const LOCK: Tone = tone("back", "lock");
pub(super) const WARN: Tone = tone("warn", "warn");
pub(super) const FAIL: Tone = tone("fail", "fail");
pub(super) const UNKNOWN: Tone = tone("unk", "unk");
pub(super) const IDLE: Tone = tone("idle", "idle");
pub(super) const OFF: Tone = tone("idle", "off");

impl From<Status> for Tone {
    fn from(status: Status) -> Self {
        match status {
            Status::Initiated => IDLE,
            Status::StageBuilding | Status::StageTestRollback | Status::Deploying => RUN,
            Status::ManualTesting | Status::ManualTestPassed => WAIT,
            Status::Deployed => OK,
            Status::ProductionRollback | Status::RollbackDone => BACK,
            Status::StageBuildingFailed
            | Status::StageTestRollbackFailed
            | Status::ManualTestFailed
            | Status::RollbackFailed => FAIL,
            Status::Cancelled => OFF,
        }
    }
}

impl From<&Standing> for Tone {
    fn from(standing: &Standing) -> Self {
        match standing {
            Standing::HeldUp { .. } => WARN,
            Standing::CommitAsked
            | Standing::InLine { .. }
            | Standing::CiAwaited { .. }
            | Standing::Replaced { .. } => IDLE,
            Standing::Begins { kind, .. } | Standing::Step { run: kind, .. } | Standing::Ci { kind, .. }
                if *kind == RunKind::Rollback =>
            {
                BACK
            }
            Standing::Begins { .. } | Standing::Step { .. } | Standing::Ci { .. } | Standing::Starts => RUN,
            Standing::Vote { .. } | Standing::Gate { .. } => WAIT,
            Standing::ToResolve { .. } | Standing::ToSettle { .. } => UNKNOWN,
            Standing::InProduction { stragglers: None } => OK,
            Standing::InProduction { stragglers: Some(_) } => WARN,
            Standing::Ended { status, .. } => (*status).into(),
        }
    }
}

impl From<&RunState> for Tone {
    fn from(state: &RunState) -> Self {
        match state {
            RunState::Queued => IDLE,
            RunState::Running => RUN,
            RunState::Succeeded => OK,
            RunState::Failed { .. } => FAIL,
            RunState::Stopped { .. } => OFF,
            RunState::Unknown { .. } => UNKNOWN,
        }
    }
}

impl From<&StepState> for Tone {
    fn from(state: &StepState) -> Self {
        match state {
            StepState::Pending => IDLE,
            StepState::Running => RUN,
            StepState::Succeeded => OK,
            StepState::Failed { .. } => FAIL,
            StepState::Stopped | StepState::Skipped { .. } => OFF,
            StepState::Unknown { .. } => UNKNOWN,
        }
    }
}
