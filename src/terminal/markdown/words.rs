//! The words of a paragraph with their styles, and the lines that they fill.

use crate::terminal::{Tone, Ui, width};

/// How a piece of text is set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    pub strong: bool,
    pub emphasis: bool,
    code: bool,
}

impl Style {
    const fn tone(self) -> Tone {
        match (self.code, self.strong, self.emphasis) {
            (true, ..) => Tone::Busy,
            (false, true, _) => Tone::Bold,
            (false, false, true) => Tone::Stressed,
            (false, false, false) => Tone::Plain,
        }
    }
}

/// What stays on one line: pieces with their styles.
#[derive(Debug, Clone, Default)]
struct Word(Vec<(String, Style)>);

impl Word {
    fn width(&self) -> usize {
        self.0.iter().map(|(text, _)| width(text)).sum()
    }

    /// Code with blanks in it that is wider than a line is broken at them.
    fn within(self, room: usize) -> Vec<Self> {
        if self.width() <= room {
            return vec![self];
        }
        let mut words = vec![Self::default()];
        for (text, style) in self.0 {
            for (at, part) in text.split(' ').enumerate() {
                if at > 0 {
                    words.push(Self::default());
                }
                if let Some(word) = words.last_mut() {
                    word.0.push((part.to_owned(), style));
                }
            }
        }
        words
    }
}

/// The words of a paragraph, one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    words: Vec<Word>,
    /// What comes next stands right behind the last word.
    is_open: bool,
}

impl Words {
    /// Adds text, which is broken at its blanks.
    pub fn text(&mut self, text: &str, style: Style) {
        for (at, part) in text.split([' ', '\t', '\n']).enumerate() {
            if at > 0 {
                self.blank();
            }
            self.piece(part, style);
        }
    }

    /// Adds code, which stays in one piece where it fits on a line.
    pub fn code(&mut self, text: &str, style: Style) {
        self.piece(text, Style { code: true, ..style });
    }

    /// Adds what closes the last word.
    pub fn close(&mut self, text: &str, style: Style) {
        self.is_open = true;
        self.piece(text, style);
    }

    /// The next word begins.
    pub const fn blank(&mut self) {
        self.is_open = false;
    }

    fn piece(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        let piece = (text.to_owned(), style);
        match self.words.last_mut().filter(|_| self.is_open) {
            Some(word) => word.0.push(piece),
            None => self.words.push(Word(vec![piece])),
        }
        self.is_open = true;
    }

    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All of them in front of others, with a blank between.
    pub fn and(mut self, others: &Self) -> Self {
        self.words.extend(others.words.iter().cloned());
        self
    }

    /// All of them in bold.
    pub fn in_bold(mut self) -> Self {
        let pieces = self.words.iter_mut().flat_map(|word| &mut word.0);
        pieces.for_each(|(_, style)| style.strong = true);
        self
    }

    /// How wide they are on one line.
    pub fn width(&self) -> usize {
        self.words.iter().map(Word::width).sum::<usize>() + self.words.len().saturating_sub(1)
    }

    /// How wide the widest of them is, where code that is wider than this is broken at its blanks.
    pub fn widest(&self, most: usize) -> usize {
        self.words.iter().flat_map(|word| word.clone().within(most)).map(|word| word.width()).max().unwrap_or_default()
    }

    /// The lines that they fill, where none is wider than this but for words that are.
    pub fn lines(self, room: usize) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for word in self.words.into_iter().flat_map(|word| word.within(room)) {
            match lines.last_mut().filter(|line| line.width() + 1 + word.width() <= room) {
                Some(line) => line.0.push(word),
                None => lines.push(Line(vec![word])),
            }
        }
        lines
    }
}

/// Words on one line.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<Word>);

impl Line {
    pub fn width(&self) -> usize {
        self.0.iter().map(Word::width).sum::<usize>() + self.0.len().saturating_sub(1)
    }

    /// The line in its colours.
    pub fn painted(&self, ui: &Ui) -> String {
        let painted =
            |word: &Word| -> String { word.0.iter().map(|(text, style)| ui.paint(text, style.tone())).collect() };
        self.0.iter().map(painted).collect::<Vec<_>>().join(" ")
    }
}
