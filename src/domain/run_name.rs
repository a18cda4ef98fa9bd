//! What names a run on hosts.

use super::ids::RunId;

/// What names a run on hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// Its number.
    pub id: RunId,
    /// Its word; empty for runs from before there were words.
    pub word: String,
}

impl RunName {
    /// `INSTANCE-RUN-WORD`, or `INSTANCE-RUN` without a word.
    #[must_use]
    pub fn token(&self, instance: &str) -> String {
        if self.word.is_empty() {
            format!("{instance}-{}", self.id)
        } else {
            format!("{instance}-{}-{}", self.id, self.word)
        }
    }

    /// The run that a token names, whichever installation's it is.
    #[must_use]
    pub fn of_token(token: &str) -> Option<Self> {
        let mut parts = token.splitn(3, '-');
        let (_, id, word) = (parts.next()?, parts.next()?.parse().ok()?, parts.next().unwrap_or_default());
        Some(Self { id: RunId(id), word: word.to_owned() })
    }

    /// The installation that a token names.
    #[must_use]
    pub fn installation(token: &str) -> &str {
        token.split('-').next().unwrap_or_default()
    }

    /// The number of the run that a token names; 0 where it names none.
    #[must_use]
    pub fn number(token: &str) -> RunId {
        Self::of_token(token).map_or(RunId(0), |name| name.id)
    }
}
