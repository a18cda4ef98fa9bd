//! What RMM has left on GitHub, and what is not there yet as it is now: a row for each mark, so that changes collapse.
//!
//! Must not: know what a mark says.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::columns::{millis, time, word};
use super::error::StoreError;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::mark::MarkKind;
use crate::domain::release::Release;
use crate::domain::run::Run;

/// A mark that GitHub does not show yet as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub kind: MarkKind,
    /// The release, or the run of a deployment.
    pub about: i64,
    /// The service.
    pub service: ServiceName,
    /// The last event that changed it.
    pub since: i64,
    /// When that was noted.
    pub at: Timestamp,
}

/// A mark as it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where: `owner/name`.
    pub repository: String,
    /// There is to be none: a person has deleted it.
    pub given_up: bool,
    /// GitHub's number of the deployment or the comment; a status has none.
    pub number: Option<u64>,
    /// What was said last.
    pub shown: String,
    /// It is a deployment that is shown as what its environment runs.
    pub stands: bool,
}

impl Mark {
    /// Whether there is to be none. Earlier versions gave up where there was no place for one, too.
    #[must_use]
    pub const fn is_given_up(&self) -> bool {
        self.given_up && self.number.is_some()
    }
}

/// How far the record was looked through; none while nothing is left on GitHub.
///
/// # Errors
/// When the database cannot be read.
pub fn noted(conn: &Connection) -> Result<Option<i64>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT seq FROM github_marks_noted WHERE id = 1")?;
    Ok(statement.query_row([], |row| row.get(0)).optional()?)
}

/// Says how far the record was looked through.
///
/// # Errors
/// When the database cannot be written.
pub fn set_noted(conn: &Connection, seq: i64) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO github_marks_noted (id, seq) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET seq = ?1",
    )?
    .execute([seq])?;
    Ok(())
}

/// Nothing is left on GitHub any more: what happens from now on is not looked through afterwards.
///
/// # Errors
/// When the database cannot be written.
pub fn end(conn: &Connection) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM github_marks_noted WHERE id = 1")?.execute([])?;
    MarkKind::ALL.into_iter().try_for_each(|kind| forget_due(conn, kind))
}

/// Marks of a kind are not left any more.
///
/// # Errors
/// When the database cannot be written.
pub fn forget_due(conn: &Connection, kind: MarkKind) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM github_marks_due WHERE kind = ?1")?.execute([kind.as_str()])?;
    Ok(())
}

/// Notes that a mark says something else now.
///
/// # Errors
/// When the database cannot be written.
pub fn note_due(conn: &Connection, due: &Due) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO github_marks_due (kind, about, service, since, at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (kind, about) DO UPDATE SET service = ?3, since = max(since, ?4), at = ?5",
    )?
    .execute((due.kind.as_str(), due.about, due.service.as_str(), due.since, millis(due.at)))?;
    Ok(())
}

/// The mark of a kind that has waited longest, of a service; of those behind `after`, where one is named.
///
/// # Errors
/// When the database cannot be read.
pub fn next_due(
    conn: &Connection,
    service: &ServiceName,
    kind: MarkKind,
    after: Option<&Due>,
) -> Result<Option<Due>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT about, since, at FROM github_marks_due WHERE service = ?1 AND kind = ?2 AND (since, about) > (?3, ?4) \
         ORDER BY since, about LIMIT 1",
    )?;
    let (since, number) = after.map_or((i64::MIN, i64::MIN), |due| (due.since, due.about));
    let found = statement.query_row((service.as_str(), kind.as_str(), since, number), |row| {
        Ok(Due { kind, about: row.get(0)?, service: service.clone(), since: row.get(1)?, at: time(row, 2)? })
    });
    Ok(found.optional()?)
}

/// GitHub shows a mark as it was then; what has changed it since stays.
///
/// # Errors
/// When the database cannot be written.
pub fn done(conn: &Connection, due: &Due) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM github_marks_due WHERE kind = ?1 AND about = ?2 AND since = ?3")?.execute((
        due.kind.as_str(),
        due.about,
        due.since,
    ))?;
    Ok(())
}

/// A mark as it was left last; none: it never was.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection, kind: MarkKind, about: i64) -> Result<Option<Mark>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT repository, given_up, number, shown, stands FROM github_marks WHERE kind = ?1 AND about = ?2",
    )?;
    let found = statement.query_row((kind.as_str(), about), |row| {
        Ok(Mark {
            repository: row.get(0)?,
            given_up: row.get(1)?,
            number: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
            shown: row.get(3)?,
            stands: row.get::<_, Option<bool>>(4)?.unwrap_or_default(),
        })
    });
    Ok(found.optional()?)
}

/// Notes what was left.
///
/// # Errors
/// When the database cannot be written.
pub fn put(conn: &Connection, kind: MarkKind, about: i64, mark: &Mark) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO github_marks (kind, about, repository, given_up, number, shown, stands) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((
        kind.as_str(),
        about,
        &mark.repository,
        mark.given_up,
        mark.number.map(u64::cast_signed),
        &mark.shown,
        mark.stands.then_some(1),
    ))?;
    Ok(())
}

/// The runs whose deployments are shown as what an environment runs, and which began before this one.
///
/// # Errors
/// When the database cannot be read.
pub fn standing_before(conn: &Connection, run: &Run) -> Result<Vec<RunId>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT run.id FROM github_marks AS mark JOIN runs AS run ON run.id = mark.about \
         WHERE mark.stands = 1 AND mark.about < ?1 AND mark.kind = 'deployment' AND run.service = ?2 \
         AND run.environment = ?3",
    )?;
    let of = (run.id.0, run.service.as_str(), run.environment.to_string());
    Ok(statement.query_map(of, |row| row.get(0).map(RunId))?.collect::<Result<_, _>>()?)
}

/// Whether a later run has brought the environment of this one to something.
///
/// # Errors
/// When the database cannot be read.
pub fn is_replaced(conn: &Connection, run: &Run) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM runs WHERE service = ?1 AND environment = ?2 AND id > ?3 AND state = 'succeeded' \
         AND kind IN ('deploy', 'rollback') AND NOT (housekeeping = 1 AND kind = 'deploy' AND from_version IS NULL))",
    )?;
    let of = (run.service.as_str(), run.environment.to_string(), run.id.0);
    Ok(statement.query_row(of, |row| row.get(0))?)
}

/// Whether a later release of the service is of the same commit, whose status is that one's then.
///
/// # Errors
/// When the database cannot be read.
pub fn has_successor(conn: &Connection, release: &Release) -> Result<bool, StoreError> {
    let Some(commit) = &release.commit else { return Ok(false) };
    let mut statement = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM releases WHERE service = ?1 AND id > ?2 AND commit_id = ?3)")?;
    Ok(statement.query_row((release.service.as_str(), release.id.0, commit.as_str()), |row| row.get(0))?)
}

/// The releases on the way about which something was left.
///
/// # Errors
/// When the database cannot be read.
pub fn active(conn: &Connection, kind: MarkKind) -> Result<Vec<(ReleaseId, ServiceName)>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT release.id, release.service FROM releases AS release \
         JOIN github_marks AS mark ON mark.kind = ?1 AND mark.about = release.id WHERE release.list = 'active'",
    )?;
    let rows = statement.query_map([kind.as_str()], |row| Ok((ReleaseId(row.get(0)?), word(row, "service")?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// As if what was left had not been noted.
#[cfg(test)]
pub(crate) fn forget(conn: &Connection, kind: MarkKind, about: i64) -> Result<(), StoreError> {
    conn.execute("DELETE FROM github_marks WHERE kind = ?1 AND about = ?2", (kind.as_str(), about))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    fn shop() -> ServiceName {
        ServiceName::parse("service", "shop").unwrap()
    }

    fn due(kind: MarkKind, about: i64, since: i64) -> Due {
        Due { kind, about, service: shop(), since, at: Timestamp::from_second(since).unwrap() }
    }

    #[test]
    fn changes_of_a_mark_collapse_and_what_is_newer_stays() {
        let conn = test_database();
        let next = |kind| next_due(&conn, &shop(), kind, None).unwrap();
        for (about, since) in [(1, 5), (2, 6), (1, 7)] {
            note_due(&conn, &due(MarkKind::Status, about, since)).unwrap();
        }
        assert_eq!(next(MarkKind::Comment), None);
        assert_eq!(next(MarkKind::Status), Some(due(MarkKind::Status, 2, 6)));
        let behind = next_due(&conn, &shop(), MarkKind::Status, Some(&due(MarkKind::Status, 2, 6))).unwrap();
        assert_eq!(behind, Some(due(MarkKind::Status, 1, 7)));
        done(&conn, &due(MarkKind::Status, 2, 6)).unwrap();
        done(&conn, &due(MarkKind::Status, 1, 5)).unwrap();
        assert_eq!(next(MarkKind::Status), Some(due(MarkKind::Status, 1, 7)));
        note_due(&conn, &due(MarkKind::Deployment, 1, 8)).unwrap();
        forget_due(&conn, MarkKind::Status).unwrap();
        assert_eq!((next(MarkKind::Status), next(MarkKind::Deployment).is_some()), (None, true));
        set_noted(&conn, 8).unwrap();
        end(&conn).unwrap();
        assert_eq!((noted(&conn).unwrap(), next(MarkKind::Deployment)), (None, None));
    }

    #[test]
    fn what_was_left_reads_back() {
        let conn = test_database();
        let mark = Mark {
            repository: "acme/shop".into(),
            given_up: false,
            number: Some(1 << 40),
            shown: "is there".into(),
            stands: true,
        };
        put(&conn, MarkKind::Deployment, 7, &mark).unwrap();
        assert_eq!(get(&conn, MarkKind::Deployment, 7).unwrap(), Some(mark.clone()));
        let gone = Mark { given_up: true, number: None, stands: false, ..mark };
        put(&conn, MarkKind::Deployment, 7, &gone).unwrap();
        assert_eq!(get(&conn, MarkKind::Deployment, 7).unwrap(), Some(gone));
        assert_eq!(get(&conn, MarkKind::Status, 7).unwrap(), None);
    }
}
