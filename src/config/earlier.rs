//! What an earlier configuration says of services that the present one has no more, or has changed too soon.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Config, ConfigErrors, EnvVars};
use crate::domain::ids::ServiceName;
use crate::domain::service::{Likeness, Service};

/// A service that has left the configuration.
pub struct Left {
    /// Its name.
    pub service: ServiceName,
    /// Grows with each configuration: which of them named it last.
    pub named_last: i64,
    /// That configuration.
    pub earlier: Config,
}

impl Config {
    /// An earlier configuration, by its text and the folder where relative paths in it begin.
    ///
    /// # Errors
    /// When it cannot be read any more.
    pub fn earlier((text, folder): &(String, String), env: &EnvVars) -> Result<Self, ConfigErrors> {
        Self::parse(text, "an earlier rmm.toml", Path::new(folder), env)
    }

    /// Takes over a service that is in an earlier configuration only, with what it needs from there.
    pub fn retire(&mut self, name: &ServiceName, earlier: Self, put_aside: bool) {
        if let Some(service) = self.take_from(name, earlier) {
            self.services.push(Service { retired: true, put_aside, ..service });
        }
    }

    /// Leaves a service as an earlier configuration has it, with what it needs from there.
    pub fn keep(&mut self, name: &ServiceName, earlier: Self) {
        if let Some(kept) = self.take_from(name, earlier)
            && let Some(service) = self.services.iter_mut().find(|service| service.name == *name)
        {
            *service = kept;
        }
    }

    fn take_from(&mut self, name: &ServiceName, earlier: Self) -> Option<Service> {
        let service = earlier.services.into_iter().find(|service| service.name == *name)?;
        for host in earlier.hosts {
            if self.hosts.iter().all(|known| known.name != host.name) {
                self.hosts.push(host);
            }
        }
        self.secrets.add(earlier.secrets);
        self.authorities.add(earlier.authorities);
        Some(service)
    }

    /// New services, each with the one that it looks most like of those that have left; of several alike, the one that left last.
    #[must_use]
    pub fn likely_renames(&self, left: &[Left]) -> BTreeMap<ServiceName, ServiceName> {
        let mut likely: BTreeMap<ServiceName, (Likeness, i64, ServiceName)> = BTreeMap::new();
        for Left { service, named_last, earlier } in left {
            let former = earlier.services.iter().find(|former| former.name == *service);
            let Some((now, likeness)) = former.and_then(|former| self.may_be_now(former, earlier)) else { continue };
            let found = (likeness, *named_last, service.clone());
            let best = likely.entry(now.name.clone()).or_insert_with(|| found.clone());
            if found > *best {
                *best = found;
            }
        }
        likely.into_iter().map(|(now, (_, _, was))| (now, was)).collect()
    }

    /// The service that a former one looks most like, and that did not stand beside it in the earlier configuration.
    fn may_be_now(&self, former: &Service, earlier: &Self) -> Option<(&Service, Likeness)> {
        let stood_beside = |service: &Service| earlier.services.iter().any(|other| other.name == service.name);
        let new =
            self.services.iter().filter(|service| !service.retired && service.was.is_none() && !stood_beside(service));
        new.filter_map(|service| Some((service, service.likeness(former)?))).max_by_key(|(_, likeness)| *likeness)
    }
}
