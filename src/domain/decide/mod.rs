//! The life cycle: (world, actor, command) → decision or refusal. Pure and total.
//!
//! A command makes the smallest change that it stands for; what follows by itself (the next candidate goes to
//! stage, production starts when the last gate clears) is derived from the state by [`advance`], after every command
//! and in the same transaction. So nothing that should happen can be forgotten by the one who caused it.

mod advance;
mod commits;
mod create;
mod dispatch;
mod ended;
mod hosts;
mod initiator;
mod people;
mod report;
mod resolve;
mod rollback;
mod runs;
mod settle;
mod vote;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::cause::Cause;
use super::command::{Answer, Command};
use super::env::Env;
use super::event::Event;
use super::ids::{ReleaseId, Revision, RunId};
use super::moves::Move;
use super::person::{Actor, Right};
use super::refusal::Refusal;
use super::release::Release;
use super::run::{Run, RunKind};
use super::status::Status;
use super::world::{Changes, Happened, World};

/// What a command led to.
#[derive(Debug)]
pub struct Decision<'s> {
    /// The world afterwards; its `changes` are to be written, also after a refusal (a refused report is put on
    /// the record).
    pub world: World<'s>,
    /// What the asker is told.
    pub answer: Result<Answer, Refusal>,
}

/// Decides.
#[must_use]
pub fn decide<'s>(world: World<'s>, actor: &Actor, command: Command) -> Decision<'s> {
    let before = world.clone();
    let mut draft =
        Draft { world, actor, on_record: Vec::new(), overtaken_by: None, goes_back_itself: false, on_trial: false };
    let answer = draft.command(command).inspect(|answer| {
        if !draft.leads_to_nothing_else(*answer) {
            draft.advance();
        }
    });
    match answer {
        Ok(answer) => Decision { world: draft.world, answer: Ok(answer) },
        Err(refusal) => {
            let mut world = before;
            world.changes = Changes { events: draft.on_record, ..Changes::default() };
            if let Some((by, status)) = draft.overtaken_by {
                let mut draft = Draft {
                    world,
                    actor,
                    on_record: Vec::new(),
                    overtaken_by: None,
                    goes_back_itself: false,
                    on_trial: false,
                };
                draft.stage_overtaken(by, status);
                draft.advance();
                world = draft.world;
            }
            Decision { world, answer: Err(refusal) }
        }
    }
}

/// Refuses what is asked of a release as it no longer is. Votes do not change a release.
///
/// # Errors
/// When it has changed since that revision.
pub fn still_current(release: &Release, seen: Revision) -> Result<(), Refusal> {
    if seen == release.revision {
        return Ok(());
    }
    let (now, status) = (release.revision, release.status);
    let cause = Cause::StaleRevision { release: release.id, seen, now, status };
    Err(Refusal::from(cause).legal(release.legal_moves().map(Move::as_str)))
}

/// The moves from where a release stands that would not be refused, to a person with the right to make them.
pub fn possible_moves(world: &World<'_>, release: &Release) -> impl Iterator<Item = Move> {
    release.legal_moves().filter(|wanted| is_possible(world, release, *wanted))
}

/// Whether a move would not be refused as things stand, to a person with the right to make it.
#[must_use]
pub fn is_possible(world: &World<'_>, release: &Release, wanted: Move) -> bool {
    if wanted.begins_anew() && world.service.begins().is_err() {
        return false;
    }
    let (release, reason) = (release.id, String::from("on trial"));
    let command = match wanted {
        Move::Cancel => Command::Cancel { release, reason },
        Move::Abort => Command::Abort { release, reason, force: false },
        Move::Promote => Command::Promote { release },
        Move::Retry => Command::Retry { release },
        // Gates ask for it often, and it takes a plan to try it.
        Move::Rollback => return rollback::is_possible(world, release),
        // Whose vote counts is another question, and the others are asked of the environments.
        Move::Approve | Move::Reject | Move::Settle | Move::Resolve | Move::Bypass | Move::Unlock => return true,
    };
    let actor = &Actor::Operator;
    let mut draft = Draft {
        world: world.clone(),
        actor,
        on_record: Vec::new(),
        overtaken_by: None,
        goes_back_itself: false,
        on_trial: true,
    };
    draft.command(command).is_ok()
}

/// A decision in the making.
struct Draft<'s, 'a> {
    world: World<'s>,
    actor: &'a Actor,
    /// Goes on the record even if the command is refused.
    on_record: Vec<Happened>,
    /// The CI of this release is at work on a stage that another one holds, as its refused report shows.
    overtaken_by: Option<(ReleaseId, Status)>,
    /// The workflow that reports a failed deploy takes production back itself.
    goes_back_itself: bool,
    /// Only to see whether it would be refused.
    on_trial: bool,
}

type Decided = Result<Answer, Refusal>;

impl Draft<'_, '_> {
    /// A release that only waits for the reports of a CI system moves nothing, so that it costs the same however many
    /// there are. One that has taken another out moves what waited behind that, and one that waits for an admin is told so.
    fn leads_to_nothing_else(&self, answer: Answer) -> bool {
        let (service, changes, stage) = (&self.world.service, &self.world.changes, self.world.stage());
        matches!(answer, Answer::Release { created: true, .. })
            && !service.stage().driver.is_ours()
            && !service.supersede
            && stage.dirty.is_none()
            && stage.unknown.is_none()
            && changes.releases.len() == 1
            && changes.runs.is_empty()
    }

    fn command(&mut self, command: Command) -> Decided {
        if command.begins_anew() {
            self.world.service.begins()?;
        }
        match command {
            Command::Create(new) => self.create(new),
            Command::Report { release, status, ci_run } => self.report(release, status, ci_run),
            Command::Update { release, artifacts, ci_run } => self.update(release, artifacts, ci_run.as_ref()),
            Command::Approve { release, seen } => self.approve(release, seen),
            Command::Reject { release, seen, reason } => self.reject(release, seen, reason),
            Command::Cancel { release, reason } => self.cancel(release, reason),
            Command::Abort { release, reason, force } => self.abort(release, reason, force),
            Command::Retry { release } => self.retry(release),
            Command::Promote { release } => self.promote(release),
            Command::Rollback { release, to, reason, force } => self.rollback(release, to, reason, force),
            Command::Bypass { release, gates, reason } => self.bypass(release, gates, reason),
            Command::Lock { reason } => self.lock(reason),
            Command::Unlock => self.unlock(),
            Command::Resolve { run, verdict, reason } => self.resolve(run, verdict, reason),
            Command::GiveUpHost { environment, host, reason } => self.give_up_host(environment, &host, reason),
            Command::CatchUpHost { environment, host } => self.catch_up_host(environment, &host),
            Command::Settle { environment, runs, reason } => self.settle(environment, runs, reason),
            Command::CommitResolved { .. }
            | Command::InitiatorProven { .. }
            | Command::CommitUnresolved { .. }
            | Command::TagMoved { .. }
            | Command::RunPrepared { .. }
            | Command::RunWaits { .. }
            | Command::DispatchAsked { .. }
            | Command::DispatchNotTaken { .. }
            | Command::DispatchTaken { .. }
            | Command::DispatchRefused { .. }
            | Command::WorkflowSeen { .. }
            | Command::WorkflowEnded { .. }
            | Command::LeaveHosts { .. }
            | Command::HostBack { .. }
            | Command::EarlierStepsEnded { .. }
            | Command::MigrationFound { .. }
            | Command::StartStep { .. }
            | Command::TryStep { .. }
            | Command::StepEnded { .. }
            | Command::RunFailed { .. }
            | Command::RunLost { .. }
            | Command::RunForeign { .. }
            | Command::ForeignTurnedAway { .. }
            | Command::HostLooked { .. }
            | Command::Advance => self.machine(command),
        }
    }

    fn machine(&mut self, command: Command) -> Decided {
        self.actor.may(Right::Machine, None, false)?;
        match command {
            Command::CommitResolved { release, commit, tag_object } => {
                self.commit_resolved(release, commit, tag_object.as_ref())
            }
            Command::InitiatorProven { release, login } => {
                let known = self.known(release)?;
                if known.status.is_active() {
                    self.prove_initiators(release, &[login]);
                }
                Ok(Answer::Release { id: release, created: false })
            }
            Command::CommitUnresolved { release, reason, again } => self.commit_unresolved(release, reason, again),
            Command::TagMoved { release, now } => self.tag_moved(release, now),
            Command::RunPrepared { run } => self.run_prepared(run),
            Command::RunWaits { run, reason } => self.run_waits(run, reason),
            Command::DispatchAsked { run } => self.dispatch_asked(run),
            Command::DispatchNotTaken { run, reason } => self.dispatch_not_taken(run, reason),
            Command::DispatchTaken { run, seen } => self.dispatch_taken(run, seen),
            Command::DispatchRefused { run, reason } => self.dispatch_refused(run, reason),
            Command::WorkflowSeen { run, attempt } => self.workflow_seen(run, attempt),
            Command::WorkflowEnded { run, end } => self.workflow_ended(run, end),
            Command::LeaveHosts { run, hosts } => self.leave_hosts(run, &hosts),
            Command::HostBack { environment, host } => self.host_back(environment, &host),
            Command::EarlierStepsEnded { run, host, steps } => self.earlier_steps_ended(run, host, steps),
            Command::MigrationFound { run, of, step, found } => self.migration_found(run, of, step, found),
            Command::StartStep { run } => self.start_step(run),
            Command::TryStep { run, step } => self.try_step(run, step),
            Command::StepEnded { run, step, outcome, said } => self.step_ended(run, step, outcome, said),
            Command::RunFailed { run, reason } => self.run_failed(run, reason),
            Command::RunLost { run, reason } => self.run_lost(run, reason),
            Command::RunForeign { run, host, reason } => self.run_foreign(run, host, reason),
            Command::ForeignTurnedAway { run, host, reason } => self.foreign_turned_away(run, host, reason),
            Command::HostLooked { environment, found } => {
                self.check_environment(environment)?;
                Ok(self.host_looked(environment, found))
            }
            Command::Advance => self.overdue(),
            Command::Create(_)
            | Command::Report { .. }
            | Command::Update { .. }
            | Command::Approve { .. }
            | Command::Reject { .. }
            | Command::Cancel { .. }
            | Command::Abort { .. }
            | Command::Retry { .. }
            | Command::Promote { .. }
            | Command::Rollback { .. }
            | Command::Bypass { .. }
            | Command::Lock { .. }
            | Command::Unlock
            | Command::GiveUpHost { .. }
            | Command::CatchUpHost { .. }
            | Command::Settle { .. }
            | Command::Resolve { .. } => unreachable!("people's commands are decided before"),
        }
    }

    /// The release that a command is about.
    fn known(&self, id: ReleaseId) -> Result<Release, Refusal> {
        self.world.find(id).map(Arc::unwrap_or_clone).ok_or_else(|| Cause::NoRelease { release: id }.into())
    }

    /// The run that a command is about.
    fn known_run(&self, id: RunId) -> Result<Run, Refusal> {
        self.world.find_run(id).map(Arc::unwrap_or_clone).ok_or_else(|| Cause::NoRun { run: id }.into())
    }

    /// A command may name an environment that the service does not have.
    fn check_environment(&self, environment: Env) -> Result<(), Refusal> {
        if self.world.environments.contains_key(&environment) {
            return Ok(());
        }
        Err(Cause::NoEnvironment { environment, service: self.world.service.name.clone() }.into())
    }

    /// Checks a right on this service.
    fn allow(&self, right: Right, release: Option<&Release>) -> Result<(), Refusal> {
        let own = release.is_some_and(|release| {
            self.actor.person().and_then(|name| self.world.people.get(name)).is_some_and(|p| release.initiated_by(p))
        });
        self.actor.may(right, Some(&self.world.service.name), own)
    }

    /// An old button or request does nothing.
    fn check_revision(&self, release: &Release, seen: Option<Revision>) -> Result<(), Refusal> {
        let current = seen.map_or(Ok(()), |seen| still_current(release, seen));
        current.map_err(|refusal| refusal.legal(self.moves(release)))
    }

    /// The moves that a refusal offers.
    fn moves(&self, release: &Release) -> Vec<&'static str> {
        if self.on_trial { Vec::new() } else { possible_moves(&self.world, release).map(Move::as_str).collect() }
    }

    /// The refusal of a command that has no arrow from here.
    fn illegal(&self, release: &Release, wanted: Move) -> Refusal {
        let back = self.world.occupying_run(Env::Production);
        let back = back.filter(|run| run.release == release.id && run.kind == RunKind::Rollback);
        let waiting = back.and_then(|run| run.waiting.clone());
        let legal = if waiting.is_some() { vec!["give-up"] } else { self.moves(release) };
        Refusal::from(Cause::Illegal {
            release: release.id,
            title: release.title(),
            status: release.status,
            reason: release.reason.clone(),
            wanted,
            waiting,
        })
        .legal(legal)
    }

    /// Refuses with a trace on the record.
    fn refuse_on_record(&mut self, release: ReleaseId, event: Event, refusal: Refusal) -> Refusal {
        self.on_record.push(Happened { release: Some(release), run: None, event });
        refusal
    }
}
