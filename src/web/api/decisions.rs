//! What is decided about a release: CI's reports and people's decisions.

use axum::extract::State;
use axum::{Extension, Json};

use super::Trace;
use super::releases::{checked_artifacts, details, shown_link};
use crate::contract::{PatchRelease, ReleaseDetails, ReleaseView, ReportedRelease, ReportingRun, Say};
use crate::domain::command::{Command, RollbackTo};
use crate::domain::ids::{ReleaseId, Revision, Tag};
use crate::domain::release::Reporter;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::text::one_line;
use crate::engine::{Request, no_release};
use crate::views::ReleaseOverview;
use crate::web::auth::Caller;
use crate::web::body::{MaybeSent, Named, Sent};
use crate::web::problem::Problem;
use crate::web::{Web, oidc};

impl ReportingRun {
    fn check(self) -> Result<Reporter, Invalid> {
        one_line("ci_run.id", &self.id, 100)?;
        Ok(Reporter::of(self.id, self.attempt, shown_link(self.url)))
    }
}

/// Report progress, artifacts or previews
#[utoipa::path(patch, path = "/api/v1/releases/{id}", tag = "releases", params(("id" = i64, Path)), request_body = PatchRelease,
    responses((status = 200, body = ReportedRelease)))]
pub async fn patch(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(id): Named<i64>,
    run: oidc::Run,
    Sent(sent): Sent<PatchRelease>,
) -> Result<Json<ReportedRelease>, Problem> {
    let release = ReleaseId(id);
    let login = run.actor();
    let reporter = run.reporting(sent.ci_run)?.map(ReportingRun::check).transpose()?;
    let reporter = reporter.map(|reporter| Reporter { actor: login, ..reporter });
    let reporter = web.engine.look_up_reporter(release, reporter).await?;
    let artifacts = sent.surfaces.map(checked_artifacts).transpose()?;
    let update = artifacts.map(|artifacts| Command::Update { release, artifacts, ci_run: reporter.clone() });
    let report = sent.status.map(|status| Command::Report { release, status, ci_run: reporter });
    let (first, second) = match (update, report) {
        (Some(update), report) => (update, report),
        (None, Some(report)) => (report, None),
        (None, None) => return Err(Invalid::new("status", Rule::ThisOr { other: "surfaces".to_owned() }).into()),
    };
    let handled = web.engine.handle_then(trace.of(Request::new(actor, first)), |_| second).await?;
    let reported = handled.release.as_ref().ok_or_else(|| no_release(release))?;
    let view = ReleaseView::new(reported, web.engine.catalog().people());
    let goes_back_to = ReleaseOverview::read(&web.engine, release).await?.goes_back_to;
    Ok(Json(ReportedRelease { release: view, goes_back_to }))
}

/// Approve, reject, cancel, abort, retry, promote, roll back or bypass
///
/// The last segment is the decision. Answers with the release as it is then.
#[utoipa::path(post, path = "/api/v1/releases/{id}/{decision}", tag = "decisions",
    params(("id" = i64, Path), ("decision" = String, Path, description = "approve, reject, cancel, abort, retry, promote, rollback or bypass")),
    request_body = Say,
    responses((status = 200, body = ReleaseDetails)))]
pub async fn decide(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named((id, decision)): Named<(i64, String)>,
    MaybeSent(say): MaybeSent<Say>,
) -> Result<Json<ReleaseDetails>, Problem> {
    let release = ReleaseId(id);
    let command = match command(release, &decision, &say) {
        Ok(command) => command,
        // What a body lacks is told to those who may send it.
        Err(problem) => {
            ReleaseOverview::read(&web.engine, release).await?.check_may(&actor, &decision)?;
            return Err(problem);
        }
    };
    web.engine.handle(trace.of(Request::new(actor.clone(), command))).await?;
    details(&web, &actor, release).await.map(Json)
}

/// The command of a decision by its name.
///
/// # Errors
/// When there is no such decision, or it lacks what it needs.
pub(in crate::web) fn command(release: ReleaseId, decision: &str, say: &Say) -> Result<Command, Problem> {
    let seen = say.revision.map(Revision);
    let reason = || say.reason.clone().ok_or_else(|| Invalid::new("reason", Rule::Given));
    Ok(match decision {
        "approve" => Command::Approve { release, seen },
        "reject" => Command::Reject { release, seen, reason: reason()? },
        "cancel" => Command::Cancel { release, reason: reason()? },
        "abort" => Command::Abort { release, reason: reason()?, force: say.force },
        "retry" => Command::Retry { release },
        "promote" => Command::Promote { release },
        "rollback" => Command::Rollback {
            release,
            to: say.to.as_deref().map(target).transpose()?,
            reason: reason()?,
            force: say.force,
        },
        "bypass" => Command::Bypass { release, gates: say.gates.clone(), reason: reason()? },
        other => return Err(Problem::not_found(format!("there is no decision {other}"))),
    })
}

fn target(text: &str) -> Result<RollbackTo, Invalid> {
    match text.strip_prefix('#') {
        Some(number) => number
            .parse()
            .map(|id| RollbackTo::Release(ReleaseId(id)))
            .map_err(|_| Invalid::new("to", Rule::RollbackTarget)),
        None => Ok(RollbackTo::Tag(Tag::given("to", text)?)),
    }
}
