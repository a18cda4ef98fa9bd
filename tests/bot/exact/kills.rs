//! `kill -9` of RMM while a batch of taps is in its hands. `RMM_KILLS=200` kills that often.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{approved_by, knows, menu, on_record, production_runs, times, waiting, yes};
use crate::story::BotWorld;
use crate::world::eventually;

/// From the delivery of the batch to the kill, in milliseconds.
const MOMENTS: [u64; 5] = [0, 1, 5, 20, 100];

#[tokio::test]
async fn three_yeses_in_one_batch_outlive_a_kill() {
    let world = world_of_three().await;
    let carla = world.telegram.user(80, "Carla");
    let people = [&world.ann, &world.boris, &carla];
    let mut menus = Vec::new();
    for user in people {
        menus.push(menu(&world, user).await);
    }
    let mut before_it = 0;
    for (number, moment) in (1..=times("RMM_KILLS", 10)).zip(MOMENTS.into_iter().cycle()) {
        let tag = format!("v{number}");
        let release = waiting(&world, &tag).await;
        let yes = yes(&world, release).await;
        world.telegram.all_acknowledged().await;
        let mut taps = Vec::new();
        world
            .telegram
            .delivers(|| taps.extend(people.iter().zip(&menus).map(|(user, menu)| user.taps_raw(*menu, &yes))))
            .await;
        tokio::time::sleep(Duration::from_millis(moment)).await;
        world.rmm.kill();
        before_it += usize::from(world.telegram.pending() > 0);
        world.start_rmm().await;

        world.rmm.until(release, "deployed").await;
        world.rmm.quiet().await;
        world.telegram.all_acknowledged().await;
        for tap in taps {
            tap.await;
        }
        eventually("every tap is handled", async || (unhandled(&world) == 0).then_some(())).await;
        assert_eq!(approved_by(&world, release).await, ["ann", "boris", "carla"], "{tag}, killed after {moment} ms");
        assert_eq!(production_runs(&world, release).await, 1);
        let moves = on_record(&world, release, "release_moved").await;
        assert_eq!(moves.iter().filter(|event| event["data"]["to"] == "deploying").count(), 1);
        let step = format!("production deploy deploy {tag}");
        assert_eq!(world.rmm.ledger().iter().filter(|line| **line == step).count(), 1);
    }
    eprintln!("{before_it} kills came before the batch was acknowledged");
    world.rmm.is_sound().await;
}

async fn world_of_three() -> BotWorld {
    let three = ["ann", "boris", "carla"];
    let world =
        BotWorld::without_rmm(|setup| setup.person("carla", "member").approved_by(3, three).without_migrations());
    let world = world.await;
    world.configure(|config| knows(config, "carla", 80));
    world.start_rmm().await;
    world
}

/// Updates that are stored and still to be handled.
fn unhandled(world: &BotWorld) -> i64 {
    let conn = Connection::open_with_flags(world.rmm.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = "SELECT count(*) FROM telegram_updates WHERE handled_at IS NULL";
    conn.query_row(count, [], |row| row.get(0)).unwrap()
}
