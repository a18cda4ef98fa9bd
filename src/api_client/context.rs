//! Which RMM is meant: the one at `RMM_URL`, or the one of the configuration.

use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::traced::Traced;
use crate::config::{Config, ConfigErrors, EnvVars, env_vars};
use crate::domain::fault::cli::CliFault;
use crate::engine::clock::{Clock, SystemClock};
use crate::terminal::Ui;
use crate::wording::Language;

/// What every verb works with.
#[derive(Debug)]
pub struct Context {
    /// The configuration file.
    pub config: PathBuf,
    /// The environment.
    pub env: EnvVars,
    /// The reader's window.
    pub ui: Ui,
    /// The verb that was typed.
    pub traced: Traced,
}

/// The RMM of the configuration.
pub struct Local {
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Its configuration, without the secrets that this process cannot look up: those of its service unit may well be missing in
    /// the operator's shell. A running RMM is reached without all of it.
    pub config: Result<Box<Config>, ConfigErrors>,
}

impl Context {
    /// For a verb, a configuration file and a language, with the environment of this process, which names the language otherwise.
    #[must_use]
    pub fn new(verb: String, config: PathBuf, language: Option<Language>) -> Self {
        let env = env_vars(std::env::vars_os());
        let language = language.unwrap_or_else(|| language_of(&env));
        Self { config, env, ui: Ui::of_stdout(SystemClock.now(), language), traced: Traced::of(verb) }
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
        match Config::load_without_secrets(&self.config, &self.env) {
            Ok(config) => Ok(Local { data_dir: config.server.data_dir.clone(), config: Ok(Box::new(config)) }),
            Err(errors) => match data_dir(&self.config, &self.env) {
                Some(data_dir) => Ok(Local { data_dir, config: Err(errors) }),
                None if !self.config.exists() => {
                    Err(Fault::usage(CliFault::NoConfiguration { file: self.config.display().to_string() }))
                }
                None => Err(errors.into()),
            },
        }
    }
}

/// The language of messages by POSIX: the first of these that is set.
fn language_of(env: &EnvVars) -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| env.get(name));
    Language::of_locale(set.map(String::as_str).find(|value| !value.is_empty()).unwrap_or_default())
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
    fn the_first_variable_that_is_set_names_the_language() {
        let language = |set: &[(&str, &str)]| {
            language_of(&set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        assert_eq!(language(&[]), Language::En);
        assert_eq!(language(&[("LANG", "ru_RU.UTF-8")]), Language::Ru);
        assert_eq!(language(&[("LANG", "ru_RU.UTF-8"), ("LC_MESSAGES", "en_US.UTF-8")]), Language::En);
        assert_eq!(language(&[("LANG", "C"), ("LC_MESSAGES", "C"), ("LC_ALL", "ru")]), Language::Ru);
        assert_eq!(language(&[("LANG", "ru_RU.UTF-8"), ("LC_ALL", "")]), Language::Ru);
        assert_eq!(language(&[("LANG", "rue_UA")]), Language::En);
    }

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
