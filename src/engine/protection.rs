//! RMM as the deployment protection rule of a GitHub environment (`protection_rule`): runs that wait there go on when every gate
//! of production is clear, and end when their release goes nowhere any more. GitHub is asked which runs wait, now and then and
//! at once after a webhook; what has changed on the record is looked at again.
//!
//! Must not: have a rule of its own (`Command::Report` decides), believe a payload, or answer before it is decided.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::{Engine, Failure, Request};
use crate::clients::github::{GitHub, RunStatus, WorkflowRun};
use crate::domain::command::Command;
use crate::domain::env::Env;
use crate::domain::fault::github::GithubFault;
use crate::domain::ids::{Commit, ReleaseId, ServiceName, Tag};
use crate::domain::person::Actor;
use crate::domain::protection::{Clearance, clearance};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Reporter;
use crate::domain::repository::RepoName;
use crate::domain::service::Service;
use crate::domain::status::Status;
use crate::store::protection::{self as kept, Request as Waiting};
use crate::store::{StoreError, WriteError, releases};
use crate::wording::{Language, english};

/// Between two looks while a run waits.
const WAITING_LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Between two looks while none does.
const IDLE_LOOK_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// After a webhook: GitHub may tell of a run before it shows that it waits.
const WEBHOOK_LOOK_DELAY: Duration = Duration::from_secs(5);
/// For so long a run is looked at again that does not wait as it was told.
const SHOWN_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// What happens in so short a time is looked at together.
const TOGETHER: Duration = Duration::from_secs(2);
/// An answer that GitHub has taken and does not show is given again after this.
const TAKEN_WITHIN: SignedDuration = SignedDuration::from_secs(60);
/// Comments on one deployment; GitHub takes ten, and the last one belongs to the answer.
const MOST_COMMENTS: u32 = 9;
/// Before production is asked for again that was refused although every gate was clear.
const REFUSED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// GitHub gives a run up that has waited for thirty days.
pub(super) const GIVEN_UP: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// GitHub is asked which runs wait.
    Wide,
    /// Only the runs that are known to wait, and GitHub only when there is something to say.
    Known,
}

/// Goes on until it is dropped.
pub(super) async fn watch(engine: Engine) {
    let (mut catalog, mut asked) = (engine.reconfigured(), engine.protection_news());
    let mut progress = engine.store().progress();
    let mut troubles = HashMap::new();
    loop {
        catalog.borrow_and_update();
        asked.borrow_and_update();
        let mut seen = progress.borrow_and_update().last_event;
        let pause = look_at_all(&engine, Look::Wide, &mut troubles).await;
        let over = engine.sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => break,
                changed = asked.changed() => if changed.is_err() { return } else { break },
                changed = catalog.changed() => if changed.is_err() { return } else { break },
                happened = progress.wait_for(|now| now.last_event != seen), if pause != IDLE_LOOK_INTERVAL => {
                    if happened.is_err() {
                        return;
                    }
                }
            }
            engine.sleep(TOGETHER).await;
            seen = progress.borrow_and_update().last_event;
            look_at_all(&engine, Look::Known, &mut troubles).await;
        }
    }
}

/// Looks at every service with such a rule. Answers when the next look is due.
async fn look_at_all(engine: &Engine, look: Look, troubles: &mut HashMap<ServiceName, String>) -> Duration {
    let catalog = engine.catalog();
    let mut pause = IDLE_LOOK_INTERVAL;
    for service in catalog.in_force().filter(|service| service.protection_rule.is_some()) {
        let trouble = match look_at(engine, service, look).await {
            Ok(wanted) => {
                pause = pause.min(wanted);
                troubles.remove(&service.name);
                continue;
            }
            Err(trouble) => trouble,
        };
        pause = pause.min(WAITING_LOOK_INTERVAL);
        let reason = match trouble {
            Trouble::Github(fault) => english(&catalog.redactor().reason(&Reason::Github { fault })),
            Trouble::NoGithub(reason) => english(&reason),
            Trouble::Failed(failure) => failure.to_string(),
        };
        // Said once, and again when it is another one.
        if troubles.get(&service.name) != Some(&reason) {
            tracing::warn!(service = %service.name, reason, "runs that wait for the protection rule are not answered; it is tried again");
            troubles.insert(service.name.clone(), reason);
        }
    }
    pause
}

enum Trouble {
    Github(GithubFault),
    NoGithub(Reason),
    Failed(Failure),
}

impl From<GithubFault> for Trouble {
    fn from(fault: GithubFault) -> Self {
        Self::Github(fault)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// A service, and how its runs are reached.
struct Rule<'e> {
    engine: &'e Engine,
    service: &'e Arc<Service>,
    github: GitHub,
    repository: RepoName,
    /// What GitHub calls the environment.
    environment: String,
}

async fn look_at(engine: &Engine, service: &Arc<Service>, look: Look) -> Result<Duration, Trouble> {
    let catalog = engine.catalog();
    let Some(environment) = service.protection_rule.clone() else { return Ok(IDLE_LOOK_INTERVAL) };
    let (github, repository) = catalog.github_of(&service.name).map_err(Trouble::NoGithub)?;
    let rule = Rule { engine, service, github: github.clone(), repository, environment };
    let name = service.name.clone();
    let known = engine.read(move |conn| kept::of(conn, &name)).await?;
    let mut shown = BTreeMap::new();
    if look == Look::Wide {
        let runs = rule.github.waiting_runs(&rule.repository).await?;
        shown.extend(runs.into_iter().map(|run| (run.id, run)));
    }
    let known = known.into_iter().map(|waiting| (shown.remove(&waiting.ci_run), waiting)).collect::<Vec<_>>();
    // What is shown already has not just been told of.
    let others = shown.into_values().map(|run| (Waiting::new(run.id, run.attempt, engine.now()), run));
    let others = others.map(|(waiting, run)| (Some(run), waiting));
    let (mut pause, mut trouble) = (IDLE_LOOK_INTERVAL, None);
    for (run, waiting) in known.into_iter().chain(others) {
        match rule.look_at_run(waiting, run, look).await {
            Ok(wanted) => pause = pause.min(wanted),
            // What GitHub says to one run is no reason to leave the others waiting.
            Err(Trouble::Github(fault)) if !fault.may_pass() => trouble = Some(Trouble::Github(fault)),
            Err(trouble) => return Err(trouble),
        }
    }
    trouble.map_or(Ok(pause), Err)
}

impl Rule<'_> {
    /// Answers a run if there is something to say. Answers when it wants to be looked at again.
    async fn look_at_run(
        &self,
        mut waiting: Waiting,
        run: Option<WorkflowRun>,
        look: Look,
    ) -> Result<Duration, Trouble> {
        let id = waiting.ci_run;
        let is_told_of = waiting.attempt == 0 && self.engine.now().duration_since(waiting.since) < SHOWN_WITHIN;
        let run = match run {
            Some(run) => run,
            None => match self.github.run(&self.repository, id).await {
                Ok(run) => run,
                Err(GithubFault::NotFound { .. }) if is_told_of => return Ok(WEBHOOK_LOOK_DELAY),
                Err(GithubFault::NotFound { .. }) => return self.no_more(id).await,
                Err(fault) => return Err(fault.into()),
            },
        };
        if run.attempt > waiting.attempt {
            // Another attempt asks anew.
            waiting = Waiting::new(id, run.attempt, waiting.since);
        }
        let mut found = self.clearance(&run).await?;
        let is_decided = waiting.answer.is_some();
        let was_refused = |at| self.engine.now().duration_since(at) < REFUSED_FOR;
        let was_refused = waiting.refused_at.is_some_and(was_refused);
        let has_news = match &found.clearance {
            Clearance::Clear => !was_refused,
            Clearance::UnderWay | Clearance::Over(_) => true,
            Clearance::Unmet(_)
            | Clearance::CommitUnknown
            | Clearance::ByAnotherRun
            | Clearance::Unknown
            | Clearance::Refused(_) => is_decided || waiting.said.as_ref() != Some(&comment(&found)),
        };
        if look == Look::Known && !has_news {
            return Ok(WAITING_LOOK_INTERVAL);
        }
        if run.status == RunStatus::Completed {
            return self.no_more(id).await;
        }
        let pending = self.github.pending_environments(&self.repository, id).await?;
        let Some(environment) = pending.into_iter().find(|name| name.eq_ignore_ascii_case(&self.environment)) else {
            return if is_told_of { Ok(WEBHOOK_LOOK_DELAY) } else { self.no_more(id).await };
        };
        if waiting.answer.is_none() {
            if let (Clearance::Clear, Some(release), false) = (&found.clearance, found.release, was_refused)
                && let Some(refused) = self.take_production(release, &run).await?
            {
                // It is on the record, and so not tried all the time.
                waiting.refused_at = Some(self.engine.now());
                found.clearance = Clearance::Refused(refused.cause);
            }
            waiting.answer = match &found.clearance {
                Clearance::UnderWay => Some(true),
                Clearance::Clear => (!was_refused).then_some(true),
                Clearance::Over(_) => Some(false),
                Clearance::Unmet(_)
                | Clearance::CommitUnknown
                | Clearance::ByAnotherRun
                | Clearance::Unknown
                | Clearance::Refused(_) => None,
            };
        }
        if waiting.answer.is_some() {
            self.answer(waiting, &environment, &comment(&found)).await?;
        } else if has_news {
            self.comment(waiting, &environment, comment(&found)).await?;
        }
        Ok(WAITING_LOOK_INTERVAL)
    }

    /// What is decided is on disk before GitHub hears it, and is said again until GitHub waits no more.
    async fn answer(&self, mut waiting: Waiting, environment: &str, comment: &str) -> Result<(), Trouble> {
        let now = self.engine.now();
        if waiting.told_at.is_some_and(|told| now.duration_since(told) < TAKEN_WITHIN) {
            return Ok(());
        }
        self.keep(&waiting).await?;
        let told =
            self.github.answer_protection_rule(&self.repository, waiting.ci_run, environment, waiting.answer, comment);
        told.await?;
        let approved = waiting.answer == Some(true);
        tracing::info!(service = %self.service.name, ci_run = waiting.ci_run, approved, environment, "GitHub's protection rule is answered");
        waiting.told_at = Some(now);
        self.keep(&waiting).await
    }

    /// Says what a run waits for. One whose answer was lost is not repeated.
    async fn comment(&self, mut waiting: Waiting, environment: &str, comment: String) -> Result<(), Trouble> {
        let is_said = waiting.comments >= MOST_COMMENTS;
        waiting.said = Some(comment.clone());
        waiting.comments += u32::from(!is_said);
        self.keep(&waiting).await?;
        if is_said {
            return Ok(());
        }
        let told = self.github.answer_protection_rule(&self.repository, waiting.ci_run, environment, None, &comment);
        let Err(fault) = told.await else { return Ok(()) };
        if !matches!(fault, GithubFault::Late { .. } | GithubFault::Cut { .. }) {
            self.keep(&Waiting { said: None, ..waiting }).await?;
        }
        Err(fault.into())
    }

    async fn keep(&self, waiting: &Waiting) -> Result<(), Trouble> {
        let (name, waiting) = (self.service.name.clone(), waiting.clone());
        let kept = self.engine.store().write(move |tx| kept::put(tx, &name, &waiting)).await;
        Ok(kept.map_err(WriteError::flatten)?)
    }

    /// GitHub waits no more.
    async fn no_more(&self, ci_run: u64) -> Result<Duration, Trouble> {
        let name = self.service.name.clone();
        let gone = self.engine.store().write(move |tx| kept::forget(tx, &name, ci_run)).await;
        gone.map_err(WriteError::flatten)?;
        Ok(IDLE_LOOK_INTERVAL)
    }

    /// The same rule as where a job asks “may I?”. Answers why it says no after all.
    async fn take_production(&self, release: ReleaseId, run: &WorkflowRun) -> Result<Option<Refusal>, Trouble> {
        let reporter = Reporter::of(run.id.to_string(), Some(run.attempt), Some(run.url.clone()));
        let command = Command::Report { release, status: Status::Deploying, ci_run: Some(reporter) };
        match self.engine.handle(Request::new(Actor::Machine, command)).await {
            Ok(_) => Ok(None),
            Err(Failure::Refused(refusal)) => Ok(Some(refusal)),
            Err(failure @ Failure::Store(_)) => Err(Trouble::Failed(failure)),
        }
    }

    /// How the release stands that a run is about: the one that production is being brought to by it, or the one that
    /// it has created, or that of its tag or commit.
    async fn clearance(&self, run: &WorkflowRun) -> Result<Found, Trouble> {
        let (name, id) = (self.service.name.clone(), run.id.to_string());
        let wanted = id.clone();
        let in_production = self.engine.look_at_service(&name, move |world| {
            let run = world.occupying_run(Env::Production).filter(|run| run.ci_run.as_deref() == Some(&wanted));
            run.map(|run| run.release)
        });
        let mut release = in_production.await.map_err(Trouble::Failed)?;
        if release.is_none() {
            let tag = run.branch.as_deref().and_then(|branch| Tag::parse("branch", branch).ok());
            let commit = Commit::parse("commit", &run.head_sha).ok();
            let wanted = id.clone();
            let meant = move |conn: &_| releases::meant_by(conn, &name, &wanted, tag.as_ref(), commit.as_ref());
            release = self.engine.read(meant).await?;
        }
        let Some(release) = release else {
            let title = run.head_sha.chars().take(7).collect();
            return Ok(Found { release, title, clearance: Clearance::Unknown });
        };
        let look = self.engine.look(release, move |world, found| (found.title(), clearance(world, found, &id)));
        let (title, clearance) = look.await.map_err(Trouble::Failed)?;
        Ok(Found { release: Some(release), title, clearance })
    }
}

/// How the release of a run stands.
struct Found {
    release: Option<ReleaseId>,
    title: String,
    clearance: Clearance,
}

fn comment(found: &Found) -> String {
    shown(&Language::En.clearance(&found.clearance, &found.title))
}

/// Text as GitHub shows it: nothing in it is a link to something of the repository, mentions a user, or is markup.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '#' => shown.push_str("no. "),
            '@' => shown.push('＠'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '!' => shown.extend(['\\', c]),
            c if c.is_control() => shown.push(' '),
            c => shown.push(c),
        }
    }
    shown
}

impl Engine {
    /// The runs that wait for a protection rule are looked at soon.
    pub fn look_at_protection_rules(&self) {
        self.inner.protection_news.send_modify(|count| *count += 1);
    }

    fn protection_news(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.protection_news.subscribe()
    }
}

#[cfg(test)]
mod tests;
