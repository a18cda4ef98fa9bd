//! The guestbook that `rmm demo` releases: a tiny web service whose code is a checked-out folder, with its migrations
//! and its process on this machine. The version comes from the code, the schema from the database, never from RMM.
//!
//! It must not know RMM's store, and it must not end a process that is not its own: the pid file is locked by the
//! process that it names, for as long as that process lives.

mod process;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};

pub use self::process::stop;

const SUBCOMMAND: &str = "demo-service";

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
        Verb::Serve(site) => server::serve(&site).await,
        Verb::Restart(site) => process::restart(&site).await,
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

/// The migrations of the code by number. One that cannot be reversed is refused, because no release with it could be undone.
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
    // Everything that must be reversed has to be known before the first is: half a reversal is worse than none.
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

/// Writes a guest into the book, as a visitor would while the service runs.
///
/// # Errors
/// When the database is not there or has another schema.
pub fn sign(data: &Path, name: &str, greeting: &str) -> Result<()> {
    let db = open_for_migration(data)?;
    db.execute("INSERT INTO guests (name, greeting) VALUES (?1, ?2)", [name, greeting])
        .with_context(|| format!("{name} could not sign the guestbook"))?;
    Ok(())
}

/// The names in the book, from the database itself.
///
/// # Errors
/// When the database is not there or cannot be read.
pub fn guests(data: &Path) -> Result<Vec<String>> {
    let db = open_for_migration(data)?;
    let mut query = db.prepare("SELECT name FROM guests ORDER BY id").context("cannot read the guests")?;
    let names = query.query_map([], |row| row.get(0)).context("cannot read the guests")?;
    names.collect::<rusqlite::Result<_>>().context("cannot read the guests")
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
}
