//! A connection whose other end has to take what it asked for.
//!
//! Must not: cut off a slow client that goes on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a caller may take nothing of an answer. As long as for everything else that callers have to do.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// A caller who takes so many bytes a second may go on as long as the answer is: slower than any line that people
/// have, and so fast that the largest answer (about 1 MB) is over within two minutes.
const SLOWEST: u32 = 16 * 1024;

/// The time that a caller has left. Waiting for him uses it up, what he takes restores it; so an answer of n bytes takes
/// `WRITE_TIMEOUT` + n / `SLOWEST` at most, however he divides it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left(Duration);

impl Left {
    fn after(self, waited: Duration, bytes: usize) -> Self {
        let earned = Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / SLOWEST;
        Self((self.0.saturating_sub(waited) + earned).min(WRITE_TIMEOUT))
    }
}

/// A stream whose client has to read in time.
pub struct Patient<S> {
    stream: S,
    left: Left,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Patient<S> {
    pub const fn new(stream: S) -> Self {
        Self { stream, left: Left(WRITE_TIMEOUT), waiting: None }
    }

    fn judge(&mut self, done: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match done {
            Poll::Ready(Ok(bytes)) => {
                let waited = self.waiting.take().map(|(since, _)| since.elapsed()).unwrap_or_default();
                self.left = self.left.after(waited, bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let Left(left) = self.left;
                let (_, over) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
                let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "the caller did not take the answer"));
                over.as_mut().poll(context).map(|()| late())
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(done, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.judge(done, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_now_and_then_buys_no_time_and_a_slow_line_goes_on() {
        let second = Duration::from_secs(1);
        let trickle = (0..10).fold(Left(WRITE_TIMEOUT), |left, _| left.after(second, 1));
        assert!(trickle.0 < Duration::from_millis(1), "{trickle:?}");
        let slow = (0..1000).fold(Left(WRITE_TIMEOUT), |left, _| left.after(second, SLOWEST as usize));
        assert_eq!(slow, Left(WRITE_TIMEOUT));
        // What was taken quickly buys nothing for later.
        assert_eq!(Left(WRITE_TIMEOUT).after(Duration::ZERO, 100 << 20), Left(WRITE_TIMEOUT));
    }
}
