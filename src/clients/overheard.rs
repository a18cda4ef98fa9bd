//! The protocol spoken at the other end of a connection, told by the first bytes that come from there.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::transport::Stream;

/// Bytes that are noted: the first line of a greeting.
const FIRST_WORDS: usize = 120;

/// A protocol, as far as it is known by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// A record of TLS.
    Tls,
    /// An answer of HTTP/1.
    Http,
    /// The first frame of HTTP/2.
    Http2,
    /// SSH's identification.
    Ssh,
}

/// The first bytes that the other end has sent.
#[derive(Clone, Default)]
pub struct FirstWords(Arc<Mutex<Vec<u8>>>);

impl FirstWords {
    /// What is spoken, if these bytes tell.
    #[must_use]
    pub fn spoken(&self) -> Option<Spoken> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An old server answers with a page and no status.
        let page = |start: &[u8]| heard.get(..start.len()).is_some_and(|part| part.eq_ignore_ascii_case(start));
        match heard.as_slice() {
            [..] if page(b"<!doctype html") || page(b"<html") => Some(Spoken::Http),
            [0x14..=0x17, 3, ..] => Some(Spoken::Tls),
            [b'H', b'T', b'T', b'P', ..] => Some(Spoken::Http),
            [b'S', b'S', b'H', b'-', ..] => Some(Spoken::Ssh),
            // A frame with settings.
            [0, 0, _, 4, _, 0, 0, 0, 0, ..] => Some(Spoken::Http2),
            [..] => None,
        }
    }

    /// Whether nothing has come at all.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The first line, if people can read it.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = heard.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        let readable = line.len() > 2 && line.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        readable.then(|| String::from_utf8_lossy(line).trim().to_owned())
    }
}

/// Notes the first words of the other end.
pub struct Overheard {
    stream: Box<dyn Stream>,
    words: FirstWords,
}

impl Overheard {
    /// The stream, and what will be heard on it.
    #[must_use]
    pub fn new(stream: Box<dyn Stream>) -> (Self, FirstWords) {
        let words = FirstWords::default();
        (Self { stream, words: words.clone() }, words)
    }
}

impl AsyncRead for Overheard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let mut words = self.words.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = FIRST_WORDS.saturating_sub(words.len());
        let new = &buf.filled()[before..];
        words.extend_from_slice(&new[..new.len().min(room)]);
        polled
    }
}

impl AsyncWrite for Overheard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
