//! It would not take production to an older version.

use super::{Condition, Finding, GateName, GateState, Remedy, met, unmet};
use crate::domain::decide::is_possible;
use crate::domain::ids::Tag;
use crate::domain::moves::Move;
use crate::domain::release::Release;
use crate::domain::world::World;

pub(super) const GATE: Condition =
    Condition { name: GateName::NotADowngrade, can_be_bypassed: true, blocks_only_its_release: true, look };

fn look(world: &World<'_>, release: &Release) -> Finding {
    let Some(current) = world.production().current.clone() else { return met(GateState::NothingRuns) };
    if current.release == release.id {
        return met(GateState::RunsIt);
    }
    let version = |tag: &Option<Tag>| {
        tag.as_ref().and_then(|t| semver::Version::parse(t.as_str().trim_start_matches(['v', 'V'])).ok())
    };
    let lower = match (version(&release.tag), version(&current.tag)) {
        (Some(candidate), Some(running)) => candidate < running,
        (Some(_) | None, _) => {
            release.commit != current.commit && release.commit.as_ref().is_some_and(|commit| world.has_run(commit))
        }
    };
    if lower {
        let running = world.find(current.release).filter(|it| is_possible(world, it, Move::Rollback));
        let remedy = running.map_or(Remedy::GoForward, |running| Remedy::RollBack { release: running.id });
        return unmet(GateState::Older { current }, remedy);
    }
    met(GateState::NotOlder { current })
}
