//! Which person an account of Telegram is. The numeric id decides; a username only says who may claim to be whom, and an admin
//! confirms the claim once.

use std::collections::BTreeSet;
use std::iter;

use super::{Asker, Engine, Failure};
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::ids::PersonName;
use crate::domain::person::{Actor, Person, Right, shared_account};
use crate::store::StoreError;
use crate::store::telegram::{self, User};

/// An account that writes to the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// What is known of the account.
    pub user: User,
    /// Who it is.
    pub who: Who,
    /// From now on, and not before, the bot may write to it.
    pub is_new: bool,
}

/// When the bot tells a person something in private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hears {
    /// At once.
    Now,
    /// When they write to the bot for the first time.
    Later,
}

/// Who an account belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A person of the configuration.
    Person(Person),
    /// An account that claims to be this person; an admin has to confirm it.
    Claimant {
        /// The person.
        person: PersonName,
        /// No admin has been asked yet.
        new: bool,
    },
    /// No person of the configuration.
    Stranger,
}

impl Engine {
    /// Who writes; remembered where something about them is new. `private`: in a private chat.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn telegram_contact(
        &self,
        id: i64,
        username: Option<&str>,
        first_name: &str,
        private: bool,
    ) -> Result<Contact, StoreError> {
        let known = self.read(move |conn| telegram::user(conn, id)).await?;
        let same = |user: &User| {
            user.username.as_deref() == username && user.first_name == first_name && (user.private_chat || !private)
        };
        let now = self.now();
        let claimed = known.as_ref().filter(|user| user.person.is_some() && user.confirmed_by.is_none());
        let claim_changed = claimed.is_some_and(|user| user.username.as_deref() != username);
        let is_new = private && known.as_ref().is_none_or(|user| !user.private_chat);
        let mut user = match known.filter(same) {
            Some(user) => user,
            None => {
                let (username, first_name) = (username.map(ToOwned::to_owned), first_name.to_owned());
                let seen = self
                    .store()
                    .write(move |tx| telegram::see_user(tx, id, username.as_deref(), &first_name, private, now));
                seen.await.map_err(crate::store::WriteError::flatten)?
            }
        };
        let mut who = self.who_is(&user);
        if let Who::Claimant { person, .. } = &who
            && self.has_other_account(person, id).await?
        {
            who = Who::Stranger;
        }
        if let Who::Claimant { person, new: true } = &who {
            let (claimed, name) = (person.clone(), user.username.clone().unwrap_or_default());
            let noted = self.record(&Actor::Machine, move |conn, now| {
                telegram::claim(conn, id, &claimed, &name, now)?;
                Ok(((), Some(Event::TelegramClaimed { person: claimed, telegram_id: id })))
            });
            match noted.await {
                Ok(()) => user.person = Some(person.clone()),
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Refused(_)) => {}
            }
        }
        if claim_changed {
            self.surroundings_changed();
        }
        Ok(Contact { user, who, is_new })
    }

    /// Whether another account has been confirmed as this person.
    async fn has_other_account(&self, person: &PersonName, id: i64) -> Result<bool, StoreError> {
        let people = self.telegram_people().await?;
        Ok(people.iter().any(|(known, account, _)| known.name == *person && *account != id))
    }

    /// Who an account belongs to.
    #[must_use]
    pub fn who_is(&self, user: &User) -> Who {
        if shared_account(user.id).is_some() {
            return Who::Stranger;
        }
        let catalog = self.catalog();
        let people = catalog.people();
        if let Some(person) = people.values().find(|person| person.telegram_id == Some(user.id)) {
            return Who::Person(person.clone());
        }
        // A number in the configuration, or another username there, makes an older binding void.
        let open = |person: &&Person| person.telegram_id.is_none() && person.telegram_username.is_some();
        let bound = user
            .person
            .as_ref()
            .and_then(|name| people.get(name))
            .filter(open)
            .filter(|person| user.claimed_as.as_deref().is_none_or(|name| is_username(name, person)));
        match (bound, &user.confirmed_by) {
            (Some(person), Some(_)) => return Who::Person(person.clone()),
            (Some(person), None) if !user.refused && claims(user, person) => {
                return Who::Claimant { person: person.name.clone(), new: false };
            }
            (Some(_) | None, _) => {}
        }
        let claimed = people.values().filter(open).find(|person| claims(user, person));
        match claimed {
            Some(person) if !(user.refused && bound.is_some_and(|bound| bound.name == person.name)) => {
                Who::Claimant { person: person.name.clone(), new: true }
            }
            Some(_) | None => Who::Stranger,
        }
    }

    /// All people whose Telegram account is known: who they are and what is known of the account, where they have
    /// written to the bot.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn telegram_people(&self) -> Result<Vec<(Person, i64, Option<User>)>, StoreError> {
        let catalog = self.catalog();
        let ids: Vec<i64> = catalog.people().values().filter_map(|person| person.telegram_id).collect();
        let users = self.read(move |conn| {
            let listed = ids.into_iter().filter_map(|id| telegram::user(conn, id).transpose());
            Ok((telegram::users_of_people(conn)?, listed.collect::<Result<Vec<_>, _>>()?))
        });
        let (claimants, listed) = users.await?;
        let mut found = Vec::new();
        for person in catalog.people().values() {
            let user = match person.telegram_id {
                Some(id) => listed.iter().find(|user| user.id == id),
                None => claimants.iter().find(|user| self.who_is(user) == Who::Person(person.clone())),
            };
            if let Some(id) = person.telegram_id.or(user.map(|user| user.id)) {
                found.push((person.clone(), id, user.cloned()));
            }
        }
        Ok(found)
    }

    /// When a person hears what the bot tells them alone; none where there is no bot, or the configuration names no account of
    /// theirs.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hears(&self, name: &PersonName) -> Result<Option<Hears>, StoreError> {
        let catalog = self.catalog();
        let has_account = |person: &Person| person.telegram_id.is_some() || person.telegram_username.is_some();
        if catalog.bot_token().is_none() || !catalog.person(name).is_some_and(has_account) {
            return Ok(None);
        }
        let people = self.telegram_people().await?;
        let account = people.into_iter().find(|(person, ..)| person.name == *name).and_then(|(.., user)| user);
        Ok(Some(if account.is_some_and(|user| user.private_chat) { Hears::Now } else { Hears::Later }))
    }

    /// The accounts whose claims are not settled yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn telegram_claims(&self) -> Result<Vec<User>, StoreError> {
        let known: BTreeSet<PersonName> =
            self.telegram_people().await?.into_iter().map(|(person, ..)| person.name).collect();
        let mut users = self.read(telegram::users_of_people).await?;
        users.retain(
            |user| matches!(self.who_is(user), Who::Claimant { person, new: false } if !known.contains(&person)),
        );
        Ok(users)
    }

    /// Settles the claim of an account to be a person: `who` is the name of the person, or the number of the account. Returns
    /// the person.
    ///
    /// # Errors
    /// A refusal unless an admin says so, and where it is not clear which claim is meant, or none is open.
    pub async fn settle_claim_of(&self, actor: &Actor, who: &str, yes: bool) -> Result<PersonName, Failure> {
        actor.may(Right::Administer, None, false)?;
        let catalog = self.catalog();
        let (user, person) = match PersonName::parse("who", who).ok().and_then(|name| catalog.person(&name).cloned()) {
            Some(person) => (self.open_claim(&person).await?, person.name),
            None => self.claim_by_number(who, yes).await?,
        };
        self.settle_claim(actor, user, &person, yes).await?;
        Ok(person)
    }

    /// The account of the only open claim to be a person.
    async fn open_claim(&self, person: &Person) -> Result<i64, Failure> {
        let name = person.name.clone();
        if let Some(user) = person.telegram_id {
            return Err(Cause::NumberConfigured { person: name, user }.into());
        }
        let of_person = |user: &User| user.person.as_ref() == Some(&name);
        let open: Vec<_> = self.telegram_claims().await?.into_iter().filter(of_person).map(|user| user.id).collect();
        if let [user] = *open {
            return Ok(user);
        }
        if !open.is_empty() {
            return Err(Cause::SeveralClaims { person: name, users: open }.into());
        }
        let settled: Vec<_> = self.read(telegram::users_of_people).await?.into_iter().filter(of_person).collect();
        let confirmed = settled.iter().find_map(|user| Some((user.id, user.confirmed_by.clone()?)));
        Err(match (confirmed, settled.iter().find(|user| user.refused)) {
            (Some((user, by)), _) => Cause::ClaimConfirmed { user, person: name, by },
            (None, Some(user)) => Cause::ClaimRefused { user: user.id, person: name },
            (None, None) => Cause::NobodyClaims { who: name.to_string(), near: None },
        }
        .into())
    }

    /// Whom the account with this number claims to be. What was refused by mistake can be confirmed.
    async fn claim_by_number(&self, number: &str, yes: bool) -> Result<(i64, PersonName), Failure> {
        let unclaimed = || Cause::NobodyClaims { who: number.to_owned(), near: None };
        let id: i64 = number
            .parse()
            .map_err(|_| Cause::NobodyClaims { who: number.to_owned(), near: self.catalog().person_near(number) })?;
        let user = self.read(move |conn| telegram::user(conn, id)).await?.ok_or_else(unclaimed)?;
        let person = user.person.clone().ok_or_else(unclaimed)?;
        if user.refused && !yes {
            return Err(Cause::ClaimRefused { user: id, person }.into());
        }
        match self.who_is(&User { refused: false, ..user }) {
            Who::Stranger => Err(Cause::NoClaim { user: id, person }.into()),
            Who::Person(_) | Who::Claimant { .. } => Ok((id, person)),
        }
    }

    /// Settles the claim of an account to be a person. A confirmation refuses all others.
    ///
    /// # Errors
    /// A refusal unless an admin says so, and while the claim is open.
    pub async fn settle_claim(
        &self,
        asker: impl Into<Asker<'_>>,
        user: i64,
        person: &PersonName,
        yes: bool,
    ) -> Result<(), Failure> {
        let asker = asker.into();
        asker.actor.may(Right::Administer, None, false)?;
        let (engine, person, by) = (self.clone(), person.clone(), asker.actor.label().to_owned());
        self.record(asker, move |conn, _| {
            let known = telegram::user(conn, user)?;
            // Under another username, or after a change of the configuration, the account does not claim it any more.
            let is_open = |user: &User| match engine.who_is(&User { refused: false, ..user.clone() }) {
                Who::Claimant { person: claimed, .. } => claimed == person && user.person.as_ref() == Some(&person),
                Who::Person(_) | Who::Stranger => user.confirmed_by.is_some(),
            };
            if !known.as_ref().is_some_and(is_open) {
                return Err(Cause::NoClaim { user, person }.into());
            }
            let Some(others) = telegram::settle_claim(conn, user, &person, yes.then_some(by.as_str()))? else {
                return Err(match known {
                    Some(User { confirmed_by: Some(by), .. }) => Cause::ClaimConfirmed { user, person, by },
                    Some(User { person: Some(claimed), refused: true, .. }) if claimed == person && !yes => {
                        Cause::ClaimRefused { user, person }
                    }
                    Some(_) | None => Cause::NoClaim { user, person },
                }
                .into());
            };
            let refused = |telegram_id| Event::TelegramRefused { person: person.clone(), telegram_id };
            let settled = if yes {
                Event::TelegramConfirmed { person: person.clone(), telegram_id: user }
            } else {
                refused(user)
            };
            Ok(((), iter::once(settled).chain(others.into_iter().map(refused)).collect::<Vec<_>>()))
        })
        .await
    }
}

fn claims(user: &User, person: &Person) -> bool {
    user.username.as_deref().is_some_and(|name| is_username(name, person))
}

/// Telegram does not tell `Ann` from `ann`.
fn is_username(name: &str, person: &Person) -> bool {
    person.telegram_username.as_deref().is_some_and(|wanted| wanted.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::config::{Config, EnvVars};
    use crate::domain::person::{Door, Role};
    use crate::engine::catalog::Catalog;
    use crate::engine::clock::SystemClock;
    use crate::engine::testing::engine_in;

    const PEOPLE: &str = "[[people]]\nname = \"root\"\nrole = \"admin\"\ntelegram_id = 1\n\
                          [[people]]\nname = \"vera\"\ntelegram = \"vera_b\"\n";

    fn catalog(text: &str) -> Catalog {
        Catalog::new(&Config::parse(text, "rmm.toml", &PathBuf::from("/"), &EnvVars::new()).unwrap())
    }

    async fn engine() -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine_in(folder.path(), Arc::new(SystemClock));
        engine.reconfigure(catalog(PEOPLE)).await;
        (folder, engine)
    }

    async fn who(engine: &Engine, id: i64, username: Option<&str>) -> Who {
        engine.telegram_contact(id, username, "Somebody", true).await.unwrap().who
    }

    fn name(who: &Who) -> &str {
        match who {
            Who::Person(person) => person.name.as_str(),
            Who::Claimant { .. } => "a claimant",
            Who::Stranger => "a stranger",
        }
    }

    fn admin() -> Actor {
        let name = PersonName::parse("name", "root").unwrap();
        Actor::Person { name, role: Role::Admin, door: Door::Telegram }
    }

    #[tokio::test]
    async fn a_tap_is_handled_in_the_transaction_of_what_it_does_and_once() {
        let (_folder, engine) = engine().await;
        let vera = PersonName::parse("name", "vera").unwrap();
        who(&engine, 7, Some("vera_b")).await;
        let now = engine.now();
        let taps = [(1, "{}".to_owned()), (2, "{}".to_owned())];
        engine.store().write(move |tx| telegram::receive(tx, &taps, now)).await.unwrap();
        let open = engine.read(|conn| telegram::open_updates(conn, 0, 10)).await.unwrap();
        let [first, second] = [open[0].id, open[1].id];
        let left = async || engine.read(|conn| telegram::open_updates(conn, 0, 10)).await.unwrap().len();
        let actor = admin();
        let tap = |update| Asker { actor: &actor, update: Some(update) };
        // A refusal leaves the tap to the caller, who answers it.
        assert!(engine.settle_claim(tap(first), 8, &vera, true).await.is_err());
        assert_eq!(left().await, 2);
        engine.settle_claim(tap(first), 7, &vera, true).await.unwrap();
        assert_eq!(left().await, 1);
        let again = engine.settle_claim(tap(first), 7, &vera, false).await.unwrap_err();
        assert!(matches!(again, Failure::Refused(refusal) if *refusal.cause == Cause::TakenAlready));
        assert!(engine.settle_claim(tap(second), 7, &vera, false).await.is_err(), "it is settled");
    }

    #[tokio::test]
    async fn the_number_decides_and_a_username_only_claims() {
        let (_folder, engine) = engine().await;
        let vera = PersonName::parse("name", "vera").unwrap();
        assert_eq!(name(&who(&engine, 1, Some("vera_b")).await), "root");
        assert_eq!(name(&who(&engine, 7, None).await), "a stranger");
        assert_eq!(name(&who(&engine, 7, Some("Vera_B")).await), "a claimant");
        assert_eq!(name(&who(&engine, 8, Some("vera_b")).await), "a claimant");
        engine.settle_claim(&admin(), 7, &vera, true).await.unwrap();
        assert_eq!(name(&who(&engine, 7, Some("renamed")).await), "vera", "the number is bound, whatever the name");
        assert!(engine.settle_claim(&admin(), 8, &vera, true).await.is_err(), "one person is one account");
        assert_eq!(name(&who(&engine, 8, Some("vera_b")).await), "a stranger", "no admin can confirm it any more");
        let refused = engine.settle_claim(&admin(), 8, &vera, false).await.unwrap_err();
        assert!(refused.to_string().contains("an admin has refused"), "with the confirmation of another: {refused}");
        let people = engine.telegram_people().await.unwrap();
        let ids: Vec<_> = people.iter().map(|(person, id, _)| (person.name.as_str(), *id)).collect();
        assert_eq!(ids, [("root", 1), ("vera", 7)]);
    }

    #[tokio::test]
    async fn a_claim_asks_once_and_only_an_admin_settles_it() {
        let (_folder, engine) = engine().await;
        let vera = PersonName::parse("name", "vera").unwrap();
        assert_eq!(who(&engine, 7, Some("vera_b")).await, Who::Claimant { person: vera.clone(), new: true });
        assert_eq!(who(&engine, 7, Some("vera_b")).await, Who::Claimant { person: vera.clone(), new: false });
        let member = Actor::Person { name: vera.clone(), role: Role::Member, door: Door::Telegram };
        assert!(engine.settle_claim(&member, 7, &vera, true).await.is_err());
        engine.settle_claim(&admin(), 7, &vera, true).await.unwrap();
        // A number in the file counts more than what was confirmed.
        engine.reconfigure(catalog(&PEOPLE.replace("telegram = \"vera_b\"", "telegram_id = 9"))).await;
        assert_eq!(name(&who(&engine, 7, Some("vera_b")).await), "a stranger");
        assert_eq!(name(&who(&engine, 9, None).await), "vera");
    }

    #[tokio::test]
    async fn a_claim_is_settled_by_the_name_or_the_number_and_only_where_it_is_clear_which_is_meant() {
        let (_folder, engine) = engine().await;
        let say = async |who: &'static str, yes| {
            engine.settle_claim_of(&Actor::Operator, who, yes).await.map_err(|failure| failure.to_string())
        };
        let vera = Ok(PersonName::parse("name", "vera").unwrap());
        let refused = async |who, yes, words: &str| {
            let told = say(who, yes).await.unwrap_err();
            assert!(told.contains(words), "{told}");
        };
        refused("vera", true, "no account waits to be confirmed under vera").await;
        refused("bob", true, "no account waits to be confirmed under bob").await;
        refused("VERA", true, "there is no person VERA; did you mean vera?").await;
        refused("roto", false, "there is no person roto; did you mean root?").await;
        refused("7", true, "no account waits to be confirmed under 7").await;
        refused("root", true, "rmm.toml says that root is 1").await;
        who(&engine, 7, Some("vera_b")).await;
        who(&engine, 8, Some("Vera_B")).await;
        refused("vera", true, "7, 8 claim to be vera").await;
        assert_eq!(say("8", false).await, vera);
        refused("8", false, "an admin has refused that 8 is vera").await;
        assert_eq!(say("vera", true).await, vera);
        assert_eq!(name(&who(&engine, 7, Some("vera_b")).await), "vera");
        refused("vera", false, "operator has confirmed already that 7 is vera").await;
        refused("7", true, "operator has confirmed already that 7 is vera").await;
        refused("8", true, "another account has been confirmed as vera").await;
    }

    #[tokio::test]
    async fn an_account_that_was_refused_by_mistake_can_be_confirmed_by_number() {
        let (_folder, engine) = engine().await;
        who(&engine, 7, Some("vera_b")).await;
        engine.settle_claim_of(&Actor::Operator, "vera", false).await.unwrap();
        let told = engine.settle_claim_of(&Actor::Operator, "vera", true).await.unwrap_err().to_string();
        assert!(told.contains("rmm person confirm 7"), "{told}");
        engine.settle_claim_of(&Actor::Operator, "7", true).await.unwrap();
        assert_eq!(name(&who(&engine, 7, Some("vera_b")).await), "vera");
    }

    #[tokio::test]
    async fn a_claim_is_void_at_every_door_while_the_account_has_another_username() {
        let (_folder, engine) = engine().await;
        let vera = PersonName::parse("name", "vera").unwrap();
        who(&engine, 7, Some("vera_b")).await;
        assert_eq!(engine.telegram_claims().await.unwrap().len(), 1);
        let mut drawn_anew = engine.surroundings();
        drawn_anew.mark_unchanged();
        assert_eq!(name(&who(&engine, 7, Some("vera_new")).await), "a stranger");
        assert!(drawn_anew.has_changed().unwrap());
        assert!(engine.telegram_claims().await.unwrap().is_empty());
        for yes in [true, false] {
            let refused = engine.settle_claim(&admin(), 7, &vera, yes).await.unwrap_err();
            assert!(refused.to_string().contains("7 does not claim to be vera (any more"), "{refused}");
        }
        assert!(engine.settle_claim_of(&Actor::Operator, "7", true).await.is_err());
        assert!(engine.telegram_people().await.unwrap().iter().all(|(person, ..)| person.name != vera));
        // It is theirs again.
        assert_eq!(name(&who(&engine, 7, Some("Vera_B")).await), "a claimant");
        engine.settle_claim(&admin(), 7, &vera, true).await.unwrap();
        assert_eq!(name(&who(&engine, 7, Some("renamed")).await), "vera");
    }

    #[tokio::test]
    async fn another_username_in_the_file_makes_the_older_binding_void() {
        let (_folder, engine) = engine().await;
        let vera = PersonName::parse("name", "vera").unwrap();
        who(&engine, 7, Some("vera_b")).await;
        engine.settle_claim(&admin(), 7, &vera, true).await.unwrap();
        engine.reconfigure(catalog(&PEOPLE.replace("vera_b", "vera_new"))).await;
        assert_eq!(name(&who(&engine, 7, Some("vera_b")).await), "a stranger");
        assert_eq!(name(&who(&engine, 8, Some("Vera_New")).await), "a claimant");
        engine.settle_claim(&admin(), 8, &vera, true).await.unwrap();
        assert_eq!(name(&who(&engine, 8, Some("Vera_New")).await), "vera");
        assert_eq!(name(&who(&engine, 7, Some("vera_b")).await), "a stranger");
        // An account may become another person.
        let other = PEOPLE.to_owned() + "[[people]]\nname = \"bob\"\ntelegram = \"was_vera\"\n";
        engine.reconfigure(catalog(&other)).await;
        assert_eq!(name(&who(&engine, 7, Some("was_vera")).await), "a claimant");
    }
}
