//! Who is signed in to the dashboard, and the links that sign a person in, each once. Of a secret only its SHA-256 is kept.
//!
//! Must not: know what a person may do.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{millis, time};
use super::error::StoreError;
use super::tokens::hash;

/// How long a link can be used.
pub const LINK_LASTS: SignedDuration = SignedDuration::from_mins(10);
/// A session ends when it was not used for so long …
pub const IDLE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// … and after this, however much it is used.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The use of a session is noted at most once in this time, so that reads do not become writes.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Links and sessions whose time is over that go with each new one: more than come, so that the tables shrink.
const SWEPT: u32 = 100;
/// What of a browser's name for itself is kept, in characters.
const DEVICE: usize = 200;

/// A session as it is known: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its number.
    pub id: i64,
    /// The person; none: the operator.
    pub person: Option<String>,
    /// What the browser calls itself.
    pub device: String,
    /// Where it was when it signed in.
    pub address: String,
    /// When it began.
    pub began: Timestamp,
    /// When it was used last, up to a minute late.
    pub seen: Timestamp,
    /// When it ends, however much it is used.
    pub until: Timestamp,
}

impl SessionRow {
    /// Whether it opens anything now.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.until && now.duration_since(self.seen) < IDLE
    }

    /// Whether its use is worth a [`touch`].
    #[must_use]
    pub fn touch_due(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen) >= NOTED_EVERY
    }
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get("id")?,
        person: row.get("person")?,
        device: row.get("device")?,
        address: row.get("address")?,
        began: time(row, "began")?,
        seen: time(row, "seen")?,
        until: time(row, "until")?,
    })
}

const COLUMNS: &str = "id, person, device, address, began, seen, until";

/// Notes a link under the hash of its secret. Tells until when it can be used.
///
/// # Errors
/// When the database cannot be written.
pub fn make_link(
    conn: &Connection,
    secret: &str,
    person: Option<&str>,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    conn.prepare_cached(
        "DELETE FROM login_links WHERE link IN (SELECT link FROM login_links WHERE until < ?1 ORDER BY until LIMIT ?2)",
    )?
    .execute((millis(now), SWEPT))?;
    let until = now.saturating_add(LINK_LASTS).unwrap_or(now);
    conn.prepare_cached("INSERT INTO login_links (link, person, until) VALUES (?1, ?2, ?3)")?.execute((
        hash(secret),
        person,
        millis(until),
    ))?;
    Ok(until)
}

/// Whom a link would sign in; `None`: it opens nothing. The person inside: none for the operator.
///
/// # Errors
/// When the database cannot be read.
pub fn look_at_link(conn: &Connection, secret: &str, now: Timestamp) -> Result<Option<Option<String>>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT person FROM login_links WHERE link = ?1 AND until > ?2")?;
    Ok(statement.query_row((hash(secret), millis(now)), |row| row.get(0)).optional()?)
}

/// Whether a link that was made for a person then has not been used, as long as it can be.
///
/// # Errors
/// When the database cannot be read.
pub fn is_unused(conn: &Connection, person: &str, made: Timestamp) -> Result<bool, StoreError> {
    let until = made.saturating_add(LINK_LASTS).unwrap_or(made);
    let sql = "SELECT EXISTS (SELECT 1 FROM login_links WHERE until = ?1 AND person = ?2)";
    Ok(conn.prepare_cached(sql)?.query_row((millis(until), person), |row| row.get(0))?)
}

/// A browser that signs in.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    /// The secret of its cookie.
    pub secret: &'a str,
    /// What it calls itself.
    pub device: &'a str,
    /// Where it is.
    pub address: &'a str,
}

/// Uses a link up, and begins a session in its place. `None`: the link opens nothing. The person inside: none for the operator.
///
/// # Errors
/// When the database cannot be written.
pub fn use_link(
    conn: &Connection,
    link: &str,
    new: &NewSession<'_>,
    now: Timestamp,
) -> Result<Option<Option<String>>, StoreError> {
    let mut statement =
        conn.prepare_cached("DELETE FROM login_links WHERE link = ?1 AND until > ?2 RETURNING person")?;
    let used: Option<Option<String>> = statement.query_row((hash(link), millis(now)), |row| row.get(0)).optional()?;
    if let Some(person) = &used {
        begin(conn, person.as_deref(), new, now)?;
    }
    Ok(used)
}

/// Begins a session.
///
/// # Errors
/// When the database cannot be written.
pub fn begin(conn: &Connection, person: Option<&str>, new: &NewSession<'_>, now: Timestamp) -> Result<(), StoreError> {
    let idle = now.saturating_sub(IDLE).unwrap_or(now);
    conn.prepare_cached(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE until < ?1 ORDER BY until LIMIT ?2)",
    )?
    .execute((millis(now), SWEPT))?;
    conn.prepare_cached("DELETE FROM sessions WHERE person IS ?1 AND seen < ?2")?.execute((person, millis(idle)))?;
    let until = now.saturating_add(LONGEST).unwrap_or(now);
    let device: String = new.device.chars().filter(|c| !c.is_control()).take(DEVICE).collect();
    conn.prepare_cached(
        "INSERT INTO sessions (secret, person, device, address, began, seen, until) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
    )?
    .execute((hash(new.secret), person, device, new.address, millis(now), millis(until)))?;
    Ok(())
}

/// The session of a cookie, over or not.
///
/// # Errors
/// When the database cannot be read.
pub fn find(conn: &Connection, secret: &str) -> Result<Option<SessionRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE secret = ?1");
    Ok(conn.prepare_cached(&sql)?.query_row([hash(secret)], session).optional()?)
}

/// Notes that a session is used.
///
/// # Errors
/// When the database cannot be written.
pub fn touch(conn: &Connection, id: i64, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE sessions SET seen = ?2 WHERE id = ?1 AND seen < ?2")?.execute((id, millis(now)))?;
    Ok(())
}

/// The sessions of a person (none: of the operator), the newest first.
///
/// # Errors
/// When the database cannot be read.
pub fn of_person(conn: &Connection, person: Option<&str>) -> Result<Vec<SessionRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE person IS ?1 ORDER BY id DESC");
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([person], session)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Ends a session of a person (none: of the operator); `false`: there is none with this number.
///
/// # Errors
/// When the database cannot be written.
pub fn end(conn: &Connection, person: Option<&str>, id: i64) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("DELETE FROM sessions WHERE id = ?1 AND person IS ?2")?.execute((id, person))? > 0)
}

/// Whether any browser has ever signed in, as far as is kept.
///
/// # Errors
/// When the database cannot be read.
pub fn any(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn.prepare_cached("SELECT EXISTS (SELECT 1 FROM sessions)")?.query_row([], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const PHONE: NewSession<'_> = NewSession { secret: "cookie", device: "Phone\u{7}", address: "192.0.2.7" };

    #[test]
    fn a_link_signs_in_once_and_for_ten_minutes() {
        let conn = test_database();
        let until = make_link(&conn, "link", Some("ann"), at(0)).unwrap();
        assert_eq!(until, at(600));
        assert_eq!(look_at_link(&conn, "link", at(599)).unwrap(), Some(Some("ann".into())));
        assert_eq!(look_at_link(&conn, "link", at(600)).unwrap(), None);
        assert!(is_unused(&conn, "ann", at(0)).unwrap());
        assert!(!is_unused(&conn, "ann", at(1)).unwrap() && !is_unused(&conn, "boris", at(0)).unwrap());
        assert_eq!(use_link(&conn, "another", &PHONE, at(1)).unwrap(), None);
        assert_eq!(use_link(&conn, "link", &PHONE, at(1)).unwrap(), Some(Some("ann".into())));
        assert_eq!(use_link(&conn, "link", &NewSession { secret: "thief", ..PHONE }, at(1)).unwrap(), None);
        assert!(!is_unused(&conn, "ann", at(0)).unwrap());
        let session = find(&conn, "cookie").unwrap().unwrap();
        assert_eq!((session.person.as_deref(), session.device.as_str()), (Some("ann"), "Phone"));
        assert_eq!(find(&conn, "thief").unwrap(), None);
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_in_the_end_however_much_it_is() {
        let conn = test_database();
        begin(&conn, None, &PHONE, at(0)).unwrap();
        let look = || find(&conn, "cookie").unwrap().unwrap();
        assert!(look().is_live(at(IDLE.as_secs() - 1)) && !look().is_live(at(IDLE.as_secs())));
        for day in 1..30 {
            touch(&conn, look().id, at(day * 86_400)).unwrap();
        }
        assert!(look().is_live(at(30 * 86_400 - 1)) && !look().is_live(at(30 * 86_400)));
    }

    #[test]
    fn people_end_their_own_sessions_only() {
        let conn = test_database();
        begin(&conn, Some("ann"), &PHONE, at(0)).unwrap();
        begin(&conn, None, &NewSession { secret: "other", ..PHONE }, at(0)).unwrap();
        let own = of_person(&conn, Some("ann")).unwrap();
        assert_eq!(own.len(), 1);
        assert!(!end(&conn, None, own[0].id).unwrap());
        assert!(!end(&conn, Some("boris"), own[0].id).unwrap());
        assert!(end(&conn, Some("ann"), own[0].id).unwrap());
        assert_eq!(find(&conn, "cookie").unwrap(), None);
        assert!(any(&conn).unwrap());
    }
}
