//! Looks at everything that RMM needs, from the machine that it runs on, and says of each thing whether it is well; and if not,
//! what to do.
//!
//! Must not: change anything anywhere, ask the RMM that runs (who asks it brings the answers here), or say a secret.

mod address;
mod ai;
pub mod github;
mod machine;
pub mod running;
mod telegram;

use std::path::Path;

use jiff::Timestamp;

use crate::config::Config;
use crate::domain::fault::machine::MachineFault;
use crate::domain::finding::{About, Finding, Found, MachineFact};
use crate::engine::catalog::Catalog;

/// What can be looked at from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The configuration, the database, the disk, the clock, open files.
    Machine,
    /// RMM's own address as seen from outside, and its certificate.
    Address,
    /// The bot: its token, and how updates come.
    Telegram,
    /// The login at GitHub, the repositories of services, their workflows and webhooks, and the clock.
    Github,
    /// Who guesses at the cause of a failure.
    Ai,
}

impl Part {
    /// In the order in which they are looked at.
    pub const ALL: [Self; 5] = [Self::Machine, Self::Address, Self::Telegram, Self::Github, Self::Ai];
}

/// What was found about one thing that RMM needs.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Which part of what RMM needs it belongs to, such as `github`.
    pub part: &'static str,
    /// The thing.
    pub about: About,
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// With the services of the dashboard.
    pub config: &'a Config,
    /// Where it was read.
    pub file: &'a Path,
    /// Why RMM does not start with it on this machine, in sentences.
    pub refused: &'a [MachineFault],
    /// What is questionable about this machine.
    pub questionable: &'a [MachineFault],
    /// Which may not exist yet.
    pub database: &'a Path,
    /// What is known of the files that RMM may open.
    pub open_files: &'a Finding,
    /// The time.
    pub now: Timestamp,
}

impl Subject<'_> {
    /// Looks at these parts. Takes as long as those outside need to answer: at most some ten seconds for each question.
    pub async fn examine(self, parts: &[Part]) -> Vec<Examined> {
        let Self { config, now, .. } = self;
        let catalog = Catalog::new(config);
        let mut examined = Vec::new();
        for part in parts {
            match part {
                Part::Machine => examined.push(machine::examine(self)),
                Part::Address => examined.push(address::examine(config, now).await),
                Part::Telegram => examined.extend(telegram::examine(config).await),
                Part::Github => examined.extend(github::examine(config, catalog.github()).await),
                Part::Ai => examined.extend(ai::examine(config).await),
            }
        }
        tell_secrets_once(&mut examined);
        for finding in examined.iter_mut().flat_map(|one| &mut one.findings) {
            catalog.redactor().hide_in(finding);
        }
        examined
    }
}

/// A secret that cannot be looked up is told where it is needed, if that was looked at, and else with the configuration. What has
/// nothing to say is left out.
pub fn tell_secrets_once(examined: &mut Vec<Examined>) {
    let elsewhere = examined.iter().filter(|one| one.part != machine::PART).flat_map(|one| &one.findings);
    let needed: Vec<_> = elsewhere.filter_map(missing_secret).map(ToOwned::to_owned).collect();
    let is_told = |finding: &Finding| missing_secret(finding).is_some_and(|key| needed.iter().any(|told| told == key));
    for one in examined.iter_mut().filter(|one| one.part == machine::PART) {
        one.findings.retain(|finding| !is_told(finding));
    }
    examined.retain(|one| !one.findings.is_empty());
}

/// The key of the secret that is missing.
fn missing_secret(finding: &Finding) -> Option<&str> {
    let Found::Machine(MachineFact::NoSecret { key, .. }) = &finding.found else { return None };
    Some(key)
}
