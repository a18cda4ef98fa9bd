//! In which spans the newest events came to be, for the messages that follow from them. No part of the record: what is lost here
//! is a line between two spans.

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use crate::telemetry::traces::Position;

/// How many of the newest events keep their span; a message about an older event begins no trace.
const MAX_SPANS: i64 = 10_000;

/// Notes the span of an event.
///
/// # Errors
/// When the database cannot be written.
pub fn note(conn: &Connection, seq: i64, place: Position) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR REPLACE INTO event_spans (seq, traceparent) VALUES (?1, ?2)")?
        .execute((seq, place.to_string()))?;
    conn.prepare_cached("DELETE FROM event_spans WHERE seq <= ?1")?.execute([seq - MAX_SPANS])?;
    Ok(())
}

/// The span of an event, where it is known.
///
/// # Errors
/// When the database cannot be read.
pub fn of_event(conn: &Connection, seq: i64) -> Result<Option<Position>, StoreError> {
    let mut statement = conn.prepare_cached("SELECT traceparent FROM event_spans WHERE seq = ?1")?;
    let text: Option<String> = statement.query_row([seq], |row| row.get(0)).optional()?;
    Ok(text.as_deref().and_then(Position::of_parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    #[test]
    fn the_newest_events_have_spans() {
        let conn = test_database();
        let place = |seed| Position::within("0af7651916cd43dd8448eb211c80319c", seed).unwrap();
        note(&conn, 1, place(1)).unwrap();
        note(&conn, 2, place(2)).unwrap();
        assert_eq!(of_event(&conn, 1).unwrap(), Some(place(1)));
        note(&conn, 1 + MAX_SPANS, place(3)).unwrap();
        let known = [1, 2, 1 + MAX_SPANS].map(|seq| of_event(&conn, seq).unwrap());
        assert_eq!(known, [None, Some(place(2)), Some(place(3))]);
    }
}
