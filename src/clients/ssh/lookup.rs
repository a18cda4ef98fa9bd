//! What a name stands for on a host, as a command there asks for it: sshd, asked for a name itself, does nothing else on
//! the connection until it has the answer.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::Ssh;
use super::tunnel::Tunnel;
use crate::clients::dial::{MOST, STAGGER};
use crate::clients::transport::TransportError;
use crate::domain::fault::ssh::SshFault;

/// Ends with 2 where the name stands for nothing.
const LOOK_UP: &str = "command -v getent >/dev/null || exit 127\nexec getent ahosts \"$1\" 2>/dev/null";
const NAME_UNKNOWN_STATUS: i32 = 2;
/// Bytes of the answer that are read.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

impl Ssh {
    /// Reaches a name from the host: all of its addresses side by side.
    pub(super) async fn reach_name(&self, name: &str, port: u16, limit: Duration) -> Result<Tunnel, TransportError> {
        let until = Instant::now() + limit;
        let found = tokio::time::timeout_at(until, self.addresses(name)).await.unwrap_or_else(|_| {
            let at = self.pool.target().at();
            Err(TransportError::Silent(SshFault::NameServersSilent { at, name: name.to_owned(), limit }.into()))
        })?;
        // A host that cannot tell may still know.
        let Some(addresses) = found else { return self.reach(name, port, until - Instant::now()).await };
        let mut waiting = addresses.iter();
        let mut trying = FuturesUnordered::new();
        loop {
            trying.extend(waiting.next().map(|address| self.reach(address, port, until - Instant::now())));
            tokio::select! {
                Some(reached) = trying.next() => {
                    if reached.is_ok() || (trying.is_empty() && waiting.len() == 0) {
                        return reached;
                    }
                }
                () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {}
            }
        }
    }

    /// The addresses of a name, at least one; none where the host has no command that tells them.
    async fn addresses(&self, name: &str) -> Result<Option<Vec<String>>, TransportError> {
        let channel = self.on_shell(LOOK_UP, &[name], &[]).await?;
        let mut said = Vec::new();
        // What is cut off or lost is told by the status.
        let _ = channel.stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut said).await;
        let status = channel.status.await?;
        let mut addresses: Vec<String> = Vec::new();
        for word in String::from_utf8_lossy(&said).lines().filter_map(|line| line.split_whitespace().next()) {
            let is_new = !addresses.iter().any(|known| known == word);
            let number = word.split('%').next().unwrap_or_default();
            if is_new && addresses.len() < MOST && number.parse::<IpAddr>().is_ok() {
                addresses.push(word.to_owned());
            }
        }
        if status == NAME_UNKNOWN_STATUS {
            let at = self.pool.target().at();
            return Err(TransportError::Refused(SshFault::NameUnknown { at, name: name.to_owned() }.into()));
        }
        Ok(Some(addresses).filter(|addresses| status == 0 && !addresses.is_empty()))
    }
}
