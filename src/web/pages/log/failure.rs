//! The first line of a step's output that looks as if something went wrong.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use rusqlite::Connection;

use crate::domain::run::{Run, Step};
use crate::store::StoreError;
use crate::store::logs::{self, lines};
use crate::web::Web;

/// Words by which programs tell that something went wrong.
const TROUBLE: [&str; 12] = [
    "error:",
    "error ",
    "error[",
    "error\n",
    "err!",
    "fatal",
    "panic",
    "exception",
    "traceback",
    "failed",
    "permission denied",
    "command not found",
];

/// Bytes of a line that are looked at together.
const LONGEST: usize = 64 * 1024;
/// Bytes beside a word that say how it is meant.
const CONTEXT: usize = 64;

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

/// Whether a line has one of the words, by itself and not to say that there is no such thing: `0 failed`, `errors: 0`.
fn tells_of_trouble(line: &[u8]) -> bool {
    let line = &*without_colours(line);
    WORDS.as_ref().is_some_and(|words| words.find_iter(line).any(|hit| !is_harmless(line, hit.start(), hit.end())))
}

/// A line without the sequences that terminals obey (ECMA-48, CSI).
fn without_colours(line: &[u8]) -> Cow<'_, [u8]> {
    if !line.contains(&b'\x1b') {
        return Cow::Borrowed(line);
    }
    let (mut plain, mut rest) = (Vec::with_capacity(line.len()), line);
    while let Some(at) = rest.windows(2).position(|two| two == b"\x1b[") {
        plain.extend_from_slice(&rest[..at]);
        let end =
            rest[at + 2..].iter().position(|byte| (0x40..=0x7e).contains(byte)).map_or(rest.len(), |end| at + 3 + end);
        rest = &rest[end..];
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

fn is_harmless(line: &[u8], begins: usize, ends: usize) -> bool {
    let before = &line[begins.saturating_sub(CONTEXT)..begins];
    if before.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return true;
    }
    let before = String::from_utf8_lossy(before);
    let counted = before.trim_end_matches([' ', '\t', '(', '[']);
    let count = counted.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    if counted.len() < before.len() && ["0", "no", "without"].iter().any(|none| count.eq_ignore_ascii_case(none)) {
        return true;
    }
    let rest = String::from_utf8_lossy(&line[ends..line.len().min(ends + CONTEXT)]);
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches([' ', ':', '=', '\t']);
    rest.starts_with('0') && !rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
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
