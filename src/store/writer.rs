//! The single writer: one thread owns the connection that writes, and commits the requests that are waiting together,
//! so that one sync of the disk serves many. No request is answered before its commit.
//!
//! Must not: let one request spoil another (each runs in its own savepoint; an error or a panic undoes it alone), or
//! answer with success what is not on disk.

use std::any::Any;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::Action;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Span;

use super::chain::{Chain, NewEvent};
use super::error::{StoreError, WriteError};
use super::signed::ChainHead;
use crate::telemetry::{metrics, traces};

/// A transaction takes in waiting requests up to this number …
const MAX_BATCH_REQUESTS: usize = 256;
/// … or up to this time, so that the first one does not wait for ever.
///
/// In tests time does not decide what shares a transaction.
const BATCH_TIME: Duration = if cfg!(test) { Duration::from_secs(600) } else { Duration::from_millis(4) };
/// Pages in the WAL from which on it is written back into the database (4 KiB each).
const CHECKPOINT_PAGES: i32 = 2_000;

/// What is committed so far. Streams and the dispatcher wait for it to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Sequence number of the last event.
    pub last_event: i64,
    /// Id of the last piece of run output.
    pub last_log: i64,
    /// Grows when effects were put into the outbox, or back into it; the number itself means nothing.
    pub outbox: u64,
    /// Grows when updates of Telegram were stored; the number itself means nothing.
    pub updates: u64,
}

/// A write request's view of the database: the connection inside the running transaction.
///
/// Must not be used to begin, commit or roll back; that is the writer's business.
pub struct Tx<'a> {
    conn: &'a Connection,
    chain: &'a mut Chain,
}

impl Tx<'_> {
    /// Appends an event to the audit chain and returns its sequence number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn append_event(&mut self, event: &NewEvent<'_>) -> Result<i64, StoreError> {
        self.chain.append(self.conn, event)
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

/// A request in the queue, its types hidden.
trait Job: Send {
    /// Does the work; `false` when its changes are to be undone.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller, after the commit (`None`) or when the whole transaction was lost.
    fn answer(self: Box<Self>, lost: Option<StoreError>);
}

type Outcome<T, E> = Result<T, WriteError<E>>;

struct Request<F, T, E> {
    work: Option<F>,
    outcome: Option<Outcome<T, E>>,
    reply: oneshot::Sender<Outcome<T, E>>,
    timing: Timing,
}

impl<F, T, E> Job for Request<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let mut result = None;
        let mut work = Some(work);
        let ended = self.timing.within(&mut || result = work.take().map(|work| work(tx)));
        let result = result.ok_or(StoreError::Stopped).map_err(|stopped| ended.unwrap_or(stopped));
        let outcome = result.map_err(WriteError::Store).and_then(|result| result.map_err(WriteError::Rolled));
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(mut self: Box<Self>, lost: Option<StoreError>) {
        self.timing.committed(lost.is_some());
        // When the transaction is lost, a refusal is lost too: it may rest on a neighbour's change that never happened.
        let outcome = match lost {
            Some(error) => Err(WriteError::Store(error)),
            None => self.outcome.unwrap_or(Err(WriteError::Store(StoreError::Stopped))),
        };
        // A caller that stopped waiting does not need the answer.
        let _ = self.reply.send(outcome);
    }
}

/// The span of a request, which is told how long each part took.
struct Timing {
    span: Span,
    /// When it came into the queue; then when its work was done.
    since: Instant,
}

impl Timing {
    /// Does the work of a request; the error when it was ended by a panic.
    fn within(&mut self, work: &mut dyn FnMut()) -> Option<StoreError> {
        self.took("rmm.queued_ms");
        let span = self.span.clone();
        let _within = span.enter();
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(work));
        self.since = Instant::now();
        outcome.err().map(|panic| {
            let error = unwound(panic);
            tracing::error!(%error, "a write was ended and undone");
            error
        })
    }

    fn committed(&mut self, is_lost: bool) {
        self.took("rmm.commit_ms");
        if is_lost {
            traces::fail(&self.span, "the transaction was lost");
        }
        // It ends before what follows from it begins.
        self.span = Span::none();
    }

    fn took(&mut self, field: &'static str) {
        if !self.span.is_none() {
            let since = std::mem::replace(&mut self.since, Instant::now());
            self.span.record(field, (self.since - since).as_secs_f64() * 1000.0);
        }
    }
}

/// Why a transaction has unwound: the error that a decision met where it asked what is stored, or a panic.
pub(super) fn unwound(panic: Box<dyn Any + Send>) -> StoreError {
    match panic.downcast::<StoreError>() {
        Ok(error) => *error,
        Err(panic) => StoreError::Panicked { what: panic_message(panic.as_ref()) },
    }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// The handle to the writer thread; dropping it waits until everything queued is committed.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    progress: watch::Receiver<Progress>,
}

impl Writer {
    pub(crate) fn start(mut conn: Connection, chain: Chain, queue: usize) -> Result<Self, StoreError> {
        let last_log: Option<i64> = conn.query_row("SELECT max(id) FROM log_chunks", [], |row| row.get(0))?;
        let marks = Arc::new(Marks::default());
        marks.last_log.store(last_log.unwrap_or(0), Ordering::Relaxed);
        marks.watch(&mut conn)?;
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let now = Progress { last_event: chain.head().seq, last_log: last_log.unwrap_or(0), outbox: 0, updates: 0 };
        let (publish, progress) = watch::channel(now);
        let (checkpoint_at, wal_pages, failing, unconfirmed) = (CHECKPOINT_PAGES, 0, false, None);
        let writing = Writing { conn, chain, marks, publish, checkpoint_at, wal_pages, failing, unconfirmed };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writing.run(receiver))
            .map_err(|error| StoreError::Unavailable {
            disk_full: false,
            detail: format!("no thread for the writer: {error}"),
        })?;
        Ok(Self { queue: Some(sender), thread: Some(thread), progress })
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Runs `work` in a span, which ends with the commit.
    pub(crate) async fn write<T, E, F>(&self, span: Span, work: F) -> Result<T, WriteError<E>>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let timing = Timing { span, since: Instant::now() };
        self.put(Box::new(Request { work: Some(work), outcome: None, reply, timing })).await?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Stopped.into()))
    }

    async fn put(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let Some(queue) = &self.queue else { return Err(StoreError::Stopped) };
        queue.send(job).await.map_err(|_| StoreError::Stopped)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else { return };
        // The last handle may have lived inside a request: the thread cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the writer thread ended by a panic");
        }
    }
}

/// What a transaction has touched, as SQLite itself reports it: no caller can forget to announce a row.
#[derive(Default)]
struct Marks {
    outbox: AtomicU64,
    updates: AtomicU64,
    last_log: AtomicI64,
    wal_pages: AtomicI32,
}

impl Marks {
    fn watch(self: &Arc<Self>, conn: &mut Connection) -> Result<(), StoreError> {
        let marks = Arc::clone(self);
        conn.update_hook(Some(move |action: Action, _: &str, table: &str, row: i64| {
            if table == "outbox" && action != Action::SQLITE_DELETE {
                marks.outbox.fetch_add(1, Ordering::Relaxed);
            }
            if action == Action::SQLITE_INSERT {
                if table == "telegram_updates" {
                    marks.updates.fetch_add(1, Ordering::Relaxed);
                } else if table == "log_chunks" {
                    marks.last_log.store(row, Ordering::Relaxed);
                }
            }
        }))?;
        let marks = Arc::clone(self);
        // Takes the place of SQLite's own checkpoint, which would run inside the commit, before any caller is answered.
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            marks.wal_pages.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(())
    }
}

/// What has to go back when a savepoint or a transaction does.
#[derive(Clone, Copy)]
struct Before {
    head: ChainHead,
    outbox: u64,
    updates: u64,
    last_log: i64,
}

/// The writer thread's own state.
struct Writing {
    conn: Connection,
    chain: Chain,
    marks: Arc<Marks>,
    publish: watch::Sender<Progress>,
    checkpoint_at: i32,
    wal_pages: i32,
    failing: bool,
    /// The disk did not confirm a write: what it said. Nothing is written any more.
    unconfirmed: Option<String>,
}

impl Writing {
    fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(MAX_BATCH_REQUESTS);
        while let Some(first) = queue.blocking_recv() {
            let began = Instant::now();
            let lost = self.transaction(first, &mut queue, &mut batch).err();
            metrics::of_process().transaction(batch.len(), lost.is_none(), began.elapsed());
            self.note_unconfirmed(lost.as_ref());
            self.report(lost.as_ref());
            if lost.is_none() {
                self.publish();
            }
            for job in batch.drain(..) {
                job.answer(lost.as_ref().map(again));
            }
            self.checkpoint();
        }
        drop(queue);
        if let Err((_, error)) = self.conn.close() {
            tracing::warn!(%error, "the database was not closed cleanly; it repairs itself at the next start");
        }
    }

    /// After the disk has not confirmed a write, its next confirmation says nothing about that one.
    fn note_unconfirmed(&mut self, error: Option<&StoreError>) {
        if let Some(StoreError::Unconfirmed { detail }) = error {
            self.unconfirmed.get_or_insert_with(|| detail.clone());
        }
    }

    /// Runs the waiting requests in one transaction. On an error nothing of it is in the database.
    fn transaction(
        &mut self,
        first: Box<dyn Job>,
        queue: &mut mpsc::Receiver<Box<dyn Job>>,
        batch: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), StoreError> {
        if let Some(detail) = self.unconfirmed.clone() {
            batch.push(first);
            return Err(StoreError::Unconfirmed { detail });
        }
        let before = self.before();
        let result = self.attempt(first, queue, batch);
        if result.is_err() {
            if !self.conn.is_autocommit()
                && let Err(error) = self.conn.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a failed transaction could not be rolled back");
            }
            self.restore(before);
        }
        result
    }

    fn attempt(
        &mut self,
        first: Box<dyn Job>,
        queue: &mut mpsc::Receiver<Box<dyn Job>>,
        batch: &mut Vec<Box<dyn Job>>,
    ) -> Result<(), StoreError> {
        let started = Instant::now();
        if let Err(error) = execute(&self.conn, "BEGIN IMMEDIATE") {
            // Everyone who waits is told at once, instead of each waiting out the lock in his turn.
            batch.push(first);
            while batch.len() < MAX_BATCH_REQUESTS
                && let Ok(job) = queue.try_recv()
            {
                batch.push(job);
            }
            return Err(error);
        }
        let mut next = Some(first);
        while let Some(mut job) = next {
            let result = self.one(job.as_mut());
            batch.push(job);
            result?;
            next = if batch.len() < MAX_BATCH_REQUESTS && started.elapsed() < BATCH_TIME {
                queue.try_recv().ok()
            } else {
                None
            };
        }
        self.chain.seal(&self.conn)?;
        execute(&self.conn, "COMMIT")?;
        self.chain.committed();
        Ok(())
    }

    /// Runs one request in a savepoint. An error here means that the whole transaction is lost.
    fn one(&mut self, job: &mut dyn Job) -> Result<(), StoreError> {
        let before = self.before();
        execute(&self.conn, "SAVEPOINT job")?;
        let keep = job.run(&mut Tx { conn: &self.conn, chain: &mut self.chain });
        if self.conn.is_autocommit() {
            // SQLite rolls the whole transaction back by itself on some errors of the disk, most of all when it is full.
            return Err(StoreError::Unavailable {
                disk_full: true,
                detail: "SQLite had to roll the transaction back".to_owned(),
            });
        }
        if !keep {
            execute(&self.conn, "ROLLBACK TO job")?;
            self.restore(before);
        }
        execute(&self.conn, "RELEASE job")
    }

    fn before(&self) -> Before {
        Before {
            head: self.chain.head(),
            outbox: self.marks.outbox.load(Ordering::Relaxed),
            updates: self.marks.updates.load(Ordering::Relaxed),
            last_log: self.marks.last_log.load(Ordering::Relaxed),
        }
    }

    fn restore(&mut self, before: Before) {
        self.chain.restore(before.head);
        self.marks.outbox.store(before.outbox, Ordering::Relaxed);
        self.marks.updates.store(before.updates, Ordering::Relaxed);
        self.marks.last_log.store(before.last_log, Ordering::Relaxed);
    }

    fn publish(&self) {
        let Before { head, outbox, updates, last_log } = self.before();
        let now = Progress { last_event: head.seq, last_log, outbox, updates };
        self.publish.send_if_modified(|progress| {
            let changed = *progress != now;
            *progress = now;
            changed
        });
    }

    /// Says once that writes fail, and once that they work again.
    fn report(&mut self, lost: Option<&StoreError>) {
        match lost {
            Some(error) if !self.failing => tracing::error!(%error, "writes fail; each caller is told"),
            None if self.failing => tracing::info!("writes work again"),
            Some(_) | None => {}
        }
        self.failing = lost.is_some();
    }

    /// Writes the WAL back when it has grown, between transactions. Failing is no loss: the WAL keeps everything.
    fn checkpoint(&mut self) {
        let pages = self.marks.wal_pages.load(Ordering::Relaxed);
        if pages < self.wal_pages {
            // The WAL began anew.
            self.checkpoint_at = CHECKPOINT_PAGES;
        }
        self.wal_pages = pages;
        if pages < self.checkpoint_at || self.unconfirmed.is_some() {
            return;
        }
        // A reader on an old snapshot can keep the WAL from beginning anew; then not at every commit.
        self.checkpoint_at = pages.saturating_add(CHECKPOINT_PAGES);
        if let Err(error) = self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
            let error = StoreError::from(error);
            self.note_unconfirmed(Some(&error));
            tracing::warn!(%error, "the WAL could not be written back, it goes on growing");
        }
    }
}

fn execute(conn: &Connection, sql: &str) -> Result<(), StoreError> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// The same error for one more caller.
fn again(error: &StoreError) -> StoreError {
    if let StoreError::Unconfirmed { detail } = error {
        return StoreError::Unconfirmed { detail: detail.clone() };
    }
    if let StoreError::Corrupt { detail } = error {
        return StoreError::Corrupt { detail: detail.clone() };
    }
    let detail = if let StoreError::Unavailable { detail, .. } = error { detail.clone() } else { error.to_string() };
    StoreError::Unavailable { disk_full: error.is_disk_full(), detail }
}

#[cfg(test)]
mod tests;
