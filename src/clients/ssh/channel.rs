//! One script on a channel: its input goes out, its two outputs and its status come in.
//!
//! A task of its own does it, so that a caller who loses interest half-way leaves nothing open. Memory is bounded:
//! without a reader, the task waits, then the connection does.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use russh::client::Msg;
use russh::{ChannelMsg, Sig};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Connection, Slot};
use super::script::Input;
use super::shell::Shell;
use super::{lost, spare};
use crate::clients::transport::{Channel, TransportError};
use crate::domain::fault::ssh::{ChannelRefusal, SshFault};

/// A script without a reader may end by itself within this: most have just said all they had to say.
const UNREAD_EXIT_TIMEOUT: Duration = Duration::from_secs(1);
/// Messages that wait for the reader of one output.
const WAITING: usize = 4;
/// SSH's number for the standard error.
const STDERR: u32 = 1;

/// Why nothing was opened.
pub(super) enum Start {
    /// The host allows no more on this connection; what it said.
    Full(ChannelRefusal),
    Failed(TransportError),
}

/// Held by everything a caller can hold.
type Held = mpsc::Sender<Infallible>;

/// Starts the script that `input` holds.
pub(super) async fn exec(slot: Slot, input: Input) -> Result<Channel, Start> {
    let (ready, started) = oneshot::channel();
    let (held, released) = mpsc::channel(1);
    let (out, stdout) = mpsc::channel(WAITING);
    let (err, stderr) = mpsc::channel(WAITING);
    let (ended, status) = oneshot::channel();
    let order = Order { slot, input, ready, ended, released, out, err };
    if let Err(order) = spare::take(order) {
        tokio::spawn(order.run());
    }
    let failed = || TransportError::Died(SshFault::ClientFailed { address: None }.into());
    started.await.unwrap_or_else(|_| Err(Start::Failed(failed())))?;
    let output = |receiver, held: &Held| Output { receiver, chunk: Bytes::new(), _held: held.clone() };
    Ok(Channel {
        stdout: Box::new(output(stdout, &held)),
        stderr: Box::new(output(stderr, &held)),
        status: Box::pin(async move {
            let _held = held;
            status.await.unwrap_or_else(|_| Err(failed()))
        }),
    })
}

/// Opens a channel with `open`, within the host's limit.
pub(super) async fn opened<F>(connection: &Connection, open: F) -> Result<russh::Channel<Msg>, russh::Error>
where
    F: Future<Output = Result<russh::Channel<Msg>, russh::Error>>,
{
    let answer = tokio::time::timeout(connection.target().limits.open, open).await;
    if !matches!(answer, Ok(Ok(_) | Err(russh::Error::ChannelOpenFailure(_)))) {
        // An answer that came too late would leave a channel that is never closed.
        connection.retire();
    }
    answer.unwrap_or(Err(russh::Error::ConnectionTimeout))
}

/// Explains why a channel was not opened, if the host did not say.
pub(super) fn unopened(connection: &Connection, error: &russh::Error) -> Start {
    let target = connection.target();
    let fault = if matches!(error, russh::Error::ConnectionTimeout) {
        SshFault::NoChannel { at: target.at(), limit: target.limits.open }
    } else {
        SshFault::Lost { end: connection.end() }
    };
    Start::Failed(TransportError::Unreachable(fault.into()))
}

/// A script that a caller waits for, and where its result goes.
pub(super) struct Order {
    slot: Slot,
    input: Input,
    ready: oneshot::Sender<Result<(), Start>>,
    ended: oneshot::Sender<Result<i32, TransportError>>,
    released: mpsc::Receiver<Infallible>,
    out: mpsc::Sender<io::Result<Bytes>>,
    err: mpsc::Sender<io::Result<Bytes>>,
}

impl Order {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        self.slot.connection()
    }

    /// Runs the script in a shell that is opened for it.
    pub(super) async fn run(self) {
        let mut shell = match Shell::open(self.connection()).await {
            Ok(shell) => shell,
            Err(why) => {
                // First, so that a caller that gets the error sees the slot free.
                drop(self.slot);
                let _ = self.ready.send(Err(why));
                return;
            }
        };
        let answer = shell.start(Some(&self.input)).await;
        self.follow(shell, answer).await;
    }

    /// Runs the script in a shell that waits for it already.
    pub(super) async fn run_in(self, shell: Shell) {
        let answer = shell.feed(&self.input).await;
        self.follow(shell, answer).await;
    }

    async fn follow(mut self, mut shell: Shell, mut answer: Result<(), TransportError>) {
        if answer.is_ok() {
            answer = shell.until_script(&self.input.word).await;
        }
        let started = answer.is_ok();
        let gone = self.ready.send(answer.map_err(Start::Failed)).is_err();
        if started && !gone {
            spare::open_beside(self.slot.connection());
            if pump(&mut shell, self.ended, &mut self.released, &self.out, &self.err).await {
                return;
            }
        }
        // No reader is left.
        shell.close().await;
    }
}

/// Passes on what comes. False if no reader was left long before the end.
async fn pump(
    shell: &mut Shell,
    ended: oneshot::Sender<Result<i32, TransportError>>,
    released: &mut mpsc::Receiver<Infallible>,
    out: &mpsc::Sender<io::Result<Bytes>>,
    err: &mpsc::Sender<io::Result<Bytes>>,
) -> bool {
    let mut abandoned = std::pin::pin!(async {
        let _ = released.recv().await;
        tokio::time::sleep(UNREAD_EXIT_TIMEOUT).await;
    });
    let mut status = None;
    let complete = loop {
        let message = tokio::select! {
            message = shell.hear() => message,
            () = &mut abandoned => return false,
        };
        let Some(message) = message else { break false };
        // A reader that is gone is no reason to stop the script.
        if let ChannelMsg::Data { data } = message {
            let _ = out.send(Ok(data)).await;
        } else if let ChannelMsg::ExtendedData { data, ext: STDERR } = message {
            let _ = err.send(Ok(data)).await;
        } else if let ChannelMsg::ExitStatus { exit_status } = message {
            status = Some(i32::try_from(exit_status).unwrap_or(-1));
        } else if let ChannelMsg::ExitSignal { signal_name, .. } = message {
            status = Some(128 + number(&signal_name));
        } else if matches!(message, ChannelMsg::Close) {
            break true;
        }
    };
    if status.is_some() {
        shell.connection().spare.allow();
    }
    let error = || {
        if complete { TransportError::Died(SshFault::NoStatus.into()) } else { lost(shell.connection()) }
    };
    let _ = ended.send(status.ok_or_else(error));
    if !complete {
        let broken = || Err(io::Error::other(error()));
        let _ = tokio::join!(out.send(broken()), err.send(broken()));
    }
    true
}

fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}

/// One output of the script.
struct Output {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
    _held: Held,
}

impl AsyncRead for Output {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.chunk.is_empty() {
            match ready!(self.receiver.poll_recv(cx)) {
                Some(chunk) => self.chunk = chunk?,
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.chunk.len().min(buf.remaining());
        buf.put_slice(self.chunk.get(..count).unwrap_or(&[]));
        self.chunk.advance(count);
        Poll::Ready(Ok(()))
    }
}
