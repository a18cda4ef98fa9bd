//! Workflows of GitHub that show an id token instead of a token of RMM: whether it is true, and what it opens.
//!
//! Must not: let any part of a token that is not proven into a sentence, a log or the record.

use serde_json::{Map, Value};

use super::Engine;
use crate::clients::issuer::{self, Found};
use crate::clients::jose;
use crate::domain::identity::{Identity, ProvenRun, TokenFault, TrustedWorkflows};
use crate::domain::ids::ServiceName;
use crate::domain::person::{Actor, Role};
use crate::domain::repository::RepoName;
use crate::domain::service::Service;
use crate::store::{StoreError, WriteError, identities};

/// Characters of a token at most; GitHub's have some 2000.
const MAX_TOKEN_CHARS: usize = 16 * 1024;

/// What a workflow has proven.
#[derive(Debug, Clone)]
pub struct Proven {
    /// CI, for the services that trust it.
    pub actor: Actor,
    /// The run of CI that speaks.
    pub run: ProvenRun,
    /// The number of its repository.
    pub repository_id: u64,
    /// When the token is over.
    pub until: jiff::Timestamp,
}

/// Why nothing is proven.
#[derive(Debug)]
pub enum Unproven {
    /// The token opens nothing.
    Fault(TokenFault),
    /// Whether it is true cannot be known now: the issuer does not answer.
    Away {
        /// Its address.
        issuer: String,
    },
    /// Nor can it now: the issuer has told its keys a moment ago, and not this one. It may be a new one.
    AskLater {
        /// The issuer's address.
        issuer: String,
    },
    /// The machine could not.
    Store(StoreError),
}

impl From<TokenFault> for Unproven {
    fn from(fault: TokenFault) -> Self {
        Self::Fault(fault)
    }
}

/// Whether something is written like an id token; those of RMM are not.
#[must_use]
pub fn is_id_token(secret: &str) -> bool {
    secret.bytes().filter(|b| *b == b'.').count() == 2
}

impl Engine {
    /// Who shows an id token. It counts as shown then: the same one opens nothing any more.
    ///
    /// # Errors
    /// [`Unproven`].
    pub async fn prove(&self, token: &str) -> Result<Proven, Unproven> {
        let catalog = self.catalog();
        let trusting: Vec<_> =
            catalog.in_force().filter_map(|service| Some((&**service, service.oidc.as_ref()?))).collect();
        let accepted = catalog.id_tokens().filter(|_| !trusting.is_empty()).ok_or(TokenFault::NotAsked)?;
        if token.len() > MAX_TOKEN_CHARS {
            return Err(TokenFault::Malformed.into());
        }
        let (now, issuer) = (self.now(), accepted.issuer.as_str());
        let claims = self.signed_claims(token, issuer, catalog.github_ca()).await?;
        let identity = Identity::read(&claims, issuer, &accepted.audience, now)?;
        let services = trusting_services(&trusting, &identity, catalog.github_api())?;
        let (name, until) = (identities::name(issuer, &identity.id), identity.until);
        let shown = self.store().write(move |tx| identities::show(tx, &name, until, now)).await;
        if !shown.map_err(|error| Unproven::Store(WriteError::flatten(error)))? {
            return Err(TokenFault::Used.into());
        }
        let name = format!("github:{}", identity.repository);
        let actor = Actor::Token { name, role: Role::Ci, services };
        Ok(Proven { actor, run: identity.run, repository_id: identity.repository_id, until })
    }

    /// The claims of a token whose signature is that of the issuer.
    async fn signed_claims(
        &self,
        token: &str,
        expected: &str,
        ca: Option<&str>,
    ) -> Result<Map<String, Value>, Unproven> {
        let (header, told) = issuer::unproven(token).ok_or(TokenFault::Malformed)?;
        if header.algorithm != "RS256" || header.has_extensions {
            return Err(TokenFault::Algorithm.into());
        }
        // Not believed yet, but for one of another issuer no key need be asked for.
        if told.get("iss").and_then(Value::as_str) != Some(expected) {
            return Err(TokenFault::Issuer { expected: expected.to_owned() }.into());
        }
        let unknown = || TokenFault::UnknownKey { issuer: expected.to_owned() };
        let name = header.key.filter(|name| name.len() <= 200).ok_or_else(unknown)?;
        let away = |_| Unproven::Away { issuer: expected.to_owned() };
        let key = match self.issuers().find(expected, ca, &name).await.map_err(away)? {
            Found::Key(key) => key,
            Found::None => return Err(unknown().into()),
            Found::AskLater => return Err(Unproven::AskLater { issuer: expected.to_owned() }),
        };
        let decoded = jose::decode(token, &key, &jose::signature_only()).map_err(|_| TokenFault::Signature)?;
        Ok(decoded.claims)
    }
}

/// The services that trust a workflow.
fn trusting_services(
    all: &[(&Service, &TrustedWorkflows)],
    identity: &Identity,
    api: &str,
) -> Result<Vec<ServiceName>, TokenFault> {
    let of_repository: Vec<_> =
        all.iter().filter(|(_, trusted)| trusted.repository_id == identity.repository_id).collect();
    if of_repository.is_empty() {
        return Err(TokenFault::Repository { id: identity.repository_id, name: identity.repository.clone() });
    }
    let known_as = |service: &Service| RepoName::of(service.repository.as_deref()?, api);
    let services: Vec<_> = of_repository
        .iter()
        .filter(|(service, trusted)| {
            trusted.trust(&identity.workflow, known_as(service).as_ref(), &identity.repository)
        })
        .map(|(service, _)| service.name.clone())
        .collect();
    if services.is_empty() {
        let trusted = of_repository.iter().flat_map(|(_, trusted)| &trusted.workflows).map(ToString::to_string);
        return Err(TokenFault::Workflow { workflow: identity.workflow.clone(), trusted: trusted.collect() });
    }
    Ok(services)
}

#[cfg(test)]
mod tests;
