//! What a release would bring: one number for its commit, its artifacts and the commands that the definition of the
//! service runs for it. Votes, rehearsals and runs are signed with it, so that nothing ships but what was seen.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::artifact::Artifact;
use super::env::Env;
use super::ids::{Commit, SurfaceName};
use super::service::{EnvValue, Probe, Recipe, Service, Surface};

/// A SHA-256 of what a release would bring, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Content(String);

impl Content {
    /// As it was stored.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    /// All digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What artifacts and a commit bring with a definition.
    #[must_use]
    pub fn of(artifacts: &[Artifact], commit: Option<&Commit>, definition: &Definition) -> Self {
        let artifacts: BTreeMap<_, _> = artifacts
            .iter()
            .filter(|artifact| artifact.artifact.is_some() || artifact.digest.is_some())
            .map(|artifact| (&artifact.name, (&artifact.artifact, &artifact.digest)))
            .collect();
        Self(digest(&(commit, artifacts, &definition.commands)))
    }
}

/// What a release would bring now, to compare with what was signed.
#[derive(Debug)]
pub struct Brought {
    now: Content,
    without_commit: Content,
    binds_commit: bool,
}

impl Brought {
    /// By artifacts and a commit with a definition.
    #[must_use]
    pub fn by(artifacts: &[Artifact], commit: Option<&Commit>, definition: &Definition) -> Self {
        Self {
            now: Content::of(artifacts, commit, definition),
            without_commit: Content::of(artifacts, None, definition),
            binds_commit: definition.binds_commit,
        }
    }

    /// Whether what people say while the commit is not known stands for the tag, and so for the commit that becomes known
    /// later. So it does only where CI takes releases to production by itself and RMM opens it no door.
    #[must_use]
    pub const fn stands_for_tag(&self) -> bool {
        !self.binds_commit
    }

    /// As [`Self::is`], of what people have said.
    #[must_use]
    pub fn is_said(&self, signed: &Content) -> bool {
        if self.binds_commit { *signed == self.now } else { self.is(signed) }
    }

    /// Whether this is what was signed. What was signed before the repository told the commit stood for the tag, and so
    /// for this commit.
    #[must_use]
    pub fn is(&self, signed: &Content) -> bool {
        *signed == self.now || *signed == self.without_commit
    }
}

impl fmt::Display for Content {
    /// Enough of it to compare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// The commands that a definition runs, as a part of every content of its releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    commands: String,
    /// No production begins but by RMM, so that a yes has to be one to a commit.
    binds_commit: bool,
}

impl Definition {
    /// Of a service. Where and when something runs is no part of it, nor is what a CI system does by itself.
    #[must_use]
    pub fn of(service: &Service) -> Self {
        let ours = Env::LASTING.into_iter().filter(|kind| service.environment(*kind).driver.is_ours());
        let commands: Vec<(Env, Vec<Commands<'_>>)> =
            ours.map(|kind| (kind, service.surfaces_in(kind).map(Commands::of).collect())).collect();
        let binds_commit = service.production().driver.is_started_by_rmm() || service.protection_rule.is_some();
        Self { commands: digest(&commands), binds_commit }
    }
}

/// What of a surface is signed. Another field here voids every vote that is given and not used yet.
#[derive(Serialize)]
struct Commands<'s> {
    name: &'s SurfaceName,
    recipe: Recipe,
    directory: &'s Option<String>,
    checkout: bool,
    before_deploy: &'s Option<String>,
    deploy: &'s str,
    after_deploy: &'s Option<String>,
    migrate_up: &'s Option<String>,
    migrate_down: &'s Option<String>,
    health: Option<&'s str>,
    logs: &'s Option<String>,
    env: &'s BTreeMap<String, EnvValue>,
}

impl<'s> Commands<'s> {
    fn of(surface: &'s Surface) -> Self {
        let health = match surface.health.as_ref().map(|health| &health.probe) {
            Some(Probe::Command(command)) => Some(command.as_str()),
            Some(Probe::Http { .. } | Probe::Tcp { .. } | Probe::Containers) | None => None,
        };
        Self {
            name: &surface.name,
            recipe: surface.recipe,
            directory: &surface.directory,
            checkout: surface.checkout,
            before_deploy: &surface.before_deploy,
            deploy: &surface.deploy,
            after_deploy: &surface.after_deploy,
            migrate_up: &surface.migrate_up,
            migrate_down: &surface.migrate_down,
            health,
            logs: &surface.logs,
            env: &surface.env,
        }
    }
}

fn digest(what: &impl Serialize) -> String {
    let text = serde_json::to_vec(what).unwrap_or_default();
    hex::encode(Sha256::digest(text))
}
