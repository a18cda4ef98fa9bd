//! What services do with a host, and so what has to be there.

use crate::clients::checkup::{Asked, Repository, Wanted};
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::plan::clone_url;
use crate::domain::service::{Health, Probe, Service, Surface, Via};
use crate::engine::catalog::Catalog;

/// What is asked in place of an address that is not known before there is a release.
const INSTEAD: (&str, u16) = ("127.0.0.1", 9);

/// What services do with a host.
#[derive(Debug, Default)]
pub(super) struct Use {
    pub(super) services: Vec<ServiceName>,
    /// The hosts that are next on some way through it.
    pub(super) leads_to: Vec<HostName>,
    pub(super) wanted: Wanted,
}

impl Use {
    pub(super) fn of(catalog: &Catalog, host: &HostName) -> Self {
        let mut found = Self::default();
        for service in catalog.services() {
            for kind in service.environments.keys().copied() {
                let here = |surface: &&Surface| surface.hosts.iter().any(|place| place.host == *host);
                for surface in service.surfaces_in(kind).filter(here) {
                    found.add(catalog, service, surface, host);
                }
            }
        }
        for other in catalog.hosts() {
            let next = other.jump.iter().skip_while(|hop| *hop != host).skip(1).chain([&other.name]).next();
            if let Some(next) = next.filter(|_| other.jump.contains(host))
                && !found.leads_to.contains(next)
            {
                found.leads_to.push(next.clone());
            }
        }
        found
    }

    /// Whether it is there for the sake of others: nothing runs on it.
    pub(super) fn leads_on_only(&self) -> bool {
        self.services.is_empty() && !self.leads_to.is_empty()
    }

    fn add(&mut self, catalog: &Catalog, service: &Service, surface: &Surface, host: &HostName) {
        if !self.services.contains(&service.name) {
            self.services.push(service.name.clone());
        }
        let wanted = &mut self.wanted;
        wanted.git |= surface.checkout;
        wanted.docker |= uses_docker(surface);
        if let Some(directory) = &surface.directory {
            add(&mut wanted.directories, directory.clone());
        }
        if let Some(repository) = service.repository.as_deref().filter(|_| surface.checkout) {
            let ca = service.repository_ca.as_deref().and_then(|reference| catalog.certificates(reference));
            add(&mut wanted.repositories, Repository { url: clone_url(repository), ca: ca.map(str::to_owned) });
        }
        // What is asked on RMM's own machine goes through nobody.
        if let Some(asked) = surface.health.as_ref().filter(|_| !host.is_local()).and_then(asked) {
            add(&mut wanted.asked, asked);
        }
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

/// Whether some command of a surface needs docker.
fn uses_docker(surface: &Surface) -> bool {
    let Surface { before_deploy, after_deploy, migrate_up, migrate_down, logs, health, .. } = surface;
    let check = health.as_ref().and_then(|health| match &health.probe {
        Probe::Command(command) => Some(command),
        Probe::Http { .. } | Probe::Tcp { .. } | Probe::Containers => None,
    });
    let others = [before_deploy, after_deploy, migrate_up, migrate_down, logs].into_iter().flatten();
    let first_word = |command: &str| {
        let word = command.split_whitespace().next().unwrap_or_default();
        word == "docker" || word.starts_with("rmm_compose") || word.starts_with("rmm_docker")
    };
    let by_line = |command: &str| command.lines().any(first_word);
    let containers = health.as_ref().is_some_and(|health| health.probe == Probe::Containers);
    containers || by_line(&surface.deploy) || others.chain(check).any(|command| by_line(command))
}

/// What a health check asks through the host that the surface is on.
fn asked(health: &Health) -> Option<Asked> {
    let authority = match &health.probe {
        Probe::Http { url, via: Via::Host, .. } => {
            let rest = url.strip_prefix("http://")?;
            let authority = rest.split(['/', '?', '#']).next()?;
            let authority = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
            let port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
            if port { authority.to_owned() } else { format!("{authority}:80") }
        }
        Probe::Tcp { address, via: Via::Host } => address.clone(),
        Probe::Http { via: Via::Rmm, .. }
        | Probe::Tcp { via: Via::Rmm, .. }
        | Probe::Command(_)
        | Probe::Containers => return None,
    };
    let written = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let plain = written.filter(|(host, _): &(&str, u16)| !host.contains(['{', '}', ' ']));
    let (host, port) = plain.unwrap_or(INSTEAD);
    let host = host.trim_matches(['[', ']']).to_owned();
    Some(Asked { host, port, instead: plain.is_none() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn asks(probe: Probe) -> Option<(String, u16, bool)> {
        let health = Health {
            probe,
            wait: Duration::ZERO,
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(1),
        };
        asked(&health).map(|asked| (asked.host, asked.port, asked.instead))
    }

    fn http(url: &str, via: Via) -> Probe {
        Probe::Http { url: url.into(), via, status: None, body: None, ca: None }
    }

    #[test]
    fn only_what_goes_through_the_host_is_tried_there() {
        let at = |host: &str, port, instead| Some((host.to_owned(), port, instead));
        assert_eq!(asks(http("http://127.0.0.1:8000/x?y=1", Via::Host)), at("127.0.0.1", 8000, false));
        assert_eq!(asks(http("http://a:b@[::1]/x", Via::Host)), at("::1", 80, false));
        assert_eq!(asks(http("http://app.internal", Via::Host)), at("app.internal", 80, false));
        assert_eq!(asks(http("http://127.0.0.1:{{ surface.port }}/", Via::Host)), at("127.0.0.1", 9, true));
        assert_eq!(asks(http("http://127.0.0.1:8000/", Via::Rmm)), None);
        assert_eq!(asks(Probe::Tcp { address: "[::1]:5432".into(), via: Via::Host }), at("::1", 5432, false));
        assert_eq!(asks(Probe::Command("true".into())), None);
    }
}
