//! `rmm upgrade`: the new binary works, or all is as it was.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// An RMM that is installed in a folder and is started and stopped by commands, as a service is.
struct Installed {
    place: Sandbox,
}

impl Installed {
    fn new() -> Self {
        Self::at(Sandbox::new())
    }

    fn at(place: Sandbox) -> Self {
        fs::hard_link(env!("CARGO_BIN_EXE_rmm"), place.path("rmm"))
            .or_else(|_| fs::copy(env!("CARGO_BIN_EXE_rmm"), place.path("rmm")).map(|_| ()))
            .unwrap();
        let installed = Self { place };
        installed.shell(&Self::start());
        installed.is_ready();
        installed
    }

    /// The process is in a session of its own, as that of a service.
    fn start() -> String {
        "setsid ./rmm serve >log 2>&1 </dev/null & echo $! >pid".to_owned()
    }

    fn stop() -> String {
        "echo stopped >>stops; kill $(cat pid) 2>/dev/null; tail --pid=$(cat pid) -f /dev/null".to_owned()
    }

    fn shell(&self, script: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(self.place.folder.path()).env("HOME", self.place.folder.path());
        assert!(shell.status().unwrap().success(), "{script}");
    }

    fn is_ready(&self) {
        eventually("RMM is ready", || self.place.run(&["healthcheck"]).status == 0);
    }

    /// With so many seconds for the new version.
    fn upgrade(&self, new: &str, wait: &str) -> Done {
        self.upgrade_by("rmm", new, wait, &Self::start())
    }

    /// By another binary than the installed one.
    fn upgrade_by(&self, rmm: &str, new: &str, wait: &str, start: &str) -> Done {
        let stop = Self::stop();
        let words = ["upgrade", new, "--binary", "./rmm", "--start", start, "--stop", &stop, "--wait", wait];
        let mut command = Command::new(self.place.path(rmm));
        command.args(words).current_dir(self.place.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.place.folder.path());
        finished(&mut command)
    }

    /// A program that calls itself an RMM; `serve` is what it does then.
    fn claims(&self, name: &str, version: &str, check: &str, serve: &str) -> String {
        let script = format!(
            "#!/bin/sh\ncase $1 in\n--version) echo 'rmm {version}';;\ncheck) {check};;\nserve) {serve};;\nesac\n"
        );
        fs::write(self.place.path(name), script).unwrap();
        fs::set_permissions(self.place.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        format!("./{name}")
    }

    /// The database has what was there.
    fn knows_the_token(&self) -> bool {
        self.place.run(&["token", "list"]).ends(0).out.contains("ci-of-shop")
    }

    /// The binary that is installed is the one of this build.
    fn is_own(&self) -> bool {
        fs::metadata(self.place.path("rmm")).unwrap().len() == fs::metadata(env!("CARGO_BIN_EXE_rmm")).unwrap().len()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        self.shell(&Self::stop());
    }
}

#[test]
fn a_binary_that_works_takes_the_place_of_the_installed_one() {
    let installed = Installed::new();
    installed.place.run(&["token", "create", "ci-of-shop", "--role", "ci", "--service", "shop"]).ends(0);
    let before = fs::read_to_string(installed.place.path("pid")).unwrap();
    fs::copy(installed.place.path("rmm"), installed.place.path("download")).unwrap();

    installed.upgrade("./download", "60").ends(0).says("runs").says("rmm.old").says("SHA-256");
    assert_ne!(fs::read_to_string(installed.place.path("pid")).unwrap(), before);
    assert!(
        installed.is_own() && installed.place.path("rmm.old").exists() && !installed.place.path("rmm.new").exists()
    );
    assert!(installed.knows_the_token());
}

#[test]
fn a_binary_that_does_not_come_up_leaves_all_as_it_was() {
    let installed = Installed::new();
    installed.place.run(&["token", "create", "ci-of-shop", "--role", "ci", "--service", "shop"]).ends(0);
    let broken = installed.claims("broken", "99.0.0", "exit 0", "exit 1");

    installed.upgrade(&broken, "1").ends(1).says("runs as before");
    assert!(installed.is_own(), "the old binary is back");
    assert!(installed.knows_the_token());
}

#[test]
fn a_database_that_was_migrated_already_is_put_back() {
    let installed = Installed::new();
    installed.place.run(&["token", "create", "ci-of-shop", "--role", "ci", "--service", "shop"]).ends(0);
    let newer = installed.place.path("newer.db");
    installed.place.run(&["backup", newer.to_str().unwrap()]).ends(0);
    let migrated =
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '', '1')";
    rusqlite::Connection::open(&newer).unwrap().execute_batch(migrated).unwrap();
    let broken = installed.claims(
        "broken",
        "99.0.0",
        "exit 0",
        "rm -f data/rmm.db-wal data/rmm.db-shm; cp newer.db data/rmm.db; exit 1",
    );

    installed.upgrade(&broken, "1").ends(1).says("runs as before");
    assert!(installed.is_own());
    assert!(installed.knows_the_token(), "an older RMM does not start on a newer database");
    installed.place.run(&["audit", "verify"]).ends(0);
}

#[test]
fn what_cannot_be_taken_stops_nothing() {
    let installed = Installed::new();
    installed.upgrade("./missing", "60").ends(2).says("missing");
    installed.upgrade("./rmm", "60").ends(2).says("is the binary that is installed");
    fs::write(installed.place.path("page"), "<html>").unwrap();
    installed.upgrade("./page", "60").ends(2).says("does not run on this machine");
    installed.upgrade("/bin/true", "60").ends(2).says("is no RMM");
    let older = installed.claims("older", "0.0.1", "exit 0", "exit 1");
    installed.upgrade(&older, "60").ends(2).says("--force");
    let strict = installed.claims("strict", "99.0.0", "echo 'rmm.toml:1:1: no such key' >&2; exit 2", "exit 1");
    installed.upgrade(&strict, "60").ends(2).says("does not take this configuration").says("no such key");

    assert!(!installed.place.path("stops").exists(), "RMM was stopped");
    assert!(installed.is_own() && !installed.place.path("rmm.new").exists());
    installed.place.run(&["healthcheck"]).ends(0);
}

#[test]
fn an_upgrade_that_was_killed_is_gone_on_with_and_goes_back_to_what_was_before_it() {
    let installed = Installed::new();
    installed.place.run(&["token", "create", "ci-of-shop", "--role", "ci", "--service", "shop"]).ends(0);
    let broken = installed.claims("broken", "99.0.0", "exit 0", "exit 1");
    let killed = installed.upgrade_by("rmm", &broken, "1", "kill -KILL $PPID");
    assert_eq!(killed.status, -1, "{killed:?}");
    assert!(!installed.is_own(), "the new binary is in its place");
    let kept = fs::metadata(installed.place.path("data/rmm.db.before-upgrade")).unwrap().modified().unwrap();

    installed
        .upgrade_by("rmm.old", &broken, "1", &Installed::start())
        .ends(1)
        .says("was killed")
        .says("runs as before");
    assert!(installed.is_own(), "the binary from before both is back");
    let still = fs::metadata(installed.place.path("data/rmm.db.before-upgrade")).unwrap().modified().unwrap();
    assert_eq!(kept, still);
    assert!(installed.knows_the_token());

    // It is over: the next one begins anew.
    installed.upgrade(&broken, "1").ends(1).says_not("was killed").says("runs as before");
    assert!(installed.is_own());
}

/// A small disk on a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where one may not mount.
    fn on(folder: PathBuf) -> Option<Self> {
        fs::create_dir_all(&folder).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m,mode=700", "rmm-cli"]).arg(&folder).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: a small disk cannot be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_disk_without_room_for_the_copy_of_the_database_stops_nothing() {
    let place = Sandbox::new();
    let Some(_disk) = SmallDisk::on(place.path("data")) else { return };
    let installed = Installed::at(place);
    let new = installed.claims("new", "99.0.0", "exit 0", "exit 1");
    installed.upgrade(&new, "1").ends(1).says("has no room").says("Nothing was stopped");
    assert!(!installed.place.path("stops").exists(), "RMM was stopped");
    assert!(installed.is_own() && !installed.place.path("rmm.new").exists());
    installed.place.run(&["healthcheck"]).ends(0);
}
