//! Many at once: one outcome, and all hear the truth. `RMM_RACES=500` lets yes and no race that often.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::{approved_by, knows, menu, on_record, production_runs, times, waiting, yes};
use crate::story::BotWorld;

#[tokio::test]
async fn of_a_hundred_yeses_at_once_three_count_and_one_run_starts() {
    let names: Vec<String> = (0..100).map(|number| format!("person-{number}")).collect();
    let world = BotWorld::without_rmm(|setup| {
        names.iter().fold(setup, |setup, name| setup.person(name, "member")).approved_by(3, names.clone())
    })
    .await;
    world.configure(|config| names.iter().zip(1000..).for_each(|(name, id)| knows(config, name, id)));
    world.start_rmm().await;
    let users: Vec<_> = names.iter().zip(1000..).map(|(name, id)| world.telegram.user(id, name)).collect();
    let release = waiting(&world, "v1").await;
    let card =
        world.team.until("there is a card", |all| all.iter().find(|one| one.button("Approve").is_some()).cloned());
    let (card, yes) = (card.await.at, yes(&world, release).await);

    let taps = world.telegram.batch(|| users.iter().map(|user| user.taps_raw(card, &yes)).collect::<Vec<_>>());
    let mut answers = Vec::new();
    for tap in taps {
        answers.push(tap.await);
    }

    world.rmm.until(release, "deployed").await;
    world.rmm.quiet().await;
    let mut told = BTreeSet::new();
    for (name, tap) in names.iter().zip(&answers) {
        if tap.toast.starts_with('✅') {
            told.insert(name.clone());
        } else {
            let late = tap.toast.contains("has changed since") || tap.toast.contains("is closed");
            assert!(tap.alert && late, "{tap:?}");
        }
    }
    assert_eq!(told, BTreeSet::from_iter(approved_by(&world, release).await));
    assert_eq!((told.len(), production_runs(&world, release).await), (3, 1));
    let moves = on_record(&world, release, "release_moved").await;
    assert_eq!(moves.iter().filter(|event| event["data"]["to"] == "deploying").count(), 1);
}

#[tokio::test]
async fn a_yes_by_tap_and_a_no_by_api_have_one_winner() {
    let world = BotWorld::without_rmm(|setup| setup.approved_by(1, ["ann", "boris"]).without_migrations()).await;
    world.start_rmm().await;
    let menu = menu(&world, &world.ann).await;
    let boris = world.rmm.person("boris").await;
    let (mut head_start, mut yeses) = (Duration::from_millis(4), 0);
    let races = times("RMM_RACES", 25);
    for round in 1..=races {
        let release = waiting(&world, &format!("v{round}")).await;
        let yes = yes(&world, release).await;
        let (path, no) = (format!("/api/v1/releases/{release}/reject"), json!({ "reason": "the carts are empty" }));
        let (tap, said) = tokio::join!(async { world.ann.taps_raw(menu, &yes).await }, async {
            // So long that both win about as often.
            tokio::time::sleep(head_start).await;
            boris.post(&path, &no).await
        });
        world.rmm.quiet().await;
        let (status, runs) = (world.rmm.status(release).await, production_runs(&world, release).await);
        if said.status == 200 {
            assert_eq!((status.as_str(), runs), ("manual_test_failed", 0));
            assert!(tap.alert && tap.toast.contains("it is rejected now"), "{tap:?}");
            assert!(approved_by(&world, release).await.is_empty());
            head_start += Duration::from_millis(1);
        } else {
            assert!(said.refused(409, "vote_closed").contains("is closed"));
            assert_eq!((status.as_str(), runs), ("deployed", 1));
            assert!(!tap.alert && tap.toast.starts_with('✅'), "{tap:?}");
            assert!(on_record(&world, release, "release_rejected").await.is_empty());
            yeses += 1;
            head_start = head_start.saturating_sub(Duration::from_millis(1));
        }
    }
    eprintln!("{yeses} of {races} races were won by the yes; the tap's head start is {head_start:?}");
}
