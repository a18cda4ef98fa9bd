//! Looks through the record, newest first, for what a filter lets through.
//!
//! A look goes along the index that has the fewest events of those that the filter names, and ends after [`LOOKED_AT`] of
//! them, so that no filter costs more than another, however long the record is; its caller goes on from where it ended.

use jiff::Timestamp;
use rusqlite::types::Value as Bound;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::error::StoreError;
use super::events::{self, EventRow};
use crate::domain::ids::ServiceName;
use crate::domain::person::Actor;

/// Events that one look goes through at most.
pub const LOOKED_AT: usize = 10_000;
/// Events of an index that are counted, to find the one with the fewest: beyond that, one is as long as another.
const COUNTED: usize = 1000;

/// Whose label stands for each event, as the index spells it.
const ACTOR: &str = "CASE WHEN json_valid(actor) THEN coalesce(actor ->> '$.name', actor ->> '$.is') END";

/// Which events are meant; nothing of it: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// About this service.
    pub service: Option<ServiceName>,
    /// Done by the actor of this name: a person, a token, `operator`, or `rmm` itself.
    pub actor: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// With this in their words, whatever its case.
    pub text: Option<String>,
}

/// What a look found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Newest first.
    pub events: Vec<EventRow>,
    /// The last event that was looked at, if there are more behind it: the next look begins there.
    pub next: Option<i64>,
    /// How far back the look came, unix milliseconds, where it ended because it had looked at enough.
    pub tired_at: Option<i64>,
}

/// How much a look may find.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Events.
    pub events: u32,
    /// Bytes of them, about.
    pub bytes: usize,
}

/// Looks for events before a place in the record, as [`look_at`] does, by what the record itself says.
///
/// # Errors
/// When the database cannot be read.
pub fn look(conn: &Connection, filter: &Filter, before: i64, most: Most) -> Result<Found, StoreError> {
    look_at(conn, filter, before, most, &|_| String::new())
}

/// Looks for events before a place in the record. A text is looked for in what the record says, and in what people are `shown` of an
/// event.
///
/// Times lead to places by the index: where the clock was set back between two events, the ones between are found without
/// limits of time alone.
///
/// # Errors
/// When the database cannot be read.
pub fn look_at(
    conn: &Connection,
    filter: &Filter,
    before: i64,
    most: Most,
    shown: &dyn Fn(&EventRow) -> String,
) -> Result<Found, StoreError> {
    let Some((oldest, newest)) = places(conn, filter)? else { return Ok(Found::default()) };
    let before = before.min(newest.saturating_add(1));
    let wanted = Wanted::of(filter);
    let (condition, value) = narrowest(conn, filter, before)?;
    let sql = format!(
        "SELECT {} FROM events WHERE {condition} AND seq < ?2 AND seq >= ?3 ORDER BY seq DESC LIMIT ?4",
        events::COLUMNS
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let limit = i64::try_from(LOOKED_AT + 1).unwrap_or(i64::MAX);
    let mut rows = statement.query((value, before, oldest, limit))?;
    let (mut found, mut size, mut last) = (Found::default(), 0, None);
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        if looked == LOOKED_AT {
            (found.next, found.tired_at) = last.unzip();
            break;
        }
        if wanted.takes(row, shown)? {
            let event = events::event(row)?;
            size += event.bytes();
            if found.events.len() >= most.events as usize || size > most.bytes && !found.events.is_empty() {
                found.next = last.map(|(seq, _)| seq);
                break;
            }
            found.events.push(event);
        }
        looked += 1;
        last = Some((row.get(0)?, row.get(1)?));
    }
    Ok(found)
}

/// The kinds of events that there are.
///
/// # Errors
/// When the database cannot be read.
pub fn kinds(conn: &Connection) -> Result<Vec<String>, StoreError> {
    // One step of the index for each kind.
    let mut statement = conn.prepare_cached(
        "WITH RECURSIVE each (kind) AS (SELECT min(kind) FROM events UNION ALL \
         SELECT (SELECT min(kind) FROM events WHERE kind > each.kind) FROM each WHERE kind IS NOT NULL) \
         SELECT kind FROM each WHERE kind IS NOT NULL",
    )?;
    let rows = statement.query_map((), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The oldest and the newest place that a filter's times leave; none: nothing happened then.
fn places(conn: &Connection, filter: &Filter) -> Result<Option<(i64, i64)>, StoreError> {
    let place = |sql: &str, at: Timestamp| {
        conn.prepare_cached(sql)?.query_row([at.as_millisecond()], |row| row.get::<_, i64>(0)).optional()
    };
    let oldest = match filter.since {
        Some(at) => place("SELECT seq FROM events WHERE at >= ?1 ORDER BY at, seq LIMIT 1", at)?,
        None => Some(i64::MIN),
    };
    let newest = match filter.until {
        Some(at) => place("SELECT seq FROM events WHERE at < ?1 ORDER BY at DESC, seq DESC LIMIT 1", at)?,
        None => Some(i64::MAX),
    };
    Ok(oldest.zip(newest))
}

/// What the index knows the doer of an event by.
fn key(label: &str) -> String {
    if label == Actor::Machine.label() { "machine".to_owned() } else { label.to_owned() }
}

/// The condition with an index of its own that the fewest events meet.
fn narrowest(conn: &Connection, filter: &Filter, before: i64) -> Result<(String, Bound), StoreError> {
    let mut conditions = Vec::new();
    if let Some(service) = &filter.service {
        conditions.push(("service = ?1".to_owned(), Bound::from(service.to_string())));
    }
    if let Some(actor) = &filter.actor {
        conditions.push((format!("{ACTOR} = ?1"), Bound::from(key(actor))));
    }
    if let Some(kind) = &filter.kind {
        conditions.push(("kind = ?1".to_owned(), Bound::from(kind.clone())));
    }
    if conditions.len() < 2 {
        return Ok(conditions.pop().unwrap_or_else(|| ("?1 IS NULL".to_owned(), Bound::Null)));
    }
    let mut narrowest: Option<(i64, String, Bound)> = None;
    for (condition, value) in conditions {
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM events WHERE {condition} AND seq < ?2 ORDER BY seq DESC LIMIT {COUNTED})"
        );
        let bound = [value.clone(), Bound::from(before)];
        let count: i64 = conn.prepare_cached(&sql)?.query_row(params_from_iter(bound), |row| row.get(0))?;
        if narrowest.as_ref().is_none_or(|(fewest, ..)| count < *fewest) {
            narrowest = Some((count, condition, value));
        }
    }
    Ok(narrowest.map_or_else(|| ("?1 IS NULL".to_owned(), Bound::Null), |(_, condition, value)| (condition, value)))
}

/// A filter, ready to be held against rows.
struct Wanted<'f> {
    filter: &'f Filter,
    /// The text as people write it, and as JSON does.
    text: Option<[String; 2]>,
}

impl<'f> Wanted<'f> {
    fn of(filter: &'f Filter) -> Self {
        let text = filter.text.as_ref().map(|text| {
            let text = text.to_lowercase();
            let quoted = serde_json::Value::from(text.as_str()).to_string();
            let inside = quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
            [text, inside]
        });
        Self { filter, text }
    }

    fn takes(&self, row: &Row<'_>, shown: &dyn Fn(&EventRow) -> String) -> rusqlite::Result<bool> {
        let text =
            |at: usize| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_str_or_null().ok().flatten().unwrap_or_default());
        let filter = self.filter;
        let at: i64 = row.get(1)?;
        let is_in_time = filter.since.is_none_or(|since| at >= since.as_millisecond())
            && filter.until.is_none_or(|until| at < until.as_millisecond());
        if !is_in_time
            || filter.service.as_ref().is_some_and(|service| text(2).ok() != Some(service.as_str()))
            || filter.kind.as_ref().is_some_and(|kind| text(6).ok() != Some(kind))
        {
            return Ok(false);
        }
        if let Some(wanted) = &filter.actor {
            let actor = serde_json::from_str::<Actor>(text(5)?);
            if actor.ok().is_none_or(|actor| actor.label() != wanted) {
                return Ok(false);
            }
        }
        let Some([plain, inside]) = &self.text else { return Ok(true) };
        let words = [text(2)?, text(5)?, text(6)?, text(7)?];
        let is_recorded = words.iter().any(|word| {
            let word = word.to_lowercase();
            word.contains(plain) || word.contains(inside)
        });
        Ok(is_recorded || shown(&events::event(row)?).to_lowercase().contains(plain))
    }
}

#[cfg(test)]
mod tests;
