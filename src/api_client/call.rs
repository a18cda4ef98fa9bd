//! One call of the API, before it is known which way it goes.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde::Serialize;
use serde_json::Value;

use super::fault::Fault;
use crate::contract;
use crate::domain::fault::cli::CliFault;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an answer may take that reads the whole database.
pub const LONG: Duration = Duration::from_secs(3600);

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
    pub(super) accept: &'static str,
    pub(super) resume: Option<String>,
    pub(super) patience: Option<Duration>,
    pub(super) caller: Caller,
}

/// Who makes a call.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// What it calls itself.
    pub agent: String,
    /// What the call is a part of (W3C Trace Context).
    pub traceparent: Option<String>,
}

impl Default for Caller {
    fn default() -> Self {
        Self { agent: contract::user_agent(""), traceparent: None }
    }
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        let path = path.into();
        let (body, resume, caller, patience) = (None, None, Caller::default(), Some(ANSWER_TIMEOUT));
        Self { method, path, body, accept: "application/json", resume, patience, caller }
    }

    /// Asks.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Sends a body.
    pub fn post(path: impl Into<String>, body: impl Serialize) -> Self {
        Self { body: serde_json::to_value(body).ok(), ..Self::new(Method::POST, path) }
    }

    /// Sends what something is to be.
    pub fn put(path: impl Into<String>, body: impl Serialize) -> Self {
        Self { body: serde_json::to_value(body).ok(), ..Self::new(Method::PUT, path) }
    }

    /// Reports.
    pub fn patch(path: impl Into<String>, body: impl Serialize) -> Self {
        Self { body: serde_json::to_value(body).ok(), ..Self::new(Method::PATCH, path) }
    }

    /// Removes.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Waits longer for the answer.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// A stream that goes on from a place.
    pub fn stream(path: impl Into<String>, resume: Option<String>) -> Self {
        Self { accept: "text/event-stream", resume, patience: None, ..Self::get(path) }
    }

    /// As a request of HTTP.
    ///
    /// # Errors
    /// When the address is none.
    pub(super) fn request(&self, base: &str) -> Result<Request<Body>, Fault> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{base}{}", self.path))
            .header(header::ACCEPT, self.accept)
            .header(header::USER_AGENT, &self.caller.agent);
        if let Some(place) = &self.resume {
            request = request.header("last-event-id", place);
        }
        if let Some(parent) = &self.caller.traceparent {
            request = request.header("traceparent", parent);
        }
        let body = match &self.body {
            Some(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        request.body(body).map_err(|error| {
            Fault::usage(CliFault::NoCall { url: format!("{base}{}", self.path), said: error.to_string() })
        })
    }
}

/// A query that leaves out what is not given.
#[must_use]
pub fn with_query(path: &str, query: &impl Serialize) -> String {
    let given = serde_urlencoded::to_string(query).unwrap_or_default();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{given}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ListEvents;

    #[test]
    fn queries_in_addresses() {
        let query = |cursor: Option<&str>| ListEvents { cursor: cursor.map(Into::into), limit: None };
        assert_eq!(with_query("/x", &query(Some("c&d"))), "/x?cursor=c%26d");
        assert_eq!(with_query("/x", &query(None)), "/x");
    }
}
