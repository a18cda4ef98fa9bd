//! `rmm check`: whether the configuration is right, what it comes to, and whether this machine is fit for it.

use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rusqlite::Connection;
use serde_json::json;

use super::{answers, words};
use crate::api_client::{Context, Fault, USAGE, print};
use crate::app::config_file::with_dashboard;
use crate::app::{DataDir, local_steps};
use crate::clients::local::Local;
use crate::clients::local::account::Account;
use crate::clients::{ssh, tools};
use crate::config::earlier::Left;
use crate::config::{Backup, Composed, Config, ConfigErrors, EnvVars, Problem};
use crate::domain::fault::cli::{CliFault, CliNote};
use crate::domain::fault::machine::{FolderFault, FolderRemedy, MachineFault};
use crate::domain::folder;
use crate::domain::host::{Host, Login};
use crate::domain::ids::ServiceName;
use crate::domain::person::Role;
use crate::domain::service::{Driver, Surface};
use crate::store::definitions::Known;
use crate::store::news::{self, Refusal};
use crate::store::schema::open_reader;
use crate::store::{StoreError, definitions, renamed, telegram};
use crate::terminal::{Tone, note};
use crate::web::limits::{ENOUGH_OPEN_FILES, OpenFiles};
use crate::web::socket;
use crate::wording::Language;

/// How long a name may take to resolve.
const RESOLVE_TIME: Duration = Duration::from_secs(3);

/// Check the configuration.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm check\n  rmm check --config /etc/rmm/rmm.toml --quiet\n\n\
    Prints the effective configuration, with every default and without secrets. Warnings and errors go to standard \
    error. Private keys are opened, with their passphrases, and what this machine must have is looked for. What is on \
    the hosts, `rmm host check` tells. Exit status: 0 right (perhaps with warnings), 2 wrong.")]
pub struct Check {
    /// Only show what is wrong
    #[arg(long, short)]
    quiet: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        let Composed { config, aside, in_file } = read(context)?;
        let config = config.without_collisions()?;
        let (language, cannot_work) = (context.ui.language, !errors(&config).is_empty());
        let words = words::words(language);
        // What programs read is English.
        let told = if self.json { Language::En } else { language };
        let errors = refused(&config, &context.config);
        if !errors.is_empty() {
            for error in &errors {
                note(&format!("{}: {}", words.error, language.machine(error)));
            }
            let (file, errors) = (context.config.display().to_string(), errors.len());
            return Err(Fault::usage(language.cli_note(&CliNote::NotForHere { file, errors, cannot_work })));
        }
        let unset = config.unset.iter().map(|problem| unset_secret(problem, told));
        let mut warnings: Vec<String> = unset.chain(config.warnings.iter().map(|warning| warning.told(told))).collect();
        let of_files = about_files(&config, context);
        warnings.extend(of_files.iter().map(|fault| told.machine(fault)));
        warnings.extend(aside.iter().map(|(service, errors)| {
            let aside = CliNote::PutAside { service: service.to_string() };
            format!("{}:\n{}", told.cli_note(&aside), errors.told(told))
        }));
        let twice = |service: &ServiceName| told.cli_note(&CliNote::DefinedTwice { service: service.to_string() });
        warnings.extend(in_file.iter().map(twice));
        let files = OpenFiles::allowed();
        let mut faults = about_work(&config, context);
        faults.extend(few_open_files(files));
        warnings.extend(faults.iter().map(|fault| told.machine(fault)));
        let effective = config.effective();
        if self.json {
            let value: serde_json::Value = toml::from_str(&effective)
                .map_err(|error| Fault::failed(CliFault::NotToml { said: error.to_string() }))?;
            return print(&format!(
                "{}\n",
                json!({"warnings": warnings, "configuration": value, "open_files": files.0})
            ));
        }
        if !self.quiet {
            print(&effective)?;
            note("");
            note(&answers::open_files(language, files.0, files.connections()));
        }
        for warning in &warnings {
            note(&format!("{}: {warning}", words.warning));
        }
        let tone = if warnings.is_empty() { Tone::Good } else { Tone::Plain };
        note(&context.ui.paint(&answers::right(language, context.config.display(), warnings.len()), tone));
        Ok(())
    }
}

/// The configuration, for who may not have RMM's environment: what cannot be looked up is no error, also beside errors.
pub(super) fn read(context: &Context) -> Result<Composed, Fault> {
    let file = Config::load_without_secrets(&context.config, &context.env);
    file.and_then(|file| with_dashboard(&file, &context.env)).map_err(|errors| wrong(errors, context.ui.language))
}

/// Tells what is wrong with a configuration.
fn wrong(ConfigErrors(problems): ConfigErrors, language: Language) -> Fault {
    let (unset, errors): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| problem.is_unset);
    if unset.is_empty() {
        return ConfigErrors(errors).into();
    }
    let count = (errors.len(), unset.len());
    errors.iter().for_each(|error| note(&error.told(language)));
    for secret in unset {
        note(&format!("{}: {}", words::words(language).warning, unset_secret(&secret, language)));
    }
    note(&language.cli_note(&CliNote::ConfigErrors { errors: count.0, warnings: count.1 }));
    Fault::Said(USAGE)
}

fn unset_secret(problem: &Problem, language: Language) -> String {
    format!("{}\n  {}", problem.told(language), words::words(language).not_looked_up)
}

/// What is wrong on this machine. An RMM that has released something goes on with it.
pub(super) fn refused(config: &Config, file: &Path) -> Vec<MachineFault> {
    let mut errors = errors(config);
    errors.extend(local_steps::exposed(config, file));
    errors
}

/// What is questionable on this machine, but for how many files may be open.
pub(super) fn questionable(config: &Config, context: &Context) -> Vec<MachineFault> {
    about_files(config, context).into_iter().chain(about_work(config, context)).collect()
}

/// Who can do what with RMM's own files.
fn about_files(config: &Config, context: &Context) -> Vec<MachineFault> {
    let mut faults = local_steps::unreadable(config, &context.config);
    faults.extend(local_steps::danger(config).filter(|danger| !danger.refused).map(|danger| danger.fault));
    faults.extend(DataDir::new(&config.server.data_dir).open_to_others());
    faults
}

/// What is missing for what RMM is to do.
fn about_work(config: &Config, context: &Context) -> Vec<MachineFault> {
    let mut faults = orphans(config, &context.env);
    faults.extend(refusing_chats(config));
    faults.extend(machine(config, context.var("PATH").unwrap_or_default()));
    faults
}

/// Whether nothing has been released by this RMM. A database that cannot be asked may have a history.
pub(super) fn is_new(config: &Config) -> bool {
    let database = DataDir::new(&config.server.data_dir).database();
    let history = || open_reader(&database).and_then(|conn| definitions::any_history(&conn));
    !database.exists() || history().is_ok_and(|any| !any)
}

/// Services that the database knows and the configuration does not, but for those that were removed in the dashboard.
fn orphans(config: &Config, env: &EnvVars) -> Vec<MachineFault> {
    let database = DataDir::new(&config.server.data_dir).database();
    let read = open_reader(&database).and_then(|conn| {
        let mut told = Vec::new();
        let renamed = config.services.iter().filter_map(|service| Some((service.was.clone()?, service.name.clone())));
        for (was, now) in renamed {
            told.extend(renamed::outlook(&conn, &was, &now)?.fault(was, now));
        }
        let known = definitions::with_history(&conn)?;
        let names: Vec<_> = known.iter().map(|known| known.service.clone()).collect();
        let is_told = |name: &ServiceName| {
            config.services.iter().any(|service| service.name == *name || service.was.as_ref() == Some(name))
        };
        let gone: Vec<_> = known.into_iter().filter(|known| !is_told(&known.service)).collect();
        let gone = gone.into_iter().filter(|gone| !definitions::is_removed(&conn, &gone.service).unwrap_or_default());
        let (left, unread): (Vec<_>, Vec<_>) = gone.map(|gone| left(gone, env)).partition(Result::is_ok);
        let left: Vec<_> = left.into_iter().flatten().collect();
        let mut likely = config.likely_renames(&left);
        likely.retain(|now, _| !names.contains(now));
        let mut gone: Vec<_> =
            left.into_iter().map(|left| left.service).chain(unread.into_iter().filter_map(Result::err)).collect();
        gone.sort();
        told.extend(gone.into_iter().map(|service| match likely.iter().find(|(_, was)| **was == service) {
            Some((now, _)) => MachineFault::MayBeRenamed { was: service, now: now.clone() },
            None => MachineFault::Retired { service },
        }));
        Ok(told)
    });
    read.unwrap_or_default()
}

/// A service that has left the file; its name alone where it cannot be read how it was defined.
fn left(known: Known, env: &EnvVars) -> Result<Left, ServiceName> {
    let Known { service, source, named_last } = known;
    match source.map(|source| Config::earlier(&source, env)) {
        Some(Ok(earlier)) => Ok(Left { service, named_last, earlier }),
        Some(Err(_)) | None => Err(service),
    }
}

/// That RMM may have few files open.
fn few_open_files(files: OpenFiles) -> Option<MachineFault> {
    let (enough, connections) = (ENOUGH_OPEN_FILES, files.connections());
    (files.0 < enough).then_some(MachineFault::FewOpenFiles { files: files.0, connections, enough })
}

/// That the token of the bot is refused, and the chats that take no messages of it, as RMM has seen.
fn refusing_chats(config: &Config) -> Vec<MachineFault> {
    let database = DataDir::new(&config.server.data_dir).database();
    let read = open_reader(&database).and_then(|conn| {
        let refusals = news::refusals(&conn)?;
        let is_told = !refusals.is_empty() && reaches_an_admin(&conn, config, &refusals)?;
        Ok((refusals, is_told, news::token_refused_since(&conn)?))
    });
    let (refusals, is_told, token) = read.unwrap_or_default();
    let token = token.filter(|_| config.telegram.is_some()).map(|since| MachineFault::TokenRefused { since });
    let refused = refusals.into_iter().map(|Refusal { chat, topic, since, reason: said }| {
        if chat > 0 {
            let person = config.people.iter().find(|person| person.telegram_id == Some(chat));
            let person = person.map(|person| person.name.to_string());
            return MachineFault::AccountRefuses { account: chat, person, since, said };
        }
        MachineFault::ChatRefuses { chat, topic, since, said, told: is_told }
    });
    token.into_iter().chain(refused).collect()
}

/// Whether an admin can be told something in private.
fn reaches_an_admin(conn: &Connection, config: &Config, refusals: &[Refusal]) -> Result<bool, StoreError> {
    let known = telegram::users_of_people(conn)?;
    for person in config.people.iter().filter(|person| person.role == Role::Admin) {
        let user = match person.telegram_id {
            Some(id) => telegram::user(conn, id)?,
            None => {
                known.iter().find(|it| it.person.as_ref() == Some(&person.name) && it.confirmed_by.is_some()).cloned()
            }
        };
        let takes = |id: i64| refusals.iter().all(|refusal| refusal.chat != id);
        if user.is_some_and(|user| user.private_chat && takes(user.id)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the file says rightly, and what cannot work nevertheless.
fn errors(config: &Config) -> Vec<MachineFault> {
    let mut errors: Vec<_> = socket::impossible(&DataDir::new(&config.server.data_dir).socket()).into_iter().collect();
    errors.extend(local_steps::danger(config).filter(|danger| danger.refused).map(|danger| danger.fault));
    // A user other than RMM's cannot try it.
    if local_steps::rmm_user(config) == rustix::process::geteuid().as_raw() {
        errors.extend(local_steps::transport(config).err());
    }
    for host in &config.hosts {
        let Login::Key { key, passphrase } = &host.login else { continue };
        let secret = |reference: &String| config.secrets.get(reference);
        let Some(private) = secret(key) else { continue };
        if let Some(fault) = ssh::key_problem(private, passphrase.as_ref().and_then(secret)) {
            errors.push(MachineFault::PrivateKey { host: host.name.clone(), key: key.clone(), fault });
        }
    }
    errors
}

/// What this machine lacks.
fn machine(config: &Config, path: &str) -> Vec<MachineFault> {
    let mut warnings = Vec::new();
    warnings.extend(unwritable(&config.server.data_dir).map(|fault| MachineFault::DataDir { fault }));
    warnings.extend(config.backup.iter().flat_map(|backup| backups(backup, &config.server.data_dir, path)));
    warnings.extend(config.hosts.iter().filter(|host| host.jump.is_empty()).filter_map(alias));
    let local = local_steps::transport(config).unwrap_or_default();
    let mut git = false;
    let mut docker = false;
    for service in &config.services {
        for kind in service.environments.keys().copied() {
            if !matches!(service.environment(kind).driver, Driver::Local) {
                continue;
            }
            for surface in service.surfaces_in(kind) {
                git |= surface.checkout;
                docker |= surface.deploy.trim_start().starts_with("docker ");
                let of_surface = |fault| MachineFault::SurfaceFolder {
                    service: service.name.clone(),
                    environment: kind,
                    surface: surface.name.clone(),
                    fault,
                };
                warnings.extend(directory(surface, &local).map(of_surface));
            }
        }
    }
    for (needed, program) in [(git, "git"), (docker, "docker")] {
        if needed && !installed(program, path) {
            warnings.push(MachineFault::NoProgram { program: program.to_owned() });
        }
    }
    warnings
}

/// What backups need here and is not there.
fn backups(backup: &Backup, data_dir: &Path, path: &str) -> Vec<MachineFault> {
    let mut missing = Vec::new();
    let folder = &backup.folder;
    if folder.is_dir() {
        missing.extend(unwritable(folder).map(|fault| MachineFault::BackupFolder { fault }));
    } else if folder.parent() != Some(data_dir) {
        missing.push(MachineFault::NoBackupFolder { folder: folder.clone() });
    }
    for (key, words) in [("pipe", &backup.pipe), ("open", &backup.open), ("send", &backup.send)] {
        if let Some(program) = words.first().filter(|program| !program.contains('/') && !installed(program, path)) {
            missing.push(MachineFault::NoProgramFor { key: format!("backup.{key}"), program: program.clone() });
        }
    }
    missing
}

/// A name without a dot that leads nowhere is one that only SSH knows.
fn alias(host: &Host) -> Option<MachineFault> {
    let name = &host.address.host;
    if name.contains(['.', ':']) {
        return None;
    }
    let (found, resolved) = std::sync::mpsc::channel();
    let asked = (name.clone(), host.address.port);
    std::thread::spawn(move || found.send(asked.to_socket_addrs().is_ok()));
    // A name server that is silent says nothing about the name.
    let is_unknown = resolved.recv_timeout(RESOLVE_TIME) == Ok(false);
    is_unknown.then(|| MachineFault::NotResolved { host: host.name.clone(), name: name.clone() })
}

fn directory(surface: &Surface, local: &Local) -> Option<FolderFault> {
    let directory = Path::new(surface.directory.as_deref()?);
    if !surface.checkout && !directory.is_dir() {
        return Some(FolderFault::Missing { folder: directory.to_owned() });
    }
    match local.account() {
        _ if !surface.checkout => None,
        Some(account) => not_for(account, local, directory),
        None => unwritable(directory).or_else(|| of_others(local, directory)),
    }
}

/// Why another user cannot work in a folder, or not make it.
fn not_for(account: &Account, local: &Local, folder: &Path) -> Option<FolderFault> {
    const WORKS: &str = r#"there=$1
while [ ! -e "$there" ]; do there=${there%/*} there=${there:-/}; done
[ -d "$there" ] && [ -w "$there" ] && [ -x "$there" ] && rmm_git_may "$1""#;
    let remedy = if folder::is_shared(&folder.display().to_string()) {
        FolderRemedy::Another
    } else if folder.is_dir() {
        FolderRemedy::GiveAway
    } else {
        FolderRemedy::Make
    };
    let works = local.says_yes(&tools::with(WORKS), &[folder.as_os_str()]);
    let fault = || FolderFault::NotForSteps { user: account.name.clone(), folder: folder.to_owned(), remedy };
    (!works).then(fault)
}

/// Why git refuses to work in a folder that can be written.
fn of_others(local: &Local, folder: &Path) -> Option<FolderFault> {
    let works = local.says_yes(&tools::with("rmm_git_may \"$1\""), &[folder.as_os_str()]);
    (!works).then(|| FolderFault::OfOther { folder: folder.to_owned() })
}

/// Why a folder cannot be written, or not be made.
fn unwritable(folder: &Path) -> Option<FolderFault> {
    let there: PathBuf = folder.ancestors().find(|path| path.exists())?.to_owned();
    if !there.is_dir() {
        return Some(FolderFault::NotAFolder { path: there });
    }
    // A file without a name: nothing is left, whatever happens.
    let said = tempfile::tempfile_in(&there).err()?.kind().to_string();
    let folder = folder.to_owned();
    Some(if there == folder {
        FolderFault::NotWritten { folder, said }
    } else {
        FolderFault::NotMade { folder, there, said }
    })
}

fn installed(program: &str, path: &str) -> bool {
    std::env::split_paths(path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_can_be_made_are_well() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(unwritable(&folder.path().join("a/b/c")), None);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(unwritable(&file.join("x")), Some(FolderFault::NotAFolder { path: file }));
    }

    #[test]
    fn programs_are_looked_for() {
        assert!(installed("sh", "/nowhere:/bin:/usr/bin"));
        assert!(!installed("sh", "/nowhere"));
    }
}
