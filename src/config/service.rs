//! `[[services]]`: what is released, who approves it, how its environments are reached.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::domain::env::Env;
use crate::domain::fault::config::{ConfigFault, ConfigHint, Needed};
use crate::domain::ids::{PersonName, ServiceName, SurfaceName};
use crate::domain::pattern::Pattern;
use crate::domain::person::{Person, Role};
use crate::domain::plan::clone_url;
use crate::domain::repository::{GITHUB_API, RepoName};
use crate::domain::rule::{Invalid, Rule};
use crate::domain::service::{Approvals, Candidates, Driver, Order, Service};
use crate::domain::text::one_line;
use crate::domain::web_address::host_and_port;

use super::authorities::LARGEST_CARRIED;
use super::environment::{self, Reached};
use super::error::not_among;
use super::file::Section;
use super::github::Github;
use super::hosts::Hosts;
use super::oidc;
use super::people::{Names, People, Unique};
use super::places::{self, Occupied, OwnFolders};
use super::report::{Located, Origin, Report, Spot};
use super::secret::Keyring;
use super::surface::{Demand, Draft, Runs, Written, absolute};

/// The surface of a service that says nothing about surfaces.
const PLAIN_SURFACE: &str = "app";

/// `id_tokens`: it is known for whom id tokens of CI must be.
pub(super) fn read(
    root: &Section<'_>,
    people: &People,
    hosts: &Hosts,
    keyring: &Keyring<'_>,
    id_tokens: bool,
    own: &OwnFolders<'_>,
) -> Vec<Service> {
    if !root.has("services") {
        let place = Origin { path: "services".into(), spot: Spot::File };
        root.report.warn(&place, ConfigFault::NoServices);
    }
    let mut names = Names::default();
    let sections = root.list("services").unwrap_or_default();
    let mut occupied = Vec::new();
    let services: Vec<_> = sections
        .iter()
        .filter_map(|section| {
            let oidc = oidc::trusted(section, id_tokens);
            let read = service(section, people, hosts, keyring, &mut names, &mut occupied);
            let candidates = candidates(section);
            read.map(|service| Service { candidates, oidc, ..service })
        })
        .collect();
    places::check(root.report, hosts, own, &occupied);
    former_names(&sections, &services);
    services
}

/// A former name is that of one service, and of none that is still there.
fn former_names(sections: &[Section<'_>], services: &[Service]) {
    let mut known = BTreeSet::new();
    for (section, was) in sections.iter().filter_map(|section| Some((section, section.text("was")?))) {
        let report = section.report;
        if services.iter().any(|service| service.name.as_str() == was.value) {
            report.error(&was.place, ConfigFault::WasIsThere { name: was.value });
        } else if !known.insert(was.value.clone()) {
            report.error(&was.place, ConfigFault::WasTwice { name: was.value.clone() });
        }
    }
}

/// `owner/name` is meant at the GitHub that `[github]` names, wherever it is cloned from.
pub(super) fn at_their_github(services: &mut [Service], api_url: &str) {
    if api_url == GITHUB_API {
        return;
    }
    for repository in services.iter_mut().filter_map(|service| service.repository.as_mut()) {
        if let Some(name) = RepoName::parse(repository) {
            *repository = name.address(api_url);
        }
    }
}

/// Workflows are started at the GitHub that holds the service's repository.
pub(super) fn workflows_within_reach(root: &Section<'_>, services: &[Service], github: Option<&Github>) {
    for section in root.list("services").unwrap_or_default() {
        let name = section.text("name").map(|name| name.value);
        let service = services.iter().find(|service| name.as_deref() == Some(service.name.as_str()));
        let Some(Service { repository, environments, .. }) = service else { continue };
        let driver = environments.get(&Env::Production).map(|environment| &environment.driver);
        let Some(Driver::Ci { workflow: Some(_), .. }) = driver else { continue };
        let place = section.place.inside("environments").inside("production").inside("workflow");
        let error = |fault: ConfigFault, hint: ConfigHint| section.report.error_hint(&place, fault, hint);
        match (github, repository) {
            (None, _) if root.section("github").is_some_and(|github| github.has("token") || github.has("app_id")) => {}
            (None, _) if root.has("github") => section.report.warn(&place, ConfigFault::WorkflowWithoutLogin),
            (None, _) => error(ConfigFault::WorkflowWithoutGithub, ConfigHint::GithubTable),
            (Some(_), None) => {
                let hint = ConfigHint::Write { text: "`repository = \"owner/name\"`".to_owned() };
                error(ConfigFault::WorkflowWithoutRepository, hint);
            }
            (Some(github), Some(repository)) if RepoName::of(repository, &github.api_url).is_none() => {
                let fault = ConfigFault::RepositoryElsewhere { api: github.api_url.clone() };
                error(fault, ConfigHint::AddressOnHost);
            }
            (Some(_), Some(_)) => {}
        }
    }
}

fn service(
    section: &Section<'_>,
    people: &People,
    hosts: &Hosts,
    keyring: &Keyring<'_>,
    names: &mut Names,
    occupied: &mut Vec<Occupied>,
) -> Option<Service> {
    let report = section.report;
    let name = name(section, names, Needed::NameOfService);
    let name = name.and_then(|name| valid(report, &name, ServiceName::parse));
    let was = section.text("was").and_then(|text| valid(report, &text, ServiceName::parse));
    let repository = section.text("repository").and_then(|text| repository(report, keyring.base, &text));
    let repository_ca = repository_ca(section, repository.as_deref(), keyring);
    let supersede = section.flag("supersede").is_some_and(|flag| flag.value);
    let approvals = approvals(section, people);
    let mut written = surfaces(section, hosts, keyring);
    let environments = section.section("environments");
    let reach = |kind| Reached::read(section, environments.as_ref(), kind, hosts, keyring);
    let reached = Env::LASTING.map(|env| (env, reach(env)));

    if !section.has("surfaces") {
        if reached.iter().filter_map(|(_, it)| it.as_ref()).any(Reached::is_ours) {
            section.missing("surfaces", Needed::Surfaces);
        }
        let name = SurfaceName::parse("name", PLAIN_SURFACE).ok()?;
        written.push(Written { name, place: section.place.clone(), draft: Draft::nothing() });
    }

    let has_repository = section.has("repository");
    let told = section.has("surfaces");
    let demand = Demand { base: keyring.base, has_repository, runs: Runs::Elsewhere, runnable: told };
    // Where a driver is not known, it may be the one that the keys belong to.
    if reached.iter().all(|(_, it)| it.as_ref().is_some_and(Reached::is_without_ssh)) {
        for surface in &written {
            surface.draft.check_without_ssh(report, None);
        }
    }
    let mut environments = BTreeMap::new();
    let mut points = Vec::new();
    for (env, it) in reached {
        let finished = it.map(|it| it.finish(report, &written, &demand));
        points.extend(finished.map(|(environment, points)| {
            environments.insert(env, environment);
            (env, points)
        }));
    }
    if environments.len() < Env::LASTING.len() {
        return None;
    }
    // What holds in no environment in particular: the hosts that are written, without those of an environment.
    let plain = Demand { runs: Runs::OnHosts { hosts: Vec::new(), order: Order::Parallel }, ..demand };
    let service = Service {
        name: name?,
        repository,
        repository_ca,
        candidates: Candidates::Call,
        oidc: None,
        protection_rule: None,
        approvals,
        was,
        known_as: None,
        maybe_was: None,
        supersede,
        surfaces: written.iter().map(|surface| surface.draft.complete(surface.name.clone(), &plain)).collect(),
        environments,
        retired: false,
        put_aside: false,
    };
    for (env, points) in points {
        occupied.extend(Occupied::by(&service, env, points));
    }
    if let Some(text) = section.text("repository").filter(|text| is_path(&text.value)) {
        environment::code_within_reach(report, &text.place, &service);
    }
    Some(service)
}

/// The name of a table that must have one, and one of its own.
fn name(section: &Section<'_>, taken: &mut Names, why: Needed) -> Option<Located<String>> {
    if !section.has("name") {
        section.missing("name", why);
    }
    let name = section.text("name")?;
    taken.claim(section.report, &name);
    Some(name)
}

fn valid<T>(
    report: &Report<'_>,
    text: &Located<String>,
    parse: impl FnOnce(&str, String) -> Result<T, Invalid>,
) -> Option<T> {
    parse("name", text.value.clone()).map_err(|invalid| report.error(&text.place, invalid.rule)).ok()
}

/// What makes a candidate: a call, or also a tag that fits a pattern.
fn candidates(section: &Section<'_>) -> Candidates {
    let by_tag = section.choice("candidates", &[("call", false), ("tags", true)]).is_some_and(|it| it.value);
    if by_tag && !section.has("repository") {
        section.missing("repository", Needed::RepositoryOfTags);
    }
    let pattern = section.text("tags").and_then(|text| {
        if !by_tag && section.text("candidates").is_none_or(|it| it.value == "call") {
            section.report.error(&text.place, ConfigFault::TagsByCall);
        }
        Pattern::parse("tags", &text.value).map_err(|invalid| section.report.error(&text.place, invalid.rule)).ok()
    });
    if by_tag { Candidates::Tags(pattern.unwrap_or_else(Pattern::any)) } else { Candidates::Call }
}

/// The reference to the authorities that the repository's certificate is checked against.
fn repository_ca(section: &Section<'_>, repository: Option<&str>, keyring: &Keyring<'_>) -> Option<String> {
    let reference = section.text("repository_ca")?;
    if repository.is_some_and(|repository| !clone_url(repository).starts_with("https://")) {
        section.report.error(&reference.place, ConfigFault::NotHttps { key: "repository".to_owned() });
        return None;
    }
    keyring.trust(&reference, Some(LARGEST_CARRIED)).then_some(reference.value)
}

/// Whether a repository is in a folder of some machine.
fn is_path(repository: &str) -> bool {
    repository == "." || ["/", "./", "../", "file:"].iter().any(|start| repository.starts_with(start))
}

/// The address of a repository as the configuration takes it; relative paths begin at `base`.
///
/// # Errors
/// [`Invalid`] for one that the configuration refuses.
pub fn check_repository(text: &str, base: &Path) -> Result<String, Invalid> {
    address(text, base).map_err(|rule| Invalid::new("repository", rule))
}

fn repository(report: &Report<'_>, base: &Path, text: &Located<String>) -> Option<String> {
    let refuse = |rule: Rule| {
        if rule == Rule::NoPassword {
            report.error_unseen(&text.place, rule, ConfigHint::LoginOfRepository);
        } else {
            report.error(&text.place, rule);
        }
    };
    address(&text.value, base).map_err(refuse).ok()
}

/// `owner/name`, an address that git understands, or an absolute path.
fn address(value: &str, base: &Path) -> Result<String, Rule> {
    one_line("repository", value, 2000).map_err(|invalid| invalid.rule)?;
    if is_path(value) && !value.starts_with("file:") {
        return Ok(absolute(base, value));
    }
    let word = |part: &str| {
        part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
    };
    let on_github = value.split_once('/').is_some_and(|(owner, name)| word(owner) && word(name));
    let authority = ["https://", "http://", "ssh://", "git://", "file://"]
        .iter()
        .find_map(|scheme| value.strip_prefix(scheme))
        .map(|rest| rest.split('/').next().unwrap_or(rest));
    // As scp writes it: `git@host:path`.
    let scp = value.split_once(':').is_some_and(|(host, path)| {
        host.split_once('@').is_some_and(|(user, host)| word(user) && word(host)) && !path.is_empty()
    });
    if let Some((login, _)) = authority.and_then(|authority| authority.rsplit_once('@'))
        && (login.contains(':') || value.starts_with("http"))
    {
        return Err(Rule::NoPassword);
    }
    let is_plain = value.bytes().all(|b| b.is_ascii_graphic());
    if is_plain && let Some(authority) = authority.filter(|authority| !authority.starts_with('-')) {
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        let is_reachable = value.starts_with("file:") || host_and_port(place).is_some();
        return if is_reachable { Ok(value.to_owned()) } else { Err(Rule::RepositoryHost) };
    }
    if is_plain && (on_github || scp) { Ok(value.to_owned()) } else { Err(Rule::Repository) }
}

fn approvals(service: &Section<'_>, people: &People) -> Approvals {
    let report = service.report;
    let Some(section) = service.section("approvals") else {
        if !service.has("approvals") {
            service.missing("approvals", Needed::Approvals);
        }
        return Approvals { required: Vec::new(), minimum: 0, forbid_self: false, auto_promote: true };
    };
    let listed = section.texts("required");
    let required = approvers(report, listed.as_deref().unwrap_or_default(), people);
    let minimum = section.number("minimum", 0..=i64::MAX);
    // Counted as written: a name with a mistake in it must not bring a second error about the number.
    let count = listed.as_ref().map_or(0, Vec::len);
    let number = minimum.as_ref().and_then(|minimum| usize::try_from(minimum.value).ok());
    if let (Some(minimum), Some(number)) = (&minimum, number)
        && number > count
    {
        report.error(&minimum.place, ConfigFault::AtMostApprovers { count });
    }
    if count == 0 && !section.has("minimum") && (listed.is_some() || !section.has("required")) {
        report.error(&section.at("required"), ConfigFault::NobodyApproves);
    }
    let forbid_self = section.flag("forbid_self");
    let minimum = number.unwrap_or(required.len());
    if let Some(flag) = &forbid_self
        && flag.value
        && minimum > 0
        && minimum == count
    {
        report.warn(&flag.place, ConfigFault::NeverApproved);
    }
    if let Some(flag) = forbid_self.as_ref().filter(|flag| flag.value && is_at_github(service)) {
        let is_unknown = |person: &&Person| required.contains(&person.name) && person.github.is_none();
        for person in people.list.iter().filter(is_unknown) {
            report.warn(&flag.place, ConfigFault::NoGithubOf { person: person.name.to_string() });
        }
    }
    Approvals {
        required,
        minimum,
        forbid_self: forbid_self.is_some_and(|flag| flag.value),
        auto_promote: section.flag("auto_promote").is_none_or(|flag| flag.value),
    }
}

/// Whether GitHub names those who begin its releases, by their logins.
fn is_at_github(service: &Section<'_>) -> bool {
    let repository = service.text("repository");
    service.has("oidc") || repository.is_some_and(|text| RepoName::parse(&text.value).is_some())
}

fn approvers(report: &Report<'_>, listed: &[Located<String>], people: &People) -> Vec<PersonName> {
    let mut taken = Unique::default();
    let mut required = Vec::new();
    for text in listed {
        taken.claim(report, text.value.clone(), &text.place);
        match people.names.get(&text.value) {
            Some(Some(Role::Viewer)) => {
                report.error(&text.place, ConfigFault::Viewer { name: text.value.clone() });
            }
            Some(Some(Role::Ci | Role::Member | Role::Admin) | None) => {
                required.extend(PersonName::parse("required", text.value.clone()));
            }
            None => {
                report.error(&text.place, not_among("people", &text.value, people.names.keys().map(String::as_str)));
            }
        }
    }
    required
}

fn surfaces(service: &Section<'_>, hosts: &Hosts, keyring: &Keyring<'_>) -> Vec<Written> {
    let Some(sections) = service.list("surfaces") else { return Vec::new() };
    if sections.is_empty() {
        service.report.error(&service.at("surfaces"), ConfigFault::AnySurface);
    }
    let mut names = Names::default();
    let read = |section: &Section<'_>| {
        let name = name(section, &mut names, Needed::NameOfSurface);
        let draft = Draft::read(section, hosts, keyring);
        let name = valid(section.report, &name?, SurfaceName::parse)?;
        Some(Written { name, place: section.place.clone(), draft })
    };
    sections.iter().filter_map(read).collect()
}
