//! What a rollback would do, told before it begins.

use serde::Serialize;

use super::pen::Pen;
use crate::domain::env::Env;
use crate::domain::ids::ReleaseId;
use crate::domain::run::{RunKind, StepKind};
use crate::domain::service::Driver;
use crate::engine::Failure;
use crate::store::runs;
use crate::views::{ReleaseOverview, plan};

/// A forecast.
#[derive(Debug, Default, Serialize)]
pub(super) struct Forecast {
    /// RMM itself would do it.
    ours: bool,
    /// How many steps.
    steps: usize,
    /// The surfaces whose migrations are reversed.
    migrations: Vec<String>,
    /// The CI workflow that would do it.
    workflow: Option<String>,
    /// How long the rehearsal took on stage.
    took: Option<String>,
    /// The rehearsal went back to exactly this version.
    rehearsed: bool,
    /// Why no plan can be made.
    problem: Option<String>,
}

/// What taking production back from a release to `to` would do.
pub(super) async fn read(pen: &Pen<'_>, overview: &ReleaseOverview, to: ReleaseId) -> Result<Forecast, Failure> {
    let release = &overview.release;
    let id = release.id;
    let took = pen.engine.read(move |conn| runs::last_duration(conn, id, Env::Stage, RunKind::Rehearsal)).await?;
    let mut forecast = Forecast {
        rehearsed: release.rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.against == Some(to)),
        took: took.map(|milliseconds| pen.seconds(milliseconds / 1000)),
        ..Forecast::default()
    };
    match &overview.service.production().driver {
        Driver::Local | Driver::Ssh => {
            forecast.ours = true;
            match plan::rollback(pen.engine, id, to).await? {
                Some(Ok(steps)) => {
                    forecast.steps = steps.len();
                    let down = steps.iter().filter(|step| step.kind == StepKind::MigrateDown);
                    forecast.migrations = down.map(|step| step.surface.to_string()).collect();
                }
                Some(Err(reason)) => forecast.problem = pen.why(&reason),
                None => {}
            }
        }
        Driver::Ci { rollback_workflow, .. } => {
            forecast.workflow.clone_from(rollback_workflow);
        }
    }
    Ok(forecast)
}
