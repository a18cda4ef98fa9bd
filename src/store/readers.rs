//! The pool of connections that only read. Each read sees one consistent snapshot, whatever the writer does meanwhile.
//!
//! Must not: write (the connections cannot), or block an async thread: the work runs on tokio's blocking threads.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::StoreError;
use super::schema;
use super::writer::unwound;

pub(crate) struct Readers {
    pool: Arc<Pool>,
    permits: Arc<Semaphore>,
}

/// A read with its types hidden: there are hundreds, and what is around them is compiled once.
type Work = Box<dyn FnOnce(&Connection) -> Result<Found, StoreError> + Send>;
/// What it has found, until [`Readers::read`] makes of it what its caller asked for.
type Found = Box<dyn Any + Send>;

/// The last one given back is the next one used: its caches are warm, and the others cost nothing in quiet times.
struct Pool(Mutex<Vec<Connection>>);

impl Pool {
    fn take(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, conn: Connection) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
    }
}

impl Readers {
    pub(crate) fn open(path: &Path, count: usize) -> Result<Self, StoreError> {
        let count = count.max(1);
        let connections = (0..count).map(|_| schema::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { pool: Arc::new(Pool(Mutex::new(connections))), permits: Arc::new(Semaphore::new(count)) })
    }

    pub(crate) fn read<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<'_, T, F>
    where
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let work: Work = Box::new(move |conn| Ok(Box::new(work(conn)?)));
        let found = self.found(work);
        async move { found.await?.downcast().map(|found| *found).map_err(|_| StoreError::Stopped) }
    }

    async fn found(&self, work: Work) -> Result<Found, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Stopped)?;
        let pool = Arc::clone(&self.pool);
        let task = tokio::task::spawn_blocking(move || {
            let conn = pool.take().ok_or(StoreError::Stopped)?;
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| snapshot(&conn, work)));
            let result = outcome.unwrap_or_else(|panic| {
                let error = unwound(panic);
                tracing::error!(%error, "a read was ended");
                Err(error)
            });
            if !conn.is_autocommit()
                && let Err(error) = conn.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "a snapshot could not be closed");
            }
            pool.give(conn);
            drop(permit);
            result
        });
        task.await.unwrap_or(Err(StoreError::Stopped))
    }
}

fn snapshot(conn: &Connection, work: Work) -> Result<Found, StoreError> {
    conn.prepare_cached("BEGIN")?.execute([])?;
    let value = work(conn)?;
    conn.prepare_cached("COMMIT")?.execute([])?;
    Ok(value)
}
