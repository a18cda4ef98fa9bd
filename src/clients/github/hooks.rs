//! Webhooks and what GitHub has delivered through them. The list of deliveries can be read by an RMM that GitHub cannot
//! reach; their truth then comes from the API, not from a signature.

use hyper::http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::app::As;
use super::runs::query;
use super::wire::header;
use super::{GitHub, Question, at, path_of};
use crate::domain::fault::github::GithubFault;
use crate::domain::repository::RepoName;

/// Hooks or deliveries on a page.
const PAGE: &str = "100";

/// A webhook of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hook {
    /// Its number.
    pub id: u64,
    /// Whether it delivers.
    pub active: bool,
    /// What it delivers.
    #[serde(default)]
    pub events: Vec<String>,
    /// Where it delivers to.
    pub config: HookConfig,
    /// What became of its last delivery.
    #[serde(default)]
    pub last_response: Option<LastResponse>,
}

/// Where a webhook delivers to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HookConfig {
    /// The address.
    #[serde(default)]
    pub url: String,
    /// `json` or `form`.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Stars where there is a secret, which GitHub never shows; nothing where there is none.
    #[serde(default)]
    pub secret: Option<String>,
}

/// What became of the last delivery of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LastResponse {
    /// The status that was answered.
    pub code: Option<i64>,
    /// GitHub's word for it.
    pub status: Option<String>,
    /// GitHub's words for it.
    pub message: Option<String>,
}

/// Whose deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookPlace {
    /// A webhook of a repository.
    Repository {
        /// Whose.
        repo: RepoName,
        /// Its number.
        hook: u64,
    },
    /// The webhook of the GitHub App.
    App,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Delivery {
    /// Its number; a delivery that is repeated has a new one.
    pub id: u64,
    /// What `X-GitHub-Delivery` says; the same when it is repeated.
    pub guid: String,
    /// When.
    pub delivered_at: Timestamp,
    /// Whether it was a repetition.
    #[serde(default)]
    pub redelivery: bool,
    /// What became of it, in GitHub's words.
    #[serde(default)]
    pub status: String,
    /// The status that was answered; 0 for none.
    #[serde(default, deserialize_with = "or_zero")]
    pub status_code: i64,
    /// What happened.
    pub event: String,
    /// What exactly.
    pub action: Option<String>,
}

/// A page of deliveries, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliveries {
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

fn or_zero<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Option::<i64>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl HookPlace {
    fn who(&self) -> As<'_> {
        match self {
            Self::Repository { repo, .. } => As::Repository(repo),
            Self::App => As::App,
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Repository { repo, hook } => at(repo, &["hooks", &hook.to_string(), "deliveries"]),
            Self::App => "/app/hook/deliveries".to_owned(),
        }
    }
}

impl GitHub {
    /// The webhooks of a repository, at most a hundred.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn hooks(&self, repo: &RepoName) -> Result<Vec<Hook>, GithubFault> {
        let path = at(repo, &["hooks"]) + &query(&[("per_page", PAGE)]);
        self.get(As::Repository(repo), &path, &path_of(&path)).await
    }

    /// Where the webhook of the App delivers to; nowhere where it has none.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn app_hook(&self) -> Result<HookConfig, GithubFault> {
        let path = "/app/hook/config";
        self.get(As::App, path, &path_of(path)).await
    }

    /// What a webhook has delivered, the newest first; `from`: the page that [`Deliveries::next`] names.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn deliveries(&self, place: &HookPlace, from: Option<&str>) -> Result<Deliveries, GithubFault> {
        let mut pairs = vec![("per_page", PAGE)];
        pairs.extend(from.map(|from| ("cursor", from)));
        let path = place.path() + &query(&pairs);
        let answer = self.success(place.who(), &Question::get(&path), &path_of(&path)).await?;
        let next = header(&answer.headers, "link").as_deref().and_then(next_cursor);
        Ok(Deliveries { deliveries: answer.json()?, next })
    }

    /// What was delivered: the event, and the body as JSON.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn delivery(&self, place: &HookPlace, id: u64) -> Result<(Delivery, Value), GithubFault> {
        #[derive(Deserialize)]
        struct Whole {
            #[serde(flatten)]
            delivery: Delivery,
            request: Sent,
        }
        #[derive(Deserialize)]
        struct Sent {
            payload: Value,
        }
        let path = format!("{}/{id}", place.path());
        let Whole { delivery, request } = self.get(place.who(), &path, &path_of(&path)).await?;
        Ok((delivery, request.payload))
    }

    /// Has GitHub deliver something once more.
    ///
    /// # Errors
    /// [`GithubFault`].
    pub async fn redeliver(&self, place: &HookPlace, id: u64) -> Result<(), GithubFault> {
        let path = format!("{}/{id}/attempts", place.path());
        self.success(place.who(), &Question::new(Method::POST, &path), &path_of(&path)).await.map(|_| ())
    }
}

/// The cursor of `<…?cursor=X>; rel="next"`.
fn next_cursor(link: &str) -> Option<String> {
    let next = link.split(',').find(|one| one.contains("rel=\"next\""))?;
    let address = next.split_once('<')?.1.split_once('>')?.0;
    let url = reqwest::Url::parse(address).ok()?;
    url.query_pairs().find(|(name, _)| name == "cursor").map(|(_, value)| value.into_owned())
}
