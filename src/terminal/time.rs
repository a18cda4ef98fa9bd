//! Times for people: how long ago, how long, and when exactly.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// `just now`, `40 s ago`, `3 min ago`, `5 h ago`, `4 days ago`, and beyond a month the date.
#[must_use]
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let passed = now.duration_since(then);
    let seconds = passed.as_secs();
    match seconds {
        // Two machines' clocks never agree entirely.
        ..5 => "just now".to_owned(),
        5..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        86_400..172_800 => "1 day ago".to_owned(),
        172_800..2_592_000 => format!("{} days ago", seconds / 86_400),
        2_592_000.. => date(then),
    }
}

/// `in 3 h`, `in 90 days`; `expired` when it has passed.
#[must_use]
pub fn until(then: Timestamp, now: Timestamp) -> String {
    let seconds = then.duration_since(now).as_secs();
    match seconds {
        ..=0 => "expired".to_owned(),
        1..60 => format!("in {seconds} s"),
        60..3600 => format!("in {} min", seconds / 60),
        3600..86_400 => format!("in {} h", seconds / 3600),
        86_400..172_800 => "in 1 day".to_owned(),
        172_800.. => format!("in {} days", seconds / 86_400),
    }
}

/// How long something took: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
#[must_use]
pub fn lasting(time: SignedDuration) -> String {
    let seconds = time.as_secs().max(0);
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64().max(0.0)),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600.. => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        ..0 => String::new(),
    }
}

/// Date and time in the time zone of this machine.
#[must_use]
pub fn exact(then: Timestamp) -> String {
    then.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn date(then: Timestamp) -> String {
    then.to_zoned(TimeZone::system()).strftime("%Y-%m-%d").to_string()
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
            assert_eq!(ago(at(100_000_000 - before), now), text);
        }
        assert!(ago(at(0), now).starts_with("19"));
        assert_eq!(until(at(100_000_000 + 90 * 86_400), now), "in 90 days");
        assert_eq!(until(at(99_999_999), now), "expired");
    }

    #[test]
    fn lengths() {
        assert_eq!(lasting(SignedDuration::from_millis(420)), "0.4 s");
        assert_eq!(lasting(SignedDuration::from_secs(185)), "3 min 5 s");
        assert_eq!(lasting(SignedDuration::from_secs(7800)), "2 h 10 min");
        assert_eq!(lasting(SignedDuration::from_secs(-5)), "0.0 s");
    }
}
