//! Services whose new definition has to wait: a run that is under way, or whose end is unknown, ends by the one that it began with.

use super::Engine;
use crate::config::{Config, EnvVars};
use crate::domain::fault::machine::MachineFault;
use crate::domain::host::Host;
use crate::domain::ids::{ReleaseId, RunId, ServiceName};
use crate::domain::run::Run;
use crate::domain::service::Service;
use crate::store::{definitions, runs};

/// A service that stays as an earlier configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) service: ServiceName,
    release: ReleaseId,
    run: RunId,
}

impl Kept {
    /// What people are told of it.
    pub(super) fn fault(&self) -> MachineFault {
        MachineFault::KeptForRun { service: self.service.clone(), release: self.release, run: self.run }
    }
}

impl Engine {
    /// Leaves services as they are whose runs the new definition could not bring to an end, and says which.
    pub(super) async fn keep_for_runs(&self, config: &mut Config, env: &EnvVars) -> Vec<Kept> {
        let mut kept = Vec::new();
        let services: Vec<_> = config.services.iter().map(|service| service.name.clone()).collect();
        for name in services {
            let named = name.clone();
            let read = self.read(move |conn| Ok((runs::occupying(conn, &named)?, definitions::source(conn, &named)?)));
            let (occupying, source) = match read.await {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(%error, "what {name} has under way could not be read");
                    continue;
                }
            };
            let Some(service) = config.services.iter().find(|service| service.name == name) else { continue };
            let Some(run) = occupying.iter().find(|run| !can_end(run, service, &config.hosts)) else { continue };
            let Some(Ok(earlier)) = source.map(|source| Config::earlier(&source, env)) else { continue };
            let former = earlier.services.iter().find(|service| service.name == name);
            // Where the earlier one is no better, the new one is to say how it goes on.
            if former.is_none_or(|former| !can_end(run, former, &earlier.hosts)) {
                continue;
            }
            let found = Kept { service: name.clone(), release: run.release, run: run.id };
            tracing::warn!("{}", crate::wording::Language::En.machine(&found.fault()));
            config.keep(&name, earlier);
            kept.push(found);
        }
        kept
    }
}

/// Whether a run, and what may follow from it in its environment, can be brought to an end by a definition: who does the work is the same
/// as when it began, and its hosts are there.
fn can_end(run: &Run, service: &Service, hosts: &[Host]) -> bool {
    let Some(environment) = service.environments.get(&run.environment) else { return run.environment.is_preview() };
    let is_there =
        |step: &crate::domain::run::Step| step.host.is_local() || hosts.iter().any(|host| host.name == step.host);
    run.steps.is_empty() != environment.driver.is_ours() && run.steps.iter().all(is_there)
}
