//! How programs write a secret that they were given: encoded, escaped, quoted.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Shorter spellings of a part occur by chance.
const SHORTEST_PART: usize = 6;

/// Longer ones are no passwords: only the usual spellings of them are looked for.
const LONGEST_PASSWORD: usize = 256;

/// A secret as it is, and in every spelling.
pub(super) fn of(secret: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    json(secret, &mut all);
    shells(secret, &mut all);
    pages(secret, &mut all);
    addresses(secret, &mut all);
    all.extend([secret.replace('\'', "''"), secret.replace('"', "\"\""), secret.to_owned()]);
    if secret.len() <= LONGEST_PASSWORD {
        literals(secret, &mut all);
        each_character(secret, &mut all);
        within_base64(secret, &mut all);
        all.push(DecomposingNormalizerBorrowed::new_nfd().normalize(secret).into_owned());
        all.push(ComposingNormalizerBorrowed::new_nfc().normalize(secret).into_owned());
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
    all.extend(base64(secret.as_bytes()));
    let mut all: Vec<_> = all.into_iter().map(String::into_bytes).collect();
    all.extend(latin_1(secret));
    all
}

/// As bytes of Latin-1, where that has all its characters and they are other bytes than those of UTF-8.
fn latin_1(secret: &str) -> Option<Vec<u8>> {
    secret.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<_>>>().filter(|_| !secret.is_ascii())
}

/// Within a text of JSON, and within one that is a text of JSON itself.
fn json(secret: &str, all: &mut Vec<String>) {
    let plain = json_text(secret);
    let mut texts = Vec::new();
    for upper in [false, true] {
        texts.push(as_numbers(&plain, |c| !c.is_ascii(), upper));
        // Some write the characters of the first 65,536 as they are.
        texts.push(as_numbers(&plain, |c| c.len_utf16() > 1, upper));
    }
    texts.extend(texts.clone().iter().chain([&plain]).map(|text| text.replace('/', "\\/")));
    let bare = plain.replace("\\\"", "\"");
    let pages = [(&plain, "<>&", false), (&plain, "<>&'", false), (&bare, "<>&'\"", false), (&bare, "<>&'\"+`", true)];
    for (text, special, upper) in pages {
        for strict in [false, true] {
            texts.push(as_numbers(text, |c| special.contains(c) || strict && !c.is_ascii(), upper));
        }
    }
    texts.push(plain.clone());
    texts.sort();
    texts.dedup();
    if secret.len() <= LONGEST_PASSWORD {
        // The outer text is as strict as the inner one, or stricter.
        for nested in texts.iter().map(|text| json_text(text)) {
            all.extend([false, true].map(|upper| as_numbers(&nested, |c| !c.is_ascii(), upper)));
            all.extend([nested.replace('/', "\\/"), nested]);
        }
        // PHP has capital digits in what it escapes for pages, and small ones in what is not ASCII.
        for (text, special) in
            [(&plain, "<>"), (&plain, "<>&"), (&plain, "<>&'"), (&bare, "<>&'\""), (&bare, "<>&'\"+`")]
        {
            let mixed = as_numbers(&as_numbers(text, |c| special.contains(c), true), |c| !c.is_ascii(), false);
            texts.extend([mixed.replace('/', "\\/"), mixed]);
        }
    }
    all.append(&mut texts);
}

/// As shells read it back.
fn shells(secret: &str, all: &mut Vec<String>) {
    let escaped = |special: &dyn Fn(char) -> bool| backslashes(secret, special);
    let graphic = |c: char| c.is_ascii_graphic() && !c.is_ascii_alphanumeric() || c == ' ';
    // What each of them leaves as it is: Ruby of today and of old, others.
    for kept in ["_-.,:+/@", "_-.,:/@", "_-./:@%+=,"] {
        all.push(escaped(&|c| graphic(c) && !kept.contains(c)));
        all.push(escaped(&|c| (graphic(c) || !c.is_ascii()) && !kept.contains(c)));
    }
    // `printf %q` of bash and of zsh. At its beginning, and behind some characters, a word is read in another way.
    for special in [" !\"$&'()*,;<>?[\\]^`{|}", " !\"#$&'()*;<>?[\\]^`{|}", " !\"#$&'()*;<=>?[\\]^`{|}~"] {
        let text = escaped(&|c| special.contains(c));
        all.push(text.replace(":~", ":\\~").replace("=~", "=\\~"));
        all.push(text);
    }
    all.extend([
        secret.replace('\'', r"'\''"),
        secret.replace('\'', r#"'"'"'"#),
        escaped(&|c| matches!(c, '"' | '$' | '`' | '\\')),
        escaped(&|c| matches!(c, '"' | '$' | '`' | '\\' | '!')),
        escaped(&|c| matches!(c, '\'' | '\\')),
    ]);
}

/// As programs write a text that is none of ASCII alone, each in its own way: bytes in octal or hexadecimal digits, or the
/// numbers of characters. What needs a backslash has one.
fn literals(secret: &str, all: &mut Vec<String>) {
    if secret.is_ascii() {
        return;
    }
    let bytes =
        |c: char, write: &dyn Fn(u8) -> String| -> String { c.encode_utf8(&mut [0; 4]).bytes().map(write).collect() };
    let by_number = |c: char, wide: bool| match u32::from(c) {
        number @ ..=0xFF if !wide => format!("\\x{number:02x}"),
        number @ ..=0xFFFF => format!("\\u{number:04x}"),
        number => format!("\\U{number:08x}"),
    };
    let forms: [&dyn Fn(char) -> String; 6] = [
        &|c| bytes(c, &|byte| format!("\\{byte:03o}")),
        &|c| bytes(c, &|byte| format!("\\x{byte:02x}")),
        &|c| bytes(c, &|byte| format!("\\x{byte:02X}")),
        &|c| by_number(c, false),
        &|c| by_number(c, true),
        &|c| format!("\\u{{{:x}}}", u32::from(c)),
    ];
    for form in forms {
        for special in ["\\", "\\'", "\\\""] {
            let escaped = backslashes(secret, |c| special.contains(c));
            all.push(escaped.chars().map(|c| if c.is_ascii() { c.to_string() } else { form(c) }).collect());
        }
    }
    // coreutils: each run of such bytes is a word of its own within the quotes.
    let octal: String = secret.replace('\'', r"'\''").chars().fold(String::new(), |mut out, c| {
        if c.is_ascii() {
            out.push(c);
        } else {
            let run = bytes(c, &|byte| format!("\\{byte:03o}"));
            match out.strip_suffix("''").filter(|before| before.ends_with(|c: char| c.is_ascii_digit())) {
                Some(before) => out = format!("{before}{run}''"),
                None => out = format!("{out}'$'{run}''"),
            }
        }
        out
    });
    all.push(octal.trim_end_matches('\'').to_owned());
}

/// Every character in the same way, as those write it who leave none as it is; and as encoders for attributes of pages do,
/// which keep letters and digits.
fn each_character(secret: &str, all: &mut Vec<String>) {
    let each = |form: &dyn Fn(char) -> String| secret.chars().map(form).collect::<String>();
    for upper in [false, true] {
        all.push(as_numbers(secret, |_| true, upper));
    }
    all.push(secret.bytes().fold(String::new(), |out, byte| out + &format!("\\{byte:03o}")));
    let forms: [fn(u32) -> String; 3] =
        [|number| format!("&#{number};"), |number| format!("&#x{number:x};"), |number| format!("&#x{number:X};")];
    for form in forms {
        all.push(each(&|c| form(c.into())));
        all.push(each(&|c| if c.is_ascii_alphanumeric() { c.to_string() } else { form(c.into()) }));
    }
    if let Some(bytes) = latin_1(secret) {
        let kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        let form = |byte: u8| if kept(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        let address: String = bytes.into_iter().map(form).collect();
        all.extend([lower_case_digits(&address), address]);
    }
    let units: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    all.extend(base64(&units));
}

/// Names of the characters from U+00C0 on in pages.
const NAMES: [&str; 64] = [
    "Agrave", "Aacute", "Acirc", "Atilde", "Auml", "Aring", "AElig", "Ccedil", "Egrave", "Eacute", "Ecirc", "Euml",
    "Igrave", "Iacute", "Icirc", "Iuml", "ETH", "Ntilde", "Ograve", "Oacute", "Ocirc", "Otilde", "Ouml", "times",
    "Oslash", "Ugrave", "Uacute", "Ucirc", "Uuml", "Yacute", "THORN", "szlig", "agrave", "aacute", "acirc", "atilde",
    "auml", "aring", "aelig", "ccedil", "egrave", "eacute", "ecirc", "euml", "igrave", "iacute", "icirc", "iuml",
    "eth", "ntilde", "ograve", "oacute", "ocirc", "otilde", "ouml", "divide", "oslash", "ugrave", "uacute", "ucirc",
    "uuml", "yacute", "thorn", "yuml",
];

/// As pages name a character; none has a name here but those of Latin letters and a few signs.
fn named(c: char) -> Option<&'static str> {
    match c {
        '\u{a3}' => Some("pound"),
        '\u{a7}' => Some("sect"),
        '\u{b0}' => Some("deg"),
        '\u{b5}' => Some("micro"),
        '\u{20ac}' => Some("euro"),
        _ => NAMES.get(usize::try_from(u32::from(c)).ok()?.checked_sub(0xC0)?).copied(),
    }
}

/// Within pages and XML.
fn pages(secret: &str, all: &mut Vec<String>) {
    for (quote, apostrophe) in [
        ("\"", "'"),
        ("&quot;", "'"),
        ("&quot;", "&#39;"),
        ("&quot;", "&#039;"),
        ("&quot;", "&#x27;"),
        ("&quot;", "&apos;"),
        ("&#34;", "&#39;"),
    ] {
        let page = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let page = page.replace('"', quote).replace('\'', apostrophe);
        if !page.is_ascii() {
            let strict = |form: &dyn Fn(u32) -> String| -> String {
                page.chars().map(|c| if c.is_ascii() { c.to_string() } else { form(u32::from(c)) }).collect()
            };
            let (decimal, small) =
                (strict(&|number| format!("&#{number};")), strict(&|number| format!("&#x{number:x};")));
            all.extend([decimal, small, strict(&|number| format!("&#x{number:X};"))]);
            let by_name = |c: char| named(c).map_or_else(|| c.to_string(), |name| format!("&{name};"));
            all.push(page.chars().map(by_name).collect());
        }
        all.push(page);
    }
}

/// Within addresses and forms: each standard keeps other characters.
fn addresses(secret: &str, all: &mut Vec<String>) {
    let mut addresses: Vec<_> = KEPT.iter().map(|encoded| percent(secret, encoded)).collect();
    addresses.push(percent(secret, &FORM));
    for address in addresses {
        let small = lower_case_digits(&address);
        let spelled = [address.replace("%20", "+"), small.replace("%20", "+"), small, address];
        // An address within an address.
        let within = spelled.iter().filter(|_| secret.len() <= LONGEST_PASSWORD);
        all.extend(within.flat_map(|text| [text.replace('%', "%25"), percent(text, &STRICT)]));
        all.extend(spelled);
    }
}

/// What is encoded may be JSON itself, and be part of an address.
fn within_base64(secret: &str, all: &mut Vec<String>) {
    let plain = json_text(secret);
    let strict = as_numbers(&plain, |c| !c.is_ascii(), false);
    let mut texts = vec![plain.replace('/', "\\/"), as_numbers(&plain, |c| "<>&".contains(c), false), plain, strict];
    texts.retain(|text| text != secret);
    texts.sort();
    texts.dedup();
    let encoded: Vec<_> = texts.iter().flat_map(|text| base64(text.as_bytes())).collect();
    let part_of_address = |part: &String| part.contains(['+', '/', '=']).then(|| percent(part, &STRICT));
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

/// What is encoded in an address, where these characters are kept beside letters and digits.
const fn all_but(kept: &[u8]) -> AsciiSet {
    let (mut set, mut at) = (NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.'), 0);
    while at < kept.len() {
        set = set.remove(kept[at]);
        at += 1;
    }
    set
}

static STRICT: AsciiSet = all_but(b"~");
static FORM: AsciiSet = all_but(b"*");
static KEPT: [AsciiSet; 8] = [
    all_but(b"~"),
    all_but(b"~/"),
    all_but(b"~!'()*"),
    all_but(b"~$&+:=@"),
    all_but(b"~$&+,;="),
    all_but(b"~!$&'()*+,;="),
    all_but(b"~!$&'()*+,;=:@"),
    all_but(b"~!#$&'()*+,/:;=?@[]"),
];

fn percent(text: &str, encoded: &'static AsciiSet) -> String {
    utf8_percent_encode(text, encoded).to_string()
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
fn as_numbers(json: &str, special: impl Fn(char) -> bool, upper: bool) -> String {
    json.chars().fold(String::new(), |mut out, c| {
        if !special(c) {
            out.push(c);
            return out;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = if upper { write!(out, "\\u{unit:04X}") } else { write!(out, "\\u{unit:04x}") };
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
