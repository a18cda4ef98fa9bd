//! What became of a run at GitHub: asked until GitHub says it, also of one that fell silent.

use super::*;

#[tokio::test]
async fn what_became_of_a_run_that_fell_silent_is_learned_when_github_answers_again() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let ours = peer.has_run(json!({ "run_id": token }));
    machine(&engine, Command::DispatchTaken { run: id, seen: Some(seen(ours, 1, None)) }).await;
    peer.is_away(Some(502));
    clock.sleep(Duration::from_hours(2)).await;
    let shop = ServiceName::parse("service", "shop").unwrap();
    engine.handle(Request::about(Actor::Machine, shop, Command::Advance)).await.unwrap();
    assert!(run(&engine, id).await.has_fallen_silent());

    let (answers, day) = (peer.clone(), 24 * 60 * 60);
    clock.at(seconds_of(&clock) + day, move || {
        answers.is_away(None);
        answers.ends(ours, "success");
    });
    let asked = peer.calls();
    follow(&engine, id, true, None).await.unwrap();
    assert_eq!((status(&engine, release).await, run(&engine, id).await.state), (Status::Deployed, RunState::Succeeded));
    assert!(peer.calls() - asked < 60, "{} questions in a day", peer.calls() - asked);
}

#[tokio::test]
async fn that_github_has_no_run_any_more_is_said_also_of_one_that_fell_silent() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    machine(&engine, Command::DispatchTaken { run: id, seen: Some(seen(4242, 1, None)) }).await;
    peer.is_away(Some(502));
    clock.sleep(Duration::from_hours(2)).await;
    let shop = ServiceName::parse("service", "shop").unwrap();
    engine.handle(Request::about(Actor::Machine, shop, Command::Advance)).await.unwrap();
    assert!(run(&engine, id).await.has_fallen_silent());

    // It was deleted there meanwhile.
    peer.is_away(None);
    let began = seconds_of(&clock);
    follow(&engine, id, true, None).await.unwrap();
    let gone = Reason::WorkflowGone { workflow: "deploy.yaml".into(), ci_run: "4242".into() };
    assert_eq!(run(&engine, id).await.state, RunState::Unknown { reason: gone.clone() });
    let release = engine.read(move |conn| releases::get(conn, release)).await.unwrap().unwrap();
    assert_eq!((release.status, release.reason), (Status::Deploying, Some(gone)));
    assert!((60..120).contains(&(seconds_of(&clock) - began)), "after a minute in which it may have been late");
}

#[tokio::test]
async fn how_a_run_ended_is_asked_for_until_github_says_it() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    let at = |seconds, status: &'static str, conclusion: Option<&'static str>| {
        let peer = peer.clone();
        clock.at(seconds, move || {
            peer.change(peer.runs()[0].id, |run| {
                (run.begun, run.status, run.conclusion) = (true, status.into(), conclusion.map(Into::into));
            });
        });
    };
    at(30, "in_progress", None);
    at(60, "completed", None);
    at(180, "completed", Some("success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!((status(&engine, release).await, run(&engine, id).await.state), (Status::Deployed, RunState::Succeeded));
}

#[tokio::test]
async fn a_rollback_that_the_workflow_does_itself_is_found_by_the_name_of_its_deploy() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    // The first version is there, and the next one goes back.
    let ends = peer.clone();
    clock.at(30, move || ends.ends(ends.runs()[0].id, "success"));
    follow(&engine, id, false, None).await.unwrap();
    assert_eq!(status(&engine, release).await, Status::Deployed);
    let (newer, id) = approved_as(&engine, "v2", "1123456789abcdef0123456789abcdef01234567").await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let at_github = peer.has_run(json!({ "run_id": token }));
    for status in [Status::Deploying, Status::ProductionRollback] {
        handle(&engine, ci(), Command::Report { release: newer, status, ci_run: None }).await;
    }
    let back = engine.read(move |conn| runs::of_release(conn, newer)).await.unwrap();
    let back = back.into_iter().find(|run| run.kind == RunKind::Rollback).unwrap();
    assert_eq!(back.ci_run, None);
    let ends = peer.clone();
    clock.at(120, move || ends.ends(at_github, "failure"));
    follow(&engine, back.id, true, None).await.unwrap();
    let back = run(&engine, back.id).await;
    assert_eq!(back.ci_run, Some(at_github.to_string()));
    assert_eq!((status(&engine, newer).await, peer.dispatched()), (Status::RollbackFailed, (1, 2)));
}

#[tokio::test]
async fn after_an_end_without_a_report_production_is_asked_whether_it_is_well() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = listener.local_addr().unwrap();
    for (address, comes_to) in [(there.to_string(), Status::Deployed), ("127.0.0.1:1".into(), Status::RollbackFailed)] {
        let health = format!("health = {{ tcp = \"{address}\", via = \"rmm\", attempts = 2 }}\n");
        let Site { peer, clock, engine, release, id, _folder } = site_with(&health).await;
        let ends = peer.clone();
        clock.at(30, move || ends.ends(ends.runs()[0].id, "success"));
        follow(&engine, id, false, None).await.unwrap();
        let state = run(&engine, id).await.state;
        assert_eq!(status(&engine, release).await, comes_to, "{state:?}");
    }
}
