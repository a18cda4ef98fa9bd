//! The configuration that named each service last, for services that have left the file.

use rusqlite::{Connection, OptionalExtension};

use super::columns::word;
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

/// Whether there is any release.
///
/// # Errors
/// When the database cannot be read.
pub fn any_history(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn.query_row("SELECT EXISTS (SELECT 1 FROM releases)", (), |row| row.get(0))?)
}

/// Services that have a history, with the configuration that named each last, as far as that is known.
///
/// # Errors
/// When the database cannot be read.
pub fn with_history(conn: &Connection) -> Result<Vec<(ServiceName, Option<Source>)>, StoreError> {
    let mut statement = conn.prepare_cached(
        // One step of the index for each service, however many releases it has.
        "WITH RECURSIVE each (service) AS (SELECT min(service) FROM releases UNION ALL \
         SELECT (SELECT min(service) FROM releases WHERE service > each.service) FROM each WHERE service IS NOT NULL) \
         SELECT each.service, text, folder FROM each \
         LEFT JOIN defined_services ON defined_services.service = each.service \
         LEFT JOIN configurations ON configurations.id = configuration WHERE each.service IS NOT NULL",
    )?;
    let rows = statement.query_map((), |row| {
        let text: Option<String> = row.get("text")?;
        let folder: Option<String> = row.get("folder")?;
        Ok((word(row, "service")?, text.zip(folder)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
