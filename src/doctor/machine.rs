//! The machine that RMM runs on: its configuration, its files and their disk, the clock and open files.

use std::path::Path;

use super::Subject;
use crate::config::Config;
use crate::contract::{Examined, Finding};
use crate::store::schema;
use crate::store::space::{Space, free_in};
use crate::wording::Language::En;

/// With less, RMM will soon be unable to write.
const LITTLE: u64 = 1_000_000_000;
/// With less, a backup or a migration may find no room.
const TOO_LITTLE: u64 = 200_000_000;
/// What says that systemd has set the clock by the network, and that another program keeps it so.
const CLOCKS: [&str; 3] = ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"];

/// Looks at the configuration and at the machine.
pub(super) fn examine(subject: Subject<'_>) -> Examined {
    let config = subject.config;
    let findings =
        [configuration(subject), database(subject.database), disk(config), clock(), vec![subject.open_files.clone()]];
    Examined { part: "machine", about: "this machine".to_owned(), findings: findings.into_iter().flatten().collect() }
}

fn configuration(Subject { config, file, refused, .. }: Subject<'_>) -> Vec<Finding> {
    let mut findings: Vec<_> = refused.iter().map(|error| Finding::fail("config", error, "rmm check")).collect();
    findings.extend(config.unset.iter().map(|problem| {
        let fix = "run the doctor with the environment of RMM's service, and as its user";
        Finding::warn("secret", format!("{}: {}", problem.key, En.config_fault(&problem.fault)), fix)
    }));
    findings.extend(config.warnings.iter().map(|warning| Finding::warn("config", warning.to_string(), "rmm check")));
    if findings.is_empty() {
        findings.push(Finding::ok("config", format!("{} is right", file.display())));
    }
    findings
}

/// Whether this RMM can read the database, and how large it is.
fn database(path: &Path) -> Vec<Finding> {
    if !path.exists() {
        return vec![Finding::ok("database", "there is none yet; the first start makes it")];
    }
    let supported = schema::supported_version();
    let space = Space::of(path);
    let size = En.size(space.database.unwrap_or(0) + space.log.unwrap_or(0));
    // It is only read: what is written at the moment stays out of it.
    let found = schema::open_at_rest(path).and_then(|conn| schema::applied_version(&conn));
    vec![match found {
        Ok(Some(found)) if found > supported => Finding::fail(
            "database",
            format!("it is of a newer RMM (schema {found}; this one knows {supported})"),
            "use the newer binary",
        ),
        Ok(Some(found)) if found < supported => Finding::warn(
            "database",
            format!("{size}, schema {found}; the next start brings it to {supported}"),
            "systemctl restart rmm",
        ),
        Ok(_) => Finding::ok("database", format!("{size}, schema {supported}")),
        Err(error) => Finding::fail("database", error.to_string(), "rmm docs operating"),
    }]
}

fn disk(config: &Config) -> Vec<Finding> {
    let of = |name: &str, folder: &Path| {
        // What is not there yet will be on the disk of what holds it.
        let free = folder.ancestors().find_map(free_in)?;
        let sentence = format!("{} free at {}", En.size(free), folder.display());
        Some(match free {
            0..TOO_LITTLE => Finding::fail(name, sentence, format!("make room on the disk of {}", folder.display())),
            TOO_LITTLE..LITTLE => {
                Finding::warn(name, sentence, format!("make room on the disk of {}", folder.display()))
            }
            LITTLE.. => Finding::ok(name, sentence),
        })
    };
    let backups = config.backup.as_ref().and_then(|backup| of("disk", &backup.folder));
    of("disk", &config.server.data_dir).into_iter().chain(backups).collect()
}

/// Id tokens and certificates do not hold where the clock is wrong.
fn clock() -> Vec<Finding> {
    vec![match CLOCKS.into_iter().find(|file| Path::new(file).exists()) {
        Some(file) => Finding::ok("clock", format!("it is kept by the network ({file})")),
        None => Finding::warn(
            "clock",
            "nothing that keeps the clock by the network was found (systemd-timesyncd, chrony, ntpd)",
            "timedatectl set-ntp true",
        ),
    }]
}
