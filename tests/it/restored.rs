//! A database that is older than what was done with it, and one that is at work twice: nothing that another RMM did
//! counts as done, numbers never come again, and an admin says what runs where.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::world::{SHOP, Setup, World, eventually};

/// Notes the step and that it is through; in production it waits as long as the file `hold-TAG` is there.
const DEPLOY: &str = "echo $RMM_ENVIRONMENT $RMM_RUN_KIND $RMM_STEP $RMM_TAG >> ../ledger; \
                      [ $RMM_ENVIRONMENT = stage ] || while [ -e ../hold-$RMM_TAG ]; do sleep 0.02; done; \
                      echo $RMM_ENVIRONMENT $RMM_TAG >> ../through";

fn setup() -> Setup {
    Setup::new().without_migrations().surface("deploy", DEPLOY)
}

fn rmm(w: &World, args: &[&str]) -> String {
    let (done, said) = tries(w, args);
    assert!(done, "{args:?}: {said}");
    said
}

fn tries(w: &World, args: &[&str]) -> (bool, String) {
    let (status, said) = w.rmm(args);
    (status == Some(0), said)
}

async fn backup(w: &World) -> String {
    let file = w.path("copy.db").display().to_string();
    w.operator().post("/api/v1/backup", &json!({ "file": file })).await.ok();
    file
}

async fn settle(w: &World, environment: &str, runs: &str) {
    let body = json!({ "environment": environment, "runs": runs });
    w.operator().post(&format!("/api/v1/services/{SHOP}/settle"), &body).await.ok();
}

async fn reason(w: &World, release: i64, holds: impl Fn(&Value) -> bool) -> String {
    eventually("the release says why", async || {
        let now = w.show(release).await;
        holds(&now).then(|| now["reason"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

/// As [`at_work_on_v2`], but the step has ended meanwhile.
async fn died_in_the_middle_of_v2(w: &World) -> (i64, i64) {
    let lost = at_work_on_v2(w).await;
    w.remove("hold-v2");
    eventually("v2's step is through", async || through(w).contains("production v2").then_some(())).await;
    lost
}

fn through(w: &World) -> String {
    std::fs::read_to_string(w.path("through")).unwrap_or_default()
}

/// v1 is deployed and a backup made; then v2's step in production is at work, and RMM dies.
async fn at_work_on_v2(w: &World) -> (i64, i64) {
    w.deployed("v1").await;
    backup(w).await;
    w.write("hold-v2", "");
    let v2 = w.release("v2").await;
    w.until(v2, "manual_testing").await;
    w.approve("ann", v2).await.ok();
    eventually("v2's step is at work", async || {
        w.ledger().contains(&"production deploy deploy v2".into()).then_some(())
    })
    .await;
    let run = w.last_run(v2).await;
    w.kill();
    (v2, run)
}

/// What the environments run is unknown; v3 waits for an admin, and its own command runs.
async fn v3_is_really_deployed(w: &World, v2: i64, run: i64, runs: &str) {
    let service = w.service().await;
    assert!(!service["stage"]["unknown"].is_null() && !service["production"]["unknown"].is_null(), "{service}");
    let v3 = w.release("v3").await;
    assert!(v3 > v2, "#{v3} comes after #{v2}");
    let why = reason(w, v3, |now| !now["reason"].is_null()).await;
    assert!(why.contains("rmm service settle shop --environment stage"), "{why}");
    settle(w, "stage", runs).await;
    settle(w, "production", runs).await;
    w.until(v3, "manual_testing").await;
    w.approve("ann", v3).await.ok();
    w.until(v3, "deployed").await;
    w.quiet().await;
    assert!(w.last_run(v3).await > run);
    let v3_in_production = w.ledger().iter().filter(|line| *line == "production deploy deploy v3").count();
    assert_eq!(v3_in_production, 1, "{:?}", w.ledger());
    w.is_sound().await;
}

#[tokio::test]
async fn after_a_restore_no_step_counts_that_the_lost_time_left_behind() {
    let w = World::new(setup()).await;
    let (v2, run) = died_in_the_middle_of_v2(&w).await;
    let said = rmm(&w, &["restore", "copy.db", "--force"]);
    assert!(said.contains(&format!("Releases go on after #{v2}, runs after {run}.")), "{said}");
    assert!(said.contains(&format!("with run {run} under way")) && said.contains("rmm service settle"), "{said}");
    w.start().await;
    assert_eq!(rmm(&w, &["service", "show", SHOP]).matches("it is not known what").count(), 2);
    v3_is_really_deployed(&w, v2, run, "recorded").await;
    // Nothing is left out where all is known.
    let next = w.release("v4").await;
    assert_eq!(next, v2 + 2);
}

#[tokio::test]
async fn a_command_of_the_lost_time_that_is_still_at_work_is_named_and_ended_before_the_next_one() {
    let w = World::new(setup()).await;
    let (v2, run) = at_work_on_v2(&w).await;
    rmm(&w, &["restore", "copy.db", "--force"]);
    w.start().await;
    eventually("what runs there is named", async || {
        let said = rmm(&w, &["service", "show", SHOP, "--json"]);
        (said.contains(&format!("was run {run}")) && said.contains("is still at work there")).then_some(())
    })
    .await;
    v3_is_really_deployed(&w, v2, run, "recorded").await;
    assert!(w.log().contains("ended what was left at work there"), "{}", w.log());
    w.remove("hold-v2");
    let next = w.deployed("v4").await;
    assert_eq!((next, w.ledger().last().unwrap().as_str()), (v2 + 2, "production deploy deploy v4"));
    assert!(!through(&w).contains("production v2"), "{}", through(&w));
}

#[tokio::test]
async fn a_backup_that_is_put_there_by_hand_is_treated_alike() {
    let w = World::new(setup()).await;
    let (v2, run) = died_in_the_middle_of_v2(&w).await;
    for file in ["rmm.db-wal", "rmm.db-shm"] {
        let _ = std::fs::remove_file(w.data().join(file));
    }
    std::fs::copy(w.path("copy.db"), w.database()).unwrap();
    w.start().await;
    assert!(w.log().contains("a backup was put in the place of the database"), "{}", w.log());
    v3_is_really_deployed(&w, v2, run, "recorded").await;
}

/// All that is in the data directory, or all but the name of the installation.
fn lose_data(w: &World, name_too: bool) {
    for file in std::fs::read_dir(w.data()).unwrap().flatten() {
        if name_too || file.file_name() != "instance" {
            let _ = std::fs::remove_file(file.path());
        }
    }
    if name_too {
        std::fs::remove_dir_all(w.data()).unwrap();
    }
    w.take_tokens_of(None);
}

#[tokio::test]
async fn a_new_database_goes_on_behind_what_the_hosts_know_once_an_admin_has_looked() {
    for name_too in [false, true] {
        let w = World::new(setup()).await;
        let (v2, run) = died_in_the_middle_of_v2(&w).await;
        lose_data(&w, name_too);
        w.start().await;
        let said = rmm(&w, &["service", "show", SHOP]);
        assert!(said.contains("If the other RMM still runs, stop it") && said.contains("rmm service settle"), "{said}");
        v3_is_really_deployed(&w, v2, run, "nothing").await;
        let next = w.deployed("v4").await;
        assert_eq!(w.ledger().last().unwrap(), "production deploy deploy v4");
        // It is the same for the next one, and an admin need not say it twice.
        w.restart_after_kill().await;
        assert!(w.deployed("v5").await > next);
    }
}

#[tokio::test]
async fn a_command_is_said_to_be_at_work_as_long_as_it_is() {
    let w = World::new(setup()).await;
    let (v2, _) = at_work_on_v2(&w).await;
    lose_data(&w, true);
    w.start().await;
    let at_work = || rmm(&w, &["service", "show", SHOP, "--json"]).contains("is still at work there");
    assert!(at_work());
    w.remove("hold-v2");
    eventually("it has ended", async || (!at_work()).then_some(())).await;
    // It is the same after a start that finds a database.
    w.restart_after_kill().await;
    assert!(!at_work());
    settle(&w, "stage", "nothing").await;
    settle(&w, "production", "nothing").await;
    assert!(w.deployed("v3").await > v2);
}

/// A second RMM with a copy of the first one's data, on the same machine.
async fn clone_of(w: &World) -> World {
    let copy = World::without_rmm(setup()).on_the_machine_of(w);
    let status = Command::new("cp").arg("-a").arg(w.data()).arg(copy.data()).status().unwrap();
    assert!(status.success());
    for stale in ["rmm.sock", "address"] {
        let _ = std::fs::remove_file(copy.data().join(stale));
    }
    assert!(Path::new(&copy.data().join("instance")).exists());
    copy.take_tokens_of(Some(w));
    copy
}

#[tokio::test]
async fn of_two_copies_of_one_installation_each_runs_its_own_steps_and_both_are_told() {
    let w = World::new(setup()).await;
    w.deployed("v1").await;
    w.terminate().await;
    let copy = clone_of(&w).await;
    w.start().await;
    copy.start().await;
    let v2 = w.deployed("v2").await;
    // The other one gives the same numbers to a release of its own.
    let other = copy.release("w2").await;
    assert_eq!(other, v2);
    let why = reason(&copy, other, |now| now["status"] == "stage_building_failed").await;
    assert!(why.contains("which is not in this database"), "{why}");
    assert!(!copy.ledger().iter().any(|line| line.ends_with("w2")), "{:?}", copy.ledger());
    // The RMM at work there hears of it with the next run.
    w.deployed("v3").await;
    let told = w.events().await.into_iter().filter(|event| event["kind"] == "foreign_run_found");
    let told: Vec<_> = told.map(|event| event["data"]["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("was turned away"), "{told:?}");
    assert!(w.log().contains("another copy of this database is at work"));
    // The first one was given up: an admin of the other says what runs there, and it goes on with commands of its own.
    w.kill();
    settle(&copy, "stage", "recorded").await;
    let next = copy.release("w3").await;
    copy.until(next, "manual_testing").await;
    assert_eq!(copy.ledger().iter().filter(|line| *line == "stage deploy deploy w3").count(), 1);
}

#[tokio::test]
async fn a_wiped_record_is_an_alarm_everywhere_until_an_admin_acknowledges_it() {
    let w = World::new(setup()).await;
    w.deployed("v1").await;
    // Every look at the record notes how far it has come.
    rmm(&w, &["audit", "verify"]);
    w.kill();
    let conn = rusqlite::Connection::open(w.database()).unwrap();
    conn.execute_batch("DELETE FROM events; UPDATE chain_head SET seq = 0, mac = zeroblob(32);").unwrap();
    drop(conn);
    // Without a running RMM, and with one.
    let (intact, said) = tries(&w, &["audit", "verify"]);
    assert!(!intact && said.contains("BROKEN"), "{said}");
    w.start().await;
    let (intact, said) = tries(&w, &["audit", "verify"]);
    assert!(!intact && said.contains("ALARM: the record is empty"), "{said}");
    assert!(rmm(&w, &["service", "list"]).contains("ALARM"));
    assert_eq!(w.stranger().get("/readyz").await.ok()["record"], "alarm");
    assert!(w.log().contains("the record was changed behind RMM's back"));
    let raised = async || w.events().await.iter().filter(|event| event["kind"] == "record_alarm_raised").count();
    assert_eq!(raised().await, 1);
    w.restart_after_kill().await;
    assert_eq!((raised().await, w.stranger().get("/readyz").await.ok()["record"].clone()), (1, json!("alarm")));

    w.operator().post("/api/v1/audit/acknowledge", &json!({ "reason": " " })).await.names("reason");
    rmm(&w, &["audit", "acknowledge", "--reason", "the disk was lost"]);
    let (again, said) = tries(&w, &["audit", "acknowledge", "--reason", "once more"]);
    assert!(!again && said.contains("no alarm"), "{said}");
    let events = w.events().await;
    let last = events.last().unwrap();
    assert_eq!(
        (&last["kind"], &last["data"]["reason"]),
        (&json!("record_alarm_acknowledged"), &json!("the disk was lost"))
    );
    assert!(rmm(&w, &["audit", "verify"]).contains("intact"));
    assert!(!rmm(&w, &["service", "list"]).contains("ALARM"));
    w.restart_after_kill().await;
    assert_eq!(w.stranger().get("/readyz").await.ok()["record"], Value::Null);

    // A new key takes a moment without RMM, and leaves the record verifiable.
    let (done, said) = tries(&w, &["audit", "rotate-key"]);
    assert!(!done && said.contains("Stop RMM first"), "{said}");
    w.kill();
    rmm(&w, &["audit", "rotate-key"]);
    w.start().await;
    assert!(rmm(&w, &["audit", "verify"]).contains("intact"));
    assert!(w.events().await.iter().any(|event| event["kind"] == "record_key_rotated"));
}

#[tokio::test]
async fn a_copy_of_the_data_directory_runs_no_step_that_the_first_one_runs() {
    let w = World::new(setup()).await;
    w.deployed("v1").await;
    let v2 = w.release("v2").await;
    w.until(v2, "manual_testing").await;
    w.quiet().await;
    w.terminate().await;
    let copy = clone_of(&w).await;
    w.start().await;
    copy.start().await;
    // Both have the same run in production.
    w.approve("ann", v2).await.ok();
    w.until(v2, "deployed").await;
    w.quiet().await;
    // Its folders are others, so that it rehearses anew.
    copy.until(v2, "manual_testing").await;
    copy.approve("ann", v2).await.ok();
    let why = reason(&copy, v2, |now| now["status"] == "rollback_done").await;
    assert!(why.contains("which is not in this database"), "{why}");
    assert_eq!(copy.ledger().iter().filter(|line| line.starts_with("production")).count(), 0, "{:?}", copy.ledger());
    assert!(!w.data().join("runs").exists() && !copy.data().join("runs").exists());
}

#[tokio::test]
async fn a_run_that_was_begun_in_the_data_directory_is_followed_there() {
    let w = World::without_rmm(setup().variable("HOME", "/proc"));
    // As it was before run directories left the data directory, and as it is where no home directory can be written.
    w.write("state", "no directory");
    w.start().await;
    let (v2, _) = died_in_the_middle_of_v2(&w).await;
    assert_eq!(std::fs::read_dir(w.data().join("runs/shop.production")).unwrap().flatten().count(), 2);
    std::fs::remove_file(w.data().join("runs.place")).unwrap();
    w.remove("state");
    w.start().await;
    w.until(v2, "deployed").await;
    w.quiet().await;
    assert_eq!(w.ledger().iter().filter(|line| *line == "production deploy deploy v2").count(), 1);
    let next = w.deployed("v3").await;
    assert!(next > v2 && w.run_directories().join("shop.production/holder").exists());
}

#[tokio::test]
async fn of_two_copies_that_follow_one_step_both_are_told_and_one_is_deployed() {
    let w = World::new(setup()).await;
    w.deployed("v1").await;
    w.write("hold-v2", "");
    let v2 = w.release("v2").await;
    w.until(v2, "manual_testing").await;
    w.approve("ann", v2).await.ok();
    eventually("v2's step is at work", async || {
        w.ledger().contains(&"production deploy deploy v2".into()).then_some(())
    })
    .await;
    // The machine is cloned while the step is at work, and both go on.
    w.signal("STOP");
    let copy = clone_of(&w).await;
    w.signal("CONT");
    copy.start().await;
    eventually("the other one has taken the run over", async || {
        let places = std::fs::read_dir(w.run_directories().join("shop.production")).ok()?;
        let marks = places.flatten().flat_map(|place| std::fs::read_dir(place.path()).into_iter().flatten().flatten());
        let marks = marks.filter(|mark| mark.file_name().to_string_lossy().starts_with("generation."));
        (marks.count() == 2).then_some(())
    })
    .await;
    w.remove("hold-v2");
    copy.until(v2, "deployed").await;
    let why = reason(&w, v2, |now| !now["reason"].is_null()).await;
    assert!(why.contains("another copy of this RMM's database") && why.contains("rmm service settle"), "{why}");
    assert_eq!(w.status(v2).await, "deploying");
    for told in [&w, &copy] {
        eventually("it is told", async || {
            let events = told.events().await;
            (events.iter().filter(|event| event["kind"] == "foreign_run_found").count() == 1).then_some(())
        })
        .await;
        let said = rmm(told, &["service", "show", SHOP]);
        assert!(said.contains("another RMM works with a copy of this database"), "{said}");
    }
    assert_eq!(w.ledger().iter().filter(|line| *line == "production deploy deploy v2").count(), 1);
    // An admin of each says that it is known.
    settle(&w, "production", "recorded").await;
    copy.kill();
    assert!(!rmm(&w, &["service", "show", SHOP]).contains("another RMM works"));
}
