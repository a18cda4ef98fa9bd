//! What is read for the screens of a release.

use super::pen::Pen;
use super::run::{self, FailureFacts};
use crate::domain::environment::Lock;
use crate::domain::ids::ReleaseId;
use crate::domain::refusal::Code;
use crate::domain::release::Release;
use crate::domain::run::{Run, RunKind, RunState};
use crate::domain::status::{List, Status};
use crate::domain::world::World;
use crate::engine::Failure;
use crate::store::{releases, runs};

/// A release and what surrounds it.
pub(super) struct Scene {
    pub release: Release,
    /// None: its service is not configured any more.
    pub world: Option<World>,
    /// Its runs in this attempt, oldest first.
    pub runs: Vec<Run>,
    /// What went wrong last.
    pub failure: Option<FailureFacts>,
}

impl Scene {
    /// Reads it; none when there is no such release. `lines`: how many of the output of a failed step.
    pub async fn read(pen: &Pen<'_>, id: ReleaseId, lines: usize) -> Result<Option<Self>, Failure> {
        let found = pen.engine.read(move |conn| {
            let Some(release) = releases::get(conn, id)? else { return Ok(None) };
            let votes = releases::votes(conn, &release)?;
            let mut runs = runs::of_release(conn, id)?;
            runs.retain(|run| run.attempt == release.attempt);
            Ok(Some((release, votes, runs)))
        });
        let Some((read, votes, runs)) = found.await? else { return Ok(None) };
        let mut world = match pen.engine.world_with_good_versions(id).await {
            Ok(world) => Some(world),
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => None,
            Err(failure) => return Err(failure),
        };
        if let Some(world) = &mut world
            && !world.votes.iter().any(|vote| vote.release == id)
        {
            world.votes.extend(votes);
        }
        // One moment for the release and its surroundings.
        let release = world.as_ref().and_then(|world| world.releases.get(&id)).cloned().unwrap_or(read);
        let failure = match failed_run(&release, &runs) {
            Some(run) => run::failure(pen, run, lines).await?,
            None => None,
        };
        Ok(Some(Self { release, world, runs, failure }))
    }

    /// The run that is at work for the release, or whose end is not known.
    pub fn run(&self) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.state.occupies() && run.moves_its_release())
    }

    /// A run of the release that only an admin can help on.
    pub fn stuck(&self) -> Option<&Run> {
        let states = || self.world.iter().flat_map(|world| world.environments.values());
        let is_dirty = |run: &Run| states().any(|state| state.dirty.as_ref().is_some_and(|dirty| dirty.run == run.id));
        self.runs.iter().rev().find(|run| matches!(run.state, RunState::Unknown { .. }) || is_dirty(run))
    }

    /// Production runs it now.
    pub fn in_production(&self) -> bool {
        let current = self.world.as_ref().and_then(|world| world.production().current.as_ref());
        current.is_some_and(|version| version.release == self.release.id)
    }

    /// There is a version to roll back to.
    pub fn has_way_back(&self) -> bool {
        self.in_production() && self.world.as_ref().is_some_and(|world| world.good_before_current().next().is_some())
    }

    pub fn lock(&self) -> Option<&Lock> {
        self.world.as_ref().and_then(|world| world.production().lock.as_ref())
    }
}

/// The run that explains where a release stands, where something failed: of a release that ended badly the last one that
/// failed, and of one that is going back the deploy that failed.
fn failed_run<'r>(release: &Release, runs: &'r [Run]) -> Option<&'r Run> {
    let failed = |run: &&Run| matches!(run.state, RunState::Failed { .. }) && !run.housekeeping;
    if matches!(release.status, Status::ProductionRollback | Status::RollbackDone) {
        return runs.iter().rev().filter(failed).find(|run| run.kind == RunKind::Deploy);
    }
    let by_people = matches!(release.status, Status::ManualTestFailed | Status::Cancelled);
    runs.iter().rev().find(failed).filter(|_| release.status.list() == List::Failed && !by_people)
}
