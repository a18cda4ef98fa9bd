//! What is left where not all of it is wanted.

use super::*;

#[tokio::test]
async fn a_comment_that_was_deleted_stays_away_and_without_a_pull_request_there_is_none() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.settles().await;
    site.peer.deletes_comments();
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    let asked =
        || site.peer.asked_about_marks().iter().filter(|it| it.contains("/comments") || it.contains("/pulls")).count();
    let before = asked();
    site.reports(release, &[Status::StageTestRollback]).await;
    site.settles().await;
    assert_eq!((asked(), site.peer.comments().len()), (before, 0));

    let pulls = site.peer.pulls();
    site.peer.has_pulls(Vec::new());
    site.handle(person("ann"), Command::Cancel { release, reason: "no".into() }).await;
    let release = site.release("v2").await;
    site.settles().await;
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    assert_eq!((asked(), site.peer.comments().len()), (before + 2, 0), "once for each thing there is to say");
    // One is opened later.
    site.peer.has_pulls(pulls);
    site.reports(release, &[Status::StageTestRollback]).await;
    site.settles().await;
    assert_eq!(site.peer.comments().len(), 1);
}

#[tokio::test]
async fn what_is_switched_off_is_not_asked_for() {
    for (switch, part) in
        [("deployments", "/deployments"), ("commit_status", "/shop/statuses/"), ("pull_request_comment", "/comments")]
    {
        let site = Site::new(&format!("{switch} = false")).await;
        site.settles().await;
        site.deployed("v1").await;
        site.settles().await;
        let asked = site.peer.asked_about_marks();
        assert!(!asked.is_empty() && asked.iter().all(|it| !it.contains(part)), "{switch}: {asked:?}");
    }
}

#[tokio::test]
async fn without_any_switch_nothing_is_asked_and_what_happened_meanwhile_is_not_left_afterwards() {
    let off = "deployments = false\ncommit_status = false\npull_request_comment = false";
    let site = Site::new("").await;
    site.settles().await;
    site.engine.reconfigure(catalog(site.folder.path(), &site.peer.url, off)).await;
    site.deployed("v1").await;
    while site.engine.read(marks::noted).await.unwrap().is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(site.peer.calls(), 0);
    site.engine.reconfigure(catalog(site.folder.path(), &site.peer.url, "")).await;
    while site.engine.read(marks::noted).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    site.release("v2").await;
    site.settles().await;
    assert_eq!(site.statuses(), ["2 pending: 0 of 2 approvals given"]);
    assert_eq!(site.deployments(), Vec::<String>::new());
}
