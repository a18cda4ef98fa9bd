//! Many at once: exactly one transition, exactly one deploy.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{SHOP, Setup, World, commit_of};

async fn count(world: &World, kind: &str, fits: impl Fn(&Value) -> bool) -> usize {
    world.events().await.iter().filter(|event| event["kind"] == kind && fits(&event["data"])).count()
}

#[tokio::test]
async fn of_a_hundred_last_approvals_at_once_one_starts_production() {
    let names: Vec<String> = (0..=100).map(|number| format!("person-{number}")).collect();
    let setup = names.iter().fold(Setup::new(), |setup, name| setup.person(name, "member"));
    let world = World::new(setup.approved_by(2, names.clone())).await;
    let release = world.release("v1").await;
    world.until(release, "manual_testing").await;
    world.approve(&names[0], release).await.ok();
    for name in &names {
        world.person(name).await;
    }

    let answers = join_all(names[1..].iter().map(|name| world.approve(name, release))).await;

    world.until(release, "deployed").await;
    world.quiet().await;
    let late = answers.into_iter().filter(|answer| answer.status != 200);
    late.for_each(|answer| assert!(answer.refused(409, "vote_closed").contains("is closed")));
    assert_eq!(count(&world, "release_moved", |data| data["to"] == "manual_test_passed").await, 1);
    assert_eq!(count(&world, "release_moved", |data| data["to"] == "deploying").await, 1);
    assert_eq!(count(&world, "release_approved", |_| true).await, 2);
    assert_eq!(world.runs(release).await.len(), 2);
    assert_eq!(world.ledger().iter().filter(|line| *line == "production deploy deploy v1").count(), 1);
}

#[tokio::test]
async fn approve_against_reject_has_one_winner() {
    let setup = Setup::new().person("bob", "member").approved_by(1, ["ann", "bob"]).without_migrations();
    let world = World::new(setup).await;
    for round in 0..10 {
        let tag = format!("v{round}");
        let release = world.release(&tag).await;
        world.until(release, "manual_testing").await;
        let bob = world.person("bob").await;
        let (path, no) = (format!("/api/v1/releases/{release}/reject"), json!({ "reason": "the carts are empty" }));
        let (yes, no) = tokio::join!(world.approve("ann", release), bob.post(&path, &no));
        world.quiet().await;
        let deploys = world.ledger().iter().filter(|line| **line == format!("production deploy deploy {tag}")).count();
        match (yes.status, no.status) {
            (200, 409) => assert_eq!((world.status(release).await.as_str(), deploys), ("deployed", 1)),
            (409, 200) => assert_eq!((world.status(release).await.as_str(), deploys), ("manual_test_failed", 0)),
            other => panic!("{other:?}"),
        }
        let passed = count(&world, "release_moved", |data| data["from"] == "manual_testing").await;
        assert_eq!(passed, round + 1);
    }
}

#[tokio::test]
async fn of_many_ci_jobs_that_report_at_once_one_moves_the_release() {
    let world = World::new(Setup::new().stage_by_ci()).await;
    let body = |tag: &str, run: &str| {
        let commit = commit_of(tag);
        json!({ "service": SHOP, "tag": tag, "commit": commit, "initiated_by": "ci", "ci_run": { "id": run } })
    };
    let release = world.create(body("v1", "77")).await;
    let ci = world.ci().await;
    let path = format!("/api/v1/releases/{release}");
    let report = |status: &'static str, run: &'static str| {
        let (ci, path) = (ci.clone(), path.clone());
        async move { ci.patch(&path, &json!({ "status": status, "ci_run": { "id": run } })).await }
    };

    for status in ["stage_building", "stage_test_rollback"] {
        let both = (0..20).flat_map(|_| [report(status, "77"), report(status, "78")]);
        let answers = join_all(both).await;
        for (at, answer) in answers.into_iter().enumerate() {
            if at % 2 == 0 {
                answer.ok();
            } else {
                assert!(answer.refused(409, "stale_report").contains("belongs to the CI run 77"));
            }
        }
        assert_eq!(count(&world, "release_moved", |data| data["to"] == status).await, 1);
    }
    world.until(release, "manual_testing").await;
    assert_eq!(world.runs(release).await.len(), 1);
}

#[tokio::test]
async fn the_same_creation_fifty_times_at_once_is_one_release() {
    let world = World::new(Setup::new()).await;
    let bodies = [
        json!({ "service": SHOP, "tag": "v1", "commit": commit_of("v1"), "initiated_by": "ci", "ci_run": { "id": "5" } }),
        json!({ "service": SHOP, "tag": "v2", "commit": commit_of("v2"), "initiated_by": "ci" }),
    ];
    let ci = world.ci().await;
    for (at, body) in (1..).zip(&bodies) {
        let answers = join_all((0..50).map(|_| ci.post("/api/v1/releases", body))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 49);
        assert!(answers.iter().all(|answer| answer.json()["id"] == at));
    }
    assert_eq!(count(&world, "release_created", |_| true).await, 2);
    world.until(1, "manual_testing").await;
    world.quiet().await;
    assert_eq!(world.ledger(), ["stage deploy migrate_up v1", "stage deploy deploy v1"]);
}

#[tokio::test]
async fn one_tap_rollback_tapped_by_many_happens_once() {
    let world = World::new(Setup::new().person("bob", "admin")).await;
    world.deployed("v1").await;
    let release = world.deployed("v2").await;
    let (ann, bob) = (world.person("ann").await, world.person("bob").await);
    let (path, why) = (format!("/api/v1/releases/{release}/rollback"), json!({ "reason": "the carts are empty" }));

    let taps = (0..10).flat_map(|_| [ann.post(&path, &why), bob.post(&path, &why)]);
    let answers = join_all(taps).await;

    world.until(release, "rollback_done").await;
    world.quiet().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(world.ledger().iter().filter(|line| *line == "production rollback deploy v1").count(), 1);
    assert_eq!(world.service().await["production"]["runs"]["tag"], "v1");
}
