//! API tokens: 256 random bits shown once, kept as a SHA-256 only.
//!
//! Must not: store, log or return a secret that was given in, or know what a role may do.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::StoreError;
use super::key::random_bytes;

/// What every token begins with, so that secret scanners and people recognise one.
pub const PREFIX: &str = "rmm_";

/// The use of a token is noted at most once in this time (milliseconds), so that reads do not become writes.
pub const TOUCH_EVERY_MS: i64 = 60_000;

/// A token to be made. Times are unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Its name; one live token per name.
    pub name: &'a str,
    /// Its role, as the domain spells it.
    pub role: &'a str,
    /// The person it acts as.
    pub person: Option<&'a str>,
    /// The services it is for; empty means all.
    pub services: &'a [String],
    /// Who made it.
    pub created_by: &'a str,
    /// The person who vouches for it; none: the operator.
    pub vouched_by: Option<&'a str>,
    /// When it stops working.
    pub expires_at: Option<i64>,
}

/// A token as it is known: everything but its secret. Times are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TokenRow {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its role, as the domain spells it.
    pub role: String,
    /// The person it acts as.
    pub person: Option<String>,
    /// The services it is for; empty means all.
    pub services: Vec<String>,
    /// When it was made.
    pub created_at: i64,
    /// Who made it.
    pub created_by: String,
    /// The person who vouches for it: it opens nothing when they are no admin any more. None: the operator.
    pub vouched_by: Option<String>,
    /// When it stops working.
    pub expires_at: Option<i64>,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was last used, up to [`TOUCH_EVERY_MS`] late.
    pub last_used_at: Option<i64>,
}

impl TokenRow {
    /// Whether it opens anything at the time `now`.
    #[must_use]
    pub fn is_live(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// Whether its use at the time `now` is worth a [`touch`].
    #[must_use]
    pub fn touch_due(&self, now: i64) -> bool {
        self.last_used_at.is_none_or(|used| now.saturating_sub(used) >= TOUCH_EVERY_MS)
    }
}

/// A new secret; it cannot be shown again once it is dropped.
///
/// # Errors
/// [`StoreError::Random`] when the system gives no random numbers.
pub fn new_secret() -> Result<SecretString, StoreError> {
    Ok(secret_from(random_bytes()?))
}

/// The secret made from these 256 bits.
#[must_use]
pub fn secret_from(bits: [u8; 32]) -> SecretString {
    SecretString::from(format!("{PREFIX}{}", hex::encode(bits)))
}

/// What is kept of a secret.
#[must_use]
pub fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Stores a token under the hash of `secret` and returns its id. An expired token of the same name makes room.
///
/// # Errors
/// [`StoreError::NameTaken`] when a live token has the name.
pub fn insert(conn: &Connection, token: &NewToken<'_>, secret: &str, now: i64) -> Result<i64, StoreError> {
    conn.execute(
        "UPDATE tokens SET revoked_at = expires_at WHERE name = ?1 AND revoked_at IS NULL AND expires_at <= ?2",
        (token.name, now),
    )?;
    let services = serde_json::Value::from(token.services.to_vec()).to_string();
    let inserted = conn.execute(
        "INSERT INTO tokens (hash, name, role, person, services, created_at, created_by, vouched_by, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (hash(secret), token.name, token.role, token.person, services, now, token.created_by, token.vouched_by, token.expires_at),
    );
    match inserted {
        Ok(_) => Ok(conn.last_insert_rowid()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::NameTaken { name: token.name.to_owned() })
        }
        Err(error) => Err(error.into()),
    }
}

const COLUMNS: &str =
    "id, name, role, person, services, created_at, created_by, vouched_by, expires_at, revoked_at, last_used_at, hash";

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let services: String = row.get(4)?;
    let services = serde_json::from_str(&services)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(TokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        person: row.get(3)?,
        services,
        created_at: row.get(5)?,
        created_by: row.get(6)?,
        vouched_by: row.get(7)?,
        expires_at: row.get(8)?,
        revoked_at: row.get(9)?,
        last_used_at: row.get(10)?,
    })
}

/// Whether a secret may be one at all.
#[must_use]
pub fn is_plausible(secret: &str) -> bool {
    secret.starts_with(PREFIX) && secret.len() == PREFIX.len() + 64
}

/// The token whose secret has this [`hash`], revoked and expired ones included: ask [`TokenRow::is_live`] before it opens
/// anything.
///
/// The index is asked for the hash, of which nothing about the secret can be learnt by timing; the hashes are then
/// compared in constant time.
///
/// # Errors
/// When the database cannot be read.
pub fn find_by_hash(conn: &Connection, wanted: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
    let found = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM tokens WHERE hash = ?1"))?
        .query_row([wanted], |row| Ok((token(row)?, row.get::<_, Vec<u8>>(11)?)))
        .optional()?;
    Ok(found.filter(|(_, stored)| bool::from(stored.as_slice().ct_eq(wanted))).map(|(token, _)| token))
}

/// All tokens, revoked ones included, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub fn list(conn: &Connection) -> Result<Vec<TokenRow>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM tokens ORDER BY id DESC"))?;
    Ok(statement.query_map([], token)?.collect::<Result<_, _>>()?)
}

/// Tokens, revoked ones included, the newest first: those made before one of them, so many at most.
///
/// # Errors
/// When the database cannot be read.
pub fn page(conn: &Connection, before: Option<i64>, limit: u32) -> Result<Vec<TokenRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM tokens WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map((before.unwrap_or(i64::MAX), limit), token)?.collect::<Result<_, _>>()?)
}

/// The live token of this name.
///
/// # Errors
/// When the database cannot be read.
pub fn find_by_name(conn: &Connection, name: &str) -> Result<Option<TokenRow>, StoreError> {
    let found = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM tokens WHERE name = ?1 AND revoked_at IS NULL"))?
        .query_row([name], token)
        .optional()?;
    Ok(found)
}

/// From now on this person vouches for a token, or the operator.
///
/// # Errors
/// When the database cannot be written.
pub fn adopt(conn: &Connection, id: i64, by: Option<&str>) -> Result<(), StoreError> {
    conn.execute("UPDATE tokens SET vouched_by = ?2 WHERE id = ?1", (id, by))?;
    Ok(())
}

/// Revokes the live token of this name and returns it; `None` when there is none.
///
/// # Errors
/// When the database cannot be written.
pub fn revoke(conn: &Connection, name: &str, now: i64) -> Result<Option<TokenRow>, StoreError> {
    let revoked = conn
        .prepare(&format!(
            "UPDATE tokens SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL RETURNING {COLUMNS}"
        ))?
        .query_row((name, now), token)
        .optional()?;
    Ok(revoked)
}

/// Notes that the token was used.
///
/// # Errors
/// When the database cannot be written.
pub fn touch(conn: &Connection, id: i64, now: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE tokens SET last_used_at = max(?2, coalesce(last_used_at, ?2)) WHERE id = ?1")?
        .execute((id, now))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;
    use secrecy::ExposeSecret;

    fn find_by_secret(conn: &Connection, secret: &str) -> Result<Option<TokenRow>, StoreError> {
        if is_plausible(secret) { find_by_hash(conn, &hash(secret)) } else { Ok(None) }
    }

    fn ci<'a>(name: &'a str, services: &'a [String]) -> NewToken<'a> {
        NewToken { name, role: "ci", person: None, services, created_by: "admin", vouched_by: None, expires_at: None }
    }

    #[test]
    fn a_token_is_found_by_its_secret_and_kept_as_a_hash_only() {
        let conn = test_database();
        let secret = new_secret().unwrap();
        assert_eq!(secret.expose_secret().len(), 68);
        let services = ["api".to_owned()];
        insert(&conn, &ci("build", &services), secret.expose_secret(), 5).unwrap();
        let found = find_by_secret(&conn, secret.expose_secret()).unwrap().unwrap();
        assert_eq!(
            (found.name.as_str(), found.role.as_str(), found.services.as_slice(), found.created_at),
            ("build", "ci", &services[..], 5)
        );
        for wrong in [
            "",
            "rmm_",
            "rmm_x",
            secret_from([0; 32]).expose_secret(),
            &secret.expose_secret()[..67],
            &secret.expose_secret().to_uppercase(),
        ] {
            assert_eq!(find_by_secret(&conn, wrong).unwrap(), None, "{wrong}");
        }
        let stored: Vec<u8> = conn.query_row("SELECT hash FROM tokens", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, hash(secret.expose_secret()));
        assert_ne!(new_secret().unwrap().expose_secret(), secret.expose_secret());
    }

    #[test]
    fn a_name_is_free_again_after_revocation_or_expiry() {
        let conn = test_database();
        insert(&conn, &ci("build", &[]), secret_from([1; 32]).expose_secret(), 5).unwrap();
        let error = insert(&conn, &ci("build", &[]), secret_from([2; 32]).expose_secret(), 6).unwrap_err();
        assert!(matches!(&error, StoreError::NameTaken { name, .. } if name == "build"), "{error}");
        assert_eq!(revoke(&conn, "build", 7).unwrap().unwrap().revoked_at, Some(7));
        assert_eq!(revoke(&conn, "build", 8).unwrap(), None);
        assert!(!find_by_secret(&conn, secret_from([1; 32]).expose_secret()).unwrap().unwrap().is_live(8));
        insert(&conn, &NewToken { expires_at: Some(100), ..ci("build", &[]) }, secret_from([3; 32]).expose_secret(), 9)
            .unwrap();
        let short = find_by_secret(&conn, secret_from([3; 32]).expose_secret()).unwrap().unwrap();
        assert!(short.is_live(99) && !short.is_live(100));
        insert(&conn, &ci("build", &[]), secret_from([4; 32]).expose_secret(), 100).unwrap();
        assert_eq!(list(&conn).unwrap().len(), 3);
        let ids = |tokens: Vec<TokenRow>| tokens.iter().map(|token| token.id).collect::<Vec<_>>();
        let all = ids(list(&conn).unwrap());
        assert_eq!(ids(page(&conn, None, 2).unwrap()), all[..2]);
        assert_eq!(ids(page(&conn, Some(all[1]), 2).unwrap()), all[2..]);
    }

    #[test]
    fn use_is_noted_once_a_minute() {
        let conn = test_database();
        let id = insert(&conn, &ci("build", &[]), secret_from([1; 32]).expose_secret(), 0).unwrap();
        let row = || list(&conn).unwrap().remove(0);
        assert!(row().touch_due(10));
        touch(&conn, id, 10).unwrap();
        assert!(!row().touch_due(59_000) && row().touch_due(60_010));
        touch(&conn, id, 5).unwrap();
        assert_eq!(row().last_used_at, Some(10));
    }
}
