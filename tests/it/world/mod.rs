//! What the stories are told with: one RMM on a data directory of its own, the people around it, and what its steps
//! have left on disk.

mod browser;
mod described;
mod http;
mod machine;
mod repository;
mod setup;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use self::browser::{Browser, Page};
pub use self::http::{Answer, Caller, Wire};
pub use self::machine::{Random, alive, command_lines, end_process, memory, peak_memory};
pub use self::repository::Repository;
pub use self::setup::{ADDRESS, Setup};

use self::machine::Server;

/// How long anything may take before a test gives up. No result hangs on it.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A commit for a tag of a service without a repository: another one for every tag.
pub fn commit_of(tag: &str) -> String {
    let digits: String = tag.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{digits:0<40}")
}

/// The service of every story.
pub const SHOP: &str = "shop";

/// Looks again and again until there is something; gives up after [`TIMEOUT`].
pub async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Option<T>) -> T {
    within(TIMEOUT, what, probe).await
}

/// As [`eventually`], with a time limit of its own.
pub async fn within<T>(limit: Duration, what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One RMM, dead or alive, and its surroundings. Everything that it started ends with it.
pub struct World {
    directory: TempDir,
    data: PathBuf,
    /// What RMM's user keeps in the home directory, whatever the data directory.
    state: PathBuf,
    setup: Setup,
    server: Mutex<Option<Server>>,
    starts: Mutex<u32>,
    tokens: Mutex<BTreeMap<String, String>>,
}

impl World {
    /// A world in which RMM does not run yet.
    pub fn without_rmm(setup: Setup) -> Self {
        let directory = tempfile::Builder::new().prefix("rmm-it-").tempdir().unwrap();
        let data = directory.path().join("data");
        let world = Self {
            data,
            state: directory.path().join("state"),
            directory,
            setup,
            server: Mutex::default(),
            starts: Mutex::default(),
            tokens: Mutex::default(),
        };
        std::fs::create_dir(world.path("work")).unwrap();
        world.configure(|_| {});
        world
    }

    /// A world in which RMM runs.
    pub async fn new(setup: Setup) -> Self {
        let world = Self::without_rmm(setup);
        world.start().await;
        world
    }

    /// A place in this world. Steps run in `work`, so they see it as `../name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where the run directories of this machine are.
    pub fn run_directories(&self) -> PathBuf {
        if let Ok(noted) = std::fs::read_to_string(self.data.join("runs.place")) {
            return noted.trim_end_matches('\n').into();
        }
        let instance = std::fs::read_to_string(self.data.join("instance")).unwrap_or_default();
        let home = self.setup.local.as_ref().and_then(|(_, home)| home.as_ref());
        let state = home.map_or_else(|| self.state.clone(), |home| self.path(home).join(".local/state"));
        state.join("rmm").join(instance.trim())
    }

    /// RMM works as the same user of the same machine as another one.
    pub fn on_the_machine_of(mut self, other: &World) -> Self {
        self.state.clone_from(&other.state);
        self
    }

    /// Another setup from now on.
    pub fn change(&mut self, change: impl FnOnce(&mut Setup)) {
        change(&mut self.setup);
        self.configure(|_| {});
    }

    /// Writes `rmm.toml` anew; RMM reads it at its next start.
    pub fn configure(&self, change: impl FnOnce(&mut Setup)) {
        let mut setup = self.setup.clone();
        change(&mut setup);
        std::fs::write(self.path("rmm.toml"), setup.text(self.directory.path(), &self.data)).unwrap();
    }

    // RMM's life ------------------------------------------------------------------------------------------------

    /// Starts RMM and waits until it serves.
    pub async fn start(&self) {
        if let Err((code, said)) = self.try_start().await {
            panic!("RMM did not start (exit status {code:?}): {said}");
        }
    }

    /// Starts RMM; when it refuses, its exit status and what it said.
    pub async fn try_start(&self) -> Result<(), (Option<i32>, String)> {
        let number = {
            let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
            *starts += 1;
            *starts
        };
        let log = self.path(&format!("rmm-{number}.log"));
        let mut server = Server::spawn(&self.path("rmm.toml"), &self.setup, &self.state, &log);
        let started = within(TIMEOUT, "RMM serves or ends", async || server.address_or_end()).await;
        started?;
        *self.server() = Some(server);
        // The operator's socket follows the address.
        eventually("RMM answers on its socket", async || self.operator().ask("GET", "/healthz", None).await).await;
        Ok(())
    }

    /// RMM reads `rmm.toml` again.
    pub fn reload(&self) {
        self.server().as_ref().unwrap().signal("HUP");
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `kill -9`.
    pub fn kill(&self) {
        drop(self.server().take());
    }

    /// `kill -9`, and up again at once.
    pub async fn restart_after_kill(&self) {
        self.kill();
        self.start().await;
    }

    /// `kill -TERM`; answers with the exit status and how long the end took.
    pub async fn terminate(&self) -> (Option<i32>, Duration) {
        let mut server = self.server().take().unwrap();
        let begun = Instant::now();
        server.signal("TERM");
        let code = eventually("RMM has ended after SIGTERM", async || server.ended()).await;
        (code, begun.elapsed())
    }

    pub fn signal(&self, signal: &str) {
        self.server().as_ref().unwrap().signal(signal);
    }

    pub fn pid(&self) -> u32 {
        self.server().as_ref().unwrap().pid()
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.server().as_ref().unwrap().address()
    }

    /// The address, when RMM is alive.
    fn address_if_alive(&self) -> Option<std::net::SocketAddr> {
        self.server().as_ref().map(Server::address)
    }

    /// Everything that RMM has logged so far, over all its starts.
    pub fn log(&self) -> String {
        let starts = *self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        (1..=starts)
            .filter_map(|number| std::fs::read(self.path(&format!("rmm-{number}.log"))).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }

    // Who calls -------------------------------------------------------------------------------------------------

    /// The operator, on RMM's own socket.
    pub fn operator(&self) -> Caller<'_> {
        Caller::on_socket(self)
    }

    /// A caller with this token.
    pub fn with_token(&self, token: impl Into<String>) -> Caller<'_> {
        Caller::with_token(self, Some(token.into()))
    }

    /// A caller without any.
    pub fn stranger(&self) -> Caller<'_> {
        Caller::with_token(self, None)
    }

    /// A person of the setup, with a token made at first use.
    pub async fn person(&self, name: &str) -> Caller<'_> {
        let role = if self.setup.is_admin(name) { "admin" } else { "member" };
        self.with_token(self.token(name, json!({ "name": name, "role": role, "person": name })).await)
    }

    /// A CI system.
    pub async fn ci(&self) -> Caller<'_> {
        self.with_token(self.token("ci", json!({ "name": "ci", "role": "ci" })).await)
    }

    async fn token(&self, key: &str, body: Value) -> String {
        let known = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some(token) = known {
            return token;
        }
        let made = self.operator().post("/api/v1/tokens", &body).await.ok();
        let token = made["token"].as_str().unwrap().to_owned();
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), token.clone());
        token
    }

    /// Goes on with the tokens of another world whose database this one has a copy of; without one, with none.
    pub fn take_tokens_of(&self, other: Option<&World>) {
        let tokens = |world: &World| world.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let taken = other.map(tokens).unwrap_or_default();
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = taken;
    }

    /// The exit status of a command of the operator, and all that it says.
    pub fn rmm(&self, arguments: &[&str]) -> (Option<i32>, String) {
        self.rmm_with(&[], arguments)
    }

    /// The same with these variables in its environment.
    pub fn rmm_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rmm"));
        command.args(arguments).env("RMM_CONFIG", self.path("rmm.toml")).env_remove("RMM_URL");
        let run = command.envs(variables.iter().copied()).current_dir(self.path("")).output().unwrap();
        (run.status.code(), String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned())
    }

    // The story -------------------------------------------------------------------------------------------------

    /// CI creates a release of a tag and says which commit it means.
    pub async fn release(&self, tag: &str) -> i64 {
        self.release_at(tag, &commit_of(tag)).await
    }

    pub async fn release_at(&self, tag: &str, commit: &str) -> i64 {
        self.create(json!({ "service": SHOP, "tag": tag, "commit": commit, "initiated_by": "ci" })).await
    }

    /// CI creates a release of a tag whose commit RMM has to find out.
    pub async fn release_of_tag(&self, tag: &str) -> i64 {
        self.create(json!({ "service": SHOP, "tag": tag, "initiated_by": "ci" })).await
    }

    pub async fn create(&self, body: Value) -> i64 {
        self.ci().await.post("/api/v1/releases", &body).await.ok()["id"].as_i64().unwrap()
    }

    /// The release as the API shows it.
    pub async fn show(&self, release: i64) -> Value {
        self.operator().get(&format!("/api/v1/releases/{release}")).await.ok()
    }

    pub async fn status(&self, release: i64) -> String {
        self.show(release).await["status"].as_str().unwrap().to_owned()
    }

    pub async fn reason(&self, release: i64) -> String {
        self.show(release).await["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits for a status; a different end of the release fails the test at once.
    pub async fn until(&self, release: i64, status: &str) {
        eventually(&format!("#{release} is {status}"), async || {
            let now = self.operator().ask("GET", &format!("/api/v1/releases/{release}"), None).await?.ok();
            if now["status"] == status {
                return Some(());
            }
            let ended = !now["completed_at"].is_null() && now["status"] != "deployed";
            assert!(!ended, "#{release} should become {status}, but it is {}: {}", now["status"], now["reason"]);
            None
        })
        .await;
    }

    /// A person's yes.
    pub async fn approve(&self, person: &str, release: i64) -> Answer {
        self.person(person).await.post(&format!("/api/v1/releases/{release}/approve"), &json!({})).await
    }

    /// A release on its whole way, approved by ann.
    pub async fn deployed(&self, tag: &str) -> i64 {
        let release = self.release(tag).await;
        self.until(release, "manual_testing").await;
        self.approve("ann", release).await.ok();
        self.until(release, "deployed").await;
        self.quiet().await;
        release
    }

    pub async fn service(&self) -> Value {
        self.operator().get(&format!("/api/v1/services/{SHOP}")).await.ok()
    }

    pub async fn runs(&self, release: i64) -> Vec<Value> {
        let runs = self.operator().get(&format!("/api/v1/releases/{release}/runs")).await.ok();
        runs.as_array().unwrap().clone()
    }

    /// The number of the newest run of a release.
    pub async fn last_run(&self, release: i64) -> i64 {
        self.runs(release).await.last().unwrap()["id"].as_i64().unwrap()
    }

    /// Every event on the record, oldest first.
    pub async fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let mut query = String::from("?limit=500");
        loop {
            let page = self.operator().get(&format!("/api/v1/audit{query}")).await.ok();
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?limit=500&cursor={next}");
        }
        events.reverse();
        events
    }

    /// How many events are on the record.
    pub async fn event_count(&self) -> i64 {
        let page = self.operator().get("/api/v1/audit?limit=1").await.ok();
        page["events"][0]["seq"].as_i64().unwrap_or(0)
    }

    /// Waits until RMM has nothing left to do.
    pub async fn quiet(&self) {
        eventually("RMM has nothing left to do", async || self.is_quiet().then_some(())).await;
    }

    fn is_quiet(&self) -> bool {
        let Ok(conn) = Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY) else {
            return false;
        };
        let busy = conn.query_row(
            "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM runs WHERE state IN ('queued', 'running'))",
            [],
            |row| row.get::<_, i64>(0),
        );
        busy.is_ok_and(|busy| busy == 0)
    }

    /// The output of a run as bytes, page by page.
    pub async fn output(&self, run: i64) -> Vec<u8> {
        let (mut output, mut after) = (Vec::new(), String::from("0"));
        loop {
            let path = format!("/api/v1/runs/{run}/log?after={after}");
            let page = self.operator().accepting("text/plain").get(&path).await.with_status(200);
            if page.body.is_empty() {
                return output;
            }
            output.extend_from_slice(&page.body);
            after = page.header("x-next").to_owned();
        }
    }

    /// The output of a run as text.
    pub async fn printed(&self, run: i64) -> String {
        String::from_utf8_lossy(&self.output(run).await).into_owned()
    }

    /// The chain of the record is whole and the database is sound.
    pub async fn is_sound(&self) {
        let verified = self.operator().get("/api/v1/audit/verify").await.ok();
        assert_eq!(verified["intact"], true, "{verified}");
        let conn = Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let checked: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(checked, "ok");
    }

    // What is on disk -------------------------------------------------------------------------------------------

    pub fn database(&self) -> PathBuf {
        self.data.join("rmm.db")
    }

    /// What the steps have noted, in order.
    pub fn ledger(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("ledger")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// Waits for a file that a step writes, and answers with its text.
    pub async fn file(&self, name: &str) -> String {
        eventually(&format!("the file {name} is there"), async || {
            std::fs::read_to_string(self.path(name)).ok().filter(|text| text.ends_with('\n'))
        })
        .await
    }

    /// The process whose number a step has written into a file.
    pub async fn process(&self, name: &str) -> u32 {
        self.file(name).await.trim().parse().unwrap()
    }

    /// The files of RMM and its runs that contain these bytes.
    pub fn files_with(&self, needle: &[u8]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.data.clone(), self.run_directories()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && let Ok(bytes) = std::fs::read(entry.path())
                    && bytes.windows(needle.len()).any(|window| window == needle)
                {
                    found.push(entry.path());
                }
            }
        }
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let end: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("the last lines of RMM's log:\n{}", end.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        self.kill();
        machine::end_steps(&self.run_directories());
    }
}
