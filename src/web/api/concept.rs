//! The three calls of the original machine, so that existing workflows need only a header.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::releases::shown_link;
use super::{Trace, watchable_by};
use crate::contract::{CreateRelease, CreatingRun, ReportingRun};
use crate::domain::approval::Verdict;
use crate::domain::command::{Answer, Command};
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::person::Actor;
use crate::domain::release::{CiRun, Release, Reporter};
use crate::domain::rule::{Invalid, Rule};
use crate::domain::status::{List, Status};
use crate::domain::text::one_line;
use crate::engine::Request;
use crate::store::releases;
use crate::web::auth::Caller;
use crate::web::body::{LARGEST_RELEASE, Sent};
use crate::web::problem::Problem;
use crate::web::{Web, oidc};

/// Rows of `GET /active_releases` at most.
const MOST_ROWS: u32 = 1000;

/// A new release, in the words of the original machine.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConceptCreate {
    service_name: String,
    release_tag: String,
    /// `initiated`, or `stage_building` when the CI system has begun already.
    #[serde(default)]
    status: Option<Status>,
    /// With an id token of GitHub it may be left out.
    #[serde(default)]
    initiated_by: String,
    #[serde(default)]
    github_run_id: Option<RunNumber>,
    #[serde(default)]
    github_run_attempt: Option<u32>,
    #[serde(default)]
    github_action_link: Option<String>,
    #[serde(default)]
    github_ref: Option<String>,
}

/// Releases and GitHub's runs have numbers that workflows send as text or as numbers.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
enum RunNumber {
    Text(String),
    Number(u64),
}

impl RunNumber {
    /// An empty text is none: workflows send it where they know no run.
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Self::Number(number) => Some(number.to_string()),
        }
    }
}

/// The number of the release.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ConceptCreated {
    release_id: i64,
}

/// Create a release (original call)
#[utoipa::path(post, path = "/release", tag = "original", request_body = ConceptCreate,
    responses((status = 201, body = ConceptCreated)))]
pub async fn create(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    run: oidc::Run,
    Sent(sent): Sent<ConceptCreate, LARGEST_RELEASE>,
) -> Result<(StatusCode, Json<ConceptCreated>), Problem> {
    let begun = match sent.status {
        None | Some(Status::Initiated) => false,
        Some(Status::StageBuilding) => true,
        Some(_) => return Err(Invalid::new("status", Rule::NewRelease).into()),
    };
    let ci_run = sent.github_run_id.and_then(RunNumber::text).map(|id| CreatingRun {
        id,
        attempt: sent.github_run_attempt,
        url: sent.github_action_link.filter(|link| !link.is_empty()),
        git_ref: sent.github_ref.filter(|git_ref| !git_ref.is_empty()),
    });
    let proven = run.actor();
    let new = CreateRelease {
        service: sent.service_name,
        tag: Some(sent.release_tag),
        commit: None,
        initiated_by: run.initiator(sent.initiated_by, web.engine.catalog().people())?,
        owner: None,
        ci_run: run.creating(ci_run).map_err(concept_field)?,
        tagged_at: None,
        notes: String::new(),
        surfaces: Vec::new(),
    };
    let mut new = new.check().map_err(concept_names)?;
    new.proven.extend(proven);
    let command = Command::Create(new);
    let request = trace.of(Request::new(actor, command));
    let begin = |answer: Answer| match answer {
        Answer::Release { id, created: true } => {
            Some(Command::Report { release: id, status: Status::StageBuilding, ci_run: None })
        }
        Answer::Release { .. } | Answer::Run(_) | Answer::Step(_) | Answer::Done => None,
    };
    // Where nothing follows from it, a creation looks at nothing else.
    let handled =
        if begun { web.engine.handle_then(request, begin).await? } else { web.engine.handle(request).await? };
    let Answer::Release { id, .. } = handled.answer else { return Err(Problem::not_found("no release was made")) };
    // The scripts of the original machine know no other answer.
    Ok((StatusCode::CREATED, Json(ConceptCreated { release_id: id.0 })))
}

fn concept_names(invalid: Invalid) -> Invalid {
    Invalid::new(concept_name(&invalid.field), invalid.rule)
}

fn concept_field(problem: Problem) -> Problem {
    let field = problem.field.as_deref().map(|field| concept_name(field).to_owned());
    let detail = match (&problem.field, &field) {
        (Some(known), Some(field)) => problem.detail.replace(known, field),
        (Some(_) | None, _) => problem.detail,
    };
    Problem { field, detail, ..problem }
}

/// The field as this call names it.
fn concept_name(field: &str) -> &str {
    match field {
        "service" => "service_name",
        "tag" => "release_tag",
        "ci_run.id" => "github_run_id",
        "ci_run.url" => "github_action_link",
        "ci_run.ref" => "github_ref",
        "ci_run.attempt" => "github_run_attempt",
        other => other,
    }
}

/// A report, in the words of the original machine.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConceptReport {
    release_id: RunNumber,
    status: Status,
    #[serde(default)]
    github_run_id: Option<RunNumber>,
    #[serde(default)]
    github_run_attempt: Option<u32>,
    #[serde(default)]
    github_action_link: Option<String>,
}

/// The report was taken.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ConceptDone {
    status: &'static str,
}

/// Report progress (original call)
#[utoipa::path(patch, path = "/release", tag = "original", request_body = ConceptReport, responses((status = 200, body = ConceptDone)))]
pub async fn report(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    run: oidc::Run,
    Sent(sent): Sent<ConceptReport>,
) -> Result<Json<ConceptDone>, Problem> {
    let url = shown_link(sent.github_action_link);
    let told = sent.github_run_id.and_then(RunNumber::text);
    let told = told.map(|id| ReportingRun { id, attempt: sent.github_run_attempt, url: url.clone() });
    let login = run.actor();
    let ci_run = match run.reporting(told).map_err(concept_field)? {
        Some(ReportingRun { id, attempt, url: told }) => {
            one_line("github_run_id", &id, 100)?;
            Some(Reporter { actor: login, ..Reporter::of(id, attempt, told.or(url)) })
        }
        None => None,
    };
    let release = sent.release_id.text().and_then(|number| number.trim().parse().ok());
    let release = release.ok_or_else(|| Invalid::new("release_id", Rule::ReleaseNumber))?;
    let ci_run = web.engine.look_up_reporter(ReleaseId(release), ci_run).await?;
    let command = Command::Report { release: ReleaseId(release), status: sent.status, ci_run };
    web.engine.handle(trace.of(Request::new(actor, command))).await?;
    Ok(Json(ConceptDone { status: "success" }))
}

/// A row of the original machine's table.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ConceptRow {
    id: i64,
    service_name: String,
    release_tag: String,
    rollback_to_tag: String,
    status: Status,
    initiated_by: String,
    github_run_id: String,
    github_action_link: String,
    github_ref: String,
    /// Names as JSON text, as the original column had it.
    approved_list: String,
    created_at: String,
    started_at: String,
    completed_at: Option<String>,
}

impl ConceptRow {
    fn new(release: Release, approved: Vec<String>) -> Self {
        let ci_run =
            release.ci_run.unwrap_or_else(|| CiRun { id: String::new(), attempt: 1, url: None, git_ref: None });
        Self {
            id: release.id.0,
            service_name: release.service.into(),
            release_tag: release.tag.map(Into::into).unwrap_or_default(),
            rollback_to_tag: release.rollback_to_tag.map(Into::into).unwrap_or_default(),
            status: release.status,
            initiated_by: release.initiated_by,
            github_run_id: ci_run.id,
            github_action_link: ci_run.url.unwrap_or_default(),
            github_ref: ci_run.git_ref.unwrap_or_default(),
            approved_list: serde_json::to_string(&approved).unwrap_or_default(),
            created_at: release.created_at.to_string(),
            started_at: release.started_at.to_string(),
            completed_at: release.completed_at.map(|at| at.to_string()),
        }
    }
}

/// The active releases (original call)
#[utoipa::path(get, path = "/active_releases", tag = "original", responses((status = 200, body = Vec<ConceptRow>)))]
pub async fn active(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Vec<ConceptRow>>, Problem> {
    // A token that is limited sees what it is limited to.
    let services: Vec<Option<ServiceName>> = match &actor {
        Actor::Token { services, .. } if !services.is_empty() => services.iter().cloned().map(Some).collect(),
        Actor::Token { .. } | Actor::Person { .. } | Actor::Operator | Actor::Machine => vec![None],
    };
    services.iter().try_for_each(|service| watchable_by(&actor, service.as_ref()))?;
    let page = |service| releases::Page { list: Some(List::Active), service, before: None, limit: MOST_ROWS };
    let rows = web
        .engine
        .read(move |conn| {
            let mut found = Vec::new();
            for service in services {
                found.extend(releases::page(conn, &page(service))?);
            }
            found.sort_by_key(|release| std::cmp::Reverse(release.id));
            found
                .into_iter()
                .map(|release| {
                    let votes = releases::votes(conn, &release)?;
                    let yes = votes.into_iter().filter(|vote| vote.verdict == Verdict::Approved);
                    Ok(ConceptRow::new(release, yes.map(|vote| vote.person.into()).collect()))
                })
                .collect::<Result<Vec<_>, crate::store::StoreError>>()
        })
        .await?;
    Ok(Json(rows))
}
