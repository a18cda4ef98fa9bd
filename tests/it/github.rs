//! Workflows of GitHub deploy to production: what RMM does when GitHub is slow, away, or does not tell.

use serde_json::json;

use crate::github_stand_in::{Fault, StandIn};
use crate::world::{Browser, Setup, World, eventually};

/// RMM, and a GitHub whose workflows deploy.
async fn site() -> (World, StandIn) {
    let peer = StandIn::start().await;
    let world = World::new(Setup::new().by_workflows(&peer.url)).await;
    (world, peer)
}

/// A release that is approved, so that its workflow is to be started.
async fn approved(w: &World, tag: &str) -> i64 {
    let release = w.release(tag).await;
    w.until(release, "manual_testing").await;
    w.approve("ann", release).await.ok();
    release
}

/// The id of the n-th run at GitHub, as soon as it is there.
async fn run(peer: &StandIn, number: usize) -> u64 {
    eventually("the workflow was started", async || peer.runs().get(number).map(|run| run.id)).await
}

async fn deployed(w: &World, peer: &StandIn, tag: &str) -> i64 {
    let before = peer.runs().len();
    let release = approved(w, tag).await;
    let id = run(peer, before).await;
    w.until(release, "deploying").await;
    peer.ends(id, "success");
    w.until(release, "deployed").await;
    release
}

/// Why the production run of a release does not get on.
async fn waits_for(w: &World, release: i64, part: &str) {
    eventually(part, async || {
        let runs = w.runs(release).await;
        runs.iter().any(|run| run["waiting"].as_str().is_some_and(|waiting| waiting.contains(part))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_last_approval_starts_the_workflow_and_a_failure_the_other_one() {
    let (w, peer) = site().await;
    let good = deployed(&w, &peer, "v1").await;
    let inputs = peer.runs()[0].inputs.clone();
    assert_eq!((&inputs["release_id"], &inputs["release_tag"]), (&json!(good.to_string()), &json!("v1")));
    assert!(inputs["traceparent"].as_str().unwrap().starts_with("00-"), "{inputs}");

    let bad = approved(&w, "v2").await;
    let deploy = run(&peer, 1).await;
    w.until(bad, "deploying").await;
    peer.change(deploy, |run| (run.status, run.begun) = ("in_progress".into(), true));
    peer.ends(deploy, "failure");
    let back = run(&peer, 2).await;
    let inputs = peer.runs()[2].inputs.clone();
    assert_eq!((&inputs["release_tag"], &inputs["rollback_to_tag"]), (&json!("v2"), &json!("v1")));
    assert_eq!(peer.runs()[2].workflow, "back.yaml");
    peer.ends(back, "success");
    w.until(bad, "rollback_done").await;
    assert_eq!(w.reason(bad).await, "deploy.yaml ended with failure");
    assert_eq!(peer.dispatched(), (3, 3));
    w.is_sound().await;
}

#[tokio::test]
async fn a_run_whose_answer_was_lost_is_found_also_by_an_rmm_that_was_killed_meanwhile() {
    let (w, peer) = site().await;
    peer.dispatches_meet([Fault::Ghost]);
    let release = approved(&w, "v1").await;
    let id = run(&peer, 0).await;
    w.kill();
    w.restart_after_kill().await;
    w.until(release, "deploying").await;
    peer.ends(id, "success");
    w.until(release, "deployed").await;
    assert_eq!(peer.dispatched(), (1, 1));
    w.is_sound().await;
}

#[tokio::test]
async fn a_run_whose_id_is_not_told_is_looked_up() {
    let (w, peer) = site().await;
    peer.dispatches_meet([Fault::WithoutId]);
    let release = approved(&w, "v1").await;
    let id = run(&peer, 0).await;
    w.until(release, "deploying").await;
    let runs = w.runs(release).await;
    let found = runs.iter().find(|run| run["ci_run"].as_str() == Some(&*id.to_string()));
    assert_eq!(found.unwrap()["ci_url"], format!("https://x.example/runs/{id}"), "{runs:?}");
    assert_eq!(peer.dispatched(), (1, 1));
}

#[tokio::test]
async fn an_older_server_is_asked_without_what_it_does_not_know() {
    let (w, peer) = site().await;
    let message = "Invalid request.\n\n\"return_run_details\" is not a permitted key.";
    peer.dispatches_meet([Fault::Answer(400, json!({ "message": message })), Fault::WithoutId]);
    let release = approved(&w, "v1").await;
    run(&peer, 0).await;
    w.until(release, "deploying").await;
    assert_eq!(peer.dispatched(), (2, 1));
}

#[tokio::test]
async fn what_ends_in_the_queue_has_touched_nothing_and_waits_for_promote() {
    let (w, peer) = site().await;
    deployed(&w, &peer, "v1").await;
    for (number, conclusion) in ["cancelled", "startup_failure"].into_iter().enumerate() {
        let tag = format!("v{}", number + 2);
        let before = peer.runs().len();
        let release = approved(&w, &tag).await;
        let id = run(&peer, before).await;
        w.until(release, "deploying").await;
        peer.ends_unbegun(id, conclusion);
        w.until(release, "manual_test_passed").await;
        assert!(w.reason(release).await.contains("before any of its jobs began"), "{}", w.reason(release).await);
        let gates = w.operator().get(&format!("/api/v1/releases/{release}/explain")).await.text();
        assert!(gates.contains("its workflow is not started again by itself"), "{gates}");
        w.operator().post(&format!("/api/v1/releases/{release}/promote"), &json!({})).await.ok();
        let id = run(&peer, before + 1).await;
        peer.ends(id, "success");
        w.until(release, "deployed").await;
    }
    w.is_sound().await;
}

#[tokio::test]
async fn a_job_that_reports_without_its_run_id_has_begun_all_the_same() {
    let (w, peer) = site().await;
    deployed(&w, &peer, "v1").await;
    for (number, concepts) in [true, false].into_iter().enumerate() {
        let before = peer.runs().len();
        let release = approved(&w, &format!("v{}", number + 2)).await;
        let id = run(&peer, before).await;
        w.until(release, "deploying").await;
        let ci = w.ci().await;
        if concepts {
            ci.patch("/release", &json!({ "release_id": release, "status": "deploying" })).await.ok();
        } else {
            ci.patch(&format!("/api/v1/releases/{release}"), &json!({ "status": "deploying" })).await.ok();
        }
        peer.ends_unbegun(id, "cancelled");
        let back = run(&peer, before + 1).await;
        assert_eq!(w.status(release).await, "production_rollback");
        peer.ends(back, "success");
        w.until(release, "rollback_done").await;
    }
    w.is_sound().await;
}

#[tokio::test]
async fn an_end_that_another_run_repeats_is_refused_and_on_the_record_after_production_went_on() {
    let (w, peer) = site().await;
    let first = deployed(&w, &peer, "v1").await;
    deployed(&w, &peer, "v2").await;
    let ids: Vec<_> = peer.runs().iter().map(|run| run.id.to_string()).collect();
    let report = async |id: &str| {
        let body = json!({ "status": "deployed", "ci_run": { "id": id } });
        w.ci().await.patch(&format!("/api/v1/releases/{first}"), &body).await
    };
    let refused = async || w.events().await.iter().filter(|event| event["kind"] == "report_refused").count();
    report(&ids[1]).await.refused(409, "stale_report");
    report("4711").await.refused(409, "stale_report");
    assert_eq!(refused().await, 2);
    report(&ids[0]).await.ok();
    assert_eq!((refused().await, w.status(first).await.as_str()), (2, "deployed"));
    w.is_sound().await;
}

#[tokio::test]
async fn what_github_refuses_is_said_with_the_remedy_and_waits_for_promote() {
    let (w, peer) = site().await;
    peer.dispatches_meet([Fault::Answer(403, json!({ "message": "Resource not accessible by integration" }))]);
    let release = approved(&w, "v1").await;
    eventually("it says why", async || w.reason(release).await.contains("the workflow was not started").then_some(()))
        .await;
    assert_eq!(w.status(release).await, "manual_test_passed");
    assert_eq!(peer.dispatched(), (1, 0));
    let log = w.log();
    assert!(!log.contains("a-token-for-tests"), "the token is in the log");
    w.operator().post(&format!("/api/v1/releases/{release}/promote"), &json!({})).await.ok();
    run(&peer, 0).await;
}

#[tokio::test]
async fn a_wait_for_github_is_seen_and_can_be_called_off() {
    let (w, peer) = site().await;
    peer.is_away(Some(502));
    let release = approved(&w, "v1").await;
    waits_for(&w, release, "502").await;
    w.operator().post(&format!("/api/v1/releases/{release}/cancel"), &json!({ "reason": "too long" })).await.ok();
    w.until(release, "cancelled").await;
    peer.is_away(None);
    w.restart_after_kill().await;
    assert_eq!(peer.dispatched(), (0, 0));
}

#[tokio::test]
async fn what_is_being_cancelled_says_so_at_every_door_until_github_has_spoken() {
    let (w, peer) = site().await;
    peer.dispatches_meet([Fault::Ghost]);
    let release = approved(&w, "v1").await;
    let id = run(&peer, 0).await;
    peer.is_away(Some(502));
    let behind = approved(&w, "v2").await;
    w.operator().post(&format!("/api/v1/releases/{release}/cancel"), &json!({ "reason": "too long" })).await.ok();
    let sought = "being cancelled: RMM waits for GitHub to say whether the run of deploy.yaml was created";
    waits_for(&w, release, sought).await;
    let explained = w.operator().get(&format!("/api/v1/releases/{behind}/explain")).await.text();
    assert!(explained.contains(&format!("Production is busy with #{release}, which is {sought}")), "{explained}");
    let mut browser = Browser::signed_in(&w, Some("ann")).await;
    for page in [format!("/releases/{release}"), format!("/releases/{behind}"), "/".to_owned()] {
        let shown = browser.open(&page).await.html;
        assert!(shown.contains(sought), "{page}: {shown}");
    }
    peer.is_away(None);
    w.until(release, "cancelled").await;
    assert_eq!(peer.cancelled(), [id]);
    let next = run(&peer, 1).await;
    assert_eq!(peer.runs()[1].inputs["release_tag"], "v2");
    peer.ends(next, "success");
    w.until(behind, "deployed").await;
}

#[tokio::test]
async fn an_abort_cancels_the_run_at_github_first() {
    let (w, peer) = site().await;
    deployed(&w, &peer, "v1").await;
    let release = approved(&w, "v2").await;
    let id = run(&peer, 1).await;
    w.until(release, "deploying").await;
    peer.change(id, |run| (run.status, run.begun) = ("in_progress".into(), true));
    w.operator().post(&format!("/api/v1/releases/{release}/abort"), &json!({ "reason": "wrong one" })).await.ok();
    let back = run(&peer, 2).await;
    assert_eq!(peer.cancelled(), [id]);
    peer.ends(back, "success");
    w.until(release, "rollback_done").await;
}

#[tokio::test]
async fn the_workflows_own_reports_and_what_github_says_are_one_story() {
    let (w, peer) = site().await;
    let release = approved(&w, "v1").await;
    let id = run(&peer, 0).await.to_string();
    let report = async |status: &str, id: &str| {
        let body = json!({ "status": status, "ci_run": { "id": id } });
        w.ci().await.patch(&format!("/api/v1/releases/{release}"), &body).await
    };
    report("deploying", &id).await.ok();
    report("deployed", "4711").await.refused(409, "stale_report");
    report("deployed", &id).await.ok();
    peer.ends(id.parse().unwrap(), "success");
    report("deploying", &id).await.refused(409, "illegal_transition");
    assert_eq!(w.status(release).await, "deployed");
    w.is_sound().await;
}

#[tokio::test]
async fn crossed_reports_turn_nothing_back_and_are_on_the_record() {
    let (w, peer) = site().await;
    deployed(&w, &peer, "v1").await;
    let release = approved(&w, "v2").await;
    let id = run(&peer, 1).await;
    w.until(release, "deploying").await;
    // It was run again by hand, which GitHub tells.
    peer.change(id, |run| (run.status, run.attempt, run.begun) = ("in_progress".into(), 2, true));
    let report = async |status: &str, id: &str, attempt: u32| {
        let body = json!({ "status": status, "ci_run": { "id": id, "attempt": attempt } });
        w.ci().await.patch(&format!("/api/v1/releases/{release}"), &body).await
    };
    let (own, first) = (id.to_string(), peer.runs()[0].id.to_string());
    report("deploying", &own, 2).await.ok();
    // An old attempt's failure, and the run of another release.
    for (status, id, attempt) in [
        ("production_rollback", &own, 1),
        ("deployed", &own, 1),
        ("production_rollback", &first, 1),
        ("deployed", &first, 1),
    ] {
        report(status, id, attempt).await.refused(409, "stale_report");
        assert_eq!(w.status(release).await, "deploying");
    }
    // `deployed` overtakes `deploying`.
    report("deployed", &own, 2).await.ok();
    report("deploying", &own, 2).await.refused(409, "illegal_transition");
    report("production_rollback", &own, 1).await.refused(409, "illegal_transition");
    peer.ends(id, "success");
    assert_eq!((w.status(release).await.as_str(), peer.runs().len()), ("deployed", 2));
    let refused = w.events().await.into_iter().filter(|event| event["kind"] == "report_refused").count();
    assert_eq!(refused, 6);
    w.is_sound().await;
}
