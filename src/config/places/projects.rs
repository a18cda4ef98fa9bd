//! What commands start under one name for the whole machine: compose projects, stacks, containers. The second one
//! started replaces the first.

use super::{Occupied, way_out};
use crate::config::report::{Origin, Report};
use crate::domain::plan::project;
use crate::domain::plan::started::{Kind, Started, normal};

pub(super) fn projects(report: &Report<'_>, machine: &str, earlier: &Occupied, later: &Occupied) {
    let both = |one: &Started| {
        let here = &later.starts.started;
        here.iter()
            .find(|other| (one.kind, &one.name, &one.daemon) == (other.kind, &other.name, &other.daemon))
            .cloned()
    };
    let (open, known): (Vec<_>, Vec<_>) =
        earlier.starts.started.iter().filter_map(|one| Some((one, both(one)?))).partition(|(one, _)| one.is_open());
    for (one, other) in &known {
        collide(report, machine, earlier, later, (one, other));
    }
    if !known.is_empty() {
        return;
    }
    let (first, second) = (earlier.title(), later.title());
    if let Some((one, _)) = open.first() {
        let sentence = format!(
            "{second} and {first} take the name of {} from {}, which RMM does not know, on {machine}: where it is the \
             same, each replaces the other's containers",
            of(one.kind),
            one.shown(),
        );
        report.warn(&place(earlier, later, one.by_folder), sentence);
    } else if let Some(sentence) = unread(machine, earlier, later) {
        report.warn(&place(earlier, later, true), sentence);
    }
}

const fn of(kind: Kind) -> &'static str {
    match kind {
        Kind::Project => "the compose project",
        Kind::Stack => "the stack",
        Kind::Container => "a container",
    }
}

fn collide(report: &Report<'_>, machine: &str, earlier: &Occupied, later: &Occupied, names: (&Started, &Started)) {
    let (one, other) = names;
    let (first, second, name) = (earlier.title(), later.title(), one.shown());
    let by_folder = one.by_folder && other.by_folder;
    let sentence = match one.kind {
        Kind::Project if by_folder => format!(
            "compose names a project after its folder, and {second} and {first} both are in one called \"{name}\" on \
             {machine}: each would replace the other's containers"
        ),
        Kind::Project => format!(
            "{second} and {first} have the same compose project on {machine}, \"{name}\": each would replace the other's \
             containers"
        ),
        Kind::Stack => format!(
            "{second} and {first} deploy the same stack on {machine}, \"{name}\": each would replace the other's services"
        ),
        Kind::Container => format!(
            "{second} and {first} start a container with the same name on {machine}, \"{name}\": one would be in the \
             other's way, or replace it"
        ),
    };
    let hint = match one.kind {
        Kind::Project if [earlier, later].iter().all(|place| place.is_named_elsewhere()) => {
            "the commands name it themselves: put `{{ environment }}` or the service into the name".to_owned()
        }
        Kind::Project if later.surface.project.is_some() && other.by_folder => {
            format!("`sudo` does not bring `project` along: `sudo --preserve-env={} …` does", project::VARIABLE)
        }
        Kind::Project => way_out("project", later),
        Kind::Stack | Kind::Container => "put `{{ environment }}` or the service into the name".to_owned(),
    };
    report.collision(&place(earlier, later, by_folder), sentence, hint);
}

impl Occupied {
    /// Whether its commands say a project that `project` does not change.
    fn is_named_elsewhere(&self) -> bool {
        let named = |one: &&Started| one.kind == Kind::Project && !one.by_folder;
        self.starts.started.iter().find(named).is_some_and(|one| self.project.as_ref() != Some(&one.name))
    }

    /// The name that compose would make of its folder.
    fn folder_name(&self) -> Option<String> {
        self.folder.as_ref()?.file_name().map(|name| normal(&name.to_string_lossy()))
    }

    fn by_folder(&self) -> impl Iterator<Item = &Started> {
        self.starts.started.iter().filter(|one| one.by_folder)
    }
}

/// Where the key is written that decides. A default name is that of another place only where this one has
/// been chosen.
fn place(earlier: &Occupied, later: &Occupied, by_folder: bool) -> Origin {
    let (one, other) = (&later.points, &earlier.points);
    let key = if by_folder { one.directory.as_ref() } else { one.project.as_ref().or(other.project.as_ref()) };
    key.unwrap_or(&one.whole).clone()
}

/// What the text of commands does not tell, where one repository has both: there the same file names the same project.
fn unread(machine: &str, earlier: &Occupied, later: &Occupied) -> Option<String> {
    if earlier.service != later.service || earlier.folder == later.folder {
        return None;
    }
    let (first, second) = (earlier.title(), later.title());
    if earlier.by_folder().next().is_some() && later.by_folder().next().is_some() {
        return Some(format!(
            "{second} and {first} have a compose project on {machine} by the name of their folders only as long as neither \
             the compose file (`name`) nor a `.env` beside it says one: that would be the same for both. `project` in each \
             makes sure (of what runs already: the name that `docker compose ls` shows)"
        ));
    }
    let command = earlier.starts.unread.intersection(&later.starts.unread).next()?;
    if earlier.project.is_some() || later.project.is_some() {
        return None;
    }
    Some(if earlier.folder_name() == later.folder_name() {
        format!(
            "RMM does not read what `{command}` starts. If it calls compose, {second} and {first} get one project on \
             {machine}, after the last part of their folders, and each replaces the other's containers; `project` in each \
             keeps them apart"
        )
    } else {
        format!(
            "RMM does not read what `{command}` starts. If it gives containers a name of its own (`docker run --name`), it has \
             to be another one in {second} than in {first} on {machine}, such as one with $RMM_ENVIRONMENT in it: each would \
             replace the other's"
        )
    })
}
