//! Time that has passed, which no setting of a clock changes, and unguessable words: both come in as values.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ids::RunId;

/// How long the machine has been up, and since which start of it. Two of them with the same start tell how much time
/// passed between them, whatever became of the clock on the wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// Names one start of the machine.
    pub boot: String,
    /// Milliseconds since then, sleep included.
    pub millis: u64,
}

impl Uptime {
    /// How much time has certainly passed since `earlier`. Across a restart of the machine only the time since that
    /// restart is known; without a mark nothing is.
    #[must_use]
    pub fn since(&self, earlier: Option<&Self>) -> Duration {
        match earlier {
            Some(earlier) if earlier.boot == self.boot => {
                Duration::from_millis(self.millis.saturating_sub(earlier.millis))
            }
            Some(_) => Duration::from_millis(self.millis),
            None => Duration::ZERO,
        }
    }
}

/// When a decision is made, and the random numbers that it may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The clock on the wall.
    pub now: Timestamp,
    /// The time that has passed.
    pub uptime: Uptime,
    /// Random, and never used for two decisions.
    pub seed: Seed,
}

/// Random bytes that words are made from.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed")
    }
}

impl Seed {
    /// The word of a run that is made with this seed: 64 unguessable bits that no other run has, also not one
    /// with the same number in a copy of the database.
    #[must_use]
    pub fn word(&self, run: RunId) -> String {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(run.0.to_le_bytes());
        hex::encode(&hash.finalize()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_differ_between_runs_and_between_seeds() {
        let (one, other) = (Seed([1; 32]), Seed([2; 32]));
        assert_eq!(one.word(RunId(5)).len(), 16);
        assert_eq!(one.word(RunId(5)), one.word(RunId(5)));
        assert_ne!(one.word(RunId(5)), one.word(RunId(6)));
        assert_ne!(one.word(RunId(5)), other.word(RunId(5)));
    }

    #[test]
    fn only_time_that_has_certainly_passed_counts() {
        let at = |boot: &str, millis| Uptime { boot: boot.into(), millis };
        let now = at("second", 5_000);
        assert_eq!(now.since(Some(&at("second", 2_000))), Duration::from_secs(3));
        assert_eq!(now.since(Some(&at("second", 9_000))), Duration::ZERO);
        assert_eq!(now.since(Some(&at("first", 900_000))), Duration::from_secs(5));
        assert_eq!(now.since(None), Duration::ZERO);
    }
}
