//! A page of Markdown for a window: wrapped, with headings, emphasis, lists and tables as a reader expects them. Blocks of code keep
//! their lines, so that they can be copied.

mod table;
mod words;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use self::words::{Style, Words};
use super::{Tone, Ui, width};

/// Where nothing says how wide the window is.
const USUAL: usize = 80;
/// Before each line of a block of code.
const CODE: &str = "    ";

/// A page as text for a window. `leads_to` says for the address of a link what the reader can open instead: an address, a command.
#[must_use]
pub fn markdown(text: &str, ui: &Ui, leads_to: &dyn Fn(&str) -> Option<String>) -> String {
    let events: Vec<_> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut sheet = Sheet {
        ui,
        leads_to,
        room: ui.width.map_or(USUAL, |_| ui.prose()),
        out: String::new(),
        words: Words::default(),
        style: Style::default(),
        indent: 0,
        items: Vec::new(),
        lists: Vec::new(),
        mark: None,
        code: None,
        table: None,
        link: None,
    };
    for (at, event) in events.iter().enumerate() {
        sheet.take(event, &events[at + 1..]);
    }
    sheet.out
}

/// What has been written so far, and what is open.
struct Sheet<'a> {
    ui: &'a Ui,
    leads_to: &'a dyn Fn(&str) -> Option<String>,
    room: usize,
    out: String,
    /// Of the paragraph, heading or cell that is open.
    words: Words,
    style: Style,
    indent: usize,
    /// How far each open item is indented.
    items: Vec<usize>,
    /// The number of the next item of each open list; none: they are not numbered.
    lists: Vec<Option<u64>>,
    /// What stands before the first line of an item, as long as nothing of it is written.
    mark: Option<String>,
    code: Option<String>,
    table: Option<Vec<Vec<Words>>>,
    link: Option<Link>,
}

/// What is to be said of an open link.
enum Link {
    /// Where it leads, behind its words.
    Beside(String),
    /// That alone: its words say no more.
    Instead,
}

impl Sheet<'_> {
    fn take(&mut self, event: &Event<'_>, rest: &[Event<'_>]) {
        match event {
            Event::Start(tag) => self.begin(tag, rest),
            Event::End(end) => self.end(*end),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(text),
                None if matches!(self.link, Some(Link::Instead)) => {}
                None => self.words.text(text, self.style),
            },
            Event::Code(_) if matches!(self.link, Some(Link::Instead)) => {}
            Event::Code(text) => self.code_span(text),
            Event::SoftBreak | Event::HardBreak => self.words.blank(),
            Event::InlineHtml(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.words.text(text, self.style);
            }
            Event::Rule => {
                self.block();
                self.line(&"─".repeat(self.room.saturating_sub(self.indent)));
            }
            Event::Html(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>, rest: &[Event<'_>]) {
        match tag {
            Tag::Paragraph => self.block(),
            Tag::Heading { .. } => {
                self.block();
                self.style.strong = true;
            }
            Tag::BlockQuote(_) => self.indent += 2,
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.block();
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.block();
                } else {
                    self.flush();
                }
                self.lists.push(*first);
            }
            Tag::Item => self.item(matches!(rest.first(), Some(Event::Start(Tag::Paragraph)))),
            Tag::Table(_) => {
                self.block();
                self.table = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => self.table.iter_mut().for_each(|rows| rows.push(Vec::new())),
            Tag::Emphasis => self.emphasis(true),
            Tag::Strong => self.strength(true),
            Tag::Link { dest_url, .. } => self.link(dest_url, rest),
            Tag::TableCell
            | Tag::Image { .. }
            | Tag::Strikethrough
            | Tag::Superscript
            | Tag::Subscript
            | Tag::HtmlBlock
            | Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Paragraph => self.flush(),
            TagEnd::Heading(level) => {
                self.style.strong = false;
                self.heading(level);
            }
            TagEnd::BlockQuote(_) => self.indent = self.indent.saturating_sub(2),
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Item => {
                self.flush();
                self.mark = None;
                self.indent -= self.items.pop().unwrap_or_default();
            }
            TagEnd::Table => {
                let rows = self.table.take().unwrap_or_default();
                for line in table::lines(&rows, self.room.saturating_sub(self.indent), self.ui) {
                    self.line(&line);
                }
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.words);
                self.table.iter_mut().filter_map(|rows| rows.last_mut()).for_each(|row| row.push(cell.clone()));
            }
            TagEnd::Emphasis => self.emphasis(false),
            TagEnd::Strong => self.strength(false),
            TagEnd::Link => {
                if let Some(Link::Beside(place)) = self.link.take() {
                    self.words.blank();
                    self.words.text("(", self.style);
                    self.code_span(&place);
                    self.words.text(")", self.style);
                }
            }
            TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::Image
            | TagEnd::Strikethrough
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::HtmlBlock
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    /// Something new begins: behind an empty line, unless it is the first of its item.
    fn block(&mut self) {
        self.flush();
        if self.mark.is_none() && !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// An item begins; `is_loose`: one of whole paragraphs, which stand apart.
    fn item(&mut self, is_loose: bool) {
        if is_loose && !self.out.ends_with("\n\n") && !self.out.is_empty() {
            self.out.push('\n');
        }
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            Some(None) | None => "• ".to_owned(),
        };
        self.items.push(width(&mark));
        self.indent += width(&mark);
        self.mark = Some(mark);
    }

    /// Writes the paragraph that is open.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        for line in words.lines(self.room.saturating_sub(self.indent)) {
            self.line(&line.painted(self.ui));
        }
    }

    /// Writes a line where it belongs.
    fn line(&mut self, line: &str) {
        let mark = self.mark.take().unwrap_or_default();
        let space = if line.is_empty() { 0 } else { self.indent.saturating_sub(width(&mark)) };
        self.out.push_str(&format!("{}{mark}{line}\n", " ".repeat(space)));
    }

    /// A heading, with a line below it where it begins a part of the page.
    fn heading(&mut self, level: HeadingLevel) {
        let words = std::mem::take(&mut self.words);
        let lines = words.lines(self.room.saturating_sub(self.indent));
        let below = lines.iter().map(words::Line::width).max().unwrap_or_default();
        for line in &lines {
            self.line(&line.painted(self.ui));
        }
        match level {
            HeadingLevel::H1 => self.line(&"═".repeat(below)),
            HeadingLevel::H2 => self.line(&"─".repeat(below)),
            HeadingLevel::H3 | HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => {}
        }
    }

    fn code_block(&mut self) {
        let code = self.code.take().unwrap_or_default();
        for line in code.lines() {
            let line =
                if line.is_empty() { String::new() } else { format!("{CODE}{}", self.ui.paint(line, Tone::Busy)) };
            self.line(&line);
        }
    }

    /// Code stands out by its colour, or between backticks.
    fn code_span(&mut self, text: &str) {
        let text = if self.ui.colour { text.to_owned() } else { format!("`{text}`") };
        self.words.code(&text, self.style);
    }

    fn emphasis(&mut self, begins: bool) {
        self.style.emphasis = begins;
        self.stress("_", begins);
    }

    fn strength(&mut self, begins: bool) {
        self.style.strong = begins;
        self.stress("*", begins);
    }

    /// Without colours, what is stressed stands between marks.
    fn stress(&mut self, mark: &str, begins: bool) {
        match (self.ui.colour, begins) {
            (true, _) => {}
            (false, true) => self.words.text(mark, self.style),
            (false, false) => self.words.close(mark, self.style),
        }
    }

    fn link(&mut self, address: &str, rest: &[Event<'_>]) {
        let Some(place) = (self.leads_to)(address) else { return };
        let inside = rest.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Link)));
        let text = |event: &Event<'_>| {
            if let Event::Text(text) | Event::Code(text) = event { text.to_string() } else { String::new() }
        };
        let said: String = inside.map(text).collect();
        let page = |text: &str| text.split('#').next().unwrap_or_default().trim_end_matches(".md").to_lowercase();
        self.link = Some(if page(&said) == page(address) {
            self.code_span(&place);
            Link::Instead
        } else {
            Link::Beside(place)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# Deploy to servers

You need *one* key, and **a host** that lets RMM in with it: `ssh-keygen -t ed25519 -f /etc/rmm/id_ed25519` makes such a key.
More in [servers](servers.md), and [how it is made](servers.md#keys) or [below](#more); see [the bot](https://t.me/BotFather).

## What is run

- **First.** A long item that is wrapped, with its lines below each other and not below the mark of the item.
  1. one
  2. two, which is a little longer than one and so goes on in a line of its own
- Second:

  ```sh
  rmm host check web-1 --and-a-line-that-is-longer-than-any-window-may-be    # and stays as it is

  rmm host trust web-1
  ```

### Which it may be

| Word | What it says | Since |
|---|---|---|
| `ready` | Nothing stands in the way, so the next release may come at any time | v1 |
| gone | It is not there | |

After it.
";

    fn at(width: usize) -> String {
        let leads_to = |address: &str| match address.split_once('#') {
            Some(("", _)) => None,
            Some(_) | None if address.contains("://") => Some(address.to_owned()),
            Some(_) | None => Some("rmm docs servers".to_owned()),
        };
        markdown(PAGE, &Ui::test(width), &leads_to)
    }

    #[test]
    fn a_page_is_laid_out_for_its_window() {
        insta::assert_snapshot!("narrow", at(48));
        insta::assert_snapshot!("wide", at(140));
        // What is too narrow for columns has a card for each row.
        let tiny = at(30);
        assert!(tiny.contains("What it says:"), "{tiny}");
    }

    #[test]
    fn colours_stand_in_the_place_of_marks() {
        let ui = Ui { colour: true, ..Ui::test(80) };
        let shown = markdown("# Title\n\n**Do** *it* by `rmm`.\n", &ui, &|_| None);
        assert_eq!(
            shown,
            "\u{1b}[1mTitle\u{1b}[0m\n═════\n\n\u{1b}[1mDo\u{1b}[0m \u{1b}[3mit\u{1b}[0m by \u{1b}[36mrmm\u{1b}[0m.\n"
        );
    }
}
