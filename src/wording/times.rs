//! Durations and times as people read them.

use std::time::Duration;

use jiff::Timestamp;

/// Of limits: `15 s`, `500 ms`.
pub(super) fn short(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}

/// Of limits, in Russian: `15 с`, `2 мин`, `1 ч 30 мин`.
pub(super) fn russian(limit: Duration) -> String {
    let (seconds, millis) = (limit.as_secs(), limit.subsec_millis());
    if millis != 0 {
        return format!("{} мс", limit.as_millis());
    }
    let parts = [(seconds / 3600, "ч"), (seconds / 60 % 60, "мин"), (seconds % 60, "с")];
    let shown: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
    if shown.is_empty() { "0 с".to_owned() } else { shown.join(" ") }
}

/// `2026-11-28 15:40:12 UTC`.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `2026-11-28`.
pub(super) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
