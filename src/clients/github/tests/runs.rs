//! Runs of workflows.

use super::*;

const RUN: &str = "GET /repos/acme/shop/actions/runs/4711";
const RUNS: &str = "GET /repos/acme/shop/actions/workflows/deploy.yml/runs";
const JOBS: &str = "GET /repos/acme/shop/actions/runs/4711/jobs";

#[tokio::test]
async fn a_run_that_has_not_changed_is_remembered() {
    let peer = Peer::start().await;
    peer.answers(RUN, says(200, &run_at("in_progress", Value::Null)).with("etag", "W/\"a\""));
    peer.answers(RUN, nothing(304));
    peer.answers(RUN, says(200, &run_at("completed", json!("success"))).with("etag", "W/\"b\""));
    let github = peer.client();
    let first = github.run(&repo(), 4711).await.unwrap();
    assert_eq!((first.attempt, &first.status, &first.conclusion), (2, &RunStatus::InProgress, &None));
    assert_eq!(github.run(&repo(), 4711).await.unwrap(), first);
    let ended = github.run(&repo(), 4711).await.unwrap();
    assert_eq!((ended.status, ended.conclusion), (RunStatus::Completed, Some(Conclusion::Success)));
    let marks: Vec<_> = peer.asked().iter().map(|asked| asked.all("if-none-match")).collect();
    assert_eq!(marks, [vec![], vec!["W/\"a\"".to_owned()], vec!["W/\"a\"".to_owned()]]);
}

#[tokio::test]
async fn what_a_later_github_says_is_kept() {
    let peer = Peer::start().await;
    peer.answers(RUN, says(200, &run_at("dreaming", json!("serene"))));
    let run = peer.client().run(&repo(), 4711).await.unwrap();
    assert_eq!(run.status, RunStatus::Other("dreaming".into()));
    assert_eq!(run.conclusion, Some(Conclusion::Other("serene".into())));
    let mut bare = run_at("queued", Value::Null);
    bare["name"] = Value::Null;
    bare.as_object_mut().unwrap().remove("path");
    peer.answers(RUN, says(200, &bare));
    peer.client().run(&repo(), 4711).await.unwrap();
    assert_eq!(peer.client().run(&repo(), 4711).await.unwrap().name, "");
}

#[tokio::test]
async fn a_run_that_is_gone_is_named() {
    let peer = Peer::start().await;
    let fault = peer.client().run(&repo(), 4711).await.unwrap_err();
    assert_eq!(fault, GithubFault::NotFound { what: Sought::Run { repo: repo(), run: 4711 } });
    peer.answers(RUN, says(200, &json!({ "id": 4711, "status": 7 })));
    let fault = peer.client().run(&repo(), 4711).await.unwrap_err();
    assert_eq!(fault, GithubFault::Unreadable { said: "`status` has another type or is missing".into() });
}

#[tokio::test]
async fn a_run_is_found_by_the_word_in_its_title() {
    let peer = Peer::start().await;
    let titled = |id: u64, title: &str| {
        let mut run = run_at("queued", Value::Null);
        run["id"] = id.into();
        run["display_title"] = title.into();
        run
    };
    let others: Vec<_> = (0..100).map(|id| titled(id, "Deploy rmm-12-x71")).collect();
    peer.answers(RUNS, says(200, &json!({ "total_count": 102, "workflow_runs": others })));
    let last = [titled(8, "Deploy rmm-12-x7"), titled(7, "Deploy rmm-12-x7")];
    peer.answers(RUNS, says(200, &json!({ "total_count": 102, "workflow_runs": last })));
    let github = peer.client();
    let found = github.find_run(&repo(), "deploy.yml", peer.now(), "rmm-12-x7").await.unwrap();
    assert_eq!(found.map(|run| run.id), Some(8), "the newest one");
    assert_eq!(peer.lines()[0], format!("{RUNS}?event=workflow_dispatch&per_page=100&page=1"));
    assert_eq!(github.find_run(&repo(), "deploy.yml", peer.now(), "rmm-13-x7").await.unwrap(), None);
    let fault = github.find_run(&repo(), "other.yml", peer.now(), "x").await.unwrap_err();
    assert_eq!(fault, GithubFault::NoWorkflow { repo: repo(), workflow: "other.yml".into() });
}

#[tokio::test]
async fn the_clock_of_rmm_does_not_decide_which_run_it_is() {
    let peer = Peer::start().await;
    let ours = run_at("queued", Value::Null);
    peer.answers(RUNS, says(200, &json!({ "total_count": 1, "workflow_runs": [ours] })));
    for hours in [0, 1, 23, 100] {
        let ahead = peer.now() + Duration::from_secs(hours * 3600);
        let found = peer.client().find_run(&repo(), "deploy.yml", ahead, "rmm-12-x7").await.unwrap();
        assert!(found.is_some(), "{hours} hours ahead");
    }
}

#[tokio::test]
async fn what_is_older_than_any_clock_can_be_wrong_is_not_looked_through() {
    let peer = Peer::start().await;
    let runs = vec![run_at("completed", json!("success")); 100];
    peer.answers(RUNS, says(200, &json!({ "total_count": 900, "workflow_runs": runs })));
    let later = peer.now() + Duration::from_secs(30 * 3600);
    assert_eq!(peer.client().find_run(&repo(), "deploy.yml", later, "rmm-99-x7").await.unwrap(), None);
    assert_eq!(peer.asked().len(), 1, "what comes behind is older still");
}

#[tokio::test]
async fn no_more_than_three_pages_are_looked_through() {
    let peer = Peer::start().await;
    let others = vec![run_at("queued", Value::Null); 100];
    peer.answers(RUNS, says(200, &json!({ "total_count": 9000, "workflow_runs": others })));
    assert_eq!(peer.client().find_run(&repo(), "deploy.yml", peer.now(), "rmm-99").await.unwrap(), None);
    assert_eq!(peer.asked().len(), 3);
}

#[tokio::test]
async fn a_run_has_begun_when_a_runner_has_taken_a_job() {
    let step = json!([{ "name": "Set up job", "status": "in_progress", "number": 1 }]);
    for (jobs, begun) in [
        (json!([]), false),
        (json!([{ "status": "queued", "runner_id": null, "runner_name": null, "steps": [] }]), false),
        (json!([{ "status": "waiting", "runner_id": 0, "runner_name": "" }]), false),
        (
            json!([{ "status": "completed", "conclusion": "cancelled", "runner_id": 0, "runner_name": "", "steps": [] }]),
            false,
        ),
        (json!([{ "status": "completed", "conclusion": "skipped", "steps": [] }]), false),
        (json!([{ "status": "in_progress", "steps": [] }]), true),
        (json!([{ "status": "queued", "runner_id": 7, "runner_name": "builder" }]), true),
        (json!([{ "status": "completed", "conclusion": "skipped" }, { "status": "completed", "steps": step }]), true),
    ] {
        let peer = Peer::start().await;
        peer.answers(JOBS, says(200, &json!({ "total_count": 1, "jobs": jobs })));
        assert_eq!(peer.client().has_begun(&repo(), 4711).await, Ok(begun), "{jobs}");
    }
}

#[tokio::test]
async fn the_jobs_of_every_attempt_count_and_are_asked_for_at_once() {
    let peer = Peer::start().await;
    let jobs = json!([
        { "status": "completed", "conclusion": "failure", "runner_id": 7, "run_attempt": 1 },
        { "status": "queued", "runner_id": 0, "run_attempt": 2 },
    ]);
    peer.answers(JOBS, says(200, &json!({ "total_count": 2, "jobs": jobs })));
    assert_eq!(peer.client().has_begun(&repo(), 4711).await, Ok(true));
    assert_eq!(peer.lines(), [format!("{JOBS}?filter=all&per_page=100&page=1")]);
}

#[tokio::test]
async fn a_run_that_has_ended_is_cancelled_as_well() {
    let peer = Peer::start().await;
    let cancel = "POST /repos/acme/shop/actions/runs/4711/cancel";
    peer.answers(cancel, says(202, &json!({})));
    peer.answers(cancel, refuses(409, "Cannot cancel a workflow run that is completed."));
    peer.answers(cancel, refuses(404, "Not Found"));
    let github = peer.client();
    assert_eq!(github.cancel(&repo(), 4711).await, Ok(()));
    assert_eq!(github.cancel(&repo(), 4711).await, Ok(()));
    let what = Sought::Run { repo: repo(), run: 4711 };
    assert_eq!(github.cancel(&repo(), 4711).await, Err(GithubFault::NotFound { what }));
}
