//! How programs write a secret that they were given as a whole: encoded, as a dump. What they do to each character is the matter of
//! `readings`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Shorter spellings of a part occur by chance.
const SHORTEST_PART: usize = 6;

/// Longer ones are no passwords: of them, only the plain number and base64 are looked for.
const LONGEST_PASSWORD: usize = 256;

/// A secret in these spellings.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let mut all = base64(secret.as_bytes());
    if secret.len() <= LONGEST_PASSWORD {
        all.extend(octal_words(secret));
        within_base64(secret, &mut all);
        // PowerShell encodes commands in UTF-16.
        let units: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        all.extend(base64(&units));
    }
    // As one number, and as dumps and string literals write it.
    for (before, between) in
        [("", ""), ("", " "), ("", ":"), ("", "-"), ("%", "%"), ("\\x", "\\x"), ("0x", ", 0x"), ("0x", ",0x")]
    {
        if !between.is_empty() && secret.len() > LONGEST_PASSWORD {
            continue;
        }
        let bytes = |upper: bool| {
            let digits = secret.bytes().map(|byte| if upper { hex::encode_upper([byte]) } else { hex::encode([byte]) });
            before.to_owned() + &digits.collect::<Vec<_>>().join(between)
        };
        all.extend([bytes(true), bytes(false)]);
    }
    all.into_iter().map(String::into_bytes).collect()
}

/// As coreutils quote what is not ASCII: each run of such bytes is a word of its own within the quotes.
fn octal_words(secret: &str) -> Option<String> {
    if secret.is_ascii() {
        return None;
    }
    let octal: String = secret.replace('\'', r"'\''").chars().fold(String::new(), |mut out, c| {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut run = String::new();
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(run, "\\{byte:03o}");
            }
            match out.strip_suffix("''").filter(|before| before.ends_with(|c: char| c.is_ascii_digit())) {
                Some(before) => out = format!("{before}{run}''"),
                None => out = format!("{out}'$'{run}''"),
            }
        }
        out
    });
    Some(octal.trim_end_matches('\'').to_owned())
}

/// What is encoded may be JSON itself, and be part of an address.
fn within_base64(secret: &str, all: &mut Vec<String>) {
    let plain = json_text(secret);
    let strict = as_numbers(&plain, |c| !c.is_ascii());
    let mut texts = vec![plain.replace('/', "\\/"), as_numbers(&plain, |c| "<>&".contains(c)), plain, strict];
    texts.retain(|text| text != secret);
    texts.sort();
    texts.dedup();
    let encoded: Vec<_> = texts.iter().flat_map(|text| base64(text.as_bytes())).collect();
    let part_of_address = |part: &String| part.contains(['+', '/', '=']).then(|| percent(part));
    for address in base64(secret.as_bytes()).iter().chain(&encoded).filter_map(part_of_address) {
        all.extend([lower_case_digits(&address), address]);
    }
    all.extend(encoded);
}

/// Wherever the secret stands within what is encoded: what depends on it alone. Where it is encoded by itself, its end,
/// too.
fn base64(secret: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for engine in [BASE64_STANDARD, BASE64_URL_SAFE] {
        for (before, skip) in [(0, 0), (1, 2), (2, 3)] {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(secret);
            let text = engine.encode(&bytes);
            let whole = bytes.len() * 4 / 3;
            all.extend(text.get(skip..whole.min(text.len())).map(ToOwned::to_owned));
            // Where a line breaks behind the first character, the rest is to be known by itself.
            all.extend(text.get(skip + 1..whole.min(text.len())).map(ToOwned::to_owned));
            all.extend([text[skip..].to_owned(), text[skip..].trim_end_matches('=').to_owned()]);
        }
    }
    all.retain(|part| part.len() >= SHORTEST_PART);
    all
}

/// What is encoded in an address.
static STRICT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn percent(text: &str) -> String {
    utf8_percent_encode(text, &STRICT).to_string()
}

fn lower_case_digits(address: &str) -> String {
    let mut since = 3;
    let lower = address.chars().map(|c| {
        since = if c == '%' { 0 } else { since + 1 };
        if since <= 2 { c.to_ascii_lowercase() } else { c }
    });
    lower.collect()
}

/// Within the quotes of a text of JSON.
fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON as those write it who spell some characters as numbers.
fn as_numbers(json: &str, special: impl Fn(char) -> bool) -> String {
    json.chars().fold(String::new(), |mut out, c| {
        if !special(c) {
            out.push(c);
            return out;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
        out
    })
}
