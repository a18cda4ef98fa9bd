//! Looks for text in what the steps of a run have printed, some of it at a time.

use std::collections::VecDeque;

use aho_corasick::AhoCorasick;
use rusqlite::Connection;

use crate::store::StoreError;
use crate::store::logs::lines::{self, Lines, Part};
use crate::store::logs::step_and_try;
use crate::web::pages::ansi::{Screen, visible};

/// Lines that are found at once.
const HITS: usize = 100;
/// Output that is looked through at once, bytes.
const BYTES: usize = 32 << 20;
/// Lines shown before and behind a line that was found.
const CONTEXT: usize = 2;
/// Of a line, so many characters are shown.
const SHOWN: usize = 400;

/// A line that was found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::web::pages) struct Hit {
    pub step: u32,
    pub tried: u32,
    pub number: u64,
    pub before: Vec<String>,
    pub line: String,
    pub after: Vec<String>,
}

/// What was found, and where to look further.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::web::pages) struct Found {
    pub hits: Vec<Hit>,
    /// The step as the log numbers it, and the line.
    pub goes_on: Option<(i64, u64)>,
}

/// The lines of a run in which a text stands, whatever the case of its letters, from a line of a step on.
pub(in crate::web::pages) fn search(
    conn: &Connection,
    run: i64,
    wanted: &str,
    start: (i64, u64),
) -> Result<Found, StoreError> {
    let mut steps: Vec<i64> = lines::of_run(conn, run)?.into_iter().map(|(step, _)| step).collect();
    steps.sort_by_key(|step| step_and_try(*step));
    let begin = steps.iter().position(|step| *step == start.0).unwrap_or(0);
    let mut seeker = Seeker::new(wanted);
    for step in steps.drain(..).skip(begin) {
        let from = if step == start.0 { start.1.max(1) } else { 1 };
        seeker.step(conn, run, step, from)?;
        if seeker.found.goes_on.is_some() {
            break;
        }
    }
    Ok(seeker.found)
}

struct Seeker {
    matcher: Matcher,
    found: Found,
    read: usize,
}

enum Matcher {
    Ascii(Option<AhoCorasick>),
    /// In small letters.
    Other(String),
}

impl Matcher {
    fn is_in(&self, line: &[u8]) -> bool {
        // Colours may stand in the middle of a word.
        if line.contains(&0x1b) {
            return self.is_in_text(Screen::default().plain(line).as_bytes());
        }
        self.is_in_text(line)
    }

    fn is_in_text(&self, line: &[u8]) -> bool {
        match self {
            Self::Ascii(words) => words.as_ref().is_some_and(|words| words.is_match(line)),
            Self::Other(wanted) => String::from_utf8_lossy(line).to_lowercase().contains(wanted),
        }
    }
}

impl Seeker {
    fn new(wanted: &str) -> Self {
        let matcher = if wanted.is_ascii() {
            Matcher::Ascii(AhoCorasick::builder().ascii_case_insensitive(true).build([wanted]).ok())
        } else {
            Matcher::Other(wanted.to_lowercase())
        };
        Self { matcher, found: Found::default(), read: 0 }
    }

    /// Looks through a step from a line on.
    fn step(&mut self, conn: &Connection, run: i64, step: i64, from: u64) -> Result<(), StoreError> {
        let begin = lines::from(conn, run, step, from, 1)?.first().map_or(0, |piece| piece.id - 1);
        let (mut lines, mut before) = (Lines::default(), VecDeque::new());
        // Where not even one line has ended, the search goes on with the same one: no step is longer than what one look takes.
        let (first_hit, mut last) = (self.found.hits.len(), from.saturating_sub(1));
        let (index, tried) = step_and_try(step);
        lines::walk(conn, run, step, begin, |piece| {
            self.read += piece.bytes.len();
            lines.piece(&piece, |part| {
                if let Part::Line { number, text, .. } = part
                    && number >= from
                {
                    self.line((index, tried), first_hit, number, text, &mut before);
                    last = number;
                }
            });
            self.found.hits.len() < HITS && self.read < BYTES
        })?;
        let is_through = self.found.hits.len() < HITS && self.read < BYTES;
        if is_through {
            lines.finish(|part| {
                if let Part::Line { number, text, .. } = part
                    && number >= from
                {
                    self.line((index, tried), first_hit, number, text, &mut before);
                }
            });
        } else {
            // Of what was found beyond the last that is shown, nothing is lost.
            let last = self.found.hits.get(HITS - 1).map_or(last, |hit| hit.number);
            self.found.goes_on = Some((step, last.saturating_add(1)));
        }
        Ok(())
    }

    fn line(
        &mut self,
        (step, tried): (i64, i64),
        first_hit: usize,
        number: u64,
        text: &[u8],
        before: &mut VecDeque<Vec<u8>>,
    ) {
        for hit in self.found.hits.iter_mut().skip(first_hit).rev().take(CONTEXT) {
            if hit.number < number && number <= hit.number + CONTEXT as u64 {
                hit.after.push(shown(text));
            }
        }
        if self.found.hits.len() < HITS && self.matcher.is_in(text) {
            self.found.hits.push(Hit {
                step: u32::try_from(step).unwrap_or_default(),
                tried: u32::try_from(tried).unwrap_or_default(),
                number,
                before: before.iter().map(|line| shown(line)).collect(),
                line: shown(text),
                after: Vec::new(),
            });
        }
        if before.len() == CONTEXT {
            before.pop_front();
        }
        before.push_back(text[..text.len().min(SHOWN * 4)].to_vec());
    }
}

fn shown(line: &[u8]) -> String {
    let plain = Screen::default().plain(&line[..line.len().min(SHOWN * 4)]);
    let mut shown: String = visible(&plain).chars().take(SHOWN).collect();
    if plain.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::logs::append;
    use crate::store::migrate::test_database;

    fn printed(conn: &Connection, step: i64, text: &str) {
        append(conn, 1, step, text.len() as u64, text.as_bytes(), jiff::Timestamp::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn lines_are_found_in_every_step_with_what_stands_around_them() {
        let conn = test_database();
        printed(&conn, 0, "one\ntwo\nTime\u{1b}[31mout\u{1b}[0m here\nfour\nfive\nsix\n");
        printed(&conn, 1, "Всё хорошо\nПревышен срок");
        let found = search(&conn, 1, "timeout", (0, 1)).unwrap();
        assert_eq!(found.goes_on, None);
        let [hit] = found.hits.as_slice() else { panic!("{found:?}") };
        assert_eq!((hit.step, hit.number, hit.line.as_str()), (0, 3, "Timeout here"));
        assert_eq!((hit.before.join(" "), hit.after.join(" ")), ("one two".to_owned(), "four five".to_owned()));
        let found = search(&conn, 1, "СРОК", (0, 1)).unwrap();
        assert_eq!((found.hits[0].step, found.hits[0].number), (1, 2));
        assert_eq!(search(&conn, 1, "one", (0, 2)).unwrap(), Found::default());
    }

    #[test]
    fn many_lines_are_found_some_at_a_time() {
        let conn = test_database();
        printed(&conn, 0, &"x\n".repeat(40_000));
        printed(&conn, 1, "x\n");
        let (mut at, mut all) = ((0, 1), Vec::new());
        for _ in 0..10_000 {
            let found = search(&conn, 1, "x", at).unwrap();
            all.extend(found.hits.iter().map(|hit| (hit.step, hit.number)));
            match found.goes_on {
                Some(next) => at = next,
                None => break,
            }
        }
        assert_eq!(all.len(), 40_001);
        assert!(all.windows(2).all(|two| two[0] < two[1]));
    }

    #[test]
    fn a_long_line_is_looked_through_when_what_one_look_takes_ends_in_it() {
        let conn = test_database();
        for step in [0, 1] {
            let mut end = 0;
            for _ in 0..16 {
                end += 1 << 20;
                append(&conn, 1, step, end, "y".repeat(1 << 20).as_bytes(), jiff::Timestamp::UNIX_EPOCH).unwrap();
            }
        }
        printed(&conn, 2, &format!("{}needle", "z".repeat(1 << 16)));
        let found = search(&conn, 1, "needle", (0, 1)).unwrap();
        let at = found.goes_on.expect("there is more");
        let found = search(&conn, 1, "needle", at).unwrap();
        assert_eq!(found.hits.iter().map(|hit| (hit.step, hit.number)).collect::<Vec<_>>(), [(2, 1)]);
    }
}
