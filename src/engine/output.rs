//! Keeps the output of a step, without secrets, as it comes.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::redact::Redactor;
use super::{Engine, Failure};
use crate::clients::detached::{Sink, SinkError};
use crate::store::{StoreError, WriteError, logs};

/// Keeps the output of a step, without secrets. What has been kept is committed together with how far it came, so
/// that after a crash nothing is kept twice and nothing is missing.
pub(super) struct Log {
    engine: Engine,
    redactor: Arc<Redactor>,
    run: i64,
    step: i64,
    /// Where `pending` begins in the step's output.
    offset: u64,
    /// Held back: the beginning of a secret, perhaps.
    pending: Vec<u8>,
}

impl Log {
    pub(super) fn new(engine: Engine, run: i64, step: i64, offset: u64) -> Self {
        let redactor = engine.catalog().redactor().clone();
        Self { engine, redactor, run, step, offset, pending: Vec::new() }
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), WriteError<StoreError>> {
        self.pending.extend_from_slice(bytes);
        let (ready, held) = self.redactor.piece(&self.pending);
        let used = self.pending.len() - held;
        if used == 0 {
            return Ok(());
        }
        self.keep(ready, used as u64).await?;
        self.pending.drain(..used);
        Ok(())
    }

    /// Keeps what was held back: no more will come.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (ready, used) = (self.redactor.last(&self.pending), self.pending.len() as u64);
        self.pending.clear();
        self.keep(ready, used).await.map_err(Failure::from)
    }

    /// A line of RMM's own behind the output.
    pub(super) async fn note(&mut self, line: &str) -> Result<(), Failure> {
        self.finish().await?;
        self.keep(line.as_bytes().to_vec(), 1).await.map_err(Failure::from)
    }

    async fn leave_out(&mut self, from: u64, to: u64) -> Result<(), WriteError<StoreError>> {
        if !self.pending.is_empty() {
            let ready = self.redactor.last(&self.pending);
            self.pending.clear();
            self.keep(ready, from - self.offset).await?;
        }
        let (run, step) = (self.run, self.step);
        self.engine.store().write(move |tx| logs::skip(tx, run, step, to, to - from)).await?;
        self.offset = to;
        Ok(())
    }

    async fn keep(&mut self, ready: Vec<u8>, used: u64) -> Result<(), WriteError<StoreError>> {
        let (run, step, end, now) = (self.run, self.step, self.offset + used, self.engine.now());
        self.engine.store().write(move |tx| logs::append(tx, run, step, end, &ready, now)).await?;
        self.offset = end;
        Ok(())
    }
}

impl Sink for Log {
    fn write<'a>(&'a mut self, _offset: u64, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move { self.take(bytes).await.map_err(|error| SinkError::from(error.flatten().to_string())) })
    }

    fn skip<'a>(&'a mut self, from: u64, to: u64) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(
            async move { self.leave_out(from, to).await.map_err(|error| SinkError::from(error.flatten().to_string())) },
        )
    }
}
