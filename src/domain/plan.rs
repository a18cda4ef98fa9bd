//! Plans: the ordered steps that take an environment from one release to another.
//!
//! Pure: the same definition and the same releases give the same steps, to be shown before anything runs. This is
//! the only place where values from outside enter a command, and each passes [`shell_word`] on its way.

use minijinja::{AutoEscape, Environment as Templates, Value, context, escape_formatter};

use super::ids::{Commit, ReleaseId, RunId, Tag};
use super::release::Release;
use super::run::{
    Action, Ask, Position, Positions, RunKind, Schedule, Script, Side, Step, StepKind, StepState, TAG_MOVED,
};
use super::service::{EnvironmentKind, Health, Order, Place, Probe, Service, Surface};

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
    "host.name",
    "host.address",
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
        let mut plan = Plan::default();
        for surface in self.service.surfaces_in(self.environment) {
            let mut part = Part { planner: self, surface, code: to, target: before, plan: &mut plan };
            let places = places(surface);
            part.fetch(&places)?;
            if verify_tag {
                part.verify_tag(&places)?;
            }
            part.advance(&places)?;
        }
        Ok(plan.steps)
    }

    /// The steps from `newer` back to `older`, in reverse order of the surfaces. `positions` says where each touched
    /// surface stands, and on which hosts; the others are left alone.
    ///
    /// # Errors
    /// [`PlanError`] when the commit is not known or a template does not render.
    pub fn back(&self, newer: &Release, older: &Release, positions: &Positions) -> Result<Vec<Step>, PlanError> {
        let mut plan = Plan::default();
        self.go_back(&mut plan, newer, older, positions)?;
        Ok(plan.steps)
    }

    fn go_back(
        &self,
        plan: &mut Plan,
        newer: &Release,
        older: &Release,
        positions: &Positions,
    ) -> Result<(), PlanError> {
        for surface in self.service.surfaces_in(self.environment).rev() {
            let Some(position) = positions.get(&surface.name) else { continue };
            let mut touched = touched(surface, position);
            if position.newer_schema && surface.migrate_down.is_some() {
                let first = places(surface).swap_remove(0);
                let mut leaving = Part { planner: self, surface, code: newer, target: Some(older), plan };
                if !position.hosts.get(&first.host).copied().unwrap_or(false) {
                    leaving.checkout(std::slice::from_ref(&first))?;
                }
                leaving.migrate(StepKind::MigrateDown, &first)?;
                if !touched.contains(&first) {
                    touched.push(first);
                }
            }
            let mut arriving = Part { planner: self, surface, code: older, target: Some(older), plan };
            for group in groups(surface.order, &touched) {
                arriving.checkout(group)?;
                arriving.start(group)?;
            }
        }
        Ok(())
    }

    /// The steps of a rehearsal: back to `older` and forward to `newer` again.
    ///
    /// # Errors
    /// [`PlanError`] when the commit is not known or a template does not render.
    pub fn rehearsal(&self, newer: &Release, older: &Release, positions: &Positions) -> Result<Vec<Step>, PlanError> {
        let mut plan = Plan::default();
        self.go_back(&mut plan, newer, older, positions)?;
        for surface in self.service.surfaces_in(self.environment) {
            let mut part = Part { planner: self, surface, code: newer, target: Some(older), plan: &mut plan };
            part.advance(&places(surface))?;
        }
        Ok(plan.steps)
    }

    /// Every surface, on all of its hosts, on one side.
    #[must_use]
    pub fn everywhere(&self, side: Side) -> Positions {
        let newer = side == Side::Newer;
        let position = |surface: &Surface| Position {
            newer_schema: newer,
            hosts: places(surface).into_iter().map(|place| (place.host, newer)).collect(),
        };
        self.service.surfaces_in(self.environment).map(|surface| (surface.name.clone(), position(surface))).collect()
    }
}

/// Where a surface runs; never empty.
/// Where a surface runs: on its hosts, or on RMM's own machine.
#[must_use]
pub fn places(surface: &Surface) -> Vec<Place> {
    if surface.hosts.is_empty() { vec![Place::local()] } else { surface.hosts.clone() }
}

/// The touched hosts of a surface, the last one first; also those that the surface does not have any more.
fn touched(surface: &Surface, position: &Position) -> Vec<Place> {
    let mut places: Vec<_> =
        places(surface).into_iter().rev().filter(|place| position.hosts.contains_key(&place.host)).collect();
    for host in position.hosts.keys() {
        if places.iter().all(|place| place.host != *host) {
            places.push(Place { host: host.clone(), address: host.to_string() });
        }
    }
    places
}

/// The hosts that are worked on side by side, group after group.
fn groups(order: Order, places: &[Place]) -> std::slice::Chunks<'_, Place> {
    places.chunks(match order {
        Order::Parallel => places.len().max(1),
        Order::Rolling => 1,
    })
}

/// The steps of a plan as they are added, wave after wave.
#[derive(Default)]
struct Plan {
    steps: Vec<Step>,
    waves: u32,
}

/// The steps of one surface, as they are added.
struct Part<'a> {
    planner: &'a Planner<'a>,
    surface: &'a Surface,
    /// The release whose code the steps are about.
    code: &'a Release,
    /// What `{{ target }}` names.
    target: Option<&'a Release>,
    plan: &'a mut Plan,
}

impl Part<'_> {
    /// From the fetched objects to the running code, with its schema.
    fn advance(&mut self, places: &[Place]) -> Result<(), PlanError> {
        for (number, group) in groups(self.surface.order, places).enumerate() {
            self.checkout(group)?;
            self.template(StepKind::BeforeDeploy, group, self.surface.before_deploy.as_deref())?;
            if number == 0 {
                self.migrate(StepKind::MigrateUp, &places[0])?;
            }
            self.deploy(group)?;
        }
        Ok(())
    }

    /// Starts the code that is checked out, with the hooks around it.
    fn start(&mut self, group: &[Place]) -> Result<(), PlanError> {
        self.template(StepKind::BeforeDeploy, group, self.surface.before_deploy.as_deref())?;
        self.deploy(group)
    }

    fn deploy(&mut self, group: &[Place]) -> Result<(), PlanError> {
        let command = Some(self.surface.deploy.as_str()).filter(|command| !command.is_empty());
        self.template(StepKind::Deploy, group, command)?;
        self.health(group)?;
        self.template(StepKind::AfterDeploy, group, self.surface.after_deploy.as_deref())
    }

    fn fetch(&mut self, places: &[Place]) -> Result<(), PlanError> {
        if !self.surface.checkout {
            return Ok(());
        }
        let directory = self.checkout_directory()?;
        let source = self.planner.service.repository.as_deref().map(clone_url).unwrap_or_default();
        let command = fetch_command(&directory, &source, self.code);
        self.wave(StepKind::Fetch, places, |part, _| Ok(part.command(command.clone(), None)))
    }

    fn verify_tag(&mut self, places: &[Place]) -> Result<(), PlanError> {
        let Some(tag) = self.code.tag.as_ref().filter(|_| self.surface.checkout) else { return Ok(()) };
        let directory = self.checkout_directory()?;
        let command = verify_command(tag, self.commit()?);
        self.wave(StepKind::VerifyTag, places, |part, _| Ok(part.command(command.clone(), Some(directory.clone()))))
    }

    fn checkout(&mut self, places: &[Place]) -> Result<(), PlanError> {
        if !self.surface.checkout {
            return Ok(());
        }
        let directory = self.checkout_directory()?;
        let command = format!("git checkout --quiet --force --detach {}", self.commit()?);
        self.wave(StepKind::Checkout, places, |part, _| Ok(part.command(command.clone(), Some(directory.clone()))))
    }

    fn migrate(&mut self, kind: StepKind, place: &Place) -> Result<(), PlanError> {
        let surface = self.surface;
        let command = if kind == StepKind::MigrateUp { &surface.migrate_up } else { &surface.migrate_down };
        self.template(kind, std::slice::from_ref(place), command.as_deref())
    }

    fn health(&mut self, places: &[Place]) -> Result<(), PlanError> {
        let Some(health) = &self.surface.health else { return Ok(()) };
        self.wave(StepKind::Health, places, |part, place| {
            let ask = match &health.probe {
                Probe::Http { url, via, status, body } => Ask::Http {
                    url: part.render(url, Quoting::Url, place)?,
                    via: *via,
                    status: *status,
                    body: body.clone(),
                },
                Probe::Tcp { address, via } => {
                    Ask::Tcp { address: part.render(address, Quoting::Url, place)?, via: *via }
                }
                Probe::Command(template) => Ask::Command(part.script(template, place)?),
            };
            let logs = part.surface.logs.as_deref().map(|template| part.script(template, place)).transpose()?;
            Ok(Action::Health { ask, schedule: schedule(health), logs })
        })
    }

    fn template(&mut self, kind: StepKind, places: &[Place], template: Option<&str>) -> Result<(), PlanError> {
        let Some(template) = template else { return Ok(()) };
        self.wave(kind, places, |part, place| {
            let script = part.script(template, place)?;
            Ok(Action::Command { script, timeout: part.surface.step_timeout })
        })
    }

    fn script(&self, template: &str, place: &Place) -> Result<Script, PlanError> {
        let command = self.render(template, Quoting::Shell, place)?;
        Ok(Script { command, directory: self.surface.directory.clone(), tools: false })
    }

    fn command(&self, command: String, directory: Option<String>) -> Action {
        let script = Script { command, directory, tools: false };
        Action::Command { script, timeout: self.surface.step_timeout }
    }

    /// One step on each of the hosts, side by side.
    fn wave(
        &mut self,
        kind: StepKind,
        places: &[Place],
        action: impl Fn(&Self, &Place) -> Result<Action, PlanError>,
    ) -> Result<(), PlanError> {
        for (place, index) in places.iter().zip(self.plan.steps.len()..) {
            let step = Step {
                index: u32::try_from(index).map_err(|_| PlanError("the plan is too long".into()))?,
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

    fn render(&self, template: &str, quoting: Quoting, place: &Place) -> Result<String, PlanError> {
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
        format!("git clone --quiet --no-checkout -- {} {directory} || exit", shell_word(source))
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
