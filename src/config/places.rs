//! What must not be in one place: folders, compose projects and published ports of different services and environments
//! on one machine.
//!
//! Two surfaces of one service in one environment may share a folder or a project: they are released as one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use crate::domain::env::Env;
use crate::domain::ids::{HostName, ServiceName, SurfaceName};
use crate::domain::plan::project;
use crate::domain::service::{Probe, Recipe, Service, Surface, Via};

use super::hosts::{Hosts, parse_address};
use super::report::{Place, Report};
use super::surface::{Draft, Pointed};

/// Ports that a web server in front of many services has; that they are asked says nothing about who listens.
const SHARED_PORTS: [u16; 2] = [80, 443];

/// Where the keys of a surface are written that decide about its place.
pub(super) struct Points {
    whole: Place,
    directory: Option<Place>,
    project: Option<Place>,
    health: Option<Place>,
}

impl Points {
    pub fn of(draft: &Draft, whole: &Place) -> Self {
        let place = |key| draft.place_of(key).cloned();
        Self {
            whole: whole.clone(),
            directory: place(Pointed::Directory),
            project: place(Pointed::Project),
            health: place(Pointed::Health),
        }
    }
}

/// A surface in an environment where RMM itself runs it.
pub(super) struct Occupied {
    service: ServiceName,
    environment: Env,
    surface: Surface,
    folder: Option<PathBuf>,
    project: Option<String>,
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
            project: written_project(&surface.deploy).or_else(|| project::name(&service.name, surface, environment)),
            surface: surface.clone(),
            points,
        };
        service.surfaces_in(environment).zip(points).map(occupied).collect()
    }

    fn name(&self) -> &SurfaceName {
        &self.surface.name
    }

    fn is_released_with(&self, other: &Self) -> bool {
        self.service == other.service && self.environment == other.environment
    }

    fn title(&self) -> String {
        format!("surface {} of {} in {}", self.name(), self.service, self.environment)
    }

    /// The first machine on which both are.
    fn meets(&self, other: &Self, hosts: &Hosts) -> Option<String> {
        let machine = |host| hosts.machine(host);
        let shared = self
            .surface
            .hosts
            .iter()
            .find(|place| other.surface.hosts.iter().any(|there| machine(&there.host) == machine(&place.host)))?;
        Some(if shared.host.is_local() { "this machine".to_owned() } else { shared.host.to_string() })
    }

    /// The last part of its folder, where compose makes it the name of a project: nothing else gives one.
    fn named_by_compose(&self) -> Option<&OsStr> {
        let deploy = &self.surface.deploy;
        let compose = deploy.contains("compose") && self.surface.recipe == Recipe::Commands;
        let named = [" -p", "--project-name", project::VARIABLE].iter().any(|word| deploy.contains(word))
            || self.surface.env.contains_key(project::VARIABLE);
        (compose && self.project.is_none() && !named).then(|| self.folder.as_ref()?.file_name()).flatten()
    }

    /// What its health check asks over the network, as seen from one of its machines. An address with templates in it may
    /// be another one for each.
    fn asked(&self, hosts: &Hosts, machine: &str) -> Option<Asked<'_>> {
        let probe = &self.surface.health.as_ref()?.probe;
        let (scheme, rest, default, written, via) = match probe {
            Probe::Http { url, via, .. } => {
                let (scheme, rest) = url.split_once("://")?;
                let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
                (scheme.to_ascii_lowercase(), rest, Some(default), url, *via)
            }
            Probe::Tcp { address, via } => ("tcp".to_owned(), address.as_str(), None, address, *via),
            Probe::Command(_) | Probe::Containers => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let address = parse_address(authority, default)?;
        let host = address.host.trim_end_matches('.').to_ascii_lowercase();
        let ip: Option<IpAddr> = host.parse().ok().map(|ip: IpAddr| ip.to_canonical());
        let loops = host == "localhost" || ip.is_some_and(|ip| ip.is_loopback() || ip.is_unspecified());
        // RMM's own machine is not the one that it asks about.
        let here = loops && (via == Via::Host || machine == HostName::local().as_str());
        let named = hosts.names_of(machine).any(|name| name.trim_end_matches('.').eq_ignore_ascii_case(&host));
        // A web server in front of many services tells them apart by their names.
        let own = here || (named && (ip.is_some() || !SHARED_PORTS.contains(&address.port)));
        let host = match ip {
            _ if own => "here".to_owned(),
            _ if loops => "localhost".to_owned(),
            Some(ip) => ip.to_string(),
            None => host,
        };
        let path = path.split('#').next().unwrap_or_default().trim_end_matches('/');
        let question = format!("{scheme}://{host}:{}{path}", address.port);
        Some(Asked { port: own.then_some(address.port), question: (!path.contains("{{")).then_some(question), written })
    }
}

/// What a health check asks.
struct Asked<'a> {
    /// The port, if it is one of the machine itself.
    port: Option<u16>,
    /// What is asked, in one spelling.
    question: Option<String>,
    /// The same as it is written.
    written: &'a str,
}

/// Reports what must collide. Each pair is looked at once, and the later one of the file is pointed at.
pub(super) fn check(report: &Report<'_>, hosts: &Hosts, occupied: &[Occupied]) {
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
        return together(report, earlier, later);
    }
    folders(report, &machine, earlier, later);
    projects(report, &machine, earlier, later);
}

/// What two surfaces that are released as one may share, and probably do not mean to. `earlier` is deployed first.
fn together(report: &Report<'_>, earlier: &Occupied, later: &Occupied) {
    if earlier.folder.is_none() || earlier.folder != later.folder {
        return;
    }
    let (one, other) = (&earlier.surface, &later.surface);
    let place = later.points.directory.as_ref().unwrap_or(&later.points.whole);
    if later.surface.checkout && !earlier.surface.checkout {
        let sentence = format!(
            "{} is deployed before {} checks the code out in their folder; put it behind",
            earlier.title(),
            later.name()
        );
        report.warn(place, sentence);
    }
    let twice = one.recipe == Recipe::Compose && one.deploy == other.deploy && one.env == other.env;
    if twice && other.recipe == Recipe::Compose && earlier.project != later.project {
        let sentence = format!(
            "{} and {} start the same compose file in one folder, as two projects; one surface is enough for it",
            earlier.title(),
            later.name()
        );
        report.warn(place, sentence);
    }
}

fn folders(report: &Report<'_>, machine: &str, earlier: &Occupied, later: &Occupied) {
    let (Some(one), Some(other)) = (&earlier.folder, &later.folder) else { return };
    let place = later.points.directory.as_ref().unwrap_or(&later.points.whole);
    let (clones, any) =
        (earlier.surface.checkout && later.surface.checkout, earlier.surface.checkout || later.surface.checkout);
    let folder = other.display();
    if one == other && (clones || (any && earlier.service == later.service)) {
        report.collision(
            place,
            format!(
                "{} and {} have the same folder on {machine}, {folder}: each would run what the other checks out",
                later.title(),
                earlier.title()
            ),
            way_out("directory", later),
        );
    } else if one == other && !any && earlier.service != later.service {
        report.warn(
            place,
            format!(
                "{} and {} run in one folder on {machine}, {folder}, which RMM does not check out: whatever one of them \
                 changes there changes under the other",
                later.title(),
                earlier.title()
            ),
        );
    } else if one == other && any {
        report.warn(
            place,
            format!(
                "{} runs in the folder of {} on {machine}, {folder}: whatever is checked out there changes under it",
                if later.surface.checkout { earlier.title() } else { later.title() },
                if later.surface.checkout { later.title() } else { earlier.title() },
            ),
        );
    } else if clones && (one.starts_with(other) || other.starts_with(one)) {
        let (outer, inner) = if other.starts_with(one) { (earlier, later) } else { (later, earlier) };
        report.warn(
            place,
            format!(
                "the folder of {} is inside the checkout of {} on {machine}; give it a folder beside it",
                inner.title(),
                outer.title()
            ),
        );
    }
}

/// The project that a command gives compose itself, where it is written out.
fn written_project(command: &str) -> Option<String> {
    let words = shlex::split(command)?;
    let mut words = words.iter().skip_while(|word| !word.contains("compose")).map(String::as_str);
    let name = loop {
        match words.next()? {
            "-p" | "--project-name" => break words.next()?,
            word => {
                if let Some(name) = word.strip_prefix("--project-name=") {
                    break name;
                }
            }
        }
    };
    project::is_valid(name).then(|| name.to_owned())
}

fn projects(report: &Report<'_>, machine: &str, earlier: &Occupied, later: &Occupied) {
    if let (Some(one), Some(other)) = (&earlier.project, &later.project)
        && one == other
    {
        // A name that nobody has chosen is that of another place only where this one has been chosen.
        let own = later.points.project.as_ref().or(earlier.points.project.as_ref());
        report.collision(
            own.unwrap_or(&later.points.whole),
            format!(
                "{} and {} have the same compose project on {machine}, \"{one}\": each would replace the other's \
                 containers",
                later.title(),
                earlier.title()
            ),
            way_out("project", later),
        );
        return;
    }
    if let (Some(one), Some(other)) = (earlier.named_by_compose(), later.named_by_compose())
        && one == other
        && earlier.folder != later.folder
    {
        report.collision(
            later.points.directory.as_ref().unwrap_or(&later.points.whole),
            format!(
                "compose names a project after its folder, and {} and {} both are in one called \"{}\" on {machine}: \
                 each would replace the other's containers",
                later.title(),
                earlier.title(),
                one.to_string_lossy()
            ),
            way_out("project", later),
        );
    }
}

/// Whether there was something to tell.
fn ports(report: &Report<'_>, hosts: &Hosts, machine: &str, earlier: &Occupied, later: &Occupied) -> bool {
    let (Some(there), Some(here)) = (earlier.asked(hosts, machine), later.asked(hosts, machine)) else { return false };
    let Some(machine) = later.meets(earlier, hosts) else { return false };
    let place = later.points.health.as_ref().unwrap_or(&later.points.whole);
    let compose = [earlier, later].iter().all(|place| place.surface.recipe == Recipe::Compose);
    let (later_title, earlier_title) = (later.title(), earlier.title());
    let written = if there.written == here.written {
        here.written.to_owned()
    } else {
        format!("{} and {}", here.written, there.written)
    };
    if here.question.is_some() && there.question == here.question {
        let sentence =
            format!("{later_title} and {earlier_title} are asked at the same address on {machine}, {written}");
        if compose {
            let sentence = format!("{sentence}: one of them would be taken for the other");
            report.collision(place, sentence, way_out("health", later));
        } else {
            report.warn(place, sentence);
        }
        return true;
    }
    let Some(port) = there.port.filter(|port| Some(*port) == here.port && compose && !SHARED_PORTS.contains(port))
    else {
        return false;
    };
    let sentence = format!(
        "{later_title} and {earlier_title} are both asked at port {port} of {machine}; only one of them can publish it"
    );
    report.warn(place, sentence);
    true
}

/// How a key is given another value in one environment.
fn way_out(key: &str, place: &Occupied) -> String {
    format!(
        "give each its own: `{key}` under `[services.environments.{}.surfaces.{}]` of {} holds there only",
        place.environment,
        place.name(),
        place.service
    )
}

/// A path without `.` and `..`, as far as its text tells.
fn plain(path: &str) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}
