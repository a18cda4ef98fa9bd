//! Answers that are not the one hoped for: problem documents (RFC 9457) with a stable code and a sentence for people.
//!
//! Must not show anything internal: what went wrong inside is logged once, and the answer carries the trace id.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::contract::GateView;
pub use crate::contract::Problem;
use crate::domain::cause::Code;
use crate::domain::refusal::Refusal;
use crate::domain::rule::Invalid;
use crate::engine::Failure;
use crate::store::StoreError;
use crate::wording::Language;

/// When it makes sense to say again what RMM could not judge, in seconds.
const AGAIN: u64 = 10;

impl Problem {
    /// A problem with a code of its own.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            ..Self::default()
        }
    }

    /// Names the field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Says when trying again makes sense, in seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A token that opens nothing.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// There is nothing here.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound.as_str(), detail)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.code.http_status()).unwrap_or(StatusCode::CONFLICT);
        // What cannot be known now is worth asking for again.
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(AGAIN);
        Self {
            retry_after,
            field: refusal.field().map(str::to_owned),
            details: Language::En.details(&refusal),
            unmet: refusal.unmet.iter().map(GateView::from).collect(),
            legal: refusal.legal.into_iter().map(str::to_owned).collect(),
            because: serde_json::to_value(&refusal.cause).ok(),
            ..Self::new(status, refusal.code.as_str(), Language::En.refusal(&refusal.cause))
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Refusal::from(invalid).into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_disk_full() {
            tracing::error!(%error, "the disk is full");
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "disk_full",
                "RMM's disk is full; nothing was written. Reading goes on, and writing will as soon as there is space",
            )
            .retry_after(10);
        }
        if matches!(error, StoreError::Unconfirmed { .. }) {
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "disk_failed", error.to_string()).retry_after(60);
        }
        if error.is_temporary() || matches!(error, StoreError::Stopped) {
            tracing::warn!(%error, "a request could not be carried out for now");
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "RMM cannot do this right now; try again",
            )
            .retry_after(2);
        }
        tracing::error!(%error, "a request failed inside RMM");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong inside RMM; it has been logged, and nothing was changed",
        )
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Store(error) => error.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
