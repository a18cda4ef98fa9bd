//! A run of GitHub that asks RMM, as the protection rule of an environment, whether it may go to production. The gates say so,
//! and what is already under way; there is no rule beside those.

use super::cause::Cause;
use super::env::Env;
use super::gate::{self, Gate};
use super::release::Release;
use super::status::Status;
use super::world::World;

/// How a release stands for such a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clearance {
    /// It is the run that does the work in production.
    UnderWay,
    /// Every gate is clear, and the run has not production yet.
    Clear,
    /// Gates that are not met.
    Unmet(Vec<Gate>),
    /// Every gate is clear, and it was refused all the same.
    Refused(Box<Cause>),
    /// Which commit it is has not been found out yet, so that the run may be one of another commit.
    CommitUnknown,
    /// Another run does the work in production.
    ByAnotherRun,
    /// The release goes nowhere any more.
    Over(Status),
    /// There is no such release yet.
    Unknown,
}

/// Whether a run, by GitHub's number, may go to production with a release.
#[must_use]
pub fn clearance(world: &World<'_>, release: &Release, ci_run: &str) -> Clearance {
    if let Some(run) = world.occupying_run(Env::Production).filter(|run| run.release == release.id) {
        let is_this = run.state.is_live() && run.ci_run.as_deref() == Some(ci_run) && run.stop.is_none();
        return if is_this { Clearance::UnderWay } else { Clearance::ByAnotherRun };
    }
    if !release.status.is_active() {
        return Clearance::Over(release.status);
    }
    if !release.status.is_cancellable() {
        return Clearance::ByAnotherRun;
    }
    if release.commit.is_none() {
        return Clearance::CommitUnknown;
    }
    let unmet: Vec<_> = gate::explain(world, release).into_iter().filter(|gate| !gate.met()).collect();
    if release.status == Status::ManualTestPassed && unmet.is_empty() {
        Clearance::Clear
    } else {
        Clearance::Unmet(unmet)
    }
}
