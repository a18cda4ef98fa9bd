//! The configuration of a running RMM: a file that may be read again, and services that are defined in the dashboard. One
//! after the other, so that each change is checked against what is in force.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::oneshot;

use super::{App, DataDir, local_steps};
use crate::config::{Block, Composed, Config, ConfigErrors, EnvVars, Problem};
use crate::doctor::{Examined, Part, Subject};
use crate::domain::cause::Cause;
use crate::domain::ids::ServiceName;
use crate::engine::{Engine, Failure};
use crate::store::dashboard::{self, Defined};
use crate::store::schema::open_reader;
use crate::web::limits::OpenFiles;
use crate::web::reload::{Change, Changed, Mistake, NotChanged, Outcome, Wanted};

/// The configuration of a running RMM.
pub struct ConfigFile {
    path: PathBuf,
    /// What the file said when it was read last.
    file: Config,
    /// Those that RMM runs with already.
    collisions: Vec<Problem>,
    engine: Engine,
    /// What its references lead to.
    env: EnvVars,
}

impl ConfigFile {
    /// The file of which an RMM has read this configuration, with these variables. With the services of the dashboard it is in
    /// force from here on; no service of the dashboard keeps RMM from starting.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn of(app: &mut App, path: &Path, config: Config, env: EnvVars) -> anyhow::Result<Self> {
        let engine = app.engine().clone();
        let composed = app.composed().context("the configuration is used by another part")?;
        tell(&composed.config, path);
        let collisions = composed.config.collisions.clone();
        let file = Self { path: path.to_owned(), file: config, collisions, engine, env };
        file.take(composed).await?;
        Ok(file)
    }

    /// Does what a request wants, and answers it.
    pub async fn serve(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Read(answer) => drop(answer.send(self.read_again().await)),
            Wanted::RunHere(answer) => drop(answer.send(local_steps::may_be_defined(&self.file))),
            Wanted::Examine(answer) => drop(tokio::spawn(self.examination(answer))),
            Wanted::Change(change, answer) => drop(answer.send(self.change(change).await)),
        }
    }

    /// Looks at everything that RMM needs. Services outside may be slow: other requests do not wait for it.
    fn examination(&self, answer: oneshot::Sender<Vec<Examined>>) -> impl Future<Output = ()> + use<> {
        let (file, env, path, now) = (self.file.clone(), self.env.clone(), self.path.clone(), self.engine.now());
        async move {
            let composed =
                tokio::task::spawn_blocking(move || with_dashboard(&file, &env).map(|composed| composed.config));
            let Ok(Ok(config)) = composed.await else { return };
            let database = DataDir::new(&config.server.data_dir).database();
            let refused = local_steps::exposed(&config, &path);
            let subject = Subject {
                config: &config,
                file: &path,
                refused: &refused,
                questionable: &[],
                database: &database,
                open_files: &OpenFiles::allowed().finding(),
                now,
            };
            // The asker may have gone.
            let _ = answer.send(subject.examine(&Part::ALL).await);
        }
    }

    /// Reads the file again. What is wrong with it leaves the old configuration active.
    pub async fn read_again(&mut self) -> Outcome {
        let read = self.read().await;
        match read {
            Ok((file, composed)) => {
                let config = &composed.config;
                tell(config, &self.path);
                let warnings = config.collisions.iter().chain(&config.warnings).map(ToString::to_string);
                let mut warnings: Vec<_> = warnings.collect();
                self.collisions.clone_from(&config.collisions);
                self.file = file;
                self.take(composed).await.map_err(|failure| vec![failure.to_string()])?;
                tracing::info!(
                    "the configuration was read again; `listen` and `data_dir` of [server], its `language`, `time_zone` and `public_url` for the bot, [local], [telegram] and [telemetry] take effect \
                      at the next start"
                );
                warnings.extend(self.engine.doubts().await);
                Ok(warnings)
            }
            Err(NotRead::Wrong(errors)) => {
                tracing::error!("New configuration rejected; the old one stays active:\n{errors}");
                Err(errors.0.iter().map(ToString::to_string).collect())
            }
            Err(NotRead::Emptied) => {
                let why = format!(
                    "{} has neither a service nor a person any more, as a file that was cut off; if that is meant, restart RMM",
                    self.path.display()
                );
                tracing::error!("New configuration rejected; the old one stays active:\n{why}");
                Err(vec![why])
            }
            Err(NotRead::Failed(failure)) => Err(vec![failure.to_string()]),
        }
    }

    async fn read(&self) -> Result<(Config, Composed), NotRead> {
        let file = Config::load(&self.path, &self.env).map_err(NotRead::Wrong)?;
        let is_empty = |config: &Config| config.services.is_empty() && config.people.is_empty();
        if is_empty(&file) && !is_empty(&self.file) {
            return Err(NotRead::Emptied);
        }
        let defined = self.engine.defined_services().await.map_err(|error| NotRead::Failed(error.into()))?;
        let composed = self.compose(&file, defined, None).map_err(NotRead::Wrong)?;
        Ok((file, composed))
    }

    /// The file and the services of the dashboard together, of which `firm` must hold, even if it was put aside.
    fn compose(
        &self,
        file: &Config,
        defined: Vec<Defined>,
        firm: Option<&ServiceName>,
    ) -> Result<Composed, ConfigErrors> {
        let aside = aside(&defined);
        let accept = |config: Config| config.with_all_secrets()?.without_more_collisions(&self.collisions);
        let may_wait = |service: &ServiceName| Some(service) != firm && aside.contains(service);
        file.compose(&blocks(defined), &self.env, accept, may_wait)
    }

    /// Changes a service of the dashboard: all of it, or nothing.
    async fn change(&mut self, change: Change) -> Result<Changed, NotChanged> {
        self.may(&change).await.map_err(NotChanged::Refused)?;
        let Change { actor, service, text, seen, is_trial, language } = change;
        let mut defined = self.engine.defined_services().await.map_err(|error| NotChanged::Refused(error.into()))?;
        defined.retain(|other| other.service != service);
        if let Some(text) = text.clone() {
            defined.push(Defined { service: service.clone(), text, number: 0, problem: None });
        }
        let composed = self.compose(&self.file, defined, Some(&service));
        let told = |problem: &Problem| problem.told(language);
        let composed = composed.map_err(|errors| NotChanged::Wrong(mistakes(&errors.0, &service, told)))?;
        let config = &composed.config;
        if let Some(danger) = local_steps::danger(config).filter(|danger| danger.is_undecided)
            && !local_steps::may_be_defined(&self.file)
        {
            return Err(NotChanged::Wrong(vec![Mistake::plain(language.machine(&danger.fault))]));
        }
        let is = config.services.iter().find(|known| known.name == service);
        let effective = is.map(Config::effective_service).unwrap_or_default();
        let mut warnings = mistakes(&config.warnings, &service, told);
        warnings.retain(|warning| warning.line.is_some());
        let mut changed =
            Changed { revision: seen, effective, service: is.map(|service| Arc::new(service.clone())), warnings };
        if is_trial {
            return Ok(changed);
        }
        let noted = match text {
            Some(text) => {
                let block = Block { service, text };
                self.engine.note_definition(&actor, block, changed.effective.clone(), seen).await
            }
            None => self.engine.note_removal(&actor, service, seen).await.map(|()| 0),
        };
        changed.revision = noted.map_err(NotChanged::Refused)?;
        self.collisions.clone_from(&config.collisions);
        self.take(composed).await.map_err(NotChanged::Refused)?;
        Ok(changed)
    }

    /// Whether a change may be made at all.
    async fn may(&self, change: &Change) -> Result<(), Failure> {
        self.engine.may_define(&change.actor)?;
        let service = &change.service;
        if self.file.services.iter().any(|known| known.name == *service) {
            return Err(Cause::DefinedInFile { service: service.clone() }.into());
        }
        if change.text.is_none() && change.seen == 0 {
            return Err(Cause::NotInDashboard { service: service.clone() }.into());
        }
        self.engine.is_still(service, change.seen).await
    }

    /// Takes a configuration over.
    async fn take(&self, composed: Composed) -> Result<(), Failure> {
        let noted = self.engine.note_composed(&composed).await;
        // What is on disk already holds, whatever else could not be noted.
        self.engine.configure(composed.config, &self.env).await;
        noted
    }
}

/// The configuration of a file with all services of the dashboard that hold beside it.
///
/// # Errors
/// [`ConfigErrors`] when the file itself is not right any more.
pub fn at_a_start(file: &Config, defined: Vec<Defined>, env: &EnvVars) -> Result<Composed, ConfigErrors> {
    // A file that was read without some secrets goes on without those.
    let has_more = |config: &Config| config.unset.len() > file.unset.len();
    let accept = |config: Config| if has_more(&config) { Err(ConfigErrors(config.unset)) } else { Ok(config) };
    file.compose(&blocks(defined), env, accept, |_| true)
}

/// Why the file is not read again.
enum NotRead {
    Wrong(ConfigErrors),
    /// Nothing that was in it is in it any more.
    Emptied,
    Failed(Failure),
}

fn blocks(defined: Vec<Defined>) -> Vec<Block> {
    defined.into_iter().map(|Defined { service, text, .. }| Block { service, text }).collect()
}

fn aside(defined: &[Defined]) -> Vec<ServiceName> {
    defined.iter().filter(|defined| defined.problem.is_some()).map(|defined| defined.service.clone()).collect()
}

/// Problems, with their lines where they are in the definition of this service.
fn mistakes(problems: &[Problem], service: &ServiceName, told: impl Fn(&Problem) -> String) -> Vec<Mistake> {
    let mistake = |problem: &Problem| {
        let line = problem.position.filter(|_| problem.service.as_ref() == Some(service)).map(|at| at.line);
        let bare = Problem { file: String::new(), service: None, position: None, ..problem.clone() };
        let short = told(if line.is_some() { &bare } else { problem });
        Mistake { line, text: told(problem), short: short.trim_start_matches(": ").to_owned() }
    };
    problems.iter().map(mistake).collect()
}

/// The configuration of a file with what the database knows of the dashboard, for commands beside a running RMM. A database
/// that cannot be read is as good as none.
///
/// # Errors
/// [`ConfigErrors`] with everything that is wrong.
pub fn with_dashboard(file: &Config, env: &EnvVars) -> Result<Composed, ConfigErrors> {
    let database = DataDir::new(&file.server.data_dir).database();
    let defined = open_reader(&database).and_then(|conn| dashboard::all_if_any(&conn)).unwrap_or_default();
    let aside = aside(&defined);
    file.compose(&blocks(defined), env, Ok, |service| aside.contains(service))
}

/// What is questionable about a configuration that is used.
pub fn tell(config: &Config, file: &Path) {
    for collision in &config.collisions {
        tracing::error!("{collision}");
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Some(danger) = local_steps::danger(config) {
        tracing::warn!("{}", danger.fault);
    }
    for fault in local_steps::exposed(config, file) {
        tracing::error!("{fault}");
    }
}
