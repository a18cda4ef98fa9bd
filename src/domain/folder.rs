//! Folders that belong to a machine as a whole, so that no service checks code out in them or gives them to a user.

use std::path::{Component, Path, PathBuf};

/// Folders of the system, as the Filesystem Hierarchy Standard has them, in which a service may have a folder of its own.
const SHARED: &[&str] = &[
    "/etc",
    "/etc/opt",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/srv",
    "/tmp",
    "/usr",
    "/usr/local",
    "/usr/local/etc",
    "/usr/local/lib",
    "/usr/local/libexec",
    "/usr/local/share",
    "/usr/local/src",
    "/usr/share",
    "/usr/src",
    "/var",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/local",
    "/var/log",
    "/var/opt",
    "/var/spool",
    "/var/tmp",
];

/// Folders in which everything is the system's, or that of one of its programs.
const CLOSED: &[&str] = &[
    "/bin",
    "/boot",
    "/cdrom",
    "/dev",
    "/efi",
    "/gnu",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/lost+found",
    "/nix",
    "/ostree",
    "/proc",
    "/run",
    "/sbin",
    "/snap",
    "/sys",
    "/sysroot",
    "/usr/bin",
    "/usr/games",
    "/usr/include",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/libx32",
    "/usr/local/bin",
    "/usr/local/games",
    "/usr/local/include",
    "/usr/local/man",
    "/usr/local/sbin",
    "/usr/local/share/man",
    "/usr/sbin",
    "/var/lock",
    "/var/mail",
    "/var/run",
    "/var/spool/mail",
    // The settings by which the machine is entered and started.
    "/etc/alternatives",
    "/etc/apt",
    "/etc/ca-certificates",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/etc/default",
    "/etc/init.d",
    "/etc/ld.so.conf.d",
    "/etc/modprobe.d",
    "/etc/netplan",
    "/etc/network",
    "/etc/pam.d",
    "/etc/pki",
    "/etc/profile.d",
    "/etc/security",
    "/etc/skel",
    "/etc/ssh",
    "/etc/ssl",
    "/etc/sudoers.d",
    "/etc/sysctl.d",
    "/etc/systemd",
    "/etc/udev",
    "/etc/yum.repos.d",
    // What programs keep of their own.
    "/var/cache/apt",
    "/var/lib/apk",
    "/var/lib/apt",
    "/var/lib/clickhouse",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/dbus",
    "/var/lib/docker",
    "/var/lib/dpkg",
    "/var/lib/elasticsearch",
    "/var/lib/etcd",
    "/var/lib/flatpak",
    "/var/lib/kubelet",
    "/var/lib/libvirt",
    "/var/lib/lxc",
    "/var/lib/lxd",
    "/var/lib/machines",
    "/var/lib/mongodb",
    "/var/lib/mysql",
    "/var/lib/pacman",
    "/var/lib/postgresql",
    "/var/lib/rabbitmq",
    "/var/lib/rancher",
    "/var/lib/redis",
    "/var/lib/rpm",
    "/var/lib/snapd",
    "/var/lib/systemd",
    "/var/log/journal",
    "/var/spool/at",
    "/var/spool/cron",
    "/var/spool/postfix",
];

/// What a user's programs keep of keys, settings and commands, and git of its own, wherever it is.
const PRIVATE: &[&str] = &[
    ".aws",
    ".azure",
    ".config/autostart",
    ".config/containers",
    ".config/gcloud",
    ".config/systemd",
    ".docker",
    ".git",
    ".gnupg",
    ".kube",
    ".local/bin",
    ".local/share/containers",
    ".local/share/docker",
    ".local/share/keyrings",
    ".local/share/systemd",
    ".local/state/nix",
    ".nix-profile",
    ".password-store",
    ".pki",
    ".ssh",
];

/// Folders of a user in which every program has one of its own.
const OF_PROGRAMS: &[&str] = &[".cache", ".config", ".local", ".local/lib", ".local/share", ".local/state"];

/// Folders that a machine may have for one service alone.
const ROOMS: [&str; 4] = ["/media", "/mnt", "/opt", "/srv"];

/// Whether a folder is, or lies in, one of a user's keys and settings or of git's own files, or holds those of all of the
/// user's programs.
#[must_use]
pub fn is_private(path: &str) -> bool {
    let path = plain(path);
    let is_one = |folder: &Path| PRIVATE.iter().any(|private| folder.ends_with(private));
    path.ancestors().any(is_one) || OF_PROGRAMS.iter().any(|folder| path.ends_with(folder))
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
            "/usr/local/share",
            "/usr/local/share/man/man1",
            "/usr/local/etc/",
            "/var/mail",
            "/var/spool/mail/deploy",
            "/var/opt",
            "/nix",
            "/nix/store/shop",
            "/etc/profile.d",
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
            "/usr/local/share/shop",
            "/var/opt/shop",
            "/var/mailer",
            "/home/deploy/.config/shop",
            "/home/deploy/.local/share/shop",
            "/home/deploy/.docker-shop",
            "/home/deploy/bin/.local-shop",
            "/app",
        ] {
            assert!(!is_of_system(own) && !is_shared(own) && !is_private(own), "{own}");
        }
        for private in [
            "/root/.ssh",
            "/home/deploy/.ssh/shop",
            "/srv/shop/.git",
            "/home/x/../.gnupg",
            "/home/deploy/.docker",
            "/home/deploy/.docker/cli-plugins",
            "/home/deploy/.config",
            "/home/deploy/.config/systemd/user",
            "/home/deploy/.config/systemd/user/shop",
            "/home/deploy/.local/./bin",
            "/root/.local/bin/shop",
            "/root/.local/share",
        ] {
            assert!(is_private(private), "{private}");
        }
        assert!(!is_of_system("/srv/") && is_shared("/srv/"), "a machine may be there for one service");
    }
}
