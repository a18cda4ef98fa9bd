//! The steps of one surface: what is done on its hosts to bring it to a release, or back.

use minijinja::{Value, context};

use super::super::env::Env;
use super::super::ids::{Commit, Tag};
use super::super::release::Release;
use super::super::run::{Action, Ask, Containers, Project, Schedule, Script, Step, StepKind, StepState, Taken};
use super::super::service::{Dirty, Health, Probe, Recipe, Surface, Target};
use super::look::{asks, beside, look};
use super::project::{self, Direction};
use super::quoting::{Quoting, shell_word, templates};
use super::started::All;
use crate::domain::reason::Reason;

use super::{Planner, clone_url, groups};

/// The steps of a plan as they are added, wave after wave.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) waves: u32,
}

/// The steps of one surface, as they are added.
pub(super) struct Part<'a> {
    pub(super) planner: &'a Planner<'a>,
    pub(super) surface: &'a Surface,
    /// The release whose code the steps are about.
    pub(super) code: &'a Release,
    /// What `{{ target }}` names.
    pub(super) target: Option<&'a Release>,
    pub(super) direction: Direction<'a>,
    pub(super) plan: &'a mut Plan,
}

impl Part<'_> {
    /// From the fetched objects to the running code, with its schema. `look` first at a place that nothing is fetched to.
    pub(super) fn advance(&mut self, places: &[Target], look: bool) -> Result<(), Reason> {
        for (number, group) in groups(self.surface.order, places).enumerate() {
            self.checkout(group)?;
            self.before_deploy(group, look && !self.surface.checkout)?;
            if number == 0 {
                self.migrate(StepKind::MigrateUp, &places[0])?;
            }
            self.deploy(group)?;
        }
        Ok(())
    }

    /// Starts the code that is checked out, with the hooks around it.
    pub(super) fn start(&mut self, group: &[Target]) -> Result<(), Reason> {
        self.before_deploy(group, false)?;
        self.deploy(group)
    }

    fn before_deploy(&mut self, group: &[Target], look: bool) -> Result<(), Reason> {
        let look = look.then(|| self.look()).flatten();
        self.prepared(StepKind::BeforeDeploy, group, look, self.surface.before_deploy.as_deref())
    }

    fn deploy(&mut self, group: &[Target]) -> Result<(), Reason> {
        self.prepared(StepKind::Deploy, group, self.before_start(), self.deploy_command().as_deref())?;
        self.health(group)?;
        self.prepared(StepKind::AfterDeploy, group, self.keep(), self.surface.after_deploy.as_deref())
    }

    /// The command that starts the code. In a rollback, the recipe's own takes away the containers that only the
    /// newer version has; other commands are told by a variable.
    fn deploy_command(&self) -> Option<String> {
        let command = self.surface.deploy.as_str();
        let removes = self.has_default_deploy() && self.project().is_some_and(|project| project.remove_orphans);
        if removes {
            return Some(format!("{command} $(rmm_remove_orphans)"));
        }
        Some(command.to_owned()).filter(|command| !command.is_empty())
    }

    fn has_default_deploy(&self) -> bool {
        self.surface.recipe.deploy() == Some(self.surface.deploy.as_str())
    }

    fn look(&self) -> Option<String> {
        look(self.planner.service, self.surface, self.planner.environment)
    }

    /// The call that removes images of versions that are no longer a target of a rollback.
    fn keep(&self) -> Option<String> {
        let commit = self.code.commit.as_ref()?;
        let keeps = self.surface.recipe == Recipe::Compose && self.surface.keep > 0;
        keeps.then(|| format!("rmm_compose_keep {} {}", self.surface.keep, commit.short()))
    }

    /// What is called before the code is started.
    fn before_start(&self) -> Option<String> {
        let back = matches!(self.direction, Direction::Back(_)) && self.surface.recipe == Recipe::Compose;
        let calls = [back.then(|| "rmm_tell_image_room".to_owned()), self.set_apart()];
        let calls: Vec<_> = calls.into_iter().flatten().collect();
        (!calls.is_empty()).then(|| calls.join("\n"))
    }

    /// The call that tells the containers which a version brought from those of other surfaces in the same project: in
    /// a deploy it notes what there is, in a rollback it removes what has come since.
    fn set_apart(&self) -> Option<String> {
        let (service, environment) = (self.planner.service, self.planner.environment);
        // Older versions of compose do not read the variable, so that it is not enough for commands of one's own.
        let own = self.project().is_some() && !self.has_default_deploy();
        if !own && !project::is_shared(service, self.surface, environment) {
            let retires = self.project().is_some() && !self.surface.env.contains_key(project::ORPHANS_VARIABLE);
            return retires.then(|| "rmm_compose_retire".to_owned());
        }
        let (call, newer) = match self.direction {
            Direction::Forward => ("rmm_compose_before", self.code),
            Direction::Back(newer) => ("rmm_compose_back", newer),
        };
        let name = shell_word(self.surface.name.as_str());
        newer.commit.as_ref().map(|commit| format!("{call} {name} {}", commit.short()))
    }

    fn project(&self) -> Option<Project> {
        project::of(self.planner.service, self.surface, self.planner.environment, self.direction)
    }

    pub(super) fn fetch(&mut self, places: &[Target]) -> Result<(), Reason> {
        if !self.surface.checkout {
            return Ok(());
        }
        let fetch = format!("rmm_fetch {}{}", self.checkout_words(true)?, self.dirty_words());
        let command = self.look().map_or_else(|| fetch.clone(), |look| format!("{look}\n{fetch}"));
        self.wave(StepKind::Fetch, places, |part, _| Ok(part.with_tools(command.clone())))
    }

    pub(super) fn verify_tag(&mut self, places: &[Target]) -> Result<(), Reason> {
        if !self.surface.checkout || self.code.tag.is_none() {
            return Ok(());
        }
        let command = format!("rmm_verify_tag {}", self.checkout_words(false)?);
        self.wave(StepKind::VerifyTag, places, |part, _| Ok(part.with_tools(command.clone())))
    }

    pub(super) fn checkout(&mut self, places: &[Target]) -> Result<(), Reason> {
        if !self.surface.checkout {
            return Ok(());
        }
        let way = match self.direction {
            Direction::Forward => self.dirty_words(),
            Direction::Back(_) => " --back",
        };
        let checkout = format!("rmm_checkout {}{way}", self.checkout_words(true)?);
        let asks = match self.direction {
            Direction::Forward => asks(self.planner.service, self.surface, self.planner.environment),
            Direction::Back(_) => Vec::new(),
        };
        let command = std::iter::once(checkout).chain(asks).collect::<Vec<_>>().join("\n");
        self.wave(StepKind::Checkout, places, |part, _| Ok(part.with_tools(command.clone())))
    }

    /// Which folder, and which code, in the words of RMM's own functions for git.
    fn checkout_words(&self, with_source: bool) -> Result<String, Reason> {
        let directory = self
            .surface
            .directory
            .as_deref()
            .ok_or_else(|| Reason::NoDirectory { surface: self.surface.name.clone() })?;
        let source = self.planner.service.repository.as_deref().filter(|_| with_source).map(clone_url);
        let words = [("--from", source.as_deref()), ("--tag", self.code.tag.as_ref().map(Tag::as_str))];
        let mut text = shell_word(directory);
        for (name, value) in words.into_iter().chain([("--commit", Some(self.commit()?.as_str()))]) {
            if let Some(value) = value {
                text = format!("{text} {name} {}", shell_word(value));
            }
        }
        Ok(text)
    }

    /// What becomes of work by hand on the way there.
    const fn dirty_words(&self) -> &'static str {
        match self.surface.dirty {
            Dirty::Keep => "",
            Dirty::Refuse => " --dirty refuse",
        }
    }

    pub(super) fn migrate(&mut self, kind: StepKind, place: &Target) -> Result<(), Reason> {
        let surface = self.surface;
        let command = if kind == StepKind::MigrateUp { &surface.migrate_up } else { &surface.migrate_down };
        self.template(kind, std::slice::from_ref(place), command.as_deref())
    }

    fn health(&mut self, places: &[Target]) -> Result<(), Reason> {
        let Some(health) = &self.surface.health else { return Ok(()) };
        self.wave(StepKind::Health, places, |part, place| {
            let ask = match &health.probe {
                Probe::Http { url, via, status, body, ca } => Ask::Http {
                    url: part.render(url, Quoting::Url, place)?,
                    via: *via,
                    status: *status,
                    body: body.clone(),
                    ca: ca.clone(),
                },
                Probe::Tcp { address, via } => {
                    Ask::Tcp { address: part.render(address, Quoting::Url, place)?, via: *via }
                }
                Probe::Command(template) => Ask::Command(part.script(template, place)?),
                Probe::Containers => Ask::Command(part.containers()),
            };
            let logs = part.surface.logs.as_deref().map(|template| part.script(template, place)).transpose()?;
            Ok(Action::Health { ask, schedule: schedule(health), logs })
        })
    }

    fn template(&mut self, kind: StepKind, places: &[Target], template: Option<&str>) -> Result<(), Reason> {
        self.prepared(kind, places, None, template)
    }

    /// A command of the service, with a call of RMM's own functions before it; nothing where there is neither.
    fn prepared(
        &mut self,
        kind: StepKind,
        places: &[Target],
        call: Option<String>,
        template: Option<&str>,
    ) -> Result<(), Reason> {
        if call.is_none() && template.is_none() {
            return Ok(());
        }
        self.wave(kind, places, |part, place| {
            let mut script = part.script(template.unwrap_or_default(), place)?;
            let told = kind == StepKind::Deploy && !part.has_default_deploy();
            if let Some(project) = script.project.as_mut().filter(|_| !told) {
                project.remove_orphans = false;
            }
            if let Some(call) = &call {
                let lines = [call, &script.command].map(String::as_str);
                script.command = lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
                script.tools = true;
            }
            if let Some(template) = template {
                (script.watch, script.containers) = part.watch(template);
            }
            Ok(Action::Command { script, timeout: part.surface.step_timeout })
        })
    }

    fn script(&self, template: &str, place: &Target) -> Result<Script, Reason> {
        let command = self.render(template, Quoting::Shell, place)?;
        let directory = self.surface.directory.clone();
        Ok(Script { command, directory, tools: false, project: self.project(), watch: None, containers: None })
    }

    /// The folders whose containers a command may take over with compose, none where its text tells what it starts; and
    /// what becomes of it if it takes others. A rollback goes on whatever it meets of compose, and in production whatever it meets.
    fn watch(&self, template: &str) -> (Option<Vec<String>>, Option<Box<Containers>>) {
        let Planner { service, environment, .. } = *self.planner;
        let all = All::of_commands([template], &service.name, environment, self.surface);
        let forward = matches!(self.direction, Direction::Forward);
        let watch = forward && self.surface.directory.is_some() && all.is_open();
        let taken = match self.direction {
            Direction::Forward => Taken::Stops,
            Direction::Back(_) if environment == Env::Production => Taken::IsSaid,
            Direction::Back(_) => Taken::StopsUnlessBefore,
        };
        // Where RMM names the project, compose touches nothing else, and RMM's own call tells that it is at work.
        let may_take = all.may_take_containers() || all.calls_compose() && self.project().is_none();
        let containers = may_take.then(|| Box::new(Containers { taken, names: all.containers() }));
        (watch.then(|| beside(service, self.surface, environment)), containers)
    }

    /// Whether the containers are well, as they say themselves.
    fn containers(&self) -> Script {
        // A command of the service's own may start what the files that compose finds by itself do not tell.
        let compose = self.surface.deploy.contains("compose");
        let which = match (self.has_default_deploy(), compose) {
            (true, _) => "declared",
            (false, true) => "found",
            (false, false) => "any",
        };
        let project = self.project().map(|project| Project { remove_orphans: false, ..project });
        let directory = self.surface.directory.clone();
        Script {
            command: format!("rmm_compose_well {which}"),
            directory,
            tools: true,
            project,
            watch: None,
            containers: None,
        }
    }

    /// A call of RMM's own functions. It begins where the host begins: the folder may not be there yet.
    fn with_tools(&self, command: String) -> Action {
        let script = Script { command, directory: None, tools: true, project: None, watch: None, containers: None };
        Action::Command { script, timeout: self.surface.step_timeout }
    }

    /// One step on each of the hosts, side by side.
    fn wave(
        &mut self,
        kind: StepKind,
        places: &[Target],
        action: impl Fn(&Self, &Target) -> Result<Action, Reason>,
    ) -> Result<(), Reason> {
        for (place, index) in places.iter().zip(self.plan.steps.len()..) {
            let step = Step {
                index: u32::try_from(index).map_err(|_| Reason::PlanTooLong)?,
                kind,
                surface: self.surface.name.clone(),
                host: place.host.clone(),
                wave: self.plan.waves,
                about: self.code.id,
                action: action(self, place)?,
                state: StepState::Pending,
                tries: 0,
                started_at: None,
                started_uptime: None,
                ended_at: None,
            };
            self.plan.steps.push(step);
        }
        self.plan.waves += 1;
        Ok(())
    }

    fn commit(&self) -> Result<&Commit, Reason> {
        self.code.commit.as_ref().ok_or_else(|| Reason::CommitNotKnown { title: self.code.title() })
    }

    fn render(&self, template: &str, quoting: Quoting, place: &Target) -> Result<String, Reason> {
        let artifact = self.code.artifacts.iter().find(|artifact| artifact.name == self.surface.name);
        let values = context! {
            release => version_values(Some(self.code)),
            target => version_values(self.target),
            surface => context! {
                name => self.surface.name.as_str(),
                artifact => artifact.and_then(|a| a.artifact.as_deref()).unwrap_or_default(),
                digest => artifact.and_then(|a| a.digest.as_deref()).unwrap_or_default(),
            },
            host => context! { name => place.host.as_str(), address => place.address.as_str() },
            service => self.planner.service.name.as_str(),
            environment => self.planner.environment.to_string(),
            run => context! {
                id => self.planner.run.map(|run| run.0.to_string()).unwrap_or_default(),
                kind => self.planner.kind.as_str(),
            },
        };
        templates(quoting)
            .render_str(template, values)
            .map_err(|error| Reason::CommandNotMade { surface: self.surface.name.clone(), error: error.to_string() })
    }
}

fn version_values(release: Option<&Release>) -> Value {
    let tag = release.and_then(|r| r.tag.as_ref()).map(Tag::as_str).unwrap_or_default();
    let commit = release.and_then(|r| r.commit.as_ref()).map(Commit::as_str).unwrap_or_default();
    context! { tag => tag, commit => commit, number => release.map(|r| r.id.0) }
}

fn schedule(health: &Health) -> Schedule {
    Schedule { wait: health.wait, attempts: health.attempts, interval: health.interval, timeout: health.timeout }
}
