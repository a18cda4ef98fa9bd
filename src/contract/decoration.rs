//! Fields of requests that only decorate: what cannot be read in them is left out, and costs nothing else.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// How else times are written: by git (`%ci`, `%cd`), and by `date`.
const SPELLINGS: [&str; 4] =
    ["%Y-%m-%d %H:%M:%S %z", "%a %b %e %H:%M:%S %Y %z", "%a %b %e %H:%M:%S UTC %Y", "%Y-%m-%dT%H:%M:%S%z"];

/// A time in any usual spelling, or as seconds since 1970.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => read(text.trim()),
        Value::Number(number) => number.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

fn read(text: &str) -> Option<Timestamp> {
    let seconds = || Timestamp::from_second(text.parse().ok()?).ok();
    let spelled = |format: &&str| {
        let text = if format.contains("UTC") { format!("{text} +0000") } else { text.to_owned() };
        let format = if format.contains("UTC") { format!("{format} %z") } else { (*format).to_owned() };
        Timestamp::strptime(format, text).ok()
    };
    text.parse()
        .ok()
        .or_else(seconds)
        .or_else(|| SPELLINGS.iter().find_map(spelled))
        .or_else(|| rfc2822::parse(text).ok().map(|time| time.timestamp()))
}

/// A text; nothing and `null` are the same.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_tools_write_them() {
        for text in [
            "2026-01-01T08:00:00Z",
            "2026-01-01T10:00:00+02:00",
            "2026-01-01T10:00:00+0200",
            "2026-01-01 10:00:00 +0200",
            "Thu Jan 1 10:00:00 2026 +0200",
            "Thu Jan  1 08:00:00 UTC 2026",
            "Thu, 1 Jan 2026 10:00:00 +0200",
            " 1767254400",
        ] {
            assert_eq!(read(text.trim()).map(Timestamp::as_second), Some(1_767_254_400), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "99999999999999999999"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
