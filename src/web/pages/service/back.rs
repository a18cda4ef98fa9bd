//! Taking production back to a good version, with what it would do.

use crate::domain::ids::ReleaseId;
use crate::domain::moves::Move;
use crate::domain::snapshot::GoodVersion;
use crate::views::forecast::Way;
use crate::views::{Forecast, ReleaseOverview};
use crate::web::Web;
use crate::web::pages::fault::Fault;
use crate::web::pages::frame::When;
use crate::web::pages::viewer::Viewer;
use crate::web::pages::words::services;

/// Versions of which it is told what going back to them would do: each costs a plan.
const FORETOLD: usize = 5;

/// The form.
pub(super) struct Back {
    /// The release that production runs.
    pub release: i64,
    pub from: String,
    pub revision: u64,
    pub needs_force: bool,
    pub options: Vec<Choice>,
}

/// A version to go back to.
pub(super) struct Choice {
    pub to: String,
    pub version: String,
    pub deployed: When,
    pub forecast: Option<String>,
    pub is_possible: bool,
}

impl Back {
    /// None where there is nothing to go back to, or it is not the viewer's to do.
    pub async fn read(web: &Web, viewer: &Viewer, release: ReleaseId) -> Result<Option<Self>, Fault> {
        let overview = ReleaseOverview::read(&web.engine, release).await?;
        let versions = &overview.versions;
        let may = overview.is_legal(Move::Rollback) && overview.may(&viewer.actor, Move::Rollback);
        if !may || versions.is_empty() {
            return Ok(None);
        }
        let near = versions.iter().take(FORETOLD).map(|good| good.version.release).collect();
        let forecasts = Forecast::read(&web.engine, release, near).await?;
        let of = |good: &GoodVersion| forecasts.iter().find(|forecast| forecast.to == good.version.release);
        Ok(Some(Self {
            release: release.0,
            from: overview.release.title(),
            revision: overview.release.revision.0,
            needs_force: overview.needs_force(Move::Rollback),
            options: versions.iter().map(|good| Choice::of(good, of(good), viewer)).collect(),
        }))
    }
}

impl Choice {
    fn of(good: &GoodVersion, forecast: Option<&Forecast>, viewer: &Viewer) -> Self {
        Self {
            to: format!("#{}", good.version.release),
            version: good.version.to_string(),
            deployed: viewer.looks.when(good.deployed_at, viewer.now),
            is_possible: !forecast.is_some_and(|seen| matches!(seen.way, Way::Impossible(_))),
            forecast: forecast.map(|seen| told(seen, viewer)),
        }
    }
}

/// A forecast in a line.
fn told(seen: &Forecast, viewer: &Viewer) -> String {
    let (language, words) = (viewer.looks.language, services::of(viewer.looks.language));
    let mut parts = match &seen.way {
        Way::Ours { steps, migrations } => {
            let undone = if migrations.is_empty() {
                words.no_migrations.to_owned()
            } else {
                let names: Vec<_> = migrations.iter().map(ToString::to_string).collect();
                format!("{} {}", words.undoes, names.join(", "))
            };
            vec![words.steps(language, *steps), undone]
        }
        Way::Impossible(reason) => vec![language.reason(reason)],
        Way::Ci(Some(workflow)) => vec![format!("{} {workflow}", words.by_workflow)],
        Way::Ci(None) | Way::Unknown => vec![words.by_ci.to_owned()],
    };
    if seen.rehearsed {
        let took = seen.took.map(|took| language.lasting(jiff::SignedDuration::try_from(took).unwrap_or_default()));
        parts.push(
            took.map_or_else(
                || words.rehearsed.to_owned(),
                |took| format!("{} {} {took}", words.rehearsed, words.within),
            ),
        );
    }
    viewer.looks.clause(&parts.join(" · "))
}
