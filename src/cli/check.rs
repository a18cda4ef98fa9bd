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
use crate::config::{Backup, Composed, Config, ConfigErrors, EnvVars, Problem};
use crate::domain::folder;
use crate::domain::host::{Host, Login};
use crate::domain::ids::ServiceName;
use crate::domain::person::Role;
use crate::domain::service::{Driver, Surface};
use crate::store::definitions::Source;
use crate::store::news::{self, Refusal};
use crate::store::schema::open_reader;
use crate::store::{StoreError, definitions, telegram};
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
                note(&format!("{}: {error}", words.error));
            }
            let file = context.config.display();
            return Err(Fault::Usage(answers::not_for_here(language, file, errors.len(), cannot_work)));
        }
        let unset = config.unset.iter().map(|problem| unset_secret(problem, told));
        let mut warnings: Vec<String> = unset.chain(config.warnings.iter().map(|warning| warning.told(told))).collect();
        let unreadable = local_steps::unreadable(&config, &context.config).into_iter();
        warnings.extend(unreadable.map(|(path, user)| answers::unreadable(told, path.display(), &user)));
        warnings.extend(local_steps::danger(&config).map(|danger| danger.sentence));
        warnings.extend(DataDir::new(&config.server.data_dir).open_to_others());
        warnings.extend(
            aside
                .iter()
                .map(|(service, errors)| format!("{}:\n{}", answers::put_aside(told, service), errors.told(told))),
        );
        warnings.extend(in_file.iter().map(|service| answers::defined_twice(told, service)));
        warnings.extend(orphans(&config, &context.env, told));
        warnings.extend(refusing_chats(&config));
        warnings.extend(machine(&config, context.var("PATH").unwrap_or_default()));
        let files = OpenFiles::allowed();
        if files.0 < ENOUGH_OPEN_FILES {
            warnings.push(format!(
                "RMM may have {} open files only, and so {} connections at the same time; allow {ENOUGH_OPEN_FILES} or more \
                 (LimitNOFILE= of its systemd unit, or `ulimit -Hn`)",
                files.0,
                files.connections()
            ));
        }
        let effective = config.effective();
        if self.json {
            let value: serde_json::Value = toml::from_str(&effective)
                .map_err(|error| Fault::Failed(format!("the effective configuration is not TOML: {error}")))?;
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
    note(&answers::errors_and_warnings(language, count.0, count.1));
    Fault::Said(USAGE)
}

fn unset_secret(problem: &Problem, language: Language) -> String {
    format!("{}\n  {}", problem.told(language), words::words(language).not_looked_up)
}

/// What is wrong on this machine. An RMM that has released something goes on with it.
pub(super) fn refused(config: &Config, file: &Path) -> Vec<String> {
    let mut errors = errors(config);
    errors.extend(local_steps::exposed(config, file));
    errors
}

/// Whether nothing has been released by this RMM. A database that cannot be asked may have a history.
pub(super) fn is_new(config: &Config) -> bool {
    let database = DataDir::new(&config.server.data_dir).database();
    let history = || open_reader(&database).and_then(|conn| definitions::any_history(&conn));
    !database.exists() || history().is_ok_and(|any| !any)
}

/// Services that the database knows and the configuration does not, but for those that were removed in the dashboard.
fn orphans(config: &Config, env: &EnvVars, language: Language) -> Vec<String> {
    let database = DataDir::new(&config.server.data_dir).database();
    let read = open_reader(&database).and_then(|conn| {
        let known = definitions::with_history(&conn)?;
        let is_removed = |name: &&ServiceName| definitions::is_removed(&conn, name).unwrap_or_default();
        let removed: Vec<_> = known.iter().map(|(name, _)| name).filter(is_removed).cloned().collect();
        Ok((known, removed))
    });
    let (known, removed) = read.unwrap_or_default();
    let is_renamed = |name: &ServiceName| config.services.iter().any(|service| service.was.as_ref() == Some(name));
    let may_be = |name: &ServiceName, source: Option<&Source>| {
        let (text, folder) = source?;
        let earlier = Config::parse(text, "an earlier rmm.toml", Path::new(folder), env).ok()?;
        let former = earlier.services.iter().find(|service| service.name == *name)?;
        config.may_be_now(former, &earlier).filter(|now| known.iter().all(|(known, _)| *known != now.name))
    };
    let gone = known.iter().filter(|(name, _)| config.services.iter().all(|service| service.name != *name));
    let gone = gone.filter(|(name, _)| !removed.contains(name) || is_renamed(name));
    gone.map(|(name, source)| {
        if let Some(now) = config.services.iter().find(|service| service.was.as_ref() == Some(name)) {
            return format!(
                "the service {name} is called {} from here on: its releases, its environments and what they run are carried over \
                 when RMM reads this file",
                now.name
            );
        }
        if let Some(now) = may_be(name, source.as_ref()) {
            return language.may_be_renamed(&now.name, name);
        }
        format!(
            "the service {name} has releases and is not in this file, so it is retired: what is under way ends, its history \
             stays, and nothing new begins. If it was renamed, `was = \"{name}\"` under its new name carries its history over"
        )
    })
    .collect()
}

/// That the token of the bot is refused, and the chats that take no messages of it, as RMM has seen.
fn refusing_chats(config: &Config) -> Vec<String> {
    let database = DataDir::new(&config.server.data_dir).database();
    let read = open_reader(&database).and_then(|conn| {
        let refusals = news::refusals(&conn)?;
        let is_told = !refusals.is_empty() && reaches_an_admin(&conn, config, &refusals)?;
        Ok((refusals, is_told, news::token_refused_since(&conn)?))
    });
    let (refusals, is_told, token) = read.unwrap_or_default();
    let token = token.filter(|_| config.telegram.is_some()).map(|since| {
        format!(
            "Telegram has been refusing the token of [telegram] since {since}: the bot is silent, and what it has to say is kept, \
             until the token is replaced and RMM is started again"
        )
    });
    let meanwhile =
        if is_told { "the admins get them in private meanwhile" } else { "no admin can be told in private meanwhile" };
    let told = refusals.into_iter().map(|Refusal { chat, topic, since, reason }| {
        let topic = topic.map(|topic| format!(", topic {topic},")).unwrap_or_default();
        if chat > 0 {
            let person = config.people.iter().find(|person| person.telegram_id == Some(chat));
            let who = person.map_or_else(|| format!("the account {chat}"), |person| person.name.to_string());
            return format!(
                "{who} has not received the bot's messages since {since}: {reason}. What is meant for them is kept and tried again; \
                 /start to the bot lets it write again"
            );
        }
        format!(
            "the chat {chat}{topic} has been refusing the bot's messages since {since}: {reason}. They are kept and tried again; \
             {meanwhile}"
        )
    });
    token.into_iter().chain(told).collect()
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
fn errors(config: &Config) -> Vec<String> {
    let mut errors: Vec<_> = socket::impossible(&DataDir::new(&config.server.data_dir).socket())
        .map(|problem| format!("server.data_dir: {problem}"))
        .into_iter()
        .collect();
    errors.extend(local_steps::danger(config).filter(|danger| danger.refused).map(|danger| danger.sentence));
    // A user other than RMM's cannot try it.
    if local_steps::rmm_user(config) == rustix::process::geteuid().as_raw() {
        errors.extend(local_steps::transport(config).err());
    }
    for host in &config.hosts {
        let Login::Key { key, passphrase } = &host.login else { continue };
        let secret = |reference: &String| config.secrets.get(reference);
        let Some(private) = secret(key) else { continue };
        if let Some(problem) = ssh::key_problem(private, passphrase.as_ref().and_then(secret)) {
            let problem = Language::En.private_key(problem);
            errors.push(format!("host {}: the private key of {key} {problem}", host.name));
        }
    }
    errors
}

/// What this machine lacks.
fn machine(config: &Config, path: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(problem) = unwritable(&config.server.data_dir) {
        warnings.push(format!("server.data_dir: {problem}"));
    }
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
                if let Some(problem) = directory(surface, &local) {
                    warnings.push(format!("{} in {kind}, surface {}: {problem}", service.name, surface.name));
                }
            }
        }
    }
    for (needed, program) in [(git, "git"), (docker, "docker")] {
        if needed && !installed(program, path) {
            warnings.push(format!(
                "{program} is not installed here (not in PATH), and the services of this machine need it"
            ));
        }
    }
    warnings
}

/// What backups need here and is not there.
fn backups(backup: &Backup, data_dir: &Path, path: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let folder = &backup.folder;
    if folder.is_dir() {
        missing.extend(unwritable(folder).map(|problem| format!("backup.folder: {problem}")));
    } else if folder.parent() != Some(data_dir) {
        missing.push(format!("backup.folder: {} is not there, so no backup can be made", folder.display()));
    }
    for (key, words) in [("pipe", &backup.pipe), ("open", &backup.open), ("send", &backup.send)] {
        if let Some(program) = words.first().filter(|program| !program.contains('/') && !installed(program, path)) {
            missing.push(format!("backup.{key}: {program} is not installed here (not in PATH)"));
        }
    }
    missing
}

/// A name without a dot that leads nowhere is one that only SSH knows.
fn alias(host: &Host) -> Option<String> {
    let name = &host.address.host;
    if name.contains(['.', ':']) {
        return None;
    }
    let (found, resolved) = std::sync::mpsc::channel();
    let asked = (name.clone(), host.address.port);
    std::thread::spawn(move || found.send(asked.to_socket_addrs().is_ok()));
    // A name server that is silent says nothing about the name.
    (resolved.recv_timeout(RESOLVE_TIME) == Ok(false)).then(|| {
        format!(
            "host {}: the name {name} does not resolve here. RMM does not read ~/.ssh/config: if it is an alias there, \
             write its HostName as `address`, and its ProxyJump as `jump`",
            host.name
        )
    })
}

fn directory(surface: &Surface, local: &Local) -> Option<String> {
    let directory = Path::new(surface.directory.as_deref()?);
    if !surface.checkout && !directory.is_dir() {
        return Some(format!("directory {} does not exist", directory.display()));
    }
    match local.account() {
        _ if !surface.checkout => None,
        Some(account) => not_for(account, local, directory),
        None => unwritable(directory).or_else(|| of_others(local, directory)),
    }
}

/// Why another user cannot work in a folder, or not make it.
fn not_for(account: &Account, local: &Local, folder: &Path) -> Option<String> {
    const WORKS: &str = r#"there=$1
while [ ! -e "$there" ]; do there=${there%/*} there=${there:-/}; done
[ -d "$there" ] && [ -w "$there" ] && [ -x "$there" ] && rmm_git_may "$1""#;
    let (name, shown) = (&account.name, folder.display());
    let make = if folder::is_shared(&shown.to_string()) {
        "give the surface a folder of its own".to_owned()
    } else if folder.is_dir() {
        format!("as root: chown -R {name} {shown}")
    } else {
        format!("as root: install -d -o {name} {shown}")
    };
    (!local.says_yes(&tools::with(WORKS), &[folder.as_os_str()]))
        .then(|| format!("{name}, whom [local] names, cannot work in {shown}; {make}"))
}

/// Why git refuses to work in a folder that can be written.
fn of_others(local: &Local, folder: &Path) -> Option<String> {
    let shown = folder.display();
    (!local.says_yes(&tools::with("rmm_git_may \"$1\""), &[folder.as_os_str()]))
        .then(|| format!("{shown} belongs to another user than this one, and git refuses to work in it"))
}

/// Why a folder cannot be written, or not be made.
fn unwritable(folder: &Path) -> Option<String> {
    let there: PathBuf = folder.ancestors().find(|path| path.exists())?.to_owned();
    if !there.is_dir() {
        return Some(format!("{} is not a folder", there.display()));
    }
    // A file without a name: nothing is left, whatever happens.
    let error = tempfile::tempfile_in(&there).err()?;
    let what = if there == folder {
        format!("{} cannot be written by this user", folder.display())
    } else {
        format!("{} does not exist and cannot be made in {}", folder.display(), there.display())
    };
    Some(format!("{what} ({})", error.kind()))
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
        assert!(unwritable(&file.join("x")).is_some_and(|text| text.contains("is not a folder")));
    }

    #[test]
    fn programs_are_looked_for() {
        assert!(installed("sh", "/nowhere:/bin:/usr/bin"));
        assert!(!installed("sh", "/nowhere"));
    }
}
