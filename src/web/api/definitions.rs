//! How a service is defined, and defining it in the dashboard's stead.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::readable_by;
use crate::contract::{DefineService, DefinitionRevisionView, DefinitionView, RemoveService};
use crate::domain::cause::Cause;
use crate::domain::ids::ServiceName;
use crate::domain::person::Actor;
use crate::store::dashboard::{self, Defined};
use crate::store::definitions::{self, Revision};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Asked, Named, Sent};
use crate::web::problem::Problem;
use crate::web::reload::{Change, Changed, Mistake, NotChanged};
use crate::wording::Language;

/// Revisions that are told.
const REVISIONS: u32 = 50;

impl From<Revision> for DefinitionRevisionView {
    fn from(revision: Revision) -> Self {
        let Revision { number, at, by, text, written } = revision;
        Self { number, at, by, text, written }
    }
}

impl From<NotChanged> for Problem {
    fn from(not: NotChanged) -> Self {
        match not {
            NotChanged::Refused(failure) => failure.into(),
            NotChanged::Wrong(mistakes) => {
                let detail = "the definition is not right; nothing was changed";
                let details = mistakes.into_iter().map(|mistake| mistake.text).collect();
                Self { details, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) }
            }
            NotChanged::Stopping => Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "RMM is stopping"),
        }
    }
}

/// Changes a service of the dashboard, if the asker may.
pub(in crate::web) async fn change(web: &Web, change: Change) -> Result<Changed, NotChanged> {
    web.engine.may_define(&change.actor).map_err(|refusal| NotChanged::Refused(refusal.into()))?;
    web.reloads.change(change).await
}

/// What the dashboard says of a service.
pub(in crate::web) async fn defined(web: &Web, name: &ServiceName) -> Result<Option<Defined>, Problem> {
    let name = name.clone();
    Ok(web.engine.read(move |conn| dashboard::get(conn, &name)).await?)
}

async fn view(web: &Web, name: &ServiceName, warnings: Vec<Mistake>) -> Result<Json<DefinitionView>, Problem> {
    let (defined, of) = (defined(web, name).await?, name.clone());
    let text = web.engine.catalog().definition(name);
    if defined.is_none() && text.is_none() {
        return Err(web.engine.catalog().no_service(name).into());
    }
    let revisions = web.engine.read(move |conn| definitions::revisions(conn, &of, REVISIONS)).await?;
    Ok(Json(DefinitionView {
        service: name.to_string(),
        in_dashboard: defined.is_some(),
        text,
        revision: defined.as_ref().map_or(0, |defined| defined.number),
        problem: defined.as_ref().and_then(|defined| defined.problem.clone()),
        written: defined.map(|defined| defined.text),
        warnings: warnings.into_iter().map(|warning| warning.text).collect(),
        revisions: revisions.into_iter().map(Into::into).collect(),
    }))
}

/// How a service is defined, and how that changed
#[utoipa::path(get, path = "/api/v1/services/{name}/definition", tag = "services", params(("name" = String, Path)),
    responses((status = 200, body = DefinitionView)))]
pub async fn show(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<Json<DefinitionView>, Problem> {
    let name = ServiceName::parse("name", name)?;
    readable_by(&actor, Some(&name))?;
    view(&web, &name, Vec::new()).await
}

/// Define a service in the dashboard, or change its definition there
///
/// All of it is checked together with `rmm.toml` first; what is wrong changes nothing, and is told with its lines. A service that
/// `rmm.toml` defines is changed there alone.
#[utoipa::path(put, path = "/api/v1/services/{name}/definition", tag = "services", params(("name" = String, Path)),
    request_body = DefineService, responses((status = 200, body = DefinitionView),
    (status = 422, body = Problem, description = "The definition is not right; nothing was changed")))]
pub async fn define(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
    Sent(sent): Sent<DefineService>,
) -> Result<Json<DefinitionView>, Problem> {
    let service = ServiceName::parse("name", name)?;
    let DefineService { text, revision, check } = sent;
    let wanted = Change {
        actor,
        service: service.clone(),
        text: Some(text.clone()),
        seen: revision,
        is_trial: check,
        language: Language::En,
    };
    let changed = change(&web, wanted).await?;
    if !check {
        return view(&web, &service, changed.warnings).await;
    }
    Ok(Json(DefinitionView {
        service: service.to_string(),
        in_dashboard: true,
        text: Some(changed.effective),
        written: Some(text),
        revision,
        problem: None,
        warnings: changed.warnings.into_iter().map(|warning| warning.text).collect(),
        revisions: Vec::new(),
    }))
}

/// Remove a service from the dashboard: its history stays, and nothing new begins
#[utoipa::path(delete, path = "/api/v1/services/{name}/definition", tag = "services",
    params(("name" = String, Path), RemoveService), responses((status = 204)))]
pub async fn remove(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
    Asked(asked): Asked<RemoveService>,
) -> Result<StatusCode, Problem> {
    take_out(&web, actor, ServiceName::parse("name", name)?, asked.revision).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a service from the dashboard, as it was seen in a revision.
pub(in crate::web) async fn take_out(
    web: &Web,
    actor: Actor,
    service: ServiceName,
    seen: Option<i64>,
) -> Result<(), Problem> {
    web.engine.may_define(&actor)?;
    let Some(defined) = defined(web, &service).await? else {
        let is_known = web.engine.catalog().is_in_force(&service);
        let cause = if is_known { Cause::DefinedInFile { service } } else { Cause::NotInDashboard { service } };
        return Err(crate::domain::refusal::Refusal::from(cause).into());
    };
    let seen = seen.unwrap_or(defined.number);
    change(web, Change { actor, service, text: None, seen, is_trial: false, language: Language::En }).await?;
    Ok(())
}
