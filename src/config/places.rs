//! What must not be in one place: folders, compose projects and published ports of different services and environments
//! on one machine.
//!
//! Two surfaces of one service in one environment may share a folder or a project: they are released as one.

mod asked;
mod folders;
mod projects;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::domain::env::Env;
use crate::domain::fault::config::{ConfigFault, ConfigHint, Tenant};
use crate::domain::folder::plain;
use crate::domain::ids::{ServiceName, SurfaceName};
use crate::domain::plan::project;
use crate::domain::plan::started::All;
use crate::domain::service::{Recipe, Service, Surface};

use self::asked::ports;
pub(super) use self::folders::{OwnFolders, is_for_code};
use self::folders::{folders, nested, of_rmm};
use self::projects::projects;
use super::hosts::Hosts;
use super::report::{Origin, Report};

/// Where the keys of a surface are written that decide about its place.
pub(super) struct Points {
    pub whole: Origin,
    pub directory: Option<Origin>,
    pub project: Option<Origin>,
    pub health: Option<Origin>,
}

/// A surface in an environment where RMM itself runs it.
pub(super) struct Occupied {
    service: ServiceName,
    environment: Env,
    surface: Surface,
    folder: Option<PathBuf>,
    project: Option<String>,
    starts: All,
    points: Points,
}

impl Occupied {
    /// What a service occupies in one environment. `points` come in the order of its surfaces.
    pub fn by(service: &Service, environment: Env, points: Vec<Points>) -> Vec<Self> {
        if !service.environment(environment).driver.is_ours() {
            return Vec::new();
        }
        let occupied = |(surface, points): (&Surface, Points)| Self {
            service: service.name.clone(),
            environment,
            folder: surface.directory.as_deref().map(plain),
            project: project::name(service.name_on_hosts(), surface, environment),
            starts: All::of(&service.name, environment, surface),
            surface: surface.clone(),
            points,
        };
        service.surfaces_in(environment).zip(points).map(occupied).collect()
    }

    fn name(&self) -> &SurfaceName {
        &self.surface.name
    }

    fn is_here(&self) -> bool {
        self.surface.hosts.iter().any(|place| place.host.is_local())
    }

    fn is_released_with(&self, other: &Self) -> bool {
        self.service == other.service && self.environment == other.environment
    }

    fn tenant(&self) -> Tenant {
        let (surface, service) = (self.name().clone(), self.service.clone());
        Tenant { surface, service, environment: self.environment }
    }

    /// The first machine on which both are, as [`ConfigFault`] names it.
    fn meets(&self, other: &Self, hosts: &Hosts) -> Option<Option<String>> {
        let machine = |host| hosts.machine(host);
        let shared = self
            .surface
            .hosts
            .iter()
            .find(|place| other.surface.hosts.iter().any(|there| machine(&there.host) == machine(&place.host)))?;
        Some((!shared.host.is_local()).then(|| shared.host.to_string()))
    }
}

/// Reports what must collide. Each pair is looked at once, and the later one of the file is pointed at.
pub(super) fn check(report: &Report<'_>, hosts: &Hosts, own: &OwnFolders<'_>, occupied: &[Occupied]) {
    occupied.iter().for_each(|place| of_rmm(report, own, place));
    let by_machine = group(hosts, occupied);
    let mut told = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for (machine, together) in &by_machine {
        for (number, &later) in together.iter().enumerate() {
            for &earlier in &together[..number] {
                let (one, other) = (&occupied[earlier], &occupied[later]);
                if told.insert((earlier, later)) {
                    pair(report, hosts, one, other);
                }
                // Of many that are asked at one port, each is told once.
                if !asked.contains(&later) && !other.is_released_with(one) && ports(report, hosts, machine, one, other)
                {
                    asked.insert(later);
                }
            }
        }
    }
}

/// The surfaces of each machine, so that not everything is compared with everything.
fn group(hosts: &Hosts, occupied: &[Occupied]) -> BTreeMap<String, Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, place) in occupied.iter().enumerate() {
        for target in &place.surface.hosts {
            let group = groups.entry(hosts.machine(&target.host)).or_default();
            if group.last() != Some(&index) {
                group.push(index);
            }
        }
    }
    groups
}

fn pair(report: &Report<'_>, hosts: &Hosts, earlier: &Occupied, later: &Occupied) {
    let Some(machine) = later.meets(earlier, hosts) else { return };
    if later.is_released_with(earlier) {
        nested(report, machine, earlier, later);
        return together(report, earlier, later);
    }
    folders(report, machine.clone(), earlier, later);
    projects(report, machine, earlier, later);
}

/// What two surfaces that are released as one may share, and probably do not mean to. `earlier` is deployed first.
fn together(report: &Report<'_>, earlier: &Occupied, later: &Occupied) {
    if earlier.folder.is_none() || earlier.folder != later.folder {
        return;
    }
    let (one, other) = (&earlier.surface, &later.surface);
    let place = later.points.directory.as_ref().unwrap_or(&later.points.whole);
    if later.surface.checkout && !earlier.surface.checkout {
        let (earlier, later) = (earlier.tenant(), later.name().clone());
        report.warn(place, ConfigFault::CheckedOutBefore { earlier, later });
    }
    let twice = one.recipe == Recipe::Compose && one.deploy == other.deploy && one.env == other.env;
    if twice && other.recipe == Recipe::Compose && earlier.project != later.project {
        let (earlier, later) = (earlier.tenant(), later.name().clone());
        report.warn(place, ConfigFault::SameComposeFile { earlier, later });
    }
}

/// How a key is given another value in one environment.
fn way_out(key: &str, place: &Occupied) -> ConfigHint {
    ConfigHint::OwnValue { key: key.to_owned(), of: place.tenant() }
}
