//! `rmm release …`: what people and CI do with releases.

mod create;
mod decide;
mod logs;
mod look;
mod show;
mod steps;
mod wait;

use std::str::FromStr;

use clap::{Args, Subcommand};

use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{Say, Word};
use crate::domain::status::{List, Status};
use crate::terminal::Tone;

pub use self::look::history;
pub use self::wait::duration;

/// Releases: create, look, decide.
#[derive(Debug, Subcommand)]
pub enum Release {
    /// Create a release (or find the one that exists already)
    Create(create::Create),
    /// Report a status from CI
    Report(create::Report),
    /// List releases, newest first
    List(look::List),
    /// Show a release: its status, what it waits for, what you can do
    #[command(after_help = "Examples:\n  rmm release show 12\n  rmm release show '#12' --json | jq -r .status")]
    Show(One),
    /// Explain what blocks a release from production, and who can clear it
    #[command(after_help = "Example:\n  rmm release explain 12")]
    Explain(One),
    /// Print the steps that would run, before anything runs
    Plan(steps::Plan),
    /// Show the runs of a release, step by step
    #[command(after_help = "Example:\n  rmm release runs 12")]
    Runs(One),
    /// Print what happened to a release
    #[command(after_help = "Example:\n  rmm release events 12")]
    Events(One),
    /// Print the output of the steps
    Logs(logs::Logs),
    /// Wait until a release has ended or has come to a status
    Wait(wait::Wait),
    /// Approve a release for production
    #[command(after_help = "Example:\n  rmm release approve 12\n\n\
        A vote is a person's: RMM_TOKEN must be a token of a listed person (rmm token create … --person NAME).")]
    Approve(One),
    /// Reject a release
    #[command(after_help = "Example:\n  rmm release reject 12 --reason 'the basket loses items'")]
    Reject(decide::Because),
    /// Stop a release before production
    #[command(after_help = "Example:\n  rmm release cancel 12 --reason 'wrong tag'")]
    Cancel(decide::Because),
    /// Stop a production deploy that is under way, and roll back
    #[command(after_help = "Example:\n  rmm release abort 12 --reason 'errors on checkout'")]
    Abort(decide::Abort),
    /// Retry from the start
    #[command(after_help = "Example:\n  rmm release retry 12\n\n\
        A release that waits because the repository does not have its tag or its commit is looked up again. What the repository \
        says is awaited for 15 s at most; exit status 1: it still says no.")]
    Retry(One),
    /// Start the production deploy, if it does not start by itself
    #[command(after_help = "Example:\n  rmm release promote 12")]
    Promote(One),
    /// Roll production back to an older good version
    Rollback(decide::Rollback),
    /// Skip gates of production, on the record
    Bypass(decide::Bypass),
    /// Record how a run ended that RMM cannot know
    Resolve(decide::Resolve),
}

/// The number of a release or a run: `12` or `#12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub i64);

impl FromStr for Number {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        number.filter(|number| *number > 0).map(Self).ok_or_else(|| "must be a number such as 12 or #12".into())
    }
}

/// One release.
#[derive(Debug, Args)]
pub struct One {
    /// The number of the release, as 12 or '#12'
    #[arg(value_name = "N")]
    number: Number,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Release {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        match self {
            Self::Create(create) => create.run(context).await,
            Self::Report(report) => report.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Show(one) => show::show(context, &one).await,
            Self::Explain(one) => show::explain(context, &one).await,
            Self::Plan(plan) => plan.run(context).await,
            Self::Runs(one) => steps::runs(context, &one).await,
            Self::Events(one) => look::events(context, &one).await,
            Self::Logs(logs) => logs.run(context).await,
            Self::Wait(wait) => wait.run(context).await,
            Self::Approve(one) => decide::decide(context, &one, "approve", Say::default()).await,
            Self::Retry(one) => decide::retry(context, &one).await,
            Self::Promote(one) => decide::decide(context, &one, "promote", Say::default()).await,
            Self::Reject(because) => because.run(context, "reject").await,
            Self::Cancel(because) => because.run(context, "cancel").await,
            Self::Abort(abort) => abort.run(context).await,
            Self::Rollback(rollback) => rollback.run(context).await,
            Self::Bypass(bypass) => bypass.run(context).await,
            Self::Resolve(resolve) => resolve.run(context).await,
        }
    }
}

/// Asks for something and shows it: as JSON, or as `shown` puts it.
async fn ask<T: serde::de::DeserializeOwned>(
    context: &Context,
    one: &One,
    what: &str,
    shown: impl FnOnce(T) -> String,
) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Look).await?;
    let call = Call::get(format!("/api/v1/releases/{}{what}", one.number.0));
    let (value, json) = client.json::<T>(call).await.map_err(|fault| fault.about(one.number.0).in_json(one.json))?;
    if one.json { print(&format!("{json}\n")) } else { print(&shown(value)) }
}

/// The colour of a status.
pub fn tone(status: &Word<Status>) -> Tone {
    let Some(status) = status.known() else { return Tone::Plain };
    match status.list() {
        List::Successful => Tone::Good,
        List::Failed if status == Status::Cancelled => Tone::Dim,
        List::Failed => Tone::Bad,
        List::Active if matches!(status, Status::ManualTesting | Status::ManualTestPassed) => Tone::Waiting,
        List::Active => Tone::Busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_and_without_their_sign() {
        assert_eq!("12".parse(), Ok(Number(12)));
        assert_eq!("#12".parse(), Ok(Number(12)));
        for bad in ["", "#", "x", "-1", "0", "+3", "##1", "1.5", "99999999999999999999"] {
            assert!(bad.parse::<Number>().is_err(), "{bad}");
        }
    }

    #[test]
    fn waiting_for_people_looks_different() {
        assert_eq!(tone(&Status::ManualTesting.into()), Tone::Waiting);
        assert_eq!(tone(&Status::Deploying.into()), Tone::Busy);
        assert_eq!(tone(&Status::Cancelled.into()), Tone::Dim);
        assert_eq!(tone(&Status::RollbackDone.into()), Tone::Bad);
        assert_eq!(tone(&Word::Other("resting".into())), Tone::Plain);
    }
}
