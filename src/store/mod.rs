//! The database: one file, one writer, a pool of readers, and the generic tables (audit chain, outbox, tokens, logs).
//!
//! Facts are committed here before anything happens outside; what is answered with success is on disk. All SQL of RMM
//! lives below this module. Must not: read a clock, know a rule of the domain, or let anything await inside a
//! transaction.

pub mod alerts;
pub mod around;
pub mod at_rest;
pub mod backup;
pub mod backups;
pub mod bounds;
pub mod chain;
mod columns;
pub mod commits;
pub mod dashboard;
pub mod definitions;
pub mod deliveries;
pub mod durations;
pub mod ended;
pub mod error;
pub mod events;
pub mod export;
pub mod figures;
pub mod hosts;
pub mod identities;
pub mod key;
pub mod lock;
pub mod logs;
pub mod marks;
pub(crate) mod migrate;
pub mod news;
pub mod numbers;
pub mod outbox;
pub mod owner;
#[cfg(test)]
mod plans;
pub mod protection;
mod readers;
pub mod record;
pub mod releases;
pub mod renamed;
pub mod replaced;
pub mod restored;
pub mod runs;
pub mod schema;
pub mod search;
pub mod sessions;
pub mod signed;
pub mod snapshot;
pub mod space;
pub mod spans;
pub mod tags;
pub mod telegram;
pub mod tokens;
pub mod verify;
pub mod watermark;
pub mod world;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;
use tracing::Span;

use self::chain::Chain;
use self::key::AuditKey;
use self::numbers::Numbers;
use self::readers::Readers;
use self::restored::{Beside, Start};
use self::signed::ChainHead;
use self::verify::Verified;
use self::watermark::Watermark;
use self::writer::Writer;
use crate::domain::fault::record::{RecordAlarm, RecordFlaw};
use crate::domain::reason::Reason;
use crate::wording::{Language, english};

pub use self::error::{StoreError, WriteError};
pub(crate) use self::writer::panic_message;
pub use self::writer::{Progress, Tx};

/// How to open the store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The database file.
    pub database: PathBuf,
    /// The file with the audit chain's key.
    pub audit_key: PathBuf,
    /// Connections that read.
    pub readers: usize,
    /// Write requests that may wait before callers have to.
    pub queue: usize,
    /// The process that begins to work; without it RMM does not check whether the database is the one that was left.
    pub start: Option<Start>,
}

impl StoreOptions {
    /// Four readers and a queue of 4096.
    #[must_use]
    pub fn new(database: PathBuf, audit_key: PathBuf) -> Self {
        Self { database, audit_key, readers: 4, queue: 4096, start: None }
    }
}

/// The open database. Cheap to clone; the last one dropped commits what is queued and closes the file.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// Readers stand before the writer, so that they close first and the writer leaves a database without a WAL behind.
struct Inner {
    readers: Readers,
    writer: Writer,
    options: StoreOptions,
    key: AuditKey,
    damage: Option<RecordFlaw>,
    migration_copy: Option<PathBuf>,
    restored: Option<Reason>,
    mark: Arc<Mutex<Watermark>>,
    alarm: watch::Sender<Option<RecordAlarm>>,
    checked: watch::Sender<Option<Checked>>,
}

/// The last time that the whole record was checked on request.
#[derive(Debug, Clone)]
pub struct Checked {
    /// When.
    pub at: Timestamp,
    /// What was found.
    pub found: Result<Verified, RecordFlaw>,
}

impl Store {
    /// Opens (or makes) the database, migrates it, and takes up the audit chain. Takes milliseconds whatever the size.
    ///
    /// The caller holds the data directory (`lock`).
    ///
    /// # Errors
    /// [`StoreError::NewerDatabase`], [`StoreError::DivergentDatabase`], [`StoreError::Migration`],
    /// [`StoreError::KeyMissing`], [`StoreError::KeyInvalid`], [`StoreError::KeyForeign`], [`StoreError::Corrupt`],
    /// or what the disk says.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        schema::check_sqlite()?;
        replaced::refuse_unfinished(&options.database)?;
        let mut conn = schema::open_writer(&options.database)?;
        let migrated = migrate::migrate(&mut conn, &options.database)?;
        let key_was_there = options.audit_key.exists();
        let (mut chain, key, damage) = Chain::open(&conn, &options.audit_key, migrated.fresh)?;
        if let Some(damage) = &damage {
            let told = Language::En.record_flaw(damage);
            tracing::error!(seq = damage.seq(), "the audit log is damaged: {told}");
        }
        let (restored, mark) = match &options.start {
            Some(start) => {
                let watched = Beside::read(&options.database)?.is_some_and(|beside| beside.watched);
                let key_file = &options.audit_key;
                let found = watermark::look(&conn, key_file, migrated.fresh, key_was_there, watched)?;
                let restored = restored::begin(&conn, &mut chain, &options.database, migrated.fresh, start, &found)?;
                (restored, watermark::begin(&conn, &mut chain, key_file, found, start.now)?)
            }
            None => (None, Watermark::default()),
        };
        if let Some(alarm) = &mark.alarm {
            let told = Language::En.record_alarm(alarm);
            tracing::error!(alert = false, "not acknowledged yet (`rmm audit acknowledge`): {told}");
        }
        if let Some(reason) = &restored {
            tracing::warn!(
                "{}: what the environments run is unknown until an admin records it (`rmm service settle`)",
                english(reason)
            );
        }
        let writer = Writer::start(conn, chain, options.queue)?;
        let readers = Readers::open(&options.database, options.readers)?;
        let alarm = watch::Sender::new(mark.alarm.clone());
        let mark = Arc::new(Mutex::new(mark));
        let (options, migration_copy) = (options.clone(), migrated.copy);
        let checked = watch::Sender::new(None);
        let inner = Inner { readers, writer, options, key, damage, migration_copy, restored, mark, alarm, checked };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `work` in a transaction on the writer and returns when it is on disk. Its error, or a panic, undoes it.
    ///
    /// Requests that wait share a commit, so `work` sees what others have written just before it. Once queued it runs,
    /// even when the caller stops waiting.
    ///
    /// # Errors
    /// [`WriteError::Rolled`] with the error of `work`; [`WriteError::Store`] when the store could not carry it out.
    /// Either way nothing of it is in the database.
    pub fn write<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, WriteError<E>>> + Send + use<'_, T, E, F>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.inner.writer.write(Span::none(), work)
    }

    /// As [`Store::write`], in a span, which ends with the commit.
    ///
    /// # Errors
    /// Those of [`Store::write`].
    pub fn write_in<T, E, F>(
        &self,
        span: Span,
        work: F,
    ) -> impl Future<Output = Result<T, WriteError<E>>> + Send + use<'_, T, E, F>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        self.inner.writer.write(span, work)
    }

    /// Runs `work` on a connection that only reads, in one snapshot of what is committed.
    ///
    /// # Errors
    /// The error of `work`, or [`StoreError::Panicked`], [`StoreError::Stopped`].
    pub fn read<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<'_, T, F>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.readers.read(work)
    }

    /// What is committed, for streams and the dispatcher to wait on.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.inner.writer.progress()
    }

    /// Writes, and leaves everything as it was: tells whether the database can be written. SQLite does not write a row
    /// that stays the same, but it does write the file's header.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let probe = |tx: &mut Tx<'_>| Ok::<_, StoreError>(tx.execute_batch("PRAGMA user_version = 0")?);
        self.write(probe).await.map_err(WriteError::flatten)
    }

    /// How many writes wait for the writer.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.inner.writer.queued()
    }

    /// Checks the whole audit chain; see [`verify::verify`].
    ///
    /// # Errors
    /// When the database cannot be read; the inner error is the first flaw.
    pub async fn verify(&self, anchor: Option<ChainHead>) -> Result<Result<Verified, RecordFlaw>, StoreError> {
        let key = self.inner.key.clone();
        self.read(move |conn| verify::verify(conn, &key, anchor.as_ref())).await
    }

    /// As [`Store::verify`], and what it finds is remembered as of `now`.
    ///
    /// # Errors
    /// When the database cannot be read; the inner error is the first flaw.
    pub async fn check_record(
        &self,
        anchor: Option<ChainHead>,
        now: Timestamp,
    ) -> Result<Result<Verified, RecordFlaw>, StoreError> {
        let found = self.verify(anchor).await?;
        self.inner.checked.send_replace(Some(Checked { at: now, found: found.clone() }));
        Ok(found)
    }

    /// The last check of the record since this start, if there was one.
    #[must_use]
    pub fn checked(&self) -> Option<Checked> {
        self.inner.checked.borrow().clone()
    }

    /// Copies the database while everything goes on; see [`backup::backup`].
    ///
    /// # Errors
    /// Those of [`backup::backup`].
    pub async fn backup(&self, target: PathBuf, overwrite: bool) -> Result<backup::BackupReport, StoreError> {
        let source = self.inner.options.database.clone();
        tokio::task::spawn_blocking(move || backup::backup(&source, &target, overwrite))
            .await
            .unwrap_or(Err(StoreError::Stopped))
    }

    /// Tries a copy in a folder beside it; see [`backup::rehearsal::rehearse`].
    ///
    /// # Errors
    /// Those of [`backup::rehearsal::rehearse`].
    pub async fn rehearse(&self, copy: PathBuf, beside: PathBuf) -> Result<backup::rehearsal::Rehearsed, StoreError> {
        let key = self.inner.key.clone();
        tokio::task::spawn_blocking(move || backup::rehearsal::rehearse(&copy, &beside, &key))
            .await
            .unwrap_or(Err(StoreError::Stopped))
    }

    /// What was seen to be wrong with the audit chain's end when the database was opened. RMM goes on, and
    /// verification goes on finding it.
    #[must_use]
    pub fn damage(&self) -> Option<&RecordFlaw> {
        self.inner.damage.as_ref()
    }

    /// The copy made before this start migrated the database.
    #[must_use]
    pub fn migration_copy(&self) -> Option<&Path> {
        self.inner.migration_copy.as_deref()
    }

    /// How this start found that the database is not the one that was left here.
    #[must_use]
    pub fn restored(&self) -> Option<&Reason> {
        self.inner.restored.as_ref()
    }

    /// What an admin has to look at, until one acknowledges it: the record was changed behind RMM's back.
    #[must_use]
    pub fn alarm(&self) -> watch::Receiver<Option<RecordAlarm>> {
        self.inner.alarm.subscribe()
    }

    /// Looks whether the record still holds what was noted beside its key, and notes where it ends now.
    ///
    /// # Errors
    /// When the database cannot be read or written, or the disk does not take the file.
    pub async fn watch_record(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.inner.options.start.is_none() {
            return Ok(());
        }
        let (mark, key_file) = (self.inner.mark.clone(), self.inner.options.audit_key.clone());
        let followed = self.read(move |conn| {
            let mut mark = mark.lock().unwrap_or_else(PoisonError::into_inner);
            mark.follow(conn, &key_file)
        });
        let Some(found) = followed.await? else { return Ok(()) };
        let alarm = found.clone();
        let told = self.write(move |tx| watermark::append(now, &alarm, |event| tx.append_event(event)));
        told.await.map_err(WriteError::flatten)?;
        let (mark, key_file, alarm) =
            (self.inner.mark.clone(), self.inner.options.audit_key.clone(), self.inner.alarm.clone());
        self.read(move |conn| {
            let mut mark = mark.lock().unwrap_or_else(PoisonError::into_inner);
            let noted = mark.raise(conn, &key_file, found);
            alarm.send_replace(mark.alarm.clone());
            noted
        })
        .await
    }

    /// An admin has looked at the alarm, and it is on the record.
    ///
    /// # Errors
    /// When the disk does not take the file.
    pub fn acknowledge(&self) -> Result<(), StoreError> {
        let mut mark = self.inner.mark.lock().unwrap_or_else(PoisonError::into_inner);
        mark.acknowledge(&self.inner.options.audit_key)?;
        self.inner.alarm.send_replace(None);
        Ok(())
    }

    /// Notes beside the database and its key how far they have come, if that has changed.
    ///
    /// # Errors
    /// When the database cannot be read, or the disk does not take the files.
    pub async fn note_numbers(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.inner.options.start.is_none() {
            return Ok(());
        }
        self.watch_record(now).await?;
        let database = self.inner.options.database.clone();
        self.read(move |conn| {
            let numbers = Numbers::of(conn)?;
            match Beside::read(&database)? {
                Some(beside) if beside.numbers.max(numbers) != beside.numbers => {
                    Beside { numbers: beside.numbers.max(numbers), ..beside }.write(&database)
                }
                Some(_) | None => Ok(()),
            }
        })
        .await
    }

    /// Notes the process that works with this database, if the disk did not let it be noted at the start: hosts hear
    /// its word only after that.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn note_process(&self) -> Result<(), WriteError<StoreError>> {
        let Some(start) = self.inner.options.start.clone() else { return Ok(()) };
        let database = self.inner.options.database.clone();
        self.write(move |tx| restored::note_late(tx, &database, &start)).await
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.options.database
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("database", &self.inner.options.database).finish_non_exhaustive()
    }
}

/// `path` with `suffix` behind its last component.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
pub(crate) mod testing;
