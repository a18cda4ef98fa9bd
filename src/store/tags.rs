//! Which tags a watched repository had at the last look.
//!
//! Must not: know which of them become releases.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{maybe_word, millis, word};
use super::error::StoreError;
use crate::domain::ids::{Commit, ReleaseId, ServiceName, Tag};

/// The tags of a service's repository as they were seen; none: this repository was not looked at yet.
///
/// # Errors
/// When the database cannot be read.
pub fn seen(
    conn: &Connection,
    service: &ServiceName,
    repository: &str,
) -> Result<Option<BTreeMap<Tag, Commit>>, StoreError> {
    let mut watched = conn.prepare_cached("SELECT repository FROM watched_repositories WHERE service = ?1")?;
    let known: Option<String> = watched.query_row([service.as_str()], |row| row.get(0)).optional()?;
    if known.as_deref() != Some(repository) {
        return Ok(None);
    }
    let mut statement = conn.prepare_cached("SELECT tag, commit_id FROM seen_tags WHERE service = ?1")?;
    let rows = statement.query_map([service.as_str()], |row| Ok((word(row, "tag")?, word(row, "commit_id")?)))?;
    Ok(Some(rows.collect::<Result<_, _>>()?))
}

/// Begins to watch a repository: what it has now was there before.
///
/// # Errors
/// When the database cannot be written.
pub fn begin(
    conn: &Connection,
    service: &ServiceName,
    repository: &str,
    tags: &BTreeMap<Tag, Commit>,
    now: Timestamp,
) -> Result<(), StoreError> {
    forget(conn, service)?;
    conn.prepare_cached("INSERT INTO watched_repositories (service, repository, since) VALUES (?1, ?2, ?3)")?
        .execute((service.as_str(), repository, millis(now)))?;
    tags.iter().try_for_each(|(tag, commit)| see(conn, service, tag, commit))
}

/// Notes that a tag was seen.
///
/// # Errors
/// When the database cannot be written.
pub fn see(conn: &Connection, service: &ServiceName, tag: &Tag, commit: &Commit) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR REPLACE INTO seen_tags (service, tag, commit_id) VALUES (?1, ?2, ?3)")?
        .execute((service.as_str(), tag.as_str(), commit.as_str()))?;
    conn.prepare_cached("DELETE FROM pushed_tags WHERE service = ?1 AND tag = ?2")?
        .execute((service.as_str(), tag.as_str()))?;
    Ok(())
}

/// As if a tag had not been noted yet.
#[cfg(test)]
pub(crate) fn gone(conn: &Connection, service: &ServiceName, tag: &Tag) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM seen_tags WHERE service = ?1 AND tag = ?2")?
        .execute((service.as_str(), tag.as_str()))?;
    Ok(())
}

/// The services whose repositories are watched.
///
/// # Errors
/// When the database cannot be read.
pub fn watched(conn: &Connection) -> Result<Vec<ServiceName>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT service FROM watched_repositories")?;
    Ok(statement.query_map([], |row| word(row, "service"))?.collect::<Result<_, _>>()?)
}

/// Watches the repository of a service no more.
///
/// # Errors
/// When the database cannot be written.
pub fn forget(conn: &Connection, service: &ServiceName) -> Result<(), StoreError> {
    for table in ["watched_repositories", "seen_tags"] {
        conn.prepare_cached(&format!("DELETE FROM {table} WHERE service = ?1"))?.execute([service.as_str()])?;
    }
    Ok(())
}

/// The releases of a commit, and those of a tag whose commit is not known yet: number and tag, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn releases_of(
    conn: &Connection,
    service: &ServiceName,
    tag: &Tag,
    commit: &Commit,
) -> Result<Vec<(ReleaseId, Option<Tag>)>, StoreError> {
    let mut of_commit =
        conn.prepare_cached("SELECT id, tag FROM releases WHERE service = ?1 AND commit_id = ?2 ORDER BY id")?;
    let mut of_tag = conn.prepare_cached(
        "SELECT id, tag FROM releases WHERE service = ?1 AND tag = ?2 AND commit_id IS NULL ORDER BY id",
    )?;
    let read = |row: &Row<'_>| Ok((ReleaseId(row.get("id")?), maybe_word(row, "tag")?));
    let mut found: Vec<_> =
        of_commit.query_map((service.as_str(), commit.as_str()), read)?.collect::<Result<_, _>>()?;
    for row in of_tag.query_map((service.as_str(), tag.as_str()), read)? {
        found.push(row?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    #[test]
    fn a_repository_is_watched_from_its_own_beginning() {
        let conn = test_database();
        let shop = ServiceName::parse("service", "shop").unwrap();
        let [v1, v2] = ["v1", "v2"].map(|tag| Tag::parse("tag", tag).unwrap());
        let commit = Commit::parse("commit", "a".repeat(40)).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(seen(&conn, &shop, "one").unwrap(), None);
        begin(&conn, &shop, "one", &BTreeMap::from([(v1.clone(), commit.clone())]), now).unwrap();
        see(&conn, &shop, &v2, &commit).unwrap();
        assert_eq!(seen(&conn, &shop, "one").unwrap().unwrap().len(), 2);
        gone(&conn, &shop, &v1).unwrap();
        assert_eq!(seen(&conn, &shop, "one").unwrap().unwrap().into_keys().collect::<Vec<_>>(), [v2]);
        assert_eq!(seen(&conn, &shop, "another").unwrap(), None);
        begin(&conn, &shop, "another", &BTreeMap::new(), now).unwrap();
        assert_eq!(seen(&conn, &shop, "another").unwrap(), Some(BTreeMap::new()));
        assert_eq!(watched(&conn).unwrap(), std::slice::from_ref(&shop));
        forget(&conn, &shop).unwrap();
        assert!(watched(&conn).unwrap().is_empty());
    }
}
