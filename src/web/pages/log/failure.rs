//! The first line of a step's output that looks as if something went wrong.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use rusqlite::Connection;

use crate::domain::run::{Run, Step};
use crate::store::StoreError;
use crate::store::logs::{self, lines};
use crate::web::Web;

/// Words by which programs tell that something went wrong; behind some of them stands a colour.
const TROUBLE: [&str; 12] = [
    "error:",
    "error ",
    "error[",
    "error\u{1b}",
    "err!",
    "fatal",
    "panic",
    "exception",
    "traceback",
    "failed",
    "permission denied",
    "command not found",
];

static WORDS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(TROUBLE).ok());

/// The first line of a step that failed which tells of trouble.
pub(in crate::web::pages) async fn first(
    web: &Web,
    run: &Run,
    step: &Step,
    tried: Option<u32>,
) -> Result<Option<u64>, StoreError> {
    if step.state.trouble().is_none() {
        return Ok(None);
    }
    let (run, index, tries) = (run.id.0, step.index, step.tries);
    let place = web.engine.read(move |conn| {
        let kept_as = match tried {
            Some(tried) => logs::of_try(index, tried.min(tries)),
            None => logs::shown_first(conn, run, index, tries)?,
        };
        Ok((run, kept_as, lines::extent(conn, run, kept_as)?.last_id))
    });
    let place = place.await?;
    if let Some(known) = web.kept.failures.get(&place).await {
        return Ok(known);
    }
    let found = web.engine.read(move |conn| search(conn, place.0, place.1)).await?;
    web.kept.failures.insert(place, found).await;
    Ok(found)
}

fn search(conn: &Connection, run: i64, step: i64) -> Result<Option<u64>, StoreError> {
    let Some(words) = WORDS.as_ref() else { return Ok(None) };
    let (mut carried, mut found): (Vec<u8>, Option<u64>) = (Vec::new(), None);
    lines::walk(conn, run, step, 0, |piece| {
        // A word may stand in two pieces: the end of the line before is looked at once more.
        let before = carried.len();
        carried.extend_from_slice(&piece.bytes);
        if let Some(hit) = words.find(&carried) {
            let ends = carried[before.min(hit.start())..hit.start()].iter().filter(|byte| **byte == b'\n').count();
            found = Some(piece.line + 1 + ends as u64);
            return false;
        }
        let line = carried.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        carried.drain(..line.max(carried.len().saturating_sub(64)));
        true
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::test_database;

    #[test]
    fn the_first_line_that_tells_of_trouble_is_found_whatever_the_pieces() {
        for (text, line) in [
            ("all well\nnpm notice\nerror: no such table\nfatal: gone\n", Some(3)),
            ("all well\n\u{1b}[1mERROR\u{1b}[0m no\n", Some(2)),
            ("nothing\nhere\n", None),
        ] {
            for size in [1, 5, 9, 100] {
                let conn = test_database();
                let mut end = 0;
                for piece in text.as_bytes().chunks(size) {
                    end += piece.len() as u64;
                    logs::append(&conn, 1, 0, end, piece, jiff::Timestamp::UNIX_EPOCH).unwrap();
                }
                assert_eq!(search(&conn, 1, 0).unwrap(), line, "{text} in pieces of {size}");
            }
        }
    }
}
