//! Makes texts fit: what Telegram takes is measured in UTF-16 units after its HTML has been read.
//!
//! Reads HTML as Telegram does: four named entities and numbers, and `<` that begins no tag is a `<`.

use std::borrow::Cow;

/// What a message may hold.
pub const LONGEST: usize = 4096;
/// What the answer to a tap may hold.
pub const LONGEST_ANSWER: usize = 200;
/// Stands for what was cut off; one unit.
const MORE: char = '…';
/// The longest entity that is looked for, with `&` and `;`.
const LONGEST_ENTITY: usize = 10;

/// A part of a text in HTML that is never split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Open(&'a str),
    Close(&'a str),
    Char(char),
}

/// The pieces of a text, each with the byte at which it begins.
struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (usize, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (start, rest) = (self.at, &self.text[self.at..]);
        let first = rest.chars().next()?;
        let found = match first {
            '<' => tag(rest),
            '&' => entity(rest),
            _ => None,
        };
        let (piece, length) = found.unwrap_or((Piece::Char(first), first.len_utf8()));
        self.at += length;
        Some((start, piece))
    }
}

/// The tag that a text begins with, and its length in bytes.
fn tag(text: &str) -> Option<(Piece<'_>, usize)> {
    let inner = text.strip_prefix('<')?;
    let (closes, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let name_end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(inner.len());
    let name = &inner[..name_end];
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let mut quote = None;
    for (at, c) in inner[name_end..].char_indices() {
        match (quote, c) {
            (None, '>') => {
                let length = text.len() - inner.len() + name_end + at + 1;
                return Some((if closes { Piece::Close(name) } else { Piece::Open(name) }, length));
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (_, '\n') => return None,
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// The character that an entity at the beginning of a text stands for, and the entity's length in bytes.
fn entity(text: &str) -> Option<(Piece<'_>, usize)> {
    let end = text.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';')?;
    let c = match &text[1..end] {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        name => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => digits.parse().ok()?,
            };
            char::from_u32(number).filter(|c| *c != '\0')?
        }
    };
    Some((Piece::Char(c), end + 1))
}

const fn pieces(text: &str) -> Pieces<'_> {
    Pieces { text, at: 0 }
}

/// Where a text can be cut: a byte, what is before it, and the tags that are open there.
struct Cut<'a> {
    at: usize,
    units: usize,
    open: Vec<&'a str>,
}

/// A text of at most `most` units: as it is, or cut at the end of a line and ended by "…". Where that would lose more
/// than half of what fits, because a line is very long, it is cut within the line. Tags that are open are closed.
#[must_use]
pub fn html(text: &str, most: usize) -> Cow<'_, str> {
    let (mut units, mut open): (usize, Vec<&str>) = (0, Vec::new());
    let (mut line, mut inside): (Option<Cut<'_>>, Option<Cut<'_>>) = (None, None);
    for (at, piece) in pieces(text) {
        match piece {
            Piece::Open(name) => open.push(name),
            Piece::Close(name) => {
                if open.last() == Some(&name) {
                    open.pop();
                }
            }
            Piece::Char(c) => {
                if c == '\n' && units + 2 <= most {
                    line = Some(Cut { at, units, open: open.clone() });
                }
                if inside.is_none() && units + c.len_utf16() + MORE.len_utf16() > most {
                    inside = Some(Cut { at, units, open: open.clone() });
                }
                units += c.len_utf16();
            }
        }
    }
    if units <= most {
        return Cow::Borrowed(text);
    }
    let mut short = String::with_capacity(text.len().min(4 * most));
    let close = |open: &[&str]| open.iter().rev().map(|name| format!("</{name}>")).collect::<String>();
    match (line.filter(|line| line.units * 2 >= most), inside) {
        (Some(cut), _) => {
            short.push_str(&text[..cut.at]);
            short.push_str(&close(&cut.open));
            short.extend(['\n', MORE]);
        }
        (None, Some(cut)) => {
            short.push_str(&text[..cut.at]);
            if cut.units < most {
                short.push(MORE);
            }
            short.push_str(&close(&cut.open));
        }
        (None, None) => {}
    }
    Cow::Owned(short)
}

/// What people see of a text in HTML, without bold letters and links.
#[must_use]
pub fn plain(text: &str) -> String {
    pieces(text).filter_map(|(_, piece)| if let Piece::Char(c) = piece { Some(c) } else { None }).collect()
}

/// Plain words of at most `most` units.
#[must_use]
pub fn words(text: &str, most: usize) -> Cow<'_, str> {
    if text.encode_utf16().count() <= most {
        return Cow::Borrowed(text);
    }
    let mut units = MORE.len_utf16();
    let fits = text.chars().take_while(|c| {
        units += c.len_utf16();
        units <= most
    });
    let mut short: String = fits.collect();
    short.push(MORE);
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(html: &str) -> usize {
        plain(html).encode_utf16().count()
    }

    /// Every tag is closed, in order.
    fn balanced(html: &str) -> bool {
        let mut open = Vec::new();
        let closed = pieces(html).all(|(_, piece)| match piece {
            Piece::Open(name) => {
                open.push(name);
                true
            }
            Piece::Close(name) => open.pop() == Some(name),
            Piece::Char(_) => true,
        });
        closed && open.is_empty()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let text = "<b>a</b> &amp; 😀";
        assert_eq!(units(text), 6);
        assert_eq!(html(text, 6), text);
        assert_eq!(html(text, 5), "<b>a</b> &amp; …");
        assert_eq!(html("", 5), "");
    }

    #[test]
    fn long_texts_end_at_a_line() {
        let line = "<b>0123456789</b>\n";
        let text = line.repeat(500);
        let short = html(&text, LONGEST);
        assert!(short.ends_with("</b>\n…"), "{}", &short[short.len() - 20..]);
        assert_eq!(units(&short), 372 * 11 - 1 + 2);
        assert!(text.starts_with(short.strip_suffix('…').expect("an ellipsis")));
    }

    #[test]
    fn one_long_line_is_cut_within() {
        let text = format!("head\n<code>{}</code>", "&lt;".repeat(5000));
        let short = html(&text, LONGEST);
        assert!(short.ends_with("&lt;…</code>"), "{}", &short[short.len() - 20..]);
        assert_eq!(units(&short), LONGEST);
        let short = html("<a href=\"https://x/?a>b\">😀😀😀</a>", 4);
        assert_eq!(short, "<a href=\"https://x/?a>b\">😀…</a>");
    }

    #[test]
    fn what_is_no_html_is_text() {
        for (text, seen) in [
            ("1 < 2 &amp;&amp; 3 > 2", "1 < 2 && 3 > 2"),
            ("a & b &unknown; &#0; &#x1F600;&#39;", "a & b &unknown; &#0; 😀'"),
            ("<b", "<b"),
            ("<a href=\"x", "<a href=\"x"),
            ("<i>x</i><br/>&lt;b&gt;", "x<b>"),
        ] {
            assert_eq!(plain(text), seen);
        }
    }

    #[test]
    fn words_are_cut_between_characters() {
        assert_eq!(words("four", 4), "four");
        assert_eq!(words("😀😀😀", 4), "😀…");
        assert_eq!(words(&"й".repeat(300), LONGEST_ANSWER).chars().count(), 200);
    }

    /// A line in which every tag that is opened is closed.
    fn line() -> impl Strategy<Value = String> {
        let word = "[a-zй😀 ]{0,12}(&lt;|&amp;|&#33;)?";
        let part = (word, 0..4_usize).prop_map(|(word, form)| match form {
            0 => format!("<b>{word}</b>"),
            1 => format!("<b>x<i>{word}</i></b>"),
            2 => format!("<a href=\"https://x/?a=1&amp;b=2\">{word}</a>"),
            _ => word,
        });
        proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn whatever_is_cut_fits_and_can_be_read(lines in proptest::collection::vec(line(), 0..20), most in 1..120_usize) {
            let text = lines.join("\n");
            let short = html(&text, most);
            prop_assert!(units(&short) <= most, "{short}");
            prop_assert!(balanced(&short), "{short}");
            let (seen, all) = (plain(&short), plain(&text));
            if units(&text) <= most {
                prop_assert_eq!(&short, &text);
            } else {
                let kept = seen.strip_suffix('…').expect("an ellipsis");
                prop_assert!(all.starts_with(kept), "{} / {}", kept, all);
                prop_assert!(seen.encode_utf16().count() * 2 + 3 >= most, "too little is left: {}", seen);
            }
        }

        #[test]
        fn no_text_panics(text in "[<>/&;#a\"x0-9 \n😀]{0,60}", most in 0..20_usize) {
            prop_assert!(units(&html(&text, most)) <= most);
            prop_assert!(words(&text, most.max(1)).encode_utf16().count() <= most.max(1));
        }
    }
}
