//! `rmm doctor`: shows what was found about everything that RMM needs. What takes a running RMM is told as missing where none runs.

mod running;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::host::check_each;
use super::{check, findings};
use crate::api_client::{Client, Context, FAILED, Fault, print};
use crate::app::DataDir;
use crate::config::Config;
use crate::contract;
use crate::doctor::{self, Examined, Subject};
use crate::domain::fault::cli::CliNote;
use crate::domain::finding::{About, Finding, RunningFact, Topic};
use crate::terminal::{Ui, note};
use crate::web::limits::OpenFiles;
use crate::wording::Language;

/// Look at everything that RMM needs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm doctor                   all there is\n  rmm doctor github            GitHub alone\n  \
    rmm doctor machine address   configuration, database, disk; RMM's own address\n  \
    rmm doctor --json | jq '.[].findings[] | select(.state != \"ok\")'\n\n\
    Reads rmm.toml with its secrets, as `rmm serve` would, and asks from this machine; nothing is changed. What takes a running RMM \
    (its state, backups, hosts) is asked of it; that none runs is a failure, but for a look at all before the first start. The findings are numbered, so that they can be spoken of. Exit status: 0 well (perhaps \
    with warnings), 1 something is not, 2 the configuration is wrong."
)]
pub struct Doctor {
    /// What to look at; all of it if nothing is named
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// What the doctor knows about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The configuration, the database, the disk, the clock, open files
    Machine,
    /// The RMM that runs: its state, its version, the record, its chats
    Running,
    /// Backups and their test
    Backups,
    /// RMM's own address as seen from outside, and its certificate
    Address,
    /// The bot: its token, and how updates come
    Telegram,
    /// The login at GitHub, the repositories of services, their workflows and webhooks, and the clock
    Github,
    /// The model that guesses at the cause of failures
    Ai,
    /// Hosts, as `rmm host check` looks at them
    Hosts,
}

impl Part {
    /// Where it takes no RMM that runs.
    const fn without_running_rmm(self) -> Option<doctor::Part> {
        Some(match self {
            Self::Machine => doctor::Part::Machine,
            Self::Address => doctor::Part::Address,
            Self::Telegram => doctor::Part::Telegram,
            Self::Github => doctor::Part::Github,
            Self::Ai => doctor::Part::Ai,
            Self::Running | Self::Backups | Self::Hosts => return None,
        })
    }
}

/// A finding as the API tells it, and its number.
#[derive(Serialize)]
struct Numbered {
    number: usize,
    #[serde(flatten)]
    finding: contract::Finding,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let config = check::read(context)?.config;
        let examined = self.look(context, &config).await;
        print(&if self.json { json(&examined)? } else { shown(&examined, &context.ui) })?;
        let failed = examined.iter().filter(|one| one.findings.iter().any(Finding::fails));
        let failed: Vec<_> = failed.map(|one| context.ui.language.about(&one.about)).collect();
        if failed.is_empty() {
            return Ok(());
        }
        note(&context.ui.language.cli_note(&CliNote::NotWell { what: failed }));
        Err(Fault::Said(FAILED))
    }

    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    async fn look(&self, context: &Context, config: &Config) -> Vec<Examined> {
        let subject = Subject {
            config,
            file: &context.config,
            refused: &check::refused(config, &context.config),
            questionable: &if self.wants(Part::Machine) { check::questionable(config, context) } else { Vec::new() },
            database: &DataDir::new(&config.server.data_dir).database(),
            open_files: &OpenFiles::allowed().finding(),
            now: context.ui.now,
        };
        let mut examined = subject.examine(&self.wanted(&[Part::Machine])).await;
        if [Part::Running, Part::Backups, Part::Hosts].into_iter().any(|part| self.wants(part)) {
            // Before the first start there is none to be missed, unless it is asked for.
            let is_missed = !self.parts.is_empty() || subject.database.exists();
            let (running, client) = running::examine(context, self.language(context), is_missed).await;
            examined.push(running);
            if let Some(client) = client {
                self.ask(&client, config, self.language(context), &mut examined).await;
            }
        }
        examined.extend(subject.examine(&self.wanted(&[Part::Address, Part::Telegram, Part::Github, Part::Ai])).await);
        doctor::tell_secrets_once(&mut examined);
        examined
    }

    /// Those of these that are wanted and can be looked at from here.
    fn wanted(&self, of: &[Part]) -> Vec<doctor::Part> {
        of.iter().filter(|part| self.wants(**part)).filter_map(|part| part.without_running_rmm()).collect()
    }

    /// The language of what is said: JSON is in English.
    fn language(&self, context: &Context) -> Language {
        if self.json { Language::En } else { context.ui.language }
    }

    /// What only the RMM that runs knows.
    async fn ask(&self, client: &Client, config: &Config, language: Language, examined: &mut Vec<Examined>) {
        if self.wants(Part::Backups) {
            examined.push(running::backups(client, language).await);
        }
        if self.wants(Part::Hosts) {
            let names: Vec<_> = config.hosts.iter().map(|host| host.name.to_string()).collect();
            for (name, found) in check_each(client, names).await {
                let unasked = |fault: Fault| {
                    vec![Finding::fail(Topic::Check, RunningFact::RunningSays { said: fault.told(language) })]
                };
                let findings = found.unwrap_or_else(unasked);
                examined.push(Examined { part: "hosts", about: About::Named(name), findings });
            }
        }
    }
}

fn json(examined: &[Examined]) -> Result<String, Fault> {
    let mut numbers = 1..;
    let parts: Vec<_> = examined
        .iter()
        .map(|one| {
            let numbered = one.findings.iter().zip(&mut numbers);
            let findings: Vec<_> =
                numbered.map(|(finding, number)| Numbered { number, finding: finding.clone().into() }).collect();
            serde_json::json!({ "part": one.part, "about": Language::En.about(&one.about), "findings": findings })
        })
        .collect();
    serde_json::to_string(&parts).map(|text| text + "\n").map_err(|error| Fault::failed(error.to_string()))
}

fn shown(examined: &[Examined], ui: &Ui) -> String {
    let mut first = 1;
    let parts: Vec<_> = examined
        .iter()
        .map(|one| {
            let report = findings::numbered(&ui.language.about(&one.about), &one.findings, first, ui);
            first += one.findings.len();
            report
        })
        .collect();
    parts.join("\n")
}

#[cfg(test)]
mod tests;
