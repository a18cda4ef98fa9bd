//! The RMM of the gallery: its configuration, its clock, and what has happened in it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::story;
use crate::app::App;
use crate::config::{Config, EnvVars};
use crate::engine::clock::Clock;

const CONFIGURATION: &str = include_str!("sample.toml");

/// A clock that stands where the story has come to, milliseconds of Unix time.
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millisecond()))
    }

    pub fn turn(&self, to: Timestamp) {
        self.0.store(to.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// An RMM in a folder in which everything has happened, and in which nothing goes on. It is now what the clock says.
pub(super) async fn told(folder: &Path, clock: Arc<Hands>) -> anyhow::Result<App> {
    let env = EnvVars::from([("HOST_PASSWORD".to_owned(), "of no host".to_owned())]);
    let config = Config::parse(CONFIGURATION, "sample.toml", folder, &env)
        .map_err(|errors| anyhow::anyhow!("{errors}"))
        .context("the configuration of the gallery is wrong")?;
    let now = clock.now();
    clock.turn(now - story::LASTS);
    let app = App::open_with(&config, clock.clone())?;
    let engine = app.engine().clone();
    engine.configure(config, &env).await;
    engine.store().note_numbers(engine.now()).await.context("the numbers could not be noted")?;
    story::Story::new(engine, clock.clone(), now).tell().await?;
    clock.turn(now);
    Ok(app)
}
