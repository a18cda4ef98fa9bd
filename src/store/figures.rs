//! What `/metrics` reads: how things stand now, and, once at the start, what the record has seen so far.
//!
//! Must not: read more than is active at the time of a scrape.

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::StoreError;
use crate::domain::run::RunKind;
use crate::domain::status::Status;

/// The active releases of a service in one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The service.
    pub service: String,
    /// The status.
    pub status: String,
    /// How many.
    pub releases: u64,
    /// Since when the first of them has been in it, unix milliseconds.
    pub since: i64,
}

/// The active releases, by service and status.
///
/// # Errors
/// When the database cannot be read.
pub fn active(conn: &Connection) -> Result<Vec<Waiting>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT service, status, count(*), min(status_since) FROM releases WHERE list = 'active' GROUP BY service, status",
    )?;
    let rows = statement.query_map([], |row| {
        let releases = row.get::<_, i64>(2)?.unsigned_abs();
        Ok(Waiting { service: row.get(0)?, status: row.get(1)?, releases, since: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How an environment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The service.
    pub service: String,
    /// Stage or production.
    pub environment: String,
    /// Since when it has what it has, unix milliseconds.
    pub since: Option<i64>,
    /// It needs repair.
    pub dirty: bool,
    /// Nothing new comes there.
    pub locked: bool,
    /// What it has is not known.
    pub unknown: bool,
    /// Hosts were left behind.
    pub left_hosts: bool,
}

/// The environments that last: not those of previews.
///
/// # Errors
/// When the database cannot be read.
pub fn places(conn: &Connection) -> Result<Vec<Place>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT service, environment, since, dirty IS NOT NULL, lock IS NOT NULL, unknown IS NOT NULL, left_hosts <> '{}' \
         FROM environments WHERE environment IN ('stage', 'production')",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Place {
            service: row.get(0)?,
            environment: row.get(1)?,
            since: row.get(2)?,
            dirty: row.get(3)?,
            locked: row.get(4)?,
            unknown: row.get(5)?,
            left_hosts: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The runs that occupy an environment: how many are in each state.
///
/// # Errors
/// When the database cannot be read.
pub fn occupying(conn: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT state FROM runs WHERE state IN ('queued', 'running', 'unknown')")?;
    let mut counts = vec![("queued".to_owned(), 0), ("running".to_owned(), 0), ("unknown".to_owned(), 0)];
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let state = row.get_ref(0)?.as_str().unwrap_or_default();
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| known == state) {
            *count += 1;
        }
    }
    Ok(counts)
}

/// What chats have still to be told, those that take no messages left out: how much it is, and since when the first of it
/// has waited (unix milliseconds). A reminder comes of no event and has waited for none.
///
/// # Errors
/// When the database cannot be read.
pub fn untold(conn: &Connection) -> Result<(u64, Option<i64>), StoreError> {
    let read = |sql: &str| {
        conn.prepare_cached(sql)?.query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))
    };
    let (cards, first_card) = read(
        "SELECT count(*), min(since) FROM telegram_news AS news \
         WHERE NOT EXISTS (SELECT 1 FROM telegram_refusals AS refusal WHERE refusal.chat = news.chat)",
    )?;
    let (notices, first_notice) = read(
        "SELECT count(*), min(seq) FILTER (WHERE notice <> 'reminder') FROM telegram_notices AS notice WHERE NOT EXISTS (SELECT 1 FROM telegram_refusals AS \
         refusal WHERE refusal.chat = notice.chat AND refusal.topic = notice.topic)",
    )?;
    let first = [first_card, first_notice].into_iter().flatten().min();
    Ok(((cards + notices).unsigned_abs(), first.map(|seq| happened(conn, seq)).transpose()?.flatten()))
}

/// When the event at a place in the record happened, unix milliseconds.
///
/// # Errors
/// When the database cannot be read.
pub fn happened(conn: &Connection, seq: i64) -> Result<Option<i64>, StoreError> {
    Ok(conn.prepare_cached("SELECT at FROM events WHERE seq = ?1")?.query_row([seq], |row| row.get(0)).optional()?)
}

/// The place of the newest event in the record; 0 where there is none.
///
/// # Errors
/// When the database cannot be read.
pub fn newest_event(conn: &Connection) -> Result<i64, StoreError> {
    Ok(conn.prepare_cached("SELECT coalesce(max(seq), 0) FROM events")?.query_row([], |row| row.get(0))?)
}

/// When the first effect that no dispatcher has taken up is due, unix milliseconds. Questions to repositories, which are asked
/// one after the other, are left out.
///
/// # Errors
/// When the database cannot be read.
pub fn next_due(conn: &Connection) -> Result<Option<i64>, StoreError> {
    super::outbox::next_due(conn, "resolve_commit")
}

/// When the database was last backed up by RMM, unix milliseconds.
///
/// # Errors
/// When the database cannot be read.
pub fn last_backup(conn: &Connection) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT at FROM events WHERE kind = 'backup_made' ORDER BY seq DESC LIMIT 1";
    Ok(conn.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?)
}

/// How many releases each service has had.
///
/// # Errors
/// When the database cannot be read.
pub fn created(conn: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT service, count(*) FROM releases GROUP BY service")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A run that has ended. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the words of the glossary")]
pub struct Ended {
    pub service: String,
    pub environment: &'static str,
    pub kind: &'static str,
    pub outcome: &'static str,
    pub started: Option<i64>,
    pub ended: i64,
    pub tagged: i64,
}

/// All runs that have ended, housekeeping left out.
///
/// # Errors
/// When the database cannot be read.
pub fn ended(conn: &Connection, mut each: impl FnMut(Ended)) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT service, environment, kind, state, started_at, ended_at, tagged_at FROM ended_runs WHERE ended_at > ?1",
    )?;
    let mut rows = statement.query([i64::MIN])?;
    while let Some(row) = rows.next()? {
        if let Some(run) = ended_run(row)? {
            each(run);
        }
    }
    Ok(())
}

/// A run, as of now; none where it is housekeeping, or has not ended.
///
/// # Errors
/// When the database cannot be read.
pub fn one_ended(conn: &Connection, run: i64) -> Result<Option<Ended>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT run.service, run.environment, run.kind, run.state, run.started_at, coalesce(run.ended_at, run.created_at), \
         coalesce(release.tagged_at, release.created_at) \
         FROM runs AS run JOIN releases AS release ON release.id = run.release_id WHERE run.id = ?1 AND run.housekeeping = 0",
    )?;
    let mut rows = statement.query([run])?;
    rows.next()?.map_or(Ok(None), |row| Ok(ended_run(row)?))
}

/// None: of a kind or in a state that a newer RMM knows.
fn ended_run(row: &Row<'_>) -> rusqlite::Result<Option<Ended>> {
    let environment = match row.get_ref(1)?.as_str()? {
        "production" => "production",
        "stage" => "stage",
        _ => "preview",
    };
    let kinds = [RunKind::Deploy, RunKind::Rehearsal, RunKind::Rollback, RunKind::Drill].map(|kind| kind.as_str());
    let known = |column, words: &[&'static str]| {
        let text = row.get_ref(column)?.as_str()?;
        Ok::<_, rusqlite::Error>(words.iter().copied().find(|word| *word == text))
    };
    let outcomes = ["succeeded", "failed", "stopped", "unknown"];
    let (Some(kind), Some(outcome)) = (known(2, &kinds)?, known(3, &outcomes)?) else { return Ok(None) };
    Ok(Some(Ended {
        service: row.get(0)?,
        environment,
        kind,
        outcome,
        started: row.get(4)?,
        ended: row.get(5)?,
        tagged: row.get(6)?,
    }))
}

/// When a release came into the status that an event of the record has moved it out of, unix milliseconds.
///
/// # Errors
/// When the database cannot be read.
pub fn entered(conn: &Connection, release: i64, seq: i64) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT at FROM events WHERE release_id = ?1 AND seq < ?2 AND kind IN ('release_created', 'release_moved') \
         ORDER BY seq DESC LIMIT 1",
    )?;
    Ok(statement.query_row((release, seq), |row| row.get(0)).optional()?)
}

/// The status that a word names.
#[must_use]
pub fn status(word: &str) -> Option<&'static str> {
    word.parse::<Status>().ok().map(Status::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    const RELEASES: &str = "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, \
        owner, notes, artifacts, promoted, bypasses, created_at, started_at) VALUES \
        (1, 'shop', 'manual_testing', 'active', 50, 1, 3, 'ann', 'ann', '', '[]', 0, '[]', 5, 5), \
        (2, 'shop', 'manual_testing', 'active', 40, 1, 3, 'ann', 'ann', '', '[]', 0, '[]', 5, 5), \
        (3, 'shop', 'deployed', 'successful', 9, 1, 3, 'ann', 'ann', '', '[]', 0, '[]', 5, 5)";

    #[test]
    fn what_stands_now_is_counted() {
        let conn = test_database();
        conn.execute_batch(RELEASES).unwrap();
        let waiting = Waiting { service: "shop".into(), status: "manual_testing".into(), releases: 2, since: 40 };
        assert_eq!(active(&conn).unwrap(), [waiting]);
        assert_eq!(created(&conn).unwrap(), [("shop".to_owned(), 3)]);
        conn.execute_batch(
            "INSERT INTO environments (service, environment, lock) VALUES ('shop', 'production', '{}'), ('shop', 'stage', NULL)",
        )
        .unwrap();
        let locked: Vec<_> =
            places(&conn).unwrap().into_iter().map(|place| (place.environment, place.locked)).collect();
        assert_eq!(locked, [("production".to_owned(), true), ("stage".to_owned(), false)]);
        let states: Vec<_> = occupying(&conn).unwrap().into_iter().map(|(_, count)| count).collect();
        assert_eq!(states, [0, 0, 0]);
        assert_eq!(last_backup(&conn).unwrap(), None);
    }

    #[test]
    fn what_a_chat_refuses_is_not_late() {
        let conn = test_database();
        conn.execute_batch(
            "INSERT INTO events (seq, at, kind, actor, data, mac) VALUES (4, 4000, 'x', '{}', '{}', x''), (5, 5000, 'x', '{}', '{}', x''); \
             INSERT INTO telegram_notices (chat, topic, seq, about, notice) VALUES (-1, 0, 4, 'r', 'n'), (-2, 0, 5, 'r', 'n'); \
             INSERT INTO telegram_news (chat, about, since) VALUES (-2, 'r', 5);",
        )
        .unwrap();
        assert_eq!(untold(&conn).unwrap(), (3, Some(4000)));
        conn.execute_batch("INSERT INTO telegram_refusals (chat, topic, since, reason) VALUES (-1, 0, 1, 'no')")
            .unwrap();
        assert_eq!(untold(&conn).unwrap(), (2, Some(5000)));
    }
}
