//! Who calls: a bearer token of RMM, an id token of a workflow, or the operator on RMM's own socket.
//!
//! Tokens are looked up by their hash and remembered for a moment, so that a busy CI costs no query a call; a token
//! that is revoked in this process is forgotten at once. Guessing is slowed down by address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::{StatusCode, header, request::Parts};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::limits::{Slot, network};
use super::problem::Problem;
use super::{Peer, Web, oidc};
use crate::domain::cause::Cause;
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::person::{Actor, Door, Role};
use crate::domain::refusal::Refusal;
use crate::engine::Engine;
use crate::engine::identity::{Proven, Unproven, is_id_token};
use crate::store::tokens::{self, TokenRow};

/// How long a token that was found is believed without looking again.
const TOKEN_CACHE_TTL: SignedDuration = SignedDuration::from_secs(5);
/// Tokens remembered at most.
const MOST_REMEMBERED: usize = 10_000;
/// Wrong tokens from one address in a window before it has to wait for the next one.
const WRONG_TOKENS: u32 = 20;
/// Addresses that are counted in a window; guesses from more of them have to wait, too.
const GUESSING_ADDRESSES: usize = 10_000;
/// How long a window is.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

type Hash = [u8; 32];
/// A token, and when it was looked up.
type Found = (Arc<TokenRow>, Timestamp);

/// The tokens looked up lately, and wrong guesses.
#[derive(Debug, Default)]
pub struct Authenticator {
    known: Mutex<HashMap<Hash, Found>>,
    guesses: Mutex<Guesses>,
    forgotten: watch::Sender<()>,
}

impl Authenticator {
    /// Forgets every token that was found: one of them may have been revoked.
    pub fn forget(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clear();
        // First the cache is emptied, so that those told look again.
        self.forgotten.send_replace(());
    }

    /// Tells when a token may have been revoked.
    pub fn forgotten(&self) -> watch::Receiver<()> {
        self.forgotten.subscribe()
    }

    /// Notes a wrong token, or a wrong link, from an address.
    ///
    /// # Errors
    /// When too many came from there.
    pub fn wrong(&self, from: IpAddr, now: Timestamp) -> Result<(), Problem> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner).note(network(from), now)
    }

    async fn find(&self, engine: &Engine, hash: Hash) -> Result<Option<Arc<TokenRow>>, Problem> {
        let now = engine.now();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((row, since)) = known.get(&hash)
                && is_within(now, *since, TOKEN_CACHE_TTL)
            {
                return Ok(Some(row.clone()));
            }
        }
        let before = self.forgotten();
        let Some(row) = engine.token(hash).await? else { return Ok(None) };
        let row = Arc::new(row);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        // What was read before a revocation is not remembered after it.
        if before.has_changed().is_ok_and(|changed| !changed) {
            known.insert(hash, (row.clone(), now));
        }
        Ok(Some(row))
    }
}

/// Wrong tokens by address, in the window that is open.
#[derive(Debug, Default)]
struct Guesses {
    since: Timestamp,
    wrong: HashMap<IpAddr, u32>,
}

impl Guesses {
    /// Notes a wrong token.
    fn note(&mut self, from: IpAddr, now: Timestamp) -> Result<(), Problem> {
        if !is_within(now, self.since, WINDOW) {
            *self = Self { since: now, wrong: HashMap::new() };
        }
        let is_new = !self.wrong.contains_key(&from);
        if !(is_new && self.wrong.len() >= GUESSING_ADDRESSES) {
            let count = self.wrong.entry(from).or_insert(0);
            if *count < WRONG_TOKENS {
                *count += 1;
                return Ok(());
            }
        }
        let seconds = (WINDOW - now.duration_since(self.since)).as_secs().unsigned_abs() + 1;
        let whence = if is_new { "came" } else { "came from your address" };
        let sentence = format!("too many wrong tokens {whence}; try again in {seconds} s");
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_wrong_tokens", sentence).retry_after(seconds))
    }
}

/// Whether something is not older than that. What lies ahead is from before the clock was set back, and counts no more.
fn is_within(now: Timestamp, since: Timestamp, time: SignedDuration) -> bool {
    let age = now.duration_since(since);
    !age.is_negative() && age < time
}

/// The caller. A handler that changes or shows anything asks for it.
#[derive(Debug, Clone)]
pub struct Caller(pub Actor);

impl FromRequestParts<Web> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        let session = Session::from_request_parts(parts, web).await?;
        if let (Some(token), Some(slot)) = (&session.token, parts.extensions.get::<Slot>()) {
            slot.keep(web.limits.call(token.id)?);
        }
        Ok(Self(session.actor))
    }
}

/// A caller of a long request, whose rights are checked again meanwhile.
#[derive(Debug)]
pub struct Session {
    /// Who.
    pub actor: Actor,
    /// With which token; none for the operator.
    pub token: Option<Shown>,
}

/// A token that was shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Its number. Of an id token that of its repository, below zero, where no token of RMM has its own.
    pub id: i64,
    /// From where.
    pub from: IpAddr,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A token of RMM.
    Own(Hash),
    /// An id token, until then.
    Id(Timestamp),
}

impl Session {
    /// Who it is by now.
    ///
    /// # Errors
    /// When the token opens nothing any more.
    pub async fn look_again(&self, web: &Web) -> Result<Actor, Problem> {
        let Some(token) = &self.token else { return Ok(self.actor.clone()) };
        let hash = match token.kind {
            Kind::Own(hash) => hash,
            Kind::Id(until) if web.engine.now() < until => return Ok(self.actor.clone()),
            Kind::Id(_) => return Err(refused(Cause::IdTokenOver)),
        };
        let found = web.authenticator.find(&web.engine, hash).await?;
        let row = found.ok_or_else(|| refused(Cause::TokenForgotten))?;
        actor(web, &row)
    }
}

impl FromRequestParts<Web> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        let from = match parts.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0) {
            // Only the owner of the data directory can open the socket.
            Some(Peer::Socket) => return Ok(Self { actor: Actor::Operator, token: None }),
            Some(Peer::Network(address)) => address.ip(),
            None => return Err(Problem::unauthorized("it is not known where this call came from")),
        };
        let Some(secret) = bearer(parts)? else {
            return Err(refused(Cause::CallWithoutToken));
        };
        if is_id_token(secret) {
            let proven = web.engine.prove(secret).await;
            let Proven { actor, run, repository_id, until } = proven.map_err(|unproven| match &unproven {
                Unproven::Fault(_) => web.authenticator.wrong(from, web.engine.now()).err().unwrap_or(unproven.into()),
                Unproven::Away { .. } | Unproven::AskLater { .. } | Unproven::Store(_) => unproven.into(),
            })?;
            parts.extensions.insert(oidc::Run::from(run));
            let id = i64::try_from(repository_id).map_or(i64::MIN, i64::wrapping_neg);
            return Ok(Self { actor, token: Some(Shown { id, from, kind: Kind::Id(until) }) });
        }
        let hash = tokens::hash(secret);
        let found = if tokens::is_plausible(secret) { web.authenticator.find(&web.engine, hash).await? } else { None };
        let Some(row) = found else {
            // Only wrong ones wait: a correct token works from behind the same address.
            web.authenticator.wrong(from, web.engine.now())?;
            return Err(refused(Cause::TokenUnknown));
        };
        Ok(Self { actor: actor(web, &row)?, token: Some(Shown { id: row.id, from, kind: Kind::Own(hash) }) })
    }
}

fn time_of(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// Why a call is not let in.
fn refused(why: Cause) -> Problem {
    Refusal::from(why).into()
}

fn bearer(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let wrong = || refused(Cause::NoBearer);
    let text = value.to_str().map_err(|_| wrong())?;
    let (scheme, secret) = text.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("bearer") || secret.trim().is_empty() {
        return Err(wrong());
    }
    Ok(Some(secret.trim()))
}

/// The actor that a token stands for. The rights of a person are never wider than they are now.
fn actor(web: &Web, row: &TokenRow) -> Result<Actor, Problem> {
    if let Some(revoked) = row.revoked_at {
        return Err(refused(Cause::TokenRevoked { at: time_of(revoked) }));
    }
    if !row.is_live(web.engine.now().as_millisecond()) {
        return Err(refused(Cause::TokenExpired { at: row.expires_at.map(time_of).unwrap_or_default() }));
    }
    if let Some(owner) = web.engine.catalog().missing_voucher(row) {
        let (token, owner) = (row.name.clone(), owner.to_string());
        return Err(refused(Cause::TokenOrphaned { token, owner }));
    }
    let role: Role = serde_json::from_value(serde_json::Value::String(row.role.clone()))
        .map_err(|_| refused(Cause::TokenRoleUnknown))?;
    let Some(name) = &row.person else {
        let services = row.services.iter().filter_map(|s| ServiceName::parse("service", s.as_str()).ok()).collect();
        return Ok(Actor::Token { name: row.name.clone(), role, services });
    };
    let name = PersonName::parse("person", name.as_str())?;
    let catalog = web.engine.catalog();
    let gone = || refused(Cause::TokenPersonGone { person: name.clone() });
    let person = catalog.person(&name).ok_or_else(gone)?;
    Ok(Actor::Person { name, role: role.min(person.role), door: Door::Api })
}

/// How long the connection may take to be authenticated and answered is the server's; this is what a body may take.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_from_everywhere_take_no_more_memory_and_no_caller_waits_longer_than_a_window() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let mut guesses = Guesses::default();
        for number in 0..GUESSING_ADDRESSES as u32 {
            guesses.note(address(number), now).unwrap();
        }
        assert!(guesses.note(address(u32::MAX), now).is_err());
        assert_eq!(guesses.wrong.len(), GUESSING_ADDRESSES);
        for _ in 1..WRONG_TOKENS {
            guesses.note(address(1), now).unwrap();
        }
        assert!(guesses.note(address(1), now).is_err());
        guesses.note(address(2), now).unwrap();
        let later = now + WINDOW;
        guesses.note(address(1), later).unwrap();
        assert_eq!(guesses.wrong.len(), 1);
        // A clock that was set back opens a new window.
        guesses.note(address(2), now).unwrap();
        assert_eq!(guesses.wrong.len(), 1);
    }
}
