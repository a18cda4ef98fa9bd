//! Which deliveries of GitHub's webhooks have come, and who pushed the tags that they tell of.
//!
//! Must not: keep a payload, or believe more of it than a name.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};

use super::columns::millis;
use super::error::StoreError;
use crate::domain::ids::{ServiceName, Tag};

/// Old rows that go with each new one: more than come, so that the tables shrink.
const SWEPT: u32 = 100;

/// Notes that a delivery has come, and forgets those from before a time. `false`: it had come before.
///
/// # Errors
/// When the database cannot be written.
pub fn receive(conn: &Connection, delivery: &str, now: Timestamp, old: Timestamp) -> Result<bool, StoreError> {
    for sweep in [
        "DELETE FROM github_deliveries WHERE delivery IN \
         (SELECT delivery FROM github_deliveries WHERE received_at < ?1 ORDER BY received_at LIMIT ?2)",
        "DELETE FROM pushed_tags WHERE (service, tag) IN \
         (SELECT service, tag FROM pushed_tags WHERE pushed_at < ?1 ORDER BY pushed_at LIMIT ?2)",
    ] {
        conn.prepare_cached(sweep)?.execute((millis(old), SWEPT))?;
    }
    let new = conn
        .prepare_cached(
            "INSERT INTO github_deliveries (delivery, received_at) VALUES (?1, ?2) ON CONFLICT (delivery) DO NOTHING",
        )?
        .execute((delivery, millis(now)))?;
    Ok(new > 0)
}

/// Notes who pushed a tag of a service.
///
/// # Errors
/// When the database cannot be written.
pub fn pushed(conn: &Connection, service: &ServiceName, tag: &Tag, by: &str, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO pushed_tags (service, tag, pushed_by, pushed_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((service.as_str(), tag.as_str(), by, millis(now)))?;
    Ok(())
}

/// Who pushed a tag, where that was told.
///
/// # Errors
/// When the database cannot be read.
pub fn pushed_by(conn: &Connection, service: &ServiceName, tag: &Tag) -> Result<Option<String>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT pushed_by FROM pushed_tags WHERE service = ?1 AND tag = ?2")?;
    Ok(statement.query_row((service.as_str(), tag.as_str()), |row| row.get(0)).optional()?)
}

/// Whether a delivery has come.
///
/// # Errors
/// When the database cannot be read.
pub fn has_come(conn: &Connection, delivery: &str) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM github_deliveries WHERE delivery = ?1)")?;
    Ok(statement.query_row([delivery], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    #[test]
    fn a_delivery_counts_once_and_is_forgotten_when_it_is_old() {
        let conn = test_database();
        let at = |second| Timestamp::from_second(second).unwrap();
        let (shop, tag) = (ServiceName::parse("service", "shop").unwrap(), Tag::parse("tag", "v1").unwrap());
        assert!(receive(&conn, "a", at(10), at(0)).unwrap());
        pushed(&conn, &shop, &tag, "ann", at(10)).unwrap();
        pushed(&conn, &shop, &tag, "bob", at(11)).unwrap();
        assert!(!receive(&conn, "a", at(11), at(0)).unwrap());
        assert_eq!(pushed_by(&conn, &shop, &tag).unwrap().as_deref(), Some("bob"));
        assert!(receive(&conn, "b", at(20), at(12)).unwrap());
        assert!(receive(&conn, "a", at(20), at(12)).unwrap());
        assert_eq!(pushed_by(&conn, &shop, &tag).unwrap(), None);
    }
}
