//! What a model guesses about a failure, beside the run that it was asked about.
//!
//! Must not: decide anything by a guess.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Engine;
use crate::domain::ids::{ReleaseId, RunId};
use crate::domain::run::{Run, RunState};
use crate::store::alerts::Guess;
use crate::store::{StoreError, alerts, runs};

/// The run that an alert of a failure is about, which was told first at a time; `runs`: all of its release, the oldest first.
#[must_use]
pub fn told_of(runs: &[Run], since: Timestamp) -> Option<&Run> {
    let has_failed = |run: &&Run| matches!(run.state, RunState::Failed { .. }) && !run.housekeeping;
    runs.iter().rev().filter(has_failed).find(|run| run.ended_at.is_none_or(|ended| ended <= since))
}

impl Engine {
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
