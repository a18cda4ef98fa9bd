//! What a model guesses about a failure, beside the run that it was asked about.
//!
//! Must not: decide anything by a guess.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::watch;

use super::Engine;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::run::{Run, RunState};
use crate::store::alerts::Guess;
use crate::store::{StoreError, WriteError, alerts, runs};

/// The run that an alert of a failure is about, which was told first at a time; `runs`: all of its release, the oldest first.
#[must_use]
pub fn told_of(runs: &[Run], since: Timestamp) -> Option<&Run> {
    let has_failed = |run: &&Run| matches!(run.state, RunState::Failed { .. }) && !run.housekeeping;
    runs.iter().rev().filter(has_failed).find(|run| run.ended_at.is_none_or(|ended| ended <= since))
}

/// Tells the guesses that a page shows from those that come later.
#[must_use]
pub fn stamp_of(guesses: &BTreeMap<RunId, Guess>) -> i64 {
    guesses.keys().map(|run| run.0).sum()
}

impl Engine {
    /// Keeps what a model guesses about an alert that was told first at this time.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_guess(&self, key: String, since: Timestamp, guess: Guess) -> Result<(), StoreError> {
        let noted = self.store().write(move |tx| alerts::guessed(tx, &key, since, &guess));
        noted.await.map_err(WriteError::flatten)?;
        self.inner.guessed.send_replace(());
        Ok(())
    }

    /// Tells when a model has guessed something: the record does not say it.
    #[must_use]
    pub fn guessed(&self) -> watch::Receiver<()> {
        self.inner.guessed.subscribe()
    }

    /// The guesses about the runs of a release, as long as their alerts are kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn guesses(&self, release: ReleaseId) -> Result<BTreeMap<RunId, Guess>, StoreError> {
        self.read(move |conn| {
            let guesses = alerts::guesses(conn, release)?;
            let runs = if guesses.is_empty() { Vec::new() } else { runs::of_release(conn, release)? };
            let beside = guesses.into_iter().filter_map(|(since, guess)| Some((told_of(&runs, since)?.id, guess)));
            Ok(beside.collect())
        })
        .await
    }
}
