//! A TCP connection from the host to something it can reach.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use russh::client::Msg;
use russh::{ChannelOpenFailure, ChannelStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::channel::{Start, opened, unopened};
use super::connection::Slot;
use crate::clients::transport::{Stream, TransportError};

/// Opens it. As a task, so that a caller who gives up leaves nothing open.
pub(super) async fn open(slot: Slot, host: String, port: u16) -> Result<Box<dyn Stream>, Start> {
    let (ready, answer) = oneshot::channel();
    tokio::spawn(async move {
        let _ = ready.send(open_now(slot, &host, port).await);
    });
    let failed = || TransportError::Unreachable("The SSH client failed; this is a fault of RMM.".to_owned());
    let tunnel = answer.await.unwrap_or_else(|_| Err(Start::Failed(failed())))?;
    Ok(Box::new(tunnel))
}

async fn open_now(slot: Slot, host: &str, port: u16) -> Result<Tunnel, Start> {
    let handle = &slot.connection().handle;
    let open = handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
    let channel = opened(slot.connection(), open).await.map_err(|error| {
        let russh::Error::ChannelOpenFailure(why) = &error else { return unopened(slot.connection(), &error) };
        let address = &slot.connection().target().address;
        Start::Failed(TransportError::Refused(match why {
            ChannelOpenFailure::AdministrativelyProhibited => format!(
                "{address} does not allow RMM to reach {host}:{port} through it. Set AllowTcpForwarding to local (and \
                 PermitOpen accordingly) in its sshd_config."
            ),
            ChannelOpenFailure::ConnectFailed => format!("Nothing answers at {host}:{port} as {address} sees it."),
            ChannelOpenFailure::Other { reason, .. } => {
                format!("{host}:{port} cannot be reached from {address}: {reason}.")
            }
            why @ (ChannelOpenFailure::UnknownChannelType | ChannelOpenFailure::ResourceShortage) => {
                format!("{host}:{port} cannot be reached from {address}: {why:?}.")
            }
        }))
    })?;
    Ok(Tunnel { stream: channel.into_stream(), _slot: slot })
}

/// The stream closes its channel when it is dropped.
struct Tunnel {
    stream: ChannelStream<Msg>,
    _slot: Slot,
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
