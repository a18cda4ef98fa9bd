//! What a run looks at in a place before anything is touched there. A check of the host looks at the same.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::env::Env;
use super::super::folder::plain;
use super::super::service::{EnvValue, Recipe, Service, Surface};
use super::project::{self, Direction};
use super::quoting::shell_word;
use super::started::{All, Kind, Started};

/// The calls that look at the place of a surface: whether the disk has room, and whether the compose project and the names
/// of containers belong to another service or environment.
#[must_use]
pub fn look(service: &Service, surface: &Surface, environment: Env) -> Option<String> {
    let in_folder = surface.directory.as_deref().map(|directory| in_folder(service, surface, environment, directory));
    let names = All::of(&service.name, environment, surface).containers();
    let named = (!names.is_empty()).then(|| {
        format!("rmm_containers_place {} {environment}{}", shell_word(service.name_on_hosts().as_str()), words(&names))
    });
    let calls: Vec<_> = in_folder.into_iter().flatten().chain(named).collect();
    (!calls.is_empty()).then(|| calls.join("\n"))
}

fn in_folder(service: &Service, surface: &Surface, environment: Env, directory: &str) -> Vec<String> {
    let compose = surface.recipe == Recipe::Compose;
    let checked = compose || surface.checkout || surface.min_free.is_some();
    let free = surface.min_free.map_or_else(|| "auto".to_owned(), |bytes| bytes.to_string());
    let directory = shell_word(directory);
    let docker = if compose { " docker" } else { "" };
    let project = project::of(service, surface, environment, Direction::Forward);
    let room = checked.then(|| format!("rmm_room {free} {directory}{docker}"));
    let place = project.filter(|_| compose && !starts_files_elsewhere(surface)).map(|project| {
        let shared = words(&project::shared_folders(service, surface, environment));
        format!("rmm_compose_place {directory} {} {}{shared}", project.name, project::how(&project))
    });
    let own = own_projects(service, surface, environment);
    let asks = if surface.checkout { Vec::new() } else { asks(service, surface, environment) };
    room.into_iter().chain(place).chain(own).chain(asks).collect()
}

/// The calls that ask compose, once the files are there, what these call a project and its containers, and look whose the
/// names are.
pub(super) fn asks(service: &Service, surface: &Surface, environment: Env) -> Vec<String> {
    let shared = words(&beside(service, surface, environment));
    let started = here(service, surface, environment);
    let calls: BTreeSet<_> = started
        .iter()
        .filter_map(|one| {
            let what = if one.by_folder { "name" } else { "containers" };
            let directory = shell_word(surface.directory.as_deref()?);
            Some(format!("rmm_compose_ask {directory} {what} {}{shared}", shell_word(one.ask.as_deref()?)))
        })
        .collect();
    calls.into_iter().collect()
}

/// The folders of surfaces that are released with this one, and may have a project in common with it.
pub(super) fn beside(service: &Service, surface: &Surface, environment: Env) -> Vec<String> {
    let others = service.surfaces_in(environment).filter(|other| other.directory != surface.directory);
    others.filter_map(|other| other.directory.clone()).collect()
}

fn words(folders: &[String]) -> String {
    folders.iter().map(|folder| format!(" {}", shell_word(folder))).collect()
}

/// What the commands start on the machine itself with files in the folder.
fn here(service: &Service, surface: &Surface, environment: Env) -> Vec<Started> {
    let Some(directory) = surface.directory.as_deref().map(plain) else { return Vec::new() };
    let here = |one: &Started| {
        one.kind == Kind::Project && one.daemon.is_empty() && Path::new(&one.folder).starts_with(&directory)
    };
    All::of(&service.name, environment, surface).started.into_iter().filter(here).collect()
}

/// The calls that look whose the projects are which commands of one's own start in the folder.
fn own_projects(service: &Service, surface: &Surface, environment: Env) -> Vec<String> {
    let Some(directory) = surface.directory.as_deref().filter(|_| surface.recipe == Recipe::Commands) else {
        return Vec::new();
    };
    let shared = words(&beside(service, surface, environment));
    let started = here(service, surface, environment).into_iter().map(|one| one.name);
    let names: BTreeSet<String> = started.filter(|name| project::is_valid(name)).collect();
    let directory = shell_word(directory);
    names.iter().map(|name| format!("rmm_compose_place {directory} {name} named{shared}")).collect()
}

/// The same without a run: also whether another service or environment holds the folder, and what has become of the
/// containers that were started.
#[must_use]
pub fn look_first(service: &Service, surface: &Surface, environment: Env) -> Option<String> {
    let name = shell_word(service.name_on_hosts().as_str());
    let directory = surface.directory.as_deref().filter(|_| surface.checkout).map(shell_word);
    let held = directory.map(|directory| format!("rmm_meet_holder {directory} {name} {environment}"));
    let starts = All::of(&service.name, environment, surface).may_take_containers();
    let left = starts.then(|| format!("rmm_containers_left {name} {environment}"));
    let calls: Vec<_> = held.into_iter().chain(look(service, surface, environment)).chain(left).collect();
    (!calls.is_empty()).then(|| calls.join("\n"))
}

/// The command gives compose files outside the folder, so that the containers are not marked as those of the folder.
fn starts_files_elsewhere(surface: &Surface) -> bool {
    // What a variable of the shell or a template brings may be anywhere.
    let is_outside = |path: &str| path.starts_with(['/', '~', '$', '{']) || path.contains("../") || path == "..";
    let told = ["-f ", "--file ", "--file=", "--project-directory ", "--project-directory=", "COMPOSE_FILE="];
    let word = |rest: &str| rest.trim_start().trim_matches(['"', '\'']).to_owned();
    let paths = told.iter().flat_map(|option| surface.deploy.split(option).skip(1)).map(word);
    let of_variable = match surface.env.get("COMPOSE_FILE") {
        Some(EnvValue::Plain(paths)) => paths.split(':').any(is_outside),
        Some(EnvValue::Secret(_)) => true,
        None => false,
    };
    of_variable || paths.into_iter().any(|path| is_outside(path.split_whitespace().next().unwrap_or_default()))
}
