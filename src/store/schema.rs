//! Opens the file: settings of the connections, the version of SQLite, migrations and who may run them.
//!
//! Must not: scan the database (a large one opens at once), run a migration without a copy of what was there, or open
//! a file that a newer RMM wrote.

use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use refinery::error::Kind;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::backup;
use super::error::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Copies from before migrations that are kept.
const COPIES: usize = 3;

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const STATEMENTS: usize = 128;

/// Versions of SQLite in which a reset of the WAL can corrupt the database (<https://sqlite.org/wal.html#walresetbug>).
const FAULTY: std::ops::RangeInclusive<i32> = 3_007_000..=3_051_002;

/// Refuses a SQLite with the WAL-reset bug.
pub(crate) fn check_sqlite() -> Result<(), StoreError> {
    if FAULTY.contains(&rusqlite::version_number()) {
        return Err(StoreError::FaultySqlite { version: rusqlite::version().to_owned() });
    }
    Ok(())
}

/// The highest migration this binary knows.
#[must_use]
pub fn supported_version() -> i64 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|migration| i64::from(migration.version()))
        .max()
        .unwrap_or(0)
}

/// The highest migration applied to the database; `None` when it is empty.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is not a database of RMM.
pub fn applied_version(conn: &Connection) -> Result<Option<i64>, StoreError> {
    let history: Option<i64> = conn
        .query_row("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'", [], |row| {
            row.get(0)
        })
        .optional()?;
    if history.is_none() {
        let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 {
            return Err(StoreError::Corrupt {
                detail: "it has tables, but none of them says which schema they belong to".to_owned(),
            });
        }
        return Ok(None);
    }
    Ok(conn.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))?)
}

/// Opens the connection that writes, making the file (for the owner only) when there is none.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| StoreError::io("create", path, error))?;
    }
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    // Before the first change to the file: it may be another program's.
    applied_version(&conn)?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Unavailable {
            disk_full: false,
            detail: format!(
                "the file system of {} does not support SQLite's WAL (mode {mode}); put the data directory on a local disk",
                path.display()
            ),
        });
    }
    // temp_store: the undo log of savepoints stays in memory. journal_size_limit: a WAL that grew in a storm shrinks again.
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -6144; PRAGMA journal_size_limit = 67108864;",
    )?;
    keep_statements(&conn)?;
    #[cfg(test)]
    let conn = super::plans::watched(conn);
    Ok(conn)
}

/// Opens a connection that can only read, with a small page cache.
///
/// # Errors
/// When the file is not there or cannot be opened.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024;")?;
    keep_statements(&conn)?;
    #[cfg(test)]
    let conn = super::plans::watched(conn);
    Ok(conn)
}

/// Opens a database that nobody writes, without leaving anything beside it.
///
/// # Errors
/// When the file is not there or cannot be opened.
pub fn open_at_rest(path: &Path) -> Result<Connection, StoreError> {
    let path = std::path::absolute(path).map_err(|error| StoreError::io("find", path, error))?;
    let name: String = path
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| match byte {
            b'/' | b'-' | b'_' | b'.' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(format!("file://{name}?immutable=1"), flags)?;
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1024;")?;
    Ok(conn)
}

/// A copy of a database together with its write-ahead log, in a temporary folder that is gone with the copy.
#[derive(Debug)]
pub struct TemporaryCopy {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl TemporaryCopy {
    /// The database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Copies a database that nobody writes, if it has a write-ahead log: reading that would change the files beside it.
///
/// # Errors
/// When the files cannot be read or the temporary folder cannot be written.
pub fn copy_with_log(path: &Path) -> Result<Option<TemporaryCopy>, StoreError> {
    let log = super::with_suffix(path, "-wal");
    if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Ok(None);
    }
    let folder = tempfile::tempdir().map_err(|error| StoreError::io("create", &std::env::temp_dir(), error))?;
    let copy = folder.path().join("copy.db");
    for (from, to) in [(path, copy.clone()), (log.as_path(), super::with_suffix(&copy, "-wal"))] {
        std::fs::copy(from, to).map_err(|error| StoreError::io("copy", from, error))?;
    }
    Ok(Some(TemporaryCopy { path: copy, _folder: folder }))
}

/// Statements are prepared once. Without QPSG a plan may depend on the values that were bound, and SQLite then prepares
/// a statement anew whenever rusqlite takes it out of its cache: a third of the time of a write.
fn keep_statements(conn: &Connection) -> Result<(), StoreError> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// What `migrate` did.
pub(crate) struct Migrated {
    /// The tables were made just now.
    pub fresh: bool,
    /// The copy made before an existing database was changed.
    pub copy: Option<PathBuf>,
}

/// Brings the database to this binary's schema, after a copy `<file>.before-schema-<n>.bak` when it has an older one.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<Migrated, StoreError> {
    migrate_with(conn, path, &embedded::migrations::runner())
}

fn migrate_with(conn: &mut Connection, path: &Path, runner: &refinery::Runner) -> Result<Migrated, StoreError> {
    let supported = runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0);
    let applied = applied_version(conn)?;
    let mut copy = None;
    if let Some(found) = applied {
        if found > supported {
            return Err(StoreError::NewerDatabase { found, supported });
        }
        if found < supported {
            let target = super::with_suffix(path, &format!(".before-schema-{supported}.bak"));
            copy = Some(backup::backup(path, &target, true)?.path);
        }
    }
    // Off while tables are rebuilt; `open` turns them on afterwards, and what a migration broke is found here.
    conn.execute_batch("PRAGMA foreign_keys = OFF")?;
    embedded_run(conn, runner)?;
    if copy.is_some() {
        let broken: Option<String> = conn.query_row("PRAGMA foreign_key_check", [], |row| row.get(0)).optional()?;
        if let Some(table) = broken {
            return Err(StoreError::Migration {
                detail: format!("rows of {table} point to rows that do not exist; go back to {copy:?}"),
            });
        }
    }
    conn.execute_batch("PRAGMA foreign_keys = ON")?;
    if copy.is_some() {
        delete_old_copies(path);
    }
    Ok(Migrated { fresh: applied.is_none(), copy })
}

/// Only the newest copies from before migrations are kept. Best effort: it never fails a start.
fn delete_old_copies(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let beginning = format!("{}.before-schema-", name.to_string_lossy());
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut copies: Vec<(i64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(&beginning)?.strip_suffix(".bak")?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    copies.sort();
    for (_, copy) in copies.iter().rev().skip(COPIES) {
        if let Err(error) = std::fs::remove_file(copy) {
            tracing::warn!(copy = %copy.display(), %error, "an old copy of the database could not be deleted");
        }
    }
}

fn embedded_run(conn: &mut Connection, runner: &refinery::Runner) -> Result<(), StoreError> {
    // Grouped: all pending migrations in one transaction, so that a failure leaves the database as it was.
    let outcome = refinery::Runner::new(runner.get_migrations()).set_grouped(true).run(conn);
    match outcome {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), Kind::DivergentVersion(..) | Kind::MissingVersion(..)) => {
            Err(StoreError::DivergentDatabase { detail: error.to_string() })
        }
        Err(error) => Err(StoreError::Migration { detail: error.to_string() }),
    }
}

/// An empty database in memory with all tables.
#[cfg(test)]
pub(crate) fn test_database() -> Connection {
    super::plans::watched(test_database_unwatched())
}

/// Whether a migration consists of this, among others: each runs once.
#[cfg(test)]
pub(super) fn is_migration(statement: &str) -> bool {
    let all = embedded::migrations::runner();
    all.get_migrations().iter().any(|migration| migration.sql().is_some_and(|sql| sql.contains(statement)))
}

/// As [`test_database`]; nobody looks at its statements.
#[cfg(test)]
pub(super) fn test_database_unwatched() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    migrate(&mut conn, Path::new("unused")).unwrap();
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
    conn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, StoreOptions};
    use refinery::{Migration, Runner};

    fn options(directory: &Path) -> StoreOptions {
        StoreOptions::new(directory.join("rmm.db"), directory.join("audit.key"))
    }

    #[test]
    fn the_linked_sqlite_is_sound() {
        check_sqlite().unwrap();
        assert!(FAULTY.contains(&3_051_002) && !FAULTY.contains(&3_051_003) && FAULTY.contains(&3_007_000));
    }

    #[test]
    fn a_newer_database_is_refused_untouched() {
        let directory = tempfile::tempdir().unwrap();
        drop(Store::open(&options(directory.path())).unwrap());
        let conn = Connection::open(directory.path().join("rmm.db")).unwrap();
        conn.execute("INSERT INTO refinery_schema_history VALUES (999, 'future', '2030-01-01T00:00:00Z', '1')", [])
            .unwrap();
        drop(conn);
        let error = Store::open(&options(directory.path())).unwrap_err();
        assert!(matches!(error, StoreError::NewerDatabase { found: 999, .. }), "{error:?}");
        assert!(error.to_string().contains("newer RMM"), "{error}");
    }

    #[test]
    fn a_divergent_database_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        drop(Store::open(&options(directory.path())).unwrap());
        let conn = Connection::open(directory.path().join("rmm.db")).unwrap();
        conn.execute("UPDATE refinery_schema_history SET checksum = '1'", []).unwrap();
        drop(conn);
        assert!(matches!(Store::open(&options(directory.path())), Err(StoreError::DivergentDatabase { .. })));
    }

    #[test]
    fn a_foreign_database_and_a_file_that_is_none_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE photos (id)").unwrap();
        assert!(matches!(Store::open(&options(directory.path())), Err(StoreError::Corrupt { .. })));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(
            &path,
            "this is a text, and a long one, so that it cannot be taken for an empty database".repeat(20),
        )
        .unwrap();
        assert!(matches!(Store::open(&options(directory.path())), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn an_older_database_is_copied_and_then_migrated_or_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let first =
            Migration::unapplied("V1__first", "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);").unwrap();
        let second = Migration::unapplied("V2__second", "CREATE TABLE b (x INTEGER) STRICT;").unwrap();
        let broken =
            Migration::unapplied("V3__broken", "CREATE TABLE c (x INTEGER) STRICT; SELECT * FROM nowhere;").unwrap();
        let mut conn = open_writer(&path).unwrap();
        let done = migrate_with(&mut conn, &path, &Runner::new(std::slice::from_ref(&first))).unwrap();
        assert!(done.fresh && done.copy.is_none());
        let done = migrate_with(&mut conn, &path, &Runner::new(&[first.clone(), second.clone()])).unwrap();
        assert!(!done.fresh);
        let copy = open_reader(&done.copy.unwrap()).unwrap();
        assert_eq!(applied_version(&copy).unwrap(), Some(1));
        assert_eq!(copy.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
        let error = migrate_with(&mut conn, &path, &Runner::new(&[first, second, broken])).err().unwrap();
        assert!(matches!(error, StoreError::Migration { .. }), "{error:?}");
        assert_eq!(applied_version(&conn).unwrap(), Some(2));
        conn.execute("INSERT INTO b VALUES (1)", []).unwrap();
        assert!(conn.execute("INSERT INTO c VALUES (1)", []).is_err());
    }

    #[test]
    fn only_the_newest_copies_from_before_migrations_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let mut conn = open_writer(&path).unwrap();
        let names = ["rmm.db.before-schema-x.bak", "rmm.db.bak", "other.db.before-schema-1.bak"];
        for name in names {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        for version in 1..=supported_version() {
            migrate_with(&mut conn, &path, &up_to(version)).unwrap();
        }
        let newest = supported_version();
        for version in 2..=newest {
            let copy = directory.path().join(format!("rmm.db.before-schema-{version}.bak"));
            assert_eq!(copy.exists(), version > newest - 3, "{version}");
        }
        assert!(names.iter().all(|name| directory.path().join(name).exists()));
    }

    #[test]
    fn output_of_runs_can_be_deleted_in_a_database_that_is_in_use() {
        use crate::store::{bounds, logs};

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let mut conn = open_writer(&path).unwrap();
        migrate_with(&mut conn, &path, &up_to(13)).unwrap();
        conn.execute_batch(
            "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, \
                 notes, artifacts, promoted, bypasses, created_at, started_at) \
             VALUES (7, 'shop', 'deployed', 'successful', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1); \
             INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state, \
                 detail, prepared, created_at, ended_at) \
             VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{}', 'succeeded', '{}', 1, 1, 5);",
        )
        .unwrap();
        logs::append(&conn, 9, 0, 3, b"old").unwrap();
        migrate_with(&mut conn, &path, &up_to(14)).unwrap();
        assert_eq!(logs::read_step(&conn, 9, 0).unwrap().head, b"old");
        let later = jiff::Timestamp::from_second(60).unwrap();
        assert!(bounds::delete_old_output(&conn, later, later).unwrap());
        assert_eq!(logs::read_step(&conn, 9, 0).unwrap().head, b"");
    }

    /// The runner as it was when `version` was the newest schema.
    fn up_to(version: i64) -> Runner {
        let all = embedded::migrations::runner();
        let older: Vec<_> =
            all.get_migrations().iter().filter(|m| i64::from(m.version()) <= version).cloned().collect();
        Runner::new(&older)
    }

    #[test]
    fn hosts_come_to_a_database_that_is_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let mut conn = open_writer(&path).unwrap();
        migrate_with(&mut conn, &path, &up_to(2)).unwrap();
        conn.execute_batch(
            "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, \
                 notes, artifacts, promoted, bypasses, created_at, started_at) \
             VALUES (7, 'shop', 'deployed', 'deployed', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1); \
             INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state, \
                 detail, prepared, created_at) \
             VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{}', 'succeeded', '{}', 1, 1);",
        )
        .unwrap();
        let done = migrate_with(&mut conn, &path, &up_to(3)).unwrap();
        assert!(done.copy.is_some_and(|copy| copy.ends_with("rmm.db.before-schema-3.bak")));
        assert_eq!(applied_version(&conn).unwrap(), Some(3));
        let run: (i64, String) =
            conn.query_row("SELECT release_id, state FROM runs", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(run, (7, "succeeded".to_owned()));
        assert_eq!(conn.query_row("SELECT count(*) FROM hosts", [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }

    #[test]
    fn steps_and_half_way_environments_learn_their_host() {
        use crate::domain::ids::{HostName, RunId, ServiceName};
        use crate::domain::run::{Action, Ask};
        use crate::domain::service::EnvironmentKind;
        use crate::store::runs;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let mut conn = open_writer(&path).unwrap();
        migrate_with(&mut conn, &path, &up_to(3)).unwrap();
        conn.execute_batch(
            r#"INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner,
                 notes, artifacts, promoted, bypasses, created_at, started_at)
             VALUES (7, 'shop', 'deploying', 'active', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1);
             INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state,
                 detail, prepared, created_at)
             VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{"release":7,"tag":"v1","commit":null}', 'running',
                 '{"state":"running"}', 1, 1);
             INSERT INTO steps (run_id, idx, kind, surface, about, action, state, tries) VALUES
                 (9, 0, '"health"', 'api', 7, '{"do":"get","url":"http://h/","schedule":{"wait":{"secs":1,"nanos":0},
                   "attempts":5,"interval":{"secs":1,"nanos":0},"timeout":{"secs":1,"nanos":0}}}', '{"state":"pending"}', 0),
                 (9, 1, '"health"', 'api', 7, '{"do":"check","command":"ok","directory":"/srv","schedule":{"wait":
                   {"secs":1,"nanos":0},"attempts":5,"interval":{"secs":1,"nanos":0},"timeout":{"secs":1,"nanos":0}}}',
                   '{"state":"pending"}', 0);
             INSERT INTO environments (service, environment, mixed) VALUES ('shop', 'production',
                 '{"newer":{"release":7,"tag":"v1","commit":null},"older":{"release":6,"tag":"v0","commit":null},
                   "surfaces":{"api":{"newer_code":true,"newer_schema":false}}}');"#,
        )
        .unwrap();
        migrate_with(&mut conn, &path, &up_to(4)).unwrap();
        migrate(&mut conn, &path).unwrap();
        let run = runs::get(&conn, RunId(9)).unwrap().unwrap();
        assert_eq!((run.waiting, run.left.len()), (None, 0));
        assert!(run.steps.iter().all(|step| step.host == HostName::local()));
        assert_eq!(run.steps.iter().map(|step| step.wave).collect::<Vec<_>>(), [0, 1]);
        assert!(
            matches!(&run.steps[0].action, Action::Health { ask: Ask::Http { url, .. }, .. } if url == "http://h/")
        );
        assert!(matches!(&run.steps[1].action, Action::Health { ask: Ask::Command(script), schedule, .. }
            if script.command == "ok" && script.directory.as_deref() == Some("/srv") && schedule.attempts == 5));
        let shop = ServiceName::parse("service", "shop").unwrap();
        let state = runs::environment(&conn, &shop, EnvironmentKind::Production).unwrap();
        assert!(state.left.is_empty());
        let position = &state.mixed.unwrap().surfaces.into_values().next().unwrap();
        assert!(!position.newer_schema && position.hosts[&HostName::local()]);
    }

    #[test]
    fn a_run_under_way_keeps_its_name_on_hosts_and_numbers_go_on() {
        use crate::domain::ids::{RunId, ServiceName};
        use crate::domain::run::RunState;
        use crate::domain::service::EnvironmentKind;
        use crate::store::numbers::Numbers;
        use crate::store::runs;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let mut conn = open_writer(&path).unwrap();
        migrate_with(&mut conn, &path, &up_to(6)).unwrap();
        conn.execute_batch(
            r#"INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner,
                 notes, artifacts, promoted, bypasses, created_at, started_at)
             VALUES (7, 'shop', 'deploying', 'active', 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1);
             INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state,
                 detail, prepared, created_at, started_at)
             VALUES (9, 7, 1, 'shop', 'production', 'deploy', 0, '{"release":7,"tag":"v1","commit":null}', 'running',
                 '{"state":"running"}', 1, 1, 1);
             INSERT INTO environments (service, environment, lock) VALUES ('shop', 'production',
                 '{"reason":"sale","by":"ann","at":"2025-01-01T00:00:00Z"}');"#,
        )
        .unwrap();
        migrate(&mut conn, &path).unwrap();
        let run = runs::get(&conn, RunId(9)).unwrap().unwrap();
        assert_eq!((run.token("here").as_str(), &run.state), ("here-9", &RunState::Running));
        assert_eq!((run.started_uptime, run.heard_uptime), (None, None));
        let shop = ServiceName::parse("service", "shop").unwrap();
        let state = runs::environment(&conn, &shop, EnvironmentKind::Production).unwrap();
        assert!(state.lock.is_some() && state.unknown.is_none() && state.vouched_below == RunId(0));
        let numbers = Numbers::of(&conn).unwrap();
        assert_eq!((numbers.release, numbers.run, numbers.revision), (7, 9, 3));
        assert_eq!(crate::store::numbers::another_copy(&conn).unwrap(), None);
    }

    #[test]
    fn the_bot_comes_to_a_database_with_work_in_hand() {
        use crate::store::{outbox, telegram};

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let mut conn = open_writer(&path).unwrap();
        migrate_with(&mut conn, &path, &up_to(4)).unwrap();
        conn.execute_batch(
            r#"INSERT INTO outbox (kind, payload, service, run_id, created_at, due_at, attempts, lease_owner, leased_at)
             VALUES ('follow_run', '{"effect":"follow_run","run":9}', 'shop', 9, 1, 1, 1, 'dead', 1);"#,
        )
        .unwrap();
        migrate_with(&mut conn, &path, &up_to(5)).unwrap();
        assert_eq!(outbox::release_foreign_leases(&conn, "alive").unwrap(), 1);
        let effects = outbox::lease_due(&conn, "", "alive", 2, 10).unwrap();
        assert_eq!((effects[0].run_id, effects[0].trace_id.as_deref()), (Some(9), None));
        assert_eq!((telegram::told(&conn).unwrap(), telegram::news(&conn).unwrap()), (None, Vec::new()));
    }

    #[test]
    fn tokens_learn_who_vouches_for_them() {
        use crate::store::tokens;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rmm.db");
        let mut conn = open_writer(&path).unwrap();
        migrate_with(&mut conn, &path, &up_to(8)).unwrap();
        let made = [
            ("root", None, "ann", None),
            ("build", None, "operator", None),
            ("hidden", None, "root", Some(50)),
            ("hidden", None, "build", None),
            ("deeper", None, "hidden", None),
            ("bob", Some("bob"), "ann", None),
            ("of bob", None, "bob", None),
        ];
        for (at, (name, person, by, revoked)) in (1..).zip(made) {
            conn.execute(
                "INSERT INTO tokens (hash, name, role, person, services, created_at, created_by, revoked_at) \
                 VALUES (?1, ?2, 'admin', ?3, '[]', ?4, ?5, ?6)",
                (vec![u8::try_from(at).unwrap(); 32], name, person, at, by, revoked),
            )
            .unwrap();
        }
        migrate(&mut conn, &path).unwrap();
        let mut tokens = tokens::list(&conn).unwrap();
        tokens.reverse();
        let vouchers: Vec<_> = tokens.iter().map(|token| token.vouched_by.as_deref()).collect();
        assert_eq!(vouchers, [Some("ann"), None, Some("ann"), None, None, Some("ann"), Some("bob")]);
    }
}
