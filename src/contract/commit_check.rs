//! What a repository says of a release's commit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::known;
use crate::domain::reason::Reason;

/// What a repository says of a release's commit.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CommitCheckView {
    /// It is being asked now.
    pub asked: bool,
    /// Its last answer: `confirmed`, `denied` (the tag is not there, or is another commit, or the commit is not there), or
    /// `unanswered` (it could not be asked); none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why it is not confirmed, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The facts that `reason` tells in words, with a `code`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "known")]
    #[schema(value_type = Option<Object>)]
    pub because: Option<Reason>,
    /// When it is asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub again: Option<Timestamp>,
}
