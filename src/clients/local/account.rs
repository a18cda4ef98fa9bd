//! Accounts of this machine, and how a process becomes one of them.
//!
//! A program that is started cannot change its user in safe code before it runs, so RMM starts itself with
//! [`AS_USER`]: that process becomes the user for good and then the program.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::domain::fault::machine::MachineFault;

/// The first argument with which RMM becomes another user: `UID GID GROUP,GROUP,… PROGRAM ARGUMENTS…` come after it.
pub const AS_USER: &str = "as-user";

/// A user of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// Where its files are.
    pub home: PathBuf,
    gid: u32,
    groups: OnceLock<Vec<u32>>,
}

/// Whom a machine has that lists no users, such as an empty container.
const ROOT: &str = "root:x:0:0:root:/root:/bin/sh";

impl Account {
    /// The user with this name. `home` takes the place of the directory that the system knows.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(name: &str, home: Option<&Path>) -> Result<Self, MachineFault> {
        let missing = || MachineFault::NoUser { user: name.to_owned() };
        let entry = entry(name, 0).or_else(|| (name == "root").then(|| ROOT.to_owned())).ok_or_else(missing)?;
        let fields: Vec<_> = entry.trim_end().split(':').collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
        let (Some(uid), Some(gid)) = (number(2), number(3)) else { return Err(missing()) };
        let home = home.or_else(|| fields.get(5).map(Path::new)).filter(|home| home.is_absolute());
        let home = home.unwrap_or(Path::new("/")).to_owned();
        Ok(Self { name: fields[0].to_owned(), uid, home, gid, groups: OnceLock::new() })
    }

    /// The user with this number; none where the machine has no name for it.
    #[must_use]
    pub fn with_number(uid: u32) -> Option<Self> {
        let entry = entry(&uid.to_string(), 2)?;
        Self::find(entry.split(':').next()?, None).ok()
    }

    /// All its groups, by number, as they were when this was asked first.
    #[must_use]
    pub fn groups(&self) -> &[u32] {
        self.groups.get_or_init(|| {
            let groups = said("id", &["-G", &self.name]).unwrap_or_default();
            groups.split_whitespace().filter_map(|group| group.parse().ok()).collect()
        })
    }

    /// Whether it may read a file: its folders, too, are open to it.
    #[must_use]
    pub fn may_read(&self, file: &Path) -> bool {
        let has = |path: &Path, right: u32| {
            std::fs::metadata(path).is_ok_and(|about| {
                let shift = match () {
                    () if about.uid() == self.uid => 6,
                    () if about.gid() == self.gid || self.groups().contains(&about.gid()) => 3,
                    () => 0,
                };
                self.uid == 0 || about.mode() & (right << shift) != 0
            })
        };
        has(file, 0o4) && file.ancestors().skip(1).all(|folder| folder.as_os_str().is_empty() || has(folder, 0o1))
    }

    /// Whether it is the user that this process runs as.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.uid == geteuid().as_raw()
    }

    /// What makes this program run another one as this user.
    pub(super) fn arguments(&self) -> [String; 4] {
        let groups: Vec<_> = self.groups().iter().map(u32::to_string).collect();
        [AS_USER.to_owned(), self.uid.to_string(), self.gid.to_string(), groups.join(",")]
    }

    /// The variables that tell a program whose it is.
    pub(super) fn environment(&self) -> [(&'static str, &OsStr); 4] {
        let name = OsStr::new(&self.name);
        // Its own may be one that allows no login.
        [("HOME", self.home.as_os_str()), ("USER", name), ("LOGNAME", name), ("SHELL", OsStr::new("/bin/sh"))]
    }
}

/// The line on a user whose field `at` is `wanted`. Users may come from a directory service, which getent asks; not every system
/// has it, and a program that is started costs milliseconds.
fn entry(wanted: &str, at: usize) -> Option<String> {
    let all = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = all.lines().find(|line| line.split(':').nth(at) == Some(wanted)).map(str::to_owned);
    line.or_else(|| said("getent", &["passwd", wanted]))
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", path).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    (!text.trim().is_empty()).then_some(text)
}

/// Becomes a user and then a program, by the arguments after [`AS_USER`]. Returns only if that fails. The process must
/// have one thread: users are those of threads.
#[must_use]
pub fn become_program(mut arguments: impl Iterator<Item = OsString>) -> io::Error {
    let mut next = || arguments.next().and_then(|text| text.into_string().ok());
    let (uid, gid, groups) = (next(), next(), next());
    let number = |text: &str| text.parse::<u32>().ok();
    let uid = uid.as_deref().and_then(number);
    let gid = gid.as_deref().and_then(number);
    let groups: Option<Vec<_>> = groups.map(|list| list.split(',').filter_map(number).map(Gid::from_raw).collect());
    let (Some(uid), Some(gid), Some(groups), Some(program)) = (uid, gid, groups, arguments.next()) else {
        return io::Error::other("RMM calls this itself: UID GID GROUPS PROGRAM ARGUMENTS");
    };
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    // The user last, since it takes away the right to do the others.
    let changed = set_thread_groups(&groups)
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid));
    match changed {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_name() {
        let root = Account::find("root", None).unwrap();
        assert_eq!((root.uid, root.gid, root.groups().contains(&0)), (0, 0, true));
        let other = Account::find("nobody", Some(Path::new("/elsewhere"))).unwrap();
        assert!(other.uid != 0 && other.home == Path::new("/elsewhere"));
        let missing = MachineFault::NoUser { user: "no-such-user".into() };
        assert_eq!(Account::find("no-such-user", None), Err(missing));
    }
}
