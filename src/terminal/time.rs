//! Times for people: how long ago, how long, and when exactly.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::wording::Language::{self, En, Ru};
use crate::wording::zone;

/// Shows times in a zone from now on, as the RMM that tells it does; one that this machine does not know, in UTC. The first one counts:
/// a process speaks to one RMM.
pub fn follow_zone(name: &str) {
    zone::follow_zone(TimeZone::get(name).unwrap_or(TimeZone::UTC));
}

/// `just now`, `40 s ago`, `3 min ago`, `5 h ago`, `4 days ago`, and beyond a month the date.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp, language: Language) -> String {
    language.ago(then, now, &zone::reader())
}

/// `in 3 h`, `in 90 days`; `expired` when it has passed.
pub(super) fn until(then: Timestamp, now: Timestamp, language: Language) -> String {
    let seconds = then.duration_since(now).as_secs();
    match (language, seconds) {
        (En, ..=0) => "expired".to_owned(),
        (Ru, ..=0) => "истёк".to_owned(),
        // What was made for 30 days a moment ago still has 30 days.
        (En, _) => format!("in {}", language.rounded(seconds + 5)),
        (Ru, _) => format!("через {}", language.rounded(seconds + 5)),
    }
}

/// How long something took: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(super) fn lasting(time: SignedDuration, language: Language) -> String {
    language.lasting(time)
}

/// Date and time in the zone of the RMM that is spoken to: `2026-11-28 15:40:12 UTC`.
#[must_use]
pub fn exact(then: Timestamp) -> String {
    zone::local(then).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn relative_times() {
        let now = at(100_000_000);
        for (before, text) in [
            (-30, "just now"),
            (0, "just now"),
            (59, "59 s ago"),
            (60, "1 min ago"),
            (3599, "59 min ago"),
            (3600, "1 h ago"),
            (86_400, "1 day ago"),
            (86_400 * 29, "29 days ago"),
        ] {
            assert_eq!(ago(at(100_000_000 - before), now, En), text);
        }
        assert!(ago(at(0), now, En).starts_with("19"));
        assert_eq!(until(at(100_000_000 + 90 * 86_400), now, En), "in 90 days");
        assert_eq!(until(at(100_000_000 + 30 * 86_400 - 1), now, En), "in 30 days");
        assert_eq!(until(at(99_999_999), now, En), "expired");
    }

    #[test]
    fn in_russian() {
        let now = at(100_000_000);
        assert_eq!(ago(at(99_999_820), now, Ru), "3 мин назад");
        assert_eq!(until(at(100_000_000 + 5 * 86_400), now, Ru), "через 5 дн.");
        assert_eq!(lasting(SignedDuration::from_secs(185), Ru), "3 мин 5 с");
    }

    #[test]
    fn lengths() {
        assert_eq!(lasting(SignedDuration::from_millis(420), En), "0.4 s");
        assert_eq!(lasting(SignedDuration::from_secs(185), En), "3 min 5 s");
        assert_eq!(lasting(SignedDuration::from_secs(7800), En), "2 h 10 min");
        assert_eq!(lasting(SignedDuration::from_secs(-5), En), "0.0 s");
    }
}
