//! Services that have left the configuration: what is under way ends by the definition that it began with, their history
//! stays visible, and nothing new begins.

use std::collections::BTreeMap;

use super::Engine;
use super::catalog::Catalog;
use super::kept::Kept;
use crate::config::earlier::Left;
use crate::config::{Config, EnvVars};
use crate::domain::ids::ServiceName;
use crate::domain::service::Service;
use crate::store::definitions::{self, Definition, Known};
use crate::store::renamed::{self, Carried};
use crate::store::tokens;
use crate::store::{StoreError, Tx, WriteError};
use crate::wording::Language;

impl Engine {
    /// Takes a configuration over, at the start and when it is read again. `env` is what its references lead to.
    pub async fn configure(&self, mut config: Config, env: &EnvVars) {
        self.carry_over(&config).await;
        let kept = self.keep_for_runs(&mut config, env).await;
        let retired = match self.retired(&config, &kept).await {
            Ok(retired) => retired,
            Err(error) => {
                tracing::error!(%error, "which services have left the configuration could not be read");
                Vec::new()
            }
        };
        let aside = self.put_aside().await.unwrap_or_default();
        let mut left = Vec::new();
        for Known { service, source, named_last } in retired {
            let read = source.ok_or_else(|| "RMM has not recorded how it was defined".to_owned());
            let read = read.and_then(|source| Config::earlier(&source, env).map_err(|errors| errors.to_string()));
            match read {
                Ok(earlier) => {
                    self.tell_retired(&config, &service, &aside).await;
                    left.push(Left { service, named_last, earlier });
                }
                Err(problem) => tracing::error!(
                    "the service {service} is not defined any more, and its history is not shown until it is there \
                     again: {problem}"
                ),
            }
        }
        let (put_aside, left): (Vec<_>, Vec<_>) = left.into_iter().partition(|left| aside.contains(&left.service));
        let likely = config.likely_renames(&left);
        for Left { service, earlier, .. } in put_aside.into_iter().chain(left) {
            config.retire(&service, earlier, aside.contains(&service));
        }
        self.name_on_hosts(&mut config).await;
        if let Err(error) = self.note_likely_renames(&mut config, likely).await {
            tracing::error!(%error, "which services have a history could not be read");
        }
        self.reconfigure(Catalog::new(&config).with_aside(aside).with_kept(kept)).await;
        if let Err(error) = self.tell_dead_tokens().await {
            tracing::error!(%error, "which tokens have lost their person could not be read");
        }
    }

    /// Why a service is put aside has been told, and so has why a history is not carried over; who removes a service knows it.
    async fn tell_retired(&self, config: &Config, service: &ServiceName, aside: &[ServiceName]) {
        let is_claimed = config.services.iter().any(|now| now.was.as_ref() == Some(service));
        if !is_claimed && !aside.contains(service) && !self.is_removed(service).await {
            tracing::warn!(
                "the service {service} is not defined any more: what is under way ends by the definition that it began with, its \
                 history stays, and nothing new begins; if it was renamed, `was = \"{service}\"` under its new name carries its \
                 history over"
            );
        }
    }

    /// Whether a service was removed in the dashboard.
    async fn is_removed(&self, service: &ServiceName) -> bool {
        let service = service.clone();
        self.read(move |conn| definitions::is_removed(conn, &service)).await.unwrap_or_default()
    }

    /// Services that were renamed keep their history.
    async fn carry_over(&self, config: &Config) {
        for service in &config.services {
            let Some(from) = service.was.clone() else { continue };
            let (to, now, told) = (service.name.clone(), self.now(), (from.clone(), service.name.clone()));
            let done = self.store().write(move |tx| renamed::carry_over(tx, &from, &to, now)).await;
            let (from, to) = told;
            match done.map_err(WriteError::flatten) {
                Ok(Carried::Now) => tracing::info!("the service {from} is called {to} now, and keeps its history"),
                Ok(Carried::Nothing) => {}
                Ok(carried @ (Carried::NoSuch | Carried::TwoServices)) => {
                    let fault = carried.fault(from, to);
                    tracing::error!("{}", fault.map(|fault| Language::En.machine(&fault)).unwrap_or_default());
                }
                Err(error) => tracing::error!(%error, "the history of {from} could not be carried over to {to}"),
            }
        }
    }

    /// Where a service without a history looks like one that is retired, nobody may have said that it was renamed.
    async fn note_likely_renames(
        &self,
        config: &mut Config,
        mut likely: BTreeMap<ServiceName, ServiceName>,
    ) -> Result<(), StoreError> {
        if likely.is_empty() {
            return Ok(());
        }
        let with_history = self.read(definitions::with_history).await?;
        likely.retain(|now, _| with_history.iter().all(|known| known.service != *now));
        for service in &mut config.services {
            service.maybe_was = likely.remove(&service.name);
            if let Some(was) = &service.maybe_was {
                tracing::warn!("{}", Language::En.may_be_renamed(&service.name, was));
            }
        }
        Ok(())
    }

    /// What to say of services that may have been renamed without a word, of those whose former name carries nothing over, and of those
    /// that stay as they were for now.
    pub async fn doubts(&self) -> Vec<String> {
        let catalog = self.catalog();
        let likely = catalog.services().filter_map(|service| Some((&service.name, service.maybe_was.as_ref()?)));
        let mut told: Vec<_> = likely.map(|(now, was)| Language::En.may_be_renamed(now, was)).collect();
        told.extend(catalog.kept().iter().map(|kept| Language::En.machine(&kept.fault())));
        let renamed: Vec<_> =
            catalog.services().filter_map(|service| Some((service.was.clone()?, service.name.clone()))).collect();
        let faults = self.read(move |conn| {
            let faults = renamed.into_iter().map(|(was, now)| Ok(renamed::outlook(conn, &was, &now)?.fault(was, now)));
            faults.collect::<Result<Vec<_>, StoreError>>()
        });
        match faults.await {
            Ok(faults) => told.extend(faults.into_iter().flatten().map(|fault| Language::En.machine(&fault))),
            Err(error) => tracing::error!(%error, "which services have a history could not be read"),
        }
        told
    }

    /// Tells each service by which name its hosts know it.
    async fn name_on_hosts(&self, config: &mut Config) {
        let services: Vec<_> =
            config.services.iter().map(|service| (service.name.clone(), service.was.clone())).collect();
        let noted = self.store().write(move |tx| {
            renamed::names_on_hosts(tx, services.iter().map(|(service, was)| (service, was.as_ref())))
        });
        match noted.await.map_err(WriteError::flatten) {
            Ok(mut names) => {
                for service in &mut config.services {
                    service.known_as = Some(names.remove(&service.name).unwrap_or_else(|| service.name.clone()));
                }
            }
            Err(error) => tracing::error!(%error, "by which names hosts know services could not be noted"),
        }
    }

    /// Names the tokens that open nothing, since a person is missing.
    async fn tell_dead_tokens(&self) -> Result<(), StoreError> {
        let (catalog, now) = (self.catalog(), self.now().as_millisecond());
        for token in self.read(tokens::list).await?.into_iter().filter(|token| token.is_live(now)) {
            let name = &token.name;
            if let Some(person) = catalog.missing_voucher(&token) {
                tracing::warn!(
                    "the token {name} is not valid: its owner {person} is not an admin any more; an admin can take \
                     it over (`rmm token adopt '{name}'`) or revoke it"
                );
            } else if let Some(person) = catalog.missing_person(&token) {
                tracing::warn!(
                    "the token {name} is not valid: its owner {person} is not in rmm.toml any more; \
                     `rmm token revoke '{name}'` ends it"
                );
            }
        }
        Ok(())
    }

    /// The services that have a history and are not in a configuration, with the one that named each last.
    async fn retired(&self, config: &Config, kept: &[Kept]) -> Result<Vec<Known>, StoreError> {
        let names: Vec<_> = config.services.iter().map(|service| service.name.clone()).collect();
        // Of one that is kept, the earlier configuration goes on being the last.
        let is_read = |service: &&Service| kept.iter().all(|kept| kept.service != service.name);
        let read: Vec<_> = config.services.iter().filter(is_read).collect();
        let named: Vec<_> = read.iter().map(|service| service.name.clone()).collect();
        let (source, now) = (config.source.clone(), self.now());
        let dashboard = config.dashboard.clone();
        let texts: Vec<_> = read.into_iter().map(Config::effective_service).collect();
        let note = move |tx: &mut Tx<'_>| {
            definitions::note(tx, &source, &named)?;
            named.iter().zip(&texts).try_for_each(|(service, text)| {
                let written = dashboard.get(service).map(String::as_str);
                definitions::revise(tx, service, &Definition { text, written, by: None }, now).map(drop)
            })
        };
        self.store().write(note).await.map_err(WriteError::flatten)?;
        let mut known = self.read(definitions::with_history).await?;
        known.retain(|known| !names.contains(&known.service));
        Ok(known)
    }
}
