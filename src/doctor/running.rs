//! The RMM that runs: whether it is well, of which version it is, and its backups.

use crate::contract::{BackupTestView, BackupsView, Health};
use crate::domain::finding::{Finding, Remedy, RunningFact, Topic};

/// Shows how backups stand.
const STATUS: &str = "rmm backup status";

/// What it says of itself.
#[must_use]
pub fn of_health(health: &Health) -> Vec<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let mut findings = vec![Finding::ok(Topic::Ready, RunningFact::Ready)];
    findings.push(if health.version == own {
        Finding::ok(Topic::Version, RunningFact::Version { version: own.to_owned() })
    } else {
        let fact = RunningFact::OtherVersion { runs: health.version.clone(), own: own.to_owned() };
        Finding::warn(Topic::Version, fact).with("systemctl restart rmm")
    });
    if health.record.is_some() {
        findings.push(Finding::fail(Topic::Record, RunningFact::RecordChanged).with(Remedy::VerifyRecord));
    }
    if health.chats.is_some() {
        findings.push(Finding::warn(Topic::Chats, RunningFact::ChatRefuses).with(Remedy::WhichChat));
    }
    findings
}

/// Why it does not answer.
#[must_use]
pub fn unready(said: String) -> Finding {
    Finding::fail(Topic::Ready, RunningFact::RunningSays { said }).with(Remedy::LookAtLog)
}

/// What it says of its backups.
#[must_use]
pub fn of_backups(view: &BackupsView) -> Vec<Finding> {
    if let Some(said) = &view.alarm {
        let fact = match &view.alarm_because {
            Some(alarm) => RunningFact::BackupAlarm { alarm: alarm.clone() },
            None => RunningFact::RunningSays { said: said.clone() },
        };
        return vec![Finding::fail(Topic::Backups, fact).with(STATUS)];
    }
    if view.schedule.is_none() {
        return vec![Finding::warn(Topic::Backups, RunningFact::NoSchedule).with(Remedy::ScheduleBackups)];
    }
    let newest = match &view.newest {
        Some(newest) => {
            let fact = RunningFact::NewestBackup { file: newest.file.clone(), bytes: newest.bytes };
            Finding::ok(Topic::Backups, fact)
        }
        None => Finding::warn(Topic::Backups, RunningFact::NoBackup).with(STATUS),
    };
    let tested = match &view.test {
        Some(test) => of_test(test),
        None => Finding::warn(Topic::Restore, RunningFact::NeverRestored).with(STATUS),
    };
    vec![newest, tested]
}

fn of_test(BackupTestView { file, reason, because, .. }: &BackupTestView) -> Finding {
    let file = file.clone();
    let Some(said) = reason else { return Finding::ok(Topic::Restore, RunningFact::Restored { file }) };
    let fact = match because {
        Some(fault) => RunningFact::NotSound { file, fault: fault.clone() },
        None => RunningFact::NotSoundSays { file, said: said.clone() },
    };
    Finding::fail(Topic::Restore, fact).with(STATUS)
}
