//! Reports while GitHub does not say which run is the one that was started.

use super::*;

/// A report of the run at GitHub with this number, after it was looked up.
async fn reported(engine: &Engine, release: ReleaseId, status: Status, id: &str) -> Result<(), Code> {
    let reporter = Reporter::of(id.into(), Some(1), None);
    let ci_run = engine.look_up_reporter(release, Some(reporter)).await.unwrap();
    let ci = Actor::Token { name: "ci".into(), role: Role::Ci, services: Vec::new() };
    let request = Request::new(ci, Command::Report { release, status, ci_run });
    match engine.handle(request).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(refusal)) => Err(refusal.code),
        Err(failure) => panic!("{failure}"),
    }
}

#[tokio::test]
async fn no_other_run_is_taken_for_the_one_that_was_started() {
    let Site { peer, clock: _, engine, release, id, _folder } = site().await;
    let stale = Err(Code::StaleReport);
    assert_eq!(reported(&engine, release, Status::Deploying, "7000").await, stale, "GitHub was not asked for one yet");
    // It is asked, and its answer is lost.
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    peer.has_run(json!({ "run_id": "something else" }));
    peer.has_run(json!({ "run_id": token }));
    for other in ["7000", "6999", "build-12"] {
        assert_eq!(reported(&engine, release, Status::Deploying, other).await, stale, "{other}");
    }
    assert_eq!(status(&engine, release).await, Status::ManualTestPassed);
    assert_eq!(reported(&engine, release, Status::Deploying, "7001").await, Ok(()));
    assert_eq!(run(&engine, id).await.ci_run.as_deref(), Some("7001"));
}

#[tokio::test]
async fn a_run_that_github_denies_takes_no_release_over() {
    let Site { peer, clock: _, engine, release, id, _folder } = site().await;
    let stale = Err(Code::StaleReport);
    machine(&engine, Command::DispatchAsked { run: id }).await;
    // GitHub has made a run of it, and its lists do not show it yet.
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let ours = peer.has_run(json!({ "run_id": token }));
    peer.change(ours, |run| run.shown = false);
    for status in [Status::Deploying, Status::Deployed] {
        assert_eq!(reported(&engine, release, status, "4242").await, stale, "{status:?}");
    }
    peer.change(ours, |run| run.shown = true);
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, stale, "nor afterwards");
    assert_eq!(reported(&engine, release, Status::Deploying, &ours.to_string()).await, Ok(()));
    assert_eq!(run(&engine, id).await.ci_run, Some(ours.to_string()));
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, stale);
}

#[tokio::test]
async fn while_github_says_nothing_a_report_has_to_wait_and_the_true_run_is_heard_afterwards() {
    let Site { peer, clock, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let token = run(&engine, id).await.token(&engine.ports().instance);
    let ours = peer.has_run(json!({ "run_id": token })).to_string();
    for trouble in [502, 403, 429, 500] {
        peer.is_away(Some(trouble));
        for status in [Status::Deploying, Status::Deployed, Status::ProductionRollback, Status::RollbackDone] {
            for ci_run in ["4242", &ours] {
                let waits = Err(Code::ReporterNotKnown);
                assert_eq!(reported(&engine, release, status, ci_run).await, waits, "{trouble} {status} {ci_run}");
            }
        }
        // The end of a limit is waited for.
        clock.sleep(Duration::from_mins(2)).await;
    }
    assert_eq!(status(&engine, release).await, Status::ManualTestPassed);
    peer.is_away(None);
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, Err(Code::StaleReport));
    assert_eq!(reported(&engine, release, Status::Deploying, &ours).await, Ok(()));
    assert_eq!(run(&engine, id).await.ci_run, Some(ours.clone()));
    // From here on its number tells, and GitHub need not be asked.
    peer.is_away(Some(502));
    assert_eq!(reported(&engine, release, Status::Deployed, "4242").await, Err(Code::StaleReport));
    assert_eq!(reported(&engine, release, Status::Deployed, &ours).await, Ok(()));
}

#[tokio::test]
async fn without_a_login_for_github_a_report_is_all_there_is() {
    let Site { peer, clock: _, engine, release, id, _folder } = site().await;
    machine(&engine, Command::DispatchAsked { run: id }).await;
    let without = Config { github: None, ..config(_folder.path(), &peer.url, "") };
    engine.inner.catalog.send_replace(Arc::new(Catalog::new(&without)));
    assert_eq!(reported(&engine, release, Status::Deploying, "7000").await, Ok(()));
}
