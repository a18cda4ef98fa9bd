//! Whether a text is HTML that Telegram takes, and that can be cut at any end of a line.

use super::SAYS_NOTHING;
use crate::domain::text::is_blank;

const TAGS: &[&str] = &["b", "i", "u", "s", "code", "pre", "a", "blockquote"];
/// The one in which several lines may stand: where a text is cut, it is closed.
const LONG: &str = "blockquote";

/// Checks the tags of a text, and that there is something besides them.
///
/// # Errors
/// A sentence that says what is wrong, and in which line.
pub fn check(html: &str) -> Result<(), String> {
    let (mut blank, mut open) = (true, Vec::new());
    for (number, line) in html.lines().enumerate() {
        blank &= check_line(line, &mut open).map_err(|what| format!("line {} of the message: {what}", number + 1))?;
    }
    match open.last() {
        Some(name) => Err(format!("<{name}> is not closed")),
        None if blank => Err(SAYS_NOTHING.to_owned()),
        None => Ok(()),
    }
}

/// Whether the line shows nothing; `open`: what an earlier line has left open.
fn check_line<'l>(line: &'l str, open: &mut Vec<&'l str>) -> Result<bool, String> {
    let mut blank = true;
    let mut rest = line;
    while let Some(at) = rest.find('<') {
        blank &= is_blank(&rest[..at]);
        let inner = &rest[at + 1..];
        let end = inner.find('>').ok_or("a < without its >")?;
        let tag = &inner[..end];
        rest = &inner[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(opened) if opened == name => {}
                Some(opened) => return Err(format!("</{name}> where </{opened}> should be")),
                None => return Err(format!("</{name}> without <{name}>")),
            }
            continue;
        }
        let name = tag.split_ascii_whitespace().next().unwrap_or_default();
        if !TAGS.contains(&name) {
            return Err(format!("Telegram has no <{name}>"));
        }
        open.push(name);
    }
    match open.iter().find(|name| **name != LONG) {
        Some(name) => Err(format!("<{name}> is not closed in its line")),
        None => Ok(blank && is_blank(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_known_and_closed_in_their_line() {
        assert_eq!(check("<b>x</b> <a href=\"https://x\">y</a>\n<i>z</i>"), Ok(()));
        assert_eq!(check("<blockquote expandable><b>x</b>\ny</blockquote>\nz"), Ok(()));
        assert!(check("a\n<b>x\n</b>").unwrap_err().contains("line 2"));
        for bad in
            ["", "<b>\u{200B}</b>\n ", "<b>", "</b>", "<b><i></b></i>", "<div>x</div>", "a < b", "<blockquote>x\ny"]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
