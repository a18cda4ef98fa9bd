//! What is in the way of an answer from a repository, as facts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Commit, Tag};

/// Why a repository does not tell what a tag stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`url` is the repository's address")]
pub enum RepositoryFault {
    /// The address could be taken for an option.
    NoAddress { url: String },
    /// There is no such folder.
    NotThere { url: String },
    /// It answers, and has no such tag.
    NoTag { url: String, tag: Tag },
    /// What answers names no tag and no branch at all.
    ListsNothing { url: String },
    /// It answers, and its tag points at another commit than the one that was told.
    OtherCommit { url: String, tag: Tag, told: Commit, commit: Commit },
    /// It answers, and has no such commit.
    NoCommit { url: String, commit: Commit },
    /// It did not answer in time.
    Late { url: String, limit: Duration },
    /// What git said when it could not read it.
    NotRead {
        url: String,
        said: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        advice: Option<GitAdvice>,
        /// The command that mends it, for the machine of RMM.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fix: Option<String>,
    },
    /// It lists more than RMM reads, in bytes.
    TooMuch { url: String, most: u64 },
    /// There is no git on the machine of RMM.
    GitMissing,
    /// Git itself could not be started; what the system said.
    GitNotStarted { said: String },
    /// The certificates to check the server with could not be written; what the system said.
    CertificatesNotWritten { said: String },
}

impl RepositoryFault {
    /// Whether the repository has answered, and says otherwise.
    #[must_use]
    pub const fn denies(&self) -> bool {
        matches!(self, Self::NoTag { .. } | Self::OtherCommit { .. } | Self::NoCommit { .. })
    }

    /// Whether there is no repository at the address, so that asking again helps only after somebody has seen to it.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::NoAddress { .. } | Self::NotThere { .. } | Self::NotRead { advice: Some(GitAdvice::Address), .. }
        )
    }
}

/// What to do about git's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum GitAdvice {
    /// Name the authority that signed the server's certificate.
    Authority,
    /// Use the name that the certificate is for.
    OtherName,
    /// Give the user a login.
    Login,
    /// Let the user trust the folder.
    Ownership,
    /// Let the user know the server's key.
    KnownHosts,
    /// Let the server know a key of the user.
    DeployKey,
    /// There is no repository at the address: use the right one.
    Address,
}
