//! How a channel is opened, and why it is not.

use russh::client::Msg;

use super::connection::Connection;
use crate::clients::transport::TransportError;
use crate::domain::fault::ssh::{ChannelRefusal, SshFault};

/// Why nothing was opened.
pub(super) enum Start {
    /// The host allows no more on this connection; what it said.
    Full(ChannelRefusal),
    Failed(TransportError),
}

/// Opens a channel with `open`, within the host's limit.
pub(super) async fn opened<F>(connection: &Connection, open: F) -> Result<russh::Channel<Msg>, russh::Error>
where
    F: Future<Output = Result<russh::Channel<Msg>, russh::Error>>,
{
    let answer = tokio::time::timeout(connection.target().limits.open, open).await;
    if !matches!(answer, Ok(Ok(_) | Err(russh::Error::ChannelOpenFailure(_)))) {
        // An answer that came too late would leave a channel that is never closed.
        connection.retire();
    }
    answer.unwrap_or(Err(russh::Error::ConnectionTimeout))
}

/// Explains why a channel was not opened, if the host did not say.
pub(super) fn unopened(connection: &Connection, error: &russh::Error) -> Start {
    let target = connection.target();
    let fault = if matches!(error, russh::Error::ConnectionTimeout) {
        SshFault::NoChannel { at: target.at(), limit: target.limits.open }
    } else {
        SshFault::Lost { end: connection.end() }
    };
    Start::Failed(TransportError::Unreachable(fault.into()))
}
