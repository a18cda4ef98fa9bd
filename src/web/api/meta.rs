//! RMM about itself: alive, ready, backed up.

use std::path::PathBuf;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tokio::time::Instant;

use crate::contract::{BackupMade, Health, MakeBackup, Reloaded};
use crate::domain::event::Event;
use crate::domain::fault::store::FileAct;
use crate::domain::person::{Actor, Right};
use crate::domain::rule::{Invalid, Rule};
use crate::store::{StoreError, news};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::body::Sent;
use crate::web::problem::Problem;

fn well() -> Health {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Health { status: "ok".to_owned(), version, record: None, telegram: None, chats: None, backups: None }
}

/// Alive
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json(well())
}

/// Alive, as the original machine called it
#[utoipa::path(get, path = "/health", tag = "health", security(()), responses((status = 200, body = Health)))]
pub async fn health() -> Json<Health> {
    healthz().await
}

/// How long it holds that the database was found to be writable, however often it is asked: any client may ask, and finding it
/// out is a write.
const WRITABLE_CACHE_TTL: Duration = Duration::from_secs(2);

/// When the database was last found to be writable. One caller at a time looks.
#[derive(Debug, Default)]
pub struct Readiness(tokio::sync::Mutex<Option<Instant>>);

/// Ready: the database is there, its migrations are done, and it can be written
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses((status = 200, body = Health), (status = 503, body = Problem)))]
pub async fn readyz(State(web): State<Web>) -> Result<Json<Health>, Problem> {
    ready(&web).await.map(Json)
}

/// What is known of RMM being ready.
pub(in crate::web) async fn ready(web: &Web) -> Result<Health, Problem> {
    if web.stop.is_cancelled() {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "RMM is stopping"));
    }
    let mut written = web.readiness.0.lock().await;
    if written.is_none_or(|at| at.elapsed() >= WRITABLE_CACHE_TTL) {
        *written = None;
        // A real write, undone at once by nothing having been written: what fails is the commit of a full or broken disk.
        web.engine.store().probe().await?;
        *written = Some(Instant::now());
    }
    let is_changed = web.engine.store().alarm().borrow().is_some();
    let token_refused = web.engine.read(news::token_refused_since).await?.is_some();
    Ok(Health {
        record: is_changed.then(|| "alarm".to_owned()),
        telegram: token_refused.then(|| "token_refused".to_owned()),
        chats: is_refused(web).await?.then(|| "refuse".to_owned()),
        backups: web.engine.backups().await?.alarm.map(|_| "alarm".to_owned()),
        ..well()
    })
}

/// Whether a chat of the team, or a person of the configuration, takes no messages of the bot.
async fn is_refused(web: &Web) -> Result<bool, StoreError> {
    let refusals = web.engine.read(news::refusals).await?;
    if refusals.is_empty() || refusals.iter().any(|refusal| refusal.chat < 0) {
        return Ok(!refusals.is_empty());
    }
    let people = web.engine.telegram_people().await?;
    Ok(refusals.iter().any(|refusal| people.iter().any(|(_, id, _)| *id == refusal.chat)))
}

/// Read the configuration again, as SIGHUP makes RMM do
///
/// Services, people, hosts and most keys of `[server]` take effect at once; its `listen` and `data_dir`, for the bot its
/// `language`, `time_zone` and `public_url`, `[local]`, `[telegram]` and `[telemetry]` at the next start.
#[utoipa::path(post, path = "/api/v1/reload", tag = "health", responses((status = 200, body = Reloaded),
    (status = 422, body = Problem, description = "The file is not right; the old configuration stays active")))]
pub async fn reload(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<Reloaded>, Problem> {
    reload_for(&web, &actor).await.map(Json)
}

/// Reads the configuration again because an admin asks.
pub(in crate::web) async fn reload_for(web: &Web, actor: &Actor) -> Result<Reloaded, Problem> {
    actor.may(Right::Administer, None, false)?;
    match web.reloads.ask().await {
        Some(Ok(warnings)) => Ok(Reloaded { warnings }),
        Some(Err(details)) => {
            let detail = "New configuration rejected; the old one stays active";
            Err(Problem { details, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail) })
        }
        None => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "RMM is stopping")),
    }
}

/// Back the database up while everything goes on
#[utoipa::path(post, path = "/api/v1/backup", tag = "health", request_body = MakeBackup, responses((status = 201, body = BackupMade)))]
pub async fn backup(
    State(web): State<Web>,
    Caller(actor): Caller,
    Sent(sent): Sent<MakeBackup>,
) -> Result<(StatusCode, Json<BackupMade>), Problem> {
    actor.may(Right::Administer, None, false)?;
    let path = target(&web, &actor, &sent.file)?;
    web.engine.store().watch_record(web.engine.now()).await?;
    let made = match web.engine.store().backup(path, sent.overwrite).await {
        Err(error @ (StoreError::Exists { .. } | StoreError::Io { .. })) => return Err(no_file(&error)),
        other => other?,
    };
    let file = made.path.display().to_string();
    let event = Event::BackupMade { file: file.clone() };
    web.engine.record(&actor, move |_, _| Ok(((), Some(event)))).await?;
    let head = made.head.unwrap_or(crate::store::signed::ChainHead::START);
    Ok((
        StatusCode::CREATED,
        Json(BackupMade { file, bytes: made.bytes, head_seq: head.seq, head_mac: head.mac_hex() }),
    ))
}

/// Callers from the network write only where backups belong.
fn target(web: &Web, actor: &Actor, file: &str) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(file);
    if path.is_absolute() && matches!(actor, Actor::Operator) {
        return Ok(path);
    }
    crate::domain::ids::SurfaceName::parse("file", file)?;
    let folder = web.data_dir.join("backups");
    std::fs::create_dir_all(&folder)
        .map_err(|error| no_file(&StoreError::Io { act: FileAct::Create, path: folder.clone(), error }))?;
    Ok(folder.join(file))
}

/// What is wrong with the file.
fn no_file(error: &StoreError) -> Problem {
    let denied = matches!(error, StoreError::Io { error, .. } if error.kind() == std::io::ErrorKind::PermissionDenied);
    Invalid::new("file", Rule::File { fault: Box::new(error.fault()), denied }).into()
}
