//! What people decide: reject, cancel, abort, roll back, bypass, resolve.

use clap::Args;
use clap::builder::TypedValueParser;

use super::super::{one_of, words};
use super::create::confirmed;
use super::{Number, One};
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{self, ResolveRun, Say};
use crate::domain::command::Resolution;
use crate::domain::gate::GateName;
use crate::domain::reason::Reason;
use crate::domain::status::List;
use crate::terminal::{Ui, clean, sentence};
use crate::wording::Language;

/// On the record if an admin gave no reason.
const NO_REASON: &str = "no reason given";

/// A decision with its reason.
#[derive(Debug, Args)]
pub struct Because {
    #[command(flatten)]
    one: One,
    /// Why; people will read it
    #[arg(long, short, value_name = "TEXT", value_parser = crate::cli::prose())]
    reason: String,
}

impl Because {
    pub(super) async fn run(self, context: &Context, what: &str) -> Result<(), Fault> {
        decide(context, &self.one, what, Say { reason: Some(self.reason), ..Say::default() }).await
    }
}

/// End a production deploy that is under way.
#[derive(Debug, Args)]
pub struct Abort {
    #[command(flatten)]
    because: Because,
    /// Even though it is not known how a run ended
    #[arg(long)]
    force: bool,
}

impl Abort {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let body = Say { reason: Some(self.because.reason), force: self.force, ..Say::default() };
        decide(context, &self.because.one, "abort", body).await
    }
}

/// Roll production back to an older good version.
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
        let (reason, to, force) = (Some(self.because.reason), self.to, self.force);
        let body = Say { reason, to, force, ..Say::default() };
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
    #[arg(long, required = true, value_name = "GATE", value_parser = gates())]
    gate: Vec<GateName>,
}

/// The gates that can be skipped.
fn gates() -> impl TypedValueParser<Value = GateName> {
    one_of(GateName::ALL.iter().filter(|gate| gate.can_be_bypassed()).map(|gate| gate.as_str()))
}

impl Bypass {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let body = Say { reason: Some(self.because.reason), gates: self.gate, ..Say::default() };
        decide(context, &self.because.one, "bypass", body).await
    }
}

/// Makes a decision and says where the release stands then.
pub(super) async fn decide(context: &Context, one: &One, what: &str, say: Say) -> Result<(), Fault> {
    let client = Client::connect(context, Intent::Move).await?;
    let id = one.number.0;
    let call = Call::post(format!("/api/v1/releases/{id}/{what}"), say);
    let (details, json): (contract::ReleaseDetails, _) =
        client.json(call).await.map_err(|fault| vote_hint(fault, what, &context.ui).about(id).in_json(one.json))?;
    if one.json { print(&format!("{json}\n")) } else { print(&outcome(&details, what, &context.ui)) }
}

/// Has a release begin again, or the repository asked once more, and waits for what that says.
pub(super) async fn retry(context: &Context, one: &One) -> Result<(), Fault> {
    decide(context, one, "retry", Say::default()).await?;
    let client = Client::connect(context, Intent::Look).await?;
    confirmed(&client, one.number.0, &context.ui).await
}

/// The operator's socket belongs to no person, so it cannot vote: says how to.
fn vote_hint(fault: Fault, what: &str, ui: &Ui) -> Fault {
    fault.refusal(|refusal| {
        if matches!(what, "approve" | "reject") && refusal.problem.code == "forbidden" {
            refusal.hint = Some(words::words(ui.language).vote_is_a_persons.into());
        }
    })
}

/// Where the release stands after a decision.
fn outcome(details: &contract::ReleaseDetails, what: &str, ui: &Ui) -> String {
    let release = &details.release;
    let status = words::status(ui.language, &release.status);
    let why = release.reason.as_deref().filter(|_| release.list == List::Failed);
    let why = why.map(|sentence| words::reason(ui, sentence, release.because.as_ref()));
    let how = match why {
        // That says it already.
        Some(why) if matches!(release.because, Some(Reason::Cancelled { .. })) => why,
        Some(why) if ui.language == Language::Ru && matches!(release.because, Some(Reason::Rejected { .. })) => why,
        Some(why) => format!("{status}: {why}"),
        None => status,
    };
    let named = format!("#{} {} {}", release.id, release.service, release.name());
    let text = match ui.language {
        Language::En => format!("{named} is {how}"),
        Language::Ru => format!("{named}: {how}"),
    };
    let mut text = sentence(&clean(&text));
    if what == "cancel" && release.list == List::Active {
        text.push_str(words::words(ui.language).is_being_cancelled);
    }
    let approvals = &details.approvals;
    if matches!(what, "approve" | "reject") && approvals.needed > 0 {
        let (given, needed, missing) = (approvals.given.len(), approvals.needed, approvals.missing.join(", "));
        let waits = !missing.is_empty() && given < needed && release.list == List::Active;
        text.push_str(&match (ui.language, waits) {
            (Language::En, true) => format!(" {given} of {needed} approved; waiting for {missing}."),
            (Language::En, false) => format!(" {given} of {needed} approved."),
            (Language::Ru, true) => format!(" Подтверждений: {given} из {needed}; ещё не подтвердили: {missing}."),
            (Language::Ru, false) => format!(" Подтверждений: {given} из {needed}."),
        });
    }
    text.push('\n');
    text
}

/// Say how a run ended.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm release resolve 41 --as succeeded --reason 'looked at the server: it runs v1.4.0'\n  \
    rmm release resolve 41 --as again\n\nRUN is the number of the run, as `rmm release runs N` shows it. `succeeded` means that \
    the environment runs now what the run was to bring, by whatever means; `rmm release show N` names that version."
)]
pub struct Resolve {
    /// The number of the run
    #[arg(value_name = "RUN")]
    run: Number,
    /// What you found: it ended well (or was repaired by hand), it failed, or it should run again
    #[arg(long = "as", value_name = "VERDICT", value_parser = one_of::<Resolution>(["succeeded", "failed", "again"]))]
    verdict: Resolution,
    /// How you know
    #[arg(long, short, value_name = "TEXT", default_value = NO_REASON, value_parser = crate::cli::prose())]
    reason: String,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Resolve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let client = Client::connect(context, Intent::Move).await?;
        let body = ResolveRun { verdict: self.verdict, reason: self.reason };
        let call = Call::post(format!("/api/v1/runs/{}/resolve", self.run.0), body);
        let (run, json): (contract::RunView, _) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            return print(&format!("{json}\n"));
        }
        let release: contract::ReleaseView = client.get(format!("/api/v1/releases/{}", run.release)).await?;
        print(&resolved(&run, self.verdict, &release, &context.ui))
    }
}

/// What is so now that a run has been resolved; `run`: the new one, where it runs again.
fn resolved(run: &contract::RunView, verdict: Resolution, release: &contract::ReleaseView, ui: &Ui) -> String {
    let (to, place) = (contract::version(&run.to), words::environment(ui.language, &run.environment));
    let stands = format!("#{} {}: {}", release.id, release.name(), words::status(ui.language, &release.status));
    let what = words::run(ui, run);
    let now = match (ui.language, verdict, run.state == "succeeded") {
        (Language::En, Resolution::Succeeded, false) => format!("{place} is repaired; it runs {to}."),
        (Language::Ru, Resolution::Succeeded, false) => format!("{place}: починено, работает {to}."),
        (Language::En, Resolution::Succeeded, true) => format!("{place} runs {to}. {stands}."),
        (Language::Ru, Resolution::Succeeded, true) => format!("{place}: работает {to}. {stands}."),
        (Language::En, Resolution::Failed, _) => format!("Run {} counts as failed. {stands}.", run.id),
        (Language::Ru, Resolution::Failed, _) => format!("Прогон {} считается неудачным. {stands}.", run.id),
        (Language::En, Resolution::Again, _) if run.waits_for_ci => {
            format!("Run {} waits for CI to report that it begins: {what} to {to}.", run.id)
        }
        (Language::Ru, Resolution::Again, _) if run.waits_for_ci => {
            format!("Прогон {} ждёт, что CI сообщит о его начале: {what}, {to}.", run.id)
        }
        (Language::En, Resolution::Again, _) => format!("Run {} begins: {what} to {to}.", run.id),
        (Language::Ru, Resolution::Again, _) => format!("Начат прогон {}: {what}, {to}.", run.id),
    };
    format!("{}\n", clean(&now))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(status: &str, list: &str, because: Option<&Reason>) -> contract::ReleaseDetails {
        let at = "2026-01-01T00:00:00Z";
        serde_json::from_value(json!({
            "id": 12, "service": "shop", "tag": "v1.4.0", "commit": null, "status": status, "list": list,
            "reason": because.map(|why| Language::En.reason(why)), "because": because, "status_since": at, "attempt": 1,
            "revision": 7, "initiated_by": "ann", "owner": "ann", "ci_run": null, "tagged_at": null, "notes": "", "surfaces": [],
            "rollback_to_tag": null, "created_at": at, "started_at": at, "completed_at": null, "unmet": [], "legal": [],
            "approvals": {"needed": 2, "given": ["ann"], "missing": ["bob"], "votes": []},
        }))
        .unwrap()
    }

    #[test]
    fn what_a_decision_came_to() {
        let (by, why) = ("ann".to_owned(), "wrong tag".to_owned());
        let cancelled = Reason::Cancelled { by: by.clone(), why: why.clone() };
        let rejected = Reason::Rejected { by, why };
        let mut text = String::new();
        for language in [Language::En, Language::Ru] {
            let ui = Ui { language, ..Ui::test(80) };
            for (details, what) in [
                (release("manual_testing", "active", None), "approve"),
                (release("manual_test_failed", "failed", Some(&rejected)), "reject"),
                (release("cancelled", "failed", Some(&cancelled)), "cancel"),
                (release("deploying", "active", None), "promote"),
                (release("manual_test_passed", "active", None), "cancel"),
            ] {
                text.push_str(&outcome(&details, what, &ui));
            }
        }
        insta::assert_snapshot!(text);
    }
}
