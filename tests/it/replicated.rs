//! A replica of the database by Litestream: under load, after everything was destroyed, what it holds is sound.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::world::{Setup, World, eventually};

/// What replicates, where it can be had.
fn litestream() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/litestream/bin/litestream");
    let program = if own.exists() { own } else { PathBuf::from("litestream") };
    if Command::new(&program).arg("version").output().is_ok_and(|done| done.status.success()) {
        return Some(program);
    }
    eprintln!("Litestream is not installed (tests/run does it): a replica is not tried");
    None
}

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The configuration that RMM hands out, for other folders.
fn configuration(world: &World) -> String {
    let written = include_str!("../../assets/litestream/litestream.yml");
    let text = written
        .replace("/var/lib/rmm/rmm.db", &world.database().display().to_string())
        .replace("/mnt/backup/rmm", &world.path("replica").display().to_string());
    assert_ne!(text, written);
    text
}

#[tokio::test]
async fn after_everything_is_destroyed_the_replica_holds_a_sound_record() {
    let Some(program) = litestream() else { return };
    let world = World::new(Setup::new()).await;
    let config = world.path("litestream.yml");
    std::fs::write(&config, configuration(&world)).unwrap();
    let replicating = Command::new(&program)
        .args(["replicate", "-config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let replicating = Ends(replicating);
    let operator = world.operator();
    let write = async |name: String| {
        operator.post("/api/v1/tokens", &json!({ "name": name, "role": "viewer" })).await.ok();
    };
    write("marked".into()).await;
    // Restored meanwhile, again and again, until the mark is there: from then on it must be.
    let mut number = 0;
    eventually("the replica has the mark", async || {
        for _ in 0..20 {
            number += 1;
            write(format!("load {number}")).await;
        }
        restore(&program, &config, &world, &world.path(&format!("look-{number}.db")))
            .is_some_and(|copy| names(&copy).contains(&"marked".to_owned()))
            .then_some(())
    })
    .await;
    for more in 0..200 {
        write(format!("more {more}")).await;
    }
    world.kill();
    drop(replicating);
    let key = std::fs::read(world.data().join("audit.key")).unwrap();
    std::fs::remove_dir_all(world.data()).unwrap();
    std::fs::create_dir(world.data()).unwrap();
    restore(&program, &config, &world, &world.database()).expect("a restored database");
    std::fs::write(world.data().join("audit.key"), key).unwrap();
    let kept = names(&world.database());
    assert!(kept.contains(&"marked".to_owned()));
    world.start().await;
    assert_eq!(world.rmm(&["audit", "verify"]).0, Some(0));
    let (_, list) = world.rmm(&["service", "list"]);
    assert!(list.contains("unknown"), "what was done since is not known: {list}");
}

fn restore(program: &Path, config: &Path, world: &World, to: &Path) -> Option<PathBuf> {
    let done =
        Command::new(program).args(["restore", "-config"]).arg(config).arg("-o").arg(to).arg(world.database()).output();
    done.unwrap().status.success().then(|| to.to_owned())
}

fn names(database: &Path) -> Vec<String> {
    let conn = rusqlite::Connection::open(database).unwrap();
    let mut statement = conn.prepare("SELECT name FROM tokens").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
