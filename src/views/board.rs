//! The board: what is on its way, what runs where, and what ended last.

use std::sync::Arc;

use super::{ReleaseOverview, ServiceOverview};
use crate::domain::ids::ServiceName;
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
}

impl Board {
    /// Reads it; of one service, or of all.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn read(engine: &Engine, of: Option<&ServiceName>) -> Result<Self, Failure> {
        let catalog = engine.catalog();
        let names = catalog.services().map(|service| &service.name).filter(|name| of.is_none_or(|of| of == *name));
        let names: Vec<ServiceName> = names.cloned().collect();
        let mut board = Self { releases: Vec::new(), services: Vec::with_capacity(names.len()), ended: Vec::new() };
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
        Ok(board)
    }
}

fn of_service(world: &World<'_>) -> (ServiceOverview, Vec<ReleaseOverview>) {
    let active = Status::ALL.iter().filter(|status| status.is_active());
    let releases = active.flat_map(|status| world.in_status(*status).into_iter().take(CARDS));
    let releases = releases.map(|release: Arc<Release>| ReleaseOverview::of(world, &release)).collect();
    (ServiceOverview::of(world), releases)
}
