//! A release that is to be made.

use jiff::Timestamp;

use crate::domain::artifact::Artifact;
use crate::domain::ids::{Commit, ServiceName, Tag};
use crate::domain::release::CiRun;

/// What a new release is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRelease {
    /// The service.
    pub service: ServiceName,
    /// The tag; this or the commit is there.
    pub tag: Option<Tag>,
    /// The commit.
    pub commit: Option<Commit>,
    /// The repository says that the tag is this commit.
    pub commit_checked: bool,
    /// Who, if it is not a person who creates it.
    pub initiated_by: String,
    /// Whom GitHub itself has named: its id token, or who has pushed the tag. Such a one counts, whatever was said.
    pub proven: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The CI run.
    pub ci_run: Option<CiRun>,
    /// Whether the CI system counts the attempts of a CI run.
    pub attempt_told: bool,
    /// When the tag was made.
    pub tagged_at: Option<Timestamp>,
    /// Free text.
    pub notes: String,
    /// What CI built already.
    pub artifacts: Vec<Artifact>,
}

impl NewRelease {
    /// One of which no more is known than the service and who begins it. The tag or the commit has to be added.
    #[must_use]
    pub const fn of(service: ServiceName, initiated_by: String) -> Self {
        Self {
            service,
            tag: None,
            commit: None,
            commit_checked: false,
            initiated_by,
            proven: Vec::new(),
            owner: None,
            ci_run: None,
            attempt_told: false,
            tagged_at: None,
            notes: String::new(),
            artifacts: Vec::new(),
        }
    }
}
