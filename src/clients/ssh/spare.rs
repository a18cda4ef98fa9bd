//! A shell that waits on the host for the next script.
//!
//! To open a channel and to start a shell takes a host longer than to run a short script. So while one script runs, a
//! spare shell is started beside it, and the next script finds it ready. It has read the user's start-up files when it
//! was started, hence up to [`IDLE_TIMEOUT`] before its script came.
//!
//! A spare is best effort: it takes no session from a call, fails none, and nothing waits for its end. A
//! connection has one at most, and only while the host has room for it. One that has gone cannot be taken: a call that
//! finds it gone gets a shell of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use super::connection::{CHANNELS, Connection, Kind, Slot};
use super::locked;
use super::order::Order;
use super::shell::Shell;
use super::start::Start;

/// How long a spare waits for its script.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection's place for a spare.
#[derive(Default)]
pub(super) struct Spares {
    /// Leads to the spare, if there is one.
    waiting: Mutex<Option<oneshot::Sender<Order>>>,
    /// A spare is opened beside fewer scripts than this.
    beside: AtomicUsize,
}

impl Spares {
    /// A script has come to its end on this connection, so spares make sense.
    pub(super) fn allow(&self) {
        let _ = self.beside.compare_exchange(0, CHANNELS, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Whether there is one.
    pub(super) fn is_taken(&self) -> bool {
        locked(&self.waiting).as_ref().is_some_and(|spare| !spare.is_closed())
    }

    /// For a new one; nothing if there is one.
    fn occupy(&self) -> Option<oneshot::Receiver<Order>> {
        let mut waiting = locked(&self.waiting);
        if waiting.as_ref().is_some_and(|spare| !spare.is_closed()) {
            return None;
        }
        let (spare, order) = oneshot::channel();
        *waiting = Some(spare);
        Some(order)
    }
}

/// Gives the order to the connection's spare; back it comes if there is none.
pub(super) fn take(order: Order) -> Result<(), Order> {
    let spare = locked(&order.connection().spare.waiting).take();
    match spare {
        Some(spare) => spare.send(order),
        None => Err(order),
    }
}

/// Opens a spare beside the script that runs on `connection`, if that makes sense.
pub(super) fn open_beside(connection: &Arc<Connection>) {
    let used = connection.used();
    if !connection.is_usable() || used >= connection.spare.beside.load(Ordering::SeqCst) {
        return;
    }
    if let Some(order) = connection.spare.occupy() {
        tokio::spawn(live(Arc::clone(connection), order, used));
    }
}

/// The life of a spare, opened beside `used` scripts.
async fn live(connection: Arc<Connection>, mut order: oneshot::Receiver<Order>, used: usize) {
    match Shell::open(&connection).await {
        Ok(shell) => {
            let Err(shell) = serve(shell, &mut order).await else { return };
            // Its end takes room on the host for a moment.
            let closing = Slot::new(&connection, Kind::Session);
            tokio::spawn(async move {
                shell.dismiss().await;
                drop(closing);
            });
        }
        Err(Start::Full(_)) => {
            connection.spare.beside.fetch_min(used.max(1), Ordering::SeqCst);
        }
        Err(Start::Failed(_)) => {}
    }
    // An order may have come before its end.
    order.close();
    if let Ok(order) = order.try_recv() {
        order.run().await;
    }
}

/// Waits for the order and runs it; back comes a shell that is of no use any more.
async fn serve(mut shell: Shell, order: &mut oneshot::Receiver<Order>) -> Result<(), Shell> {
    if shell.start(None).await.is_err() {
        return Err(shell);
    }
    let ordered = tokio::select! {
        biased;
        () = shell.until_useless() => None,
        ordered = order => ordered.ok(),
        () = tokio::time::sleep(IDLE_TIMEOUT) => None,
    };
    match ordered {
        Some(order) => {
            order.run_in(shell).await;
            Ok(())
        }
        None => Err(shell),
    }
}
