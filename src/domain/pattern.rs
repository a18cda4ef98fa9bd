//! Patterns over names: `*` stands for any text, also for none and across `/`; `?` for one character; all else for itself.

use std::fmt;

use serde::Serialize;

use super::rule::{Invalid, Rule};

/// Characters of a pattern at most.
const LONGEST: usize = 256;

/// A pattern that the operator has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Pattern(String);

impl Pattern {
    /// Checks a pattern; `field` is what an error calls it.
    ///
    /// # Errors
    /// [`Invalid`] for one that fits nothing that git could name.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        let fits = (1..=LONGEST).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'/' | b'*' | b'?'));
        if !fits {
            return Err(Invalid::new(field, Rule::Pattern { most: LONGEST }));
        }
        Ok(Self(text.to_owned()))
    }

    /// The pattern that everything fits.
    #[must_use]
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name fits. Takes at most as many steps as both lengths multiplied, whatever the pattern.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut seen) = (0, 0);
        // Where the last star was, and how much of the name it stands for so far.
        let mut star: Option<(usize, usize)> = None;
        while seen < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    star = Some((at, seen));
                    at += 1;
                }
                Some(wanted) if *wanted == b'?' || *wanted == name[seen] => (at, seen) = (at + 1, seen + 1),
                Some(_) | None => match &mut star {
                    Some((place, taken)) => {
                        *taken += 1;
                        (at, seen) = (*place + 1, *taken);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|rest| *rest == b'*')
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_is_one_character() {
        let fits = |pattern: &str, name: &str| Pattern::parse("tags", pattern).unwrap().fits(name);
        for (pattern, name) in [
            ("v*", "v1.2.3"),
            ("v*", "v"),
            ("*", ""),
            ("shop/v*", "shop/v1"),
            ("v?.?", "v1.2"),
            ("*-rc*", "v1-rc-rc1"),
            ("v*.0", "v1.0.0"),
            ("**", "a/b"),
            ("refs/tags/*", "refs/tags/shop/v1"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("v*", "shop/v1"),
            ("shop/v*", "v1"),
            ("v?", "v"),
            ("v?", "v12"),
            ("v*.0", "v1.0.1"),
            ("V*", "v1"),
            ("v1", "v10"),
        ] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        let slow = format!("{}b", "*a".repeat(100));
        assert!(!fits(&slow, &"a".repeat(100_000)));
    }

    #[test]
    fn what_no_tag_can_hold_is_refused() {
        for text in ["", "v[0-9]", "v 1", "{a,b}", "релиз", &"v".repeat(LONGEST + 1)] {
            assert!(Pattern::parse("tags", text).is_err(), "{text}");
        }
    }
}
