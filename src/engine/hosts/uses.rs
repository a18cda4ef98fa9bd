//! What services do with a host, and so what has to be there.

use crate::clients::checkup::{Asked, Look, Repository, Wanted};
use crate::domain::env::Env;
use crate::domain::finding::host::Place;
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::plan::{clone_url, known, look_first, shell_word};
use crate::domain::service::{EnvValue, Health, Probe, Service, Surface, Via};
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
    /// What health checks ask from RMM's own machine.
    pub(super) asked_here: Vec<Health>,
    /// Whose runs come here.
    pub(super) runs: Vec<(ServiceName, Env)>,
}

impl Use {
    pub(super) fn of(catalog: &Catalog, host: &HostName) -> Self {
        let mut found = Self::default();
        for service in catalog.services() {
            for kind in service.environments.keys().copied() {
                let here = |surface: &&Surface| surface.hosts.iter().any(|place| place.host == *host);
                for surface in service.surfaces_in(kind).filter(here) {
                    found.add(catalog, service, kind, surface, host);
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

    fn add(&mut self, catalog: &Catalog, service: &Service, kind: Env, surface: &Surface, host: &HostName) {
        add(&mut self.runs, (service.name.clone(), kind));
        if !self.services.contains(&service.name) {
            self.services.push(service.name.clone());
        }
        let wanted = &mut self.wanted;
        wanted.git |= surface.checkout;
        wanted.docker |= uses_docker(surface);
        if let Some(directory) = &surface.directory {
            let list = if surface.checkout { &mut wanted.directories } else { &mut wanted.folders };
            add(list, directory.clone());
        }
        if let Some(repository) = service.repository.as_deref().filter(|_| surface.checkout) {
            let ca = service.repository_ca.as_deref().and_then(|reference| catalog.certificates(reference));
            add(&mut wanted.repositories, Repository { url: clone_url(repository), ca: ca.map(str::to_owned) });
        }
        wanted.looks.extend(look_first(service, surface, kind).map(|calls| Look {
            place: Place {
                surface: surface.name.clone(),
                service: service.name.clone(),
                environment: kind,
                folder: surface.directory.clone(),
            },
            calls: docker_of(surface) + &calls,
        }));
        // What is asked on RMM's own machine has no jump host.
        let Some(health) = &surface.health else { return };
        let health = on_host(health, service, kind, surface, host);
        if host.is_local() || via(&health) == Some(Via::Rmm) {
            add(&mut self.asked_here, health);
        } else if let Some(asked) = asked(&health) {
            add(&mut wanted.asked, asked);
        }
    }
}

/// A health check of a surface as it is on a host, as far as that is known before there is a release.
fn on_host(health: &Health, service: &Service, kind: Env, surface: &Surface, host: &HostName) -> Health {
    let mut health = health.clone();
    if let (Probe::Http { url: text, .. } | Probe::Tcp { address: text, .. }, Some(place)) =
        (&mut health.probe, surface.hosts.iter().find(|place| place.host == *host))
        && let Some(known) = known::address(text, service, kind, surface, place)
    {
        *text = known;
    }
    health
}

/// Which docker the commands of a surface ask.
fn docker_of(surface: &Surface) -> String {
    let told = surface.env.iter().filter(|(name, _)| name.starts_with("DOCKER_"));
    let told = told.filter_map(|(name, value)| match value {
        EnvValue::Plain(value) => Some(format!("export {name}={}\n", shell_word(value))),
        EnvValue::Secret(_) => None,
    });
    told.collect()
}

const fn via(health: &Health) -> Option<Via> {
    match &health.probe {
        Probe::Http { via, .. } | Probe::Tcp { via, .. } => Some(*via),
        Probe::Command(_) | Probe::Containers => None,
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

/// The address that a health check asks.
pub(super) fn asked(health: &Health) -> Option<Asked> {
    let here = via(health)? == Via::Rmm;
    let authority = match &health.probe {
        Probe::Http { url, .. } => {
            let (scheme, rest) = url.split_once("://")?;
            let authority = rest.split(['/', '?', '#']).next()?;
            let authority = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
            let port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
            let default = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
            if port { authority.to_owned() } else { format!("{authority}:{default}") }
        }
        Probe::Tcp { address, .. } => address.clone(),
        Probe::Command(_) | Probe::Containers => return None,
    };
    let written = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let plain = written.filter(|(host, _): &(&str, u16)| !host.contains(['{', '}', ' ']) && known::is_whole(host));
    let (host, port) = plain.unwrap_or(INSTEAD);
    let host = host.trim_matches(['[', ']']).to_owned();
    Some(Asked { host, port, instead: plain.is_none(), here })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::asked as asked_of;
    use super::*;
    use crate::config::{Config, EnvVars};

    fn asks(probe: Probe) -> Option<(String, u16, bool)> {
        let health = Health {
            probe,
            wait: Duration::ZERO,
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(1),
        };
        asked(&health).filter(|asked| !asked.here).map(|asked| (asked.host, asked.port, asked.instead))
    }

    fn http(url: &str, via: Via) -> Probe {
        Probe::Http { url: url.into(), via, status: None, body: None, ca: None }
    }

    #[test]
    fn what_rmm_asks_itself_is_tried_from_there() {
        let health = |probe| Health {
            probe,
            wait: Duration::ZERO,
            attempts: 1,
            interval: Duration::ZERO,
            timeout: Duration::from_secs(1),
        };
        let found = asked(&health(http("https://shop.example/x", Via::Rmm))).unwrap();
        assert_eq!((found.host.as_str(), found.port, found.here), ("shop.example", 443, true));
        let found = asked(&health(Probe::Tcp { address: "db:5432".into(), via: Via::Rmm })).unwrap();
        assert_eq!((found.host.as_str(), found.port, found.here), ("db", 5432, true));
        assert_eq!(asked(&health(Probe::Containers)), None);
    }

    #[test]
    fn an_address_is_asked_as_it_is_on_each_host() {
        let asked = |health: &str| {
            let text = format!(
                "[server]\nlisten = \"127.0.0.1:0\"\n\
                 [[hosts]]\nname = \"one\"\naddress = \"192.0.2.7\"\nuser = \"deploy\"\npassword = \"env:PASSWORD\"\n\
                 [[hosts]]\nname = \"two\"\naddress = \"two.example:2222\"\nuser = \"deploy\"\npassword = \"env:PASSWORD\"\n\
                 [[services]]\nname = \"shop\"\napprovals.minimum = 0\n\
                 [[services.surfaces]]\nname = \"app\"\nrecipe = \"commands\"\ncheckout = false\n\
                 directory = \"/srv/shop\"\ndeploy = \"true\"\nhealth = {health}\n\
                 [services.environments]\nstage = {{ driver = \"ssh\", hosts = [\"one\", \"two\"] }}\nproduction.driver = \"ci\"\n"
            );
            let env = EnvVars::from([("PASSWORD".to_owned(), "x".to_owned())]);
            let config = Config::parse(&text, "rmm.toml", Path::new("/"), &env).unwrap();
            let catalog = Catalog::new(&config);
            ["one", "two"].map(|host| {
                let used = Use::of(&catalog, &HostName::parse("host", host).unwrap());
                let here = used.asked_here.iter().filter_map(asked_of);
                let asked = used.wanted.asked.into_iter().chain(here).next().unwrap();
                if asked.instead { "instead".to_owned() } else { format!("{}:{}", asked.host, asked.port) }
            })
        };
        assert_eq!(asked("{ url = \"http://{{ host.name }}:8080/{{ release.tag }}\" }"), ["one:8080", "two:8080"]);
        assert_eq!(
            asked("{ url = \"https://{{ host.address }}/\", via = \"rmm\" }"),
            ["192.0.2.7:443", "two.example:443"]
        );
        assert_eq!(
            asked("{ tcp = \"{{ service }}.{{ environment }}.internal:80\" }"),
            ["shop.stage.internal:80", "shop.stage.internal:80"]
        );
        for unknown in ["{{ release.tag }}:80", "{{ release.commit[:7] }}.internal:80", "x:{{ release.number + 8000 }}"]
        {
            assert_eq!(asked(&format!("{{ tcp = \"{unknown}\" }}")), ["instead", "instead"], "{unknown}");
        }
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
