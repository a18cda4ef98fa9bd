//! The public keys of an issuer of id tokens: asked for over the network, and kept.
//!
//! Must not: ask because of what strangers send more often than once a minute, whatever keys they name, or forget known keys
//! because the issuer is away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use moka::future::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{endpoint, jose};

/// Where an issuer has its keys, behind its own address. GitHub's say the same of themselves in their `openid-configuration`;
/// an address from there would have to be checked against the issuer's.
const KEYS: &str = "/.well-known/jwks";
/// How long an issuer may take to answer. CI waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer, in bytes: GitHub's are some 10 KB.
const MOST_ANSWER: usize = 256 * 1024;
/// Keys of all issuers that are kept: an issuer has a handful.
const MOST_KEYS: u64 = 256;
/// One is used, and perhaps the one of the configuration before.
const MOST_CLIENTS: u64 = 2;
/// Issuers are asked once in this time at most, whatever comes of it.
const ONCE_IN: Duration = Duration::from_secs(60);
/// Known keys are asked for again after this time: what an issuer takes back opens nothing for longer.
const KEYS_TTL: Duration = Duration::from_hours(1);
/// Known keys of an issuer that does not answer count for this time.
const STALE_KEYS_TTL: Duration = Duration::from_hours(24);

/// What the header of a token says. Nothing of it is proven.
pub struct Header {
    /// How it is signed.
    pub algorithm: String,
    /// The name of the key.
    pub key: Option<String>,
    /// Extensions that a reader of the token must understand (`crit`, RFC 7515, 4.1.11). RMM understands none.
    pub has_extensions: bool,
}

/// The header and the claims of a token, of which nothing is proven. None: it is no token.
#[must_use]
pub fn unproven(token: &str) -> Option<(Header, Map<String, Value>)> {
    let mut parts = token.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let (header, claims) = (parts.next()??, parts.next()??);
    let (header, claims): (Map<String, Value>, _) =
        (serde_json::from_slice(&header).ok()?, serde_json::from_slice(&claims).ok()?);
    let text = |name: &str| header.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let has_extensions = header.contains_key("crit");
    Some((Header { algorithm: text("alg")?, key: text("kid"), has_extensions }, claims))
}

/// An issuer has not told its keys; what went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Away(pub String);

/// What is known of a key.
pub enum Found {
    /// The issuer has it.
    Key(Arc<DecodingKey>),
    /// The issuer was asked for it, and does not have it.
    None,
    /// It was not there when the issuer was asked last, and it is too early to ask again.
    AskLater,
}

/// When an issuer was asked last for its keys, and what came of it.
type Looked = (Instant, Result<(), Away>);

/// The keys of issuers, by the address of the issuer and the name of the key.
pub struct IssuerKeys {
    /// By the authorities that they trust beside the public ones.
    clients: Cache<(String, Option<String>), Result<reqwest::Client, Away>>,
    keys: Cache<(String, String), Arc<DecodingKey>>,
    looks: Cache<String, Looked>,
    fresh: Cache<String, ()>,
}

impl Default for IssuerKeys {
    fn default() -> Self {
        Self::asked_once_in(ONCE_IN)
    }
}

impl IssuerKeys {
    fn asked_once_in(pause: Duration) -> Self {
        Self {
            clients: Cache::new(MOST_CLIENTS),
            keys: Cache::builder().max_capacity(MOST_KEYS).time_to_live(STALE_KEYS_TTL).build(),
            looks: Cache::builder().max_capacity(MOST_KEYS).time_to_live(pause).build(),
            fresh: Cache::builder().max_capacity(MOST_KEYS).time_to_live(KEYS_TTL).build(),
        }
    }

    /// A key of an issuer (its address, without a slash at the end). `ca`: authorities that are trusted for it beside the
    /// public ones, in PEM format.
    ///
    /// # Errors
    /// When the key is not known, and the issuer does not answer.
    pub async fn find(&self, issuer: &str, ca: Option<&str>, key: &str) -> Result<Found, Away> {
        let name = (issuer.to_owned(), key.to_owned());
        let known = self.keys.get(&name).await;
        if let Some(known) = &known
            && self.fresh.contains_key(issuer)
        {
            return Ok(Found::Key(known.clone()));
        }
        let wanted = Instant::now();
        // All who come meanwhile wait for the same look, and those after it have what came of it.
        let (at, looked) = self.looks.get_with(issuer.to_owned(), self.look(issuer, ca)).await;
        match (looked, known) {
            (Ok(()), _) => Ok(match self.keys.get(&name).await {
                Some(key) => Found::Key(key),
                None if at >= wanted => Found::None,
                // The issuer may have begun to sign with it since.
                None => Found::AskLater,
            }),
            (Err(_), Some(known)) => Ok(Found::Key(known)),
            (Err(away), None) => Err(away),
        }
    }

    async fn look(&self, issuer: &str, ca: Option<&str>) -> Looked {
        (Instant::now(), self.renew(issuer, ca).await)
    }

    /// Asks the issuer. Keys that it does not have any more count no longer.
    async fn renew(&self, issuer: &str, ca: Option<&str>) -> Result<(), Away> {
        let listed = self.ask(issuer, ca).await.inspect_err(|error| {
            tracing::warn!(issuer, %error, "the keys of the issuer of id tokens are not to be had; known ones count meanwhile");
        })?;
        let names: Vec<_> = listed.iter().map(|(name, _)| name.clone()).collect();
        for (known, _) in &self.keys {
            if known.0 == issuer && !names.contains(&known.1) {
                self.keys.invalidate(&*known).await;
            }
        }
        for (name, key) in listed {
            self.keys.insert((issuer.to_owned(), name), Arc::new(key)).await;
        }
        self.fresh.insert(issuer.to_owned(), ()).await;
        Ok(())
    }

    async fn ask(&self, issuer: &str, ca: Option<&str>) -> Result<Vec<(String, DecodingKey)>, Away> {
        let client =
            self.clients.get_with((issuer.to_owned(), ca.map(str::to_owned)), async { client(issuer, ca) }).await?;
        let mut answer = client.get(format!("{issuer}{KEYS}")).send().await.map_err(|error| away(&error))?;
        if !answer.status().is_success() {
            return Err(Away(format!("it answers {}", answer.status())));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| away(&error))? {
            if body.len() + part.len() > MOST_ANSWER {
                return Err(Away(format!("its answer is longer than {MOST_ANSWER} bytes")));
            }
            body.extend_from_slice(&part);
        }
        let set: KeySet = serde_json::from_slice(&body).map_err(|_| Away("its answer is no set of keys".to_owned()))?;
        Ok(set.keys.into_iter().filter_map(usable).collect())
    }
}

fn client(issuer: &str, ca: Option<&str>) -> Result<reqwest::Client, Away> {
    let url = issuer.parse().map_err(|error| Away(format!("its address cannot be read: {error}")))?;
    let builder = endpoint::builder(&url, ca).map_err(Away)?.timeout(TIMEOUT);
    builder.build().map_err(|error| away(&error))
}

fn away(error: &reqwest::Error) -> Away {
    Away(endpoint::bottom(error))
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// As much of a key as is used.
#[derive(Deserialize)]
struct Key {
    kid: String,
    kty: String,
    n: String,
    e: String,
}

/// A key with a name that can sign with RS256; others are none of RMM's business.
fn usable(key: Value) -> Option<(String, DecodingKey)> {
    let key: Key = serde_json::from_value(key).ok().filter(|key: &Key| key.kty == "RSA")?;
    Some((key.kid, jose::public_key(&key.n, &key.e).ok()?))
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
