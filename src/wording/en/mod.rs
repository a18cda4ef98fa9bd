//! English.

mod backup;
mod cli;
mod config;
mod event;
mod fault;
mod finding;
mod gate;
mod github;
mod identity;
mod machine;
mod model;
mod on_host;
mod part;
mod protection;
mod reason;
mod record;
mod refusal;
mod rule;
mod ssh;
mod standing;
mod store;
mod tool;
mod upgrade;

pub(super) use backup::{backup_alarm, backup_fault};
pub(super) use cli::{cli_fault, cli_hint, cli_note, unreached};
pub(super) use config::{config_fault, config_hint};
pub(super) use event::event;
pub(super) use fault::answer;
pub(super) use finding::{about, finding_remedy, found, topic};
pub(super) use gate::{remedy, state};
pub(super) use identity::id_token;
pub(super) use machine::machine;
pub(super) use model::model;
pub(super) use part::part;
pub(super) use protection::clearance;
pub(super) use reason::{git_advice, reason};
pub(super) use record::{lost_events, record_alarm, record_flaw};
pub(super) use refusal::refusal;
pub(super) use rule::rule;
pub(super) use ssh::private_key;
pub(super) use standing::{all_hosts_but, standing};
pub(super) use store::store;
pub(super) use tool::{NAMELESS, SILENT, taken_beside, tool, unwell};
pub(super) use upgrade::{upgrade_fault, upgrade_step};

use std::fmt::Display;

use super::{behind, inside};
use crate::domain::gate::GateName;
use crate::domain::status::Status;

/// `ann, bob`.
fn list<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Where a release stands.
pub(super) const fn status_title(status: Status) -> &'static str {
    match status {
        Status::Initiated => "created",
        Status::StageBuilding => "building on stage",
        Status::StageBuildingFailed => "failed on stage",
        Status::StageTestRollback => "rehearsing the rollback",
        Status::StageTestRollbackFailed => "rehearsal failed",
        Status::ManualTesting => "waiting for people",
        Status::ManualTestFailed => "rejected",
        Status::ManualTestPassed => "waiting for production",
        Status::Deploying => "deploying",
        Status::Deployed => "deployed",
        Status::ProductionRollback => "rolling back",
        Status::RollbackDone => "rolled back",
        Status::RollbackFailed => "rollback failed",
        Status::Cancelled => "cancelled",
    }
}

/// A gate.
pub(super) const fn gate_title(name: GateName) -> &'static str {
    match name {
        GateName::ServiceDefined => "service defined",
        GateName::Approvals => "approvals",
        GateName::FreshRehearsal => "rehearsed rollback",
        GateName::CommitKnown => "commit known",
        GateName::NotADowngrade => "not older than production",
        GateName::NoLock => "production not locked",
        GateName::ProductionClean => "production intact",
        GateName::ProductionFree => "production free",
        GateName::Promoted => "promoted",
    }
}
