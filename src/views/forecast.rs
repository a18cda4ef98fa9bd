//! What taking production back would do, told before it begins.

use std::time::Duration;

use super::plan::back;
use crate::domain::env::Env;
use crate::domain::ids::{ReleaseId, SurfaceName};
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::run::StepKind;
use crate::domain::service::Driver;
use crate::domain::world::World;
use crate::engine::{Engine, Failure};

/// What taking production back from a release to an older one would do.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// The older one.
    pub to: ReleaseId,
    /// How it would be done.
    pub way: Way,
    /// The rehearsal on stage went back to exactly this version.
    pub rehearsed: bool,
    /// How long the rehearsal took.
    pub took: Option<Duration>,
}

/// How production would be taken back.
#[derive(Debug, Clone)]
pub enum Way {
    /// RMM does it.
    Ours {
        /// How many steps.
        steps: usize,
        /// The surfaces whose migrations are reversed.
        migrations: Vec<SurfaceName>,
    },
    /// No plan can be made.
    Impossible(Reason),
    /// A workflow of CI does it, where one is named.
    Ci(Option<String>),
    /// The older release is not known any more.
    Unknown,
}

impl Forecast {
    /// Of going back from a release to each of others.
    ///
    /// # Errors
    /// A refusal when there is no such release.
    pub async fn read(engine: &Engine, id: ReleaseId, to: Vec<ReleaseId>) -> Result<Vec<Self>, Failure> {
        let took = engine.rehearsal_took(id).await?;
        let look = move |world: &World<'_>, release: &Release| {
            to.into_iter()
                .map(|to| Self {
                    to,
                    way: Way::of(world, release, to),
                    rehearsed: release.rehearsal.as_ref().is_some_and(|rehearsal| rehearsal.against == Some(to)),
                    took,
                })
                .collect()
        };
        engine.look(id, look).await
    }
}

impl Way {
    fn of(world: &World<'_>, release: &Release, to: ReleaseId) -> Self {
        if let Driver::Ci { rollback_workflow, .. } = &world.service.production().driver {
            return Self::Ci(rollback_workflow.clone());
        }
        match world.find(to).map(|older| back(world, Env::Production, release, &older)) {
            Some(Ok(steps)) => Self::Ours {
                steps: steps.len(),
                migrations: steps
                    .iter()
                    .filter(|step| step.kind == StepKind::MigrateDown)
                    .map(|step| step.surface.clone())
                    .collect(),
            },
            Some(Err(reason)) => Self::Impossible(reason),
            None => Self::Unknown,
        }
    }
}
