//! Carries out what was committed to be done outside. Woken by commits, never by polling; a row leaves the outbox in
//! the transaction that records its result.
//!
//! Runs wait for no permit here: an environment has one at most, so that `rmm.toml` limits them. Questions to repositories
//! have places of their own (`questions`), and wait in the database for one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::clock::ClockWatch;
use super::commits::{self, Listed};
use super::questions::{Questions, Slot};
use super::supervise::{caught, keep_running};
use super::{
    Engine, Failure, backups, catch_up, delivery_log, marks, protection, runner, tag_watch, tags, trace, workflow,
};
use crate::domain::effect::{AfterCrash, Effect};
use crate::domain::event::Event;
use crate::domain::part::Part;
use crate::domain::person::Actor;
use crate::store::StoreError;
use crate::store::outbox::{self, Leased};
use crate::wording::english;

mod questions;

/// Effects taken out of the outbox at once.
const MAX_LEASED: u32 = 64;
/// Between checks for what is due by time: silent CI systems, and whatever an earlier failure left undone.
const TIMER_INTERVAL: Duration = Duration::from_secs(15);
/// Lists of commits that are made at the same time.
const MAX_CONCURRENT_LISTS: usize = 4;
/// How often it is tried to list the commits of a release.
const MAX_LIST_ATTEMPTS: i64 = 10;
/// After the database could not be read or written.
const STORE_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The dispatcher and the timer. They run until the token is cancelled.
#[derive(Clone)]
pub struct Dispatcher {
    engine: Engine,
    owner: String,
    tasks: TaskTracker,
    questions: Arc<Questions>,
    lists: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Dispatcher {
    /// A dispatcher; `owner` names this process in leases and differs between starts.
    #[must_use]
    pub fn new(engine: Engine, owner: String, stop: CancellationToken) -> Self {
        Self {
            engine,
            owner,
            tasks: TaskTracker::new(),
            questions: Arc::default(),
            lists: Arc::new(Semaphore::new(MAX_CONCURRENT_LISTS)),
            stop,
        }
    }

    /// Works until it is told to stop. What is being followed on hosts goes on there and is found again at the next start.
    pub async fn run(self) {
        self.take_over().await;
        let clock = self.engine.clock();
        let parts = async {
            tokio::join!(
                keep_running(Part::Dispatcher, clock, || self.dispatch()),
                keep_running(Part::Timer, clock, || Self::tick(self.engine.clone(), self.stop.clone())),
                keep_running(Part::Backups, clock, || backups::watch(self.engine.clone())),
                keep_running(Part::ReturningHosts, clock, || catch_up::watch(self.engine.clone())),
                keep_running(Part::MovedTags, clock, || {
                    tag_watch::watch(self.engine.clone(), self.questions.clone())
                }),
                keep_running(Part::Tags, clock, || { tags::watch(self.engine.clone(), self.questions.clone()) }),
                keep_running(Part::GithubMarks, clock, || marks::watch(self.engine.clone())),
                keep_running(Part::ProtectionRules, clock, || protection::watch(self.engine.clone())),
                keep_running(Part::Deliveries, clock, || { delivery_log::watch(self.engine.clone()) }),
            )
        };
        self.stop.run_until_cancelled(parts).await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn dispatch(&self) {
        let mut progress = self.engine.store().progress();
        loop {
            // Before the look, so that what is committed during it is seen by the next one.
            let known = progress.borrow_and_update().outbox;
            let wait = match self.lease().await {
                Ok(leased) if leased.is_empty() => self.until_next_due().await,
                Ok(leased) => {
                    for (effect, place) in leased {
                        self.spawn(effect, place);
                    }
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read; it is tried again");
                    Some(STORE_RETRY_INTERVAL)
                }
            };
            let due = async {
                match wait {
                    Some(wait) => self.engine.clock().sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.questions.place_was_freed() => {}
                changed = progress.wait_for(|now| now.outbox != known) => if changed.is_err() { return },
            }
        }
    }

    /// The lock on the data directory says that no other process is alive to do what it had leased.
    async fn take_over(&self) {
        while !self.stop.is_cancelled() {
            let (owner, now) = (self.owner.clone(), self.engine.now().as_millisecond());
            let freed = self.engine.store().write(move |tx| {
                // The clock may have been set back since the rows were written.
                outbox::clamp_due(tx, now)?;
                outbox::release_foreign_leases(tx, &owner)
            });
            let freed = match freed.await {
                Ok(_) => self.engine.store().note_process().await,
                Err(error) => Err(error),
            };
            let Err(error) = freed else { return };
            tracing::error!(error = %error.flatten(), "what an earlier process had begun cannot be taken over yet");
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.engine.clock().sleep(STORE_RETRY_INTERVAL) => {}
            }
        }
    }

    async fn tick(engine: Engine, stop: CancellationToken) {
        let mut watch = ClockWatch::new(engine.clock());
        while !stop.is_cancelled() {
            if let Some(seconds) = watch.look(engine.clock()) {
                Self::clock_jumped(&engine, seconds).await;
            }
            engine.advance().await;
            if let Err(error) = engine.store().note_numbers(engine.now()).await {
                tracing::warn!(%error, "how far the database has come could not be noted");
            }
            if let Err(error) = engine.delete_old_output().await {
                tracing::warn!(%error, "old output of runs could not be deleted; it is tried again");
            }
            if let Err(error) = engine.pack_old_output().await {
                tracing::warn!(%error, "old output of runs could not be packed; it is tried again");
            }
            if let Err(error) = engine.give_room_back().await {
                tracing::warn!(%error, "room could not be given back to the file system; it is tried again");
            }
            engine.clock().sleep(TIMER_INTERVAL).await;
        }
    }

    /// The clock on the wall was set: that is told, and no work waits for a time that now lies far away.
    async fn clock_jumped(engine: &Engine, seconds: i64) {
        let way = if seconds < 0 { "back" } else { "forward" };
        tracing::warn!(seconds, "the clock of this machine was set {way} by {} s", seconds.unsigned_abs());
        let noted = engine.record(&Actor::Machine, move |conn, now| {
            outbox::clamp_due(conn, now.as_millisecond())?;
            Ok(((), Some(Event::ClockJumped { seconds })))
        });
        if let Err(error) = noted.await {
            tracing::warn!(%error, "that the clock was set could not be noted");
        }
    }

    /// What is due and has a place.
    async fn lease(&self) -> Result<Vec<(Leased, Option<Slot>)>, StoreError> {
        let (owner, now) = (self.owner.clone(), self.engine.now().as_millisecond());
        let (next, waiting) = self.engine.read(waiting).await?;
        let runs_due = next.is_some_and(|due| due <= now);
        let due = waiting.into_iter().filter(|question| question.due_at <= now).collect();
        let chosen = self.questions.choose(due, &self.engine.catalog());
        if !runs_due && chosen.is_empty() {
            return Ok(Vec::new());
        }
        let leased = self.engine.store().write(move |tx| -> Result<_, StoreError> {
            let runs = outbox::lease_due(tx, questions::KIND, &owner, now, MAX_LEASED)?;
            let mut all: Vec<_> = runs.into_iter().map(|run| (run, None)).collect();
            for (question, place) in chosen {
                all.extend(outbox::lease(tx, question, &owner, now)?.map(|leased| (leased, Some(place))));
            }
            Ok(all)
        });
        leased.await.map_err(crate::store::WriteError::flatten)
    }

    /// A question without a place is looked at when one is freed.
    async fn until_next_due(&self) -> Option<Duration> {
        let Ok((next, waiting)) = self.engine.read(waiting).await else { return Some(STORE_RETRY_INTERVAL) };
        let questions = self.questions.first_with_room(waiting, &self.engine.catalog());
        let now = self.engine.now().as_millisecond();
        let due = questions.into_iter().chain(next).min()?;
        Some(Duration::from_millis((due - now).max(0).unsigned_abs()))
    }

    /// Begins to carry an effect out.
    fn spawn(&self, leased: Leased, place: Option<Slot>) {
        let (this, span) = (self.clone(), trace::effect(&leased));
        let carried_out = async move {
            let _place = place;
            let Some(done) = this.stop.run_until_cancelled(caught(this.carry_out(&leased))).await else { return };
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => this.postpone(&leased, &error.to_string()).await,
                Err(panic) => {
                    tracing::error!(
                        effect = leased.kind,
                        id = leased.id,
                        panic,
                        "an effect has broken; please report it"
                    );
                    this.postpone(&leased, &panic).await;
                }
            }
        };
        self.tasks.spawn(carried_out.instrument(span));
    }

    async fn carry_out(&self, leased: &Leased) -> Result<(), Failure> {
        let Ok(effect) = serde_json::from_str::<Effect>(&leased.payload) else {
            tracing::error!(id = leased.id, kind = leased.kind, "an effect cannot be read and is dropped");
            return self.close(leased.id).await;
        };
        // What an earlier attempt may have begun already.
        let begun = (leased.attempts > 1).then(|| effect.after_crash());
        match effect {
            Effect::FollowRun { run } => {
                let taken_over = begun == Some(AfterCrash::AskHost);
                runner::follow(&self.engine, run, taken_over, leased.trace_id.clone()).await?;
                self.close(leased.id).await
            }
            Effect::FollowWorkflow { run } => {
                let taken_over = begun == Some(AfterCrash::CheckFirst);
                workflow::follow(&self.engine, run, taken_over, leased.trace_id.clone()).await?;
                self.close(leased.id).await
            }
            Effect::ListCommits { release } => {
                let _place = self.lists.acquire().await;
                match commits::list(&self.engine, release).await? {
                    Listed::Later(fault) if leased.attempts < MAX_LIST_ATTEMPTS => {
                        self.postpone(leased, &english(&fault.into())).await;
                        Ok(())
                    }
                    Listed::Done | Listed::Later(_) => self.close(leased.id).await,
                }
            }
            Effect::ResolveCommit { release } => self.resolve_commit(leased, release).await,
        }
    }

    async fn close(&self, id: i64) -> Result<(), Failure> {
        self.engine.store().write(move |tx| outbox::close(tx, id)).await?;
        Ok(())
    }

    /// Tries again later, ever more rarely.
    async fn postpone(&self, leased: &Leased, error: &str) {
        trace::postponed(error);
        let pause = outbox::pause(leased.attempts);
        let (seconds, due) = (pause / 1000, self.engine.now().as_millisecond() + pause);
        tracing::warn!(
            effect = leased.kind,
            id = leased.id,
            error,
            "an effect failed for now and is tried again in {seconds} s"
        );
        let (id, error) = (leased.id, error.to_owned());
        let noted = async {
            loop {
                let error = error.clone();
                if self.engine.store().write(move |tx| outbox::postpone(tx, id, due, &error)).await.is_ok() {
                    return;
                }
                self.engine.clock().sleep(STORE_RETRY_INTERVAL).await;
            }
        };
        // Where nothing can be written, the next start takes it over.
        self.stop.run_until_cancelled(noted).await;
    }
}

/// When the next run is due, and of each service the next question.
fn waiting(conn: &rusqlite::Connection) -> Result<(Option<i64>, Vec<outbox::Waiting>), StoreError> {
    Ok((outbox::next_due(conn, questions::KIND)?, outbox::first_of_each_service(conn, questions::KIND)?))
}

#[cfg(test)]
mod tests;
