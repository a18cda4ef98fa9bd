//! How screens and taps are spelled in the data of a button, and read back: strictly, since they may come back forged.

use std::fmt;
use std::str::FromStr;

use super::{Act, Foreign, Key, LONGEST, READY, Screen, Tap, Why, Wish};
use crate::domain::alert::Silence;
use crate::domain::command::Resolution;
use crate::domain::ids::{ReleaseId, Revision, RunId};
use crate::domain::status::List;
use crate::wording::Language;

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
            Self::Silence { alert, silence } => write!(f, "x.{alert}.{}", silence_word(*silence)),
            Self::Speak(language) => write!(f, "g.{}", language.as_str()),
            Self::Label => f.write_str("-"),
        }
    }
}

const fn silence_word(silence: Silence) -> &'static str {
    match silence {
        Silence::Hour => "1",
        Silence::EightHours => "8",
        Silence::UntilOver => "o",
        Silence::Ended => "e",
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

impl FromStr for Key {
    type Err = Foreign;

    fn from_str(word: &str) -> Result<Self, Foreign> {
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
        self.word()?.parse()
    }

    fn silence(&mut self) -> Result<Silence, Foreign> {
        let word = self.word()?;
        Silence::ALL.into_iter().find(|silence| silence_word(*silence) == word).ok_or(Foreign)
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
            "x" => Self::Silence { alert: words.key()?, silence: words.silence()? },
            "g" if text == "g.en" => return Ok(Self::Speak(Language::En)),
            "g" if text == "g.ru" => return Ok(Self::Speak(Language::Ru)),
            "-" => Self::Label,
            _ => return text.parse().map(Self::Show),
        };
        words.end(tap)
    }
}
