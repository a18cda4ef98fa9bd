//! Plans: the ordered steps that take an environment from one release to another.
//!
//! Pure: the same definition and the same releases give the same steps, to be shown before anything runs. This is
//! the only place where values from outside enter a command, and each passes [`shell_word`] on its way.

use minijinja::{AutoEscape, Environment as Templates, Value, context, escape_formatter};

use super::ids::{Commit, ReleaseId, RunId, Tag};
use super::release::Release;
use super::run::{Action, Position, Positions, RunKind, Schedule, Step, StepKind, StepState, TAG_MOVED};
use super::service::{EnvironmentKind, Health, Probe, Service, Surface};

/// What command templates may name.
pub const VARIABLES: &[&str] = &[
    "release.tag",
    "release.commit",
    "release.number",
    "target.tag",
    "target.commit",
    "target.number",
    "surface.name",
    "surface.artifact",
    "surface.digest",
    "service",
    "environment",
    "run.id",
    "run.kind",
];

/// Why a plan cannot be made, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub String);

/// Makes the steps of one run.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// The service.
    pub service: &'a Service,
    /// Where.
    pub environment: EnvironmentKind,
    /// What for.
    pub kind: RunKind,
    /// The run, if it exists already.
    pub run: Option<RunId>,
}

impl Planner<'_> {
    /// The steps to `to`, surface by surface in their order. `before` is what runs now.
    ///
    /// # Errors
    /// [`PlanError`] when the commit is not known or a template does not render.
    pub fn forward(&self, to: &Release, before: Option<&Release>) -> Result<Vec<Step>, PlanError> {
        self.onward(to, before, true)
    }

    /// The steps to a version that production runs already: as [`Planner::forward`], but a tag that has moved since
    /// is no reason not to go there.
    ///
    /// # Errors
    /// [`PlanError`] when the commit is not known or a template does not render.
    pub fn catch_up(&self, to: &Release, before: Option<&Release>) -> Result<Vec<Step>, PlanError> {
        self.onward(to, before, false)
    }

    fn onward(&self, to: &Release, before: Option<&Release>, verify_tag: bool) -> Result<Vec<Step>, PlanError> {
        let mut steps = Vec::new();
        for surface in self.service.surfaces_in(self.environment) {
            let mut part = Part { planner: self, surface, code: to, target: before, steps: &mut steps };
            part.fetch()?;
            if verify_tag {
                part.verify_tag()?;
            }
            part.checkout()?;
            part.migrate_up()?;
            part.deploy()?;
            part.health()?;
        }
        Ok(numbered(steps))
    }

    /// The steps from `newer` back to `older`, in reverse order of the surfaces. `positions` says where each touched
    /// surface stands; the others are left alone.
    ///
    /// # Errors
    /// [`PlanError`] when the commit is not known or a template does not render.
    pub fn back(&self, newer: &Release, older: &Release, positions: &Positions) -> Result<Vec<Step>, PlanError> {
        let mut steps = Vec::new();
        for surface in self.service.surfaces_in(self.environment).rev() {
            let Some(position) = positions.get(&surface.name) else { continue };
            if position.newer_schema && surface.migrate_down.is_some() {
                let mut leaving = Part { planner: self, surface, code: newer, target: Some(older), steps: &mut steps };
                if !position.newer_code {
                    leaving.checkout()?;
                }
                leaving.migrate_down()?;
            }
            let mut arriving = Part { planner: self, surface, code: older, target: Some(older), steps: &mut steps };
            arriving.checkout()?;
            arriving.deploy()?;
            arriving.health()?;
        }
        Ok(numbered(steps))
    }

    /// The steps of a rehearsal: back to `older` and forward to `newer` again.
    ///
    /// # Errors
    /// [`PlanError`] when the commit is not known or a template does not render.
    pub fn rehearsal(&self, newer: &Release, older: &Release, positions: &Positions) -> Result<Vec<Step>, PlanError> {
        let mut steps = self.back(newer, older, positions)?;
        for surface in self.service.surfaces_in(self.environment) {
            let mut part = Part { planner: self, surface, code: newer, target: Some(older), steps: &mut steps };
            part.checkout()?;
            part.migrate_up()?;
            part.deploy()?;
            part.health()?;
        }
        Ok(numbered(steps))
    }

    /// Every surface at one position.
    #[must_use]
    pub fn everywhere(&self, position: Position) -> Positions {
        self.service.surfaces.iter().map(|surface| (surface.name.clone(), position)).collect()
    }
}

/// The steps of one surface, as they are added.
struct Part<'a> {
    planner: &'a Planner<'a>,
    surface: &'a Surface,
    /// The release whose code the steps are about.
    code: &'a Release,
    /// What `{{ target }}` names.
    target: Option<&'a Release>,
    steps: &'a mut Vec<Step>,
}

impl Part<'_> {
    fn fetch(&mut self) -> Result<(), PlanError> {
        if !self.surface.checkout {
            return Ok(());
        }
        let directory = self.checkout_directory()?;
        let source = self.planner.service.repository.as_deref().map(clone_url).unwrap_or_default();
        self.command(StepKind::Fetch, fetch_command(&directory, &source, self.code), None);
        Ok(())
    }

    fn verify_tag(&mut self) -> Result<(), PlanError> {
        let Some(tag) = self.code.tag.as_ref().filter(|_| self.surface.checkout) else { return Ok(()) };
        let directory = self.checkout_directory()?;
        self.command(StepKind::VerifyTag, verify_command(tag, self.commit()?), Some(directory));
        Ok(())
    }

    fn checkout(&mut self) -> Result<(), PlanError> {
        if !self.surface.checkout {
            return Ok(());
        }
        let directory = self.checkout_directory()?;
        let command = format!("git checkout --quiet --force --detach {}", self.commit()?);
        self.command(StepKind::Checkout, command, Some(directory));
        Ok(())
    }

    fn migrate_up(&mut self) -> Result<(), PlanError> {
        self.template(StepKind::MigrateUp, self.surface.migrate_up.as_deref())
    }

    fn migrate_down(&mut self) -> Result<(), PlanError> {
        self.template(StepKind::MigrateDown, self.surface.migrate_down.as_deref())
    }

    fn deploy(&mut self) -> Result<(), PlanError> {
        self.template(StepKind::Deploy, Some(self.surface.deploy.as_str()).filter(|command| !command.is_empty()))
    }

    fn health(&mut self) -> Result<(), PlanError> {
        let Some(health) = &self.surface.health else { return Ok(()) };
        let action = match &health.probe {
            Probe::Url(template) => {
                Action::Get { url: self.render(template, Quoting::Url)?, schedule: schedule(health) }
            }
            Probe::Command(template) => Action::Check {
                command: self.render(template, Quoting::Shell)?,
                directory: self.surface.directory.clone(),
                schedule: schedule(health),
            },
        };
        self.push(StepKind::Health, action);
        Ok(())
    }

    fn template(&mut self, kind: StepKind, template: Option<&str>) -> Result<(), PlanError> {
        if let Some(template) = template {
            let command = self.render(template, Quoting::Shell)?;
            self.command(kind, command, self.surface.directory.clone());
        }
        Ok(())
    }

    fn command(&mut self, kind: StepKind, command: String, directory: Option<String>) {
        self.push(kind, Action::Command { command, directory, timeout: self.surface.step_timeout });
    }

    fn push(&mut self, kind: StepKind, action: Action) {
        self.steps.push(Step {
            index: 0,
            kind,
            surface: self.surface.name.clone(),
            about: self.code.id,
            action,
            state: StepState::Pending,
            tries: 0,
            started_at: None,
            ended_at: None,
        });
    }

    fn commit(&self) -> Result<&Commit, PlanError> {
        self.code
            .commit
            .as_ref()
            .ok_or_else(|| PlanError(format!("the commit of {} is not known yet", self.code.title())))
    }

    fn checkout_directory(&self) -> Result<String, PlanError> {
        self.surface.directory.clone().ok_or_else(|| {
            PlanError(format!("the surface {} has no directory to check the code out to", self.surface.name))
        })
    }

    fn render(&self, template: &str, quoting: Quoting) -> Result<String, PlanError> {
        let artifact = self.code.artifacts.iter().find(|artifact| artifact.name == self.surface.name);
        let values = context! {
            release => version_values(Some(self.code)),
            target => version_values(self.target),
            surface => context! {
                name => self.surface.name.as_str(),
                artifact => artifact.and_then(|a| a.artifact.as_deref()).unwrap_or_default(),
                digest => artifact.and_then(|a| a.digest.as_deref()).unwrap_or_default(),
            },
            service => self.planner.service.name.as_str(),
            environment => self.planner.environment.as_str(),
            run => context! {
                id => self.planner.run.map(|run| run.0.to_string()).unwrap_or_default(),
                kind => self.planner.kind.as_str(),
            },
        };
        templates(quoting).render_str(template, values).map_err(|error| {
            PlanError(format!("a command of the surface {} cannot be made: {error}", self.surface.name))
        })
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

fn numbered(mut steps: Vec<Step>) -> Vec<Step> {
    for (index, step) in (0..).zip(&mut steps) {
        step.index = index;
    }
    steps
}

/// A step of a plan that is only shown has no release of its own; this number stands in.
pub const NO_RELEASE: ReleaseId = ReleaseId(0);

/// Where a repository is cloned from: `owner/name` means GitHub, everything else is meant as it is written.
#[must_use]
pub fn clone_url(repository: &str) -> String {
    let mut parts = repository.split('/');
    let word = |part: Option<&str>| {
        part.is_some_and(|p| {
            !p.is_empty() && !p.starts_with('.') && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        })
    };
    if word(parts.next()) && word(parts.next()) && parts.next().is_none() {
        return format!("https://github.com/{repository}.git");
    }
    repository.to_owned()
}

fn fetch_command(directory: &str, source: &str, code: &Release) -> String {
    let directory = shell_word(directory);
    let clone = if source.is_empty() {
        format!("{{ echo {directory}' is not a git checkout' >&2; exit 1; }}")
    } else {
        format!("git clone --quiet --no-checkout -- {} {directory}", shell_word(source))
    };
    // A commit without a tag need not be on any branch, so it is asked for by its id.
    let what = match (&code.tag, &code.commit) {
        (None, Some(commit)) => format!("origin {commit}"),
        (Some(_), _) | (None, None) => "--tags origin".to_owned(),
    };
    format!(
        "export GIT_TERMINAL_PROMPT=0\ntest -e {directory}/.git || {clone}\ncd {directory} && git fetch --quiet --force {what}"
    )
}

fn verify_command(tag: &Tag, commit: &Commit) -> String {
    let reference = shell_word(&format!("refs/tags/{tag}^{{commit}}"));
    format!(
        "now=$(git rev-parse --verify --quiet {reference})\n\
         test \"$now\" = {commit} || {{ echo \"tag {tag} points at ${{now:-nothing}}, not at {commit}\" >&2; exit {TAG_MOVED}; }}"
    )
}

/// How values are made safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quoting {
    /// As one word of a shell.
    Shell,
    /// As a part of a URL.
    Url,
}

/// The template engine for commands: values are quoted unless a template says `| safe`; an unknown name is an error.
#[must_use]
pub fn templates(quoting: Quoting) -> Templates<'static> {
    let mut templates = Templates::new();
    templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    templates.set_auto_escape_callback(|_| AutoEscape::None);
    templates.set_formatter(move |out, state, value| {
        if value.is_undefined() || value.is_safe() {
            return escape_formatter(out, state, value);
        }
        let text = if value.is_none() { String::new() } else { value.to_string() };
        let quoted = match quoting {
            Quoting::Shell => shell_word(&text),
            Quoting::Url => url_part(&text),
        };
        out.write_str(&quoted).map_err(minijinja::Error::from)
    });
    templates
}

/// One word of a POSIX shell that stands for exactly `text`. A NUL, which no argument can carry, is left out.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let text = text.replace('\0', "");
    shlex::try_quote(&text).map_or_else(|_| "''".to_owned(), |quoted| quoted.into_owned())
}

fn url_part(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_reach_a_command_as_one_word() {
        let rendered =
            |text: &str| templates(Quoting::Shell).render_str("run {{ x }}", context! { x => text }).expect("renders");
        assert_eq!(rendered("v1.0.0"), "run v1.0.0");
        assert_eq!(rendered(""), "run ''");
        assert_eq!(rendered("v1;rm -rf /"), "run 'v1;rm -rf /'");
        assert_eq!(rendered("$(id)"), "run '$(id)'");
        for torture in ["it's", "a\nb", "`x`", "\\", "\"", "-n", "!!", "a\0b", "日本"] {
            let words = shlex::split(&rendered(torture)).expect("splits");
            assert_eq!(words[1], torture.replace('\0', ""));
            assert_eq!(words.len(), 2, "{torture:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert!(templates(Quoting::Shell).render_str("{{ nope }}", ()).is_err());
    }

    #[test]
    fn url_values_cannot_leave_their_part() {
        let url =
            templates(Quoting::Url).render_str("http://h/{{ x }}", context! { x => "a/../b?c#d e" }).expect("renders");
        assert_eq!(url, "http://h/a%2F..%2Fb%3Fc%23d%20e");
    }

    #[test]
    fn repositories_on_github_have_a_short_name() {
        assert_eq!(clone_url("YourOrg/name"), "https://github.com/YourOrg/name.git");
        for as_written in
            ["/srv/repo.git", "../repo", "ssh://git@host/x.git", "git@host:x/y.git", "file:///x", "./a/b", "a"]
        {
            assert_eq!(clone_url(as_written), as_written);
        }
    }
}
