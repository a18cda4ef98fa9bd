//! What an event of the record is news of; which alarms it ends, `over` says.

use crate::bot::audience::About;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::status::Status;
use crate::store::events::EventRow;

/// What an event is news of. The card of a release changes with everything; a notice is for what needs a person or
/// has ended.
pub(super) fn news_of(row: &EventRow) -> Vec<(About, Option<Notice>)> {
    let release = row.release.map(|id| About::Release(ReleaseId(id)));
    let data: serde_json::Value = serde_json::from_str(&row.data).unwrap_or_default();
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let run = || row.run.map(|id| (About::Run(RunId(id)), Some(Notice::Alarm)));
    let mut news: Vec<_> = match row.kind.as_str() {
        "release_moved" => {
            let notice = text("to").parse::<Status>().ok().and_then(on_arrival);
            return release.into_iter().map(|about| (about, notice)).collect();
        }
        "release_approved" => return release.into_iter().map(|about| (about, Some(Notice::Approved))).collect(),
        "gates_bypassed" => return release.into_iter().map(|about| (about, Some(Notice::Bypassed))).collect(),
        "run_ended" if text("state") == "unknown" => run().into_iter().collect(),
        "environment_dirty" | "host_left_behind" | "foreign_run_found" => run().into_iter().collect(),
        // That the alarm is over.
        "run_resolved" => run().into_iter().collect(),
        "host_key_seen" | "host_key_changed" => vec![(About::Host(text("host").to_owned()), Some(Notice::Alarm))],
        "production_locked" | "production_unlocked" => {
            let service = row.service.clone().and_then(|name| ServiceName::parse("service", name).ok());
            service.map(|name| (About::Service(name), Some(Notice::Locked))).into_iter().collect()
        }
        "host_trusted" | "host_key_restored" => vec![(About::Host(text("host").to_owned()), Some(Notice::Alarm))],
        "telegram_claimed" => vec![(claim(&data), Some(Notice::Alarm))],
        "telegram_confirmed" | "telegram_refused" => vec![(claim(&data), None)],
        _ => Vec::new(),
    };
    news.extend(release.map(|about| (about, None)));
    news
}

fn claim(data: &serde_json::Value) -> About {
    let person = data["person"].as_str().unwrap_or_default().to_owned();
    About::Claim { user: data["telegram_id"].as_i64().unwrap_or_default(), person }
}

const fn on_arrival(status: Status) -> Option<Notice> {
    match status {
        Status::ManualTesting => Some(Notice::Waits),
        Status::ManualTestPassed => Some(Notice::Approved),
        Status::Deploying => Some(Notice::Deploying),
        Status::Deployed => Some(Notice::Deployed),
        Status::StageBuildingFailed | Status::StageTestRollbackFailed | Status::ManualTestFailed => {
            Some(Notice::Failed)
        }
        Status::RollbackDone => Some(Notice::RolledBack),
        Status::RollbackFailed => Some(Notice::RollbackFailed),
        Status::Initiated
        | Status::StageBuilding
        | Status::StageTestRollback
        | Status::ProductionRollback
        | Status::Cancelled => None,
    }
}

/// The service of which production may run another version since this.
pub(super) fn changed_production(row: &EventRow) -> Option<ServiceName> {
    let arrived = || {
        let data: serde_json::Value = serde_json::from_str(&row.data).unwrap_or_default();
        data["to"].as_str().and_then(|to| to.parse().ok())
    };
    let changed = match row.kind.as_str() {
        "release_moved" => matches!(
            arrived(),
            Some(Status::Deployed | Status::ProductionRollback | Status::RollbackDone | Status::RollbackFailed)
        ),
        kind => matches!(kind, "environment_settled" | "environment_unknown" | "environment_repaired"),
    };
    ServiceName::parse("service", row.service.clone().filter(|_| changed)?).ok()
}

/// The service whose lock, or whose environment, is another one now, or whose run is being ended: what its releases wait for
/// has changed.
pub(super) fn opened_or_closed(row: &EventRow) -> Option<ServiceName> {
    let kinds = [
        "production_locked",
        "production_unlocked",
        // The one in line behind it says so, too.
        "run_stopping",
        "environment_dirty",
        "environment_repaired",
        "environment_unknown",
        "environment_settled",
    ];
    let service = row.service.clone().filter(|_| kinds.contains(&row.kind.as_str()))?;
    ServiceName::parse("service", service).ok()
}
