//! What is worth a message of its own in a team's chat: a person is needed, or something has ended.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! notices {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// A kind of message; the card of a release changes with everything.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Notice { $($(#[$doc])* $variant,)* }

        impl Notice {
            /// All of them, in the order of a release's life.
            pub const ALL: &[Notice] = &[$(Notice::$variant),*];

            /// The name in the configuration.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Notice::$variant => $text,)* }
            }
        }

        impl FromStr for Notice {
            type Err = UnknownNotice;

            fn from_str(text: &str) -> Result<Self, UnknownNotice> {
                match text { $($text => Ok(Notice::$variant),)* _ => Err(UnknownNotice) }
            }
        }
    };
}

notices! {
    /// Stage is ready: the vote is open, people test and approve.
    Waits = "waits",
    /// One more yes; after the last one, what still stands in the way of production.
    Approved = "approved",
    /// All approvals are there and production begins.
    Deploying = "deploying",
    /// Production runs it.
    Deployed = "deployed",
    /// It was rejected, failed before production, or was cancelled after people had been asked about it.
    Failed = "failed",
    /// Production went back.
    RolledBack = "rolled_back",
    /// Production could not go back.
    RollbackFailed = "rollback_failed",
    /// Only an admin can help: an unknown host key, a run whose end is not known, an environment that needs repair.
    Alarm = "alarm",
    /// Approvals are still missing after a while.
    Reminder = "reminder",
    /// Gates of production were skipped.
    Bypassed = "bypassed",
    /// Production was locked or unlocked.
    Locked = "locked",
    /// What concerns one person alone, who is told in private.
    Personal = "personal",
}

impl Notice {
    /// Whether what a later notice about the same thing says tells all that is left to say of this one.
    #[must_use]
    pub const fn is_outdated_by(self, later: Self) -> bool {
        match self {
            Self::Waits | Self::Approved | Self::Deploying | Self::Reminder => !matches!(later, Self::Bypassed),
            Self::Alarm => matches!(later, Self::Alarm),
            Self::Deployed
            | Self::Failed
            | Self::RolledBack
            | Self::RollbackFailed
            | Self::Bypassed
            | Self::Locked
            | Self::Personal => false,
        }
    }

    /// Those that a chat can choose from.
    pub fn of_chats() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|notice| *notice != Self::Personal)
    }
}

/// No notice has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownNotice;

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
