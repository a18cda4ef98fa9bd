//! Names of compose projects: what compose calls the containers, networks and volumes of a surface. Two surfaces with one
//! name would replace each other's containers, so each has one of its own, for each service and environment.

use sha2::{Digest, Sha256};

use super::super::env::Env;
use super::super::ids::ServiceName;
use super::super::release::Release;
use super::super::run::Project;
use super::super::service::{Recipe, Service, Surface};

/// The variable by which compose is told a project.
pub const VARIABLE: &str = "COMPOSE_PROJECT_NAME";

/// The variable by which compose is told to remove what is not in the version that it starts.
pub(super) const ORPHANS_VARIABLE: &str = "COMPOSE_REMOVE_ORPHANS";

/// The longest name of a project: with the name of a container behind it, it is a part of names of hosts.
pub const LONGEST: usize = 100;

/// Whether compose takes a name as it is (compose-spec, `name`).
#[must_use]
pub fn is_valid(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= LONGEST
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

/// The project of a surface; none where its commands say nothing about one, or bring it in a variable.
#[must_use]
pub fn name(service: &ServiceName, surface: &Surface, environment: Env) -> Option<String> {
    match (&surface.project, surface.recipe) {
        (Some(chosen), _) => Some(chosen.clone()),
        (None, Recipe::Compose) if !surface.env.contains_key(VARIABLE) => {
            Some(default_name(service.as_str(), surface.name.as_str(), environment))
        }
        (None, Recipe::Compose | Recipe::Commands) => None,
    }
}

/// `service-surface-environment` in the letters that compose takes. Where letters had to be changed, or the name could
/// be read in two ways, a few digits of a hash keep different places apart.
fn default_name(service: &str, surface: &str, environment: Env) -> String {
    let plain = format!("{service}-{surface}-{environment}");
    let ambiguous = surface.contains('-');
    if is_valid(&plain) && !ambiguous {
        return plain;
    }
    let changed: String = plain
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-') { c } else { '-' })
        .take(LONGEST - 9)
        .collect();
    let hash = Sha256::digest(format!("{service}\0{surface}\0{environment}"));
    let digits = hex::encode(&hash[..4]);
    format!("{}-{digits}", changed.trim_start_matches(['-', '_']))
}

/// Which way the code goes that a command is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction<'a> {
    /// To a newer version.
    Forward,
    /// To an older version: what only this newer one brought has to go.
    Back(&'a Release),
}

/// The project with which the commands of a surface run.
pub(super) fn of(service: &Service, surface: &Surface, environment: Env, direction: Direction<'_>) -> Option<Project> {
    let name = name(service.name_on_hosts(), surface, environment)?;
    let others = || service.surfaces_in(environment).filter(|other| other.name != surface.name);
    let in_folder = |other: &&Surface| other.directory.is_some() && other.directory == surface.directory;
    let named = |other: &Surface| self::name(service.name_on_hosts(), other, environment);
    // Containers of a surface that shares the project would be taken for unused ones.
    let shared = others().any(|other| named(other).as_ref() == Some(&name));
    let back = matches!(direction, Direction::Back(_));
    Some(Project {
        chosen: surface.project.is_some(),
        remove_orphans: back && !shared && !surface.env.contains_key(ORPHANS_VARIABLE),
        siblings: others().filter(in_folder).filter_map(named).filter(|other| *other != name).collect(),
        name,
    })
}

/// Who has chosen the name, as a word for `rmm_project`.
#[must_use]
pub const fn how(project: &Project) -> &'static str {
    if project.chosen { "chosen" } else { "default" }
}

/// Whether containers of other surfaces are in the project of this one, or may be, because they share its folder.
pub(super) fn is_shared(service: &Service, surface: &Surface, environment: Env) -> bool {
    let Some(wanted) = name(service.name_on_hosts(), surface, environment) else { return false };
    service.surfaces_in(environment).filter(|other| other.name != surface.name).any(|other| {
        let named = name(service.name_on_hosts(), other, environment);
        let in_folder = other.directory.is_some() && other.directory == surface.directory;
        named.as_ref() == Some(&wanted) || (in_folder && named.is_some())
    })
}

/// The folders of other surfaces that share the project on purpose.
pub(super) fn shared_folders(service: &Service, surface: &Surface, environment: Env) -> Vec<String> {
    let wanted = name(service.name_on_hosts(), surface, environment);
    service
        .surfaces_in(environment)
        .filter(|other| other.name != surface.name && other.directory != surface.directory)
        .filter(|other| wanted.is_some() && name(service.name_on_hosts(), other, environment) == wanted)
        .filter_map(|other| other.directory.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_service_surface_and_environment() {
        let stage = |service, surface| default_name(service, surface, Env::Stage);
        assert_eq!(stage("shop", "web"), "shop-web-stage");
        assert_eq!(stage("name-authorization", "api"), "name-authorization-api-stage");
        assert_eq!(default_name("shop", "web", Env::Production), "shop-web-production");
    }

    proptest::proptest! {
        /// Different places never have one name, and compose takes every name.
        #[test]
        fn names_are_valid_and_different(
            one in ("[a-cA-C0._-]{1,4}", "[a-cA-C0._-]{1,4}"),
            other in ("[a-cA-C0._-]{1,4}", "[a-cA-C0._-]{1,4}"),
        ) {
            let name = |(service, surface): &(String, String)| default_name(service, surface, Env::Stage);
            proptest::prop_assert!(is_valid(&name(&one)), "{}", name(&one));
            proptest::prop_assert_eq!(name(&one) == name(&other), one == other);
        }
    }
}
