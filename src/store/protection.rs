//! Which runs of GitHub wait for RMM as the deployment protection rule of an environment, and what RMM has said to them.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::columns::{maybe_time, millis, time};
use super::error::StoreError;
use crate::domain::ids::ServiceName;

/// Old rows that go with each new one.
const SWEPT: u32 = 100;

/// A run that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// GitHub's number of the run.
    pub ci_run: u64,
    /// The attempt that the rest is about; 0: none was looked at yet.
    pub attempt: u32,
    /// Since when RMM knows of it.
    pub since: Timestamp,
    /// The last comment.
    pub said: Option<String>,
    /// How many comments there were.
    pub comments: u32,
    /// What was decided: `true` for yes.
    pub answer: Option<bool>,
    /// When GitHub has taken the answer.
    pub told_at: Option<Timestamp>,
    /// When production was refused to it last, although every gate was clear.
    pub refused_at: Option<Timestamp>,
}

impl Request {
    /// A run to which nothing was said.
    #[must_use]
    pub const fn new(ci_run: u64, attempt: u32, since: Timestamp) -> Self {
        Self { ci_run, attempt, since, said: None, comments: 0, answer: None, told_at: None, refused_at: None }
    }
}

/// Notes a run that may wait, unless it is known, and forgets those from before a time.
///
/// # Errors
/// When the database cannot be written.
pub fn note(
    conn: &Connection,
    service: &ServiceName,
    ci_run: u64,
    now: Timestamp,
    old: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "DELETE FROM protection_requests WHERE (service, ci_run) IN \
         (SELECT service, ci_run FROM protection_requests WHERE since < ?1 ORDER BY since LIMIT ?2)",
    )?
    .execute((millis(old), SWEPT))?;
    conn.prepare_cached(
        "INSERT INTO protection_requests (service, ci_run, attempt, since, comments) VALUES (?1, ?2, 0, ?3, 0) \
         ON CONFLICT (service, ci_run) DO NOTHING",
    )?
    .execute((service.as_str(), number(ci_run), millis(now)))?;
    Ok(())
}

/// Keeps what was said to a run.
///
/// # Errors
/// When the database cannot be written.
pub fn put(conn: &Connection, service: &ServiceName, request: &Request) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO protection_requests (service, ci_run, attempt, since, said, comments, answer, told_at, \
         refused_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        service.as_str(),
        number(request.ci_run),
        request.attempt,
        millis(request.since),
        request.said.as_deref(),
        request.comments,
        request.answer.map(|yes| if yes { "approved" } else { "rejected" }),
        request.told_at.map(millis),
        request.refused_at.map(millis),
    ))?;
    Ok(())
}

/// The runs of a service that wait, by number.
///
/// # Errors
/// When the database cannot be read.
pub fn of(conn: &Connection, service: &ServiceName) -> Result<Vec<Request>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT ci_run, attempt, since, said, comments, answer, told_at, refused_at FROM protection_requests \
         WHERE service = ?1 ORDER BY ci_run",
    )?;
    let rows = statement.query_map([service.as_str()], request)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A run waits no more.
///
/// # Errors
/// When the database cannot be written.
pub fn forget(conn: &Connection, service: &ServiceName, ci_run: u64) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM protection_requests WHERE service = ?1 AND ci_run = ?2")?
        .execute((service.as_str(), number(ci_run)))?;
    Ok(())
}

fn request(row: &Row<'_>) -> rusqlite::Result<Request> {
    Ok(Request {
        ci_run: row.get::<_, i64>(0)?.unsigned_abs(),
        attempt: row.get(1)?,
        since: time(row, 2)?,
        said: row.get(3)?,
        comments: row.get(4)?,
        answer: row.get::<_, Option<String>>(5)?.map(|answer| answer == "approved"),
        told_at: maybe_time(row, 6)?,
        refused_at: maybe_time(row, 7)?,
    })
}

/// GitHub's numbers are far from the end of these.
fn number(ci_run: u64) -> i64 {
    i64::try_from(ci_run).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    #[test]
    fn what_was_said_is_kept_until_github_waits_no_more() {
        let conn = test_database();
        let at = |second| Timestamp::from_second(second).unwrap();
        let shop = ServiceName::parse("service", "shop").unwrap();
        note(&conn, &shop, 7, at(10), at(0)).unwrap();
        let said = Request { said: Some("waits".into()), comments: 1, attempt: 1, ..Request::new(7, 1, at(10)) };
        put(&conn, &shop, &said).unwrap();
        note(&conn, &shop, 7, at(11), at(0)).unwrap();
        assert_eq!(of(&conn, &shop).unwrap(), std::slice::from_ref(&said));
        let told = Request { answer: Some(true), told_at: Some(at(12)), refused_at: Some(at(11)), ..said };
        put(&conn, &shop, &told).unwrap();
        assert_eq!(of(&conn, &shop).unwrap(), [told]);
        note(&conn, &shop, 8, at(30), at(20)).unwrap();
        assert_eq!(of(&conn, &shop).unwrap(), [Request::new(8, 0, at(30))]);
        forget(&conn, &shop, 8).unwrap();
        assert!(of(&conn, &shop).unwrap().is_empty());
    }
}
