//! The vote on a release: a yes or a no of a person, on exactly what stage shows.

use crate::domain::approval::{Verdict, Vote};
use crate::domain::cause::{Cause, Code};
use crate::domain::command::Answer;
use crate::domain::event::Event;
use crate::domain::ids::{PersonName, ReleaseId, Revision};
use crate::domain::person::{Actor, Door, Right};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::Release;
use crate::domain::status::Status;

use super::people::given_reason;
use super::{Decided, Draft};

impl Draft<'_, '_> {
    pub(super) fn approve(&mut self, id: ReleaseId, seen: Option<Revision>) -> Decided {
        let (release, person, door) = self.voter(id)?;
        if self.has_approved(&release, &person) {
            return Ok(Answer::Release { id, created: false });
        }
        self.check_revision(&release, seen)?;
        self.check_vote_open(&release)?;
        let own = release.is_initiators(&person, self.world.people.get(&person));
        if own && self.world.service.approvals.forbid_self {
            return Err(Cause::SelfApproval { person, release: id, service: release.service }.into());
        }
        self.cast(&release, person.clone(), door, Verdict::Approved);
        let tally = self.world.tally(&self.world.release(id));
        let progress = tally.progress();
        let approved = Event::ReleaseApproved { person, commit: release.commit, progress, tally: Some(tally) };
        self.world.record(Some(id), None, approved);
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
        let reason = given_reason(&reason)?;
        self.cast(&release, person.clone(), door, Verdict::Rejected { reason: reason.clone() });
        let why = Reason::Rejected { by: person.to_string(), why: reason.clone() };
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
            let listed = self.world.service.approvals.required.clone();
            return Err(Cause::NotListed { person, service: release.service, listed }.into());
        }
        Ok((release, person, door))
    }

    fn who(&self) -> Result<(PersonName, Door), Refusal> {
        match self.actor {
            Actor::Person { name, door, .. } => Ok((name.clone(), *door)),
            Actor::Token { .. } | Actor::Operator | Actor::Machine => Err(Cause::NotAPerson.into()),
        }
    }

    fn has_approved(&self, release: &Release, person: &PersonName) -> bool {
        self.world.tally(release).given.contains(person)
    }

    fn check_vote_open(&self, release: &Release) -> Result<(), Refusal> {
        if release.status == Status::ManualTesting {
            return Ok(());
        }
        let (release_id, status) = (release.id, release.status);
        let early = matches!(status, Status::Initiated | Status::StageBuilding | Status::StageTestRollback);
        let closed = Cause::VoteClosed { release: release_id, status };
        let cause = if early { Cause::VoteNotOpen { release: release_id, status } } else { closed };
        Err(Refusal::from(cause).legal(self.moves(release)))
    }

    fn cast(&mut self, release: &Release, person: PersonName, door: Door, verdict: Verdict) {
        let vote = Vote {
            release: release.id,
            attempt: release.attempt,
            commit: release.commit.clone(),
            content: Some(self.world.content(release)),
            person,
            verdict,
            at: self.world.now,
            door,
        };
        self.world.cast(release, vote);
    }
}
