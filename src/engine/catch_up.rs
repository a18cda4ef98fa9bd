//! Looks whether hosts that a way back had to leave answer again, and says so: then they are caught up.
//!
//! Must not hold anything up: hosts are asked one after the other, beside everything else.

use std::collections::HashMap;
use std::time::Duration;

use super::{Engine, Request};
use crate::clients::transport::TransportError;
use crate::domain::command::{Answer, Command};
use crate::domain::env::Env;
use crate::domain::ids::{HostName, ServiceName};
use crate::domain::person::Actor;
use crate::store::runs;

/// Between looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);
/// How long a host may take to answer, once it lets RMM in.
const ANSWER: Duration = Duration::from_secs(30);
/// Looks before a host is brought up again whose last catch-up did not help: some ten minutes.
const LOOKS_AFTER_FAILURE: u32 = 40;

type Left = (ServiceName, Env, HostName);

/// Goes on until it is dropped.
pub(super) async fn watch(engine: Engine) {
    let mut tried: HashMap<Left, u32> = HashMap::new();
    loop {
        let mut left = engine.read(runs::left_hosts).await.unwrap_or_default();
        let catalog = engine.catalog();
        // One that the configuration does not name for now is caught up when it does again.
        left.retain(|(service, environment, host)| {
            catalog.service(service).is_some_and(|service| service.hosts_in(*environment).contains(host))
        });
        tried.retain(|host, _| left.contains(host));
        for host in left {
            let looks = tried.entry(host.clone()).or_insert(LOOKS_AFTER_FAILURE);
            *looks += 1;
            if *looks > LOOKS_AFTER_FAILURE && answers(&engine, &host.2, ANSWER).await {
                // Where something else is at work first, it is tried with the next look.
                if bring_up(&engine, host).await {
                    *looks = 0;
                }
            }
        }
        engine.sleep(LOOK_INTERVAL).await;
    }
}

/// Whether the host is being brought up now.
async fn bring_up(engine: &Engine, (service, environment, host): Left) -> bool {
    let command = Command::HostBack { environment, host: host.clone() };
    match engine.handle(Request::about(Actor::Machine, service.clone(), command)).await {
        Ok(handled) => matches!(handled.answer, Answer::Run(_)),
        Err(error) => {
            tracing::warn!(%service, %environment, %host, %error, "a host answers again, but it could not be noted");
            false
        }
    }
}

/// Whether a host lets RMM in and runs something, within a time.
pub(super) async fn answers(engine: &Engine, host: &HostName, limit: Duration) -> bool {
    let asked = async {
        let transport = engine.transport(host).await?;
        transport.exec("exit 0", &[], &[]).await?.status.await
    };
    let answer: Result<i32, TransportError> = tokio::select! {
        answer = asked => answer,
        () = engine.sleep(limit) => return false,
    };
    matches!(answer, Ok(0))
}
