//! Which commit a tag points at, and whether a commit is there: what repositories are asked.

use jiff::SignedDuration;

use super::Dispatcher;
use crate::clients::git::{Tagged, Unresolved};
use crate::domain::command::Command;
use crate::domain::fault::repository::RepositoryFault;
use crate::domain::ids::ReleaseId;
use crate::domain::person::Actor;
use crate::domain::plan::clone_url;
use crate::domain::reason::Reason;
use crate::domain::status::Status;
use crate::engine::source::Source;
use crate::engine::{Failure, Request};
use crate::store::outbox::Leased;
use crate::store::{outbox, releases};
use crate::wording::english;

/// The effect as the database names it.
pub(super) const KIND: &str = "resolve_commit";

impl Dispatcher {
    pub(super) async fn resolve_commit(&self, leased: &Leased, id: ReleaseId) -> Result<(), Failure> {
        let Some(release) = self.engine.read(move |conn| releases::get(conn, id)).await? else {
            return self.close(leased.id).await;
        };
        let catalog = self.engine.catalog();
        let service = catalog.service(&release.service);
        let repository = service.and_then(|service| service.repository.clone());
        let wanted = release.status.is_active() || release.commit_check.as_ref().is_some_and(|check| check.asked);
        let source = Source::of(&catalog, &release.service).filter(|_| wanted);
        let (Some(repository), Some(source)) = (repository, source) else { return self.close(leased.id).await };
        let looked = match (&release.tag, &release.commit) {
            (Some(tag), _) => source.resolve(tag).await,
            (None, Some(commit)) => source.find_commit(commit).await,
            (None, None) => return self.close(leased.id).await,
        };
        let hide = |reason: Reason| reason.map_text(&|text| catalog.redactor().text(text));
        let request = |command| Request::new(Actor::Machine, command).traced(leased.trace_id.clone());
        let pause = SignedDuration::from_millis(outbox::pause(leased.attempts));
        let later = self.engine.now().checked_add(pause).ok();
        // Where RMM brings stage to it, such a release fails, and a person has it begin again.
        let fails = release.status == Status::Initiated && service.is_some_and(|it| it.stage().driver.is_ours());
        let again = later.filter(|_| release.status.is_active() && !fails);
        let (reason, again) = match looked {
            Ok(tagged) => match (&release.tag, &release.commit) {
                (Some(tag), Some(told)) if !tagged.is_meant_by(told) && !release.is_confirmed() => {
                    let (url, tag, told, commit) = (clone_url(&repository), tag.clone(), told.clone(), tagged.commit);
                    let fault = RepositoryFault::OtherCommit { url, tag, told, commit };
                    (Reason::Repository { fault }, again)
                }
                (Some(_), Some(told)) if !tagged.is_meant_by(told) => {
                    let command = Command::TagMoved { release: id, now: Some(tagged.commit) };
                    return self.answered(leased, request(command)).await;
                }
                _ => {
                    let Tagged { commit, object } = tagged;
                    let command = Command::CommitResolved { release: id, commit, tag_object: object };
                    return self.answered(leased, request(command)).await;
                }
            },
            Err(Unresolved::ForNow(reason)) => (reason, later),
            Err(Unresolved::ForGood(reason) | Unresolved::NoTag(reason)) => (reason, again),
        };
        let reason = hide(reason);
        let command = Command::CommitUnresolved { release: id, reason: reason.clone(), again };
        if again.is_none() {
            return self.answered(leased, request(command)).await;
        }
        match self.engine.handle(request(command)).await {
            Ok(_) | Err(Failure::Refused(_)) => {}
            Err(failure) => return Err(failure),
        }
        // It was asked for anew meanwhile.
        if self.engine.read(move |conn| outbox::is_waiting(conn, KIND, id)).await? {
            return self.close(leased.id).await;
        }
        self.postpone(leased, &english(&reason)).await;
        Ok(())
    }

    /// What an answer means is carried out, and the question is done with.
    async fn answered(&self, leased: &Leased, request: Request) -> Result<(), Failure> {
        match self.engine.handle_and_close(request, leased.id).await {
            // The release is gone from the configuration: there is no service to tell.
            Err(Failure::Refused(_)) => self.close(leased.id).await,
            other => other.map(|_| ()),
        }
    }
}
