//! GitHub's REST API as far as RMM uses it, on github.com and on a GitHub Enterprise Server.
//!
//! Every answer is bounded in time and length, nothing is asked twice unless it is certain that GitHub did nothing, and
//! whatever goes wrong is told as a [`GithubFault`]. Must not: know releases or decide what follows.

mod answer;
mod app;
mod dispatch;
mod hooks;
mod patience;
#[cfg(test)]
pub(crate) mod peer;
mod protection;
mod pulls;
mod refs;
mod repository;
mod runs;
#[cfg(test)]
pub(crate) mod stand_in;
#[cfg(test)]
mod tests;
mod traces;
mod who;
mod wire;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::http::header::{AUTHORIZATION, IF_NONE_MATCH};
use hyper::http::{HeaderValue, Method, Request, StatusCode};
use jiff::Timestamp;
use moka::future::Cache;
use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use app::Credentials;
pub use dispatch::Dispatched;
pub use hooks::{Deliveries, Delivery, Hook, HookConfig, HookPlace};
pub use pulls::MergedPull;
pub use refs::FoundTag;
pub use repository::{Commit, Comparison, Repository, Workflow};
pub use runs::{Conclusion, RunStatus, WorkflowRun};
pub use traces::NewDeployment;
pub use who::{Installation, Met, Whoami};

use self::answer::{Answer, LONGEST};
use self::app::{As, Proof, Tokens};
use self::patience::{Limits, OfLogin};
use self::runs::Remembered;
use self::wire::Failure;
use super::endpoint;
use crate::domain::fault::github::{GithubFault, Sought};
use crate::domain::repository::RepoName;

/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Runs whose last answer is kept.
const MOST_REMEMBERED: u64 = 1000;
/// Annotated tags of which it is known what they lead to.
const MOST_PEELED: u64 = 50_000;

/// Tells the time. GitHub judges signatures and limits by the true one.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Where GitHub is, and who RMM is there.
pub struct Settings {
    /// Its API, without a slash at the end.
    pub api_url: String,
    /// How RMM shows who it is.
    pub credentials: Credentials,
    /// Authorities that are trusted beside the public ones, in PEM format.
    pub ca: Option<String>,
    /// The time.
    pub now: Now,
}

/// The way to GitHub. Cheap to clone.
#[derive(Clone)]
pub struct GitHub {
    inner: Arc<Inner>,
    limits: Arc<Limits>,
}

struct Inner {
    api: Url,
    client: reqwest::Client,
    /// Made at the first question, since it needs a running tokio.
    octocrab: OnceLock<Result<Octocrab, GithubFault>>,
    credentials: Credentials,
    tokens: Tokens,
    remembered: Cache<String, Remembered>,
    /// Kind and id of what annotated tags lead to, by their own ids.
    peeled: Cache<String, (String, String)>,
    /// This GitHub is too old for `return_run_details`.
    without_run_details: AtomicBool,
    now: Now,
    limit: Duration,
}

impl std::fmt::Debug for GitHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitHub").field("api", &self.inner.api.as_str()).finish_non_exhaustive()
    }
}

impl GitHub {
    /// A way to GitHub.
    ///
    /// # Errors
    /// [`GithubFault::NotSetUp`]: the address, the authorities or the HTTP client are unusable.
    pub fn new(settings: Settings) -> Result<Self, GithubFault> {
        Self::with_limit(settings, CALL_TIMEOUT)
    }

    /// As [`GitHub::new`], with a limit for each call.
    fn with_limit(settings: Settings, limit: Duration) -> Result<Self, GithubFault> {
        let Settings { api_url, credentials, ca, now } = settings;
        let api =
            Url::parse(&api_url).map_err(|error| GithubFault::NotSetUp { said: format!("`api_url`: {error}") })?;
        let client = wire::http_client(&api, ca.as_deref())?;
        let inner = Inner {
            api,
            client,
            octocrab: OnceLock::new(),
            credentials,
            tokens: Tokens::new(),
            remembered: Cache::new(MOST_REMEMBERED),
            peeled: Cache::new(MOST_PEELED),
            without_run_details: AtomicBool::new(false),
            now,
            limit,
        };
        Ok(Self { inner: Arc::new(inner), limits: Arc::default() })
    }

    /// Takes over what another one has been told of limits, if it asks the same GitHub with the same login.
    pub fn keep_limits_of(&mut self, other: &Self) {
        let (own, others) = (&self.inner, &other.inner);
        if own.api == others.api && own.credentials.is_login_of(&others.credentials) {
            self.limits = Arc::clone(&other.limits);
        }
    }

    /// The repository of a service, if it is one of this GitHub.
    #[must_use]
    pub fn repo_of(&self, repository: &str) -> Option<RepoName> {
        RepoName::of(repository, self.inner.api.as_str())
    }

    /// The time by the clock that RMM goes by here.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.now()
    }

    fn now(&self) -> Timestamp {
        (self.inner.now)()
    }

    /// Asks, and tells the value behind a success.
    async fn get<T: DeserializeOwned>(&self, who: As<'_>, path: &str, sought: &Sought) -> Result<T, GithubFault> {
        self.success(who, &Question::get(path), sought).await?.json()
    }

    /// Asks for a success.
    async fn success(&self, who: As<'_>, question: &Question<'_>, sought: &Sought) -> Result<Answer, GithubFault> {
        let answer = self.ask(who, question).await.map_err(|failure| failure.fault)?;
        answer.success(sought, self.now())
    }

    /// Asks, and once more with another token if GitHub does not take the one it gave RMM before.
    async fn ask(&self, who: As<'_>, question: &Question<'_>) -> Result<Answer, Failure> {
        let answer = self.ask_once(who, question).await?;
        if answer.status == StatusCode::UNAUTHORIZED && self.forget_token(who).await {
            return self.ask_once(who, question).await;
        }
        Ok(answer)
    }

    async fn ask_once(&self, who: As<'_>, question: &Question<'_>) -> Result<Answer, Failure> {
        let authorization = self.authorization(who).await?;
        self.ask_with(who, authorization, question).await
    }

    async fn ask_with(
        &self,
        who: As<'_>,
        authorization: HeaderValue,
        question: &Question<'_>,
    ) -> Result<Answer, Failure> {
        let (limit, limits) = (self.inner.limit, self.limits.of(self.login(who)));
        // What another one has been told about this login holds for all who use it.
        if let Some(fault) = limits.closed(question.only_reads(), self.now()) {
            return Err(Failure::unsent(fault));
        }
        let answer =
            tokio::time::timeout(limit, self.exchange(authorization, self.proof(who), question, &limits)).await;
        answer.unwrap_or_else(|_| Err(Failure::sent(GithubFault::Late { asked: wire::asked(&self.inner.api), limit })))
    }

    async fn exchange(
        &self,
        authorization: HeaderValue,
        proof: Proof,
        question: &Question<'_>,
        limits: &OfLogin,
    ) -> Result<Answer, Failure> {
        let octocrab = self.inner.octocrab.get_or_init(|| wire::octocrab(&self.inner.api, self.inner.client.clone()));
        let octocrab = octocrab.as_ref().map_err(|fault| Failure::unsent(fault.clone()))?;
        let mut request =
            Request::builder().method(question.method.clone()).uri(question.path).header(AUTHORIZATION, authorization);
        if let Some(etag) = question.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let failed = |error: octocrab::Error| Failure::of(&error, &self.inner.api);
        let request = octocrab.build_request(request, question.body.as_ref());
        // What has an address that cannot be written is not sent.
        let request =
            request.map_err(|error| Failure::unsent(GithubFault::NotSetUp { said: endpoint::bottom(&error) }))?;
        let (parts, mut body) = octocrab.execute(request).await.map_err(failed)?.into_parts();
        let too_long = || Failure::sent(GithubFault::TooLong { limit: LONGEST });
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(failed)?;
            let Some(data) = frame.data_ref() else { continue };
            if (bytes.len() + data.len()) as u64 > LONGEST {
                return Err(too_long());
            }
            bytes.extend_from_slice(data);
        }
        let mut answer = Answer { status: parts.status, headers: parts.headers, body: bytes, proof };
        limits.heard(question.only_reads(), &mut answer, self.now());
        Ok(answer)
    }
}

/// What is asked.
struct Question<'a> {
    method: Method,
    /// Encoded, from the API's address on.
    path: &'a str,
    body: Option<Value>,
    /// The mark of the answer that is known.
    etag: Option<&'a str>,
}

impl<'a> Question<'a> {
    const fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, etag: None }
    }

    const fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path)
    }

    fn only_reads(&self) -> bool {
        self.method == Method::GET
    }

    fn post(path: &'a str, body: Value) -> Self {
        Self { body: Some(body), ..Self::new(Method::POST, path) }
    }
}

/// A path below a repository; each part is one segment.
fn at(repo: &RepoName, parts: &[&str]) -> String {
    let whole = ["repos", &repo.owner, &repo.name];
    whole.iter().chain(parts).map(|part| format!("/{}", segment(part))).collect()
}

/// The repository itself, as what is looked for.
fn repository_of(repo: &RepoName) -> Sought {
    Sought::Repository { repo: repo.clone() }
}

/// Any other thing that is looked for.
fn path_of(path: &str) -> Sought {
    Sought::Path { path: path.split('?').next().unwrap_or_default().to_owned() }
}

/// What is not there is the workflow.
fn without_workflow(repo: &RepoName, workflow: &str) -> impl FnOnce(GithubFault) -> GithubFault {
    move |fault| {
        if matches!(fault, GithubFault::NotFound { .. }) {
            return GithubFault::NoWorkflow { repo: repo.clone(), workflow: workflow.to_owned() };
        }
        fault
    }
}

/// Text as one segment of a path.
fn segment(text: &str) -> String {
    const TAKEN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    if text.chars().all(|c| c == '.') {
        // `..` leads elsewhere, however it is encoded; this leads nowhere.
        return text.replace('.', "%252E");
    }
    utf8_percent_encode(text, TAKEN).to_string()
}
