//! A service leaves `rmm.toml`: what is under way ends, its history stays visible, and nothing new begins until it is back.

use serde_json::json;
use toml::Table;

use crate::world::{Browser, Repository, SHOP, Setup, World, commit_of, eventually};

/// In production it waits as long as the file `hold` is there, and fails where there is a file `bad`.
const DEPLOY: &str = "echo $RMM_ENVIRONMENT $RMM_TAG >> ../ledger; [ $RMM_ENVIRONMENT = stage ] || \
                      { while [ -e ../hold ]; do sleep 0.02; done; [ $RMM_TAG != v2 ] || [ ! -e ../bad ]; }";

/// v2's step in production is at work.
async fn at_work() -> (World, i64) {
    let w = World::new(Setup::new().without_migrations().surface("deploy", DEPLOY).another_service("other")).await;
    w.deployed("v1").await;
    w.write("hold", "");
    let v2 = w.release("v2").await;
    w.until(v2, "manual_testing").await;
    w.approve("ann", v2).await.ok();
    eventually("the step is at work", async || w.ledger().contains(&"production v2".into()).then_some(())).await;
    (w, v2)
}

fn leaves_the_file(w: &World) {
    let mut config: Table = std::fs::read_to_string(w.path("rmm.toml")).unwrap().parse().unwrap();
    config["services"].as_array_mut().unwrap().retain(|service| service["name"].as_str() != Some(SHOP));
    w.write("rmm.toml", &toml::to_string(&config).unwrap());
}

/// In the file alone.
fn rename(w: &World, from: &str, to: &str, was: Option<&str>) {
    let mut config: Table = std::fs::read_to_string(w.path("rmm.toml")).unwrap().parse().unwrap();
    for service in config["services"].as_array_mut().unwrap() {
        if service["name"].as_str() == Some(from) {
            let service = service.as_table_mut().unwrap();
            service.insert("name".into(), to.into());
            service.remove("was");
            service.extend(was.map(|was| ("was".into(), was.into())));
        }
    }
    w.write("rmm.toml", &toml::to_string(&config).unwrap());
}

async fn until_retired(w: &World, retired: bool) {
    eventually("the configuration is read", async || (w.service().await["retired"] == retired).then_some(())).await;
}

#[tokio::test]
async fn what_is_under_way_ends_and_nothing_new_begins() {
    for restarted in [true, false] {
        let (w, v2) = at_work().await;
        if restarted {
            w.kill();
        }
        leaves_the_file(&w);
        if restarted {
            w.start().await;
        } else {
            w.reload();
        }
        until_retired(&w, true).await;
        w.remove("hold");
        w.until(v2, "deployed").await;
        let new = json!({ "service": SHOP, "tag": "v3", "initiated_by": "ann" });
        w.operator().post("/api/v1/releases", &new).await.refused(409, "service_retired");
        let back = json!({ "reason": "bad" });
        w.operator().post(&format!("/api/v1/releases/{v2}/rollback"), &back).await.refused(409, "service_retired");
        // It is as it was once it is in the file again.
        w.configure(|_| {});
        w.reload();
        until_retired(&w, false).await;
        w.deployed("v3").await;
        w.is_sound().await;
    }
}

#[tokio::test]
async fn a_deploy_that_fails_is_taken_back_all_the_same() {
    let (w, v2) = at_work().await;
    w.write("bad", "");
    leaves_the_file(&w);
    w.reload();
    until_retired(&w, true).await;
    w.remove("hold");
    w.until(v2, "rollback_done").await;
    assert_eq!(w.ledger().last().unwrap(), "production v1");
    w.is_sound().await;
}

#[tokio::test]
async fn a_service_that_is_renamed_keeps_its_history_also_under_a_step_that_is_at_work() {
    let (w, v2) = at_work().await;
    rename(&w, SHOP, "store", Some(SHOP));
    w.reload();
    let store = async || w.operator().get("/api/v1/services/store").await;
    eventually("the configuration is read", async || (store().await.status == 200).then_some(())).await;
    w.remove("hold");
    w.until(v2, "deployed").await;
    let now = store().await.json();
    assert_eq!((&now["retired"], &now["production"]["runs"]["tag"]), (&json!(false), &json!("v2")));
    w.operator().get(&format!("/api/v1/services/{SHOP}")).await.refused(404, "not_found");
    // It is no new service: what production runs is rehearsed.
    let commit = commit_of("v3");
    let v3 = w.create(json!({ "service": "store", "tag": "v3", "commit": commit, "initiated_by": "ci" })).await;
    w.until(v3, "manual_testing").await;
    let rehearsed = w.runs(v3).await.iter().any(|run| run["kind"] == "rehearsal" && run["from"]["tag"] == "v2");
    assert!(rehearsed, "{:?}", w.runs(v3).await);
    // A restart changes nothing more.
    w.restart_after_kill().await;
    w.approve("ann", v3).await.ok();
    w.until(v3, "deployed").await;
    w.is_sound().await;
}

#[tokio::test]
async fn a_service_is_known_to_its_hosts_however_often_it_is_renamed() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    let setup = Setup::new().repository(&repository.path).without_migrations().surface("deploy", "cat version");
    let w = World::new(setup).await;
    let ships = async |service: &str, tag: &str| {
        repository.tag(tag, tag);
        let release = w.create(json!({ "service": service, "tag": tag, "initiated_by": "ci" })).await;
        w.until(release, "manual_testing").await;
        w.approve("ann", release).await.ok();
        w.until(release, "deployed").await;
        release
    };
    ships(SHOP, "v1").await;
    // Again, without the line that says so, and back.
    let renamings = [(SHOP, "store", Some(SHOP)), ("store", "market", Some("store")), ("market", "market", None)];
    for (tag, (from, to, was)) in ["v2", "v3", "v4"].into_iter().zip(renamings) {
        rename(&w, from, to, was);
        w.restart_after_kill().await;
        ships(to, tag).await;
    }
    rename(&w, "market", SHOP, Some("market"));
    w.restart_after_kill().await;
    let newest = ships(SHOP, "v5").await;
    w.operator().post(&format!("/api/v1/releases/{newest}/rollback"), &json!({ "reason": "slow" })).await.ok();
    w.until(newest, "rollback_done").await;
    w.is_sound().await;
}

#[tokio::test]
async fn that_it_is_retired_hides_nowhere_that_it_needs_repair() {
    let fails = "test $RMM_ENVIRONMENT != production || test ! -e ../broken";
    let setup = Setup::new().without_migrations().surface("deploy", fails).surface("health.command", "true");
    let setup = setup.surface("health.wait", "0s");
    let w = World::new(setup.another_service("other")).await;
    w.deployed("v1").await;
    let second = w.release("v2").await;
    w.until(second, "manual_testing").await;
    w.write("broken", "");
    w.approve("ann", second).await.ok();
    w.until(second, "rollback_failed").await;
    leaves_the_file(&w);
    w.reload();
    until_retired(&w, true).await;
    let listed = w.operator().get("/api/v1/services").await.json();
    let shop = listed.as_array().unwrap().iter().find(|service| service["name"] == SHOP).unwrap();
    assert!(shop["retired"] == true && !shop["production"]["dirty"].is_null(), "{shop}");
    let (_, said) = w.rmm(&["service", "list"]);
    assert!(said.contains("retired, needs repair"), "{said}");
    let board = Browser::signed_in(&w, Some("ann")).await.open("/").await;
    let row = board.texts("#places tbody tr").into_iter().find(|row| row.starts_with(SHOP)).unwrap();
    assert!(row.contains("Retired") && row.contains("eeds repair"), "{row}");
}

#[tokio::test]
async fn a_service_that_looks_renamed_without_a_word_is_told_wherever_somebody_looks() {
    let setup = Setup::new().without_migrations().surface("checkout", false).another_service("other");
    let w = World::new(setup).await;
    w.deployed("v1").await;
    rename(&w, SHOP, "store", None);
    let told = "If it is shop under a new name, write `was = \"shop\"`";
    let looks_so = |said: &str| said.contains("store looks like shop") && said.contains(told);
    let (_, checked) = w.rmm(&["check"]);
    assert!(looks_so(&checked) && !checked.contains("other looks like"), "{checked}");
    let (_, read) = w.rmm(&["reload"]);
    assert!(looks_so(&read) && !read.contains("other looks like"), "{read}");
    let commit = commit_of("v2");
    let v2 = w.create(json!({ "service": "store", "tag": "v2", "commit": commit, "initiated_by": "ci" })).await;
    w.until(v2, "manual_testing").await;
    let gates = w.operator().get(&format!("/api/v1/releases/{v2}/explain")).await.json().to_string();
    let events = w.operator().get(&format!("/api/v1/releases/{v2}/events")).await.json().to_string();
    assert!(gates.contains("shop under a new name"), "{gates}");
    assert!(events.contains(r#""maybe_was":"shop""#), "{events}");
    // Said once, it is enough.
    rename(&w, "store", "store", Some(SHOP));
    assert!(!w.rmm(&["check"]).1.contains("looks like"));
}

#[tokio::test]
async fn a_former_name_that_carries_nothing_over_changes_nothing_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    let setup = Setup::new().repository(&repository.path).without_migrations().surface("deploy", "cat version");
    let w = World::new(setup).await;
    let ships = async |tag: &str| {
        repository.tag(tag, tag);
        let release = w.create(json!({ "service": SHOP, "tag": tag, "initiated_by": "ci" })).await;
        w.until(release, "manual_testing").await;
        w.approve("ann", release).await.ok();
        w.until(release, "deployed").await;
    };
    ships("v1").await;
    rename(&w, SHOP, SHOP, Some("typo"));
    let told = "`was = \"typo\"` of shop carries nothing over";
    assert!(w.rmm(&["check"]).1.contains(told));
    let (_, read) = w.rmm(&["reload"]);
    assert!(read.contains(told), "{read}");
    ships("v2").await;
    rename(&w, SHOP, SHOP, None);
    w.restart_after_kill().await;
    ships("v3").await;
    w.is_sound().await;
}

#[tokio::test]
async fn a_first_release_that_a_folder_refused_does_not_stand_in_the_way_of_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::in_folder(&folder.path().join("shop"));
    let setup = Setup::new().repository(&repository.path).without_migrations().surface("deploy", "cat version");
    let w = World::new(setup).await;
    let new = async |service: &str, tag: &str| {
        repository.tag(tag, tag);
        w.create(json!({ "service": service, "tag": tag, "initiated_by": "ci" })).await
    };
    let v1 = new(SHOP, "v1").await;
    w.until(v1, "manual_testing").await;
    w.approve("ann", v1).await.ok();
    w.until(v1, "deployed").await;
    rename(&w, SHOP, "store", None);
    w.restart_after_kill().await;
    let refused = new("store", "v2").await;
    w.until(refused, "stage_building_failed").await;
    // As the refusal says.
    rename(&w, "store", "store", Some(SHOP));
    assert!(w.rmm(&["check"]).1.contains("the service shop is called store from here on"));
    w.restart_after_kill().await;
    let v3 = new("store", "v3").await;
    w.until(v3, "manual_testing").await;
    assert!(w.runs(v3).await.iter().any(|run| run["kind"] == "rehearsal" && run["from"]["tag"] == "v1"));
    w.approve("ann", v3).await.ok();
    w.until(v3, "deployed").await;
    w.is_sound().await;
}

#[tokio::test]
async fn two_services_that_both_run_something_stay_two_and_that_is_told() {
    let w = World::new(Setup::new().without_migrations().surface("checkout", false).another_service("other")).await;
    w.deployed("v1").await;
    let commit = commit_of("v1");
    let other = w.create(json!({ "service": "other", "tag": "v1", "commit": commit, "initiated_by": "ci" })).await;
    w.until(other, "manual_testing").await;
    w.approve("ann", other).await.ok();
    w.until(other, "deployed").await;
    leaves_the_file(&w);
    rename(&w, "other", "other", Some(SHOP));
    let told = "the history of shop is not carried over to other";
    let checked = w.rmm(&["check"]).1;
    assert!(checked.contains(told) && !checked.contains("is called"), "{checked}");
    assert!(w.rmm(&["reload"]).1.contains(told));
    let hosts = w.operator().get("/api/v1/services/other").await.json();
    assert_eq!(hosts["production"]["runs"]["tag"], "v1");
}

#[tokio::test]
async fn a_release_that_waits_in_a_service_that_has_left_says_so() {
    let w = World::new(Setup::new().without_migrations().another_service("other")).await;
    w.deployed("v1").await;
    let v2 = w.release("v2").await;
    w.until(v2, "manual_testing").await;
    leaves_the_file(&w);
    w.reload();
    until_retired(&w, true).await;
    let explained = w.operator().get(&format!("/api/v1/releases/{v2}/explain")).await.json();
    let gate = &explained.as_array().unwrap()[0];
    assert_eq!(
        (&gate["name"], &gate["met"], &gate["because"]["code"]),
        (&json!("service_defined"), &json!(false), &json!("retired"))
    );
    let (_, said) = w.rmm(&["release", "show", &v2.to_string()]);
    assert!(said.contains("The service is not in the configuration any more"), "{said}");
    let page = Browser::signed_in(&w, Some("ann")).await.open(&format!("/releases/{v2}")).await;
    assert!(page.texts("h1, h2, .lead, main p").join(" ").contains("is not in the configuration any more"));
    // It is as it was once it is in the file again, and says nothing of it.
    w.configure(|_| {});
    w.reload();
    until_retired(&w, false).await;
    let explained = w.operator().get(&format!("/api/v1/releases/{v2}/explain")).await.json();
    assert!(explained.as_array().unwrap().iter().all(|gate| gate["name"] != "service_defined"));
    w.approve("ann", v2).await.ok();
    w.until(v2, "deployed").await;
    w.is_sound().await;
}

/// In the file alone: who deploys to an environment of the service.
fn driven(w: &World, environment: &str, driver: &str) {
    let mut config: Table = std::fs::read_to_string(w.path("rmm.toml")).unwrap().parse().unwrap();
    for service in config["services"].as_array_mut().unwrap() {
        if service["name"].as_str() == Some(SHOP) {
            service["environments"][environment]["driver"] = driver.into();
        }
    }
    w.write("rmm.toml", &toml::to_string(&config).unwrap());
}

const KEPT: &str = "shop stays as it was defined before";

#[tokio::test]
async fn a_deploy_of_rmms_own_that_fails_is_taken_back_also_when_ci_is_to_deploy_from_now_on() {
    for restarted in [true, false] {
        let (w, v2) = at_work().await;
        w.write("bad", "");
        driven(&w, "production", "ci");
        if restarted {
            w.restart_after_kill().await;
        } else {
            let (_, read) = w.rmm(&["reload"]);
            assert!(read.contains(KEPT) && read.contains(&format!("of #{v2}")), "{read}");
        }
        w.remove("hold");
        w.until(v2, "rollback_done").await;
        assert_eq!(w.ledger().last().unwrap(), "production v1");
        // The new definition counts from then on.
        let (_, read) = w.rmm(&["reload"]);
        assert!(!read.contains(KEPT), "{read}");
        w.remove("bad");
        let v3 = w.release("v3").await;
        w.until(v3, "manual_testing").await;
        w.approve("ann", v3).await.ok();
        let by_ci = async || w.operator().patch("/release", &json!({ "release_id": v3, "status": "deploying" })).await;
        eventually("CI deploys", async || (by_ci().await.status == 200).then_some(())).await;
        w.is_sound().await;
    }
}

#[tokio::test]
async fn what_ci_has_begun_ci_brings_to_its_end() {
    let w = World::new(Setup::new().by_ci()).await;
    let reports = async |release: i64, status: &str| {
        w.ci().await.patch("/release", &json!({ "release_id": release, "status": status })).await.ok();
    };
    let v1 = w.release("v1").await;
    for status in ["stage_building", "stage_test_rollback", "manual_testing"] {
        reports(v1, status).await;
    }
    w.approve("ann", v1).await.ok();
    reports(v1, "deploying").await;
    driven(&w, "production", "local");
    let (_, read) = w.rmm(&["reload"]);
    assert!(read.contains(KEPT), "{read}");
    reports(v1, "deployed").await;
    w.until(v1, "deployed").await;
    assert!(!w.rmm(&["reload"]).1.contains(KEPT));
    w.is_sound().await;
}
