//! Where others bring what has happened: Telegram its updates, GitHub its deliveries.

mod github;
mod telegram;

use axum::Router;
use axum::routing::post;

use super::Web;

pub(super) fn routes(web: &Web) -> Router<Web> {
    telegram::routes(web).route(github::PATH, post(github::take))
}
