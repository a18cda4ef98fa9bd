//! The vote: who said yes or no to exactly this commit in this attempt, and whether that is enough.

use std::cell::LazyCell;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::content::{Brought, Content, Definition};
use super::ids::{Attempt, Commit, PersonName, ReleaseId};
use super::person::{Door, Person};
use super::release::Release;
use super::service::Approvals;
use super::tally::Tally;

/// One person's yes or no on one release. A person has at most one in an attempt; the latest word counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// What was voted on.
    pub release: ReleaseId,
    /// In which attempt.
    pub attempt: Attempt,
    /// The commit that was voted on: the vote counts for no other. None: it was not known yet.
    pub commit: Option<Commit>,
    /// What the release would bring when it was voted on: the vote counts for nothing else. None: from before this was
    /// noted.
    pub content: Option<Content>,
    /// Who, under the name of that moment.
    pub person: PersonName,
    /// Yes or no.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
    /// Through which door.
    pub door: Door,
}

impl Vote {
    /// Whether it was given on a release as it is now; `brought`: what that would bring.
    #[must_use]
    pub fn is_about(&self, release: &Release, brought: &Brought) -> bool {
        (self.release, self.attempt) == (release.id, release.attempt)
            && (self.commit == release.commit || self.commit.is_none() && brought.stands_for_tag())
            && self.content.as_ref().is_none_or(|content| brought.is_said(content))
    }
}

/// Yes or no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approved,
    /// No.
    Rejected {
        /// Why.
        reason: String,
    },
}

impl Tally {
    /// Counts the votes on `release` under the rule as it is now.
    ///
    /// With `forbid_self`, the initiator is neither counted nor waited for: where all are required, that means all
    /// others, and at least one.
    #[must_use]
    pub fn count<'p>(
        rule: &Approvals,
        release: &Release,
        votes: &[Vote],
        definition: &Definition,
        person: impl Fn(&PersonName) -> Option<&'p Person>,
    ) -> Self {
        let eligible = |name: &&PersonName| !(rule.forbid_self && release.is_initiators(name, person(name)));
        let brought = LazyCell::new(|| release.brought(definition));
        let said_yes = |name: &&PersonName| {
            votes.iter().any(|vote| {
                vote.person == **name && vote.verdict == Verdict::Approved && vote.is_about(release, &brought)
            })
        };
        let (given, missing): (Vec<_>, Vec<_>) =
            rule.required.iter().filter(eligible).cloned().partition(|name| said_yes(&name));
        // Where no approver is left whose yes counts, the vote cannot pass.
        let needed = rule.minimum.min((given.len() + missing.len()).max(1));
        Self { given, missing, needed }
    }
}
