//! What has happened, as the record keeps it.

use std::fmt::Write;

use serde_json::json;

use super::*;
use crate::domain::event::Event;

/// Every kind, in the shapes that it has.
fn samples() -> Vec<(String, Value)> {
    let to = json!({"release": 7, "tag": "v1.4.0", "commit": commit()});
    let exit = json!({"code": "exit", "status": 3});
    let key = json!({"algorithm": "ssh-ed25519", "fingerprint": format!("SHA256:{}", "f".repeat(43))});
    let key = json!({"host": "prod-1", "address": "10.0.0.1:22", "key": key});
    let with = |base: &Value, more: Value| {
        let mut all = base.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let run = json!({"environment": "production", "kind": "rollback"});
    let step = json!({"step": 2, "name": "migrate_up", "surface": "api", "host": "prod-1"});
    let telegram = json!({"person": "ann", "telegram_id": 42});
    let at = json!({"environment": "production", "host": "prod-1"});
    let events = [
        ("release_created", json!({"tag": "v1.4.0", "commit": null, "initiated_by": "ann"})),
        ("release_moved", json!({"from": "deploying", "to": "production_rollback", "reason": exit})),
        ("release_moved", json!({"from": "initiated", "to": "stage_building"})),
        ("initiator_proven", json!({"initiated_by": "ann", "before": "github"})),
        ("initiator_proven", json!({"initiated_by": "ann"})),
        ("release_retried", json!({"attempt": 2})),
        ("release_updated", json!({"surfaces": ["api", "web"]})),
        ("release_promoted", json!({})),
        ("commit_resolved", json!({"commit": commit()})),
        ("commit_unresolved", json!({"reason": {"code": "no_answer"}})),
        ("tag_moved", json!({"tag": "v1.4.0", "from": commit(), "to": commit()})),
        ("tag_moved", json!({"tag": "v1.4.0", "from": commit(), "to": null, "gone": true})),
        ("tag_moved", json!({"tag": "v1.4.0", "from": commit(), "to": null})),
        ("release_approved", json!({"person": "ann", "commit": null, "progress": "1/2"})),
        ("release_rejected", json!({"person": "ann", "commit": null, "reason": "the basket is empty"})),
        ("gates_bypassed", json!({"gates": ["approvals", "no_lock"], "reason": "payments are down"})),
        ("nothing_to_rehearse", json!({})),
        ("nothing_to_rehearse", json!({"maybe_was": "store"})),
        ("nothing_tells", json!({"surface": "api"})),
        ("rehearsal_stale", json!({"was": 6, "now": to})),
        ("run_created", with(&run, json!({"from": null, "to": to}))),
        ("run_started", json!({"environment": "stage", "kind": "deploy"})),
        ("run_started", json!({"environment": "production", "kind": "deploy"})),
        ("run_started", json!({"environment": "stage", "kind": "rehearsal"})),
        ("run_started", json!({"environment": "production", "kind": "drill"})),
        ("run_started", json!({"environment": "preview-12", "kind": "deploy"})),
        ("run_waiting", json!({"reason": {"code": "no_answer"}})),
        (
            "workflow_started",
            json!({"environment": "production", "workflow": "deploy.yaml", "ci_run": "77", "url": "https://x.example/77"}),
        ),
        ("run_stopping", json!({"by": "ann", "reason": {"code": "aborted", "by": "ann", "why": "wrong tag"}})),
        ("run_ended", with(&run, json!({"state": "succeeded"}))),
        ("run_ended", with(&run, json!({"state": "failed", "reason": exit}))),
        ("run_ended", with(&run, json!({"state": "stopped"}))),
        ("run_ended", with(&run, json!({"state": "unknown", "reason": {"code": "no_answer"}}))),
        ("run_resolved", json!({"verdict": "succeeded", "reason": "I looked"})),
        ("run_resolved", json!({"verdict": "failed", "reason": "I looked"})),
        ("run_resolved", json!({"verdict": "again", "reason": "I looked"})),
        ("step_started", step.clone()),
        ("step_started", json!({"step": 0, "name": "deploy", "surface": "api", "host": "local"})),
        ("step_ended", with(&step, json!({"state": "succeeded", "exit": 0}))),
        ("step_ended", with(&step, json!({"state": "failed", "exit": 3}))),
        ("step_ended", with(&step, json!({"state": "skipped"}))),
        (
            "hand_work_found",
            json!({"step": 0, "surface": "api", "host": "prod-1", "findings": ["a.txt", "b.txt"], "kept": ["refs/kept/1"]}),
        ),
        ("environment_changed", json!({"environment": "production", "version": to})),
        ("host_left_behind", with(&at, json!({"reason": {"code": "no_answer"}}))),
        ("host_caught_up", with(&at, json!({"newer": to}))),
        ("host_given_up", with(&at, json!({"reason": {"code": "given_up", "by": "ann", "why": "it is scrapped"}}))),
        ("earlier_steps_ended", with(&at, json!({"steps": ["deploy"]}))),
        ("migration_found_done", with(&at, json!({"step": 1, "surface": "api"}))),
        ("environment_dirty", json!({"environment": "production", "reason": exit})),
        ("environment_repaired", json!({"environment": "stage"})),
        ("environment_unknown", json!({"environment": "production", "reason": {"code": "restored", "how": "backup"}})),
        ("environment_settled", json!({"environment": "production", "version": to, "reason": "I looked"})),
        ("environment_settled", json!({"environment": "stage", "version": null, "reason": "I looked"})),
        ("foreign_run_found", with(&at, json!({"reason": {"code": "restored", "how": "backup"}}))),
        ("service_renamed", json!({"from": "shop", "to": "store"})),
        ("service_defined", json!({"service": "shop", "revision": 3})),
        ("service_removed", json!({"service": "shop"})),
        ("service_moved_to_file", json!({"service": "shop"})),
        ("database_restored", json!({"after": 9, "reason": {"code": "restored", "how": "backup"}})),
        ("record_alarm_raised", json!({"found": "event 3 was edited"})),
        (
            "record_alarm_raised",
            json!({"found": "the record is empty …", "because": {"code": "behind", "seq": 3, "last": null}}),
        ),
        ("record_alarm_acknowledged", json!({"found": "event 3 was edited", "reason": "I did it"})),
        ("record_key_rotated", json!({})),
        ("clock_jumped", json!({"seconds": -3600})),
        ("production_locked", json!({"reason": {"code": "told", "text": "audit"}})),
        ("production_unlocked", json!({})),
        ("login_link_made", json!({"person": "ann"})),
        ("signed_in", json!({"person": null, "address": "192.0.2.7"})),
        ("session_ended", json!({"person": "ann"})),
        ("token_created", json!({"name": "build", "role": "ci"})),
        ("token_adopted", json!({"name": "build", "before": "bob"})),
        ("token_adopted", json!({"name": "build", "before": null})),
        ("token_revoked", json!({"name": "build"})),
        ("host_key_seen", key.clone()),
        ("host_key_changed", with(&key, json!({"trusted": format!("SHA256:{}", "a".repeat(43))}))),
        ("host_key_restored", key.clone()),
        ("host_trusted", key.clone()),
        ("telegram_claimed", telegram.clone()),
        ("telegram_confirmed", telegram.clone()),
        ("telegram_refused", telegram.clone()),
        ("backup_made", json!({"file": "rmm-1.db"})),
        ("alert_silenced", json!({"alert": "disk: /var/lib/rmm", "silence": "hour"})),
        ("alert_silenced", json!({"alert": "disk: /var/lib/rmm", "silence": "eight_hours"})),
        ("alert_silenced", json!({"alert": "disk: /var/lib/rmm", "silence": "until_over"})),
        ("alert_silenced", json!({"alert": "disk: /var/lib/rmm", "silence": "ended"})),
    ];
    let typed = events.into_iter().map(|(kind, data)| {
        serde_json::from_value(json!({"kind": kind, "data": data})).unwrap_or_else(|error| panic!("{kind}: {error}"))
    });
    let cause = Box::new(Cause::NothingThere);
    let refused = |unrecorded| Event::ReportRefused { status: Status::Deployed, reason: cause.clone(), unrecorded };
    let recorded = typed.chain([refused(None), refused(Some(5))]).map(|event: Event| event.into_record(on_record));
    recorded.map(|(kind, data)| (kind, serde_json::from_str(&data).unwrap())).collect()
}

#[test]
fn every_event_has_words_in_every_language() {
    let samples = samples();
    let sampled: BTreeSet<_> = samples.iter().map(|(kind, _)| kind.clone()).collect();
    let missing: Vec<_> = codes(include_str!("../../domain/event.rs"), "Event")
        .into_iter()
        .filter(|kind| !sampled.contains(kind))
        .collect();
    assert!(missing.is_empty(), "no sample of {missing:?}");
    let mut text = String::new();
    for (kind, data) in &samples {
        let told = event::Told(data);
        let told = [en::event(kind, &told), ru::event(kind, &told)];
        let [english, russian] = told.map(|words| words.unwrap_or_else(|| panic!("{kind} has no words")));
        writeln!(text, "{kind}\n  {english}\n  {russian}").unwrap();
    }
    insta::assert_snapshot!("events", text);
}

#[test]
fn an_event_of_a_newer_rmm_is_told_by_its_name() {
    for language in [Language::En, Language::Ru] {
        assert_eq!(language.event("something_new", &json!({"a": 1})), "something new {\"a\":1}");
        assert_eq!(language.event("something_new", &json!({})), "something new");
    }
}

#[test]
fn a_reason_without_facts_that_are_known_is_told_as_it_was_recorded() {
    let waits = |because: Value| json!({"reason": "waits for prod-1", "because": because});
    assert_eq!(Language::Ru.event("run_waiting", &waits(json!({"code": "of_a_newer_rmm"}))), "waits for prod-1");
    assert_eq!(Language::Ru.event("run_waiting", &waits(Value::Null)), "waits for prod-1");
}

#[test]
fn who_decides_what_becomes_of_a_release_is_told_once() {
    let told = |code: &str, to: &str, reason: &str| {
        let because = json!({"code": code, "by": "boris", "why": "the basket is empty"});
        let data = json!({"from": "manual_testing", "to": to, "reason": reason, "because": because});
        [Language::En, Language::Ru].map(|language| language.happened("release_moved", &data))
    };
    let rejected = told("rejected", "manual_test_failed", "rejected by boris: the basket is empty");
    assert_eq!(rejected, ["rejected by boris: the basket is empty", "отклонено: boris — the basket is empty"]);
    let cancelled = told("cancelled", "cancelled", "cancelled by boris: the basket is empty");
    assert_eq!(cancelled, ["cancelled by boris: the basket is empty", "отмена: boris — the basket is empty"]);
    let aborted = told("aborted", "production_rollback", "aborted by boris: the basket is empty");
    assert_eq!(aborted[0], "rolling back: aborted by boris: the basket is empty");
}
