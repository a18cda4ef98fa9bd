//! The command line: what people and scripts type, as calls to a running RMM or to its data directory.
//!
//! One file per group of verbs. Each calls RMM through `api_client`, in the words of `contract`, and shows on the
//! `terminal` what it answers. No rule of RMM is decided here.

mod answers;
mod assets;
mod audit;
mod backup;
mod check;
mod demo;
mod docs;
mod doctor;
mod faults;
mod findings;
mod health;
mod host;
mod init;
mod login_link;
mod moving;
mod person;
mod release;
mod reload;
mod serve;
mod service;
mod token;
mod upgrade;
mod words;
mod workflows;
mod written;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::de::DeserializeOwned;

use crate::api_client::{Context, EXIT_HELP, Fault, print, print_bytes};
use crate::clients::local::account::{AS_USER, become_program};
use crate::domain::fault::cli::CliFault;
use crate::wording::Language;

/// What shells end with when a program cannot be executed.
const CANNOT_RUN: u8 = 126;

/// Release Management Machine: git tag → stage → rehearsed rollback → approvals → production.
#[derive(Debug, Parser)]
#[command(name = "rmm", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    /// The configuration file
    #[arg(
        long,
        short,
        global = true,
        env = "RMM_CONFIG",
        default_value = "rmm.toml",
        value_name = "FILE",
        hide_env_values = true
    )]
    config: PathBuf,
    /// The language of answers; else that of LC_ALL, LC_MESSAGES or LANG
    #[arg(long, global = true, value_name = "LANGUAGE", value_parser = one_of::<Language>(["en", "ru"]))]
    lang: Option<Language>,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
First steps:
  rmm init                      write rmm.toml
  rmm check                     is it right?
  rmm serve                     run the machine
  rmm release create --service shop --tag v1.0.0
  rmm docs                      the documentation

On the server, rmm speaks to the RMM of rmm.toml as its operator. From elsewhere:
  export RMM_URL=https://rmm.example.com RMM_TOKEN=…
  rmm release list

Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 refused, 4 not reachable.";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the machine
    #[command(after_help = "Examples:\n  rmm serve\n  rmm serve --config /etc/rmm/rmm.toml\n\n\
        SIGHUP (or `rmm reload`) reads the configuration again. SIGTERM ends RMM; running steps go on and are found again.")]
    Serve(serve::Serve),
    /// Watch the whole life cycle on this machine, in a minute
    #[command(
        after_help = "Examples:\n  rmm demo                  play the story, then go on serving for you to try\n  \
        rmm demo --once           play it, check everything, clean up\n  \
        rmm demo --telegram       approve in Telegram yourself\n  rmm demo --once --json | jq .checks"
    )]
    Demo(demo::Demo),
    /// Write a first rmm.toml
    Init(init::Init),
    /// Check the configuration, and show what RMM understood
    Check(check::Check),
    /// Check everything that RMM needs, and say what to do about problems
    Doctor(doctor::Doctor),
    /// Tokens of the API: create, list, revoke
    #[command(subcommand)]
    Token(token::Token),
    /// Releases: create, look, decide
    #[command(subcommand, visible_alias = "releases", after_help = EXIT_HELP)]
    Release(release::Release),
    /// Services: what runs where; lock and unlock production
    #[command(subcommand, visible_alias = "services")]
    Service(service::Service),
    /// Hosts: are they ready, and which keys are trusted
    #[command(subcommand, visible_alias = "hosts")]
    Host(host::Host),
    /// People: who they are, what they approve, and who claims which identity in Telegram
    #[command(subcommand, visible_alias = "people")]
    Person(person::Person),
    /// Print a link that signs a person in to the dashboard, once
    LoginLink(login_link::LoginLink),
    /// The record: read it, check that it was not changed
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Read the configuration again
    Reload(reload::Reload),
    /// Copy the database while RMM works
    Backup(backup::Backup),
    /// Put a copy of the database back
    Restore(backup::Restore),
    /// Replace this binary with a new one, and restore it if RMM does not come up
    Upgrade(upgrade::Upgrade),
    /// Put a whole installation into one file, to move it to another machine
    Export(moving::Export),
    /// Take over a whole installation that `rmm export` wrote
    Import(moving::Import),
    /// Check whether RMM works: exit status 0 or 4
    Healthcheck(health::Healthcheck),
    /// Write alert rules, dashboards and an example of a whole monitoring
    Assets(assets::Assets),
    /// Read the documentation
    Docs(docs::Docs),
    /// Print completions for a shell
    #[command(
        after_help = "Examples:\n  rmm completions bash > /etc/bash_completion.d/rmm\n  rmm completions fish > ~/.config/fish/completions/rmm.fish"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the description of the HTTP API (OpenAPI)
    Openapi,
    /// Look at every page and message with sample data (debug builds only)
    #[cfg(debug_assertions)]
    #[command(after_help = "Examples:\n  rmm gallery\n  rmm gallery --listen 127.0.0.1:9000")]
    Gallery {
        /// Where it is served
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
        listen: std::net::SocketAddr,
    },
    /// The small service that `demo` releases.
    #[command(hide = true)]
    DemoService(crate::demo::service::Args),
}

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    // Files that the caller of RMM had open are not for the programs that it starts, steps least of all.
    close_fds::set_fds_cloexec(3, &[]);
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == AS_USER) {
        eprintln!("rmm: the user of steps cannot be taken: {}", become_program(arguments));
        return ExitCode::from(CANNOT_RUN);
    }
    let (Cli { config, lang, verb }, typed) = parsed().unwrap_or_else(|error| with_tip(error).exit());
    let context = Context::new(typed, config, lang);
    let done = match verb {
        Verb::Serve(serve) => return serve.run(&context),
        Verb::Demo(demo) => return demo.run(),
        Verb::DemoService(args) => return demo::run_service(args),
        Verb::Docs(docs) => docs.run(&context),
        Verb::Assets(assets) => assets.run(&context),
        Verb::Init(init) => init.run(&context),
        Verb::Check(check) => check.run(&context),
        Verb::Doctor(doctor) => wait_for(&context, doctor.run(&context)),
        Verb::Token(token) => wait_for(&context, token.run(&context)),
        Verb::Release(release) => wait_for(&context, release.run(&context)),
        Verb::Service(service) => wait_for(&context, service.run(&context)),
        Verb::Host(host) => wait_for(&context, host.run(&context)),
        Verb::Person(person) => wait_for(&context, person.run(&context)),
        Verb::LoginLink(link) => wait_for(&context, link.run(&context)),
        Verb::Audit(audit) => wait_for(&context, audit.run(&context)),
        Verb::Reload(reload) => wait_for(&context, reload.run(&context)),
        Verb::Backup(backup) => wait_for(&context, backup.run(&context)),
        Verb::Restore(restore) => restore.run(&context),
        Verb::Upgrade(upgrade) => wait_for(&context, upgrade.run(&context)),
        Verb::Export(export) => export.run(&context),
        Verb::Import(import) => import.run(&context),
        Verb::Healthcheck(check) => wait_for(&context, check.run(&context)),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rmm", &mut script);
            print_bytes(&script)
        }
        #[cfg(debug_assertions)]
        Verb::Gallery { listen } => {
            runtime().and_then(|runtime| runtime.block_on(crate::gallery::serve(listen))).map_err(Fault::from)
        }
        Verb::Openapi => print(&format!("{}\n", crate::web::api::openapi())),
    };
    done.map_or_else(|fault| fault.tell(context.ui.language), |()| ExitCode::SUCCESS)
}

/// What was typed, and the verb in it.
fn parsed() -> Result<(Cli, String), clap::Error> {
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let verbs = std::iter::successors(matches.subcommand(), |(_, below)| below.subcommand());
    let typed = verbs.map(|(name, _)| name).collect::<Vec<_>>().join(" ");
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, typed))
}

/// An error with a tip, where a verb was typed without the one that it stands below: `rmm approve` for `rmm release approve`.
fn with_tip(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    let ways = ways_to(&Cli::command(), "", typed);
    if let Some((last, others)) = ways.split_last() {
        let before = if others.is_empty() { String::new() } else { format!("{} and ", others.join(", ")) };
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![format!("there is {before}{last}").into()]));
    }
    error
}

/// The calls in which a verb of this name stands, below this command.
fn ways_to(command: &clap::Command, before: &str, name: &str) -> Vec<String> {
    let path = format!("{before}{} ", command.get_name());
    let mut found = Vec::new();
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        if sub.get_name() == name || sub.get_all_aliases().any(|alias| alias == name) {
            found.push(format!("`{path}{}`", sub.get_name()));
        }
        found.extend(ways_to(sub, &path, name));
    }
    found
}

/// Text that people read. What is no UTF-8 in it, such as a letter in Latin-1, is told to be so by U+FFFD, and costs nothing else.
fn prose() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new().map(|text| text.to_string_lossy().into_owned())
}

/// A name of the contract, as an argument.
fn one_of<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: impl IntoIterator<Item = &'static str>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| serde_json::from_value::<T>(name.into()))
}

fn wait_for(context: &Context, work: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    runtime()?.block_on(async {
        let done = work.await;
        context.traced.end(done.is_err()).await;
        done
    })
}

/// The runtime that everything asynchronous runs on.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| CliFault::NoRuntime { said: error.to_string() }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_that_calls_is_known_to_the_server() {
        const LOCAL: [&str; 15] = [
            "assets",
            "check",
            "completions",
            "demo",
            "docs",
            "export",
            "gallery",
            "healthcheck",
            "import",
            "init",
            "openapi",
            "restore",
            "serve",
            "service workflows",
            "upgrade",
        ];
        fn leaves(command: &clap::Command, before: &str, found: &mut Vec<String>) {
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
                let path = format!("{before} {}", sub.get_name());
                if sub.get_subcommands().next().is_none() || !sub.is_subcommand_required_set() {
                    found.push(path.trim().to_owned());
                }
                leaves(sub, &path, found);
            }
        }
        let mut verbs = Vec::new();
        leaves(&Cli::command(), "", &mut verbs);
        verbs.retain(|verb| !LOCAL.contains(&verb.as_str()));
        verbs.sort();
        assert_eq!(verbs, crate::contract::VERBS);
    }

    #[test]
    fn every_verb_says_what_it_is_for() {
        fn walk(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no purpose");
            for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
                walk(sub, &path);
            }
            let leaf = command.get_subcommands().next().is_none();
            let plain = ["help", "openapi"].contains(&command.get_name());
            assert!(!leaf || plain || command.get_after_help().is_some(), "{path} has no example");
        }
        walk(&Cli::command(), "");
    }
}
