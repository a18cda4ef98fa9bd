//! Releases and votes in the database.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::columns::{
    json, maybe_json, maybe_reason, maybe_time, maybe_to_json, maybe_word, millis, time, to_json, word,
};
use super::error::StoreError;
use crate::domain::approval::Vote;
use crate::domain::content::Content;
use crate::domain::ids::{Attempt, Commit, ReleaseId, Revision, ServiceName, Tag};
use crate::domain::release::Release;
use crate::domain::snapshot::{GoodAt, GoodVersion};
use crate::domain::status::{List, Status};

const COLUMNS: &str = "id, service, tag, commit_id, status, status_since, reason, attempt, revision, initiated_by, owner, \
                       ci_run, tagged_at, notes, artifacts, rollback_to_tag, rehearsal, promoted, bypasses, created_at, \
                       started_at, completed_at, said_by, held, commit_check, proven_initiators";

/// By place, in the order of `COLUMNS`: a name is looked for among all of them, in every row.
fn release(row: &Row<'_>) -> rusqlite::Result<Release> {
    Ok(Release {
        id: ReleaseId(row.get(0)?),
        service: word(row, 1)?,
        tag: maybe_word(row, 2)?,
        commit: maybe_word(row, 3)?,
        status: word(row, 4)?,
        status_since: time(row, 5)?,
        reason: maybe_reason(row, 6)?,
        attempt: Attempt(row.get(7)?),
        revision: Revision(row.get::<_, i64>(8)?.unsigned_abs()),
        initiated_by: row.get(9)?,
        owner: row.get(10)?,
        ci_run: maybe_json(row, 11)?,
        tagged_at: maybe_time(row, 12)?,
        notes: row.get(13)?,
        artifacts: json(row, 14)?,
        rollback_to_tag: maybe_word(row, 15)?,
        rehearsal: maybe_json(row, 16)?,
        promoted: row.get(17)?,
        bypasses: json(row, 18)?,
        created_at: time(row, 19)?,
        started_at: time(row, 20)?,
        completed_at: maybe_time(row, 21)?,
        said_by: row.get(22)?,
        held: row.get(23)?,
        commit_check: maybe_json(row, 24)?,
        proven_initiators: json(row, 25)?,
    })
}

/// Writes a release as it is now.
pub(super) fn put(conn: &Connection, release: &Release) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO releases (id, service, tag, commit_id, status, list, status_since, reason, attempt, revision, \
         initiated_by, owner, ci_run_id, ci_run, tagged_at, notes, artifacts, rollback_to_tag, rehearsal, promoted, \
         bypasses, created_at, started_at, completed_at, said_by, held, commit_check, proven_initiators) \
         VALUES (:id, :service, :tag, :commit_id, :status, :list, :status_since, :reason, :attempt, :revision, \
         :initiated_by, :owner, :ci_run_id, :ci_run, :tagged_at, :notes, :artifacts, :rollback_to_tag, :rehearsal, \
         :promoted, :bypasses, :created_at, :started_at, :completed_at, :said_by, :held, \
         :commit_check, :proven_initiators) \
         ON CONFLICT (id) DO UPDATE SET commit_id = excluded.commit_id, commit_check = excluded.commit_check, status = excluded.status, list = excluded.list, \
         status_since = excluded.status_since, reason = excluded.reason, attempt = excluded.attempt, \
         revision = excluded.revision, ci_run_id = excluded.ci_run_id, ci_run = excluded.ci_run, \
         held = excluded.held, artifacts = excluded.artifacts, rollback_to_tag = excluded.rollback_to_tag, rehearsal = excluded.rehearsal, \
         promoted = excluded.promoted, bypasses = excluded.bypasses, started_at = excluded.started_at, \
         completed_at = excluded.completed_at, initiated_by = excluded.initiated_by, owner = excluded.owner, \
         said_by = excluded.said_by, proven_initiators = excluded.proven_initiators",
    )?
    .execute(named_params! {
        ":id": release.id.0,
        ":service": release.service.as_str(),
        ":tag": release.tag.as_ref().map(Tag::as_str),
        ":commit_id": release.commit.as_ref().map(Commit::as_str),
        ":commit_check": maybe_to_json(release.commit_check.as_ref())?,
        ":status": release.status.as_str(),
        ":list": release.status.list().as_str(),
        ":status_since": millis(release.status_since),
        ":reason": maybe_to_json(release.reason.as_ref())?,
        ":attempt": release.attempt.0,
        ":revision": i64::try_from(release.revision.0).unwrap_or(i64::MAX),
        ":initiated_by": release.initiated_by,
        ":owner": release.owner,
        ":said_by": release.said_by,
        ":proven_initiators": to_json(&release.proven_initiators)?,
        ":ci_run_id": release.ci_run.as_ref().map(|run| run.id.as_str()),
        ":ci_run": maybe_to_json(release.ci_run.as_ref())?,
        ":tagged_at": release.tagged_at.map(millis),
        ":notes": release.notes,
        ":artifacts": to_json(&release.artifacts)?,
        ":rollback_to_tag": release.rollback_to_tag.as_ref().map(Tag::as_str),
        ":rehearsal": maybe_to_json(release.rehearsal.as_ref())?,
        ":promoted": release.promoted,
        ":held": release.held,
        ":bypasses": to_json(&release.bypasses)?,
        ":created_at": millis(release.created_at),
        ":started_at": millis(release.started_at),
        ":completed_at": release.completed_at.map(millis),
    })?;
    Ok(())
}

/// One release.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection, id: ReleaseId) -> Result<Option<Release>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM releases WHERE id = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([id.0], release).optional()?)
}

/// The service of a release, without reading the rest.
///
/// # Errors
/// When the database cannot be read.
pub fn service_of(conn: &Connection, id: ReleaseId) -> Result<Option<ServiceName>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT service FROM releases WHERE id = ?1")?;
    Ok(statement.query_row([id.0], |row| word(row, "service")).optional()?)
}

/// A page of one of the three lists, newest first.
#[derive(Debug, Clone)]
pub struct Page {
    /// Which list; none: all releases.
    pub list: Option<List>,
    /// Only this service.
    pub service: Option<ServiceName>,
    /// Only releases with a smaller number.
    pub before: Option<ReleaseId>,
    /// At most this many.
    pub limit: u32,
}

/// The releases of a page.
///
/// # Errors
/// When the database cannot be read.
pub fn page(conn: &Connection, page: &Page) -> Result<Vec<Release>, StoreError> {
    let condition = match (page.list, &page.service) {
        (Some(_), Some(_)) => "list = :list AND service = :service AND",
        (Some(_), None) => "list = :list AND :service IS NULL AND",
        (None, Some(_)) => ":list IS NULL AND service = :service AND",
        (None, None) => ":list IS NULL AND :service IS NULL AND",
    };
    let sql = format!("SELECT {COLUMNS} FROM releases WHERE {condition} id < :before ORDER BY id DESC LIMIT :limit");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":list": page.list.map(List::as_str),
            ":service": page.service.as_ref().map(ServiceName::as_str),
            ":before": page.before.map_or(i64::MAX, |id| id.0),
            ":limit": page.limit,
        },
        release,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Which release stands at a place of a list (from 0, the newest first; the last one beyond the end), the place, and how
/// long the list is.
///
/// # Errors
/// When the database cannot be read.
pub fn place(conn: &Connection, list: List, at: u32) -> Result<(Option<ReleaseId>, u32, u32), StoreError> {
    let length = count(conn, list)?;
    let at = at.min(length.saturating_sub(1));
    let id = conn
        .prepare_cached("SELECT id FROM releases WHERE list = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2")?
        .query_row((list.as_str(), at), |row| row.get(0).map(ReleaseId))
        .optional()?;
    Ok((id, at, length))
}

/// The first releases of a service in a status that is on the way, for the watch of tags.
///
/// # Errors
/// When the database cannot be read.
pub fn watched(
    conn: &Connection,
    service: &ServiceName,
    status: Status,
    limit: u32,
) -> Result<Vec<Release>, StoreError> {
    in_status(conn, service, status, limit)
}

/// How many releases a list has.
///
/// # Errors
/// When the database cannot be read.
pub fn count(conn: &Connection, list: List) -> Result<u32, StoreError> {
    let mut statement = conn.prepare_cached("SELECT count(*) FROM releases WHERE list = ?1")?;
    Ok(statement.query_row([list.as_str()], |row| row.get(0))?)
}

/// The first releases of a service in a status that is on the way.
pub(super) fn in_status(
    conn: &Connection,
    service: &ServiceName,
    status: Status,
    limit: u32,
) -> Result<Vec<Release>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM releases WHERE list = 'active' AND service = ?1 AND status = ?2 ORDER BY id LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map((service.as_str(), status.as_str(), limit), release)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The first release that waits for stage and whose commit is known.
pub(super) fn first_with_commit(conn: &Connection, service: &ServiceName) -> Result<Option<Release>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM releases WHERE list = 'active' AND service = ?1 AND status = 'initiated' \
         AND commit_id IS NOT NULL ORDER BY id LIMIT 1"
    );
    Ok(conn.prepare_cached(&sql)?.query_row([service.as_str()], release).optional()?)
}

/// The last release that a CI run has created.
pub(super) fn by_ci_run(conn: &Connection, service: &ServiceName, ci_run: &str) -> Result<Option<Release>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM releases WHERE service = ?1 AND ci_run_id = ?2 ORDER BY id DESC LIMIT 1");
    Ok(conn.prepare_cached(&sql)?.query_row((service.as_str(), ci_run), release).optional()?)
}

/// Whether a CI run has created a release of another service.
pub(super) fn is_ci_run_elsewhere(conn: &Connection, service: &ServiceName, ci_run: &str) -> Result<bool, StoreError> {
    // CROSS: services come first, whatever SQLite thinks of how many there are.
    let mut statement = conn.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM defined_services CROSS JOIN releases r \
         ON r.service = defined_services.service AND r.ci_run_id = ?2 WHERE defined_services.service <> ?1)",
    )?;
    Ok(statement.query_row((service.as_str(), ci_run), |row| row.get(0))?)
}

/// The newest active release of a tag, or without one of a commit.
///
/// # Errors
/// When the database cannot be read.
pub fn active_candidate(
    conn: &Connection,
    service: &ServiceName,
    tag: Option<&Tag>,
    commit: Option<&Commit>,
) -> Result<Option<Release>, StoreError> {
    match (tag, commit) {
        (Some(tag), _) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM releases WHERE list = 'active' AND service = ?1 AND tag = ?2 ORDER BY id DESC LIMIT 1"
            );
            Ok(conn.prepare_cached(&sql)?.query_row((service.as_str(), tag.as_str()), release).optional()?)
        }
        (None, Some(commit)) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM releases WHERE list = 'active' AND service = ?1 AND tag IS NULL AND commit_id = ?2 ORDER BY id DESC LIMIT 1"
            );
            Ok(conn.prepare_cached(&sql)?.query_row((service.as_str(), commit.as_str()), release).optional()?)
        }
        (None, None) => Ok(None),
    }
}

/// The release that a CI run is about, whatever became of it: the one that it has created, or else the newest one of its tag
/// (whose commit may not be known yet), or else of its commit.
///
/// # Errors
/// When the database cannot be read.
pub fn meant_by(
    conn: &Connection,
    service: &ServiceName,
    ci_run: &str,
    tag: Option<&Tag>,
    commit: Option<&Commit>,
) -> Result<Option<ReleaseId>, StoreError> {
    if let Some(created) = by_ci_run(conn, service, ci_run)? {
        return Ok(Some(created.id));
    }
    let commit = commit.map(Commit::as_str);
    if let Some(tag) = tag {
        // The tag may have been moved since.
        let mut statement = conn.prepare_cached(
            "SELECT id FROM releases WHERE service = ?1 AND tag = ?2 AND (commit_id = ?3 OR commit_id IS NULL) \
             ORDER BY id DESC LIMIT 1",
        )?;
        let found = statement.query_row((service.as_str(), tag.as_str(), commit), |row| row.get(0)).optional()?;
        if let Some(id) = found {
            return Ok(Some(ReleaseId(id)));
        }
    }
    let Some(commit) = commit else { return Ok(None) };
    let mut statement =
        conn.prepare_cached("SELECT id FROM releases WHERE service = ?1 AND commit_id = ?2 ORDER BY id DESC LIMIT 1")?;
    let found = statement.query_row((service.as_str(), commit), |row| row.get(0)).optional()?;
    Ok(found.map(ReleaseId))
}

const GOOD: &str = "status = 'deployed' AND service = ?1";
const NEWEST_FIRST: &str = "ORDER BY completed_at DESC, id DESC";

/// The good version that a release is.
pub(super) fn good(conn: &Connection, service: &ServiceName, id: ReleaseId) -> Result<Option<GoodVersion>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM releases WHERE {GOOD} AND id = ?2");
    first_good(conn, &sql, (service.as_str(), id.0))
}

/// The good versions before a place in their order, newest first.
pub(super) fn good_before(
    conn: &Connection,
    service: &ServiceName,
    before: Option<GoodAt>,
    most: u32,
) -> Result<Vec<GoodVersion>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM releases WHERE {GOOD} AND (completed_at, id) < (?2, ?3) {NEWEST_FIRST} LIMIT ?4"
    );
    let (at, id) = good_place(before);
    good_versions(conn, &sql, (service.as_str(), at, id, most))
}

/// The newest good version of a tag before a place.
pub(super) fn good_of_tag(
    conn: &Connection,
    service: &ServiceName,
    tag: &Tag,
    before: Option<GoodAt>,
) -> Result<Option<GoodVersion>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM releases WHERE {GOOD} AND tag = ?2 AND (completed_at, id) < (?3, ?4) {NEWEST_FIRST} LIMIT 1"
    );
    let (at, id) = good_place(before);
    first_good(conn, &sql, (service.as_str(), tag.as_str(), at, id))
}

/// The newest good version of a commit before a place.
pub(super) fn good_of_commit(
    conn: &Connection,
    service: &ServiceName,
    commit: &Commit,
    before: Option<GoodAt>,
) -> Result<Option<GoodVersion>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM releases WHERE {GOOD} AND commit_id = ?2 AND (completed_at, id) < (?3, ?4) {NEWEST_FIRST} LIMIT 1"
    );
    let (at, id) = good_place(before);
    first_good(conn, &sql, (service.as_str(), commit.as_str(), at, id))
}

/// A place in the order of good versions; the end without one.
fn good_place(before: Option<GoodAt>) -> (i64, i64) {
    before.map_or((i64::MAX, i64::MAX), |(at, id)| (millis(at), id.0))
}

fn first_good(conn: &Connection, sql: &str, of: impl rusqlite::Params) -> Result<Option<GoodVersion>, StoreError> {
    good_versions(conn, sql, of).map(|found| found.into_iter().next())
}

fn good_versions(conn: &Connection, sql: &str, of: impl rusqlite::Params) -> Result<Vec<GoodVersion>, StoreError> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(of, release)?;
    rows.map(|row| {
        let release = row?;
        let deployed_at = release.completed_at.unwrap_or(release.status_since);
        Ok(GoodVersion { version: release.version(), deployed_at })
    })
    .collect()
}

/// The highest release number that was ever given out, 0 when there is none.
pub(super) fn last_id(conn: &Connection) -> Result<ReleaseId, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT max(release, (SELECT coalesce(max(id), 0) FROM releases)) FROM numbers")?;
    Ok(ReleaseId(statement.query_row([], |row| row.get(0))?))
}

/// Writes a vote; a person has one in an attempt.
pub(super) fn put_vote(conn: &Connection, vote: &Vote) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO votes (release_id, attempt, person, commit_id, verdict, at, door, content) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
         ON CONFLICT (release_id, attempt, person) DO UPDATE SET commit_id = excluded.commit_id, \
         verdict = excluded.verdict, at = excluded.at, door = excluded.door, content = excluded.content",
    )?
    .execute((
        vote.release.0,
        vote.attempt.0,
        vote.person.as_str(),
        vote.commit.as_ref().map(Commit::as_str),
        to_json(&vote.verdict)?,
        millis(vote.at),
        to_json(&vote.door)?,
        vote.content.as_ref().map(Content::as_str),
    ))?;
    Ok(())
}

/// The votes on a release in its current attempt, in the order in which they were given.
///
/// # Errors
/// When the database cannot be read.
pub fn votes(conn: &Connection, release: &Release) -> Result<Vec<Vote>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT release_id, attempt, person, commit_id, verdict, at, door, content FROM votes \
         WHERE release_id = ?1 AND attempt = ?2 ORDER BY at, person",
    )?;
    let rows = statement.query_map((release.id.0, release.attempt.0), |row| {
        Ok(Vote {
            release: ReleaseId(row.get("release_id")?),
            attempt: Attempt(row.get("attempt")?),
            person: word(row, "person")?,
            commit: maybe_word(row, "commit_id")?,
            content: row.get::<_, Option<String>>("content")?.map(Content::stored),
            verdict: json(row, "verdict")?,
            at: time(row, "at")?,
            door: json(row, "door")?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
