//! Backups that RMM makes by itself, as an operator meets them: the command line, the API, the dashboard, health.

use serde_json::json;

use crate::world::{Browser, Setup, World, eventually};

fn setup() -> Setup {
    // Of all commands this one is everywhere: it seals and opens.
    let rot = ["tr", "a-zA-Z", "n-za-mN-ZA-M"];
    Setup::new().key("backup.folder", "data/backups").key("backup.pipe", rot.to_vec()).key("backup.open", rot.to_vec())
}

#[tokio::test]
async fn a_backup_is_made_at_the_start_restored_on_trial_and_can_be_put_back() {
    let world = World::new(Setup::new().key("backup.folder", "backups")).await;
    let status = eventually("the folder is missed", async || {
        let (code, said) = world.rmm(&["backup", "status"]);
        (code == Some(0) && said.contains("ALARM")).then_some(said)
    })
    .await;
    assert!(status.contains("backups is not there; is its disk mounted?"), "{status}");
    assert_eq!(world.operator().get("/readyz").await.ok()["backups"], "alarm");
    assert!(world.rmm(&["healthcheck"]).1.contains("`rmm backup status` says why"));

    let world = World::new(setup()).await;
    let made = eventually("a backup is made and tested", async || {
        let backups = world.operator().get("/api/v1/backups").await.ok();
        (!backups["test"].is_null()).then_some(backups)
    })
    .await;
    assert_eq!((&made["alarm"], &made["test"]["reason"], &made["failed"]), (&json!(null), &json!(null), &json!(null)));
    assert_eq!(made["test"]["before_pipe"], false);
    assert_eq!(made["files"].as_array().unwrap().len(), 1);
    let file = made["newest"]["file"].as_str().unwrap();
    assert!(file.ends_with(".db.tr"), "{file}");
    let (_, said) = world.rmm(&["backup", "status"]);
    assert!(said.contains("sound") && said.contains(file), "{said}");
    assert!(world.operator().get("/readyz").await.ok()["backups"].is_null());
    let figures = world.operator().get("/metrics").await.text();
    for figure in ["rmm_backup_alarm 0", "rmm_backup_test_sound 1"] {
        assert!(figures.contains(figure), "{figures}");
    }
    let page = Browser::signed_in(&world, None).await.open("/settings").await;
    let words = page.text("main");
    assert!(words.contains("Restored on trial") && words.contains("sound"), "{words}");

    let open = std::process::Command::new("sh")
        .args(["-c", r#"tr a-zA-Z n-za-mN-ZA-M < "$1" > "$2""#, "open", file, "opened.db"])
        .current_dir(world.path(""))
        .status();
    assert!(open.unwrap().success());
    world.terminate().await;
    assert_eq!(world.rmm(&["restore", "opened.db", "--force"]).0, Some(0));
    world.start().await;
    assert_eq!(world.rmm(&["audit", "verify"]).0, Some(0));
}
