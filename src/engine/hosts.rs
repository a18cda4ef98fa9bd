//! The hosts that RMM reaches: one shared connection each, the keys by which it knows them again, and what is found
//! when they are looked at.
//!
//! The key a host must show is the one of the configuration, else the one that an admin has trusted. Must not: let
//! any actor but an admin decide that, or reach a host with a login, a secret or a key that counts no more.

pub(crate) mod kept;
mod keys;
mod look;
mod uses;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

pub use self::keys::compare;
use self::keys::{key_state, may_show, may_trust, pins, the_one};
use self::uses::Use;
use super::catalog::Catalog;
use super::{Asker, Engine, Failure};
use crate::clients::ssh::{Credential, Jump, Pin, Ssh, Target};
use crate::clients::transport::{Transport, TransportError};
use crate::domain::cause::Cause;
use crate::domain::event::Event;
use crate::domain::finding::Finding;
pub use crate::domain::host::KeyState;
use crate::domain::host::{Address, Fingerprint, Host, HostKey, Login};
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::person::{Actor, Right};
use crate::domain::reason::Reason;
use crate::domain::refusal::Refusal;
use crate::domain::text::meant;
use crate::store::hosts::{self, KnownHost};

/// The connections, and the news that others are possible now.
pub(super) struct Hosts {
    /// By the whole way, the host itself last.
    links: Mutex<HashMap<Vec<HostName>, Link>>,
    changed: watch::Sender<u64>,
}

/// A connection and what it was made of.
struct Link {
    made_of: Parts,
    ssh: Arc<Ssh>,
}

/// Everything that a connection depends on.
struct Parts {
    host: Arc<Host>,
    secrets: Vec<SecretString>,
    pins: Vec<Pin>,
    /// The host on the way, and the connection to it.
    jump: Option<(HostName, Arc<Ssh>)>,
}

impl Parts {
    fn same(&self, other: &Self) -> bool {
        let secrets = |parts: &Self| parts.secrets.iter().map(|s| s.expose_secret().to_owned()).collect::<Vec<_>>();
        // What is known of their types by now changes nothing.
        let pins = |parts: &Self| parts.pins.iter().map(|pin| pin.fingerprint.clone()).collect::<Vec<_>>();
        let jump = match (&self.jump, &other.jump) {
            (None, None) => true,
            (Some((_, one)), Some((_, other))) => Arc::ptr_eq(one, other),
            (Some(_), None) | (None, Some(_)) => false,
        };
        jump && self.host == other.host && pins(self) == pins(other) && secrets(self) == secrets(other)
    }

    fn target(&self) -> Target {
        let mut secrets = self.secrets.iter().cloned();
        let first = secrets.next().unwrap_or_default();
        Target {
            address: self.host.address.clone(),
            user: self.host.user.clone(),
            credential: match &self.host.login {
                Login::Password(_) => Credential::Password(first),
                Login::Key { .. } => Credential::Key { key: first, passphrase: secrets.next() },
            },
            pins: self.pins.clone(),
            limits: self.host.limits,
            jump: self.jump.as_ref().map(|(host, ssh)| Jump { host: host.clone(), ssh: Ssh::clone(ssh) }),
        }
    }
}

impl Default for Hosts {
    fn default() -> Self {
        Self { links: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Hosts {
    /// The connection made of these parts; a new one when the one that is there was made of others.
    fn link(&self, way: &[HostName], made_of: Parts) -> Arc<Ssh> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = links.get(way)
            && link.made_of.same(&made_of)
        {
            return link.ssh.clone();
        }
        let ssh = Arc::new(Ssh::new(made_of.target()));
        links.insert(way.to_vec(), Link { made_of, ssh: ssh.clone() });
        ssh
    }

    /// Lets go of hosts that are not configured any more, and tells who waits to look again.
    pub(super) fn reconfigured(&self, catalog: &Catalog) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|way, _| way.iter().all(|name| catalog.host(name).is_some()));
        drop(links);
        self.tell();
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// How long a host may take to show the key that an admin wants to trust.
const TRUST_TIME: Duration = Duration::from_secs(10);

/// A host and what is known of its key.
#[derive(Debug, Clone)]
pub struct HostStatus {
    /// Its name.
    pub name: HostName,
    /// Its configuration; none for RMM's own machine.
    pub host: Option<Arc<Host>>,
    /// What RMM thinks of its key.
    pub key: KeyState,
    /// The key that it must show; of several the one that it has shown.
    pub fingerprint: Option<Fingerprint>,
    /// All keys that it may show.
    pub fingerprints: Vec<Fingerprint>,
    /// The key that it has shown last.
    pub offered: Option<HostKey>,
    /// The services that use it.
    pub services: Vec<ServiceName>,
    /// What the last look at it found, and when.
    pub checked: Option<(Timestamp, Vec<Finding>)>,
}

impl Engine {
    /// The way to a host.
    ///
    /// # Errors
    /// A refusal when there is no such host; otherwise when the database cannot be read.
    pub async fn host(&self, name: &HostName) -> Result<Arc<dyn Transport>, Failure> {
        if name.is_local() {
            return Ok(self.ports().local.clone());
        }
        let host = configured(&self.catalog(), name)?;
        Ok(self.ssh(host).await?)
    }

    /// The connection to a host, over all the hosts on the way there.
    async fn ssh(&self, host: Arc<Host>) -> Result<Arc<Ssh>, Failure> {
        let jump = self.jump(&host).await?;
        let way: Vec<HostName> = host.jump.iter().chain([&host.name]).cloned().collect();
        self.hop(&way, host, jump).await
    }

    /// The last host on the way to a host, and the connection to it.
    async fn jump(&self, host: &Host) -> Result<Option<(HostName, Arc<Ssh>)>, Failure> {
        let catalog = self.catalog();
        let mut jump = None;
        for at in 1..=host.jump.len() {
            let (way, hop) = (&host.jump[..at], configured(&catalog, &host.jump[at - 1])?);
            let name = hop.name.clone();
            // The way to it is the one that leads to the host, whatever its own is.
            let hop = if hop.jump == way[..at - 1] {
                hop
            } else {
                Arc::new(Host { jump: way[..at - 1].to_vec(), ..Host::clone(&hop) })
            };
            jump = Some((name, self.hop(way, hop, jump).await?));
        }
        Ok(jump)
    }

    /// Asks a host for the key that an admin wants to trust, which need not be the one that it shows to everybody.
    async fn shows(&self, host: Arc<Host>, wanted: &Fingerprint) -> Result<Result<HostKey, TransportError>, Failure> {
        let jump = self.jump(&host).await?;
        let pins = vec![Pin { fingerprint: wanted.clone(), algorithm: None }];
        // There is no login, so there is nothing to log in with.
        let ssh = Ssh::new(Parts { host, secrets: Vec::new(), pins, jump }.target());
        let late = || TransportError::Unreachable(Reason::AnswerLate { limit: TRUST_TIME });
        Ok(tokio::time::timeout(TRUST_TIME, ssh.offered_key()).await.unwrap_or_else(|_| Err(late())))
    }

    /// The connection to a host at the end of a way; `jump` leads to the host before it.
    async fn hop(
        &self,
        way: &[HostName],
        host: Arc<Host>,
        jump: Option<(HostName, Arc<Ssh>)>,
    ) -> Result<Arc<Ssh>, Failure> {
        let known = self.known(&host.name).await?;
        let seen = known.as_ref().and_then(|known| known.seen_at(&host.address)).map(|seen| seen.key.clone());
        let pins = pins(&host, known.as_ref());
        let catalog = self.catalog();
        let secrets = match &host.login {
            Login::Password(password) => vec![catalog.secret(password)],
            Login::Key { key, passphrase } => {
                [Some(key), passphrase.as_ref()].into_iter().flatten().map(|one| catalog.secret(one)).collect()
            }
        };
        let (name, address) = (host.name.clone(), host.address.clone());
        let ssh = self.inner.hosts.link(way, Parts { host, secrets, pins, jump });
        if let Some(shown) = ssh.shown_key().filter(|shown| seen.as_ref() != Some(shown)) {
            // So that the next start asks for a key of this type at once.
            self.note_key(&name, &address, shown).await?;
        }
        Ok(ssh)
    }

    async fn known(&self, name: &HostName) -> Result<Option<KnownHost>, Failure> {
        let name = name.clone();
        Ok(self.read(move |conn| hosts::get(conn, &name)).await?)
    }

    /// Changes when a host may be reachable that was not: its key was trusted, or the configuration is another; and when an account
    /// that claims to be a person has another username.
    #[must_use]
    pub fn surroundings(&self) -> watch::Receiver<u64> {
        self.inner.hosts.changed.subscribe()
    }

    /// Has all followers of [`Self::surroundings`] look again.
    pub(super) fn surroundings_changed(&self) {
        self.inner.hosts.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Remembers the key that a host has shown. One that was not shown before goes on the record, as an alarm when
    /// another one is trusted.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn note_key(&self, name: &HostName, address: &Address, key: HostKey) -> Result<(), Failure> {
        let Some(host) = self.catalog().host(name).cloned() else { return Ok(()) };
        let shown_before = |known: Option<&KnownHost>, address: &Address, key: &HostKey| {
            known.and_then(|known| known.seen_at(address)).is_some_and(|seen| seen.key == *key)
        };
        if shown_before(self.known(name).await?.as_ref(), address, &key) {
            return Ok(());
        }
        let (name, address) = (name.clone(), address.clone());
        let alarm = self
            .record(&Actor::Machine, move |conn, now| {
                let known = hosts::get(conn, &name)?;
                if shown_before(known.as_ref(), &address, &key) {
                    return Ok((None, None));
                }
                hosts::see(conn, &name, &address, &key, now)?;
                let (shown, place) = (key.clone(), address.to_string());
                let may = may_show(&host, known.as_ref(), &address);
                let last = known.as_ref().and_then(|known| known.seen_at(&address)).map(|seen| &seen.key.fingerprint);
                let was_another = last.is_some_and(|last| !may.contains(last));
                match may.first().cloned() {
                    Some(_) if may.contains(&key.fingerprint) => {
                        let restored = || Event::HostKeyRestored { host: name, address: place, key: shown };
                        Ok((None, was_another.then(restored)))
                    }
                    Some(trusted) => {
                        let alarm = Some((name.clone(), trusted.clone(), shown.clone()));
                        Ok((alarm, Some(Event::HostKeyChanged { host: name, address: place, trusted, key: shown })))
                    }
                    None => Ok((None, Some(Event::HostKeySeen { host: name, address: place, key: shown }))),
                }
            })
            .await?;
        if let Some((host, trusted, shown)) = alarm {
            tracing::error!(alert = false, %host, %trusted, %shown, "THE KEY OF A HOST HAS CHANGED; nothing is sent to it");
        }
        Ok(())
    }

    /// Trusts a key that a host shows. It is asked for it, unless it has shown it already.
    ///
    /// # Errors
    /// A refusal unless an admin asks for exactly a key that the host has and the configuration does not name another.
    pub async fn trust(
        &self,
        asker: impl Into<Asker<'_>>,
        name: &HostName,
        fingerprint: &Fingerprint,
    ) -> Result<HostKey, Failure> {
        let asker = asker.into();
        let actor = asker.actor;
        actor.may(Right::Administer, None, false)?;
        if name.is_local() {
            return Err(Cause::NoKeyNeeded.into());
        }
        let host = configured(&self.catalog(), name)?;
        if !host.host_keys.is_empty() {
            let pinned = host.host_keys.iter().map(ToString::to_string).collect();
            return Err(Cause::KeyPinned { host: name.clone(), pinned }.into());
        }
        let known = self.known(name).await?;
        let shown = known.as_ref().and_then(|known| known.seen_at(&host.address)).map(|seen| &seen.key.fingerprint);
        let mut other = None;
        if shown != Some(fingerprint) {
            match self.shows(host.clone(), fingerprint).await? {
                Ok(key) => other = Some(key),
                // Known by now, and not the one that is wanted: which one it is, the refusal says.
                Err(TransportError::KeyChanged { offered, .. }) => {
                    if shown.is_none() {
                        self.note_key(name, &host.address, offered).await?;
                    }
                }
                Err(error) if shown.is_none() => {
                    let why = error.reason().map_text(&|text| self.catalog().redactor().text(text));
                    return Err(
                        Cause::KeyNotShown { host: name.clone(), address: host.address.to_string(), why }.into()
                    );
                }
                Err(_) => {}
            }
        }
        let (name, fingerprint, by) = (name.clone(), fingerprint.clone(), actor.label().to_owned());
        let key = self
            .record(asker, move |conn, now| {
                if let Some(key) = &other {
                    hosts::see(conn, &name, &host.address, key, now)?;
                }
                let known = hosts::get(conn, &name)?;
                let seen = known.as_ref().and_then(|known| known.seen_at(&host.address));
                let key = may_trust(&host, seen.map(|seen| &seen.key), &fingerprint)?.clone();
                let trusted = known.as_ref().and_then(|known| known.trusted_at(&host.address));
                if trusted.is_some_and(|trusted| trusted.key == key) {
                    return Ok((key, None));
                }
                hosts::trust(conn, &name, &host.address, &key, &by, now)?;
                let event = Event::HostTrusted { host: name, address: host.address.to_string(), key: key.clone() };
                Ok((key, Some(event)))
            })
            .await?;
        self.inner.hosts.tell();
        Ok(key)
    }

    /// Every host, RMM's own machine first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn hosts(&self) -> Result<Vec<HostStatus>, Failure> {
        let (known, checks) = self.read(|conn| Ok((hosts::list(conn)?, hosts::checks(conn)?))).await?;
        let catalog = self.catalog();
        let checked = |name: &HostName| {
            let (_, at, findings) = checks.iter().find(|(host, ..)| host == name)?;
            Some((*at, kept::read(findings)?))
        };
        let local = HostStatus {
            name: HostName::local(),
            host: None,
            key: KeyState::NotNeeded,
            fingerprint: None,
            fingerprints: Vec::new(),
            offered: None,
            services: services_on(&catalog, &HostName::local()),
            checked: checked(&HostName::local()),
        };
        let others = catalog.hosts().map(|host| {
            let known = known.iter().find(|known| known.name == host.name);
            let offered = known.and_then(|known| known.seen_at(&host.address)).map(|seen| seen.key.clone());
            let may = may_show(host, known, &host.address);
            HostStatus {
                name: host.name.clone(),
                key: key_state(!host.host_keys.is_empty(), &may, offered.as_ref()),
                fingerprint: the_one(&may, offered.as_ref()).cloned(),
                fingerprints: may,
                offered,
                services: services_on(&catalog, &host.name),
                checked: checked(&host.name),
                host: Some(host.clone()),
            }
        });
        Ok(std::iter::once(local).chain(others).collect())
    }
}

/// The services that use a host; those that are retired bring nothing to it any more.
fn services_on(catalog: &Catalog, host: &HostName) -> Vec<ServiceName> {
    let comes_here =
        |name: &ServiceName| catalog.service(name).is_some_and(|service| !service.retired || service.put_aside);
    Use::of(catalog, host).services.into_iter().filter(comes_here).collect()
}

fn configured(catalog: &Catalog, name: &HostName) -> Result<Arc<Host>, Refusal> {
    catalog.host(name).cloned().ok_or_else(|| {
        let names = std::iter::once("local").chain(catalog.hosts().map(|host| host.name.as_str()));
        let known: Vec<_> = names.map(str::to_owned).collect();
        let near = meant(name.as_str(), known.iter().map(String::as_str)).map(str::to_owned);
        Cause::NoHost { host: name.clone(), known, near }.into()
    })
}

#[cfg(test)]
mod tests;
