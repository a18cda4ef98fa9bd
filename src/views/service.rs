//! A service and what its environments run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::env::Env;
use crate::domain::environment::{AnotherCopy, EnvironmentState, Stragglers};
use crate::domain::ids::ServiceName;
use crate::domain::release::Release;
use crate::domain::run::Run;
use crate::domain::service::Service;
use crate::domain::snapshot::GoodVersion;
use crate::domain::world::World;
use crate::engine::{Engine, Failure};

/// Of the good versions, this many are told.
const VERSIONS: u32 = 50;

/// A service, as of one moment.
#[derive(Debug, Clone)]
pub struct ServiceOverview {
    /// Its definition.
    pub service: Arc<Service>,
    /// What its environments run.
    pub environments: BTreeMap<Env, EnvironmentState>,
    /// The runs that hold an environment.
    pub runs: Vec<Run>,
    /// The releases that wait for production, in their order.
    pub line: Vec<Release>,
    /// The release that holds stage.
    pub on_stage: Option<Release>,
    /// The release that production runs.
    pub in_production: Option<Release>,
    /// The newest good versions.
    pub good: Vec<GoodVersion>,
    /// Another RMM that works with a copy of the database was met.
    pub another_copy: Option<AnotherCopy>,
}

impl ServiceOverview {
    /// Hosts of production that may run something else than it does, where that is about this release.
    #[must_use]
    pub fn stragglers_of(&self, release: &Release) -> Option<Stragglers> {
        Stragglers::of(release, &self.environments[&Env::Production], &self.service)
    }

    /// Reads it.
    ///
    /// # Errors
    /// A refusal when there is no such service.
    pub async fn read(engine: &Engine, name: &ServiceName) -> Result<Self, Failure> {
        engine.look_at_service(name, Self::of).await
    }

    pub(super) fn of(world: &World<'_>) -> Self {
        let current = world.production().current.as_ref();
        Self {
            service: Arc::clone(&world.service),
            environments: world.environments.clone(),
            runs: world.occupying().map(Arc::unwrap_or_clone).collect(),
            line: world.line().into_iter().map(Arc::unwrap_or_clone).collect(),
            on_stage: world.stage_holder().map(Arc::unwrap_or_clone),
            in_production: current.and_then(|version| world.find(version.release)).map(Arc::unwrap_or_clone),
            good: world.newest_good(VERSIONS),
            another_copy: world.another_copy.clone(),
        }
    }

    /// The facts about production.
    #[must_use]
    pub fn production(&self) -> &EnvironmentState {
        &self.environments[&Env::Production]
    }

    /// The run that holds an environment.
    #[must_use]
    pub fn run_in(&self, env: Env) -> Option<&Run> {
        self.runs.iter().find(|run| run.environment == env)
    }
}
