//! `rmm export` and `rmm import`: a whole installation in one file, for moving to another machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::TempDir;

use super::{answers, audit, faults, words};
use crate::api_client::{Context, Fault, Traced, print};
use crate::app::DataDir;
use crate::domain::fault::cli::{CliFault, Unreached};
use crate::domain::fault::store::FileAct;
use crate::store::export::{self, BESIDE, CONFIG, DATABASE, KEY, Manifest};
use crate::store::key::AuditKey;
use crate::store::lock::DirectoryLock;
use crate::store::schema::open_at_rest;
use crate::store::{StoreError, backup, owner, replaced, with_suffix};
use crate::terminal::note;
use crate::wording::Language;

/// Standard input or output in the place of a file.
const STREAM: &str = "-";

/// Put a whole installation into one file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm export /mnt/stick/rmm.tar\n  rmm export - | age --encrypt --recipient age1… > rmm.tar.age\n  \
    rmm export - | ssh new-machine rmm import -\n\n\
    RMM has to be stopped, and must not be started here again once it runs elsewhere: hosts would see two of it. In the \
    file are the database, the key of the record, rmm.toml, and what makes it the same installation to its hosts. It is \
    readable by its owner only. Secrets that rmm.toml only refers to (`env:`, `file:`) are not in it."
)]
pub struct Export {
    /// Where it goes; `-`: standard output
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    overwrite: bool,
}

/// Take a whole installation over.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rmm import /mnt/stick/rmm.tar --config /etc/rmm/rmm.toml\n  age --decrypt --identity key rmm.tar.age | rmm import -\n\n\
    Everything is verified before anything is put in its place. Where no rmm.toml is there, that of the export is taken, \
    which says where the data goes; else the one that is there says it and stays."
)]
pub struct Import {
    /// What `rmm export` wrote; `-`: standard input
    file: PathBuf,
    /// Replace the installation that is there, and take one whose record does not fit its key
    #[arg(long)]
    force: bool,
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        let language = context.ui.language;
        let files = DataDir::new(context.local()?.data_dir);
        if !files.database().exists() {
            let folder = files.path().display().to_string();
            return Err(Fault::failed(context.ui.language.unreached(&Unreached::NoRmm { folder })));
        }
        let is_stream = self.file == Path::new(STREAM);
        if is_stream && io::stdout().is_terminal() {
            return Err(Fault::usage(CliFault::ForNoTerminal));
        }
        if !is_stream && self.file.exists() && !self.overwrite {
            return Err(StoreError::Exists { path: self.file }.into());
        }
        let _lock = held(files.path())?;
        let work = work_in(files.path())?;
        let copy = work.path().join(DATABASE);
        let head = backup::exact(&files.database(), &copy)?;
        let mut all = vec![(CONFIG, context.config.clone()), (DATABASE, copy), (KEY, files.audit_key())];
        all.extend(BESIDE.map(|name| (name, files.path().join(name))).into_iter().filter(|(_, path)| path.exists()));
        if is_stream {
            export::write(io::stdout().lock(), &all, context.ui.now)?;
        } else {
            write_file(&self.file, |file| export::write(file, &all, context.ui.now))?;
        }
        note(&answers::exported(language, head.map(|head| head.seq)));
        note(words::words(language).do_not_start_here_again);
        Ok(())
    }
}

/// Writes a file that is there as a whole or not at all.
fn write_file(path: &Path, write: impl FnOnce(&File) -> Result<(), StoreError>) -> Result<(), Fault> {
    let partial = with_suffix(path, ".partial");
    let _ = fs::remove_file(&partial);
    let failed = |error| Fault::from(StoreError::io(FileAct::Create, path, error));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
    let written =
        write(&file).and_then(|()| file.sync_all().map_err(|error| StoreError::io(FileAct::Sync, &partial, error)));
    let written = written.map_err(Fault::from).and_then(|()| fs::rename(&partial, path).map_err(failed));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

impl Import {
    pub(super) fn run(self, context: &Context) -> Result<(), Fault> {
        let language = context.ui.language;
        let folder = context.config.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        make_folder(folder)?;
        // Beside the configuration, which is there in any case; from there to the data, which may lie on another disk.
        let opened = work_in(folder)?;
        let input: Box<dyn Read> = if self.file == Path::new(STREAM) {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(&self.file).map_err(|error| StoreError::io(FileAct::Read, &self.file, error))?)
        };
        let manifest = export::read(input, opened.path())
            .map_err(|error| Fault::refuses("not_an_export", CliFault::Store { fault: error.fault() }))?;
        let imported = opened.path().join(CONFIG);
        let data_dir = data_dir(context, &imported)?;
        make_folder(&data_dir)?;
        let files = DataDir::new(&data_dir);
        let _lock = held(&data_dir)?;
        if (files.database().exists() || files.audit_key().exists()) && !self.force {
            return Err(faults::installation_there(&data_dir));
        }
        let work = work_in(&data_dir)?;
        carry(&manifest, opened.path(), work.path())?;
        self.verify(work.path(), language)?;
        let replaced = export::place(&manifest, work.path(), &data_dir)?;
        place_config(context, &imported, &data_dir)?;
        if let Some(replaced) = replaced {
            note(&answers::database_kept(language, replaced.display()));
        }
        note(words::words(language).secrets_are_apart);
        print(&answers::imported(language, data_dir.display()))
    }

    fn verify(&self, work: &Path, language: Language) -> Result<(), Fault> {
        let (database, key) = (work.join(DATABASE), work.join(KEY));
        let key = AuditKey::load(&key)?.ok_or(StoreError::KeyMissing { path: key })?;
        let conn = open_at_rest(&database)?;
        backup::check(&conn, &database)?;
        match audit::flaw(&database, &key)? {
            Some(flaw) if !self.force => Err(faults::export_broken(flaw)),
            Some(flaw) => {
                let words = words::words(language);
                note(&format!("{}: {}: {}", words.warning, words.record_does_not_fit, language.record_flaw(&flaw)));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Where the data goes: as the configuration says that is there, else the one that comes.
fn data_dir(context: &Context, imported: &Path) -> Result<PathBuf, Fault> {
    if context.config.exists() {
        return Ok(context.local()?.data_dir);
    }
    // Relative paths in it count from where it will be.
    let beside = with_suffix(&context.config, ".import");
    let failed = |error| Fault::from(StoreError::io(FileAct::Create, &beside, error));
    let text = fs::read(imported).map_err(failed)?;
    write_file(&beside, |mut file| {
        file.write_all(&text).map_err(|error| StoreError::io(FileAct::Write, imported, error))
    })?;
    let there = Context { config: beside.clone(), env: context.env.clone(), ui: context.ui, traced: Traced::default() };
    let found = there.local().map(|local| local.data_dir);
    fs::remove_file(&beside).map_err(failed)?;
    found
}

fn place_config(context: &Context, imported: &Path, data_dir: &Path) -> Result<(), Fault> {
    let text = fs::read(imported).map_err(|error| StoreError::io(FileAct::Read, imported, error))?;
    let there = fs::read(&context.config).ok();
    if there.as_ref() == Some(&text) {
        return Ok(());
    }
    let target = if there.is_some() { with_suffix(&context.config, ".imported") } else { context.config.clone() };
    write_file(&target, |mut file| {
        file.write_all(&text).map_err(|error| StoreError::io(FileAct::Write, &target, error))
    })?;
    owner::give(&target, data_dir).map_err(|error| StoreError::io(FileAct::GiveAway, &target, error))?;
    if there.is_some() {
        note(&answers::config_kept(context.ui.language, context.config.display(), target.display()));
    }
    Ok(())
}

/// Brings the files to the disk of the data, where they can be put in their places at once.
fn carry(manifest: &Manifest, from: &Path, to: &Path) -> Result<(), Fault> {
    for name in BESIDE.into_iter().chain([KEY, DATABASE]).filter(|name| manifest.has(name)) {
        let (from, to) = (from.join(name), to.join(name));
        if fs::rename(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(|error| StoreError::io(FileAct::Copy, &from, error))?;
            let synced = File::open(&to).and_then(|file| file.sync_all());
            synced.map_err(|error| StoreError::io(FileAct::Sync, &to, error))?;
        }
    }
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), Fault> {
    if path.is_dir() {
        return Ok(());
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| StoreError::io(FileAct::Create, path, error).into())
}

/// A folder for the time of the work, for the owner only.
fn work_in(folder: &Path) -> Result<Work, Fault> {
    const BEGINNING: &str = ".rmm-moving-";
    let _alone = replaced::clear(folder, |name| name.starts_with(BEGINNING));
    let made = tempfile::Builder::new().prefix(BEGINNING).tempdir_in(folder);
    let made = made.and_then(|made| Ok(Work { _in_use: replaced::in_use(made.path())?, folder: made }));
    made.map_err(|error| StoreError::io(FileAct::CreateFolderIn, folder, error).into())
}

/// A folder that no other process clears away.
struct Work {
    folder: TempDir,
    _in_use: File,
}

impl Work {
    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Keeps RMM from running meanwhile.
fn held(data_dir: &Path) -> Result<DirectoryLock, Fault> {
    match DirectoryLock::acquire(data_dir) {
        Err(error @ StoreError::Locked { .. }) => Err(faults::running(error.fault(), None)),
        other => Ok(other?),
    }
}
