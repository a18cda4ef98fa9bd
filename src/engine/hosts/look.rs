//! What is found on a host when somebody looks: its key first, and only behind a good one the rest.

use std::time::Duration;

use super::{KeyState, compare, configured, key_state, must_show};
use crate::clients::checkup::{Finding, State, Wanted, checkup};
use crate::clients::transport::{Transport, TransportError};
use crate::domain::host::{Fingerprint, Host, HostKey};
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::person::{Actor, Right};
use crate::domain::service::{EnvironmentKind, Surface};
use crate::engine::catalog::Catalog;
use crate::engine::{Engine, Failure};

/// How long a host may take to show its key, when somebody looks.
const KEY_TIME: Duration = Duration::from_secs(30);
/// How long a host may take to answer everything else.
const CHECK_TIME: Duration = Duration::from_secs(45);

impl Engine {
    /// Looks at a host, and remembers the key that it shows. Takes at most a minute and a half.
    ///
    /// # Errors
    /// A refusal when there is no such host, or the actor is no admin. What is wrong with the host is a finding.
    pub async fn check_host(&self, actor: &Actor, name: &HostName) -> Result<Vec<Finding>, Failure> {
        actor.may(Right::Administer, None, false)?;
        let catalog = self.catalog();
        let mut findings = Vec::new();
        if name.is_local() {
            findings.push(Finding::ok("reachable", "it is RMM's own machine"));
            findings.extend(self.look_around(&catalog, name, self.ports().local.as_ref()).await);
            return Ok(findings);
        }
        let host = configured(&catalog, name)?;
        let ssh = self.ssh(host.clone()).await?;
        let offered = match tokio::time::timeout(KEY_TIME, ssh.offered_key()).await {
            Ok(Ok(key))
            | Ok(Err(TransportError::UnknownKey(key) | TransportError::KeyChanged { offered: key, .. })) => key,
            Ok(Err(error)) => {
                return Ok(vec![unreached(&host, &catalog.redactor().text(&error.to_string()))]);
            }
            Err(_) => {
                let seconds = KEY_TIME.as_secs();
                return Ok(vec![unreached(&host, &format!("{} showed no key within {seconds} s", host.address))]);
            }
        };
        findings.push(Finding::ok("reachable", format!("an SSH server answers at {}", host.address)));
        self.note_key(name, &host.address, offered.clone()).await?;
        let known = self.known(name).await?;
        let key = about_key(&host, must_show(&host, known.as_ref(), &host.address).as_ref(), &offered);
        let good = key.state == State::Ok;
        findings.push(key);
        if good {
            let later = self.look_around(&catalog, name, ssh.as_ref()).await;
            findings.retain(|one| later.iter().all(|other| other.name != one.name));
            findings.extend(later);
        }
        Ok(findings)
    }

    async fn look_around(&self, catalog: &Catalog, name: &HostName, host: &dyn Transport) -> Vec<Finding> {
        let wanted = Use::of(catalog, name).wanted;
        let mut findings = checkup(host, &wanted, &|| self.now(), CHECK_TIME).await;
        for finding in &mut findings {
            finding.detail = catalog.redactor().text(&finding.detail);
        }
        findings
    }
}

/// What services do with a host.
#[derive(Debug, Default)]
pub(super) struct Use {
    pub(super) services: Vec<ServiceName>,
    wanted: Wanted,
}

impl Use {
    pub(super) fn of(catalog: &Catalog, host: &HostName) -> Self {
        let mut found = Self::default();
        for service in catalog.services() {
            for kind in [EnvironmentKind::Stage, EnvironmentKind::Production] {
                let here = |surface: &&Surface| surface.hosts.iter().any(|place| place.host == *host);
                for surface in service.surfaces_in(kind).filter(here) {
                    found.add(&service.name, surface);
                }
            }
        }
        found
    }

    fn add(&mut self, service: &ServiceName, surface: &Surface) {
        if !self.services.contains(service) {
            self.services.push(service.clone());
        }
        self.wanted.git |= surface.checkout;
        self.wanted.docker |= surface.deploy.split_whitespace().next() == Some("docker");
        if let Some(directory) = &surface.directory
            && !self.wanted.directories.contains(directory)
        {
            self.wanted.directories.push(directory.clone());
        }
    }
}

fn unreached(host: &Host, sentence: &str) -> Finding {
    let Host { user, address, .. } = host;
    let word = crate::domain::plan::shell_word(&format!("{user}@{}", address.host));
    Finding::fail("reachable", sentence, Some(format!("ssh -p {} {word} true", address.port)))
}

fn about_key(host: &Host, must: Option<&Fingerprint>, offered: &HostKey) -> Finding {
    let name = &host.name;
    match key_state(host.host_key.is_some(), must, Some(offered)) {
        KeyState::Pinned => Finding::ok("key", format!("{offered}, as rmm.toml says")),
        KeyState::Trusted => Finding::ok("key", format!("{offered}, trusted")),
        KeyState::Changed => {
            let must = must.map(Fingerprint::as_str).unwrap_or_default();
            let sentence = format!(
                "THE HOST KEY HAS CHANGED: {must} is trusted, but the host shows {offered}. Somebody may be listening \
                 in; compare on the host itself before anything else"
            );
            Finding::fail("key", sentence, Some(compare(&offered.algorithm)))
        }
        KeyState::Unknown | KeyState::NeverSeen | KeyState::NotNeeded => Finding::fail(
            "key",
            format!("{offered} is not trusted yet; compare it with `{}` on the host", compare(&offered.algorithm)),
            Some(format!("rmm host trust {name} --fingerprint {}", offered.fingerprint)),
        ),
    }
}
