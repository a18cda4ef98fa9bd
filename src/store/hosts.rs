//! The keys of hosts: which one was trusted, where and by whom, and which one a host has shown last.
//!
//! Must not: decide which key is good. A trusted key counts only at the address it was trusted at; ask
//! [`KnownHost::trusted_at`], never the field.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{maybe_time, maybe_word, millis, time, word};
use super::error::StoreError;
use crate::domain::host::{Address, Fingerprint, HostKey};
use crate::domain::ids::HostName;

/// What is known of the keys of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHost {
    /// The host's name.
    pub name: HostName,
    trusted: Option<Trusted>,
    seen: Option<Seen>,
}

/// A key that an admin has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The key.
    pub key: HostKey,
    /// Where the host was then.
    pub address: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// A key that a host has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The key.
    pub key: HostKey,
    /// Where the host was then.
    pub address: String,
    /// When this key was first shown since another one was.
    pub at: Timestamp,
}

impl KnownHost {
    /// The key that is trusted at an address.
    #[must_use]
    pub fn trusted_at(&self, address: &Address) -> Option<&Trusted> {
        self.trusted.as_ref().filter(|trusted| trusted.address == address.to_string())
    }

    /// The key that was shown last at an address.
    #[must_use]
    pub fn seen_at(&self, address: &Address) -> Option<&Seen> {
        self.seen.as_ref().filter(|seen| seen.address == address.to_string())
    }
}

const COLUMNS: &str = "name, address, fingerprint, algorithm, trusted_at, trusted_by, \
                       seen_fingerprint, seen_algorithm, seen_address, seen_at";

fn known(row: &Row<'_>) -> rusqlite::Result<KnownHost> {
    let trusted = match (maybe_word::<Fingerprint>(row, 2)?, maybe_time(row, 4)?) {
        (Some(fingerprint), Some(at)) => Some(Trusted {
            key: HostKey { algorithm: row.get(3)?, fingerprint },
            address: row.get(1)?,
            at,
            by: row.get(5)?,
        }),
        (Some(_) | None, _) => None,
    };
    let seen = match (maybe_word::<Fingerprint>(row, 6)?, maybe_time(row, 9)?) {
        (Some(fingerprint), Some(at)) => {
            Some(Seen { key: HostKey { algorithm: row.get(7)?, fingerprint }, address: row.get(8)?, at })
        }
        (Some(_) | None, _) => None,
    };
    Ok(KnownHost { name: word(row, 0)?, trusted, seen })
}

/// What is known of a host.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection, name: &HostName) -> Result<Option<KnownHost>, StoreError> {
    let found = conn
        .prepare_cached(&format!("SELECT {COLUMNS} FROM hosts WHERE name = ?1"))?
        .query_row([name.as_str()], known)
        .optional()?;
    Ok(found)
}

/// What is known of every host, by name.
///
/// # Errors
/// When the database cannot be read.
pub fn list(conn: &Connection) -> Result<Vec<KnownHost>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM hosts ORDER BY name"))?;
    Ok(statement.query_map([], known)?.collect::<Result<_, _>>()?)
}

/// Remembers the key that a host has shown, in the place of the one before.
///
/// # Errors
/// When the database cannot be written.
pub fn see(
    conn: &Connection,
    name: &HostName,
    address: &Address,
    key: &HostKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO hosts (name, seen_fingerprint, seen_algorithm, seen_address, seen_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (name) DO UPDATE SET seen_fingerprint = ?2, seen_algorithm = ?3, seen_address = ?4, seen_at = ?5",
    )?
    .execute((name.as_str(), key.fingerprint.as_str(), &key.algorithm, address.to_string(), millis(now)))?;
    Ok(())
}

/// Remembers what a look at a host found, in the place of the one before.
///
/// # Errors
/// When the database cannot be written.
pub fn note_check(conn: &Connection, name: &HostName, findings: &str, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR REPLACE INTO host_checks (host, at, findings) VALUES (?1, ?2, ?3)")?.execute((
        name.as_str(),
        millis(now),
        findings,
    ))?;
    Ok(())
}

/// What the last look at each host found, and when.
///
/// # Errors
/// When the database cannot be read.
pub fn checks(conn: &Connection) -> Result<Vec<(HostName, Timestamp, String)>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT host, at, findings FROM host_checks")?;
    let rows = statement.query_map([], |row| Ok((word(row, 0)?, time(row, 1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Trusts a key at an address, in the place of the one before.
///
/// # Errors
/// When the database cannot be written.
pub fn trust(
    conn: &Connection,
    name: &HostName,
    address: &Address,
    key: &HostKey,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO hosts (name, address, fingerprint, algorithm, trusted_at, trusted_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (name) DO UPDATE SET address = ?2, fingerprint = ?3, algorithm = ?4, trusted_at = ?5, \
         trusted_by = ?6",
    )?
    .execute((name.as_str(), address.to_string(), key.fingerprint.as_str(), &key.algorithm, millis(now), by))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    fn key(letter: &str) -> HostKey {
        let fingerprint = Fingerprint::parse(format!("SHA256:{}", letter.repeat(43))).unwrap();
        HostKey { algorithm: "ssh-ed25519".into(), fingerprint }
    }

    fn at(port: u16) -> Address {
        Address { host: "prod.example.com".into(), port }
    }

    fn time(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn a_trusted_key_counts_only_where_it_was_trusted() {
        let conn = test_database();
        let name = HostName::parse("name", "prod-1").unwrap();
        assert_eq!(get(&conn, &name).unwrap(), None);
        trust(&conn, &name, &at(22), &key("a"), "ann", time(5)).unwrap();
        let known = get(&conn, &name).unwrap().unwrap();
        let trusted = known.trusted_at(&at(22)).unwrap();
        assert_eq!((&trusted.key, trusted.by.as_str(), trusted.at), (&key("a"), "ann", time(5)));
        assert_eq!(known.trusted_at(&at(2222)), None);
        trust(&conn, &name, &at(2222), &key("b"), "bob", time(6)).unwrap();
        let known = get(&conn, &name).unwrap().unwrap();
        assert_eq!(known.trusted_at(&at(22)), None);
        assert_eq!(known.trusted_at(&at(2222)).map(|trusted| &trusted.key), Some(&key("b")));
    }

    #[test]
    fn what_is_seen_leaves_what_is_trusted_alone() {
        let conn = test_database();
        let name = HostName::parse("name", "prod-1").unwrap();
        see(&conn, &name, &at(22), &key("a"), time(1)).unwrap();
        trust(&conn, &name, &at(22), &key("a"), "ann", time(2)).unwrap();
        see(&conn, &name, &at(22), &key("b"), time(3)).unwrap();
        let other = HostName::parse("name", "a-1").unwrap();
        see(&conn, &other, &at(22), &key("c"), time(4)).unwrap();
        let all = list(&conn).unwrap();
        assert_eq!(all.iter().map(|known| known.name.as_str()).collect::<Vec<_>>(), ["a-1", "prod-1"]);
        let known = &all[1];
        assert_eq!(known.trusted_at(&at(22)).map(|trusted| &trusted.key), Some(&key("a")));
        assert_eq!(known.seen_at(&at(22)).map(|seen| (&seen.key, seen.at)), Some((&key("b"), time(3))));
        assert_eq!(known.seen_at(&at(23)), None);
        assert_eq!(all[0].trusted_at(&at(22)), None);
    }

    #[test]
    fn half_a_key_is_refused_by_the_database() {
        let conn = test_database();
        assert!(conn.execute("INSERT INTO hosts (name, fingerprint) VALUES ('x', 'y')", []).is_err());
        assert!(conn.execute("INSERT INTO hosts (name, seen_at) VALUES ('x', 1)", []).is_err());
    }
}
