//! What commands start under one name for the whole machine: compose projects, stacks, containers. The second one
//! started replaces the first.

use super::{Occupied, way_out};
use crate::config::report::{Origin, Report};
use crate::domain::fault::config::{ConfigFault, ConfigHint, Named};
use crate::domain::plan::project;
use crate::domain::plan::started::{Kind, Started, normal};

pub(super) fn projects(report: &Report<'_>, machine: Option<String>, earlier: &Occupied, later: &Occupied) {
    let both = |one: &Started| {
        let here = &later.starts.started;
        here.iter()
            .find(|other| (one.kind, &one.name, &one.daemon) == (other.kind, &other.name, &other.daemon))
            .cloned()
    };
    let (open, known): (Vec<_>, Vec<_>) =
        earlier.starts.started.iter().filter_map(|one| Some((one, both(one)?))).partition(|(one, _)| one.is_open());
    for (one, other) in &known {
        collide(report, machine.clone(), earlier, later, (one, other));
    }
    if !known.is_empty() {
        return;
    }
    if let Some((named, _)) = open.first() {
        let (one, other, of, from) = (later.tenant(), earlier.tenant(), of(named.kind), named.shown());
        let fault = ConfigFault::NameUnknown { one, other, machine, of, from };
        report.warn(&place(earlier, later, named.by_folder), fault);
    } else if let Some(fault) = unread(machine, earlier, later) {
        report.warn(&place(earlier, later, true), fault);
    }
}

const fn of(kind: Kind) -> Named {
    match kind {
        Kind::Project => Named::Project,
        Kind::Stack => Named::Stack,
        Kind::Container => Named::Container,
    }
}

fn collide(
    report: &Report<'_>,
    machine: Option<String>,
    earlier: &Occupied,
    later: &Occupied,
    (there, here): (&Started, &Started),
) {
    let (one, other, name) = (later.tenant(), earlier.tenant(), there.shown());
    let by_folder = there.by_folder && here.by_folder;
    let fault = match there.kind {
        Kind::Project if by_folder => ConfigFault::FolderNamesProject { one, other, machine, name },
        Kind::Project => ConfigFault::SameProject { one, other, machine, name },
        Kind::Stack => ConfigFault::SameStack { one, other, machine, name },
        Kind::Container => ConfigFault::SameContainer { one, other, machine, name },
    };
    let hint = match there.kind {
        Kind::Project if [earlier, later].iter().all(|place| place.is_named_elsewhere()) => ConfigHint::NameOfOthers,
        Kind::Project if later.surface.project.is_some() && here.by_folder => {
            ConfigHint::PreserveProject { variable: project::VARIABLE.to_owned() }
        }
        Kind::Project => way_out("project", later),
        Kind::Stack | Kind::Container => ConfigHint::NameByEnvironment,
    };
    report.collision(&place(earlier, later, by_folder), fault, hint);
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
fn unread(machine: Option<String>, earlier: &Occupied, later: &Occupied) -> Option<ConfigFault> {
    if earlier.service != later.service || earlier.folder == later.folder {
        return None;
    }
    let (one, other) = (later.tenant(), earlier.tenant());
    if earlier.by_folder().next().is_some() && later.by_folder().next().is_some() {
        return Some(ConfigFault::ProjectByFolder { one, other, machine });
    }
    let command = earlier.starts.unread.intersection(&later.starts.unread).next()?.clone();
    if earlier.project.is_some() || later.project.is_some() {
        return None;
    }
    Some(if earlier.folder_name() == later.folder_name() {
        ConfigFault::UnreadProject { one, other, machine, command }
    } else {
        ConfigFault::UnreadContainer { one, other, machine, command }
    })
}
