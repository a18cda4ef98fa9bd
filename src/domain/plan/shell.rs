//! Where placeholders stand in a shell command. A value is put there as one quoted word, which is only one word where the
//! shell begins to read afresh: between quotes, in a here-document or in a comment the quotes of the value would end what
//! is around them, and the rest of the value would be read as commands.
//!
//! The rules are those of POSIX (Shell Command Language, 2.2 Quoting, 2.6 Word Expansions, 2.7.4 Here-Document), with the
//! words of bash that change the meaning of quotes (`$'…'`, `$"…"`).

mod expansion;

use std::iter::Peekable;
use std::str::CharIndices;

use serde::Serialize;

/// A placeholder where a value would not be one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misplaced {
    /// Where it begins, in bytes.
    pub at: usize,
    /// What it stands in.
    pub place: Misplacement,
}

/// Where a value is no word of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Misplacement {
    /// Inside of `"…"`.
    DoubleQuotes,
    /// Inside of `'…'`.
    SingleQuotes,
    /// Inside of `${…}`.
    Parameter,
    /// Inside of `$((…))`.
    Arithmetic,
    /// Inside of `` `…` ``.
    Backquotes,
    /// Behind `case` inside of `$(…)`: its patterns end like it.
    Case,
    /// Behind `$'…'`, which not every shell takes for quotes.
    AnsiQuotes,
    /// Behind `$`.
    Dollar,
    /// Behind `\`.
    Backslash,
    /// A shell reads it as commands once more.
    ReadAgain,
    /// Behind `#`.
    Comment,
    /// In a text behind `<<`.
    HereDocument,
}

pub(super) const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "su"];

/// What the shell is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Commands, up to a parenthesis that ends them.
    Commands {
        parentheses: u32,
    },
    Double,
    Parameter,
    /// `$((…))`, or `$[…]` of bash.
    Arithmetic {
        end: char,
        depth: u32,
    },
    Backquotes,
}

/// Finds the first placeholder that is misplaced. `{% … %}` and `{# … #}` count as nothing, so that every branch of a
/// template is looked at.
#[must_use]
pub fn misplaced(template: &str) -> Option<Misplaced> {
    Reader::of(template).read().err()
}

/// Stands for a value in [`commands`].
pub(super) const VALUE: char = '\u{FFFC}';

/// The words of each simple command, in order, with [`VALUE`] for every value, and whether something is sent to a file; none where something is in there that this
/// reader steps over, or that may evaluate values: backquotes, here-documents, arithmetic, all but the plainest `${…}`.
pub(super) fn commands(template: &str) -> Option<(Vec<Vec<String>>, bool)> {
    let mut reader = Reader::of(template);
    reader.read().ok()?;
    reader.end_command();
    Some((reader.commands, reader.writes)).filter(|_| !reader.opaque)
}

struct Reader<'t> {
    chars: Peekable<CharIndices<'t>>,
    text: &'t str,
    inside: Vec<Inside>,
    /// The word so far, without its quotes.
    word: String,
    /// The words of the command before it.
    command: Vec<String>,
    /// The words of the commands around, in which `$(…)` stands.
    around: Vec<(String, Vec<String>)>,
    /// The ends of here-documents that begin with the next line, and whether tabs before them are left out.
    documents: Vec<(String, bool)>,
    /// The commands that have ended.
    commands: Vec<Vec<String>>,
    /// Something has been stepped over that may evaluate values.
    opaque: bool,
    /// Something is sent to a file.
    writes: bool,
    /// From here on, shells do not agree on what is quoted.
    ambiguous: Option<Misplacement>,
}

impl<'t> Reader<'t> {
    fn of(template: &'t str) -> Self {
        Self {
            chars: template.char_indices().peekable(),
            text: template,
            inside: vec![Inside::Commands { parentheses: 0 }],
            word: String::new(),
            command: Vec::new(),
            around: Vec::new(),
            documents: Vec::new(),
            commands: Vec::new(),
            opaque: false,
            writes: false,
            ambiguous: None,
        }
    }

    fn read(&mut self) -> Result<(), Misplaced> {
        while let Some((at, next)) = self.chars.next() {
            if next == '{' && self.skip_template(at)? {
                continue;
            }
            match self.inside.last().copied() {
                Some(Inside::Double) => self.in_double(next),
                Some(Inside::Parameter) => self.in_parameter(next),
                Some(Inside::Arithmetic { .. }) => self.in_arithmetic(next),
                Some(Inside::Backquotes) => match next {
                    '`' => drop(self.inside.pop()),
                    '\\' => drop(self.chars.next()),
                    _ => {}
                },
                Some(Inside::Commands { .. }) | None => self.in_commands(at, next)?,
            }
        }
        Ok(())
    }

    fn peek_at(&mut self) -> Option<usize> {
        self.chars.peek().map(|(at, _)| *at)
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, next)| *next)
    }

    /// Steps over what is the template engine's. True: something was.
    fn skip_template(&mut self, at: usize) -> Result<bool, Misplaced> {
        let end = match self.peek() {
            Some('{') => "}}",
            Some('%') => "%}",
            Some('#') => "#}",
            _ => return Ok(false),
        };
        if end == "}}" {
            self.placeholder(at)?;
        }
        let length = template_length(&self.text[at..], end);
        while self.chars.next_if(|(next, _)| *next < at + length).is_some() {}
        Ok(true)
    }

    /// Whether a value may stand here.
    fn placeholder(&mut self, at: usize) -> Result<(), Misplaced> {
        let wrong = |place| Err(Misplaced { at, place });
        match self.inside.last() {
            Some(Inside::Double) => return wrong(Misplacement::DoubleQuotes),
            Some(Inside::Parameter) => return wrong(Misplacement::Parameter),
            Some(Inside::Arithmetic { .. }) => return wrong(Misplacement::Arithmetic),
            Some(Inside::Backquotes) => return wrong(Misplacement::Backquotes),
            Some(Inside::Commands { .. }) | None => {}
        }
        if let Some(behind) = self.ambiguous {
            return wrong(behind);
        }
        if self.text[..at].ends_with('$') {
            return wrong(Misplacement::Dollar);
        }
        let name = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
        let first = self.command.iter().find(|word| !word.contains('='));
        let runs_text = |word: &String| word.starts_with('-') && word.ends_with('c');
        if first.is_some_and(|first| first == "eval")
            || self.command.last().is_some_and(runs_text)
                && self.command.iter().any(|word| SHELLS.contains(&name(word).as_str()))
        {
            return wrong(Misplacement::ReadAgain);
        }
        self.word.push(VALUE);
        Ok(())
    }

    fn in_commands(&mut self, at: usize, next: char) -> Result<(), Misplaced> {
        match next {
            '\'' => self.single_quoted()?,
            '"' => self.inside.push(Inside::Double),
            '`' => self.go_into(Inside::Backquotes),
            '\\' => self.escaped(at)?,
            '$' => self.dollar(at)?,
            '#' if self.word.is_empty() => self.comment()?,
            '<' if self.peek() == Some('<') => self.here_document(),
            '(' => {
                self.end_command();
                if let Some(Inside::Commands { parentheses }) = self.inside.last_mut() {
                    *parentheses += 1;
                }
            }
            ')' => {
                self.end_command();
                let nested = self.inside.len() > 1;
                match self.inside.last_mut() {
                    Some(Inside::Commands { parentheses: 0 }) if nested => {
                        self.inside.pop();
                        (self.word, self.command) = self.around.pop().unwrap_or_default();
                    }
                    // One that nothing opened ends a pattern of `case`.
                    Some(Inside::Commands { parentheses }) => *parentheses = parentheses.saturating_sub(1),
                    Some(_) | None => {}
                }
            }
            '&' if self.text[..at].ends_with(['<', '>']) => self.end_word(),
            ';' | '&' | '|' => self.end_command(),
            '\n' => {
                self.end_command();
                self.documents()?;
            }
            '>' => {
                let rest = self.text[at + 1..].trim_start_matches(['>', '|', ' ']);
                self.writes |= !rest.starts_with("/dev/null") && !rest.starts_with('&');
                self.end_word();
            }
            _ if next.is_whitespace() || next == '<' => self.end_word(),
            _ => self.word.push(next),
        }
        Ok(())
    }

    fn end_word(&mut self) {
        if self.word == "case" && self.inside.len() > 1 {
            self.ambiguous = Some(Misplacement::Case);
        }
        if !self.word.is_empty() {
            self.command.push(std::mem::take(&mut self.word));
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let command = std::mem::take(&mut self.command);
        self.commands.extend(Some(command).filter(|command| !command.is_empty()));
    }

    fn escaped(&mut self, at: usize) -> Result<(), Misplaced> {
        if self.text[at + 1..].starts_with("{{") {
            return Err(Misplaced { at: at + 1, place: Misplacement::Backslash });
        }
        if let Some((_, next)) = self.chars.next().filter(|(_, next)| *next != '\n') {
            self.word.push(next);
        }
        Ok(())
    }

    /// Up to the closing quote, which nothing but itself ends.
    fn single_quoted(&mut self) -> Result<(), Misplaced> {
        self.word.push('\'');
        for (at_next, next) in self.chars.by_ref() {
            match next {
                '\'' => return Ok(()),
                '{' if self.text[at_next..].starts_with("{{") => {
                    return Err(Misplaced { at: at_next, place: Misplacement::SingleQuotes });
                }
                _ => self.word.push(next),
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Misplaced> {
        while let Some((at, next)) = self.chars.next_if(|(_, next)| *next != '\n') {
            if next == '{' && self.text[at..].starts_with("{{") {
                return Err(Misplaced { at, place: Misplacement::Comment });
            }
        }
        Ok(())
    }

    /// `<<WORD` or `<<-WORD`; the document begins after the end of the line.
    fn here_document(&mut self) {
        self.opaque = true;
        self.end_word();
        self.chars.next();
        if self.chars.next_if(|(_, next)| *next == '<').is_some() {
            return;
        }
        let tabs = self.chars.next_if(|(_, next)| *next == '-').is_some();
        while self.chars.next_if(|(_, next)| matches!(next, ' ' | '\t')).is_some() {}
        let mut end = String::new();
        while let Some((_, next)) = self.chars.next_if(|(_, next)| !next.is_whitespace() && !";&|<>()".contains(*next))
        {
            if !matches!(next, '\'' | '"' | '\\') {
                end.push(next);
            }
        }
        self.documents.push((end, tabs));
    }

    /// Steps over the here-documents that begin here.
    fn documents(&mut self) -> Result<(), Misplaced> {
        for (end, tabs) in std::mem::take(&mut self.documents) {
            loop {
                let Some((start, _)) = self.chars.peek().copied() else { return Ok(()) };
                let line = self.text[start..].split('\n').next().unwrap_or_default();
                if let Some(at) = line.find("{{") {
                    return Err(Misplaced { at: start + at, place: Misplacement::HereDocument });
                }
                while self.chars.next_if(|(at, _)| *at <= start + line.len()).is_some() {}
                if (if tabs { line.trim_start_matches('\t') } else { line }) == end {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// How long a part of the template engine's is that begins here, with its end; what stands in quotes does not end it.
fn template_length(text: &str, end: &str) -> usize {
    let mut quote = None;
    for (at, next) in text.char_indices().skip(2) {
        match quote {
            Some(open) if next == open => quote = None,
            Some(_) => {}
            None if text[at..].starts_with(end) => return at + end.len(),
            None if end != "#}" && matches!(next, '"' | '\'') => quote = Some(next),
            None => {}
        }
    }
    text.len()
}
