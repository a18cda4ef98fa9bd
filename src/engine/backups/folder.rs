//! The folder of scheduled copies: how they are named, in which order they are, and which of them go.
//!
//! Must not: touch a file that has another name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// What every copy begins with.
const BEGINNING: &str = "rmm-";
/// What is not finished ends with.
const PARTIAL: &str = ".partial";
/// What stands before the number of the last event.
const EVENT: &str = "-e";

/// The name of a copy: when it was made, and its last event, which tells the order whatever became of the clock.
/// `program` has made the file of it.
pub(super) fn name(at: Timestamp, event: i64, program: Option<&str>) -> String {
    let time = at.strftime("%Y-%m-%dT%H%M%SZ");
    let end = program.map(|program| format!(".{program}")).unwrap_or_default();
    format!("{BEGINNING}{time}{EVENT}{event}.db{end}")
}

/// What is not finished yet.
pub(super) fn partial(folder: &Path) -> PathBuf {
    folder.join(format!("{BEGINNING}next{PARTIAL}"))
}

/// A program's name as the end of a file's.
pub(super) fn ending(program: &str) -> String {
    let name = Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    if plain.is_empty() { "piped".to_owned() } else { plain }
}

/// A copy in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its last event.
    pub event: i64,
}

/// The copies in the folder, the newest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn stored(folder: &Path) -> io::Result<Vec<Stored>> {
    let mut all: Vec<Stored> = Vec::new();
    for file in fs::read_dir(folder)?.filter_map(Result::ok) {
        let Some(name) = file.file_name().to_str().map(ToOwned::to_owned) else { continue };
        if let (Some(event), Ok(about)) = (event_of(&name), file.metadata()) {
            all.push(Stored { name, bytes: about.len(), event });
        }
    }
    all.sort_by(|one, other| (other.event, &other.name).cmp(&(one.event, &one.name)));
    Ok(all)
}

fn event_of(name: &str) -> Option<i64> {
    let (time, rest) = name.strip_prefix(BEGINNING)?.split_once(EVENT)?;
    let (event, _) = rest.split_once(".db")?;
    let is_time = time.len() == "2026-01-31T235959Z".len() && time.ends_with('Z');
    if is_time && !name.ends_with(PARTIAL) { event.parse().ok() } else { None }
}

/// Deletes what an earlier attempt did not finish.
pub(super) fn sweep(folder: &Path) {
    let Ok(files) = fs::read_dir(folder) else { return };
    for path in files.filter_map(Result::ok).map(|file| file.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with(&format!("{BEGINNING}next{PARTIAL}")) {
            remove(&path);
        }
    }
}

/// Deletes all but the newest.
pub(super) fn delete_old(folder: &Path, keep: usize) {
    let all = match stored(folder) {
        Ok(all) => all,
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "old backups could not be looked for");
            return;
        }
    };
    for old in all.iter().skip(keep) {
        remove(&folder.join(&old.name));
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "an old backup could not be deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_ordered_by_what_they_hold_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        // The clock was a day ahead when the second of them was made.
        let names =
            [(1_000_000, 9), (1_086_400, 10), (1_050_000, 11)].map(|(second, event)| name(at(second), event, None));
        let others = ["rmm-2026-01-01.db", "rmm.db", "notes", "rmm-next.partial.ab12.partial"];
        for file in names.iter().map(String::as_str).chain(others) {
            fs::write(folder.path().join(file), "x").unwrap();
        }
        assert_eq!(names[0], "rmm-1970-01-12T134640Z-e9.db");
        delete_old(folder.path(), 2);
        sweep(folder.path());
        let left = |name: &str| folder.path().join(name).exists();
        assert_eq!(names.each_ref().map(|name| left(name)), [false, true, true]);
        assert_eq!(others.map(left), [true, true, true, false]);
        let newest = stored(folder.path()).unwrap();
        assert_eq!(newest.iter().map(|one| one.event).collect::<Vec<_>>(), [11, 10]);
    }

    #[test]
    fn the_program_names_the_end_of_the_file() {
        assert_eq!(name(Timestamp::UNIX_EPOCH, 7, Some(&ending("/usr/bin/age"))), "rmm-1970-01-01T000000Z-e7.db.age");
        assert_eq!(event_of("rmm-1970-01-01T000000Z-e7.db.age"), Some(7));
        assert_eq!(ending(".."), "piped");
    }
}
