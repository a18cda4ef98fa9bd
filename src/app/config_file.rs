//! The configuration file of a running RMM, which may be read again.

use std::path::{Path, PathBuf};

use super::{App, local_steps};
use crate::config::{Config, Problem, env_vars};
use crate::engine::Engine;
use crate::web::reload::Outcome;

/// The configuration file of a running RMM.
pub struct ConfigFile {
    path: PathBuf,
    /// Those that RMM runs with already.
    collisions: Vec<Problem>,
    engine: Engine,
}

impl ConfigFile {
    /// The file of which an RMM has read this configuration, which is in force from here on.
    pub async fn of(app: &App, path: &Path, config: &Config) -> Self {
        let engine = app.engine().clone();
        engine.configure(config.clone(), &env_vars(std::env::vars_os())).await;
        Self { path: path.to_owned(), collisions: config.collisions.clone(), engine }
    }

    /// Reads it again. What is wrong with it leaves the old configuration active.
    pub async fn read_again(&mut self) -> Outcome {
        let read = Config::load(&self.path, &env_vars(std::env::vars_os()));
        match read.and_then(|config| config.without_more_collisions(&self.collisions)) {
            Ok(config) => {
                tell(&config, &self.path);
                self.collisions.clone_from(&config.collisions);
                let warnings = config.collisions.iter().chain(&config.warnings).map(ToString::to_string).collect();
                self.engine.configure(config, &env_vars(std::env::vars_os())).await;
                tracing::info!(
                    "the configuration was read again; [server], [local] and [telegram] take effect at the next start"
                );
                Ok(warnings)
            }
            Err(errors) => {
                tracing::error!("New configuration rejected; the old one stays active:\n{errors}");
                Err(errors.0.iter().map(ToString::to_string).collect())
            }
        }
    }
}

/// What is questionable about a configuration that is used.
pub fn tell(config: &Config, file: &Path) {
    for collision in &config.collisions {
        tracing::error!("{collision}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(danger) = local_steps::danger(config) {
        tracing::warn!("{}", danger.sentence);
    }
    for sentence in local_steps::exposed(config, file) {
        tracing::error!("{sentence}");
    }
}
