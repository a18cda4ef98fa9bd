//! The dashboard: pages that people look at and act on, with a browser and without a script.
//!
//! Must not: hold a rule, a query or a sentence that another door has, too. What is seen is a read model (`views`), what is
//! done is a command.

mod ansi;
mod assets;
mod board;
mod fault;
mod frame;
mod live;
mod release;
mod run;
mod service;
mod sign_in;
mod tone;
mod viewer;
mod words;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use self::fault::Shown;
use self::frame::Looks;
use super::Web;

/// What a page may load and where it may be shown: its own files, and in no frame.
const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The pages.
pub(super) fn routes(web: &Web) -> Router<Web> {
    Router::new()
        .route("/", get(board::show))
        .route("/releases/{id}", get(release::show))
        .route("/releases/{id}/{decision}", post(release::decide))
        .route("/runs/{id}", get(run::show))
        .route("/runs/{id}/steps/{index}", get(run::raw))
        .route("/services/{name}", get(service::show))
        .route("/services/{name}/{act}", post(service::act))
        .route("/live", get(live::live))
        .route("/login", get(sign_in::ask).post(sign_in::enter))
        .route("/login/{link}", get(sign_in::offer))
        .route("/logout", post(sign_in::leave))
        .route("/account", get(sign_in::account).post(sign_in::choose))
        .route("/assets/{hash}/{name}", get(assets::file))
        .layer(from_fn_with_state(web.clone(), dressed))
}

/// Answers a browser in the language and the colours that it asks for, also where something is refused.
async fn dressed(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let looks = Looks::of(request.headers(), &web.engine.catalog());
    let path = request.uri().path().to_owned();
    let is_look = request.method().is_safe();
    request.extensions_mut().insert(looks.clone());
    let mut response = next.run(request).await;
    if let Some(shown) = response.extensions_mut().remove::<Shown>() {
        response = shown.page(&looks, &path, is_look).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("content-security-policy"), HeaderValue::from_static(POLICY));
    // With `no-referrer`, browsers hide from RMM, too, that a form came from its own page (`Origin: null`).
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("cookie, accept-language"));
    response
}
