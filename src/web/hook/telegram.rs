//! Where Telegram brings updates in webhook mode: they are stored, and answered when they are on disk. Telegram repeats
//! what is answered otherwise.
//!
//! Must not: look into an update beyond its number.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::store::telegram;
use crate::web::problem::Problem;
use crate::web::{Web, body};

/// Where updates come to.
const PATH: &str = "/hooks/telegram";
/// Where the secret is shown.
const SECRET: &str = "x-telegram-bot-api-secret-token";

/// Without a secret there is no such address.
pub(super) fn routes(web: &Web) -> Router<Web> {
    let router = Router::new();
    if web.webhook_secret.is_some() { router.route(PATH, post(take)) } else { router }
}

/// As much of an update as is needed to know it again.
#[derive(Deserialize)]
struct Numbered {
    update_id: i64,
}

async fn take(State(web): State<Web>, headers: HeaderMap, request: Request) -> Result<StatusCode, Problem> {
    let shown = headers.get(SECRET).map(|value| value.as_bytes()).unwrap_or_default();
    if !web.webhook_secret.as_ref().is_some_and(|secret| fits(secret, shown)) {
        return Err(Problem::unauthorized("not allowed"));
    }
    let bytes = body::read(request.into_body()).await?;
    let unreadable = |rule: &str| Problem::new(StatusCode::BAD_REQUEST, "not_json", rule);
    let text = String::from_utf8(bytes).map_err(|_| unreadable("the body is not UTF-8 text"))?;
    let Numbered { update_id } =
        serde_json::from_str(&text).map_err(|_| unreadable("the body is no update with an `update_id`"))?;
    let now = web.engine.now();
    let stored = web.engine.store().write(move |tx| telegram::receive(tx, &[(update_id, text)], now)).await;
    stored.map_err(crate::store::WriteError::flatten)?;
    Ok(StatusCode::OK)
}

/// Takes the same time whatever is shown.
fn fits(secret: &SecretString, shown: &[u8]) -> bool {
    Sha256::digest(secret.expose_secret()).ct_eq(&Sha256::digest(shown)).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::response::Response;
    use http_body_util::BodyExt;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt;

    use super::*;
    use crate::engine::Engine;
    use crate::engine::clock::SystemClock;
    use crate::engine::testing::engine_in;
    use crate::web::limits::{Limits, OpenFiles};

    struct Site {
        engine: Engine,
        router: Router,
        _folder: tempfile::TempDir,
    }

    impl Site {
        fn new(secret: Option<&str>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let engine = engine_in(folder.path(), Arc::new(SystemClock));
            let secret = secret.map(SecretString::from);
            let limits = Arc::new(Limits::new(OpenFiles::allowed()));
            let stop = CancellationToken::new();
            let (reloads, _) = crate::web::reload::Reloads::channel();
            let router = crate::web::router(engine.clone(), folder.path().to_owned(), secret, reloads, limits, stop);
            Self { engine, router, _folder: folder }
        }

        async fn post(&self, secret: Option<&str>, body: impl Into<Body>) -> Response {
            let mut request = axum::http::Request::post(PATH);
            if let Some(secret) = secret {
                request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
            }
            self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap()
        }

        async fn status(&self, secret: Option<&str>, body: impl Into<Body>) -> u16 {
            self.post(secret, body).await.status().as_u16()
        }

        async fn stored(&self) -> Vec<String> {
            let open = self.engine.read(|conn| telegram::open_updates(conn, 0, 100)).await.unwrap();
            open.into_iter().map(|update| update.body).collect()
        }
    }

    #[tokio::test]
    async fn an_update_is_stored_once_and_untouched() {
        let site = Site::new(Some("s3cret"));
        let (a, b) = ("{ \"update_id\": 500, \"message\": {\"x\": 1.50} }", "{\"update_id\":7}");
        let progress = site.engine.store().progress();
        let before = progress.borrow().updates;
        for body in [a, a, b] {
            assert_eq!(site.status(Some("s3cret"), body).await, 200);
        }
        assert_eq!(site.stored().await, [a, b]);
        assert_eq!(progress.borrow().updates, before + 2, "those that wait for updates are woken");
    }

    #[tokio::test]
    async fn only_telegram_brings_updates() {
        let site = Site::new(Some("s3cret"));
        for secret in [None, Some(""), Some("s3cre"), Some("s3cret2"), Some("S3cret")] {
            assert_eq!(site.status(secret, "{\"update_id\":1}").await, 401, "{secret:?}");
        }
        let refused = site.post(None, "{").await;
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
        let said = refused.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&said).contains("s3cret"));
        assert!(site.stored().await.is_empty());
    }

    #[tokio::test]
    async fn what_is_no_update_is_refused() {
        let site = Site::new(Some("s3cret"));
        for body in ["", "{", "[]", "{\"update_id\":\"1\"}", "{\"update_id\":1}x"] {
            assert_eq!(site.status(Some("s3cret"), body).await, 400, "{body}");
        }
        assert_eq!(site.status(Some("s3cret"), vec![0xff]).await, 400);
        assert_eq!(site.status(Some("s3cret"), vec![b' '; body::LARGEST_BODY + 1]).await, 413);
        assert!(site.stored().await.is_empty());
    }

    #[tokio::test]
    async fn there_is_nothing_where_updates_are_asked_for() {
        assert_eq!(Site::new(None).status(Some("s3cret"), "{\"update_id\":1}").await, 404);
    }
}
