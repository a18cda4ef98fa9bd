//! What the repository of a service says of the commit of a release.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reason::Reason;

/// Whether the commit of a release is what it was said to be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CommitCheck {
    /// The repository is being asked now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked: bool,
    /// What was heard last; none: nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<CommitAnswer>,
}

/// What was heard of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[expect(missing_docs, reason = "`again`: when it is asked again; none: on request alone")]
pub enum CommitAnswer {
    /// It is in the repository, and what the tag points at where there is one.
    Confirmed,
    /// The repository could not be asked.
    Unanswered { cause: Reason, again: Option<Timestamp> },
    /// The repository says otherwise: nothing of it goes to production.
    Denied { cause: Reason, again: Option<Timestamp> },
}

impl CommitCheck {
    /// The repository is about to be asked, and has said nothing yet.
    pub const ASKED: Self = Self { asked: true, answer: None };
    /// The repository has said so.
    pub const CONFIRMED: Self = Self { asked: false, answer: Some(CommitAnswer::Confirmed) };

    /// Why it is not what it was said to be, and when that is asked again, if the repository says so.
    #[must_use]
    pub const fn denied(&self) -> Option<(&Reason, Option<Timestamp>)> {
        match &self.answer {
            Some(CommitAnswer::Denied { cause, again }) => Some((cause, *again)),
            Some(CommitAnswer::Confirmed | CommitAnswer::Unanswered { .. }) | None => None,
        }
    }

    /// Why the repository could not be asked, and when it is asked again.
    #[must_use]
    pub const fn unanswered(&self) -> Option<(&Reason, Option<Timestamp>)> {
        match &self.answer {
            Some(CommitAnswer::Unanswered { cause, again }) => Some((cause, *again)),
            Some(CommitAnswer::Confirmed | CommitAnswer::Denied { .. }) | None => None,
        }
    }

    /// Why it is not confirmed, if anything was heard.
    #[must_use]
    pub const fn cause(&self) -> Option<&Reason> {
        match &self.answer {
            Some(CommitAnswer::Unanswered { cause, .. } | CommitAnswer::Denied { cause, .. }) => Some(cause),
            Some(CommitAnswer::Confirmed) | None => None,
        }
    }

    /// Whether the repository has said that it is so.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.answer == Some(CommitAnswer::Confirmed)
    }
}
