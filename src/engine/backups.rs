//! Copies of the database that RMM makes by itself, and tests: when one is due, it is made, tried, handed on, and old ones are
//! deleted. What became of it is stored, so that everybody can ask for it: [`Engine::backups`].
//!
//! Must not: make a copy that it could not note (a disk that is full would fill another one), or delete a file that is no copy
//! of its own.

mod folder;
mod job;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use self::job::Job;
use super::{Engine, Failure};
use crate::config::Backup;
use crate::domain::backup::{BackupAlarm, BackupFault, BackupState, Due, Made, Mark, Schedule, Tested};
use crate::domain::event::Event;
use crate::domain::person::Actor;
use crate::store::{StoreError, backups};
use crate::wording::Language;

pub use self::folder::{Stored, stored};

/// Between two looks at whether something is due.
const LOOK: Duration = Duration::from_secs(60);

/// How scheduled copies stand.
#[derive(Debug, Clone)]
pub struct Backups {
    /// What the configuration says; none: RMM makes none by itself.
    pub settings: Option<Backup>,
    /// What became of them.
    pub state: BackupState,
    /// What an admin has to look at.
    pub alarm: Option<BackupAlarm>,
}

/// Goes on until it is dropped.
pub(super) async fn watch(engine: Engine) {
    loop {
        engine.tend_backups().await;
        engine.sleep(LOOK).await;
    }
}

fn schedule(settings: &Backup) -> Schedule {
    Schedule { every: settings.every, test_every: settings.test_every }
}

impl Engine {
    /// How scheduled copies of the database stand, and whether an admin has to look at them: the one place to ask.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn backups(&self) -> Result<Backups, StoreError> {
        let settings = self.catalog().backup().cloned();
        let state = self.read(backups::get).await?;
        let alarm = settings.as_ref().and_then(|settings| state.alarm(&schedule(settings), &self.mark()));
        Ok(Backups { settings, state, alarm })
    }

    fn mark(&self) -> Mark {
        Mark { at: self.now(), uptime: self.clock().uptime() }
    }

    /// Does what is due.
    pub(super) async fn tend_backups(&self) {
        let Some(settings) = self.catalog().backup().cloned() else { return };
        if let Err(error) = self.tend(&settings).await {
            tracing::error!(%error, "how the backups stand could not be read or noted; it is tried again");
        }
    }

    async fn tend(&self, settings: &Backup) -> Result<(), Failure> {
        let (schedule, mut state) = (schedule(settings), self.read(backups::get).await?);
        if let Some(due) = state.due(&schedule, &self.mark()) {
            state.begin(self.mark());
            // Before anything is done: what cannot be noted would be done again and again.
            self.note(&state, None).await?;
            let done = match due {
                Due::Copy => self.copy(settings, &schedule, &mut state).await,
                Due::Send => self.send_again(settings, &mut state).await,
            };
            match done {
                Ok(()) => state.succeed(),
                Err(Trouble::Fault(fault)) => {
                    tracing::error!(
                        alert = false,
                        tries = state.tries,
                        "the backup failed: {}",
                        Language::En.backup_fault(&fault)
                    );
                    state.fail(self.now(), fault);
                }
                Err(Trouble::Store(failure)) => return Err(failure),
            }
            self.note(&state, None).await?;
        }
        if state.made.is_some() && state.test_is_due(&schedule, &self.mark()) {
            match Job::begin(self, settings).await {
                Ok(job) => self.test_newest(&job, &mut state).await?,
                Err(fault) => {
                    let file = state.made.as_ref().map(|made| made.file.clone()).unwrap_or_default();
                    let (when, fault) = (self.mark(), Some(fault));
                    let tested = Tested { when, file, took: 0, head: None, before_pipe: false, fault };
                    self.note_test(&mut state, tested).await?;
                }
            }
        }
        Ok(())
    }

    /// Makes a copy, tries it and hands it on.
    async fn copy(&self, settings: &Backup, schedule: &Schedule, state: &mut BackupState) -> Result<(), Trouble> {
        let job = Job::begin(self, settings).await?;
        // Best effort: what was changed behind RMM's back is told elsewhere.
        let _ = self.store().watch_record(self.now()).await;
        let copied = job.copy().await?;
        let test_is_due = state.test_is_due(schedule, &self.mark());
        // There is no other way to try what nothing leads back from.
        if test_is_due && !job.has_way_back() {
            let tested = job.test(&copied.path, &copied.name, copied.head.seq, true).await;
            self.note_test(state, tested).await?;
        }
        let (head, mac) = (copied.head.seq, copied.head.mac_hex());
        let (file, bytes) = job.finish(copied).await?;
        let file = file.display().to_string();
        tracing::info!(file, bytes, "a backup was made");
        let event = Event::BackupMade { file: file.clone() };
        let unsent = !settings.send.is_empty();
        state.made = Some(Made { when: self.mark(), file, bytes, head, mac, unsent });
        self.note(state, Some(event)).await?;
        if test_is_due {
            self.test_newest(&job, state).await?;
        }
        let unsound = state.tested.as_ref().is_some_and(|tested| tested.fault.is_some());
        job.delete_old(unsound).await;
        self.send(&job, state).await
    }

    async fn send_again(&self, settings: &Backup, state: &mut BackupState) -> Result<(), Trouble> {
        let job = Job::begin(self, settings).await?;
        self.send(&job, state).await
    }

    async fn send(&self, job: &Job<'_>, state: &mut BackupState) -> Result<(), Trouble> {
        let Some(made) = state.made.as_mut().filter(|made| made.unsent) else { return Ok(()) };
        job.send(&made.file).await?;
        made.unsent = false;
        Ok(())
    }

    /// Tries the newest copy as it lies in its folder, where there is a way back to it.
    async fn test_newest(&self, job: &Job<'_>, state: &mut BackupState) -> Result<(), Failure> {
        let Some(made) = state.made.as_ref().filter(|_| job.has_way_back()) else { return Ok(()) };
        let tested = job.test(Path::new(&made.file), &made.file, made.head, false).await;
        self.note_test(state, tested).await
    }

    async fn note_test(&self, state: &mut BackupState, tested: Tested) -> Result<(), Failure> {
        let file = &tested.file;
        match &tested.fault {
            None => tracing::info!(file, took = tested.took, "the backup was restored on trial and is sound"),
            Some(fault) => {
                tracing::error!(
                    alert = false,
                    file,
                    "the backup cannot be relied on: {}",
                    Language::En.backup_fault(fault)
                );
            }
        }
        state.tested = Some(tested);
        self.note(state, None).await
    }

    async fn note(&self, state: &BackupState, event: Option<Event>) -> Result<(), Failure> {
        let state = state.clone();
        self.record(&Actor::Machine, move |conn, _| Ok((backups::put(conn, &state)?, event))).await
    }
}

/// Why a copy was not made.
enum Trouble {
    /// It is noted and told.
    Fault(BackupFault),
    /// It cannot be noted.
    Store(Failure),
}

impl From<BackupFault> for Trouble {
    fn from(fault: BackupFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}
