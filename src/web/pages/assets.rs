//! The files that pages load: kept by browsers for good, since another content has another address.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::assets;

/// A file, its type, and the hash of its content.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    hash: String,
    bytes: Cow<'static, [u8]>,
}

const SVG: &str = "image/svg+xml";

/// The files that pages name, with their types.
const FILES: [(&str, &str); 9] = [
    ("app.css", "text/css; charset=utf-8"),
    ("app.js", "text/javascript; charset=utf-8"),
    ("icon.svg", SVG),
    ("icon-ok.svg", SVG),
    ("icon-run.svg", SVG),
    ("icon-wait.svg", SVG),
    ("icon-back.svg", SVG),
    ("icon-fail.svg", SVG),
    ("icon-unk.svg", SVG),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let read = |(name, media_type)| {
        let bytes = assets::dashboard(name).unwrap_or_default();
        let mut hash = String::new();
        for byte in &Sha256::digest(&bytes)[..6] {
            let _ = write!(hash, "{byte:02x}");
        }
        Asset { name, media_type, hash, bytes }
    };
    FILES.into_iter().map(read).collect()
});

/// The address of a file.
pub(super) fn address(name: &str) -> String {
    let hash = ASSETS.iter().find(|asset| asset.name == name).map_or("0", |asset| asset.hash.as_str());
    format!("/assets/{hash}/{name}")
}

/// A file. Any hash will do: a page of an earlier version must not be without its style.
pub(super) async fn file(Path((_, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers =
        [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.bytes.to_vec()).into_response()
}
