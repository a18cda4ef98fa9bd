//! Coming in from inside Telegram: as a Mini App, whose fragment says who opened it. Telegram's own script would be a foreign one,
//! and is not needed for that.

use askama::Template;
use axum::Extension;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::fault::Fault;
use super::frame::{Frame, Looks};
use super::sign_in::{browser, end_former, guessed_wrong, local};
use super::viewer::{Site, Viewer, must_be_from_here, new_cookies, parse};
use super::words::mini_app::{self, Words};
use super::words::missing::Missing;
use crate::domain::init_data::{self, InitDataFault};
use crate::engine::people::Who;
use crate::web::problem::Problem;
use crate::web::{Web, body};

/// Where Telegram's clients for browsers show Mini Apps in a frame. In its other clients a Mini App is in no frame.
const TELEGRAM_WEB: &str = "https://web.telegram.org";

#[derive(Template)]
#[template(path = "pages/mini_app.html")]
struct MiniAppPage {
    frame: Frame,
    labels: &'static Words,
    to: String,
}

/// Whether there is a Mini App: it needs a bot, and an address with TLS.
fn is_there(web: &Web) -> bool {
    web.is_behind_tls() && web.engine.catalog().bot_token().is_some()
}

/// What the script sends on: where it is in Telegram, it stands in the fragment.
pub(super) async fn show(State(web): State<Web>, Extension(looks): Extension<Looks>) -> Result<Html<String>, Fault> {
    if !is_there(&web) {
        return Err(Missing::MiniApp.into());
    }
    let labels = mini_app::of(looks.language);
    let page = MiniAppPage { frame: Frame::outside(&looks, looks.words().sign_in), labels, to: "/".to_owned() };
    Ok(Html(page.render()?))
}

#[derive(Debug, Deserialize)]
struct Shown {
    #[serde(default)]
    data: String,
    #[serde(default)]
    to: String,
}

/// Signs in who opened the Mini App.
pub(super) async fn enter(
    State(web): State<Web>,
    Extension(looks): Extension<Looks>,
    request: Request,
) -> Result<Response, Fault> {
    let (mut parts, sent) = request.into_parts();
    must_be_from_here(&parts.headers, &looks)?;
    let Some(token) = web.engine.catalog().bot_token().filter(|_| is_there(&web)) else {
        return Err(Missing::MiniApp.into());
    };
    let shown: Shown = parse(&body::read(sent).await?)?;
    let labels = mini_app::of(looks.language);
    let not_taken = |fault| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", labels.fault(fault));
    let proof = match init_data::read(&shown.data, token.expose_secret(), web.engine.now()) {
        Ok(proof) => proof,
        Err(fault) => {
            guessed_wrong(&web, &parts)?;
            return Err(not_taken(fault).into());
        }
    };
    let account = &proof.account;
    let contact =
        web.engine.telegram_contact(account.id, account.username.as_deref(), &account.first_name, false).await?;
    let refused = match contact.who {
        Who::Person(person) => {
            let there = Redirect::to(local(&shown.to));
            let Some(secret) = web.engine.sign_in_by_telegram(person.name.clone(), &proof, browser(&parts)).await?
            else {
                // Telegram shows the same page anew with the same proof.
                let viewer = Viewer::from_request_parts(&mut parts, &web).await.ok();
                let is_in = viewer.is_some_and(|viewer| viewer.person() == Some(&person.name));
                return if is_in { Ok(there.into_response()) } else { Err(not_taken(InitDataFault::Used).into()) };
            };
            end_former(&web, &parts).await?;
            return Ok((AppendHeaders(new_cookies(&web, &secret, Site::Any)), there).into_response());
        }
        Who::Claimant { .. } => labels.unconfirmed,
        Who::Stranger => labels.stranger,
    };
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", refused).into())
}

/// Lets Telegram show pages in a frame, where there is a Mini App.
pub(super) fn let_in(web: &Web, headers: &mut HeaderMap) {
    let known = headers.get(header::CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    let Some(policy) = known.filter(|_| is_there(web)) else { return };
    let policy = policy.replace("frame-ancestors 'none'", &format!("frame-ancestors {TELEGRAM_WEB}"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}
