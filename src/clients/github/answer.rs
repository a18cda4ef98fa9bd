//! What GitHub answers: read as far as it is bounded, and told as facts.

use std::time::Duration;

use hyper::http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::app::Proof;
use super::wire::header;
use crate::domain::fault::github::{GithubFault, Sought};

/// Bytes that are read of one answer.
pub(super) const LONGEST: u64 = 4 * 1024 * 1024;
/// However far away the end of a limit is said to be.
const LONGEST_LIMIT: SignedDuration = SignedDuration::from_hours(24);
/// Characters of what GitHub says.
const LONGEST_MESSAGE: usize = 300;

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// What GitHub was shown with the question.
    pub proof: Proof,
}

impl Answer {
    /// The value behind a success.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, GithubFault> {
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        // Which field it is, but nothing of what is in it.
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let inner = error.inner();
            let what = if inner.is_data() { "has another type or is missing" } else { "is no JSON" };
            GithubFault::Unreadable { said: format!("`{}` {what}", error.path()) }
        })
    }

    /// A success, or why there is none.
    pub fn success(self, sought: &Sought, now: Timestamp) -> Result<Self, GithubFault> {
        if self.status.is_success() { Ok(self) } else { Err(self.fault(sought, now)) }
    }

    /// GitHub's own words.
    pub fn said(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Message {
            message: String,
            #[serde(default)]
            errors: serde_json::Value,
        }
        let Message { message, errors } = serde_json::from_slice(&self.body).ok()?;
        let details = errors.as_array().into_iter().flatten();
        let details: Vec<_> = details.filter_map(|one| one.get("message").unwrap_or(one).as_str()).collect();
        let text = if details.is_empty() { message } else { format!("{message}: {}", details.join("; ")) };
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = line.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect();
        (!shown.trim().is_empty()).then(|| shown.trim().trim_end_matches('.').to_owned())
    }

    /// When GitHub takes questions again, if it takes none now. `Some(None)`: it does not say.
    pub fn limited_until(&self, now: Timestamp) -> Option<Option<Timestamp>> {
        if self.status != StatusCode::TOO_MANY_REQUESTS && self.status != StatusCode::FORBIDDEN {
            return None;
        }
        let number = |name| header(&self.headers, name)?.parse::<i64>().ok();
        // Nothing that is answered keeps RMM away for longer.
        let latest = now.checked_add(LONGEST_LIMIT).unwrap_or(now);
        let in_seconds = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds.max(0))).unwrap_or(latest);
        let retry_after = number("retry-after").map(in_seconds);
        let retry_after = retry_after.or_else(|| http_date(&header(&self.headers, "retry-after")?));
        let is_used_up = self.is_used_up();
        let reset = number("x-ratelimit-reset").filter(|_| is_used_up);
        let reset = reset.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let is_told = || {
            let said = self.said().unwrap_or_default().to_lowercase();
            // As GitHub and its Enterprise Servers have called it.
            ["rate limit", "abuse detection"].iter().any(|words| said.contains(words))
        };
        let is_limit = self.status == StatusCode::TOO_MANY_REQUESTS || retry_after.is_some() || is_used_up || is_told();
        is_limit.then(|| retry_after.or(reset).map(|until| until.min(latest)))
    }

    /// Whether the login has no question left, of whatever kind.
    pub fn is_used_up(&self) -> bool {
        header(&self.headers, "x-ratelimit-remaining").is_some_and(|left| left.trim() == "0")
    }

    /// Why this is no success.
    pub fn fault(&self, sought: &Sought, now: Timestamp) -> GithubFault {
        use GithubFault as F;
        let (status, said) = (self.status.as_u16(), self.said());
        if let Some(until) = self.limited_until(now) {
            return F::RateLimited { until, said };
        }
        let text = |name| header(&self.headers, name).map(|text| text.chars().take(LONGEST_MESSAGE).collect());
        match status {
            300..400 => F::Redirected { status, to: text("location") },
            401 => self.proof.unknown(said),
            403 if self.headers.contains_key("x-github-sso") => {
                let url = text("x-github-sso").and_then(|text: String| Some(text.split_once("url=")?.1.to_owned()));
                F::SignOn { url }
            }
            403 if said.as_deref().is_some_and(|said| said.contains("installation has been suspended")) => {
                F::AppSuspended { said }
            }
            403 => {
                let needs = text("x-accepted-github-permissions").or_else(|| text("x-accepted-oauth-scopes"));
                F::Forbidden { said, needs: needs.filter(|needs: &String| !needs.is_empty()) }
            }
            404 => F::NotFound { what: sought.clone() },
            400..500 => F::Invalid { status, said },
            500.. => F::Server { status, said },
            _ => F::Unreadable { said: format!("status {status}") },
        }
    }
}

/// A date as HTTP writes it now, or in one of the two ways that it also has to be read in (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    httpdate::parse_http_date(text).ok()?.try_into().ok()
}

/// How long to wait for a time.
pub(super) fn wait(fault: &GithubFault, now: Timestamp) -> Option<Duration> {
    let GithubFault::RateLimited { until: Some(until), .. } = fault else { return None };
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}
