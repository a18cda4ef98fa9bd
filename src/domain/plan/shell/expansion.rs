//! What a shell puts in: `$…`, backquotes, and what is inside of double quotes.

use super::{Inside, Misplaced, Misplacement, Reader};

impl Reader<'_> {
    pub(super) fn dollar(&mut self, at: usize) -> Result<(), Misplaced> {
        self.word.push('$');
        let rest = &self.text[at + 1..];
        if rest.starts_with("{{") || rest.starts_with("{%") || rest.starts_with("{#") {
            return Ok(());
        }
        self.expansion(rest);
        if rest.starts_with('\'') && !matches!(self.inside.last(), Some(Inside::Double)) {
            self.ambiguous = Some(Misplacement::AnsiQuotes);
            self.chars.next();
            return self.ansi_quoted();
        }
        Ok(())
    }

    pub(super) fn go_into(&mut self, inside: Inside) {
        let name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let here = self.peek_at().map_or("", |at| &self.text[at..]);
        let plain = here.strip_prefix('{').and_then(|rest| rest.split_once('}')).is_some_and(|(inner, _)| name(inner));
        self.opaque |= match inside {
            Inside::Commands { .. } | Inside::Double => false,
            Inside::Parameter => !plain,
            Inside::Arithmetic { .. } | Inside::Backquotes => true,
        };
        self.inside.push(inside);
    }

    /// Goes into `${…}`, `$((…))`, `$[…]` or `$(…)`.
    fn expansion(&mut self, rest: &str) {
        let (inside, length) = match rest {
            _ if rest.starts_with('{') => (Inside::Parameter, 1),
            _ if rest.starts_with("((") => (Inside::Arithmetic { end: ')', depth: 0 }, 2),
            _ if rest.starts_with('[') => (Inside::Arithmetic { end: ']', depth: 0 }, 1),
            _ if rest.starts_with('(') => (Inside::Commands { parentheses: 0 }, 1),
            _ => return,
        };
        if matches!(inside, Inside::Commands { .. }) {
            self.around.push((std::mem::take(&mut self.word), std::mem::take(&mut self.command)));
        }
        self.go_into(inside);
        self.chars.nth(length - 1);
    }

    pub(super) fn in_double(&mut self, next: char) {
        match next {
            '"' => drop(self.inside.pop()),
            '\\' => drop(self.chars.next()),
            '`' => self.go_into(Inside::Backquotes),
            '$' => self.expand_here(),
            _ => self.word.push(next),
        }
    }

    pub(super) fn in_parameter(&mut self, next: char) {
        match next {
            '}' => drop(self.inside.pop()),
            '"' => self.inside.push(Inside::Double),
            '\\' => drop(self.chars.next()),
            '`' => self.go_into(Inside::Backquotes),
            '$' => self.expand_here(),
            _ => {}
        }
    }

    pub(super) fn in_arithmetic(&mut self, next: char) {
        let Some(Inside::Arithmetic { end, depth }) = self.inside.last_mut() else { return };
        match next {
            '(' | '[' if (next == '(') == (*end == ')') => *depth += 1,
            _ if next == *end && *depth == 0 => {
                let double = *end == ')';
                self.inside.pop();
                self.chars.next_if(|(_, next)| double && *next == ')');
            }
            _ if next == *end => *depth -= 1,
            '$' => self.expand_here(),
            _ => {}
        }
    }

    fn expand_here(&mut self) {
        self.word.push('$');
        let Some((at, _)) = self.chars.peek().copied() else { return };
        let rest = &self.text[at..];
        if !rest.starts_with("{{") && !rest.starts_with("{%") {
            self.expansion(rest);
        }
    }

    /// `$'…'` of bash, in which a backslash keeps a quote from ending it.
    fn ansi_quoted(&mut self) -> Result<(), Misplaced> {
        while let Some((at, next)) = self.chars.next() {
            match next {
                '\'' => return Ok(()),
                '\\' => drop(self.chars.next()),
                '{' if self.text[at..].starts_with("{{") => {
                    return Err(Misplaced { at, place: Misplacement::SingleQuotes });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
