//! How programs write a secret that they were given: encoded, escaped, quoted.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

/// Shorter spellings of a part occur by chance.
const SHORTEST_PART: usize = 6;

/// Dumps of longer ones are broken into lines.
const LONGEST_DUMP: usize = 256;

/// A secret as it is, and in every spelling.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let percent = |keep: &str| percent(secret, keep);
    // Forms, paths, users, fragments: each standard keeps other characters.
    let kept = ["", "/", "!'()*", "$&+:=@", "$&+,;=", "!$&'()*+,;=", "!$&'()*+,;=:@", "!#$&'()*+,/:;=?@[]"];
    let mut addresses: Vec<_> = kept.into_iter().map(percent).collect();
    addresses.push(percent("*").replace('~', "%7E"));
    let mut all = vec![
        ascii(&json),
        ascii(&json.replace('/', "\\/")),
        json.replace('/', "\\/"),
        // A text of JSON within JSON.
        serde_json::Value::from(json.as_str()).to_string().trim_matches('"').to_owned(),
        unicode(&json, "<>&", false),
        unicode(&ascii(&json), "<>&'", false),
        unicode(&json.replace("\\\"", "\""), "<>&'\"+`", true),
        unicode(&ascii(&json).replace("\\\"", "\""), "<>&'\"+`", true),
        json,
        secret.replace('\'', r"'\''"),
        secret.replace('\'', r#"'"'"'"#),
        secret.replace('\'', "''"),
        secret.replace('"', "\"\""),
        backslashes(secret, |c| matches!(c, '"' | '$' | '`' | '\\')),
        backslashes(secret, |c| matches!(c, '\'' | '\\')),
        backslashes(secret, |c| {
            c.is_ascii_graphic() && !c.is_ascii_alphanumeric() && !"_-./:@%+=,".contains(c) || c == ' '
        }),
        secret.to_owned(),
    ];
    for (quote, apostrophe) in [
        ("\"", "'"),
        ("&quot;", "'"),
        ("&quot;", "&#39;"),
        ("&quot;", "&#x27;"),
        ("&quot;", "&apos;"),
        ("&#34;", "&#39;"),
    ] {
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        all.push(html.replace('"', quote).replace('\'', apostrophe));
    }
    // As one number, and as dumps and string literals write it.
    for (before, between) in [("", ""), ("", " "), ("", ":"), ("", "-"), ("\\x", "\\x"), ("0x", ", 0x"), ("0x", ",0x")]
    {
        if !between.is_empty() && secret.len() > LONGEST_DUMP {
            continue;
        }
        let bytes = |upper: bool| {
            let digits = secret.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
            before.to_owned() + &digits.collect::<Vec<_>>().join(between)
        };
        all.extend([bytes(true), bytes(false)]);
    }
    for address in addresses {
        let small = lower_case_digits(&address);
        all.extend([address.replace("%20", "+"), small.replace("%20", "+"), small, address]);
    }
    all.into_iter().map(String::into_bytes).chain(base64(secret)).collect()
}

/// Wherever the secret stands within what is encoded: what depends on it alone. Where it is encoded by itself, its end,
/// too.
fn base64(secret: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for engine in [BASE64_STANDARD, BASE64_URL_SAFE] {
        for (before, skip) in [(0, 0), (1, 2), (2, 3)] {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(secret.as_bytes());
            let text = engine.encode(&bytes);
            let whole = bytes.len() * 4 / 3;
            all.extend(text.get(skip..whole.min(text.len())).map(ToOwned::to_owned));
            all.extend([text[skip..].to_owned(), text[skip..].trim_end_matches('=').to_owned()]);
        }
    }
    all.retain(|part| part.len() >= SHORTEST_PART);
    all.into_iter().map(String::into_bytes).collect()
}

fn percent(text: &str, keep: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep.as_bytes().contains(&byte);
        let _ = if plain { write!(out, "{}", char::from(byte)) } else { write!(out, "%{byte:02X}") };
        out
    })
}

fn lower_case_digits(address: &str) -> String {
    let mut since = 3;
    let lower = address.chars().map(|c| {
        since = if c == '%' { 0 } else { since + 1 };
        if since <= 2 { c.to_ascii_lowercase() } else { c }
    });
    lower.collect()
}

/// JSON as those write it who spell some characters as numbers.
fn unicode(json: &str, special: &str, upper: bool) -> String {
    json.chars().fold(String::new(), |mut out, c| {
        let _ = match (special.contains(c), upper) {
            (true, true) => write!(out, "\\u{:04X}", u32::from(c)),
            (true, false) => write!(out, "\\u{:04x}", u32::from(c)),
            (false, _) => write!(out, "{c}"),
        };
        out
    })
}

/// JSON as those write it who trust nothing but ASCII.
fn ascii(json: &str) -> String {
    json.chars().fold(String::new(), |mut out, c| {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    })
}

fn backslashes(text: &str, special: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}
