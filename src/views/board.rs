//! The board: what is on its way, what runs where, and what ended last.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::{ReleaseOverview, ServiceOverview, Usual};
use crate::domain::ids::{ReleaseId, ServiceName};
use crate::domain::release::Release;
use crate::domain::status::{List, Status};
use crate::domain::world::World;
use crate::engine::{Engine, Failure};

/// Of the releases that have ended, this many are shown.
pub const ENDED: u32 = 10;
/// Of one service in one status, this many are shown.
const CARDS: usize = 20;

/// What a team looks at first, as of one moment for each service.
#[derive(Debug, Clone)]
pub struct Board {
    /// What is on its way, by service and number.
    pub releases: Vec<ReleaseOverview>,
    /// Every service of the configuration, by name.
    pub services: Vec<ServiceOverview>,
    /// The last ones that ended, the newest number first.
    pub ended: Vec<Release>,
    /// How long the step that is at work for a release usually takes.
    pub usual: BTreeMap<ReleaseId, SignedDuration>,
}

impl Board {
    /// A service that it shows.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&ServiceOverview> {
        self.services.iter().find(|overview| overview.service.name == *name)
    }

    /// Reads it; of one service, or of all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(engine: &Engine, of: Option<&ServiceName>) -> Result<Self, Failure> {
        let mut names = engine.catalog().service_names();
        names.retain(|name| of.is_none_or(|of| of == name));
        let mut board = Self {
            releases: Vec::new(),
            services: Vec::with_capacity(names.len()),
            ended: Vec::new(),
            usual: BTreeMap::new(),
        };
        for name in names {
            let (service, releases) = engine.look_at_service(&name, of_service).await?;
            board.services.push(service);
            board.releases.extend(releases);
        }
        let (good, failed) = (
            engine.releases(Some(List::Successful), of.cloned(), None, ENDED),
            engine.releases(Some(List::Failed), of.cloned(), None, ENDED),
        );
        board.ended = good.await?;
        board.ended.extend(failed.await?);
        board.ended.sort_by_key(|release| std::cmp::Reverse((release.completed_at, release.id)));
        board.ended.truncate(ENDED as usize);
        for overview in &board.releases {
            let run = overview.run.as_ref();
            let Some((run, step)) = run.and_then(|run| Some((run, run.running_steps().next()?))) else { continue };
            let usual = Usual::read(engine, &run.service, run.environment, run.kind).await?;
            board.usual.extend(usual.of_step(run, step).map(|usual| (overview.release.id, usual)));
        }
        Ok(board)
    }
}

fn of_service(world: &World<'_>) -> (ServiceOverview, Vec<ReleaseOverview>) {
    let active = Status::ALL.iter().filter(|status| status.is_active());
    let releases = active.flat_map(|status| world.in_status(*status).into_iter().take(CARDS));
    let releases = releases.map(|release: Arc<Release>| ReleaseOverview::of(world, &release)).collect();
    (ServiceOverview::of(world), releases)
}
