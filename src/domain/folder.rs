//! Folders that belong to a machine as a whole, so that nobody checks code out in them or gives them to a user.

use std::path::{Component, Path, PathBuf};

/// Folders of the system, as the Filesystem Hierarchy Standard has them, and whether all in them is the system's.
const SYSTEM: &[(&str, bool)] = &[
    ("/bin", true),
    ("/boot", true),
    ("/dev", true),
    ("/etc", false),
    ("/home", false),
    ("/lib", true),
    ("/lib32", true),
    ("/lib64", true),
    ("/libx32", true),
    ("/lost+found", true),
    ("/media", false),
    ("/mnt", false),
    ("/opt", false),
    ("/proc", true),
    ("/root", false),
    ("/run", false),
    ("/sbin", true),
    ("/srv", false),
    ("/sys", true),
    ("/tmp", false),
    ("/usr", false),
    ("/usr/bin", true),
    ("/usr/include", true),
    ("/usr/lib", true),
    ("/usr/libexec", true),
    ("/usr/local", false),
    ("/usr/local/bin", false),
    ("/usr/local/lib", false),
    ("/usr/local/sbin", false),
    ("/usr/sbin", true),
    ("/usr/share", false),
    ("/usr/src", false),
    ("/var", false),
    ("/var/cache", false),
    ("/var/lib", false),
    ("/var/log", false),
    ("/var/run", false),
    ("/var/spool", false),
    ("/var/tmp", false),
];

/// Folders that a machine may have for one service alone.
const ROOMS: [&str; 5] = ["/media", "/mnt", "/opt", "/root", "/srv"];

/// Whether a folder belongs to the whole machine: what is done to all that is in it ends the machine.
#[must_use]
pub fn is_of_system(path: &str) -> bool {
    is_shared(path) && !ROOMS.contains(&&*plain(path).to_string_lossy())
}

/// Whether others than one service have something in a folder, so that nobody's user should own all of it.
#[must_use]
pub fn is_shared(path: &str) -> bool {
    let path = plain(path);
    path.parent().is_none()
        || SYSTEM.iter().any(|(folder, all)| path == Path::new(folder) || (*all && path.starts_with(folder)))
}

/// A path without `.` and `..`, as far as its text tells.
#[must_use]
pub fn plain(path: &str) -> PathBuf {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_folders_of_its_own() {
        for system in [
            "/",
            "//",
            "/./",
            "/srv/..",
            "/home",
            "/home/",
            "/etc/.",
            "/usr",
            "/var",
            "/usr/bin/shop",
            "/proc/1",
            "/tmp",
        ] {
            assert!(is_of_system(system) && is_shared(system), "{system}");
        }
        for own in [
            "/srv/shop",
            "/opt/shop",
            "/home/deploy",
            "/etc/shop",
            "/var/www",
            "/var/lib/shop",
            "/usr/local/shop",
            "/usr/src/app",
        ] {
            assert!(!is_of_system(own) && !is_shared(own), "{own}");
        }
        assert!(!is_of_system("/srv/") && is_shared("/srv/"), "a machine may be there for one service");
    }
}
