//! The simple commands of a shell text, as far as places need them: words without their quotes, what ends a command, and
//! subshells. What only the shell itself can know stays marked in the words. Must not run anything.

use std::iter::Peekable;
use std::str::Chars;

/// Stands before what a shell would put in: a name in braces, or a command in parentheses.
pub(super) const OPEN: char = '\u{E000}';

/// Stands before [`OPEN`] where no quotes keep what is put in together.
pub(super) const LOOSE: char = '\u{E001}';

/// A part of a shell text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// A command ends here.
    End,
    /// A command ends here, and the next one is only run where it ended well.
    And,
    /// A command ends here, and the next one is only run where it failed.
    Or,
    /// A subshell begins.
    Begin,
    /// A subshell ends.
    Close,
}

/// Reads a shell text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { chars: text.chars().peekable(), word: None, aside: false, tokens: Vec::new() };
    reader.read();
    reader.tokens
}

struct Reader<'t> {
    chars: Peekable<Chars<'t>>,
    word: Option<String>,
    /// The next word is where output goes to, or input comes from.
    aside: bool,
    tokens: Vec<Token>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(next) = self.chars.next() {
            match next {
                '\'' => {
                    let quoted: String = self.chars.by_ref().take_while(|c| *c != '\'').collect();
                    self.push(&quoted);
                }
                '"' => self.double_quoted(),
                '\\' => match self.chars.next() {
                    Some('\n') | None => {}
                    Some(escaped) => self.push(escaped.encode_utf8(&mut [0; 4])),
                },
                '$' | '`' => self.expansion(next, true),
                '#' if self.word.is_none() => while self.chars.next_if(|c| *c != '\n').is_some() {},
                '&' | '|' if self.chars.next_if_eq(&next).is_some() => {
                    self.end(if next == '&' { Token::And } else { Token::Or });
                }
                ';' | '&' | '|' | '\n' => self.end(Token::End),
                '(' => self.end(Token::Begin),
                ')' => self.end(Token::Close),
                '<' | '>' => self.redirection(),
                _ if next.is_whitespace() => self.end_word(),
                _ => self.push(next.encode_utf8(&mut [0; 4])),
            }
        }
        self.end(Token::End);
    }

    fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if !std::mem::take(&mut self.aside) {
            self.tokens.push(Token::Word(word));
        }
    }

    fn end(&mut self, token: Token) {
        self.end_word();
        self.aside = false;
        self.tokens.push(token);
    }

    fn redirection(&mut self) {
        // The number of a file that is sent somewhere is no word.
        self.word.take_if(|word| word.bytes().all(|b| b.is_ascii_digit()));
        self.end_word();
        while self.chars.next_if(|c| matches!(c, '<' | '>' | '&' | '|' | '-')).is_some() {}
        self.aside = true;
    }

    fn double_quoted(&mut self) {
        self.push("");
        while let Some(next) = self.chars.next() {
            match next {
                '"' => return,
                '$' | '`' => self.expansion(next, false),
                '\\' => match self.chars.next() {
                    Some('\n') | None => {}
                    Some(escaped) if "$`\"\\".contains(escaped) => self.push(escaped.encode_utf8(&mut [0; 4])),
                    Some(plain) => self.push(&format!("\\{plain}")),
                },
                _ => self.push(next.encode_utf8(&mut [0; 4])),
            }
        }
    }

    fn expansion(&mut self, sign: char, loose: bool) {
        let inner = match self.chars.peek() {
            _ if sign == '`' => format!("({})", self.chars.by_ref().take_while(|c| *c != '`').collect::<String>()),
            Some('(') => self.enclosed('(', ')'),
            Some('{') => self.enclosed('{', '}'),
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                let mut name = String::new();
                while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                format!("{{{name}}}")
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(*c) => {
                format!("{{{}}}", self.chars.next().unwrap_or_default())
            }
            Some(_) | None => return self.push("$"),
        };
        if loose {
            self.push(&LOOSE.to_string());
        }
        self.push(&format!("{OPEN}{inner}"));
    }

    /// All up to the sign that belongs to the one that comes next.
    fn enclosed(&mut self, begin: char, end: char) -> String {
        let (mut depth, mut inner) = (0_u32, String::new());
        for next in self.chars.by_ref() {
            inner.push(next);
            if next == begin {
                depth += 1;
            } else if next == end {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
        inner
    }
}

/// Whether a word is among these, which are written in one line.
pub(super) fn among(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

/// Whether a word is an option with one dash.
pub(super) fn is_short(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let show = |token: Token| match token {
            Token::Word(word) => format!("[{}]", word.replace(LOOSE, "").replace(OPEN, "$")),
            Token::End => ";".to_owned(),
            Token::And => "&&".to_owned(),
            Token::Or => "||".to_owned(),
            Token::Begin => "(".to_owned(),
            Token::Close => ")".to_owned(),
        };
        tokens(text).into_iter().map(show).collect()
    }

    #[test]
    fn words_ends_and_subshells() {
        for (text, expected) in [
            ("cd a && b 'c d'\"e\"f", "[cd][a]&&[b][c def];"),
            ("a || b & c", "[a]||[b];[c]"),
            ("a # && b\nc\\\n d", "[a];[c][d];"),
            ("(cd x; y) >/dev/null 2>&1", "([cd][x];[y])[1]".replace("[1]", "").as_str()),
            (
                "sh -c 'echo $X' \"$Y\" ${Z:-1} $(f \"$(g)\") `h`",
                "[sh][-c][echo $X][${Y}][${Z:-1}][$(f \"$(g)\")][$(h)];",
            ),
            ("a '' \"\" \\$X $", "[a][][][$X][$];"),
            ("cat <<EOF >out\nb\nEOF", "[cat];[b];[EOF];"),
        ] {
            let read = read(text);
            assert_eq!(read.trim_end_matches(';'), expected.trim_end_matches(';'), "{text}");
        }
    }
}
