//! A workflow is started once, however long GitHub is in trouble.

use super::*;

#[tokio::test]
async fn six_hours_of_502_lead_to_one_run_and_the_wait_is_seen_meanwhile() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    let bad = || Fault::Answer(502, json!({ "message": "Server Error" }));
    peer.dispatches_meet(std::iter::repeat_with(bad).take(10_000));
    let six_hours = 6 * 60 * 60;
    clock.at(six_hours, {
        let peer = peer.clone();
        move || peer.dispatches_go_well()
    });
    // The run ends well as soon as it is under way.
    clock.at(six_hours + 180, {
        let peer = peer.clone();
        move || peer.ends(peer.runs()[0].id, "success")
    });
    let before = engine.now();
    let seen = Arc::new(Mutex::new(None));
    clock.at(3 * 60 * 60, {
        let (engine, seen) = (engine.clone(), seen.clone());
        move || drop(tokio::spawn(async move { *seen.lock().unwrap() = run(&engine, id).await.waiting }))
    });
    follow(&engine, id, false, None).await.unwrap();
    let waited: Option<Reason> = seen.lock().unwrap().take();
    assert!(english(&waited.unwrap()).contains("502"), "the wait is to be seen");
    assert_eq!(status(&engine, release).await, Status::Deployed);
    let (asked, made) = peer.dispatched();
    assert_eq!(made, 1);
    assert!((60..=400).contains(&asked), "asked {asked} times in six hours");
    assert!(engine.now().duration_since(before).as_hours() >= 6);
}

/// Ann cancels, as soon as the clock shows so many seconds; how the run stands right after it.
fn cancels_at(site: &Site, seconds: i64) -> tokio::sync::oneshot::Receiver<Run> {
    let (told, hears) = tokio::sync::oneshot::channel();
    let (engine, release, id) = (site.engine.clone(), site.release, site.id);
    site.clock.during(seconds, async move {
        handle(&engine, ann(), Command::Cancel { release, reason: "wrong".into() }).await;
        drop(told.send(run(&engine, id).await));
    });
    hears
}

#[tokio::test]
async fn a_dispatch_that_github_never_got_is_called_off_at_once() {
    let limited = json!({ "message": "You have exceeded a secondary rate limit. Please wait a few minutes." });
    for (case, fault) in [("away", None), ("takes no more", Some(limited))] {
        let site = site().await;
        match fault {
            None => site.peer.is_away(Some(502)),
            Some(said) => site.peer.dispatches_meet(std::iter::repeat_n(Fault::Answer(403, said), 10_000)),
        }
        drop(cancels_at(&site, THREE_HOURS));
        follow(&site.engine, site.id, false, None).await.unwrap();
        assert_eq!((status(&site.engine, site.release).await, site.peer.dispatched().1), (Status::Cancelled, 0));
        // GitHub stays as it is: nothing but the cancellation ends it. RMM looks every ten minutes at the most.
        assert!(seconds(&site) < THREE_HOURS + 1200, "{case}: {}", seconds(&site));
    }
}

#[tokio::test]
async fn what_github_may_have_got_is_cancelled_when_github_has_said_whether_it_did() {
    for (fault, runs) in [(Fault::Answer(502, json!({ "message": "Server Error" })), 0), (Fault::Ghost, 1)] {
        let site = site().await;
        site.peer.dispatches_meet([fault]);
        let (away, well) = (site.peer.clone(), site.peer.clone());
        site.clock.at(1, move || away.is_away(Some(502)));
        site.clock.at(2 * THREE_HOURS, move || well.is_away(None));
        let hears = cancels_at(&site, THREE_HOURS);
        let (engine, id, later) = (site.engine.clone(), site.id, Arc::new(Mutex::new(None)));
        let told = later.clone();
        site.clock.at(2 * THREE_HOURS - 600, move || {
            drop(tokio::spawn(async move { *told.lock().unwrap() = run(&engine, id).await.waiting }));
        });
        follow(&site.engine, site.id, false, None).await.unwrap();
        let later = english(&later.lock().unwrap().take().unwrap());
        assert_eq!(later.matches("is being cancelled").count(), 1, "{later}");
        let said = english(hears.await.unwrap().waiting.as_ref().unwrap());
        let sought = "is being cancelled: RMM waits for GitHub to say whether the run of deploy.yaml was created";
        assert!(said.starts_with(sought) && said.contains("502"), "{said}");
        assert_eq!(status(&site.engine, site.release).await, Status::Cancelled);
        assert_eq!((site.peer.dispatched(), site.peer.cancelled().len()), ((1, runs), runs));
        // GitHub's lists may lag behind by a minute.
        let took = seconds(&site) - 2 * THREE_HOURS;
        assert!(took <= 300, "{took} s after GitHub was well again");
    }
}

#[tokio::test]
async fn a_ghost_is_found_and_github_is_not_asked_again() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Ghost]);
    // The lists do not show it at once.
    let hide = || {
        let peer = peer.clone();
        move || peer.change(peer.runs()[0].id, |run| run.shown = false)
    };
    clock.at(1, hide());
    for (seconds, happens) in [(40, true), (90, false)] {
        let peer = peer.clone();
        clock.at(seconds, move || {
            let id = peer.runs()[0].id;
            if happens { peer.change(id, |run| run.shown = true) } else { peer.ends(id, "success") }
        });
    }
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deployed, (1, 1)));
}

#[tokio::test]
async fn a_run_behind_a_gateway_that_wants_no_more_questions_is_found_and_not_started_twice() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Made(429, json!({ "message": "Too many requests" }))]);
    let ends = peer.clone();
    clock.at(300, move || ends.ends(ends.runs()[0].id, "success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deployed, (1, 1)));
}

#[tokio::test]
async fn the_end_of_a_limit_is_not_told_any_more_when_it_has_come() {
    let Site { peer: _peer, clock, engine, release: _, id, _folder } = site().await;
    let until = engine.now().checked_add(Duration::from_mins(1)).unwrap();
    let limited = || Reason::Github { fault: GithubFault::RateLimited { until: Some(until), said: None } };
    let sought = || Reason::WorkflowSought { workflow: "deploy.yaml".into(), cause: None };
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let mut following = Following::of(engine.clone(), id, None);
    following.begin_looking();
    machine(&engine, Command::RunWaits { run: id, reason: Some(limited()) }).await;
    clock.sleep(Duration::from_secs(59)).await;
    following.step().await.unwrap();
    assert_eq!(run(&engine, id).await.waiting, Some(limited()), "it lasts");
    clock.sleep(Duration::from_secs(1)).await;
    // GitHub is asked again, and does not show the run yet.
    following.begin_looking();
    following.step().await.unwrap();
    assert_eq!(run(&engine, id).await.waiting, Some(sought()));
    // Nor where it was called off.
    let waits = Command::RunWaits { run: id, reason: Some(limited()) };
    let release = run(&engine, id).await.release;
    handle(&engine, ann(), Command::Cancel { release, reason: "wrong".into() }).await;
    machine(&engine, waits).await;
    let cause = Some(Box::new(sought()));
    following.step().await.unwrap();
    assert_eq!(run(&engine, id).await.waiting, Some(Reason::Stopping { why: StopKind::Cancel, cause }));
}

#[tokio::test]
async fn a_run_that_github_has_taken_and_does_not_show_is_not_started_twice() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::WithoutId]);
    let hidden = peer.clone();
    clock.at(1, move || hidden.change(hidden.runs()[0].id, |run| run.shown = false));
    follow(&engine, id, false, None).await.unwrap();
    let run = run(&engine, id).await;
    let reason = english(run.state.reason().unwrap());
    assert!(matches!(run.state, RunState::Unknown { .. }) && reason.contains("`run-name`"), "{:?}", run.state);
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deploying, (1, 1)));
    assert!(engine.clock().now().as_millisecond() >= 1_800_000_000_000 + 60 * 60 * 1000, "not before an hour");
}

#[tokio::test]
async fn a_limit_of_github_is_waited_for() {
    let Site { peer, clock, engine, release: _, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Answer(
        403,
        json!({ "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again." }),
    )]);
    let ends = peer.clone();
    clock.at(600, move || ends.ends(ends.runs()[0].id, "success"));
    let (early, asked) = (peer.clone(), Arc::new(Mutex::new(0)));
    let told = asked.clone();
    clock.at(50, move || *told.lock().unwrap() = early.dispatched().0);
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((*asked.lock().unwrap(), peer.dispatched()), (1, (2, 1)), "not again within a minute");
    assert!(peer.calls() < 40, "{} calls", peer.calls());
}

#[tokio::test]
async fn lists_that_lag_behind_after_an_outage_make_no_second_run() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    peer.dispatches_meet([Fault::Ghost]);
    let at = |seconds, happens: fn(&StandIn, u64)| {
        let peer = peer.clone();
        clock.at(seconds, move || happens(&peer, peer.runs()[0].id));
    };
    at(1, |peer, id| {
        peer.change(id, |run| run.shown = false);
        peer.is_away(Some(502));
    });
    at(90, |peer, _| peer.is_away(None));
    at(120, |peer, id| peer.change(id, |run| run.shown = true));
    at(200, |peer, id| peer.ends(id, "success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, peer.dispatched()), (Status::Deployed, (1, 1)));
}

#[tokio::test]
async fn what_github_has_taken_and_does_not_show_within_a_minute_is_cancelled_then() {
    let site = site().await;
    site.peer.dispatches_meet([Fault::WithoutId]);
    let hidden = site.peer.clone();
    site.clock.at(1, move || hidden.change(hidden.runs()[0].id, |run| run.shown = false));
    drop(cancels_at(&site, 10));
    follow(&site.engine, site.id, false, None).await.unwrap();
    assert_eq!(status(&site.engine, site.release).await, Status::Cancelled);
    let state = run(&site.engine, site.id).await.state;
    assert!(matches!(state, RunState::Stopped { .. }), "{state:?}");
    assert!((60..=180).contains(&seconds(&site)), "{} s", seconds(&site));
}
