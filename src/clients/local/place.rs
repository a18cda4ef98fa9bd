//! Where the run directories on RMM's own machine are: in the account of RMM's user, below the name of the installation,
//! as they are on other hosts. So a copy of the data directory meets what the first one does on the same machine.
//!
//! The place is chosen once and noted in the data directory, so that it holds for copies, too. Must not: move a run
//! directory, since a step may be at work in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Whether run directories can be made in `$1`; nothing is left there.
const FITS: &str = r#"umask 077
mkdir -p -- "$1" && cd -- "$1" && [ -O . ] && mkdir "try.$$" || exit 1
{ mkfifo "try.$$/fifo" && true >"try.$$/file" && ln "try.$$/file" "try.$$/link"; }
status=$?
rm -rf "try.$$"
exit $status"#;

/// Whether `$1` is a directory of this user.
const OWN: &str = r#"[ -d "$1" ] && [ -O "$1" ] && [ -w "$1" ] && [ -x "$1" ]"#;

/// The directory of all runs on this machine. It is looked for when the first run needs it.
#[derive(Debug, Clone)]
pub struct RunPlace {
    data: PathBuf,
    instance: String,
    chosen: OnceLock<PathBuf>,
}

impl RunPlace {
    /// That of an installation with this data directory (absolute) and this name.
    #[must_use]
    pub fn new(data: PathBuf, instance: String) -> Self {
        Self { data, instance, chosen: OnceLock::new() }
    }

    /// A fixed place.
    #[cfg(test)]
    pub(crate) fn at(place: &str) -> Self {
        Self { data: place.into(), instance: String::new(), chosen: OnceLock::from(PathBuf::from(place)) }
    }

    /// Lets a data directory keep them itself.
    ///
    /// # Errors
    /// When that cannot be noted.
    pub fn keep_in(data: &Path) -> std::io::Result<()> {
        let own = own(data);
        fs::create_dir_all(&own)?;
        note(data, &own)
    }

    /// The directory of a run, `SERVICE.ENVIRONMENT/TOKEN`. A run that was begun in the data directory stays there.
    #[must_use]
    pub fn of(&self, run: &str) -> PathBuf {
        let (here, before) = (self.path().join(run), own(&self.data).join(run));
        if !here.join("token").exists() && before.join("token").exists() { before } else { here }
    }

    /// Where all of them are.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.chosen.get_or_init(|| self.choose())
    }

    fn choose(&self) -> PathBuf {
        let noted =
            fs::read_to_string(noted_in(&self.data)).ok().map(|text| PathBuf::from(text.trim_end_matches('\n')));
        // Whether there is room in it says nothing: steps may be at work there.
        if let Some(noted) = noted.filter(|noted| noted.is_absolute() && says_yes(OWN, noted)) {
            return noted;
        }
        let own = own(&self.data);
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = std::env::home_dir().filter(|path| path.is_absolute()).map(|home| home.join(".local/state"));
        let places = state.into_iter().chain(home).map(|state| state.join("rmm").join(&self.instance));
        let chosen = places.into_iter().find(|place| says_yes(FITS, place)).unwrap_or_else(|| {
            tracing::info!(
                "no home directory can be written, so what steps on this machine leave lies in the data directory"
            );
            own.clone()
        });
        if chosen != own {
            take_holders_along(&own, &chosen);
        }
        if let Err(error) = fs::create_dir_all(&chosen).and_then(|()| note(&self.data, &chosen)) {
            tracing::warn!(%error, directory = %chosen.display(), "where steps on this machine leave their traces could not be noted");
        }
        chosen
    }
}

fn own(data: &Path) -> PathBuf {
    data.join("runs")
}

fn noted_in(data: &Path) -> PathBuf {
    data.join("runs.place")
}

fn note(data: &Path, place: &Path) -> std::io::Result<()> {
    let new = data.join("runs.place.new");
    fs::write(&new, format!("{}\n", place.display()))?;
    fs::rename(&new, noted_in(data))
}

fn says_yes(script: &str, place: &Path) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", script, "rmm"]).arg(place);
    let asked = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// What was done here last is known by the holders, which the data directory had before.
fn take_holders_along(from: &Path, to: &Path) {
    for place in fs::read_dir(from).into_iter().flatten().flatten() {
        let (holder, new) = (place.path().join("holder"), to.join(place.file_name()));
        if holder.is_file() && !new.join("holder").exists() {
            let copied = fs::create_dir_all(&new).and_then(|()| fs::copy(&holder, new.join("holder")));
            if let Err(error) = copied {
                tracing::warn!(%error, holder = %holder.display(), "which run was the last one here could not be taken along");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_noted_stays_and_binds_copies() {
        let folder = tempfile::tempdir().unwrap();
        let [first, copy] = ["first", "copy"].map(|name| folder.path().join(name));
        RunPlace::keep_in(&first).unwrap();
        fs::create_dir(&copy).unwrap();
        fs::copy(noted_in(&first), noted_in(&copy)).unwrap();
        for data in [&first, &copy] {
            let place = RunPlace::new(data.clone(), "name".into());
            assert_eq!(place.of("shop.stage/run"), first.join("runs/shop.stage/run"));
        }
        // What was begun in the data directory is found there.
        fs::create_dir_all(copy.join("runs/shop.stage/old")).unwrap();
        fs::write(copy.join("runs/shop.stage/old/token"), "").unwrap();
        let place = RunPlace::new(copy.clone(), "name".into());
        assert_eq!(place.of("shop.stage/old"), copy.join("runs/shop.stage/old"));
        assert_eq!(place.of("shop.stage/new"), first.join("runs/shop.stage/new"));
    }

    #[test]
    fn only_a_directory_in_which_steps_can_work_fits() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a/b");
        assert!(!says_yes(OWN, &place) && says_yes(FITS, &place) && says_yes(OWN, &place));
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(!says_yes(FITS, &folder.path().join("file")) && !says_yes(FITS, Path::new("/proc/nowhere")));
    }

    #[test]
    fn the_last_runs_are_known_in_the_new_place() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        for (place, run) in [("shop.stage", "3"), ("shop.production", "4")] {
            fs::create_dir_all(from.join(place)).unwrap();
            fs::write(from.join(place).join("holder"), run).unwrap();
        }
        fs::create_dir_all(to.join("shop.stage")).unwrap();
        fs::write(to.join("shop.stage/holder"), "newer").unwrap();
        take_holders_along(&from, &to);
        assert_eq!(fs::read_to_string(to.join("shop.stage/holder")).unwrap(), "newer");
        assert_eq!(fs::read_to_string(to.join("shop.production/holder")).unwrap(), "4");
    }
}
