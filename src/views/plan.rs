//! What a deploy or a rollback would do, told before it begins.

use std::sync::Arc;

use crate::domain::cause::Cause;
use crate::domain::env::Env;
use crate::domain::ids::ReleaseId;
use crate::domain::plan::Planner;
use crate::domain::position::Side;
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::run::{RunKind, Step};
use crate::domain::service::Service;
use crate::domain::version::Version;
use crate::domain::world::World;
use crate::engine::{Engine, Failure};

/// The steps that would bring an environment to a release, and those that would take it back from there.
#[derive(Debug, Clone)]
pub struct PlanOverview {
    /// The service.
    pub service: Arc<Service>,
    /// Where.
    pub environment: Env,
    /// What runs there now.
    pub from: Option<Version>,
    /// To the release; none where it runs already, or where a CI system would do it.
    pub deploy: Vec<Step>,
    /// Where the way back leads.
    pub back_to: Option<Version>,
    /// Back from the release.
    pub rollback: Vec<Step>,
}

/// No plan can be made, for this reason.
pub type Planned<T> = Result<T, Reason>;

impl PlanOverview {
    /// What would be done about a release in an environment.
    ///
    /// # Errors
    /// A refusal when there is no such release, or its service has no such environment.
    pub async fn read(engine: &Engine, id: ReleaseId, environment: Env) -> Result<Planned<Self>, Failure> {
        engine.look(id, move |world, release| Self::of(world, release, environment)).await?.map_err(Failure::Refused)
    }

    fn of(world: &World<'_>, release: &Release, environment: Env) -> Result<Planned<Self>, Refusal> {
        let service = Arc::clone(&world.service);
        let Some(state) = world.environments.get(&environment) else {
            return Err(Cause::NoEnvironment { environment, service: service.name.clone() }.into());
        };
        let from = state.current.clone();
        // Where it runs already, only the way back is left.
        let is_there = from.as_ref().is_some_and(|version| version.release == release.id);
        let back_to =
            if is_there { world.usual_way_back(release).map(|good| good.version.clone()) } else { from.clone() };
        let (mut deploy, mut rollback) = (Vec::new(), Vec::new());
        if service.environment(environment).driver.is_ours() {
            let before = back_to.as_ref().and_then(|version| world.find(version.release));
            if !is_there {
                match planner(world, environment, RunKind::Deploy).forward(release, before.as_deref()) {
                    Ok(steps) => deploy = steps,
                    Err(reason) => return Ok(Err(reason)),
                }
            }
            match before.map(|older| back(world, environment, release, &older)) {
                Some(Ok(steps)) => rollback = steps,
                Some(Err(reason)) => return Ok(Err(reason)),
                None => {}
            }
        }
        Ok(Ok(Self { service, environment, from, deploy, back_to, rollback }))
    }
}

pub(super) fn back(world: &World<'_>, environment: Env, release: &Release, older: &Release) -> Planned<Vec<Step>> {
    let planner = planner(world, environment, RunKind::Rollback);
    planner.back(release, older, &planner.everywhere(Side::Newer))
}

fn planner<'w>(world: &'w World<'_>, environment: Env, kind: RunKind) -> Planner<'w> {
    Planner { service: &world.service, environment, kind, run: None, without: &[] }
}
