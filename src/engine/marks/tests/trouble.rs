//! What is found there when GitHub, or RMM, does not do its part.

use super::*;

#[tokio::test]
async fn after_an_outage_github_shows_what_is_so_and_not_how_it_came() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.is_away(Some(502));
    site.deployed("v1").await;
    // What was looked at before the end is refused, too.
    let calls = site.peer.calls();
    while site.peer.calls() < calls + 3 {
        site.clock.leaps();
        tokio::task::yield_now().await;
    }
    site.peer.is_away(None);
    site.settles().await;
    assert_eq!(site.statuses(), ["1 success: approved: 2 approvals"]);
    let mut deployments = site.deployments();
    deployments.sort();
    assert_eq!(deployments, ["production deploy 1: success", "stage deploy 1: success"]);
    assert!(site.comment().contains("✅ Went to production"));
    assert_eq!(site.peer.edits(), 0);
}

#[tokio::test]
async fn what_fails_for_one_holds_up_no_other() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/commits/1", 500)));
    site.deployed("v1").await;
    site.deployed("v2").await;
    while site.peer.comments().is_empty() {
        tokio::task::yield_now().await;
    }
    site.settles_but(&[MarkKind::Comment]).await;
    assert_eq!(site.deployments().len(), 4);
    site.peer.refuses(None);
    site.settles().await;
    assert_eq!(site.peer.comments().len(), 2);
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_found_again() {
    let site = Site::new("").await;
    site.settles().await;
    // One deployment and one comment, at least; what comes after them is tried again, too.
    site.peer.loses_answers(2);
    let release = site.release("v1").await;
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    assert_eq!(site.deployments(), ["stage deploy 1: in_progress"]);
    assert!(site.comment().contains("🔧 Goes to stage"));
}

#[tokio::test]
async fn an_rmm_that_is_killed_before_it_has_noted_what_it_made_makes_it_once() {
    let site = Site::new("").await;
    site.settles().await;
    let release = site.release("v1").await;
    site.reports(release, &[Status::StageBuilding]).await;
    site.settles().await;
    // As if the process had ended between GitHub's answer and the note of it.
    let run = site.engine.read(move |conn| runs::of_release(conn, release)).await.unwrap().pop().unwrap();
    let shop = ServiceName::parse("service", "shop").unwrap();
    let at = site.engine.now();
    let forgotten = site.engine.store().write(move |tx| -> Result<(), StoreError> {
        for (kind, about) in [(MarkKind::Deployment, run.id.0), (MarkKind::Comment, release.0)] {
            marks::forget(tx, kind, about)?;
            marks::note_due(tx, &Due { kind, about, service: shop.clone(), since: 1, at })?;
        }
        Ok(())
    });
    forgotten.await.unwrap();
    let site = site.killed().await;
    site.settles().await;
    assert_eq!(site.deployments().len(), 1);
    assert!(site.comment().contains("🔧 Goes to stage"));
    site.reports(release, &[Status::StageTestRollback]).await;
    site.settles().await;
    assert!(site.deployments()[0].ends_with(" success"), "{:?}", site.deployments());
    assert_eq!(site.peer.comments().len(), 1);
}

#[tokio::test]
async fn what_github_does_not_permit_is_asked_once_and_holds_up_nothing() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/deployments", 403)));
    let release = site.deployed("v1").await;
    site.settles_but(&[MarkKind::Deployment]).await;
    let status = site.engine.read(move |conn| releases::get(conn, release)).await.unwrap().unwrap().status;
    assert_eq!(status, Status::Deployed);
    assert_eq!(site.statuses().last().unwrap(), "1 success: approved: 2 approvals");
    assert!(site.comment().contains("✅ Went to production"));
    assert_eq!(site.peer.refusals(), 1);

    // Hours later it is tried again, and shows what is so.
    site.peer.refuses(None);
    while site.deployments().is_empty() {
        site.clock.leaps();
        tokio::task::yield_now().await;
    }
    site.settles().await;
    assert!(*site.clock.seconds.borrow() >= 6 * 60 * 60);
    let mut deployments = site.deployments();
    deployments.sort();
    assert_eq!(deployments, ["production deploy 1: success", "stage deploy 1: success"]);
}

#[tokio::test]
async fn with_another_configuration_what_was_refused_is_asked_at_once() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/comments", 404)));
    let release = site.release("v1").await;
    site.settles_but(&[MarkKind::Comment]).await;
    while site.peer.refusals() == 0 {
        tokio::task::yield_now().await;
    }
    site.peer.refuses(None);
    site.engine.reconfigure(catalog(site.folder.path(), &site.peer.url, "")).await;
    site.settles().await;
    assert!(site.comment().contains(&format!("release #{release}")));
}

#[tokio::test]
async fn what_one_release_cannot_have_is_left_out_for_it_alone() {
    let site = Site::new("").await;
    site.settles().await;
    site.peer.refuses(Some(("/statuses/1", 422)));
    let first = site.release("v1").await;
    site.settles().await;
    assert_eq!((site.statuses().len(), site.peer.comments().len()), (0, 1));
    site.handle(person("ann"), Command::Cancel { release: first, reason: "no".into() }).await;
    site.release("v2").await;
    site.settles().await;
    assert_eq!(site.statuses(), ["2 pending: 0 of 2 approvals given"]);
}
