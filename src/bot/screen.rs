//! What a message of the bot shows and what its buttons ask for, as words short enough for Telegram's 64 bytes.
//!
//! The words travel through Telegram and may come back forged: reading them is strict, and the code that carries one out
//! asks the engine, which checks everything again.

mod spelling;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::alert::Silence;
use crate::domain::command::Resolution;
use crate::domain::environment::Lock;
use crate::domain::ids::{ReleaseId, Revision, RunId};
use crate::domain::status::List;
use crate::wording::{Language, english};

/// Telegram's limit for the data of a button, in bytes.
pub const LONGEST: usize = 64;

/// What a message shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screen {
    /// The greeting and the way to the lists.
    Menu,
    /// One release of a list, with the way to its neighbours.
    List {
        /// The list.
        list: List,
        /// Which of it, from 0, the newest first.
        at: u32,
    },
    /// One release.
    Release(ReleaseId),
    /// The gates of a release.
    Explain(ReleaseId),
    /// The last lines of what went wrong.
    Failure(ReleaseId),
    /// "Are you sure?"
    Confirm(Wish),
    /// The ready reasons for a rejection.
    Reasons {
        /// The release.
        release: ReleaseId,
        /// As it was seen.
        revision: Revision,
    },
    /// The versions that production can go back to.
    Versions {
        /// The release that production runs.
        release: ReleaseId,
        /// Which page of them, from 0.
        page: u32,
    },
    /// A service: what runs where.
    Service(Key),
    /// The hosts and their keys.
    Hosts,
    /// A host whose key is not trusted yet, or has changed.
    Host(Key),
    /// A run whose end is not known, or after which its environment needs repair.
    Run(RunId),
    /// "Are you sure?" about a run.
    ConfirmResolve(RunId, Resolution),
    /// An account that claims to be a person of the configuration.
    Claim {
        /// Telegram's number of the claimant.
        user: i64,
        /// The name of the person.
        person: Key,
    },
    /// The choice of a language.
    Languages,
    /// What the bot can do.
    Help,
}

/// Something to be done to a release, as it was when the button was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The release.
    pub release: ReleaseId,
    /// As it was seen.
    pub revision: Revision,
    /// What.
    pub act: Act,
    /// Even though the end of a run is not known; of those that go back.
    pub anyway: bool,
}

/// What can be done to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Yes.
    Approve,
    /// No, for one of the ready reasons, from 0.
    Reject(u8),
    /// No, for a reason that is asked for.
    RejectInWords,
    /// Take it out before production.
    Cancel(Why),
    /// Try again.
    Retry,
    /// Start production.
    Promote,
    /// Stop the production deploy and go back.
    Abort(Why),
    /// Go back to that release.
    Rollback {
        /// The release.
        to: ReleaseId,
        /// For this reason.
        why: Why,
    },
    /// Let releases of its service pass again.
    Unlock,
}

impl Act {
    /// The same for another reason; none: it needs none, or is asked for on a screen of its own.
    #[must_use]
    pub const fn because(self, why: Why) -> Option<Self> {
        match self {
            Self::Cancel(_) => Some(Self::Cancel(why)),
            Self::Abort(_) => Some(Self::Abort(why)),
            Self::Rollback { to, .. } => Some(Self::Rollback { to, why }),
            Self::Approve | Self::Reject(_) | Self::RejectInWords | Self::Retry | Self::Promote | Self::Unlock => None,
        }
    }

    /// The reason that was chosen so far, where it needs one.
    #[must_use]
    pub const fn why(self) -> Option<Why> {
        match self {
            Self::Cancel(why) | Self::Abort(why) | Self::Rollback { why, .. } => Some(why),
            Self::RejectInWords => Some(Why::InWords),
            Self::Reject(at) => Some(Why::Ready(at)),
            Self::Approve | Self::Retry | Self::Promote | Self::Unlock => None,
        }
    }

    /// Brings production back.
    #[must_use]
    pub const fn goes_back(self) -> bool {
        matches!(self, Self::Abort(_) | Self::Rollback { .. })
    }
}

/// The reason for cancelling, or for going back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// None is chosen yet.
    Open,
    /// One of the ready ones, from 0.
    Ready(u8),
    /// One that is asked for.
    InWords,
}

/// The letters of the ready reasons for going back, in a button.
const READY: [char; 3] = ['l', 'n', 'o'];

/// What a button asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tap {
    /// Show something in this message.
    Show(Screen),
    /// Show this again, as it is now.
    Refresh(Screen),
    /// Do something to a release.
    Do(Wish),
    /// Trust the key that a host has shown.
    Trust(Key),
    /// Say how a run ended.
    Resolve(RunId, Resolution),
    /// An account is, or is not, the person that it claims to be.
    Settle {
        /// Telegram's number of the claimant.
        user: i64,
        /// The name of the person.
        person: Key,
        /// Is.
        yes: bool,
    },
    /// Let releases of a service pass again.
    Unlock {
        /// The service.
        service: Key,
        /// The lock that was seen.
        lock: Key,
    },
    /// Make an alert silent, or let it speak again.
    Silence {
        /// Its fingerprint.
        alert: Key,
        /// For how long.
        silence: Silence,
    },
    /// Speak this language.
    Speak(Language),
    /// Nothing: a label between two buttons.
    Label,
}

/// A name that may be too long for a button, told by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 8]);

impl Key {
    /// The key of a name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let mut key = [0; 8];
        key.copy_from_slice(&digest[..8]);
        Self(key)
    }

    /// The key of a lock: a later one has another.
    #[must_use]
    pub fn of_lock(lock: &Lock) -> Self {
        Self::of(&format!("{} {} {}", lock.at, lock.by, english(&lock.reason)))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Words that no button of this bot carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no button of RMM")]
pub struct Foreign;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn acts() -> impl Strategy<Value = Act> {
        prop_oneof![
            Just(Act::Approve),
            any::<u8>().prop_map(Act::Reject),
            Just(Act::RejectInWords),
            whys().prop_map(Act::Cancel),
            Just(Act::Retry),
            Just(Act::Promote),
            whys().prop_map(Act::Abort),
            (1..=i64::MAX, whys()).prop_map(|(to, why)| Act::Rollback { to: ReleaseId(to), why }),
            Just(Act::Unlock),
        ]
    }

    fn whys() -> impl Strategy<Value = Why> {
        prop_oneof![Just(Why::Open), (0u8..3).prop_map(Why::Ready), Just(Why::InWords)]
    }

    fn wishes() -> impl Strategy<Value = Wish> {
        // A revision is kept as a whole number of SQLite's, which ends where i64 does.
        (1..=i64::MAX, 0..=i64::MAX as u64, acts(), any::<bool>()).prop_map(|(release, revision, act, anyway)| Wish {
            release: ReleaseId(release),
            revision: Revision(revision),
            act,
            anyway: anyway && act.goes_back(),
        })
    }

    fn screens() -> impl Strategy<Value = Screen> {
        let list = prop_oneof![Just(List::Active), Just(List::Successful), Just(List::Failed)];
        let key = any::<String>().prop_map(|name| Key::of(&name));
        let release = (1..=i64::MAX).prop_map(ReleaseId);
        prop_oneof![
            Just(Screen::Menu),
            (list, any::<u32>()).prop_map(|(list, at)| Screen::List { list, at }),
            release.prop_map(Screen::Failure),
            wishes().prop_map(Screen::Confirm),
            (1..=i64::MAX, any::<u32>()).prop_map(|(id, page)| Screen::Versions { release: ReleaseId(id), page }),
            key.prop_map(Screen::Host),
            (1..=i64::MAX).prop_map(|run| Screen::ConfirmResolve(RunId(run), Resolution::Again)),
            (1..=i64::MAX, any::<String>()).prop_map(|(user, name)| Screen::Claim { user, person: Key::of(&name) }),
        ]
    }

    fn taps() -> impl Strategy<Value = Tap> {
        prop_oneof![
            screens().prop_map(Tap::Show),
            screens().prop_map(Tap::Refresh),
            wishes().prop_map(Tap::Do),
            any::<String>().prop_map(|name| Tap::Trust(Key::of(&name))),
            (1..=i64::MAX).prop_map(|run| Tap::Resolve(RunId(run), Resolution::Failed)),
            (1..=i64::MAX, any::<bool>()).prop_map(|(user, yes)| Tap::Settle { user, person: Key::of("ann"), yes }),
            any::<String>().prop_map(|name| Tap::Unlock { service: Key::of(&name), lock: Key::of("lock") }),
            (any::<String>(), prop::sample::select(&Silence::ALL[..]))
                .prop_map(|(name, silence)| Tap::Silence { alert: Key::of(&name), silence }),
            Just(Tap::Speak(Language::Ru)),
            Just(Tap::Label),
        ]
    }

    proptest! {
        #[test]
        fn every_button_fits_and_reads_back(tap in taps()) {
            let words = tap.to_string();
            prop_assert!(words.len() <= LONGEST, "{words}");
            prop_assert_eq!(words.parse(), Ok(tap));
        }

        #[test]
        fn whatever_is_read_is_written_the_same(words in "[a-z*.?-]{0,3}[.]?[0-9a-z.!-]{0,30}") {
            if let Ok(tap) = words.parse::<Tap>() {
                prop_assert_eq!(tap.to_string(), words);
            }
        }
    }

    #[test]
    fn forged_words_are_foreign() {
        let long = format!("r.{}", "1".repeat(80));
        let forged = [
            "",
            ".",
            "d",
            "d.1",
            "d.1.2",
            "d.0.1.a",
            "d.-1.1.a",
            "d.1.1.a.",
            "d.1.1.a.x",
            "d.01.1.a",
            "d.+1.1.a",
            "d.1.1.j",
            "d.1.1.j256",
            "d.1.1.jx",
            "d.1.1.k",
            "d.1.1.k0",
            "d.1.1.ö",
            "l.x.0",
            "l.a",
            "r.1 ",
            "r.٣",
            "t.00",
            "t.ABCDEF0123456789",
            "g.de",
            "g.en.x",
            "**m",
            "*d.1.1.a",
            "-.1",
            "z.1.x",
            "o.1.0011223344556677.z",
            "x.0011223344556677.2",
            "x.1",
            "99999999999999999999",
            "r.9223372036854775808",
            long.as_str(),
            "<b>",
            "r\u{0}.1",
        ];
        for words in forged {
            assert_eq!(words.parse::<Tap>(), Err(Foreign), "{words}");
        }
    }
}
