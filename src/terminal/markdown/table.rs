//! A table whose cells are wrapped; where its columns find no room, each row is a card.

use super::words::{Style, Words};
use crate::terminal::Ui;

/// Between columns.
const GAP: usize = 2;
/// A column that has more to say is not made narrower than this.
const LEAST: usize = 16;
/// Code that is longer does not keep its column wide: it is broken.
const LONGEST: usize = 32;

/// The lines of a table: its head, and its rows.
pub(super) fn lines(rows: &[Vec<Words>], room: usize, ui: &Ui) -> Vec<String> {
    let Some((head, rows)) = rows.split_first() else { return Vec::new() };
    match widths(head, rows, room) {
        Some(widths) => columns(head, rows, &widths, ui),
        None => cards(head, rows, room, ui),
    }
}

/// How wide each column is; none: there is no room for all.
fn widths(head: &[Words], rows: &[Vec<Words>], room: usize) -> Option<Vec<usize>> {
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at)).chain(head.get(at));
    let most = |at: usize, of: fn(&Words) -> usize| cells(at).map(of).max().unwrap_or_default();
    let mut widths: Vec<_> = (0..head.len()).map(|at| most(at, Words::width)).collect();
    let word = |at| most(at, |words| words.widest(LONGEST));
    let least: Vec<_> = widths.iter().enumerate().map(|(at, all)| word(at).max(LEAST).min(*all)).collect();
    let room = room.saturating_sub(GAP * head.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        // The widest gives, so that a long text never costs a short one anything.
        let may_give = (0..widths.len()).filter(|at| widths[*at] > least[*at]);
        let widest = may_give.max_by_key(|at| (widths[*at], std::cmp::Reverse(*at)))?;
        widths[widest] -= 1;
    }
    Some(widths)
}

fn columns(head: &[Words], rows: &[Vec<Words>], widths: &[usize], ui: &Ui) -> Vec<String> {
    let head: Vec<_> = head.iter().map(|cell| cell.clone().in_bold()).collect();
    let mut out = row_lines(&head, widths, ui);
    out.push(widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join(&" ".repeat(GAP)));
    let rows: Vec<_> = rows.iter().map(|row| row_lines(row, widths, ui)).collect();
    // Rows of several lines stand apart.
    let apart = rows.iter().any(|row| row.len() > 1);
    for (at, row) in rows.into_iter().enumerate() {
        if apart && at > 0 {
            out.push(String::new());
        }
        out.extend(row);
    }
    out
}

fn row_lines(row: &[Words], widths: &[usize], ui: &Ui) -> Vec<String> {
    let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| (cell.clone().lines(*width), *width)).collect();
    let height = cells.iter().map(|(lines, _)| lines.len()).max().unwrap_or_default();
    let line = |at: usize| {
        let (mut line, mut space) = (String::new(), 0);
        for (lines, width) in &cells {
            let mut taken = 0;
            // Blanks are only there for the next cell.
            if let Some(shown) = lines.get(at) {
                line.push_str(&" ".repeat(space));
                line.push_str(&shown.painted(ui));
                (space, taken) = (0, shown.width());
            }
            space += width.saturating_sub(taken) + GAP;
        }
        line
    };
    (0..height).map(line).collect()
}

/// Each row below the first of its cells, with the head of each column before what it says.
fn cards(head: &[Words], rows: &[Vec<Words>], room: usize, ui: &Ui) -> Vec<String> {
    let mut out = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        if number > 0 {
            out.push(String::new());
        }
        for (at, (title, cell)) in head.iter().zip(row).enumerate().filter(|(_, (_, cell))| !cell.is_empty()) {
            let (words, indent) = if at == 0 { (cell.clone(), 0) } else { (called(title).and(cell), 2) };
            for (line, words) in words.lines(room.saturating_sub(2 * indent)).iter().enumerate() {
                let indent = if line == 0 { indent } else { 2 * indent };
                out.push(format!("{}{}", " ".repeat(indent), words.painted(ui)));
            }
        }
    }
    out
}

/// The head of a column before what it says.
fn called(title: &Words) -> Words {
    let mut title = title.clone().in_bold();
    if !title.is_empty() {
        title.close(":", Style::default());
    }
    title
}
