//! One script on a channel: its input goes out, its two outputs and its status come in.
//!
//! A task of its own does it, so that a caller who loses interest half-way leaves nothing open. Memory is bounded:
//! when nobody reads, the task waits, then the connection does.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, Sig};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Opened, Slot};
use super::script::COMMAND;
use super::{lost, seconds};
use crate::clients::transport::{Channel, TransportError};

/// Messages that wait for the reader of one output.
const WAITING: usize = 4;
/// How long the host may take to confirm that a channel is closed.
const CLOSING: Duration = Duration::from_secs(10);
/// SSH's number for the standard error.
const STDERR: u32 = 1;

/// Why nothing was opened.
pub(super) enum Start {
    /// The host allows no more on this connection; what it said.
    Full(String),
    Failed(TransportError),
}

/// Held by everything a caller can hold.
type Held = mpsc::Sender<Infallible>;

/// Starts the script that `input` holds.
pub(super) async fn exec(slot: Slot, input: SecretString) -> Result<Channel, Start> {
    let (ready, started) = oneshot::channel();
    let (held, released) = mpsc::channel(1);
    let (out, stdout) = mpsc::channel(WAITING);
    let (err, stderr) = mpsc::channel(WAITING);
    let (ended, status) = oneshot::channel();
    let task = Task { slot, released, out, err };
    tokio::spawn(task.run(input, ready, ended));
    let failed = || TransportError::Died { source: io::Error::other("the SSH client failed; this is a fault of RMM") };
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
pub(super) async fn opened<F>(slot: &Slot, open: F) -> Result<russh::Channel<Msg>, russh::Error>
where
    F: Future<Output = Result<russh::Channel<Msg>, russh::Error>>,
{
    let connection = slot.connection();
    let answer = tokio::time::timeout(connection.target().limits.open, open).await;
    if !matches!(answer, Ok(Ok(_) | Err(russh::Error::ChannelOpenFailure(_)))) {
        // An answer that came too late would leave a channel that nobody closes.
        connection.retire();
    }
    answer.unwrap_or(Err(russh::Error::ConnectionTimeout))
}

/// Explains why a channel was not opened, if the host did not say.
pub(super) fn unopened(slot: &Slot, error: &russh::Error) -> Start {
    let connection = slot.connection();
    let target = connection.target();
    let sentence = if matches!(error, russh::Error::ConnectionTimeout) {
        format!("{} opened no channel within {}.", target.address, seconds(target.limits.open))
    } else {
        format!("The connection to the host was lost: {}.", connection.why_it_ended())
    };
    Start::Failed(TransportError::Unreachable(sentence))
}

struct Task {
    slot: Slot,
    released: mpsc::Receiver<Infallible>,
    out: mpsc::Sender<io::Result<Bytes>>,
    err: mpsc::Sender<io::Result<Bytes>>,
}

impl Task {
    async fn run(
        mut self,
        input: SecretString,
        ready: oneshot::Sender<Result<(), Start>>,
        ended: oneshot::Sender<Result<i32, TransportError>>,
    ) {
        let channel = match opened(&self.slot, self.slot.connection().handle.channel_open_session()).await {
            Ok(channel) => channel,
            Err(error) => {
                let why = if let russh::Error::ChannelOpenFailure(why) = &error {
                    Start::Full(format!("{why:?}"))
                } else {
                    unopened(&self.slot, &error)
                };
                // First, so that whoever hears of it sees who else is there.
                drop(self.slot);
                let _ = ready.send(Err(why));
                return;
            }
        };
        let counted = Opened::new(&self.slot);
        let (mut read, write) = channel.split();
        let limit = self.slot.connection().target().limits.open;
        let accepted = tokio::time::timeout(limit, async {
            write.exec(true, COMMAND).await?;
            write.data_bytes(Bytes::from(input.expose_secret().as_bytes().to_vec())).await?;
            write.eof().await?;
            Ok::<_, russh::Error>(accepted(&mut read).await)
        });
        let answer = match accepted.await {
            Ok(Ok(Some(true))) => Ok(()),
            Ok(Ok(Some(false))) => {
                let source = io::Error::other("its SSH server refuses to run commands for this user");
                Err(TransportError::Start { source })
            }
            Ok(Ok(None) | Err(_)) => Err(TransportError::Died { source: lost(self.slot.connection()) }),
            Err(_) => {
                self.slot.connection().retire();
                let address = &self.slot.connection().target().address;
                let sentence = format!("{address} did not say within {} whether it runs the command", seconds(limit));
                Err(TransportError::Died { source: io::Error::new(io::ErrorKind::TimedOut, sentence) })
            }
        };
        let failed = answer.is_err();
        let gone = ready.send(answer.map_err(Start::Failed)).is_err();
        if !failed && !gone && self.pump(&mut read, ended).await {
            return;
        }
        // Nobody listens any more.
        let closing = async {
            let _ = write.close().await;
            while read.wait().await.is_some() {}
        };
        let _ = tokio::time::timeout(CLOSING, closing).await;
        drop(counted);
    }

    /// Passes on what comes. False if everybody lost interest before the end.
    async fn pump(&mut self, read: &mut ChannelReadHalf, ended: oneshot::Sender<Result<i32, TransportError>>) -> bool {
        let mut status = None;
        let complete = loop {
            let message = tokio::select! {
                message = read.wait() => message,
                _ = self.released.recv() => return false,
            };
            let Some(message) = message else { break false };
            // A reader that is gone is no reason to stop the script.
            if let ChannelMsg::Data { data } = message {
                let _ = self.out.send(Ok(data)).await;
            } else if let ChannelMsg::ExtendedData { data, ext: STDERR } = message {
                let _ = self.err.send(Ok(data)).await;
            } else if let ChannelMsg::ExitStatus { exit_status } = message {
                status = Some(i32::try_from(exit_status).unwrap_or(-1));
            } else if let ChannelMsg::ExitSignal { signal_name, .. } = message {
                status = Some(128 + number(&signal_name));
            } else if matches!(message, ChannelMsg::Close) {
                break true;
            }
        };
        let error = || {
            if complete {
                io::Error::other("the host closed the channel without a status")
            } else {
                lost(self.slot.connection())
            }
        };
        let _ = ended.send(status.ok_or_else(|| TransportError::Died { source: error() }));
        if !complete {
            let _ = tokio::join!(self.out.send(Err(error())), self.err.send(Err(error())));
        }
        true
    }
}

/// Whether the host accepts the command; nothing if the connection ended.
async fn accepted(read: &mut ChannelReadHalf) -> Option<bool> {
    loop {
        let message = read.wait().await?;
        // Nothing else has a meaning yet.
        if matches!(message, ChannelMsg::Success | ChannelMsg::Failure) {
            return Some(matches!(message, ChannelMsg::Success));
        } else if matches!(message, ChannelMsg::Close) {
            return None;
        }
    }
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
