//! Coming in and going out: a link works once, and only when its reader says so, since programs that look at links before people
//! do would use it up.

use askama::Template;
use axum::Extension;
use axum::extract::{FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::fault::Fault;
use super::frame::{Frame, Looks, When};
use super::viewer::{Signed, Site, Viewer, address_of, must_be_from_here, new_cookies, parse, set_cookie};
use crate::engine::sessions::Browser;
use crate::web::{Web, body};

#[derive(Template)]
#[template(path = "pages/login.html")]
struct LoginPage {
    frame: Frame,
    /// Whom a link would sign in, and its secret.
    offer: Option<(String, String)>,
    /// A link was shown that opens nothing.
    is_over: bool,
    to: String,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Whence {
    #[serde(default)]
    to: String,
}

/// How to come in.
pub(super) async fn ask(
    Extension(looks): Extension<Looks>,
    Query(whence): Query<Whence>,
) -> Result<Html<String>, Fault> {
    page(&looks, None, false, local(&whence.to))
}

/// Whom a link would sign in.
pub(super) async fn offer(
    State(web): State<Web>,
    Extension(looks): Extension<Looks>,
    Path(link): Path<String>,
    parts: Parts,
) -> Result<Response, Fault> {
    if let Some(who) = web.engine.look_at_login_link(link.clone()).await? {
        return Ok(page(&looks, Some((who, link)), false, "/")?.into_response());
    }
    guessed_wrong(&web, &parts)?;
    Ok((StatusCode::GONE, page(&looks, None, true, "/")?).into_response())
}

fn page(looks: &Looks, offer: Option<(String, String)>, is_over: bool, to: &str) -> Result<Html<String>, Fault> {
    let frame = Frame::outside(looks, looks.words().sign_in);
    Ok(Html(LoginPage { frame, offer, is_over, to: to.to_owned() }.render()?))
}

#[derive(Debug, Deserialize)]
struct Shown {
    #[serde(default)]
    code: String,
    #[serde(default)]
    to: String,
}

/// Uses a link up. The browser is not signed in yet, so that its word about where the form stood has to do.
pub(super) async fn enter(
    State(web): State<Web>,
    Extension(looks): Extension<Looks>,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, sent) = request.into_parts();
    must_be_from_here(&parts.headers, &looks)?;
    let shown: Shown = parse(&body::read(sent).await?)?;
    // A whole link is as good as what stands at its end.
    let code = shown.code.trim().rsplit('/').next().unwrap_or_default().to_owned();
    let Some(secret) = web.engine.sign_in(code, browser(&parts)).await? else {
        guessed_wrong(&web, &parts)?;
        return Ok((StatusCode::GONE, page(&looks, None, true, local(&shown.to))?).into_response());
    };
    end_former(&web, &parts).await?;
    Ok((AppendHeaders(new_cookies(&web, &secret, Site::Own)), Redirect::to(local(&shown.to))).into_response())
}

/// Counts what opens nothing against the address that it came from, which may try so often only.
pub(super) fn guessed_wrong(web: &Web, parts: &Parts) -> Result<(), Fault> {
    if let Some(address) = address_of(parts) {
        web.authenticator.wrong(address, web.engine.now())?;
    }
    Ok(())
}

/// Ends the session that a browser comes with, where it signs in anew.
pub(super) async fn end_former(web: &Web, parts: &Parts) -> Result<(), Fault> {
    let mut parts = parts.clone();
    if let Ok(former) = Viewer::from_request_parts(&mut parts, web).await {
        web.engine.end_session(former.person().cloned(), former.session).await?;
    }
    Ok(())
}

/// Which browser wants to come in, and where it is.
pub(super) fn browser(parts: &Parts) -> Browser {
    Browser {
        device: text(&parts.headers, header::USER_AGENT),
        address: address_of(parts).map(|address| address.to_string()).unwrap_or_default(),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Bytes of an address to go back to.
const LONGEST: usize = 2000;

/// A path of this dashboard; nothing that leads elsewhere.
pub(super) fn local(path: &str) -> &str {
    // What no header can carry leads nowhere either.
    let is_plain = path.len() <= LONGEST && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if path.starts_with('/') && !path.starts_with("//") && is_plain { path } else { "/" }
}

#[derive(Debug, Deserialize)]
pub(super) struct Leaving {
    /// Another session of theirs; none: this one.
    #[serde(default)]
    session: Option<i64>,
    /// All others of theirs.
    #[serde(default)]
    others: Option<u8>,
}

/// Signs out.
pub(super) async fn leave(State(web): State<Web>, Signed(viewer, leaving): Signed<Leaving>) -> Result<Response, Fault> {
    if leaving.others.is_some() {
        let sessions = web.engine.sessions_of(vec![viewer.person().cloned()]).await?;
        for session in sessions.into_iter().flatten().filter(|session| session.id != viewer.session) {
            web.engine.end_session(viewer.person().cloned(), session.id).await?;
        }
        return Ok(Redirect::to("/account").into_response());
    }
    let id = leaving.session.unwrap_or(viewer.session);
    web.engine.end_session(viewer.person().cloned(), id).await?;
    if id != viewer.session {
        return Ok(Redirect::to("/account").into_response());
    }
    // A cookie of a frame is another one than that of a window.
    let gone = [Site::Own, Site::Any].map(|site| (header::SET_COOKIE, set_cookie(&web, None, site)));
    Ok((AppendHeaders(gone), Redirect::to("/login")).into_response())
}

/// A session of the viewer's.
struct SessionLine {
    id: i64,
    device: String,
    address: String,
    began: When,
    seen: When,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "pages/account.html")]
struct AccountPage {
    frame: Frame,
    who: String,
    role: String,
    theme: &'static str,
    sessions: Vec<SessionLine>,
}

/// Who the viewer is, how pages look to them, and where they are signed in.
pub(super) async fn account(State(web): State<Web>, viewer: Viewer) -> Result<Html<String>, Fault> {
    let looks = &viewer.looks;
    let sessions = web.engine.sessions_of(vec![viewer.person().cloned()]).await?;
    let sessions = sessions.into_iter().flatten().map(|session| SessionLine {
        id: session.id,
        device: session.device,
        address: session.address,
        began: looks.when(session.began, viewer.now),
        seen: looks.when(session.seen, viewer.now),
        is_this: session.id == viewer.session,
    });
    let page = AccountPage {
        frame: Frame::inside(&viewer, "", looks.words().account),
        who: viewer.actor.label().to_owned(),
        role: looks.language.role(viewer.actor.role().as_str()).to_owned(),
        theme: looks.theme.unwrap_or_default(),
        sessions: sessions.collect(),
    };
    Ok(Html(page.render()?))
}

#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    lang: String,
    theme: String,
}

/// Language and colours.
pub(super) async fn choose(State(web): State<Web>, Signed(_, chosen): Signed<Chosen>) -> Response {
    let (year, safe) = (365 * 24 * 3600, if web.is_behind_tls() { "; Secure" } else { "" });
    let cookie = |name: &str, value: &str| {
        let age = if value.is_empty() { 0 } else { year };
        (header::SET_COOKIE, format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{safe}"))
    };
    let lang = if chosen.lang == "ru" { "ru" } else { "en" };
    let theme = if ["light", "dark"].contains(&chosen.theme.as_str()) { chosen.theme.as_str() } else { "" };
    (AppendHeaders([cookie("lang", lang), cookie("theme", theme)]), Redirect::to("/account")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_a_browser_is_led_to_no_other_site() {
        assert_eq!(local("/releases/12"), "/releases/12");
        for away in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "/a\r\nSet-Cookie: x=y",
            "/\u{1}",
            "/\u{7f}",
            "/é",
        ] {
            assert_eq!(local(away), "/", "{away:?}");
        }
    }
}
