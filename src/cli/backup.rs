//! `rmm backup` and `rmm restore`: copies of the database, and the key that belongs to them.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

mod status;

use super::{answers, audit, faults, words};
use crate::api_client::{Call, Client, Context, Fault, Intent, LONG, print};
use crate::app::DataDir;
use crate::contract::{BackupMade, MakeBackup};
use crate::domain::fault::cli::CliFault;
use crate::domain::fault::record::LostEvents;
use crate::domain::fault::store::FileAct;
use crate::domain::plan::shell_word;
use crate::store::around::{self, Around, KnownToken};
use crate::store::backup::RestoreReport;
use crate::store::backup::kind::{self, Kind};
use crate::store::key::AuditKey;
use crate::store::lock::DirectoryLock;
use crate::store::watermark::Watermark;
use crate::store::{StoreError, backup};
use crate::terminal::{Ui, clean, note};

/// What there is to know about backups.
#[derive(Debug, Subcommand)]
enum About {
    /// How the backups stand that RMM makes by itself, and the last test of one
    Status(status::Status),
}

/// Copy the database.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  rmm backup /var/backups/rmm-$(date +%F).db\n  rmm backup /var/backups/rmm.db --overwrite\n  rmm backup status\n\n\
    Works while RMM runs, and without, where it takes none of the secrets of rmm.toml. The copy is one file, complete and readable by its owner only.\n\n\
    The key of the record, audit.key in the data directory, is not part of it: who has the key and the copy could \
    rewrite history unseen. A restore needs both, so keep a copy of audit.key somewhere else, once. --with-key \
    puts it beside the copy as FILE.key, for copies that go to a safe place anyway.\n\n\
    With RMM_URL, FILE is a plain name; the copy stays on the server, in `backups` of its data directory.\n\n\
    With [backup] in rmm.toml, RMM makes copies by itself, and tries whether they can be restored."
)]
pub struct Backup {
    #[command(subcommand)]
    about: Option<About>,
    /// Where the copy goes
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Replace a copy that is there
    #[arg(long)]
    overwrite: bool,
    /// Put the key of the record beside it, as FILE.key
    #[arg(long)]
    with_key: bool,
    /// Print the answer of the API
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) async fn run(mut self, context: &Context) -> Result<(), Fault> {
        match (self.about.take(), self.file.take()) {
            (Some(About::Status(status)), _) => status.run(context).await,
            (None, Some(file)) => self.copy(&file, context).await,
            (None, None) => Err(Fault::usage(CliFault::FileMissing)),
        }
    }

    async fn copy(&self, file: &Path, context: &Context) -> Result<(), Fault> {
        let remote = context.var("RMM_URL").is_some();
        if remote && self.with_key {
            return Err(Fault::usage(CliFault::KeyOnlyHere));
        }
        let client = Client::connect(context, Intent::Copy).await?;
        let file = if remote {
            file.to_owned()
        } else {
            std::path::absolute(file).map_err(|error| Fault::usage(format!("{}: {error}", file.display())))?
        };
        let name = file.to_str().ok_or_else(|| Fault::usage(CliFault::NotUtf8 { file: file.display().to_string() }))?;
        let key = if self.with_key { Some(self.key(context, &file)?) } else { None };
        let call = Call::post("/api/v1/backup", MakeBackup { file: name.to_owned(), overwrite: self.overwrite })
            .patience(LONG);
        let (made, text): (BackupMade, _) = client.json(call).await.map_err(|fault| fault.in_json(self.json))?;
        if let Some((from, to)) = &key {
            copy_key(from, to, self.overwrite)?;
        }
        if self.json {
            return print(&format!("{text}\n"));
        }
        let language = context.ui.language;
        print(&format!("{} ({})\n", made.file, language.size(made.bytes)))?;
        note(&answers::end_in_copy(language, made.head_seq, &made.head_mac));
        match key {
            Some((_, to)) => note(&answers::key_in_copy(language, to.display())),
            None => note(words::words(language).key_is_apart),
        }
        Ok(())
    }

    /// From where the key is copied, and to where; looked at before the work begins.
    fn key(&self, context: &Context, file: &Path) -> Result<(PathBuf, PathBuf), Fault> {
        let to = key_beside(file);
        if to.exists() && !self.overwrite {
            return Err(StoreError::Exists { path: to }.into());
        }
        Ok((DataDir::new(context.local()?.data_dir).audit_key(), to))
    }
}

/// `FILE.key`.
fn key_beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// Copies a key, readable by its owner only; never over another one unasked.
fn copy_key(from: &Path, to: &Path, overwrite: bool) -> Result<(), Fault> {
    let failed = |act: FileAct, path: &Path, error| Fault::from(StoreError::io(act, path, error));
    let bytes = std::fs::read(from).map_err(|error| failed(FileAct::Read, from, error))?;
    if overwrite {
        match std::fs::remove_file(to) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(FileAct::Replace, to, error)),
            Ok(()) | Err(_) => {}
        }
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    file.and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .map_err(|error| failed(FileAct::Create, to, error))
}

/// Put a copy back.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  systemctl stop rmm && rmm restore /var/backups/rmm.db --force && systemctl start rmm\n\n\
    Only while no RMM runs. The copy is checked first: that it is sound, and that its record fits audit.key in the \
    data directory. Where that key is missing, FILE.key is taken if it is there. The database that was there is kept \
    as rmm.db.before-restore.\n\n\
    What was deployed after the backup is still on the hosts, so what the environments run is unknown until an admin \
    has checked and recorded it (rmm service settle). Numbers of releases and runs never come again."
)]
pub struct Restore {
    /// The copy
    file: PathBuf,
    /// Replace the database that is there, and take a copy whose record does not fit the key
    #[arg(long)]
    force: bool,
}

impl Restore {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        let (language, words) = (context.ui.language, words::words(context.ui.language));
        if context.var("RMM_URL").is_some() {
            note(words.url_is_not_used);
        }
        let data_dir = context.local()?.data_dir;
        let files = DataDir::new(&data_dir);
        if !self.file.is_file() {
            return Err(Fault::failed(CliFault::NotThere { file: self.file.display().to_string() }));
        }
        if files.database().exists() && !self.force {
            return Err(faults::database_there(&files.database()));
        }
        self.look_at_file()?;
        let key_file = files.audit_key();
        let beside = key_beside(&self.file);
        let key_from = if key_file.exists() { &key_file } else { &beside };
        let Some(key) = AuditKey::load(key_from)? else {
            return Err(faults::key_missing(&key_file, &beside));
        };
        if !data_dir.is_dir() {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&data_dir);
            made.map_err(|error| StoreError::io(FileAct::Create, &data_dir, error))?;
        }
        let _lock = match DirectoryLock::acquire(&data_dir) {
            Err(error @ StoreError::Locked { .. }) => {
                return Err(faults::running(error.fault(), Some("rmm restore")));
            }
            other => other?,
        };
        match audit::flaw(&self.file, &key)? {
            Some(flaw) if !self.force => {
                return Err(faults::other_key(&self.file, key_from, flaw));
            }
            Some(flaw) => {
                note(&format!("{}: {}: {}", words.warning, words.record_does_not_fit, language.record_flaw(&flaw)));
            }
            None => {}
        }
        let PutBack { around, report, lost } = PutBack::of(&files, &self.file, self.force)?;
        if !key_file.exists() {
            copy_key(&beside, &key_file, false)?;
            note(&answers::key_came_from(language, beside.display()));
        }
        if let Some(replaced) = &report.replaced {
            note(&answers::database_kept(language, replaced.display()));
        }
        let end = report.head.map(|head| head.seq);
        print(&answers::restored(language, files.database().display(), end))?;
        if let Some(lost) = lost {
            note(&format!("{}: {}.", words.what_is_lost, language.lost_events(&lost)));
        }
        tell(&around, &context.ui);
        Ok(())
    }
}

/// A copy in the place of the database, and what is around it.
pub(super) struct PutBack {
    around: Around,
    report: RestoreReport,
    /// What the copy does not hold.
    lost: Option<LostEvents>,
}

impl PutBack {
    /// Puts a copy there; `force`: in the place of a database that is there.
    pub(super) fn of(files: &DataDir, copy: &Path, force: bool) -> Result<Self, Fault> {
        let (database, key) = (files.database(), files.audit_key());
        let around = around::look(&database, copy)?;
        let report = backup::restore(copy, &database, force)?;
        let (mark, lost) = Watermark::of_copy(&key, report.head)?;
        around.note(&database, lost.clone())?;
        mark.write(&key)?;
        Ok(Self { around, report, lost })
    }
}

impl Restore {
    /// Says what to do with a file that is no copy as it is.
    fn look_at_file(&self) -> Result<(), Fault> {
        let kind = kind::of(&self.file).map_err(|error| StoreError::io(FileAct::Read, &self.file, error))?;
        match kind {
            // Of what is unknown, SQLite says more.
            Kind::Database | Kind::Other => Ok(()),
            Kind::Export => Err(faults::is_export(&self.file)),
            Kind::Wrapped { how, with, open } => {
                let open = open.replace("FILE", &shell_word(&self.file.to_string_lossy()));
                Err(faults::wrapped(&self.file, how, with, open))
            }
        }
    }
}

/// What the operator has to know before RMM starts again.
fn tell(around: &Around, ui: &Ui) {
    let (language, numbers) = (ui.language, around.goes_on_after());
    note(&answers::goes_on_after(language, numbers.release, numbers.run, around.exact));
    for ((service, environment), was) in &around.replaced {
        let is = around.copy.get(&(service.clone(), environment.clone())).cloned().unwrap_or_default();
        if *was != is {
            note(&answers::runs_another(language, service, environment, was, &is));
        }
    }
    note(words::words(language).unknown_from_now_on);
    tell_of_tokens(around, ui);
}

/// Warns that tokens revoked after the backup are valid again.
fn tell_of_tokens(around: &Around, ui: &Ui) {
    let words = words::words(ui.language);
    let valid = |token: &&KnownToken| token.expires_at.is_none_or(|at| at > ui.now.as_millisecond());
    let tokens: Vec<_> = around.valid_again.iter().filter(valid).collect();
    if tokens.is_empty() {
        return;
    }
    note(if around.exact { words.tokens_valid_again } else { words.tokens_perhaps_valid_again });
    for token in tokens {
        let used = token.last_used_at.and_then(|at| Timestamp::from_millisecond(at).ok()).map(|at| ui.ago(at));
        note(&answers::token_valid_again(ui.language, &clean(&token.name), &clean(&token.role), used));
    }
    note(words.take_tokens_back);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_beside_their_copies() {
        assert_eq!(key_beside(Path::new("/a/b.db")), Path::new("/a/b.db.key"));
    }
}
