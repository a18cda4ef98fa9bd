//! The program itself, as scripts use it: verbs, outputs and exit statuses, with and without a running RMM.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod checks;
mod data;
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
fn what_is_in_the_way_is_told_in_the_language_of_the_reader() {
    let place = Sandbox::new();
    let russian = |arguments: &[&str]| finished(place.command(arguments).env("LANG", "ru_RU.UTF-8"));
    russian(&["audit", "verify"]).ends(4).says("нет RMM: он не работает и никогда не работал");
    russian(&["release", "show", "1"]).ends(4).says("RMM не запущен и ещё не запускался");
    russian(&["docs", "nothing"]).ends(2).says("страницы \"nothing\" нет");
    // The start of RMM.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = CONFIG.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    fs::write(place.path("rmm.toml"), &config).unwrap();
    russian(&["serve"]).ends(1).says("rmm: не удалось занять адрес 127.0.0.1:").says_not("another program");
    russian(&["--lang", "en", "serve"]).ends(1).says("rmm: cannot listen on 127.0.0.1:");
    russian(&["audit", "acknowledge", "--reason", "x"]).ends(3).says("отказано: тревоги о журнале аудита нет");
    fs::write(place.path("data/audit.key"), "x").unwrap();
    russian(&["serve"]).ends(1).says("rmm: файл ключа ").says_not("the key file");
    fs::write(place.path("rmm.toml"), config.replace("listen", "lisen")).unwrap();
    russian(&["serve"]).ends(2).says("server.lisen: неизвестный ключ; может быть, `listen`?");
}

#[test]
fn refusals_for_machines() {
    let place = Sandbox::new();
    let done = place.run(&["release", "create", "--service", "nothing", "--tag", "v1", "--json"]).ends(3);
    let problem: Value = serde_json::from_str(done.err.lines().last().unwrap_or_default()).unwrap();
    assert_eq!(problem["code"], "not_found");
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
