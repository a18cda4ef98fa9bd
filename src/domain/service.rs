//! The definition of a service: what the configuration says about it, in the words of the domain.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::env::Env;
use super::identity::TrustedWorkflows;
use super::ids::{HostName, PersonName, ServiceName, SurfaceName};
use super::pattern::Pattern;
use super::refusal::Refusal;

/// What a team releases as one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Service {
    /// Its name, unique in RMM.
    pub name: ServiceName,
    /// Where its code is: `owner/name` on GitHub, a URL, or a path on RMM's machine.
    pub repository: Option<String>,
    /// Where the certificates are that an https:// repository is checked against (`file:PATH`), if they are not public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_ca: Option<String>,
    /// What makes a candidate of it.
    #[serde(skip_serializing_if = "Candidates::are_by_call")]
    pub candidates: Candidates,
    /// The workflows of GitHub that may speak about it with an id token instead of a token of RMM; none: no workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc: Option<TrustedWorkflows>,
    /// The GitHub environment whose deployment protection rule RMM is. It changes nothing of what a release brings.
    #[serde(skip)]
    pub protection_rule: Option<String>,
    /// Who must say yes.
    pub approvals: Approvals,
    /// What it was called before. Its history is carried over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<ServiceName>,
    /// What it was called when its hosts came to know it, where that is on record: their folders and marks keep that name.
    #[serde(skip)]
    pub known_as: Option<ServiceName>,
    /// What it may have been called before, where it has no history and nobody has said so: a service that has left the
    /// configuration looks like it.
    #[serde(skip)]
    pub maybe_was: Option<ServiceName>,
    /// A newer release cancels the older one that holds stage, instead of waiting for it.
    pub supersede: bool,
    /// Its runtimes, in the order in which they are deployed. Never empty.
    pub surfaces: Vec<Surface>,
    /// How each of its environments is reached; stage and production always are among them.
    #[serde(flatten)]
    pub environments: BTreeMap<Env, Environment>,
    /// It has left the configuration: what is under way ends, and nothing new begins.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
    /// It is retired only because its definition in the dashboard does not hold any more.
    #[serde(skip)]
    pub put_aside: bool,
}

/// What makes a candidate of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidates {
    /// CI or a person says so.
    #[default]
    Call,
    /// A new tag of its repository that fits the pattern does, too.
    Tags(Pattern),
}

impl Candidates {
    /// Whether nothing is a candidate by itself.
    #[must_use]
    pub const fn are_by_call(&self) -> bool {
        matches!(self, Self::Call)
    }
}

/// The rule of the vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approvals {
    /// Who is listed.
    pub required: Vec<PersonName>,
    /// How many of them are enough.
    pub minimum: usize,
    /// The initiator's own yes does not count.
    pub forbid_self: bool,
    /// Production starts when the last gate clears, without `promote`.
    pub auto_promote: bool,
}

/// How one environment of a service is reached, and what differs there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Environment {
    /// Who executes the runs.
    pub driver: Driver,
    /// Complete definitions of surfaces that differ here from the service's own (overrides already applied).
    pub surfaces: BTreeMap<SurfaceName, Surface>,
    /// A run of RMM's own that takes longer is ended.
    #[serde(with = "super::duration_text")]
    pub run_timeout: Duration,
}

/// Who executes a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "driver", rename_all = "snake_case")]
pub enum Driver {
    /// RMM follows the plan on its own machine.
    Local,
    /// RMM follows the plan over SSH, on the hosts of each surface.
    Ssh,
    /// A CI system does the work and reports.
    Ci {
        /// Started by `workflow_dispatch`; without it RMM only waits for reports.
        workflow: Option<String>,
        /// Started for a rollback.
        rollback_workflow: Option<String>,
        /// Silence longer than this makes the run `unknown`.
        report_timeout: Duration,
    },
}

impl Driver {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ssh => "ssh",
            Self::Ci { .. } => "ci",
        }
    }

    /// Whether RMM itself runs the plan (and so no client may report on it).
    #[must_use]
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Local | Self::Ssh => true,
            Self::Ci { .. } => false,
        }
    }

    /// Whether a deploy begins because RMM says so: by a plan of its own, or by a workflow that it starts.
    #[must_use]
    pub fn is_started_by_rmm(&self) -> bool {
        match self {
            Self::Local | Self::Ssh => true,
            Self::Ci { workflow, .. } => workflow.is_some(),
        }
    }
}

/// What becomes of work done by hand in the folder of a checkout, when a release would overwrite it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dirty {
    /// It is kept aside in the clone, and the checkout goes on.
    #[default]
    Keep,
    /// The release stops before anything is changed. A rollback keeps it aside all the same.
    Refuse,
}

/// One runtime of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Surface {
    /// Its name, unique in the service.
    pub name: SurfaceName,
    /// The defaults that it is completed with.
    pub recipe: Recipe,
    /// Where it runs; the first one migrates the database. Empty where RMM does not run it.
    pub hosts: Vec<Target>,
    /// How its hosts are deployed to.
    pub order: Order,
    /// Where its code is checked out on the host; absolute.
    pub directory: Option<String>,
    /// Whether RMM brings `directory` to the release's commit with git before the commands.
    pub checkout: bool,
    /// What becomes of work done by hand in `directory`.
    pub dirty: Dirty,
    /// Command template that runs on each host once the code is checked out, before migrations.
    pub before_deploy: Option<String>,
    /// Command template that starts the code which is checked out.
    pub deploy: String,
    /// Command template that runs on each host once it is well.
    pub after_deploy: Option<String>,
    /// Command template that brings the database forward to the code which is checked out.
    pub migrate_up: Option<String>,
    /// Command template that takes the database back to `target`; the newer code is still checked out.
    pub migrate_down: Option<String>,
    /// How to tell that it is well.
    pub health: Option<Health>,
    /// Command template that prints what the service said last; asked when it is not well.
    pub logs: Option<String>,
    /// The compose project of all its commands. Without it, the recipe `compose` has one of its own for each service,
    /// surface and environment, and other surfaces have none.
    pub project: Option<String>,
    /// Versions whose images stay after a deploy of the recipe `compose`; 0 means all.
    pub keep: u32,
    /// Bytes that must be free where it is deployed, before anything is touched; 0 means any. Without it, a fixed
    /// amount or a share of the disk, whichever is less.
    pub min_free: Option<u64>,
    /// Environment variables of all its commands. The values are names of secrets or plain text; see [`EnvValue`].
    pub env: BTreeMap<String, EnvValue>,
    /// Time limit of each command.
    pub step_timeout: Duration,
}

/// A named set of defaults for a surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipe {
    /// Git and Docker Compose.
    Compose,
    /// The service's own commands.
    Commands,
}

impl Recipe {
    /// The name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Commands => "commands",
        }
    }

    /// The command that starts the code which is checked out.
    #[must_use]
    pub const fn deploy(self) -> Option<&'static str> {
        match self {
            Self::Compose => Some("docker compose up -d --build"),
            Self::Commands => None,
        }
    }

    /// The command that prints what the service said last.
    #[must_use]
    pub const fn logs(self) -> Option<&'static str> {
        match self {
            Self::Compose => Some("docker compose ps --all; docker compose logs --no-color --tail 100"),
            Self::Commands => None,
        }
    }
}

/// The value of an environment variable of a surface's commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum EnvValue {
    /// Shown in plans.
    Plain(String),
    /// `env:NAME` or `file:PATH`: looked up when the step starts, and hidden everywhere.
    Secret(String),
}

/// How to tell that a surface is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// What is asked.
    pub probe: Probe,
    /// Before the first attempt.
    #[serde(with = "super::duration_text")]
    pub wait: Duration,
    /// How often it is asked before it counts as ill; at least 1.
    pub attempts: u32,
    /// Between attempts.
    #[serde(with = "super::duration_text")]
    pub interval: Duration,
    /// Of one attempt.
    #[serde(with = "super::duration_text")]
    pub timeout: Duration,
}

/// What a health check asks. The texts are templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// A GET that must be answered well.
    Http {
        /// The address.
        url: String,
        /// Who asks.
        via: Via,
        /// The status that counts as well; without it every 2xx.
        status: Option<u16>,
        /// What the body must contain.
        body: Option<String>,
        /// Where the certificates are that the server's own is checked against (`file:PATH`), beside the public ones.
        #[serde(skip_serializing_if = "Option::is_none")]
        ca: Option<String>,
    },
    /// `host:port` must accept a connection.
    Tcp {
        /// The address.
        address: String,
        /// Who asks.
        via: Via,
    },
    /// A command that must exit 0, as a durable step.
    Command(String),
    /// All containers of the compose project must run, be healthy where they can tell, and stay so for a while.
    Containers,
}

/// Who asks a health check's question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The host that the surface runs on: `127.0.0.1` is the host.
    Host,
    /// RMM's own machine.
    Rmm,
}

/// How several hosts are deployed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// All at the same time, step by step.
    Parallel,
    /// One after the other; the next one begins when the one before is well.
    Rolling,
}

/// A host of a surface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The host.
    pub host: HostName,
    /// Its name or IP address in the network, for templates.
    pub address: String,
}

impl Target {
    /// RMM's own machine.
    #[must_use]
    pub fn local() -> Self {
        Self { host: HostName::local(), address: "127.0.0.1".into() }
    }
}

/// How much a service looks like another one under a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It is out of the same repository.
    SameCode,
    /// It is in the same folder.
    SameFolder,
}

impl Surface {
    /// Where it runs; never empty.
    #[must_use]
    pub fn places(&self) -> Vec<Target> {
        if self.hosts.is_empty() { vec![Target::local()] } else { self.hosts.clone() }
    }
}

impl Service {
    /// Whether something new may begin in it.
    ///
    /// # Errors
    /// [`Cause::ServiceAside`] and [`Cause::ServiceRetired`], where it has left the configuration.
    pub fn begins(&self) -> Result<(), Refusal> {
        let service = || self.name.clone();
        match (self.put_aside, self.retired) {
            (true, _) => Err(Cause::ServiceAside { service: service() }.into()),
            (false, true) => Err(Cause::ServiceRetired { service: service() }.into()),
            (false, false) => Ok(()),
        }
    }

    /// How much it looks like another one under a new name: it has the same surfaces, out of the same repository or in the same
    /// folder. None: not at all.
    #[must_use]
    pub fn likeness(&self, former: &Self) -> Option<Likeness> {
        let names = |of: &Self| of.surfaces.iter().map(|surface| surface.name.clone()).collect::<BTreeSet<_>>();
        let folders = |of: &Self, env: Env| -> BTreeSet<_> {
            of.surfaces_in(env).filter_map(|surface| surface.directory.clone()).collect()
        };
        let shares_a_folder = Env::LASTING.iter().any(|env| !folders(self, *env).is_disjoint(&folders(former, *env)));
        let is_same_code = self.repository.is_some() && self.repository == former.repository;
        match () {
            () if names(self) != names(former) => None,
            () if shares_a_folder => Some(Likeness::SameFolder),
            () => is_same_code.then_some(Likeness::SameCode),
        }
    }

    /// The name by which hosts know it: it stays when the service is renamed.
    #[must_use]
    pub fn name_on_hosts(&self) -> &ServiceName {
        self.known_as.as_ref().or(self.was.as_ref()).unwrap_or(&self.name)
    }

    /// How an environment is reached.
    ///
    /// # Panics
    /// If the service does not have it.
    #[must_use]
    pub fn environment(&self, env: Env) -> &Environment {
        &self.environments[&env]
    }

    /// How stage is reached.
    #[must_use]
    pub fn stage(&self) -> &Environment {
        self.environment(Env::Stage)
    }

    /// How production is reached.
    #[must_use]
    pub fn production(&self) -> &Environment {
        self.environment(Env::Production)
    }

    /// The hosts of an environment, in the order of its surfaces.
    #[must_use]
    pub fn hosts_in(&self, kind: Env) -> Vec<HostName> {
        let mut hosts: Vec<HostName> = Vec::new();
        for surface in self.surfaces_in(kind) {
            for place in surface.places() {
                if !hosts.contains(&place.host) {
                    hosts.push(place.host);
                }
            }
        }
        hosts
    }

    /// The surfaces as they are in one environment, in deploy order.
    pub fn surfaces_in(&self, kind: Env) -> impl DoubleEndedIterator<Item = &Surface> {
        let environment = self.environment(kind);
        self.surfaces.iter().map(|surface| environment.surfaces.get(&surface.name).unwrap_or(surface))
    }
}
