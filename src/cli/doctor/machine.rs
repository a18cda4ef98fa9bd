//! RMM on this machine: its configuration, its files and their disk, and the process that works with them.

use std::path::Path;

use super::Examined;
use crate::api_client::{Call, Client, Context, Fault, Intent};
use crate::app::DataDir;
use crate::cli::check;
use crate::cli::findings::{fail, ok, warn};
use crate::config::Config;
use crate::contract::{BackupsView, Finding, Health};
use crate::store::schema;
use crate::store::space::{Space, free_in};
use crate::web::limits::{ENOUGH_OPEN_FILES, OpenFiles};
use crate::wording::Language::En;

/// With less, RMM will soon be unable to write.
const LITTLE: u64 = 1_000_000_000;
/// With less, a backup or a migration may find no room.
const TOO_LITTLE: u64 = 200_000_000;
/// What says that systemd has set the clock by the network, and that another program keeps it so.
const CLOCKS: [&str; 3] = ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"];

/// Looks at the configuration and at the machine.
pub(super) fn examine(config: &Config, file: &Path) -> Examined {
    let data = DataDir::new(&config.server.data_dir);
    let findings = [configuration(config, file), database(&data.database()), disk(config), clock(), open_files()];
    Examined { part: "machine", about: "this machine".to_owned(), findings: findings.into_iter().flatten().collect() }
}

fn configuration(config: &Config, file: &Path) -> Vec<Finding> {
    let mut findings: Vec<_> =
        check::refused(config, file).into_iter().map(|error| fail("config", error, "rmm check")).collect();
    findings.extend(config.unset.iter().map(|problem| {
        let fix = "run the doctor with the environment of RMM's service, and as its user";
        warn("secret", format!("{}: {}", problem.key, problem.sentence), fix)
    }));
    findings.extend(config.warnings.iter().map(|warning| warn("config", warning.to_string(), "rmm check")));
    if findings.is_empty() {
        findings.push(ok("config", format!("{} is right", file.display())));
    }
    findings
}

/// Whether this RMM can read the database, and how large it is.
fn database(path: &Path) -> Vec<Finding> {
    if !path.exists() {
        return vec![ok("database", "there is none yet; the first start makes it")];
    }
    let supported = schema::supported_version();
    let space = Space::of(path);
    let size = En.size(space.database.unwrap_or(0) + space.log.unwrap_or(0));
    // It is only read: what is written at the moment stays out of it.
    let found = schema::open_at_rest(path).and_then(|conn| schema::applied_version(&conn));
    vec![match found {
        Ok(Some(found)) if found > supported => fail(
            "database",
            format!("it is of a newer RMM (schema {found}; this one knows {supported})"),
            "use the newer binary",
        ),
        Ok(Some(found)) if found < supported => warn(
            "database",
            format!("{size}, schema {found}; the next start brings it to {supported}"),
            "systemctl restart rmm",
        ),
        Ok(_) => ok("database", format!("{size}, schema {supported}")),
        Err(error) => fail("database", error.to_string(), "rmm docs operating"),
    }]
}

fn disk(config: &Config) -> Vec<Finding> {
    let of = |name: &str, folder: &Path| {
        // What is not there yet will be on the disk of what holds it.
        let free = folder.ancestors().find_map(free_in)?;
        let sentence = format!("{} free at {}", En.size(free), folder.display());
        Some(match free {
            0..TOO_LITTLE => fail(name, sentence, format!("make room on the disk of {}", folder.display())),
            TOO_LITTLE..LITTLE => warn(name, sentence, format!("make room on the disk of {}", folder.display())),
            LITTLE.. => ok(name, sentence),
        })
    };
    let backups = config.backup.as_ref().and_then(|backup| of("disk", &backup.folder));
    of("disk", &config.server.data_dir).into_iter().chain(backups).collect()
}

/// Id tokens and certificates do not hold where the clock is wrong.
fn clock() -> Vec<Finding> {
    vec![match CLOCKS.into_iter().find(|file| Path::new(file).exists()) {
        Some(file) => ok("clock", format!("it is kept by the network ({file})")),
        None => warn(
            "clock",
            "nothing that keeps the clock by the network was found (systemd-timesyncd, chrony, ntpd)",
            "timedatectl set-ntp true",
        ),
    }]
}

fn open_files() -> Vec<Finding> {
    let files = OpenFiles::allowed();
    let sentence = format!("{} may be open, and so {} connections", files.0, files.connections());
    vec![match files.0 {
        0..ENOUGH_OPEN_FILES => {
            warn("open files", sentence, "LimitNOFILE=8192 in the unit of systemd, or `ulimit -n 8192`")
        }
        ENOUGH_OPEN_FILES.. => ok("open files", sentence),
    }]
}

/// The RMM that runs, and a way to it; none where none does.
pub(super) async fn running(context: &Context) -> (Examined, Option<Client>) {
    let about = "the RMM that runs".to_owned();
    let (findings, client) = match Client::connect(context, Intent::Watch).await {
        Ok(client) => match client.get::<Health>("/readyz").await {
            Ok(health) => (of_health(&health), Some(client)),
            Err(fault) => (vec![fail("ready", fault.to_string(), "look at its log: journalctl -u rmm")], Some(client)),
        },
        Err(fault) => (vec![warn("running", sentence(&fault), "rmm serve, or systemctl start rmm")], None),
    };
    (Examined { part: "running", about, findings }, client)
}

fn sentence(fault: &Fault) -> String {
    let text = fault.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "no RMM runs".to_owned() } else { text }
}

fn of_health(health: &Health) -> Vec<Finding> {
    let own = env!("CARGO_PKG_VERSION");
    let mut findings = vec![ok("ready", "it answers, and its database can be written")];
    findings.push(if health.version == own {
        ok("version", own)
    } else {
        warn("version", format!("{} runs, and this binary is {own}", health.version), "systemctl restart rmm")
    });
    if health.record.is_some() {
        let what = "the record was changed behind RMM's back";
        findings.push(fail("record", what, "rmm audit verify, then rmm audit acknowledge --reason …"));
    }
    if health.chats.is_some() {
        findings.push(warn(
            "chats",
            "a chat takes no messages of the bot",
            "rmm service list says which; rmm docs telegram",
        ));
    }
    findings
}

/// The backups of the RMM that runs.
pub(super) async fn backups(client: &Client) -> Examined {
    let findings = match client.json::<BackupsView>(Call::get("/api/v1/backups")).await {
        Ok((view, _)) => of_backups(&view),
        Err(fault) => vec![warn("backups", fault.to_string(), "rmm backup status")],
    };
    Examined { part: "backups", about: "backups".to_owned(), findings }
}

fn of_backups(view: &BackupsView) -> Vec<Finding> {
    if let Some(alarm) = &view.alarm {
        return vec![fail("backups", alarm.clone(), "rmm backup status")];
    }
    if view.schedule.is_none() {
        let fix = "[backup] with `folder` in rmm.toml; rmm docs operating";
        return vec![warn("backups", "RMM makes none by itself", fix)];
    }
    let newest = match &view.newest {
        Some(newest) => ok("backups", format!("the newest is {} ({})", newest.file, En.size(newest.bytes))),
        None => warn("backups", "none has been made yet", "rmm backup status"),
    };
    let tested = match &view.test {
        Some(test) => match &test.reason {
            None => ok("restore", format!("{} was restored on trial", test.file)),
            Some(reason) => fail("restore", format!("{}: {reason}", test.file), "rmm backup status"),
        },
        None => warn("restore", "no backup has been restored on trial yet", "rmm backup status"),
    };
    vec![newest, tested]
}
