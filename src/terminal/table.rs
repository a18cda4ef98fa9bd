//! Tables that fit: a window too narrow loses the columns that matter least, then long names are cut, and at last
//! every row becomes a small card.

use super::text::{clean, cut, width, wrap};
use super::{Tone, Ui};

/// Between columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    /// Left out when there is no room; the smaller goes first.
    optional: Option<u8>,
    /// May be cut to this width.
    least: Option<usize>,
    right: bool,
}

impl Column {
    /// A column that is always shown whole.
    #[must_use]
    pub const fn new(title: &'static str) -> Self {
        Self { title, optional: None, least: None, right: false }
    }

    /// Left out when there is no room; the smallest first.
    #[must_use]
    pub const fn optional(mut self, order: u8) -> Self {
        self.optional = Some(order);
        self
    }

    /// May be cut to this width.
    #[must_use]
    pub const fn least(mut self, width: usize) -> Self {
        self.least = Some(width);
        self
    }

    /// Numbers.
    #[must_use]
    pub const fn right(mut self) -> Self {
        self.right = true;
        self
    }
}

/// Rows of cells, each with its tone.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row; one cell for each column.
    pub fn row<const N: usize>(&mut self, cells: [(String, Tone); N]) {
        self.rows.push(cells.into_iter().map(|(text, tone)| (clean(&text), tone)).collect());
    }

    /// The table as text for a window.
    #[must_use]
    pub fn render(&self, ui: &Ui) -> String {
        let natural: Vec<usize> = (0..self.columns.len())
            .map(|at| self.rows.iter().map(|row| width(&row[at].0)).chain([width(self.columns[at].title)]).max())
            .map(Option::unwrap_or_default)
            .collect();
        match self.layout(&natural, ui.width.unwrap_or(usize::MAX)) {
            Some(widths) => self.lines(ui, &widths),
            None => self.cards(ui),
        }
    }

    /// The width of each column, none for those left out; nothing when even that does not fit.
    fn layout(&self, natural: &[usize], room: usize) -> Option<Vec<Option<usize>>> {
        let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
        // A column without any content says nothing.
        for (at, width) in widths.iter_mut().enumerate() {
            if self.columns[at].optional.is_some() && self.rows.iter().all(|row| matches!(row[at].0.as_str(), "" | "-"))
            {
                *width = None;
            }
        }
        let mut leaving: Vec<_> =
            self.columns.iter().enumerate().filter_map(|(at, column)| Some((column.optional?, at))).collect();
        leaving.sort_unstable();
        let mut leaving = leaving.into_iter();
        while taken(&widths) > room {
            let over = taken(&widths) - room;
            let slack = |at: usize, width: Option<usize>| match (self.columns[at].least, width) {
                (Some(least), Some(width)) => width.saturating_sub(least),
                (Some(_) | None, _) => 0,
            };
            let total: usize = widths.iter().enumerate().map(|(at, width)| slack(at, *width)).sum();
            if total >= over {
                // The widest gives first, so that a long text never costs a short one anything.
                for _ in 0..over {
                    let widest = (0..widths.len())
                        .filter(|at| slack(*at, widths[*at]) > 0)
                        .max_by_key(|at| (widths[*at], std::cmp::Reverse(*at)))?;
                    widths[widest] = widths[widest].map(|width| width - 1);
                }
                break;
            }
            let (_, gone) = leaving.next()?;
            widths[gone] = None;
        }
        Some(widths)
    }

    fn lines(&self, ui: &Ui, widths: &[Option<usize>]) -> String {
        let header: Vec<_> = self.columns.iter().map(|column| (column.title.to_owned(), Tone::Dim)).collect();
        let mut out = String::new();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut space = 0;
            for (at, (text, tone)) in row.iter().enumerate() {
                let Some(room) = widths[at] else { continue };
                let text = cut(text, room);
                let rest = room - width(&text);
                let (before, after) = if self.columns[at].right { (rest, 0) } else { (0, rest) };
                out.push_str(&" ".repeat(space + before));
                out.push_str(&ui.paint(&text, *tone));
                space = after + GAP;
            }
            // Blanks at an end are only there for the next cell.
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }

    /// Every row as a card: the first cell and the one with a tone stand at its top.
    fn cards(&self, ui: &Ui) -> String {
        let label = self.columns.iter().map(|column| width(column.title)).max().unwrap_or(0);
        let mut out = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                out.push('\n');
            }
            for (at, (text, tone)) in row.iter().enumerate() {
                if at == 0 {
                    out.push_str(&ui.paint(text, if *tone == Tone::Plain { Tone::Bold } else { *tone }));
                    out.push('\n');
                } else if !text.is_empty() && text != "-" {
                    let room = ui.prose().saturating_sub(label + 4);
                    let title = ui.paint(&format!("{:label$}", self.columns[at].title.to_lowercase()), Tone::Dim);
                    for (line_number, line) in wrap(text, room).iter().enumerate() {
                        let title = if line_number == 0 { title.clone() } else { " ".repeat(label) };
                        out.push_str(&format!("  {title}  {}\n", ui.paint(line, *tone)));
                    }
                }
            }
        }
        out
    }
}

fn taken(widths: &[Option<usize>]) -> usize {
    let shown: Vec<_> = widths.iter().flatten().collect();
    shown.iter().copied().sum::<usize>() + GAP * shown.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([
            Column::new("RELEASE").right(),
            Column::new("SERVICE").least(8),
            Column::new("STATUS"),
            Column::new("BY").optional(1),
        ]);
        let plain = |text: &str| (text.to_owned(), Tone::Plain);
        table.row([plain("#7"), plain("name-authorization"), plain("deployed"), plain("gommgo")]);
        table.row([plain("#12"), plain("shop"), plain("stage_building_failed"), plain("ann")]);
        table
    }

    #[test]
    fn wide_windows_show_everything() {
        assert_eq!(
            table().render(&Ui::test(80)),
            "RELEASE  SERVICE             STATUS                 BY\n     \
             #7  name-authorization  deployed               gommgo\n    \
             #12  shop                stage_building_failed  ann\n"
        );
    }

    #[test]
    fn titles_of_any_script_are_as_wide_as_they_look() {
        let mut table = Table::new([Column::new("ПРОГОН"), Column::new("ЧТО")]);
        table.row([("6".to_owned(), Tone::Plain), ("деплой".to_owned(), Tone::Plain)]);
        assert_eq!(table.render(&Ui::test(80)), "ПРОГОН  ЧТО\n6       деплой\n");
    }

    #[test]
    fn names_are_cut_before_columns_go() {
        assert_eq!(
            table().render(&Ui::test(50)),
            "RELEASE  SERVICE      STATUS                 BY\n".replace("SERVICE      ", "SERVICE     ")
                + "     #7  name-autho…  deployed               gommgo\n"
                    .replace("name-autho…  ", "name-auth…  ")
                    .as_str()
                + "    #12  shop        stage_building_failed  ann\n"
        );
        let narrow = table().render(&Ui::test(41));
        assert!(!narrow.contains("BY") && narrow.contains("name-a"), "{narrow}");
        assert!(narrow.lines().all(|line| width(line) <= 41), "{narrow}");
    }

    #[test]
    fn narrow_windows_get_cards() {
        let cards = table().render(&Ui::test(30));
        assert!(
            cards.starts_with("#7\n  service  name-authorization\n  status   deployed\n  by       gommgo\n\n#12\n"),
            "{cards}"
        );
    }

    #[test]
    fn every_width_holds() {
        for room in 38..120 {
            let text = table().render(&Ui::test(room));
            assert!(text.lines().all(|line| width(line) <= room), "{room}:\n{text}");
        }
    }

    #[test]
    fn colours_do_not_count() {
        let mut table = Table::new([Column::new("A"), Column::new("B")]);
        table.row([("x".into(), Tone::Good), ("y".into(), Tone::Plain)]);
        let ui = Ui { colour: true, ..Ui::test(80) };
        assert_eq!(table.render(&ui).lines().nth(1), Some("\x1b[32mx\x1b[0m  y"));
    }
}
