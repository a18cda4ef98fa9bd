//! `rmm upgrade`: a new binary takes the place of the one that is installed. If RMM does not come up with it, binary and database are put
//! back as they were.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use semver::Version;
use sha2::{Digest, Sha256};

use super::backup::PutBack;
use super::{audit, health};
use crate::api_client::{Call, Client, Context, Fault, print};
use crate::app::DataDir;
use crate::contract::Health;
use crate::domain::fault::cli::CliFault;
use crate::domain::fault::upgrade::{UpgradeFault, UpgradeStep};
use crate::store::at_rest::{Kept, Position};
use crate::store::key::AuditKey;
use crate::store::lock::DirectoryLock;
use crate::store::space::Space;
use crate::store::{StoreError, with_suffix};
use crate::terminal::note;
use crate::wording::Language;

/// The version of this program.
const OWN: &str = env!("CARGO_PKG_VERSION");
/// Between two looks at whether RMM has ended, or is ready.
const PAUSE: Duration = Duration::from_millis(250);
/// A stopped RMM gives up its data directory within this time.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// The old version was ready before, so it has at least this time, however short that of the new one is.
const OLD_HAS: Duration = Duration::from_secs(30);
/// Room on the disk that is left beside the copy of the database, in bytes.
const SPARE_ROOM: u64 = 16 << 20;

/// Put a new binary in the place of this one, and go back if RMM does not come up with it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm upgrade ./rmm-x86_64-unknown-linux-gnu\n  rmm upgrade ./rmm --stop 'docker stop rmm' --start 'docker start rmm'\n\n\
    On RMM's own machine, as the user who may replace the binary (root). In this order: the new binary says its version and checks the \
    configuration; RMM is stopped; binary and database are kept, as ….old and rmm.db.before-upgrade; the new binary takes its place and RMM \
    is started, which migrates the database. Is it not ready in time, it is stopped, binary and database are put back, and RMM is \
    started as it was. Steps that run on hosts go on all the while. An upgrade that was killed is run again: what it has kept of the old version \
    stays what is gone back to.\n\n\
    Exit status: 0 the new version runs, 1 the old one does, 2 the new binary cannot be taken."
)]
pub struct Upgrade {
    /// The new binary
    file: PathBuf,
    /// The binary that it replaces; default: the one that runs this command
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// The command that stops RMM
    #[arg(long, value_name = "COMMAND", default_value = "systemctl stop rmm")]
    stop: String,
    /// The command that starts it
    #[arg(long, value_name = "COMMAND", default_value = "systemctl start rmm")]
    start: String,
    /// How long the new version may take until it is ready; the old one, should it have to come back, has this time, and at least 30 s
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    wait: u64,
    /// Take an older version, too
    #[arg(long)]
    force: bool,
}

/// What is where.
struct Places {
    /// What is installed.
    installed: PathBuf,
    /// The new one, beside it.
    new: PathBuf,
    /// The old one, once it is replaced.
    old: PathBuf,
    /// There from before the replacement until its end is known.
    mark: PathBuf,
    data: PathBuf,
}

impl Places {
    /// Whether a binary was replaced by an upgrade that was killed before its end was known.
    fn are_half_upgraded(&self) -> bool {
        let number = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        self.mark.exists() && number(&self.old).is_some_and(|old| number(&self.installed) != Some(old))
    }
}

/// What is gone back to.
struct Before {
    /// The version of the old binary.
    version: String,
    database: Option<Kept>,
}

impl Upgrade {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let places = self.places(context)?;
        let version = self.candidate(&places, context).inspect_err(|_| forget(&places.new))?;
        // One that has come up in the end was an upgrade like any other.
        let goes_on = places.are_half_upgraded() && ready(context).await.ok().as_deref() != Some(OWN);
        let is_version = if goes_on {
            let old = places.old.display().to_string();
            tell(context, &UpgradeStep::GoesOn { old: old.clone() });
            version_of(&places.old).map_err(|said| failed(context, &UpgradeFault::RunsNot { file: old, said }))?
        } else {
            has_room(&places.data, context).inspect_err(|_| forget(&places.new))?;
            OWN.to_owned()
        };
        tell(context, &UpgradeStep::Stopping);
        run(&self.stop)
            .inspect_err(|_| forget(&places.new))
            .map_err(|why| failed(context, &UpgradeFault::NotStopped { why }))?;
        let before = match keep(&places, goes_on, context.ui.language).await {
            Ok(database) => Before { version: is_version, database },
            Err(why) => {
                forget(&places.new);
                let why = context.ui.language.upgrade_fault(&UpgradeFault::NothingReplaced { why });
                return Err(self.start_again(context, OWN, &why).await);
            }
        };
        tell(context, &UpgradeStep::Starting { version: version.to_string() });
        match self.come_up(context, &version.to_string(), Duration::from_secs(self.wait)).await {
            Ok(()) => {
                forget(&places.mark);
                let runs = UpgradeStep::Runs { version: version.to_string(), old: places.old.display().to_string() };
                print(&format!("{}\n", context.ui.language.upgrade_step(&runs)))
            }
            Err(why) => Err(self.go_back(context, &places, &before, &why).await),
        }
    }

    fn places(&self, context: &Context) -> Result<Places, Fault> {
        let installed = match &self.binary {
            Some(binary) => binary.clone(),
            None => std::env::current_exe()
                .map_err(|error| failed(context, &UpgradeFault::NoProgram { said: error.to_string() }))?,
        };
        let installed =
            fs::canonicalize(&installed).map_err(|error| Fault::usage(format!("{}: {error}", installed.display())))?;
        if fs::canonicalize(&self.file).is_ok_and(|file| file == installed) {
            let fault = UpgradeFault::IsInstalled { file: installed.display().to_string() };
            return Err(Fault::usage(context.ui.language.upgrade_fault(&fault)));
        }
        let data = context.local()?.data_dir;
        let beside = |suffix: &str| with_suffix(&installed, suffix);
        Ok(Places { new: beside(".new"), old: beside(".old"), mark: beside(".upgrading"), installed, data })
    }

    /// Copies the new binary beside the installed one and looks whether it can be taken: its version.
    fn candidate(&self, places: &Places, context: &Context) -> Result<Version, Fault> {
        let usage = |fault: UpgradeFault| Fault::usage(context.ui.language.upgrade_fault(&fault));
        let file = || self.file.display().to_string();
        let bytes = fs::read(&self.file)
            .map_err(|error| Fault::usage(CliFault::NotRead { file: file(), said: error.to_string() }))?;
        write(&places.new, &bytes).map_err(|error| {
            Fault::failed(CliFault::NotWritten { file: places.new.display().to_string(), said: error.to_string() })
        })?;
        let said = version_of(&places.new).map_err(|said| usage(UpgradeFault::RunsNot { file: file(), said }))?;
        let version = said.parse::<Version>().map_err(|_| usage(UpgradeFault::NoRmm { file: file(), said }))?;
        let own: Version = OWN.parse().map_err(|error: semver::Error| Fault::failed(error.to_string()))?;
        let sum = hex::encode(Sha256::digest(&bytes));
        tell(context, &UpgradeStep::Found { version: version.to_string(), own: own.to_string(), sum });
        if version < own && !self.force {
            return Err(usage(UpgradeFault::Older { version: version.to_string(), own: own.to_string() }));
        }
        output(Command::new(&places.new).arg("check").arg("--config").arg(&context.config))
            .map_err(|said| usage(UpgradeFault::Refuses { version: version.to_string(), said }))?;
        Ok(version)
    }

    /// Starts RMM and waits until it is ready with this version.
    async fn come_up(&self, context: &Context, version: &str, within: Duration) -> Result<(), String> {
        run(&self.start)?;
        let language = context.ui.language;
        let mut last = language.upgrade_fault(&UpgradeFault::Silent);
        for _ in 0..=within.as_millis() / PAUSE.as_millis() {
            match ready(context).await {
                Ok(running) if running == version => return Ok(()),
                Ok(running) => {
                    let other = UpgradeFault::OtherAnswers { running, version: version.to_owned() };
                    last = language.upgrade_fault(&other);
                }
                Err(why) => last = why,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(language.upgrade_fault(&UpgradeFault::NotReady { seconds: within.as_secs(), last }))
    }

    /// The new version does not work: all is as it was.
    async fn go_back(&self, context: &Context, places: &Places, before: &Before, why: &str) -> Fault {
        tell(context, &UpgradeStep::GoingBack { why: why.to_owned() });
        // One that has ended by itself may be no service to stop any more.
        let (stopped, language) = (run(&self.stop), context.ui.language);
        let back = match lock(&places.data, language).await {
            Ok(_lock) => fs::rename(&places.old, &places.installed)
                .map_err(|error| {
                    let file = places.installed.display().to_string();
                    language.upgrade_fault(&UpgradeFault::NotPutBack { file, said: error.to_string() })
                })
                .and_then(|()| match &before.database {
                    Some(kept) => self.database_back(context, places, kept),
                    None => Ok(()),
                }),
            Err(why) => Err(format!("{why}{}", stopped.err().map(|why| format!(" ({why})")).unwrap_or_default())),
        };
        match back {
            Ok(()) => {
                forget(&places.mark);
                let why = language.upgrade_fault(&UpgradeFault::NotUp { why: why.to_owned() });
                self.start_again(context, &before.version, &why).await
            }
            Err(trouble) => {
                let (why, old) = (why.to_owned(), places.old.display().to_string());
                failed(context, &UpgradeFault::NotBack { why, trouble, old })
            }
        }
    }

    /// Makes the database one that the old version can read.
    fn database_back(&self, context: &Context, places: &Places, kept: &Kept) -> Result<(), String> {
        let files = DataDir::new(&places.data);
        let now = Position::of(&files.database()).ok();
        if now.as_ref().is_some_and(|now| now.schema == kept.position.schema) {
            return Ok(());
        }
        if now.is_some_and(|now| now.head == kept.position.head) {
            return kept.put_back().map_err(|error| context.ui.language.store(&error.fault()));
        }
        // What the new version has done is not in the copy: it is a restore like any other.
        tell(context, &UpgradeStep::Restoring);
        restore(&files, &kept.database(), context).map_err(|fault| fault.told(context.ui.language))
    }

    /// Starts RMM as it was, with this version: how that ends.
    async fn start_again(&self, context: &Context, version: &str, why: &str) -> Fault {
        let within = Duration::from_secs(self.wait).max(OLD_HAS);
        let (why, version) = (why.to_owned(), version.to_owned());
        let seconds = within.as_secs();
        tell(context, &UpgradeStep::StartingAgain { version: version.clone(), seconds, why: why.clone() });
        match self.come_up(context, &version, within).await {
            Ok(()) => failed(context, &UpgradeFault::RunsAsBefore { why, version }),
            Err(trouble) => failed(context, &UpgradeFault::OldNotUp { why, trouble }),
        }
    }
}

fn tell(context: &Context, step: &UpgradeStep) {
    note(&context.ui.language.upgrade_step(step));
}

/// Whether the copy of the database has room: what has not is not stopped for it.
fn has_room(data: &Path, context: &Context) -> Result<(), Fault> {
    let space = Space::of(&DataDir::new(data).database());
    let Some(database) = space.database else { return Ok(()) };
    let needed = database + space.log.unwrap_or(0) + SPARE_ROOM;
    match space.free {
        Some(free) if free < needed => {
            let folder = data.display().to_string();
            Err(failed(context, &UpgradeFault::NoRoom { folder, needed, free }))
        }
        Some(_) | None => Ok(()),
    }
}

/// With RMM stopped: keeps its database, and puts the new binary in the place of the old one. `goes_on`: what was kept by an upgrade
/// that was killed is what is kept.
async fn keep(places: &Places, goes_on: bool, language: Language) -> Result<Option<Kept>, String> {
    let _lock = lock(&places.data, language).await?;
    let files = DataDir::new(&places.data);
    let (database, key) = (files.database(), files.audit_key());
    let kept = if goes_on { Kept::again(&database, &key) } else { Kept::of(&database, &key) };
    let kept = kept.map_err(|error| language.store(&error.fault()))?;
    replace(places, goes_on).map_err(|error| format!("{}: {error}", places.installed.display()))?;
    Ok(kept)
}

fn replace(places: &Places, goes_on: bool) -> std::io::Result<()> {
    if !goes_on {
        forget(&places.mark);
        forget(&places.old);
        // As a link, the installed name is never without a binary.
        fs::hard_link(&places.installed, &places.old)
            .or_else(|_| fs::copy(&places.installed, &places.old).map(|_| ()))?;
        File::create(&places.mark)?.sync_all()?;
    }
    fs::rename(&places.new, &places.installed)
}

/// The data directory, once the RMM that was stopped has left it.
async fn lock(data: &Path, language: Language) -> Result<Option<DirectoryLock>, String> {
    if !data.is_dir() {
        return Ok(None);
    }
    let mut left = STOPPED_WITHIN.as_millis() / PAUSE.as_millis();
    loop {
        match DirectoryLock::acquire(data) {
            Ok(lock) => return Ok(Some(lock)),
            Err(StoreError::Locked { .. }) if left > 0 => left -= 1,
            Err(error) => return Err(language.store(&error.fault())),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// As `rmm restore` does it, without asking.
fn restore(files: &DataDir, copy: &Path, context: &Context) -> Result<(), Fault> {
    if let Some(key) = AuditKey::load(&files.audit_key())?
        && let Some(flaw) = audit::flaw(copy, &key)?
    {
        return Err(failed(context, &UpgradeFault::OtherKey { copy: copy.display().to_string(), flaw }));
    }
    PutBack::of(files, copy, true).map(drop)
}

/// The version of the RMM that is ready.
async fn ready(context: &Context) -> Result<String, String> {
    let told = |fault: Fault| fault.told(context.ui.language);
    let url = health::address(context).map_err(told)?;
    let client = Client::http(&url, None).map_err(told)?;
    let answer = client.json::<Health>(Call::get("/readyz").patience(health::TIMEOUT)).await;
    answer.map(|(health, _)| health.version).map_err(told)
}

/// The version that a binary says it has; whatever else it says, if that is none.
fn version_of(binary: &Path) -> Result<String, String> {
    let said = output(Command::new(binary).arg("--version"))?;
    Ok(said.trim().strip_prefix("rmm ").map_or(said.clone(), ToOwned::to_owned))
}

/// Runs a command of the operator's.
fn run(command: &str) -> Result<(), String> {
    output(Command::new("/bin/sh").args(["-c", command])).map(|_| ()).map_err(|why| format!("`{command}`: {why}"))
}

/// What a program says, if it ends well.
fn output(command: &mut Command) -> Result<String, String> {
    let done = command.output().map_err(|error| error.to_string())?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(if said.is_empty() { done.status.to_string() } else { said })
}

/// Writes a binary, so that it is there as a whole.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::write(path, bytes)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o755)))
        .and_then(|()| File::open(path)?.sync_all())
}

/// Removes what is not needed any more, if it is there.
fn forget(path: &Path) {
    let _ = fs::remove_file(path);
}

fn failed(context: &Context, fault: &UpgradeFault) -> Fault {
    Fault::failed(context.ui.language.upgrade_fault(fault))
}
