//! What the tests of the store share.

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use tempfile::TempDir;

use super::chain::NewEvent;
use super::{Store, StoreError, StoreOptions, Tx};

/// A CI run has created a release of a service that no test has otherwise.
pub(crate) fn created_elsewhere(conn: &Connection, ci_run: &str) -> Result<(), StoreError> {
    conn.execute_batch(
        "INSERT INTO configurations (id, text, folder) VALUES (99, '', '/');
         INSERT INTO defined_services (service, configuration) VALUES ('elsewhere', 99);",
    )?;
    conn.execute(
        "INSERT INTO releases (service, status, list, status_since, attempt, revision, initiated_by, owner, notes, artifacts, \
         promoted, bypasses, created_at, started_at, ci_run_id) \
         VALUES ('elsewhere', 'cancelled', 'failed', 1, 1, 1, 'ann', 'ann', '', '[]', 0, '[]', 1, 1, ?1)",
        [ci_run],
    )?;
    Ok(())
}

/// A data directory with the usual file names.
pub(crate) struct TestDir(pub TempDir);

impl TestDir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions::new(self.file("rmm.db"), self.file("audit.key"))
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// The store with a table `notes` to play with.
    pub(crate) async fn store(&self) -> Store {
        let store = Store::open(&self.options()).unwrap();
        store
            .write(|tx| {
                tx.execute_batch(
                    "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT; \
                     CREATE TABLE IF NOT EXISTS replies (note INTEGER REFERENCES notes (id)) STRICT;",
                )
            })
            .await
            .unwrap();
        store
    }

    /// Another connection, as a person with the sqlite3 shell has.
    pub(crate) fn shell(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.file("rmm.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    }
}

pub(crate) fn event<'a>(kind: &'a str, data: &'a str) -> NewEvent<'a> {
    NewEvent {
        at: 1_000,
        service: Some("api"),
        release_id: Some(12),
        run_id: None,
        actor: r#"{"person":"gommgo"}"#,
        kind,
        data,
        trace_id: None,
    }
}

/// Notes `text` and appends an event about it; returns the event's number.
pub(crate) fn note(tx: &mut Tx<'_>, text: &str) -> Result<i64, StoreError> {
    tx.execute("INSERT INTO notes (text) VALUES (?1)", [text])?;
    tx.append_event(&event("Noted", &format!("{{\"text\":\"{text}\"}}")))
}

pub(crate) async fn notes(store: &Store) -> Vec<String> {
    store
        .read(|conn| {
            let mut statement = conn.prepare_cached("SELECT text FROM notes ORDER BY id")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap()
}

/// A small file system of its own; `None` (with a message) where none can be mounted.
pub(crate) struct SmallDisk(pub TestDir);

impl SmallDisk {
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let place = TestDir::new();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "rmm-test"])
            .arg(place.0.path())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        eprintln!("SKIPPED: a tmpfs cannot be mounted here (root is needed), so a full disk was not tested");
        None
    }

    /// Takes all space that is left.
    pub(crate) fn fill(&self) {
        fill(&self.0.file("filler"));
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.0.file("filler")).unwrap();
    }
}

fn fill(path: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.0.path()).status();
    }
}

/// A release of the service `shop`.
pub(crate) fn put_release(conn: &rusqlite::Connection, id: i64, status: &str, list: &str) {
    conn.execute(
        "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, notes, \
             artifacts, promoted, bypasses, created_at, started_at) \
         VALUES (?1, 'shop', ?2, ?3, 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1)",
        (id, status, list),
    )
    .unwrap();
}

/// A failed run of such a release on stage.
pub(crate) fn put_failed_run(conn: &rusqlite::Connection, id: i64, release: i64, ended_at: i64) {
    conn.execute(
        "INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state, \
             detail, prepared, created_at, ended_at) \
         VALUES (?1, ?2, 1, 'shop', 'stage', 'deploy', 0, '{}', 'failed', '{}', 1, 1, ?3)",
        (id, release, ended_at),
    )
    .unwrap();
}

/// A message in chat -1.
pub(crate) fn put_message(conn: &rusqlite::Connection, message: i64, about: &str, shown_at: i64) {
    conn.execute(
        "INSERT INTO telegram_messages (chat, message, screen, about, shown, shown_at) VALUES (-1, ?1, 'menu', ?2, '', ?3)",
        (message, about, shown_at),
    )
    .unwrap();
}

/// A Telegram user who has written to the bot.
pub(crate) fn put_user(conn: &rusqlite::Connection, id: i64, person: Option<&str>, refused: bool, seen_at: i64) {
    conn.execute(
        "INSERT INTO telegram_users (id, first_name, private_chat, person, refused, seen_at) \
         VALUES (?1, 'x', 1, ?2, ?3, ?4)",
        (id, person, refused, seen_at),
    )
    .unwrap();
}

/// How often rows of a table have been written by this connection since it was asked first.
pub(crate) fn rows_written(conn: &Connection, table: &str) -> Result<i64, StoreError> {
    let count = |when: &str| {
        format!(
            "CREATE TEMP TRIGGER IF NOT EXISTS {table}_{when} AFTER {when} ON main.{table} \
             BEGIN INSERT INTO written VALUES ('{table}'); END;"
        )
    };
    let [inserts, updates] = ["INSERT", "UPDATE"].map(count);
    conn.execute_batch(&format!("CREATE TEMP TABLE IF NOT EXISTS written (rows_of TEXT); {inserts} {updates}"))?;
    Ok(conn.query_row("SELECT count(*) FROM written WHERE rows_of = ?1", [table], |row| row.get(0))?)
}
