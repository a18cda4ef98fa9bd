//! Telegram's HTML: to text and entities, or the words with which Telegram refuses it.

use serde_json::{Value, json};

/// A text that Telegram has understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    pub text: String,
    /// As the Bot API shows them, counted in UTF-16 units.
    pub entities: Vec<Value>,
    /// For transcripts: the text, with the address of each link behind it.
    pub shown: String,
}

const TAGS: &[(&str, &str)] = &[
    ("b", "bold"),
    ("strong", "bold"),
    ("i", "italic"),
    ("em", "italic"),
    ("u", "underline"),
    ("ins", "underline"),
    ("s", "strikethrough"),
    ("strike", "strikethrough"),
    ("del", "strikethrough"),
    ("tg-spoiler", "spoiler"),
    ("span", "spoiler"),
    ("code", "code"),
    ("pre", "pre"),
    ("blockquote", "blockquote"),
    ("a", "text_link"),
];

/// Telegram's measure of length.
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A text that is taken as it is.
pub fn plain(text: &str) -> Parsed {
    let text = text.trim().to_owned();
    Parsed { shown: text.clone(), text, entities: Vec::new() }
}

struct Open<'a> {
    tag: &'a str,
    kind: &'static str,
    start: usize,
    href: Option<String>,
}

/// Reads HTML as Telegram does.
pub fn parse(html: &str) -> Result<Parsed, String> {
    let (mut text, mut shown, mut entities) = (String::new(), String::new(), Vec::new());
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut at = 0;
    while let Some(next) = html[at..].find(['<', '&']).map(|found| at + found) {
        text.push_str(&html[at..next]);
        shown.push_str(&html[at..next]);
        if html.as_bytes()[next] == b'&' {
            let (character, length) = character(&html[next..]);
            text.push(character);
            shown.push(character);
            at = next + length;
            continue;
        }
        let close = end_of_tag(html, next)?;
        let inside = &html[next + 1..close];
        at = close + 1;
        if let Some(name) = inside.strip_prefix('/') {
            let Some(begun) = open.pop() else {
                return Err(format!("Unexpected end tag at byte offset {next}"));
            };
            if !name.trim().eq_ignore_ascii_case(begun.tag) {
                let expected = begun.tag;
                return Err(format!(
                    "Unmatched end tag at byte offset {next}, expected \"</{expected}>\", found \"</{name}>\""
                ));
            }
            let length = units(&text) - begun.start;
            if let Some(href) = begun.href.filter(|_| length > 0) {
                shown.push_str(&format!(" <{href}>"));
                entities.push(link(&href, begun.start, length));
            } else if length > 0 {
                entities.push(json!({ "type": begun.kind, "offset": begun.start, "length": length }));
            }
        } else {
            open.push(opened(inside, next, units(&text))?);
        }
    }
    text.push_str(&html[at..]);
    shown.push_str(&html[at..]);
    if let Some(left) = open.last() {
        return Err(format!("Can't find end tag corresponding to start tag \"{}\"", left.tag));
    }
    Ok(trimmed(&text, &shown, entities))
}

fn opened(inside: &str, offset: usize, start: usize) -> Result<Open<'_>, String> {
    let (tag, attributes) = inside.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((inside, ""));
    let known = TAGS.iter().find(|(name, _)| tag.eq_ignore_ascii_case(name));
    let Some((name, kind)) = known else {
        return Err(format!("Unsupported start tag \"{tag}\" at byte offset {offset}"));
    };
    if *name == "span" && !attributes.contains("tg-spoiler") {
        return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {offset}"));
    }
    let href = attributes.trim().strip_prefix("href=").map(|value| unescaped(value.trim_matches(['"', '\''])));
    Ok(Open { tag, kind, start, href: href.filter(|_| *name == "a") })
}

/// Where the `>` is that ends the tag; those in quotes do not count.
fn end_of_tag(html: &str, from: usize) -> Result<usize, String> {
    let mut quote = None;
    for (index, character) in html[from..].char_indices() {
        match (quote, character) {
            (None, '>') => return Ok(from + index),
            (None, '"' | '\'') => quote = Some(character),
            (Some(begun), _) if begun == character => quote = None,
            (None | Some(_), _) => {}
        }
    }
    Err(format!("Unclosed start tag at byte offset {from}"))
}

/// The character that an `&…;` stands for, and its length; an `&` that stands for nothing is an `&`.
fn character(source: &str) -> (char, usize) {
    let known = [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')];
    if let Some((name, character)) = known.iter().find(|(name, _)| source.starts_with(name)) {
        return (*character, name.len());
    }
    let number = source.strip_prefix("&#").and_then(|rest| Some((rest.split_once(';')?.0, rest)));
    let read = number.and_then(|(digits, _)| {
        let code = match digits.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => digits.parse().ok()?,
        };
        Some((char::from_u32(code)?, digits.len() + 3))
    });
    read.unwrap_or(('&', 1))
}

fn unescaped(source: &str) -> String {
    let (mut out, mut rest) = (String::new(), source);
    while let Some(first) = rest.chars().next() {
        let (read, length) = if first == '&' { character(rest) } else { (first, first.len_utf8()) };
        out.push(read);
        rest = &rest[length..];
    }
    out
}

fn link(href: &str, offset: usize, length: usize) -> Value {
    match href.strip_prefix("tg://user?id=").and_then(|id| id.parse::<i64>().ok()) {
        Some(id) => json!({
            "type": "text_mention", "offset": offset, "length": length,
            "user": { "id": id, "is_bot": false, "first_name": "Somebody" },
        }),
        None => json!({ "type": "text_link", "offset": offset, "length": length, "url": href }),
    }
}

/// Telegram cuts white space off at both ends.
fn trimmed(text: &str, shown: &str, mut entities: Vec<Value>) -> Parsed {
    let before = units(text) - units(text.trim_start());
    let length = units(text.trim());
    for entity in &mut entities {
        let start = entity["offset"].as_u64().map_or(0, |offset| offset as usize);
        let end = start + entity["length"].as_u64().map_or(0, |length| length as usize);
        let (start, end) = (start.max(before) - before, (end.max(before) - before).min(length));
        entity["offset"] = start.into();
        entity["length"] = end.saturating_sub(start).into();
    }
    entities.retain(|entity| entity["length"] != 0);
    entities.sort_by_key(|entity| entity["offset"].as_u64());
    Parsed { text: text.trim().to_owned(), shown: shown.trim().to_owned(), entities }
}
