//! How programs write a secret that they were given: encoded, escaped, quoted.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

/// Shorter spellings of a part occur by chance.
const SHORTEST_PART: usize = 6;

/// A secret as it is, and in every spelling.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let percent = |keep: &str| percent(secret, keep);
    let addresses = [percent(""), percent("/"), percent("!'()*"), percent("!#$&'()*+,/:;=?@[]")];
    let mut all = vec![
        hex.to_uppercase(),
        hex,
        ascii(&json),
        ascii(&json.replace('/', "\\/")),
        json.replace('/', "\\/"),
        json,
        html.replace('\'', "&#39;"),
        html.replace('\'', "&#x27;"),
        html,
        secret.replace('\'', r"'\''"),
        secret.replace('\'', r#"'"'"'"#),
        backslashes(secret, |c| matches!(c, '"' | '$' | '`' | '\\')),
        backslashes(secret, |c| {
            c.is_ascii_graphic() && !c.is_ascii_alphanumeric() && !"_-./:@%+=,".contains(c) || c == ' '
        }),
        secret.to_owned(),
    ];
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
