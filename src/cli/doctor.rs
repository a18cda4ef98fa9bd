//! `rmm doctor`: goes out from this machine, with RMM's configuration, and says of what RMM needs elsewhere whether it is well;
//! and if not, what to do.
//!
//! Changes nothing anywhere. No RMM has to run.

mod github;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::findings;
use crate::api_client::{Context, FAILED, Fault, print};
use crate::app::config_file::with_dashboard;
use crate::app::outside::Outside;
use crate::config::Config;
use crate::contract::Finding;
use crate::terminal::{Ui, note};
use crate::wording::Language;

/// Ask whether what RMM needs elsewhere is well.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm doctor                   all there is\n  rmm doctor github            GitHub alone\n  \
    rmm doctor github --json | jq '.[].findings[] | select(.state != \"ok\")'\n\n\
    Reads rmm.toml with its secrets, as `rmm serve` would, and asks from this machine; no RMM has to run, and nothing is changed. \
    What is on your servers, `rmm host check` tells. Exit status: 0 well (perhaps with warnings), 1 something is not, \
    2 the configuration is wrong."
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
    /// The login at GitHub, the repositories of services, their workflows and webhooks, and the clock
    Github,
}

/// What was found about one thing.
#[derive(Debug, Serialize)]
struct Examined {
    /// `github`.
    part: &'static str,
    /// The thing.
    about: String,
    /// In the order in which it was looked at.
    findings: Vec<Finding>,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let file = Config::load_without_secrets(&context.config, &context.env)?;
        let config = with_dashboard(&file, &context.env)?.config;
        let outside = Outside::of(&config);
        let mut examined = Vec::new();
        if self.parts.is_empty() || self.parts.contains(&Part::Github) {
            examined.extend(github::examine(&config, outside.github()).await);
        }
        for finding in examined.iter_mut().flat_map(|one| &mut one.findings) {
            finding.detail = outside.redacted(&finding.detail);
        }
        if self.json {
            let text = serde_json::to_string(&examined).map_err(|error| Fault::Failed(error.to_string()))?;
            print(&format!("{text}\n"))?;
        } else {
            print(&shown(&examined, &context.ui))?;
        }
        let failed: Vec<_> =
            examined.iter().filter(|one| one.findings.iter().any(Finding::fails)).map(|one| &*one.about).collect();
        if failed.is_empty() {
            return Ok(());
        }
        let failed = failed.join(", ");
        note(&match context.ui.language {
            Language::En => format!("rmm: not well: {failed}"),
            Language::Ru => format!("rmm: не в порядке: {failed}"),
        });
        Err(Fault::Said(FAILED))
    }
}

fn shown(examined: &[Examined], ui: &Ui) -> String {
    let parts: Vec<_> = examined.iter().map(|one| findings::report(&one.about, &one.findings, ui)).collect();
    parts.join("\n")
}

#[cfg(test)]
mod tests;
