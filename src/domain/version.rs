//! A version: a release as something that an environment runs.

use serde::{Deserialize, Serialize};

use super::ids::{Commit, ReleaseId, Tag};

/// A release as something that an environment runs or goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Version {
    /// The release.
    #[schema(value_type = i64)]
    pub release: ReleaseId,
    /// Its tag.
    #[schema(value_type = Option<String>)]
    pub tag: Option<Tag>,
    /// Its commit.
    #[schema(value_type = Option<String>)]
    pub commit: Option<Commit>,
}

impl Version {
    /// What people call it, without its number where it has a name.
    #[must_use]
    pub fn title(&self) -> String {
        match (&self.tag, &self.commit) {
            (Some(tag), _) => tag.to_string(),
            (None, Some(commit)) => commit.short().to_owned(),
            (None, None) => format!("#{}", self.release),
        }
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.tag, &self.commit) {
            (Some(tag), _) => write!(f, "{tag} (#{})", self.release),
            (None, Some(commit)) => write!(f, "{} (#{})", commit.short(), self.release),
            (None, None) => write!(f, "#{}", self.release),
        }
    }
}
