//! Durations and times as people read them.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Language::{self, En, Ru};
use super::russian_plural;
use super::zone::local;
use crate::domain::duration_text;
use crate::domain::timing::Timing;

impl Language {
    /// `just now`, `40 s ago`, `3 min ago`, `5 h ago`, `4 days ago`, and beyond a month the date in a time zone.
    #[must_use]
    pub fn ago(self, then: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
        let seconds = now.duration_since(then).as_secs();
        match (self, seconds) {
            // Two machines' clocks never agree entirely.
            (En, ..5) => "just now".to_owned(),
            (Ru, ..5) => "только что".to_owned(),
            (_, 2_592_000..) => then.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string(),
            (En, _) => format!("{} ago", self.rounded(seconds)),
            (Ru, _) => format!("{} назад", self.rounded(seconds)),
        }
    }

    /// How much a number of bytes is: `512 bytes`, `124 KiB`, `5.0 MiB`, `2.1 GiB`.
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    #[must_use]
    pub fn size(self, bytes: u64) -> String {
        let [one, kibi, mebi, gibi] =
            if self == En { ["bytes", "KiB", "MiB", "GiB"] } else { ["Б", "КиБ", "МиБ", "ГиБ"] };
        match bytes {
            0..1024 => format!("{bytes} {one}"),
            1024..1_048_576 => format!("{:.0} {kibi}", bytes as f64 / 1024.0),
            1_048_576..1_073_741_824 => format!("{:.1} {mebi}", bytes as f64 / 1_048_576.0),
            1_073_741_824.. => format!("{:.1} {gibi}", bytes as f64 / 1_073_741_824.0),
        }
    }

    /// How long a step may take, or when it asks.
    #[must_use]
    pub fn timing(self, timing: &Timing) -> String {
        let whole = |time: Duration| SignedDuration::try_from(time).ok().filter(|_| time.subsec_nanos() == 0);
        let told = |time: Duration| match whole(time).filter(|_| self == Ru) {
            Some(time) => self.exact(time.as_secs()),
            None => duration_text::text(time),
        };
        match (self, *timing) {
            (En, Timing::AtMost { limit }) => format!("at most {}", told(limit)),
            (Ru, Timing::AtMost { limit }) => format!("не дольше {}", told(limit)),
            (En, Timing::Once { wait }) => format!("once, after {}", told(wait)),
            (Ru, Timing::Once { wait }) => format!("один раз, через {}", told(wait)),
            (En, Timing::Again { wait, attempts, interval }) => {
                format!("first after {}, {attempts} attempts, {} apart", told(wait), told(interval))
            }
            (Ru, Timing::Again { wait, attempts, interval }) => {
                let times = russian_plural(u64::from(attempts), "попытка", "попытки", "попыток");
                format!("первый раз через {}, {attempts} {times}, интервал {}", told(wait), told(interval))
            }
        }
    }

    /// In the largest unit that fits: `40 s`, `3 min`, `5 h`, `1 day`.
    #[must_use]
    pub fn rounded(self, seconds: i64) -> String {
        let (number, en, ru) = match seconds {
            ..60 => (seconds, "s", "с"),
            60..3600 => (seconds / 60, "min", "мин"),
            3600..86_400 => (seconds / 3600, "h", "ч"),
            86_400..172_800 => (1, "day", "дн."),
            172_800.. => (seconds / 86_400, "days", "дн."),
        };
        format!("{number} {}", if self == En { en } else { ru })
    }

    /// In as many units as it takes to be exact: `45 s`, `1 h 30 min`, `2 d`.
    #[must_use]
    pub fn exact(self, seconds: i64) -> String {
        let [d, h, min, s] = if self == En { ["d", "h", "min", "s"] } else { ["дн.", "ч", "мин", "с"] };
        let parts = [(seconds / 86_400, d), (seconds / 3600 % 24, h), (seconds / 60 % 60, min), (seconds % 60, s)];
        let shown: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n} {unit}")).collect();
        if shown.is_empty() { format!("0 {s}") } else { shown.join(" ") }
    }

    /// How long something took: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`.
    #[must_use]
    pub fn lasting(self, time: SignedDuration) -> String {
        let seconds = time.as_secs().max(0);
        let [s, min, h, d] = if self == En { ["s", "min", "h", "d"] } else { ["с", "мин", "ч", "дн."] };
        match seconds {
            ..10 if self == Ru => format!("{:.1} {s}", time.as_secs_f64().max(0.0)).replace('.', ","),
            ..10 => format!("{:.1} {s}", time.as_secs_f64().max(0.0)),
            10..60 => format!("{seconds} {s}"),
            60..3600 => format!("{} {min} {} {s}", seconds / 60, seconds % 60),
            3600..172_800 => format!("{} {h} {} {min}", seconds / 3600, seconds % 3600 / 60),
            172_800.. => format!("{} {d} {} {h}", seconds / 86_400, seconds % 86_400 / 3600),
        }
    }
}

/// Of limits: `15 s`, `500 ms`.
pub(super) fn short(limit: Duration) -> String {
    if limit.subsec_millis() == 0 { format!("{} s", limit.as_secs()) } else { format!("{} ms", limit.as_millis()) }
}

/// Of limits, in Russian: `15 с`, `2 мин`, `1 ч 30 мин`.
pub(super) fn russian(limit: Duration) -> String {
    match limit.subsec_millis() {
        0 => Ru.exact(i64::try_from(limit.as_secs()).unwrap_or(i64::MAX)),
        _ => format!("{} мс", limit.as_millis()),
    }
}

/// `2026-11-28 15:40:12 UTC`.
pub(super) fn time(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// `2026-11-28`.
pub(super) fn day(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%d").to_string()
}
