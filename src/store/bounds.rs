//! Deletes the output of old runs, a little at a time, so that the writer is never held up.
//!
//! Must not: touch the record, or the output of a run that may still be asked about: one that is at work or unknown, of a
//! release that is active, or in an environment where something has to be found out.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::columns::{maybe_time, millis};
use super::error::StoreError;
use super::schema;
use crate::domain::ids::RunId;

/// Free pages that stay in the database for what comes next, beside an eighth of all.
const SPARE_PAGES: i64 = 2048;
/// Pages that one transaction gives back: 4 MiB.
const GIVEN_BACK: u32 = 1024;

/// Pieces of output that one transaction deletes: 4 MiB at most.
const BATCH: u32 = 64;

/// The run with the oldest output that may be deleted, if it ended before.
///
/// # Errors
/// When the database cannot be read.
pub fn old_output(conn: &Connection, before: Timestamp) -> Result<Option<RunId>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT run.id FROM runs AS run JOIN releases AS release ON release.id = run.release_id \
         WHERE run.output_deleted_at IS NULL AND run.ended_at IS NOT NULL AND run.ended_at < ?1 \
         AND run.state NOT IN ('queued', 'running', 'unknown') AND release.list <> 'active' \
         AND NOT EXISTS (SELECT 1 FROM environments AS place WHERE place.service = run.service \
             AND place.environment = run.environment AND (place.unseen <> '[]' OR place.unknown IS NOT NULL)) \
         ORDER BY run.ended_at LIMIT 1",
    )?;
    Ok(statement.query_row([millis(before)], |row| row.get(0).map(RunId)).optional()?)
}

/// Deletes a part of the oldest output that [`old_output`] finds. `false`: there was none.
///
/// # Errors
/// When the database cannot be written.
pub fn delete_old_output(conn: &Connection, before: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
    let Some(RunId(run)) = old_output(conn, before)? else { return Ok(false) };
    let deleted = conn
        .prepare_cached(
            "DELETE FROM log_chunks WHERE id IN (SELECT id FROM log_chunks WHERE run_id = ?1 ORDER BY id LIMIT ?2)",
        )?
        .execute((run, BATCH))?;
    if deleted < BATCH as usize {
        conn.prepare_cached("DELETE FROM log_state WHERE run_id = ?1")?.execute([run])?;
        conn.prepare_cached("UPDATE runs SET output_deleted_at = ?2 WHERE id = ?1")?.execute((run, millis(now)))?;
    }
    Ok(true)
}

/// Whether there is more free room in the database than it will soon need, and it can be given back.
///
/// # Errors
/// When the database cannot be read.
pub fn has_room_to_spare(conn: &Connection) -> Result<bool, StoreError> {
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let (free, all) = (number("PRAGMA freelist_count")?, number("PRAGMA page_count")?);
    Ok(free > SPARE_PAGES + all / 8 && number("PRAGMA auto_vacuum")? == schema::INCREMENTAL)
}

/// Gives a part of the free room back to the file system.
///
/// # Errors
/// When the database cannot be written.
pub fn give_room_back(conn: &Connection) -> Result<(), StoreError> {
    let mut statement = conn.prepare_cached(&format!("PRAGMA incremental_vacuum({GIVEN_BACK})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// When the output of a run was deleted.
///
/// # Errors
/// When the database cannot be read.
pub fn output_deleted_at(conn: &Connection, run: RunId) -> Result<Option<Timestamp>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT output_deleted_at FROM runs WHERE id = ?1")?;
    Ok(statement.query_row([run.0], |row| maybe_time(row, "output_deleted_at")).optional()?.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::logs;
    use crate::store::migrate::test_database;

    fn release(conn: &Connection, id: i64, list: &str) {
        conn.execute(
            "INSERT INTO releases (id, service, status, list, status_since, attempt, revision, initiated_by, owner, \
                 notes, artifacts, promoted, bypasses, created_at, started_at) \
             VALUES (?1, 'shop', 'deployed', ?2, 1, 1, 3, 'ann', 'rmm', '', '[]', 0, '[]', 1, 1)",
            (id, list),
        )
        .unwrap();
    }

    fn run(conn: &Connection, id: i64, release: i64, environment: &str, state: &str, ended: Option<i64>) {
        conn.execute(
            "INSERT INTO runs (id, release_id, attempt, service, environment, kind, housekeeping, to_version, state, \
                 detail, prepared, created_at, ended_at) \
             VALUES (?1, ?2, 1, 'shop', ?3, 'deploy', 0, '{}', ?4, '{}', 1, 1, ?5)",
            (id, release, environment, state, ended),
        )
        .unwrap();
        for piece in 0..3 {
            logs::append(conn, id, piece, 5, b"piece", Timestamp::UNIX_EPOCH).unwrap();
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_old_output_of_settled_runs_is_deleted() {
        let conn = test_database();
        release(&conn, 1, "successful");
        release(&conn, 2, "active");
        run(&conn, 10, 1, "stage", "succeeded", Some(5_000));
        run(&conn, 11, 2, "stage", "failed", Some(5_000));
        run(&conn, 12, 1, "stage", "unknown", Some(5_000));
        run(&conn, 13, 1, "stage", "failed", Some(10_000));
        run(&conn, 14, 1, "production", "failed", Some(5_000));
        conn.execute_batch(
            r#"INSERT INTO environments (service, environment, unseen) VALUES ('shop', 'production', '[{"run":14}]')"#,
        )
        .unwrap();
        assert!(delete_old_output(&conn, at(10), at(99)).unwrap());
        assert!(!delete_old_output(&conn, at(10), at(99)).unwrap());
        assert_eq!(logs::read(&conn, 10, 0, 100).unwrap(), []);
        assert_eq!(logs::resume_offset(&conn, 10, 0).unwrap(), 0);
        assert_eq!(output_deleted_at(&conn, RunId(10)).unwrap(), Some(at(99)));
        for kept in 11..=14 {
            assert_eq!(logs::read(&conn, kept, 0, 100).unwrap().len(), 3, "{kept}");
            assert_eq!(output_deleted_at(&conn, RunId(kept)).unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_deleted_output_leaves_is_given_back_to_the_file_system() {
        let place = crate::store::testing::TestDir::new();
        let store = place.store().await;
        let fill = |tx: &mut crate::store::Tx<'_>| -> Result<(), StoreError> {
            for step in 0..48 {
                logs::append(tx, 1, step, 1 << 20, &vec![7; 1 << 20], Timestamp::UNIX_EPOCH)?;
            }
            Ok(())
        };
        store.write(fill).await.unwrap();
        assert!(!store.read(has_room_to_spare).await.unwrap());
        let delete = |tx: &mut crate::store::Tx<'_>| -> Result<_, StoreError> {
            Ok(tx.execute("DELETE FROM log_chunks WHERE run_id = 1", [])?)
        };
        store.write(delete).await.unwrap();
        let mut parts = 0;
        while store.read(has_room_to_spare).await.unwrap() {
            store.write(|tx| give_room_back(tx)).await.unwrap();
            parts += 1;
        }
        // What is still in the log is taken into the file.
        drop(store);
        let size = std::fs::metadata(place.file("rmm.db")).unwrap().len();
        assert!(parts > 1 && size < 24 << 20, "{parts} {size}");
    }

    #[test]
    fn much_output_is_deleted_in_small_parts() {
        let conn = test_database();
        release(&conn, 1, "failed");
        run(&conn, 10, 1, "stage", "failed", Some(1));
        for end in 0..2 * u64::from(BATCH) {
            logs::append(&conn, 10, 0, 5 + end, b"x", Timestamp::UNIX_EPOCH).unwrap();
        }
        let mut parts = Vec::new();
        while delete_old_output(&conn, at(10), at(99)).unwrap() {
            parts.push(logs::read(&conn, 10, 0, usize::MAX).unwrap().len());
        }
        assert_eq!(parts, [BATCH as usize + 3, 3, 0]);
    }
}
