//! What a message of the bot shows and what its buttons ask for, as words short enough for Telegram's 64 bytes.
//!
//! The words travel through Telegram and may come back forged: reading them is strict, and the code that carries one out
//! asks the engine, which checks everything again.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

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
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Words that no button of this bot carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no button of RMM")]
pub struct Foreign;

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Menu => f.write_str("m"),
            Self::List { list, at } => write!(f, "l.{}.{at}", list_word(*list)),
            Self::Release(id) => write!(f, "r.{}", id.0),
            Self::Explain(id) => write!(f, "e.{}", id.0),
            Self::Failure(id) => write!(f, "f.{}", id.0),
            Self::Confirm(wish) => write!(f, "c.{wish}"),
            Self::Reasons { release, revision } => write!(f, "w.{}.{}", release.0, revision.0),
            Self::Versions { release, page } => write!(f, "v.{}.{page}", release.0),
            Self::Service(key) => write!(f, "s.{key}"),
            Self::Hosts => f.write_str("hs"),
            Self::Host(key) => write!(f, "h.{key}"),
            Self::Run(run) => write!(f, "n.{}", run.0),
            Self::ConfirmResolve(run, resolution) => write!(f, "q.{}.{}", run.0, resolution_word(*resolution)),
            Self::Claim { user, person } => write!(f, "i.{user}.{person}"),
            Self::Languages => f.write_str("g"),
            Self::Help => f.write_str("?"),
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.", self.release.0, self.revision.0)?;
        match self.act {
            Act::Approve => f.write_str("a"),
            Act::Reject(reason) => write!(f, "j{reason}"),
            Act::RejectInWords => f.write_str("jw"),
            Act::Cancel(why) => write!(f, "x{}", why_word(why)),
            Act::Retry => f.write_str("y"),
            Act::Promote => f.write_str("p"),
            Act::Abort(why) => write!(f, "b{}", why_word(why)),
            Act::Rollback { to, why } => {
                let letter = match why {
                    Why::Open => 'k',
                    Why::Ready(at) => READY.get(usize::from(at)).copied().unwrap_or('k'),
                    Why::InWords => 'w',
                };
                write!(f, "{letter}{}", to.0)
            }
            Act::Unlock => f.write_str("u"),
        }?;
        f.write_str(if self.anyway { "!" } else { "" })
    }
}

impl fmt::Display for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Show(screen) => write!(f, "{screen}"),
            Self::Refresh(screen) => write!(f, "*{screen}"),
            Self::Do(wish) => write!(f, "d.{wish}"),
            Self::Trust(key) => write!(f, "t.{key}"),
            Self::Resolve(run, resolution) => write!(f, "z.{}.{}", run.0, resolution_word(*resolution)),
            Self::Settle { user, person, yes } => write!(f, "o.{user}.{person}.{}", if *yes { "y" } else { "n" }),
            Self::Unlock { service, lock } => write!(f, "u.{service}.{lock}"),
            Self::Speak(language) => write!(f, "g.{}", language.as_str()),
            Self::Label => f.write_str("-"),
        }
    }
}

/// The reason behind the letter of an act.
const fn why_word(why: Why) -> &'static str {
    match why {
        Why::Ready(0) => "0",
        Why::Ready(1) => "1",
        Why::Ready(2) => "2",
        Why::InWords => "w",
        Why::Open | Why::Ready(_) => "",
    }
}

fn why_of(word: &str) -> Result<Why, Foreign> {
    let ready = (0..3).map(Why::Ready);
    [Why::Open, Why::InWords].into_iter().chain(ready).find(|why| why_word(*why) == word).ok_or(Foreign)
}

const fn list_word(list: List) -> &'static str {
    match list {
        List::Active => "a",
        List::Successful => "s",
        List::Failed => "f",
    }
}

const fn resolution_word(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Succeeded => "s",
        Resolution::Failed => "f",
        Resolution::Again => "a",
    }
}

/// Splits words at their dots and insists that every one is read.
struct Words<'a>(std::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, Foreign> {
        self.0.next().filter(|word| !word.is_empty()).ok_or(Foreign)
    }

    /// A plain decimal number, written the one way.
    fn number<N: FromStr + fmt::Display>(&mut self) -> Result<N, Foreign> {
        number(self.word()?)
    }

    fn release(&mut self) -> Result<ReleaseId, Foreign> {
        positive(self.number()?).map(ReleaseId)
    }

    fn run(&mut self) -> Result<RunId, Foreign> {
        positive(self.number()?).map(RunId)
    }

    fn key(&mut self) -> Result<Key, Foreign> {
        let word = self.word()?;
        let mut key = [0; 8];
        if word.len() != 16 || !word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(Foreign);
        }
        for (byte, digits) in key.iter_mut().zip(word.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| Foreign)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| Foreign)?;
        }
        Ok(Key(key))
    }

    fn resolution(&mut self) -> Result<Resolution, Foreign> {
        match self.word()? {
            "s" => Ok(Resolution::Succeeded),
            "f" => Ok(Resolution::Failed),
            "a" => Ok(Resolution::Again),
            _ => Err(Foreign),
        }
    }

    fn wish(&mut self) -> Result<Wish, Foreign> {
        let (release, revision) = (self.release()?, Revision(self.number()?));
        let word = self.word()?;
        let (word, anyway) = word.strip_suffix('!').map_or((word, false), |word| (word, true));
        let act = match (word, word.split_at_checked(1)) {
            ("a", _) => Act::Approve,
            ("jw", _) => Act::RejectInWords,
            ("y", _) => Act::Retry,
            ("p", _) => Act::Promote,
            ("u", _) => Act::Unlock,
            (_, Some(("j", reason))) => Act::Reject(number(reason)?),
            (_, Some(("x", why))) => Act::Cancel(why_of(why)?),
            (_, Some(("b", why))) => Act::Abort(why_of(why)?),
            (_, Some((letter, to))) => {
                let ready = (0u8..).zip(READY).find(|(_, known)| letter.starts_with(*known));
                let why = match (letter, ready) {
                    ("k", _) => Why::Open,
                    ("w", _) => Why::InWords,
                    (_, Some((at, _))) => Why::Ready(at),
                    (_, None) => return Err(Foreign),
                };
                Act::Rollback { to: positive(number(to)?).map(ReleaseId)?, why }
            }
            (_, None) => return Err(Foreign),
        };
        if anyway && !act.goes_back() {
            return Err(Foreign);
        }
        Ok(Wish { release, revision, act, anyway })
    }

    fn end<T>(mut self, value: T) -> Result<T, Foreign> {
        if self.0.next().is_none() { Ok(value) } else { Err(Foreign) }
    }
}

fn number<N: FromStr + fmt::Display>(word: &str) -> Result<N, Foreign> {
    word.parse().ok().filter(|number: &N| number.to_string() == word).ok_or(Foreign)
}

fn positive(number: i64) -> Result<i64, Foreign> {
    if number > 0 { Ok(number) } else { Err(Foreign) }
}

impl FromStr for Screen {
    type Err = Foreign;

    fn from_str(text: &str) -> Result<Self, Foreign> {
        if text.len() > LONGEST {
            return Err(Foreign);
        }
        let mut words = Words(text.split('.'));
        let screen = match words.word()? {
            "m" => Self::Menu,
            "l" => {
                let list = match words.word()? {
                    "a" => List::Active,
                    "s" => List::Successful,
                    "f" => List::Failed,
                    _ => return Err(Foreign),
                };
                Self::List { list, at: words.number()? }
            }
            "r" => Self::Release(words.release()?),
            "e" => Self::Explain(words.release()?),
            "f" => Self::Failure(words.release()?),
            "c" => Self::Confirm(words.wish()?),
            "w" => Self::Reasons { release: words.release()?, revision: Revision(words.number()?) },
            "v" => Self::Versions { release: words.release()?, page: words.number()? },
            "s" => Self::Service(words.key()?),
            "hs" => Self::Hosts,
            "h" => Self::Host(words.key()?),
            "n" => Self::Run(words.run()?),
            "q" => Self::ConfirmResolve(words.run()?, words.resolution()?),
            "i" => Self::Claim { user: positive(words.number()?)?, person: words.key()? },
            "g" => Self::Languages,
            "?" => Self::Help,
            _ => return Err(Foreign),
        };
        words.end(screen)
    }
}

impl FromStr for Tap {
    type Err = Foreign;

    fn from_str(text: &str) -> Result<Self, Foreign> {
        if text.len() > LONGEST {
            return Err(Foreign);
        }
        if let Some(screen) = text.strip_prefix('*') {
            return screen.parse().map(Self::Refresh);
        }
        let mut words = Words(text.split('.'));
        let tap = match words.word()? {
            "d" => Self::Do(words.wish()?),
            "t" => Self::Trust(words.key()?),
            "z" => Self::Resolve(words.run()?, words.resolution()?),
            "o" => {
                let (user, person) = (positive(words.number()?)?, words.key()?);
                let yes = match words.word()? {
                    "y" => true,
                    "n" => false,
                    _ => return Err(Foreign),
                };
                Self::Settle { user, person, yes }
            }
            "u" => Self::Unlock { service: words.key()?, lock: words.key()? },
            "g" if text == "g.en" => return Ok(Self::Speak(Language::En)),
            "g" if text == "g.ru" => return Ok(Self::Speak(Language::Ru)),
            "-" => Self::Label,
            _ => return text.parse().map(Self::Show),
        };
        words.end(tap)
    }
}

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
