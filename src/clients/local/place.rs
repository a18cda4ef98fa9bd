//! Where the run directories on RMM's own machine are: in the account of the user that steps run as, below the name of
//! the installation, as they are on other hosts. So a copy of the data directory meets what the first one does on the
//! same machine.
//!
//! The place is chosen once and noted in the data directory, so that it holds for copies, too. It notes the data directory,
//! so that a new one in the place of one that was lost meets what was done before. Must not: move a run directory, since a step may be at work in it, or write there as any other than that user, who could have put
//! links there.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::Local;

/// Whether run directories can be made in `$1`; nothing is left there.
const FITS: &str = r#"umask 077
mkdir -p -- "$1" && cd -- "$1" && [ -O . ] && mkdir "try.$$" || exit 1
{ mkfifo "try.$$/fifo" && true >"try.$$/file" && ln "try.$$/file" "try.$$/link"; }
status=$?
rm -rf "try.$$"
exit $status"#;

/// Whether `$1` is a directory of this user.
const OWN: &str = r#"[ -d "$1" ] && [ -O "$1" ] && [ -w "$1" ] && [ -x "$1" ]"#;

/// Makes `$2` the holder in `$1`, if there is none.
const HOLD: &str = r#"umask 077
mkdir -p -- "$1" && { [ -e "$1/holder" ] || printf %s "$2" >"$1/holder"; }"#;

/// Notes in `$1` that the data directory `$2` is that of these runs.
const NOTE: &str = r#"umask 077
mkdir -p -- "$1" && { grep -qxF -- "$2" "$1/data-directory" 2>/dev/null || printf '%s\n' "$2" >>"$1/data-directory"; }"#;

/// The directory of all runs on this machine. It is looked for when the first run needs it.
#[derive(Debug, Clone)]
pub struct RunPlace {
    local: Local,
    data: PathBuf,
    instance: String,
    chosen: OnceLock<PathBuf>,
}

impl RunPlace {
    /// That of an installation with this data directory (absolute) and this name, whose scripts run in this way.
    #[must_use]
    pub fn new(data: PathBuf, instance: String, local: Local) -> Self {
        Self { local, data, instance, chosen: OnceLock::new() }
    }

    /// A fixed place.
    #[cfg(test)]
    pub(crate) fn at(place: &str) -> Self {
        let chosen = OnceLock::from(PathBuf::from(place));
        Self { chosen, ..Self::new(place.into(), String::new(), Local::new()) }
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
        self.chosen.get_or_init(|| {
            let chosen = self.choose();
            let noted =
                chosen == own(&self.data) || self.local.says_yes(NOTE, &[chosen.as_os_str(), self.data.as_os_str()]);
            if !noted {
                tracing::info!(directory = %chosen.display(), "it could not be noted there whose runs these are");
            }
            chosen
        })
    }

    fn choose(&self) -> PathBuf {
        let noted = fs::read_to_string(noted_in(&self.data)).ok();
        let noted = noted.map(|text| PathBuf::from(text.trim_end_matches('\n'))).filter(|noted| noted.is_absolute());
        // Whether there is room in it says nothing: steps may be at work there.
        if let Some(noted) = noted.as_ref().filter(|noted| self.says_yes(OWN, noted)) {
            return noted.clone();
        }
        let own = own(&self.data);
        let home = |home: PathBuf| home.join(".local/state");
        let (state, otherwise) = match self.local.account() {
            Some(account) => (vec![home(account.home.clone())], None),
            None => {
                let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
                let all = state.into_iter().chain(std::env::home_dir().map(home));
                (all.filter(|path| path.is_absolute()).collect(), Some(&own))
            }
        };
        let places = state.iter().map(|state| state.join("rmm"));
        let former = places.clone().filter(|_| noted.is_none()).find_map(|place| former(&place, &self.data));
        let mut places = former.into_iter().chain(places.map(|place| place.join(&self.instance)));
        let fits = places.clone().find(|place| self.says_yes(FITS, place));
        let chosen = fits.or_else(|| {
            let own = otherwise.cloned();
            if own.is_some() {
                tracing::info!(
                    "no home directory can be written, so what steps on this machine leave lies in the data directory"
                );
            }
            // Another user cannot enter the data directory; the run will tell what is wrong with the home directory.
            own.or_else(|| places.next())
        });
        let chosen = chosen.unwrap_or_else(|| own.clone());
        for before in noted.iter().chain([&own]).filter(|before| **before != chosen) {
            self.take_holders_along(before, &chosen);
        }
        let made = if chosen == own { fs::create_dir_all(&own) } else { Ok(()) };
        if let Err(error) = made.and_then(|()| note(&self.data, &chosen)) {
            tracing::warn!(%error, directory = %chosen.display(), "where steps on this machine leave their traces could not be noted");
        }
        chosen
    }

    fn says_yes(&self, script: &str, place: &Path) -> bool {
        self.local.says_yes(script, &[place.as_os_str()])
    }

    /// What was done here last is known by the holders of the place before.
    fn take_holders_along(&self, from: &Path, to: &Path) {
        for place in fs::read_dir(from).into_iter().flatten().flatten() {
            let Some(holder) = holder(&place.path().join("holder")) else { continue };
            let new = to.join(place.file_name());
            if !self.local.says_yes(HOLD, &[new.as_os_str(), OsStr::new(&holder)]) {
                tracing::warn!(from = %place.path().display(), "which run was the last one here could not be taken along");
            }
        }
    }
}

/// Where the runs are of a data directory that was here before.
fn former(places: &Path, data: &Path) -> Option<PathBuf> {
    let all = fs::read_dir(places).into_iter().flatten().flatten().map(|place| place.path());
    let mut of_data = all.filter(|place| {
        let noted = plain_file(&place.join("data-directory"), 64 * 1024).unwrap_or_default();
        noted.lines().any(|line| Path::new(line) == data)
    });
    of_data.next()
}

/// What a file says. Anything else that a step has put in its place says nothing.
fn plain_file(path: &Path, limit: u64) -> Option<String> {
    let file = fs::symlink_metadata(path).ok().filter(|found| found.is_file() && found.len() < limit);
    file.and_then(|_| fs::read_to_string(path).ok())
}

/// What a holder says: a run's token and two more words.
fn holder(path: &Path) -> Option<String> {
    let text = plain_file(path, 1024)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.\n".contains(c);
    let has_token = text.lines().next().is_some_and(|token| token.contains('-'));
    (has_token && text.chars().all(plain)).then_some(text)
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
            let place = RunPlace::new(data.clone(), "name".into(), Local::new());
            assert_eq!(place.of("shop.stage/run"), first.join("runs/shop.stage/run"));
        }
        // What was begun in the data directory is found there.
        fs::create_dir_all(copy.join("runs/shop.stage/old")).unwrap();
        fs::write(copy.join("runs/shop.stage/old/token"), "").unwrap();
        let place = RunPlace::new(copy.clone(), "name".into(), Local::new());
        assert_eq!(place.of("shop.stage/old"), copy.join("runs/shop.stage/old"));
        assert_eq!(place.of("shop.stage/new"), first.join("runs/shop.stage/new"));
    }

    #[test]
    fn a_new_data_directory_meets_the_runs_of_the_one_that_was_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (states, data) = (folder.path().join("rmm"), folder.path().join("data"));
        for (place, noted) in [("other", folder.path().join("data2")), ("lost", data.clone())] {
            for _ in 0..2 {
                assert!(Local::new().says_yes(NOTE, &[states.join(place).as_os_str(), noted.as_os_str()]));
            }
        }
        assert_eq!(former(&states, &data), Some(states.join("lost")));
        assert_eq!(former(&states, &folder.path().join("data3")), None);
        let noted = fs::read_to_string(states.join("lost/data-directory")).unwrap();
        assert_eq!(noted, format!("{}\n", data.display()));
    }

    #[test]
    fn only_a_directory_in_which_steps_can_work_fits() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a/b");
        let says_yes = |script, place: &Path| Local::new().says_yes(script, &[place.as_os_str()]);
        assert!(!says_yes(OWN, &place) && says_yes(FITS, &place) && says_yes(OWN, &place));
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(!says_yes(FITS, &folder.path().join("file")) && !says_yes(FITS, Path::new("/proc/nowhere")));
    }

    #[test]
    fn the_last_runs_are_known_in_the_new_place() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        for (place, run) in [("shop.stage", "run-3-ab"), ("shop.production", "run-4-cd"), ("other.stage", "a key")] {
            fs::create_dir_all(from.join(place)).unwrap();
            fs::write(from.join(place).join("holder"), run).unwrap();
        }
        fs::create_dir_all(to.join("shop.stage")).unwrap();
        fs::write(to.join("shop.stage/holder"), "newer").unwrap();
        // A step may have put something else in its place.
        fs::create_dir(from.join("link.stage")).unwrap();
        std::os::unix::fs::symlink("../shop.stage/holder", from.join("link.stage/holder")).unwrap();
        RunPlace::at("/nowhere").take_holders_along(&from, &to);
        assert_eq!(fs::read_to_string(to.join("shop.stage/holder")).unwrap(), "newer");
        assert_eq!(fs::read_to_string(to.join("shop.production/holder")).unwrap(), "run-4-cd");
        assert!(!to.join("link.stage").exists() && !to.join("other.stage").exists());
    }
}
