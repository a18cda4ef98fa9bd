//! What was found where RMM has looked at something that it needs, as facts: what was looked at, how it is, what there is to say,
//! and what to do. The words are those of `wording`.

pub mod github;
pub mod host;
mod machine;
mod outside;
mod remedy;
mod topic;

use serde::{Deserialize, Serialize};

pub use self::github::{LoginFact, RepositoryFact};
pub use self::host::HostFact;
pub use self::machine::{MachineFact, Misconfigured};
pub use self::outside::{AddressFact, ModelFact, RunningFact, TelegramFact};
pub use self::remedy::Remedy;
pub use self::topic::{About, Topic};
use super::reason::Reason;

/// How a thing is that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// RMM can work, but a person should look.
    Warn,
    /// RMM cannot work like this.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub topic: Topic,
    /// How it is.
    pub state: State,
    /// What there is to say.
    pub found: Found,
    /// What mends it, or shows more.
    pub remedy: Option<Remedy>,
}

impl Finding {
    /// As it should be.
    pub fn ok(topic: Topic, found: impl Into<Found>) -> Self {
        Self { topic, state: State::Ok, found: found.into(), remedy: None }
    }

    /// RMM can work, but a person should look.
    pub fn warn(topic: Topic, found: impl Into<Found>) -> Self {
        Self { state: State::Warn, ..Self::ok(topic, found) }
    }

    /// RMM cannot work like this.
    pub fn fail(topic: Topic, found: impl Into<Found>) -> Self {
        Self { state: State::Fail, ..Self::ok(topic, found) }
    }

    /// Whether RMM cannot work like this.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.state == State::Fail
    }

    /// With what to do.
    #[must_use]
    pub fn with(self, remedy: impl Into<Remedy>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }
}

/// What there is to say of a thing that was looked at. Only what is said of hosts is read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Found {
    /// Of a host. Its codes are none of reasons.
    Host(HostFact),
    /// Why something cannot be done or reached.
    Reason(Reason),
    /// Of the machine that RMM runs on.
    #[serde(skip_deserializing)]
    Machine(MachineFact),
    /// Of RMM's own address.
    #[serde(skip_deserializing)]
    Address(AddressFact),
    /// Of the bot.
    #[serde(skip_deserializing)]
    Telegram(TelegramFact),
    /// Of the model that guesses at causes.
    #[serde(skip_deserializing)]
    Model(ModelFact),
    /// Of the RMM that runs.
    #[serde(skip_deserializing)]
    Running(RunningFact),
    /// Of the login at GitHub.
    #[serde(skip_deserializing)]
    Login(LoginFact),
    /// Of a repository at GitHub.
    #[serde(skip_deserializing)]
    Repository(RepositoryFact),
    /// A sentence of an RMM of another version, or one in which a secret was hidden.
    #[serde(skip)]
    Told(String),
}

impl Found {
    /// The facts, where they are known.
    #[must_use]
    pub fn facts(&self) -> Option<&Self> {
        Some(self).filter(|found| !matches!(found, Self::Told(_)))
    }
}

macro_rules! found_from {
    ($($variant:ident: $fact:ty,)+) => {
        $(impl From<$fact> for Found {
            fn from(fact: $fact) -> Self {
                Self::$variant(fact)
            }
        })+
    };
}

found_from! {
    Host: HostFact,
    Reason: Reason,
    Machine: MachineFact,
    Address: AddressFact,
    Telegram: TelegramFact,
    Model: ModelFact,
    Running: RunningFact,
    Login: LoginFact,
    Repository: RepositoryFact,
}
