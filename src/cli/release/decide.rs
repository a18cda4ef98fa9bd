//! What people decide: reject, cancel, abort, roll back, bypass, resolve.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::super::api;
use super::super::client::{Call, Client, Intent};
use super::super::fault::Fault;
use super::super::place::Context;
use super::super::ui::{clean, print, sentence};
use super::{Number, One};
use crate::domain::reason::Reason;
use crate::domain::status::List;

/// The gates that can be skipped.
const GATES: [&str; 4] = ["approvals", "fresh_rehearsal", "not_a_downgrade", "no_lock"];

/// Stands in the record where nobody said why.
const NO_REASON: &str = "no reason given";

/// A decision with its reason.
#[derive(Debug, Args)]
pub struct Because {
    #[command(flatten)]
    one: One,
    /// Why; people will read it
    #[arg(long, short, value_name = "TEXT")]
    reason: String,
}

impl Because {
    pub(super) async fn run(self, context: &Context, what: &str) -> Result<(), Fault> {
        decide(context, &self.one, what, json!({"reason": self.reason})).await
    }
}

/// A decision that may go without a reason.
#[derive(Debug, Args)]
pub struct Perhaps {
    #[command(flatten)]
    one: One,
    /// Why; people will read it
    #[arg(long, short, value_name = "TEXT", default_value = NO_REASON)]
    reason: String,
}

impl Perhaps {
    pub(super) async fn run(self, context: &Context, what: &str) -> Result<(), Fault> {
        decide(context, &self.one, what, json!({"reason": self.reason})).await
    }
}

/// End a production deploy that is under way.
#[derive(Debug, Args)]
pub struct Abort {
    #[command(flatten)]
    because: Perhaps,
    /// Even though it is not known how a run ended
    #[arg(long)]
    force: bool,
}

impl Abort {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let body = json!({"reason": self.because.reason, "force": self.force});
        decide(context, &self.because.one, "abort", body).await
    }
}

/// Take production back to an older good version.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm release rollback 12 --reason 'payments fail'\n  \
    rmm release rollback 12 --to v1.3.2 --reason 'payments fail'\n\n\
    N is the release that production runs. Production is locked afterwards: `rmm service unlock` lets the next one in.")]
pub struct Rollback {
    #[command(flatten)]
    because: Because,
    /// Where to, a tag or '#11'; default: the good version before
    #[arg(long, value_name = "TAG|#N")]
    to: Option<String>,
    /// Even though it is not known how a run ended
    #[arg(long)]
    force: bool,
}

impl Rollback {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let mut body = json!({"reason": self.because.reason, "force": self.force});
        if let (Some(to), Some(body)) = (self.to, body.as_object_mut()) {
            body.insert("to".into(), json!(to));
        }
        decide(context, &self.because.one, "rollback", body).await
    }
}

/// Skip gates of production.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  rmm release bypass 12 --gate approvals --gate fresh_rehearsal --reason 'site is down'\n\n\
    It is on the record for good, with your name and the reason."
)]
pub struct Bypass {
    #[command(flatten)]
    because: Because,
    /// The gate to skip; may be given several times
    #[arg(long, required = true, value_name = "GATE", value_parser = PossibleValuesParser::new(GATES))]
    gate: Vec<String>,
}

impl Bypass {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let body = json!({"reason": self.because.reason, "gates": self.gate});
        decide(context, &self.because.one, "bypass", body).await
    }
}

/// Makes a decision and says where the release stands then.
pub(super) async fn decide(context: &Context, one: &One, what: &str, body: Value) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Move).await?;
    let id = one.number.0;
    let body = if body.is_null() { json!({}) } else { body };
    let call = Call::post(format!("/api/v1/releases/{id}/{what}"), body);
    let (details, json): (api::Details, _) =
        client.json(call).await.map_err(|fault| vote_hint(fault, what).about(id).in_json(one.json))?;
    if one.json { print(&format!("{json}\n")) } else { print(&outcome(&details, what)) }
}

/// The operator's socket is nobody's voice.
fn vote_hint(fault: Fault, what: &str) -> Fault {
    fault.refusal(|refusal| {
        if matches!(what, "approve" | "reject") && refusal.problem.code == "forbidden" {
            refusal.hint = Some(
                "A vote is a person's: set RMM_URL, and RMM_TOKEN to a token of that person\n  \
                 (rmm token create NAME --role member --person PERSON)."
                    .to_owned(),
            );
        }
    })
}

fn outcome(details: &api::Details, what: &str) -> String {
    let release = &details.release;
    let status = release.status.as_str();
    let how = match release.reason.as_deref().filter(|_| release.status.list() == List::Failed) {
        // That says it already.
        Some(reason) if matches!(release.because, Some(Reason::Cancelled { .. })) => reason.to_owned(),
        Some(reason) => format!("{status}: {reason}"),
        None => status.to_owned(),
    };
    let text = format!("#{} {} {} is {}", release.id, release.service, release.name(), clean(&how));
    let mut text = sentence(&text);
    let approvals = &details.approvals;
    if matches!(what, "approve" | "reject") && approvals.needed > 0 {
        text.push_str(&format!(" {} of {} approvals", approvals.given.len(), approvals.needed));
        if !approvals.missing.is_empty() && approvals.given.len() < approvals.needed {
            text.push_str(&format!("; missing: {}", approvals.missing.join(", ")));
        }
        text.push('.');
    }
    text.push('\n');
    text
}

/// Say how a run ended.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm release resolve 41 --as succeeded --reason 'looked at the server: it runs v1.4.0'\n  \
    rmm release resolve 41 --as again\n\nRUN is the number of the run, as `rmm release runs N` shows it."
)]
pub struct Resolve {
    /// The number of the run
    #[arg(value_name = "RUN")]
    run: Number,
    /// What you found: it ended well (or was repaired by hand), it failed, or it should run again
    #[arg(long = "as", value_name = "VERDICT", value_parser = PossibleValuesParser::new(["succeeded", "failed", "again"]))]
    verdict: String,
    /// How you know
    #[arg(long, short, value_name = "TEXT", default_value = NO_REASON)]
    reason: String,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Resolve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Move).await?;
        let body = json!({"verdict": self.verdict, "reason": self.reason});
        let call = Call::post(format!("/api/v1/runs/{}/resolve", self.run.0), body);
        let (run, json): (api::Run, _) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{json}\n"));
        }
        print(&format!("Run {} ({} {} of #{}) is {}.\n", run.id, run.environment, run.kind, run.release, run.state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::GateName;

    #[test]
    fn the_gates_are_those_that_can_be_skipped() {
        for gate in GATES {
            let name: GateName = serde_json::from_value(json!(gate)).unwrap();
            assert!(name.can_be_bypassed());
        }
    }
}
