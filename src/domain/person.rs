//! People, tokens and what they may do: the one place that decides rights.

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::ids::{PersonName, ServiceName};
use super::refusal::Refusal;
use super::text::is_same_name;

pub use super::right::{Right, Role};

/// The accounts that Telegram shows in place of many people, with their usernames: a person who writes anonymously in a group,
/// or in the name of a channel, comes as one of them. Source: the Bot API, `Message.from` beside `sender_chat`.
const SHARED_ACCOUNTS: [(i64, &str); 4] = [
    (777_000, "Telegram"),
    (136_817_688, "Channel_Bot"),
    (1_087_968_824, "GroupAnonymousBot"),
    (1_271_266_957, "replies"),
];

/// What an account of Telegram is called that stands for many people and belongs to none of them.
#[must_use]
pub fn shared_account(telegram_id: i64) -> Option<&'static str> {
    SHARED_ACCOUNTS.into_iter().find(|(id, _)| *id == telegram_id).map(|(_, name)| name)
}

/// Whether this is the username of such an account.
#[must_use]
pub fn is_shared_username(name: &str) -> bool {
    SHARED_ACCOUNTS.into_iter().any(|(_, shared)| shared.eq_ignore_ascii_case(name))
}

/// A human. Recognised by numeric id, never by a name that can be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name used in approver lists and in the record.
    pub name: PersonName,
    /// Telegram's numeric id.
    pub telegram_id: Option<i64>,
    /// The Telegram username, without `@`, of a person whose number is not known. Says who may claim to be this person,
    /// and nothing more.
    pub telegram_username: Option<String>,
    /// GitHub login, to recognise the initiator of a release.
    pub github: Option<String>,
    /// What the person may do.
    pub role: Role,
    /// Groups for sign-offs (`qa`, `product`); they give no rights.
    pub groups: Vec<String>,
}

/// Whether a name is that which was given; CI may write a login with an `@` before it.
#[must_use]
pub fn is_account(name: &str, given: &str) -> bool {
    is_same_name(name, given.trim().trim_start_matches('@'))
}

impl Person {
    /// Whether a name is one of the person's, however CI spells it.
    #[must_use]
    pub fn is_called(&self, given: &str) -> bool {
        [Some(self.name.as_str()), self.github.as_deref()].into_iter().flatten().any(|name| is_account(name, given))
    }

    /// The person as the actor of a command.
    #[must_use]
    pub fn actor(&self, door: Door) -> Actor {
        Actor::Person { name: self.name.clone(), role: self.role, door }
    }
}

/// The channel through which a person gives a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The HTTP API with a token.
    Api,
    /// The operator's socket in the data directory.
    Socket,
    /// Telegram.
    Telegram,
    /// The dashboard.
    Dashboard,
}

/// Who asks. Every command needs one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Actor {
    /// A human, with the role that counts for this request.
    Person {
        /// The name at this moment; the record keeps it.
        name: PersonName,
        /// The person's role, or the lower one of the token that speaks for the person.
        role: Role,
        /// How the person came in.
        door: Door,
    },
    /// A token that speaks for no person.
    Token {
        /// The token's name.
        name: String,
        /// What it may do.
        role: Role,
        /// The services it is limited to; empty: all.
        services: Vec<ServiceName>,
    },
    /// The owner of the data directory on RMM's machine.
    Operator,
    /// RMM itself: a run that ended, a timer, a start.
    Machine,
}

impl Actor {
    /// The role that counts.
    #[must_use]
    pub fn role(&self) -> Role {
        match self {
            Self::Person { role, .. } | Self::Token { role, .. } => *role,
            Self::Operator | Self::Machine => Role::Admin,
        }
    }

    /// The human behind it, if one is known.
    #[must_use]
    pub fn person(&self) -> Option<&PersonName> {
        match self {
            Self::Person { name, .. } => Some(name),
            Self::Token { .. } | Self::Operator | Self::Machine => None,
        }
    }

    /// What the record and people call it.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Person { name, .. } => name.as_str(),
            Self::Token { name, .. } => name,
            Self::Operator => "operator",
            Self::Machine => "rmm",
        }
    }

    /// Checks a right. `own` says that the release in question was initiated by this very person.
    ///
    /// # Errors
    /// A [`Refusal`] that says who could do it.
    pub fn may(&self, right: Right, service: Option<&ServiceName>, own: bool) -> Result<(), Refusal> {
        if let Self::Token { services, .. } = self
            && !services.is_empty()
        {
            self.stays_in(services, service, right)?;
        }
        let role = self.role();
        let allowed = match right {
            Right::Machine => matches!(self, Self::Machine),
            Right::Watch => true,
            Right::Read => role >= Role::Viewer,
            Right::Create => role == Role::Ci || role >= Role::Member,
            Right::Report => role == Role::Ci || role == Role::Admin,
            Right::Vote => self.person().is_some() && role >= Role::Member,
            Right::Retry => role >= Role::Member,
            Right::Cancel => role == Role::Admin || (own && role >= Role::Member),
            Right::Command | Right::Administer => role == Role::Admin,
        };
        if allowed {
            return Ok(());
        }
        Err(Cause::RoleTooLow { who: self.label().to_owned(), role, right }.into())
    }

    /// A token that is limited to services has no right beyond them: neither in others, nor where no service is meant.
    fn stays_in(&self, services: &[ServiceName], service: Option<&ServiceName>, right: Right) -> Result<(), Refusal> {
        let valid_for = services.to_vec();
        let cause = match service {
            Some(service) if services.contains(service) => return Ok(()),
            Some(service) => Cause::OtherServices { service: service.clone(), valid_for },
            None if matches!(right, Right::Watch | Right::Read) => Cause::NameAService { valid_for },
            None => Cause::AllServices { valid_for },
        };
        Err(cause.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(role: Role, services: &[&str]) -> Actor {
        let services = services.iter().map(|s| ServiceName::parse("service", *s).expect("name")).collect();
        Actor::Token { name: "t".into(), role, services }
    }

    fn person(role: Role) -> Actor {
        Actor::Person { name: PersonName::parse("name", "ann").expect("name"), role, door: Door::Api }
    }

    #[test]
    fn a_ci_token_creates_reports_and_watches_and_nothing_else() {
        let ci = token(Role::Ci, &[]);
        let allowed: Vec<_> = Right::ALL.into_iter().filter(|right| ci.may(*right, None, true).is_ok()).collect();
        assert_eq!(allowed, [Right::Watch, Right::Create, Right::Report]);
    }

    #[test]
    fn a_scoped_token_stays_in_its_services() {
        let api = ServiceName::parse("service", "api").expect("name");
        let web = ServiceName::parse("service", "web").expect("name");
        let ci = token(Role::Ci, &["api"]);
        assert!(ci.may(Right::Create, Some(&api), false).is_ok());
        assert!(ci.may(Right::Create, Some(&web), false).is_err());
        let admin = token(Role::Admin, &["api"]);
        for right in [Right::Watch, Right::Read, Right::Create, Right::Report, Right::Command, Right::Cancel] {
            assert!(admin.may(right, Some(&api), false).is_ok(), "{right:?}");
            assert!(admin.may(right, Some(&web), false).is_err(), "{right:?}");
            assert!(admin.may(right, None, false).is_err(), "{right:?}");
        }
        assert!(admin.may(Right::Administer, None, false).is_err());
        assert!(token(Role::Admin, &[]).may(Right::Administer, None, false).is_ok());
    }

    #[test]
    fn a_token_without_a_person_cannot_vote_even_as_admin() {
        assert!(token(Role::Admin, &[]).may(Right::Vote, None, false).is_err());
        assert!(Actor::Operator.may(Right::Vote, None, false).is_err());
        assert!(person(Role::Member).may(Right::Vote, None, false).is_ok());
        assert!(person(Role::Viewer).may(Right::Vote, None, false).is_err());
    }

    #[test]
    fn the_initiator_cancels_his_own() {
        assert!(person(Role::Member).may(Right::Cancel, None, true).is_ok());
        assert!(person(Role::Member).may(Right::Cancel, None, false).is_err());
        assert!(person(Role::Admin).may(Right::Cancel, None, false).is_ok());
    }

    #[test]
    fn only_rmm_reports_on_its_runs() {
        assert!(person(Role::Admin).may(Right::Machine, None, true).is_err());
        assert!(Actor::Operator.may(Right::Machine, None, true).is_err());
        assert!(Actor::Machine.may(Right::Machine, None, false).is_ok());
    }
}
