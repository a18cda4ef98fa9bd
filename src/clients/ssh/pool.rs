//! The connections to one host. Callers that need one while it is being made wait for the same attempt.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tracing::Instrument;

use super::connect::connect;
use super::connection::{CHANNELS, Connection, Kind, Slot};
use super::memory::Memory;
use super::{Fault, Target, exchange, locked};
use crate::domain::fault::ssh::SshFault;
use crate::domain::host::HostKey;
use crate::telemetry::traces;

/// Tunnels on one connection. sshd does not limit them; whatever goes through them shares a window of TCP.
const TUNNELS: usize = 64;

type Attempt = Shared<BoxFuture<'static, Result<(), Fault>>>;

pub(super) struct Pool {
    target: Arc<Target>,
    state: Arc<Mutex<State>>,
    memory: Arc<Mutex<Memory>>,
}

struct State {
    connections: Vec<Arc<Connection>>,
    connecting: Option<Attempt>,
    /// How many channels a connection may carry, as far as is known.
    channels: usize,
}

impl Pool {
    pub(super) fn new(target: Target) -> Self {
        let state = State { connections: Vec::new(), connecting: None, channels: CHANNELS };
        Self { target: Arc::new(target), state: Arc::new(Mutex::new(state)), memory: Arc::default() }
    }

    /// The trusted key that the host has shown last.
    pub(super) fn shown_key(&self) -> Option<HostKey> {
        locked(&self.memory).shown.clone()
    }

    /// The trusted key that it shows now.
    pub(super) async fn offered_key(&self) -> Result<HostKey, Fault> {
        locked(&self.memory).search_again();
        exchange::offered_key(&self.target, &self.memory).await
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// A place for a tunnel to a name or an IP address.
    pub(super) async fn way_to(&self, host: &str) -> Result<Slot, Fault> {
        let resolves = host.parse::<IpAddr>().is_ok() || locked(&self.memory).names.contains(host);
        self.slot(if resolves { Kind::Tunnel } else { Kind::Lookup }).await
    }

    /// A place on a connection, a new one if need be.
    pub(super) async fn slot(&self, kind: Kind) -> Result<Slot, Fault> {
        loop {
            let attempt = {
                let mut state = locked(&self.state);
                state.connections.retain(|connection| connection.is_usable());
                let channels = state.channels;
                let has_room = |connection: &&Arc<Connection>| match kind {
                    _ if connection.looks_up() => false,
                    Kind::Session => connection.used() < channels,
                    Kind::Tunnel => connection.tunnels() < TUNNELS,
                    Kind::Lookup => connection.used() + connection.tunnels() == 0,
                };
                if let Some(free) = state.connections.iter().find(has_room) {
                    return Ok(Slot::new(free, kind));
                }
                match &state.connecting {
                    Some(attempt) => attempt.clone(),
                    None => {
                        let attempt = self.connect();
                        state.connecting = Some(attempt.clone());
                        attempt
                    }
                }
            };
            attempt.await?;
        }
    }

    /// Starts an attempt. It is a task, so that it goes on when its caller is gone.
    fn connect(&self) -> Attempt {
        let (target, state) = (Arc::clone(&self.target), Arc::clone(&self.state));
        let address = target.address.clone();
        let span = traces::within(|| {
            let (host, port) = (address.host.as_str(), address.port);
            tracing::info_span!("ssh connect", otel.kind = "client", server.address = host, server.port = port)
        });
        let task = tokio::spawn(connect(target, Arc::clone(&self.memory)).instrument(span));
        let ended = async move {
            let made = match task.await {
                Ok(made) => made,
                Err(_) => Err(Fault::Unreachable(SshFault::ClientFailed { address: Some(address.to_string()) })),
            };
            let mut state = locked(&state);
            state.connecting = None;
            let connection = Arc::new(made?);
            watch_over(&connection);
            state.connections.push(connection);
            Ok(())
        };
        // The second task puts the result away even if no caller waits.
        let ended = tokio::spawn(ended);
        let address = self.target.address.clone();
        async move {
            ended
                .await
                .unwrap_or_else(|_| Err(Fault::Unreachable(SshFault::ShuttingDown { address: address.to_string() })))
        }
        .boxed()
        .shared()
    }

    /// The host refused a channel on `connection`. False if that is no reason to try another one.
    pub(super) fn was_full(&self, connection: &Connection) -> bool {
        let mut state = locked(&self.state);
        let (opened, used) = (connection.opened(), connection.used());
        if opened == 0 && used == 0 {
            // It was alone. What it opened before may linger at the host's side, though.
            let served = connection.served();
            connection.retire();
            return served;
        }
        state.channels = opened.clamp(1, state.channels);
        true
    }

    #[cfg(test)]
    pub(super) fn connections(&self) -> Vec<Arc<Connection>> {
        locked(&self.state).connections.clone()
    }
}

/// Closes the connection once nothing has used it for long.
fn watch_over(connection: &Arc<Connection>) {
    let idle: Duration = connection.target().limits.idle;
    let (mut used, connection) = (connection.watch(), Arc::downgrade(connection));
    tokio::spawn(async move {
        while used.wait_for(|used| *used == 0).await.is_ok() {
            let woken = tokio::time::timeout(idle, async { used.wait_for(|used| *used > 0).await.is_ok() });
            match woken.await {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => {
                    let Some(connection) = connection.upgrade() else { return };
                    connection.retire();
                    // A call may have taken it meanwhile.
                    drop(used.wait_for(|used| *used == 0).await);
                    connection.close().await;
                    return;
                }
            }
        }
    });
}
