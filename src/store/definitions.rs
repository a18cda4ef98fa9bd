//! The configuration that named each service last, for services that have left the file; and how each was defined over time.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{millis, time, word};
use super::error::StoreError;
use crate::domain::ids::ServiceName;

/// The text of a configuration, and the folder where relative paths in it begin.
pub type Source = (String, String);

/// Notes that a configuration names services.
///
/// # Errors
/// When the database cannot be written.
pub fn note(conn: &Connection, (text, folder): &Source, services: &[ServiceName]) -> Result<(), StoreError> {
    let known = conn
        .prepare_cached("SELECT id FROM configurations WHERE text = ?1 AND folder = ?2")?
        .query_row((text, folder), |row| row.get::<_, i64>(0))
        .optional()?;
    let id = match known {
        Some(id) => id,
        None => {
            conn.prepare_cached("INSERT INTO configurations (text, folder) VALUES (?1, ?2)")?
                .execute((text, folder))?;
            conn.last_insert_rowid()
        }
    };
    let mut named =
        conn.prepare_cached("INSERT OR REPLACE INTO defined_services (service, configuration) VALUES (?1, ?2)")?;
    for service in services {
        named.execute((service.as_str(), id))?;
    }
    conn.prepare_cached("DELETE FROM configurations WHERE id NOT IN (SELECT configuration FROM defined_services)")?
        .execute(())?;
    Ok(())
}

/// The configuration that named a service last, if that is known.
///
/// # Errors
/// When the database cannot be read.
pub fn source(conn: &Connection, service: &ServiceName) -> Result<Option<Source>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT text, folder FROM defined_services JOIN configurations ON configurations.id = configuration WHERE service = ?1",
    )?;
    Ok(statement.query_row([service.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// How a service was defined from some time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Counts the changes of the service, from 1.
    pub number: i64,
    /// When RMM read it.
    pub at: Timestamp,
    /// The definition as TOML, without secrets; empty where it was removed.
    pub text: String,
    /// Who made it in the dashboard; none: RMM found it by itself, mostly in the file.
    pub by: Option<String>,
    /// The definition as it was written in the dashboard; none: it was in the file.
    pub written: Option<String>,
}

impl Revision {
    /// Whether it says that the service was removed from the dashboard.
    #[must_use]
    pub const fn is_removal(&self) -> bool {
        self.text.is_empty()
    }
}

/// How a service is defined.
#[derive(Debug, Clone, Copy)]
pub struct Definition<'a> {
    /// As TOML, without secrets.
    pub text: &'a str,
    /// As it is written in the dashboard, where it is defined there.
    pub written: Option<&'a str>,
    /// Who says so.
    pub by: Option<&'a str>,
}

/// Notes how a service is defined, if that has changed; answers with the number of its last revision.
///
/// # Errors
/// When the database cannot be written.
pub fn revise(
    conn: &Connection,
    service: &ServiceName,
    is: &Definition<'_>,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let last = revisions(conn, service, 1)?.pop();
    if let Some(last) = last.as_ref().filter(|last| last.text == is.text && last.written.as_deref() == is.written) {
        return Ok(last.number);
    }
    let number = last.map_or(1, |last| last.number + 1);
    conn.prepare_cached(
        "INSERT INTO definition_revisions (service, number, at, text, by, written) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((service.as_str(), number, millis(now), is.text, is.by, is.written))?;
    Ok(number)
}

/// How a service was defined, the newest first, so many at most.
///
/// # Errors
/// When the database cannot be read.
pub fn revisions(conn: &Connection, service: &ServiceName, limit: u32) -> Result<Vec<Revision>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT number, at, text, by, written FROM definition_revisions WHERE service = ?1 ORDER BY number DESC LIMIT ?2",
    )?;
    let rows = statement.query_map((service.as_str(), limit), revision)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the last word about a service is that it was removed in the dashboard.
///
/// # Errors
/// When the database cannot be read.
pub fn is_removed(conn: &Connection, service: &ServiceName) -> Result<bool, StoreError> {
    Ok(revisions(conn, service, 1)?.first().is_some_and(Revision::is_removal))
}

/// One of them.
///
/// # Errors
/// When the database cannot be read.
pub fn numbered(conn: &Connection, service: &ServiceName, number: i64) -> Result<Option<Revision>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT number, at, text, by, written FROM definition_revisions WHERE service = ?1 AND number = ?2",
    )?;
    Ok(statement.query_row((service.as_str(), number), revision).optional()?)
}

fn revision(row: &Row<'_>) -> rusqlite::Result<Revision> {
    Ok(Revision { number: row.get(0)?, at: time(row, 1)?, text: row.get(2)?, by: row.get(3)?, written: row.get(4)? })
}

/// How a service was defined at some time; none: from before this was noted.
///
/// # Errors
/// When the database cannot be read.
pub fn revision_at(conn: &Connection, service: &ServiceName, at: Timestamp) -> Result<Option<Revision>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT number, at, text, by, written FROM definition_revisions WHERE service = ?1 AND at <= ?2 ORDER BY number DESC LIMIT 1",
    )?;
    Ok(statement.query_row((service.as_str(), millis(at)), revision).optional()?)
}

/// Whether there is any release.
///
/// # Errors
/// When the database cannot be read.
pub fn any_history(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM releases)", (), |row| row.get(0))?)
}

/// A service that has a history.
pub struct Known {
    /// Its name.
    pub service: ServiceName,
    /// The configuration that named it last, as far as that is known.
    pub source: Option<Source>,
    /// The number of that, which grows.
    pub named_last: i64,
}

/// Services that have a history.
///
/// # Errors
/// When the database cannot be read.
pub fn with_history(conn: &Connection) -> Result<Vec<Known>, StoreError> {
    let mut statement = conn.prepare_cached(
        // One step of the index for each service, however many releases it has.
        "WITH RECURSIVE each (service) AS (SELECT min(service) FROM releases UNION ALL \
         SELECT (SELECT min(service) FROM releases WHERE service > each.service) FROM each WHERE service IS NOT NULL) \
         SELECT each.service, text, folder, coalesce(configuration, 0) AS named_last FROM each \
         LEFT JOIN defined_services ON defined_services.service = each.service \
         LEFT JOIN configurations ON configurations.id = configuration WHERE each.service IS NOT NULL",
    )?;
    let rows = statement.query_map((), |row| {
        let text: Option<String> = row.get("text")?;
        let folder: Option<String> = row.get("folder")?;
        Ok(Known { service: word(row, "service")?, source: text.zip(folder), named_last: row.get("named_last")? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    #[test]
    fn a_revision_is_noted_when_the_definition_changes() {
        let conn = test_database();
        let [shop, blog] = ["shop", "blog"].map(|name| ServiceName::parse("service", name).unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();
        for (second, text) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            revise(&conn, &shop, &Definition { text, written: None, by: None }, at(second)).unwrap();
        }
        let all = revisions(&conn, &shop, 9).unwrap();
        let all: Vec<_> = all.iter().map(|one| (one.number, one.at.as_second(), one.text.as_str())).collect();
        assert_eq!(all, [(3, 4, "a"), (2, 3, "b"), (1, 1, "a")]);
        assert!(revisions(&conn, &blog, 9).unwrap().is_empty());
        // Written down elsewhere, it is another revision, though it says the same.
        let written = Definition { text: "a", written: Some("# mine"), by: Some("ann") };
        assert_eq!(revise(&conn, &shop, &written, at(5)).unwrap(), 4);
        let found = numbered(&conn, &shop, 4).unwrap().unwrap();
        assert_eq!((found.by.as_deref(), found.written.as_deref()), (Some("ann"), Some("# mine")));
    }
}
