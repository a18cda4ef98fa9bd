//! Folders that are no place for code, that two surfaces share, or of which one is inside the other.

use std::path::{Path, PathBuf};

use super::{Occupied, way_out};
use crate::config::report::{Origin, Report};
use crate::domain::folder;

/// Refuses folders in which no code may be checked out.
pub fn is_for_code(report: &Report<'_>, place: &Origin, path: &str) {
    let hint = "give the surface a folder of its own, such as \"/srv/shop\"";
    if folder::is_of_system(path) {
        let sentence = format!("{path} belongs to the whole machine: no code may be checked out in it");
        report.collision(place, sentence, hint);
    } else if folder::is_private(path) {
        let sentence = format!(
            "{path} is among a user's keys, settings and commands or git's own files: no code may be checked out in it"
        );
        report.collision(place, sentence, hint);
    } else if Path::new(path).components().any(|part| part.as_os_str() == ".rmm") {
        let sentence = format!("{path} is among the files of RMM's own runs (`.rmm`), which it deletes");
        report.collision(place, sentence, hint);
    }
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
    let (what, is_data) = if there.starts_with(&data) {
        ("is RMM's data directory, or in it", true)
    } else if data.starts_with(&there) {
        ("has RMM's data directory in it", false)
    } else if configuration.starts_with(&there) {
        ("is the folder of RMM's configuration, or has it in it", false)
    } else {
        return;
    };
    let place = occupied.points.directory.as_ref().unwrap_or(&occupied.points.whole);
    if report.is_wrong(place) {
        return;
    }
    let (title, folder) = (occupied.title(), folder.display());
    let sentence = format!("the folder of {title}, {folder}, {what}: a release could change what RMM does and knows");
    // A command of the file's own that runs beside RMM's files, or above them, changes nothing there by itself.
    if is_data || occupied.surface.checkout || report.is_of_dashboard(place) {
        report.collision(place, sentence, "give the surface a folder of its own, such as \"/srv/shop\"");
    } else {
        report.warn(place, sentence);
    }
}

pub(super) fn folders(report: &Report<'_>, machine: &str, earlier: &Occupied, later: &Occupied) {
    let (Some(one), Some(other)) = (&earlier.folder, &later.folder) else { return };
    let place = later.points.directory.as_ref().unwrap_or(&later.points.whole);
    let (clones, any) =
        (earlier.surface.checkout && later.surface.checkout, earlier.surface.checkout || later.surface.checkout);
    let folder = other.display();
    let (first, second) = (earlier.title(), later.title());
    if one != other {
        nested(report, machine, earlier, later);
    } else if clones || (any && earlier.service == later.service) {
        let sentence = format!(
            "{second} and {first} have the same folder on {machine}, {folder}: each would run what the other checks out"
        );
        report.collision(place, sentence, way_out("directory", later));
    } else if any {
        let (who, whose) = if later.surface.checkout { (first, second) } else { (second, first) };
        let sentence = format!(
            "{who} runs in the folder of {whose} on {machine}, {folder}: whatever is checked out there changes under it"
        );
        report.warn(place, sentence);
    } else if earlier.service != later.service {
        let sentence = format!(
            "{second} and {first} run in one folder on {machine}, {folder}, which RMM does not check out: whatever one of \
             them changes there changes under the other"
        );
        report.warn(place, sentence);
    }
}

/// Tells of a folder inside of one that is checked out.
pub(super) fn nested(report: &Report<'_>, machine: &str, earlier: &Occupied, later: &Occupied) {
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
    let (inner, outer) = (inner.title(), outer.title());
    let sentence = format!(
        "the folder of {inner} is inside the checkout of {outer} on {machine}: a version that has something of that name \
         overwrites it; give it a folder beside it"
    );
    report.warn(place, sentence);
}
