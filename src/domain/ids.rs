//! Names and numbers of things, each valid by construction.
//!
//! Everything here may have come from outside, so the rules are narrow: what passes cannot be an option to a
//! program, a path that climbs, or text that displays as something else. Quoting is still the job of the code that
//! builds a command.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rule::{Invalid, Rule};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// The number of a release, `#2184`: its key everywhere.
    ReleaseId(i64)
}
number! {
    /// The number of a run.
    RunId(i64)
}
number! {
    /// Counts the changes of one release. A button or a request that carries an older one is out of date.
    Revision(u64)
}
number! {
    /// Which try of a release this is, from 1; `retry` adds one.
    Attempt(u32)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the rule of this name; `field` is what an error calls it.
            ///
            /// # Errors
            /// [`Invalid`] with the rule that is broken.
            pub fn parse(field: &str, value: impl Into<String>) -> Result<Self, Invalid> {
                let value = value.into();
                $check(&value).map_err(|rule| Invalid::new(field, rule))?;
                Ok(Self(value))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Rule;
            fn try_from(value: String) -> Result<Self, Rule> {
                $check(&value)?;
                Ok(Self(value))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name! {
    /// The name of a service.
    ServiceName, identifier
}
name! {
    /// The name of one runtime of a service.
    SurfaceName, identifier
}
name! {
    /// The name of a server, or `local`.
    HostName, identifier
}

impl HostName {
    /// The machine that RMM itself runs on.
    #[must_use]
    pub fn local() -> Self {
        Self("local".to_owned())
    }

    /// Whether it is the machine that RMM itself runs on.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0 == "local"
    }
}

name! {
    /// The name of a human in RMM. Rights never hang on it: see [`crate::domain::person::Person`].
    PersonName, identifier
}
name! {
    /// A git tag.
    Tag, tag
}

impl Tag {
    /// A tag as people and CI systems name it: its full reference name is understood, too.
    ///
    /// # Errors
    /// [`Invalid`] for what git does not allow.
    pub fn given(field: &str, text: &str) -> Result<Self, Invalid> {
        Self::parse(field, text.strip_prefix("refs/tags/").unwrap_or(text))
    }
}
name! {
    /// A full commit id: 40 (SHA-1) or 64 (SHA-256) lowercase hexadecimal digits.
    Commit, commit
}

impl Commit {
    /// The first twelve digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

fn identifier(value: &str) -> Result<(), Rule> {
    let fits = (1..=64).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && value.as_bytes()[0].is_ascii_alphanumeric();
    fits.then_some(()).ok_or(Rule::Identifier)
}

/// A subset of what git allows (git-check-ref-format(1)) that needs no care anywhere else.
fn tag(value: &str) -> Result<(), Rule> {
    let alphabet = (1..=128).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'/'))
        && value.as_bytes()[0].is_ascii_alphanumeric();
    if !alphabet {
        return Err(Rule::TagCharacters);
    }
    let refused = value.contains("..")
        || value.contains("//")
        || value.contains("/.")
        || value.ends_with(['/', '.'])
        || value.split('/').any(|part| part.ends_with(".lock"));
    if refused { Err(Rule::TagOfGit) } else { Ok(()) }
}

fn commit(value: &str) -> Result<(), Rule> {
    let fits = matches!(value.len(), 40 | 64) && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(()).ok_or(Rule::FullCommit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_tags_are_refused() {
        for bad in [
            "",
            "v1;rm -rf /",
            "--upload-pack=x",
            "-v",
            "$(id)",
            "`id`",
            "v1 v2",
            "v1\n",
            "../x",
            "a..b",
            "a//b",
            "a/.b",
            "a/",
            "a.",
            "a.lock",
            "a.lock/b",
            "v1\u{202E}",
            "v\u{200B}1",
            "v1'",
            "v1\"",
            "v1|x",
            "v1&x",
            "v1>x",
            "тег",
            "v1\0",
        ] {
            let refusal = Tag::parse("tag", bad).expect_err(bad);
            assert_eq!(refusal.field, "tag");
        }
        assert!(Tag::parse("tag", "x".repeat(129)).is_err());
    }

    #[test]
    fn usual_tags_pass() {
        for good in ["v1.0.0", "2024.11.5", "v1.0.0-rc.1+build.5", "api/v1.2.3", "release_7"] {
            assert_eq!(Tag::parse("tag", good).expect(good).as_str(), good);
        }
    }

    #[test]
    fn a_tag_may_be_given_by_its_full_name() {
        for given in ["v1", "refs/tags/v1"] {
            assert_eq!(Tag::given("tag", given).unwrap().as_str(), "v1");
        }
        assert!(Tag::given("tag", "refs/tags/").is_err());
    }

    #[test]
    fn commits_are_full_and_lowercase() {
        assert!(Commit::parse("commit", "a".repeat(40)).is_ok());
        assert!(Commit::parse("commit", "0".repeat(64)).is_ok());
        for bad in ["abc", "HEAD", &"A".repeat(40), &"a".repeat(41)] {
            assert!(Commit::parse("commit", bad).is_err(), "{bad}");
        }
    }
}
