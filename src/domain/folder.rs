//! Folders that belong to a machine as a whole, so that no service checks code out in them or gives them to a user.

use std::path::{Component, Path, PathBuf};

/// Folders of the system, as the Filesystem Hierarchy Standard has them, in which a service may have a folder of its own.
const SHARED: &[&str] = &[
    "/etc",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/local",
    "/usr/local/lib",
    "/usr/share",
    "/usr/src",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/spool",
    "/var/tmp",
];

/// Folders in which everything is the system's, or that of one of its programs.
const CLOSED: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/lost+found",
    "/proc",
    "/run",
    "/sbin",
    "/snap",
    "/sys",
    "/usr/bin",
    "/usr/include",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/var/lock",
    "/var/run",
    // The settings by which the machine is entered and started.
    "/etc/apt",
    "/etc/cron.d",
    "/etc/pam.d",
    "/etc/security",
    "/etc/ssh",
    "/etc/ssl",
    "/etc/sudoers.d",
    "/etc/systemd",
    // What programs keep of their own.
    "/var/lib/apt",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/dpkg",
    "/var/lib/kubelet",
    "/var/lib/libvirt",
    "/var/lib/lxc",
    "/var/lib/lxd",
    "/var/lib/mongodb",
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/var/lib/redis",
    "/var/lib/rpm",
    "/var/lib/systemd",
    "/var/spool/cron",
];

/// What a user has of keys, and git of its own, wherever it is.
const PRIVATE: [&str; 3] = [".git", ".gnupg", ".ssh"];

/// Folders that a machine may have for one service alone.
const ROOMS: [&str; 4] = ["/media", "/mnt", "/opt", "/srv"];

/// Whether a folder is, or lies in, one of a user's keys or of git's own files.
#[must_use]
pub fn is_private(path: &str) -> bool {
    plain(path).iter().any(|part| PRIVATE.iter().any(|private| part == *private))
}

/// Whether a folder belongs to the whole machine: what is done to all that is in it ends the machine.
#[must_use]
pub fn is_of_system(path: &str) -> bool {
    is_shared(path) && !ROOMS.contains(&&*plain(path).to_string_lossy())
}

/// Whether more than one service uses a folder, so that no user of one should own all of it.
#[must_use]
pub fn is_shared(path: &str) -> bool {
    let path = plain(path);
    path.parent().is_none()
        || SHARED.iter().any(|folder| path == Path::new(folder))
        || CLOSED.iter().any(|folder| path.starts_with(folder))
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
            "/var/lib",
            "/var/lib/docker",
            "/var/lib/docker/volumes/shop",
            "/var/lib/postgresql/16/main",
            "/etc/ssh",
            "/etc/ssh/sshd_config.d",
            "/boot/efi",
            "/root",
            "/run/shop",
            "/var/run/shop",
            "/usr/bin/shop",
            "/usr/local/bin",
            "/proc/1",
            "/tmp",
        ] {
            assert!(is_of_system(system) && is_shared(system), "{system}");
        }
        for own in [
            "/srv/shop",
            "/opt/shop",
            "/home/deploy",
            "/home/deploy/shop",
            "/root/shop",
            "/data/shop",
            "/etc/shop",
            "/var/www",
            "/var/www/shop",
            "/var/lib/shop",
            "/var/lib/docker-registry",
            "/usr/local/shop",
            "/usr/src/app",
            "/app",
        ] {
            assert!(!is_of_system(own) && !is_shared(own) && !is_private(own), "{own}");
        }
        for private in ["/root/.ssh", "/home/deploy/.ssh/shop", "/srv/shop/.git", "/home/x/../.gnupg"] {
            assert!(is_private(private), "{private}");
        }
        assert!(!is_of_system("/srv/") && is_shared("/srv/"), "a machine may be there for one service");
    }
}
