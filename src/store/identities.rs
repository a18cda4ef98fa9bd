//! Which id tokens of CI, and which proofs of Telegram, were shown already.
//!
//! Must not: keep anything of a token by which it could be known, or for longer than the token is good.

use jiff::Timestamp;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::columns::millis;
use super::error::StoreError;

/// Old rows that go with each new one: more than come, so that the table shrinks.
const SWEPT: u32 = 100;

/// What is kept of a token: a name for it that tells nothing.
#[must_use]
pub fn name(issuer: &str, id: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    // The length keeps `a` + `bc` from being `ab` + `c`.
    hash.update(issuer.len().to_be_bytes());
    hash.update(issuer);
    hash.update(id);
    hash.finalize().into()
}

/// Notes that a token is shown, which is good until then. `false`: it was shown before.
///
/// # Errors
/// When the database cannot be written.
pub fn show(conn: &Connection, name: &[u8; 32], until: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
    conn.prepare_cached(
        "DELETE FROM identity_tokens WHERE token IN (SELECT token FROM identity_tokens WHERE until < ?1 ORDER BY until LIMIT ?2)",
    )?
    .execute((millis(now), SWEPT))?;
    let new = conn
        .prepare_cached("INSERT INTO identity_tokens (token, until) VALUES (?1, ?2) ON CONFLICT (token) DO NOTHING")?
        .execute((name, millis(until)))?;
    Ok(new > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_shown_once_and_forgotten_when_it_is_over() {
        let conn = test_database();
        let (one, other) = (name("https://issuer", "abc"), name("https://other", "abc"));
        assert_ne!(name("ab", "c"), name("a", "bc"));
        assert!(show(&conn, &one, at(100), at(1)).unwrap());
        assert!(!show(&conn, &one, at(100), at(2)).unwrap());
        assert!(show(&conn, &other, at(500), at(99)).unwrap());
        assert!(!show(&conn, &one, at(100), at(100)).unwrap());
        show(&conn, &name("https://issuer", "later"), at(900), at(101)).unwrap();
        let rows: i64 = conn.query_row("SELECT count(*) FROM identity_tokens", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 2);
    }
}
