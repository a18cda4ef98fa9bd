//! Alerts: what those who run RMM have to know, each told once however often it happens.
//!
//! Must not: know where an alert is told, or in which words.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What was quiet for longer and happens again is told anew.
pub const QUIET: SignedDuration = SignedDuration::from_hours(1);
/// What was silenced until it is over is over when it was quiet for so long.
pub const OVER: SignedDuration = SignedDuration::from_hours(24);
/// Of a fingerprint, in characters.
const LONGEST: usize = 300;

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// RMM has logged an error.
    Error,
    /// A part of RMM has panicked and is restarted.
    Broken,
    /// A release has failed.
    Failed,
    /// Production could not go back.
    RollbackFailed,
    /// A tag points at another commit than the one that was released.
    TagMoved,
    /// The record was changed behind RMM's back.
    Record,
    /// The disk with the data directory is nearly full.
    Disk,
    /// The last backup is too old.
    Backup,
    /// Telegram was away for long.
    Telegram,
    /// GitHub is away for long.
    Github,
}

impl AlertKind {
    /// The name in the database and in templates.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Broken => "broken",
            Self::Failed => "failed",
            Self::RollbackFailed => "rollback_failed",
            Self::TagMoved => "tag_moved",
            Self::Record => "record",
            Self::Disk => "disk",
            Self::Backup => "backup",
            Self::Telegram => "telegram",
            Self::Github => "github",
        }
    }

    /// Whether it lasts until RMM sees that it is over, instead of happening again and again.
    #[must_use]
    pub const fn lasts(self) -> bool {
        match self {
            Self::Record | Self::Disk | Self::Backup | Self::Telegram | Self::Github => true,
            Self::Error | Self::Broken | Self::Failed | Self::RollbackFailed | Self::TagMoved => false,
        }
    }

    /// Whether it is about a release that has failed.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::RollbackFailed)
    }
}

/// Something that those who run RMM have to know. Its texts are free of secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What kind.
    pub kind: AlertKind,
    /// Where: a service, a part of RMM, a folder.
    pub place: String,
    /// What: the error, a size, a time; empty where the event says it.
    pub what: String,
    /// What it is about: `release:12`; empty where it is about nothing that has a card.
    pub about: String,
    /// The event on record that says it.
    pub seq: Option<i64>,
    /// The trace that it happened in.
    pub trace: Option<String>,
}

/// The same for alerts about the same trouble: numbers in it do not count.
#[must_use]
pub fn fingerprint(kind: AlertKind, place: &str, what: &str) -> String {
    let mut text = format!("{} {place} ", kind.as_str());
    let mut in_number = false;
    for c in what.chars().take(LONGEST) {
        let is_digit = c.is_ascii_digit();
        if !(is_digit && in_number) {
            text.push(if is_digit { '#' } else { c });
        }
        in_number = is_digit;
    }
    text
}

/// How long an alert stays silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// For one hour.
    Hour,
    /// For eight.
    EightHours,
    /// Until it is over.
    UntilOver,
    /// No longer.
    Ended,
}

impl Silence {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hour, Self::EightHours, Self::UntilOver, Self::Ended];

    /// The name on the record and in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::EightHours => "eight_hours",
            Self::UntilOver => "until_over",
            Self::Ended => "ended",
        }
    }

    /// Until when it stays silent.
    #[must_use]
    pub fn from(self, now: Timestamp) -> Option<Silent> {
        let after = |time: Duration| now.checked_add(time).ok().map(Silent::Until);
        match self {
            Self::Hour => after(Duration::from_hours(1)),
            Self::EightHours => after(Duration::from_hours(8)),
            Self::UntilOver => Some(Silent::UntilOver),
            Self::Ended => None,
        }
    }
}

/// An alert that is silent: counted, and not told anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silent {
    /// Until then.
    Until(Timestamp),
    /// Until it is over.
    UntilOver,
}

impl Silent {
    /// Whether it is silent still; `last`: when it was seen last.
    #[must_use]
    pub fn holds(self, last: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::Until(end) => now < end,
            Self::UntilOver => now.duration_since(last) < OVER,
        }
    }
}

/// Whether what happens now goes on with what was seen last, instead of being told anew.
#[must_use]
pub fn goes_on(last: Timestamp, now: Timestamp) -> bool {
    now.duration_since(last) < QUIET
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(minutes * 60).unwrap()
    }

    #[test]
    fn the_same_trouble_has_the_same_fingerprint_whatever_its_numbers() {
        let of = |what: &str| fingerprint(AlertKind::Error, "rmm::store", what);
        assert_eq!(of("request 17 failed after 3 s"), of("request 4242 failed after 11 s"));
        assert_ne!(of("request 17 failed"), of("release 17 failed"));
        assert_ne!(of("x"), fingerprint(AlertKind::Broken, "rmm::store", "x"));
        assert!(of(&"ж".repeat(10_000)).chars().count() < 400);
    }

    #[test]
    fn what_was_quiet_is_told_anew_unless_it_is_silent() {
        assert!(goes_on(at(0), at(59)) && !goes_on(at(0), at(60)));
        let hour = Silence::Hour.from(at(0)).unwrap();
        assert!(hour.holds(at(0), at(59)) && !hour.holds(at(59), at(60)));
        let over = Silence::UntilOver.from(at(0)).unwrap();
        assert!(over.holds(at(0), at(23 * 60)) && !over.holds(at(0), at(24 * 60)));
        assert_eq!(Silence::Ended.from(at(0)), None);
    }
}
