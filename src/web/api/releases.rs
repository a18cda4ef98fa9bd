//! Releases: create, look, report, decide.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};

use super::audit::{self, PAGE_BYTES, next_cursor};
use super::pages::Page;
use super::{Trace, allowed, watchable_by};
use crate::contract::{
    AskPlan, CreateRelease, CreatingRun, EventView, GateView, ListEvents, ListPage, ListReleases, PlanView,
    ReleaseDetails, ReleasePage, ReleaseView, RunView, StepView,
};
use crate::domain::artifact::Artifact;
use crate::domain::cause::Cause;
use crate::domain::command::{Answer, Command, NewRelease};
use crate::domain::env::Env;
use crate::domain::ids::{Commit, ReleaseId, RunId, ServiceName, Tag};
use crate::domain::person::{Actor, Right};
use crate::domain::reason::Reason;
use crate::domain::release::CiRun;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::text::{one_line, prose, prose_line};
use crate::domain::web_address::web_address;
use crate::engine::{Request, no_release};
use crate::store::{events, releases, runs};
use crate::views::{PlanOverview, ReleaseOverview};
use crate::web::auth::Caller;
use crate::web::body::{Asked, LARGEST_RELEASE, Named, Sent};
use crate::web::problem::Problem;
use crate::web::{Web, oidc};
use crate::wording::english;

/// Releases on one page, unless asked otherwise.
const PAGE: u32 = 50;
/// Releases on one page at most.
const LARGEST_PAGE: u32 = 200;
/// What is kept of notes, in characters.
const NOTES: usize = 10_000;
/// What is kept of the name of an initiator or an owner, in characters.
const NAME: usize = 100;

impl CreateRelease {
    /// Checks every field.
    pub(super) fn check(self) -> Result<NewRelease, Invalid> {
        let tag = self.tag.map(|tag| Tag::given("tag", &tag)).transpose()?;
        let commit = self.commit.map(|commit| Commit::parse("commit", commit)).transpose()?;
        if tag.is_none() && commit.is_none() {
            return Err(Invalid::new("tag", Rule::ThisOr { other: "commit".to_owned() }));
        }
        let initiator = prose_line(&self.initiated_by, NAME);
        if initiator.is_empty() {
            return Err(Invalid::new("initiated_by", Rule::Initiator));
        }
        let owner = self.owner.map(|owner| prose_line(&owner, NAME)).filter(|owner| !owner.is_empty());
        let service = ServiceName::parse("service", self.service)?;
        Ok(NewRelease {
            tag,
            commit,
            owner,
            attempt_told: self.ci_run.as_ref().is_some_and(|run| run.attempt.is_some()),
            ci_run: self.ci_run.map(checked_ci_run).transpose()?,
            tagged_at: self.tagged_at,
            notes: prose(&self.notes, NOTES),
            artifacts: checked_artifacts(self.surfaces)?,
            ..NewRelease::of(service, initiator)
        })
    }
}

fn checked_ci_run(run: CreatingRun) -> Result<CiRun, Invalid> {
    one_line("ci_run.id", &run.id, 100)?;
    if run.attempt == Some(0) {
        return Err(Invalid::new("ci_run.attempt", Rule::AtLeast { least: 1 }));
    }
    let CreatingRun { id, attempt, url, git_ref } = run;
    let url = shown_link(url);
    let git_ref = git_ref.map(|git_ref| prose_line(&git_ref, 256)).filter(|git_ref| !git_ref.is_empty());
    Ok(CiRun { id, attempt: attempt.unwrap_or(1), url, git_ref })
}

/// A link that can be shown. It only decorates: one that cannot is no reason to refuse anything.
/// Letters of other scripts and blanks are written as browsers write them.
pub(super) fn shown_link(url: Option<String>) -> Option<String> {
    let url = prose_line(&url?, usize::MAX);
    let is_shown = |url: &String| web_address("url", url).is_ok();
    let spelled = |url: &str| Some(reqwest::Url::parse(url).ok()?.to_string());
    Some(url.clone()).filter(is_shown).or_else(|| spelled(&url).filter(is_shown))
}

pub(super) fn checked_artifacts(mut surfaces: Vec<Artifact>) -> Result<Vec<Artifact>, Invalid> {
    for (at, surface) in surfaces.iter_mut().enumerate() {
        if let Some(artifact) = &surface.artifact {
            one_line(&format!("surfaces[{at}].artifact"), artifact, 1000)?;
        }
        if let Some(digest) = &surface.digest {
            one_line(&format!("surfaces[{at}].digest"), digest, 200)?;
        }
        surface.preview_url = shown_link(surface.preview_url.take());
    }
    Ok(surfaces)
}

/// Create a release
///
/// The same CI run again, or without one the same service, tag and commit while active, is the same release (200). A
/// re-run of the CI run of a release that has failed, or that CI has brought to stage, begins its next attempt (201); of
/// one that has ended otherwise, it is refused (`already_ended`).
#[utoipa::path(post, path = "/api/v1/releases", tag = "releases", request_body = CreateRelease,
    responses((status = 201, body = ReleaseView), (status = 200, body = ReleaseView, description = "It exists already")))]
pub async fn create(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    run: oidc::Run,
    Sent(new): Sent<CreateRelease, LARGEST_RELEASE>,
) -> Result<Response, Problem> {
    let (proven, initiated_by) = (run.actor(), run.initiator(new.initiated_by, web.engine.catalog().people())?);
    let mut new = CreateRelease { initiated_by, ci_run: run.creating(new.ci_run)?, ..new }.check()?;
    new.proven.extend(proven);
    web.engine.ask_for_moved_tag(&actor, &mut new).await?;
    let handled = web.engine.handle(trace.of(Request::new(actor, Command::Create(new)))).await?;
    let created = matches!(handled.answer, Answer::Release { created: true, .. });
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let release = handled.release.as_ref().map(|release| ReleaseView::new(release, web.engine.catalog().people()));
    Ok((status, Json(release)).into_response())
}

/// List releases, newest first
#[utoipa::path(get, path = "/api/v1/releases", tag = "releases", params(ListReleases), responses((status = 200, body = ReleasePage)))]
pub async fn list(
    State(web): State<Web>,
    Caller(actor): Caller,
    Asked(asked): Asked<ListReleases>,
) -> Result<Json<ReleasePage>, Problem> {
    let service = asked.service.map(|service| ServiceName::parse("service", service)).transpose()?;
    watchable_by(&actor, service.as_ref())?;
    if let Some(name) = service.as_ref().filter(|name| web.engine.catalog().service(name).is_none()) {
        return Err(web.engine.catalog().no_service(name).into());
    }
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Invalid::new("limit", Rule::Between { least: 1, most: LARGEST_PAGE.into() }).into());
    }
    let before = asked.cursor.as_deref().map(cursor).transpose()?;
    // One more than shown tells whether there is another page.
    let page = releases::Page { list: asked.list, service, before, limit: limit + 1 };
    let mut found = web.engine.read(move |conn| releases::page(conn, &page)).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|release| format!("r{}", release.id));
    let catalog = web.engine.catalog();
    let releases = found.iter().map(|release| ReleaseView::new(release, catalog.people())).collect();
    Ok(Json(ReleasePage { releases, next }))
}

fn cursor(text: &str) -> Result<ReleaseId, Invalid> {
    let number = text.strip_prefix('r').and_then(|digits| digits.parse().ok()).filter(|number| *number > 0);
    number.map(ReleaseId).ok_or_else(|| Invalid::new("cursor", Rule::Cursor))
}

/// One release
///
/// With the vote, the gates that stand in the way, and the commands that are legal now.
#[utoipa::path(get, path = "/api/v1/releases/{id}", tag = "releases", params(("id" = i64, Path)),
    responses((status = 200, body = ReleaseDetails)))]
pub async fn show(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(id): Named<i64>,
) -> Result<Json<ReleaseDetails>, Problem> {
    details(&web, &actor, ReleaseId(id)).await.map(Json)
}

pub(super) async fn details(web: &Web, actor: &Actor, id: ReleaseId) -> Result<ReleaseDetails, Problem> {
    let overview = ReleaseOverview::read(&web.engine, id).await?;
    watchable_by(actor, Some(&overview.service.name))?;
    Ok(ReleaseDetails::new(&overview, web.engine.catalog().people(), actor))
}

/// What happened to a release, oldest first
///
/// A page of it. Where there is more, the header `Link` (RFC 8288) has the address of the next page, as `rel="next"`; its
/// cursor is `e` and the `seq` of the last event on this page.
#[utoipa::path(get, path = "/api/v1/releases/{id}/events", tag = "releases", params(("id" = i64, Path), ListEvents),
    responses((status = 200, body = Vec<EventView>, headers(("link" = String, description = "The next page")))))]
pub async fn events(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(id): Named<i64>,
    Asked(asked): Asked<ListEvents>,
) -> Result<Response, Problem> {
    check_release(&web, &actor, Right::Watch, ReleaseId(id)).await?;
    let (limit, last) = audit::page(&asked, audit::LARGEST_PAGE)?;
    let after = last.unwrap_or(0);
    let read = move |conn: &rusqlite::Connection| events::of_release(conn, ReleaseId(id), after, limit, PAGE_BYTES);
    let page = web.engine.read(read).await?;
    let link = next_cursor(&page).map(|cursor| {
        [(header::LINK, format!("</api/v1/releases/{id}/events?limit={limit}&cursor={cursor}>; rel=\"next\""))]
    });
    let catalog = web.engine.catalog();
    let events: Vec<_> = page.events.into_iter().map(|event| EventView::of(event, &catalog)).collect();
    Ok((link.map(AppendHeaders), Json(events)).into_response())
}

/// The runs of a release with their steps, oldest first
///
/// A page of them. Where there is more, the header `Link` (RFC 8288) has the address of the next page, as `rel="next"`.
#[utoipa::path(get, path = "/api/v1/releases/{id}/runs", tag = "releases", params(("id" = i64, Path), ListPage),
    responses((status = 200, body = Vec<RunView>, headers(("link" = String, description = "The next page")))))]
pub async fn runs_of(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(id): Named<i64>,
    Asked(asked): Asked<ListPage>,
) -> Result<Response, Problem> {
    check_release(&web, &actor, Right::Watch, ReleaseId(id)).await?;
    let page = Page::of(&asked, 'n')?;
    let after = RunId(page.after.unwrap_or(0));
    let read = move |conn: &rusqlite::Connection| runs::of_release_after(conn, ReleaseId(id), after, page.wanted());
    let mut runs = web.engine.read(read).await?;
    let link = page.cut(&mut runs, &format!("/api/v1/releases/{id}/runs"), |run| run.id.0);
    Ok((link, Json(runs.iter().map(RunView::from).collect::<Vec<_>>())).into_response())
}

/// Every gate of production: how it stands, and who can clear it
///
/// Empty when the release has passed them or has ended.
#[utoipa::path(get, path = "/api/v1/releases/{id}/explain", tag = "releases", params(("id" = i64, Path)),
    responses((status = 200, body = Vec<GateView>)))]
pub async fn explain(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(id): Named<i64>,
) -> Result<Json<Vec<GateView>>, Problem> {
    check_release(&web, &actor, Right::Watch, ReleaseId(id)).await?;
    Ok(Json(ReleaseOverview::read(&web.engine, ReleaseId(id)).await?.gates.iter().map(GateView::from).collect()))
}

async fn check_release(web: &Web, actor: &Actor, right: Right, id: ReleaseId) -> Result<(), Problem> {
    let service = web.engine.read(move |conn| releases::service_of(conn, id)).await?.ok_or_else(|| no_release(id))?;
    allowed(actor, right, Some(&service))
}

/// The steps that would run
#[utoipa::path(get, path = "/api/v1/releases/{id}/plan", tag = "releases", params(("id" = i64, Path), AskPlan),
    responses((status = 200, body = PlanView)))]
pub async fn plan(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(id): Named<i64>,
    Asked(asked): Asked<AskPlan>,
) -> Result<Json<PlanView>, Problem> {
    let environment = match asked.environment {
        Some(name) => name.parse().map_err(|rule| Invalid::new("environment", rule))?,
        None => Env::Production,
    };
    let id = ReleaseId(id);
    check_release(&web, &actor, Right::Read, id).await?;
    let cannot = |reason: Reason| {
        let problem = Problem::new(StatusCode::CONFLICT, "no_plan", english(&reason));
        Problem { because: serde_json::to_value(Cause::NoPlan { reason }).ok(), ..problem }
    };
    let plan = PlanOverview::read(&web.engine, id, environment).await?.map_err(cannot)?;
    Ok(Json(PlanView {
        environment: environment.into(),
        driver: plan.service.environment(environment).driver.as_str().into(),
        deploy: steps(&web, &plan.deploy),
        rollback: steps(&web, &plan.rollback),
        from: plan.from,
        back_to: plan.back_to,
    }))
}

/// Steps as people see them, their commands without secrets.
pub(in crate::web) fn steps(web: &Web, steps: &[crate::domain::run::Step]) -> Vec<StepView> {
    let redactor = web.engine.catalog().redactor().clone();
    let shown = |step| {
        let view = StepView::from(step);
        StepView { command: redactor.text(&view.command), ..view }
    };
    steps.iter().map(shown).collect()
}
