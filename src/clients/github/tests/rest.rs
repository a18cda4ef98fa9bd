//! Repositories, webhooks, and what RMM leaves there.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::domain::mark::{CommitState, DeploymentState};

fn commits(from: usize, count: usize) -> Vec<Value> {
    let commit = |number: usize| {
        json!({
            "sha": format!("{number:040x}"), "html_url": format!("https://github.com/acme/shop/commit/{number}"),
            "commit": { "message": format!("Change {number}\n\nbecause"), "author": { "name": "Ann" } },
            "author": if number.is_multiple_of(2) { json!({ "login": "ann-k", "id": 1 }) } else { Value::Null },
        })
    };
    (from..from + count).map(commit).collect()
}

fn comparison(total: usize, commits: &[Value]) -> Reply {
    says(
        200,
        &json!({
            "status": "ahead", "ahead_by": total, "behind_by": 0, "total_commits": total,
            "html_url": "https://github.com/acme/shop/compare/a...b", "commits": commits,
        }),
    )
}

#[tokio::test]
async fn commits_between_two_tags_are_told_up_to_a_bound() {
    let peer = Peer::start().await;
    let compare = "GET /repos/acme/shop/compare/v1.3.0...v1.4.0";
    // The first page, and then the last ones.
    for (from, count) in [(0, 100), (1200, 34), (1100, 100), (1000, 100), (900, 100)] {
        peer.answers(compare, comparison(1234, &commits(from, count)));
    }
    let found = peer.client().compare(&repo(), "v1.3.0", "v1.4.0").await.unwrap();
    assert_eq!((found.total, found.commits.len(), found.status.as_str()), (1234, 250, "ahead"));
    let [first, second, ..] = &found.commits[..] else { panic!("commits") };
    assert_eq!(
        (first.title.as_str(), first.author.as_str(), first.login.as_deref()),
        ("Change 984", "Ann", Some("ann-k"))
    );
    assert_eq!((second.title.as_str(), second.login.as_deref()), ("Change 985", None));
    assert_eq!(found.commits.last().unwrap().title, "Change 1233");
    let pages: Vec<_> = peer.lines().into_iter().map(|line| line.rsplit_once("&page=").unwrap().1.to_owned()).collect();
    assert_eq!(pages, ["1", "13", "12", "11", "10"]);

    let peer = Peer::start().await;
    peer.answers(compare, comparison(2, &commits(0, 2)));
    assert_eq!(peer.client().compare(&repo(), "v1.3.0", "v1.4.0").await.unwrap().commits.len(), 2);
    assert_eq!(peer.asked().len(), 1);
    let what = Sought::Commits { repo: repo(), base: "a".into(), head: "b".into() };
    assert_eq!(peer.client().compare(&repo(), "a", "b").await, Err(GithubFault::NotFound { what }));
}

#[tokio::test]
async fn nothing_in_a_name_leads_elsewhere() {
    let peer = Peer::start().await;
    let github = peer.client();
    let _ = github.compare(&repo(), "release/1 ?#", "..").await;
    let _ = github.workflow(&repo(), "../../../user").await;
    let _ = github.file(&repo(), "/.github/../../x y.yml", "a&ref=b").await;
    let _ = github.workflow(&repo(), "..").await;
    assert_eq!(
        peer.lines(),
        [
            "GET /repos/acme/shop/compare/release%2F1%20%3F%23...%252E%252E?per_page=100&page=1",
            "GET /repos/acme/shop/actions/workflows/..%2F..%2F..%2Fuser",
            "GET /repos/acme/shop/contents/.github%2F..%2F..%2Fx%20y.yml?ref=a%26ref%3Db",
            "GET /repos/acme/shop/actions/workflows/%252E%252E",
        ]
    );
}

#[tokio::test]
async fn a_repository_tells_what_may_be_done_there() {
    let peer = Peer::start().await;
    let about = json!({
        "id": 7, "full_name": "acme/shop", "default_branch": "trunk", "private": true, "archived": false,
        "permissions": { "admin": false, "push": true, "pull": true },
    });
    peer.answers("GET /repos/acme/shop", says(200, &about));
    let github = peer.client();
    let repository = github.repository(&repo()).await.unwrap();
    assert_eq!((repository.id, repository.permissions["push"], repository.private), (7, true, true));
    assert_eq!(github.default_branch(&repo()).await.as_deref(), Ok("trunk"));
    let other = RepoName::parse("acme/gone").unwrap();
    let what = Sought::Repository { repo: other.clone() };
    assert_eq!(github.default_branch(&other).await, Err(GithubFault::NotFound { what }));
}

#[tokio::test]
async fn a_workflow_and_its_file_can_be_looked_at() {
    let peer = Peer::start().await;
    let workflow =
        json!({ "id": 3, "name": "Deploy", "path": ".github/workflows/deploy.yml", "state": "disabled_manually" });
    peer.answers("GET /repos/acme/shop/actions/workflows/deploy.yml", says(200, &workflow));
    let github = peer.client();
    let found = github.workflow(&repo(), "deploy.yml").await.unwrap();
    assert!(!found.is_active() && found.path == ".github/workflows/deploy.yml");
    let fault = GithubFault::NoWorkflow { repo: repo(), workflow: "other.yml".into() };
    assert_eq!(github.workflow(&repo(), "other.yml").await, Err(fault));

    let path = "GET /repos/acme/shop/contents/.github%2Fworkflows%2Fdeploy.yml";
    let content = BASE64_STANDARD.encode("on: workflow_dispatch # ждём\n");
    let (first, second) = content.split_at(10);
    let file = json!({ "type": "file", "encoding": "base64", "content": format!("{first}\n{second}\n") });
    peer.answers(path, says(200, &file));
    peer.answers(path, says(200, &json!({ "type": "file", "encoding": "none", "content": "" })));
    let text = github.file(&repo(), ".github/workflows/deploy.yml", "main").await.unwrap();
    assert_eq!(text, "on: workflow_dispatch # ждём\n");
    let fault = github.file(&repo(), ".github/workflows/deploy.yml", "main").await.unwrap_err();
    assert_eq!(fault, GithubFault::TooLong { limit: 1024 * 1024 });
    assert!(peer.lines().last().unwrap().ends_with("deploy.yml?ref=main"));
}

#[tokio::test]
async fn what_a_webhook_has_delivered_can_be_read() {
    let peer = Peer::start().await;
    let hooks = json!([{
        "id": 5, "active": true, "events": ["push"], "config": { "url": "https://rmm.example.com/hooks/github" },
        "last_response": { "code": 502, "status": "failed to connect", "message": null },
    }]);
    peer.answers("GET /repos/acme/shop/hooks", says(200, &hooks));
    let github = peer.client();
    let [hook] = &github.hooks(&repo()).await.unwrap()[..] else { panic!("a hook") };
    assert_eq!((hook.id, hook.config.url.as_str()), (5, "https://rmm.example.com/hooks/github"));

    let delivery = json!({
        "id": 9, "guid": "0b989ba4-242f-11e5-81e1-c7b6966d2516", "delivered_at": "2026-11-29T05:59:00Z", "redelivery": false,
        "duration": 0.27, "status": "OK", "status_code": 200, "event": "workflow_run", "action": "completed",
        "installation_id": null, "repository_id": 7,
    });
    let place = HookPlace::Repository { repo: repo(), hook: 5 };
    let link = "<https://api.github.com/repositories/7/hooks/5/deliveries?per_page=100&cursor=v1_8>; rel=\"next\"";
    let deliveries = "GET /repos/acme/shop/hooks/5/deliveries";
    peer.answers(deliveries, says(200, &json!([delivery])).with("link", link));
    peer.answers(deliveries, says(200, &json!([])));
    let page = github.deliveries(&place, None).await.unwrap();
    assert_eq!((page.deliveries[0].id, page.next.as_deref()), (9, Some("v1_8")));
    let last = github.deliveries(&place, page.next.as_deref()).await.unwrap();
    assert_eq!((last.deliveries.len(), last.next), (0, None));
    assert!(peer.lines().last().unwrap().ends_with("?per_page=100&cursor=v1_8"));

    let mut whole = delivery.clone();
    whole["request"] = json!({ "headers": {}, "payload": { "action": "completed" } });
    peer.answers("GET /repos/acme/shop/hooks/5/deliveries/9", says(200, &whole));
    let (told, payload) = github.delivery(&place, 9).await.unwrap();
    assert_eq!((told.event.as_str(), payload), ("workflow_run", json!({ "action": "completed" })));
    peer.answers("POST /repos/acme/shop/hooks/5/deliveries/9/attempts", says(202, &json!({})));
    assert_eq!(github.redeliver(&place, 9).await, Ok(()));
}

#[tokio::test]
async fn what_rmm_leaves_there_merges_nothing_and_waits_for_nothing() {
    let peer = Peer::start().await;
    peer.answers("POST /repos/acme/shop/deployments", says(201, &json!({ "id": 31 })));
    peer.answers("POST /repos/acme/shop/deployments/31/statuses", says(201, &json!({ "id": 1 })));
    peer.answers("POST /repos/acme/shop/statuses/abc", says(201, &json!({ "id": 2 })));
    peer.answers("POST /repos/acme/shop/issues/12/comments", says(201, &json!({ "id": 44 })));
    peer.answers("PATCH /repos/acme/shop/issues/comments/44", says(200, &json!({ "id": 44 })));
    let github = peer.client();
    let long = "й".repeat(200);
    let new = NewDeployment {
        git_ref: "v1.4.0",
        environment: "production",
        task: "deploy",
        word: "here-7",
        description: &long,
        production: true,
        transient: false,
    };
    let deployment = github.deployment(&repo(), &new).await.unwrap();
    let page = Some("https://rmm.example.com/releases/7");
    github.deployment_status(&repo(), deployment, DeploymentState::InProgress, "runs", page).await.unwrap();
    github.commit_status(&repo(), "abc", "rmm/approved", CommitState::Pending, "1 of 2", page).await.unwrap();
    let comment = github.comment(&repo(), 12, "v1.4.0 waits").await.unwrap();
    github.edit_comment(&repo(), comment, "v1.4.0 is out").await.unwrap();
    let bodies: Vec<_> = peer.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(
        bodies,
        [
            json!({
                "ref": "v1.4.0", "environment": "production", "task": "deploy", "payload": { "rmm": "here-7" }, "description": "й".repeat(140),
                "production_environment": true, "transient_environment": false, "auto_merge": false, "required_contexts": [],
            }),
            json!({
                "state": "in_progress", "description": "runs", "auto_inactive": true,
                "log_url": "https://rmm.example.com/releases/7",
            }),
            json!({
                "state": "pending", "context": "rmm/approved", "description": "1 of 2",
                "target_url": "https://rmm.example.com/releases/7",
            }),
            json!({ "body": "v1.4.0 waits" }),
            json!({ "body": "v1.4.0 is out" }),
        ]
    );
}

#[tokio::test]
async fn what_rmm_has_left_there_is_found_again() {
    let peer = Peer::start().await;
    let github = peer.client();
    let new = NewDeployment {
        git_ref: "v1",
        environment: "production",
        task: "deploy",
        word: "here-7",
        description: "",
        production: true,
        transient: false,
    };
    let found = json!([
        { "id": 9, "payload": "" },
        { "id": 8, "payload": { "rmm": "here-8" } },
        { "id": 7, "payload": "{\"rmm\":\"here-7\"}" },
    ]);
    peer.answers("GET /repos/acme/shop/deployments", says(200, &found));
    assert_eq!(github.made_deployment(&repo(), &new).await, Ok(Some(7)));
    assert!(peer.lines().last().unwrap().ends_with("?ref=v1&environment=production&per_page=100"));
    assert_eq!(github.made_deployment(&repo(), &NewDeployment { word: "there-7", ..new }).await, Ok(None));

    let line = "<!-- rmm:release:here:7 -->";
    let comment = |id: u64, body: &str| json!({ "id": id, "body": body });
    let full: Vec<_> = (0..100).map(|id| comment(id, "> <!-- rmm:release:here:7 -->\nas you say")).collect();
    peer.answers("GET /repos/acme/shop/issues/6/comments", says(200, &json!(full)));
    peer.answers(
        "GET /repos/acme/shop/issues/6/comments",
        says(200, &json!([comment(200, &format!("{line}\r\nshop"))])),
    );
    let since = "2026-11-28T06:00:05Z".parse().unwrap();
    assert_eq!(github.made_comment(&repo(), 6, line, since).await, Ok(Some(200)));
    assert!(peer.lines().last().unwrap().ends_with("?since=2026-11-28T06%3A00%3A05Z&per_page=100&page=2"));
}

#[tokio::test]
async fn the_pull_request_of_a_commit_is_the_one_that_has_brought_it() {
    let pull = |number: u64, state: &str, merged: Option<&str>, sha: Option<&str>| json!({ "number": number, "state": state, "merged_at": merged, "merge_commit_sha": sha });
    let (open, closed) = (pull(1, "open", None, Some("abc")), pull(2, "closed", None, Some("abc")));
    let day = Some("2026-11-28T06:00:05Z");
    let (merged, its_merge) = (pull(3, "closed", day, None), pull(4, "closed", day, Some("abc")));
    let cases = [
        (json!([open, merged, its_merge, closed]), Some(4)),
        (json!([open, merged]), Some(3)),
        (json!([closed, open]), Some(1)),
        (json!([closed]), None),
        (json!([]), None),
    ];
    for (pulls, expected) in cases {
        let peer = Peer::start().await;
        peer.answers("GET /repos/acme/shop/commits/abc/pulls", says(200, &pulls));
        assert_eq!(peer.client().pull_of(&repo(), "abc").await, Ok(expected), "{pulls}");
    }
}

#[tokio::test]
async fn a_token_tells_whose_it_is() {
    let peer = Peer::start().await;
    peer.answers(
        "GET /user",
        says(200, &json!({ "login": "acme-bot", "id": 1 }))
            .with("x-oauth-scopes", "repo, workflow")
            .with("github-authentication-token-expiration", "2026-12-01 00:00:00 UTC")
            .with("date", "Sun, 29 Nov 2026 06:00:05 GMT"),
    );
    let met = peer.client().meet().await;
    let me = met.who.unwrap();
    assert_eq!((me.name.as_str(), me.is_app), ("acme-bot", false));
    assert_eq!(me.scopes, Some(vec!["repo".to_owned(), "workflow".to_owned()]));
    assert_eq!(me.expires.as_deref(), Some("2026-12-01 00:00:00 UTC"));
    assert_eq!(met.ahead, Some(jiff::SignedDuration::from_secs(-5)));
}

#[tokio::test]
async fn merged_pull_requests_are_known_by_their_commit() {
    let peer = Peer::start().await;
    let pull = |number: u64, merged: bool| {
        json!({
            "number": number, "title": format!("Pull {number}"), "html_url": "https://x", "state": "closed",
            "user": if number == 2 { Value::Null } else { json!({ "login": "ann-k", "id": 1 }) },
            "merged_at": if merged { json!("2026-11-29T06:00:00Z") } else { Value::Null }, "merge_commit_sha": format!("{number:040x}"),
        })
    };
    let page: Vec<_> = (1..=50).map(|number| pull(number, number != 3)).collect();
    peer.answers("GET /repos/acme/shop/pulls", says(200, &json!(page)));
    let wanted = |commit: &str| {
        ["1", "2", "3"].iter().any(|number| commit.ends_with(number) && commit.starts_with(&"0".repeat(39)))
    };
    let found = peer.client().pulls_of_commits(&repo(), wanted).await.unwrap();
    assert_eq!(found.len(), 8, "the same page four times, and two each");
    assert_eq!((found[0].number, found[0].login.as_deref(), found[1].login.as_deref()), (1, Some("ann-k"), None));
    assert_eq!(
        peer.lines()[3],
        "GET /repos/acme/shop/pulls?state=closed&sort=updated&direction=desc&per_page=50&page=4"
    );
}

#[tokio::test]
async fn a_protection_rule_is_answered_at_the_address_that_rmm_knows() {
    let peer = Peer::start().await;
    peer.answers(
        "GET /repos/acme/shop/actions/runs",
        says(200, &json!({ "total_count": 1, "workflow_runs": [run_at("waiting", Value::Null)] })),
    );
    let waits =
        json!([{ "environment": { "id": 1, "name": "live 1" }, "reviewers": [] }, { "environment": { "id": null } }]);
    peer.answers("GET /repos/acme/shop/actions/runs/4711/pending_deployments", says(200, &waits));
    peer.answers("POST /repos/acme/shop/actions/runs/4711/deployment_protection_rule", nothing(204));
    let github = peer.client();
    let [run] = &github.waiting_runs(&repo()).await.unwrap()[..] else { panic!("a run") };
    assert_eq!((run.id, run.branch.as_deref()), (4711, None));
    assert_eq!(github.pending_environments(&repo(), 4711).await.unwrap(), ["live 1"]);
    github.answer_protection_rule(&repo(), 4711, "live 1", None, &"й".repeat(2000)).await.unwrap();
    github.answer_protection_rule(&repo(), 4711, "live 1", Some(true), "clear").await.unwrap();
    github.answer_protection_rule(&repo(), 4711, "live 1", Some(false), "over").await.unwrap();
    let bodies: Vec<_> = peer.asked().into_iter().skip(2).map(|asked| asked.body).collect();
    assert_eq!(
        bodies,
        [
            json!({ "environment_name": "live 1", "comment": "й".repeat(1024) }),
            json!({ "environment_name": "live 1", "comment": "clear", "state": "approved" }),
            json!({ "environment_name": "live 1", "comment": "over", "state": "rejected" }),
        ]
    );
}

#[tokio::test]
async fn a_limit_holds_for_the_same_login_under_a_new_configuration_too() {
    let (peer, path) = (Peer::start().await, "GET /repos/acme/shop/compare/a...b");
    peer.answers(path, refuses(403, "You have exceeded a secondary rate limit.").with("retry-after", 60));
    let before = peer.client();
    let limited = |fault: &GithubFault| matches!(fault, GithubFault::RateLimited { until: Some(_), .. });
    assert!(limited(&before.compare(&repo(), "a", "b").await.unwrap_err()));

    let read_again = |token: &str| {
        let mut client = peer.client_as(Credentials::Token(SecretString::from(token)));
        client.keep_limits_of(&before);
        client
    };
    assert!(limited(&read_again(TOKEN).compare(&repo(), "a", "b").await.unwrap_err()));
    assert_eq!(peer.asked().len(), 1, "the same login does not ask while the limit lasts");
    let _ = read_again("another").compare(&repo(), "a", "b").await;
    assert_eq!(peer.asked().len(), 2, "another login has a limit of its own");
}
