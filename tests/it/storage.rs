//! The data directory: a full disk, a database of a newer RMM, a second RMM.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::world::{SHOP, Setup, World, commit_of, eventually};

/// A small disk of its own, mounted on a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where one may not mount.
    fn on(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m,mode=700", "rmm-it"]).arg(folder).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder.to_owned())),
            _ => {
                eprintln!("skipped: a small disk cannot be mounted here");
                None
            }
        }
    }

    /// Fills it up to the last byte.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.0.join("filler")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process that waits for room finds it, and ends.
        let _ = std::fs::remove_file(self.0.join("filler"));
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_reads_go_on_and_writes_come_back() {
    let world = World::without_rmm(Setup::new());
    let Some(disk) = SmallDisk::on(world.data()) else { return };
    world.start().await;
    let first = world.deployed("v1").await;
    let ci = world.ci().await;
    let body = json!({ "service": SHOP, "tag": "v2", "commit": commit_of("v2"), "initiated_by": "ci" });

    disk.fill();
    let sentence = eventually("writes fail", async || {
        let answer = ci.post("/api/v1/releases", &body).await;
        (answer.status == 503).then(|| {
            assert_eq!(answer.header("retry-after"), "10");
            answer.refused(503, "disk_full")
        })
    })
    .await;
    assert!(sentence.contains("disk is full") && sentence.contains("nothing was written"), "{sentence}");
    // What still fits into the database's files is written.
    eventually("RMM is not ready", async || (world.operator().get("/readyz").await.status == 503).then_some(())).await;
    world.operator().get("/healthz").await.ok();
    assert_eq!(world.status(first).await, "deployed");
    world.operator().get("/api/v1/audit").await.ok();

    disk.make_room();
    let release = eventually("writes work again", async || {
        let answer = ci.post("/api/v1/releases", &body).await;
        (answer.status < 300).then(|| answer.json()["id"].as_i64().unwrap())
    })
    .await;
    world.operator().get("/readyz").await.ok();
    world.until(release, "manual_testing").await;
    world.quiet().await;
    world.is_sound().await;
    assert_eq!(world.terminate().await.0, Some(0));
}

/// The step goes on while nothing can be written; its end is not lost.
#[tokio::test]
async fn a_step_that_ends_on_a_full_disk_is_not_lost() {
    let waits = "echo $$ > ../pid; while test ! -e ../go; do sleep 0.02; done";
    let world = World::without_rmm(Setup::new().without_migrations().surface("deploy", waits));
    let Some(disk) = SmallDisk::on(world.data()) else { return };
    world.start().await;
    let release = world.release("v1").await;
    world.process("pid").await;
    disk.fill();
    world.write("go", "");
    eventually("writes fail", async || (world.operator().get("/readyz").await.status == 503).then_some(())).await;
    // A crash on top of it: RMM starts on the full disk, for those who read.
    world.kill();
    disk.fill();
    world.start().await;
    assert_eq!(world.status(release).await, "stage_building");
    eventually("RMM is not ready", async || (world.operator().get("/readyz").await.status == 503).then_some(())).await;
    let mut number = 0;
    eventually("writes fail", async || {
        number += 1;
        let token = json!({ "name": format!("token {number}"), "role": "viewer" });
        (world.operator().post("/api/v1/tokens", &token).await.status == 503).then_some(())
    })
    .await;
    disk.make_room();
    world.until(release, "manual_testing").await;
    world.quiet().await;
    world.is_sound().await;
    assert_eq!(world.runs(release).await.len(), 1);
}

/// Whose calls to bring data to the disk fail, as those on a broken one.
struct BrokenDisk(Child);

impl BrokenDisk {
    /// None where processes cannot be traced.
    fn of(pid: u32) -> Option<Self> {
        let calls = "fdatasync,fsync";
        let spawned = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"])
            .args([&format!("inject={calls}:error=EIO"), "-p", &pid.to_string()])
            .stderr(Stdio::null())
            .spawn();
        if spawned.is_err() {
            eprintln!("skipped: there is no strace here");
        }
        spawned.ok().map(Self)
    }
}

impl Drop for BrokenDisk {
    fn drop(&mut self) {
        // It lets go of the process when it is asked to end.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_disk_that_confirms_nothing_ends_writing_until_the_next_start() {
    let world = World::new(Setup::new()).await;
    let first = world.deployed("v1").await;
    let ci = world.ci().await;
    let body = |tag: &str| json!({ "service": SHOP, "tag": tag, "commit": commit_of(tag), "initiated_by": "ci" });
    let Some(mut broken) = BrokenDisk::of(world.pid()) else { return };
    let mut number = 1;
    let failed = eventually("a write is not confirmed", async || {
        number += 1;
        let answer = ci.post("/api/v1/releases", &body(&format!("v{number}"))).await;
        (answer.status == 503 || broken.0.try_wait().unwrap().is_some()).then_some(answer)
    })
    .await;
    if failed.status != 503 {
        eprintln!("skipped: processes cannot be traced here");
        return;
    }
    let said = failed.refused(503, "disk_failed");
    assert!(said.contains("did not confirm a write") && said.contains("start RMM again"), "{said}");
    // The disk is well again, and that says nothing about what it was given before.
    drop(broken);
    ci.post("/api/v1/releases", &body("later")).await.refused(503, "disk_failed");
    // For a moment it is believed that the database can be written.
    eventually("RMM is not ready", async || (world.operator().get("/readyz").await.status == 503).then_some(())).await;
    assert_eq!(world.status(first).await, "deployed", "reading goes on");
    world.restart_after_kill().await;
    ci.post("/api/v1/releases", &body("after")).await.ok();
    world.quiet().await;
    world.is_sound().await;
}

/// What waits for a disk that takes nothing more does not keep RMM from ending.
#[tokio::test]
async fn an_rmm_that_writes_nothing_more_ends_when_it_is_asked_to() {
    let waits = "echo $$ > ../pid; while test ! -e ../go; do sleep 0.02; done";
    let world = World::new(Setup::new().without_migrations().surface("deploy", waits)).await;
    let release = world.release("v1").await;
    world.process("pid").await;
    let Some(mut broken) = BrokenDisk::of(world.pid()) else { return };
    let mut number = 0;
    let failed = eventually("a write is not confirmed", async || {
        number += 1;
        let token = json!({ "name": format!("token {number}"), "role": "viewer" });
        let answer = world.operator().post("/api/v1/tokens", &token).await;
        (answer.status == 503 || broken.0.try_wait().unwrap().is_some()).then_some(answer)
    })
    .await;
    if failed.status != 503 {
        eprintln!("skipped: processes cannot be traced here");
        return;
    }
    drop(broken);
    world.write("go", "");
    // The end of the step cannot be kept, and is tried again and again.
    eventually("the effect is tried again", async || world.log().contains("is tried again in").then_some(())).await;
    let (code, took) = world.terminate().await;
    assert!(code == Some(0) && took < Duration::from_secs(20), "{code:?} after {took:?}");
    world.start().await;
    world.until(release, "manual_testing").await;
    world.quiet().await;
    world.is_sound().await;
}

#[tokio::test]
async fn a_database_of_a_newer_rmm_is_left_alone() {
    let world = World::new(Setup::new()).await;
    assert_eq!(world.terminate().await.0, Some(0));
    let conn = Connection::open(world.database()).unwrap();
    conn.execute(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (999, 'future', '2030-01-01T00:00:00Z', '1')",
        [],
    )
    .unwrap();
    drop(conn);
    let before = std::fs::read(world.database()).unwrap();
    let (code, said) = world.try_start().await.unwrap_err();
    assert_eq!(code, Some(1));
    assert!(said.contains("schema version 999") && said.contains("written by a newer RMM"), "{said}");
    assert!(std::fs::read(world.database()).unwrap() == before, "the database was changed");
}

#[tokio::test]
async fn a_database_that_is_none_is_left_alone() {
    let world = World::without_rmm(Setup::new());
    std::fs::create_dir_all(world.data()).unwrap();
    std::fs::write(world.database(), "these are the holiday photographs".repeat(100)).unwrap();
    let (code, said) = world.try_start().await.unwrap_err();
    assert_eq!(code, Some(1));
    assert!(said.contains("not a database of RMM"), "{said}");
}

#[tokio::test]
async fn a_history_without_its_key_is_left_alone() {
    let world = World::new(Setup::new()).await;
    world.release("v1").await;
    world.quiet().await;
    world.terminate().await;
    std::fs::remove_file(world.data().join("audit.key")).unwrap();
    let (code, said) = world.try_start().await.unwrap_err();
    assert_eq!(code, Some(1));
    assert!(said.contains("key of the audit log is missing"), "{said}");
    assert!(!world.data().join("audit.key").exists());
}

#[tokio::test]
async fn an_edit_of_the_record_shows() {
    let world = World::new(Setup::new()).await;
    world.deployed("v1").await;
    world.terminate().await;
    let conn = Connection::open(world.database()).unwrap();
    conn.execute("UPDATE events SET data = replace(data, 'deployed', 'cancelled') WHERE seq = 3", []).unwrap();
    let changed = conn.execute("UPDATE events SET actor = '{}' WHERE seq = 4", []).unwrap();
    assert_eq!(changed, 1);
    drop(conn);
    world.start().await;
    let verified = world.operator().get("/api/v1/audit/verify").await.ok();
    assert_eq!(verified["intact"], false);
    assert!(matches!(verified["broken_at"].as_i64(), Some(3 | 4)), "{verified}");
}

#[tokio::test]
async fn a_second_rmm_on_the_same_directory_is_told_who_has_it() {
    let world = World::new(Setup::new()).await;
    let pid = world.pid();
    let second = World::without_rmm(Setup::new());
    std::fs::copy(world.path("rmm.toml"), second.path("rmm.toml")).unwrap();
    let (code, said) = second.try_start().await.unwrap_err();
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("the process {pid} already uses this data directory")), "{said}");
    world.operator().get("/healthz").await.ok();
}

#[tokio::test]
async fn a_new_configuration_is_taken_over_or_rejected_with_the_reason() {
    let world = World::new(Setup::new()).await;
    world.configure(|setup| *setup = setup.clone().another_service("other"));
    let answer = world.operator().post("/api/v1/reload", &json!({})).await.ok();
    assert!(answer["warnings"].is_array(), "{answer}");
    let services = async || world.operator().get("/api/v1/services").await.ok().as_array().unwrap().len();
    assert_eq!(services().await, 2);

    let text = std::fs::read_to_string(world.path("rmm.toml")).unwrap().replace("listen", "lisen");
    world.write("rmm.toml", &text);
    let problem = world.operator().post("/api/v1/reload", &json!({})).await.with_status(422).problem();
    assert_eq!(problem["detail"], "New configuration rejected; the old one stays active");
    assert!(problem["details"][0].as_str().unwrap().contains("lisen"), "{problem}");
    assert_eq!(services().await, 2);

    // As an editor leaves it on a full disk.
    world.write("rmm.toml", "");
    let problem = world.operator().post("/api/v1/reload", &json!({})).await.with_status(422).problem();
    assert!(problem["details"][0].as_str().unwrap().contains("neither a service nor a person"), "{problem}");
    assert_eq!(services().await, 2);
}

#[tokio::test]
async fn a_configuration_with_a_mistake_does_not_start_and_names_it() {
    let world = World::without_rmm(Setup::new());
    let text = std::fs::read_to_string(world.path("rmm.toml")).unwrap().replace("listen", "lisen");
    world.write("rmm.toml", &text);
    let (code, said) = world.try_start().await.unwrap_err();
    assert_eq!(code, Some(2));
    assert!(said.contains("lisen") && said.contains("listen"), "{said}");
}
