//! Who may come in to the dashboard: links that sign a person in, once, and the sessions that follow from them.

use jiff::Timestamp;
use rusqlite::Connection;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use super::{Asker, Engine, Failure};
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::ids::PersonName;
use crate::domain::init_data::InitData;
use crate::domain::person::{Actor, Door, Right};
use crate::store::sessions::{self, NewSession, SessionRow};
use crate::store::{StoreError, WriteError, identities, key};

/// A link that signs a person in, or the operator.
#[derive(Debug, Clone)]
pub struct LoginLink {
    /// What is behind the dashboard's `/login/`.
    pub secret: SecretString,
    /// Until when it can be used.
    pub until: Timestamp,
}

/// A browser that wants to come in.
#[derive(Debug, Clone)]
pub struct Browser {
    /// What it calls itself.
    pub device: String,
    /// Where it is.
    pub address: String,
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// With the rights that they have now.
    pub actor: Actor,
    /// The session.
    pub session: SessionRow,
}

impl Engine {
    /// Makes a link that signs a person in; none: the operator. Only the operator makes one for others: its holder can act
    /// as that person.
    ///
    /// # Errors
    /// [`Failure::Refused`] when there is no such person, or it is not the asker's to make.
    pub async fn make_login_link(
        &self,
        asker: impl Into<Asker<'_>>,
        person: Option<PersonName>,
    ) -> Result<LoginLink, Failure> {
        let asker = asker.into();
        if let Some(name) = person.as_ref().filter(|name| self.catalog().person(name).is_none()) {
            return Err(self.catalog().no_person(name).into());
        }
        let is_own = person.is_some() && asker.actor.person() == person.as_ref();
        if !(is_own || *asker.actor == Actor::Operator) {
            return Err(Failure::Refused(Cause::OperatorOnly.into()));
        }
        let secret = new_secret()?;
        let link = secret.expose_secret().to_owned();
        let until = self.record(asker, move |conn, now| {
            let until = sessions::make_link(conn, &link, person.as_ref().map(PersonName::as_str), now)?;
            Ok((until, Some(Event::LoginLinkMade { person })))
        });
        Ok(LoginLink { until: until.await?, secret })
    }

    /// Whom a link would sign in, by name; none where it opens nothing any more.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn look_at_login_link(&self, secret: String) -> Result<Option<String>, StoreError> {
        let now = self.now();
        let person = self.read(move |conn| sessions::look_at_link(conn, &secret, now)).await?;
        Ok(person.map(|person| person.unwrap_or_else(|| Actor::Operator.label().to_owned())))
    }

    /// Uses a link up: the secret of the session that begins; none where the link opens nothing any more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn sign_in(&self, link: String, browser: Browser) -> Result<Option<SecretString>, Failure> {
        let secret = new_secret()?;
        let cookie = secret.expose_secret().to_owned();
        let signed_in = self.record(&Actor::Machine, move |conn, now| {
            let new = NewSession { secret: &cookie, device: &browser.device, address: &browser.address };
            let Some(person) = sessions::use_link(conn, &link, &new, now)? else { return Ok((false, None)) };
            let person = person.and_then(|name| PersonName::parse("person", name).ok());
            Ok((true, Some(Event::SignedIn { person, address: browser.address })))
        });
        Ok(signed_in.await?.then_some(secret))
    }

    /// Begins a session of a person for whom Telegram vouches: the secret of it; none where that has begun one before.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn sign_in_by_telegram(
        &self,
        person: PersonName,
        proof: &InitData,
        browser: Browser,
    ) -> Result<Option<SecretString>, Failure> {
        let (proof, until) = (identities::name("telegram", &proof.signature), proof.until);
        let secret = new_secret()?;
        let cookie = secret.expose_secret().to_owned();
        let begun = self.record(&Actor::Machine, move |conn, now| {
            if !identities::show(conn, &proof, until, now)? {
                return Ok((false, None));
            }
            let new = NewSession { secret: &cookie, device: &browser.device, address: &browser.address };
            sessions::begin(conn, Some(person.as_str()), &new, now)?;
            Ok((true, Some(Event::SignedIn { person: Some(person), address: browser.address })))
        });
        Ok(begun.await?.then_some(secret))
    }

    /// Who shows the secret of a session; none where it opens nothing, or its person is not known any more.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session(&self, secret: &str) -> Result<Option<SignedIn>, StoreError> {
        let (now, secret) = (self.now(), secret.to_owned());
        let found = self.read(move |conn| sessions::find(conn, &secret)).await?;
        let Some(session) = found.filter(|session| session.is_live(now)) else { return Ok(None) };
        let actor = match &session.person {
            None => Actor::Operator,
            Some(name) => {
                let catalog = self.catalog();
                let person = PersonName::parse("person", name.as_str()).ok();
                let Some(person) = person.and_then(|name| catalog.person(&name).cloned()) else {
                    // Who comes back to the configuration later does not come back to its sessions. Best effort.
                    let (id, person) = (session.id, session.person);
                    let _ = self.store().write(move |tx| sessions::end(tx, person.as_deref(), id)).await;
                    self.inner.ended_sessions.send_replace(());
                    return Ok(None);
                };
                person.actor(Door::Dashboard)
            }
        };
        if session.touch_due(now) {
            let id = session.id;
            // Best effort: a full disk must not keep people from reading.
            let _ = self.store().write(move |tx| sessions::touch(tx, id, now)).await;
        }
        Ok(Some(SignedIn { actor, session }))
    }

    /// Whether any browser is signed in, or was lately.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_sessions(&self) -> Result<bool, StoreError> {
        self.read(sessions::any).await
    }

    /// Ends a session of a person (none: of the operator).
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_session(&self, person: Option<PersonName>, id: i64) -> Result<(), StoreError> {
        let ended = self.store().write(move |tx| sessions::end(tx, person.as_ref().map(PersonName::as_str), id));
        ended.await.map_err(WriteError::flatten)?;
        self.inner.ended_sessions.send_replace(());
        Ok(())
    }

    /// Ends a session of another person (none: of the operator), on the record.
    ///
    /// # Errors
    /// A refusal unless an admin asks; otherwise when the database cannot be written.
    pub async fn end_session_of(&self, actor: &Actor, person: Option<PersonName>, id: i64) -> Result<(), Failure> {
        actor.may(Right::Administer, None, false)?;
        self.record(actor, move |conn, _| {
            let ended = sessions::end(conn, person.as_ref().map(PersonName::as_str), id)?;
            Ok(((), ended.then_some(Event::SessionEnded { person })))
        })
        .await?;
        self.inner.ended_sessions.send_replace(());
        Ok(())
    }

    /// Tells when a session was ended, so that what goes on for its browser ends, too.
    #[must_use]
    pub fn ended_sessions(&self) -> watch::Receiver<()> {
        self.inner.ended_sessions.subscribe()
    }

    /// The sessions of several people (none: of the operator), those of each the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sessions_of(&self, people: Vec<Option<PersonName>>) -> Result<Vec<Vec<SessionRow>>, StoreError> {
        let now = self.now();
        let read = move |conn: &Connection| {
            let of = |person: &Option<PersonName>| sessions::of_person(conn, person.as_ref().map(PersonName::as_str));
            people.iter().map(of).collect::<Result<Vec<_>, _>>()
        };
        let mut all = self.read(read).await?;
        all.iter_mut().for_each(|rows| rows.retain(|session| session.is_live(now)));
        Ok(all)
    }
}

/// 256 random bits, as they stand in a link or a cookie.
fn new_secret() -> Result<SecretString, StoreError> {
    Ok(SecretString::from(hex::encode(key::random_bytes()?)))
}
