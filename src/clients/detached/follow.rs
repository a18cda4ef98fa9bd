//! The reading side: the output of a step and the answer of the script.
//!
//! Memory stays the same whatever the length of the output: one buffer for
//! the output and a bounded one for the answer. Nothing here may wait for a
//! stream which a process left behind by another program can hold open.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Ended, RunDir, Sink, StepError, Successor};
use crate::clients::transport::{Channel, TransportError};
use crate::domain::fault::step::StepFault;
use crate::domain::reason::Reason;

const BUFFER_BYTES: usize = 64 * 1024;
/// How much of the output's end the script sends along with its answer.
const TAIL_BYTES: usize = 16 * 1024;

/// So much is shown of what was said instead of an answer, characters.
const LONGEST_NOISE: usize = 300;

/// What the script says at its end: `rmm:MARK:WORD:STATUS:SIZE:TEXT`.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) word: String,
    status: i32,
    pub(super) size: u64,
    pub(super) text: String,
    /// The end of the output, which the script sends after the line.
    end: Vec<u8>,
}

impl Answer {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, ':');
        Some(Self {
            word: fields.next()?.to_owned(),
            status: fields.next()?.parse().unwrap_or(-1),
            size: fields.next()?.parse().unwrap_or(0),
            text: fields.next()?.to_owned(),
            end: Vec::new(),
        })
    }

    /// Where what is still there goes on, if the host has left out what was asked for.
    pub(super) fn gap(&self) -> Option<u64> {
        self.text.parse().ok().filter(|_| self.word == "gap")
    }

    /// The part of `end` which was not delivered yet; nothing if there is a
    /// gap before it.
    pub(super) fn end_of_output(&self, output: &Output<'_>) -> &[u8] {
        let from = self.size.saturating_sub(self.end.len() as u64);
        output
            .position
            .checked_sub(from)
            .and_then(|known| usize::try_from(known).ok())
            .and_then(|known| self.end.get(known..))
            .unwrap_or(&[])
    }

    pub(super) fn into_ended(self, dir: &RunDir) -> Result<Ended, StepError> {
        match self.word.as_str() {
            "exit" => Ok(Ended::Exited(self.status)),
            "stopped" => Ok(Ended::Stopped(self.status)),
            "lost" => Ok(Ended::Lost(self.reason())),
            "never" => Ok(Ended::NotStarted(self.reason())),
            _ => Err(self.into_error(dir)),
        }
    }

    /// Why, by the script's word for it.
    fn reason(&self) -> Reason {
        let (word, rest) = self.text.split_once(' ').unwrap_or((&self.text, ""));
        StepFault::from_host(word, rest).map_or_else(|| Reason::told(&self.text), Reason::from)
    }

    pub(super) fn into_error(self, dir: &RunDir) -> StepError {
        match self.word.as_str() {
            "fenced" => StepError::Fenced { directory: dir.path.clone(), by: Successor::parse(&self.text) },
            "foreign" => StepError::Foreign(dir.path.clone()),
            "stranger" => StepError::Stranger(self.text),
            "fail" => StepError::Refused(self.reason()),
            word => StepError::Refused(StepFault::UnknownAnswer { word: word.to_owned() }.into()),
        }
    }
}

/// Where delivery stands.
pub(super) struct Output<'a> {
    pub(super) position: u64,
    sink: &'a mut dyn Sink,
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(position: u64, sink: &'a mut dyn Sink) -> Self {
        let buffer = vec![0; BUFFER_BYTES];
        Self { position, sink, buffer }
    }

    pub(super) async fn deliver_slice(&mut self, bytes: &[u8]) -> Result<(), StepError> {
        if !bytes.is_empty() {
            self.sink.write(self.position, bytes).await.map_err(StepError::Sink)?;
            self.position += bytes.len() as u64;
        }
        Ok(())
    }

    /// Goes on at `to`, if that is further on.
    pub(super) async fn skip(&mut self, to: u64) -> Result<(), StepError> {
        if to > self.position {
            self.sink.skip(self.position, to).await.map_err(StepError::Sink)?;
            self.position = to;
        }
        Ok(())
    }

    /// Delivers `count` bytes of the buffer.
    async fn deliver_buffer(&mut self, count: usize) -> Result<(), StepError> {
        let bytes = self.buffer.get(..count).unwrap_or(&[]);
        self.sink.write(self.position, bytes).await.map_err(StepError::Sink)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Delivers one read, not beyond `size`; false at the end of the stream.
    pub(super) async fn deliver_from(
        &mut self,
        from: &mut (dyn AsyncRead + Send + Unpin),
        size: u64,
    ) -> Result<bool, StepError> {
        let count = from.read(&mut self.buffer).await.map_err(died)?;
        let wanted = usize::try_from(size.saturating_sub(self.position)).unwrap_or(usize::MAX);
        if count > 0 {
            self.deliver_buffer(count.min(wanted)).await?;
        }
        Ok(count > 0)
    }
}

/// Delivers what comes until the answer is there.
pub(super) async fn follow(channel: Channel, mark: &str, output: &mut Output<'_>) -> Result<Answer, StepError> {
    let Channel { mut stdout, stderr, status } = channel;
    let from = output.position;
    let mut listening = std::pin::pin!(listen(stderr, mark, from));
    let mut open = true;
    loop {
        tokio::select! {
            heard = &mut listening => return match heard? {
                // What stdout still holds comes again with the answer.
                Ok(answer) => Ok(answer),
                // Without its shell stdout may stay open for ever.
                Err(noise) => Err(cut(noise, status).await),
            },
            count = stdout.read(&mut output.buffer), if open => {
                let count = count.map_err(died)?;
                open = count > 0;
                if open {
                    output.deliver_buffer(count).await?;
                }
            }
        }
    }
}

/// Reads the answer, and the end of the output after it. Without an answer it
/// gives back what was said instead.
pub(super) async fn listen(
    mut stderr: Box<dyn AsyncRead + Send + Unpin>,
    mark: &str,
    offset: u64,
) -> Result<Result<Answer, Vec<u8>>, StepError> {
    let mut searched = Search { mark: format!("\nrmm:{mark}:").into_bytes(), heard: Vec::new(), seen: 0, line: None };
    let mut buffer = vec![0; 4096];
    let mut answer = loop {
        let count = stderr.read(&mut buffer).await.map_err(died)?;
        if count == 0 {
            return Ok(Err(searched.heard));
        }
        if let Some(answer) = searched.take(buffer.get(..count).unwrap_or(&[])) {
            break answer;
        }
    };
    // Bounded: what the step left behind may write for ever.
    let left = usize::try_from(answer.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(TAIL_BYTES);
    let mut end = searched.heard;
    while end.len() < left {
        let count = stderr.read(&mut buffer).await.map_err(died)?;
        if count == 0 {
            // A cut within the end of the output: "rest" will fetch it.
            break;
        }
        end.extend_from_slice(buffer.get(..count).unwrap_or(&[]));
    }
    end.truncate(left);
    answer.end = end;
    Ok(Ok(answer))
}

/// Looks for the line with the mark, at each byte once, and keeps a bounded part of what comes before it.
struct Search {
    mark: Vec<u8>,
    heard: Vec<u8>,
    /// How far of it was looked at.
    seen: usize,
    /// Where the line begins, behind the mark.
    line: Option<usize>,
}

impl Search {
    /// Takes what came. With the answer, what follows it is left in `heard`.
    fn take(&mut self, bytes: &[u8]) -> Option<Answer> {
        self.heard.extend_from_slice(bytes);
        if self.line.is_none() {
            // The mark may have been cut.
            let from = (self.seen + 1).saturating_sub(self.mark.len());
            let found = self.heard.get(from..)?.windows(self.mark.len()).position(|part| part == self.mark);
            self.line = found.map(|at| from + at + self.mark.len());
        }
        if let Some(line) = self.line {
            let from = line.max(self.seen);
            if let Some(length) = self.heard.get(from..)?.iter().position(|byte| *byte == b'\n') {
                let text = String::from_utf8_lossy(self.heard.get(line..from + length)?).into_owned();
                self.heard.drain(..=from + length);
                return Answer::parse(&text);
            }
        }
        // Chatter of a login shell, say; no answer is that long, either.
        let whole = self.heard.len() - self.line.unwrap_or(0);
        if whole > BUFFER_BYTES {
            self.heard.drain(..self.heard.len() - BUFFER_BYTES / 2);
            self.line = None;
        }
        self.seen = self.heard.len();
        None
    }
}

/// Explains a missing answer with what the host's side said and returned.
pub(super) async fn cut(noise: Vec<u8>, status: BoxFuture<'static, Result<i32, TransportError>>) -> StepError {
    // Only an explanation, so it is not worth a long wait.
    let status = match tokio::time::timeout(Duration::from_secs(2), status).await {
        Ok(Err(error)) => return error.into(),
        Ok(Ok(status)) => Some(status),
        Err(_) => None,
    };
    let noise = String::from_utf8_lossy(&noise);
    let line = noise.lines().rfind(|line| !line.trim().is_empty());
    let said = line.map(|line| line.trim().chars().take(LONGEST_NOISE).collect());
    StepError::Cut(match status {
        Some(status) => StepFault::ShellEnded { status, said },
        None => StepFault::ConnectionEnded { said },
    })
}

fn died(source: std::io::Error) -> StepError {
    TransportError::lost(source).into()
}
