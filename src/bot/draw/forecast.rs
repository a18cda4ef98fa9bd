//! What a rollback would do, told before it begins.

use serde::Serialize;

use super::pen::Pen;
use crate::domain::env::Env;
use crate::domain::ids::ReleaseId;
use crate::domain::plan::Planner;
use crate::domain::release::Release;
use crate::domain::run::{RunKind, Side, StepKind};
use crate::domain::service::Driver;
use crate::domain::world::World;
use crate::engine::Failure;
use crate::store::runs;

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

/// What taking production back from `release` to `to` would do.
pub(super) async fn read(pen: &Pen<'_>, world: &World, release: &Release, to: ReleaseId) -> Result<Forecast, Failure> {
    let id = release.id;
    let took = pen.engine.read(move |conn| runs::last_duration(conn, id, Env::Stage, RunKind::Rehearsal)).await?;
    let mut forecast = Forecast {
        rehearsed: release.rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.against == Some(to)),
        took: took.map(|milliseconds| pen.seconds(milliseconds / 1000)),
        ..Forecast::default()
    };
    match &world.service.production().driver {
        Driver::Local | Driver::Ssh => plan(pen, &mut forecast, world, release, to),
        Driver::Ci { workflow, rollback_workflow, .. } => {
            forecast.workflow = rollback_workflow.clone().or_else(|| workflow.clone());
        }
    }
    Ok(forecast)
}

fn plan(pen: &Pen<'_>, forecast: &mut Forecast, world: &World, release: &Release, to: ReleaseId) {
    forecast.ours = true;
    let Some(older) = world.releases.get(&to) else { return };
    let planner = Planner {
        service: &world.service,
        environment: Env::Production,
        kind: RunKind::Rollback,
        run: None,
        without: &[],
    };
    match planner.back(release, older, &planner.everywhere(Side::Newer)) {
        Ok(steps) => {
            forecast.steps = steps.len();
            let down = steps.iter().filter(|step| step.kind == StepKind::MigrateDown);
            forecast.migrations = down.map(|step| step.surface.to_string()).collect();
        }
        Err(reason) => forecast.problem = pen.why(&reason),
    }
}
