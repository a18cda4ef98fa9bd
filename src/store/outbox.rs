//! What RMM still has to do outside: rows written in the same transaction as their cause, leased by the dispatcher,
//! deleted when done.
//!
//! Must not: do anything outside, decide what may be repeated (the engine knows the effects), or read a clock.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::error::StoreError;
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::telemetry::traces::Position;

/// An effect to be carried out. Times are unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct NewEffect<'a> {
    /// The kind of effect, an instruction.
    pub kind: &'a str,
    /// Its particulars, JSON.
    pub payload: &'a str,
    /// The service it is for.
    pub service: Option<&'a str>,
    /// The release it is for.
    pub release_id: Option<i64>,
    /// The run it is for.
    pub run_id: Option<i64>,
    /// Not to be done before.
    pub due_at: i64,
    /// The trace of what caused it.
    pub trace_id: Option<&'a str>,
    /// The span of what caused it.
    pub place: Option<Position>,
}

/// An effect that was handed to the dispatcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Its id; never used twice in a database, so idempotency keys may be made from it.
    pub id: i64,
    /// The kind of effect.
    pub kind: String,
    /// Its particulars, JSON.
    pub payload: String,
    /// The service it is for.
    pub service: Option<String>,
    /// The release it is for.
    pub release_id: Option<i64>,
    /// The run it is for.
    pub run_id: Option<i64>,
    /// When it was enqueued.
    pub created_at: i64,
    /// When it was due.
    pub due_at: i64,
    /// How often it was leased, this time included: above 1, an earlier attempt may have had an effect outside.
    pub attempts: i64,
    /// Why the last attempt was postponed. `None` with `attempts > 1` means that it was cut short by a crash.
    pub last_error: Option<String>,
    /// The trace of what caused it.
    pub trace_id: Option<String>,
    /// The span of what caused it, as a `traceparent`.
    pub traceparent: Option<String>,
}

const LEASED_COLUMNS: &str = "id, kind, payload, service, release_id, run_id, created_at, due_at, attempts, last_error, trace_id, \
     traceparent";

fn leased(row: &Row<'_>) -> rusqlite::Result<Leased> {
    Ok(Leased {
        id: row.get(0)?,
        kind: row.get(1)?,
        payload: row.get(2)?,
        service: row.get(3)?,
        release_id: row.get(4)?,
        run_id: row.get(5)?,
        created_at: row.get(6)?,
        due_at: row.get(7)?,
        attempts: row.get(8)?,
        last_error: row.get(9)?,
        trace_id: row.get(10)?,
        traceparent: row.get(11)?,
    })
}

/// Puts an effect into the outbox and returns its id. The dispatcher hears of it when the transaction is committed.
///
/// # Errors
/// When the database cannot be written.
pub fn enqueue(conn: &Connection, effect: &NewEffect<'_>, now: i64) -> Result<i64, StoreError> {
    conn.prepare_cached(
        "INSERT INTO outbox (kind, payload, service, release_id, run_id, created_at, due_at, trace_id, traceparent) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        effect.kind,
        effect.payload,
        effect.service,
        effect.release_id,
        effect.run_id,
        now,
        effect.due_at,
        effect.trace_id,
        effect.place.map(|place| place.to_string()),
    ))?;
    Ok(conn.last_insert_rowid())
}

/// Hands out up to `limit` effects of other kinds than `but` that are due and not leased, the longest due first, and
/// counts the attempt.
///
/// # Errors
/// When the database cannot be written.
pub fn lease_due(conn: &Connection, but: &str, owner: &str, now: i64, limit: u32) -> Result<Vec<Leased>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "UPDATE outbox SET lease_owner = ?1, leased_at = ?2, attempts = attempts + 1 WHERE id IN \
         (SELECT id FROM outbox WHERE lease_owner IS NULL AND due_at <= ?2 AND kind <> ?3 ORDER BY due_at, id LIMIT ?4) \
         RETURNING {LEASED_COLUMNS}"
    ))?;
    let mut effects = statement.query_map((owner, now, but, limit), leased)?.collect::<Result<Vec<_>, _>>()?;
    // SQLite promises no order for RETURNING.
    effects.sort_by_key(|effect| (effect.due_at, effect.id));
    Ok(effects)
}

/// Hands out one effect, unless it is leased, and counts the attempt.
///
/// # Errors
/// When the database cannot be written.
pub fn lease(conn: &Connection, id: i64, owner: &str, now: i64) -> Result<Option<Leased>, StoreError> {
    let sql = format!(
        "UPDATE outbox SET lease_owner = ?1, leased_at = ?2, attempts = attempts + 1 \
         WHERE id = ?3 AND lease_owner IS NULL RETURNING {LEASED_COLUMNS}"
    );
    Ok(conn.prepare_cached(&sql)?.query_row((owner, now, id), leased).optional()?)
}

/// An effect that is not leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: i64,
    /// The service it is for.
    pub service: Option<String>,
    /// When it is due.
    pub due_at: i64,
}

/// Of each service, the effect of this kind that is due first.
///
/// # Errors
/// When the database cannot be read.
pub fn first_of_each_service(conn: &Connection, kind: &str) -> Result<Vec<Waiting>, StoreError> {
    // Where there is one min(), SQLite takes the other columns from its row.
    let mut statement = conn.prepare_cached(
        "SELECT id, service, min(due_at) FROM outbox WHERE lease_owner IS NULL AND kind = ?1 GROUP BY service",
    )?;
    let waiting = statement
        .query_map([kind], |row| Ok(Waiting { id: row.get(0)?, service: row.get(1)?, due_at: row.get(2)? }))?;
    Ok(waiting.collect::<Result<_, _>>()?)
}

/// Removes an effect that is done, or that will never be done. `false` when it was not there any more.
///
/// # Errors
/// When the database cannot be written.
pub fn close(conn: &Connection, id: i64) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("DELETE FROM outbox WHERE id = ?1")?.execute([id])? > 0)
}

/// Gives a leased effect back, to be tried again at `due_at`. `false` when it was not there any more.
///
/// # Errors
/// When the database cannot be written.
pub fn postpone(conn: &Connection, id: i64, due_at: i64, error: &str) -> Result<bool, StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE outbox SET due_at = ?2, last_error = ?3, lease_owner = NULL, leased_at = NULL WHERE id = ?1",
        )?
        .execute((id, due_at, error))?;
    Ok(changed > 0)
}

/// Makes due now what is to be done for a service and waits for its next try.
///
/// # Errors
/// When the database cannot be written.
pub fn hasten(conn: &Connection, kind: &str, service: &ServiceName, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE outbox SET due_at = ?3 WHERE lease_owner IS NULL AND kind = ?1 AND service = ?2 AND due_at > ?3";
    conn.prepare_cached(sql)?.execute((kind, service.as_str(), now.as_millisecond()))?;
    Ok(())
}

/// Takes back what is to be done for a release and was not begun.
///
/// # Errors
/// When the database cannot be written.
pub fn withdraw(conn: &Connection, kind: &str, release: ReleaseId) -> Result<usize, StoreError> {
    let sql = "DELETE FROM outbox WHERE lease_owner IS NULL AND kind = ?1 AND release_id = ?2";
    Ok(conn.prepare_cached(sql)?.execute((kind, release.0))?)
}

/// Whether something is to be done for a release that was not begun.
///
/// # Errors
/// When the database cannot be read.
pub fn is_waiting(conn: &Connection, kind: &str, release: ReleaseId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox WHERE lease_owner IS NULL AND kind = ?1 AND release_id = ?2)";
    Ok(conn.prepare_cached(sql)?.query_row((kind, release.0), |row| row.get(0))?)
}

/// How long an effect rests after so many attempts, in milliseconds: ever longer, up to five minutes.
#[must_use]
pub fn pause(attempts: i64) -> i64 {
    (1_i64 << attempts.clamp(0, 8)).min(300) * 1000
}

/// Lets no effect wait longer than its own pause, whatever the clock was when its time was set. Gives back how many
/// would have.
///
/// # Errors
/// When the database cannot be written.
pub fn clamp_due(conn: &Connection, now: i64) -> Result<usize, StoreError> {
    // What was not tried yet is due at once; see [`pause`] for the others.
    const DUE: &str = "?1 + iif(attempts = 0, 0, min(300, 1 << min(attempts, 8)) * 1000)";
    let changed = conn.execute(&format!("UPDATE outbox SET due_at = {DUE} WHERE due_at > {DUE}"), [now])?;
    Ok(changed)
}

/// Voids the leases of every owner but `owner` and returns their number. Only for the process that holds the data
/// directory: the others are then known to be dead. Their `last_error` is cleared, see [`Leased::last_error`].
///
/// # Errors
/// When the database cannot be written.
pub fn release_foreign_leases(conn: &Connection, owner: &str) -> Result<usize, StoreError> {
    let changed = conn
        .prepare(
            "UPDATE outbox SET lease_owner = NULL, leased_at = NULL, last_error = NULL WHERE lease_owner IS NOT NULL AND lease_owner <> ?1",
        )?
        .execute([owner])?;
    Ok(changed)
}

/// When the next effect of another kind than `but` that is not leased is due, unix milliseconds; `None` when there is
/// none.
///
/// # Errors
/// When the database cannot be read.
pub fn next_due(conn: &Connection, but: &str) -> Result<Option<i64>, StoreError> {
    let due = conn
        .prepare_cached("SELECT due_at FROM outbox WHERE lease_owner IS NULL AND kind <> ?1 ORDER BY due_at LIMIT 1")?
        .query_row([but], |row| row.get(0))
        .optional()?;
    Ok(due)
}

/// How many effects are not done yet, leased ones included.
///
/// # Errors
/// When the database cannot be read.
pub fn depth(conn: &Connection) -> Result<u64, StoreError> {
    let count: i64 = conn.prepare_cached("SELECT count(*) FROM outbox")?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    fn effect(kind: &str, due_at: i64) -> NewEffect<'_> {
        NewEffect {
            kind,
            payload: "{}",
            service: Some("api"),
            release_id: Some(7),
            run_id: None,
            due_at,
            trace_id: None,
            place: None,
        }
    }

    #[test]
    fn due_effects_are_leased_once_in_order() {
        let conn = test_database();
        let late = enqueue(&conn, &effect("late", 500), 1).unwrap();
        let second = enqueue(&conn, &effect("second", 20), 1).unwrap();
        let first = enqueue(&conn, &effect("first", 10), 1).unwrap();
        let third = enqueue(&conn, &effect("third", 20), 1).unwrap();
        assert_eq!(next_due(&conn, "").unwrap(), Some(10));
        let two = lease_due(&conn, "", "me", 100, 2).unwrap();
        assert_eq!(two.iter().map(|leased| leased.id).collect::<Vec<_>>(), [first, second]);
        assert_eq!((two[0].kind.as_str(), two[0].attempts, two[0].release_id), ("first", 1, Some(7)));
        assert_eq!(
            lease_due(&conn, "", "me", 100, 10).unwrap().iter().map(|leased| leased.id).collect::<Vec<_>>(),
            [third]
        );
        assert!(lease_due(&conn, "", "me", 100, 10).unwrap().is_empty());
        assert_eq!(next_due(&conn, "").unwrap(), Some(500));
        assert_eq!(depth(&conn).unwrap(), 4);
        assert!(close(&conn, first).unwrap());
        assert!(!close(&conn, first).unwrap());
        assert!(postpone(&conn, second, 600, "no route").unwrap());
        assert!(close(&conn, late).unwrap());
        let again = lease_due(&conn, "", "me", 600, 10).unwrap();
        assert_eq!((again[0].id, again[0].attempts, again[0].last_error.as_deref()), (second, 2, Some("no route")));
        assert_eq!(depth(&conn).unwrap(), 2);
    }

    #[test]
    fn leases_of_the_dead_are_void_and_ids_are_never_reused() {
        let conn = test_database();
        let first = enqueue(&conn, &effect("a", 0), 0).unwrap();
        let second = enqueue(&conn, &effect("b", 0), 0).unwrap();
        lease_due(&conn, "", "dead", 1, 1).unwrap();
        lease_due(&conn, "", "alive", 1, 1).unwrap();
        assert_eq!(release_foreign_leases(&conn, "alive").unwrap(), 1);
        let back = lease_due(&conn, "", "alive", 2, 10).unwrap();
        assert_eq!((back[0].id, back[0].attempts, back[0].last_error.as_deref()), (first, 2, None));
        close(&conn, second).unwrap();
        assert!(enqueue(&conn, &effect("c", 0), 0).unwrap() > second);
    }

    #[test]
    fn one_kind_waits_apart_and_each_service_has_a_first() {
        let conn = test_database();
        let of = |service| NewEffect { service, ..effect("ask", 10) };
        enqueue(&conn, &NewEffect { due_at: 20, ..of(Some("api")) }, 1).unwrap();
        let first = enqueue(&conn, &of(Some("api")), 1).unwrap();
        let other = enqueue(&conn, &of(None), 1).unwrap();
        let run = enqueue(&conn, &effect("follow", 30), 1).unwrap();
        assert_eq!(next_due(&conn, "ask").unwrap(), Some(30));
        let firsts = first_of_each_service(&conn, "ask").unwrap();
        let firsts: Vec<_> = firsts.into_iter().map(|it| (it.id, it.service, it.due_at)).collect();
        assert_eq!(firsts, [(other, None, 10), (first, Some("api".to_owned()), 10)]);
        let leased = lease_due(&conn, "ask", "me", 100, 10).unwrap();
        assert_eq!(leased.iter().map(|leased| leased.id).collect::<Vec<_>>(), [run]);
        assert_eq!(lease(&conn, first, "me", 100).unwrap().unwrap().attempts, 1);
        assert_eq!(lease(&conn, first, "me", 100).unwrap(), None);
    }
}
