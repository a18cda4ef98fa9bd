//! What the repository says of the commit of a release: it becomes known, is confirmed or denied, or the tag has moved.

use jiff::Timestamp;

use crate::domain::command::Answer;
use crate::domain::commit_check::{CommitAnswer, CommitCheck};
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::fault::repository::RepositoryFault;
use crate::domain::ids::{Commit, ReleaseId};
use crate::domain::plan::clone_url;
use crate::domain::reason::Reason;
use crate::domain::release::Release;
use crate::domain::run::RunState;
use crate::domain::status::Status;

use super::{Decided, Draft};

impl Draft<'_, '_> {
    pub(super) fn commit_resolved(&mut self, id: ReleaseId, commit: Commit, tag_object: Option<&Commit>) -> Decided {
        let release = self.known(id)?;
        let ours = self.world.service.stage().driver.is_ours();
        if release.commit.is_none() && release.status.is_active() {
            self.world.note_commit_check(id, CommitCheck::CONFIRMED);
            self.learn_commit(id, commit);
        } else if release.commit.as_ref() == tag_object
            && release.commit.as_ref() != Some(&commit)
            && (release.status == Status::Initiated || !ours && release.status.is_cancellable())
        {
            // The id that was given is that of the tag itself. Nothing has begun with it: the plan is made anew.
            self.drop_queued(id, Env::Stage, &Reason::TagItselfGiven { commit: commit.clone() });
            self.world.note_commit_check(id, CommitCheck::CONFIRMED);
            self.learn_commit(id, commit);
        } else if release.commit.is_some()
            && (release.commit.as_ref() == Some(&commit) || release.commit.as_ref() == tag_object)
        {
            self.confirm(&release, commit);
        }
        Ok(Answer::Release { id, created: false })
    }

    /// What was told is so. That is told only where it was denied before.
    fn confirm(&mut self, release: &Release, commit: Commit) {
        let denied = release.denied();
        if release.commit_check.as_ref() != Some(&CommitCheck::CONFIRMED) {
            self.world.note_commit_check(release.id, CommitCheck::CONFIRMED);
        }
        if denied.is_some() && release.status.is_active() {
            let changed = self.world.release_mut(release.id);
            if matches!(changed.reason, Some(Reason::CommitUnresolved { .. })) {
                changed.reason = None;
            }
            self.world.record(Some(release.id), None, Event::CommitResolved { commit });
        }
    }

    pub(super) fn commit_unresolved(&mut self, id: ReleaseId, cause: Reason, again: Option<Timestamp>) -> Decided {
        let release = self.known(id)?;
        let answer = Ok(Answer::Release { id, created: false });
        let denies = cause.denies();
        if release.commit_check.as_ref().is_some_and(CommitCheck::is_confirmed) {
            return answer;
        }
        let heard = match release.denied() {
            // What it has said stands until it says something else.
            Some(Reason::CommitUnresolved { cause, .. }) if !denies => CommitAnswer::Denied { cause: *cause, again },
            Some(_) | None if denies => CommitAnswer::Denied { cause: cause.clone(), again },
            Some(_) | None => CommitAnswer::Unanswered { cause: cause.clone(), again },
        };
        self.world.note_commit_check(id, CommitCheck { asked: false, answer: Some(heard) });
        if release.commit.is_some() && !denies || !release.status.is_active() {
            return answer;
        }
        let told = release.commit_check.as_ref().and_then(CommitCheck::cause) == Some(&cause);
        let reason = Reason::CommitUnresolved { cause: Box::new(cause), again };
        if told {
            if matches!(release.reason, Some(Reason::CommitUnresolved { .. }) | None) {
                self.world.note_reason(id, reason.clone());
            }
        } else {
            self.world.release_mut(id).reason = Some(reason.clone());
            self.world.record(Some(id), None, Event::CommitUnresolved { reason: reason.clone() });
        }
        // Nothing has been touched.
        self.drop_queued(id, Env::Stage, &reason);
        if release.status == Status::ManualTestPassed {
            self.drop_queued(id, Env::Production, &reason);
        }
        if again.is_none() && self.world.service.stage().driver.is_ours() && release.status == Status::Initiated {
            self.world.move_release(id, Status::StageBuilding, None);
            self.world.move_release(id, Status::StageBuildingFailed, Some(reason));
        }
        answer
    }

    /// Takes back a run of a release of which nothing has begun.
    fn drop_queued(&mut self, id: ReleaseId, environment: Env, reason: &Reason) {
        let planned = self.world.occupying_run(environment);
        let planned =
            planned.filter(|run| run.release == id && run.state == RunState::Queued && !run.may_be_dispatched());
        if let Some(run) = planned.map(|run| run.id) {
            self.close_run(run, RunState::Stopped { reason: reason.clone() });
        }
    }

    pub(super) fn tag_moved(&mut self, id: ReleaseId, now: Option<Commit>) -> Decided {
        let release = self.known(id)?;
        let (Some(tag), Some(from)) =
            (release.tag.clone(), release.commit.clone().filter(|commit| Some(commit) != now.as_ref()))
        else {
            return Ok(Answer::Release { id, created: false });
        };
        if !release.is_confirmed() {
            // It has never pointed there.
            let cause = now.map_or_else(
                || {
                    let url = clone_url(self.world.service.repository.as_deref().unwrap_or_default());
                    Reason::Repository { fault: RepositoryFault::NoTag { url, tag: tag.clone() } }
                },
                |now| self.other_commit(&tag, &from, &now),
            );
            return self.commit_unresolved(id, cause, None);
        }
        let gone = now.is_none();
        self.world.record(Some(id), None, Event::TagMoved { tag, from, to: now.clone(), gone });
        if release.status.is_cancellable() {
            let tag = release.title();
            let reason = now
                .map_or_else(|| Reason::TagGone { tag: tag.clone() }, |to| Reason::TagMoved { tag: tag.clone(), to });
            self.end_before_production(id, reason);
        }
        Ok(Answer::Release { id, created: false })
    }
}
