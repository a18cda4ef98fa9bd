//! Follows a run whose work a workflow of GitHub does: has it started, exactly once, and learns how it ended. What
//! GitHub says when it is asked decides; webhooks only make RMM ask at once, so that lost ones cost time and nothing else.

mod inputs;
mod reporter;
mod well;

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::{Engine, Failure, following, runner};
use crate::clients::github::{Dispatched, GitHub, RunStatus, WorkflowRun};
use crate::domain::command::Command;
use crate::domain::fault::github::GithubFault;
use crate::domain::ids::RunId;
use crate::domain::moment::Uptime;
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::repository::RepoName;
use crate::domain::run::{Run, RunKind, RunState};
use crate::domain::workflow::{Dispatch, DispatchState, SeenRun, WorkflowEnd};
use crate::store::{StoreError, releases, runs};

/// Between the first questions about a run.
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Between later ones.
const MAX_POLL_INTERVAL: Duration = Duration::from_mins(1);
/// Between questions about a run that is to be ended.
const LONGEST_OF_ENDING: Duration = Duration::from_secs(10);
/// Between later ones about a run that was given up for its silence: only GitHub can still tell.
const LONGEST_OF_SILENT: Duration = Duration::from_hours(1);
/// A run that GitHub has made is in its lists by then.
const SEEN_WITHIN: Duration = Duration::from_mins(1);
/// That a run is still under way is noted this often.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// What follows from a look at a run.
enum Next {
    /// Nothing is to be followed any more.
    Ended,
    /// The state has changed; the next look is due at once.
    AtOnce,
    /// The next look is due as usual.
    Later,
    /// GitHub wants no call before that.
    After(Duration),
    /// The next look is due as usual, but no later than that.
    Within(Duration),
}

/// Follows the workflow of a run to its end. `taken_over`: another process may have asked GitHub already.
pub(super) async fn follow(engine: &Engine, id: RunId, taken_over: bool, trace: Option<String>) -> Result<(), Failure> {
    let (mut news, mut stops) = (engine.workflow_news(), engine.stops());
    let mut reconfigured = engine.reconfigured();
    let mut following = Following::of(engine.clone(), id, trace);
    if taken_over {
        following.begin_looking();
    }
    let mut pause = MIN_POLL_INTERVAL;
    loop {
        // Before the look, so that what happens during it is seen by the next one.
        news.borrow_and_update();
        stops.borrow_and_update();
        reconfigured.borrow_and_update();
        let next = following.step().await?;
        // News are no reason to ask where GitHub wants to be left alone.
        let minds_news = !matches!(next, Next::After(_));
        let wait = match next {
            Next::Ended => return Ok(()),
            Next::AtOnce => {
                pause = MIN_POLL_INTERVAL;
                continue;
            }
            Next::Later => pause,
            Next::After(time) => time.max(MIN_POLL_INTERVAL),
            Next::Within(time) => time.min(pause),
        };
        tokio::select! {
            () = engine.clock().sleep(wait) => pause = (pause * 3 / 2).min(following.longest()),
            _ = news.changed(), if minds_news => pause = MIN_POLL_INTERVAL,
            _ = stops.changed() => pause = MIN_POLL_INTERVAL,
            _ = reconfigured.changed() => pause = MIN_POLL_INTERVAL,
        }
    }
}

struct Following {
    engine: Engine,
    id: RunId,
    trace: Option<String>,
    /// GitHub may have made a run that is to be looked for.
    uncertain: bool,
    /// Since when GitHub's lists are answered, and do not show it.
    looked: Option<Uptime>,
    /// GitHub's lists were not answered when they were asked for last.
    away: bool,
    /// When it was noted last that the run is under way.
    noted: Option<Uptime>,
    /// Since when GitHub does not know a run that it has shown.
    missed: Option<Uptime>,
    /// The run was given up for its silence.
    silent: bool,
}

/// A run as it is now, and how its workflow is reached.
struct Look {
    run: Run,
    /// The run that GitHub was asked for: itself, or the deploy whose workflow goes back by itself.
    dispatched: Run,
    dispatch: Dispatch,
    release: Release,
    github: GitHub,
    repository: RepoName,
    limit: Duration,
}

impl Following {
    const fn of(engine: Engine, id: RunId, trace: Option<String>) -> Self {
        Self {
            engine,
            id,
            trace,
            uncertain: false,
            looked: None,
            away: false,
            noted: None,
            missed: None,
            silent: false,
        }
    }

    fn begin_looking(&mut self) {
        (self.uncertain, self.looked) = (true, None);
    }

    const fn longest(&self) -> Duration {
        if self.silent { LONGEST_OF_SILENT } else { MAX_POLL_INTERVAL }
    }

    /// How long GitHub's lists have not shown the run. An outage does not count: they may lag behind it.
    fn looked_for(&mut self) -> Duration {
        let now = self.engine.clock().uptime();
        let since = self.looked.get_or_insert(now).clone();
        self.since(Some(&since))
    }

    fn until(&self, time: Timestamp) -> Duration {
        time.duration_since(self.engine.now()).try_into().unwrap_or_default()
    }

    /// How much time has passed since a mark.
    fn since(&self, mark: Option<&Uptime>) -> Duration {
        self.engine.clock().uptime().since(mark)
    }

    async fn step(&mut self) -> Result<Next, Failure> {
        let id = self.id;
        let found = self.engine.read(move |conn| {
            let Some(run) = runs::get(conn, id)? else { return Ok(None) };
            let release = releases::get(conn, run.release)?;
            let dispatched = dispatched_for(conn, &run)?;
            Ok(release.map(|release| (run, dispatched, release)))
        });
        let Some((mut run, dispatched, release)) = found.await? else { return Ok(Next::Ended) };
        self.silent = run.has_fallen_silent();
        let is_open = run.state.is_live() || self.silent;
        let Some(dispatch) = run.dispatch.clone().filter(|_| is_open) else { return Ok(Next::Ended) };
        let catalog = self.engine.catalog();
        let (github, repository) = match catalog.github_of(&run.service) {
            Ok((github, repository)) => (github.clone(), repository),
            Err(reason) => return self.waits(&run, reason).await,
        };
        if run.waiting.as_ref().is_some_and(|reason| is_over(reason, self.engine.now())) {
            self.limit_is_over(&mut run, &dispatch).await?;
        }
        let limit = catalog.report_timeout(&run.service, run.environment);
        let look = Look { run, dispatched, dispatch, release, github, repository, limit };
        let next = match look.dispatch.state {
            DispatchState::Due => self.dispatch(&look).await,
            DispatchState::Asked => self.look_for_run(&look).await,
            DispatchState::Accepted => self.wait_for_run(&look).await,
            DispatchState::Seen => self.ask(&look).await,
        };
        // Where it is to stop, a person waits for its end, and other runs wait behind it.
        Ok(match next? {
            Next::Later if look.run.stop.is_some() && !self.silent => Next::Within(LONGEST_OF_ENDING),
            next @ (Next::Ended | Next::AtOnce | Next::Later | Next::After(_) | Next::Within(_)) => next,
        })
    }

    async fn dispatch(&mut self, look: &Look) -> Result<Next, Failure> {
        if look.run.kind == RunKind::Deploy && look.run.state == RunState::Queued && look.run.stop.is_none() {
            runner::check_tag(&self.engine, &look.run, self.trace.clone()).await?;
        }
        let branch = match look.github.default_branch(&look.repository).await {
            Ok(branch) => branch,
            Err(fault) if !fault.may_pass() => return self.refused(fault).await,
            Err(fault) => return self.waits_for_github(look, fault).await,
        };
        let run = self.reload(look).await?;
        if !run.state.is_live() {
            return Ok(Next::Ended);
        }
        if run.stop.is_some() {
            self.report(Command::DispatchRefused { run: self.id, reason: Reason::Ended }).await?;
            return Ok(Next::AtOnce);
        }
        self.report(Command::DispatchAsked { run: self.id }).await?;
        let run = self.reload(look).await?;
        // A lock, a cancellation or a report of the workflow may have come first.
        let asked = run.dispatch.as_ref().is_some_and(|dispatch| dispatch.state == DispatchState::Asked);
        if run.state != RunState::Queued || run.stop.is_some() || !asked {
            return Ok(Next::AtOnce);
        }
        let inputs = inputs::of(look, self.token(&look.run), self.trace.as_deref());
        let asked = look.github.dispatch(&look.repository, &look.dispatch.workflow, &branch, &inputs).await;
        match asked {
            Dispatched::Accepted { run: Some(id), url } => self.taken(Some(seen(id, 1, url))).await,
            Dispatched::Accepted { run: None, .. } => {
                self.begin_looking();
                self.taken(None).await
            }
            Dispatched::Refused(fault) => self.refused(fault).await,
            Dispatched::Unclear(fault) => {
                self.begin_looking();
                self.waits_for_github(look, fault).await
            }
            Dispatched::Later { fault, after } => {
                let reason = self.engine.catalog().redactor().reason(&Reason::Github { fault });
                self.not_taken(Some(reason)).await?;
                Ok(after.map_or(Next::Later, Next::After))
            }
        }
    }

    /// GitHub may have made a run of the last request: only when none appears it is asked again.
    async fn look_for_run(&mut self, look: &Look) -> Result<Next, Failure> {
        match self.find(look).await {
            Ok(Some(found)) => self.taken(Some(known(&found))).await,
            Ok(None) if self.uncertain && self.looked_for() < SEEN_WITHIN => {
                // What GitHub said before it answered again is out of date.
                if std::mem::take(&mut self.away) || look.run.stop.is_some() {
                    let sought = Reason::WorkflowSought { workflow: look.dispatch.workflow.clone(), cause: None };
                    self.waits(&look.run, sought).await?;
                }
                Ok(Next::Within(SEEN_WITHIN.saturating_sub(self.looked_for())))
            }
            Ok(None) => {
                let trouble = look.run.waiting.clone().filter(|reason| matches!(reason, Reason::Github { .. }));
                self.not_taken(trouble).await?;
                Ok(Next::AtOnce)
            }
            Err(fault) => {
                self.away = true;
                self.waits_for_github(look, fault).await
            }
        }
    }

    /// GitHub has said yes: its run is waited for, and it is not asked again.
    async fn wait_for_run(&mut self, look: &Look) -> Result<Next, Failure> {
        match self.find(look).await {
            Ok(Some(found)) => self.taken(Some(known(&found))).await,
            Ok(None) => {
                let reason = Reason::WorkflowNotSeen { workflow: look.dispatch.workflow.clone() };
                let waited = self.looked_for();
                if look.run.stop.is_some() && look.run.state == RunState::Queued {
                    if waited >= SEEN_WITHIN {
                        // There is nothing that could be ended.
                        self.report(Command::DispatchRefused { run: self.id, reason }).await?;
                        return Ok(Next::AtOnce);
                    }
                    self.waits(&look.run, reason).await?;
                    return Ok(Next::Within(SEEN_WITHIN.saturating_sub(waited)));
                }
                if self.silent {
                    return Ok(Next::Later);
                }
                if waited >= look.limit {
                    self.report(Command::RunLost { run: self.id, reason }).await?;
                    return Ok(Next::Ended);
                }
                if waited >= SEEN_WITHIN { self.waits(&look.run, reason).await } else { Ok(Next::Later) }
            }
            Err(fault) => self.waits_for_github(look, fault).await,
        }
    }

    async fn find(&self, look: &Look) -> Result<Option<WorkflowRun>, GithubFault> {
        let Look { dispatched, dispatch, github, repository, .. } = look;
        github.find_run(repository, &dispatch.workflow, dispatched.created_at, &self.token(dispatched)).await
    }

    /// Asks how a run stands that is known.
    async fn ask(&mut self, look: &Look) -> Result<Next, Failure> {
        let Some(id) = look.run.ci_run.as_deref().and_then(|id| id.parse::<u64>().ok()) else {
            // A report has named it, and not by a number of GitHub's.
            return Ok(Next::Later);
        };
        let Look { github, repository, dispatch, run, .. } = look;
        let found = match github.run(repository, id).await {
            Ok(found) => found,
            Err(GithubFault::NotFound { .. }) => {
                let now = self.engine.clock().uptime();
                let since = self.missed.get_or_insert(now).clone();
                let missed = self.since(Some(&since));
                if missed < SEEN_WITHIN {
                    return Ok(Next::Within(SEEN_WITHIN.saturating_sub(missed)));
                }
                let reason = Reason::WorkflowGone { workflow: dispatch.workflow.clone(), ci_run: id.to_string() };
                self.report(Command::RunLost { run: self.id, reason }).await?;
                return Ok(Next::Ended);
            }
            Err(fault) => return self.waits_for_github(look, fault).await,
        };
        self.missed = None;
        if found.status == RunStatus::Completed {
            // How it ended may be told a moment later than that it has.
            return if found.conclusion.is_some() { self.ended(look, &found).await } else { Ok(Next::Later) };
        }
        if run.stop.is_some()
            && let Err(fault) = github.cancel(repository, id).await
        {
            return self.waits_for_github(look, fault).await;
        }
        let is_due = self.noted.is_none() || self.since(self.noted.as_ref()) >= NOTED_EVERY;
        if is_due || found.attempt != dispatch.attempt {
            self.noted = Some(self.engine.clock().uptime());
            self.report(Command::WorkflowSeen { run: self.id, attempt: found.attempt }).await?;
        }
        let waits = found.status != RunStatus::InProgress;
        let queued = waits.then(|| Reason::WorkflowQueued { workflow: dispatch.workflow.clone() });
        self.says_why(run, queued.filter(|_| run.stop.is_none())).await?;
        Ok(Next::Later)
    }

    async fn ended(&mut self, look: &Look, found: &WorkflowRun) -> Result<Next, Failure> {
        let (workflow, conclusion) = (look.dispatch.workflow.clone(), found.conclusion_word());
        let end = if found.is_success() {
            match well::unwell(&self.engine, look).await {
                None => WorkflowEnd::Success,
                Some(reason) => WorkflowEnd::Failure(reason),
            }
        } else {
            match look.github.has_begun(&look.repository, found.id).await {
                Ok(true) => WorkflowEnd::Failure(Reason::WorkflowFailed { workflow, conclusion }),
                Ok(false) => WorkflowEnd::NeverBegan(Reason::WorkflowNeverBegan { workflow, conclusion }),
                Err(fault) => return self.waits_for_github(look, fault).await,
            }
        };
        self.report(Command::WorkflowEnded { run: self.id, end }).await?;
        Ok(Next::AtOnce)
    }

    async fn taken(&self, seen: Option<SeenRun>) -> Result<Next, Failure> {
        let known = seen.is_some();
        self.report(Command::DispatchTaken { run: self.id, seen }).await?;
        Ok(if known { Next::AtOnce } else { Next::Later })
    }

    /// GitHub has made no run of what was asked: nothing is to be looked for.
    async fn not_taken(&mut self, reason: Option<Reason>) -> Result<(), Failure> {
        (self.uncertain, self.looked) = (false, None);
        self.report(Command::DispatchNotTaken { run: self.id, reason }).await
    }

    async fn refused(&self, fault: GithubFault) -> Result<Next, Failure> {
        let reason = self.engine.catalog().redactor().reason(&Reason::Github { fault });
        self.report(Command::DispatchRefused { run: self.id, reason }).await?;
        Ok(Next::AtOnce)
    }

    async fn waits_for_github(&self, look: &Look, fault: GithubFault) -> Result<Next, Failure> {
        let after = if let GithubFault::RateLimited { until: Some(until), .. } = &fault { Some(*until) } else { None };
        let after = after.map(|until| self.until(until));
        let reason = self.engine.catalog().redactor().reason(&Reason::Github { fault });
        self.waits(&look.run, reason).await?;
        Ok(after.map_or(Next::Later, Next::After))
    }

    /// GitHub is asked again: when it was to take questions again is no news any more.
    async fn limit_is_over(&self, run: &mut Run, dispatch: &Dispatch) -> Result<(), Failure> {
        let sought = || Reason::WorkflowSought { workflow: dispatch.workflow.clone(), cause: None };
        let reason = (dispatch.state == DispatchState::Asked).then(sought);
        self.says_why(run, reason.clone()).await?;
        run.waiting = run.waits_because(reason);
        Ok(())
    }

    /// Says why nothing goes on at the moment.
    async fn waits(&self, run: &Run, reason: Reason) -> Result<Next, Failure> {
        self.says_why(run, Some(reason)).await?;
        Ok(Next::Later)
    }

    /// Says it where it was not said yet. `Run::waits_because` adds that a run is to be ended.
    async fn says_why(&self, run: &Run, reason: Option<Reason>) -> Result<(), Failure> {
        if run.state.is_live() && run.waiting != run.waits_because(reason.clone()) {
            self.report(Command::RunWaits { run: self.id, reason }).await?;
        }
        Ok(())
    }

    async fn reload(&self, look: &Look) -> Result<Run, Failure> {
        let id = self.id;
        Ok(self.engine.read(move |conn| runs::get(conn, id)).await?.unwrap_or_else(|| look.run.clone()))
    }

    async fn report(&self, command: Command) -> Result<(), Failure> {
        let id = self.id;
        let Some(run) = self.engine.read(move |conn| runs::get(conn, id)).await? else { return Ok(()) };
        following::report(&self.engine, &run, self.trace.clone(), command).await.map(|_| ())
    }

    /// By what a run of a workflow is known again: its `run-name` says it.
    fn token(&self, run: &Run) -> String {
        run.token(&self.engine.ports().instance)
    }
}

/// Whether what holds a run up is a limit of GitHub's whose end has come.
fn is_over(reason: &Reason, now: Timestamp) -> bool {
    if let Reason::Github { fault: GithubFault::RateLimited { until: Some(until), .. } } = reason {
        return *until <= now;
    }
    let cause = if let Reason::Stopping { cause, .. }
    | Reason::WorkflowSought { cause, .. }
    | Reason::WorkflowCancelling { cause, .. } = reason
    {
        cause.as_deref()
    } else {
        None
    };
    cause.is_some_and(|cause| is_over(cause, now))
}

/// The run that GitHub was asked for on behalf of a run.
fn dispatched_for(conn: &Connection, run: &Run) -> Result<Run, StoreError> {
    let other = run.dispatch.as_ref().and_then(|dispatch| dispatch.dispatched_for);
    let other = other.map(|id| runs::get(conn, id)).transpose()?.flatten();
    Ok(other.unwrap_or_else(|| run.clone()))
}

fn seen(id: u64, attempt: u32, url: Option<String>) -> SeenRun {
    SeenRun { id: id.to_string(), attempt, url }
}

fn known(found: &WorkflowRun) -> SeenRun {
    seen(found.id, found.attempt, Some(found.url.clone()))
}

#[cfg(test)]
mod tests;
