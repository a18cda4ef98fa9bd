//! The work on one copy: made beside, put into its place as a whole, tried, handed on.
//!
//! Must not: leave a part of a file under a final name, or keep an open copy where only a sealed one belongs.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::folder;
use crate::clients::filter;
use crate::config::Backup;
use crate::config::backup::{FILE, NAME};
use crate::domain::backup::{BackupFault, CommandEnd, Tested};
use crate::engine::Engine;
use crate::store::StoreError;
use crate::store::key::sync_directory_of;
use crate::store::signed::ChainHead;
use crate::store::space::{Space, free_in};
use crate::wording::Language;

/// Room that stays free beside a copy.
const MIN_FREE_BYTES: u64 = 16 << 20;
/// The folder in the data directory where copies are worked on.
const WORK: &str = "backup.work";

/// A copy as the database gives it.
pub(super) struct Copied {
    /// Where it is.
    pub path: PathBuf,
    /// What it will be called.
    pub name: String,
    /// Where its record ends.
    pub head: ChainHead,
}

/// The work on one copy. What it leaves beside the database is gone with it.
pub(super) struct Job<'e> {
    engine: &'e Engine,
    settings: &'e Backup,
    work: PathBuf,
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        clear(&self.work);
    }
}

impl<'e> Job<'e> {
    /// Clears what an earlier one left, and looks whether there is a place for a copy.
    pub async fn begin(engine: &'e Engine, settings: &'e Backup) -> Result<Self, BackupFault> {
        let database = engine.store().path().to_owned();
        let data = database.parent().map(Path::to_owned).unwrap_or_default();
        let (work, target) = (data.join(WORK), settings.folder.clone());
        let made = work.clone();
        blocking(move || {
            // Its own data directory is RMM's to fill. Elsewhere a folder that is missing may be a disk that is.
            if !target.is_dir() && target.parent() == Some(data.as_path()) {
                private_folder(&target)?;
            }
            if !target.is_dir() {
                return Err(BackupFault::FolderMissing { folder: target.display().to_string() });
            }
            folder::sweep(&target);
            clear(&made);
            private_folder(&made)?;
            Ok(())
        })
        .await?;
        Ok(Self { engine, settings, work })
    }

    /// Copies the database; to where the file goes, unless a command makes that of it.
    pub async fn copy(&self) -> Result<Copied, BackupFault> {
        let is_piped = !self.settings.pipe.is_empty();
        let path = if is_piped { self.work.join("copy.db") } else { folder::partial(&self.settings.folder) };
        self.need_room(&self.settings.folder)?;
        if is_piped {
            self.need_room(&self.work)?;
        }
        let report = self.engine.store().backup(path, true).await.map_err(|error| of_store(&error))?;
        let head = report.head.unwrap_or(ChainHead::START);
        let program = self.settings.pipe.first().map(|program| folder::ending(program));
        let name = folder::name(self.engine.now(), head.seq, program.as_deref());
        Ok(Copied { path: report.path, name, head })
    }

    fn need_room(&self, folder: &Path) -> Result<(), BackupFault> {
        let space = Space::of(self.engine.store().path());
        let needed = space.database.unwrap_or(0) + space.log.unwrap_or(0) + MIN_FREE_BYTES;
        match free_in(folder) {
            Some(free) if free < needed => {
                Err(BackupFault::NoRoom { folder: folder.display().to_string(), needed, free })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Makes the file of a copy and puts it into its place. Where it is, and its size.
    pub async fn finish(&self, copied: Copied) -> Result<(PathBuf, u64), BackupFault> {
        let mut partial = copied.path;
        if !self.settings.pipe.is_empty() {
            let sealed = folder::partial(&self.settings.folder);
            let piped = self.through(&self.settings.pipe, &partial, &sealed).await;
            if piped.is_err() {
                folder::sweep(&self.settings.folder);
            }
            piped?;
            partial = sealed;
        }
        let target = self.settings.folder.join(&copied.name);
        blocking(move || {
            fs::rename(&partial, &target).map_err(|error| of_io(&target, &error))?;
            sync_directory_of(&target).map_err(|error| of_store(&error))?;
            let bytes = fs::metadata(&target).map_err(|error| of_io(&target, &error))?.len();
            Ok((target, bytes))
        })
        .await
    }

    /// Feeds a command with a file; what it prints is another one, on disk when this returns.
    async fn through(&self, words: &[String], from: &Path, to: &Path) -> Result<(), BackupFault> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let opened = blocking({
            let to = to.clone();
            move || {
                let source = File::open(&from).map_err(|error| of_io(&from, &error))?;
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to);
                let made = made.map_err(|error| of_io(&to, &error))?;
                let handed = made.try_clone().map_err(|error| of_io(&to, &error))?;
                Ok((source, made, handed))
            }
        });
        let (source, made, handed) = opened.await?;
        self.run(words, (source.into(), handed.into())).await?;
        let program = words.first().cloned().unwrap_or_default();
        blocking(move || {
            made.sync_all().map_err(|error| of_io(&to, &error))?;
            let is_empty = made.metadata().map_err(|error| of_io(&to, &error))?.len() == 0;
            let nothing = BackupFault::Command { program, end: CommandEnd::Nothing, said: String::new() };
            if is_empty { Err(nothing) } else { Ok(()) }
        })
        .await
    }

    async fn run(&self, words: &[String], streams: (Stdio, Stdio)) -> Result<(), BackupFault> {
        let limit = self.engine.sleep(self.settings.time_limit);
        filter::run(words, &self.settings.folder, streams, limit).await.map_err(|fault| {
            let said = String::from_utf8_lossy(&fault.said);
            let said = self.engine.catalog().redactor().text(said.trim());
            BackupFault::Command { program: words.first().cloned().unwrap_or_default(), end: fault.end, said }
        })
    }

    /// Whether a finished file can be read again.
    pub fn has_way_back(&self) -> bool {
        self.settings.pipe.is_empty() || !self.settings.open.is_empty()
    }

    /// Hands the finished file on, where that is wanted.
    pub async fn send(&self, file: &str) -> Result<(), BackupFault> {
        if self.settings.send.is_empty() {
            return Ok(());
        }
        if !Path::new(file).is_file() {
            return Err(BackupFault::FileMissing { file: file.to_owned() });
        }
        let name = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let words: Vec<_> =
            self.settings.send.iter().map(|word| word.replace(FILE, file).replace(NAME, &name)).collect();
        self.run(&words, (Stdio::null(), Stdio::null())).await?;
        tracing::info!(file, "the backup was handed on");
        Ok(())
    }

    /// Restores a copy beside the database and checks it.
    pub async fn test(&self, copy: &Path, file: &str, expected: i64, before_pipe: bool) -> Tested {
        let begun = self.engine.clock().uptime();
        let found = self.rehearse(copy, before_pipe).await;
        let took = self.engine.clock().uptime().since(Some(&begun));
        let (head, fault) = match found {
            Ok((head, None)) if head < expected => (Some(head), Some(BackupFault::Behind { expected, found: head })),
            Ok((head, fault)) => (Some(head), fault),
            Err(fault) => (None, Some(fault)),
        };
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Tested { when: self.engine.mark(), file: file.to_owned(), took, head, before_pipe, fault }
    }

    async fn rehearse(&self, copy: &Path, is_plain: bool) -> Result<(i64, Option<BackupFault>), BackupFault> {
        let folder = self.work.join("test");
        private_folder(&folder)?;
        if !copy.is_file() {
            return Err(BackupFault::FileMissing { file: copy.display().to_string() });
        }
        self.need_room(&self.work)?;
        let plain = if is_plain || self.settings.open.is_empty() {
            copy.to_owned()
        } else {
            let opened = folder.join("opened.db");
            self.through(&self.settings.open, copy, &opened).await?;
            opened
        };
        let found = self.engine.store().rehearse(plain, folder.clone()).await;
        clear(&folder);
        let found = found.map_err(|error| {
            let is_the_copy =
                matches!(error, StoreError::Corrupt { .. } | StoreError::NewerDatabase { .. } | StoreError::Sqlite(_));
            if is_the_copy {
                BackupFault::Damaged { found: error.to_string(), because: Some(Box::new(error.fault())) }
            } else {
                of_store(&error)
            }
        })?;
        let flaw =
            found.flaw.map(|flaw| BackupFault::Record { flaw: Language::En.record_flaw(&flaw), because: Some(flaw) });
        Ok((found.head.unwrap_or(ChainHead::START).seq, flaw))
    }

    /// Deletes the copies that are not kept any longer. Twice as many are kept while the newest cannot be relied on.
    pub async fn delete_old(&self, unsound: bool) {
        let keep = usize::try_from(self.settings.keep).unwrap_or(usize::MAX);
        let keep = if unsound { keep.saturating_mul(2) } else { keep };
        let folder = self.settings.folder.clone();
        let _ = tokio::task::spawn_blocking(move || folder::delete_old(&folder, keep)).await;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupFault> + Send + 'static,
) -> Result<T, BackupFault> {
    let stopped = || Err(of_store(&StoreError::Stopped));
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| stopped())
}

fn private_folder(path: &Path) -> Result<(), BackupFault> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(of_io(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn clear(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, folder = %folder.display(), "what a backup left could not be removed");
        }
        Ok(()) | Err(_) => {}
    }
}

fn of_store(error: &StoreError) -> BackupFault {
    BackupFault::Machine { said: error.to_string(), because: Some(Box::new(error.fault())) }
}

fn of_io(path: &Path, error: &io::Error) -> BackupFault {
    BackupFault::Machine { said: format!("{}: {error}", path.display()), because: None }
}
