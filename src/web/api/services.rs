//! Services: what is configured and what runs where.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;

use super::{Trace, readable_by};
use crate::contract::{
    CatchUpHost, DirtyView, EnvironmentView, FoundThere, GiveUpHost, GoodVersionView, LeftHostView, LockService,
    LockView, NamedEnvironmentView, ReleaseView, RunView, ServiceDetails, ServiceView, SettleService, UnknownView,
};
use crate::domain::command::{Command, Settled};
use crate::domain::env::Env;
use crate::domain::environment::{EnvironmentState, LeftHost};
use crate::domain::ids::{HostName, ReleaseId, ServiceName};
use crate::domain::person::Right;
use crate::domain::reason::Reason;
use crate::domain::rule::{Invalid, Rule};
use crate::domain::service::Service;
use crate::engine::Request;
use crate::store::{StoreError, runs};
use crate::views::ServiceOverview;
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Named, Sent};
use crate::web::problem::Problem;
use crate::wording::english;

impl LeftHostView {
    /// Nothing of a host that was given up and that the configuration does not name any more.
    fn all(state: &EnvironmentState, configured: &[HostName]) -> Vec<Self> {
        let view = |(host, left): (&HostName, &LeftHost)| Self {
            host: host.to_string(),
            run: left.run.0,
            since: left.since,
            reason: english(&left.reason),
            because: Some(left.reason.clone()),
            may_run: left.newer.clone(),
            given_up: left.given_up,
            configured: configured.contains(host),
        };
        state.left.iter().map(view).filter(|left| left.configured || !left.given_up).collect()
    }
}

impl UnknownView {
    fn new(because: &Reason, since: Timestamp) -> Self {
        Self { reason: english(because), because: Some(because.clone()), since }
    }
}

impl EnvironmentView {
    fn new(service: &Service, state: &EnvironmentState) -> Self {
        Self {
            driver: service.environment(state.kind).driver.as_str().to_owned(),
            runs: state.current.clone(),
            since: state.since,
            lock: state.lock.as_ref().map(|lock| LockView {
                reason: english(&lock.reason),
                because: Some(lock.reason.clone()),
                by: lock.by.clone(),
                at: lock.at,
            }),
            left: LeftHostView::all(state, &service.hosts_in(state.kind)),
            dirty: state.dirty.as_ref().map(|dirty| DirtyView {
                run: dirty.run.0,
                to: dirty.to.clone(),
                reason: english(&dirty.reason),
                because: Some(dirty.reason.clone()),
            }),
            unknown: state.unknown.as_ref().map(|unknown| UnknownView::new(&unknown.reason, unknown.since)),
        }
    }
}

impl ServiceView {
    /// Of a service with all its lasting environments.
    fn new(service: &Service, states: &BTreeMap<Env, EnvironmentState>) -> Self {
        let view = |env: Env| EnvironmentView::new(service, &states[&env]);
        Self {
            name: service.name.to_string(),
            repository: service.repository.clone(),
            retired: service.retired,
            put_aside: service.put_aside,
            surfaces: service.surfaces.iter().map(|surface| surface.name.to_string()).collect(),
            approvers: service.approvals.required.iter().map(ToString::to_string).collect(),
            minimum: service.approvals.minimum,
            environments: Env::LASTING
                .into_iter()
                .map(|env| NamedEnvironmentView { name: env.to_string(), environment: view(env) })
                .collect(),
            stage: view(Env::Stage),
            production: view(Env::Production),
        }
    }
}

/// The services
#[utoipa::path(get, path = "/api/v1/services", tag = "services", responses((status = 200, body = Vec<ServiceView>)))]
pub async fn list(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Vec<ServiceView>>, Problem> {
    let catalog = web.engine.catalog();
    let visible: Vec<_> = catalog
        .services()
        .filter(|service| actor.may(Right::Read, Some(&service.name), false).is_ok())
        .cloned()
        .collect();
    if visible.is_empty() {
        actor.may(Right::Read, None, false)?;
    }
    let views = web.engine.read(move |conn| {
        visible
            .iter()
            .map(|service| {
                let state = |env: Env| Ok((env, runs::environment(conn, &service.name, env)?));
                let states = Env::LASTING.into_iter().map(state).collect::<Result<_, StoreError>>()?;
                Ok(ServiceView::new(service, &states))
            })
            .collect::<Result<Vec<_>, StoreError>>()
    });
    Ok(Json(views.await?))
}

async fn details(
    web: &Web,
    actor: &crate::domain::person::Actor,
    name: String,
) -> Result<Json<ServiceDetails>, Problem> {
    let name = ServiceName::parse("name", name)?;
    readable_by(actor, Some(&name))?;
    let overview = ServiceOverview::read(&web.engine, &name).await?;
    let catalog = web.engine.catalog();
    let view = |release| ReleaseView::new(release, catalog.people());
    Ok(Json(ServiceDetails {
        service: ServiceView::new(&overview.service, &overview.environments),
        definition: serde_json::to_value(&*overview.service).unwrap_or_default(),
        queue: overview.line.iter().map(view).collect(),
        on_stage: overview.on_stage.as_ref().map(view),
        runs: overview.runs.iter().map(RunView::from).collect(),
        another_copy: overview.another_copy.as_ref().map(|met| UnknownView::new(&met.reason, met.since)),
        good_versions: overview
            .good
            .iter()
            .map(|good| GoodVersionView { version: good.version.clone(), deployed_at: good.deployed_at })
            .collect(),
    }))
}

/// One service: definition, what runs where, lock, queue
#[utoipa::path(get, path = "/api/v1/services/{name}", tag = "services", params(("name" = String, Path)),
    responses((status = 200, body = ServiceDetails)))]
pub async fn show(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<Json<ServiceDetails>, Problem> {
    details(&web, &actor, name).await
}

/// Lock production: nothing is deployed until an admin unlocks; rollbacks go on
#[utoipa::path(post, path = "/api/v1/services/{name}/lock", tag = "decisions", params(("name" = String, Path)), request_body = LockService,
    responses((status = 200, body = ServiceDetails)))]
pub async fn lock(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(name): Named<String>,
    Sent(sent): Sent<LockService>,
) -> Result<Json<ServiceDetails>, Problem> {
    let service = ServiceName::parse("name", name.clone())?;
    web.engine.handle(trace.of(Request::about(actor.clone(), service, Command::Lock { reason: sent.reason }))).await?;
    details(&web, &actor, name).await
}

/// Unlock production
#[utoipa::path(post, path = "/api/v1/services/{name}/unlock", tag = "decisions", params(("name" = String, Path)),
    responses((status = 200, body = ServiceDetails)))]
pub async fn unlock(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(name): Named<String>,
) -> Result<Json<ServiceDetails>, Problem> {
    let service = ServiceName::parse("name", name.clone())?;
    web.engine.handle(trace.of(Request::about(actor.clone(), service, Command::Unlock))).await?;
    details(&web, &actor, name).await
}

/// Give a host up that does not answer: a rollback goes on without it, and no run waits for its return
#[utoipa::path(post, path = "/api/v1/services/{name}/give-up", tag = "decisions", params(("name" = String, Path)),
    request_body = GiveUpHost, responses((status = 200, body = ServiceDetails)))]
pub async fn give_up(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(name): Named<String>,
    Sent(sent): Sent<GiveUpHost>,
) -> Result<Json<ServiceDetails>, Problem> {
    let service = ServiceName::parse("name", name.clone())?;
    let host = HostName::parse("host", sent.host)?;
    let command = Command::GiveUpHost { environment: sent.environment, host, reason: sent.reason };
    web.engine.handle(trace.of(Request::about(actor.clone(), service, command))).await?;
    details(&web, &actor, name).await
}

/// Bring a host that was left behind or given up to what its environment runs, now
#[utoipa::path(post, path = "/api/v1/services/{name}/catch-up", tag = "decisions", params(("name" = String, Path)),
    request_body = CatchUpHost, responses((status = 200, body = ServiceDetails)))]
pub async fn catch_up(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(name): Named<String>,
    Sent(sent): Sent<CatchUpHost>,
) -> Result<Json<ServiceDetails>, Problem> {
    let service = ServiceName::parse("name", name.clone())?;
    let command = Command::CatchUpHost { environment: sent.environment, host: HostName::parse("host", sent.host)? };
    web.engine.handle(trace.of(Request::about(actor.clone(), service, command))).await?;
    details(&web, &actor, name).await
}

/// Say what an environment runs, where that is not known
///
/// After a restore, and where another copy of the database has been at work, RMM does not know what an environment runs
/// and deploys nothing there. An admin looks and says it. A run whose end is not known is ended by it, too.
#[utoipa::path(post, path = "/api/v1/services/{name}/settle", tag = "decisions", params(("name" = String, Path)), request_body = SettleService,
    responses((status = 200, body = ServiceDetails)))]
pub async fn settle(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(name): Named<String>,
    Sent(sent): Sent<SettleService>,
) -> Result<Json<ServiceDetails>, Problem> {
    let service = ServiceName::parse("name", name.clone())?;
    let runs = found(sent.runs, sent.release)?;
    let command = Command::Settle { environment: sent.environment, runs, reason: sent.reason };
    let request = trace.of(Request::about(actor.clone(), service, command));
    web.engine.settle(request, sent.environment).await?;
    details(&web, &actor, name).await
}

/// What an admin has found in an environment.
///
/// # Errors
/// When a release is missing, or is one too many.
pub(in crate::web) fn found(runs: FoundThere, release: Option<i64>) -> Result<Settled, Invalid> {
    match (runs, release) {
        (FoundThere::Release, Some(id)) => Ok(Settled::Release(ReleaseId(id))),
        (FoundThere::Release, None) => Err(Invalid::new("release", Rule::ReleaseThere)),
        (FoundThere::Nothing | FoundThere::Recorded, Some(_)) => Err(Invalid::new("release", Rule::NoReleaseThere)),
        (FoundThere::Nothing, None) => Ok(Settled::Nothing),
        (FoundThere::Recorded, None) => Ok(Settled::Recorded),
    }
}
