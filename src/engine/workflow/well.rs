//! Whether production is well after a workflow that has ended well without saying so: where a health check is declared that RMM
//! can ask from its own machine, it is asked. Checks on the host cannot be: no host is known.

use super::Look;
use crate::clients::health::{self, Expected, Unwell};
use crate::domain::env::Env;
use crate::domain::fault::HealthFault;
use crate::domain::plan::known;
use crate::domain::reason::Reason;
use crate::domain::run::RunKind;
use crate::domain::service::{Health, Probe, Via};
use crate::engine::Engine;

/// Why production is not well after a deploy; none: it is, or nothing is declared that could tell.
pub(super) async fn unwell(engine: &Engine, look: &Look) -> Option<Reason> {
    if (look.run.environment, look.run.kind) != (Env::Production, RunKind::Deploy) {
        return None;
    }
    let service = engine.catalog().service(&look.run.service)?.clone();
    for surface in service.surfaces_in(Env::Production) {
        let Some(health) = surface.health.as_ref().filter(|health| can_be_asked(&health.probe)) else { continue };
        if let Err(last) = ask(engine, health).await {
            let cause = Box::new(Reason::Attempts { attempts: health.attempts, last: Box::new(last) });
            let workflow = look.dispatch.workflow.clone();
            return Some(Reason::WorkflowUnwell { workflow, surface: surface.name.clone(), cause });
        }
    }
    None
}

fn can_be_asked(probe: &Probe) -> bool {
    match probe {
        Probe::Http { url: address, via, .. } | Probe::Tcp { address, via } => {
            *via == Via::Rmm && known::is_whole(address)
        }
        Probe::Command(_) | Probe::Containers => false,
    }
}

/// Asks on the schedule until the answer is a good one, or the tries are used up.
async fn ask(engine: &Engine, health: &Health) -> Result<(), Reason> {
    engine.clock().sleep(health.wait).await;
    let mut last = Reason::NeverAsked;
    for attempt in 1..=health.attempts {
        if attempt > 1 {
            engine.clock().sleep(health.interval).await;
        }
        match answer(engine, health).await {
            Ok(()) => return Ok(()),
            Err(fault) => last = Reason::Health { fault },
        }
    }
    Err(last)
}

async fn answer(engine: &Engine, health: &Health) -> Result<(), HealthFault> {
    let said = match &health.probe {
        Probe::Http { url, status, body, ca, .. } => {
            let expected = Expected { status: *status, body: body.as_deref() };
            let catalog = engine.catalog();
            let certificates = ca.as_deref().map(|reference| {
                let gone = || HealthFault::CertificatesGone { url: url.clone(), reference: reference.to_owned() };
                catalog.certificates(reference).ok_or_else(gone)
            });
            engine.ports().prober.get(url, expected, certificates.transpose()?, health.timeout).await
        }
        Probe::Tcp { address, .. } => {
            match health::reach_over(engine.ports().local.as_ref(), address, health.timeout).await {
                Ok(said) => Ok(said),
                Err(Unwell::Surface(fault)) => Err(fault),
                // It is this machine itself: that says nothing about the surface.
                Err(Unwell::Host(_)) => return Ok(()),
            }
        }
        Probe::Command(_) | Probe::Containers => return Ok(()),
    };
    said.map(|_| ())
}
