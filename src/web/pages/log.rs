//! The output of a step, as lines on a page: a window of it, made of the pieces that hold these lines and no others.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use serde::Deserialize;

use super::ansi::{PIECE, Screen, Shown, WIDEST};
use super::fault::Fault;
use super::named;
use super::viewer::Viewer;
use super::words::log::{self as words, LogWords};
use crate::domain::run::Step;
use crate::store::StoreError;
use crate::store::logs;
use crate::store::logs::lines::{self, Lines, Part};
use crate::web::Web;

pub(super) mod failure;
pub(super) mod raw;
pub(super) mod search;

/// Lines of a block; the blocks of a step begin at the same lines on every page.
pub(super) const BLOCK: u64 = 1000;
/// Lines of a page at most: two blocks.
const WINDOW: u64 = 2 * BLOCK;
/// Output of a page at most, bytes, where lines are long.
const BYTES: usize = 1 << 20;

/// Which lines are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The last ones.
    End,
    /// A whole window, with the block in which this line stands first.
    Around(u64),
    /// From this line on, and no more than were printed since; the last ones where that is too many.
    Since(u64),
    /// This line alone, behind so many of its cells.
    Piece(u64, usize),
}

/// How lines are shown.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// What leads to the page of the step: `?step=3`.
    pub address: String,
    /// With the time of each line, in this zone.
    pub times: Option<TimeZone>,
    pub words: &'static LogWords,
}

/// Lines of one block.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Which block.
    pub key: u64,
    /// All its lines are there, so that it is as high as every such block.
    pub is_full: bool,
    count: u64,
    /// What was left out before it.
    pub gap: Option<String>,
    /// The numbers, as links.
    pub numbers: String,
    /// When the lines came.
    pub times: String,
    /// The lines, as HTML.
    pub text: String,
}

/// Lines of a step, side by side.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub blocks: Vec<Block>,
    pub first: u64,
    pub last: u64,
    /// The last line that there is.
    pub of: u64,
    /// Where earlier and later lines are.
    pub earlier: Option<u64>,
    pub later: Option<u64>,
    /// The line with which to go on: the last one, where it has not ended yet.
    pub next: u64,
    /// It is not what was asked for, but what there is in its place.
    pub is_fresh: bool,
    /// One line, which stands alone.
    pub is_piece: bool,
}

impl Window {
    /// Reads the lines that are wanted.
    pub fn read(conn: &Connection, run: i64, step: i64, wanted: Wanted, style: &Style) -> Result<Self, StoreError> {
        let extent = lines::extent(conn, run, step)?;
        if let Wanted::Piece(line, before) = wanted {
            return Self::piece(conn, run, step, (line.clamp(1, extent.last.max(1)), before), extent, style);
        }
        let mut since = Vec::new();
        let (wanted, is_fresh) = match wanted {
            Wanted::Since(line) if line.saturating_add(WINDOW) <= extent.last => (Wanted::End, true),
            Wanted::Since(line) => {
                since = lines::from(conn, run, step, line, BYTES)?;
                // A line that is longer than what is read would be shown as it began, for ever.
                let ended = since.last().map_or(line, |last| last.line + lines::ends_in(&last.bytes));
                let is_stuck = ended < line && since.last().is_some_and(|last| last.id < extent.last_id);
                if is_stuck { (Wanted::End, true) } else { (wanted, false) }
            }
            Wanted::End | Wanted::Around(_) | Wanted::Piece(..) => (wanted, false),
        };
        let mut gap = None;
        let (from, pieces) = match wanted {
            Wanted::End => {
                // Up to the end, from where a block begins.
                let wanted = extent.last % BLOCK + BLOCK;
                let pieces = lines::last(conn, run, step, wanted, BYTES)?;
                let known = pieces.first().filter(|piece| piece.line > 0 && piece.dropped_before == 0);
                let from = extent.last.saturating_sub(wanted) + 1;
                let from = known.map_or(from, |piece| from.max(piece.line + 2)).min(extent.last.max(1));
                // Of one long line, the end is shown, and that its beginning is not.
                let size: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
                let left_out = extent.kept.saturating_sub(size as u64);
                let is_cut = left_out > 0 && pieces.first().is_some_and(|piece| piece.line + 1 >= from);
                gap = is_cut.then(|| style.words.gap(left_out));
                (from, pieces)
            }
            Wanted::Around(line) => {
                let line = line.clamp(1, extent.last.max(1));
                let from = (line - 1) / BLOCK * BLOCK + 1;
                let pieces = lines::from(conn, run, step, from, BYTES)?;
                // Long lines before it do not keep a line from being shown.
                let reaches = pieces.last().is_some_and(|last| last.id == extent.last_id || last.line > line);
                if reaches { (from, pieces) } else { (line, lines::from(conn, run, step, line, BYTES)?) }
            }
            Wanted::Since(line) | Wanted::Piece(line, _) => (line, since),
        };
        let mut painter = Painter::new(style, from, ((from - 1) / BLOCK * BLOCK).saturating_add(WINDOW));
        if gap.is_some() {
            painter.screen.keep_end();
            painter.is_cut = true;
        }
        painter.gap = gap;
        let mut lines = Lines::default();
        let mut is_whole = pieces.last().is_none_or(|last| last.id >= extent.last_id);
        for piece in &pieces {
            lines.piece(piece, |part| painter.part(part));
            if painter.is_full {
                is_whole = false;
                break;
            }
        }
        // A line that fills a page by itself is shown as far as it came: how long it is nobody has counted.
        if is_whole || painter.last == 0 {
            painter.is_unread = !is_whole;
            lines.finish(|part| painter.part(part));
        }
        Ok(painter.window(extent, is_whole, is_fresh))
    }

    /// A piece of one line.
    fn piece(
        conn: &Connection,
        run: i64,
        step: i64,
        (line, before): (u64, usize),
        extent: lines::Extent,
        style: &Style,
    ) -> Result<Self, StoreError> {
        let mut painter = Painter::new(style, line, line);
        painter.screen = Screen::piece(before);
        lines::of_line(conn, run, step, line, |part| match part {
            Ok(bytes) => painter.screen.feed(bytes),
            Err(dropped) => painter.screen.feed(style.words.gap(dropped).as_bytes()),
        })?;
        let shown = painter.screen.shown();
        painter.line(line, None, &shown, extent.is_open && line == extent.last);
        Ok(Self { is_piece: true, ..painter.window(extent, line >= extent.last, false) })
    }
}

/// Puts lines into blocks.
struct Painter<'s> {
    style: &'s Style,
    screen: Screen,
    blocks: Vec<Block>,
    from: u64,
    until: u64,
    first: u64,
    last: u64,
    gap: Option<String>,
    /// The beginning of the first line was not read.
    is_cut: bool,
    is_open: bool,
    is_full: bool,
    /// The last line was not read to its end.
    is_unread: bool,
}

impl<'s> Painter<'s> {
    fn new(style: &'s Style, from: u64, until: u64) -> Self {
        Self {
            style,
            screen: Screen::default(),
            blocks: Vec::new(),
            from,
            until,
            first: 0,
            last: 0,
            gap: None,
            is_cut: false,
            is_open: false,
            is_full: false,
            is_unread: false,
        }
    }

    fn part(&mut self, part: Part<'_>) {
        match part {
            Part::Gap { dropped } => {
                self.screen = Screen::default();
                self.gap = Some(self.style.words.gap(dropped));
            }
            Part::Line { number, .. } if number > self.until => self.is_full = true,
            Part::Line { number, at, text, is_open } => {
                // Colours go on from line to line, so that those before count, too.
                let shown = self.screen.line(text);
                if number >= self.from {
                    self.line(number, at, &shown, is_open);
                } else {
                    // It is farther up than what is shown.
                    self.gap = None;
                }
            }
        }
    }

    fn line(&mut self, number: u64, at: Option<Timestamp>, shown: &Shown, is_open: bool) {
        use std::fmt::Write;
        let is_cut = std::mem::take(&mut self.is_cut);
        let html = self.with_ways(number, shown, is_cut);
        let key = (number - 1) / BLOCK;
        let gap = self.gap.take();
        if gap.is_some() || self.blocks.last().is_none_or(|block| block.key != key) {
            self.blocks.push(Block { key, gap, ..Block::default() });
        }
        let Some(block) = self.blocks.last_mut() else { return };
        let begins = key * BLOCK + 1;
        // What is left of a line behind a gap has the number of its beginning.
        let id = if number > self.last { format!(" id=\"L{number}\"") } else { String::new() };
        let open = if is_open { " data-open" } else { "" };
        let address = &self.style.address;
        let _ = write!(block.numbers, "<a href=\"{address}&amp;from={begins}#L{number}\"{id}{open}>{number}</a>");
        let time = at.zip(self.style.times.as_ref()).map(|(at, zone)| at.to_zoned(zone.clone()));
        let time = time.map(|at| at.strftime("%H:%M:%S.%3f").to_string()).unwrap_or_default();
        block.count += 1;
        block.is_full = block.count == BLOCK;
        if is_open {
            let _ = write!(block.times, "<span data-open>{time}</span>");
            let _ = write!(block.text, "<span data-open>{html}</span>");
        } else {
            block.times.push_str(&time);
            block.times.push('\n');
            block.text.push_str(&html);
            block.text.push('\n');
        }
        if self.first == 0 {
            self.first = number;
        }
        (self.last, self.is_open) = (number, is_open);
    }

    /// A line, with what leads to the pieces of it that are not shown.
    fn with_ways(&self, number: u64, shown: &Shown, is_cut: bool) -> String {
        let Shown { html, before, behind } = shown;
        let way = |cell: usize, text: String| {
            let address = &self.style.address;
            format!("<a class=\"a-mark\" href=\"{address}&amp;from={number}&amp;cell={cell}#L{number}\">{text}</a>")
        };
        let start = match *before {
            _ if is_cut => way(0, "…".to_owned()),
            0 => String::new(),
            before => way(before.saturating_sub(PIECE), format!("{before} …")),
        };
        // What stands behind the first cells begins where the piece before it ends, whatever was shown.
        let seen = if *before > 0 || html.is_empty() { before + PIECE } else { WIDEST };
        let end = match *behind {
            0 => String::new(),
            _ if self.is_unread => way(seen, "…".to_owned()),
            behind => way(seen, format!("… +{behind}")),
        };
        format!("{start}{html}{end}")
    }

    fn window(self, extent: lines::Extent, is_whole: bool, is_fresh: bool) -> Window {
        let next = if self.is_open { self.last } else { self.last.max(self.from.saturating_sub(1)).saturating_add(1) };
        let before = (self.first > 1).then(|| self.first - 1);
        Window {
            first: self.first,
            last: self.last,
            of: extent.last.max(self.last),
            earlier: before.map(|line| ((line - 1) / BLOCK * BLOCK + 1).saturating_sub(BLOCK).max(1)),
            later: (!is_whole).then_some(self.last + 1),
            next,
            is_fresh,
            is_piece: false,
            blocks: self.blocks,
        }
    }
}

/// Lines of a step, on a page or as an answer to its script.
#[derive(Template)]
#[template(path = "pages/lines.html")]
pub(super) struct LinesPart {
    pub window: Window,
    pub log: &'static LogWords,
    pub label: String,
    pub address: String,
    /// Where the page goes on asking; none: nothing more will come.
    pub source: Option<String>,
    pub with_times: bool,
    pub earlier_lines: &'static str,
    pub later_lines: &'static str,
    pub no_output: &'static str,
}

/// What is asked about the output of a step.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Asked {
    /// The step.
    pub step: Option<u32>,
    /// Of a health check by command: which try; 0: what was printed beside the tries.
    #[serde(rename = "try")]
    pub tried: Option<u32>,
    /// The first line that is shown.
    pub from: Option<u64>,
    /// The line to go to, as the form has it.
    pub line: Option<u64>,
    /// Of this line alone, what stands behind so many cells.
    pub cell: Option<usize>,
    /// With times.
    pub times: Option<u8>,
    /// What is looked for.
    pub q: Option<String>,
    /// Where the search goes on: a step, as the log numbers it.
    pub at: Option<i64>,
}

impl Asked {
    /// Where the line is that a form asks for: its page, and its place there.
    pub fn place_of_line(&self) -> Option<String> {
        let (line, step) = (self.line?.max(1), self.step?);
        Some(format!("{}&from={line}#L{line}", self.address(step).replace("&amp;", "&")))
    }

    /// The hidden fields of a form that leads to a step with these settings.
    pub fn carried(&self, step: u32) -> Vec<(&'static str, u32)> {
        let tried = self.tried.filter(|_| self.step == Some(step)).map(|tried| ("try", tried));
        let times = self.with_times().then_some(("times", 1));
        [Some(("step", step)), tried, times].into_iter().flatten().collect()
    }

    /// What leads to a step with these settings, without the line: for an attribute, so `&` is spelled out.
    pub fn address(&self, step: u32) -> String {
        let mut address = format!("?step={step}");
        if let Some(tried) = self.tried.filter(|_| self.step == Some(step)) {
            address.push_str(&format!("&amp;try={tried}"));
        }
        if self.with_times() {
            address.push_str("&amp;times=1");
        }
        address
    }

    pub fn with_times(&self) -> bool {
        self.times.is_some_and(|times| times > 0)
    }
}

impl LinesPart {
    /// Reads the lines of a step that are wanted.
    pub async fn read(
        web: &Web,
        viewer: &Viewer,
        run: &crate::domain::run::Run,
        step: &Step,
        asked: &Asked,
        wanted: Wanted,
    ) -> Result<Self, Fault> {
        let language = viewer.looks.language;
        let address = asked.address(step.index);
        let times = asked.with_times().then(|| viewer.looks.zone.clone());
        let style = Style { address: address.clone(), times, words: words::of(language) };
        let (id, index, tries, tried) = (run.id.0, step.index, step.tries, asked.tried);
        let read = move |conn: &Connection| {
            let kept_as = match tried {
                Some(tried) => logs::of_try(index, tried.min(tries)),
                None => logs::shown_first(conn, id, index, tries)?,
            };
            Window::read(conn, id, kept_as, wanted, &style)
        };
        let window = web.engine.read(read).await?;
        let labels = viewer.looks.words();
        let log = words::of(language);
        Ok(Self {
            label: format!("{}: {}", labels.output, log.range(window.first, window.last, window.of)),
            source: (run.state.is_live() && window.later.is_none())
                .then(|| format!("/runs/{id}/steps/{index}/lines{}", address.replace("&amp;", "&"))),
            with_times: asked.with_times(),
            earlier_lines: labels.earlier_lines,
            later_lines: labels.later_lines,
            no_output: labels.no_output,
            window,
            log,
            address,
        })
    }
}

/// Lines of a step alone, for a page that shows the others already.
pub(super) async fn part(
    State(web): State<Web>,
    viewer: Viewer,
    Path((id, index)): Path<(String, u32)>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Fault> {
    let run = named::run(&web, &viewer, &id).await?;
    let step = named::step(&run, index)?;
    let asked = Asked { step: Some(index), ..asked };
    let wanted = asked.from.map_or(Wanted::End, |line| Wanted::Since(line.max(1)));
    Ok(Html(LinesPart::read(&web, &viewer, &run, step, &asked, wanted).await?.render()?))
}

#[cfg(test)]
mod tests;
