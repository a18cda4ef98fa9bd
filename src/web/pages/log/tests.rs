//! Windows of a log: the end first, every line by its number, and no more of the log than that.

use super::*;
use crate::store::logs::append;
use crate::store::migrate::test_database;

fn style() -> Style {
    Style { address: "?step=0".to_owned(), times: None, words: words::of(crate::wording::Language::En) }
}

fn window(conn: &Connection, wanted: Wanted) -> Window {
    Window::read(conn, 1, 0, wanted, &style()).unwrap()
}

fn printed(conn: &Connection, text: &str) {
    let mut end = logs::resume_offset(conn, 1, 0).unwrap();
    for piece in text.as_bytes().chunks(3000) {
        end += piece.len() as u64;
        append(conn, 1, 0, end, piece, Timestamp::UNIX_EPOCH).unwrap();
    }
}

fn numbered(lines: std::ops::RangeInclusive<u64>) -> String {
    lines.map(|number| format!("line {number}\n")).collect()
}

fn text(window: &Window) -> String {
    window.blocks.iter().map(|block| block.text.as_str()).collect()
}

#[test]
fn the_end_is_shown_first_and_every_line_can_be_reached() {
    let conn = test_database();
    printed(&conn, &numbered(1..=5500));
    let end = window(&conn, Wanted::End);
    assert_eq!((end.first, end.last, end.of, end.earlier, end.later), (4001, 5500, 5500, Some(2001), None));
    assert!(text(&end).starts_with("line 4001\n") && text(&end).ends_with("line 5500\n"));
    assert_eq!(end.blocks.iter().map(|block| block.key).collect::<Vec<_>>(), [4, 5]);
    let middle = window(&conn, Wanted::Around(2001));
    assert_eq!((middle.first, middle.last, middle.earlier, middle.later), (2001, 4000, Some(1), Some(4001)));
    for line in [1, 999, 1000, 1001, 3456, 5500] {
        let around = window(&conn, Wanted::Around(line));
        let numbers: String = around.blocks.iter().map(|block| block.numbers.as_str()).collect();
        assert!(numbers.contains(&format!(" id=\"L{line}\">{line}</a>")), "{line}");
        let begins = (line - 1) / 1000 * 1000 + 1;
        assert!(numbers.contains(&format!("\"?step=0&amp;from={begins}#L{line}\"")), "{line}");
    }
    assert_eq!(window(&conn, Wanted::Around(u64::MAX)).last, 5500);
    assert_eq!(window(&conn, Wanted::Since(u64::MAX)).blocks.len(), 0);
    let none = window(&test_database(), Wanted::End);
    assert_eq!((none.first, none.last, none.of, none.blocks.len(), none.next), (0, 0, 0, 0, 1));
}

#[test]
fn a_reader_who_follows_gets_the_new_lines_alone() {
    let conn = test_database();
    printed(&conn, &numbered(1..=1500));
    printed(&conn, "loading");
    let end = window(&conn, Wanted::End);
    assert_eq!((end.last, end.next), (1501, 1501));
    assert!(text(&end).ends_with("line 1500\n<span data-open>loading</span>"));
    printed(&conn, " done\nmore\n");
    let new = window(&conn, Wanted::Since(end.next));
    assert_eq!((text(&new).as_str(), new.next, new.is_fresh), ("loading done\nmore\n", 1503, false));
    let nothing = window(&conn, Wanted::Since(new.next));
    assert_eq!((nothing.blocks.len(), nothing.next), (0, 1503));
    // A reader who is far behind sees the end.
    printed(&conn, &numbered(1..=9000));
    let end = window(&conn, Wanted::Since(new.next));
    assert!(end.is_fresh && end.later.is_none() && end.last == 10_502 && end.first == 9001, "{end:?}");
}

#[test]
fn a_line_that_grows_beyond_a_page_is_followed_at_its_end() {
    let conn = test_database();
    for number in 0..1500 {
        printed(&conn, &format!("\rprogress {number} {}", "#".repeat(980)));
    }
    let end = window(&conn, Wanted::Since(1));
    assert!(end.is_fresh && text(&end).contains("progress 1499"), "{:?}", text(&end).len());
    assert!(end.blocks[0].gap.is_some(), "it says that the beginning is not shown");
    printed(&conn, "\ndone\n");
    let new = window(&conn, Wanted::Since(end.next));
    assert!(text(&new).ends_with("done\n") && new.later.is_none());
    assert_eq!(new.next, 3);
}

#[test]
fn long_lines_make_short_pages_and_nothing_is_skipped() {
    let conn = test_database();
    let long = "x".repeat(40_000);
    printed(&conn, &format!("{long}\n").repeat(100));
    let (mut at, mut seen) = (1, Vec::new());
    while seen.len() < 100 {
        let part = window(&conn, Wanted::Around(at));
        let first = part.first.max(at);
        seen.extend(first..=part.last);
        let Some(next) = part.later else { break };
        at = next;
    }
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
    let end = window(&conn, Wanted::End);
    assert!(end.last == 100 && end.first > 60 && end.earlier.is_some(), "{} {}", end.first, end.last);
    // A line without end.
    let conn = test_database();
    printed(&conn, &"y".repeat(3 << 20));
    let end = window(&conn, Wanted::End);
    assert_eq!((end.first, end.last), (1, 1), "{:?}", end.later);
}

#[test]
fn a_long_line_is_read_whole_by_links() {
    let conn = test_database();
    let long: String = (0..150_000).map(|number| format!("{number:07} ")).collect();
    printed(&conn, &format!("one\n{long}\nthree"));
    let way = |html: &str, text: &str| {
        let (before, _) = html.split_once(&format!("\">{text}"))?;
        before.rsplit_once("&amp;cell=")?.1.split('#').next()?.parse().ok()
    };
    let around = text(&window(&conn, Wanted::Around(2)));
    let line = around.lines().find_map(|line| line.strip_prefix("<span data-open>")).unwrap();
    let (mut seen, mut next) = (line.split('<').next().unwrap().to_owned(), way(line, "…</a>"));
    assert!(next.is_some(), "how much there is behind it was not read");
    while let Some(cell) = next {
        let piece = window(&conn, Wanted::Piece(2, cell));
        assert!((piece.first, piece.last, piece.is_piece) == (2, 2, true) && piece.later == Some(3));
        let html = text(&piece).trim_end_matches('\n').to_owned();
        let shown = html.split_once("</a>").unwrap().1;
        seen.push_str(shown.split("<a").next().unwrap());
        next = way(shown, "… +");
    }
    assert!(seen == long, "{} of {}", seen.len(), long.len());
}

#[test]
fn what_was_dropped_is_told_where_it_was() {
    let conn = test_database();
    append(&conn, 1, 0, 2, b"a\n", Timestamp::UNIX_EPOCH).unwrap();
    logs::skip(&conn, 1, 0, 1236, 1234).unwrap();
    append(&conn, 1, 0, 1238, b"z\n", Timestamp::UNIX_EPOCH).unwrap();
    let all = window(&conn, Wanted::End);
    assert_eq!(all.blocks.len(), 2);
    assert_eq!(all.blocks[1].gap.as_deref(), Some("… 1,234 bytes were left out here …"));
    assert_eq!((all.blocks[0].text.as_str(), all.blocks[1].text.as_str()), ("a\n", "z\n"));
}

#[test]
fn lines_have_the_time_at_which_they_came() {
    let conn = test_database();
    append(&conn, 1, 0, 4, b"a\nb\n", Timestamp::from_second(3661).unwrap()).unwrap();
    let style = Style { times: Some(TimeZone::UTC), ..style() };
    let window = Window::read(&conn, 1, 0, Wanted::End, &style).unwrap();
    assert_eq!(window.blocks[0].times, "01:01:01.000\n01:01:01.000\n");
}
