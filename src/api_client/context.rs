//! Which RMM is meant: the one at `RMM_URL`, or the one of the configuration.

use std::path::{Path, PathBuf};

use super::fault::Fault;
use crate::config::{Config, ConfigErrors, EnvVars, env_vars};
use crate::engine::clock::{Clock, SystemClock};
use crate::terminal::Ui;

/// What every verb works with.
#[derive(Debug)]
pub struct Context {
    /// The configuration file.
    pub config: PathBuf,
    /// The environment.
    pub env: EnvVars,
    /// The reader's window.
    pub ui: Ui,
}

/// The RMM of the configuration.
pub struct Local {
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Its configuration. A running RMM is reached without: the secrets of its service unit may well be missing in
    /// the operator's shell.
    pub config: Result<Box<Config>, ConfigErrors>,
}

impl Context {
    /// For a configuration file, with the environment of this process.
    #[must_use]
    pub fn new(config: PathBuf) -> Self {
        Self { config, env: env_vars(std::env::vars_os()), ui: Ui::of_stdout(SystemClock.now()) }
    }

    /// A variable of the environment that is not empty.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// The RMM of the configuration.
    ///
    /// # Errors
    /// When the configuration does not even say where its data is.
    pub fn local(&self) -> Result<Local, Fault> {
        match Config::load(&self.config, &self.env) {
            Ok(config) => Ok(Local { data_dir: config.server.data_dir.clone(), config: Ok(Box::new(config)) }),
            Err(errors) => match data_dir(&self.config, &self.env) {
                Some(data_dir) => Ok(Local { data_dir, config: Err(errors) }),
                None if !self.config.exists() => Err(Fault::Usage(format!(
                    "{} does not exist; `rmm init` writes one, --config (or RMM_CONFIG) names another, and RMM_URL \
                     with RMM_TOKEN reach an RMM elsewhere",
                    self.config.display()
                ))),
                None => Err(errors.into()),
            },
        }
    }
}

/// Where the data is, of a configuration that has errors elsewhere.
fn data_dir(path: &Path, env: &EnvVars) -> Option<PathBuf> {
    let text = std::fs::read_to_string(path).ok()?;
    let table: toml::Table = text.parse().ok()?;
    let written = table.get("server").and_then(|server| server.get("data_dir")).and_then(toml::Value::as_str);
    let name = env.get("RMM__SERVER__DATA_DIR").map(String::as_str).or(written).unwrap_or("data");
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    Some(std::path::absolute(folder).ok()?.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_with_errors_still_says_where_the_data_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rmm.toml");
        std::fs::write(&path, "[server]\ndata_dir = \"here\"\nlissten = 1\n").unwrap();
        assert_eq!(data_dir(&path, &EnvVars::new()), Some(folder.path().join("here")));
        let env = EnvVars::from([("RMM__SERVER__DATA_DIR".into(), "/there".into())]);
        assert_eq!(data_dir(&path, &env), Some("/there".into()));
        std::fs::write(&path, "[server\n").unwrap();
        assert_eq!(data_dir(&path, &EnvVars::new()), None);
    }
}
