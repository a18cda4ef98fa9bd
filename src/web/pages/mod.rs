//! The dashboard: pages that people look at and act on, with a browser and without a script.
//!
//! Must not: hold a rule, a query or a sentence that another door has, too. What is seen is a read model (`views`), what is
//! done is a command.

mod ansi;
mod assets;
mod audit;
mod board;
mod connect;
mod diff;
mod doctor;
mod fault;
mod find;
mod frame;
#[cfg(debug_assertions)]
mod gallery;
mod guess;
mod hosts;
mod insights;
mod kept;
mod live;
mod log;
mod mini_app;
mod named;
mod new_release;
mod people;
mod prose;
mod release;
mod run;
mod service;
mod settings;
mod sign_in;
mod steps;
mod tokens;
mod tone;
mod viewer;
mod words;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

#[cfg(debug_assertions)]
pub use self::gallery::Gallery;
pub(super) use self::kept::Kept;

use self::fault::{Fault, Shown};
use self::frame::Looks;
use self::viewer::Viewer;
use self::words::missing::Missing;
use super::problem::Problem;
use super::{Web, body};
use crate::wording::zone::read_in;

/// What a page may load and where it may be shown: its own files, and in no frame but that of a Mini App.
const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The pages.
pub(super) fn routes(web: &Web) -> Router<Web> {
    Router::new()
        .route("/", get(board::show))
        .route("/releases", get(find::show))
        .route("/releases/{id}", get(release::show))
        .route("/releases/{id}/plan", get(release::plan::show))
        .route("/releases/{id}/compare", get(release::compare::show))
        .route("/releases/{id}/{decision}", post(release::acts::decide))
        .route("/runs/{id}", get(run::show))
        .route("/runs/{id}/steps/{index}", get(log::raw::show))
        .route("/runs/{id}/steps/{index}/lines", get(log::part))
        .route("/services/{name}", get(service::show))
        .route("/connect", get(connect::show).post(connect::finish))
        .route("/connect/look", post(connect::look))
        .route("/services/{name}/release", get(new_release::show).post(new_release::make))
        .route("/services/{name}/definition", get(service::edit::show).post(service::edit::save))
        .route("/services/{name}/{act}", post(service::act))
        .route("/insights", get(insights::show))
        .route("/insights.csv", get(insights::csv))
        .route("/insights/{measure}", get(insights::list))
        .route("/audit", get(audit::show))
        .route("/audit/export.csv", get(audit::csv))
        .route("/audit/export.json", get(audit::json))
        .route("/audit/verify", post(audit::verify))
        .route("/tokens", get(tokens::show))
        .route("/tokens/make", post(tokens::make))
        .route("/tokens/revoke", post(tokens::revoke))
        .route("/tokens/adopt", post(tokens::adopt))
        .route("/people", get(people::show))
        .route("/people/confirm", post(people::confirm))
        .route("/people/refuse", post(people::refuse))
        .route("/people/sign-out", post(people::sign_out))
        .route("/hosts", get(hosts::show))
        .route("/hosts/check", post(hosts::check))
        .route("/hosts/trust", post(hosts::trust))
        .route("/settings", get(settings::show))
        .route("/settings/reload", post(settings::reload))
        .route("/settings/doctor", get(doctor::show).post(doctor::examine))
        .route("/live", get(live::live))
        .route("/login", get(sign_in::ask).post(sign_in::enter))
        .route("/login/{link}", get(sign_in::offer))
        .route("/logout", post(sign_in::leave))
        .route("/telegram", get(mini_app::show).post(mini_app::enter))
        .route("/account", get(sign_in::account).post(sign_in::choose))
        .route("/assets/{hash}/{name}", get(assets::file))
        .layer(from_fn_with_state(web.clone(), dressed))
        // Events and pictures are left as they are.
        .layer(CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest))
}

/// Answers a browser in the language and the colours that it asks for, also where something is refused.
async fn dressed(State(web): State<Web>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let looks = Looks::of(&parts.headers, &web.engine.catalog());
    parts.extensions.insert(looks.clone());
    let page = async {
        let mut response = next.run(Request::from_parts(parts.clone(), body)).await;
        let shown = response.extensions_mut().remove::<Shown>().or_else(|| unreadable(&response, &looks));
        if let Some(shown) = shown {
            response = told(&web, parts, &looks, &shown).await;
        }
        response
    };
    hardened(&web, read_in(&looks.zone, page).await)
}

/// What is wrong where a part of the address could not be read: the router answers that by itself, and not in a page.
fn unreadable(response: &Response, looks: &Looks) -> Option<Shown> {
    let is_page =
        response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let is_it = response.status() == StatusCode::BAD_REQUEST && is_page;
    let fault = || Fault::from(Problem::new(StatusCode::BAD_REQUEST, "invalid", looks.words().odd_address));
    is_it.then(|| Shown::from(fault()))
}

/// The page that tells why there is no other.
async fn told(web: &Web, mut parts: Parts, looks: &Looks, shown: &Shown) -> Response {
    let viewer = Viewer::from_request_parts(&mut parts, web).await.ok();
    let place = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    shown.page(looks, viewer.as_ref(), place, parts.method.is_safe())
}

/// What is not there, in words for the asker: a person with a browser, or a program.
pub(super) async fn nothing_here(State(web): State<Web>, request: Request) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    if !is_of_a_browser(&request) {
        return body::nothing_here(method, uri).await.into_response();
    }
    refused(&web, request, Missing::Page(uri.path().to_owned())).await
}

/// As [`nothing_here`], where the method does not fit.
pub(super) async fn wrong_method(State(web): State<Web>, request: Request) -> Response {
    let problem = body::wrong_method(request.method().clone(), request.uri().clone()).await;
    if !is_of_a_browser(&request) {
        return problem.into_response();
    }
    // Where a form led that was refused: who asks for its address again wants the page on which it stands.
    let page = fault::parent(request.uri().path());
    if request.method().is_safe() && page != "/" && !page.starts_with("/api") {
        return Redirect::to(page).into_response();
    }
    refused(&web, request, problem).await
}

fn is_of_a_browser(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepts.unwrap_or_default().contains("text/html")
}

async fn refused(web: &Web, request: Request, fault: impl Into<Fault>) -> Response {
    let (parts, _) = request.into_parts();
    let looks = Looks::of(&parts.headers, &web.engine.catalog());
    hardened(web, told(web, parts, &looks, &Shown::from(fault.into())).await)
}

/// What browsers may do with a page.
fn hardened(web: &Web, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // With `no-referrer`, browsers hide from RMM, too, that a form came from its own page (`Origin: null`).
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("cookie, accept-language"));
    mini_app::let_in(web, headers);
    response
}
