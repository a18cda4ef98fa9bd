//! `[[services.surfaces]]` and what differs in one environment: drafts that are laid over each other, then completed.
//!
//! A draft holds what is written and nothing else, so that an override cannot bring defaults with it. Recipes are
//! defaults of a completed surface.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};
use crate::domain::ids::SurfaceName;
use crate::domain::plan::project;
use crate::domain::service::{Dirty, EnvValue, Health, Order, Probe, Recipe, Surface, Target};
use crate::domain::text::one_line;

use super::command::{checked, command};
use super::file::{SHORTEST_LIMIT, Section};
use super::health::HealthDraft;
use super::hosts::Hosts;
use super::places::{self, Points};
use super::report::{Located, Origin, Report};
use super::secret::{Keyring, is_reference};

/// Characters of a path.
const LONGEST_PATH: usize = 4_000;

/// How several hosts are deployed to.
pub(super) const ORDERS: &[(&str, Order)] = &[("parallel", Order::Parallel), ("rolling", Order::Rolling)];

/// What becomes of work by hand.
const DIRTY: &[(&str, Dirty)] = &[("keep", Dirty::Keep), ("refuse", Dirty::Refuse)];

/// The words for recipes.
const RECIPES: &[(&str, Recipe)] =
    &[(Recipe::Compose.as_str(), Recipe::Compose), (Recipe::Commands.as_str(), Recipe::Commands)];

/// Versions whose images stay: the one that runs, and the one that it can go back to.
const KEEP: u32 = 2;

/// What is written about a surface.
#[derive(Clone, Default)]
pub(super) struct Draft {
    recipe: Option<Recipe>,
    hosts: Option<Located<Vec<Target>>>,
    order: Option<Located<Order>>,
    /// As it is written; a relative one begins in the folder of the configuration.
    directory: Option<Located<String>>,
    checkout: Option<Located<bool>>,
    dirty: Option<Located<Dirty>>,
    project: Option<Located<String>>,
    keep: Option<Located<u32>>,
    min_free: Option<u64>,
    before_deploy: Option<Located<String>>,
    deploy: Option<Located<String>>,
    after_deploy: Option<Located<String>>,
    migrate_up: Option<Located<String>>,
    migrate_down: Option<Located<String>>,
    health: Option<HealthDraft>,
    logs: Option<Located<String>>,
    env: BTreeMap<String, EnvValue>,
    step_timeout: Option<Duration>,
}

/// A surface as it is written, under a name that is valid.
pub(super) struct Written {
    pub name: SurfaceName,
    pub place: Origin,
    pub draft: Draft,
}

/// Who runs a surface.
#[derive(Clone)]
pub(super) enum Runs {
    /// Another system, or it is not known.
    Elsewhere,
    /// RMM, on its own machine.
    Here,
    /// RMM, over SSH; what holds where the surface does not say.
    OnHosts { hosts: Vec<Target>, order: Order },
}

/// What a surface must fit in one environment.
#[derive(Clone)]
pub(super) struct Demand<'a> {
    /// Where relative paths begin.
    pub base: &'a Path,
    /// Whether the service says where its code is.
    pub has_repository: bool,
    /// Who runs it.
    pub runs: Runs,
    /// Whether RMM itself runs it: then nothing may be missing.
    pub runnable: bool,
}

impl Draft {
    /// Of a surface that is not in the file: it has nothing to run.
    pub fn nothing() -> Self {
        Self { recipe: Some(Recipe::Commands), ..Self::default() }
    }

    /// Reads what is written, and checks each value for itself.
    pub fn read(section: &Section<'_>, hosts: &Hosts, keyring: &Keyring<'_>) -> Self {
        Self {
            recipe: section.choice("recipe", RECIPES).map(|recipe| recipe.value),
            hosts: hosts.resolve(section, "hosts"),
            order: section.choice("order", ORDERS),
            directory: directory(section),
            checkout: section.flag("checkout"),
            dirty: section.choice("dirty", DIRTY),
            project: project_name(section),
            keep: keep(section),
            min_free: section.size("min_free").map(|size| size.value),
            before_deploy: command(section, "before_deploy"),
            deploy: command(section, "deploy"),
            after_deploy: command(section, "after_deploy"),
            migrate_up: command(section, "migrate_up"),
            migrate_down: command(section, "migrate_down"),
            health: section.section("health").map(|health| HealthDraft::read(&health, keyring)),
            logs: command(section, "logs"),
            env: env(section, keyring),
            step_timeout: section.duration("step_timeout", SHORTEST_LIMIT).map(|limit| limit.value),
        }
    }

    /// This draft where it says something, `base` elsewhere. `health` and `env` are laid over each other key by key.
    pub fn over(self, base: &Self) -> Self {
        let base = base.clone();
        let mut env = base.env;
        env.extend(self.env);
        Self {
            recipe: self.recipe.or(base.recipe),
            hosts: self.hosts.or(base.hosts),
            order: self.order.or(base.order),
            directory: self.directory.or(base.directory),
            checkout: self.checkout.or(base.checkout),
            dirty: self.dirty.or(base.dirty),
            project: self.project.or(base.project),
            keep: self.keep.or(base.keep),
            min_free: self.min_free.or(base.min_free),
            before_deploy: self.before_deploy.or(base.before_deploy),
            deploy: self.deploy.or(base.deploy),
            after_deploy: self.after_deploy.or(base.after_deploy),
            migrate_up: self.migrate_up.or(base.migrate_up),
            migrate_down: self.migrate_down.or(base.migrate_down),
            health: match (self.health, base.health) {
                (Some(own), Some(base)) => Some(own.over(base)),
                (own, base) => own.or(base),
            },
            logs: self.logs.or(base.logs),
            env,
            step_timeout: self.step_timeout.or(base.step_timeout),
        }
    }

    /// Fills in the defaults.
    pub fn complete(&self, name: SurfaceName, demand: &Demand<'_>) -> Surface {
        let text = |located: &Option<Located<String>>| located.as_ref().map(|text| text.value.clone());
        let recipe = self.recipe();
        let (hosts, order) = match &demand.runs {
            Runs::Elsewhere => (Vec::new(), Order::Parallel),
            Runs::Here => (vec![Target::local()], Order::Parallel),
            Runs::OnHosts { hosts, order } => (
                self.hosts.as_ref().map_or_else(|| hosts.clone(), |own| own.value.clone()),
                self.order.as_ref().map_or(*order, |own| own.value),
            ),
        };
        Surface {
            name,
            recipe,
            hosts,
            order,
            directory: self.directory.as_ref().map(|path| absolute(demand.base, &path.value)),
            checkout: self.checks_out(demand.has_repository),
            dirty: self.dirty.as_ref().map(|dirty| dirty.value).unwrap_or_default(),
            before_deploy: text(&self.before_deploy),
            deploy: text(&self.deploy).or_else(|| recipe.deploy().map(str::to_owned)).unwrap_or_default(),
            after_deploy: text(&self.after_deploy),
            migrate_up: text(&self.migrate_up),
            migrate_down: text(&self.migrate_down),
            health: self.health.as_ref().and_then(HealthDraft::complete).or_else(|| {
                let default = (recipe == Recipe::Compose).then(containers_are_well)?;
                Some(self.health.as_ref().map_or(default.clone(), |health| health.tuned(default)))
            }),
            logs: text(&self.logs).or_else(|| recipe.logs().map(str::to_owned)),
            project: self.project_written().map(|(name, _)| name.to_owned()),
            keep: self.keep.as_ref().map_or(KEEP, |keep| keep.value),
            min_free: self.min_free,
            env: self.env.clone(),
            step_timeout: self.step_timeout.unwrap_or(Duration::from_mins(30)),
        }
    }

    /// Reports what does not go together in one environment; `whole` is where the surface is written.
    pub fn check(&self, report: &Report<'_>, whole: &Origin, demand: &Demand<'_>) {
        self.check_migrations(report);
        self.check_project(report);
        if let Some(health) = &self.health {
            health.check(report, self.recipe() == Recipe::Compose);
        }
        if demand.runnable {
            self.check_runnable(report, whole, demand);
        }
        if let Runs::OnHosts { hosts, .. } = &demand.runs {
            self.check_hosts(report, whole, hosts);
        }
    }

    /// Reports keys of the driver "ssh" where nothing is run over SSH; without a driver, in neither environment.
    pub fn check_without_ssh(&self, report: &Report<'_>, driver: Option<&str>) {
        let hosts = self.hosts.as_ref().map(|hosts| &hosts.place);
        let order = self.order.as_ref().map(|order| &order.place);
        for place in hosts.into_iter().chain(order) {
            let fault = ConfigFault::OnlySsh { driver: driver.map(str::to_owned) };
            report.error_hint(place, fault, ConfigHint::DriverSsh);
        }
    }

    fn check_hosts(&self, report: &Report<'_>, whole: &Origin, hosts: &[Target]) {
        if self.hosts.is_none() && hosts.is_empty() {
            report.error_hint(&whole.inside("hosts"), ConfigFault::NoHosts, ConfigHint::HostsOfSurface);
        }
        if let Some(directory) = self.directory.as_ref().filter(|path| !path.value.trim().is_empty())
            && !directory.value.starts_with('/')
        {
            report.error_hint(&directory.place, ConfigFault::PathOnHost, ConfigHint::FolderOfFile);
        }
    }

    /// The compose project that is configured, by its key or by the variable that compose reads.
    fn project_written(&self) -> Option<(&str, Option<&Origin>)> {
        // A name that is none is told as such, and must not bring a second error about what it meets.
        let valid = self.project.as_ref().filter(|name| project::is_valid(&name.value));
        let key = valid.map(|name| (name.value.as_str(), Some(&name.place)));
        key.or_else(|| match self.env.get(project::VARIABLE) {
            Some(EnvValue::Plain(name)) if project::is_valid(name) => Some((name, None)),
            Some(EnvValue::Plain(_) | EnvValue::Secret(_)) | None => None,
        })
    }

    /// Where the keys are written that decide about its place; `whole`: where it is written itself.
    pub fn points(&self, whole: &Origin) -> Points {
        let place = |key| self.place_of(key).cloned();
        Points {
            whole: whole.clone(),
            directory: place(Pointed::Directory),
            project: place(Pointed::Project),
            health: place(Pointed::Health),
        }
    }

    /// What a mistake about one of these keys points at, where the key is written.
    fn place_of(&self, key: Pointed) -> Option<&Origin> {
        match key {
            Pointed::Directory => self.directory.as_ref().map(|directory| &directory.place),
            Pointed::Project => self.project_written().and_then(|(_, place)| place),
            Pointed::Health => self.health.as_ref().and_then(HealthDraft::asked_at),
        }
    }

    fn check_project(&self, report: &Report<'_>) {
        if let Some(project) = &self.project
            && let Some(EnvValue::Plain(other)) = self.env.get(project::VARIABLE)
            && *other != project.value
        {
            let (variable, other) = (project::VARIABLE.to_owned(), other.clone());
            let fault = ConfigFault::ProjectDiffers { variable, other };
            report.error_hint(&project.place, fault, ConfigHint::OneProject);
        }
        if let Some(keep) = self.keep.as_ref().filter(|_| self.recipe() == Recipe::Commands) {
            report.warn(&keep.place, ConfigFault::KeepsOfCompose);
        }
    }

    fn recipe(&self) -> Recipe {
        self.recipe.unwrap_or(Recipe::Compose)
    }

    fn checks_out(&self, has_repository: bool) -> bool {
        match (&self.checkout, self.recipe()) {
            (Some(checkout), _) => checkout.value,
            (None, Recipe::Compose) => true,
            (None, Recipe::Commands) => self.directory.is_some() && has_repository,
        }
    }

    fn check_migrations(&self, report: &Report<'_>) {
        match (&self.migrate_up, &self.migrate_down) {
            (Some(up), None) => {
                report.error_hint(&up.place, ConfigFault::UpWithoutDown, ConfigHint::MigrateDown);
            }
            (None, Some(down)) => {
                report.error_hint(&down.place, ConfigFault::DownWithoutUp, ConfigHint::MigrateUp);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn check_runnable(&self, report: &Report<'_>, whole: &Origin, demand: &Demand<'_>) {
        let has_repository = demand.has_repository;
        if self.health.is_none() && self.recipe() == Recipe::Commands && self.deploy.is_some() {
            report.warn(&whole.inside("health"), ConfigFault::NoHealth);
        }
        let missing = |key: &str, why: Needed| report.error(&whole.inside(key), ConfigFault::missing(why));
        let checkout = self.checks_out(has_repository);
        if self.deploy.is_none() && self.recipe().deploy().is_none() {
            missing("deploy", Needed::Deploy);
        }
        if self.directory.is_none() {
            match self.recipe() {
                Recipe::Compose => missing("directory", Needed::DirectoryOfCompose),
                Recipe::Commands if checkout => {
                    missing("directory", Needed::DirectoryOfCheckout);
                }
                Recipe::Commands => {}
            }
        }
        if checkout && let Some(directory) = &self.directory {
            places::is_for_code(report, &directory.place, &absolute(demand.base, &directory.value));
        }
        if checkout && !has_repository {
            // Only the key that asks for it can be pointed at; a recipe asks silently.
            let place = self.checkout.as_ref().map_or(whole, |checkout| &checkout.place);
            report.error_hint(place, ConfigFault::CheckoutWithoutRepository, ConfigHint::RepositoryOrNone);
        }
    }
}

/// What of a surface a mistake is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pointed {
    Directory,
    Project,
    Health,
}

/// The health check of a compose surface that has none of its own. A container that is ill is known at once, one that
/// starts is waited for within a try, so that the tries need not be far apart.
fn containers_are_well() -> Health {
    Health {
        probe: Probe::Containers,
        wait: Duration::from_secs(1),
        attempts: 6,
        interval: Duration::from_secs(5),
        timeout: Duration::from_mins(10),
    }
}

fn project_name(section: &Section<'_>) -> Option<Located<String>> {
    checked(section, "project", |text| {
        if !project::is_valid(&text.value) {
            section.report.error(&text.place, ConfigFault::ProjectName { most: project::LONGEST });
        }
    })
}

fn keep(section: &Section<'_>) -> Option<Located<u32>> {
    let keep = section.number("keep", 0..=1000)?;
    Some(Located { value: u32::try_from(keep.value).ok()?, place: keep.place })
}

/// A path as it is written.
fn directory(section: &Section<'_>) -> Option<Located<String>> {
    checked(section, "directory", |text| {
        if let Err(invalid) = one_line("directory", &text.value, LONGEST_PATH) {
            section.report.error(&text.place, invalid.rule);
        }
    })
}

/// Joins without asking the file system, and drops the `.` of `./app`.
pub(super) fn absolute(base: &Path, path: &str) -> String {
    base.join(path).components().collect::<PathBuf>().to_string_lossy().into_owned()
}

fn env(section: &Section<'_>, keyring: &Keyring<'_>) -> BTreeMap<String, EnvValue> {
    let mut env = BTreeMap::new();
    for (name, text) in section.free("env") {
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if !first || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            section.report.error(&text.place, ConfigFault::VariableName);
        } else if is_reference(&text.value) {
            let _ = keyring.look_up(&text);
            env.insert(name, EnvValue::Secret(text.value));
        } else if text.value.contains('\0') {
            section.report.error(&text.place, ConfigFault::NoNul);
        } else {
            env.insert(name, EnvValue::Plain(text.value));
        }
    }
    env
}
