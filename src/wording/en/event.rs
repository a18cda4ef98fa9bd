//! What has happened.

use super::super::Language::En;
use super::super::event::{Told, or_operator};
use crate::domain::ids::ServiceName;

/// What has happened; none for a kind that this version does not know.
pub(in crate::wording) fn event(kind: &str, told: &Told<'_>) -> Option<String> {
    let text = |key: &str| told.text(key);
    let because = || told.because(En);
    let run = || format!("{} {}", text("environment"), text("kind"));
    let step = || {
        let place = told.remote_host().map(|host| format!(" on {host}")).unwrap_or_default();
        format!("step {} {} of {}{place}", told.step_number(), text("name").replace('_', " "), text("surface"))
    };
    Some(match kind {
        "release_created" => format!("release created for {}", text("initiated_by")),
        "release_moved" => format!("{} → {}{}", text("from"), text("to"), because()),
        "initiator_proven" => {
            let before = told.said("before").map(|before| format!("; until then it was {before}"));
            format!("GitHub names {} as the initiator{}", text("initiated_by"), before.unwrap_or_default())
        }
        "release_retried" => format!("tried again, attempt {}", text("attempt")),
        "release_updated" => format!("artifacts of {}", text("surfaces")),
        "release_promoted" => "promoted: production may start".to_owned(),
        "commit_resolved" => format!("the commit is {}", told.commit("commit")),
        "commit_unresolved" => format!("the commit is not known{}", because()),
        "tag_moved" if told.is("gone") => {
            format!("tag {}, which was {}, is gone from the repository", text("tag"), told.commit("from"))
        }
        "tag_moved" if told.said("to").is_none() => {
            format!("tag {} no longer points at {}", text("tag"), told.commit("from"))
        }
        "tag_moved" => format!("tag {} moved from {} to {}", text("tag"), told.commit("from"), told.commit("to")),
        "release_approved" => format!("approved ({})", text("progress")),
        "release_rejected" => format!("rejected{}", because()),
        "gates_bypassed" => format!("skipped {}{}", text("gates"), because()),
        "nothing_to_rehearse" => match told.known::<ServiceName>("maybe_was") {
            Some(was) => format!("{}. {}", "nothing to go back to: no rehearsal needed", En.unless_renamed(&was)),
            None => "nothing to go back to: no rehearsal needed".to_owned(),
        },
        "nothing_tells" => format!("RMM cannot tell whether {} is well: it has no `health`", text("surface")),
        "rehearsal_stale" => format!("the rehearsal is out of date; production runs {} now", text("now")),
        // Back to a version; everything else is of one.
        "run_created" if told.said("kind").as_deref() == Some("rollback") => {
            format!("{} to {} planned", run(), text("to"))
        }
        "run_created" => format!("{} of {} planned", run(), text("to")),
        "run_waiting" => told.reason(En),
        "run_started" => format!("{} started", run()),
        "workflow_started" => format!("{} started as run {} of GitHub", text("workflow"), text("ci_run")),
        "run_stopping" => format!("stopped by {}{}", text("by"), because()),
        "run_ended" => format!("{} {}{}", run(), ended(&text("state")), because()),
        "run_resolved" => format!("resolved as {}{}", text("verdict"), because()),
        "step_started" => format!("{} started", step()),
        "step_ended" => {
            let exit = told.exit().map(|exit| format!(", exit {exit}")).unwrap_or_default();
            format!("{} {}{exit}", step(), ended(&text("state")))
        }
        "hand_work_found" => {
            let kept = told.said("kept").map(|kept| format!("; kept aside as {kept}")).unwrap_or_default();
            format!(
                "manual changes on {} in the folder of {}: {}{kept}",
                text("host"),
                text("surface"),
                text("findings")
            )
        }
        "environment_changed" => format!("{} runs {} now", text("environment"), text("version")),
        "host_left_behind" => {
            format!("the rollback in {} goes on without {}{}", text("environment"), text("host"), because())
        }
        "host_caught_up" => format!("{} has caught up with {}", text("host"), text("environment")),
        "host_given_up" => format!("{} in {}: {}", text("host"), text("environment"), told.reason(En)),
        "earlier_steps_ended" => format!("{} was still at work on {} and has been ended", text("steps"), text("host")),
        "migration_found_done" => {
            let (surface, host) = (text("surface"), text("host"));
            format!("the migration of {surface} had ended well on {host} after all; it is not done twice")
        }
        "environment_dirty" => format!("{} needs repair{}", text("environment"), because()),
        "environment_repaired" => format!("{} is repaired", text("environment")),
        "environment_unknown" => format!("it is not known what {} runs{}", text("environment"), because()),
        "environment_settled" => {
            let version = told.said("version").unwrap_or_else(|| "nothing".to_owned());
            format!("{} was found to run {version}{}", text("environment"), because())
        }
        "foreign_run_found" => format!("another copy of the database was met on {}{}", text("host"), because()),
        "service_renamed" => format!("{} is called {} now, and keeps its history", text("from"), text("to")),
        "service_defined" => {
            format!("{} is defined in the dashboard now (revision {})", text("service"), text("revision"))
        }
        "service_removed" => format!("{} is no longer defined in the dashboard", text("service")),
        "service_moved_to_file" => {
            format!("{} is defined in rmm.toml now, and no longer in the dashboard", text("service"))
        }
        "database_restored" => format!("the database was restored{}", because()),
        "record_alarm_raised" => format!("THE RECORD WAS CHANGED: {}", text("found")),
        "record_alarm_acknowledged" => format!("the change of the record was acknowledged{}", because()),
        "record_key_rotated" => "from here on, a new key signs the record".to_owned(),
        "clock_jumped" => format!("the clock was set by {} s", text("seconds")),
        "production_locked" => format!("production locked{}", because()),
        "production_unlocked" => "production unlocked".to_owned(),
        "report_refused" => {
            let more = told.said("unrecorded");
            let more = more.map(|more| format!(" ({more} more refused since the one before)")).unwrap_or_default();
            format!("report of {} refused{}{more}", text("status"), because())
        }
        "login_link_made" => {
            format!("a link was made that signs {} in to the dashboard", or_operator(told.said("person")))
        }
        "signed_in" => {
            format!("{} signed in to the dashboard from {}", or_operator(told.said("person")), text("address"))
        }
        "session_ended" => format!("a session of {} in the dashboard was ended", or_operator(told.said("person"))),
        "token_created" => format!("token {} created ({})", text("name"), text("role")),
        "token_adopted" => {
            let before = told.said("before").unwrap_or_else(|| "the operator".to_owned());
            format!("token {} taken over from {before}", text("name"))
        }
        "token_revoked" => format!("token {} revoked", text("name")),
        "host_key_seen" => format!("host {} has shown its key {}", text("host"), told.host_key()),
        "host_key_changed" => {
            let (host, trusted) = (text("host"), text("trusted"));
            format!("THE KEY OF HOST {host} HAS CHANGED: {trusted} is trusted, it shows {}", told.host_key())
        }
        "host_key_restored" => format!("host {} shows its trusted key {} again", text("host"), told.host_key()),
        "host_trusted" => format!("key {} of host {} trusted", told.host_key(), text("host")),
        "telegram_claimed" => format!("Telegram user {} claims to be {}", text("telegram_id"), text("person")),
        "telegram_confirmed" => format!("Telegram user {} is {}: confirmed", text("telegram_id"), text("person")),
        "telegram_refused" => format!("Telegram user {} is not {}: refused", text("telegram_id"), text("person")),
        "backup_made" => format!("backup made: {}", text("file")),
        "alert_silenced" => match text("silence").as_str() {
            "hour" => format!("alert silenced for 1 h: {}", text("alert")),
            "eight_hours" => format!("alert silenced for 8 h: {}", text("alert")),
            "until_over" => format!("alert silenced until it is over: {}", text("alert")),
            _ => format!("alert no longer silenced: {}", text("alert")),
        },
        _ => return None,
    })
}

/// How a run or a step has ended.
fn ended(state: &str) -> &str {
    if state == "unknown" { "has an unknown outcome" } else { state }
}
