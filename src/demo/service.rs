//! The guestbook that `rmm demo` releases: a tiny web service whose code is a checked-out folder, with its migrations
//! and its process on this machine. The version comes from the code, the schema from the database, never from RMM.
//!
//! It must not know RMM's store, and it must not end a process that is not its own: the pid file is locked by the
//! process that it names, for as long as that process lives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Subcommand, ValueEnum};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

const SUBCOMMAND: &str = "demo-service";
const POLL: Duration = Duration::from_millis(2);
/// How long a process may take to end after TERM.
const TERM_TIME: Duration = Duration::from_secs(5);
/// How long the kernel may take to end a process after KILL, or to give the port back.
const KERNEL_TIME: Duration = Duration::from_secs(2);
const START_TIME: Duration = Duration::from_secs(10);
const REQUEST_TIME: Duration = Duration::from_secs(5);
const MAX_REQUEST: usize = 8 * 1024;
const SHOWN_LOG_LINES: usize = 20;

/// Becomes the program in its arguments, without the files that it has inherited: 0, 1 and 2 are ours, but any other
/// may be a pipe that keeps a step of RMM from ending.
const CLOSE_FILES: &str = r#"
for file in /dev/fd/*; do
    file=${file##*/}
    case $file in
    [0-2]) ;;
    [3-9]) eval "exec $file>&-" ;;
    # dash has no word for these.
    [1-9][0-9]*) [ -z "${BASH_VERSION:-}" ] || eval "exec $file>&-" ;;
    esac
done
exec "$@""#;

/// Runs the script in `$1` by bash where there is one. Every step replaces itself, so the pid stays.
const BY_THE_BEST_SHELL: &str = r#"
script=$1
shift
if command -v bash >/dev/null; then exec bash -c "$script" bash "$@"; fi
eval "$script""#;

/// `rmm demo-service …`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve in the foreground
    Serve(Site),
    /// End the old process and start a new one in the background
    Restart(Site),
    /// End the process
    Stop(Data),
    /// Move the database
    #[command(subcommand)]
    Migrate(Move),
}

#[derive(Debug, clap::Args)]
struct Data {
    /// Folder with guestbook.sqlite, guestbook.pid and guestbook.log
    #[arg(long, env = "GUESTBOOK_DATA")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Code {
    /// Folder of the checked-out code
    #[arg(long)]
    code: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Site {
    #[command(flatten)]
    code: Code,
    #[command(flatten)]
    data: Data,
    /// Port on 127.0.0.1
    #[arg(long, env = "GUESTBOOK_PORT")]
    port: u16,
    #[arg(long, env = "ENVIRONMENT")]
    environment: Environment,
}

#[derive(Debug, Subcommand)]
enum Move {
    /// Apply every migration of the code that is missing
    Up {
        #[command(flatten)]
        code: Code,
        #[command(flatten)]
        data: Data,
    },
    /// Reverse, newest first, every applied migration that is not kept
    Down {
        #[command(flatten)]
        code: Code,
        #[command(flatten)]
        data: Data,
        /// Migration files that stay, one a line
        #[arg(long)]
        keep: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Environment {
    Stage,
    Production,
}

impl Environment {
    const fn name(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Production => "production",
        }
    }
}

/// Does what the subcommand says. An error means exit code 1.
///
/// # Errors
/// With a sentence that says what was tried.
pub async fn run(args: Args) -> Result<()> {
    match args.verb {
        Verb::Serve(site) => serve(&site).await,
        Verb::Restart(site) => restart(&site).await,
        Verb::Stop(Data { data }) => {
            say(if stop(&data).await? { "stopped" } else { "not running" });
            Ok(())
        }
        Verb::Migrate(Move::Up { code, data }) => migrate_up(&code.code, &data.data),
        Verb::Migrate(Move::Down { code, data, keep }) => migrate_down(&code.code, &data.data, &keep),
    }
}

/// Prints a line. A reader that has gone is no reason to fail, and `println!` would panic.
fn say(line: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", line.as_ref());
}

// ---- The code -------------------------------------------------------------------------------------------------------

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    version: String,
    page: Page,
    payments: Option<Payments>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    title: String,
    /// A query with one text column; because it belongs to the code, it fails on a schema that the code does not fit.
    guests: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payments {
    stage: PaymentMode,
    production: PaymentMode,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PaymentMode {
    Sandbox,
    Live,
}

impl Definition {
    fn read(code: &Path) -> Result<Self> {
        let path = code.join("guestbook.toml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not understood", path.display()))
    }
}

#[derive(Debug)]
struct Migration {
    /// With its number, e.g. `002_greetings`.
    name: String,
    up: String,
    down: String,
}

/// `migrations/002_greetings.up.sql` → (2, `002_greetings`, `up`)
fn parse_file_name(path: &str) -> Option<(i64, &str, &str)> {
    let (name, direction) = path.rsplit('/').next()?.strip_suffix(".sql")?.rsplit_once('.')?;
    let number = name.split_once('_')?.0.parse().ok()?;
    matches!(direction, "up" | "down").then_some((number, name, direction))
}

/// The migrations of the code by number. One without a way back is refused, because no release with it could be undone.
fn migrations(code: &Path) -> Result<BTreeMap<i64, Migration>> {
    let folder = code.join("migrations");
    let read = |name: &str, direction: &str| {
        let path = folder.join(format!("{name}.{direction}.sql"));
        std::fs::read_to_string(&path).with_context(|| format!("cannot read the migration {}", path.display()))
    };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let file = entry.with_context(|| format!("cannot list {}", folder.display()))?.file_name();
        let file = file.to_string_lossy();
        let Some((number, name, "up")) = parse_file_name(&file) else { continue };
        let migration = Migration { name: name.into(), up: read(name, "up")?, down: read(name, "down")? };
        if let Some(other) = found.insert(number, migration) {
            bail!("{} and {name} have the same number", other.name);
        }
    }
    Ok(found)
}

// ---- The database ---------------------------------------------------------------------------------------------------

fn database(data: &Path) -> PathBuf {
    data.join("guestbook.sqlite")
}

fn open_for_migration(data: &Path) -> Result<Connection> {
    std::fs::create_dir_all(data).with_context(|| format!("cannot create the folder {}", data.display()))?;
    let path = database(data);
    let db = Connection::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    db.busy_timeout(Duration::from_secs(5)).context("SQLite refuses to wait for other users of the database")?;
    Ok(db)
}

/// Number → name of every applied migration.
fn applied(db: &Connection) -> Result<BTreeMap<i64, String>> {
    let exists = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'");
    if !exists.and_then(|mut query| query.exists([])).context("cannot read the database")? {
        return Ok(BTreeMap::new());
    }
    let mut query = db.prepare("SELECT version, name FROM schema_migrations").context("cannot read the schema")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).context("cannot read the schema")?;
    rows.collect::<rusqlite::Result<_>>().context("cannot read the schema")
}

fn migrate_up(code: &Path, data: &Path) -> Result<()> {
    let mut db = open_for_migration(data)?;
    let done = applied(&db)?;
    let mut applied_now = 0;
    for (number, migration) in migrations(code)?.into_iter().filter(|(number, _)| !done.contains_key(number)) {
        let Migration { name, up, .. } = migration;
        in_transaction(&mut db, |db| {
            db.execute_batch(
                "CREATE TABLE IF NOT EXISTS schema_migrations (
                     version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT",
            )?;
            db.execute_batch(&up)?;
            db.execute(
                "INSERT INTO schema_migrations (version, name, applied_at)
                 VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))",
                (number, &name),
            )
        })
        .with_context(|| format!("migration {name} failed, its changes are undone"))?;
        say(format!("applied {name}"));
        applied_now += 1;
    }
    if applied_now == 0 {
        say("nothing to apply");
    }
    Ok(())
}

fn migrate_down(code: &Path, data: &Path, keep: &str) -> Result<()> {
    let mut kept = BTreeSet::new();
    for line in keep.lines().filter(|line| !line.is_empty()) {
        let (number, ..) = parse_file_name(line).with_context(|| format!("{line:?} is not a migration file"))?;
        kept.insert(number);
    }
    let mut db = open_for_migration(data)?;
    let mut known = migrations(code)?;
    // Everything that must be reversed has to be known before the first is: half a way back is worse than none.
    let mut ways_back = Vec::new();
    for (number, name) in applied(&db)?.into_iter().rev().filter(|(number, _)| !kept.contains(number)) {
        let Some(migration) = known.remove(&number) else {
            bail!("{name} is applied, but this code cannot reverse it: check out the code that brought it");
        };
        ways_back.push((number, name, migration.down));
    }
    if ways_back.is_empty() {
        say("nothing to reverse");
    }
    for (number, name, down) in ways_back {
        in_transaction(&mut db, |db| {
            db.execute_batch(&down)?;
            db.execute("DELETE FROM schema_migrations WHERE version = ?1", [number])
        })
        .with_context(|| format!("{name} could not be reversed, it is still applied"))?;
        say(format!("reversed {name}"));
    }
    Ok(())
}

fn in_transaction<T>(
    db: &mut Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let result = work(&transaction)?;
    transaction.commit()?;
    Ok(result)
}

// ---- The server -----------------------------------------------------------------------------------------------------

/// What a process serves for its whole life. It is read once: a checkout alone must not change what runs.
struct App {
    definition: Definition,
    migrations: BTreeMap<i64, Migration>,
    data: PathBuf,
    environment: Environment,
}

#[derive(Debug, Serialize)]
struct Health {
    version: String,
    environment: Environment,
    /// The highest migration applied, 0 for none.
    schema: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// What the database says right now.
#[derive(Default)]
struct Look {
    schema: i64,
    guests: Vec<String>,
    problem: Option<String>,
}

impl App {
    fn look(&self) -> Look {
        let mut look = Look::default();
        if let Err(error) = self.look_into(&mut look) {
            look.problem = Some(format!("{error:#}"));
        }
        look
    }

    fn look_into(&self, look: &mut Look) -> Result<()> {
        let path = database(&self.data);
        ensure!(path.exists(), "there is no database: the migrations have not run");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&path, flags).context("the database cannot be opened")?;
        db.busy_timeout(Duration::from_secs(2)).context("SQLite refuses to wait for other users of the database")?;
        let applied = applied(&db)?;
        look.schema = applied.last_key_value().map_or(0, |(number, _)| *number);

        let version = &self.definition.version;
        if let Some((_, missing)) = self.migrations.iter().find(|(number, _)| !applied.contains_key(number)) {
            bail!("the schema is older than version {version} needs: {} is not applied", missing.name);
        }
        if let Some((_, extra)) = applied.iter().find(|(number, _)| !self.migrations.contains_key(number)) {
            bail!("the schema is newer than version {version} knows: {extra} is applied");
        }
        let mut query = db.prepare(&self.definition.page.guests).context("the guests cannot be read")?;
        let guests = query.query_map([], |row| row.get(0)).context("the guests cannot be read")?;
        look.guests = guests.collect::<rusqlite::Result<_>>().context("the guests cannot be read")?;

        let mode = self.definition.payments.as_ref().map(|payments| match self.environment {
            Environment::Stage => payments.stage,
            Environment::Production => payments.production,
        });
        match mode {
            None | Some(PaymentMode::Sandbox) => {}
            Some(PaymentMode::Live) => ensure!(
                std::env::var_os("GUESTBOOK_PAYMENT_KEY").is_some(),
                "payments are live in {}, but GUESTBOOK_PAYMENT_KEY is not set on this server",
                self.environment.name()
            ),
        }
        Ok(())
    }

    fn answer(&self, request: &[u8]) -> Response {
        let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(' ');
        let (method, target, protocol) = (words.next(), words.next(), words.next());
        let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0")) = (method, target, protocol) else {
            return Response::text(400, "this is not HTTP/1.1");
        };
        if !matches!(method, "GET" | "HEAD") {
            return Response::text(405, "only GET and HEAD are served");
        }
        let mut response = match target.split('?').next().unwrap_or_default() {
            "/" => self.page(),
            "/health" => self.health(),
            "/version" => Response::text(200, &self.definition.version),
            _ => Response::text(404, "there is no such page"),
        };
        response.head_only = method == "HEAD";
        response
    }

    fn health(&self) -> Response {
        let Look { schema, problem, .. } = self.look();
        let status = if problem.is_none() { 200 } else { 500 };
        let health =
            Health { version: self.definition.version.clone(), environment: self.environment, schema, problem };
        match serde_json::to_string(&health) {
            Ok(json) => Response::new(status, "application/json", json),
            Err(error) => Response::text(500, &error.to_string()),
        }
    }

    fn page(&self) -> Response {
        let look = self.look();
        let title = escape(&self.definition.page.title);
        let (version, environment) = (escape(&self.definition.version), self.environment.name());
        let guests: String = look.guests.iter().map(|guest| format!("<li>{}</li>\n", escape(guest))).collect();
        let problem =
            look.problem.as_ref().map(|text| format!("<p><strong>{}</strong></p>\n", escape(text))).unwrap_or_default();
        let body = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<h1>{title}</h1>\n\
             <p>Version {version} in {environment}, schema {}.</p>\n{problem}<ul>\n{guests}</ul>\n</html>\n",
            look.schema
        );
        Response::new(if problem.is_empty() { 200 } else { 500 }, "text/html; charset=utf-8", body)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

struct Response {
    status: u16,
    kind: &'static str,
    body: String,
    head_only: bool,
}

impl Response {
    const fn new(status: u16, kind: &'static str, body: String) -> Self {
        Self { status, kind, body, head_only: false }
    }

    fn text(status: u16, line: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{line}\n"))
    }

    fn into_bytes(self) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "Internal Server Error",
        };
        let Self { status, kind, body, head_only } = self;
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        );
        (if head_only { head } else { head + &body }).into_bytes()
    }
}

async fn serve(site: &Site) -> Result<()> {
    let (code, data) = (&site.code.code, &site.data.data);
    let app = Arc::new(App {
        definition: Definition::read(code)?,
        migrations: migrations(code)?,
        data: data.clone(),
        environment: site.environment,
    });
    std::fs::create_dir_all(data).with_context(|| format!("cannot create the folder {}", data.display()))?;
    // All handlers stand before the pid is written. A hangup of the terminal is no reason to end.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let _hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let mut pid_file = PidFile::take(data).await?;
    let listener = bind(site.port).await?;
    // Whoever reads the pid may connect.
    pid_file.write()?;
    say(format!("guestbook {} ({}) on port {}", app.definition.version, site.environment.name(), site.port));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            connection = listener.accept() => match connection {
                Ok((stream, _)) => {
                    let app = Arc::clone(&app);
                    // Each connection has its own time limit, so the tasks cannot pile up for ever.
                    tokio::spawn(async move { let _ = timeout(REQUEST_TIME, converse(stream, app)).await; });
                }
                // Out of file descriptors, most likely: do not spin until some are free.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
        }
    }
    say("ended on request");
    Ok(())
}

async fn converse(mut stream: TcpStream, app: Arc<App>) -> Result<()> {
    let mut request = Vec::new();
    while request.len() < MAX_REQUEST && !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    // SQLite blocks.
    let response = tokio::task::spawn_blocking(move || app.answer(&request).into_bytes()).await?;
    stream.write_all(&response).await?;
    stream.shutdown().await?;
    Ok(())
}

async fn bind(port: u16) -> Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("cannot listen on port {port}"))
}

// ---- The process ----------------------------------------------------------------------------------------------------

/// The locked pid file of the process that we are.
struct PidFile(File);

impl PidFile {
    async fn take(data: &Path) -> Result<Self> {
        let mut file = open_pid_file(data)?;
        // Somebody who only asks whether we run may hold the lock for a moment.
        let taken = wait_for(KERNEL_TIME, async || is_locked(file.try_lock()).map(|busy| !busy)).await?;
        ensure!(taken, "another process serves {} already", data.display());
        file.set_len(0).context("cannot empty the pid file")?;
        file.rewind().context("cannot rewind the pid file")?;
        Ok(Self(file))
    }

    fn write(&mut self) -> Result<()> {
        self.0.write_all(std::process::id().to_string().as_bytes()).context("cannot write the pid file")
    }
}

fn pid_path(data: &Path) -> PathBuf {
    data.join("guestbook.pid")
}

fn open_pid_file(data: &Path) -> Result<File> {
    let path = pid_path(data);
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(&path).with_context(|| format!("cannot open {}", path.display()))
}

fn is_locked(attempt: Result<(), TryLockError>) -> Result<bool> {
    match attempt {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error).context("the pid file cannot be locked"),
    }
}

/// Whether a process of this environment lives. The lock goes with the process, however it ends, so a pid that another
/// program has got since never counts.
fn is_running(data: &Path) -> Result<bool> {
    if !pid_path(data).exists() {
        return Ok(false);
    }
    is_locked(open_pid_file(data)?.try_lock_shared())
}

/// The recorded pid; nothing while the process is still starting.
fn recorded_pid(data: &Path) -> Option<u32> {
    std::fs::read_to_string(pid_path(data)).ok()?.trim().parse().ok()
}

/// Whether the process is a guestbook. Where there is no /proc the lock alone decides.
fn is_guestbook(pid: u32) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        return true;
    }
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == SUBCOMMAND.as_bytes()))
}

/// Ends the guestbook whose folder is `data`: TERM, and KILL where that does not help. Says whether one was running.
///
/// # Errors
/// When the lock is held by something that is not a guestbook, or the process does not end.
pub async fn stop(data: &Path) -> Result<bool> {
    let mut was_running = false;
    for (name, time) in [("TERM", TERM_TIME), ("KILL", KERNEL_TIME)] {
        // A process that is just starting has the lock, but no pid yet.
        wait_for(START_TIME, async || Ok(!is_running(data)? || recorded_pid(data).is_some())).await?;
        if !is_running(data)? {
            return Ok(was_running);
        }
        was_running = true;
        let pid = recorded_pid(data).context("a process is running, but it has not recorded its pid")?;
        // It may have ended between the two questions; only a live stranger is an error.
        if !is_guestbook(pid) {
            ensure!(!is_running(data)?, "process {pid} in {} is not a guestbook", pid_path(data).display());
            return Ok(was_running);
        }
        send_signal(name, pid).await?;
        if wait_for(time, async || Ok(!is_running(data)?)).await? {
            return Ok(was_running);
        }
    }
    bail!("the process in {} does not end", pid_path(data).display())
}

/// By the shell, whose built-in `kill` is the only way to signal another process without unsafe code.
async fn send_signal(name: &str, pid: u32) -> Result<()> {
    let mut kill = Command::new("sh");
    kill.args(["-c", r#"kill -s "$1" "$2" 2>/dev/null"#, "sh", name]).arg(pid.to_string());
    // Its status says no more than the lock does: the process may have ended by itself.
    kill.stdin(Stdio::null()).status().await.with_context(|| format!("cannot send {name} to process {pid}"))?;
    Ok(())
}

/// Asks every [`POLL`] until the answer is yes; says no when the time is over.
async fn wait_for(time: Duration, question: impl AsyncFn() -> Result<bool>) -> Result<bool> {
    let answer = timeout(time, async {
        while !question().await? {
            sleep(POLL).await;
        }
        Ok(true)
    });
    answer.await.unwrap_or(Ok(false))
}

async fn restart(site: &Site) -> Result<()> {
    let resolve = |path: &Path| path.canonicalize().with_context(|| format!("cannot resolve {}", path.display()));
    let data = &site.data.data;
    std::fs::create_dir_all(data).with_context(|| format!("cannot create the folder {}", data.display()))?;
    let (code, data) = (resolve(&site.code.code)?, resolve(data)?);

    stop(&data).await?;
    let free = wait_for(KERNEL_TIME, async || Ok(bind(site.port).await.is_ok())).await?;
    ensure!(free, "port {} is in use by another program", site.port);

    let log_path = data.join("guestbook.log");
    let mut log = File::options().create(true).append(true).read(true).open(&log_path);
    let log = log.as_mut().map_err(|error| anyhow::anyhow!("cannot open {}: {error}", log_path.display()))?;
    let old_end = log.seek(SeekFrom::End(0)).context("cannot find the end of the log")?;

    // Forgets the old pid: the new process might get the same one, and would seem to be up before it is.
    drop(PidFile::take(&data).await?);
    let (pid, early_end) = start(site, &code, &data, log).await?;
    if recorded_pid(&data) != Some(pid) {
        let lines = last_lines(log, old_end).context("cannot read the log")?;
        let what = early_end.map_or("accepts no connections".to_owned(), |status| format!("ended with {status}"));
        bail!("the new process {what}; its log says:\n{lines}");
    }
    let version = Definition::read(&code)?.version;
    say(format!("guestbook {version} serves {} on port {}, process {pid}", site.environment.name(), site.port));
    Ok(())
}

/// Starts `serve` in a session of its own, and waits until it has recorded its pid (it accepts connections), has ended,
/// or has had enough time. Gives its pid and how it ended, if it did.
async fn start(site: &Site, code: &Path, data: &Path, log: &File) -> Result<(u32, Option<ExitStatus>)> {
    let spawn = |mut command: Command| -> Result<std::io::Result<Child>> {
        let out = log.try_clone().context("cannot share the log")?;
        let err = log.try_clone().context("cannot share the log")?;
        command.args(["-c", BY_THE_BEST_SHELL, "sh", CLOSE_FILES]).env_remove("BASH_ENV");
        // A backtrace would push the sentence that matters out of the lines that a failed start shows.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        command.arg(std::env::current_exe().context("cannot find the path of this program")?);
        command.args([SUBCOMMAND, "serve", "--code"]).arg(code).arg("--data").arg(data);
        command.args(["--port", &site.port.to_string(), "--environment", site.environment.name()]);
        command.current_dir("/").stdin(Stdio::null()).stdout(out).stderr(err);
        Ok(command.spawn())
    };
    let mut setsid = Command::new("setsid");
    setsid.arg("sh");
    let mut child = match spawn(setsid)? {
        // macOS has no setsid command: there a process group of its own has to do.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut sh = Command::new("sh");
            sh.process_group(0);
            spawn(sh)?
        }
        started => started,
    }
    .context("cannot start the new process")?;
    // setsid and the shells replace themselves, so this is the pid that `serve` will write.
    let pid = child.id().context("the new process has no pid")?;
    let mut status = None;
    tokio::select! {
        ended = child.wait() => status = Some(ended.context("cannot wait for the new process")?),
        up = wait_for(START_TIME, async || Ok(recorded_pid(data) == Some(pid))) => { up?; }
    }
    if status.is_none() && recorded_pid(data) != Some(pid) {
        child.kill().await.context("cannot end the new process, which does not come up")?;
    }
    Ok((pid, status))
}

fn last_lines(log: &mut File, from: u64) -> Result<String> {
    log.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(SHOWN_LOG_LINES)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let code = tempfile::tempdir().unwrap();
        std::fs::create_dir(code.path().join("migrations")).unwrap();
        for (name, content) in files {
            std::fs::write(code.path().join("migrations").join(name), content).unwrap();
        }
        code
    }

    fn names(data: &Path) -> Vec<String> {
        applied(&Connection::open(database(data)).unwrap()).unwrap().into_values().collect()
    }

    #[test]
    fn reads_migration_file_names() {
        assert_eq!(parse_file_name("migrations/002_a_b.up.sql"), Some((2, "002_a_b", "up")));
        assert_eq!(parse_file_name("010_x.down.sql"), Some((10, "010_x", "down")));
        for other in ["", "README.md", "x_1.up.sql", "001_x.sql", "001_x.sideways.sql"] {
            assert_eq!(parse_file_name(other), None, "{other}");
        }
    }

    #[test]
    fn a_failed_migration_leaves_no_trace_and_the_ones_before_stay() {
        let code = code_with(&[
            ("001_a.up.sql", "CREATE TABLE a (x); INSERT INTO a VALUES (1);"),
            ("001_a.down.sql", "DROP TABLE a;"),
            ("002_b.up.sql", "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);"),
            ("002_b.down.sql", "DROP TABLE b;"),
        ]);
        let data = tempfile::tempdir().unwrap();
        let error = migrate_up(code.path(), data.path()).unwrap_err();
        assert!(format!("{error:#}").contains("002_b"), "{error:#}");
        assert_eq!(names(data.path()), ["001_a"]);
        let db = Connection::open(database(data.path())).unwrap();
        assert!(!db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'b'").unwrap().exists([]).unwrap());
    }

    #[test]
    fn reverses_nothing_when_one_way_back_is_unknown() {
        let all = [
            ("001_a.up.sql", "CREATE TABLE a (x);"),
            ("001_a.down.sql", "DROP TABLE a;"),
            ("002_b.up.sql", "CREATE TABLE b (x);"),
            ("002_b.down.sql", "DROP TABLE b;"),
        ];
        let data = tempfile::tempdir().unwrap();
        migrate_up(code_with(&all).path(), data.path()).unwrap();
        let older = code_with(&all[..2]);
        assert!(migrate_down(older.path(), data.path(), "").is_err());
        assert_eq!(names(data.path()), ["001_a", "002_b"]);
        migrate_down(code_with(&all).path(), data.path(), "migrations/001_a.down.sql\nmigrations/001_a.up.sql")
            .unwrap();
        assert_eq!(names(data.path()), ["001_a"]);
    }

    #[test]
    fn refuses_a_migration_without_a_way_back() {
        let code = code_with(&[("001_a.up.sql", "CREATE TABLE a (x);")]);
        let error = migrations(code.path()).unwrap_err();
        assert!(format!("{error:#}").contains("001_a.down.sql"), "{error:#}");
    }

    #[test]
    fn the_last_lines_are_those_of_this_start() {
        let mut log = tempfile::tempfile().unwrap();
        log.write_all(b"old\n").unwrap();
        for line in 0..30 {
            writeln!(log, "{line}").unwrap();
        }
        let lines = last_lines(&mut log, 4).unwrap();
        assert!(lines.starts_with("10\n") && lines.ends_with("\n29"), "{lines}");
    }

    #[test]
    fn html_from_the_database_is_text() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }
}
