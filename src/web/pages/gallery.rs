//! The list of all pages and messages, for developers who change how they look. In debug builds only.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::HeaderMap;
use axum::response::Html;
use axum::routing::get;

use super::frame::{Frame, Looks};
use crate::engine::Engine;
use crate::wording::Language;

/// What there is to look at.
pub struct Gallery {
    /// The name and the address of each page.
    pub pages: &'static [(&'static str, &'static str)],
    /// What each message of the bot is with its samples: language, name, and Telegram's HTML.
    pub messages: Vec<(Language, String, Vec<String>)>,
}

#[derive(Template)]
#[template(path = "pages/gallery.html")]
struct GalleryPage<'a> {
    frame: Frame,
    gallery: &'a Gallery,
}

impl Gallery {
    /// The list, at `/gallery`.
    pub fn routes(self, engine: &Engine) -> Router {
        let (shown, engine) = (Arc::new(self), engine.clone());
        let list = move |headers: HeaderMap| {
            let page = shown.page(&Looks::of(&headers, &engine.catalog()));
            async { Html(page) }
        };
        Router::new().route("/gallery", get(list))
    }

    fn page(&self, looks: &Looks) -> String {
        let page = GalleryPage { frame: Frame::outside(looks, "Gallery"), gallery: self };
        page.render().unwrap_or_else(|error| error.to_string())
    }
}
