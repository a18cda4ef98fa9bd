//! How a vote stands, as a fact; counting is the business of [`super::approval`].

use serde::{Deserialize, Serialize};

use super::ids::PersonName;

/// How a vote stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Listed people whose yes counts, in the order of the list.
    pub given: Vec<PersonName>,
    /// Listed people whose yes would still count.
    pub missing: Vec<PersonName>,
    /// How many are needed.
    pub needed: usize,
}

impl Tally {
    /// Whether the vote has passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.given.len() >= self.needed
    }

    /// `2/3`.
    #[must_use]
    pub fn progress(&self) -> String {
        format!("{}/{}", self.given.len(), self.needed)
    }
}
