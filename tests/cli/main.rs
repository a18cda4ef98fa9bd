//! The program itself, as scripts use it: verbs, outputs and exit statuses, with and without a running RMM.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod docs;
mod doctor;
mod upgrade;
mod workflows;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"

[[people]]
name = "ann"
role = "admin"

[[people]]
name = "bob"
role = "member"

[[services]]
name = "shop"
[services.approvals]
required = ["ann", "bob"]
[[services.surfaces]]
name = "app"
recipe = "commands"
checkout = false
[services.environments.stage]
driver = "ci"
[services.environments.production]
driver = "ci"
"#;

/// A folder with an `rmm.toml`, and perhaps an RMM that runs on it.
struct Sandbox {
    folder: tempfile::TempDir,
    server: Option<Child>,
}

/// What a call came to.
#[derive(Debug)]
struct Done {
    status: i32,
    out: String,
    err: String,
}

impl Done {
    #[track_caller]
    fn ends(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text) || self.err.contains(text), "no {text:?} in {self:?}");
        self
    }

    #[track_caller]
    fn says_not(self, text: &str) -> Self {
        assert!(!self.out.contains(text) && !self.err.contains(text), "{text:?} in {self:?}");
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.status, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Sandbox {
    fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: None }
    }

    fn new() -> Self {
        let place = Self::empty();
        fs::write(place.path("rmm.toml"), CONFIG).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmm"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("USER", "tester");
        command.env("HOME", self.folder.path()).env("TZ", "UTC");
        command
    }

    fn run(&self, arguments: &[&str]) -> Done {
        finished(&mut self.command(arguments))
    }

    fn remote(&self, token: &str, arguments: &[&str]) -> Done {
        finished(self.command(arguments).env("RMM_URL", self.url()).env("RMM_TOKEN", token))
    }

    fn url(&self) -> String {
        format!("http://{}", fs::read_to_string(self.path("data/address")).unwrap().trim())
    }

    fn serve(&mut self) {
        let mut command = self.command(&["serve"]);
        self.server = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        eventually("RMM is ready", || self.run(&["healthcheck"]).status == 0);
    }

    fn stop(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let ended = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
        assert!(ended.success() && server.wait().unwrap().success());
    }

    fn token(&self, arguments: &[&str]) -> String {
        let done = self.run(&[&["token", "create"], arguments].concat()).ends(0);
        assert_eq!(done.out.lines().count(), 1, "the token stands alone: {done:?}");
        done.out.trim().to_owned()
    }

    /// Everything in the data directory, with its size.
    fn data(&self) -> Vec<(PathBuf, u64)> {
        let mut found: Vec<_> = fs::read_dir(self.path("data"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
            .collect();
        found.sort();
        found
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn finished(command: &mut Command) -> Done {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::yield_now();
    }
}

const TO_TESTING: [&str; 3] = ["stage_building", "stage_test_rollback", "manual_testing"];

#[test]
fn text_in_another_encoding_costs_no_release_and_no_lock() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let mut place = Sandbox::new();
    place.serve();
    let text = OsStr::from_bytes(b"caf\xe9 closed");
    let create = ["release", "create", "--service", "shop", "--tag", "v1", "--by", "ann", "--json", "--notes"];
    let made = finished(place.command(&create).arg(text));
    assert_eq!(made.json()["notes"], "caf\u{fffd} closed");
    finished(place.command(&["service", "lock", "shop", "--reason"]).arg(text)).ends(0).says("locked");
}

#[test]
fn times_are_told_in_the_zone_of_the_rmm_that_is_asked() {
    let mut place = Sandbox::empty();
    let zone = "[server]\ntime_zone = \"Asia/Tokyo\"";
    fs::write(place.path("rmm.toml"), CONFIG.replacen("[server]", zone, 1)).unwrap();
    place.serve();
    let token = place.token(&["reader", "--role", "viewer"]);
    place.run(&["audit", "list"]).ends(0).says(" JST  ").says_not("UTC");
    place.remote(&token, &["audit", "list"]).ends(0).says(" JST  ").says_not("UTC");
}

#[test]
fn a_first_configuration() {
    let place = Sandbox::empty();
    place.run(&["check"]).ends(2).says("rmm init");
    // No repository is made up.
    place.run(&["init", "--service", "shop", "--person", "ann"]).ends(2).says("--repository URL").says("--no-service");
    for arguments in [&["init", "--person", "ann"] as &[&str], &["init", "--no-service", "--person", "ann", "--force"]]
    {
        place
            .run(arguments)
            .ends(0)
            .says("It has no service yet")
            .says("rmm login-link ann")
            .says("Connect a repository");
        assert!(!fs::read_to_string(place.path("rmm.toml")).unwrap().contains("[[services]]\n"));
    }
    let shop = ["init", "--service", "shop", "--person", "ann", "--repository", "/srv/git/shop.git", "--force"];
    place.run(&shop).ends(0).says("rmm.toml is written").says("rmm serve").says("(/srv/git/shop.git)");
    place.run(&["init"]).ends(1).says("--force");
    place.run(&["init", "--force", "--service", "not a name"]).ends(2).says("--service");
    if rustix::process::geteuid().is_root() {
        // That user does not exist in a test.
        place.run(&["check"]).ends(2).says("useradd --create-home rmm-steps");
        let text = fs::read_to_string(place.path("rmm.toml")).unwrap();
        fs::write(place.path("rmm.toml"), text.replace("\"rmm-steps\"", "\"root\"")).unwrap();
    }
    let checked = place.run(&["check"]).ends(0).says("rmm.toml is right").says("RMM's database, keys and secrets");
    assert!(checked.out.contains("name = \"shop\"") && checked.out.contains("[server]"));
    let json = place.run(&["check", "--json"]).json();
    assert_eq!(json["configuration"]["services"][0]["name"], "shop");
    assert!(json["open_files"].as_u64().is_some_and(|most| most > 100), "{json}");
    let few = format!("ulimit -n 128 && exec '{}' check --quiet", env!("CARGO_BIN_EXE_rmm"));
    let mut limited = Command::new("sh");
    limited.args(["-c", &few]).current_dir(place.path("rmm.toml").parent().unwrap());
    finished(&mut limited).ends(0).says("128 open files only, and so 64 connections");
    // In a shell that has not RMM's secrets.
    let text = fs::read_to_string(place.path("rmm.toml")).unwrap();
    fs::write(place.path("rmm.toml"), text + "\n[telegram]\ntoken = \"env:RMM_NOBODY_HAS_SET_THIS\"\n").unwrap();
    let unset = "the environment variable `RMM_NOBODY_HAS_SET_THIS` is not set";
    place.run(&["check"]).ends(0).says("warning: ").says(unset).says("could not be looked up here");
    place.run(&["serve"]).ends(2).says(unset);
    // Beside an error it is none either; for the one that is to run, it is.
    let text = fs::read_to_string(place.path("rmm.toml")).unwrap();
    fs::write(place.path("rmm.toml"), text + "mesage = 1\n").unwrap();
    let told =
        place.run(&["check"]).ends(2).says("telegram.mesage: unknown key").says("warning: rmm.toml:").says(unset);
    told.says("could not be looked up here").says("1 error, 1 warning in the configuration");
    place.run(&["serve"]).ends(2).says("2 errors in the configuration");
    fs::write(place.path("rmm.toml"), "[server]\nlissten = \"x\"\n").unwrap();
    place.run(&["check"]).ends(2).says("rmm.toml:2:1").says("did you mean `listen`?");
    place.run(&["serve"]).ends(2);
}

#[test]
fn the_unit_of_systemd_names_this_program_and_keeps_it_in_bounds() {
    let place = Sandbox::empty();
    let unit = place.run(&["init", "--systemd"]).ends(0).out;
    let program =
        format!("ExecStart=\"{}\" serve --config \"{}\"", env!("CARGO_BIN_EXE_rmm"), place.path("rmm.toml").display());
    assert!(unit.contains(&program), "{unit}");
    assert!(!place.path("rmm.toml").exists());
    let path = place.path("rmm.service");
    fs::write(&path, &unit).unwrap();
    let mut judge = Command::new("systemd-analyze");
    // Of 100: what a service of the system without any bounds has is 96.
    match judge.args(["security", "--offline=true", "--no-pager", "--threshold=20"]).arg(&path).output() {
        Err(_) => eprintln!("skipped: there is no systemd-analyze, so the bounds of the unit are not judged"),
        Ok(judged) => assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout)),
    }
}

#[test]
fn wrong_usage() {
    let place = Sandbox::new();
    for arguments in [
        &["dance"][..],
        &["release", "show", "x"],
        &["release", "show", "-1"],
        &["release", "create", "--service", "shop"],
        &["release", "reject", "1"],
        &["token", "create", "x", "--role", "king"],
        &["token", "create", "x", "--role", "ci", "--expires", "soon"],
        &["release", "report", "1", "--status", "deploy"],
        &["release", "bypass", "1", "--gate", "commit_known", "--reason", "x"],
        &["audit", "verify", "--anchor", "1:2"],
    ] {
        place.run(arguments).ends(2);
    }
    assert!(!place.path("data").exists(), "wrong usage makes nothing");
}

#[test]
fn nothing_to_reach() {
    let place = Sandbox::new();
    place.run(&["release", "list"]).ends(4).says("rmm serve");
    place.run(&["healthcheck"]).ends(4);
    place.run(&["audit", "verify"]).ends(4);
    place.run(&["release", "wait", "1"]).ends(4);
    assert!(!place.path("data").exists(), "looking makes nothing");
    let far = |url: &str| finished(place.command(&["release", "list"]).env("RMM_URL", url));
    far("http://127.0.0.1:9").ends(4).says("RMM_URL");
    far("127.0.0.1:9").ends(2);
    place.run(&["healthcheck", "--url", "http://127.0.0.1:9"]).ends(4);
}

#[test]
fn waiting_for_a_release_goes_on_over_a_restart() {
    use std::io::{BufRead, BufReader};
    let mut place = Sandbox::new();
    place.serve();
    let commit = "c".repeat(40);
    place.run(&["release", "create", "--service", "shop", "--tag", "v1.0.0", "--commit", &commit]).ends(0);
    let mut waiting = place.command(&["release", "wait", "1"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(waiting.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(notes.any(|note| note.contains("#1 is ")));
    place.stop();
    assert!(notes.any(|note| note.contains("RMM does not answer")));
    place.serve();
    place.run(&["release", "cancel", "1", "--reason", "enough"]).ends(0);
    assert!(notes.any(|note| note.contains("enough")));
    assert_eq!(waiting.wait().unwrap().code(), Some(1), "it ended otherwise");
}

#[test]
fn a_release_from_ci_to_production() {
    let mut place = Sandbox::new();
    let ci = place.token(&["github", "--role", "ci", "--service", "shop"]);
    place.serve();
    let ann = place.token(&["ann", "--role", "admin", "--person", "ann"]);
    let bob = place.token(&["bob", "--role", "member", "--person", "bob", "--expires", "90d"]);
    place.run(&["token", "create", "bob", "--role", "member", "--person", "bob"]).ends(3).says("revoke it first");
    place.run(&["token", "list"]).ends(0).says("github").says("in 90 days");
    assert_eq!(place.run(&["token", "list", "--json"]).json().as_array().map(Vec::len), Some(3));

    let commit = "c".repeat(40);
    let create =
        ["release", "create", "--service", "shop", "--tag", "v1.0.0", "--commit", &commit, "--ci-run-id", "77"];
    let created = place.remote(&ci, &create).ends(0);
    assert_eq!(created.out, "#1\n");
    assert_eq!(place.remote(&ci, &create).ends(0).out, "#1\n");
    place.remote(&ci, &["release", "show", "1"]).ends(0).says("0 of 2");
    place.remote(&ci, &["service", "show", "shop"]).ends(3).says("viewer");
    place.remote("wrong", &["release", "list"]).ends(3).says("RMM_TOKEN");
    finished(place.command(&["release", "list"]).env("RMM_URL", place.url())).ends(3).says("RMM_TOKEN is not set");

    assert_eq!(place.run(&["release", "show", "#1", "--json"]).json()["initiated_by"], "tester");
    place.run(&["release", "list"]).ends(0).says("v1.0.0").says("initiated");
    let page = place.run(&["release", "list", "--list", "active", "--json"]).json();
    assert_eq!(page["releases"][0]["id"], 1);
    place.run(&["release", "list", "--list", "failed"]).ends(0).says("no such releases");

    place.remote(&ann, &["release", "approve", "1"]).ends(3).says("refused").says("rmm release cancel 1 --reason");
    for status in TO_TESTING {
        place
            .remote(&ci, &["release", "report", "#1", "--status", status, "--ci-run-id", "77"])
            .ends(0)
            .says("#1 shop");
    }
    place.run(&["release", "wait", "1", "--until", "manual_testing"]).ends(0);
    place.run(&["release", "wait", "1", "--until", "stage_building"]).ends(0);
    place.run(&["release", "wait", "1", "--timeout", "1s"]).ends(1).says("within 1 s");
    place.run(&["release", "approve", "1"]).ends(3).says("--person");
    place.remote(&ci, &["release", "report", "1", "--status", "deploying"]).ends(3);
    place.run(&["release", "explain", "1"]).ends(0).says("approvals").says("ann, bob must approve");
    let gates = place.run(&["release", "explain", "1", "--json"]).json();
    assert!(gates.as_array().is_some_and(|gates| gates.iter().any(|gate| gate["name"] == "approvals")));
    place.remote(&ann, &["release", "approve", "1"]).ends(0).says("1 of 2");
    // Who looks is offered what they may do.
    place.run(&["release", "show", "1"]).ends(0).says("rmm release cancel 1").says_not("rmm release approve 1");
    let card = place.remote(&bob, &["release", "show", "1"]).ends(0);
    for part in
        ["#1  shop v1.0.0", "manual_testing", "1 of 2", "ann", "bob", "rmm release approve 1", "rmm release reject 1"]
    {
        assert!(card.out.contains(part), "no {part:?} in {}", card.out);
    }
    place.remote(&bob, &["release", "approve", "1", "--json"]).ends(0).says("manual_test_passed");

    place.run(&["service", "lock", "shop", "--reason", "sale"]).ends(0).says("locked");
    place.run(&["release", "explain", "1"]).ends(0).says("sale");
    place.run(&["service", "show", "shop"]).ends(0).says("sale").says("rmm service unlock shop");
    place.remote(&bob, &["service", "unlock", "shop"]).ends(3);
    place.run(&["service", "unlock", "shop"]).ends(0);
    assert!(place.run(&["service", "show", "shop", "--json"]).json()["production"]["lock"].is_null());
    for status in ["deploying", "deployed"] {
        place.remote(&ci, &["release", "report", "1", "--status", status, "--ci-run-id", "77"]).ends(0).says(status);
    }
    place.run(&["release", "wait", "1"]).ends(0);
    place.run(&["service", "list"]).ends(0).says("v1.0.0 (#1)");
    place.run(&["release", "plan", "1"]).ends(0).says("CI system");
    place.run(&["release", "runs", "1"]).ends(0);
    place.run(&["release", "logs", "1"]).ends(0).says("No step has printed anything");
    place.run(&["release", "logs", "1", "--follow"]).ends(0);
    place.run(&["release", "events", "1"]).ends(0).says("approved (2/2)").says("deploying → deployed");
    place.run(&["release", "show", "99"]).ends(3).says("no release #99");
    place.run(&["release", "rollback", "1", "--reason", "x"]).ends(3).says("refused");
    place.run(&["person", "list"]).ends(0).says("shop");
    assert_eq!(place.run(&["people", "list", "--json"]).json()[0]["name"], "ann");
    assert!(place.run(&["audit", "list", "--json"]).json()["events"].as_array().is_some_and(|e| e.len() > 10));
    place.run(&["token", "revoke", "bob"]).ends(0);
    place.remote(&bob, &["release", "list"]).ends(3).says("revoked");
    place.run(&["token", "revoke", "bob"]).ends(3);
    place.stop();
    assert!(!place.path("data/address").exists());
}

#[test]
fn answers_are_in_the_language_of_the_reader() {
    use std::os::unix::fs::PermissionsExt;
    let mut place = Sandbox::new();
    let ci = place.token(&["github", "--role", "ci", "--service", "shop"]);
    place.serve();
    let create = ["release", "create", "--service", "shop", "--tag", "v1.0.0", "--commit", &"c".repeat(40)];
    place.remote(&ci, &create).ends(0);
    let by_locale = |arguments: &[&str]| finished(place.command(arguments).env("LANG", "ru_RU.UTF-8"));
    by_locale(&["release", "list"]).ends(0).says("РЕЛИЗ").says("создан");
    by_locale(&["release", "show", "1"])
        .ends(0)
        .says("Мешает продакшну")
        .says("Ещё должны подтвердить: ann, bob.")
        .says("Что можно сделать")
        .says("rmm release cancel 1 --reason");
    by_locale(&["release", "show", "99"]).ends(3).says("отказано").says_not("no release");
    by_locale(&["--lang", "en", "release", "list"]).ends(0).says("RELEASE").says("initiated");
    let events = place.run(&["release", "events", "1", "--lang", "ru"]).ends(0);
    assert!(events.out.contains("релиз создан, инициатор"), "{events:?}");
    let json = |done: Done| done.ends(0).json();
    let show = ["release", "show", "1", "--json"];
    assert_eq!(json(by_locale(&show)), json(place.run(&show)), "the answer of the API has no language");
    by_locale(&["service", "lock", "shop", "--reason", "x"]).ends(0).says("Продакшн сервиса shop заблокирован.");
    by_locale(&["token", "revoke", "github"]).ends(0).says("Токен github больше не действует.");
    by_locale(&["release", "cancel", "1", "--reason", "x"]).ends(0).says("#1 shop v1.0.0: отмена: ");
    by_locale(&["audit", "verify"]).ends(0).says("Журнал аудита цел");
    place.run(&["--lang", "de", "release", "list"]).ends(2).says("en, ru");
    // What breaks a rule: of RMM's answer, of a name that is given here, of the configuration.
    by_locale(&["release", "create", "--service", "shop", "--tag", "v 1"])
        .ends(3)
        .says("tag: допустимы от 1 до 128 символов")
        .says_not("must be");
    by_locale(&["init", "--force", "--person", "-"]).ends(2).says("--person: допустимы от 1 до 64 символов");
    place.stop();
    // What is wrong with files and with this machine.
    place.run(&["--lang", "ru", "restore", "nothing.db"]).ends(1).says("файла nothing.db нет");
    place.run(&["--lang", "ru", "export", "rmm.toml"]).ends(1).says("rmm.toml уже есть и не тронут");
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o777)).unwrap();
    place.run(&["--lang", "ru", "check"]).says("(права 777) могут класть файлы").says_not("others can put");
    fs::write(place.path("rmm.toml"), "[server]\nlisen = \"here\"\n").unwrap();
    place
        .run(&["--lang", "ru", "check"])
        .ends(2)
        .says("rmm.toml:2:1: server.lisen: неизвестный ключ; может быть, `listen`?")
        .says("в конфигурации 1 ошибка");
}

#[test]
fn refusals_for_machines() {
    let place = Sandbox::new();
    let done = place.run(&["release", "create", "--service", "nothing", "--tag", "v1", "--json"]).ends(3);
    let problem: Value = serde_json::from_str(done.err.lines().last().unwrap_or_default()).unwrap();
    assert_eq!(problem["code"], "not_found");
}

#[test]
fn the_record_is_checked_with_and_without_a_server() {
    let mut place = Sandbox::new();
    place.token(&["ci", "--role", "ci"]);
    let before = place.data();
    let verified = place.run(&["audit", "verify"]).ends(0).says("intact");
    assert_eq!(place.data(), before, "the check leaves no trace");
    let anchor = verified.out.lines().last().unwrap().trim().to_owned();
    place.serve();
    place.run(&["audit", "verify", "--anchor", &anchor]).ends(0);
    assert_eq!(place.run(&["audit", "verify", "--json"]).json()["intact"], true);
    place.stop();
    let other = format!("1:{}", "0".repeat(64));
    place.run(&["audit", "verify", "--anchor", &other]).ends(1).says("BROKEN");
    let forge = "UPDATE events SET data = '{\"name\":\"ci\",\"role\":\"admin\"}' WHERE kind = 'token_created'";
    let conn = rusqlite::Connection::open(place.path("data/rmm.db")).unwrap();
    // The table defends itself against plain edits; a forger takes the defence away first.
    let defences: Vec<String> = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for name in defences {
        conn.execute_batch(&format!("DROP TRIGGER \"{name}\"")).unwrap();
    }
    assert_eq!(conn.execute(forge, []).unwrap(), 1);
    drop(conn);
    place.run(&["audit", "verify"]).ends(1).says("row 1");
    let json = place.run(&["audit", "verify", "--json"]).ends(1);
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap()["broken_at"], 1);
    place.serve();
    place.run(&["audit", "verify"]).ends(1).says("row 1");
}

#[test]
fn copies_are_made_and_put_back() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.run(&["backup", "copy.db"]).ends(0).says("copy.db").says("audit.key");
    place.run(&["backup", "copy.db"]).ends(3);
    place.run(&["backup", "copy.db", "--overwrite", "--with-key"]).ends(0);
    assert!(place.path("copy.db.key").exists());
    place.token(&["second", "--role", "viewer"]);
    place.run(&["token", "revoke", "first"]).ends(0);
    place.run(&["restore", "copy.db", "--force"]).ends(3).says("Stop RMM first");
    place.stop();
    place.run(&["restore", "copy.db"]).ends(3).says("--force");
    place.run(&["restore", "missing.db", "--force"]).ends(1);
    place.run(&["restore", "copy.db", "--force"]).ends(0).says("restored").says("before-restore").says(
        "These tokens were revoked after the backup was made and are valid again:\n  first (viewer), never used\n",
    );
    let restored = place.run(&["restore", "copy.db", "--force"]).ends(0);
    assert!(!restored.err.contains("valid again"), "{}", restored.err);
    let list = place.run(&["token", "list"]).ends(0).says("first");
    assert!(!list.out.contains("second"));
    place.run(&["audit", "verify"]).ends(0);

    let fresh = Sandbox::new();
    let copy = place.path("copy.db");
    let without_key = fresh.path("copy.db");
    fs::copy(&copy, &without_key).unwrap();
    fresh.run(&["restore", "copy.db"]).ends(3).says("audit.key");
    assert!(!fresh.path("data/rmm.db").exists());
    fs::write(fresh.path("copy.db.key"), format!("{}\n", "0".repeat(64))).unwrap();
    fresh.run(&["restore", "copy.db"]).ends(3).says("does not fit the key");
    fresh.run(&["restore", copy.to_str().unwrap()]).ends(0);
    assert_eq!(mode(&fresh.path("data/audit.key")), 0o600);
    fresh.run(&["token", "list"]).ends(0).says("first");
}

#[test]
fn a_verb_without_the_one_before_it_is_told_with_it() {
    let place = Sandbox::empty();
    for verb in ["approve", "reject", "cancel", "retry", "rollback", "resolve"] {
        place.run(&[verb, "1"]).ends(2).says(&format!("there is `rmm release {verb}`")).says_not("similar");
    }
    place.run(&["trust", "web-1"]).ends(2).says("there is `rmm host trust`");
    place.run(&["show", "1"]).ends(2).says("there is `rmm release show`").says("and `rmm ");
    place.run(&["service", "approve", "1"]).ends(2).says("there is `rmm release approve`");
    // What nothing is called keeps the tip of what is written alike.
    place.run(&["releas"]).ends(2).says("similar").says_not("there is");
    place.run(&["nonsense"]).ends(2).says_not("tip");
}

#[test]
fn data_is_copied_and_put_back_without_the_secrets_of_the_service() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.stop();
    fs::write(place.path("rmm.toml"), format!("{CONFIG}\n[github]\ntoken = \"env:TOKEN_OF_THE_UNIT\"\n")).unwrap();
    place.run(&["token", "list"]).ends(2).says("TOKEN_OF_THE_UNIT");
    place.run(&["backup", "copy.db"]).ends(0).says("copy.db").says_not("TOKEN_OF_THE_UNIT");
    place.run(&["audit", "list"]).ends(2);
    place.run(&["audit", "verify"]).ends(0);
    place.run(&["audit", "rotate-key"]).ends(0);
    place.run(&["export", "all.tar"]).ends(0);
    place.run(&["import", "all.tar", "--force"]).ends(0);
    place.run(&["backup", "later.db"]).ends(0);
    place.run(&["restore", "later.db", "--force"]).ends(0);
    fs::write(place.path("rmm.toml"), CONFIG).unwrap();
    place.run(&["audit", "list"]).ends(0).says("copy.db");
    place.run(&["token", "list"]).ends(0).says("first");
}

#[test]
fn a_file_in_another_form_is_named_with_the_way_to_open_it() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.run(&["backup", "copy.db"]).ends(0);
    place.stop();
    let gzip = std::process::Command::new("gzip").arg(place.path("copy.db")).status().unwrap();
    assert!(gzip.success());
    place
        .run(&["restore", "copy.db.gz", "--force"])
        .ends(3)
        .says("compressed with gzip")
        .says("gzip -dc copy.db.gz > rmm.db");
    fs::write(place.path("sealed"), "age-encryption.org/v1\n-> X25519 …").unwrap();
    place.run(&["restore", "sealed", "--force"]).ends(3).says("encrypted with age").says("age --decrypt");
    fs::write(place.path("noise"), "no database").unwrap();
    place.run(&["restore", "noise", "--force"]).ends(1).says("not a database");
    place.run(&["audit", "verify"]).ends(0);
}

#[test]
fn a_whole_installation_moves_in_one_file() {
    let mut place = Sandbox::new();
    place.token(&["first", "--role", "viewer"]);
    place.serve();
    place.run(&["export", "all.tar"]).ends(3).says("Stop RMM first");
    place.stop();
    place.run(&["export", "all.tar"]).ends(0).says("do not start it here again");
    place.run(&["export", "all.tar"]).ends(1).says("exists already");
    assert_eq!(mode(&place.path("all.tar")), 0o600);
    place.run(&["restore", "all.tar", "--force"]).ends(3).says("rmm import");
    place.run(&["import", "all.tar"]).ends(3).says("--force");
    let archive = place.path("all.tar");
    let archive = archive.to_str().unwrap();

    let mut fresh = Sandbox::empty();
    let whole = fs::read(archive).unwrap();
    fs::write(fresh.path("cut.tar"), &whole[..whole.len() / 2]).unwrap();
    fresh.run(&["import", "cut.tar"]).ends(3).says("the export");
    assert!(!fresh.path("data").exists() && !fresh.path("rmm.toml").exists());
    fresh.run(&["import", archive]).ends(0).says("rmm check");
    for (file, at_most) in [("rmm.toml", 0o644), ("data/rmm.db", 0o600), ("data/audit.key", 0o600)] {
        assert_eq!(mode(&fresh.path(file)) & !at_most, 0, "{file}");
    }
    let same = |file: &str| fs::read(fresh.path(file)).unwrap() == fs::read(place.path(file)).unwrap();
    assert!(["rmm.toml", "data/audit.key", "data/instance", "data/rmm.db.numbers"].into_iter().all(same));
    fresh.run(&["token", "list"]).ends(0).says("first");
    fresh.run(&["audit", "verify"]).ends(0);
    fresh.serve();
    let told = fresh.run(&["service", "list"]).ends(0);
    assert!(!told.out.contains("unknown"), "it goes on where it ended: {}", told.out);
    fresh.stop();
    let left = fs::read_dir(fresh.path("data")).unwrap().filter_map(Result::ok);
    assert!(left.into_iter().all(|file| !file.file_name().to_string_lossy().contains("moving")));
}

#[test]
fn a_terminal_is_given_nothing_that_steers_it_and_a_pipe_everything() {
    let place = Sandbox::empty();
    let name = "a\u{202E}b\u{9b}c\u{200B}.toml";
    place.run(&["--config", name, "check"]).ends(2).says(name);
    let rmm = format!("{} --config '{name}' check", env!("CARGO_BIN_EXE_rmm"));
    let mut script = Command::new("script");
    script.args(["-qec", &rmm, "/dev/null"]).current_dir(place.folder.path()).stdin(Stdio::null());
    if Command::new("script").arg("--version").output().is_ok() {
        finished(&mut script).ends(2).says("a·b·c·.toml").says_not(name);
    }
}

#[test]
fn a_check_says_what_a_start_would_say() {
    use std::os::unix::fs::PermissionsExt;
    let place = Sandbox::new();
    fs::create_dir(place.path("data")).unwrap();
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    place.run(&["check", "--quiet"]).ends(0).says_not("data directory");
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o777)).unwrap();
    place.run(&["check", "--quiet"]).ends(0).says("others can put files into the data directory");
    fs::set_permissions(place.path("data"), fs::Permissions::from_mode(0o700)).unwrap();
    if is_root(&place) {
        let local = CONFIG.replacen("driver = \"ci\"", "driver = \"local\"", 1);
        let local = local.replace("checkout = false", "checkout = false\ndeploy = \"true\"");
        fs::write(place.path("rmm.toml"), local).unwrap();
        place.run(&["check", "--quiet"]).ends(2).says("run as root").says("cannot work");
        // One that has worked like this before starts.
        fs::write(place.path("data/rmm.db"), "").unwrap();
        place.run(&["check", "--quiet"]).ends(0).says("run as root").says_not("cannot work");
    }
}

#[test]
fn what_a_check_refuses_no_new_rmm_starts_with_and_one_with_releases_does() {
    let mut place = Sandbox::new();
    let ssh = CONFIG
        .replacen("driver = \"ci\"", "driver = \"ssh\"\nhosts = [\"box\"]", 1)
        .replace("driver = \"ci\"", "driver = \"ssh\"\nhosts = [\"box\"]");
    let ssh = ssh.replace("recipe = \"commands\"\ncheckout = false", "directory = \"/srv/shop\"");
    let ssh = ssh.replace("name = \"shop\"", "name = \"shop\"\nrepository = \"team/shop\"");
    let host = "[[hosts]]\nname = \"box\"\naddress = \"192.0.2.7\"\nuser = \"deploy\"\n";
    fs::write(place.path("word"), "sesame").unwrap();
    let (one_folder, no_key) =
        (format!("{ssh}{host}password = \"file:word\"\n"), format!("{CONFIG}{host}key = \"file:word\"\n"));
    let refused = [(&one_folder, "have the same folder on box"), (&no_key, "is no private key")];
    for (text, said) in refused {
        fs::write(place.path("rmm.toml"), text).unwrap();
        for verb in ["check", "serve"] {
            place.run(&[verb]).ends(2).says(said);
        }
        assert!(!place.path("data").exists());
    }
    fs::write(place.path("rmm.toml"), CONFIG).unwrap();
    place.serve();
    let commit = "c".repeat(40);
    place.run(&["release", "create", "--service", "shop", "--tag", "v1.0.0", "--commit", &commit]).ends(0);
    place.stop();
    for (text, said) in refused {
        fs::write(place.path("rmm.toml"), text).unwrap();
        place.run(&["check"]).ends(2).says(said);
        place.serve();
        place.stop();
    }
}

/// Whether RMM is root there.
fn is_root(place: &Sandbox) -> bool {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata(place.path("data")).unwrap()) == 0
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_reader_that_leaves_early_harms_no_other() {
    let place = Sandbox::new();
    let mut child = place.command(&["openapi"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    place.run(&["completions", "bash"]).ends(0).says("_rmm");
    let mut refused = place.command(&["release", "show", "1"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(refused.stderr.take());
    assert_eq!(refused.wait().unwrap().code(), Some(4));
}

#[test]
fn what_is_not_rmm_is_not_taken_for_it() {
    let place = Sandbox::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = std::thread::spawn(move || {
        for answer in ["HTTP/1.1 502 Bad Gateway", "HTTP/1.1 200 OK", "HTTP/1.1 301 Moved\r\nlocation: https://x"] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            write!(stream, "{answer}\r\ncontent-length: 4\r\nconnection: close\r\n\r\n<hi>").unwrap();
        }
    });
    let ask = || finished(place.command(&["release", "list"]).env("RMM_URL", &url));
    ask().ends(4).says("502");
    ask().ends(4).says("not this RMM");
    ask().ends(4).says("points to https://x");
    proxy.join().unwrap();
}

#[test]
fn hosts_are_looked_at_and_trusted() {
    let mut place = Sandbox::new();
    for serves in [false, true] {
        if serves {
            place.serve();
        } else {
            place.token(&["first", "--role", "viewer"]);
        }
        place.run(&["host", "list"]).ends(0).says("local").says("HOST");
        let hosts = place.run(&["hosts", "list", "--json"]).json();
        assert_eq!((&hosts[0]["name"], &hosts[0]["key"]), (&Value::from("local"), &Value::from("not_needed")));
        place.run(&["host", "check", "local"]).ends(0).says("shell").says("disk space").says("clock");
        let checked = place.run(&["host", "check", "--json"]).json();
        assert_eq!(checked[0]["host"]["name"], "local");
        assert!(checked[0]["findings"].as_array().is_some_and(|findings| findings.len() > 5), "{checked}");
        place.run(&["host", "check", "local", "prod-9"]).ends(3).says("no host prod-9");
        place.run(&["host", "check", "../x"]).ends(3);
        let fingerprint = format!("SHA256:{}", "a".repeat(43));
        place.run(&["host", "trust", "local", "--fingerprint", &fingerprint]).ends(3).says("no key to trust");
        place.run(&["host", "trust", "local"]).ends(3).says("no key to trust");
        place.run(&["host", "trust", "prod-9", "--fingerprint", "MD5:aa"]).ends(3).says("SHA256:");
        let refused = place.run(&["host", "trust", "prod-9", "--fingerprint", &fingerprint, "--json"]).ends(3);
        let problem: Value = serde_json::from_str(refused.err.lines().last().unwrap_or_default()).unwrap();
        assert_eq!(problem["code"], "not_found");
    }
    let viewer = place.token(&["looks", "--role", "viewer"]);
    place.remote(&viewer, &["host", "list"]).ends(0);
    place.remote(&viewer, &["host", "check", "local"]).ends(3).says("admin");
    place.run(&["host", "trust"]).ends(2);
    place.stop();
}

#[test]
fn a_data_directory_deep_in_the_tree_is_served_and_found() {
    let mut place = Sandbox::new();
    let deep = format!("{}/data", "customer-with-a-long-name-".repeat(6));
    let config = CONFIG.replace("[server]\n", &format!("[server]\ndata_dir = \"{deep}\"\n"));
    fs::write(place.path("rmm.toml"), config).unwrap();
    place.run(&["check", "--quiet"]).ends(0);
    let mut command = place.command(&["serve"]);
    place.server = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("RMM answers at its socket", || place.path(&deep).join("address").exists());
    place.token(&["github", "--role", "ci"]);
    place.run(&["release", "list"]).ends(0);
    place.run(&["audit", "verify"]).ends(0);
    assert!(place.path(&deep).join("rmm.sock").exists());
    place.stop();
}

#[test]
fn a_check_opens_the_keys_of_hosts() {
    let place = Sandbox::new();
    let keygen = |name: &str, passphrase: &str| {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", passphrase, "-f"]).arg(place.path(name));
        assert!(keygen.status().unwrap().success());
    };
    keygen("good", "");
    keygen("locked", "open sesame");
    for (name, text) in [("right", "open sesame"), ("wrong", "open rye"), ("none", "just a text")] {
        fs::write(place.path(name), text).unwrap();
    }
    for (login, said) in [
        ("key = \"file:good\"", None),
        ("key = \"file:locked\"\npassphrase = \"file:right\"", None),
        ("key = \"file:locked\"\npassphrase = \"file:wrong\"", Some("the passphrase is wrong")),
        ("key = \"file:locked\"", Some("needs a passphrase")),
        ("key = \"file:none\"", Some("is no private key")),
    ] {
        let host =
            format!("{CONFIG}\n[[hosts]]\nname = \"prod-1\"\naddress = \"10.0.0.1\"\nuser = \"deploy\"\n{login}\n");
        fs::write(place.path("rmm.toml"), host).unwrap();
        let done = place.run(&["check", "--quiet"]);
        match said {
            None => done.ends(0),
            Some(said) => done.ends(2).says("host prod-1: the private key of file:").says(said),
        };
    }
}
