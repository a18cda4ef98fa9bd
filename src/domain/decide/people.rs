//! What people decide: vote, cancel, abort, retry, promote, roll back, bypass, lock.

use crate::domain::approval::{Verdict, Vote};
use crate::domain::command::{Answer, RollbackTo};
use crate::domain::environment::Lock;
use crate::domain::event::Event;
use crate::domain::gate::{self, GateName};
use crate::domain::ids::{Invalid, PersonName, ReleaseId, Revision, one_line, readable};
use crate::domain::person::{Actor, Door, Right};
use crate::domain::plan::Planner;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::release::{Bypass, Release, Version};
use crate::domain::run::{Position, RunKind, RunState, StopKind};
use crate::domain::service::EnvironmentKind;
use crate::domain::status::Status;
use crate::domain::world::NewRun;

use super::{Decided, Draft};

/// The longest reason that people may give, in characters.
const REASON: usize = 1000;

impl Draft<'_> {
    pub(super) fn approve(&mut self, id: ReleaseId, seen: Option<Revision>) -> Decided {
        let (release, person, door) = self.voter(id)?;
        if self.has_approved(&release, &person) {
            return Ok(Answer::Release { id, created: false });
        }
        self.check_revision(&release, seen)?;
        self.check_vote_open(&release)?;
        let own = release.initiated_by == person.as_str()
            || self.world.people.get(&person).is_some_and(|p| release.initiated_by(p));
        if own && self.world.service.approvals.forbid_self {
            return Err(Refusal::new(
                Code::SelfApproval,
                format!("{person} initiated #{id}; for {} somebody else must approve it", release.service),
            ));
        }
        self.cast(&release, person.clone(), door, Verdict::Approved);
        let progress = self.world.tally(&self.world.releases[&id]).progress();
        self.world.record(Some(id), None, Event::ReleaseApproved { person, commit: release.commit, progress });
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn reject(&mut self, id: ReleaseId, seen: Option<Revision>, reason: String) -> Decided {
        let (release, person, door) = match self.voter(id) {
            // An admin may say no without being listed.
            Err(refusal) if refusal.code == Code::NotListed && self.allow(Right::Command, None).is_ok() => {
                let release = self.known(id)?;
                let (person, door) = self.who()?;
                (release, person, door)
            }
            other => other?,
        };
        self.check_revision(&release, seen)?;
        self.check_vote_open(&release)?;
        one_line_or_more("reason", &reason)?;
        self.cast(&release, person.clone(), door, Verdict::Rejected { reason: reason.clone() });
        let why = format!("rejected by {person}: {reason}");
        self.world.record(Some(id), None, Event::ReleaseRejected { person, commit: release.commit, reason });
        self.world.move_release(id, Status::ManualTestFailed, Some(why));
        Ok(Answer::Release { id, created: false })
    }

    /// The release, and the listed person who wants to vote on it.
    fn voter(&self, id: ReleaseId) -> Result<(Release, PersonName, Door), Refusal> {
        let release = self.known(id)?;
        self.allow(Right::Vote, Some(&release))?;
        let (person, door) = self.who()?;
        if !self.world.service.approvals.required.contains(&person) {
            let list: Vec<_> = self.world.service.approvals.required.iter().map(PersonName::as_str).collect();
            return Err(Refusal::new(
                Code::NotListed,
                format!("{person} is not in the approver list of {}: {}", release.service, list.join(", ")),
            ));
        }
        Ok((release, person, door))
    }

    fn who(&self) -> Result<(PersonName, Door), Refusal> {
        match self.actor {
            Actor::Person { name, door, .. } => Ok((name.clone(), *door)),
            Actor::Token { .. } | Actor::Operator | Actor::Machine => {
                Err(Refusal::new(Code::Forbidden, "a vote needs a person; this token speaks for none"))
            }
        }
    }

    fn has_approved(&self, release: &Release, person: &PersonName) -> bool {
        self.world.tally(release).given.contains(person)
    }

    fn check_vote_open(&self, release: &Release) -> Result<(), Refusal> {
        if release.status == Status::ManualTesting {
            return Ok(());
        }
        let sentence = match release.status {
            Status::Initiated | Status::StageBuilding | Status::StageTestRollback => {
                format!("#{} is {}; the vote opens with manual_testing", release.id, release.status)
            }
            Status::StageBuildingFailed
            | Status::StageTestRollbackFailed
            | Status::ManualTesting
            | Status::ManualTestFailed
            | Status::ManualTestPassed
            | Status::Deploying
            | Status::Deployed
            | Status::ProductionRollback
            | Status::RollbackDone
            | Status::RollbackFailed
            | Status::Cancelled => {
                format!("the vote on #{} is closed: it is {}", release.id, release.status)
            }
        };
        Err(Refusal::new(Code::VoteClosed, sentence).legal(super::legal_moves(release)))
    }

    fn cast(&mut self, release: &Release, person: PersonName, door: Door, verdict: Verdict) {
        let vote = Vote {
            release: release.id,
            attempt: release.attempt,
            commit: release.commit.clone(),
            person,
            verdict,
            at: self.world.now,
            door,
        };
        self.world.release_mut(release.id);
        self.world
            .votes
            .retain(|old| (old.release, old.attempt, &old.person) != (vote.release, vote.attempt, &vote.person));
        self.world.votes.push(vote.clone());
        self.world.changes.votes.push(vote);
    }

    pub(super) fn cancel(&mut self, id: ReleaseId, reason: String) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Cancel, Some(&release))?;
        one_line_or_more("reason", &reason)?;
        if !release.status.is_cancellable() {
            return Err(self.illegal(&release, "cancelled"));
        }
        self.end_before_production(id, format!("cancelled by {}: {reason}", self.actor.label()));
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn abort(&mut self, id: ReleaseId, reason: String, force: bool) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        one_line_or_more("reason", &reason)?;
        if release.status != Status::Deploying {
            return Err(self.illegal(&release, "aborted"));
        }
        let why = format!("aborted by {}: {reason}", self.actor.label());
        let run = self.world.occupying_run(EnvironmentKind::Production).cloned();
        match run {
            Some(run) if matches!(run.state, RunState::Unknown { .. }) && !force => {
                return Err(unknown_in_the_way(&run));
            }
            Some(run) if run.state == RunState::Running && self.world.service.production.driver.is_ours() => {
                let by = self.actor.label().to_owned();
                self.stop_run(run.id, StopKind::Abort, by, why);
            }
            Some(run) => self.run_ended(run.id, RunState::Stopped { reason: why }),
            None => return Err(self.illegal(&release, "aborted")),
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn retry(&mut self, id: ReleaseId) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Retry, Some(&release))?;
        if !release.status.is_retryable() {
            return Err(self.illegal(&release, "retried"));
        }
        let twin = self.world.releases.values().find(|other| {
            other.id != id && other.status.is_active() && other.tag == release.tag && other.tag.is_some()
        });
        if let Some(twin) = twin {
            return Err(Refusal::new(
                Code::AlreadyActive,
                format!("{} is on its way already as #{} ({})", twin.title(), twin.id, twin.status),
            ));
        }
        self.start_over(id);
        // A CI system has to begin anew: what its last try still says is out of date.
        if !self.world.service.stage.driver.is_ours()
            && let Some(ci_run) = &mut self.world.release_mut(id).ci_run
        {
            ci_run.attempt += 1;
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn promote(&mut self, id: ReleaseId) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        if release.status != Status::ManualTestPassed {
            return Err(self.illegal(&release, "promoted"));
        }
        let waits = |name| matches!(name, GateName::Promoted | GateName::ProductionFree);
        let unmet: Vec<_> = gate::explain(&self.world, &release)
            .into_iter()
            .filter(|gate| !gate.met && !waits(gate.name))
            .map(|gate| format!("{} {}", gate.sentence, gate.how.unwrap_or_default()))
            .collect();
        if !unmet.is_empty() {
            return Err(Refusal::new(
                Code::GatesUnmet,
                format!("#{id} {} may not go to production yet", release.title()),
            )
            .details(unmet));
        }
        if !release.promoted {
            self.world.release_mut(id).promoted = true;
            self.world.record(Some(id), None, Event::ReleasePromoted {});
        }
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn rollback(&mut self, id: ReleaseId, to: Option<RollbackTo>, reason: String, force: bool) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        one_line_or_more("reason", &reason)?;
        let current = self.world.production.current.clone();
        match (&current, release.status) {
            (Some(current), Status::Deployed) if current.release == id => {}
            (_, Status::Deploying) => {
                return Err(Refusal::new(
                    Code::IllegalTransition,
                    format!("#{id} is being deployed; `abort` ends that and goes back"),
                )
                .legal(["abort"]));
            }
            (Some(current), _) if current.release != id => {
                return Err(Refusal::new(
                    Code::NotInProduction,
                    format!(
                        "production of {} runs {current}, not #{id} {}; roll that one back",
                        release.service,
                        release.title()
                    ),
                ));
            }
            (_, _) => return Err(self.illegal(&release, "rolled back")),
        }
        if let Some(run) = self.world.occupying_run(EnvironmentKind::Production).cloned() {
            match run.state {
                RunState::Unknown { .. } if !force => return Err(unknown_in_the_way(&run)),
                RunState::Queued => {
                    self.close_run(run.id, RunState::Stopped { reason: format!("production of #{id} is rolled back") })
                }
                RunState::Unknown { .. } => {
                    self.run_ended(run.id, RunState::Failed { reason: "given up for a rollback".into() });
                }
                RunState::Running | RunState::Succeeded | RunState::Failed { .. } | RunState::Stopped { .. } => {
                    return Err(Refusal::new(
                        Code::ProductionBusy,
                        format!("production is busy with #{}; abort that first", run.release),
                    ));
                }
            }
        }
        let target = self.rollback_target(&release, to)?;
        self.begin_rollback(&release, &target)?;
        let by = self.actor.label().to_owned();
        let why = format!("#{id} {} was rolled back to {target}: {reason}", release.title());
        self.world.move_release(
            id,
            Status::ProductionRollback,
            Some(format!("rolled back to {target} by {by}: {reason}")),
        );
        self.world.release_mut(id).rollback_to_tag.clone_from(&target.tag);
        self.set_lock(why, by);
        Ok(Answer::Release { id, created: false })
    }

    fn rollback_target(&self, release: &Release, to: Option<RollbackTo>) -> Result<Version, Refusal> {
        let older: Vec<_> = self.world.good_before_current().map(|good| good.version.clone()).collect();
        let known = || {
            let names: Vec<_> = older.iter().take(10).map(ToString::to_string).collect();
            if names.is_empty() { "there is none".to_owned() } else { names.join(", ") }
        };
        let found = match &to {
            None => older.first(),
            Some(RollbackTo::Tag(tag)) => older.iter().find(|version| version.tag.as_ref() == Some(tag)),
            Some(RollbackTo::Release(id)) => older.iter().find(|version| version.release == *id),
        };
        found.cloned().ok_or_else(|| {
            let wanted = match to {
                None => format!("there is no good version before {}", release.title()),
                Some(RollbackTo::Tag(tag)) => format!("{tag} is no good version older than {}", release.title()),
                Some(RollbackTo::Release(id)) => format!("#{id} is no good version older than {}", release.title()),
            };
            Refusal::new(Code::NoGoodVersion, format!("{wanted}; good versions: {}", known()))
        })
    }

    fn begin_rollback(&mut self, release: &Release, target: &Version) -> Result<(), Refusal> {
        let new = NewRun {
            release: release.id,
            environment: EnvironmentKind::Production,
            kind: RunKind::Rollback,
            housekeeping: false,
            from: Some(release.version()),
            to: target.clone(),
            steps: Vec::new(),
        };
        if !self.world.service.production.driver.is_ours() {
            self.world.note_ci_run(new, None);
            return Ok(());
        }
        let older = self.known(target.release)?;
        let planner = Planner {
            service: &self.world.service,
            environment: EnvironmentKind::Production,
            kind: RunKind::Rollback,
            run: Some(self.world.next_run),
        };
        let steps = planner
            .back(release, &older, &planner.everywhere(Position::NEWER))
            .map_err(|error| Refusal::new(Code::NoGoodVersion, error.to_string()))?;
        self.world.create_run(NewRun { steps, ..new });
        Ok(())
    }

    pub(super) fn bypass(&mut self, id: ReleaseId, gates: Vec<GateName>, reason: String) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Command, Some(&release))?;
        one_line_or_more("reason", &reason)?;
        if gates.is_empty() {
            return Err(Invalid::new("gates", "must name at least one gate").into());
        }
        if let Some(fixed) = gates.iter().find(|gate| !gate.can_be_bypassed()) {
            return Err(Invalid::new("gates", format!("{} cannot be bypassed", fixed.as_str())).into());
        }
        if !matches!(release.status, Status::ManualTesting | Status::ManualTestPassed) {
            return Err(self.illegal(&release, "sent past its gates"));
        }
        let by = self.actor.label().to_owned();
        let changed = self.world.release_mut(id);
        for &gate in &gates {
            changed.bypasses.retain(|old| old.gate != gate);
            changed.bypasses.push(Bypass { gate, by: by.clone(), reason: reason.clone() });
        }
        self.world.record(Some(id), None, Event::GatesBypassed { gates, reason });
        Ok(Answer::Release { id, created: false })
    }

    pub(super) fn lock(&mut self, reason: String) -> Decided {
        self.allow(Right::Command, None)?;
        one_line_or_more("reason", &reason)?;
        let by = self.actor.label().to_owned();
        self.set_lock(reason, by);
        Ok(Answer::Done)
    }

    fn set_lock(&mut self, reason: String, by: String) {
        let at = self.world.now;
        self.world.environment_mut(EnvironmentKind::Production).lock = Some(Lock { reason: reason.clone(), by, at });
        self.world.record(None, None, Event::ProductionLocked { reason });
    }

    pub(super) fn unlock(&mut self) -> Decided {
        self.allow(Right::Command, None)?;
        if self.world.production.lock.is_some() {
            self.world.environment_mut(EnvironmentKind::Production).lock = None;
            self.world.record(None, None, Event::ProductionUnlocked {});
        }
        Ok(Answer::Done)
    }
}

fn unknown_in_the_way(run: &crate::domain::run::Run) -> Refusal {
    Refusal::new(
        Code::RunUnknown,
        format!(
            "it is not known how run {} of #{} ended, and it may still be at work; look first, then repeat with `force`, or `resolve` it",
            run.id, run.release
        ),
    )
    .legal(["resolve"])
}

fn one_line_or_more(field: &str, text: &str) -> Result<(), Invalid> {
    one_line(field, text.lines().next().unwrap_or_default(), REASON)?;
    readable(field, text, REASON)
}
