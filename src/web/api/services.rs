//! Services and people: what is configured and what runs where.

use axum::extract::State;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::{ReleaseView, RunView};
use super::{Trace, readable_by};
use crate::domain::command::{Command, Settled};
use crate::domain::env::Env;
use crate::domain::environment::{EnvironmentState, LeftHost};
use crate::domain::ids::{HostName, Invalid, ReleaseId, ServiceName};
use crate::domain::person::Right;
use crate::domain::reason::Reason;
use crate::domain::release::Version;
use crate::domain::service::Service;
use crate::engine::Request;
use crate::store::runs;
use crate::views::ServiceOverview;
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::{Named, Sent};
use crate::web::problem::Problem;
use crate::wording::english;

/// A service, and what runs where.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ServiceView {
    /// Its name.
    name: String,
    /// Where its code is.
    repository: Option<String>,
    /// It is not in the configuration any more: what is under way ends, and nothing new begins.
    retired: bool,
    /// Its surfaces, in deploy order.
    surfaces: Vec<String>,
    /// Who is listed as approver.
    approvers: Vec<String>,
    /// How many of them are needed.
    minimum: usize,
    /// Stage.
    stage: EnvironmentView,
    /// Production.
    production: EnvironmentView,
}

/// An environment of a service.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct EnvironmentView {
    /// `local`, `ssh` or `ci`.
    driver: String,
    /// What it runs.
    runs: Option<Version>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Nobody deploys here until an admin unlocks.
    lock: Option<LockView>,
    /// Hosts that a way back went on without, because they did not answer, and that no run has brought to `runs` since.
    left: Vec<LeftHostView>,
    /// A way back failed; nothing more is deployed here until `resolve` of the run.
    dirty: Option<DirtyView>,
    /// What it runs is not known: nothing is deployed here, and `runs` is only what RMM has on record, until an admin
    /// says it (`settle`).
    unknown: Option<UnknownView>,
}

/// A lock.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct LockView {
    reason: String,
    /// The facts that `reason` tells in words.
    #[schema(value_type = Object)]
    because: Reason,
    by: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// A failed way back.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct DirtyView {
    run: i64,
    reason: String,
    /// The facts that `reason` tells in words.
    #[schema(value_type = Object)]
    because: Reason,
}

/// A host of which it is not known what it runs.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct LeftHostView {
    host: String,
    /// The run that went on without it.
    run: i64,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// What was heard of it last.
    reason: String,
    /// The facts that `reason` tells in words.
    #[schema(value_type = Object)]
    because: Reason,
    /// The version that it may still run.
    may_run: Version,
    /// An admin has given it up; else it is caught up when it returns, if `rmm.toml` names it.
    given_up: bool,
    /// `rmm.toml` names it.
    configured: bool,
}

impl LeftHostView {
    /// Nothing of a host that was given up and that the configuration does not name any more.
    fn all(state: &EnvironmentState, configured: &[HostName]) -> Vec<Self> {
        let view = |(host, left): (&HostName, &LeftHost)| Self {
            host: host.to_string(),
            run: left.run.0,
            since: left.since,
            reason: english(&left.reason),
            because: left.reason.clone(),
            may_run: left.newer.clone(),
            given_up: left.given_up,
            configured: configured.contains(host),
        };
        state.left.iter().map(view).filter(|left| left.configured || !left.given_up).collect()
    }
}

/// Why it is not known what an environment runs, or why another copy of the database must be at work.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct UnknownView {
    reason: String,
    /// The facts that `reason` tells in words.
    #[schema(value_type = Object)]
    because: Reason,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl UnknownView {
    fn new(because: &Reason, since: Timestamp) -> Self {
        Self { reason: english(because), because: because.clone(), since }
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
                because: lock.reason.clone(),
                by: lock.by.clone(),
                at: lock.at,
            }),
            left: LeftHostView::all(state, &service.hosts_in(state.kind)),
            dirty: state.dirty.as_ref().map(|dirty| DirtyView {
                run: dirty.run.0,
                reason: english(&dirty.reason),
                because: dirty.reason.clone(),
            }),
            unknown: state.unknown.as_ref().map(|unknown| UnknownView::new(&unknown.reason, unknown.since)),
        }
    }
}

impl ServiceView {
    fn new(service: &Service, stage: &EnvironmentState, production: &EnvironmentState) -> Self {
        let view = |state: &EnvironmentState| EnvironmentView::new(service, state);
        Self {
            name: service.name.to_string(),
            repository: service.repository.clone(),
            retired: service.retired,
            surfaces: service.surfaces.iter().map(|surface| surface.name.to_string()).collect(),
            approvers: service.approvals.required.iter().map(ToString::to_string).collect(),
            minimum: service.approvals.minimum,
            stage: view(stage),
            production: view(production),
        }
    }
}

/// A service with what is on the way.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ServiceDetails {
    #[serde(flatten)]
    service: ServiceView,
    /// The definition as RMM uses it.
    definition: serde_json::Value,
    /// The releases that wait for production, in their order.
    queue: Vec<ReleaseView>,
    /// The release that occupies stage.
    on_stage: Option<ReleaseView>,
    /// Runs that are under way or cannot be judged.
    runs: Vec<RunView>,
    /// Another RMM that works with a copy of this database was met, here or in another service, and no admin has
    /// looked yet (`settle`).
    another_copy: Option<UnknownView>,
    /// The good versions, newest first.
    good_versions: Vec<GoodVersionView>,
}

/// A version that one can go back to.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct GoodVersionView {
    #[serde(flatten)]
    version: Version,
    #[schema(value_type = String, format = DateTime)]
    deployed_at: Timestamp,
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
                let stage = runs::environment(conn, &service.name, Env::Stage)?;
                let production = runs::environment(conn, &service.name, Env::Production)?;
                Ok(ServiceView::new(service, &stage, &production))
            })
            .collect::<Result<Vec<_>, crate::store::StoreError>>()
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
    let environments = &overview.environments;
    Ok(Json(ServiceDetails {
        service: ServiceView::new(&overview.service, &environments[&Env::Stage], &environments[&Env::Production]),
        definition: serde_json::to_value(&*overview.service).unwrap_or_default(),
        queue: overview.line.iter().map(ReleaseView::from).collect(),
        on_stage: overview.on_stage.as_ref().map(ReleaseView::from),
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
    responses((status = 200, body = ServiceDetails), (status = 404, body = Problem)))]
pub async fn show(
    State(web): State<Web>,
    Caller(actor): Caller,
    Named(name): Named<String>,
) -> Result<Json<ServiceDetails>, Problem> {
    details(&web, &actor, name).await
}

/// Why production is locked.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LockService {
    /// Why; everybody who waits will read it.
    reason: String,
}

/// Lock production: nothing is deployed until somebody unlocks; rollbacks go on
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

/// A host that is given up.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveUpHost {
    /// `stage` or `production`.
    environment: Env,
    /// Its name.
    host: String,
    /// Why; it goes on the record.
    reason: String,
}

/// Give a host up that does not answer: a way back goes on without it, and nobody waits for its return
#[utoipa::path(post, path = "/api/v1/services/{name}/give-up", tag = "decisions", params(("name" = String, Path)),
    request_body = GiveUpHost, responses((status = 200, body = ServiceDetails), (status = 409, body = Problem)))]
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

/// A host that is to be caught up.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatchUpHost {
    /// `stage` or `production`.
    environment: Env,
    /// Its name.
    host: String,
}

/// Bring a host that was left behind or given up to what its environment runs, now
#[utoipa::path(post, path = "/api/v1/services/{name}/catch-up", tag = "decisions", params(("name" = String, Path)),
    request_body = CatchUpHost, responses((status = 200, body = ServiceDetails), (status = 409, body = Problem)))]
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

/// What an admin says that an environment runs: a release, nothing, or what RMM has on record.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleService {
    /// `stage` or `production`.
    environment: Env,
    /// What was found there.
    runs: FoundThere,
    /// The release, for `release`.
    #[serde(default)]
    release: Option<i64>,
    /// How it is known.
    #[serde(default)]
    reason: String,
}

/// What was found in an environment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundThere {
    /// The release that is named.
    Release,
    /// Nothing, or nothing that RMM knows of: the next release is deployed as a first one.
    Nothing,
    /// What RMM has on record.
    Recorded,
}

/// Say what an environment runs, where that is not known
///
/// After a restore, and where another copy of the database has been at work, RMM does not know what an environment runs
/// and deploys nothing there. An admin looks and says it. A run whose end is not known is ended by it, too.
#[utoipa::path(post, path = "/api/v1/services/{name}/settle", tag = "decisions", params(("name" = String, Path)), request_body = SettleService,
    responses((status = 200, body = ServiceDetails), (status = 409, body = Problem)))]
pub async fn settle(
    State(web): State<Web>,
    Caller(actor): Caller,
    Extension(trace): Extension<Trace>,
    Named(name): Named<String>,
    Sent(sent): Sent<SettleService>,
) -> Result<Json<ServiceDetails>, Problem> {
    let service = ServiceName::parse("name", name.clone())?;
    let runs = match (sent.runs, sent.release) {
        (FoundThere::Release, Some(id)) => Settled::Release(ReleaseId(id)),
        (FoundThere::Release, None) => return Err(Invalid::new("release", "must be there with `release`").into()),
        (FoundThere::Nothing | FoundThere::Recorded, Some(_)) => {
            return Err(Invalid::new("release", "goes only with `runs` = `release`").into());
        }
        (FoundThere::Nothing, None) => Settled::Nothing,
        (FoundThere::Recorded, None) => Settled::Recorded,
    };
    let command = Command::Settle { environment: sent.environment, runs, reason: sent.reason };
    let request = trace.of(Request::about(actor.clone(), service, command));
    web.engine.settle(request, sent.environment).await?;
    details(&web, &actor, name).await
}

/// A person.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PersonView {
    name: String,
    role: crate::domain::person::Role,
    telegram_id: Option<i64>,
    github: Option<String>,
    /// The services where the person is listed as approver.
    approves: Vec<String>,
}

/// The people
#[utoipa::path(get, path = "/api/v1/people", tag = "services", responses((status = 200, body = Vec<PersonView>)))]
pub async fn people(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Vec<PersonView>>, Problem> {
    readable_by(&actor, None)?;
    let catalog = web.engine.catalog();
    let view = |person: &crate::domain::person::Person| PersonView {
        name: person.name.to_string(),
        role: person.role,
        telegram_id: person.telegram_id,
        github: person.github.clone(),
        approves: catalog
            .services()
            .filter(|service| service.approvals.required.contains(&person.name))
            .map(|service| service.name.to_string())
            .collect(),
    };
    Ok(Json(catalog.people().values().map(view).collect()))
}
