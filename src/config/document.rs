//! The text that a configuration is read from: the file, and behind it what is defined in the dashboard.

use std::ops::Range;

use crate::domain::ids::ServiceName;

use super::Block;

/// Texts that are read as one, so that every check sees all of them.
#[derive(Debug)]
pub(super) struct Document {
    pub text: String,
    parts: Vec<Part>,
}

/// One of the texts.
#[derive(Debug)]
pub(super) struct Part {
    /// What problems call it.
    pub name: String,
    /// The service that it defines in the dashboard; none: it is the file.
    pub service: Option<ServiceName>,
    start: usize,
}

impl Document {
    /// The text of a file alone.
    pub fn of_file(name: &str, text: &str) -> Self {
        Self { text: text.to_owned(), parts: vec![Part { name: name.to_owned(), service: None, start: 0 }] }
    }

    /// The text of a service alone.
    pub fn of_block(block: &Block) -> Self {
        let part = Part { name: String::new(), service: Some(block.service.clone()), start: 0 };
        Self { text: block.text.clone(), parts: vec![part] }
    }

    /// With a service behind it.
    pub fn and(mut self, block: &Block) -> Self {
        self.text.push('\n');
        self.parts.push(Part { name: String::new(), service: Some(block.service.clone()), start: self.text.len() });
        self.text.push_str(&block.text);
        self
    }

    /// The first text.
    pub fn first(&self) -> &Part {
        &self.parts[0]
    }

    /// The text that a byte stands in, its number, and where it lies.
    pub fn part(&self, at: usize) -> (usize, &Part, Range<usize>) {
        let number = self.parts.iter().rposition(|part| part.start <= at).unwrap_or(0);
        let end = self.parts.get(number + 1).map_or(self.text.len(), |next| next.start - 1);
        let part = &self.parts[number];
        (number, part, part.start..end.max(part.start))
    }

    /// The number of the text about a service of the dashboard; that of the file without one.
    pub fn number(&self, service: Option<&ServiceName>) -> usize {
        self.parts.iter().position(|part| part.service.as_ref() == service).unwrap_or(0)
    }
}
