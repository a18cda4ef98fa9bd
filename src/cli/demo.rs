//! `rmm demo`: the life cycle on this machine; and the small service that it releases, as a hidden verb.

use std::process::ExitCode;
use std::time::Duration;

use crate::demo::{self, service};

/// Watch the whole life cycle on this machine.
///
/// A real service in three versions, real deploys, a rehearsed rollback, three approvals, and a real failure that rolls
/// itself back. Needs git and nothing else. Everything happens in a temporary folder, which is removed at the end.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// End after the story: exit status 0 only if all of it held.
    #[arg(long)]
    once: bool,
    /// Print a summary for machines; the progress goes to standard error as plain lines.
    #[arg(long)]
    json: bool,
    /// Approve in Telegram yourself: a bot of yours asks you, as ann.
    ///
    /// The token of the bot is taken from RMM_TELEGRAM_TOKEN; without it, the demo says how to get one. RMM_TELEGRAM_API is
    /// the address of a Bot API server of your own.
    #[arg(long)]
    telegram: bool,
    /// How long each of your taps in Telegram is waited for; the story then goes on without.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "telegram")]
    wait: u32,
}

impl Demo {
    pub(super) fn run(&self) -> ExitCode {
        let telegram = self.telegram.then(|| Duration::from_secs(self.wait.into()));
        let options = demo::Options { once: self.once, json: self.json, telegram };
        match super::runtime().and_then(|runtime| runtime.block_on(demo::run(options))) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => failed(&error),
        }
    }
}

/// `rmm demo-service …`
pub(super) fn run_service(args: service::Args) -> ExitCode {
    match super::runtime().and_then(|runtime| runtime.block_on(service::run(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("rmm: {error:#}");
    ExitCode::FAILURE
}
