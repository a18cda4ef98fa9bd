//! `release list` and `release events`.

use clap::Args;
use serde_json::Value;

use super::super::one_of;
use super::{One, tone};
use crate::api_client::{Call, Client, Context, Fault, Intent, print, with_query};
use crate::contract::{self, ListReleases};
use crate::domain::status;
use crate::terminal::{Column, Table, Tone, Ui, ago, clean, exact, note};

/// List releases.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm release list\n  rmm release list --list active --service shop\n  \
    rmm release list --list failed --limit 5 --json | jq -r '.releases[].tag'")]
pub struct List {
    /// Which of them
    #[arg(long, value_name = "LIST", value_parser = one_of::<status::List>(["active", "successful", "failed"]))]
    list: Option<status::List>,
    /// Only of this service
    #[arg(long, short, value_name = "NAME")]
    service: Option<String>,
    /// At most this many, 1 to 200
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Go on where an earlier page ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Look).await?;
        let (service, cursor) = (self.service.clone(), self.cursor);
        let query = ListReleases { list: self.list, service, limit: Some(self.limit), cursor };
        let path = with_query("/api/v1/releases", &query);
        let (page, json): (contract::ReleasePage, _) =
            client.json(Call::get(path)).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{json}\n"));
        }
        if page.releases.is_empty() {
            note(match (&self.list, &self.service) {
                (None, None) => "There are no releases yet; `rmm release create` makes one.",
                (Some(_), _) | (_, Some(_)) => "There are no such releases.",
            });
            return Ok(());
        }
        print(&table(&page.releases, &context.ui))?;
        if let Some(next) = page.next {
            note(&format!("There are more: add --cursor {next}"));
        }
        Ok(())
    }
}

/// Releases as a table.
pub(super) fn table(releases: &[contract::ReleaseView], ui: &Ui) -> String {
    let mut table = Table::new([
        Column::new("RELEASE").right(),
        Column::new("SERVICE").least(14),
        Column::new("VERSION").least(14),
        Column::new("STATUS"),
        Column::new("SINCE").optional(2),
        Column::new("BY").optional(1).least(8),
    ]);
    for release in releases {
        table.row([
            (format!("#{}", release.id), Tone::Plain),
            (release.service.clone(), Tone::Plain),
            (release.name(), Tone::Plain),
            (release.status.to_string(), tone(&release.status)),
            (ago(release.status_since, ui.now), Tone::Dim),
            (by(release), Tone::Plain),
        ]);
    }
    table.render(ui)
}

/// Who started it, and whose word that is if it is not their own.
fn by(release: &contract::ReleaseView) -> String {
    let said = release.said_by.as_ref().map(|token| format!(" (says {token})")).unwrap_or_default();
    format!("{}{said}", release.initiated_by)
}

/// What happened to a release.
pub(super) async fn events(context: &Context, one: &One) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Look).await?;
    let number = one.number.0;
    let (events, raw) = client.events(number).await.map_err(|fault| fault.about(number).in_json(one.json))?;
    if one.json {
        return print(&format!("{}\n", Value::from(raw)));
    }
    let events: Vec<_> = events.into_iter().map(|event| (event, String::new())).collect();
    print(&history(&events, &context.ui))
}

/// Events, one paragraph each, with what each is about.
pub fn history(events: &[(contract::EventView, String)], ui: &Ui) -> String {
    let narrow = ui.width.is_some_and(|width| width < 60);
    let who_width = events.iter().map(|(event, _)| actor(event).chars().count()).max().unwrap_or(0).min(20);
    let mut out = String::new();
    for (event, about) in events {
        let at = event.at.map(exact).unwrap_or_default();
        let (who, what) = (actor(event), describe(&event.kind, &event.data));
        let what = if about.is_empty() { what } else { format!("{}: {what}", clean(about)) };
        if narrow {
            out.push_str(&format!("{}  {who}\n", ui.paint(&at, Tone::Dim)));
            out.push_str(&ui.paragraph("", 2, &what, Tone::Plain));
        } else {
            let mark = format!("{}  {who:who_width$}  ", ui.paint(&at, Tone::Dim));
            let indent = 19 + 2 + who_width + 2;
            let text = ui.paragraph("", indent, &what, Tone::Plain);
            out.push_str(&mark);
            out.push_str(text.trim_start_matches(' '));
        }
    }
    out
}

/// Who did it.
pub(super) fn actor(event: &contract::EventView) -> String {
    let text = |key: &str| event.actor.get(key).and_then(Value::as_str).map(clean);
    match event.actor.get("is").and_then(Value::as_str) {
        Some("machine") => "rmm".to_owned(),
        Some(other) => text("name").unwrap_or_else(|| clean(other)),
        None => event.actor.as_str().map_or_else(|| "-".to_owned(), clean),
    }
}

/// What happened, in words.
#[must_use]
pub fn describe(kind: &str, data: &Value) -> String {
    let text = |key: &str| match data.get(key) {
        Some(Value::String(text)) => clean(text),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(clean).collect::<Vec<_>>().join(", "),
        Some(Value::Object(version)) => {
            let number = version.get("release").map(|id| format!("#{id}")).unwrap_or_default();
            match version.get("tag").and_then(Value::as_str) {
                Some(tag) => format!("{} ({number})", clean(tag)),
                None => number,
            }
        }
        Some(Value::Bool(_) | Value::Null) | None => String::new(),
    };
    let host_key = || {
        let part = |name: &str| data.get("key").and_then(|key| key.get(name)).and_then(Value::as_str).map(clean);
        format!("{} ({})", part("fingerprint").unwrap_or_default(), part("algorithm").unwrap_or_default())
    };
    let because = |key: &str| Some(text(key)).filter(|t| !t.is_empty()).map(|t| format!(": {t}")).unwrap_or_default();
    let run = || format!("{} {}", text("environment"), text("kind"));
    let step = || {
        let number = data.get("step").and_then(Value::as_u64).map(|at| (at + 1).to_string()).unwrap_or_default();
        let host = Some(text("host")).filter(|host| !matches!(host.as_str(), "" | "local"));
        let place = host.map(|host| format!(" on {host}")).unwrap_or_default();
        format!("step {number} {} of {}{place}", text("name").replace('_', " "), text("surface"))
    };
    match kind {
        "release_created" => format!("release created for {}", text("initiated_by")),
        "release_moved" => format!("{} → {}{}", text("from"), text("to"), because("reason")),
        "release_retried" => format!("tried again, attempt {}", text("attempt")),
        "release_updated" => format!("artifacts of {}", text("surfaces")),
        "release_promoted" => "promoted: production may start".to_owned(),
        "commit_resolved" => format!("the commit is {}", contract::short(&text("commit"))),
        "commit_unresolved" => format!("the commit is not known{}", because("reason")),
        "tag_moved" if data.get("gone").and_then(Value::as_bool) == Some(true) => {
            format!("tag {}, which was {}, is gone from the repository", text("tag"), contract::short(&text("from")))
        }
        "tag_moved" => {
            format!(
                "tag {} moved from {} to {}",
                text("tag"),
                contract::short(&text("from")),
                contract::short(&text("to"))
            )
        }
        "release_approved" => format!("approved ({})", text("progress")),
        "release_rejected" => format!("rejected{}", because("reason")),
        "gates_bypassed" => format!("skipped {}{}", text("gates"), because("reason")),
        "nothing_to_rehearse" => "nothing to go back to: no rehearsal needed".to_owned(),
        "nothing_tells" => format!("nothing tells that {} is well: it has no `health`", text("surface")),
        "rehearsal_stale" => format!("the rehearsal is out of date; production runs {} now", text("now")),
        "run_created" => format!("{} to {} decided", run(), text("to")),
        "run_waiting" => text("reason"),
        "run_started" => format!("{} started", run()),
        "run_stopping" => format!("stopped by {}{}", text("by"), because("reason")),
        "run_ended" => format!("{} {}{}", run(), text("state"), because("reason")),
        "run_resolved" => format!("resolved as {}{}", text("verdict"), because("reason")),
        "step_started" => format!("{} started", step()),
        "step_ended" => {
            let exit = Some(text("exit")).filter(|exit| !matches!(exit.as_str(), "" | "0"));
            let exit = exit.map(|exit| format!(", exit {exit}")).unwrap_or_default();
            format!("{} {}{exit}", step(), text("state"))
        }
        "hand_work_found" => {
            let kept = Some(text("kept")).filter(|kept| !kept.is_empty());
            let kept = kept.map(|kept| format!("; kept aside as {kept}")).unwrap_or_default();
            format!("work by hand on {} in the folder of {}: {}{kept}", text("host"), text("surface"), text("findings"))
        }
        "environment_changed" => format!("{} runs {} now", text("environment"), text("version")),
        "host_left_behind" => {
            format!("the way back in {} goes on without {}{}", text("environment"), text("host"), because("reason"))
        }
        "host_caught_up" => format!("{} is brought up to {}", text("host"), text("environment")),
        "host_given_up" => format!("{} in {}: {}", text("host"), text("environment"), text("reason")),
        "earlier_steps_ended" => {
            format!("{} was still at work on {} and has been ended", text("steps"), text("host"))
        }
        "migration_found_done" => {
            format!(
                "the migration of {} had ended well on {} after all; it is not done twice",
                text("surface"),
                text("host")
            )
        }
        "environment_dirty" => format!("{} is in an unknown state{}", text("environment"), because("reason")),
        "environment_repaired" => format!("{} is in order again", text("environment")),
        "environment_unknown" => format!("it is not known what {} runs{}", text("environment"), because("reason")),
        "environment_settled" => {
            let version = Some(text("version")).filter(|version| !version.is_empty() && version != "null");
            let version = version.unwrap_or_else(|| "nothing".to_owned());
            format!("{} was found to run {version}{}", text("environment"), because("reason"))
        }
        "foreign_run_found" => format!("another copy of the database was met on {}{}", text("host"), because("reason")),
        "service_renamed" => format!("{} is called {} now, and its history came along", text("from"), text("to")),
        "database_restored" => format!("the database was restored{}", because("reason")),
        "record_alarm_raised" => format!("THE RECORD WAS CHANGED: {}", text("found")),
        "record_alarm_acknowledged" => format!("what happened to the record was acknowledged{}", because("reason")),
        "record_key_rotated" => "from here on, a new key signs the record".to_owned(),
        "clock_jumped" => format!("the clock was set by {} s", text("seconds")),
        "production_locked" => format!("production locked{}", because("reason")),
        "production_unlocked" => "production unlocked".to_owned(),
        "report_refused" => {
            let more = data.get("unrecorded").and_then(Value::as_u64);
            let more = more.map(|more| format!(" ({more} more refused since the one before)")).unwrap_or_default();
            format!("report of {} refused{}{more}", text("status"), because("reason"))
        }
        "token_created" => format!("token {} created ({})", text("name"), text("role")),
        "token_adopted" => {
            let before = Some(text("before")).filter(|before| !before.is_empty() && before != "null");
            format!("token {} taken over from {}", text("name"), before.as_deref().unwrap_or("the operator"))
        }
        "token_revoked" => format!("token {} revoked", text("name")),
        "host_key_seen" => format!("host {} has shown its key {}", text("host"), host_key()),
        "host_key_changed" => {
            format!(
                "THE KEY OF HOST {} HAS CHANGED: {} is trusted, it shows {}",
                text("host"),
                text("trusted"),
                host_key()
            )
        }
        "host_trusted" => format!("key {} of host {} trusted", host_key(), text("host")),
        "backup_made" => format!("backup made: {}", text("file")),
        other => {
            let data =
                if data.as_object().is_none_or(serde_json::Map::is_empty) { String::new() } else { data.to_string() };
            clean(&format!("{} {data}", other.replace('_', " "))).trim().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_token_says_of_the_initiator_is_not_shown_as_known() {
        let release = |said_by: Option<&str>| {
            let at = "2026-01-01T00:00:00Z";
            let mut release = json!({
                "id": 1, "service": "shop", "tag": "v1", "commit": null, "status": "deployed", "list": "successful", "status_since": at,
                "reason": null, "attempt": 1, "revision": 1, "initiated_by": "ann", "owner": "ann", "ci_run": null,
                "tagged_at": null, "notes": "", "surfaces": [], "rollback_to_tag": null, "created_at": at,
                "started_at": at, "completed_at": null,
            });
            release["said_by"] = json!(said_by);
            serde_json::from_value(release).unwrap()
        };
        let shown = table(&[release(Some("build")), release(None)], &Ui::test(100));
        let rows: Vec<_> = shown.lines().skip(1).collect();
        assert!(rows[0].ends_with("ann (says build)") && rows[1].ends_with("  ann"), "{shown}");
    }

    #[test]
    fn events_read_as_sentences() {
        let moved = json!({"from": "deploying", "to": "production_rollback", "reason": "step 3 failed"});
        assert_eq!(describe("release_moved", &moved), "deploying → production_rollback: step 3 failed");
        let changed = json!({"environment": "production", "version": {"release": 7, "tag": "v1", "commit": null}});
        assert_eq!(describe("environment_changed", &changed), "production runs v1 (#7) now");
        let ended = json!({"step": 2, "name": "deploy", "surface": "app", "state": "failed", "exit": 3});
        assert_eq!(describe("step_ended", &ended), "step 3 deploy of app failed, exit 3");
        let started = json!({"step": 0, "name": "migrate_up", "surface": "app", "host": "prod-1"});
        assert_eq!(describe("step_started", &started), "step 1 migrate up of app on prod-1 started");
        let waits = json!({"reason": "waits for prod-1: it is not there."});
        assert_eq!(describe("run_waiting", &waits), "waits for prod-1: it is not there.");
        assert_eq!(describe("something_new", &json!({"a": "\u{1b}x"})), "something new {\"a\":\"\\u001bx\"}");
        assert_eq!(describe("something_new", &json!({})), "something new");
    }
}
