//! Numbers that never come again, and the processes that have worked with this database.
//!
//! Beside the highest numbers in the tables there are those that only others know: a database that was replaced, a host,
//! a file beside the database. What is addressed by a number goes on from the highest of them.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

use super::columns::{maybe_json, maybe_to_json};
use super::error::StoreError;
use crate::domain::environment::AnotherCopy;
use crate::domain::ids::RunId;

/// The highest numbers that were given out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    /// Of releases.
    pub release: i64,
    /// Of runs.
    pub run: i64,
    /// Of events in the record.
    pub event: i64,
    /// Of pieces of output.
    pub log: i64,
    /// Of effects.
    pub effect: i64,
    /// Of tokens.
    pub token: i64,
    /// Of the revisions of any release.
    pub revision: i64,
}

impl Numbers {
    /// What this database knows. Of an older schema, too.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(conn: &Connection) -> Result<Self, StoreError> {
        let one = |sql: &str| -> Result<i64, StoreError> {
            Ok(conn.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).optional()?.flatten().unwrap_or(0))
        };
        let of = |table: &str, sql: &str| if conn.table_exists(None, table)? { one(sql) } else { Ok(0) };
        let sequence =
            |table: &str| of("sqlite_sequence", &format!("SELECT seq FROM sqlite_sequence WHERE name = '{table}'"));
        let floor = |column: &str| of("numbers", &format!("SELECT {column} FROM numbers"));
        Ok(Self {
            release: of("releases", "SELECT max(id) FROM releases")?.max(floor("release")?),
            run: of("runs", "SELECT max(id) FROM runs")?.max(floor("run")?),
            event: of("events", "SELECT max(seq) FROM events")?,
            log: sequence("log_chunks")?,
            effect: sequence("outbox")?,
            token: sequence("tokens")?,
            revision: of("releases", "SELECT max(revision) FROM releases")?,
        })
    }

    /// The higher of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.each(other, i64::max)
    }

    /// Each with some room behind it, for numbers that were given out and not noted.
    #[must_use]
    pub fn with_gap(self) -> Self {
        const FEW: i64 = 1_000;
        const MANY: i64 = 1_000_000;
        let gap = Self { release: FEW, run: FEW, event: MANY, log: MANY, effect: MANY, token: FEW, revision: FEW };
        self.each(gap, i64::saturating_add)
    }

    fn each(self, other: Self, join: fn(i64, i64) -> i64) -> Self {
        Self {
            release: join(self.release, other.release),
            run: join(self.run, other.run),
            event: join(self.event, other.event),
            log: join(self.log, other.log),
            effect: join(self.effect, other.effect),
            token: join(self.token, other.token),
            revision: join(self.revision, other.revision),
        }
    }

    /// Lets the next numbers of this database follow these. Revisions and events are for the caller.
    pub(super) fn raise(self, conn: &Connection) -> Result<(), StoreError> {
        conn.prepare_cached("UPDATE numbers SET release = max(release, ?1), run = max(run, ?2)")?
            .execute((self.release, self.run))?;
        for (table, last) in [("log_chunks", self.log), ("outbox", self.effect), ("tokens", self.token)] {
            let changed =
                conn.execute("UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1", (table, last))?;
            if changed == 0 {
                conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (table, last))?;
            }
        }
        Ok(())
    }
}

/// A host knows a run with this number. Releases have fewer numbers than runs, so theirs follow it, too.
///
/// # Errors
/// When the database cannot be written.
pub fn seen(conn: &Connection, run: RunId) -> Result<(), StoreError> {
    // A file of another database may hold any number.
    if run.0 < i64::MAX / 2 && run > super::runs::last_id(conn)? {
        Numbers { release: run.0, run: run.0, ..Numbers::default() }.raise(conn)?;
    }
    Ok(())
}

/// Whether a process of this installation has this number and this word.
///
/// # Errors
/// When the database cannot be read.
pub fn is_own_process(conn: &Connection, generation: u64, word: &str) -> Result<bool, StoreError> {
    let generation = i64::try_from(generation).unwrap_or(i64::MAX);
    let mut statement =
        conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM starts WHERE generation = ?1 AND word = ?2)")?;
    Ok(statement.query_row((generation, word), |row| row.get(0))?)
}

/// What is known of another RMM that works with a copy of this database.
///
/// # Errors
/// When the database cannot be read.
pub fn another_copy(conn: &Connection) -> Result<Option<AnotherCopy>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT another_copy FROM numbers")?;
    Ok(statement.query_row([], |row| maybe_json(row, 0))?)
}

/// Notes it.
///
/// # Errors
/// When the database cannot be written.
pub fn put_another_copy(conn: &Connection, met: Option<&AnotherCopy>) -> Result<(), StoreError> {
    conn.execute("UPDATE numbers SET another_copy = ?1", [maybe_to_json(met)?])?;
    Ok(())
}

/// The word of the last process that worked with this database.
pub(super) fn last_start(conn: &Connection) -> Result<Option<String>, StoreError> {
    let sql = "SELECT word FROM starts ORDER BY id DESC LIMIT 1";
    Ok(conn.query_row(sql, [], |row| row.get(0)).optional()?)
}
