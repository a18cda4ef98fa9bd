//! The demo's service, from its real repository, through the scripts that RMM's steps run: what each environment
//! really serves, and that its process outlives the step and ends with the test.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rmm::demo::repository::{self, Repository};
use serde_json::{Value, json};
use tempfile::TempDir;

const RMM: &str = env!("CARGO_BIN_EXE_rmm");

/// One environment: a clone, a data folder, a port. Its process ends with it, also when the test fails.
struct Site {
    folder: TempDir,
    repository: Repository,
    environment: &'static str,
    port: u16,
}

impl Site {
    fn new(environment: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repository = repository::create(folder.path(), Path::new(RMM)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let site = Self { folder, repository, environment, port };
        let from = site.repository.path.clone();
        site.git(&["clone", "--quiet", from.to_str().unwrap(), site.code().to_str().unwrap()], site.folder.path());
        site
    }

    fn code(&self) -> PathBuf {
        self.folder.path().join("code it's in")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data it's in")
    }

    fn git(&self, args: &[&str], dir: &Path) {
        let mut git = self.clean(Command::new("git"));
        assert!(git.args(args).current_dir(dir).status().unwrap().success(), "git {args:?}");
    }

    /// A test may be started by a git hook, and the scripts call git.
    fn clean(&self, mut command: Command) -> Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GIT_")) {
            command.env_remove(name);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        command.envs(self.repository.settings(self.environment, self.port, &self.data()));
        command.env_remove("GUESTBOOK_PAYMENT_KEY");
        command
    }

    fn checkout(&self, tag: &str) {
        let commit = &self.repository.commits[tag];
        self.git(&["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit], &self.code());
    }

    /// As a step of RMM runs it: by a shell, in the checkout, its output read to the end.
    fn sh(&self, line: &str) -> Output {
        let mut sh = self.clean(Command::new("sh"));
        sh.args(["-c", line]).current_dir(self.code()).stdin(Stdio::null()).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let output = self.sh(line);
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Fails with exit code 1; gives what it said.
    #[track_caller]
    fn fails(&self, line: &str) -> String {
        let output = self.sh(line);
        assert!(!output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn deploy(&self, tag: &str) {
        self.checkout(tag);
        self.ok("./migrate up");
        self.ok("./serve");
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    fn health(&self) -> (u16, Value) {
        let (status, body) = self.get("/health");
        (status, serde_json::from_str(&body).unwrap())
    }

    fn healthy(&self, version: &str, schema: i64) {
        let expected = json!({ "version": version, "environment": self.environment, "schema": schema });
        assert_eq!(self.health(), (200, expected));
    }

    fn ill(&self) -> String {
        let (status, health) = self.health();
        assert_eq!(status, 500, "{health}");
        health["problem"].as_str().unwrap().to_owned()
    }

    fn pid_file(&self) -> PathBuf {
        self.data().join("guestbook.pid")
    }

    fn pid(&self) -> u32 {
        std::fs::read_to_string(self.pid_file()).unwrap().parse().unwrap()
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.data().join("guestbook.sqlite")).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let mut stop = Command::new(RMM);
        let _ = stop.args(["demo-service", "stop", "--data"]).arg(self.data()).output();
    }
}

/// A process that has nothing to do with the guestbook.
struct Stranger(std::process::Child);

impl Stranger {
    fn new() -> Self {
        Self(Command::new("sleep").arg("60").spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn goes_forward_and_back_with_its_data() {
    let site = Site::new("stage");
    site.checkout("v1.0.0");
    assert_eq!(site.ok("./migrate up"), "applied 001_guests\n");
    assert_eq!(site.ok("./migrate up"), "nothing to apply\n");
    let line = site.ok("./serve");
    assert_eq!(line.lines().count(), 1, "{line}");
    site.healthy("1.0.0", 1);
    assert_eq!(site.get("/version"), (200, "1.0.0\n".into()));
    site.database().execute("INSERT INTO guests (name) VALUES ('Barbara <3')", []).unwrap();
    assert!(site.get("/").1.contains("<li>Barbara &lt;3</li>"));

    // A checkout alone changes nothing; the new schema without the new code is an illness.
    site.checkout("v1.1.0");
    site.healthy("1.0.0", 1);
    assert_eq!(site.ok("./migrate up"), "applied 002_greetings\n");
    assert!(site.ill().contains("newer"), "{}", site.ill());
    site.ok("./serve");
    site.healthy("1.1.0", 2);
    assert!(site.get("/").1.contains("Welcome, Barbara &lt;3!"));

    // The order of RMM's rollback.
    assert_eq!(site.ok("./migrate down v1.0.0"), "reversed 002_greetings\n");
    assert!(site.ill().contains("older"), "{}", site.ill());
    site.checkout("v1.0.0");
    site.ok("./serve");
    site.healthy("1.0.0", 1);
    let page = site.get("/").1;
    assert!(page.contains("<li>Ada</li>") && page.contains("<li>Barbara &lt;3</li>"), "{page}");

    // Two versions at once, newest first, and forward again.
    site.deploy("v1.2.0");
    site.healthy("1.2.0", 3);
    assert_eq!(site.ok("./migrate down v1.0.0"), "reversed 003_donations\nreversed 002_greetings\n");
    site.deploy("v1.1.0");
    site.healthy("1.1.0", 2);
}

#[test]
fn the_last_version_is_well_on_stage_and_ill_in_production() {
    let stage = Site::new("stage");
    stage.deploy("v1.2.0");
    stage.healthy("1.2.0", 3);
    assert!(stage.get("/").1.contains("Welcome, Grace! You gave 500 cents."));

    let production = Site::new("production");
    production.deploy("v1.1.0");
    production.healthy("1.1.0", 2);
    production.deploy("v1.2.0");
    assert_eq!(
        production.ill(),
        "payments are live in production, but GUESTBOOK_PAYMENT_KEY is not set on this server"
    );
    assert_eq!(production.ok("./migrate down v1.1.0"), "reversed 003_donations\n");
    production.checkout("v1.1.0");
    production.ok("./serve");
    production.healthy("1.1.0", 2);
    // The neighbour has not noticed.
    stage.healthy("1.2.0", 3);
}

#[test]
fn reverses_nothing_without_a_target_or_with_an_unknown_one() {
    let site = Site::new("stage");
    site.checkout("v1.1.0");
    site.ok("./migrate up");
    site.ok("./migrate down ''");
    site.ok("./migrate down");
    assert!(site.fails("./migrate down v9.9.9").contains("v9.9.9"));
    site.fails("./migrate down '$(touch x)'");
    site.fails("./migrate sideways");
    site.fails("./migrate");
    assert_eq!(site.ok("./migrate up"), "nothing to apply\n");
    // A commit is as good as a tag.
    assert_eq!(site.ok(&format!("./migrate down {}", site.repository.commits["v1.0.0"])), "reversed 002_greetings\n");
}

#[test]
fn is_ill_before_the_first_migration() {
    let site = Site::new("stage");
    site.checkout("v1.0.0");
    site.ok("./serve");
    assert!(site.ill().contains("no database"), "{}", site.ill());
    site.ok("./migrate up");
    site.healthy("1.0.0", 1);
}

#[test]
fn the_process_is_replaced_and_holds_nothing_of_the_step() {
    let site = Site::new("stage");
    site.deploy("v1.0.0");
    let old = site.pid();
    // `output` returns when every holder of the pipe has gone: these would keep it open.
    site.ok("./serve 7>&1 9>&2");
    site.ok("if command -v bash; then bash -c './serve 7>&1 42>&1 142>&2'; fi");
    let new = site.pid();
    assert_ne!(old, new);
    site.healthy("1.0.0", 1);
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{new}/stat")).unwrap();
        let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
        assert_eq!(session, new.to_string(), "it leads its own session");
        for file in std::fs::read_dir(format!("/proc/{new}/fd")).unwrap() {
            let target = std::fs::read_link(file.unwrap().path()).unwrap();
            assert!(!target.to_string_lossy().starts_with("pipe:"), "{target:?}");
        }
    }
    assert_eq!(site.ok("\"$GUESTBOOK_BIN\" demo-service stop"), "stopped\n");
    assert_eq!(site.ok("\"$GUESTBOOK_BIN\" demo-service stop"), "not running\n");
    assert!(TcpStream::connect(("127.0.0.1", site.port)).is_err());
}

#[test]
fn a_process_that_ignores_term_is_killed() {
    let site = Site::new("stage");
    site.deploy("v1.0.0");
    let pid = site.pid();
    // A stopped process does not take TERM.
    assert!(Command::new("sh").args(["-c", &format!("kill -s STOP {pid}")]).status().unwrap().success());
    site.ok("./serve");
    assert_ne!(site.pid(), pid);
    site.healthy("1.0.0", 1);
}

#[test]
fn a_stranger_is_never_ended() {
    let site = Site::new("stage");
    site.checkout("v1.0.0");
    std::fs::create_dir(site.data()).unwrap();
    let mut stranger = Stranger::new();
    std::fs::write(site.pid_file(), stranger.0.id().to_string()).unwrap();
    // The pid was given to another program after ours had died.
    assert_eq!(site.ok("\"$GUESTBOOK_BIN\" demo-service stop"), "not running\n");
    // Another process even holds the lock.
    let lock = std::fs::File::open(site.pid_file()).unwrap();
    lock.lock().unwrap();
    assert!(site.fails("\"$GUESTBOOK_BIN\" demo-service stop").contains("not a guestbook"));
    assert!(site.fails("./serve").contains("not a guestbook"));
    drop(lock);
    assert!(stranger.lives());
    site.deploy("v1.0.0");
    site.healthy("1.0.0", 1);
    assert!(stranger.lives());
}

#[test]
fn a_start_that_fails_shows_why() {
    let site = Site::new("stage");
    site.deploy("v1.0.0");
    std::fs::write(site.code().join("guestbook.toml"), "version = 1").unwrap();
    let said = site.fails("./serve");
    assert!(said.contains("guestbook.toml is not understood"), "{said}");

    site.checkout("v1.0.0");
    site.git(&["checkout", "--quiet", "--", "."], &site.code());
    let taken = TcpListener::bind(("127.0.0.1", site.port)).unwrap();
    assert!(site.fails("./serve").contains("in use by another program"));
    drop(taken);
    site.ok("./serve");
    site.healthy("1.0.0", 1);
}

#[test]
fn answers_bad_requests() {
    let site = Site::new("stage");
    site.deploy("v1.0.0");
    for (request, status) in [
        ("POST / HTTP/1.1\r\n\r\n", "405"),
        ("GET /nowhere HTTP/1.1\r\n\r\n", "404"),
        ("GET /health?x=1 HTTP/1.0\r\n\r\n", "200"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    }
    site.healthy("1.0.0", 1);
}
