//! One reviewed snapshot of every page.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tower::ServiceExt;

use super::PAGES;
use super::hands::Hands;
use super::sample::told;
use crate::domain::ids::PersonName;
use crate::domain::person::Actor;
use crate::engine::sessions::Browser;
use crate::web::Peer;

/// What is on a page between its head and its foot, without what is another word every time.
fn main_part(html: &str, folder: &str) -> String {
    let from = html.find("<main").unwrap_or(0);
    let to = html.rfind("</main>").unwrap_or(html.len());
    let words = html[from..to].split('"').map(|word| match word {
        csrf if csrf.len() == 96 && csrf.bytes().all(|byte| byte.is_ascii_hexdigit()) => "CSRF",
        other => other,
    });
    let text = words.collect::<Vec<_>>().join("\"").replace(folder, "FOLDER");
    // How large the database is and how much room there is.
    match text.split_once("<section aria-labelledby=\"storage\"") {
        Some((before, rest)) => format!("{before}{}", rest.split_once("</section>").map_or("", |(_, after)| after)),
        None => text,
    }
}

#[tokio::test]
async fn every_page_is_as_it_was_reviewed() {
    let folder = tempfile::tempdir().unwrap();
    let now: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
    let app = told(folder.path(), Arc::new(Hands::at(now))).await.unwrap_or_else(|error| panic!("{error:?}"));
    let browser = Browser { device: "Firefox on Linux".into(), address: "192.0.2.99".into() };
    let ann = PersonName::parse("person", "ann").unwrap();
    let link = app.engine().make_login_link(&Actor::Operator, Some(ann)).await.unwrap();
    let secret = app.engine().sign_in(link.secret.expose_secret().to_owned(), browser).await.unwrap().unwrap();
    let place = folder.path().display().to_string();
    for (name, path) in PAGES {
        let request = Request::get(path)
            .header(header::COOKIE, format!("__Host-rmm={}", secret.expose_secret()))
            .header(header::ACCEPT, "text/html")
            .extension(ConnectInfo(Peer::Socket))
            .body(Body::empty())
            .unwrap();
        let answer = app.router().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let html = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let html = String::from_utf8(html.to_vec()).unwrap();
        insta::assert_snapshot!(name, format!("{status} {path}\n{}", main_part(&html, &place)));
    }
}
