//! Brings one mark to what it has to say. Before a deployment or a comment is made, RMM looks whether it is there: an earlier
//! attempt, whose answer was lost, may have made it.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::clients::github::{GitHub, NewDeployment};
use crate::domain::env::Env;
use crate::domain::environment::Stragglers;
use crate::domain::fault::github::GithubFault;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::mark::{DeploymentState, MarkKind, VoteOutcome, is_deployment};
use crate::domain::release::Release;
use crate::domain::repository::RepoName;
use crate::domain::run::{Run, RunKind};
use crate::engine::catalog::Catalog;
use crate::engine::{Engine, Failure};
use crate::store::marks::{self, Due, Mark};
use crate::store::{StoreError, WriteError, releases, runs};
use crate::wording::marks as words;

/// By how much GitHub's clock and RMM's may differ.
const CLOCKS: SignedDuration = SignedDuration::from_hours(24);

/// Why a mark was not left.
pub(super) enum Failed {
    Github(GithubFault),
    Store(StoreError),
}

impl From<GithubFault> for Failed {
    fn from(fault: GithubFault) -> Self {
        Self::Github(fault)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What it took to leave a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// GitHub was asked.
    Asked,
    /// It says that already, or there is none to be left.
    Already,
}

/// A release, and what is told of it.
struct Looked {
    release: Release,
    how: VoteOutcome,
    stragglers: Option<Stragglers>,
}

impl Looked {
    fn comment(&self, line: &str, page: Option<&str>) -> String {
        words::comment(line, &self.release, self.how, self.stragglers.as_ref(), page)
    }
}

/// The repository of a service, where marks are left.
pub(super) struct Site<'a> {
    engine: &'a Engine,
    catalog: Arc<Catalog>,
    github: GitHub,
    pub repository: RepoName,
}

impl<'a> Site<'a> {
    pub fn of(engine: &'a Engine, service: &ServiceName) -> Option<Self> {
        let catalog = engine.catalog();
        let (github, repository) = catalog.github_of(service).ok()?;
        Some(Self { engine, github: github.clone(), repository, catalog: catalog.clone() })
    }

    /// Leaves a mark as it has to be now.
    pub async fn leave(&self, due: &Due) -> Result<Left, Failed> {
        let (kind, about) = (due.kind, due.about);
        let mark = self.engine.read(move |conn| marks::get(conn, kind, about)).await?;
        // What was left in another repository stays there as it is.
        if mark.as_ref().is_some_and(|mark| mark.is_given_up() || !self.repository.is(&mark.repository)) {
            return Ok(Left::Already);
        }
        match kind {
            MarkKind::Deployment => self.deployment(RunId(about), mark).await,
            MarkKind::Status => self.status(ReleaseId(about), mark).await,
            MarkKind::Comment => self.comment(ReleaseId(about), mark).await,
        }
    }

    async fn deployment(&self, id: RunId, mark: Option<Mark>) -> Result<Left, Failed> {
        let catalog = Arc::clone(&self.catalog);
        let found = self.engine.read(move |conn| {
            let Some(run) = runs::get(conn, id)?.filter(is_deployment) else { return Ok(None) };
            let replaced = marks::is_replaced(conn, &run)?;
            let to = releases::get(conn, run.to.release)?;
            let hosts = catalog.service(&run.service).map(|service| service.hosts_in(run.environment));
            let there = runs::environment(conn, &run.service, run.environment)?;
            Ok(Some((run, replaced, to, there.stragglers(&hosts.unwrap_or_default()))))
        });
        let Some((run, replaced, to, stragglers)) = found.await? else { return Ok(Left::Already) };
        let state = DeploymentState::of(&run, replaced);
        let made = match mark {
            Some(mark) => mark,
            // Nothing was begun, or it is over.
            None if state == DeploymentState::Inactive => return Ok(Left::Already),
            None => {
                let commit = run.to.commit.clone().or_else(|| to?.commit);
                let git_ref = commit.map(|it| it.to_string()).or_else(|| Some(run.to.tag.as_ref()?.to_string()));
                let Some(git_ref) = git_ref else { return Ok(Left::Already) };
                let number = self.make_deployment(&run, &git_ref).await?;
                let mark = self.mark(Some(number), String::new());
                self.note(MarkKind::Deployment, id.0, mark.clone(), Vec::new()).await?;
                mark
            }
        };
        let stragglers = stragglers.filter(|left| left.hosts.iter().any(|host| run.left.contains_key(host)));
        let said = words::deployment_state(state, stragglers.as_ref());
        let page = self.catalog.release_page(run.release);
        let shown = format!("{said}\n{}", page.as_deref().unwrap_or_default());
        let (Some(number), true) = (made.number, made.shown != shown) else { return Ok(Left::Already) };
        let told = self.github.deployment_status(&self.repository, number, state, &said, page.as_deref()).await;
        let stands = state == DeploymentState::Success && run.environment == Env::Production;
        // Of production, GitHub lets them stand beside each other.
        let others = if stands {
            let of = run.clone();
            self.engine.read(move |conn| marks::standing_before(conn, &of)).await?
        } else {
            Vec::new()
        };
        let mark = Mark { shown, stands, ..made };
        self.noted(MarkKind::Deployment, id.0, told, mark, self.due_again(&run, others)).await
    }

    fn due_again(&self, run: &Run, others: Vec<RunId>) -> Vec<Due> {
        let (since, at) = (self.engine.store().progress().borrow().last_event, self.engine.now());
        let due = |RunId(about)| Due { kind: MarkKind::Deployment, about, service: run.service.clone(), since, at };
        others.into_iter().map(due).collect()
    }

    async fn make_deployment(&self, run: &Run, git_ref: &str) -> Result<u64, GithubFault> {
        let description = words::deployment(run);
        let new = NewDeployment {
            git_ref,
            environment: &self.environment(run),
            task: if run.kind == RunKind::Rollback { "rollback" } else { "deploy" },
            word: &run.token(&self.engine.ports().instance),
            description: &description,
            production: run.environment == Env::Production,
            transient: run.environment.is_preview(),
        };
        match self.github.made_deployment(&self.repository, &new).await? {
            Some(number) => Ok(number),
            None => self.github.deployment(&self.repository, &new).await,
        }
    }

    /// The name of an environment at GitHub, where services of one repository would share it.
    fn environment(&self, run: &Run) -> String {
        let mut others = self.catalog.in_force().filter(|service| service.name != run.service);
        let is_here =
            |name| self.catalog.github_of(name).is_ok_and(|(_, other)| self.repository.is(&other.to_string()));
        if others.any(|service| is_here(&service.name)) {
            format!("{}-{}", run.service, run.environment)
        } else {
            run.environment.to_string()
        }
    }

    async fn status(&self, id: ReleaseId, mark: Option<Mark>) -> Result<Left, Failed> {
        let Some(Looked { release, how, .. }) = self.look(id).await? else { return Ok(Left::Already) };
        let of = release.clone();
        let is_anothers = self.engine.read(move |conn| marks::has_successor(conn, &of)).await?;
        let Some(commit) = release.commit.as_ref().filter(|_| !is_anothers) else { return Ok(Left::Already) };
        let (said, page) = (words::standing(how), self.catalog.release_page(id));
        let shown = format!("{said}\n{}", page.as_deref().unwrap_or_default());
        if mark.is_some_and(|mark| mark.shown == shown) {
            return Ok(Left::Already);
        }
        let context = format!("rmm/{}", release.service);
        let (repository, page) = (&self.repository, page.as_deref());
        self.github.commit_status(repository, commit.as_str(), &context, how.state(), &said, page).await?;
        self.note(MarkKind::Status, id.0, self.mark(None, shown), Vec::new()).await?;
        Ok(Left::Asked)
    }

    async fn comment(&self, id: ReleaseId, mark: Option<Mark>) -> Result<Left, Failed> {
        let Some(looked) = self.look(id).await? else { return Ok(Left::Already) };
        let Some(commit) = &looked.release.commit else { return Ok(Left::Already) };
        let line = words::comment_line(&self.engine.ports().instance, id);
        let page = self.catalog.release_page(id);
        let mut text = looked.comment(&line, page.as_deref());
        let number = match mark {
            Some(mark) if mark.shown == text => return Ok(Left::Already),
            Some(Mark { number: Some(number), .. }) => Some(number),
            Some(Mark { number: None, .. }) | None => {
                let Some(pull) = self.github.pull_of(&self.repository, commit.as_str()).await? else {
                    // One may be opened later: it is looked for when there is something else to say.
                    self.note(MarkKind::Comment, id.0, self.mark(None, text), Vec::new()).await?;
                    return Ok(Left::Asked);
                };
                let created = looked.release.created_at;
                let since = created.checked_sub(CLOCKS).unwrap_or(created);
                let made = self.github.made_comment(&self.repository, pull, &line, since).await?;
                // GitHub may have taken long to answer: it is told what is so now.
                if let Some(looked) = self.look(id).await? {
                    text = looked.comment(&line, page.as_deref());
                }
                if made.is_none() {
                    let number = self.github.comment(&self.repository, pull, &text).await?;
                    self.note(MarkKind::Comment, id.0, self.mark(Some(number), text), Vec::new()).await?;
                    return Ok(Left::Asked);
                }
                made
            }
        };
        let Some(number) = number else { return Ok(Left::Already) };
        let told = self.github.edit_comment(&self.repository, number, &text).await;
        self.noted(MarkKind::Comment, id.0, told, self.mark(Some(number), text), Vec::new()).await
    }

    /// A release and how it stands. None where nothing is known of it any more.
    async fn look(&self, id: ReleaseId) -> Result<Option<Looked>, StoreError> {
        let looked = self.engine.look(id, |world, release| Looked {
            how: VoteOutcome::of(release, &world.tally(release)),
            stragglers: Stragglers::of(release, world.environment(Env::Production), &world.service),
            release: release.clone(),
        });
        match looked.await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused(_)) => Ok(None),
            Err(Failure::Store(error)) => Err(error),
        }
    }

    fn mark(&self, number: Option<u64>, shown: String) -> Mark {
        Mark { repository: self.repository.to_string(), given_up: false, number, shown, stands: false }
    }

    /// Notes what a mark says now. Where it is gone, a person has deleted it and wants none.
    async fn noted(
        &self,
        kind: MarkKind,
        about: i64,
        told: Result<(), GithubFault>,
        mark: Mark,
        due: Vec<Due>,
    ) -> Result<Left, Failed> {
        match told {
            Ok(()) => self.note(kind, about, mark, due).await?,
            Err(GithubFault::NotFound { .. }) => {
                let (mark, repository) = (Mark { given_up: true, stands: false, ..mark }, self.repository.to_string());
                tracing::info!(
                    repository,
                    mark = kind.as_str(),
                    about,
                    "what RMM has left on GitHub was deleted there"
                );
                self.note(kind, about, mark, Vec::new()).await?;
            }
            Err(fault) => return Err(fault.into()),
        }
        Ok(Left::Asked)
    }

    async fn note(&self, kind: MarkKind, about: i64, mark: Mark, due: Vec<Due>) -> Result<(), StoreError> {
        let noted = self.engine.store().write(move |tx| -> Result<(), StoreError> {
            due.iter().try_for_each(|due| marks::note_due(tx, due))?;
            marks::put(tx, kind, about, &mark)
        });
        noted.await.map_err(WriteError::flatten)
    }
}
