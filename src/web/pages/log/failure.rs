//! The first line of a step's output that looks as if something went wrong.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use rusqlite::Connection;

use crate::domain::fault::trouble;
use crate::domain::run::{Run, Step};
use crate::store::StoreError;
use crate::store::logs::{self, lines};
use crate::web::Web;

/// Bytes of a line that are looked at together.
const LONGEST: usize = 64 * 1024;
/// Bytes beside a word that say how it is meant.
const CONTEXT: usize = 64;

/// Most lines are none of trouble: only those with a sign of it are read word by word.
static SIGNS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(trouble::SIGNS).ok());

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
    let (mut line, mut found): (Vec<u8>, Option<u64>) = (Vec::new(), None);
    let mut number = 0;
    lines::walk(conn, run, step, 0, |piece| {
        // Where the piece begins; a line that began before it stands in `line`.
        number = piece.line + 1;
        for part in piece.bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if part.ends_with(b"\n") || line.len() > LONGEST {
                if tells_of_trouble(&line) {
                    found = Some(number);
                    return false;
                }
                // A word may stand across the cut of a line without end.
                line.drain(..if part.ends_with(b"\n") { line.len() } else { line.len() - CONTEXT });
            }
            number += u64::from(part.ends_with(b"\n"));
        }
        true
    })?;
    Ok(found.or_else(|| tells_of_trouble(&line).then_some(number)))
}

fn tells_of_trouble(line: &[u8]) -> bool {
    SIGNS.as_ref().is_some_and(|signs| signs.is_match(line)) && trouble::tells(&String::from_utf8_lossy(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate::test_database;

    #[test]
    fn the_first_line_that_tells_of_trouble_is_found_whatever_the_pieces() {
        for (text, line) in [
            ("all well\nnpm notice\nerror: no such table\nfatal: gone\n", Some(3)),
            ("all well\n\u{1b}[1mERROR\u{1b}[0m no\n", Some(2)),
            ("nothing\nhere\n", None),
            ("test result: ok. 12 passed; 0 failed\nTests: 0 failed, 10 passed\nERROR: refused\n", Some(3)),
            (
                "ok errors: 0, failed=0\n   Compiling thiserror v1.0.1\nno error here\nthread 'main' panicked at",
                Some(4),
            ),
            ("\u{1b}[32m0 failed\u{1b}[0m\n\u{1b}[31mERROR\u{1b}[0m\n", Some(2)),
            ("3 failed, 0 skipped\n", Some(1)),
            ("error: 0x80070005 refused\n", Some(1)),
            ("build ok\nTypeError: Cannot read properties of undefined\n    at foo (x.js:1)\n", Some(2)),
            (
                "test payment::failed_is_retried ... ok\ntest fatal_is_told ... ok\nerror: linking with cc failed\n",
                Some(3),
            ),
            ("cc x.c\nx.c:1: undefined reference to foo\nmake: *** [all] Error 1\n", Some(2)),
            ("начало\nОшибка: нет соединения\n", Some(2)),
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
