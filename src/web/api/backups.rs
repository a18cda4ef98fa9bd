//! Backups that RMM makes by itself: how they stand.

use axum::Json;
use axum::extract::State;

use crate::contract::{BackupFailedView, BackupFileView, BackupScheduleView, BackupTestView, BackupView, BackupsView};
use crate::domain::person::Right;
use crate::engine::backups::{Backups, stored};
use crate::web::Web;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::wording::Language;

/// How scheduled backups stand: the newest, the last test, and what is wrong
#[utoipa::path(get, path = "/api/v1/backups", tag = "health", responses((status = 200, body = BackupsView)))]
pub async fn show(State(web): State<Web>, Caller(actor): Caller) -> Result<Json<BackupsView>, Problem> {
    actor.may(Right::Administer, None, false)?;
    let backups = web.engine.backups().await?;
    let folder = backups.settings.as_ref().map(|settings| settings.folder.clone());
    let files = tokio::task::spawn_blocking(move || folder.and_then(|folder| stored(&folder).ok()).unwrap_or_default());
    let files = files.await.unwrap_or_default();
    let files =
        files.into_iter().map(|file| BackupFileView { name: file.name, bytes: file.bytes, head_seq: file.event });
    Ok(Json(BackupsView { files: files.collect(), ..view(backups) }))
}

/// How they stand, without the files in the folder.
pub(in crate::web) fn view(backups: Backups) -> BackupsView {
    let Backups { settings, state, alarm } = backups;
    let tries = state.tries;
    BackupsView {
        schedule: settings.map(|settings| BackupScheduleView {
            folder: settings.folder.display().to_string(),
            every_seconds: settings.every.as_secs(),
            keep: settings.keep,
            test_every_seconds: settings.test_every.as_secs(),
            is_piped: !settings.pipe.is_empty(),
            is_sent: !settings.send.is_empty(),
        }),
        newest: state.made.map(|made| BackupView {
            file: made.file,
            bytes: made.bytes,
            made_at: made.when.at,
            head_seq: made.head,
            head_mac: made.mac,
            unsent: made.unsent,
        }),
        failed: state.failed.map(|failed| BackupFailedView {
            since: failed.since,
            tries,
            reason: Language::En.backup_fault(&failed.fault),
            because: Some(failed.fault),
        }),
        test: state.tested.map(|tested| BackupTestView {
            file: tested.file,
            at: tested.when.at,
            took_ms: tested.took,
            head_seq: tested.head,
            before_pipe: tested.before_pipe,
            reason: tested.fault.as_ref().map(|fault| Language::En.backup_fault(fault)),
            because: tested.fault,
        }),
        alarm: alarm.as_ref().map(|alarm| Language::En.backup_alarm(alarm)),
        alarm_because: alarm,
        files: Vec::new(),
    }
}
