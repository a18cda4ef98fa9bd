//! Where GitHub brings what happens in repositories: a delivery counts when its signature is true, is noted, and answered when that
//! is on disk. What follows from it comes after.
//!
//! Must not: read a body of which no signature is shown, hold more of all bodies together than there is room for, or know what an
//! event means.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use ring::hmac;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::domain::text::one_line;
use crate::web::problem::Problem;
use crate::web::{Web, body};

/// Where deliveries come to.
pub(super) const PATH: &str = "/hooks/github";
/// The largest body of a delivery, in bytes: GitHub's own limit.
const LARGEST: usize = 25 * 1024 * 1024;
/// Where the signature is shown.
const SIGNATURE: &str = "x-hub-signature-256";
/// Where a delivery has its name; the same when it is repeated.
const DELIVERY: &str = "x-github-delivery";
/// What kind of event it is.
const EVENT: &str = "x-github-event";

pub(super) async fn take(State(web): State<Web>, headers: HeaderMap, request: Request) -> Result<StatusCode, Problem> {
    let Some(secret) = web.engine.catalog().github_webhook_secret() else {
        // Admins of the repository read it at GitHub, beside the delivery.
        return Err(Problem::not_found("RMM takes no deliveries here: [github] in rmm.toml has no `webhook_secret`"));
    };
    let shown = text(&headers, SIGNATURE).and_then(digest).ok_or_else(|| {
        Problem::unauthorized(
            "this address is for GitHub: `X-Hub-Signature-256` is missing or is none; give the webhook the secret of `webhook_secret`",
        )
    })?;
    let named = |name: &str| {
        let value = text(&headers, name).filter(|value| one_line(name, value, 100).is_ok());
        let rule = || {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "not_a_delivery",
                format!("the header {name} must name the delivery, as GitHub does"),
            )
        };
        value.map(ToOwned::to_owned).ok_or_else(rule)
    };
    let (delivery, event) = (named(DELIVERY)?, named(EVENT)?);
    let body = body::read_large(request.into_body(), LARGEST, &web.room).await?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    hmac::verify(&key, &body.bytes, &shown).map_err(|_| {
        Problem::unauthorized(
            "the signature of the delivery is wrong: the webhook at GitHub has another secret than `webhook_secret` in [github]",
        )
    })?;
    let form = text(&headers, header::CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let rule = if form {
        "choose the content type application/json for the webhook at GitHub"
    } else {
        "the body is no JSON object"
    };
    let payload: Value = serde_json::from_slice(&body.bytes)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "not_json", rule))?;
    web.engine.github_delivered(&delivery, &event, &payload).await?;
    Ok(StatusCode::ACCEPTED)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The bytes behind `sha256=`.
fn digest(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256=").filter(|digits| digits.len() == 64 && digits.is_ascii())?;
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
