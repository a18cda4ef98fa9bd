//! Connects to a host and logs in.

use std::sync::{Arc, Mutex};

use super::connection::Connection;
use super::memory::Memory;
use super::{Fault, Target, exchange, login};
use crate::domain::fault::ssh::SshFault;

/// Connects and logs in.
pub(super) async fn connect(target: Arc<Target>, memory: Arc<Mutex<Memory>>) -> Result<Connection, Fault> {
    let proof = login::proof(&target).await?;
    let mut met = exchange::meet(&target, &memory).await?;
    let limit = target.limits.auth;
    match tokio::time::timeout(limit, login::log_in(&mut met.handle, &target, proof)).await {
        Ok(done) => done?,
        Err(_) => return Err(Fault::Unreachable(SshFault::LoginLate { at: target.at(), limit })),
    }
    Ok(Connection::new(met, target, memory))
}
