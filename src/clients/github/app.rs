//! RMM's login at GitHub: a token, or an App that gets a token for each repository.
//!
//! Tokens are kept as secrets only, and get into no text: not even `Debug` shows them.

use std::sync::Arc;

use hyper::http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::super::jose::SigningKey;
use super::wire::Failure;
use super::{GitHub, Question, at};
use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::repository::RepoName;

/// GitHub takes ten minutes at most.
const JWT_AGE: SignedDuration = SignedDuration::from_mins(9);
/// The clocks of RMM and GitHub may differ by so much.
const CLOCKS: SignedDuration = SignedDuration::from_secs(60);
/// A token is not used any more in the last moment of its life.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);
/// Repositories whose tokens are kept.
const MOST_TOKENS: u64 = 1000;

/// How RMM shows who it is.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A token of a person or a machine account.
    Token(SecretString),
    /// A GitHub App.
    App {
        /// Its number or client id.
        id: String,
        /// Its private key.
        key: SigningKey,
    },
}

impl Credentials {
    /// Whether GitHub takes both for one, whose limits they share.
    pub(super) fn is_login_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Token(own), Self::Token(others)) => own.expose_secret() == others.expose_secret(),
            (Self::App { id: own, .. }, Self::App { id: others, .. }) => own == others,
            (Self::Token(_), Self::App { .. }) | (Self::App { .. }, Self::Token(_)) => false,
        }
    }
}

/// What a question is asked as.
#[derive(Debug, Clone, Copy)]
pub(super) enum As<'a> {
    /// For a repository: the token, or the App's for this repository.
    Repository(&'a RepoName),
    /// The App itself; with a token, the same as ever.
    App,
}

/// What GitHub was shown, and does not accept where it answers 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The token that the operator has given.
    Token,
    /// What the App has signed itself.
    Signature,
    /// A token that GitHub has made for the App.
    AppToken,
}

impl Proof {
    /// What a 401 says of it.
    pub const fn unknown(self, said: Option<String>) -> GithubFault {
        match self {
            Self::Token => GithubFault::Unauthorized { said },
            Self::Signature => GithubFault::AppRefused { said },
            Self::AppToken => GithubFault::AppUnauthorized { said },
        }
    }
}

/// The App's token for a repository.
#[derive(Debug, Clone)]
struct Token {
    secret: SecretString,
    until: Timestamp,
}

type Fetched = Result<Token, Arc<GithubFault>>;

/// The tokens of an App that are still good.
#[derive(Clone)]
pub(super) struct Tokens(Cache<RepoName, Fetched>);

impl Tokens {
    pub fn new() -> Self {
        Self(Cache::new(MOST_TOKENS))
    }
}

impl GitHub {
    /// What stands in `Authorization`.
    pub(super) async fn authorization(&self, who: As<'_>) -> Result<HeaderValue, Failure> {
        let value = match (&self.inner.credentials, who) {
            (Credentials::Token(token), _) => bearer(token),
            (Credentials::App { id, key }, As::App) => self.authorization_of_app(id, key),
            (Credentials::App { id, key }, As::Repository(repo)) => {
                bearer(&self.repository_token(id, key, repo).await?)
            }
        };
        value.map_err(Failure::unsent)
    }

    /// What GitHub is shown with a question.
    pub(super) fn proof(&self, who: As<'_>) -> Proof {
        match (&self.inner.credentials, who) {
            (Credentials::Token(_), _) => Proof::Token,
            (Credentials::App { .. }, As::App) => Proof::Signature,
            (Credentials::App { .. }, As::Repository(_)) => Proof::AppToken,
        }
    }

    /// Whose limits hold for a question; none: the token's, or the App's own.
    pub(super) fn login(&self, who: As<'_>) -> Option<String> {
        match (&self.inner.credentials, who) {
            (Credentials::Token(_), _) | (Credentials::App { .. }, As::App) => None,
            // Each account has an installation of its own.
            (Credentials::App { .. }, As::Repository(repo)) => Some(repo.owner.to_lowercase()),
        }
    }

    /// Whether another token may be had for a repository when GitHub does not take this one any more.
    pub(super) async fn forget_token(&self, who: As<'_>) -> bool {
        let (Credentials::App { .. }, As::Repository(repo)) = (&self.inner.credentials, who) else { return false };
        self.inner.tokens.0.invalidate(repo).await;
        true
    }

    fn authorization_of_app(&self, id: &str, key: &SigningKey) -> Result<HeaderValue, GithubFault> {
        let now = self.now();
        let claims = json!({
            "iat": now.checked_sub(CLOCKS).unwrap_or(now).as_second(),
            "exp": now.checked_add(JWT_AGE).unwrap_or(now).as_second(),
            "iss": id,
        });
        bearer(&key.sign(&claims).map(SecretString::from).map_err(|_| GithubFault::AppKey)?)
    }

    /// Other callers that want the same one wait for it.
    async fn repository_token(&self, id: &str, key: &SigningKey, repo: &RepoName) -> Result<SecretString, Failure> {
        let now = self.now();
        let is_old = |fetched: &Fetched| {
            fetched.as_ref().map_or(true, |token| token.until.checked_sub(MARGIN).is_ok_and(|end| end <= now))
        };
        let fetch = async { self.fetch_token(id, key, repo).await.map_err(Arc::new) };
        let entry = self.inner.tokens.0.entry_by_ref(repo).or_insert_with_if(fetch, is_old).await;
        match entry.into_value() {
            Ok(token) => Ok(token.secret),
            // Nothing of what was wanted has been asked yet.
            Err(fault) => Err(Failure::unsent((*fault).clone())),
        }
    }

    async fn fetch_token(&self, id: &str, key: &SigningKey, repo: &RepoName) -> Result<Token, GithubFault> {
        #[derive(Deserialize)]
        struct Installation {
            id: u64,
        }
        #[derive(Deserialize)]
        struct Made {
            token: SecretString,
            expires_at: Timestamp,
        }
        let sought = Sought::Repository { repo: repo.clone() };
        let myself = self.authorization_of_app(id, key)?;
        let path = at(repo, &["installation"]);
        let asked =
            self.ask_with(As::App, myself.clone(), &Question::get(&path)).await.map_err(|failure| failure.fault)?;
        if asked.status == StatusCode::NOT_FOUND {
            return Err(GithubFault::AppNotInstalled { repo: repo.clone() });
        }
        let Installation { id } = asked.success(&sought, self.now())?.json()?;
        let path = format!("/app/installations/{id}/access_tokens");
        // Of no use anywhere else.
        let question = Question::post(&path, json!({ "repositories": [repo.name] }));
        let asked = self.ask_with(As::App, myself, &question).await.map_err(|failure| failure.fault)?;
        let Made { token, expires_at } = asked.success(&sought, self.now())?.json()?;
        Ok(Token { secret: token, until: expires_at })
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, GithubFault> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
    let mut value = value.map_err(|_| GithubFault::Unauthorized { said: None })?;
    value.set_sensitive(true);
    Ok(value)
}
