//! New releases, and the ones that they turn out to be already.

use crate::domain::artifact::Artifact;
use crate::domain::cause::Cause;
use crate::domain::command::{Answer, NewRelease};
use crate::domain::commit_check::CommitCheck;
use crate::domain::effect::Effect;
use crate::domain::env::Env;
use crate::domain::event::Event;
use crate::domain::fault::repository::RepositoryFault;
use crate::domain::ids::{Attempt, Commit, ReleaseId, Revision, Tag};
use crate::domain::moves::Move;
use crate::domain::person::{Actor, Right};
use crate::domain::plan::{check_values, clone_url};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::release::{Release, Reporter};
use crate::domain::rule::{Invalid, Rule};
use crate::domain::run::{Run, RunState, StopKind};
use crate::domain::status::Status;
use crate::domain::text::is_same_name;

use super::{Decided, Draft};

impl Draft<'_, '_> {
    pub(super) fn create(&mut self, new: NewRelease) -> Decided {
        self.allow(Right::Create, None)?;
        self.check_surfaces(&new.artifacts)?;
        if let Some(answer) = self.same_ci_run(&new)? {
            return Ok(answer);
        }
        if let Some(answer) = self.same_candidate(&new)? {
            return Ok(answer);
        }
        self.check_commit_can_be_known(&new)?;
        self.watch_tag_in_production(&new);
        let now = self.world.now;
        let id = self.world.next_release;
        // With a person's token, that person is the initiator; any other caller names one.
        let (told, said_by) = match self.actor {
            Actor::Person { name, .. } => (name.to_string(), None),
            Actor::Token { name, .. } => (new.initiated_by, Some(name.clone())),
            Actor::Operator | Actor::Machine => (new.initiated_by, None),
        };
        let own = self.actor.person().map(ToString::to_string);
        let initiators = self.initiators(told.clone(), own.into_iter().chain(new.proven).collect());
        let said_by = said_by.filter(|_| initiators.shown == told);
        let is_checked = new.commit_checked && new.commit.is_some();
        let asks = self.world.service.repository.is_some() && !is_checked;
        let commit_check = if is_checked { Some(CommitCheck::CONFIRMED) } else { asks.then_some(CommitCheck::ASKED) };
        let release = Release {
            id,
            service: new.service,
            tag: new.tag,
            commit: new.commit,
            commit_check,
            status: Status::Initiated,
            status_since: now,
            reason: None,
            attempt: Attempt(1),
            revision: Revision(1),
            owner: new.owner.map_or_else(|| initiators.shown.clone(), |owner| self.owner_called(owner)),
            initiated_by: initiators.shown.clone(),
            said_by,
            proven_initiators: initiators.proven.clone(),
            ci_run: new.ci_run,
            tagged_at: new.tagged_at,
            notes: new.notes,
            artifacts: new.artifacts,
            rollback_to_tag: None,
            rehearsal: None,
            promoted: false,
            held: false,
            bypasses: Vec::new(),
            created_at: now,
            started_at: now,
            completed_at: None,
        };
        let event = Event::ReleaseCreated {
            tag: release.tag.clone(),
            commit: release.commit.clone(),
            initiated_by: release.initiated_by.clone(),
        };
        self.world.record(Some(id), None, event);
        self.record_others(id, &initiators);
        if asks {
            self.world.changes.effects.push(Effect::ResolveCommit { release: id });
        }
        let known = release.commit.is_some();
        self.world.add_release(release);
        if known {
            self.list_commits(id);
        }
        Ok(Answer::Release { id, created: true })
    }

    /// The name of the person that is meant, however it is spelled; another name stays as it is.
    fn owner_called(&self, name: String) -> String {
        let is_meant = |known: &str| is_same_name(known, name.trim_start_matches('@'));
        let person = self
            .world
            .people
            .values()
            .find(|person| is_meant(person.name.as_str()) || person.github.as_deref().is_some_and(is_meant));
        person.map_or(name, |person| person.name.to_string())
    }

    /// The same CI run means the same release; where that has ended, a re-run means a retry: a higher attempt of it, or
    /// after a failure on stage, one of a CI system that does not count. So it does while the release is on stage: the
    /// job that had brought it there has died, or does it once more.
    fn same_ci_run(&mut self, new: &NewRelease) -> Result<Option<Answer>, Refusal> {
        let Some(ci_run) = &new.ci_run else { return Ok(None) };
        let Some(release) = self.world.of_ci_run(&ci_run.id) else { return Ok(None) };
        if new.tag.is_some() && release.tag != new.tag {
            let (ci_run, title) = (ci_run.id.clone(), release.title());
            return Err(Cause::CiRunTaken { ci_run, release: release.id, title }.into());
        }
        if is_other(release.commit.as_ref(), new.commit.as_ref()) {
            // A tag that has moved under the CI run: not the same release, whatever the run's id.
            return Ok(None);
        }
        let newer = release.ci_run.as_ref().is_some_and(|known| ci_run.attempt > known.attempt);
        let ended = !release.status.is_active();
        let again = (newer || !new.attempt_told) && self.ci_has_stage_for(&release);
        if ended {
            let begins = if new.attempt_told {
                newer && release.status.is_retryable()
            } else {
                release.status.failed_on_stage()
            };
            if !begins {
                let (title, status) = (release.title(), release.status);
                let cause = Cause::AlreadyEnded { release: release.id, title, status };
                return Err(Refusal::from(cause).legal(release.legal_moves().map(Move::as_str)));
            }
            self.start_over(&release, None)?;
        } else if again {
            self.begin_again_on_stage(&release, ci_run.id.clone())?;
        }
        if newer {
            self.world.release_mut(release.id).ci_run = Some(ci_run.clone());
        }
        self.prove_initiators(release.id, &new.proven);
        // Also of an attempt that has just begun: it brings what this CI run has built.
        self.learn_artifacts_from(release.id, new)?;
        self.learn_commit_from(&release, new);
        self.ask_again(release.id);
        Ok(Some(Answer::Release { id: release.id, created: ended || again }))
    }

    /// Whether a CI system brings this release to stage, or has: nothing of RMM's own is at work there.
    pub(super) fn ci_has_stage_for(&self, release: &Release) -> bool {
        release.status.holds_stage() && !self.world.service.stage().driver.is_ours()
    }

    /// The CI run of a release begins again while the release is on stage: what it has reported so far is out of date, and
    /// so are the votes on it.
    pub(super) fn begin_again_on_stage(&mut self, release: &Release, ci_run: String) -> Result<(), Refusal> {
        let reason = Reason::CiBeganAgain { ci_run, was: release.status };
        let run = self.world.occupying_run(Env::Stage).filter(|run| run.release == release.id);
        if let Some(run) = run {
            self.close_run(run.id, RunState::Stopped { reason: reason.clone() });
        }
        self.start_over(release, Some(reason))
    }

    /// The same tag (or, without one, the same commit) while active means the same release, unless something differs.
    fn same_candidate(&mut self, new: &NewRelease) -> Result<Option<Answer>, Refusal> {
        let Some(release) = self.world.candidate(new.tag.as_ref(), new.commit.as_ref()) else { return Ok(None) };
        if let (Some(tag), Some(was), Some(now)) = (&release.tag, &release.commit, &new.commit)
            && is_other(Some(was), Some(now))
        {
            self.check_moved(new, &release, was, now)?;
            return self.supersede_moved_tag(&release, tag, was, now).map(|()| None);
        }
        match (&release.ci_run, &new.ci_run) {
            (Some(known), Some(other)) => {
                return Err(Cause::OnItsWay {
                    title: release.title(),
                    release: release.id,
                    status: release.status,
                    started_by: Some(known.id.clone()),
                    asked_by: Some(other.id.clone()),
                }
                .into());
            }
            (None, Some(ci_run)) => self.world.release_mut(release.id).ci_run = Some(ci_run.clone()),
            (Some(_) | None, None) => {}
        }
        self.prove_initiators(release.id, &new.proven);
        self.learn_artifacts_from(release.id, new)?;
        self.learn_commit_from(&release, new);
        self.ask_again(release.id);
        Ok(Some(Answer::Release { id: release.id, created: false }))
    }

    /// A release whose deploy RMM starts needs a commit, so there must be a source for it.
    fn check_commit_can_be_known(&self, new: &NewRelease) -> Result<(), Refusal> {
        let service = &self.world.service;
        let ours = service.stage().driver.is_ours() || service.production().driver.is_started_by_rmm();
        if new.commit.is_none() && service.repository.is_none() && ours {
            let rule = Rule::CommitWithoutRepository { service: service.name.clone() };
            return Err(Invalid::new("commit", rule).into());
        }
        Ok(())
    }

    /// A tag that has moved while production runs what it meant before: an alarm, and nothing else.
    fn watch_tag_in_production(&mut self, new: &NewRelease) {
        let Some(running) = self.world.production().current.clone() else { return };
        if let (Some(tag), Some(from), Some(to)) = (running.tag, running.commit, &new.commit)
            && new.tag.as_ref() == Some(&tag)
            && from != *to
            && self.has_moved(new)
        {
            self.world.record(
                Some(running.release),
                None,
                Event::TagMoved { tag, from, to: Some(to.clone()), gone: false },
            );
        }
    }

    /// Whether a tag counts as moved: the repository says so, or where there is none, the CI system does.
    fn has_moved(&self, new: &NewRelease) -> bool {
        let asked = self.world.service.repository.is_some();
        new.commit_checked || !asked && self.allow(Right::Report, None).is_ok()
    }

    fn check_moved(&self, new: &NewRelease, known: &Release, was: &Commit, now: &Commit) -> Result<(), Refusal> {
        if self.has_moved(new) {
            return Ok(());
        }
        let (was, now) = (was.clone(), now.clone());
        Err(Cause::TagClaimed { release: known.id, title: known.title(), was, now }.into())
    }

    /// Who tells other artifacts must not take it that those will ship: they do, or the request is refused.
    fn learn_artifacts_from(&mut self, id: ReleaseId, new: &NewRelease) -> Result<(), Refusal> {
        let release = self.known(id)?;
        let said = |artifact: &&Artifact| artifact.artifact.is_some() || artifact.digest.is_some();
        let told: Vec<_> = new.artifacts.iter().filter(said).cloned().collect();
        if release.status.is_active() && exchanges(&release.artifacts, &told) {
            let reporter = new.ci_run.as_ref().filter(|_| new.attempt_told);
            let reporter = reporter.map(|run| Reporter::of(run.id.clone(), Some(run.attempt), None));
            self.update(id, told, reporter.as_ref())?;
        }
        Ok(())
    }

    fn learn_commit_from(&mut self, release: &Release, new: &NewRelease) {
        if let (None, Some(commit)) = (&release.commit, &new.commit)
            && release.status.is_active()
        {
            self.learn_commit(release.id, commit.clone());
            if new.commit_checked {
                self.world.note_commit_check(release.id, CommitCheck::CONFIRMED);
            }
        }
    }

    /// The repository is asked once more about a release of which it has not said yes yet.
    pub(super) fn ask_again(&mut self, id: ReleaseId) {
        let release = self.world.release(id);
        let Some(check) = release.commit_check.clone().filter(|check| !check.is_confirmed()) else { return };
        if release.status.is_active() && self.world.service.repository.is_some() {
            self.world.note_commit_check(id, CommitCheck { asked: true, ..check });
            self.world.changes.effects.push(Effect::ResolveCommit { release: id });
        }
    }

    /// The tag points elsewhere now: an alarm. What is not in production yet goes out of the way.
    fn supersede_moved_tag(&mut self, release: &Release, tag: &Tag, was: &Commit, now: &Commit) -> Result<(), Refusal> {
        if !release.is_confirmed() && release.status.is_cancellable() {
            // It has never pointed there.
            let cause = Box::new(self.other_commit(tag, was, now));
            self.end_before_production(release.id, Reason::CommitUnresolved { cause, again: None });
            return Ok(());
        }
        let event = Event::TagMoved { tag: tag.clone(), from: was.clone(), to: Some(now.clone()), gone: false };
        if !release.status.is_cancellable() {
            let (title, now, status) = (release.title(), now.clone(), release.status);
            let cause = Cause::TagMovedTooLate { title, now, release: release.id, status };
            return Err(self.refuse_on_record(release.id, event, cause.into()));
        }
        self.world.record(Some(release.id), None, event);
        self.end_before_production(release.id, Reason::TagMoved { tag: release.title(), to: now.clone() });
        Ok(())
    }

    /// What there is to say of a commit that was told, and is not what the tag points at.
    pub(super) fn other_commit(&self, tag: &Tag, told: &Commit, commit: &Commit) -> Reason {
        let url = clone_url(self.world.service.repository.as_deref().unwrap_or_default());
        let (tag, told, commit) = (tag.clone(), told.clone(), commit.clone());
        Reason::Repository { fault: RepositoryFault::OtherCommit { url, tag, told, commit } }
    }

    /// Takes a release out before production: at once, or as soon as its running step has been ended.
    pub(super) fn end_before_production(&mut self, id: ReleaseId, reason: Reason) {
        let by = self.actor.label().to_owned();
        let live = self.world.occupying().find(|run| run.release == id && run.moves_its_release());
        let ours = |run: &Run| self.world.service.environment(run.environment).driver.is_ours();
        match live {
            Some(run) if ours(&run) && run.state == RunState::Running => {
                self.stop_run(run.id, StopKind::Cancel, by, reason, false);
            }
            // It is looked up at GitHub, and ended there.
            Some(run) if run.state == RunState::Queued && run.may_be_dispatched() => {
                self.stop_run(run.id, StopKind::Cancel, by, reason, false);
            }
            Some(run) if run.state.is_live() => {
                self.close_run(run.id, RunState::Stopped { reason: reason.clone() });
                self.world.move_release(id, Status::Cancelled, Some(reason));
            }
            Some(_) | None => self.world.move_release(id, Status::Cancelled, Some(reason)),
        }
    }

    /// Same number, next attempt, from the start; votes of the old attempt do not count any more.
    ///
    /// # Errors
    /// A refusal when the same tag (or commit) is on its way already as another release.
    pub(super) fn start_over(&mut self, release: &Release, reason: Option<Reason>) -> Result<(), Refusal> {
        let id = release.id;
        let twin = self.world.candidate(release.tag.as_ref(), release.commit.as_ref());
        if let Some(twin) = twin.filter(|twin| twin.id != id) {
            let (title, release, status) = (twin.title(), twin.id, twin.status);
            return Err(Cause::OnItsWay { title, release, status, started_by: None, asked_by: None }.into());
        }
        self.world.move_release(id, Status::Initiated, reason);
        let now = self.world.now;
        let release = self.world.release_mut(id);
        release.attempt.0 += 1;
        release.started_at = now;
        release.rehearsal = None;
        release.promoted = false;
        release.held = false;
        release.bypasses.clear();
        release.rollback_to_tag = None;
        let attempt = release.attempt;
        if release.commit.is_none() && release.commit_check.is_none() {
            release.commit_check = Some(CommitCheck::default());
        }
        self.world.record(Some(id), None, Event::ReleaseRetried { attempt });
        self.ask_again(id);
        // Production may have changed since they were listed.
        self.list_commits(id);
        Ok(())
    }

    /// The commit becomes known; from now on it never changes.
    pub(super) fn learn_commit(&mut self, id: ReleaseId, commit: Commit) {
        let release = self.world.release_mut(id);
        release.commit = Some(commit.clone());
        release.reason = None;
        self.world.record(Some(id), None, Event::CommitResolved { commit: commit.clone() });
        self.list_commits(id);
        let release = self.world.release(id);
        if release.status == Status::ManualTesting && !self.world.approved_something_else(&release).is_empty() {
            self.world.release_mut(id).reason = Some(Reason::CommitKnownLate { commit });
        }
    }

    /// What a release brings beside what production runs is listed, where both are known.
    pub(super) fn list_commits(&mut self, id: ReleaseId) {
        let base = self.world.production().current.as_ref().and_then(|version| version.commit.as_ref());
        let differs = base.is_some_and(|base| self.world.release(id).commit.as_ref().is_some_and(|head| head != base));
        if differs && self.world.service.repository.is_some() {
            self.world.changes.effects.push(Effect::ListCommits { release: id });
        }
    }

    pub(super) fn update(&mut self, id: ReleaseId, artifacts: Vec<Artifact>, ci_run: Option<&Reporter>) -> Decided {
        let release = self.known(id)?;
        self.allow(Right::Report, Some(&release))?;
        // What is built is told by those who may say that they build.
        if let Some(reporter) = ci_run {
            self.check_run(&release, Status::StageBuilding, Env::Stage, reporter)?;
        }
        self.check_surfaces(&artifacts)?;
        // A rehearsal that is repeated opens nothing: people have tested what is there.
        let untested = matches!(release.status, Status::Initiated | Status::StageBuilding | Status::StageTestRollback)
            && release.rehearsal.is_none();
        let on_stage = self.world.occupying_run(Env::Stage).filter(|run| run.release == id).map(|run| run.id);
        let planned = on_stage.is_some() || release.status != Status::Initiated;
        let ours = self.world.service.stage().driver.is_ours();
        // Where a CI system brings stage to it, it tells what it has built meanwhile.
        if !untested || ours && planned && exchanges(&release.artifacts, &artifacts) {
            let status = release.status;
            let planned = Cause::ArtifactsPlanned { release: id, status };
            return Err(if untested { planned } else { Cause::ArtifactsTested { release: id, status } }.into());
        }
        let surfaces = artifacts.iter().map(|artifact| artifact.name.to_string()).collect();
        let known = &mut self.world.release_mut(id).artifacts;
        for artifact in artifacts {
            match known.iter_mut().find(|old| old.name == artifact.name) {
                Some(old) => *old = artifact,
                None => known.push(artifact),
            }
        }
        self.world.record(Some(id), None, Event::ReleaseUpdated { surfaces });
        if let Some(run) = on_stage {
            let content = self.world.content(&self.world.release(id));
            self.world.run_mut(run).content = Some(content);
        }
        Ok(Answer::Release { id, created: false })
    }

    fn check_surfaces(&self, artifacts: &[Artifact]) -> Result<(), Refusal> {
        for (at, artifact) in artifacts.iter().enumerate() {
            let field = format!("surfaces[{at}].name");
            if !self.world.service.surfaces.iter().any(|surface| surface.name == artifact.name) {
                let known = self.world.service.surfaces.iter().map(|surface| surface.name.clone()).collect();
                let rule = Rule::KnownSurface { surface: artifact.name.clone(), known };
                return Err(Invalid::new(field, rule).into());
            }
            if artifacts[..at].iter().any(|other| other.name == artifact.name) {
                return Err(Invalid::new(field, Rule::SurfaceOnce).into());
            }
        }
        Ok(check_values(&self.world.service, artifacts)?)
    }
}

/// Whether artifacts or digests differ from those that are known; where people can try something is no part of it.
fn exchanges(known: &[Artifact], told: &[Artifact]) -> bool {
    told.iter().any(|told| {
        let known = known.iter().find(|known| known.name == told.name);
        (&told.artifact, &told.digest) != known.map_or((&None, &None), |known| (&known.artifact, &known.digest))
    })
}

/// Whether both commits are known and differ.
fn is_other(known: Option<&Commit>, told: Option<&Commit>) -> bool {
    matches!((known, told), (Some(known), Some(told)) if known != told)
}
