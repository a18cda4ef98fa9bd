//! What an event of the record is news of; which alarms it ends, `over` says.

use crate::bot::Bot;
use crate::bot::audience::About;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::notice::Notice;
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::store::StoreError;
use crate::store::events::{self, EventRow};

/// What an event is news of. The card of a release changes with everything; a notice is for what needs a person or
/// has ended.
pub(super) fn news_of(row: &EventRow) -> Vec<(About, Option<Notice>)> {
    let release = row.release.map(|id| About::Release(ReleaseId(id)));
    let data: serde_json::Value = serde_json::from_str(&row.data).unwrap_or_default();
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let run = || row.run.map(|id| (About::Run(RunId(id)), Some(Notice::Alarm)));
    let mut news: Vec<_> = match row.kind.as_str() {
        "release_moved" => {
            let status = |name| text(name).parse::<Status>().ok();
            let notice = status("from").zip(status("to")).and_then(|(from, to)| notice_of(from, to));
            return release.into_iter().map(|about| (about, notice)).collect();
        }
        "release_approved" => return release.into_iter().map(|about| (about, Some(Notice::Approved))).collect(),
        // Its release may be cancelled for that, and production may run it.
        "tag_moved" => return release.into_iter().map(|about| (about, Some(Notice::Alarm))).collect(),
        "gates_bypassed" => return release.into_iter().map(|about| (about, Some(Notice::Bypassed))).collect(),
        "run_ended" if text("state") == "unknown" => run().into_iter().collect(),
        // The release stands where it stood, so that nothing else tells it.
        "run_ended" if (text("environment"), text("kind")) == ("production", "deploy") && is_not_dispatched(&data) => {
            return release.into_iter().map(|about| (about, Some(Notice::Approved))).collect();
        }
        // What was said of the release that it may have run is not so any more.
        "host_caught_up" => {
            let newer = data["newer"]["release"].as_i64().map(|id| (About::Release(ReleaseId(id)), None));
            newer.into_iter().collect()
        }
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

fn is_not_dispatched(data: &serde_json::Value) -> bool {
    data["state"] == "failed" && data["because"]["code"] == "not_dispatched"
}

/// Whether this follows from an alarm that says it, too: that the tag of the release has moved.
pub(super) fn is_told_by_alarm(row: &EventRow) -> bool {
    let because = || {
        let data: serde_json::Value = serde_json::from_str(&row.data).ok()?;
        serde_json::from_value::<Reason>(data["because"].clone()).ok()
    };
    row.kind == "release_moved" && because().is_some_and(|reason| reason.is_of_moved_tag())
}

/// Whether an event says no more than an earlier one: every look finds anew that a tag has moved.
pub(super) async fn repeats(bot: &Bot, row: &EventRow) -> Result<bool, StoreError> {
    let Some(release) = row.release.map(ReleaseId).filter(|_| row.kind == "tag_moved") else { return Ok(false) };
    let first = bot.engine.read(move |conn| events::first_after(conn, release, 0, "tag_moved")).await?;
    let Some(first) = first.filter(|first| first.seq < row.seq) else { return Ok(false) };
    let [now, before] =
        [row, &first].map(|row| serde_json::from_str::<serde_json::Value>(&row.data).unwrap_or_default());
    let says = |data: &serde_json::Value| (data["to"].as_str().map(ToOwned::to_owned), data["gone"] == true);
    // A step that finds it does not know where the tag points.
    Ok(says(&now) == says(&before) || says(&now) == (None, false))
}

fn claim(data: &serde_json::Value) -> About {
    let person = data["person"].as_str().unwrap_or_default().to_owned();
    About::Claim { user: data["telegram_id"].as_i64().unwrap_or_default(), person }
}

/// What the move of a release is news of.
pub(in crate::bot) fn notice_of(from: Status, to: Status) -> Option<Notice> {
    if from == to { None } else { on_arrival(to).or_else(|| ends_vote(from, to).then_some(Notice::Failed)) }
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

/// Whether what people were asked about is not to be any more: one of them has rejected it, or it was cancelled.
pub(in crate::bot) const fn ends_vote(from: Status, to: Status) -> bool {
    let was_asked = matches!(from, Status::ManualTesting | Status::ManualTestPassed);
    was_asked && matches!(to, Status::ManualTestFailed | Status::Cancelled)
}

/// Whether people are not asked about a release any more since this.
pub(super) fn calls_off(row: &EventRow) -> bool {
    let moved = || {
        let data: serde_json::Value = serde_json::from_str(&row.data).ok()?;
        let status = |name: &str| data[name].as_str()?.parse::<Status>().ok();
        Some(ends_vote(status("from")?, status("to")?))
    };
    row.kind == "release_moved" && moved() == Some(true)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, data: &str) -> EventRow {
        EventRow {
            seq: 1,
            at: 0,
            service: Some("shop".into()),
            release: Some(7),
            run: Some(3),
            actor: "{}".into(),
            kind: kind.into(),
            data: data.into(),
            trace_id: None,
        }
    }

    fn notices(kind: &str, data: &str) -> Vec<Notice> {
        news_of(&event(kind, data)).into_iter().filter_map(|(_, notice)| notice).collect()
    }

    #[test]
    fn who_was_asked_about_a_release_hears_that_it_was_cancelled_or_rejected() {
        let cancelled = |from: &str| notices("release_moved", &format!(r#"{{"from":"{from}","to":"cancelled"}}"#));
        assert_eq!(
            (cancelled("manual_testing"), cancelled("manual_test_passed")),
            (vec![Notice::Failed], vec![Notice::Failed])
        );
        assert_eq!((cancelled("initiated"), cancelled("stage_building")), (vec![], vec![]));
        let is_called_off =
            |from: &str| calls_off(&event("release_moved", &format!(r#"{{"from":"{from}","to":"cancelled"}}"#)));
        assert!(is_called_off("manual_testing") && is_called_off("manual_test_passed") && !is_called_off("initiated"));
        let rejected = event("release_moved", r#"{"from":"manual_testing","to":"manual_test_failed"}"#);
        assert!(calls_off(&rejected));
        assert_eq!(news_of(&rejected).into_iter().filter(|(_, notice)| notice.is_some()).count(), 1);
    }

    #[test]
    fn a_workflow_that_was_not_started_is_told_and_other_ends_of_runs_are_not() {
        let told = |data: &str| notices("run_ended", data);
        let ended = |environment: &str, kind: &str, because: &str| {
            format!(
                r#"{{"environment":"{environment}","kind":"{kind}","state":"failed","because":{{"code":"{because}"}}}}"#
            )
        };
        assert_eq!(told(&ended("production", "deploy", "not_dispatched")), [Notice::Approved]);
        assert_eq!(told(&ended("production", "rollback", "not_dispatched")), []);
        assert_eq!(told(&ended("production", "deploy", "workflow_failed")), []);
        assert_eq!(told(&ended("stage", "deploy", "not_dispatched")), []);
    }
}
