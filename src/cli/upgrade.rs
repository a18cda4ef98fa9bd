//! `rmm upgrade`: a new binary takes the place of the one that is installed. If RMM does not come up with it, binary and database are put
//! back as they were.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
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
use crate::store::{StoreError, with_suffix};
use crate::terminal::note;
use crate::wording::Language;

/// The version of this program.
const OWN: &str = env!("CARGO_PKG_VERSION");
/// Between two looks at whether RMM has ended, or is ready.
const PAUSE: Duration = Duration::from_millis(250);
/// A stopped RMM gives up its data directory within this time.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// The old version was ready before, so it is waited for whatever is said about the new one.
const OLD_IS_UP_WITHIN: Duration = Duration::from_secs(120);

/// Put a new binary in the place of this one, and go back if RMM does not come up with it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm upgrade ./rmm-x86_64-unknown-linux-gnu\n  rmm upgrade ./rmm --stop 'docker stop rmm' --start 'docker start rmm'\n\n\
    On RMM's own machine, as the user who may replace the binary (root). In this order: the new binary says its version and checks the \
    configuration; RMM is stopped; binary and database are kept, as ….old and rmm.db.before-upgrade; the new binary takes its place and RMM \
    is started, which migrates the database. Is it not ready in time, it is stopped, binary and database are put back, and RMM is \
    started as it was. Steps that run on hosts go on all the while.\n\n\
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
    /// How long the new version may take until it is ready
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
    data: PathBuf,
}

impl Upgrade {
    pub(super) async fn run(self, context: &Context) -> Result<(), Fault> {
        let places = self.places(context)?;
        let version = self.candidate(&places, context).inspect_err(|_| forget(&places.new))?;
        tell(context, &UpgradeStep::Stopping);
        run(&self.stop)
            .inspect_err(|_| forget(&places.new))
            .map_err(|why| failed(context, &UpgradeFault::NotStopped { why }))?;
        let kept = match keep(&places, context.ui.language).await {
            Ok(kept) => kept,
            Err(why) => {
                forget(&places.new);
                let why = context.ui.language.upgrade_fault(&UpgradeFault::NothingReplaced { why });
                return Err(self.start_again(context, &why).await);
            }
        };
        tell(context, &UpgradeStep::Starting { version: version.to_string() });
        match self.come_up(context, &version, Duration::from_secs(self.wait)).await {
            Ok(()) => {
                let runs = UpgradeStep::Runs { version: version.to_string(), old: places.old.display().to_string() };
                print(&format!("{}\n", context.ui.language.upgrade_step(&runs)))
            }
            Err(why) => Err(self.go_back(context, &places, kept.as_ref(), &why).await),
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
        Ok(Places { new: with_suffix(&installed, ".new"), old: with_suffix(&installed, ".old"), installed, data })
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
        let said = output(Command::new(&places.new).arg("--version"))
            .map_err(|said| usage(UpgradeFault::RunsNot { file: file(), said }))?;
        let version = said.trim().strip_prefix("rmm ").and_then(|version| version.parse::<Version>().ok());
        let version = version.ok_or_else(|| usage(UpgradeFault::NoRmm { file: file(), said }))?;
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
    async fn come_up(&self, context: &Context, version: &Version, within: Duration) -> Result<(), String> {
        run(&self.start)?;
        let language = context.ui.language;
        let mut last = language.upgrade_fault(&UpgradeFault::Silent);
        for _ in 0..=within.as_millis() / PAUSE.as_millis() {
            match ready(context).await {
                Ok(running) if running == version.to_string() => return Ok(()),
                Ok(running) => {
                    let other = UpgradeFault::OtherAnswers { running, version: version.to_string() };
                    last = language.upgrade_fault(&other);
                }
                Err(why) => last = why,
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(language.upgrade_fault(&UpgradeFault::NotReady { seconds: within.as_secs(), last }))
    }

    /// The new version does not work: all is as it was.
    async fn go_back(&self, context: &Context, places: &Places, kept: Option<&Kept>, why: &str) -> Fault {
        tell(context, &UpgradeStep::GoingBack { why: why.to_owned() });
        // One that has ended by itself may be no service to stop any more.
        let (stopped, language) = (run(&self.stop), context.ui.language);
        let back = match lock(&places.data, language).await {
            Ok(_lock) => fs::rename(&places.old, &places.installed)
                .map_err(|error| {
                    let file = places.installed.display().to_string();
                    language.upgrade_fault(&UpgradeFault::NotPutBack { file, said: error.to_string() })
                })
                .and_then(|()| kept.map_or(Ok(()), |kept| self.database_back(context, places, kept))),
            Err(why) => Err(format!("{why}{}", stopped.err().map(|why| format!(" ({why})")).unwrap_or_default())),
        };
        match back {
            Ok(()) => {
                let why = language.upgrade_fault(&UpgradeFault::NotUp { why: why.to_owned() });
                self.start_again(context, &why).await
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

    /// Starts RMM as it was: how that ends.
    async fn start_again(&self, context: &Context, why: &str) -> Fault {
        let own = Version::parse(OWN);
        let up = match own {
            Ok(own) => self.come_up(context, &own, OLD_IS_UP_WITHIN).await,
            Err(error) => Err(error.to_string()),
        };
        match up {
            Ok(()) => failed(context, &UpgradeFault::RunsAsBefore { why: why.to_owned(), own: OWN.to_owned() }),
            Err(trouble) => failed(context, &UpgradeFault::OldNotUp { why: why.to_owned(), trouble }),
        }
    }
}

fn tell(context: &Context, step: &UpgradeStep) {
    note(&context.ui.language.upgrade_step(step));
}

/// With RMM stopped: keeps its database, and puts the new binary in the place of the old one.
async fn keep(places: &Places, language: Language) -> Result<Option<Kept>, String> {
    let _lock = lock(&places.data, language).await?;
    let files = DataDir::new(&places.data);
    let kept = Kept::of(&files.database(), &files.audit_key()).map_err(|error| language.store(&error.fault()))?;
    forget(&places.old);
    // As a link, the installed name is never without a binary.
    fs::hard_link(&places.installed, &places.old)
        .or_else(|_| fs::copy(&places.installed, &places.old).map(|_| ()))
        .and_then(|()| fs::rename(&places.new, &places.installed))
        .map_err(|error| format!("{}: {error}", places.installed.display()))?;
    Ok(kept)
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
