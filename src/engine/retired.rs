//! Services that have left the configuration: what is under way ends by the definition that it began with, their history
//! stays visible, and nothing new begins.

use std::collections::BTreeMap;
use std::path::Path;

use super::Engine;
use super::catalog::Catalog;
use crate::config::{Config, EnvVars};
use crate::domain::ids::ServiceName;
use crate::store::definitions::{self, Definition, Source};
use crate::store::renamed::{self, Carried};
use crate::store::tokens;
use crate::store::{StoreError, Tx, WriteError};
use crate::wording::Language;

impl Engine {
    /// Takes a configuration over, at the start and when it is read again. `env` is what its references lead to.
    pub async fn configure(&self, mut config: Config, env: &EnvVars) {
        self.carry_over(&config).await;
        let retired = match self.retired(&config).await {
            Ok(retired) => retired,
            Err(error) => {
                tracing::error!(%error, "which services have left the configuration could not be read");
                Vec::new()
            }
        };
        let aside = self.put_aside().await.unwrap_or_default();
        let mut likely = BTreeMap::new();
        for (service, source) in retired {
            let problem = match source {
                Some((text, folder)) => match Config::parse(&text, "an earlier rmm.toml", Path::new(&folder), env) {
                    Ok(earlier) => {
                        if !aside.contains(&service) {
                            likely.extend(likely_rename(&config, &service, &earlier));
                        }
                        config.retire(&service, earlier, aside.contains(&service));
                        None
                    }
                    Err(errors) => Some(errors.to_string()),
                },
                None => Some("RMM has not recorded how it was defined".to_owned()),
            };
            match problem {
                // Why it is put aside has been told, and who removes a service knows it.
                None if aside.contains(&service) || self.is_removed(&service).await => {}
                None => tracing::warn!(
                    "the service {service} is not defined any more: what is under way ends by the definition that it \
                     began with, its history stays, and nothing new begins; if it was renamed, `was = \"{service}\"` under \
                     its new name carries its history over"
                ),
                Some(problem) => tracing::error!(
                    "the service {service} is not defined any more, and its history is not shown until it is there \
                     again: {problem}"
                ),
            }
        }
        self.name_on_hosts(&mut config).await;
        if let Err(error) = self.note_likely_renames(&mut config, likely).await {
            tracing::error!(%error, "which services have a history could not be read");
        }
        self.reconfigure(Catalog::new(&config).with_aside(aside)).await;
        if let Err(error) = self.tell_dead_tokens().await {
            tracing::error!(%error, "which tokens have lost their person could not be read");
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
                Ok(Carried::BothHaveHistory) => tracing::error!(
                    "{from} and {to} both have releases, so the history of {from} is not carried over to {to}"
                ),
                Ok(Carried::Nothing) => {}
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
        likely.retain(|now, _| with_history.iter().all(|(service, _)| service != now));
        for service in &mut config.services {
            service.maybe_was = likely.remove(&service.name);
            if let Some(was) = &service.maybe_was {
                tracing::warn!("{}", Language::En.may_be_renamed(&service.name, was));
            }
        }
        Ok(())
    }

    /// What to say of services that may have been renamed without a word.
    pub fn likely_renames(&self) -> Vec<String> {
        let catalog = self.catalog();
        let likely = catalog.services().filter_map(|service| Some((&service.name, service.maybe_was.as_ref()?)));
        likely.map(|(now, was)| Language::En.may_be_renamed(now, was)).collect()
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
                    service.known_as = names.remove(&service.name);
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
    async fn retired(&self, config: &Config) -> Result<Vec<(ServiceName, Option<Source>)>, StoreError> {
        let names: Vec<_> = config.services.iter().map(|service| service.name.clone()).collect();
        let (source, named, now) = (config.source.clone(), names.clone(), self.now());
        let dashboard = config.dashboard.clone();
        let texts: Vec<_> = config.services.iter().map(Config::effective_service).collect();
        let note = move |tx: &mut Tx<'_>| {
            definitions::note(tx, &source, &named)?;
            named.iter().zip(&texts).try_for_each(|(service, text)| {
                let written = dashboard.get(service).map(String::as_str);
                definitions::revise(tx, service, &Definition { text, written, by: None }, now).map(drop)
            })
        };
        self.store().write(note).await.map_err(WriteError::flatten)?;
        let mut known = self.read(definitions::with_history).await?;
        known.retain(|(service, _)| !names.contains(service));
        Ok(known)
    }
}

/// What a service that has left the configuration may be called now, and what it was called.
fn likely_rename(config: &Config, was: &ServiceName, earlier: &Config) -> Option<(ServiceName, ServiceName)> {
    let former = earlier.services.iter().find(|service| service.name == *was)?;
    Some((config.may_be_now(former, earlier)?.name.clone(), was.clone()))
}
