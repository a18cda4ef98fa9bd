//! The machine that RMM runs on: its configuration, its files and their disk, the clock and open files.

use std::path::Path;

use super::{Examined, Subject};
use crate::config::Config;
use crate::domain::fault::machine::MachineFault;
use crate::domain::finding::{About, Finding, MachineFact, Remedy, Topic};
use crate::store::schema;
use crate::store::space::{Space, free_in};

/// What it is called.
pub(super) const PART: &str = "machine";
/// Shows what is wrong with the configuration.
const CHECK: &str = "rmm check";
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
    Examined { part: PART, about: About::Machine, findings: findings.into_iter().flatten().collect() }
}

fn configuration(Subject { config, file, refused, questionable, .. }: Subject<'_>) -> Vec<Finding> {
    let refusal = |fault: &MachineFault| {
        Finding::fail(Topic::Config, MachineFact::Fault { fault: Box::new(fault.clone()) }).with(CHECK)
    };
    let mut findings: Vec<_> = refused.iter().map(refusal).collect();
    findings.extend(config.collisions.iter().map(|problem| {
        let fact = MachineFact::Misconfigured { problem: Box::new(problem.into()) };
        Finding::fail(Topic::Config, fact).with(CHECK)
    }));
    findings.extend(config.unset.iter().map(|problem| {
        let fact = MachineFact::NoSecret { key: problem.key.clone(), fault: problem.fault.clone() };
        Finding::warn(Topic::Secret, fact).with(Remedy::RunAsService)
    }));
    findings.extend(config.warnings.iter().map(|warning| {
        let fact = MachineFact::Misconfigured { problem: Box::new(warning.into()) };
        Finding::warn(Topic::Config, fact).with(CHECK)
    }));
    findings.extend(
        questionable.iter().map(|fault| {
            Finding::warn(Topic::Config, MachineFact::Fault { fault: Box::new(fault.clone()) }).with(CHECK)
        }),
    );
    if findings.is_empty() {
        findings.push(Finding::ok(Topic::Config, MachineFact::ConfigurationRight { file: file.to_owned() }));
    }
    findings
}

/// Whether this RMM can read the database, and how large it is.
fn database(path: &Path) -> Vec<Finding> {
    if !path.exists() {
        return vec![Finding::ok(Topic::Database, MachineFact::NoDatabase)];
    }
    let supported = schema::supported_version();
    let space = Space::of(path);
    let bytes = space.database.unwrap_or(0) + space.log.unwrap_or(0);
    // It is only read: what is written at the moment stays out of it.
    let found = schema::open_at_rest(path).and_then(|conn| schema::applied_version(&conn));
    vec![match found {
        Ok(Some(found)) if found > supported => {
            Finding::fail(Topic::Database, MachineFact::NewerDatabase { found, supported }).with(Remedy::NewerBinary)
        }
        Ok(Some(found)) if found < supported => {
            let fact = MachineFact::OlderDatabase { bytes, found, supported };
            Finding::warn(Topic::Database, fact).with("systemctl restart rmm")
        }
        Ok(_) => Finding::ok(Topic::Database, MachineFact::Database { bytes, supported }),
        Err(error) => {
            let fact = MachineFact::Store { fault: Box::new(error.fault()) };
            Finding::fail(Topic::Database, fact).with("rmm docs operating")
        }
    }]
}

fn disk(config: &Config) -> Vec<Finding> {
    let of = |folder: &Path| {
        // What is not there yet will be on the disk of what holds it.
        let bytes = folder.ancestors().find_map(free_in)?;
        let fact = MachineFact::FreeAt { bytes, folder: folder.to_owned() };
        let room = Remedy::MakeRoom { folder: folder.to_owned() };
        Some(match bytes {
            0..TOO_LITTLE => Finding::fail(Topic::Disk, fact).with(room),
            TOO_LITTLE..LITTLE => Finding::warn(Topic::Disk, fact).with(room),
            LITTLE.. => Finding::ok(Topic::Disk, fact),
        })
    };
    // RMM makes one in its data directory, and no other.
    let is_made = |folder: &Path| folder.is_dir() || folder.parent() == Some(&config.server.data_dir);
    let backups = config.backup.as_ref().map(|backup| &backup.folder).filter(|folder| is_made(folder));
    let backups = backups.and_then(|folder| of(folder));
    of(&config.server.data_dir).into_iter().chain(backups).collect()
}

/// Id tokens and certificates do not hold where the clock is wrong.
fn clock() -> Vec<Finding> {
    vec![match CLOCKS.into_iter().find(|file| Path::new(file).exists()) {
        Some(file) => Finding::ok(Topic::Clock, MachineFact::ClockKept { by: file.to_owned() }),
        None => Finding::warn(Topic::Clock, MachineFact::ClockNotKept).with("timedatectl set-ntp true"),
    }]
}
