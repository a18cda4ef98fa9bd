//! One script on a channel: its input goes out, its two outputs and its status come in.
//!
//! A task of its own does it, so that a caller who loses interest half-way leaves nothing open. Memory is bounded:
//! without a reader, the task waits, then the connection does.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use super::connection::Slot;
use super::order::Order;
use super::script::Input;
use super::spare;
use super::start::Start;
use crate::clients::transport::{Channel, TransportError};
use crate::domain::fault::ssh::SshFault;

/// Messages that wait for the reader of one output.
const MAX_WAITING_MESSAGES: usize = 4;
/// Held by everything a caller can hold.
type Held = mpsc::Sender<Infallible>;

/// Starts the script that `input` holds.
pub(super) async fn exec(slot: Slot, input: Input) -> Result<Channel, Start> {
    let (ready, started) = oneshot::channel();
    let (held, released) = mpsc::channel(1);
    let (out, stdout) = mpsc::channel(MAX_WAITING_MESSAGES);
    let (err, stderr) = mpsc::channel(MAX_WAITING_MESSAGES);
    let (ended, status) = oneshot::channel();
    let order = Order { slot, input, started: spare::open_beside, ready, ended, released, out, err };
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
