//! Every tap is answered, and counts once, whatever becomes of the answer.

use rusqlite::Connection;

use super::{approved_by, menu, on_record, production_runs, waiting, yes};
use crate::story::BotWorld;
use crate::telegram::Fault;
use crate::world::eventually;

#[tokio::test]
async fn the_same_yes_many_times_is_one() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    let taps = world.telegram.batch(|| [(); 5].map(|()| world.ann.taps_raw(menu, &yes)));
    for tap in taps {
        assert_eq!(tap.await.toast, "✅ Your approval counts (1/2)");
    }
    assert_eq!(approved_by(&world, release).await, ["ann"]);
}

#[tokio::test]
async fn an_answer_that_is_lost_comes_a_little_later() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    for fault in [Fault::Ghost, Fault::Drop, Fault::bad_gateway(), Fault::server_error(), Fault::TooFast(1)] {
        world.telegram.breaks("answerCallbackQuery", 1, fault);
        let lost = world.ann.taps_raw(menu, &yes);
        world.telegram.all_faults_struck().await;
        let again = world.ann.taps_raw(menu, &yes).await;
        assert_eq!((lost.await.toast, again.toast.as_str()), (again.toast.clone(), "✅ Your approval counts (1/2)"));
    }
    assert_eq!(approved_by(&world, release).await, ["ann"]);
}

#[tokio::test]
async fn a_tap_that_is_too_old_for_an_answer_counts_all_the_same() {
    let world = BotWorld::start().await;
    let menus = [menu(&world, &world.ann).await, menu(&world, &world.boris).await];
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.telegram.batch(|| {
        drop((world.ann.taps_raw(menus[0], &yes), world.boris.taps_raw(menus[1], &yes)));
        world.telegram.forgets_taps();
    });
    world.rmm.until(release, "deployed").await;
    assert_eq!(approved_by(&world, release).await, ["ann", "boris"]);
    assert_eq!(production_runs(&world, release).await, 1);
}

#[tokio::test]
async fn a_tap_that_cannot_be_written_is_answered_and_carried_out_later() {
    let world = BotWorld::start().await;
    let menu = menu(&world, &world.ann).await;
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.rmm.quiet().await;
    // As a full disk would, where a vote is written.
    let database = Connection::open(world.rmm.database()).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let full = "CREATE TRIGGER full BEFORE INSERT ON votes BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    database.execute_batch(full).unwrap();
    let tap = world.ann.taps_raw(menu, &yes).await;
    assert!(tap.alert && tap.toast.starts_with("RMM cannot write now. Your tap is kept"), "{tap:?}");
    let trace = tap.toast.rsplit(' ').next().unwrap();
    assert!(world.rmm.log().contains(trace), "the log does not know the trace {trace}");
    assert!(approved_by(&world, release).await.is_empty());
    database.execute_batch("DROP TRIGGER full").unwrap();
    eventually("the tap counts", async || (approved_by(&world, release).await == ["ann"]).then_some(())).await;
    assert_eq!(world.ann.taps_raw(menu, &yes).await.toast, "✅ Your approval counts (1/2)");
    assert_eq!(approved_by(&world, release).await, ["ann"]);
}

#[tokio::test]
async fn a_tap_and_all_that_follows_are_one_story() {
    let world = BotWorld::start().await;
    let menus = [menu(&world, &world.ann).await, menu(&world, &world.boris).await];
    let release = waiting(&world, "v1").await;
    let yes = yes(&world, release).await;
    world.ann.taps_raw(menus[0], &yes).await;
    world.boris.taps_raw(menus[1], &yes).await;
    world.rmm.until(release, "deployed").await;
    world.rmm.quiet().await;

    let yeses = on_record(&world, release, "release_approved").await;
    let [first, last] = [0, 1].map(|at| yeses[at]["trace_id"].as_str().unwrap().to_owned());
    assert!(first.len() == 32 && first != last, "{first} {last}");
    let begun = yeses[1]["seq"].as_i64().unwrap();
    let events = world.rmm.operator().get(&format!("/api/v1/releases/{release}/events")).await.ok();
    let after: Vec<_> =
        events.as_array().unwrap().iter().filter(|event| event["seq"].as_i64() >= Some(begun)).collect();
    assert!(after.iter().any(|event| event["kind"] == "run_ended"), "{after:#?}");
    for event in after {
        assert_eq!(event["trace_id"], last.as_str(), "{event}");
    }
}
