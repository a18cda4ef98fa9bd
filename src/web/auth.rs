//! Who calls: a bearer token, or the operator on RMM's own socket.
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
use sha2::{Digest, Sha256};

use super::problem::Problem;
use super::{Peer, Web};
use crate::domain::ids::{PersonName, ServiceName};
use crate::domain::person::{Actor, Door, Role};
use crate::engine::Engine;
use crate::engine::catalog::Catalog;
use crate::store::tokens::{self, TokenRow};

/// How long a token that was found is believed without looking again.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(5);
/// Tokens remembered at most.
const MOST_REMEMBERED: usize = 10_000;
/// Wrong tokens from one address before it has to wait …
const WRONG_TOKENS: u32 = 20;
/// … until this time has passed since the first of them.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

type Hash = [u8; 32];
/// A token, and when it was looked up.
type Found = (Arc<TokenRow>, Timestamp);

/// What the doorkeeper remembers.
#[derive(Debug, Default)]
pub struct Doorkeeper {
    known: Mutex<HashMap<Hash, Found>>,
    wrong: Mutex<HashMap<IpAddr, (u32, Timestamp)>>,
}

impl Doorkeeper {
    /// Forgets every token that was found: one of them may have been revoked.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    async fn find(&self, engine: &Engine, secret: &str) -> Result<Option<Arc<TokenRow>>, Problem> {
        let now = engine.now();
        let hash: Hash = Sha256::digest(secret.as_bytes()).into();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((row, since)) = known.get(&hash)
                && is_within(now, *since, REMEMBERED)
            {
                return Ok(Some(row.clone()));
            }
        }
        let secret = secret.to_owned();
        let Some(row) = engine.read(move |conn| tokens::find_by_secret(conn, &secret)).await? else { return Ok(None) };
        if row.touch_due(now.as_millisecond()) {
            let id = row.id;
            // Best effort: a full disk must not keep people from reading.
            let _ = engine.store().write(move |tx| tokens::touch(tx, id, now.as_millisecond())).await;
        }
        let row = Arc::new(row);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(hash, (row.clone(), now));
        Ok(Some(row))
    }

    fn check_guesses(&self, from: IpAddr, now: Timestamp) -> Result<(), Problem> {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((count, since)) = wrong.get(&from) else { return Ok(()) };
        let left = WINDOW - now.duration_since(*since);
        if *count < WRONG_TOKENS || !is_within(now, *since, WINDOW) {
            return Ok(());
        }
        let seconds = left.as_secs().unsigned_abs() + 1;
        Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_wrong_tokens",
            format!("too many wrong tokens came from your address; try again in {seconds} s"),
        )
        .retry_after(seconds))
    }

    fn note_wrong(&self, from: IpAddr, now: Timestamp) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= MOST_REMEMBERED {
            wrong.retain(|_, (_, since)| is_within(now, *since, WINDOW));
        }
        let entry = wrong.entry(from).or_insert((0, now));
        if !is_within(now, entry.1, WINDOW) {
            *entry = (0, now);
        }
        entry.0 += 1;
    }
}

/// Whether something is not older than that. What lies ahead is from before the clock was set back, and counts no more.
fn is_within(now: Timestamp, since: Timestamp, time: SignedDuration) -> bool {
    let age = now.duration_since(since);
    !age.is_negative() && age < time
}

/// Whoever makes the call. A handler that changes or shows anything asks for it.
#[derive(Debug, Clone)]
pub struct Caller(pub Actor);

impl FromRequestParts<Web> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Problem> {
        let address = match parts.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0) {
            // Only the owner of the data directory can open the socket.
            Some(Peer::Socket) => return Ok(Self(Actor::Operator)),
            Some(Peer::Network(address)) => address.ip(),
            None => return Err(Problem::unauthorized("it is not known where this call came from")),
        };
        let now = web.engine.now();
        let Some(secret) = bearer(parts)? else {
            return Err(Problem::unauthorized(
                "this call needs a token: `Authorization: Bearer <token>`; `rmm token create` makes one",
            ));
        };
        let found = web.doorkeeper.find(&web.engine, secret).await?;
        let Some(row) = found else {
            // Only wrong ones wait: a correct token works from behind the same address.
            web.doorkeeper.check_guesses(address, now)?;
            web.doorkeeper.note_wrong(address, now);
            return Err(Problem::unauthorized("this token is not known; `rmm token list` shows those that are"));
        };
        if let Some(revoked) = row.revoked_at {
            return Err(Problem::unauthorized(format!("this token was revoked at {}", stamp(revoked))));
        }
        if !row.is_live(now.as_millisecond()) {
            let at = row.expires_at.map(stamp).unwrap_or_default();
            return Err(Problem::unauthorized(format!("this token expired at {at}; make a new one")));
        }
        if let Some(person) = missing_voucher(&web.engine.catalog(), &row) {
            return Err(Problem::unauthorized(format!(
                "{person}, who vouches for this token, is no admin any more; an admin can take it over: \
                 `rmm token adopt '{}'`",
                row.name
            )));
        }
        actor(web, &row).map(Self)
    }
}

fn stamp(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map(|at| at.to_string()).unwrap_or_default()
}

fn bearer(parts: &Parts) -> Result<Option<&str>, Problem> {
    let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let wrong = || Problem::unauthorized("the Authorization header must be `Bearer <token>`");
    let text = value.to_str().map_err(|_| wrong())?;
    let (scheme, secret) = text.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("bearer") || secret.trim().is_empty() {
        return Err(wrong());
    }
    Ok(Some(secret.trim()))
}

/// The person who should vouch for a token and cannot any more. A token that people made for themselves needs nobody: it
/// has their rights of today.
pub(super) fn missing_voucher<'r>(catalog: &Catalog, row: &'r TokenRow) -> Option<&'r str> {
    let vouched_by = row.vouched_by.as_deref().filter(|by| Some(*by) != row.person.as_deref())?;
    let person = PersonName::parse("person", vouched_by).ok().and_then(|name| catalog.person(&name).cloned());
    person.is_none_or(|person| person.role != Role::Admin).then_some(vouched_by)
}

/// The actor that a token stands for. The rights of a person are never wider than they are now.
fn actor(web: &Web, row: &TokenRow) -> Result<Actor, Problem> {
    let role: Role = serde_json::from_value(serde_json::Value::String(row.role.clone()))
        .map_err(|_| Problem::unauthorized("this token has a role that this RMM does not know"))?;
    let Some(name) = &row.person else {
        let services = row.services.iter().filter_map(|s| ServiceName::parse("service", s.as_str()).ok()).collect();
        return Ok(Actor::Token { name: row.name.clone(), role, services });
    };
    let name = PersonName::parse("person", name.as_str())?;
    let catalog = web.engine.catalog();
    let person = catalog.person(&name).ok_or_else(|| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("{name}, for whom this token speaks, is not known any more"),
        )
    })?;
    Ok(Actor::Person { name, role: role.min(person.role), door: Door::Api })
}

/// How long the connection may take to be authenticated and answered is the server's; this is what a body may take.
pub const HEADER_PATIENCE: Duration = Duration::from_secs(10);
