//! The way back: the steps from a newer release to an older one, in reverse order of the surfaces.
//!
//! A migration is taken back by the newer code. Surfaces may share a folder, so whatever still needs the newer code of a
//! folder comes before the older code is checked out there.

use std::collections::BTreeSet;

use super::super::ids::HostName;
use super::super::position::Positions;
use super::super::release::Release;
use super::super::run::StepKind;
use super::super::service::{Surface, Target};
use super::project::Direction;
use crate::domain::reason::Reason;

use super::{Part, Plan, Planner, groups, touched};

/// A folder of a host.
type Spot = (HostName, Option<String>);

/// A surface that has to go back.
struct Touched<'a> {
    surface: &'a Surface,
    /// Where it has to, the last host first.
    places: Vec<Target>,
    /// Where its migrations still have to be taken back.
    down: Option<Target>,
}

impl Touched<'_> {
    fn spot(&self, place: &Target) -> Spot {
        (place.host.clone(), self.surface.directory.clone())
    }

    /// It brings the code of this folder to a release.
    fn checks_out(&self, spot: &Spot) -> bool {
        self.surface.checkout && self.places.iter().any(|place| self.spot(place) == *spot)
    }
}

struct WayBack<'a> {
    planner: &'a Planner<'a>,
    newer: &'a Release,
    older: &'a Release,
    plan: &'a mut Plan,
    /// The last one first.
    surfaces: Vec<Touched<'a>>,
    /// Where the newer code certainly is checked out.
    newer_at: BTreeSet<Spot>,
    /// Where the older code has been checked out by this plan.
    older_at: BTreeSet<Spot>,
}

impl Planner<'_> {
    /// Adds the steps back. Pure: the same positions give the same steps.
    pub(super) fn go_back(
        &self,
        plan: &mut Plan,
        newer: &Release,
        older: &Release,
        positions: &Positions,
    ) -> Result<(), Reason> {
        let (mut surfaces, mut newer_at, mut unsure) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for surface in self.service.surfaces_in(self.environment).rev() {
            let Some(position) = positions.get(&surface.name) else { continue };
            let mut places = touched(surface, position);
            places.retain(|place| !self.without.contains(&place.host));
            let migrates = position.newer_schema && surface.migrate_down.is_some();
            let down = self.places(surface).into_iter().next().filter(|_| migrates);
            for (host, newer_code) in &position.hosts {
                let spot = (host.clone(), surface.directory.clone());
                if surface.checkout && *newer_code {
                    newer_at.insert(spot);
                } else if surface.checkout {
                    unsure.insert(spot);
                }
            }
            surfaces.push(Touched { surface, places, down });
        }
        let newer_at = &newer_at - &unsure;
        let mut back = WayBack { planner: self, newer, older, plan, surfaces, newer_at, older_at: BTreeSet::new() };
        (0..back.surfaces.len()).try_for_each(|index| back.surface(index))
    }
}

impl WayBack<'_> {
    fn surface(&mut self, index: usize) -> Result<(), Reason> {
        self.take_down(index)?;
        let spots: BTreeSet<_> =
            self.surfaces[index].places.iter().map(|place| self.surfaces[index].spot(place)).collect();
        for other in 0..self.surfaces.len() {
            let needed = self.surfaces[other].down.as_ref().is_some_and(|first| {
                let spot = self.surfaces[other].spot(first);
                spots.contains(&spot) && self.keeper(index, &spot).is_some()
            });
            if needed {
                self.take_down(other)?;
            }
        }
        let (surface, places) = (self.surfaces[index].surface, self.surfaces[index].places.clone());
        for group in groups(surface.order, &places) {
            self.check_out_older(index, group)?;
            self.part(surface, self.older).start(group)?;
        }
        Ok(())
    }

    /// Takes the migrations of a surface back, with the newer code.
    fn take_down(&mut self, index: usize) -> Result<(), Reason> {
        let Some(first) = self.surfaces[index].down.take() else { return Ok(()) };
        let surface = self.surfaces[index].surface;
        let spot = self.surfaces[index].spot(&first);
        if !self.newer_at.contains(&spot) {
            let keeper = self.keeper(index, &spot).map_or(surface, |keeper| self.surfaces[keeper].surface);
            self.part(keeper, self.newer).checkout(std::slice::from_ref(&first))?;
            self.newer_at.insert(spot);
        }
        self.part(surface, self.newer).migrate(StepKind::MigrateDown, &first)?;
        if !self.surfaces[index].places.contains(&first) {
            self.surfaces[index].places.push(first);
        }
        Ok(())
    }

    /// The surface that brings the code of a folder to a release, for one that runs there: itself, or another one.
    fn keeper(&self, index: usize, spot: &Spot) -> Option<usize> {
        if self.surfaces[index].surface.checkout {
            return Some(index);
        }
        spot.1.as_ref()?;
        self.surfaces.iter().position(|other| other.checks_out(spot))
    }

    /// Brings the older code to where a surface starts it.
    fn check_out_older(&mut self, index: usize, group: &[Target]) -> Result<(), Reason> {
        let own = self.surfaces[index].surface.checkout;
        let mut needed: Vec<(usize, Vec<Target>)> = Vec::new();
        for place in group {
            let spot = self.surfaces[index].spot(place);
            let Some(keeper) = self.keeper(index, &spot).filter(|_| own || !self.older_at.contains(&spot)) else {
                continue;
            };
            match needed.iter_mut().find(|(known, _)| *known == keeper) {
                Some((_, places)) => places.push(place.clone()),
                None => needed.push((keeper, vec![place.clone()])),
            }
            self.newer_at.remove(&spot);
            self.older_at.insert(spot);
        }
        for (keeper, places) in needed {
            self.part(self.surfaces[keeper].surface, self.older).checkout(&places)?;
        }
        Ok(())
    }

    fn part<'p>(&'p mut self, surface: &'p Surface, code: &'p Release) -> Part<'p> {
        let direction = Direction::Back(self.newer);
        Part { planner: self.planner, surface, code, target: Some(self.older), direction, plan: self.plan }
    }
}

#[cfg(test)]
mod tests;
