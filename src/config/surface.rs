//! `[[services.surfaces]]` and what differs in one environment: drafts that are laid over each other, then completed.
//!
//! A draft holds what is written and nothing else, so that an override cannot bring defaults with it. Recipes are
//! defaults of a completed surface.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::ids::{SurfaceName, one_line, readable, web_address};
use crate::domain::plan::Quoting;
use crate::domain::service::{EnvValue, Health, Probe, Surface};

use super::file::Section;
use super::report::{Located, Place, Report};
use super::secret::{Keyring, is_reference};
use super::template;

/// Characters of a command.
const LONGEST_COMMAND: usize = 10_000;

/// Characters of a path.
const LONGEST_PATH: usize = 4_000;

/// A named set of defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recipe {
    /// Git and Docker Compose.
    Compose,
    /// The service's own commands.
    Commands,
}

impl Recipe {
    const WORDS: &[(&str, Recipe)] = &[("compose", Self::Compose), ("commands", Self::Commands)];

    const fn deploy(self) -> Option<&'static str> {
        match self {
            Self::Compose => Some("docker compose up -d --build"),
            Self::Commands => None,
        }
    }
}

/// What is written about a surface.
#[derive(Clone, Default)]
pub(super) struct Draft {
    recipe: Option<Recipe>,
    directory: Option<Located<String>>,
    checkout: Option<Located<bool>>,
    deploy: Option<Located<String>>,
    migrate_up: Option<Located<String>>,
    migrate_down: Option<Located<String>>,
    health: Option<HealthDraft>,
    env: BTreeMap<String, EnvValue>,
    step_timeout: Option<Duration>,
}

#[derive(Clone)]
struct HealthDraft {
    place: Place,
    url: Option<Located<String>>,
    command: Option<Located<String>>,
    wait: Option<Duration>,
    attempts: Option<u32>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
}

/// What a surface must fit in one environment.
#[derive(Clone, Copy)]
pub(super) struct Demand {
    /// Whether the service says where its code is.
    pub has_repository: bool,
    /// Whether RMM itself runs it: then nothing may be missing.
    pub runnable: bool,
}

impl Draft {
    /// Of a surface that nobody wrote: it has nothing to run.
    pub fn nothing() -> Self {
        Self { recipe: Some(Recipe::Commands), ..Self::default() }
    }

    /// Reads what is written, and checks each value for itself.
    pub fn read(section: &Section<'_>, keyring: &Keyring<'_>) -> Self {
        Self {
            recipe: section.choice("recipe", Recipe::WORDS).map(|recipe| recipe.value),
            directory: directory(section, keyring.base),
            checkout: section.flag("checkout"),
            deploy: command(section, "deploy"),
            migrate_up: command(section, "migrate_up"),
            migrate_down: command(section, "migrate_down"),
            health: section.section("health").map(|health| HealthDraft::read(&health)),
            env: env(section, keyring),
            step_timeout: section.duration("step_timeout", Duration::from_nanos(1)).map(|limit| limit.value),
        }
    }

    /// This draft where it says something, `base` elsewhere. `health` and `env` are laid over each other key by key.
    pub fn over(self, base: &Self) -> Self {
        let base = base.clone();
        let mut env = base.env;
        env.extend(self.env);
        Self {
            recipe: self.recipe.or(base.recipe),
            directory: self.directory.or(base.directory),
            checkout: self.checkout.or(base.checkout),
            deploy: self.deploy.or(base.deploy),
            migrate_up: self.migrate_up.or(base.migrate_up),
            migrate_down: self.migrate_down.or(base.migrate_down),
            health: match (self.health, base.health) {
                (Some(own), Some(base)) => Some(own.over(base)),
                (own, base) => own.or(base),
            },
            env,
            step_timeout: self.step_timeout.or(base.step_timeout),
        }
    }

    /// Fills in the defaults.
    pub fn complete(&self, name: SurfaceName, has_repository: bool) -> Surface {
        let text = |located: &Option<Located<String>>| located.as_ref().map(|text| text.value.clone());
        Surface {
            name,
            directory: text(&self.directory),
            checkout: self.checks_out(has_repository),
            deploy: text(&self.deploy).or_else(|| self.recipe().deploy().map(str::to_owned)).unwrap_or_default(),
            migrate_up: text(&self.migrate_up),
            migrate_down: text(&self.migrate_down),
            health: self.health.as_ref().and_then(HealthDraft::complete),
            env: self.env.clone(),
            step_timeout: self.step_timeout.unwrap_or(Duration::from_mins(30)),
        }
    }

    /// Reports what does not go together in one environment; `whole` is where the surface is written.
    pub fn check(&self, report: &Report<'_>, whole: &Place, demand: Demand) {
        self.check_migrations(report);
        if let Some(health) = &self.health {
            health.check(report);
        }
        if demand.runnable {
            self.check_runnable(report, whole, demand.has_repository);
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
            (Some(up), None) => report.error_hint(
                &up.place,
                "needs `migrate_down` beside it",
                "every release rehearses its rollback on stage, and a rollback takes the database back first",
            ),
            (None, Some(down)) => report.error_hint(
                &down.place,
                "needs `migrate_up` beside it",
                "what a rollback takes back, the next deploy must bring forward again",
            ),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn check_runnable(&self, report: &Report<'_>, whole: &Place, has_repository: bool) {
        let missing = |key: &str, why: &str| {
            report.error(&whole.inside(key), format!("is missing: {why}"));
        };
        let checkout = self.checks_out(has_repository);
        if self.deploy.is_none() && self.recipe().deploy().is_none() {
            missing("deploy", r#"the recipe "commands" has no command of its own to start the code"#);
        }
        if self.directory.is_none() {
            match self.recipe() {
                Recipe::Compose => missing("directory", r#"the recipe "compose" runs in the folder of the checkout"#),
                Recipe::Commands if checkout => {
                    missing("directory", "`checkout = true` needs a folder to check the code out in");
                }
                Recipe::Commands => {}
            }
        }
        if checkout && !has_repository {
            // Only the key that asks for it can be pointed at; a recipe asks silently.
            let place = self.checkout.as_ref().map_or(whole, |checkout| &checkout.place);
            report.error_hint(
                place,
                "checks out code, and the service has no `repository`",
                "give the service a `repository`, or set `checkout = false` if the commands fetch the code themselves",
            );
        }
    }
}

impl HealthDraft {
    fn read(section: &Section<'_>) -> Self {
        let least = Duration::from_nanos(1);
        let value = |found: Option<Located<Duration>>| found.map(|duration| duration.value);
        Self {
            place: section.place.clone(),
            url: url(section),
            command: command(section, "command"),
            wait: value(section.duration("wait", Duration::ZERO)),
            attempts: section.number("attempts", 1..=1000).and_then(|count| u32::try_from(count.value).ok()),
            interval: value(section.duration("interval", Duration::ZERO)),
            timeout: value(section.duration("timeout", least)),
        }
    }

    /// A probe of one's own replaces the other kind of probe too.
    fn over(self, base: Self) -> Self {
        let (url, command) = if self.url.is_some() || self.command.is_some() {
            (self.url, self.command)
        } else {
            (base.url, base.command)
        };
        Self {
            place: self.place,
            url,
            command,
            wait: self.wait.or(base.wait),
            attempts: self.attempts.or(base.attempts),
            interval: self.interval.or(base.interval),
            timeout: self.timeout.or(base.timeout),
        }
    }

    fn check(&self, report: &Report<'_>) {
        match (&self.url, &self.command) {
            (Some(_), None) | (None, Some(_)) => {}
            (Some(_), Some(command)) => {
                report.error(&command.place, "stands beside `url`; a health check asks one of them");
            }
            (None, None) => report.error(&self.place, "needs `url` or `command`: what is asked"),
        }
    }

    fn complete(&self) -> Option<Health> {
        let url = self.url.as_ref().map(|url| Probe::Url(url.value.clone()));
        let command = self.command.as_ref().map(|command| Probe::Command(command.value.clone()));
        let probe = url.or(command)?;
        Some(Health {
            probe,
            wait: self.wait.unwrap_or(Duration::from_secs(15)),
            attempts: self.attempts.unwrap_or(5),
            interval: self.interval.unwrap_or(Duration::from_secs(20)),
            timeout: self.timeout.unwrap_or(Duration::from_secs(5)),
        })
    }
}

/// A text that counts as written even when it is wrong, so that one mistake is not told as two.
fn checked(section: &Section<'_>, key: &str, check: impl FnOnce(&Located<String>)) -> Option<Located<String>> {
    if !section.has(key) {
        return None;
    }
    let text = section.text(key);
    if let Some(text) = &text {
        check(text);
    }
    Some(text.unwrap_or_else(|| Located { value: String::new(), place: section.at(key) }))
}

/// A command template that people can read and that renders.
fn command(section: &Section<'_>, key: &str) -> Option<Located<String>> {
    checked(section, key, |text| {
        if text.value.trim().is_empty() {
            section.report.error(&text.place, "must not be empty; leave the key out instead");
        } else if let Err(invalid) = readable(key, &text.value, LONGEST_COMMAND) {
            section.report.error(&text.place, invalid.rule);
        } else {
            template::check(section.report, text, Quoting::Shell);
        }
    })
}

fn url(section: &Section<'_>) -> Option<Located<String>> {
    checked(section, "url", |text| {
        if let Some(rendered) = template::check(section.report, text, Quoting::Url)
            && let Err(invalid) = web_address("url", &rendered)
        {
            section.report.error(&text.place, invalid.rule);
        }
    })
}

/// An absolute path; a relative one begins in the folder of the configuration.
fn directory(section: &Section<'_>, base: &Path) -> Option<Located<String>> {
    let text = checked(section, "directory", |text| {
        if let Err(invalid) = one_line("directory", &text.value, LONGEST_PATH) {
            section.report.error(&text.place, invalid.rule);
        }
    })?;
    Some(Located { value: absolute(base, &text.value), place: text.place })
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
            section.report.error(
                &text.place,
                "must have the name of an environment variable: letters, digits and '_', no digit first",
            );
        } else if is_reference(&text.value) {
            keyring.look_up(&text);
            env.insert(name, EnvValue::Secret(text.value));
        } else if text.value.contains('\0') {
            section.report.error(&text.place, "must not contain the character U+0000");
        } else {
            env.insert(name, EnvValue::Plain(text.value));
        }
    }
    env
}
