//! What chats have still to hear: cards that have changed, one row for each chat and subject, and notices, one row for
//! each event that is worth a message.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::columns::{millis, time};
use super::{StoreError, figures};
use crate::domain::notice::Notice;
use crate::telemetry::metrics;

/// A card that a chat has still to see as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The chat.
    pub chat: i64,
    /// What about.
    pub about: String,
    /// The last event that changed it.
    pub since: i64,
}

/// Of the messages that wait for a place that refuses, so many are kept, the newest.
const KEPT: u32 = 50;

/// A message that a chat has still to get beside the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The chat.
    pub chat: i64,
    /// The topic in it.
    pub topic: Option<i64>,
    /// The event that it tells of, or the last one on record where none says it.
    pub seq: i64,
    /// What about.
    pub about: String,
    /// Which message.
    pub notice: Notice,
}

/// Notes that a card has changed.
///
/// # Errors
/// When the database cannot be written.
pub fn note_change(conn: &Connection, change: &Change) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO telegram_news (chat, about, since) VALUES (?1, ?2, ?3) ON CONFLICT (chat, about) \
         DO UPDATE SET since = max(since, ?3)",
    )?
    .execute((change.chat, &change.about, change.since))?;
    Ok(())
}

/// Notes a message, in the place of those about the same thing of which it says what has become.
///
/// # Errors
/// When the database cannot be written.
pub fn note_notice(conn: &Connection, due: &Due) -> Result<(), StoreError> {
    let topic = due.topic.unwrap_or(0);
    // What has still to be said of it there reminds people, too, and comes first.
    if due.notice == Notice::Reminder {
        let mut untold = conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM telegram_notices WHERE chat = ?1 AND topic = ?2 AND about = ?3)",
        )?;
        if untold.query_row((due.chat, topic, &due.about), |row| row.get(0))? {
            return Ok(());
        }
    }
    let mut forget = conn.prepare_cached(
        "DELETE FROM telegram_notices WHERE chat = ?1 AND topic = ?2 AND seq < ?3 AND about = ?4 AND notice = ?5",
    )?;
    for older in Notice::ALL.iter().filter(|older| older.is_outdated_by(due.notice)) {
        forget.execute((due.chat, topic, due.seq, &due.about, older.as_str()))?;
    }
    conn.prepare_cached(
        "INSERT OR IGNORE INTO telegram_notices (chat, topic, seq, about, notice) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((due.chat, topic, due.seq, &due.about, due.notice.as_str()))?;
    conn.prepare_cached(
        "DELETE FROM telegram_notices WHERE chat = ?1 AND topic = ?2 \
         AND EXISTS (SELECT 1 FROM telegram_refusals WHERE chat = ?1 AND topic = ?2) \
         AND seq < (SELECT seq FROM telegram_notices WHERE chat = ?1 AND topic = ?2 \
         ORDER BY seq DESC LIMIT 1 OFFSET ?3)",
    )?
    .execute((due.chat, topic, KEPT - 1))?;
    Ok(())
}

/// A place that takes no messages of the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The chat.
    pub chat: i64,
    /// The topic in it.
    pub topic: Option<i64>,
    /// Since when.
    pub since: Timestamp,
    /// What Telegram says.
    pub reason: String,
}

/// Notes that a place takes no messages, and hands what waits for it to these chats. `false`: it is known already.
///
/// # Errors
/// When the database cannot be written.
pub fn refuse(conn: &Connection, refusal: &Refusal, stand_ins: &[i64]) -> Result<bool, StoreError> {
    let Refusal { chat, topic, since, reason } = refusal;
    let new = conn
        .prepare_cached("INSERT OR IGNORE INTO telegram_refusals (chat, topic, since, reason) VALUES (?1, ?2, ?3, ?4)")?
        .execute((chat, topic.unwrap_or(0), millis(*since), reason))?;
    if new == 0 {
        return Ok(false);
    }
    let waiting = notices(conn, *chat, usize::MAX, |due| due.topic == *topic)?;
    hand_over(conn, &waiting, stand_ins)?;
    Ok(true)
}

/// Hands what is noted for places of the team that refuse as things stand to these chats.
///
/// # Errors
/// When the database cannot be written.
pub fn hand_over(conn: &Connection, noted: &[Due], stand_ins: &[i64]) -> Result<(), StoreError> {
    let refusals = refusals(conn)?;
    let is_refused = |due: &Due| refusals.iter().any(|it| (it.chat, it.topic) == (due.chat, due.topic));
    // Admins hear of what only they can help with anyway, and what is for a person alone goes to no stand-in.
    let handed = noted.iter().filter(|due| due.notice != Notice::Alarm && due.chat < 0 && is_refused(due));
    for due in handed {
        for stand_in in stand_ins {
            note_notice(conn, &Due { chat: *stand_in, topic: None, ..due.clone() })?;
        }
    }
    Ok(())
}

/// A place takes messages again; of a chat all its topics where none is named. What it was, where it had refused them.
///
/// # Errors
/// When the database cannot be written.
pub fn accept(conn: &Connection, chat: i64, topic: Option<Option<i64>>) -> Result<Vec<Refusal>, StoreError> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM telegram_refusals WHERE chat = ?1 AND (?2 IS NULL OR topic = ?2) RETURNING chat, topic, since, reason",
    )?;
    let rows = statement.query_map((chat, topic.map(|topic| topic.unwrap_or(0))), refusal_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The places that take no messages of the bot.
///
/// # Errors
/// When the database cannot be read.
pub fn refusals(conn: &Connection) -> Result<Vec<Refusal>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT chat, topic, since, reason FROM telegram_refusals WHERE chat <> ?1 ORDER BY chat, topic",
    )?;
    Ok(statement.query_map([TOKEN], refusal_of)?.collect::<Result<_, _>>()?)
}

/// Stands for all chats among those that refuse: the bot's own token is refused. No chat has this number.
const TOKEN: i64 = 0;

/// Notes since when Telegram refuses the bot's own token, unless that is known already; none: it does not.
///
/// # Errors
/// When the database cannot be written.
pub fn note_token(conn: &Connection, refused_since: Option<Timestamp>) -> Result<(), StoreError> {
    match refused_since {
        Some(since) => conn
            .prepare_cached(
                "INSERT OR IGNORE INTO telegram_refusals (chat, topic, since, reason) VALUES (?1, 0, ?2, '')",
            )?
            .execute((TOKEN, millis(since)))?,
        None => conn.prepare_cached("DELETE FROM telegram_refusals WHERE chat = ?1")?.execute([TOKEN])?,
    };
    Ok(())
}

/// Since when Telegram refuses the bot's own token; none: it does not.
///
/// # Errors
/// When the database cannot be read.
pub fn token_refused_since(conn: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT since FROM telegram_refusals WHERE chat = ?1")?;
    Ok(statement.query_row([TOKEN], |row| time(row, 0)).optional()?)
}

fn refusal_of(row: &Row<'_>) -> rusqlite::Result<Refusal> {
    Ok(Refusal { chat: row.get(0)?, topic: topic_of(row, 1)?, since: time(row, 2)?, reason: row.get(3)? })
}

fn topic_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<i64>> {
    let topic: i64 = row.get(column)?;
    Ok((topic != 0).then_some(topic))
}

/// The chats that have still to hear something.
///
/// # Errors
/// When the database cannot be read.
pub fn waiting_chats(conn: &Connection) -> Result<Vec<i64>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT chat FROM telegram_news UNION SELECT chat FROM telegram_notices")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The cards that a chat has still to see, the longest waiting first.
///
/// # Errors
/// When the database cannot be read.
pub fn changes(conn: &Connection, chat: i64) -> Result<Vec<Change>, StoreError> {
    let mut statement =
        conn.prepare_cached("SELECT chat, about, since FROM telegram_news WHERE chat = ?1 ORDER BY since, about")?;
    let read = |row: &Row<'_>| Ok(Change { chat: row.get(0)?, about: row.get(1)?, since: row.get(2)? });
    Ok(statement.query_map([chat], read)?.collect::<Result<_, _>>()?)
}

/// The change of one card that a chat has still to see.
///
/// # Errors
/// When the database cannot be read.
pub fn change(conn: &Connection, chat: i64, about: &str) -> Result<Option<Change>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT since FROM telegram_news WHERE chat = ?1 AND about = ?2")?;
    let since = statement.query_row((chat, about), |row| row.get(0)).optional()?;
    Ok(since.map(|since| Change { chat, about: about.to_owned(), since }))
}

/// Up to `most` of the messages that a chat has still to get, the oldest first; those that are `wanted` alone. One of a newer
/// RMM that has more kinds is passed over.
///
/// # Errors
/// When the database cannot be read.
pub fn notices(
    conn: &Connection,
    chat: i64,
    most: usize,
    wanted: impl Fn(&Due) -> bool,
) -> Result<Vec<Due>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT topic, seq, about, notice FROM telegram_notices WHERE chat = ?1 ORDER BY seq, about, notice, topic",
    )?;
    let (mut rows, mut found) = (statement.query([chat])?, Vec::new());
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        if let Ok(notice) = row.get_ref(3)?.as_str().unwrap_or_default().parse() {
            let due = Due { chat, topic: topic_of(row, 0)?, seq: row.get(1)?, about: row.get(2)?, notice };
            found.extend(Some(due).filter(&wanted));
        }
    }
    Ok(found)
}

/// Drops a message that was not sent yet; `false`: there is none.
///
/// # Errors
/// When the database cannot be written.
pub fn drop_untold(conn: &Connection, due: &Due) -> Result<bool, StoreError> {
    let mut delete = conn
        .prepare_cached("DELETE FROM telegram_notices WHERE chat = ?1 AND topic = ?2 AND about = ?3 AND notice = ?4")?;
    Ok(delete.execute((due.chat, due.topic.unwrap_or(0), &due.about, due.notice.as_str()))? > 0)
}

/// Notes that it has changed whether a place refuses. Whoever has not heard yet how it stood before knows already how it stands.
///
/// # Errors
/// When the database cannot be written.
pub fn note_change_of_place(conn: &Connection, dues: impl IntoIterator<Item = Due>) -> Result<(), StoreError> {
    for due in dues {
        if !drop_untold(conn, &due)? {
            note_notice(conn, &due)?;
        }
    }
    Ok(())
}

/// A chat has been told how it stands with a place. Where that has changed since, it is told so; else there is nothing more to tell.
///
/// # Errors
/// When the database cannot be written.
pub fn told_of_place(conn: &Connection, due: &Due, place: (i64, Option<i64>), refuses: bool) -> Result<(), StoreError> {
    told(conn, due)?;
    let is_refused = refusals(conn)?.iter().any(|it| (it.chat, it.topic) == place);
    if is_refused == refuses { drop_untold(conn, due).map(drop) } else { note_notice(conn, due) }
}

/// Whether a message is still to be sent: what has come since may say more.
///
/// # Errors
/// When the database cannot be read.
pub fn is_due(conn: &Connection, due: &Due) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM telegram_notices WHERE chat = ?1 AND topic = ?2 AND seq = ?3 AND about = ?4 AND notice = ?5",
    )?;
    Ok(statement.exists((due.chat, due.topic.unwrap_or(0), due.seq, &due.about, due.notice.as_str()))?)
}

/// A chat has seen this card; what has changed it since stays.
///
/// # Errors
/// When the database cannot be written.
pub fn seen(conn: &Connection, change: &Change) -> Result<(), StoreError> {
    let mut delete = conn.prepare_cached("DELETE FROM telegram_news WHERE chat = ?1 AND about = ?2 AND since = ?3")?;
    let gone = delete.execute((change.chat, &change.about, change.since))?;
    count_told(conn, gone, change.since)
}

/// A chat has got this message.
///
/// # Errors
/// When the database cannot be written.
pub fn told(conn: &Connection, due: &Due) -> Result<(), StoreError> {
    conn.prepare_cached(
        "DELETE FROM telegram_notices WHERE chat = ?1 AND topic = ?2 AND seq = ?3 AND about = ?4 AND notice = ?5",
    )?
    .execute((due.chat, due.topic.unwrap_or(0), due.seq, &due.about, due.notice.as_str()))
    .map_err(StoreError::from)
    // A reminder comes of no event: that it was sent late is not known from one.
    .and_then(|gone| if due.notice == Notice::Reminder { Ok(()) } else { count_told(conn, gone, due.seq) })
}

/// Counts how long a chat has waited for what happened at a place in the record.
fn count_told(conn: &Connection, rows: usize, seq: i64) -> Result<(), StoreError> {
    if rows > 0
        && let Some(at) = figures::happened(conn, seq)?
    {
        metrics::of_process().news_told(at);
    }
    Ok(())
}

/// A group has become a supergroup.
pub(super) fn chat_moved(conn: &Connection, chat: i64, now: i64) -> Result<(), StoreError> {
    for table in ["telegram_news", "telegram_notices", "telegram_refusals"] {
        conn.execute(&format!("UPDATE OR REPLACE {table} SET chat = ?2 WHERE chat = ?1"), (chat, now))?;
    }
    Ok(())
}

/// How far the record has been noted for chats; nothing before the first start with a bot.
///
/// # Errors
/// When the database cannot be read.
pub fn noted(conn: &Connection) -> Result<Option<i64>, StoreError> {
    Ok(conn.prepare_cached("SELECT seq FROM telegram_told WHERE id = 1")?.query_row([], |row| row.get(0)).optional()?)
}

/// Says how far the record has been noted.
///
/// # Errors
/// When the database cannot be written.
pub fn set_noted(conn: &Connection, seq: i64) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO telegram_told (id, seq) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET seq = ?1")?
        .execute([seq])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;
    use crate::store::telegram;

    #[test]
    fn changes_of_a_card_collapse_and_what_is_newer_stays() {
        let conn = test_database();
        let change = |chat, since| Change { chat, about: "release:1".into(), since };
        note_change(&conn, &change(-1, 5)).unwrap();
        note_change(&conn, &change(-1, 6)).unwrap();
        assert_eq!(changes(&conn, -1).unwrap(), [change(-1, 6)]);
        note_change(&conn, &change(-1, 7)).unwrap();
        seen(&conn, &change(-1, 6)).unwrap();
        assert_eq!(changes(&conn, -1).unwrap(), [change(-1, 7)]);
        telegram::chat_moved(&conn, -1, -1001).unwrap();
        assert_eq!(telegram::chat_now(&conn, -1).unwrap(), -1001);
        assert_eq!(changes(&conn, -1001).unwrap(), [change(-1001, 7)]);
        assert_eq!(waiting_chats(&conn).unwrap(), [-1001]);
    }

    #[test]
    fn what_is_noted_for_a_place_that_refuses_meanwhile_is_handed_over_too() {
        let conn = test_database();
        let due = |chat, notice| Due { chat, topic: None, seq: 7, about: "release:1".into(), notice };
        let handed = || notices(&conn, 5, 9, |_| true).unwrap();
        note_notice(&conn, &due(-1, Notice::RolledBack)).unwrap();
        let refusal = Refusal { chat: -1, topic: None, since: Timestamp::UNIX_EPOCH, reason: "kicked".into() };
        assert!(refuse(&conn, &refusal, &[5]).unwrap());
        assert_eq!(handed(), [due(5, Notice::RolledBack)], "what waits");
        told(&conn, &due(5, Notice::RolledBack)).unwrap();
        let noted = [due(-1, Notice::Waits), due(-1, Notice::Alarm), due(-2, Notice::Approved), due(9, Notice::Failed)];
        for _ in 0..2 {
            hand_over(&conn, &noted, &[5]).unwrap();
        }
        assert_eq!(handed(), [due(5, Notice::Waits)]);
    }

    #[test]
    fn what_changes_while_it_is_told_is_told_too_and_what_is_so_again_is_not() {
        let conn = test_database();
        let due = |seq| Due { chat: 5, topic: None, seq, about: "place:-1:0".into(), notice: Notice::Personal };
        let waiting = || notices(&conn, 5, 9, |_| true).unwrap().len();
        let refusal = Refusal { chat: -1, topic: None, since: Timestamp::UNIX_EPOCH, reason: "kicked".into() };
        let comes_and_goes = |seq| {
            accept(&conn, -1, None).unwrap();
            note_change_of_place(&conn, [due(seq)]).unwrap();
            refuse(&conn, &refusal, &[]).unwrap();
            note_change_of_place(&conn, [due(seq + 1)]).unwrap();
        };
        refuse(&conn, &refusal, &[]).unwrap();
        note_change_of_place(&conn, [due(1)]).unwrap();
        // Both while it is said that the place refuses; then once more, when nothing is being said.
        comes_and_goes(1);
        told_of_place(&conn, &due(1), (-1, None), true).unwrap();
        assert_eq!(waiting(), 0);
        comes_and_goes(2);
        assert_eq!(waiting(), 0);
        // The first half of it alone.
        note_change_of_place(&conn, [due(3)]).unwrap();
        accept(&conn, -1, None).unwrap();
        note_change_of_place(&conn, [due(3)]).unwrap();
        told_of_place(&conn, &due(3), (-1, None), true).unwrap();
        assert_eq!(waiting(), 1);
    }

    #[test]
    fn a_reminder_does_not_wait_beside_what_was_not_said_yet() {
        let conn = test_database();
        let due = |about: &str, notice| Due { chat: -1, topic: None, seq: 7, about: about.into(), notice };
        let waiting = || notices(&conn, -1, 9, |_| true).unwrap().into_iter().map(|due| due.notice).collect::<Vec<_>>();
        note_notice(&conn, &due("release:1", Notice::Waits)).unwrap();
        note_notice(&conn, &due("release:1", Notice::Reminder)).unwrap();
        assert_eq!(waiting(), [Notice::Waits]);
        told(&conn, &due("release:1", Notice::Waits)).unwrap();
        for _ in 0..2 {
            note_notice(&conn, &due("release:1", Notice::Reminder)).unwrap();
        }
        assert_eq!(waiting(), [Notice::Reminder]);
    }

    #[test]
    fn each_notice_is_due_once_unless_a_later_one_says_what_has_become_of_it() {
        let conn = test_database();
        let due = |seq, notice| Due { chat: -1, topic: None, seq, about: "release:1".into(), notice };
        let told_next = || {
            let next = notices(&conn, -1, 1, |_| true).unwrap().pop();
            next.iter().for_each(|due| told(&conn, due).unwrap());
            next.map(|due| (due.seq, due.notice))
        };
        let happens = [
            (1, Notice::Waits),
            (2, Notice::Bypassed),
            (3, Notice::Approved),
            (4, Notice::Approved),
            (5, Notice::Deploying),
        ];
        for (seq, notice) in happens {
            note_notice(&conn, &due(seq, notice)).unwrap();
        }
        assert!(!is_due(&conn, &due(4, Notice::Approved)).unwrap());
        assert_eq!(told_next(), Some((2, Notice::Bypassed)));
        note_notice(&conn, &due(6, Notice::Deployed)).unwrap();
        note_notice(&conn, &due(7, Notice::RolledBack)).unwrap();
        let next = [told_next(), told_next(), told_next()];
        assert_eq!(next, [Some((6, Notice::Deployed)), Some((7, Notice::RolledBack)), None]);
        conn.execute(
            "INSERT INTO telegram_notices (chat, topic, seq, about, notice) VALUES (-1, 0, 8, 'release:1', 'sung')",
            (),
        )
        .unwrap();
        assert_eq!(told_next(), None, "a kind of notice that is not known stops nothing");
    }

    #[test]
    fn a_place_that_refuses_keeps_the_newest_and_others_hear_what_waits_there() {
        let conn = test_database();
        let due = |chat, topic, seq| Due { chat, topic, seq, about: format!("release:{seq}"), notice: Notice::Failed };
        let refusal = Refusal { chat: -1, topic: Some(7), since: Timestamp::UNIX_EPOCH, reason: "TOPIC_CLOSED".into() };
        note_notice(&conn, &due(-1, Some(7), 1)).unwrap();
        note_notice(&conn, &due(-1, None, 1)).unwrap();
        assert!(refuse(&conn, &refusal, &[77]).unwrap());
        assert!(!refuse(&conn, &refusal, &[78]).unwrap());
        assert_eq!(notices(&conn, 77, 9, |_| true).unwrap(), [due(77, None, 1)]);
        assert_eq!(notices(&conn, 78, 9, |_| true).unwrap(), []);
        for seq in 2..=100 {
            note_notice(&conn, &due(-1, Some(7), seq)).unwrap();
            note_notice(&conn, &due(-1, None, seq)).unwrap();
        }
        let waits = |topic| -> Vec<i64> {
            notices(&conn, -1, 200, |due| due.topic == topic).unwrap().into_iter().map(|due| due.seq).collect()
        };
        assert_eq!(waits(Some(7)), (51..=100).collect::<Vec<_>>());
        assert_eq!(waits(None).len(), 100);
        assert_eq!(accept(&conn, -1, Some(None)).unwrap(), []);
        assert_eq!(accept(&conn, -1, None).unwrap(), [refusal]);
        assert_eq!(refusals(&conn).unwrap(), []);
    }
}
