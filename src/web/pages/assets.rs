//! The files that pages load: kept by browsers for good, since another content has another address.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
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
        let hash = hex::encode(&Sha256::digest(&bytes)[..6]);
        Asset { name, media_type, hash, bytes }
    };
    FILES.into_iter().map(read).collect()
});

/// The address of a file.
pub(super) fn address(name: &str) -> String {
    let hash = ASSETS.iter().find(|asset| asset.name == name).map_or("0", |asset| asset.hash.as_str());
    format!("/assets/{hash}/{name}")
}

/// A file. A page of another version is led to it by a wrong hash, so that it is not without its style; no browser keeps that.
pub(super) async fn file(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if hash != asset.hash {
        return Redirect::temporary(&address(&name)).into_response();
    }
    let headers =
        [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.bytes.to_vec()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_kept_for_good_under_its_own_hash_alone() {
        let own = address("app.css");
        let hash = own.split('/').nth(2).unwrap().to_owned();
        let answer = async |hash: &str, name: &str| file(Path((hash.to_owned(), name.to_owned()))).await;
        let right = answer(&hash, "app.css").await;
        assert!(right.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let wrong = answer("000000000000", "app.css").await;
        assert_eq!(wrong.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(wrong.headers()[header::LOCATION].to_str().unwrap(), own);
        assert!(!wrong.headers().contains_key(header::CACHE_CONTROL), "every answer without it gets `no-store`");
        assert_eq!(answer(&hash, "app.sh").await.status(), StatusCode::NOT_FOUND);
    }
}
