//! The command line: what people and scripts type, as calls to a running RMM or to its data directory.

mod demo;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Release Management Machine: git tag → stage → rehearsed rollback → approvals → production.
#[derive(Debug, Parser)]
#[command(name = "rmm", version, max_term_width = 100)]
struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, env = "RMM_CONFIG", default_value = "rmm.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the machine.
    Serve(serve::Serve),
    Demo(demo::Demo),
    /// The small service that `demo` releases.
    #[command(hide = true)]
    DemoService(crate::demo::service::Args),
}

/// Exit status: wrong usage or configuration.
const USAGE: u8 = 2;

/// Runs what the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.verb {
        Verb::Serve(serve) => serve.run(&cli.config),
        Verb::Demo(demo) => demo.run(),
        Verb::DemoService(args) => demo::run_service(args),
    }
}

/// The runtime that everything asynchronous runs on.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context;
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")
}
