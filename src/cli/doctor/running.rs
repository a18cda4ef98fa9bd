//! Asks the RMM that runs how it is, and about its backups.

use crate::api_client::{Call, Client, Context, Fault, Intent};
use crate::contract::{BackupsView, Examined, Finding, Health};
use crate::doctor::running::{of_backups, of_health};

/// The RMM that runs, and a way to it; none where none does.
pub(super) async fn examine(context: &Context) -> (Examined, Option<Client>) {
    let about = "the RMM that runs".to_owned();
    let (findings, client) = match Client::connect(context, Intent::Watch).await {
        Ok(client) => match client.get::<Health>("/readyz").await {
            Ok(health) => (of_health(&health), Some(client)),
            Err(fault) => {
                (vec![Finding::fail("ready", fault.to_string(), "look at its log: journalctl -u rmm")], Some(client))
            }
        },
        Err(fault) => (vec![Finding::warn("running", sentence(&fault), "rmm serve, or systemctl start rmm")], None),
    };
    (Examined { part: "running", about, findings }, client)
}

fn sentence(fault: &Fault) -> String {
    let text = fault.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "no RMM runs".to_owned() } else { text }
}

/// The backups of the RMM that runs.
pub(super) async fn backups(client: &Client) -> Examined {
    let findings = match client.json::<BackupsView>(Call::get("/api/v1/backups")).await {
        Ok((view, _)) => of_backups(&view),
        Err(fault) => vec![Finding::warn("backups", fault.to_string(), "rmm backup status")],
    };
    Examined { part: "backups", about: "backups".to_owned(), findings }
}
