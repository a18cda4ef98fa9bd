//! What the bytes of a connection go over: TCP, or a tunnel through another host.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, ReadHalf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::clients::transport::Stream;

/// What may be on its way through another host, in bytes: more than a call ever sends at once.
const JUMP_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Cuts the line when it is dropped, even if the task that uses it hangs.
pub(super) struct Line {
    cut: CancellationToken,
    socket: Option<std::net::TcpStream>,
}

impl Line {
    /// A line over TCP.
    pub(super) fn over_tcp(stream: TcpStream) -> io::Result<(Self, Box<dyn Stream>)> {
        let stream = stream.into_std()?;
        let socket = stream.try_clone()?;
        let line = Self { cut: CancellationToken::new(), socket: Some(socket) };
        Ok((line, Box::new(TcpStream::from_std(stream)?)))
    }

    /// A line through another host.
    ///
    /// All that goes through that host shares its connection, whose task waits for a reader that does not take what came for
    /// it. So no reader there may wait for that task in turn, or both wait for ever: what is sent is put aside here.
    pub(super) fn through(tunnel: impl Stream + 'static) -> (Self, Box<dyn Stream>) {
        let line = Self { cut: CancellationToken::new(), socket: None };
        let (read, mut write) = tokio::io::split(tunnel);
        let (aside, mut waiting) = tokio::io::duplex(JUMP_BUFFER_BYTES);
        let cut = line.cut.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy(&mut waiting, &mut write) => {}
                () = cut.cancelled() => {}
            }
            let _ = tokio::io::AsyncWriteExt::shutdown(&mut write).await;
        });
        let stream = Jumping {
            read,
            write: aside,
            cut: line.cut.clone(),
            severed: Box::pin(line.cut.clone().cancelled_owned()),
        };
        (line, Box::new(stream))
    }

    /// Ends it at once.
    pub(super) fn cut(&self) {
        self.cut.cancel();
        if let Some(socket) = &self.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.cut();
    }
}

/// A line through another host.
struct Jumping<T> {
    read: ReadHalf<T>,
    write: DuplexStream,
    cut: CancellationToken,
    severed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl<T: Stream> AsyncRead for Jumping<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.cut.is_cancelled() || self.severed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl<T: Stream> AsyncWrite for Jumping<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(cx)
    }
}
