//! Folders that are no place for code, that two surfaces share, or of which one is inside the other.

use std::path::{Path, PathBuf};

use super::{Occupied, way_out};
use crate::config::report::{Origin, Report};
use crate::domain::fault::config::{ConfigFault, ConfigHint, OwnFolder};
use crate::domain::folder;

/// Refuses folders in which no code may be checked out.
pub fn is_for_code(report: &Report<'_>, place: &Origin, path: &str) {
    let shown = path.to_owned();
    let fault = if folder::is_of_system(path) {
        ConfigFault::FolderOfSystem { path: shown }
    } else if folder::is_private(path) {
        ConfigFault::FolderOfUser { path: shown }
    } else if Path::new(path).components().any(|part| part.as_os_str() == ".rmm") {
        ConfigFault::FolderOfRuns { path: shown }
    } else {
        return;
    };
    report.collision(place, fault, ConfigHint::OwnFolder);
}

/// Folders that are RMM's own.
pub struct OwnFolders<'a> {
    /// Its data directory.
    pub data: &'a Path,
    /// That of its configuration.
    pub configuration: &'a Path,
}

/// Where a path leads on this machine, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let plain = folder::plain(&path.to_string_lossy());
    let there = plain.ancestors().find_map(|known| {
        let rest = plain.strip_prefix(known).ok()?;
        Some(known.canonicalize().ok()?.join(rest))
    });
    there.unwrap_or(plain)
}

/// Refuses to run a service of this machine in RMM's own folders, or in one that they are in.
pub(super) fn of_rmm(report: &Report<'_>, own: &OwnFolders<'_>, occupied: &Occupied) {
    let Some(folder) = occupied.folder.as_deref().filter(|_| occupied.is_here()) else { return };
    let (there, data, configuration) = (real(folder), real(own.data), real(own.configuration));
    let how = if there.starts_with(&data) {
        OwnFolder::InData
    } else if data.starts_with(&there) {
        OwnFolder::HasData
    } else if configuration.starts_with(&there) {
        OwnFolder::HasConfiguration
    } else {
        return;
    };
    let place = occupied.points.directory.as_ref().unwrap_or(&occupied.points.whole);
    if report.is_wrong(place) {
        return;
    }
    let fault = ConfigFault::FolderOfRmm { of: occupied.tenant(), folder: folder.display().to_string(), how };
    // A command of the file's own that runs beside RMM's files, or above them, changes nothing there by itself.
    if how == OwnFolder::InData || occupied.surface.checkout || report.is_of_dashboard(place) {
        report.collision(place, fault, ConfigHint::OwnFolder);
    } else {
        report.warn(place, fault);
    }
}

pub(super) fn folders(report: &Report<'_>, machine: Option<String>, earlier: &Occupied, later: &Occupied) {
    let (Some(one), Some(other)) = (&earlier.folder, &later.folder) else { return };
    let place = later.points.directory.as_ref().unwrap_or(&later.points.whole);
    let (clones, any) =
        (earlier.surface.checkout && later.surface.checkout, earlier.surface.checkout || later.surface.checkout);
    let folder = other.display().to_string();
    let (first, second) = (earlier.tenant(), later.tenant());
    if one != other {
        nested(report, machine, earlier, later);
    } else if clones || (any && earlier.service == later.service) {
        let fault = ConfigFault::SameFolder { one: second, other: first, machine, folder };
        report.collision(place, fault, way_out("directory", later));
    } else if any {
        let (one, of) = if later.surface.checkout { (first, second) } else { (second, first) };
        report.warn(place, ConfigFault::InFolderOf { one, of, machine, folder });
    } else if earlier.service != later.service {
        report.warn(place, ConfigFault::OneFolder { one: second, other: first, machine, folder });
    }
}

/// Tells of a folder inside of one that is checked out.
pub(super) fn nested(report: &Report<'_>, machine: Option<String>, earlier: &Occupied, later: &Occupied) {
    let (Some(one), Some(other)) = (&earlier.folder, &later.folder) else { return };
    let (outer, inner) = match (other.starts_with(one), one.starts_with(other)) {
        (true, false) => (earlier, later),
        (false, true) => (later, earlier),
        (true, true) | (false, false) => return,
    };
    // A surface may well run in a part of the checkout that it is released with.
    if !outer.surface.checkout || (!inner.surface.checkout && inner.is_released_with(outer)) {
        return;
    }
    let place = later.points.directory.as_ref().unwrap_or(&later.points.whole);
    let (inner, outer) = (inner.tenant(), outer.tenant());
    report.warn(place, ConfigFault::InsideCheckout { inner, outer, machine });
}
