//! `rmm.toml` and its environment variables → the types that RMM works with.
//!
//! Text comes in, typed and complete values go out, or everything that is wrong with it, with line and key. The
//! environment is a parameter; the only thing read here besides the file itself are the files of `file:` secrets.
//!
//! `keys` holds the keys, `file` walks the text along them; `server`, `local`, `backup`, `logs`, `links`, `telemetry`, `ai`, `people`,
//! `hosts`, `service`, `environment`, `surface` and `health` say what the values mean.

mod ai;
mod authorities;
pub mod backup;
mod command;
mod dashboard;
mod document;
pub mod earlier;
mod effective;
mod env_vars;
mod environment;
mod error;
mod example;
mod file;
mod github;
mod health;
mod host_part;
mod hosts;
mod jump;
mod keys;
mod links;
mod local;
mod logs;
mod oidc;
mod people;
mod places;
mod protection;
mod report;
mod secret;
mod server;
mod service;
mod surface;
mod telegram;
mod telemetry;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::DeTable;

use crate::domain::fault::config::ConfigFault;
use crate::domain::host::Host;
use crate::domain::ids::ServiceName;
use crate::domain::person::Person;
use crate::domain::service::Service;

pub use ai::Ai;
pub use authorities::Authorities;
pub use backup::Backup;
pub use dashboard::{Block, Composed, service_named_in};
pub use env_vars::{EnvVars, env_vars};
pub use error::{ConfigErrors, Excerpt, Position, Problem};
pub use example::{EXAMPLE, FirstService, Init, init_text};
pub use github::{FromGithub, Github, GithubLogin};
pub use links::Links;
pub use local::LocalUser;
pub use logs::Logs;
pub use oidc::IdTokens;
pub use secret::Secrets;
pub use server::Server;
pub use service::check_repository;
pub use telegram::{Chat, Telegram, is_bot_token};
pub use telemetry::Telemetry;

use document::Document;
use file::Section;
use report::{Origin, Report, Spot};
use secret::Keyring;

/// The effective configuration: checked, defaults filled in, overrides applied.
#[derive(Debug, Clone)]
pub struct Config {
    /// RMM itself.
    pub server: Server,
    /// Who the steps on RMM's own machine run as; without it, as the user that RMM runs as.
    pub local: Option<LocalUser>,
    /// The copies that RMM makes by itself.
    pub backup: Option<Backup>,
    /// The output of runs.
    pub logs: Logs,
    /// Where pages and alerts lead to outside of RMM.
    pub links: Links,
    /// Where spans and lines of the log go.
    pub telemetry: Telemetry,
    /// All people, in the order of the file.
    pub people: Vec<Person>,
    /// The servers that are reached by SSH, in the order of the file.
    pub hosts: Vec<Host>,
    /// The bot, where there is one.
    pub telegram: Option<Telegram>,
    /// The model that guesses at causes, if one is configured.
    pub ai: Option<Ai>,
    /// What may come from GitHub.
    pub from_github: FromGithub,
    /// GitHub, where RMM has to do with it.
    pub github: Option<Github>,
    /// Everything that is released, in the order of the file.
    pub services: Vec<Service>,
    /// The values of all `env:` and `file:` references.
    pub secrets: Secrets,
    /// The certificates behind all `ca` references.
    pub authorities: Authorities,
    /// What must not be in one place and is: a folder, a compose project, an address. The second one is refused
    /// there, by the host.
    pub collisions: Vec<Problem>,
    /// Secrets that this process cannot look up. RMM does not start without them.
    pub unset: Vec<Problem>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Problem>,
    /// Its text, and the folder where relative paths in it begin.
    pub source: (String, String),
    /// What the file is called, and its text alone.
    pub file: (String, String),
    /// The services that are defined in the dashboard and not in the file, as they are written there.
    pub dashboard: BTreeMap<ServiceName, String>,
}

impl Config {
    /// Reads a file. Relative paths in it count from its folder.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong; also when the file cannot be read.
    pub fn load(path: &Path, env: &EnvVars) -> Result<Self, ConfigErrors> {
        Self::load_without_secrets(path, env)?.with_all_secrets()
    }

    /// The same for who may not have RMM's environment: what cannot be looked up is in `unset`, and what needs it is left out.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything else that is wrong.
    pub fn load_without_secrets(path: &Path, env: &EnvVars) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        let fail = |fault: ConfigFault| {
            let document = Document::of_file(&name, "");
            let report = Report::new(&document);
            report.error(&Origin { path: String::new(), spot: Spot::File }, fault);
            report.finish().err().unwrap_or(ConfigErrors(Vec::new()))
        };
        let bytes = std::fs::read(path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                fail(ConfigFault::NoFile)
            } else {
                fail(ConfigFault::Unreadable { said: error.to_string() })
            }
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let readable = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
            fail(ConfigFault::NotUtf8 { line: readable.matches('\n').count() + 1 })
        })?;
        let folder = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            Some(_) | None => Path::new("."),
        };
        let folder =
            std::path::absolute(folder).map_err(|error| fail(ConfigFault::NoFolder { said: error.to_string() }))?;
        Self::parse_without_secrets(&text, &name, &folder, env)
    }

    /// The configuration, unless a secret of it could not be looked up.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every secret that is missing.
    pub fn with_all_secrets(self) -> Result<Self, ConfigErrors> {
        if self.unset.is_empty() { Ok(self) } else { Err(ConfigErrors(self.unset)) }
    }

    /// Reads text. `file_name` is what errors call it; `base_dir`, an absolute path, is where relative paths begin.
    ///
    /// # Errors
    /// [`ConfigErrors`] with everything that is wrong; of text that is not TOML only the first problem.
    pub fn parse(text: &str, file_name: &str, base_dir: &Path, env: &EnvVars) -> Result<Self, ConfigErrors> {
        Self::parse_without_secrets(text, file_name, base_dir, env)?.with_all_secrets()
    }

    fn parse_without_secrets(
        text: &str,
        file_name: &str,
        base_dir: &Path,
        env: &EnvVars,
    ) -> Result<Self, ConfigErrors> {
        Self::read(&Document::of_file(file_name, text), base_dir, env)
    }

    fn read(document: &Document, base_dir: &Path, env: &EnvVars) -> Result<Self, ConfigErrors> {
        let report = Report::new(document);
        let whole = Origin { path: String::new(), spot: Spot::File };
        let table = match DeTable::parse(&document.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                report.not_toml(&error);
                DeTable::new()
            }
        };
        let root = Section::open(&report, whole, keys::ROOT, &table);
        let keyring = Keyring::new(&report, base_dir, env);

        let server = server::read(root.section("server").as_ref(), &report, base_dir, env);
        let local = local::read(&root, base_dir);
        let backup = backup::read(&root, base_dir);
        let logs = logs::read(&root);
        let links = links::read(&root);
        let telemetry = telemetry::read(&root, &report, env, &keyring);
        let people = people::read(&root);
        let hosts = hosts::read(&root, &keyring);
        let (github, from_github) = github::read(&root, &server, &keyring);
        let telegram = telegram::read(&root, &server, &people.list, &keyring);
        let ai = ai::read(&root, &keyring);
        // What has been looked up by now is RMM's own.
        keyring.keep_own(&server.data_dir);
        let (id_tokens, own) =
            (from_github.id_tokens.is_some(), places::OwnFolders { data: &server.data_dir, configuration: base_dir });
        let mut services = service::read(&root, &people, &hosts, &keyring, id_tokens, &own);
        service::at_their_github(&mut services, &from_github.api_url);
        hosts.warn_unused(&report);

        service::workflows_within_reach(&root, &services, github.as_ref());
        protection::read(&root, &mut services, github.as_ref());

        let (secrets, authorities) = keyring.into_parts();
        drop(root);
        let [collisions, unset, warnings] = report.finish()?;
        let (people, hosts) = (people.list, hosts.list);
        let source = (document.text.clone(), base_dir.to_string_lossy().into_owned());
        let file = (document.first().name.clone(), document.text.clone());
        Ok(Self {
            server,
            local,
            backup,
            logs,
            links,
            telemetry,
            people,
            hosts,
            telegram,
            ai,
            from_github,
            github,
            services,
            secrets,
            authorities,
            collisions,
            unset,
            warnings,
            source,
            file,
            dashboard: BTreeMap::new(),
        })
    }

    /// The configuration, unless two things in it are in one place.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every collision.
    pub fn without_collisions(self) -> Result<Self, ConfigErrors> {
        self.without_more_collisions(&[])
    }

    /// The same, but for collisions that RMM runs with already: an upgrade must not stop all services.
    ///
    /// # Errors
    /// [`ConfigErrors`] with every collision that is new.
    pub fn without_more_collisions(self, known: &[Problem]) -> Result<Self, ConfigErrors> {
        let is_new = |problem: &&Problem| known.iter().all(|known| known.fault != problem.fault);
        let new: Vec<_> = self.collisions.iter().filter(is_new).cloned().collect();
        if new.is_empty() { Ok(self) } else { Err(ConfigErrors(new)) }
    }
}
