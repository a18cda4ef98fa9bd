//! `release create` and `release report`: what CI says.

use std::time::Duration;

use clap::Args;

use super::super::{one_of, words};
use super::Number;
use crate::api_client::{Call, Client, Context, Fault, Intent, print};
use crate::contract::{self, CreateRelease, CreatingRun, PatchRelease, ReportingRun};
use crate::domain::fault::cli::CliFault;
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::terminal::{Ui, clean, note};
use crate::wording::Language;

/// How often, and how many times, RMM is asked what the repository has said of a tag.
const EVERY: Duration = Duration::from_millis(250);
const LOOKS: u32 = 60;

/// Create a release.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm release create --service shop --tag v1.4.0\n  \
    rmm release create --service shop --tag \"$GITHUB_REF_NAME\" \\\n      \
    --commit \"$GITHUB_SHA\" --by \"$GITHUB_ACTOR\" \\\n      \
    --ci-run-id \"$GITHUB_RUN_ID\" --ci-run-attempt \"$GITHUB_RUN_ATTEMPT\"\n\n\
    The same CI run again gives the same release, so that a repeated job does no harm.\n\n\
    What the repository says of it is awaited for 15 s at most.\n\
    Exit status: 0 it is recorded, 1 it is recorded, and the repository does not have the tag or the commit, or the tag is \
    another commit, 2 wrong usage, 3 refused, 4 not reachable.")]
pub struct Create {
    /// The service
    #[arg(long, short, value_name = "NAME")]
    service: String,
    /// The git tag
    #[arg(long, short, required_unless_present = "commit")]
    tag: Option<String>,
    /// The full commit id; RMM asks the repository where it is not given
    #[arg(long)]
    commit: Option<String>,
    /// Who starts it; default: $GITHUB_ACTOR, $USER, git's user.name
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Whose release it is; default: who starts it
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// What people should know
    #[arg(long, value_name = "TEXT", value_parser = crate::cli::prose())]
    notes: Option<String>,
    /// The id of the CI run
    #[arg(long, value_name = "ID")]
    ci_run_id: Option<String>,
    /// Which attempt of it
    #[arg(long, value_name = "N", requires = "ci_run_id")]
    ci_run_attempt: Option<u32>,
    /// Where people can look at it
    #[arg(long, value_name = "URL", requires = "ci_run_id")]
    ci_url: Option<String>,
    /// The git ref that started it
    #[arg(long, value_name = "REF", requires = "ci_run_id")]
    ci_ref: Option<String>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Create {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let by = self.by.or_else(|| caller(context)).ok_or_else(|| Fault::usage(CliFault::WhoStarts))?;
        let (attempt, url, git_ref) = (self.ci_run_attempt, self.ci_url, self.ci_ref);
        let body = CreateRelease {
            service: self.service,
            tag: self.tag,
            commit: self.commit,
            initiated_by: by,
            owner: self.owner,
            ci_run: self.ci_run_id.map(|id| CreatingRun { id, attempt, url, git_ref }),
            tagged_at: None,
            notes: self.notes.unwrap_or_default(),
            surfaces: Vec::new(),
        };
        let client = Client::connect(context, Intent::Move).await?;
        let call = Call::post("/api/v1/releases", body);
        let (release, json): (contract::ReleaseView, _) =
            client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if self.json {
            print(&format!("{json}\n"))?;
        } else {
            note(&told(&release, &context.ui));
            print(&format!("#{}\n", release.id))?;
        }
        // It is recorded, whatever comes of the question.
        confirmed(&client, release.id, &context.ui).await
    }
}

/// Waits for what the repository says of the commit of a release that is recorded.
///
/// # Errors
/// [`Fault::Failed`] when it says that it is not what it was said to be.
pub(super) async fn confirmed(client: &Client, id: i64, ui: &Ui) -> Result<(), Fault> {
    if !client.is_served() {
        return Ok(());
    }
    match commit_fault(client, id).await {
        Ok(Heard::Denied(fault)) => Err(Fault::failed(cannot_go_on(id, &fault, ui))),
        Ok(Heard::Unanswered(fault)) => {
            note(&clean(&ui.language.reason(&fault)));
            Ok(())
        }
        Ok(Heard::Nothing) | Err(_) => Ok(()),
    }
}

/// What the repository says of the tag or the commit of a release.
enum Heard {
    /// It is not what it was said to be, or there is no repository.
    Denied(Reason),
    /// It could not be asked; RMM asks again.
    Unanswered(Reason),
    /// That all is well, or nothing in time.
    Nothing,
}

/// What the repository says of the tag or the commit of a release, as soon as it has said so.
async fn commit_fault(client: &Client, id: i64) -> Result<Heard, Fault> {
    for _ in 0..LOOKS {
        let release: contract::ReleaseView = client.get(format!("/api/v1/releases/{id}")).await?;
        let is_active = release.is_active();
        let Some(check) = release.commit_check else { return Ok(Heard::Nothing) };
        if check.asked {
            tokio::time::sleep(EVERY).await;
            continue;
        }
        let told = check.reason.map(Reason::told);
        let Some(why) = check.because.or(told) else { return Ok(Heard::Nothing) };
        // Nothing comes of asking again before the operator has seen to it; and a release whose commit could not be asked for at all has
        // failed.
        let is_over = why.is_of_missing_repository() || release.commit.is_none() && !is_active;
        return Ok(match check.answer.as_deref() {
            Some("denied") => Heard::Denied(why),
            _ if is_over => Heard::Denied(why),
            Some("unanswered") => Heard::Unanswered(why),
            Some(_) | None => Heard::Nothing,
        });
    }
    Ok(Heard::Nothing)
}

fn cannot_go_on(id: i64, fault: &Reason, ui: &Ui) -> String {
    let why = clean(&ui.language.reason(fault));
    match (ui.language, fault.is_of_missing_repository()) {
        (Language::En, false) => format!("#{id} is recorded, but cannot go on: {why}"),
        (Language::Ru, false) => format!("#{id} записан, но дальше идти не может: {why}"),
        (Language::En, true) => format!(
            "#{id} is recorded, but cannot go on: {}. Put the repository there, or correct `repository` of the service in \
             rmm.toml; RMM asks again by itself",
            why.trim_end_matches('.')
        ),
        (Language::Ru, true) => format!(
            "#{id} записан, но дальше идти не может: {}. Верните репозиторий на место или исправьте `repository` сервиса в \
             rmm.toml; RMM спросит его снова сам",
            why.trim_end_matches('.')
        ),
    }
}

/// What is said of a release that is recorded now, or was before.
fn told(release: &contract::ReleaseView, ui: &Ui) -> String {
    let created = release.created_at.duration_since(ui.now).as_secs() >= -5;
    let (id, ago, status) = (release.id, ui.ago(release.created_at), words::status(ui.language, &release.status));
    let named = format!("{} {}", release.service, release.name());
    match (ui.language, created) {
        (Language::En, true) => format!("{named} is {status}. `rmm release show {id}` shows it."),
        (Language::En, false) => format!("{named} is {status}, recorded {ago}. `rmm release show {id}` shows it."),
        (Language::Ru, true) => format!("{named}: {status}. Посмотреть: `rmm release show {id}`."),
        (Language::Ru, false) => format!("{named}: {status}; записан {ago}. Посмотреть: `rmm release show {id}`."),
    }
}

/// Where a release stands after a report.
fn reported(release: &contract::ReleaseView, language: Language) -> String {
    let named = format!("#{} {} {}", release.id, release.service, release.name());
    let status = words::status(language, &release.status);
    match language {
        Language::En => format!("{named} is {status}.\n"),
        Language::Ru => format!("{named}: {status}.\n"),
    }
}

/// Who probably calls this.
fn caller(context: &Context) -> Option<String> {
    let said = |command: &[&str]| {
        let output = std::process::Command::new(command[0]).args(&command[1..]).output().ok()?;
        let name = String::from_utf8(output.stdout).ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    };
    context
        .var("GITHUB_ACTOR")
        .map(ToOwned::to_owned)
        .or_else(|| context.var("USER").map(ToOwned::to_owned))
        .or_else(|| said(&["git", "config", "user.name"]))
        .or_else(|| said(&["id", "-un"]))
}

/// Report a status from CI.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rmm release report 12 --status stage_building --ci-run-id \"$GITHUB_RUN_ID\"\n  \
    rmm release report 12 --status deployed\n\n\
    Only for environments with driver \"ci\"; elsewhere RMM does the work and knows.")]
pub struct Report {
    /// The number of the release, as 12 or '#12'
    #[arg(value_name = "N")]
    number: Number,
    /// Where the release stands now
    #[arg(long, value_parser = one_of::<Status>(Status::ALL.iter().map(|status| status.as_str())))]
    status: Status,
    /// The id of the CI run that reports; by default the current one
    #[arg(long, value_name = "ID")]
    ci_run_id: Option<String>,
    /// Which attempt of it
    #[arg(long, value_name = "N", requires = "ci_run_id")]
    ci_run_attempt: Option<u32>,
    /// Where people can look at it
    #[arg(long, value_name = "URL", requires = "ci_run_id")]
    ci_url: Option<String>,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let (attempt, url) = (self.ci_run_attempt, self.ci_url);
        let ci_run = self.ci_run_id.map(|id| ReportingRun { id, attempt, url });
        let body = PatchRelease { status: Some(self.status), ci_run, surfaces: None };
        let client = Client::connect(context, Intent::Move).await?;
        let call = Call::patch(format!("/api/v1/releases/{}", self.number.0), body);
        let (release, json): (contract::ReleaseView, _) =
            client.json(call).await.map_err(|fault| fault.about(self.number.0).in_json(self.json))?;
        if self.json {
            return print(&format!("{json}\n"));
        }
        print(&reported(&release, context.ui.language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fault::repository::RepositoryFault;

    #[test]
    fn what_ci_is_answered() {
        let at = "1970-01-01T00:00:00Z";
        let release: contract::ReleaseView = serde_json::from_value(serde_json::json!({
            "id": 12, "service": "shop", "tag": "v1.4.0", "commit": null, "status": "stage_building", "list": "active",
            "reason": null, "status_since": at, "attempt": 1, "revision": 7, "initiated_by": "ann", "owner": "ann", "ci_run": null,
            "tagged_at": null, "notes": "", "surfaces": [], "rollback_to_tag": null, "created_at": at, "started_at": at,
            "completed_at": null,
        }))
        .unwrap();
        let mut text = String::new();
        for language in [Language::En, Language::Ru] {
            let ui = Ui { language, ..Ui::test(80) };
            let later = Ui { now: ui.now + Duration::from_secs(180), ..ui };
            text.push_str(&format!("{}\n{}\n", told(&release, &ui), told(&release, &later)));
            text.push_str(&reported(&release, language));
            text.push_str(&format!("{}\n", cannot_go_on(12, &Reason::NoAnswer, &ui)));
            let gone = Reason::Repository { fault: RepositoryFault::NotThere { url: "/srv/shop.git".into() } };
            text.push_str(&format!("{}\n", cannot_go_on(12, &gone, &ui)));
        }
        insta::assert_snapshot!(text);
    }
}
