//! What the commands of a surface start under a name that holds for the whole machine: compose projects, stacks,
//! containers. As far as their text tells: what only the shell of the host knows is told as such.

mod docker;
mod reader;
mod state;

use std::collections::BTreeSet;

use minijinja::context;

use self::reader::Shell;
use self::state::State;
use super::super::env::Env;
use super::super::ids::ServiceName;
use super::super::service::Surface;
use super::words::OPEN;
use super::{Quoting, project, templates};

pub use self::docker::normal;

const ENGINES: &str = "docker podman nerdctl";
const COMPOSERS: &str = "docker-compose podman-compose";

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A compose project.
    Project,
    /// A stack of a swarm.
    Stack,
    /// A container, or a service of a swarm.
    Container,
}

/// Something under a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Started {
    /// What it is the name of.
    pub kind: Kind,
    /// The name.
    pub name: String,
    /// Compose makes the name of a folder's: nothing else gives one.
    pub by_folder: bool,
    /// Another docker than the machine's own.
    pub daemon: String,
    /// The folder that compose starts in, if that is known.
    pub folder: String,
    /// The text that calls compose with the same files, if that is known: a host can ask it what they name.
    pub ask: Option<String>,
}

impl Started {
    /// Whether only the shell of the host knows the name.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.name.contains(OPEN)
    }

    /// The name for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.name.replace(OPEN, "$")
    }
}

/// All that a surface starts.
#[derive(Debug, Default)]
pub struct All {
    /// What has a name.
    pub started: BTreeSet<Started>,
    /// Commands that may start anything: they run a file, or something elsewhere.
    pub unread: BTreeSet<String>,
    /// Docker or podman is told something else than compose.
    engine: bool,
    /// Compose is told something.
    composes: bool,
}

impl All {
    /// What the commands of a surface start in an environment.
    #[must_use]
    pub fn of(service: &ServiceName, environment: Env, surface: &Surface) -> Self {
        let Surface { before_deploy, deploy, after_deploy, migrate_up, migrate_down, .. } = surface;
        let others = [before_deploy, after_deploy, migrate_up, migrate_down].into_iter().flatten();
        let commands = std::iter::once(deploy).chain(others).map(String::as_str);
        let mut all = Self::of_commands(commands, service, environment, surface);
        let told = |one: &Started| one.kind == Kind::Project;
        if let Some(name) = project::name(service, surface, environment).filter(|_| !all.started.iter().any(told)) {
            let (daemon, folder) = Default::default();
            all.started.insert(Started { kind: Kind::Project, name, by_folder: false, daemon, folder, ask: None });
        }
        all
    }

    /// What some of its commands start.
    pub(super) fn of_commands<'c>(
        commands: impl IntoIterator<Item = &'c str>,
        service: &ServiceName,
        environment: Env,
        surface: &Surface,
    ) -> Self {
        let mut all = Self::default();
        let named = project::name(service, surface, environment);
        let named = named.as_deref().map(|name| (project::VARIABLE, name));
        let state = State::of(service, environment, surface, named);
        for command in commands {
            // What does not render for these values is one for others.
            let Some(text) = rendered(command, service, environment, surface) else { continue };
            Shell::new(state.clone(), &mut all).read(&text);
        }
        all
    }

    /// Whether only the host knows what they start with compose.
    pub(super) fn is_open(&self) -> bool {
        let open = |one: &Started| one.kind == Kind::Project && (one.by_folder || one.is_open());
        !self.unread.is_empty() || self.started.iter().any(open)
    }

    /// Whether they may start or remove containers which compose does not know.
    pub(super) fn may_take_containers(&self) -> bool {
        self.engine || !self.unread.is_empty()
    }

    /// Whether they tell compose something, as far as their text tells.
    pub(super) fn calls_compose(&self) -> bool {
        self.composes
    }

    /// The names that they give to containers of the machine's own docker, as far as their text tells.
    pub(super) fn containers(&self) -> Vec<String> {
        let known = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let told = |one: &&Started| one.kind == Kind::Container && one.daemon.is_empty() && one.name.chars().all(known);
        self.started.iter().filter(told).map(|one| one.name.clone()).collect()
    }
}

/// A command as it is for some release.
fn rendered(command: &str, service: &ServiceName, environment: Env, surface: &Surface) -> Option<String> {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let version = |number: i64| context! { tag => format!("v{number}"), commit, number };
    let values = context! {
        release => version(2184),
        target => version(2183),
        surface => context! { name => surface.name.as_str(), artifact => "", digest => "" },
        host => context! { name => "host", address => "192.0.2.7" },
        service => service.as_str(),
        environment => environment.to_string(),
        run => context! { id => "2184", kind => "deploy" },
    };
    templates(Quoting::Shell).render_str(command, values).ok()
}
