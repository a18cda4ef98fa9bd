//! What the Telegram bot has to remember: updates until they are handled, who has written to it, which messages it
//! keeps current, and what chats have still to hear.
//!
//! Must not: know what an update or a screen means, or decide which person a user is.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{maybe_time, maybe_word, millis, time, to_json};
use super::error::StoreError;
use crate::domain::ids::PersonName;

/// An update that is still to be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// Its place in the order of arrival.
    pub id: i64,
    /// The update as it was delivered, JSON.
    pub body: String,
    /// When it was stored.
    pub received_at: Timestamp,
}

/// Stores updates that are not known yet and returns how many those were. `updates`: Telegram's `update_id`, equal for
/// the same update and nothing more, and the JSON.
///
/// # Errors
/// When the database cannot be written.
pub fn receive(conn: &Connection, updates: &[(i64, String)], now: Timestamp) -> Result<usize, StoreError> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO telegram_updates (update_id, body, received_at) VALUES (?1, ?2, ?3) ON CONFLICT (update_id) DO NOTHING",
    )?;
    let mut new = 0;
    for (update_id, body) in updates {
        new += insert.execute((update_id, body, millis(now)))?;
    }
    Ok(new)
}

/// Up to `limit` updates after `after` that are not handled, in the order of arrival.
///
/// # Errors
/// When the database cannot be read.
pub fn open_updates(conn: &Connection, after: i64, limit: u32) -> Result<Vec<Update>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT id, body, received_at FROM telegram_updates WHERE handled_at IS NULL AND id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let updates = statement
        .query_map((after, limit), |row| Ok(Update { id: row.get(0)?, body: row.get(1)?, received_at: time(row, 2)? }))?
        .collect::<Result<_, _>>()?;
    Ok(updates)
}

/// Notes that an update has been handled. `false`: it had been before.
///
/// # Errors
/// When the database cannot be written.
pub fn handled(conn: &Connection, id: i64, now: Timestamp) -> Result<bool, StoreError> {
    let changed = conn
        .prepare_cached("UPDATE telegram_updates SET handled_at = ?2 WHERE id = ?1 AND handled_at IS NULL")?
        .execute((id, millis(now)))?;
    Ok(changed > 0)
}

/// What Telegram delivered and what has been handled since then.
///
/// # Errors
/// When the database cannot be read.
pub fn handled_since(conn: &Connection, since: Timestamp) -> Result<Vec<String>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT body FROM telegram_updates WHERE received_at >= ?1 AND handled_at IS NOT NULL")?;
    Ok(statement.query_map([millis(since)], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Forgets handled updates and questions that came before.
///
/// # Errors
/// When the database cannot be written.
pub fn forget_before(conn: &Connection, before: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM telegram_updates WHERE received_at < ?1 AND handled_at IS NOT NULL")?
        .execute([millis(before)])?;
    conn.prepare_cached("DELETE FROM telegram_questions WHERE asked_at < ?1")?.execute([millis(before)])?;
    Ok(())
}

/// Forgets up to `limit` users who are no person of RMM and were last seen before; those of `listed` stay.
///
/// # Errors
/// When the database cannot be written.
pub fn forget_strangers(conn: &Connection, before: Timestamp, listed: &[i64], limit: u32) -> Result<usize, StoreError> {
    let forgotten = conn
        .prepare_cached(
            "DELETE FROM telegram_users WHERE id IN (SELECT id FROM telegram_users WHERE seen_at < ?1 AND person IS NULL \
             AND refused = 0 AND id NOT IN (SELECT value FROM json_each(?2)) ORDER BY seen_at LIMIT ?3)",
        )?
        .execute((millis(before), to_json(&listed)?, limit))?;
    Ok(forgotten)
}

/// A Telegram user who has written to the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Telegram's number of a person; never changes.
    pub id: i64,
    /// The name of the moment, without `@`.
    pub username: Option<String>,
    /// What they call themselves.
    pub first_name: String,
    /// The language they have chosen.
    pub language: Option<String>,
    /// The bot may write to them in private.
    pub private_chat: bool,
    /// The person that they are or claim to be, where the configuration knows only a username.
    pub person: Option<PersonName>,
    /// The username by which they have claimed it; claims older than this are without one.
    pub claimed_as: Option<String>,
    /// When they did; claims older than this are without it.
    pub claimed_at: Option<Timestamp>,
    /// The admin who has confirmed it.
    pub confirmed_by: Option<String>,
    /// An admin has refused the claim.
    pub refused: bool,
}

const USER: &str =
    "id, username, first_name, language, private_chat, person, claimed_as, confirmed_by, refused, claimed_at";

fn user_of(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        first_name: row.get(2)?,
        language: row.get(3)?,
        private_chat: row.get(4)?,
        person: maybe_word(row, 5)?,
        claimed_as: row.get(6)?,
        confirmed_by: row.get(7)?,
        refused: row.get(8)?,
        claimed_at: maybe_time(row, 9)?,
    })
}

/// Remembers that a user was seen, and returns what is known of them. `private`: in a private chat.
///
/// # Errors
/// When the database cannot be written.
pub fn see_user(
    conn: &Connection,
    id: i64,
    username: Option<&str>,
    first_name: &str,
    private: bool,
    now: Timestamp,
) -> Result<User, StoreError> {
    let user = conn
        .prepare_cached(&format!(
            "INSERT INTO telegram_users (id, username, first_name, private_chat, seen_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (id) DO UPDATE SET username = ?2, first_name = ?3, \
             private_chat = private_chat OR ?4, seen_at = ?5 RETURNING {USER}"
        ))?
        .query_row((id, username, first_name, private, millis(now)), user_of)?;
    Ok(user)
}

/// A user by number.
///
/// # Errors
/// When the database cannot be read.
pub fn user(conn: &Connection, id: i64) -> Result<Option<User>, StoreError> {
    let found = conn
        .prepare_cached(&format!("SELECT {USER} FROM telegram_users WHERE id = ?1"))?
        .query_row([id], user_of)
        .optional()?;
    Ok(found)
}

/// Users who are a person or claim to be one, by its name.
///
/// # Errors
/// When the database cannot be read.
pub fn users_of_people(conn: &Connection) -> Result<Vec<User>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {USER} FROM telegram_users WHERE person > '' ORDER BY person, id"))?;
    Ok(statement.query_map([], user_of)?.collect::<Result<_, _>>()?)
}

/// Notes which person a user claims to be, and by which username; an admin has to confirm it. Any other claim of theirs is over.
/// Does nothing where it is noted or settled already.
///
/// # Errors
/// When the database cannot be written.
pub fn claim(
    conn: &Connection,
    user: i64,
    person: &PersonName,
    username: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE telegram_users SET person = ?2, claimed_as = ?3, claimed_at = ?4, confirmed_by = NULL, refused = 0 \
         WHERE id = ?1 AND (person IS NOT ?2 OR claimed_as IS NOT ?3)",
    )?
    .execute((user, person.as_str(), username, millis(now)))?;
    Ok(())
}

/// Settles a claim: `confirmed_by` an admin, or refused. `None` when there is no such claim (any more), or the person
/// has been confirmed to be another. A confirmation refuses all others who claim to be that person, and returns them; an
/// account that was confirmed under another username is the person no longer.
///
/// # Errors
/// When the database cannot be written.
pub fn settle_claim(
    conn: &Connection,
    user: i64,
    person: &PersonName,
    confirmed_by: Option<&str>,
) -> Result<Option<Vec<i64>>, StoreError> {
    if confirmed_by.is_some() {
        conn.prepare_cached(
            "UPDATE telegram_users SET person = NULL, claimed_as = NULL, claimed_at = NULL, confirmed_by = NULL \
             WHERE person = ?2 AND id <> ?1 AND confirmed_by IS NOT NULL AND claimed_as <> \
             (SELECT claimed_as FROM telegram_users WHERE id = ?1 AND person = ?2) COLLATE NOCASE",
        )?
        .execute((user, person.as_str()))?;
    }
    let changed = conn
        .prepare_cached(
            "UPDATE OR IGNORE telegram_users SET confirmed_by = ?3, refused = ?3 IS NULL \
             WHERE id = ?1 AND person = ?2 AND confirmed_by IS NULL AND NOT (refused AND ?3 IS NULL)",
        )?
        .execute((user, person.as_str(), confirmed_by))?;
    if changed == 0 {
        return Ok(None);
    }
    if confirmed_by.is_none() {
        return Ok(Some(Vec::new()));
    }
    let mut refuse = conn.prepare_cached(
        "UPDATE telegram_users SET refused = 1 WHERE person = ?2 AND id <> ?1 AND confirmed_by IS NULL AND refused = 0 \
         RETURNING id",
    )?;
    let rows = refuse.query_map((user, person.as_str()), |row| row.get(0))?;
    Ok(Some(rows.collect::<Result<_, _>>()?))
}

/// Remembers the language that a user has chosen.
///
/// # Errors
/// When the database cannot be written.
pub fn set_language(conn: &Connection, user: i64, language: &str) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE telegram_users SET language = ?2 WHERE id = ?1")?.execute((user, language))?;
    Ok(())
}

/// A message of the bot that is kept current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The chat.
    pub chat: i64,
    /// The message.
    pub message: i64,
    /// The topic that it stands in.
    pub topic: Option<i64>,
    /// What it shows.
    pub screen: String,
    /// What makes it change.
    pub about: String,
    /// For whom it was drawn; none in a group.
    pub viewer: Option<i64>,
    /// A digest of what it showed last.
    pub shown: String,
    /// When that was.
    pub shown_at: Timestamp,
}

const KEPT: &str = "chat, message, topic, screen, about, viewer, shown, shown_at";

fn kept_of(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        chat: row.get(0)?,
        message: row.get(1)?,
        topic: row.get(2)?,
        screen: row.get(3)?,
        about: row.get(4)?,
        viewer: row.get(5)?,
        shown: row.get(6)?,
        shown_at: time(row, 7)?,
    })
}

/// Remembers what a message shows now.
///
/// # Errors
/// When the database cannot be written.
pub fn keep(conn: &Connection, kept: &Kept) -> Result<(), StoreError> {
    conn.prepare_cached(&format!(
        "INSERT INTO telegram_messages ({KEPT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (chat, message) \
         DO UPDATE SET topic = ?3, screen = ?4, about = ?5, viewer = ?6, shown = ?7, shown_at = ?8"
    ))?
    .execute((
        kept.chat,
        kept.message,
        kept.topic,
        &kept.screen,
        &kept.about,
        kept.viewer,
        &kept.shown,
        millis(kept.shown_at),
    ))?;
    Ok(())
}

/// A message is not kept current any more.
///
/// # Errors
/// When the database cannot be written.
pub fn let_go(conn: &Connection, chat: i64, message: i64) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM telegram_messages WHERE chat = ?1 AND message = ?2")?.execute((chat, message))?;
    Ok(())
}

/// Up to `limit` messages that last changed before, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn kept_before(conn: &Connection, before: Timestamp, limit: u32) -> Result<Vec<Kept>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {KEPT} FROM telegram_messages WHERE shown_at < ?1 ORDER BY shown_at LIMIT ?2"
    ))?;
    Ok(statement.query_map((millis(before), limit), kept_of)?.collect::<Result<_, _>>()?)
}

/// As [`let_go`], unless it has changed since.
///
/// # Errors
/// When the database cannot be written.
pub fn let_go_unchanged(conn: &Connection, chat: i64, message: i64, shown_at: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM telegram_messages WHERE chat = ?1 AND message = ?2 AND shown_at = ?3")?
        .execute((chat, message, millis(shown_at)))?;
    Ok(())
}

/// The messages about something, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub fn kept_about(conn: &Connection, about: &str) -> Result<Vec<Kept>, StoreError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {KEPT} FROM telegram_messages WHERE about = ?1 ORDER BY message DESC"))?;
    Ok(statement.query_map([about], kept_of)?.collect::<Result<_, _>>()?)
}

/// What of one kind (`run`, `host`) there are messages about.
///
/// # Errors
/// When the database cannot be read.
pub fn subjects(conn: &Connection, kind: &str) -> Result<Vec<String>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT DISTINCT about FROM telegram_messages WHERE about >= ?1 || ':' AND about < ?1 || ';' ORDER BY about",
    )?;
    Ok(statement.query_map([kind], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// One message.
///
/// # Errors
/// When the database cannot be read.
pub fn kept(conn: &Connection, chat: i64, message: i64) -> Result<Option<Kept>, StoreError> {
    let found = conn
        .prepare_cached(&format!("SELECT {KEPT} FROM telegram_messages WHERE chat = ?1 AND message = ?2"))?
        .query_row((chat, message), kept_of)
        .optional()?;
    Ok(found)
}

/// Remembers a question of the bot that is answered by a reply.
///
/// # Errors
/// When the database cannot be written.
pub fn ask(
    conn: &Connection,
    chat: i64,
    message: i64,
    user: i64,
    question: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO telegram_questions (chat, message, user, question, asked_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((chat, message, user, question, millis(now)))?;
    Ok(())
}

/// A question of the bot in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The group.
    pub chat: i64,
    /// The message that asks.
    pub message: i64,
    /// Whom it asks.
    pub user: i64,
    /// What about.
    pub question: String,
    /// Since when.
    pub asked_at: Timestamp,
}

/// The questions that are open in groups, the oldest of each first.
///
/// # Errors
/// When the database cannot be read.
pub fn questions_in_groups(conn: &Connection) -> Result<Vec<Question>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT chat, message, user, question, asked_at FROM telegram_questions WHERE chat < 0 ORDER BY chat, message",
    )?;
    let read = |row: &Row<'_>| {
        Ok(Question {
            chat: row.get(0)?,
            message: row.get(1)?,
            user: row.get(2)?,
            question: row.get(3)?,
            asked_at: time(row, 4)?,
        })
    };
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// A question is there no longer.
///
/// # Errors
/// When the database cannot be written.
pub fn close_question(conn: &Connection, chat: i64, message: i64) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM telegram_questions WHERE chat = ?1 AND message = ?2")?.execute((chat, message))?;
    Ok(())
}

/// What single people were shown in groups and was last changed in this span of time.
///
/// # Errors
/// When the database cannot be read.
pub fn shown_to_people(conn: &Connection, from: Timestamp, before: Timestamp) -> Result<Vec<Kept>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {KEPT} FROM telegram_messages WHERE shown_at >= ?1 AND shown_at < ?2 AND chat < 0 \
         AND viewer IS NOT NULL ORDER BY shown_at"
    ))?;
    Ok(statement.query_map((millis(from), millis(before)), kept_of)?.collect::<Result<_, _>>()?)
}

/// The question that a message asked this person.
///
/// # Errors
/// When the database cannot be read.
pub fn question(conn: &Connection, chat: i64, message: i64, user: i64) -> Result<Option<String>, StoreError> {
    let found = conn
        .prepare_cached("SELECT question FROM telegram_questions WHERE chat = ?1 AND message = ?2 AND user = ?3")?
        .query_row((chat, message, user), |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// Where a chat is now: a group that has become a supergroup has another number.
///
/// # Errors
/// When the database cannot be read.
pub fn chat_now(conn: &Connection, chat: i64) -> Result<i64, StoreError> {
    let found = conn
        .prepare_cached("SELECT now FROM telegram_moved WHERE chat = ?1")?
        .query_row([chat], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(chat))
}

/// A group has become a supergroup. The messages of the group stay behind.
///
/// # Errors
/// When the database cannot be written.
pub fn chat_moved(conn: &Connection, chat: i64, now: i64) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO telegram_moved (chat, now) VALUES (?1, ?2) ON CONFLICT (chat) DO UPDATE SET now = ?2",
    )?
    .execute((chat, now))?;
    super::news::chat_moved(conn, chat, now)?;
    super::alerts::chat_moved(conn, chat)?;
    conn.prepare_cached("DELETE FROM telegram_messages WHERE chat = ?1")?.execute([chat])?;
    conn.prepare_cached("DELETE FROM telegram_questions WHERE chat = ?1")?.execute([chat])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_update_is_stored_once_and_handled_once_whatever_its_number() {
        let conn = test_database();
        let batch = [(500, "a".to_owned()), (500, "a".to_owned()), (7, "b".to_owned())];
        assert_eq!(receive(&conn, &batch, at(1)).unwrap(), 2);
        assert_eq!(receive(&conn, &batch, at(2)).unwrap(), 0);
        let open = open_updates(&conn, 0, 10).unwrap();
        assert_eq!(open.iter().map(|update| update.body.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(handled(&conn, open[0].id, at(3)).unwrap());
        assert!(!handled(&conn, open[0].id, at(3)).unwrap());
        assert_eq!(open_updates(&conn, 0, 10).unwrap(), [open[1].clone()]);
        forget_before(&conn, at(100)).unwrap();
        assert_eq!(receive(&conn, &[(500, "c".into())], at(101)).unwrap(), 1, "numbers come again after a long time");
        assert_eq!(open_updates(&conn, 0, 10).unwrap().len(), 2, "what is not handled is never forgotten");
    }

    #[test]
    fn one_person_is_confirmed_once() {
        let conn = test_database();
        let ann = PersonName::parse("name", "ann").unwrap();
        for id in [1, 2] {
            see_user(&conn, id, Some("Ann"), "Ann", true, at(1)).unwrap();
            claim(&conn, id, &ann, "Ann", at(1)).unwrap();
        }
        assert_eq!(settle_claim(&conn, 1, &ann, Some("root")).unwrap(), Some(vec![2]), "the other one is refused");
        for (user, by) in [(2, Some("root")), (2, None), (1, None)] {
            assert_eq!(settle_claim(&conn, user, &ann, by).unwrap(), None, "it is settled");
        }
        let [first, second] = [1, 2].map(|id| user(&conn, id).unwrap().unwrap());
        assert_eq!((first.confirmed_by.as_deref(), first.refused), (Some("root"), false));
        assert_eq!((second.confirmed_by, second.refused), (None, true));

        // Another username in the configuration: another account may be confirmed, and the older one is no person any more.
        see_user(&conn, 3, Some("Ann_B"), "Ann", true, at(1)).unwrap();
        claim(&conn, 3, &ann, "Ann_B", at(1)).unwrap();
        assert_eq!(settle_claim(&conn, 3, &ann, Some("root")).unwrap(), Some(Vec::new()));
        assert_eq!(user(&conn, 1).unwrap().unwrap().person, None);
    }
}
