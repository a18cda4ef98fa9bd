//! Alerts that were told, by fingerprint: how often each has happened, where it stands, and whether it is silent.
//!
//! Must not: know how an alert reads, or grow beyond [`MOST`].

use jiff::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use super::columns::{maybe_time, millis, time, word};
use crate::domain::alert::{Alert, AlertKind, Silent, goes_on};
use crate::domain::ids::ReleaseId;

/// So many are kept, the newest.
const MOST: u32 = 500;

/// An alert and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its fingerprint, as buttons have it.
    pub key: String,
    /// What it says of the last time.
    pub alert: Alert,
    /// How often it has happened since.
    pub seen: u64,
    /// The first time.
    pub since: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// When it ended, where it is one that lasts.
    pub over_at: Option<Timestamp>,
    /// Whether it is silent, and who has made it so.
    pub silent: Option<(Silent, String)>,
    /// What a model makes of it.
    pub guess: Option<Guess>,
    /// Where it was told.
    pub message: Option<Place>,
    /// Grows with every change.
    pub revision: i64,
    /// When the message was changed last; none: the next change is shown at once.
    pub shown_at: Option<Timestamp>,
}

/// Where an alert was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The chat.
    pub chat: i64,
    /// The topic in it.
    pub topic: Option<i64>,
    /// The message.
    pub message: i64,
}

/// What came of an analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// The model.
    pub model: String,
    /// What it says, or why it says nothing.
    pub said: Result<String, String>,
}

const COLUMNS: &str = "key, kind, place, what, about, seq, trace_id, seen, since, last, over_at, silent, silent_until, \
                       silenced_by, model, guess, no_guess, chat, topic, message, revision, shown_at";

fn told_of(row: &Row<'_>) -> rusqlite::Result<Told> {
    let silent: bool = row.get("silent")?;
    let until = maybe_time(row, "silent_until")?.map_or(Silent::UntilOver, Silent::Until);
    let (model, guess, none): (Option<String>, Option<String>, Option<String>) =
        (row.get("model")?, row.get("guess")?, row.get("no_guess")?);
    let said = guess.map(Ok).or(none.map(Err));
    let (chat, message): (Option<i64>, Option<i64>) = (row.get("chat")?, row.get("message")?);
    let topic = row.get("topic")?;
    let seen: i64 = row.get("seen")?;
    let bad = |error| rusqlite::Error::FromSqlConversionFailure(7, Type::Integer, Box::new(error));
    Ok(Told {
        key: row.get("key")?,
        alert: Alert {
            kind: word(row, "kind")?,
            place: row.get("place")?,
            what: row.get("what")?,
            about: row.get("about")?,
            seq: row.get("seq")?,
            trace: row.get("trace_id")?,
        },
        seen: u64::try_from(seen).map_err(bad)?,
        since: time(row, "since")?,
        last: time(row, "last")?,
        over_at: maybe_time(row, "over_at")?,
        silent: silent.then_some((until, row.get::<_, Option<String>>("silenced_by")?.unwrap_or_default())),
        guess: model.zip(said).map(|(model, said)| Guess { model, said }),
        message: chat.zip(message).map(|(chat, message)| Place { chat, topic, message }),
        revision: row.get("revision")?,
        shown_at: maybe_time(row, "shown_at")?,
    })
}

/// One alert.
///
/// # Errors
/// When the database cannot be read.
pub fn get(conn: &Connection, key: &str) -> Result<Option<Told>, StoreError> {
    let mut statement = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM telegram_alerts WHERE key = ?1"))?;
    Ok(statement.query_row([key], told_of).optional()?)
}

/// Notes that something has happened so many times. What was quiet before is told anew, unless it is silent.
///
/// # Errors
/// When the database cannot be written.
pub fn raise(conn: &Connection, key: &str, alert: &Alert, times: u64, now: Timestamp) -> Result<(), StoreError> {
    let known = get(conn, key)?;
    let Some(known) = known.filter(|known| goes_on(known.last, now) || is_silent(known, now)) else {
        return begin(conn, key, alert, times, now);
    };
    let keeps_silent = is_silent(&known, now);
    conn.prepare_cached(
        "UPDATE telegram_alerts SET what = ?2, seq = ?3, trace_id = ?4, seen = seen + ?5, last = ?6, over_at = NULL, \
         silent = silent AND ?7, revision = revision + 1 WHERE key = ?1",
    )?
    .execute((key, &alert.what, alert.seq, &alert.trace, count(times), millis(now), keeps_silent))?;
    Ok(())
}

fn begin(conn: &Connection, key: &str, alert: &Alert, times: u64, now: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO telegram_alerts (key, kind, place, what, about, seq, trace_id, seen, since, last, revision) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 1)",
    )?
    .execute((
        key,
        alert.kind.as_str(),
        &alert.place,
        &alert.what,
        &alert.about,
        alert.seq,
        &alert.trace,
        count(times),
        millis(now),
    ))?;
    conn.prepare_cached(
        "DELETE FROM telegram_alerts WHERE last < (SELECT last FROM telegram_alerts ORDER BY last DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([MOST - 1])?;
    Ok(())
}

fn count(times: u64) -> i64 {
    i64::try_from(times).unwrap_or(i64::MAX / 2)
}

fn is_silent(told: &Told, now: Timestamp) -> bool {
    told.silent.as_ref().is_some_and(|(silent, _)| silent.holds(told.last, now))
}

/// What lasted is over. `false`: it was not going on.
///
/// # Errors
/// When the database cannot be written.
pub fn end(conn: &Connection, key: &str, now: Timestamp) -> Result<bool, StoreError> {
    let mut statement = conn.prepare_cached(
        "UPDATE telegram_alerts SET over_at = ?2, last = ?2, silent = silent AND silent_until IS NOT NULL, \
         revision = revision + 1, shown_at = NULL WHERE key = ?1 AND over_at IS NULL",
    )?;
    Ok(statement.execute((key, millis(now)))? > 0)
}

/// Makes an alert silent, or no longer. `false`: there is none any more.
///
/// # Errors
/// When the database cannot be written.
pub fn silence(conn: &Connection, key: &str, silent: Option<Silent>, by: &str) -> Result<bool, StoreError> {
    let until = match silent {
        Some(Silent::Until(end)) => Some(millis(end)),
        Some(Silent::UntilOver) | None => None,
    };
    let mut statement = conn.prepare_cached(
        "UPDATE telegram_alerts SET silent = ?2, silent_until = ?3, silenced_by = ?4, revision = revision + 1, \
         shown_at = NULL WHERE key = ?1",
    )?;
    Ok(statement.execute((key, silent.is_some(), until, by))? > 0)
}

/// Notes what came of the analysis of what has happened since then.
///
/// # Errors
/// When the database cannot be written.
pub fn guessed(conn: &Connection, key: &str, since: Timestamp, guess: &Guess) -> Result<(), StoreError> {
    let (said, none) = match &guess.said {
        Ok(said) => (Some(said), None),
        Err(why) => (None, Some(why)),
    };
    conn.prepare_cached(
        "UPDATE telegram_alerts SET model = ?3, guess = ?4, no_guess = ?5, revision = revision + 1, shown_at = NULL \
         WHERE key = ?1 AND since = ?2",
    )?
    .execute((key, millis(since), &guess.model, said, none))?;
    Ok(())
}

/// What models guess about the failures of a release, each with when that failure was first told, the oldest first.
///
/// # Errors
/// When the database cannot be read.
pub fn guesses(conn: &Connection, release: ReleaseId) -> Result<Vec<(Timestamp, Guess)>, StoreError> {
    let mut statement = conn.prepare_cached(
        "SELECT since, model, guess FROM telegram_alerts WHERE about = ?1 AND kind IN (?2, ?3) AND model IS NOT NULL \
         AND guess IS NOT NULL",
    )?;
    let kinds = [AlertKind::Failed, AlertKind::RollbackFailed].map(AlertKind::as_str);
    let guess =
        |row: &Row<'_>| Ok((time(row, "since")?, Guess { model: row.get("model")?, said: Ok(row.get("guess")?) }));
    let rows = statement.query_map((format!("release:{release}"), kinds[0], kinds[1]), guess)?;
    let mut found: Vec<(Timestamp, Guess)> = rows.collect::<Result<_, _>>()?;
    found.sort_by_key(|(since, _)| *since);
    Ok(found)
}

/// The alerts whose messages do not show how they stand, the longest waiting first.
///
/// # Errors
/// When the database cannot be read.
pub fn unshown(conn: &Connection) -> Result<Vec<Told>, StoreError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM telegram_alerts WHERE revision > shown ORDER BY message IS NOT NULL, last, key"
    ))?;
    Ok(statement.query_map([], told_of)?.collect::<Result<_, _>>()?)
}

/// A message shows an alert as it was; none: there is no message any more.
///
/// # Errors
/// When the database cannot be written.
pub fn shown(conn: &Connection, told: &Told, place: Option<Place>, now: Timestamp) -> Result<(), StoreError> {
    let (chat, topic, message) = match place {
        Some(Place { chat, topic, message }) => (Some(chat), topic, Some(message)),
        None => (None, None, None),
    };
    conn.prepare_cached(
        "UPDATE telegram_alerts SET shown = ?3, chat = ?4, topic = ?5, message = ?6, shown_at = ?7 \
         WHERE key = ?1 AND since = ?2",
    )?
    .execute((&told.key, millis(told.since), told.revision, chat, topic, message, millis(now)))?;
    Ok(())
}

/// The message of an alert is not there any more: it is told in another.
///
/// # Errors
/// When the database cannot be written.
pub fn lost(conn: &Connection, key: &str) -> Result<(), StoreError> {
    conn.prepare_cached(
        "UPDATE telegram_alerts SET chat = NULL, topic = NULL, message = NULL, shown = 0, shown_at = NULL WHERE key = ?1",
    )?
    .execute([key])?;
    Ok(())
}

/// Forgets alerts that were last seen before.
///
/// # Errors
/// When the database cannot be written.
pub fn forget_before(conn: &Connection, before: Timestamp) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM telegram_alerts WHERE last < ?1")?.execute([millis(before)])?;
    Ok(())
}

/// A group has become a supergroup, and its messages stay behind.
pub(super) fn chat_moved(conn: &Connection, chat: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE telegram_alerts SET chat = NULL, topic = NULL, message = NULL WHERE chat = ?1")?
        .execute([chat])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::Silence;
    use crate::store::migrate::test_database;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    fn error(what: &str) -> Alert {
        Alert {
            kind: AlertKind::Error,
            place: "rmm::store".into(),
            what: what.into(),
            about: String::new(),
            seq: None,
            trace: None,
        }
    }

    fn place(message: i64) -> Place {
        Place { chat: -7, topic: None, message }
    }

    #[test]
    fn what_happens_again_is_counted_where_it_was_told() {
        let conn = test_database();
        raise(&conn, "k", &error("a"), 1, at(0)).unwrap();
        let [new] = &unshown(&conn).unwrap()[..] else { panic!("one") };
        shown(&conn, new, Some(place(12)), at(0)).unwrap();
        assert_eq!(unshown(&conn).unwrap(), []);
        raise(&conn, "k", &error("b"), 9_999, at(6)).unwrap();
        let [again] = &unshown(&conn).unwrap()[..] else { panic!("one") };
        assert_eq!((again.seen, again.since, again.last, again.alert.what.as_str()), (10_000, at(0), at(6), "b"));
        assert_eq!(again.message, Some(place(12)));
        // After a quiet hour it is news.
        raise(&conn, "k", &error("c"), 1, at(66)).unwrap();
        let new = get(&conn, "k").unwrap().unwrap();
        assert_eq!((new.seen, new.since, new.message), (1, at(66), None));
        // What was being shown meanwhile is another one.
        shown(&conn, again, Some(place(12)), at(66)).unwrap();
        assert_eq!(get(&conn, "k").unwrap().unwrap().message, None);
    }

    #[test]
    fn what_is_silent_is_counted_and_not_told_anew() {
        let conn = test_database();
        raise(&conn, "k", &error("a"), 1, at(0)).unwrap();
        let told = get(&conn, "k").unwrap().unwrap();
        shown(&conn, &told, Some(place(12)), at(0)).unwrap();
        assert!(silence(&conn, "k", Silence::EightHours.from(at(0)), "ann").unwrap());
        assert!(!silence(&conn, "other", None, "ann").unwrap());
        raise(&conn, "k", &error("a"), 1, at(400)).unwrap();
        let silent = get(&conn, "k").unwrap().unwrap();
        assert_eq!((silent.seen, silent.message), (2, Some(place(12))));
        assert_eq!(silent.silent, Some((Silent::Until(at(480)), "ann".into())));
        raise(&conn, "k", &error("a"), 1, at(481)).unwrap();
        let told = get(&conn, "k").unwrap().unwrap();
        assert_eq!((told.seen, told.message, told.silent), (1, None, None));
    }

    #[test]
    fn what_is_over_ends_its_silence_and_what_comes_soon_goes_on() {
        let conn = test_database();
        let disk = Alert { kind: AlertKind::Disk, ..error("1 GB") };
        raise(&conn, "d", &disk, 1, at(0)).unwrap();
        silence(&conn, "d", Some(Silent::UntilOver), "ann").unwrap();
        assert!(end(&conn, "d", at(5)).unwrap() && !end(&conn, "d", at(6)).unwrap());
        let over = get(&conn, "d").unwrap().unwrap();
        assert_eq!((over.over_at, over.silent), (Some(at(5)), None));
        raise(&conn, "d", &disk, 1, at(10)).unwrap();
        let again = get(&conn, "d").unwrap().unwrap();
        assert_eq!((again.seen, again.over_at), (2, None));
    }

    #[test]
    fn a_guess_is_for_what_it_was_made_of() {
        let conn = test_database();
        raise(&conn, "k", &error("a"), 1, at(0)).unwrap();
        let guess = Guess { model: "m".into(), said: Err("it answers 500".into()) };
        guessed(&conn, "k", at(1), &guess).unwrap();
        assert_eq!(get(&conn, "k").unwrap().unwrap().guess, None);
        guessed(&conn, "k", at(0), &guess).unwrap();
        assert_eq!(get(&conn, "k").unwrap().unwrap().guess, Some(guess));
    }

    #[test]
    fn guesses_about_a_release_are_those_of_its_failures() {
        let conn = test_database();
        let failed = Alert { kind: AlertKind::Failed, about: "release:1".into(), ..error("") };
        let moved = Alert { kind: AlertKind::TagMoved, ..failed.clone() };
        let other = Alert { about: "release:11".into(), ..failed.clone() };
        let guess = |said| Guess { model: "m".into(), said };
        for (key, alert) in [("a", &failed), ("b", &moved), ("c", &other)] {
            raise(&conn, key, alert, 1, at(3)).unwrap();
            guessed(&conn, key, at(3), &guess(Ok(format!("{key} is full")))).unwrap();
        }
        assert_eq!(guesses(&conn, ReleaseId(1)).unwrap(), [(at(3), guess(Ok("a is full".into())))]);
        guessed(&conn, "a", at(3), &guess(Err("it answers 500".into()))).unwrap();
        assert_eq!(guesses(&conn, ReleaseId(1)).unwrap(), []);
    }

    #[test]
    fn many_are_not_kept() {
        let conn = test_database();
        for number in 0..i64::from(MOST) + 20 {
            raise(&conn, &format!("k{number}"), &error("a"), 1, at(number)).unwrap();
        }
        assert_eq!(unshown(&conn).unwrap().len(), MOST as usize);
        assert_eq!(get(&conn, "k3").unwrap(), None);
        chat_moved(&conn, -7).unwrap();
        lost(&conn, "k100").unwrap();
        forget_before(&conn, at(10_000)).unwrap();
        assert_eq!(unshown(&conn).unwrap(), []);
    }
}
