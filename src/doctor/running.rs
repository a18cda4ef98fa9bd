//! The RMM that runs: whether it is well, of which version it is, and its backups.

use crate::contract::{BackupsView, Finding, Health};
use crate::wording::Language::En;

/// What it says of itself.
#[must_use]
pub fn of_health(health: &Health) -> Vec<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let mut findings = vec![Finding::ok("ready", "it answers, and its database can be written")];
    findings.push(if health.version == own {
        Finding::ok("version", own)
    } else {
        Finding::warn("version", format!("{} runs, and this binary is {own}", health.version), "systemctl restart rmm")
    });
    if health.record.is_some() {
        let what = "the record was changed behind RMM's back";
        findings.push(Finding::fail("record", what, "rmm audit verify, then rmm audit acknowledge --reason …"));
    }
    if health.chats.is_some() {
        findings.push(Finding::warn(
            "chats",
            "a chat refuses the bot's messages",
            "rmm service list says which; rmm docs telegram",
        ));
    }
    findings
}

/// What it says of its backups.
#[must_use]
pub fn of_backups(view: &BackupsView) -> Vec<Finding> {
    if let Some(alarm) = &view.alarm {
        return vec![Finding::fail("backups", alarm.clone(), "rmm backup status")];
    }
    if view.schedule.is_none() {
        let fix = "[backup] with `folder` in rmm.toml; rmm docs operating";
        return vec![Finding::warn("backups", "RMM makes none by itself", fix)];
    }
    let newest = match &view.newest {
        Some(newest) => Finding::ok("backups", format!("the newest is {} ({})", newest.file, En.size(newest.bytes))),
        None => Finding::warn("backups", "none has been made yet", "rmm backup status"),
    };
    let tested = match &view.test {
        Some(test) => match &test.reason {
            None => Finding::ok("restore", format!("{} was restored on trial", test.file)),
            Some(reason) => Finding::fail("restore", format!("{}: {reason}", test.file), "rmm backup status"),
        },
        None => Finding::warn("restore", "no backup has been restored on trial yet", "rmm backup status"),
    };
    vec![newest, tested]
}
