//! SIGTERM: RMM ends at once and well; steps go on and are found again.

use std::time::Duration;

use tokio::net::UnixDatagram;

use crate::stream::Listener;
use crate::world::{Setup, TIMEOUT, Wire, World, alive};

/// A step waits for the file `go`.
const WAITS: &str =
    "echo $$ > ../pid; echo waiting; while test ! -e ../go; do sleep 0.02; done; echo $RMM_RUN >> ../ledger";

#[tokio::test]
async fn a_running_step_goes_on_and_the_next_start_finishes_the_run() {
    let world = World::new(Setup::new().without_migrations().surface("deploy", WAITS)).await;
    let release = world.release("v1").await;
    let step = world.process("pid").await;
    let mut listener = Listener::from(&world, "0-0").await;
    let idle = Wire::to(&world).await;

    let (code, took) = world.terminate().await;

    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(4), "it took {took:?}");
    assert!(alive(step), "the step was ended with RMM");
    assert!(!world.data().join("rmm.sock").exists(), "the socket was left behind");
    while listener.listen().await {}
    drop(idle);

    world.write("go", "");
    world.start().await;
    world.until(release, "manual_testing").await;
    world.quiet().await;
    assert_eq!(world.ledger(), ["1"]);
    assert_eq!(world.printed(1).await, "waiting\n");
    world.is_sound().await;
}

#[tokio::test]
async fn the_service_manager_hears_that_rmm_is_ready_works_and_stops() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("notify");
    let manager = UnixDatagram::bind(&place).unwrap();
    let heard = async || {
        let mut said = [0; 100];
        let count = tokio::time::timeout(TIMEOUT, manager.recv(&mut said)).await.expect("nothing is heard").unwrap();
        String::from_utf8_lossy(&said[..count]).trim().to_owned()
    };
    let setup = Setup::new().variable("NOTIFY_SOCKET", place.display().to_string());
    let world = World::new(setup.variable("WATCHDOG_USEC", "100000")).await;
    assert_eq!(heard().await, "READY=1");
    for _ in 0..3 {
        assert_eq!(heard().await, "WATCHDOG=1");
    }
    assert_eq!(world.terminate().await.0, Some(0));
    let mut last = heard().await;
    while last == "WATCHDOG=1" {
        last = heard().await;
    }
    assert_eq!(last, "STOPPING=1");
}

#[tokio::test]
async fn a_step_that_ends_while_rmm_is_away_is_found_at_its_end() {
    let world = World::new(Setup::new().without_migrations().surface("deploy", WAITS)).await;
    let release = world.release("v1").await;
    let step = world.process("pid").await;
    assert_eq!(world.terminate().await.0, Some(0));
    world.write("go", "");
    crate::world::eventually("the step has ended", async || (!alive(step)).then_some(())).await;
    world.start().await;
    world.until(release, "manual_testing").await;
    world.quiet().await;
    assert_eq!(world.ledger(), ["1"]);
}

#[tokio::test]
async fn what_is_asked_at_the_last_moment_is_answered_or_never_happened() {
    let world = World::new(Setup::new().stage_by_ci()).await;
    let ci = world.ci().await;
    let body = |number: usize| {
        let commit = crate::world::commit_of(&format!("v{number}"));
        serde_json::json!({ "service": "shop", "tag": format!("v{number}"), "commit": commit, "initiated_by": "ci" })
    };
    let asked = futures_util::future::join_all((0..40).map(|number| {
        let (ci, body) = (ci.clone(), body(number).to_string().into_bytes());
        async move { ci.ask("POST", "/api/v1/releases", Some(body)).await.filter(|answer| answer.status == 201) }
    }));
    let (answers, (code, _)) = tokio::join!(asked, world.terminate());
    assert_eq!(code, Some(0));
    world.start().await;
    for answer in answers.into_iter().flatten() {
        let promised = answer.json();
        let kept = world.show(promised["id"].as_i64().unwrap()).await;
        assert_eq!(kept["tag"], promised["tag"]);
    }
    world.is_sound().await;
}
