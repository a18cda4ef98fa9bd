//! `rmm gallery`: every page of the dashboard and every message of the bot with sample data, for developers who change
//! how they look. In debug builds only.
//!
//! Must not: carry anything out. The sample is told by commands, to an RMM whose effects no dispatcher takes up.

mod hands;
mod sample;
mod story;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use secrecy::ExposeSecret;

use self::hands::Hands;
use crate::app::App;
use crate::bot;
use crate::domain::ids::PersonName;
use crate::domain::person::Actor;
use crate::engine::clock::{Clock, SystemClock};
use crate::web::Gallery;

/// Every page, as it is when the sample has been told.
pub const PAGES: [(&str, &str); 37] = [
    ("board", "/"),
    ("releases", "/releases"),
    ("release_waits", "/releases/10"),
    ("release_at_work", "/releases/13"),
    ("release_deployed", "/releases/5"),
    ("release_rolled_back", "/releases/3"),
    ("release_rejected", "/releases/6"),
    ("release_rehearsal_failed", "/releases/7"),
    ("release_unknown", "/releases/12"),
    ("plan", "/releases/10/plan"),
    ("compare", "/releases/5/compare?with=3"),
    ("run_at_work", "/runs/33"),
    ("run_failed", "/runs/8"),
    ("service", "/services/shop"),
    ("service_of_ci", "/services/billing"),
    ("definition", "/services/shop/definition"),
    ("definition_wrong", "/services/handbook/definition"),
    ("new_release", "/services/docs/release"),
    ("connect", "/connect"),
    ("connect_trigger", "/connect?step=trigger&repository=acme/wiki"),
    ("connect_places", "/connect?step=places&repository=acme/wiki"),
    ("connect_approvers", "/connect?step=approvers&repository=acme/wiki"),
    ("connect_review", "/connect?step=review&repository=acme/wiki&stage=ci&production=ci&required=boris"),
    (
        "connect_wrong",
        "/connect?step=review&repository=acme/wiki&stage=ci&production=ssh&production_hosts=web-9&required=boris",
    ),
    ("insights", "/insights"),
    ("insights_releases", "/insights/failed"),
    ("audit", "/audit"),
    ("people", "/people"),
    ("hosts", "/hosts"),
    ("tokens", "/tokens"),
    ("settings", "/settings"),
    ("doctor", "/settings/doctor"),
    ("account", "/account"),
    ("login", "/login"),
    ("mini_app", "/telegram"),
    ("nothing_here", "/nowhere"),
    ("gone_release", "/releases/999"),
];

/// Tells the sample in a folder that is removed afterwards, and serves it until it is interrupted.
///
/// # Errors
/// When it cannot be told, or the address is taken.
pub async fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("there is no room for the sample")?;
    let clock = Arc::new(Hands::at(SystemClock.now()));
    let app = sample::told(folder.path(), clock).await?;
    let listener = App::bind(listen).await?;
    let address = listener.local_addr().context("the address is not known")?;
    let ann = PersonName::parse("person", "ann")?;
    let link = app.engine().make_login_link(&Actor::Operator, Some(ann)).await?;
    println!("Sign in as ann:  http://{address}/login/{}", link.secret.expose_secret());
    println!("All pages:       http://{address}/gallery");
    let stop = app.stop();
    let stopping = tokio::spawn(async move {
        // Without signals it ends with its terminal.
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
    app.show(listener, Gallery { pages: &PAGES, messages: bot::samples() }).await;
    stopping.abort();
    Ok(())
}
