//! Who looks: a browser with the cookie of a session. What it sends has to come from a page of ours: it carries a word that
//! only such a page knows, and the browser names no other origin.

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::fault::Fault;
use super::frame::{Looks, cookie};
use crate::domain::ids::PersonName;
use crate::domain::person::Actor;
use crate::store::key;
use crate::telemetry::traces;
use crate::web::problem::Problem;
use crate::web::traced::Trace;
use crate::web::{Peer, Web, body};

/// The cookie of a session where the dashboard is reached by https: no other host and no page without TLS can set it.
const SAFE_COOKIE: &str = "__Host-rmm";
/// The same where it is reached without TLS.
const PLAIN_COOKIE: &str = "rmm";
/// What makes a form's word another one on every page, so that compression tells nothing about it: bytes.
const SALT: usize = 16;

/// The person, or the operator, who is signed in.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    pub actor: Actor,
    pub session: i64,
    pub looks: Looks,
    /// As of this moment the page is made.
    pub now: Timestamp,
    /// The viewer may define services.
    pub may_define: bool,
    /// The trace of the request.
    pub trace: Trace,
    secret: String,
}

impl Viewer {
    /// The person; none: the operator.
    pub fn person(&self) -> Option<&PersonName> {
        self.actor.person()
    }

    /// What a form of this session carries.
    pub fn csrf(&self) -> String {
        let salt = key::random_bytes().unwrap_or_default();
        word_of(&self.secret, &salt[..SALT])
    }

    /// Whether the session is still there.
    pub async fn look_again(&self, web: &Web) -> bool {
        matches!(web.engine.session(&self.secret).await, Ok(Some(_)))
    }

    /// Whether a form came from a page of this session.
    fn knows(&self, word: &str) -> bool {
        let salt = word.get(..SALT * 2).and_then(|salt| hex::decode(salt).ok());
        salt.is_some_and(|salt| word_of(&self.secret, &salt).as_bytes().ct_eq(word.as_bytes()).into())
    }
}

/// A salt and what the session's secret makes of it.
fn word_of(secret: &str, salt: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!("any length is a key"));
    mac.update(b"a form of the dashboard");
    mac.update(salt);
    format!("{}{}", hex::encode(salt), hex::encode(mac.finalize().into_bytes()))
}

/// The name of the session's cookie.
fn cookie_name(web: &Web) -> &'static str {
    if web.is_behind_tls() { SAFE_COOKIE } else { PLAIN_COOKIE }
}

/// Where pages are shown that a cookie comes along to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// In a window of their own.
    Own,
    /// Also in a frame of another site, as Telegram shows a Mini App; a cookie that came in there belongs to there.
    Any,
}

/// What gives a browser the cookie of a session; without a secret: what takes it.
pub(super) fn set_cookie(web: &Web, secret: Option<&str>, site: Site) -> String {
    let (name, safe) = (cookie_name(web), if web.is_behind_tls() { "; Secure" } else { "" });
    let age = if secret.is_some() { 30 * 24 * 3600 } else { 0 };
    let same_site = if site == Site::Any && web.is_behind_tls() { "None; Partitioned" } else { "Lax" };
    format!("{name}={}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={age}{safe}", secret.unwrap_or_default())
}

/// What gives a browser the cookie of a new session in place of those that it has: a cookie of a frame is another one than
/// that of a window, and of two none counts.
pub(super) fn new_cookies(web: &Web, secret: &SecretString, site: Site) -> [(HeaderName, String); 2] {
    let other = if site == Site::Own { Site::Any } else { Site::Own };
    [(other, None), (site, Some(secret.expose_secret()))]
        .map(|(site, secret)| (header::SET_COOKIE, set_cookie(web, secret, site)))
}

/// Where a request comes from.
pub(super) fn address_of(parts: &Parts) -> Option<std::net::IpAddr> {
    match parts.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0) {
        Some(Peer::Network(address)) => Some(address.ip()),
        Some(Peer::Socket) | None => None,
    }
}

impl FromRequestParts<Web> for Viewer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Fault> {
        let secret = cookie(&parts.headers, cookie_name(web)).ok_or(Fault::SignIn)?;
        let found = web.engine.session(secret).await?.ok_or(Fault::SignIn)?;
        let looks = Looks::of(&parts.headers, &web.engine.catalog());
        Ok(Self {
            may_define: web.engine.may_define(&found.actor).is_ok(),
            actor: found.actor,
            session: found.session.id,
            looks,
            now: web.engine.now(),
            trace: parts.extensions.get().cloned().unwrap_or_else(|| Trace(traces::new_id())),
            secret: secret.to_owned(),
        })
    }
}

/// Whether a form was sent by a page of this very RMM, as far as the browser tells.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Browsers tell it where the connection is safe, and no page can change it.
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return true,
        Some(_) => return false,
        None => {}
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let of_host = |origin: &str| origin.split_once("://").map(|(_, host)| host) == host;
    headers.get(header::ORIGIN).is_none_or(|origin| origin.to_str().is_ok_and(of_host))
}

/// Refuses a form of another origin.
pub(super) fn must_be_from_here(headers: &HeaderMap, looks: &Looks) -> Result<(), Problem> {
    let foreign = || Problem::new(StatusCode::FORBIDDEN, "forbidden", looks.words().foreign_form);
    is_from_here(headers).then_some(()).ok_or_else(foreign)
}

/// What a form says, and the viewer who has sent it.
#[derive(Debug)]
pub(super) struct Signed<T>(pub Viewer, pub T);

/// A form that says nothing but that it was sent.
#[derive(Debug, Deserialize)]
pub(super) struct Nothing {}

#[derive(Debug, Deserialize)]
struct Csrf {
    #[serde(default)]
    csrf: String,
}

impl<T: DeserializeOwned> FromRequest<Web> for Signed<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, web: &Web) -> Result<Self, Fault> {
        let (mut parts, sent) = request.into_parts();
        let viewer = match Viewer::from_request_parts(&mut parts, web).await {
            Err(Fault::SignIn) if is_from_here(&parts.headers) => return Err(signed_out(sent).await),
            viewer => viewer?,
        };
        must_be_from_here(&parts.headers, &viewer.looks)?;
        let bytes = body::read(sent).await?;
        let Csrf { csrf } = parse(&bytes)?;
        if !viewer.knows(&csrf) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", viewer.looks.words().foreign_form).into());
        }
        let said = parse(&bytes)?;
        Ok(Self(viewer, said))
    }
}

/// Who has written something is told what, so that it can be sent once they are signed in again.
async fn signed_out(sent: axum::body::Body) -> Fault {
    const WRITTEN: [&str; 3] = ["reason", "notes", "text"];
    let bytes = body::read(sent).await.unwrap_or_default();
    let fields: Vec<(String, String)> = parse(&bytes).unwrap_or_default();
    let written = fields.into_iter().filter(|(name, text)| WRITTEN.contains(&name.as_str()) && !text.trim().is_empty());
    Fault::SignInAgain(written.map(|(_, text)| text).collect())
}

/// A form's fields.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_urlencoded::from_bytes(bytes).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "unreadable", format!("the form cannot be read: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn forms_of_other_origins_are_told_from_ours() {
        let here = ("host", "rmm.example.com");
        assert!(is_from_here(&headers(&[here])));
        assert!(is_from_here(&headers(&[
            here,
            ("origin", "https://rmm.example.com"),
            ("sec-fetch-site", "same-origin")
        ])));
        assert!(is_from_here(&headers(&[here, ("origin", "null"), ("sec-fetch-site", "same-origin")])));
        for foreign in [
            ("origin", "https://evil.example.com"),
            ("origin", "null"),
            ("origin", "https://rmm.example.com.evil.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!is_from_here(&headers(&[here, foreign])), "{foreign:?}");
        }
    }

    #[test]
    fn a_cookie_that_comes_twice_is_none() {
        assert_eq!(cookie(&headers(&[("cookie", "lang=ru; rmm=one; rmmx=two")]), PLAIN_COOKIE), Some("one"));
        assert_eq!(cookie(&headers(&[("cookie", "rmm=one; rmm=two")]), PLAIN_COOKIE), None);
        let mut apart = headers(&[("cookie", "__Host-rmm=one")]);
        apart.append("cookie", HeaderValue::from_static("__Host-rmm=one"));
        assert_eq!(cookie(&apart, SAFE_COOKIE), None);
    }

    #[test]
    fn the_word_of_a_form_is_that_of_its_session_and_never_the_same() {
        let (one, other) = (word_of("secret", &[1; SALT]), word_of("secret", &[2; SALT]));
        assert_ne!(one, other);
        assert_ne!(one, word_of("other", &[1; SALT]));
    }
}
