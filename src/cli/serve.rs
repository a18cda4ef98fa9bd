//! `rmm serve`: the machine itself.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::fault::USAGE;
use crate::app::App;
use crate::config::{Config, env_vars};
use crate::engine::catalog::Catalog;

/// Run the machine.
#[derive(Debug, clap::Args)]
pub struct Serve {}

impl Serve {
    pub(super) fn run(&self, path: &Path) -> ExitCode {
        let config = match Config::load(path, &env_vars(std::env::vars_os())) {
            Ok(config) => config,
            Err(errors) => {
                eprintln!("{errors}");
                return ExitCode::from(USAGE);
            }
        };
        crate::telemetry::init();
        match super::runtime().and_then(|runtime| runtime.block_on(serve(config, path))) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("rmm: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

/// What is questionable about a configuration that is used.
fn tell(config: &Config) {
    for collision in &config.collisions {
        tracing::error!("{collision}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
}

async fn serve(config: Config, path: &Path) -> anyhow::Result<()> {
    tell(&config);
    let app = App::open(&config)?;
    let listener = App::bind(config.server.listen).await?;
    let address = listener.local_addr().context("the address is not known")?;
    let operator = app.listen_to_operator()?;
    let stop = app.stop();
    let engine = app.engine().clone();
    let path = path.to_owned();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut reload = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = reload.recv() => match Config::load(&path, &env_vars(std::env::vars_os())) {
                    Ok(config) => {
                        tell(&config);
                        engine.reconfigure(Catalog::new(&config)).await;
                        tracing::info!("the configuration was read again; [server] and [telegram] take effect at the next start");
                    }
                    Err(errors) => tracing::error!("the configuration was not taken over:\n{errors}"),
                },
            }
        }
        tracing::info!("stopping; running steps go on and are found again at the next start");
        stop.cancel();
    });
    tracing::info!(%address, data_dir = %config.server.data_dir.display(), "RMM {} serves http://{address}", env!("CARGO_PKG_VERSION"));
    app.serve(listener, operator).await
}
