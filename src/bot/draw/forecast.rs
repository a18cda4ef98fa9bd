//! What a rollback would do, told before it begins.

use serde::Serialize;

use super::pen::Pen;
use crate::domain::ids::ReleaseId;
use crate::engine::Failure;
use crate::views::forecast::Way;
use crate::views::{self, ReleaseOverview};

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
    let Some(seen) = views::Forecast::read(pen.engine, overview.release.id, vec![to]).await?.pop() else {
        return Ok(Forecast::default());
    };
    let forecast = Forecast {
        rehearsed: seen.rehearsed,
        took: seen.took.map(|took| pen.seconds(i64::try_from(took.as_secs()).unwrap_or(i64::MAX))),
        ..Forecast::default()
    };
    Ok(match seen.way {
        Way::Ours { steps, migrations } => {
            let migrations = migrations.iter().map(ToString::to_string).collect();
            Forecast { ours: true, steps, migrations, ..forecast }
        }
        Way::Impossible(reason) => Forecast { ours: true, problem: pen.why(&reason), ..forecast },
        Way::Ci(workflow) => Forecast { workflow, ..forecast },
        Way::Unknown => Forecast { ours: true, ..forecast },
    })
}
