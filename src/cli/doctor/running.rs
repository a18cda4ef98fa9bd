//! Asks the RMM that runs how it is, and about its backups.

use crate::api_client::{Call, Client, Context, Fault, Intent};
use crate::contract::{BackupsView, Health};
use crate::doctor::Examined;
use crate::doctor::running::{of_backups, of_health, unready};
use crate::domain::finding::{About, Finding, Remedy, RunningFact, Topic};
use crate::wording::Language;

/// The RMM that runs, and a way to it; none where none does, which is a failure where it `is_missed`. Why it cannot be asked is said
/// in this language.
pub(super) async fn examine(context: &Context, language: Language, is_missed: bool) -> (Examined, Option<Client>) {
    let (findings, client) = match Client::connect(context, Intent::Watch).await {
        Ok(client) => match client.get::<Health>("/readyz").await {
            Ok(health) => (of_health(&health), Some(client)),
            Err(fault) => (vec![unready(fault.told(language))], Some(client)),
        },
        Err(fault) => {
            let fact = unreached(&fault, language);
            let found =
                if is_missed { Finding::fail(Topic::Running, fact) } else { Finding::warn(Topic::Running, fact) };
            (vec![found.with(Remedy::Start)], None)
        }
    };
    (Examined { part: "running", about: About::Running, findings }, client)
}

fn unreached(fault: &Fault, language: Language) -> RunningFact {
    let said = fault.told(language).split_whitespace().collect::<Vec<_>>().join(" ");
    if said.is_empty() { RunningFact::NotRunning } else { RunningFact::RunningSays { said } }
}

/// The backups of the RMM that runs.
pub(super) async fn backups(client: &Client, language: Language) -> Examined {
    let findings = match client.json::<BackupsView>(Call::get("/api/v1/backups")).await {
        Ok((view, _)) => of_backups(&view),
        Err(fault) => {
            let fact = RunningFact::RunningSays { said: fault.told(language) };
            vec![Finding::warn(Topic::Backups, fact).with("rmm backup status")]
        }
    };
    Examined { part: "backups", about: About::Backups, findings }
}
